from __future__ import annotations

import hashlib
import io
import itertools
import json
from pathlib import Path

import pytest

from haechi.core.errors import InputError, IntegrityError, PolicyError
from haechi.core.sealing import OpenSeal, VaultKeys, join, split

CLEAR = bytes(range(256)) * 1000
NAMES = ["kim", "lee", "박"]


@pytest.fixture
def keys(tmp_path: Path) -> VaultKeys:
    return VaultKeys(tmp_path)


def encrypt(keys: VaultKeys, target: Path, *, sealed: bool) -> None:
    found = keys.encrypt(io.BytesIO(CLEAR), target, sealed=sealed)
    assert (found.sha256, found.size) == (f"sha256:{hashlib.sha256(CLEAR).hexdigest()}", len(CLEAR))


def test_ordinary_parts_open_with_the_home(tmp_path: Path, keys: VaultKeys) -> None:
    encrypt(keys, tmp_path / "a", sealed=False)
    assert CLEAR[:64] not in (tmp_path / "a").read_bytes()
    clear = io.BytesIO()
    VaultKeys(tmp_path).decrypt(tmp_path / "a", clear)
    assert clear.getvalue() == CLEAR
    assert (tmp_path / "keys" / "vault" / "identity.txt").stat().st_mode & 0o777 == 0o600
    with pytest.raises(IntegrityError):
        VaultKeys(tmp_path / "other").decrypt(tmp_path / "a", io.BytesIO())


def test_key_that_others_may_read_is_refused(tmp_path: Path, keys: VaultKeys) -> None:
    encrypt(keys, tmp_path / "a", sealed=False)
    (tmp_path / "keys" / "vault" / "identity.txt").chmod(0o644)
    with pytest.raises(IntegrityError, match="chmod 600"):
        keys.decrypt(tmp_path / "a", io.BytesIO())


def test_any_two_of_three_open_the_seal_and_one_or_the_home_does_not(tmp_path: Path, keys: VaultKeys) -> None:
    with pytest.raises(PolicyError, match="vault holders"):
        encrypt(keys, tmp_path / "a", sealed=True)
    seal, shares = keys.make_seal(NAMES)
    encrypt(keys, tmp_path / "b", sealed=True)
    for pair in itertools.permutations(range(3), 2):
        opened = OpenSeal([shares[at] for at in pair])
        clear = io.BytesIO()
        opened.decrypt(tmp_path / "b", clear)
        assert clear.getvalue() == CLEAR
        assert opened.holders == tuple(sorted(NAMES[at] for at in pair))
    for few in ([shares[0]], [shares[0], shares[0]], [], shares):
        with pytest.raises(InputError):
            OpenSeal(few)
    with pytest.raises(IntegrityError):
        keys.decrypt(tmp_path / "b", io.BytesIO())
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert seal.recipient.encode() in kept
    assert all(json.loads(share)["share"].encode() not in kept for share in shares)


def test_damaged_or_foreign_shares_make_no_key(keys: VaultKeys) -> None:
    _, shares = keys.make_seal(NAMES)
    fields = json.loads(shares[0])
    fields["share"] = "A" * 8 + fields["share"][8:]
    with pytest.raises(InputError, match="damaged"):
        OpenSeal([json.dumps(fields).encode(), shares[1]])
    _, others = keys.make_seal(NAMES)
    with pytest.raises(InputError, match="same seal"):
        OpenSeal([shares[0], others[1]])
    for data in (b"", b"{}", b"[]", b'{"schema": "haechi.share/1"}'):
        with pytest.raises(InputError):
            OpenSeal([data, shares[0]])


def test_former_seal_stays_with_its_holders(tmp_path: Path, keys: VaultKeys) -> None:
    _, former = keys.make_seal(NAMES)
    encrypt(keys, tmp_path / "a", sealed=True)
    _, shares = keys.make_seal(["x", "y", "z"])
    with pytest.raises(IntegrityError, match="other holders"):
        OpenSeal(shares[:2]).decrypt(tmp_path / "a", io.BytesIO())
    clear = io.BytesIO()
    OpenSeal(former[1:]).decrypt(tmp_path / "a", clear)
    assert clear.getvalue() == CLEAR


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "b"], ["a", "b", ""], ["a", "b", "c", "d"]])
def test_three_different_holders(keys: VaultKeys, names: list[str]) -> None:
    with pytest.raises(InputError):
        keys.make_seal(names)
    assert keys.seal() is None


@pytest.mark.parametrize("size", [1, 15, 16, 17, 74])
def test_shares_of_any_length(size: int) -> None:
    secret = bytes(range(1, size + 1))
    shares = split(secret)
    if size >= 15:  # a single byte stands in a random share once in a while
        assert all(secret not in share for _, share in shares)
    for pair in itertools.combinations(shares, 2):
        assert join(pair) == secret


def test_parts_go_to_further_recipients_as_well(tmp_path: Path, keys: VaultKeys) -> None:
    import pyrage

    counsel = pyrage.x25519.Identity.generate()
    encrypt(keys, tmp_path / "first", sealed=False)
    (tmp_path / "keys" / "vault" / "recipients.txt").write_text(f"# counsel\n{counsel.to_public()}\n")
    encrypt(keys, tmp_path / "second", sealed=False)
    assert pyrage.decrypt((tmp_path / "second").read_bytes(), [counsel]) == CLEAR
