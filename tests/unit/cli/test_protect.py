"""`keys`, `protect` and `verify` as a user runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from haechi.check import leak
from haechi.check.leak import Leak
from haechi.core.media.encode import write_audio
from haechi.core.records import Kind, Release

Haechi = Callable[..., Any]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "봄").mkdir(parents=True)
    for number, name in enumerate(("a.png", "봄/b.jpg")):
        noise = np.random.default_rng(number).integers(0, 255, (30, 40, 3), np.uint8)
        Image.fromarray(noise).resize((320, 240)).save(folder / name)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return folder


def test_keys_are_told_and_never_shown(haechi: Haechi, home: Path) -> None:
    assert "keys new" in haechi("keys", "list").err
    made = haechi("keys", "new", "--name", "예시")
    assert made.code == 0
    assert "days left" in made.out
    secrets = [path.read_text().splitlines()[1] for path in home.rglob("*.key")]
    assert len(secrets) == 2
    listed, shown = haechi("keys", "list", "--json"), haechi("keys", "show", "예시", "--json")
    record = json.loads(shown.out)
    assert json.loads(listed.out)["id"] == record["id"]
    assert record["root"].startswith("-----BEGIN CERTIFICATE")
    plain = haechi("keys", "show", record["id"])
    assert "BEGIN CERTIFICATE" in plain.out
    for run in (made, listed, shown, plain):
        assert not any(secret in run.out + run.err for secret in secrets)
        assert "PRIVATE" not in run.out + run.err
    assert haechi("keys", "show", "nobody").code == 2


def test_a_folder_is_protected_and_verified(
    haechi: Haechi, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert haechi("protect", photos, "-o", out).code == 2
    assert haechi("keys", "new", "--name", "예시").code == 0
    assert haechi("protect", photos, "-o", out, "--tsa", "stamps.example.org").code == 2
    run = haechi("protect", photos, "-o", out, "--json")
    assert run.code == 3
    assert "broken.png" in run.err
    records = [json.loads(line) for line in run.lines]
    assert [Path(one["output"]).relative_to(out) for one in records] == [Path("a.png"), Path("봄/b.jpg")]
    for one in records:
        assert one["psnr_db"] >= 40
        assert (one["watermark"]["method"], one["watermark"]["recipient"]) == ("haechi-mark-image-v1", None)
        assert (one["unmarked"], one["reused"]) == (None, False)
        assert one["manifest"]["label"].startswith("urn:c2pa:")
    again = haechi("protect", photos, "-o", out)
    assert [line.split(" · ")[-1] for line in again.lines] == ["was protected already"] * 2
    verified = json.loads(haechi("verify", records[0]["output"], "--json").out)
    assert (verified["verdict"], verified["release"]) == ("authentic", records[0]["release"])
    assert set(verified) >= {"manifest", "watermark", "fingerprint"}
    assert verified["watermark"].items() >= {"release": records[0]["release"], "reader": "blind"}.items()
    assert "Authentic" in haechi("verify", records[0]["output"]).out
    master = haechi("verify", photos / "a.png").out
    assert "your registered master itself, which is not signed" in master
    assert "stripped" not in master
    copy = tmp_path / "copy.jpg"
    with Image.open(records[0]["output"]) as image:
        image.convert("RGB").save(copy, quality=80)
    said = haechi("verify", copy).out
    assert "haechi check" in said
    assert "stripped from this file" in said
    assert f"invisible mark: release {records[0]['release']}" in said
    edits = tmp_path / "edits"
    made = haechi("protect", copy, "-o", edits)
    assert made.code == 0
    assert f" · made from release {records[0]['release']} a" in made.out
    with monkeypatch.context() as patched:
        patched.setenv("HAECHI_LANG", "ko")
        (once_more,) = haechi("protect", copy, "-o", edits).lines
    assert f" · 공개작 {records[0]['release']} a에서 만들어짐 · " in once_more
    told = [json.loads(line) for line in haechi("protect", copy, photos / "a.png", "-o", edits, "--json").lines]
    assert [one["parent"] for one in told] == [records[0]["release"], None]
    assert f"made from release {records[0]['release']} a" in haechi("verify", edits / copy.name).out
    assert json.loads(haechi("verify", edits / copy.name, "--json").out)["parent"] == records[0]["release"]


def test_what_is_cut_off_is_told_as_damaged_first(haechi: Haechi, photos: Path, tmp_path: Path) -> None:
    assert haechi("keys", "new", "--name", "예시").code == 0
    (record,) = haechi("protect", photos / "a.png", "-o", tmp_path / "out", "--json").lines
    cut = tmp_path / "cut.png"
    cut.write_bytes(Path(json.loads(record)["output"]).read_bytes()[:-500])
    first, why = haechi("verify", cut).lines
    assert f"{cut}: DAMAGED: it cannot be decoded" in first
    assert why.strip().endswith("the picture is damaged or cut off; get the file again from its source")
    found = json.loads(haechi("verify", cut, "--json").out)
    assert (found["verdict"], found["damage"]) == ("damaged", why.strip())


def test_a_mark_in_a_picture_that_shows_nothing_is_told_as_that(haechi: Haechi, tmp_path: Path) -> None:
    flat = tmp_path / "flat.png"
    Image.new("RGB", (400, 400), (200, 200, 200)).save(flat)
    assert haechi("keys", "new", "--name", "예시").code == 0
    (record,) = haechi("protect", flat, "-o", tmp_path / "out", "--json").lines
    copy = tmp_path / "copy.jpg"
    with Image.open(json.loads(record)["output"]) as image:
        image.save(copy, quality=85)
    said = haechi("verify", copy).out
    assert "carries a mark of yours, but shows too little" in said
    assert "Nothing of yours" not in said


def test_files_are_worked_on_side_by_side_and_told_in_order(
    haechi: Haechi, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of the same bytes, two of one stem with sidecars, and a broken one among them."""
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    haechi("keys", "new", "--name", "예시")
    (photos / "again.png").write_bytes((photos / "a.png").read_bytes())
    for name, rate in (("song.ogg", 300.0), ("song.opus", 500.0)):
        sound = np.sin(np.arange(48_000) * rate / 48_000).astype(np.float32) * 0.5
        write_audio(photos / name, sound, 48_000, codec="libopus")
    run = haechi("protect", photos, "-o", tmp_path / "out", "--no-watermark", "--json")
    records = [json.loads(line) for line in run.lines]
    told = [Path(one["source"]).name for one in records]
    assert told == [*sorted(told[:-1]), "b.jpg"]
    assert set(told) == {"a.png", "again.png", "b.jpg", "song.ogg", "song.opus"}
    for one in records:
        assert json.loads(haechi("verify", one["output"], "--json").out)["verdict"] == "authentic"


def test_a_leak_is_led_back_to_its_recipient(haechi: Haechi, home: Path, photos: Path, tmp_path: Path) -> None:
    haechi("keys", "new", "--name", "예시")
    source = photos / "a.png"
    for pool in ("기자단 7", "pool 8"):
        assert haechi("protect", source, "-o", tmp_path / pool, "--recipient", pool).code == 0
    assert "is the copy for" in haechi("protect", source, "-o", tmp_path / "기자단 7", "--recipient", "pool 8").err
    leaked = tmp_path / "leaked.jpg"
    with Image.open(tmp_path / "기자단 7" / "a.png") as image:
        image.convert("RGB").save(leaked, quality=85)
    found = json.loads(haechi("release", "leak", leaked, "--json").out)
    assert (found["schema"], found["recipient"], found["by"]) == ("haechi.leak/1", "기자단 7", "mark")
    assert "made from the copy for pool 8" in haechi("release", "leak", tmp_path / "pool 8" / "a.png").out
    assert haechi("release", "leak", tmp_path / "missing.jpg").code == 3
    assert haechi("protect", source, "-o", tmp_path / "x", "--recipient", " ").code == 2
    assert haechi("protect", source, "-o", tmp_path / "x", "--recipient", "a", "--no-watermark").code == 2
    assert (home / "keys" / "watermark.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.IMAGE, "belongs to another picture"),
        (Kind.VIDEO, "belongs to another film"),
        (Kind.AUDIO, "belongs to another recording"),
        (None, "belongs to something else"),
    ],
)
def test_a_moved_mark_names_nobody_and_the_kind_that_it_came_from(
    haechi: Haechi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind | None, words: str
) -> None:
    source = "sha256:" + "0" * 64
    release = kind and Release("R-1", "첫눈", kind, source, "a", None, None, "2026-05-01", None, None, None, None)
    found = Leak(tmp_path / "a", source, release, None, None, abstained="content_differs")
    monkeypatch.setattr(leak, "find_leak", lambda *_: found)
    assert f"nobody can be named: it bears a mark that {words}" in haechi("release", "leak", tmp_path / "a").out


def test_what_cannot_be_marked_is_signed_and_says_why(haechi: Haechi, tmp_path: Path) -> None:
    haechi("keys", "new", "--name", "예시")
    small = tmp_path / "small.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 200, 3), np.uint8)).save(small)
    record = json.loads(haechi("protect", small, "-o", tmp_path / "out", "--json").out)
    assert (record["psnr_db"], record["watermark"]) == (None, None)
    assert record["unmarked"]["code"] == "small"
    assert "128 pixels" in record["unmarked"]["reason"]
    assert record["manifest"]["label"]
    again = json.loads(haechi("protect", small, "-o", tmp_path / "out", "--json").out)
    assert (again["reused"], again["unmarked"]) == (True, record["unmarked"])
    plain = json.loads(haechi("protect", small, "-o", tmp_path / "plain", "--no-watermark", "--json").out)
    assert plain["unmarked"]["code"] == "asked"


def test_a_name_that_claims_another_format_is_told_and_the_file_protected(
    haechi: Haechi, photos: Path, tmp_path: Path
) -> None:
    assert haechi("keys", "new", "--name", "예시").code == 0
    jpeg, out = photos / "봄" / "b.jpg", tmp_path / "out"
    wrong = jpeg.rename(tmp_path / "wrong.png")
    for _ in ("first", "again"):
        run = haechi("protect", wrong, photos / "a.png", "-o", out, "--no-watermark", "--json")
        assert run.code == 0
        assert f"{wrong}: its content is JPEG, but its name ends in .png" in run.err
        assert "a.png: its content" not in run.err
        assert [[one["code"] for one in json.loads(line)["warnings"]] for line in run.lines] == [["name"], []]
    assert json.loads(haechi("verify", out / "wrong.png", "--json").out)["verdict"] == "authentic"


def test_each_reason_for_no_mark_has_its_own_sentence(haechi: Haechi, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    picture = Image.linear_gradient("L").convert("RGB")
    coded = BytesIO()
    picture.save(coded, format="AVIF")
    (folder / "hdr.avif").write_bytes(coded.getvalue().replace(b"nclx\0\1\0\x0d", b"nclx\0\x09\0\x10"))
    picture.save(folder / "pages.tif", save_all=True, append_images=[picture])
    picture.convert("F").save(folder / "depth.tif")
    picture.convert("CMYK").save(folder / "colours.tif")
    picture.save(folder / "format.gif")
    haechi("keys", "new", "--name", "예시")
    run = haechi("protect", folder, "-o", out, "--json")
    assert run.code == 0, run.err
    said = {Path(record["source"]).stem: record["unmarked"] for record in map(json.loads, run.lines)}
    assert {name: one["code"] for name, one in said.items()} == {name: name for name in said}
    assert len({one["reason"] for one in said.values()}) == 5
    assert "PQ or HLG" in said["hdr"]["reason"]


def test_issuers_are_trusted_by_configuration(haechi: Haechi, home: Path, photos: Path, tmp_path: Path) -> None:
    """What a trusted issuer signed is `trusted`, without naming the issuer each time, and never ours."""
    other = tmp_path / "other"
    haechi("--home", other, "keys", "new", "--name", "Another Company")
    haechi("--home", other, "protect", photos / "a.png", "-o", tmp_path / "theirs")
    theirs = tmp_path / "theirs" / "a.png"
    assert json.loads(haechi("verify", theirs, "--json").out)["verdict"] == "unknown_signer"
    root = json.loads(haechi("--home", other, "keys", "show", "Another Company", "--json").out)["root"]
    listed = tmp_path / "list.pem"
    listed.write_text(root)
    assert json.loads(haechi("keys", "trust", listed, "--json").out)["certificates"] == 1
    found = json.loads(haechi("verify", theirs, "--json").out)
    assert (found["verdict"], found["manifest"]["by_us"]) == ("trusted", False)
    assert haechi("keys", "trust", photos / "a.png").code == 2
    assert haechi("keys", "trust", tmp_path / "missing.pem").code == 2
    assert haechi("keys", "list").lines == []
    assert (home / "keys" / "trust").stat().st_mode & 0o777 == 0o700


def test_wrong_usage_is_said(haechi: Haechi, photos: Path, tmp_path: Path) -> None:
    haechi("keys", "new", "--name", "예시")
    assert haechi("protect", photos, "-o", photos).code == 2
    assert haechi("protect", photos, "-o", tmp_path / "out", "--title", "x").code == 2
    assert haechi("protect", photos, "-o", tmp_path / "out", "--artist", "nobody").code == 2
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.png"))
    assert haechi("verify", tmp_path / "missing.jpg").code == 3
    assert haechi("verify", photos / "a.png", "--trust", photos / "a.png").code == 2
    assert haechi("verify", photos / "a.png", "--trust", tmp_path / "missing.pem").code == 2
