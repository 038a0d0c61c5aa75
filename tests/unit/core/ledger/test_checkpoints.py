from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from haechi.core.errors import InputError, IntegrityError
from haechi.core.ledger import Checkpoint, LedgerKey, canonical, ledger_key, read_checkpoint, sign_checkpoint


@pytest.fixture
def key(tmp_path: Path) -> LedgerKey:
    return ledger_key(tmp_path)


@pytest.fixture
def checkpoint(key: LedgerKey) -> Checkpoint:
    return Checkpoint("L-1", 3, "sha256:" + "ab" * 32, "2026-11-22T00:00:00+00:00", key.id)


def test_key_is_made_once_and_for_its_owner_alone(tmp_path: Path, key: LedgerKey) -> None:
    assert ledger_key(tmp_path).id == key.id
    path = tmp_path / "keys" / "ledger.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["ledger.pem"]
    path.chmod(0o640)
    with pytest.raises(IntegrityError, match="chmod 600"):
        ledger_key(tmp_path)
    path.chmod(0o600)
    path.write_bytes(b"rubbish")
    with pytest.raises(IntegrityError, match="damaged"):
        ledger_key(tmp_path)


def test_checkpoint_is_read_back(key: LedgerKey, checkpoint: Checkpoint) -> None:
    assert read_checkpoint(sign_checkpoint(key, checkpoint), key.id) == checkpoint


@pytest.mark.parametrize("field", ["ledger", "size", "root", "at"])
def test_any_change_breaks_the_signature(key: LedgerKey, checkpoint: Checkpoint, field: str) -> None:
    fields = json.loads(sign_checkpoint(key, checkpoint))
    fields[field] = 4 if field == "size" else fields[field] + "x"
    with pytest.raises(IntegrityError, match="was changed"):
        read_checkpoint(canonical(fields))


def test_same_statement_in_other_bytes_is_a_change(key: LedgerKey, checkpoint: Checkpoint) -> None:
    data = sign_checkpoint(key, checkpoint)
    with pytest.raises(IntegrityError, match="not the bytes"):
        read_checkpoint(json.dumps(json.loads(data)).encode())


def test_another_key_is_refused(tmp_path: Path, key: LedgerKey, checkpoint: Checkpoint) -> None:
    other = ledger_key(tmp_path / "other")
    with pytest.raises(IntegrityError, match="another key"):
        read_checkpoint(sign_checkpoint(other, checkpoint), key.id)
    with pytest.raises(IntegrityError, match="another key"):
        read_checkpoint(sign_checkpoint(other, replace(checkpoint, key=other.id)), key.id)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b'{"signature": 1}', b"\xff"])
def test_what_is_no_checkpoint(data: bytes) -> None:
    with pytest.raises(InputError):
        read_checkpoint(data)


def test_openssl_agrees(tmp_path: Path, key: LedgerKey, checkpoint: Checkpoint) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    for name, data in {"data": checkpoint.statement(), "key": key.public_pem}.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "signature").write_bytes(key.sign(checkpoint.statement()))
    command = [openssl, "dgst", "-sha256", "-verify", "key", "-signature", "signature", "data"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120).returncode == 0
    (tmp_path / "data").write_bytes(checkpoint.statement()[:-1])
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120).returncode == 1
