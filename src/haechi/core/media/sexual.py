"""A flag for sexual content: a reason to look less and seal sooner, never a reason to relax.

Method: nsfwjs 4.4.0's MobileNet v2 (MIT), whole pictures at 224 pixels, five classes; the score is the probability of
"Porn" and "Hentai" together. Of a film some frames are looked at, evenly spread; its score is the second highest of
them, so that one odd frame alone raises nothing. Decoding happens in the limited child (`sandbox`); no frame is kept.
Limits: trained on pictures from the web of unknown rights and bias; never measured here on sexual media, which this
project neither holds nor looks for: what it misses is unknown. Of films longer than `EVERY_FRAME_S` only key frames are
looked at; sound, words and small insets are not looked at. "Sexy" (swimwear, stage clothes) does not count.
Source: github.com/infinitered/nsfwjs (classes, input range); outputs agree with TensorFlow.js to 1e-5.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import HaechiError
from haechi.core.flag import Flag
from haechi.core.media.decode import FrameRequest, read_frames
from haechi.core.media.network import Network, batch_of
from haechi.core.media.probe import hash_file, probe_media
from haechi.core.settings import Limits

MODEL: Final = "nsfw_mobilenet_v2_mid.onnx"
CLASSES: Final = ("Drawing", "Hentai", "Neutral", "Porn", "Sexy")
MOST_FRAMES: Final = 24
EVERY_FRAME_S: Final = 120.0
_COUNTED: Final = (CLASSES.index("Hentai"), CLASSES.index("Porn"))
_SIDE: Final = 224
_DECODED_SIDE: Final = 448


class SexualContent:
    """Flags files; the weights are loaded when first needed.

    Args:
        models: the models folder.
        limits: what decoding may cost.
    """

    def __init__(self, models: Path, limits: Limits) -> None:
        self._models, self._limits = models, limits
        self._network: Network | None = None

    def __call__(self, path: Path) -> Flag:
        """Look at a picture or film; whatever goes wrong is an abstention, for preserving must never wait for this."""
        try:
            network = self._loaded()
            return self._flag(path, network)
        except (HaechiError, OSError, cv2.error, MemoryError) as error:
            return Flag(None, abstained=str(error).strip().split("\n", 1)[0][:300] or type(error).__name__)

    def _flag(self, path: Path, network: Network) -> Flag:
        info = probe_media(path, self._limits)
        if info.width is None:
            return Flag(None, abstained="there is no picture in it")
        length_s = min(info.duration_s or 0.0, self._limits.max_duration_s)
        request = FrameRequest(
            max_side=_DECODED_SIDE, key_only=length_s > EVERY_FRAME_S, min_interval_s=length_s / MOST_FRAMES
        )
        scores = []
        with read_frames(path, self._limits, request) as frames:
            for frame in frames:
                scores.append(score_of(probabilities(network, frame.image)))
                if len(scores) >= MOST_FRAMES:
                    break
        if not scores:
            return Flag(None, abstained="no picture could be decoded")
        return Flag(round(fused(scores), 4), len(scores), sha256=hash_file(self._models / MODEL))

    def _loaded(self) -> Network:
        if self._network is None:
            self._network = Network(MODEL, self._models)
        return self._network


def probabilities(network: Network, image_bgr: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Probability of each of `CLASSES`, float64 (5,).

    Args:
        network: of `MODEL`.
        image_bgr: uint8 (h, w, 3).
    """
    small = image_bgr
    if image_bgr.shape[:2] != (_SIDE, _SIDE):
        small = np.asarray(cv2.resize(image_bgr, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    logits = network.run_whole(batch_of([small], 1 / 127.5, -1.0))[0].astype(np.float64)
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum(), np.float64)


def score_of(found: NDArray[np.float64]) -> float:
    """Probability of the classes that count, 0 to 1."""
    return float(found[list(_COUNTED)].sum())


def fused(scores: list[float]) -> float:
    """The score of a film: the second highest, or the only one."""
    return sorted(scores)[-2:][0]
