"""Describe a face by two vectors, and say whether the picture of it is good enough to.

Method: two networks that were trained apart, so that their errors differ: dlib's ResNet (128 numbers) and
HSE's MobileNet on VGGFace2 (1024 numbers). Both see the face upright: the outer and inner corners of the
eyes and the base of the nose (mesh points 263, 382, 33, 173, 2) go to the places that dlib's five-point
alignment gives them. Each vector is the mean over the crop and its mirror image, scaled to length 1.
Limits: profiles, veils and masks, faces under about 40 px, motion blur. `Quality` says so; the caller
abstains. A vector identifies a person: it is kept only for enrolled artists (DESIGN.md section 2, rule 2).
Invariant: a change of crop or weights changes `DESCRIPTORS`' version, because stored vectors no longer
compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.media.align import cut, similarity
from haechi.core.media.network import Network

DESCRIPTORS = {"dlib": 128, "faceres": 1024}
"""Name -> length of each vector; version 1."""

_POINTS = (263, 382, 33, 173, 2)
# Where dlib's five-point model expects those points, as fractions of the face's square (image_transforms,
# get_face_chip_details).
_PLACES = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ],
    np.float32,
)
_DLIB_SIDE, _DLIB_MARGIN = 150, 0.25
_DLIB_MEAN = np.array([122.782, 117.001, 104.298], np.float32)  # red, green, blue
_FACERES_SIDE, _FACERES_MARGIN = 224, 0.5
_FACERES_MEAN = np.array([103.939, 116.779, 123.68], np.float32)  # blue, green, red

MIN_EYE_DISTANCE_PX = 14.0
MAX_TURN = 1.2
MIN_SHARPNESS = 2.5
MIN_CONTRAST = 8.0


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a face is seen.

    Attributes:
        eye_distance_px: between the pupils, in the picture.
        turn: 0 for a frontal face, 1 where the nose hides an eye: how far the nose lies off the middle of the eyes.
        sharpness: standard deviation of the Laplacian of the upright crop, grey levels.
        contrast: standard deviation of the upright crop, grey levels.
    """

    eye_distance_px: float
    turn: float
    sharpness: float
    contrast: float

    @property
    def problem(self) -> str | None:
        """Why the face is not good enough to be recognised, or None."""
        if self.eye_distance_px < MIN_EYE_DISTANCE_PX:
            return "the face is too small"
        if self.turn > MAX_TURN:
            return "the face is turned away"
        if self.contrast < MIN_CONTRAST:
            return "the face is too dark or too bright"
        if self.sharpness < MIN_SHARPNESS:
            return "the face is blurred"
        return None

    @property
    def weight(self) -> float:
        """How much the face counts when several are fused, 0 to 1."""
        size = min(self.eye_distance_px / 40.0, 1.0)
        return float(max(size * (1.0 - 0.7 * min(self.turn, 1.0)), 0.0) * min(self.sharpness / 8.0, 1.0))


@dataclass(frozen=True, slots=True)
class Description:
    """Vectors by name, float32, length 1 each, and the quality of the face they came from."""

    vectors: Mapping[str, NDArray[np.float32]]
    quality: Quality


class FaceDescriber:
    """Describes faces.

    Args:
        models: the models folder.
    """

    def __init__(self, models: Path) -> None:
        self._dlib = Network("dlib_face_recognition_resnet_v1.onnx", models)
        self._faceres = Network("faceres.onnx", models)

    def quality(self, image_bgr: NDArray[np.uint8], points: NDArray[np.float32]) -> Quality:
        """Judge a face without describing it; much cheaper.

        Args:
            image_bgr: uint8 (h, w, 3).
            points: float32 (478, 2), from `FaceMesh`.
        """
        return _quality(_upright(image_bgr, points, _DLIB_SIDE, _DLIB_MARGIN), points)

    def describe(self, image_bgr: NDArray[np.uint8], points: NDArray[np.float32]) -> Description:
        """Describe a face.

        Args:
            image_bgr: uint8 (h, w, 3).
            points: float32 (478, 2), from `FaceMesh`.
        """
        small = _upright(image_bgr, points, _DLIB_SIDE, _DLIB_MARGIN)
        large = _upright(image_bgr, points, _FACERES_SIDE, _FACERES_MARGIN)
        vectors = {
            "dlib": _vector(self._dlib, (_both(small)[..., ::-1] - _DLIB_MEAN) / 256.0),
            "faceres": _vector(self._faceres, _both(large) - _FACERES_MEAN),
        }
        return Description(vectors, _quality(small, points))


def _upright(image: NDArray[np.uint8], points: NDArray[np.float32], side: int, margin: float) -> NDArray[np.uint8]:
    places = (margin + _PLACES) / (2 * margin + 1) * side
    return cut(image, similarity(points[list(_POINTS)], places.astype(np.float32)), side)


def _both(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The crop and its mirror image, float32 (2, side, side, 3)."""
    return np.stack([crop, crop[:, ::-1]]).astype(np.float32)


def _vector(network: Network, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    raw = network.run_whole(np.ascontiguousarray(batch.transpose(0, 3, 1, 2), np.float32))
    mean = raw.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def _quality(crop: NDArray[np.uint8], points: NDArray[np.float32]) -> Quality:
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    middle = grey[30:120, 30:120]
    right, left, nose = points[[33, 133]].mean(axis=0), points[[263, 362]].mean(axis=0), points[1]
    across = left - right
    distance = float(np.hypot(*across))
    along = float((nose - right) @ across) / max(distance**2, 1e-6)
    return Quality(
        eye_distance_px=distance,
        turn=abs(2.0 * along - 1.0),
        sharpness=float(cv2.Laplacian(middle, cv2.CV_32F).std()),
        contrast=float(middle.std()),
    )
