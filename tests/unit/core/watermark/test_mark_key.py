from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from haechi.core.errors import InputError, IntegrityError
from haechi.core.watermark.mark_key import KEY_BYTES, key_fingerprint, make_mark_key, mark_key


def test_it_is_made_once_secret_and_never_replaced(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert mark_key(home) is None
    with ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(lambda _: make_mark_key(home), range(8)))
    assert len(keys) == 1
    (key,) = keys
    assert len(key) == KEY_BYTES
    assert mark_key(home) == key
    folder = home / "keys"
    found = sorted((path.name, path.stat().st_mode & 0o777) for path in folder.iterdir())
    assert found == [("ledger.pem", 0o600), ("watermark.key", 0o600)]
    assert key.hex() not in key_fingerprint(key)


def test_a_key_that_others_read_or_that_is_damaged_is_refused(tmp_path: Path) -> None:
    make_mark_key(tmp_path)
    path = tmp_path / "keys" / "watermark.key"
    path.chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        mark_key(tmp_path)
    path.chmod(0o600)
    os.truncate(path, 5)
    with pytest.raises(IntegrityError, match="damaged"):
        make_mark_key(tmp_path)
