"""Marking a film in the limited child: joins `media.remake` and `LumaMarker`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from haechi.core.media.remake import PictureFacts, run_video
from haechi.core.watermark.embed import RECIPIENT
from haechi.core.watermark.pattern import pattern_of
from haechi.core.watermark.video.luma import LumaMarker


class _Change:
    def __init__(self, facts: PictureFacts, wanted: dict[str, Any]) -> None:
        key, second = bytes.fromhex(wanted["key"]), wanted["recipient"]
        self._marker = LumaMarker(
            pattern_of(key),
            int(wanted["payload"]),
            facts.shape,
            displayed=facts.displayed,
            orientation=facts.orientation,
            bits=facts.bits,
            levels=facts.levels,
            psnr_db=float(wanted["psnr_db"]),
            recipient=None if second is None else (pattern_of(key, RECIPIENT), int(second)),
        )

    def mark(self, luma: NDArray[Any]) -> NDArray[Any]:
        return self._marker.mark(luma)

    def facts(self) -> dict[str, Any]:
        return {"psnr_db": self._marker.psnr_db, "least_psnr_db": self._marker.least_psnr_db}


def run(descriptor: int, name: str, params: dict[str, Any]) -> Iterator[tuple[dict[str, Any], NDArray[Any] | None]]:
    """The marked film in pieces; `params["change"]` has key (hex), payload, recipient and psnr_db."""
    return run_video(descriptor, name, params, lambda facts: _Change(facts, params["change"]))
