"""Which moment of the master each moment of the probe shows.

Method: among the distances of every probe frame to every master frame (`thumbnails`) a line
`t_master = offset + speed * t_probe` is the one with the least capped cost, so that spans with foreign content cannot
pull it. What a line does not explain is searched again: joined pieces, cuts. Where one piece ends and another begins is
where all frames together cost least.
Last, a cheapest path lets frames leave the line by up to TOLERANCE_S where that clearly fits better, which absorbs
dropped and doubled frames.
Limits: speed 0.9-1.1; a still picture has no time and takes the first hypothesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from haechi.core.records import Span

SPEEDS = np.round(np.arange(0.90, 1.1001, 0.01), 4)
MIN_PIECE_S = 0.6
TOLERANCE_S = 0.07
# A second piece must explain its frames this much better than the first line does.
BETTER = 0.45
# So many probe frames vote for a line.
N_LINE_ROWS = 120
# So many moments beyond the master's ends are tried; time stamps of damaged files lie hours apart.
MOST_BEYOND = 300
# How many times less another speed must cost, above what no line can avoid.
FREE, STEADY = 2.0, 8.0
# ... and how much less, as a share of what no line can avoid; coding alone never makes so much.
CLEARLY_LESS, LEAST_GAIN = 0.04, 0.05
# Speeds nearer than this to 1 do not tell in a window.
SAME_SPEED = 0.004
# Cost from which it does not matter how different two frames are, squared levels.
CAP = 400.0
# Cost of an alignment, squared levels, below which nothing better needs to be looked for; a fair one is enough when
# unrelated moments cost so many times more.
GOOD_FIT, FAIR_FIT, GOOD_CONTRAST = 6.0, 25.0, 30.0
# A window may be joined with other footage, which matches nothing.
CERTAIN_SHARE = 0.4
HOPELESS = 0.8 * CAP
# Price of leaving the line or coming back, in units of the logarithm of the cost.
SHIFT_PRICE = 0.8
# The same for going from one piece to another.
CUT_PRICE = 4.0
# Correlation of whole thumbnails: other footage lies below, an altered face stays far above.
MIN_ALIKE = 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """`t_master = offset_s + speed * t_probe`, for probe times `start_s` to `end_s`."""

    offset_s: float
    speed: float
    start_s: float
    end_s: float
    cost: float

    def within(self, span: Span) -> Line:
        """The part of it that lies in a stretch of the probe."""
        return replace(self, start_s=max(self.start_s, span.start_s), end_s=min(self.end_s, span.end_s))


@dataclass(frozen=True, slots=True)
class Alignment:
    """The outcome for one window.

    Attributes:
        lines: the pieces, in probe order.
        matched: int64 (n_probe,), index of the master frame each probe frame shows; -1 where none does.
        contrast: median cost of unrelated pairs over the cost on the lines; near 1 means that time could not be told.
        cost: mean over probe frames of the cost of their match, squared levels, capped; unmatched ones cost the cap.
        fit: the same over matched frames only.
    """

    lines: tuple[Line, ...]
    matched: NDArray[np.int64]
    contrast: float
    cost: float
    fit: float

    @property
    def certain(self) -> bool:
        """Whether what is matched fits so well that nothing better needs to be looked for."""
        fits = self.fit < GOOD_FIT or (self.fit < FAIR_FIT and self.contrast > GOOD_CONTRAST)
        return fits and float((self.matched >= 0).mean()) > CERTAIN_SHARE

    @property
    def hopeless(self) -> bool:
        """Whether hardly any frame has found its place."""
        return self.cost > HOPELESS


def align(
    cost: NDArray[np.float32],
    alike: NDArray[np.float32],
    probe_s: Floats,
    master_s: Floats,
    *,
    better: float = FREE,
    settled: bool = True,
    pieces: int = 6,
) -> Alignment:
    """Explain the cost matrix by lines.

    Args:
        cost: squared differences from `distances`, float32 (n_probe, n_master).
        alike: correlations from `distances`, same shape; frames below MIN_ALIKE on their line are foreign footage.
        probe_s: time stamps, seconds (n_probe,), ascending.
        master_s: time stamps, seconds (n_master,), ascending.
        better: how many times less than the clip's own speed another one must cost (FREE, STEADY).
        settled: whether the placement is final. Before that frames stay on their line, because leaving it would make
            up for an error of place while the camera moves.
        pieces: at most this many joined pieces.
    """
    n = len(probe_s)
    todo = np.ones(n, bool)
    typical = float(np.median(cost))
    best_row = cost.min(1)
    lines: list[Line] = []
    costs: list[Floats] = []
    owner = np.full(n, -1)
    spent = np.full(n, np.inf)
    for k in range(pieces):
        if todo.sum() < 3 and k:
            break
        offset, speed = _best_line(cost, probe_s, master_s, todo, better)
        on_line = _cost_on_line(cost, alike, probe_s, master_s, offset, speed)
        claim = _claim(on_line, best_row, typical, todo) if k else np.isfinite(on_line)
        if k:
            claim &= (on_line < BETTER * spent) & _long_runs(claim & (on_line < BETTER * spent), probe_s)
        if not claim.any():
            break
        owner[claim], spent[claim] = k, on_line[claim]
        lines.append(Line(offset, speed, 0.0, 0.0, float(np.median(on_line[claim]))))
        costs.append(on_line)
        todo &= ~_explained(spent, best_row, typical)
        if not _long_runs(todo, probe_s).any():
            break
    owner = _cut(costs, owner)
    matched = _match_frames(cost, probe_s, master_s, lines, owner, TOLERANCE_S if settled else 0.0)
    on = cost[np.arange(n), np.maximum(matched, 0)][matched >= 0]
    contrast = typical / max(float(np.median(on)), 1e-3) if len(on) else 0.0
    capped = np.minimum(on, CAP)
    total = (float(capped.sum()) + CAP * (n - len(on))) / n
    fit = float(capped.mean()) if len(on) else CAP
    return Alignment(_with_runs(lines, owner, probe_s), matched, contrast, total, fit)


def run_on(line: Line, probe_s: Floats, master_s: Floats) -> Alignment:
    """The alignment of frames that run on from a window before: each shows the master's frame nearest to the line.

    Args:
        line: of the window before.
        probe_s: time stamps, seconds (n_probe,), ascending.
        master_s: time stamps, seconds (n_master,), ascending.

    Returns:
        An alignment whose cost and contrast are still to be measured.
    """
    matched = _nearest(master_s, line.offset_s + line.speed * probe_s)
    owner = np.where(matched >= 0, 0, -1)
    return Alignment(_with_runs([line], owner, probe_s), matched, 0.0, CAP, CAP)


def _nearest(master_s: Floats, wanted_s: Floats) -> NDArray[np.int64]:
    """Index of the nearest master frame; -1 more than half a second outside of the master."""
    right = np.clip(np.searchsorted(master_s, wanted_s), 1, max(len(master_s) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(master_s) - 1)
    index = np.where(np.abs(master_s[left] - wanted_s) <= np.abs(master_s[right] - wanted_s), left, right)
    gap = float(np.median(np.diff(master_s))) if len(master_s) > 1 else 1.0
    outside = (wanted_s < master_s[0] - 1.5 * gap) | (wanted_s > master_s[-1] + 1.5 * gap)
    return np.where(outside, -1, index).astype(np.int64)


def _cost_on_line(
    cost: NDArray[np.float32],
    alike: NDArray[np.float32],
    probe_s: Floats,
    master_s: Floats,
    offset: float,
    speed: float,
) -> Floats:
    """Cost of each probe frame on the line, infinite outside of the master and for foreign footage (n_probe,)."""
    index = _nearest(master_s, offset + speed * probe_s)
    at = (np.arange(len(probe_s)), np.maximum(index, 0))
    ours = (index >= 0) & (alike[at] >= MIN_ALIKE)
    return np.asarray(np.where(ours, cost[at].astype(np.float64), np.inf))


def _best_line(
    cost: NDArray[np.float32], probe_s: Floats, master_s: Floats, todo: NDArray[np.bool_], better: float
) -> tuple[float, float]:
    rows = np.nonzero(todo)[0]
    if len(rows) > N_LINE_ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, N_LINE_ROWS).astype(int)]
    times, sub = probe_s[rows], cost[rows]
    cap = np.maximum(np.percentile(sub, 30, axis=1), 1e-6)
    ratio = np.minimum(sub / cap[:, None], 1.0)
    middle = float(np.mean(times))
    plain = _best_offset(ratio, times, master_s, 1.0, middle)
    straight, _ = _polish(ratio, times, master_s, plain[1], 1.0, free=False)
    # Nearly all copies run at their own speed; a fit that is hardly better must not invent another.
    least = float(np.minimum(sub.min(1), CAP).mean())
    avoidable = _typical(sub, times, master_s, straight, 1.0) - least
    enough = CLEARLY_LESS * least + LEAST_GAIN
    if avoidable <= enough:
        # No line costs less than the least: looking for one would change nothing.
        return straight, 1.0
    offset, speed = _fastest(sub, ratio, times, master_s, middle)
    gains = avoidable > better * (_typical(sub, times, master_s, offset, speed) - least) + enough
    return (offset, speed) if gains and abs(speed - 1.0) > SAME_SPEED else (straight, 1.0)


def _fastest(
    cost: NDArray[np.float32], ratio: NDArray[np.float32], times: Floats, master_s: Floats, middle: float
) -> tuple[float, float]:
    """The cheapest line of any speed, from the two best first ones: by frames that fit, and by cost."""
    starts = [_best_offset(ratio, times, master_s, float(speed), middle) for speed in SPEEDS]
    costs = [_typical(cost, times, master_s, offset, speed) for _, offset, speed in starts]
    tried = {min(starts)[1:], starts[int(np.argmin(costs))][1:]}
    lines = [_polish(ratio, times, master_s, *start) for start in tried]
    return min(lines, key=lambda line: _typical(cost, times, master_s, *line))


def _typical(cost: NDArray[np.float32], times: Floats, master_s: Floats, offset: float, speed: float) -> float:
    """Mean capped cost on a line, squared levels; a wrong speed fits in the middle and not towards the ends."""
    index = _nearest(master_s, offset + speed * times)
    values = cost[np.arange(len(times)), np.maximum(index, 0)]
    return float(np.where(index >= 0, np.minimum(values, CAP), CAP).mean())


def _scores(ratio: NDArray[np.float32], times: Floats, master_s: Floats, offsets: Floats, speed: float) -> Floats:
    """Mean capped cost of each line, float64 (n_offsets,); frames outside of the master cost the cap."""
    index = _nearest(master_s, (offsets[:, None] + speed * times[None, :]).ravel()).reshape(len(offsets), -1)
    values = ratio[np.arange(len(times))[None, :], np.maximum(index, 0)]
    return np.asarray(np.where(index >= 0, values, 1.0).mean(1), dtype=np.float64)


def _best_offset(
    ratio: NDArray[np.float32], times: Floats, master_s: Floats, speed: float, middle: float
) -> tuple[float, float, float]:
    anchors = _reached(master_s, speed * float(times[-1] - times[0])) - speed * middle
    scores = _scores(ratio, times, master_s, anchors, speed)
    k = int(scores.argmin())
    return float(scores[k]), float(anchors[k]), speed


def _reached(master_s: Floats, length_s: float) -> Floats:
    """The master's moments and as many before and behind as may lie in the middle of frames that show its ends only."""
    gap = float(np.median(np.diff(master_s))) if len(master_s) > 1 else 1.0
    count = min(int(max(0.0, length_s / 2 - MIN_PIECE_S) / max(gap, 1e-3)), MOST_BEYOND)
    beyond = gap * np.arange(1, count + 1)
    return np.concatenate([master_s[0] - beyond[::-1], master_s, master_s[-1] + beyond])


def _polish(
    ratio: NDArray[np.float32], times: Floats, master_s: Floats, offset: float, speed: float, *, free: bool = True
) -> tuple[float, float]:
    """Below the grid: a robust line through each frame's own best moment near the first line.

    A moment is the vertex of the parabola through the least cost and its neighbours; its curvature is its weight, so
    that still stretches, where any moment fits, do not count. With `free` False the speed stays.
    """
    if len(master_s) < 5 or len(times) < 5:
        return offset, speed
    for reach_s in (0.25, 0.12, 0.12):
        moments, weights = _own_moments(ratio, times, master_s, offset + speed * times, reach_s)
        if float((weights > 0).sum()) < 5:
            return offset, speed
        if free:
            offset, speed = _robust_line(times, moments, weights, offset, speed)
        else:
            offset = _weighted_median(moments - speed * times, weights)
    return offset, speed


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][int(np.searchsorted(total, total[-1] / 2))])


def _own_moments(
    ratio: NDArray[np.float32], times: Floats, master_s: Floats, wanted_s: Floats, reach_s: float
) -> tuple[Floats, Floats]:
    moments, weights = wanted_s.copy(), np.zeros(len(times))
    for i, wanted in enumerate(wanted_s):
        low, high = np.searchsorted(master_s, [wanted - reach_s, wanted + reach_s])
        if high - low < 3:
            continue
        k = int(low) + int(ratio[i, low:high].argmin())
        if not 0 < k < len(master_s) - 1:
            continue
        left, here, right = (float(v) for v in ratio[i, k - 1 : k + 2])
        curvature = left - 2 * here + right
        if curvature > 1e-4 and here < 0.8:
            gap = 0.5 * (master_s[k + 1] - master_s[k - 1])
            moments[i] = master_s[k] + gap * float(np.clip(0.5 * (left - right) / curvature, -0.5, 0.5))
            weights[i] = min(curvature, 0.5)
    return moments, weights


def _robust_line(times: Floats, moments: Floats, weights: Floats, offset: float, speed: float) -> tuple[float, float]:
    middle = float(np.average(times, weights=weights))
    x = np.stack([np.ones(len(times)), times - middle], 1)
    line = np.array([offset + speed * middle, speed])
    for _ in range(6):
        error = np.abs(moments - x @ line)
        w = weights / np.maximum(error, 0.01)
        line = np.linalg.solve((x * w[:, None]).T @ x + 1e-9 * np.eye(2), (x * w[:, None]).T @ moments)
    new_speed = float(np.clip(line[1], 0.88, 1.12))
    return float(line[0] - new_speed * middle), new_speed


def _claim(
    on_line: Floats, best_row: NDArray[np.float32], typical: float, todo: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    return np.asarray(todo & np.isfinite(on_line) & (on_line < best_row + 0.25 * typical))


def _explained(spent: Floats, best_row: NDArray[np.float32], typical: float) -> NDArray[np.bool_]:
    return np.asarray(spent < np.maximum(best_row * 2.0, best_row + 0.15 * typical))


def _cut(costs: Sequence[Floats], owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whose line each frame lies on, cut where all together cost least; what lies on none stays so.

    A line found first takes what it fits fairly, also behind the border of a piece that is found later.
    """
    rows = np.flatnonzero(owner >= 0)
    if len(costs) < 2 or not len(rows):
        return owner
    each = np.stack(costs, 1)[rows]
    price = np.log(np.minimum(each, CAP) + 0.5) + np.where(np.isfinite(each), 0.0, 1.0)
    cut = owner.copy()
    cut[rows] = _cheapest_path(price, CUT_PRICE * (1.0 - np.eye(len(costs))))
    return cut


def _long_runs(mask: NDArray[np.bool_], times: Floats) -> NDArray[np.bool_]:
    """Keep only runs of at least MIN_PIECE_S."""
    out = np.zeros_like(mask)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        if times[end - 1] - times[first] >= MIN_PIECE_S:
            out[first:end] = True
    return out


def _match_frames(
    cost: NDArray[np.float32],
    probe_s: Floats,
    master_s: Floats,
    lines: list[Line],
    owner: NDArray[np.int64],
    tolerance_s: float,
) -> NDArray[np.int64]:
    """The master frame of each probe frame: the nearest to its line, or a neighbour where that is clearly better.

    A cheapest path (Viterbi) over shifts of whole frames: leaving the line and coming back must pay, so that coding
    noise in a still moment does not shift a frame, while dropped and doubled frames do.
    """
    matched = np.full(len(probe_s), -1, np.int64)
    gap = float(np.median(np.diff(master_s))) if len(master_s) > 1 else 1.0
    reach = max(1, round(tolerance_s / gap)) if tolerance_s else 0
    shifts = np.arange(-reach, reach + 1)
    steps = SHIFT_PRICE * np.minimum(np.abs(shifts[:, None] - shifts[None, :]), 1.5)
    for k, line in enumerate(lines):
        rows = np.flatnonzero(owner == k)
        nearest = _nearest(master_s, line.offset_s + line.speed * probe_s[rows])
        rows, nearest = rows[nearest >= 0], nearest[nearest >= 0]
        if not len(rows):
            continue
        index = np.clip(nearest[:, None] + shifts[None, :], 0, len(master_s) - 1)
        price = np.log(cost[rows[:, None], index] + 0.5) + 0.1 * np.abs(shifts)[None, :]
        matched[rows] = index[np.arange(len(rows)), _cheapest_path(price, steps)]
    return matched


def _cheapest_path(price: Floats, steps: Floats) -> NDArray[np.int64]:
    """State of each row that makes the sum of prices and steps least, int64 (n,)."""
    total = price[0].astype(np.float64)
    back = np.zeros(price.shape, np.int64)
    for i in range(1, len(price)):
        through = total[:, None] + steps
        back[i] = through.argmin(0)
        total = through.min(0) + price[i]
    path = np.zeros(len(price), np.int64)
    path[-1] = int(total.argmin())
    for i in range(len(price) - 1, 0, -1):
        path[i - 1] = back[i, path[i]]
    return path


def _with_runs(lines: list[Line], owner: NDArray[np.int64], probe_s: Floats) -> tuple[Line, ...]:
    gap = float(np.median(np.diff(probe_s))) if len(probe_s) > 1 else 0.0
    runs = []
    edges = np.flatnonzero(np.diff(owner)) + 1
    for part in np.split(np.arange(len(owner)), edges):
        k = int(owner[part[0]])
        if k >= 0:
            line = lines[k]
            start_s, end_s = float(probe_s[part[0]]), float(probe_s[part[-1]]) + gap
            runs.append(Line(line.offset_s, line.speed, start_s, end_s, line.cost))
    return tuple(runs)
