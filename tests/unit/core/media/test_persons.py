"""The person mask on a person, on a person without a face, and on a flag that one network takes for a person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.core.media.persons import PersonMask

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def persons(models: Path) -> PersonMask:
    return PersonMask(models)


@pytest.fixture(scope="module")
def photograph(astronaut: Image) -> Image:
    """In grey, as the comparison shows it to the networks."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def share(mask: NDArray[np.float32]) -> float:
    return float((mask > 0.5).mean())


def test_both_networks_agree_on_a_person_with_and_without_a_face(persons: PersonMask, photograph: Image) -> None:
    for image in (photograph, photograph[200:]):
        sure = persons.sure_mask(image)
        assert sure.shape == image.shape[:2]
        assert np.array_equal(sure, persons.mask(image))
        assert share(sure) > 0.5


def test_what_one_network_alone_takes_for_a_person_is_none(persons: PersonMask, photograph: Image) -> None:
    flag = np.ascontiguousarray(photograph[:260, :130])
    assert share(persons.mask(flag)) > 0.3
    assert share(persons.sure_mask(flag)) == 0
    grey = np.full((90, 160, 3), 128, np.uint8)
    assert share(persons.sure_mask(grey)) == 0
