"""The image mark in files: read from what was written, whatever the format; what cannot bear it is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from haechi.core.records import Kind
from haechi.core.settings import Limits
from haechi.core.watermark.markers import MARKERS
from haechi.core.watermark.marks import Marking, MarkReading, Unmarked
from unit.core.watermark.scenery import scene

KEY, PAYLOAD, POOL = b"a company's key!", 0x0123456789, 12345
MARKER = MARKERS[Kind.IMAGE]


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return scene(600, 450, seed=3, depth=7)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.jpg", {"quality": 92}),
        ("poor.jpg", {"quality": 60}),
        ("a.webp", {"quality": 80}),
        ("a.avif", {"quality": 80}),
        ("a.tif", {"compression": "tiff_lzw"}),
    ],
)
def test_what_was_written_is_read_back(tmp_path: Path, picture: np.ndarray, name: str, options: dict[str, Any]) -> None:
    source, target = tmp_path / name, tmp_path / f"marked-{name}"
    Image.fromarray(picture).save(source, **options)
    before = source.read_bytes()
    marking = MARKER.embed(source, target, KEY, PAYLOAD, Limits(), recipient=POOL)
    assert isinstance(marking, Marking)
    assert marking.psnr_db is not None
    assert marking.psnr_db >= 40
    assert source.read_bytes() == before
    assert MARKER.fidelity(source, target, KEY, PAYLOAD, Limits()) == pytest.approx(marking.psnr_db)
    assert MARKER.fidelity(source, target, KEY, PAYLOAD + 1, Limits()) is None
    assert MARKER.fidelity(source, source, KEY, PAYLOAD, Limits()) is None
    blind = MARKER.detect(target, KEY, Limits(), search=False)
    pool = MARKER.detect_informed(target, source, KEY, Limits(), label="recipient")
    assert isinstance(blind, MarkReading)
    assert (blind.payload, blind.reader, blind.method) == (PAYLOAD, "blind", MARKER.name)
    assert isinstance(pool, MarkReading)
    assert (pool.payload, pool.reader) == (POOL, "informed")
    assert MARKER.agreement(target, source, blind, KEY, Limits()).agrees


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bits_are_marked_and_kept(tmp_path: Path, picture: np.ndarray, ending: str) -> None:
    source, target = tmp_path / f"a.{ending}", tmp_path / f"marked.{ending}"
    deep = picture.astype(np.uint16) * 256 + np.random.default_rng(5).integers(0, 256, picture.shape, np.uint16)
    cv2.imwrite(str(source), deep)
    marking = MARKER.embed(source, target, KEY, PAYLOAD, Limits())
    assert isinstance(marking, Marking)
    assert marking.psnr_db is not None
    assert 40 <= marking.psnr_db < 46
    assert MARKER.fidelity(source, target, KEY, PAYLOAD, Limits()) == pytest.approx(marking.psnr_db)
    marked = cv2.imread(str(target), cv2.IMREAD_UNCHANGED)
    assert marked is not None
    assert marked.dtype == np.uint16
    change = marked.astype(int) - deep
    assert np.all((change % 257 == 0) | (marked == 0) | (marked == 65535))
    assert 1 < np.abs(change).mean() / 257 < 4


@pytest.mark.parametrize(("name", "size", "code"), [("a.png", (200, 100), "small"), ("a.gif", (300, 300), "format")])
def test_what_cannot_be_marked_is_left_alone(tmp_path: Path, name: str, size: tuple[int, int], code: str) -> None:
    source, target = tmp_path / name, tmp_path / f"marked-{name}"
    Image.fromarray(scene(*size)).save(source)
    assert MARKER.embed(source, target, KEY, PAYLOAD, Limits()) == Unmarked(code)
    assert not target.exists()


def test_a_picture_that_cannot_bear_it_is_left_alone(tmp_path: Path) -> None:
    """White and black swallow what is added to them."""
    source, target = tmp_path / "a.png", tmp_path / "marked.png"
    Image.fromarray(np.full((400, 400, 3), 255, np.uint8)).save(source)
    marking = MARKER.embed(source, target, KEY, PAYLOAD, Limits())
    if isinstance(marking, Unmarked):
        assert marking == Unmarked("quality")
        assert not target.exists()
    else:
        assert MARKER.fidelity(source, target, KEY, PAYLOAD, Limits()) == marking.psnr_db
