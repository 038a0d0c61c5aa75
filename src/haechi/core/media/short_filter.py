"""Resampling of mono sound in 16 bits by libswresample with the filter that fpcalc chooses; runs in the decoding child.

The filter has 16 taps, 256 phases with linear interpolation, and cuts at .8 of the lower rate's band: what older
libraries had by default. Chromaprints are defined by what comes out of it; libswresample's own filter of today changes
some 3 of 10,000 of their bits.
"""

from __future__ import annotations

from typing import Any, Final

import av

_OPTIONS: Final = "resampler=swr:filter_size=16:phase_shift=8:linear_interp=1:tsf=s16p:cutoff=0.8:osf=flt"


class ShortFilter:
    """From one rate to another, block by block, like `av.AudioResampler`."""

    def __init__(self, source_rate: int, rate: int) -> None:
        self._graph = av.filter.Graph()
        nodes = (
            self._graph.add_abuffer(sample_rate=source_rate, format="flt", layout="mono", time_base=None),
            self._graph.add("aresample", f"{rate}:{_OPTIONS}"),
            self._graph.add("abuffersink"),
        )
        self._graph.link_nodes(*nodes).configure()

    def resample(self, frame: av.AudioFrame | None) -> list[Any]:
        """What a block of mono "flt" sound at the source's rate brings out; None brings out the rest."""
        self._graph.push(frame)
        out = []
        while True:
            try:
                out.append(self._graph.pull())
            except (av.error.BlockingIOError, av.error.EOFError):
                return out
