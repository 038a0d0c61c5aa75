from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from haechi.core.durable import write_out, write_whole
from haechi.core.errors import InputError


def test_first_of_two_stands_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert write_whole(path, b"one")
    assert not write_whole(path, b"two")
    assert path.read_bytes() == b"one"
    assert write_whole(path, b"three", over=True)
    assert path.read_bytes() == b"three"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("over", [False, True])
def test_what_fails_half_way_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: bool) -> None:
    path = tmp_path / "key"
    if over:
        path.write_bytes(b"before")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"after", over=over)
    assert [one.name for one in tmp_path.iterdir()] == (["key"] if over else [])
    assert not over or path.read_bytes() == b"before"


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for name in ("fsync", "link", "replace"):
        call = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *given, _call=call, _name=name, **more: (done.append(_name), _call(*given))[1]
        )
    write_whole(tmp_path / "key", b"one")
    assert done == ["fsync", "link", "fsync"], "the file, its name, the folder that holds the name"


def test_what_a_user_asked_for_is_written_or_says_why_not(tmp_path: Path) -> None:
    path = tmp_path / "calendar.ics"
    write_out(path, b"one")
    with pytest.raises(InputError, match=r"calendar\.ics cannot be written: File exists"):
        write_out(path, b"two")
    assert path.read_bytes() == b"one"
    write_out(path, b"three", over=True)
    assert path.read_bytes() == b"three"
    assert not stat.S_IMODE(path.stat().st_mode) & 0o133
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        write_out(tmp_path / "absent" / "x", b"", over=True)
    assert [one.name for one in tmp_path.iterdir()] == ["calendar.ics"]
