from __future__ import annotations

import os
from pathlib import Path

import pytest

from haechi.core.errors import InputError, IntegrityError
from haechi.preserve.clear import clear_copy


@pytest.fixture(params=["unnamed", "hidden"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "hidden":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)


@pytest.mark.usefixtures("way")
def test_copy_appears_whole_for_its_owner_alone(tmp_path: Path) -> None:
    with clear_copy(tmp_path / "a") as file:
        file.write(b"half")
        file.flush()
        assert not (tmp_path / "a").exists()
        file.write(b" and half")
    assert (tmp_path / "a").read_bytes() == b"half and half"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.usefixtures("way")
def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError), clear_copy(tmp_path / "a") as file:
        file.write(b"half")
        raise IntegrityError("damaged")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("way")
def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("a", "link", "absent/a"):
        with pytest.raises(InputError, match="cannot be written"), clear_copy(tmp_path / name):
            pass
    with pytest.raises(InputError, match="exists"), clear_copy(tmp_path / "b") as file:
        file.write(b"ours")
        (tmp_path / "b").write_bytes(b"came meanwhile")
    assert (tmp_path / "b").read_bytes() == b"came meanwhile"
    assert (tmp_path / "a").read_bytes() == b"mine"
    assert not (tmp_path / "elsewhere").exists()
