"""Convert the face descriptor network from TensorFlow.js to ONNX, bit for bit the same on every machine.

Method: the graph is one chain of convolutions, each followed by an optional scale (Mul), a bias (Add) and a
clip to 0..6 (Relu, Minimum, Maximum), then a global mean. Scale and bias are folded into the convolution; the
heads after the mean (which guess age and gender) are left out, since nothing here may ask for them. ONNX is
protobuf; the few messages that are needed are written by hand (onnx.proto3, IR version 8, operator set 13),
so that no converter has to be installed.
Limits: reads only this family (MobileNet without branches); anything else is an IntegrityError, not a guess.
Invariant: the output depends on the two input files alone, so that the manifest can pin its digest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import IntegrityError

_FLOAT, _INT, _INTS = 1, 2, 7
_DTYPES: dict[str, np.dtype[Any]] = {
    "float16": np.dtype("<f2"),
    "float32": np.dtype("<f4"),
    "int32": np.dtype("<i4"),
}


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
        An ONNX model: input "input" float32 (n, 3, size, size), output "descriptor" float32 (n, channels).

    Raises:
        IntegrityError: if the graph is not the expected chain.
    """
    model = json.loads(graph_json)
    constants = _read_constants(model["weightsManifest"], weights)
    layers = _read_chain(model["modelTopology"]["node"], constants, output)
    return _write_model(layers, size)


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


def _read_chain(
    nodes: list[dict[str, Any]], constants: Mapping[str, NDArray[Any]], output: str
) -> list[_Layer]:
    layers: list[_Layer] = []
    for node in nodes:
        operation = node["op"]
        if operation in ("Const", "Placeholder", "Relu", "Minimum", "Maximum"):
            continue
        if operation == "Mean" and node["name"] == output:
            return layers
        constant = constants[node["input"][1]]
        if operation in ("Conv2D", "DepthwiseConv2dNative"):
            layers.append(_convolution(constant, node))
        elif operation == "Mul" and layers:
            layers[-1].weights *= constant.reshape(-1, 1, 1, 1)
            layers[-1].bias *= constant
        elif operation == "Add" and layers:
            layers[-1].bias += constant
        else:
            raise IntegrityError(f"cannot convert the network: unexpected operation {operation}")
    raise IntegrityError(f"cannot convert the network: it has no node {output}")


def _convolution(kernel: NDArray[Any], node: Mapping[str, Any]) -> _Layer:
    stride = int(node["attr"]["strides"]["list"]["i"][1])
    if node["op"] == "Conv2D":  # height, width, in, out
        weights, groups = kernel.transpose(3, 2, 0, 1), 1
    else:  # height, width, channels, 1
        weights, groups = kernel.transpose(2, 3, 0, 1), kernel.shape[2]
    return _Layer(
        np.ascontiguousarray(weights, np.float32), np.zeros(len(weights), np.float32), stride, groups
    )


def _write_model(layers: list[_Layer], size: int) -> bytes:
    initializers = [_tensor("zero", np.float32(0.0)), _tensor("six", np.float32(6.0))]
    nodes: list[bytes] = []
    value, side = "input", size
    for index, layer in enumerate(layers):
        kernel = layer.weights.shape[-1]
        after = -(-side // layer.stride)
        total = max((after - 1) * layer.stride + kernel - side, 0)  # padding "SAME": the odd pixel goes last
        before = total // 2
        initializers += [_tensor(f"w{index}", layer.weights), _tensor(f"b{index}", layer.bias)]
        attributes = [
            _ints("pads", [before, before, total - before, total - before]),
            _ints("strides", [layer.stride] * 2),
            _ints("kernel_shape", [kernel] * 2),
            _integer("group", layer.groups),
        ]
        nodes.append(_node("Conv", [value, f"w{index}", f"b{index}"], f"c{index}", attributes))
        nodes.append(_node("Clip", [f"c{index}", "zero", "six"], f"r{index}", []))
        value, side = f"r{index}", after
    nodes.append(_node("GlobalAveragePool", [value], "pooled", []))
    nodes.append(_node("Flatten", ["pooled"], "descriptor", [_integer("axis", 1)]))
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"descriptor")
    graph += b"".join(_field(5, tensor) for tensor in initializers)
    graph += _field(11, _value_info("input", [3, size, size]))
    graph += _field(12, _value_info("descriptor", [len(layers[-1].bias)]))
    opset = _field(1, b"") + _number(2, 13)
    return _number(1, 8) + _field(2, b"haechi") + _field(7, graph) + _field(8, opset)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, values: NDArray[np.float32] | np.float32) -> bytes:
    array = np.asarray(values, "<f4")
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, _FLOAT) + _field(8, name.encode()) + _field(9, array.tobytes())


def _node(operation: str, inputs: list[str], output: str, attributes: list[bytes]) -> bytes:
    head = b"".join(_field(1, name.encode()) for name in inputs) + _field(2, output.encode())
    head += _field(3, output.encode()) + _field(4, operation.encode())
    return head + b"".join(_field(5, attribute) for attribute in attributes)


def _ints(name: str, values: list[int]) -> bytes:
    return _field(1, name.encode()) + b"".join(_number(8, value) for value in values) + _number(20, _INTS)


def _integer(name: str, value: int) -> bytes:
    return _field(1, name.encode()) + _number(3, value) + _number(20, _INT)


def _value_info(name: str, shape: list[int]) -> bytes:
    dims = _field(1, _field(2, b"n")) + b"".join(_field(1, _number(1, size)) for size in shape)
    tensor = _number(1, _FLOAT) + _field(2, dims)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))
