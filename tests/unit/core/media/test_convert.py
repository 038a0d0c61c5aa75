"""Conversion of small stand-ins whose result can be computed by hand."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.core.errors import IntegrityError
from haechi.core.media.convert import dlib_to_onnx, tfjs_to_onnx


def run(model: bytes, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    net = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8), cv2.dnn.ENGINE_CLASSIC)
    net.setInput(batch)
    return np.asarray(net.forward(), np.float32)


def tfjs(kernel: NDArray[np.float32], bias: NDArray[np.float32], stride: int) -> tuple[bytes, bytes]:
    attributes = {"strides": {"list": {"i": ["1", str(stride), str(stride), "1"]}}}
    nodes: list[dict[str, Any]] = [
        {"name": "x", "op": "Placeholder"},
        {"name": "c", "op": "Conv2D", "input": ["x", "k"], "attr": attributes},
        {"name": "a", "op": "Add", "input": ["c", "b"], "attr": {}},
        {"name": "r", "op": "Relu", "input": ["a"], "attr": {}},
        {"name": "m", "op": "Mean", "input": ["r", "axes"], "attr": {}},
    ]
    weights = [
        {"name": "k", "shape": list(kernel.shape), "dtype": "float32", "quantization": {"dtype": "float16"}},
        {"name": "b", "shape": list(bias.shape), "dtype": "float32", "quantization": {"dtype": "float16"}},
    ]
    model = {"modelTopology": {"node": nodes}, "weightsManifest": [{"paths": ["w"], "weights": weights}]}
    return json.dumps(model).encode(), kernel.astype("<f2").tobytes() + bias.astype("<f2").tobytes()


def test_tfjs_chain_keeps_same_padding() -> None:
    kernel = np.ones((3, 3, 3, 2), np.float32)
    kernel[..., 1] = 0.25
    graph, weights = tfjs(kernel, np.array([0.5, -1.0], np.float32), stride=2)
    model = tfjs_to_onnx(graph, weights, output="m", size=4)
    assert model == tfjs_to_onnx(graph, weights, output="m", size=4)
    image = np.full((1, 3, 4, 4), 0.1, np.float32)
    # SAME with stride 2 on 4 pixels pads one row at the end: windows of 9, 6, 6 and 4 pixels, three channels each.
    sums = np.array([9, 6, 6, 4], np.float32) * 0.3
    expected = [np.clip(sums + 0.5, 0, 6).mean(), np.clip(0.25 * sums - 1.0, 0, 6).mean()]
    np.testing.assert_allclose(run(model, image)[0], expected, rtol=1e-5)


def test_tfjs_refuses_what_it_does_not_know() -> None:
    graph, weights = tfjs(np.ones((3, 3, 3, 1), np.float32), np.zeros(1, np.float32), 1)
    with pytest.raises(IntegrityError, match="no node"):
        tfjs_to_onnx(graph.replace(b"Mean", b"Relu"), weights, output="m", size=4)
    with pytest.raises(IntegrityError, match="unexpected operation Mean"):
        tfjs_to_onnx(graph, weights, output="other", size=4)
    with pytest.raises(IntegrityError, match="unexpected operation"):
        tfjs_to_onnx(graph.replace(b"Relu", b"Elu"), weights, output="m", size=4)


def integers(*values: int) -> bytes:
    out = b""
    for value in values:
        data = value.to_bytes(max((value.bit_length() + 7) // 8, 1), "little")
        out += bytes([len(data)]) + data
    return out


def layer(name: str, parameters: NDArray[np.float32] | None, after: bytes = b"", before: bytes = b"") -> bytes:
    out = b"\x01" + bytes([len(name)]) + name.encode() + before
    if parameters is not None:
        out += integers(2, parameters.size, 1, 1, 1) + parameters.astype("<f4").tobytes()
    return out + after


def test_dlib_layers_are_rebuilt() -> None:
    rng = np.random.default_rng(7)
    stem = rng.normal(size=(32 * 3 * 49 + 32)).astype(np.float32) * 0.05
    gains = np.concatenate([np.full(32, 2.0), np.full(32, 0.5)]).astype(np.float32)
    product = rng.normal(size=(32, 5)).astype(np.float32)
    data = layer("con_4", stem, integers(32, 7, 7, 2, 2, 0, 0)) + layer("affine_", gains)
    data += layer("max_pool_2", None) + layer("fc_2", product.reshape(-1), before=integers(5, 32))
    model = dlib_to_onnx(data)
    image = rng.normal(size=(1, 3, 150, 150)).astype(np.float32)
    weights = stem[: 32 * 3 * 49].reshape(32, 3, 7, 7)
    windows = np.lib.stride_tricks.sliding_window_view(image[0], (7, 7), axis=(1, 2))[:, ::2, ::2]
    convolved = np.einsum("cyxij,ocij->oyx", windows, weights) + stem[-32:, None, None]
    active = np.maximum(2.0 * convolved + 0.5, 0)
    pooled = np.lib.stride_tricks.sliding_window_view(active, (3, 3), axis=(1, 2))[:, ::2, ::2].max(axis=(3, 4))
    np.testing.assert_allclose(run(model, image)[0], pooled.mean(axis=(1, 2)) @ product, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("data", [b"", b"\x01\x05con_4" + struct.pack("<i", 1), base64.b64decode("AQVjb25fNA==")])
def test_dlib_refuses_other_files(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        dlib_to_onnx(data)
