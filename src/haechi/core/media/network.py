"""Run a pulled network with OpenCV: the one runtime for TensorFlow Lite and ONNX weights.

Limits: a network belongs to one thread at a time. OpenCV splits the work over `cv2.getNumThreads()` threads,
which the edge sets; nothing here changes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.media.models import model_path


class Network:
    """A network with named outputs.

    Args:
        name: file name in the manifest, `.tflite` or `.onnx`.
        models: the models folder.

    Raises:
        InputError: if the weights were not pulled.
        IntegrityError: if they are not the pinned ones.
    """

    def __init__(self, name: str, models: Path) -> None:
        path = model_path(name, models)
        read = cv2.dnn.readNetFromTFLite if path.suffix == ".tflite" else cv2.dnn.readNetFromONNX
        self._net = read(str(path), cv2.dnn.ENGINE_CLASSIC)  # the new engine of 5.0 drops all outputs but one

    def run(self, batch: NDArray[np.float32], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        """Compute named outputs.

        Args:
            batch: float32 (n, 3, h, w), scaled as the network wants it.
            outputs: layer names.

        Returns:
            One float32 array per name; the leading axes hold the batch.
        """
        self._net.setInput(batch)
        return [np.asarray(value, np.float32).copy() for value in self._net.forward(list(outputs))]

    def run_whole(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the only output of a network, float32 (n, ...); `batch` as in `run`."""
        self._net.setInput(batch)
        return np.asarray(self._net.forward(), np.float32).copy()


def batch_of(images: Sequence[NDArray[np.uint8]], scale: float, offset: float = 0.0) -> NDArray[np.float32]:
    """Stack BGR images uint8 (h, w, 3) of one size as RGB float32 (n, 3, h, w): scale * pixel + offset."""
    blob = np.asarray(cv2.dnn.blobFromImages(list(images), scale, swapRB=True, crop=False), np.float32)
    return blob + np.float32(offset) if offset else blob
