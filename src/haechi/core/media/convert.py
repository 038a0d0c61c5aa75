"""Convert the two face descriptor networks to ONNX, bit for bit the same on every machine.

`tfjs_to_onnx` reads a MobileNet from TensorFlow.js: one chain of convolutions, each followed by an optional
scale (Mul), a bias (Add) and a clip to 0..6 (Relu, Minimum, Maximum), then a global mean. Scale and bias
are folded into the convolution; the heads after the mean (which guess age and gender) are left out: nothing
here may ask for them.

`dlib_to_onnx` reads dlib's face recognition ResNet from dlib's serialisation: layers stand in order from
the input, each with its name, its parameters (a tensor of little-endian float32) and its sizes. Source:
dlib 19.24, `dlib/dnn/layers.h`, `dlib/dnn/tensor.h` and `examples/dnn_face_recognition_ex.cpp`.

Limits: each reads only its own network; anything else is an IntegrityError, not a guess.
Invariant: the output depends on the input files alone, so that the manifest can pin its digest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import IntegrityError
from haechi.core.media.onnx_file import OnnxGraph

_DTYPES: dict[str, np.dtype[Any]] = {
    "float16": np.dtype("<f2"),
    "float32": np.dtype("<f4"),
    "int32": np.dtype("<i4"),
}
DLIB_SIDE = 150


@dataclass(slots=True)
class _Layer:
    """One convolution: weights float32 (out, in / groups, kernel, kernel), bias float32 (out,)."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    stride: int
    groups: int


def tfjs_to_onnx(graph_json: bytes, weights: bytes, *, output: str, size: int) -> bytes:
    """Convert a TensorFlow.js graph model (MobileNet family) to ONNX.

    Args:
        graph_json: the model's JSON (topology and weights manifest).
        weights: the one binary shard.
        output: name of the node that ends the chain, a global mean.
        size: side of the square input, pixels.

    Returns:
        An ONNX model from float32 (n, 3, size, size) to float32 (n, channels).

    Raises:
        IntegrityError: if the graph is not the expected chain.
    """
    model = json.loads(graph_json)
    constants = _read_constants(model["weightsManifest"], weights)
    graph, value, side = OnnxGraph(size), "input", size
    layers = _read_chain(model["modelTopology"]["node"], constants, output)
    for layer in layers:
        after = -(-side // layer.stride)
        total = max((after - 1) * layer.stride + layer.weights.shape[-1] - side, 0)
        before = total // 2  # padding "SAME": the odd pixel goes last
        value = graph.convolution(
            value,
            layer.weights,
            layer.bias,
            stride=layer.stride,
            padding=[before, before, total - before, total - before],
            groups=layer.groups,
        )
        value, side = graph.clip(value, 0.0, 6.0), after
    return graph.to_bytes(graph.mean(value), len(layers[-1].bias))


def _read_constants(manifest: list[dict[str, Any]], data: bytes) -> dict[str, NDArray[Any]]:
    constants: dict[str, NDArray[Any]] = {}
    offset = 0
    for entry in manifest[0]["weights"]:
        stored = _DTYPES[entry.get("quantization", {}).get("dtype", entry["dtype"])]
        count = int(np.prod(entry["shape"], dtype=np.int64))
        values = np.frombuffer(data, stored, count, offset).astype(_DTYPES[entry["dtype"]])
        constants[entry["name"]] = values.reshape(entry["shape"])
        offset += count * stored.itemsize
    return constants


def _read_chain(nodes: list[dict[str, Any]], constants: Mapping[str, NDArray[Any]], output: str) -> list[_Layer]:
    layers: list[_Layer] = []
    for node in nodes:
        operation = node["op"]
        if operation in ("Const", "Placeholder", "Relu", "Minimum", "Maximum"):
            continue
        if operation == "Mean" and node["name"] == output:
            return layers
        if operation not in ("Conv2D", "DepthwiseConv2dNative", "Mul", "Add"):
            raise IntegrityError(f"cannot convert the network: unexpected operation {operation}")
        constant = constants[node["input"][1]]
        if operation in ("Conv2D", "DepthwiseConv2dNative"):
            layers.append(_convolution(constant, node))
        elif operation == "Mul":
            layers[-1].weights *= constant.reshape(-1, 1, 1, 1)
            layers[-1].bias *= constant
        else:
            layers[-1].bias += constant
    raise IntegrityError(f"cannot convert the network: it has no node {output}")


def _convolution(kernel: NDArray[Any], node: Mapping[str, Any]) -> _Layer:
    stride = int(node["attr"]["strides"]["list"]["i"][1])
    if node["op"] == "Conv2D":  # height, width, in, out
        weights, groups = kernel.transpose(3, 2, 0, 1), 1
    else:  # height, width, channels, 1
        weights, groups = kernel.transpose(2, 3, 0, 1), kernel.shape[2]
    return _Layer(np.ascontiguousarray(weights, np.float32), np.zeros(len(weights), np.float32), stride, groups)


def dlib_to_onnx(data: bytes) -> bytes:
    """Convert `dlib_face_recognition_resnet_model_v1.dat` to ONNX.

    Args:
        data: the file.

    Returns:
        An ONNX model from float32 (n, 3, 150, 150), RGB minus (122.782, 117.001, 104.298) over 256, to
        float32 (n, 128).

    Raises:
        IntegrityError: if the file is not that network.
    """
    try:
        return _dlib_graph(list(_dlib_layers(data)))
    except (IndexError, ValueError) as error:
        raise IntegrityError(f"cannot convert the dlib network: {error}") from error


@dataclass(frozen=True, slots=True)
class _DlibLayer:
    kind: str
    parameters: NDArray[np.float32]
    sizes: tuple[int, ...]


def _dlib_layers(data: bytes) -> Iterator[_DlibLayer]:
    """Read the layers that compute something, in order from the input."""
    names = rb"\x01([\x04-\x0a])(con_4|affine_|add_prev_|max_pool_2|avg_pool_2|fc_2)"
    for match in re.finditer(names, data):
        kind, offset = match.group(2).decode(), match.end()
        if match.group(1)[0] != len(kind):
            continue
        parameters = np.empty(0, np.float32)
        head, offset = (_dlib_integers(data, offset, 2)) if kind == "fc_2" else ((), offset)
        if kind in ("con_4", "affine_", "fc_2"):
            shape, offset = _dlib_integers(data, offset, 5)  # version 2, then samples, k, rows, columns
            count = int(np.prod(shape[1:]))
            parameters = np.frombuffer(data, "<f4", count, offset).astype(np.float32)
            offset += 4 * count
        sizes, _ = _dlib_integers(data, offset, 7) if kind == "con_4" else (head, 0)
        yield _DlibLayer(kind, parameters, sizes)


def _dlib_integers(data: bytes, offset: int, count: int) -> tuple[tuple[int, ...], int]:
    """Read dlib's integers: a byte with the length (and the sign in bit 7), then little-endian bytes."""
    values = []
    for _ in range(count):
        length = data[offset] & 0x0F
        value = int.from_bytes(data[offset + 1 : offset + 1 + length], "little")
        values.append(-value if data[offset] & 0x80 else value)
        offset += 1 + length
    return tuple(values), offset


def _dlib_graph(layers: list[_DlibLayer]) -> bytes:
    """Rebuild the network: stem, 14 residual blocks, mean, product.

    Where a block halves the size, its shortcut is pooled.

    A sum of unlike shapes pads the smaller with zeros at the end of each axis (dlib's `add_prev`).
    """
    graph = OnnxGraph(DLIB_SIDE)
    value, channels, side = "input", 3, DLIB_SIDE
    shortcut = (value, channels, side)
    pending: list[_DlibLayer] = []
    for layer in layers:
        if layer.kind == "con_4":
            if not pending and channels > 3:
                shortcut = (value, channels, side)
            pending.append(layer)
        elif layer.kind == "affine_":
            value, channels, side = _dlib_convolution(graph, value, channels, side, pending[-1], layer)
            if len(pending) == 1:
                value = graph.relu(value)
        elif layer.kind == "max_pool_2":
            value, side, pending = graph.pool(value, "MaxPool", 3, 2), (side - 3) // 2 + 1, []
        elif layer.kind == "avg_pool_2" and pending:
            name, depth, width = shortcut
            shortcut = (graph.pool(name, "AveragePool", 2, 2), depth, (width - 2) // 2 + 1)
        elif layer.kind == "add_prev_":
            value, channels, side = _dlib_sum(graph, (value, channels, side), shortcut)
            pending = []
    matrix = layers[-1].parameters.reshape(channels, -1)
    return graph.to_bytes(graph.product(graph.mean(value), matrix), matrix.shape[1])


def _dlib_convolution(
    graph: OnnxGraph, value: str, channels: int, side: int, layer: _DlibLayer, affine: _DlibLayer
) -> tuple[str, int, int]:
    filters, kernel, _, stride, _, padding, _ = layer.sizes
    weights = layer.parameters[:-filters].reshape(filters, channels, kernel, kernel)
    gain, shift = affine.parameters[:filters], affine.parameters[filters:]
    bias = layer.parameters[-filters:] * gain + shift
    folded = weights * gain[:, None, None, None]
    value = graph.convolution(value, folded, bias, stride=stride, padding=[padding] * 4)
    return value, filters, (side + 2 * padding - kernel) // stride + 1


def _dlib_sum(graph: OnnxGraph, one: tuple[str, int, int], other: tuple[str, int, int]) -> tuple[str, int, int]:
    channels, side = max(one[1], other[1]), max(one[2], other[2])
    names = []
    for name, depth, width in (one, other):
        if (depth, width) != (channels, side):
            name = graph.pad(name, channels=channels - depth, bottom=side - width, right=side - width)
        names.append(name)
    return graph.relu(graph.add(*names)), channels, side
