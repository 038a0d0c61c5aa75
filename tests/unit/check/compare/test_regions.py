"""Where faces are in a window, and how often they are looked for."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare.regions import CODES, FIND_AGAIN_S, MESH_EVERY_S, RegionPainter
from haechi.core.media.faces import Face, FaceFinder
from haechi.core.records import Region

UNMOVED = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
RATE = 25


def test_a_film_without_faces_is_searched_seldom_and_a_face_that_appears_is_found_at_once(
    models: Path, astronaut: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    find = FaceFinder.find

    def counted(self: FaceFinder, image: NDArray[np.uint8], *, small: bool = True) -> list[Face]:
        looked.append(1)
        return find(self, image, small=small)

    monkeypatch.setattr(FaceFinder, "find", counted)
    face = cv2.cvtColor(cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    wall = np.full_like(face, 128)
    frames, appears = 100, 60
    masters = [wall if k < appears else face for k in range(frames)]
    painted = RegionPainter(models).paint(masters, np.arange(frames) / RATE, UNMOVED, (256, 256), 4)
    mouths = (painted.codes == CODES[Region.MOUTH]).any(axis=(1, 2))
    assert not mouths[: appears - 1].any()
    assert mouths[appears + round((FIND_AGAIN_S + MESH_EVERY_S) * RATE) :].all()
    assert len(looked) <= (appears / RATE) / FIND_AGAIN_S + (frames - appears) / RATE + 3
