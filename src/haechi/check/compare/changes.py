"""From scores per cell and frame to changes: which part, from when to when, where, how strong.

Method: scores are averaged over about half a second and a neighbourhood of cells, standardised again by their own
robust spread, cut by hysteresis and connected in x, y and t. The span is then sharpened on the unsmoothed scores of
the component's own cells, as the stretch with the greatest sum above the middle between "same" and "changed"; short
moments in which, say, two mouths happen to agree stay inside. Components of one part that meet in time are one change.
Limits: spans are good to a frame or two at strong changes, to about 0.2 s at weak ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from haechi.check.compare.regions import CODES, REGION_OF_CODE
from haechi.check.compare.residual import Energies, Scores, level, standardise
from haechi.core.records import Region

# Short changes show best in a short average, weak long ones in a long one.
SMOOTH_S = (0.45, 1.4)
LOW = 3.0
# Least spread of an average of scores.
MIN_SPREAD = 0.25
# Smoothed, standardised score at which a component counts at the least, by part: fitted on the development clips.
HIGH: dict[Region, float] = {
    Region.MOUTH: 6.0,
    Region.EYES: 6.0,
    Region.FACE: 6.0,
    Region.HAIR: 7.5,
    Region.NECK: 7.5,
    Region.BODY: 7.5,
    Region.BACKGROUND: 7.5,
}
# ... and so many times what a harmless re-post of this very clip reaches.
NULL_MARGIN = 1.25
# A weak difference of a face counts when it is large and lasts: its extent over that of the largest in the harmless
# re-post, and over the face's own cells. Extent: scores above LOW, summed over cells and frames.
EXTENT_MARGIN, LEAST_NULL_EXTENT, EXTENT_OF_FACE = 10.0, 30.0, 0.7
FACIAL = (Region.MOUTH, Region.EYES, Region.FACE)
FACIAL_CODES = [CODES[region] for region in FACIAL]
JOIN_GAP_S = 0.6

Volume = NDArray[np.float32]
Footprint = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Component:
    """A connected difference in one window.

    Attributes:
        region: the part it lies on most.
        first: index of the first frame.
        last: index of the last frame, inclusive.
        footprint: bool (gh, gw), its cells.
        peak: greatest smoothed score.
        peak_frame: where that is.
        shares: share of its mass per part.
        high: score from which it counts.
    """

    region: Region
    first: int
    last: int
    footprint: Footprint
    peak: float
    peak_frame: int
    shares: dict[Region, float]
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """What the scores of one window amount to.

    Attributes:
        s: smoothed scores float32 (n, gh, gw).
        high: score from which a component counts, by part.
        components: connected differences, strongest first.
    """

    s: Volume
    high: Mapping[Region, float]
    components: tuple[Component, ...]


def judge(
    probe: Energies, harmless: Energies, codes: NDArray[np.uint8], times_s: NDArray[np.float64], factor: float = 1.0
) -> Judged:
    """From energies to differences.

    Args:
        probe: energies of the window.
        harmless: what they would be for a harmless copy.
        codes: regions, uint8 (n, gh, gw).
        times_s: probe times (n,).
        factor: smoothed scores are divided by it.
    """
    with ThreadPoolExecutor(1) as aside:
        null_later = aside.submit(_scored, harmless, times_s, factor)
        scores, s = _scored(probe, times_s, factor)
        _, null = null_later.result()
    high = thresholds(null, codes)
    return Judged(s, high, tuple(components(s, scores.z, codes, high, least_extent(null, codes))))


def _scored(energies: Energies, times_s: NDArray[np.float64], factor: float) -> tuple[Scores, Volume]:
    scores = standardise(energies)
    return scores, smooth(scores, times_s) / np.float32(factor)


def smooth(scores: Scores, times_s: NDArray[np.float64]) -> Volume:
    """Average over time and neighbouring cells, in units of the averages' own spread at equal prediction.

    Args:
        scores: of one window.
        times_s: probe times (n,).

    Returns:
        float32 (n, gh, gw): the greater of the averages over SMOOTH_S; 0 where not seen.
    """
    gap = float(np.median(np.diff(times_s))) if len(times_s) > 1 else max(SMOOTH_S)
    z, predicted = np.clip(scores.z, -4.0, 12.0), scores.predicted.copy()
    for i in range(len(z)):
        z[i] = cv2.GaussianBlur(z[i], (0, 0), 1.0)
        predicted[i] = cv2.GaussianBlur(predicted[i], (0, 0), 1.0)
    widths = dict.fromkeys(min(len(z), max(1, round(seconds / max(gap, 1e-3)))) for seconds in SMOOTH_S)
    inside = np.broadcast_to(scores.seen, z.shape)
    if not inside.any():
        return np.zeros_like(z)
    averages = [
        level(
            ndimage.uniform_filter1d(z, width, axis=0, mode="nearest"),
            ndimage.uniform_filter1d(predicted, width, axis=0, mode="nearest"),
            inside,
            MIN_SPREAD,
        )
        for width in widths
    ]
    return np.asarray(np.maximum.reduce(averages), dtype=np.float32)


def thresholds(null: Volume, codes: NDArray[np.uint8]) -> dict[Region, float]:
    """Score from which a component of each part counts in this clip.

    Args:
        null: smoothed scores of a benign re-post, float32 (n, gh, gw).
        codes: regions, uint8, same shape.
    """
    reached = strongest(null, codes)
    return {
        region: max(floor, NULL_MARGIN * float(reached[region].max()) if region in reached else 0.0)
        for region, floor in HIGH.items()
    }


def least_extent(null: Volume, codes: NDArray[np.uint8]) -> float:
    """Extent from which a weak difference of a face counts in this clip; arguments as `thresholds`."""
    labels, count = ndimage.label(null > LOW)
    face = np.isin(codes, FACIAL_CODES)
    inside = face & (labels > 0)
    largest = float(np.bincount(labels[inside], null[inside] - LOW).max(initial=0.0)) if count else 0.0
    return max(
        EXTENT_MARGIN * max(largest, LEAST_NULL_EXTENT),
        EXTENT_OF_FACE * float(face.sum(axis=(1, 2)).mean()),
    )


def components(
    s: Volume, z: Volume, codes: NDArray[np.uint8], high: Mapping[Region, float], extent: float = np.inf
) -> list[Component]:
    """Differences above the thresholds of their part, strongest first.

    Args:
        s: smoothed scores from `smooth`, float32 (n, gh, gw).
        z: raw scores, same shape.
        codes: regions, uint8, same shape.
        high: from `thresholds`.
        extent: from `least_extent`; a weak difference of so great an extent counts as one that just reaches its
            threshold.
    """
    labels, count = ndimage.label(s > LOW)
    found = []
    for index, box in enumerate(ndimage.find_objects(labels, count), start=1):
        inside = labels[box] == index
        wide = float((s[box][inside] - LOW).sum()) > extent
        if not wide and float(s[box][inside].max()) < min(high.values()):
            continue
        component = _describe(s, z, codes, box, inside)
        if wide and component.region in FACIAL:
            component = replace(component, peak=max(component.peak, high[component.region]))
        if component.peak >= high[component.region]:
            found.append(replace(component, high=high[component.region]))
    return sorted(found, key=lambda c: -c.peak)


def merge(parts: Sequence[Component], times_s: NDArray[np.float64]) -> list[Component]:
    """Join components of one part (or of one face) that meet in time."""
    todo = sorted(parts, key=lambda c: -c.peak)
    out: list[Component] = []
    for part in todo:
        for k, other in enumerate(out):
            if _belong(part, other, times_s):
                out[k] = _joined(other, part)
                break
        else:
            out.append(part)
    return out if len(out) == len(todo) else merge(out, times_s)


def strongest(s: Volume, codes: NDArray[np.uint8]) -> dict[Region, NDArray[np.float32]]:
    """The greatest smoothed score of each part over time, float32 (n,), for the time line."""
    curves = {}
    for code, region in REGION_OF_CODE.items():
        inside = codes == code
        if inside.any():
            curves[region] = np.where(inside, s, 0.0).reshape(len(s), -1).max(1).astype(np.float32)
    return curves


def _describe(
    s: Volume, z: Volume, codes: NDArray[np.uint8], box: tuple[slice, ...], inside: NDArray[np.bool_]
) -> Component:
    mass = np.where(inside, s[box], 0.0)
    peak = float(mass.max())
    strong = mass > 0.5 * peak
    shares = {
        region: float(mass[strong & (codes[box] == code)].sum() / max(float(mass[strong].sum()), 1e-9))
        for code, region in REGION_OF_CODE.items()
    }
    core = (mass > max(LOW, 0.4 * peak)).any(0)
    footprint = np.zeros(s.shape[1:], bool)
    footprint[box[1:]] = core
    first, last = _sharpen(z[:, footprint].mean(1), box[0].start, box[0].stop - 1)
    peak_frame = box[0].start + int(mass.reshape(len(mass), -1).max(1).argmax())
    return Component(_part(shares), first, last, footprint, peak, peak_frame, shares)


def _part(shares: dict[Region, float]) -> Region:
    facial = sum(shares.get(r, 0.0) for r in FACIAL)
    if facial >= 0.4:
        # A changed mouth or eye spills over its outline; a changed face changes both.
        mouth, eyes = shares.get(Region.MOUTH, 0.0) / facial, shares.get(Region.EYES, 0.0) / facial
        if mouth > 0.5 or (mouth > 0.3 and eyes < 0.1):
            return Region.MOUTH
        if eyes > 0.5 or (eyes > 0.3 and mouth < 0.1):
            return Region.EYES
        return Region.FACE
    rest = {r: share for r, share in shares.items() if r not in FACIAL}
    return max(rest, key=lambda r: rest[r])


def _sharpen(signal: NDArray[np.float32], start: int, stop: int) -> tuple[int, int]:
    """The stretch around [start, stop] with the greatest sum above the middle level (Kadane)."""
    inside = signal[start : stop + 1]
    level = float(np.median(inside[inside >= 0.5 * np.percentile(inside, 95)]))
    # What the same cells score where nothing differs; a moving camera raises that for the whole clip.
    quiet = float(np.clip(np.percentile(signal, 20), -1.0, 0.5 * level))
    gain = signal - (quiet + 0.4 * (level - quiet))
    margin = max(3, (stop - start) // 2)
    low, high = max(0, start - margin), min(len(signal), stop + margin + 1)
    best, total, left, answer = -np.inf, 0.0, low, (start, stop)
    for i in range(low, high):
        if total <= 0:
            total, left = 0.0, i
        total += float(gain[i])
        if total > best:
            best, answer = total, (left, i)
    return answer


def _belong(a: Component, b: Component, times_s: NDArray[np.float64]) -> bool:
    gap = max(times_s[a.first], times_s[b.first]) - min(times_s[a.last], times_s[b.last])
    if gap > JOIN_GAP_S:
        return False
    same_part = a.region == b.region or (a.region in FACIAL and b.region in FACIAL)
    if same_part:
        return _near(a.footprint, b.footprint, 8)
    return _near(a.footprint, b.footprint, 2)


def _near(a: Footprint, b: Footprint, reach: int) -> bool:
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return bool((cv2.dilate(a.astype(np.uint8), kernel) > 0)[b].any())


def _joined(a: Component, b: Component) -> Component:
    weight_a, weight_b = a.peak * a.footprint.sum(), b.peak * b.footprint.sum()
    big = a if weight_a >= weight_b else b
    total = float(weight_a + weight_b)
    shares = {
        r: float((a.shares.get(r, 0.0) * weight_a + b.shares.get(r, 0.0) * weight_b) / total)
        for r in REGION_OF_CODE.values()
    }
    region = _part(shares)
    strong = a if a.peak >= b.peak else b
    return Component(
        region if region in FACIAL or big.region not in FACIAL else big.region,
        min(a.first, b.first),
        max(a.last, b.last),
        a.footprint | b.footprint,
        strong.peak,
        strong.peak_frame,
        shares,
        strong.high,
    )
