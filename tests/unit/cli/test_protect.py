"""`keys`, `protect` and `verify` as a user runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

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


def test_a_folder_is_protected_and_verified(haechi: Haechi, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert haechi("protect", photos, "-o", out).code == 2
    assert haechi("keys", "new", "--name", "예시").code == 0
    run = haechi("protect", photos, "-o", out, "--json")
    assert run.code == 3
    assert "broken.png" in run.err
    records = [json.loads(line) for line in run.lines]
    assert [Path(one["output"]).relative_to(out) for one in records] == [Path("a.png"), Path("봄/b.jpg")]
    for one in records:
        assert (one["psnr_db"], one["watermark"], one["reused"]) == (None, None, False)
        assert one["manifest"]["label"].startswith("urn:c2pa:")
    again = haechi("protect", photos, "-o", out)
    assert [line.split(" · ")[-1] for line in again.lines] == ["was protected already"] * 2
    verified = json.loads(haechi("verify", records[0]["output"], "--json").out)
    assert (verified["verdict"], verified["release"]) == ("authentic", records[0]["release"])
    assert set(verified) >= {"manifest", "watermark", "fingerprint"}
    assert "Authentic" in haechi("verify", records[0]["output"]).out
    source = haechi("verify", photos / "a.png").out
    assert "haechi check" in source
    assert "stripped from this file" in source


def test_wrong_usage_is_said(haechi: Haechi, photos: Path, tmp_path: Path) -> None:
    haechi("keys", "new", "--name", "예시")
    assert haechi("protect", photos, "-o", photos).code == 2
    assert haechi("protect", photos, "-o", tmp_path / "out", "--title", "x").code == 2
    assert haechi("protect", photos, "-o", tmp_path / "out", "--artist", "nobody").code == 2
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.png"))
    assert haechi("verify", tmp_path / "missing.jpg").code == 3
    assert haechi("verify", photos / "a.png", "--trust", photos / "a.png").code == 2
    assert haechi("verify", photos / "a.png", "--trust", tmp_path / "missing.pem").code == 2
