"""The ISCC of a picture: after the standard, near for copies, far for other works."""

from __future__ import annotations

from pathlib import Path

import iscc_lib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from haechi.core.errors import InputError
from haechi.core.fingerprint.iscc import SAME_BITS, distance, image_code, is_image_code, text_of
from haechi.core.media.iscc import read_small_gray
from haechi.core.settings import Limits

Picture = NDArray[np.uint8]


def saved(path: Path, image: Image.Image, **options: object) -> bytes:
    image.save(path, **options)  # type: ignore[arg-type]
    return image_code(path, Limits())


def test_the_library_makes_the_codes_of_the_standard() -> None:
    assert iscc_lib.conformance_selftest()


def test_the_value_is_the_unit_that_other_readers_write(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.arange(1024, dtype=np.uint8).reshape(32, 32)).save(path)
    pixels = read_small_gray(path, Limits())
    assert np.frombuffer(pixels, np.uint8).tolist() == np.arange(1024, dtype=np.uint8).tolist()
    value = image_code(path, Limits())
    assert text_of(value) == iscc_lib.gen_image_code_v0(pixels, 256)["iscc"]
    assert (is_image_code(value), is_image_code(value[:-1]), is_image_code(b"\x21\x01" + value[2:])) == (
        True,
        False,
        False,
    )


def test_copies_lie_near_and_other_works_far(tmp_path: Path, astronaut: Picture) -> None:
    image = Image.fromarray(np.ascontiguousarray(astronaut[:, :, ::-1]))
    code = saved(tmp_path / "a.png", image)
    assert distance(code, saved(tmp_path / "small.jpg", image.resize((300, 300)), quality=50)) <= 16
    assert distance(code, saved(tmp_path / "flipped.png", image.rotate(180))) > SAME_BITS
    assert distance(code, saved(tmp_path / "noise.webp", Image.effect_noise((300, 300), 60))) > SAME_BITS


def test_it_is_taken_as_displayed_without_an_even_border(tmp_path: Path, astronaut: Picture) -> None:
    image = Image.fromarray(np.ascontiguousarray(astronaut[:, :, ::-1]))
    code = saved(tmp_path / "a.png", image)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert distance(code, saved(tmp_path / "turned.png", image.transpose(Image.Transpose.ROTATE_90), exif=exif)) == 0
    framed = Image.new("RGB", (700, 600), (10, 20, 30))
    framed.paste(image, (90, 40))
    assert distance(code, saved(tmp_path / "framed.png", framed)) == 0
    image.putalpha(255)
    assert distance(code, saved(tmp_path / "alpha.png", image)) == 0


def test_what_is_no_picture_has_none(tmp_path: Path) -> None:
    for name, data in (("a.mp3", b"ID3" + bytes(400)), ("a.png", b"\x89PNG\r\n\x1a\n broken")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError):
            image_code(tmp_path / name, Limits())
