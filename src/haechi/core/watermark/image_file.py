"""The image mark on files: written into a picture file, read from one, held against the master.

Steps of `embed`:
1. Decode as stored; what cannot be written again is left unmarked, with the reason.
2. Mark what is displayed, as faint as the self-test allows.
3. Write it in the source's own coding; read it back. Where coding took too much - less than 40 dB, or the mark is not
   read - write it in a more faithful coding, then fainter.
A probe is read at a long side of `PROBE_SIDE_PX` at most: the mark's canvas is 512 px long.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.media.decode import read_image
from haechi.core.media.rewrite import StoredPicture, read_stored, rewrite
from haechi.core.records import Kind
from haechi.core.settings import Limits
from haechi.core.watermark.agree import agreeing_share
from haechi.core.watermark.blind import read
from haechi.core.watermark.canvas import MIN_SIDE_PX
from haechi.core.watermark.code import PAYLOAD_BITS
from haechi.core.watermark.embed import LEAST_PSNR_DB, embed, psnr
from haechi.core.watermark.gone import gone_places
from haechi.core.watermark.informed import RELEASE, read_informed
from haechi.core.watermark.marks import Agreement, Gone, Marking, MarkReading, Unmarked
from haechi.core.watermark.pattern import NAME
from haechi.core.watermark.records import Geometry, Reading
from haechi.core.watermark.strength import strength_map

PROBE_SIDE_PX: Final = 1280
_LEAST_SIDE_PX: Final = 2 * MIN_SIDE_PX
_FAINTER_DB: Final = (None, 41.0, 42.0, 43.5, 45.0)

Bytes = NDArray[np.uint8]


class ImageMarker:
    """`haechi-mark-image-v1` on picture files."""

    name, version, payload_bits, kind = NAME, 1, PAYLOAD_BITS, Kind.IMAGE

    def embed(
        self, source: Path, target: Path, key: bytes, payload: int, limits: Limits, *, recipient: int | None = None
    ) -> Marking | Unmarked:
        """Write a marked copy; see the module for the steps and `Watermarker` for the arguments."""
        # 1. As stored.
        picture = read_stored(source, limits)
        if isinstance(picture, str):
            return Unmarked(picture)
        shown = picture.shown()
        if min(shown.shape[:2]) < _LEAST_SIDE_PX:
            return Unmarked("small")
        # 2. and 3.
        for strength_db in _FAINTER_DB:
            marked = embed(shown, payload, key, recipient=recipient, strength_db=strength_db)
            fidelity = self._write(source, target, picture, marked.image, key, payload, limits)
            if fidelity is not None:
                return Marking(NAME, fidelity, marked.survives)
        target.unlink(missing_ok=True)
        return Unmarked("quality")

    def _write(
        self,
        source: Path,
        target: Path,
        picture: StoredPicture,
        image: Bytes,
        key: bytes,
        payload: int,
        limits: Limits,
    ) -> float | None:
        """The PSNR that the first good coding reached, or None."""
        for coding in picture.codings():
            target.write_bytes(rewrite(source, picture, image, coding))
            written = read_image(target, limits).image
            fidelity = psnr(picture.shown(), written)
            if fidelity >= LEAST_PSNR_DB and _holds(written, key, payload):
                return fidelity
        return None

    def fidelity(self, source: Path, marked: Path, key: bytes, payload: int, limits: Limits) -> float | None:
        """PSNR of what is displayed, dB; None when the mark is not read from `marked`."""
        before, after = read_image(source, limits).image, read_image(marked, limits).image
        if before.shape != after.shape or not _holds(after, key, payload):
            return None
        return psnr(before, after)

    def detect(self, path: Path, key: bytes, limits: Limits, *, search: bool = True) -> MarkReading | None:
        """Read without a master."""
        reading = read(read_image(path, limits, max_side=PROBE_SIDE_PX).image, key, search=search)
        return None if reading is None else _told(reading, "blind")

    def detect_informed(
        self, path: Path, master: Path, key: bytes, limits: Limits, *, among: Collection[int] = (), label: str = RELEASE
    ) -> MarkReading | None:
        """Read with the unmarked master."""
        probe, known = (read_image(one, limits, max_side=PROBE_SIDE_PX).image for one in (path, master))
        reading = read_informed(probe, known, key, label=label, among=among)
        return None if reading is None else _told(reading, "informed")

    def agreement(self, path: Path, master: Path, reading: MarkReading, key: bytes, limits: Limits) -> Agreement:
        """Hold the probe against what its mark points to, where the mark says that it lies."""
        probe, known = (read_image(one, limits, max_side=PROBE_SIDE_PX) for one in (path, master))
        geometry = Geometry(np.array(reading.geometry, np.float64).reshape(2, 3))
        share = agreeing_share(probe.image, known.image, geometry.matrix)
        found = Agreement(share)
        if not found.agrees:
            return found
        strength = strength_map(probe.image, Reading(reading.payload, reading.score, geometry), key, known.image)
        height, width = probe.image.shape[:2]
        return Agreement(share, tuple(Gone(box, None) for box in gone_places(strength, width, height)))


def _holds(image_bgr: Bytes, key: bytes, payload: int) -> bool:
    reading = read(image_bgr, key, search=False)
    return reading is not None and reading.payload == payload


def _told(reading: Reading, reader: str) -> MarkReading:
    matrix = tuple(float(value) for value in reading.geometry.matrix.reshape(-1))
    return MarkReading(reading.payload, reading.score, reader, NAME, matrix)
