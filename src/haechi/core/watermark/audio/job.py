"""Marking a sound in the limited child: joins `media.remake_sound`, `plan_mark` and `Shaper`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from haechi.core.media.remake_sound import SoundChange, SoundFacts, run_audio
from haechi.core.watermark.audio.embed import plan_mark
from haechi.core.watermark.audio.shape import Shaper

Floats = NDArray[np.float32]


class _Change:
    def __init__(self, facts: SoundFacts, mono_16k: Iterable[Floats], wanted: dict[str, Any]) -> None:
        second, strength = wanted["recipient"], wanted["strength_db"]
        made = plan_mark(
            mono_16k,
            int(wanted["payload"]),
            bytes.fromhex(wanted["key"]),
            recipient=None if second is None else int(second),
            strength_db=None if strength is None else float(strength),
        )
        self._shaper = Shaper(facts.rate, facts.channels, made.gains_db)
        self._told = {"strength_db": made.strength_db, "survives": made.survives}

    def add(self, samples: Floats) -> Floats:
        return self._shaper.add(samples)

    def finish(self) -> Floats:
        return self._shaper.finish()

    def facts(self) -> dict[str, Any]:
        return self._told


def run(descriptor: int, name: str, params: dict[str, Any]) -> Iterator[tuple[dict[str, Any], NDArray[Any] | None]]:
    """The marked sound in pieces; `params["change"]` has key (hex), payload, recipient and strength_db."""

    def change(facts: SoundFacts, mono_16k: Iterable[Floats]) -> SoundChange:
        return _Change(facts, mono_16k, params["change"])

    return run_audio(descriptor, name, params, change)
