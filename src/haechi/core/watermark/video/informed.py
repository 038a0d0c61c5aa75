"""Informed reading of a film: with the unmarked master the pictures themselves are no noise.

Steps:
1. Each probe frame's partner: the master's frame whose small picture is most like it, on one line of time where times
   are known; as it lies, else as the blind reader says, else after one frame was registered to the master by features.
2. What the partner does not explain is whitened (`informed.residual`), frame by frame, and added up; so is the frame.
   Hard coding spends its bits on few frames: the sum is also made with each frame weighed by how much of the pilot it
   holds, and as least squares would have it, with what the blind reader sees (`summing`).
3. Soft bits are decoded (16 ways under each of three geometries), words near the likeliest looked at, too (`listing`);
   without a master's frame that is like the probe, nothing is read.
False positives: as `decide` says, at most 7e-12 for each decoding and for each question for known numbers, 96 in all:
below 7e-10 a reading.
Limits: one geometry for the whole film; a master of hours is read through once; under a crop of a steadily moving
picture the partner can be a neighbour of the right frame, and its geometry a little off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.canvas import canvas, coefficients, scaling, to_tiles
from haechi.core.watermark.decide import Asked, Candidate, choose
from haechi.core.watermark.informed import RELEASE, registered, residual_and_white, soft_informed, soft_together
from haechi.core.watermark.pattern import Pattern, pattern_of
from haechi.core.watermark.records import Reading
from haechi.core.watermark.spread import by_pilot, held_pilot, levelled
from haechi.core.watermark.video.blind import read_frames_mark
from haechi.core.watermark.video.summing import soft_summed

_THUMB = 32
_ALIKE = 0.9
_REGISTERED_WITH = 8
_LEAST_ALIKE, _SURELY_ALIKE = 0.6, 0.97
_PAIRS = 24
_LOOKED_AT, _AS_ALIKE = 10, 0.03
_MOST_HELD = 8.0

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
Times = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Paired:
    """A probe frame and the master's frame that it shows, luma, and how much alike they are, up to 1."""

    probe: Bytes
    master: Bytes
    alike: float


def read_informed_frames(
    probe: Sequence[Bytes],
    master: Sequence[Bytes],
    key: bytes,
    *,
    label: str = RELEASE,
    times: Times | None = None,
    among: Collection[int] = (),
) -> Reading | None:
    """The payload of frames of a film that was made from a master, or None.

    Args:
        probe: luma, uint8 (h, w), all of one size.
        master: luma of the film before it was marked, all of one size, as many frames of it as can be had.
        key: the company's watermark key.
        label: which of the payloads.
        times: seconds of the probe's and of the master's frames; they make partners surer.
        among: payloads that the master's copies bear: they are found where a number of any other could not be read.
    """
    if not probe or not master:
        return None
    pattern = pattern_of(key, label)

    def tried() -> Iterator[list[Candidate]]:
        for matrix, pairs in _geometries(probe, master, key, times):
            yield [Candidate(_soft(pattern, pairs, matrix), matrix)]

    return choose(tried(), Asked(among, listed=True))


def _soft(pattern: Pattern, pairs: Sequence[Paired], matrix: Matrix) -> Floats:
    """Step 2: soft bits float32 (n, CODED_BITS): all frames alike, by how much of the pilot each holds, and at best."""
    both = [residual_and_white(pair.probe, pair.master, matrix) for pair in pairs]
    total, white = (np.asarray(sum(one[which] for one in both), np.float32) for which in (0, 1))
    rests, whites = (np.stack([coefficients(to_tiles(one[which])) for one in both]) for which in (0, 1))
    weight = by_pilot(pattern, levelled(rests.sum(0)))
    held = np.array([max(held_pilot(pattern, levelled(rest), weight), 0) for rest in rests], np.float32)
    share = np.minimum(held / max(float(held.mean()), 1e-9), _MOST_HELD)
    values = np.asarray(np.tensordot(share**2, rests, 1), np.float32)
    together = soft_together(pattern, values, levelled(values), levelled(whites.sum(0)))
    return np.concatenate(
        [
            soft_informed(pattern, total, white),
            np.stack(together),
            soft_summed(pattern, np.concatenate([rests, whites])),
        ]
    )


def _geometries(
    probe: Sequence[Bytes], master: Sequence[Bytes], key: bytes, times: Times | None
) -> Iterator[tuple[Matrix, list[Paired]]]:
    """Step 1: as it lies; as the blind reader says; registered."""
    target = canvas(master[0]).shape
    lying = scaling(probe[0].shape, target)
    pairs = paired(probe, master, lying, times=times)
    if pairs and float(np.median([pair.alike for pair in pairs])) >= _ALIKE:
        yield lying, pairs
    blind = read_frames_mark(probe, key)
    if blind is not None:
        seen = np.vstack([blind.geometry.matrix, [0, 0, 1]])
        if pairs := paired(probe, master, seen, times=times):
            yield seen, pairs
    middle = probe[len(probe) // 2]
    best: tuple[float, Matrix] | None = None
    for known in master[:: max(1, len(master) // _REGISTERED_WITH)]:
        matrix = registered(middle, known)
        if matrix is not None:
            alike = max((pair.alike for pair in paired([middle], [known], matrix)), default=0.0)
            best = (alike, matrix) if best is None or alike > best[0] else best
        if best is not None and best[0] >= _SURELY_ALIKE:
            break
    if best is not None and (pairs := paired(probe, master, best[1], times=times)):
        yield best[1], pairs


def paired(
    probe: Sequence[Bytes],
    master: Sequence[Bytes],
    matrix: Matrix,
    *,
    least_alike: float = _LEAST_ALIKE,
    times: Times | None = None,
) -> list[Paired]:
    """Probe frames with their partners.

    Args:
        probe: luma, uint8 (h, w).
        master: luma, uint8 (h, w).
        matrix: float64 (3, 3), pixels of the probe -> pixels of the master's canvas.
        least_alike: frames without a partner so much alike are left out.
        times: as for `read_informed_frames`.
    """
    height, width = canvas(master[0]).shape
    small = np.diag([_THUMB / width, _THUMB / height, 1.0])
    inside = _thumb(np.full_like(probe[0], 255), small @ matrix) > 250
    if inside.sum() < _THUMB:
        return []
    known = np.stack([cv2.resize(frame, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA)[inside] for frame in master])
    unit_known = _unit(known.astype(np.float32))
    found: list[tuple[int, int, NDArray[np.float32]]] = []
    for number in range(0, len(probe), max(1, len(probe) // _PAIRS)):
        alike = unit_known @ _unit(_thumb(probe[number], small @ matrix)[inside][None])[0]
        if alike.max() >= least_alike:
            near = np.argsort(-alike)[:_LOOKED_AT]
            found.append((number, _nearest(probe[number], master, near, matrix), alike))
    partners = _steadied([(number, best) for number, best, _ in found], times)
    return [
        Paired(probe[number], master[at], float(alike.max()))
        for (number, best, alike), steady in zip(found, partners, strict=True)
        for at in [steady if alike[steady] >= alike[best] - _AS_ALIKE else best]
    ]


def _steadied(pairs: list[tuple[int, int]], times: Times | None) -> list[int]:
    """Partners on one line of time: those that the median lag of all gives."""
    if times is None or not pairs:
        return [best for _, best in pairs]
    mine, theirs = (np.asarray(column, np.float64) for column in times)
    lag_s = float(np.median([theirs[best] - mine[number] for number, best in pairs]))
    return [int(np.abs(theirs - mine[number] - lag_s).argmin()) for number, _ in pairs]


def _nearest(frame: Bytes, master: Sequence[Bytes], near: NDArray[np.int64], matrix: Matrix) -> int:
    """Among master frames that are alike when small, the one whose fine structure is the probe's."""
    height, width = canvas(master[0]).shape
    size = (width // 2, height // 2)
    half = np.diag([0.5, 0.5, 1.0])
    seen = cv2.warpAffine(frame, (half @ matrix)[:2], size, flags=cv2.INTER_AREA).astype(np.float32)
    inside = cv2.warpAffine(np.ones_like(frame), (half @ matrix)[:2], size, flags=cv2.INTER_NEAREST) > 0
    fine = _unit(_fine(np.asarray(seen, np.float32))[inside][None])[0]
    known = [_fine(cv2.resize(master[one], size, interpolation=cv2.INTER_AREA).astype(np.float32)) for one in near]
    return int(near[int(np.argmax([float(_unit(one[inside][None])[0] @ fine) for one in known]))])


def _fine(plane: Floats) -> Floats:
    return np.asarray(plane - cv2.GaussianBlur(plane, (0, 0), 6), np.float32)


def _thumb(frame: Bytes, matrix: Matrix) -> Floats:
    """A frame laid on the master's small picture: shrunk first, so that nothing is missed."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    view = canvas(frame, max(8, round(max(frame.shape) * min(scale, 1.0))))
    to_view = matrix @ np.linalg.inv(scaling(frame.shape, view.shape))
    laid = cv2.warpAffine(view, to_view[:2], (_THUMB, _THUMB), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(laid, np.float32)


def _unit(rows: Floats) -> Floats:
    centred = rows - rows.mean(1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6), np.float32)
