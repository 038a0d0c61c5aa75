"""Confidence intervals and ranking: Wilson score interval, area under the ROC curve, bootstrap over sources.

[1] Wilson. JASA 22 (1927).  Clips of one source are not independent: the bootstrap draws whole sources.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

_ROUNDS = 1000


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share; (0, 1) when nothing was counted."""
    if total == 0:
        return 0.0, 1.0
    share = hits / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * float(np.sqrt(share * (1 - share) / total + z * z / (4 * total * total)))
    return max(0.0, middle - half), min(1.0, middle + half)


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Chance that an altered clip scores above a benign one, ties half; NaN when either is empty."""
    if not len(positive) or not len(negative):
        return float("nan")
    ranks = rankdata(np.concatenate([positive, negative]))
    n = len(positive)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * len(negative)))


def over_sources(
    rows: Sequence[dict[str, Any]], measure: Callable[[Sequence[dict[str, Any]]], float], seed: int = 1
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of `measure`, drawing sources with replacement."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(str(row["source"]), []).append(row)
    names = sorted(groups)
    if not names:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(_ROUNDS if len(rows) < 2000 else _ROUNDS // 4):
        drawn = rng.integers(0, len(names), len(names))
        values.append(measure([row for i in drawn for row in groups[names[i]]]))
    kept = [value for value in values if not np.isnan(value)]
    if not kept:
        return float("nan"), float("nan")
    low, high = np.percentile(kept, [2.5, 97.5])
    return float(low), float(high)
