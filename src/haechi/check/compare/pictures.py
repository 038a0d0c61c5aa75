"""Pictures for the report: the probe's moment with the change outlined, the master's matching moment, a heat map."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.geometry import Placement
from haechi.core.records import Box, Picture

SHOWN_SIDE = 720
OUTLINE_BGR = (48, 48, 224)

Image = NDArray[np.uint8]


def outlined(probe_bgr: Image, box: Box | None) -> Image:
    """The probe with the change's box drawn: light rim, red line, so that it shows on any ground."""
    out = probe_bgr.copy()
    if box is None:
        return out
    thickness = max(2, round(max(out.shape[:2]) / 240))
    corner = (box.x + box.w, box.y + box.h)
    cv2.rectangle(out, (box.x, box.y), corner, (255, 255, 255), thickness + 2, cv2.LINE_AA)
    cv2.rectangle(out, (box.x, box.y), corner, OUTLINE_BGR, thickness, cv2.LINE_AA)
    return out


def shown(image_bgr: Image) -> Image:
    """The picture with a long side of SHOWN_SIDE at most."""
    factor = min(1.0, SHOWN_SIDE / max(image_bgr.shape[:2]))
    if factor == 1.0:
        return image_bgr
    return np.asarray(cv2.resize(image_bgr, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def heat(probe_bgr: Image, scores: NDArray[np.float32], ceiling: float) -> Image:
    """Scores over a darkened grey probe: clear where nothing differs, yellow to red where it does.

    Args:
        probe_bgr: uint8 (h, w, 3).
        scores: float32 (gh, gw), z.
        ceiling: score shown as full red.
    """
    size = (probe_bgr.shape[1], probe_bgr.shape[0])
    level = np.clip(cv2.resize(scores, size, interpolation=cv2.INTER_CUBIC) / ceiling, 0.0, 1.0)
    grey = cv2.cvtColor(cv2.cvtColor(probe_bgr, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) * 0.55
    warm = cv2.applyColorMap(np.round(95 + 160 * level).astype(np.uint8), cv2.COLORMAP_TURBO).astype(np.float32)
    weight = np.clip((level - 0.28) / 0.3, 0.0, 0.85)[..., None]
    return np.asarray(np.clip(grey * (1 - weight) + warm * weight, 0, 255), dtype=np.uint8)


def picture(name: str, image_bgr: Image, time_s: float, change: int | None) -> Picture:
    """Encode for the report, as `shown`."""
    image_bgr = shown(image_bgr)
    ok, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not ok:
        raise AssertionError("OpenCV cannot encode JPEG")
    return Picture(name, data.tobytes(), image_bgr.shape[1], image_bgr.shape[0], round(time_s, 3), change)


def into_probe(master_bgr: Image, placement: Placement, shape: tuple[int, int], master_shape: tuple[int, int]) -> Image:
    """A master frame laid over the probe's picture, so that both sides show the same place.

    Args:
        master_bgr: uint8 (h, w, 3), possibly smaller than the master.
        placement: master -> probe, both at full size.
        shape: (h, w) of the probe.
        master_shape: (h, w) of the master at full size.
    """
    fitted = placement.rescaled(1.0, max(master_bgr.shape[:2]) / max(master_shape))
    size = (shape[1], shape[0])
    return np.asarray(cv2.warpAffine(master_bgr, fitted.matrix, size, flags=cv2.INTER_AREA), dtype=np.uint8)
