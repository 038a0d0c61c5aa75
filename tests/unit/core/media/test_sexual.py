from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from clips import Frames
from haechi.core.flag import THRESHOLD, Flag
from haechi.core.media.models import load_manifest
from haechi.core.media.network import Network
from haechi.core.media.sexual import CLASSES, MODEL, SexualContent, fused, probabilities, score_of
from haechi.core.settings import Limits

# nsfwjs 4.4.0 under TensorFlow.js 4.22.0 in Node.js gave these for the same pixels.
REFERENCE = {
    "grey": (0.04842, 0.04213, 0.90633, 0.00153, 0.00159),
    "white": (0.03858, 0.00909, 0.95224, 0.00001, 0.00007),
    "noise": (0.06176, 0.00655, 0.93135, 0.00018, 0.00017),
}


def neutral(name: str) -> NDArray[np.uint8]:
    if name == "noise":
        return np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    return np.full((224, 224, 3), {"grey": 128, "white": 255}[name], np.uint8)


@pytest.mark.parametrize("name", REFERENCE)
def test_probabilities_are_those_of_the_published_classifier(models: Path, name: str) -> None:
    assert CLASSES == ("Drawing", "Hentai", "Neutral", "Porn", "Sexy")
    found = probabilities(Network(MODEL, models), neutral(name))
    assert found.sum() == pytest.approx(1.0)
    assert np.abs(found - REFERENCE[name]).max() < 1e-4


def test_ordinary_pictures_and_films_stay_quiet(
    models: Path, astronaut: NDArray[np.uint8], moving_frames: Frames, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    look = SexualContent(models, Limits())
    cv2.imwrite(str(tmp_path / "a.png"), astronaut)
    for path, frames in ((tmp_path / "a.png", 1), (make_clip(moving_frames), 24)):
        flag = look(path)
        assert flag.score is not None
        assert flag.score < 0.1
        assert not flag.raised
        assert 1 <= flag.frames <= frames
        (entry,) = (one for one in load_manifest() if one.name == MODEL)
        assert flag.sha256 == f"sha256:{entry.sha256}"
        json.dumps(flag.to_fields())


def test_whatever_goes_wrong_is_an_abstention(models: Path, tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"nothing of the kind")
    look = SexualContent(models, Limits())
    for path in (tmp_path / "broken.mp4", tmp_path / "absent.png"):
        flag = look(path)
        assert (flag.score, flag.raised) == (None, False)
        assert flag.abstained
    assert "haechi models pull" in SexualContent(tmp_path, Limits())(tmp_path / "broken.mp4").abstained
    (tmp_path / MODEL).write_bytes(b"other weights")
    assert "damaged" in SexualContent(tmp_path, Limits())(tmp_path / "broken.mp4").abstained


def test_what_counts_and_how_films_are_judged() -> None:
    assert score_of(np.array([0.1, 0.2, 0.1, 0.5, 0.1])) == pytest.approx(0.7)
    assert fused([0.3]) == 0.3
    assert fused([0.1, 0.99, 0.2]) == 0.2
    assert fused([0.9, 0.99, 0.2]) == 0.9
    assert Flag(THRESHOLD).raised
    assert not Flag(THRESHOLD - 1e-4).raised
    assert not Flag(None, abstained="x").raised
