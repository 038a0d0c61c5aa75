"""Pictures as the mark sees them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from haechi.core.watermark.canvas import coefficients, mask, synthesise
from haechi.core.watermark.pattern import COUNT, FREQUENCIES, TILE
from haechi.core.watermark.video.luma import quick_mask, shrunk
from unit.core.watermark.video.films import film


def test_coefficients_are_those_of_the_whole_transform() -> None:
    tiles = np.random.default_rng(1).normal(size=(2, 3, TILE, TILE)).astype(np.float32)
    spectrum = np.fft.rfft2(tiles.astype(np.float64))[..., FREQUENCIES[:, 0] % TILE, FREQUENCIES[:, 1]]
    found = coefficients(tiles).reshape(2, 3, COUNT, 2)
    assert np.allclose(found[..., 0], spectrum.real * np.sqrt(2) / TILE, atol=1e-5)
    assert np.allclose(found[..., 1], -spectrum.imag * np.sqrt(2) / TILE, atol=1e-5)


def test_synthesis_and_analysis_undo_each_other() -> None:
    values = np.random.default_rng(2).normal(size=(2, 3, 2 * COUNT)).astype(np.float32)
    assert np.allclose(coefficients(synthesise(values)), values, atol=1e-5)
    assert np.allclose(np.mean(synthesise(values) ** 2), np.sum(values**2) / (6 * TILE * TILE), rtol=1e-4)


def test_the_quick_mask_is_the_mask() -> None:
    picture = shrunk(film(1280, 720, 1, seed=4)[0], (288, 512))
    exact, quick = mask(picture), quick_mask(picture)
    assert np.corrcoef(exact.ravel(), quick.ravel())[0, 1] > 0.98
    assert abs(quick.mean() / exact.mean() - 1) < 0.05


def test_marking_a_film_does_not_wait_for_scipy() -> None:
    code = "import sys; import haechi.core.watermark.video.job; sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
