"""What the tests of files that are written again share: a picture, and the same with lighter colours."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from haechi.core.media.decode import read_image
from haechi.core.media.rewrite import StoredPicture, read_stored, rewrite
from haechi.core.settings import Limits

NOISE = np.random.default_rng(4).integers(40, 200, (12, 18, 3), np.uint8)
PICTURE = np.asarray(cv2.resize(NOISE, (180, 120), interpolation=cv2.INTER_CUBIC), np.uint8)
ICC = b"a colour profile" * 40


def stored(path: Path, limits: Limits) -> StoredPicture:
    picture = read_stored(path, limits)
    assert isinstance(picture, StoredPicture)
    return picture


def brighter(path: Path, limits: Limits) -> tuple[Path, np.ndarray, np.ndarray]:
    """The file with all colours lighter by ten, what it should show, and what it shows."""
    picture = stored(path, limits)
    wanted = np.clip(picture.shown().astype(int) + 10, 0, 255).astype(np.uint8)
    target = path.with_name(f"new-{path.name}")
    target.write_bytes(rewrite(path, picture, wanted, picture.codings()[0]))
    return target, wanted, read_image(target, limits).image
