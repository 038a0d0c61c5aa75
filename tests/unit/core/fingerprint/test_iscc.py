"""The ISCC of a picture and of sound: after the standard, near for copies, far for other works."""

from __future__ import annotations

from pathlib import Path

import iscc_lib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from haechi.core.errors import InputError
from haechi.core.fingerprint.chromaprint import read_chromaprint
from haechi.core.fingerprint.iscc import SAME_BITS, content_code, distance, image_code, kind_of, sound_code, text_of
from haechi.core.media.encode import write_audio, write_video
from haechi.core.media.iscc import read_small_gray
from haechi.core.records import Kind
from haechi.core.settings import Limits
from haechi.workflows.selftest import melody

Picture = NDArray[np.uint8]
Sound = NDArray[np.float32]
RATE = 48_000


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
    others = (value[:-1], b"\x21\x01" + value[2:], b"\x22\x07" + value[2:])
    assert kind_of(value) is Kind.IMAGE
    assert [kind_of(other) for other in others] == [None, None, Kind.AUDIO]


def test_copies_lie_near_and_other_works_far(tmp_path: Path, astronaut: Picture) -> None:
    image = Image.fromarray(np.ascontiguousarray(astronaut[:, :, ::-1]))
    code = saved(tmp_path / "a.png", image)
    assert distance(code, saved(tmp_path / "small.jpg", image.resize((300, 300)), quality=50)) <= 16
    assert distance(code, saved(tmp_path / "flipped.png", image.rotate(180))) > SAME_BITS[Kind.IMAGE]
    assert distance(code, saved(tmp_path / "noise.webp", Image.effect_noise((300, 300), 60))) > SAME_BITS[Kind.IMAGE]


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


def written(path: Path, sound: Sound, codec: str = "pcm_s16le", bit_rate: int = 128_000) -> Path:
    write_audio(path, sound, RATE, codec=codec, bit_rate=bit_rate)
    return path


def code_of(path: Path) -> bytes:
    code = sound_code(path, Limits())
    assert code is not None
    return code


@pytest.fixture(scope="module")
def music() -> Sound:
    return melody(RATE, 16, 7, [0.9, 0.4])


def test_the_code_of_sound_is_that_of_its_chromaprint(tmp_path: Path, music: Sound) -> None:
    path = written(tmp_path / "a.wav", music)
    words = read_chromaprint(path, Limits()).view(np.int32).tolist()
    value = code_of(path)
    assert kind_of(value) is Kind.AUDIO
    assert text_of(value) == iscc_lib.gen_audio_code_v0(words, 256)["iscc"]
    assert text_of(value).startswith("ISCC:EID")
    assert value == content_code(path, Kind.AUDIO, Limits())


def test_copies_of_sound_lie_near_and_other_sound_far(tmp_path: Path, music: Sound) -> None:
    code = code_of(written(tmp_path / "a.wav", music))
    copies = (("a.flac", "flac", 0), ("a.mp3", "libmp3lame", 64_000), ("a.m4a", "aac", 64_000))
    for name, codec, bit_rate in (*copies, ("a.opus", "libopus", 48_000), ("a.ogg", "libopus", 64_000)):
        near = distance(code, code_of(written(tmp_path / name, music, codec, bit_rate)))
        assert near <= (0 if codec == "flac" else SAME_BITS[Kind.AUDIO])
    assert distance(code, code_of(written(tmp_path / "faint.wav", music / 8))) <= SAME_BITS[Kind.AUDIO]
    assert distance(code, code_of(written(tmp_path / "b.wav", melody(RATE, 16, 8, [1.0])))) > SAME_BITS[Kind.AUDIO]


def test_sound_that_would_have_the_code_of_every_silence_has_none(tmp_path: Path, music: Sound) -> None:
    silence = np.zeros((40 * RATE, 2), np.float32)
    mostly = np.concatenate([music, silence])
    assert sound_code(written(tmp_path / "silent.wav", silence), Limits()) is None
    assert sound_code(written(tmp_path / "mostly.wav", mostly), Limits()) is None
    assert sound_code(written(tmp_path / "less.wav", mostly[: 22 * RATE]), Limits()) is not None
    assert sound_code(written(tmp_path / "short.wav", music[: 3 * RATE]), Limits()) is None
    assert sound_code(written(tmp_path / "enough.wav", music[: 4 * RATE]), Limits()) is not None


def test_a_film_has_no_code_of_its_sound(tmp_path: Path, music: Sound) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, [np.full((48, 64, 3), 9 * i, np.uint8) for i in range(20)], 4.0, audio=music, sample_rate=RATE)
    assert sound_code(path, Limits()) is not None
    assert content_code(path, Kind.VIDEO, Limits()) is None


def test_a_damaged_sound_is_told(tmp_path: Path, music: Sound) -> None:
    path = written(tmp_path / "a.mp3", music, "libmp3lame")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError):
        content_code(path, Kind.AUDIO, Limits())
