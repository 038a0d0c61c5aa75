"""Time stamps of decoded frames: from 0 at the first frame, always ascending, whatever the file claims.

A stamp that is missing, stands still, goes back, or leaps further than the longest allowed file is replaced
by the last one plus the usual distance between frames, and all later ones shift along. They stay where they are when
it goes back by less than a second: such stamps are jumbled, and begin no new count.
"""

from __future__ import annotations

import time
from fractions import Fraction

BEAT_S = 0.5
"""How often the parent hears that work goes on, at most, seconds."""
_FALLBACK_INTERVAL_S = 1 / 25
_SLACK_S = 1e-6
_JUMBLED_S = 1.0


def is_due(time_s: float, last_s: float | None, *, start_s: float, interval_s: float) -> bool:
    """Whether a frame goes out: not before the start, and no closer to the last one that did than the interval."""
    if time_s < start_s - _SLACK_S:
        return False
    return last_s is None or time_s - last_s >= interval_s - _SLACK_S


class Clock:
    """Seconds since the first frame.

    Args:
        time_base: seconds per tick of the stream's stamps.
        rate: frames per second where known.
        origin: stamp of the stream's first frame; None takes the first one seen.
        longest_s: a leap beyond this is a broken stamp.
    """

    def __init__(
        self, time_base: Fraction, rate: float | None, origin: int | None = None, longest_s: float = 86_400.0
    ) -> None:
        self._time_base = float(time_base)
        self._interval_s = 1 / rate if rate and 0.1 <= rate <= 1000 else _FALLBACK_INTERVAL_S
        self._origin = origin
        self._last_s: float | None = None
        self._longest_s = longest_s
        self.repaired = 0

    @property
    def origin(self) -> int | None:
        """Stamp that is time 0; None until the first frame where nobody has told it."""
        return self._origin

    def seconds(self, stamp: int | None) -> float:
        """Time of the next frame in display order."""
        if self._origin is None:
            self._origin = stamp or 0
        raw_s = None if stamp is None else (stamp - self._origin) * self._time_base
        last_s = self._last_s
        if raw_s is None or (last_s is not None and not last_s < raw_s < last_s + self._longest_s):
            usual_s = 0.0 if last_s is None else last_s + self._interval_s
            if stamp is not None and not _is_jumbled(raw_s, last_s):
                self._origin = stamp - round(usual_s / self._time_base)
            if last_s is not None:
                self.repaired += 1
            raw_s = usual_s
        self._last_s = max(raw_s, 0.0) if last_s is None else raw_s
        return self._last_s


def _is_jumbled(raw_s: float | None, last_s: float | None) -> bool:
    """A stamp that goes back a little, as where frames come in another order than their stamps."""
    return raw_s is not None and last_s is not None and last_s - _JUMBLED_S < raw_s <= last_s


class Beat:
    """Says from time to time that work goes on while nothing is handed over."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def due(self) -> bool:
        """True at most once in `BEAT_S`."""
        now = time.monotonic()
        if now - self._last < BEAT_S:
            return False
        self._last = now
        return True
