"""HDR (PQ, HLG) to SDR, so that a phone's HDR clip and its SDR re-post look alike.

Method: signal -> light in cd/m2 (SMPTE ST 2084 for PQ; ARIB STD-B67 with system gamma 1.2 at 1,000 cd/m2
for HLG) -> BT.2020 to BT.709 primaries (ITU-R BT.2087) -> light over 203 cd/m2, the reference white of
ITU-R BT.2408, through a Moebius curve that leaves light up to half of it alone and brings 1,000 cd/m2 to
white -> BT.1886 gamma 1/2.4 -> 8 bits.
Limits: one fixed curve for all; dynamic metadata (HDR10+, Dolby Vision) are ignored; services map
differently, so a comparison of HDR with SDR fits colour again. Luma is mapped as if it were a grey signal.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

REFERENCE_WHITE_NITS = 203.0
_PEAK_NITS = 1000.0
_KNEE = 0.5  # share of reference white up to which light is left alone
_LEVELS = 1 << 16
_CURVE_STEPS = 4096
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
_BGR_MATRIX = np.ascontiguousarray(_BT2020_TO_BT709[::-1, ::-1])


class ToneMap:
    """Look-up tables of one HDR curve.

    Args:
        kind: "pq" or "hlg".
    """

    def __init__(self, kind: str) -> None:
        signal = np.arange(_LEVELS, dtype=np.float64) / (_LEVELS - 1)
        nits = pq_to_nits(signal) if kind == "pq" else hlg_to_nits(signal)
        self._light = (nits / REFERENCE_WHITE_NITS).astype(np.float32)
        self._grey = _to_sdr(self._light)
        self._top = float(_PEAK_NITS / REFERENCE_WHITE_NITS)
        # light is squeezed by its square root before it is quantised: dark steps matter most
        steps = np.square(np.arange(_CURVE_STEPS, dtype=np.float32) / (_CURVE_STEPS - 1)) * self._top
        self._curve = _to_sdr(steps)

    def colour(self, bgr: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """uint16 (h, w, 3) BGR signal of full range to uint8 SDR BGR."""
        light = cv2.transform(self._light[bgr], _BGR_MATRIX)
        np.clip(light, 0.0, self._top, out=light)
        index = np.sqrt(light * np.float32(1.0 / self._top)) * np.float32(_CURVE_STEPS - 1) + np.float32(0.5)
        return np.asarray(self._curve[index.astype(np.uint16)], dtype=np.uint8)

    def luma(self, rows: NDArray[np.uint16], bits: int, full: bool) -> NDArray[np.uint8]:
        """Luma of `bits` bits to uint8 SDR luma of full range."""
        top = 1 << (bits - 8)
        code = np.arange(1 << bits, dtype=np.float64)
        signal = code / ((1 << bits) - 1) if full else (code - 16 * top) / (219 * top)
        table = self._grey[np.rint(np.clip(signal, 0, 1) * (_LEVELS - 1)).astype(np.int64)]
        return table[np.minimum(rows, (1 << bits) - 1)]


def pq_to_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084 EOTF: signal 0..1 to cd/m2."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = np.power(signal, 1 / m2)
    return 10_000.0 * np.power(np.maximum(power - c1, 0) / (c2 - c3 * power), 1 / m1)


def hlg_to_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """ARIB STD-B67 inverse OETF and the 1,000 cd/m2 OOTF, per channel: signal 0..1 to cd/m2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, np.square(signal) / 3, (np.exp((signal - c) / a) + b) / 12)
    return 1000.0 * np.power(scene, 1.2)


def _to_sdr(light: NDArray[Any]) -> NDArray[np.uint8]:
    """Linear light, 1 = reference white, to uint8 by the Moebius curve and gamma 1/2.4."""
    knee, peak = _KNEE, _PEAK_NITS / REFERENCE_WHITE_NITS
    a = -knee * knee * (peak - 1) / (knee * knee - 2 * knee + peak)
    b = (knee * knee - 2 * knee * peak + peak) / (peak - 1)
    bent = (b * b + 2 * b * knee + knee * knee) / (b - a) * (light + a) / (light + b)
    mapped = np.where(light <= knee, light, bent)
    return np.asarray(np.rint(255 * np.power(np.clip(mapped, 0, 1), 1 / 2.4)), dtype=np.uint8)
