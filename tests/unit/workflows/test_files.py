from __future__ import annotations

import os
from pathlib import Path

import pytest

from haechi.workflows.files import Failed, list_files, looks_like_media

PNG = b"\x89PNG\r\n\x1a\n" + bytes(30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "받은 파일"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "b.dat").write_bytes(PNG)
    (folder / "deep" / "er" / "a.mp4").write_bytes(b"this is text")
    (folder / "notes.txt").write_bytes(b"this is text")
    (folder / "drawing.svg").write_bytes(b"<svg/>")
    (folder / ".hidden.png").write_bytes(PNG)
    (folder / ".git").mkdir()
    (folder / ".git" / "c.png").write_bytes(PNG)
    return folder


def test_folder_gives_media_by_content_or_name(folder: Path) -> None:
    listing = list_files([folder])
    assert listing.entries == (folder / "b.dat", folder / "deep" / "er" / "a.mp4")
    assert listing.passed_over == 4


def test_named_file_is_taken_whatever_it_is(folder: Path) -> None:
    named = [folder / "notes.txt", folder / "absent.mp4", folder / ".hidden.png", Path("/dev/null")]
    assert list_files(named).entries == tuple(named)


def test_no_path_comes_twice(folder: Path) -> None:
    assert list_files([folder / "b.dat", folder, folder / "b.dat"]).entries[:2] == (
        folder / "b.dat",
        folder / "deep" / "er" / "a.mp4",
    )


def test_special_files_in_a_folder_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dead.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "real.png").write_bytes(PNG)
    (tmp_path / "linked.png").symlink_to(tmp_path / "real.png")
    entries = {Path(e.path if isinstance(e, Failed) else e).name: e for e in list_files([tmp_path]).entries}
    assert entries.pop("linked.png") == tmp_path / "linked.png"
    assert entries.pop("real.png") == tmp_path / "real.png"
    reasons = {name: entry.reason for name, entry in entries.items() if isinstance(entry, Failed)}
    assert set(reasons) == {"pipe.mp4", "loop", "dead.mp4"}
    assert "pipe" in reasons["pipe.mp4"]
    assert "not followed" in reasons["loop"]
    assert "No such file" in reasons["dead.mp4"]


@pytest.mark.parametrize(
    "head",
    [
        b"\xff\xd8\xff\xe0",
        b"GIF89a",
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
        b"RIFF\x00\x00\x00\x00AVI LIST",
        b"\x00\x00\x00\x1cftypisom",
        b"\x1aE\xdf\xa3\x9f",
        b"OggS",
        b"ID3\x04",
        b"\xff\xfb\x90\x00",
        b"\xff\xf1\x50\x80",
        b"G" + bytes(187) + b"G",
        b"II*\x00",
    ],
)
def test_media_is_known_by_its_first_bytes(head: bytes) -> None:
    assert looks_like_media(head)


@pytest.mark.parametrize(
    "head", [b"", b"\xff", b"plain text", b"%PDF-1.7", b"PK\x03\x04", b"Guten Tag" * 30, b"\x7fELF"]
)
def test_other_files_are_not_taken_for_media(head: bytes) -> None:
    assert not looks_like_media(head)
