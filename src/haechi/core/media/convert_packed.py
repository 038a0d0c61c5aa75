"""Convert nsfwjs' MobileNet v2 to ONNX, bit for bit the same on every machine.

`packed_tfjs_to_onnx` reads a TensorFlow.js graph model that was packed into JavaScript modules: one with the model as
an object literal, then its weights as base64 in shards. Weights are 8 bits: value = scale * byte + min, in double
precision, then float32, as TensorFlow.js 1.7.4 does. The graph is a chain of convolutions with a bias and, mostly, a
clip to 0..6, with residual sums between them. Its end is a mean, a product and a softmax, which is left to the
caller: the output is logits. The scaling of the input (times 2, minus 1) is the caller's, too. No script
is run: the literal is read token by token.
Source: nsfwjs 4.4.0 `dist/models/mobilenet_v2_mid`; TensorFlow.js 1.7.4 `io/io_utils.ts` (quantisation).

Limits: reads only its own network; anything else is an IntegrityError, not a guess.
Invariant: the output depends on the input files alone, so that the manifest can pin its digest.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import IntegrityError
from haechi.core.media.onnx_file import OnnxGraph

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_$][\w$]*|-?\d*\.?\d+(?:[eE][+-]?\d+)?|![01]|[{}\[\],:]')
_SHARD: Final = re.compile(r'exports="([A-Za-z0-9+/=]+)"')
_BEGINS: Final = "e.exports={"
_ENDS: Final = "},{}]},{},[1])"
_WORDS: Final = {"!0": "true", "!1": "false", "true": "true", "false": "false", "null": "null"}
_PASSED_ON: Final[Mapping[str, list[float]]] = {
    "Mul": [2.0],
    "Sub": [1.0],
    "Squeeze": [],
    "Softmax": [],
    "Identity": [],
}
"""Left to the caller or without effect: operation -> its constants."""
_RELU6: Final = base64.b64encode(b"Relu6").decode()

Constants = Mapping[str, NDArray[np.float32]]


def packed_tfjs_to_onnx(model: bytes, shards: Sequence[bytes], *, size: int) -> bytes:
    """Convert a packed TensorFlow.js graph model (MobileNet v2) to ONNX.

    Args:
        model: the JavaScript module with the model.
        shards: those with the weights, in order.
        size: side of the square input, pixels.

    Returns:
        An ONNX model from float32 (n, 3, size, size), RGB in -1..1, to logits, float32 (n, classes).

    Raises:
        IntegrityError: if the modules are not that network.
    """
    try:
        found = json.loads(_json(model.decode("ascii")))
        data = b"".join(_shard(one) for one in shards)
        constants = _constants(found["weightsManifest"][0]["weights"], data)
        return _graph(found["modelTopology"]["node"], constants, size)
    except (ValueError, KeyError, IndexError, TypeError, binascii.Error) as error:
        raise IntegrityError(f"cannot convert the network: {error!r}") from error


def _json(script: str) -> str:
    """The object literal that the module exports, as JSON."""
    start, end = script.index(_BEGINS) + len(_BEGINS) - 1, script.rindex(_ENDS)
    out, at = [], start
    while at < end:
        match = _TOKEN.match(script, at, end)
        if match is None:
            raise ValueError(f"not a plain literal at {at}")
        token, at = match.group(), match.end()
        if token[0].isalpha() or token[0] in "_$!":
            token = _WORDS.get(token) or json.dumps(token)
        elif token.startswith((".", "-.")):
            token = token.replace(".", "0.", 1)
        out.append(token)
    return "".join(out)


def _shard(script: bytes) -> bytes:
    match = _SHARD.search(script.decode("ascii"))
    if match is None:
        raise ValueError("a shard without weights")
    return base64.b64decode(match.group(1), validate=True)


def _constants(entries: Sequence[Mapping[str, Any]], data: bytes) -> Constants:
    constants, offset = {}, 0
    for entry in entries:
        packed = entry["quantization"]
        if packed["dtype"] != "uint8" or entry["dtype"] != "float32":
            raise ValueError(f"weights of another type: {entry['name']}")
        count = int(np.prod(entry["shape"], dtype=np.int64))
        values = np.frombuffer(data, np.uint8, count, offset).astype(np.float64) * packed["scale"] + packed["min"]
        constants[entry["name"]] = values.astype(np.float32).reshape(entry["shape"])
        offset += count
    if offset != len(data):
        raise ValueError(f"{len(data)} bytes of weights, {offset} are named")
    return constants


def _graph(nodes: Sequence[Mapping[str, Any]], constants: Constants, size: int) -> bytes:
    graph, classes = OnnxGraph(size), 0
    values: dict[str, tuple[str, int]] = {}  # name of a node -> value and its side
    for node in nodes:
        operation, inputs = node["op"], node.get("input", [])
        before = [values[name] for name in inputs if name in values]
        fixed = [constants[name] for name in inputs if name in constants]
        if operation == "Const":
            continue
        if operation == "Placeholder":
            found = ("input", size)
        elif operation in _PASSED_ON and [float(one) for one in fixed] == _PASSED_ON[operation]:
            found = before[0]
        elif operation in ("_FusedConv2D", "FusedDepthwiseConv2dNative"):
            found = _convolution(graph, node, *before[0], *fixed)
        elif operation == "AddV2":
            found = (graph.add(before[0][0], before[1][0]), before[0][1])
        elif operation == "AvgPool":
            found = (_mean(graph, node, *before[0]), 1)
        elif operation == "_FusedMatMul":
            found, classes = (graph.offset(graph.product(before[0][0], fixed[0]), fixed[1]), 1), len(fixed[1])
        else:
            raise ValueError(f"unexpected operation {operation} {node['name']}")
        values[node["name"]] = found
    return graph.to_bytes(values["Identity"][0], classes)


def _convolution(
    graph: OnnxGraph,
    node: Mapping[str, Any],
    value: str,
    side: int,
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> tuple[str, int]:
    depthwise = node["op"] == "FusedDepthwiseConv2dNative"
    # TensorFlow: height, width, in, out; or height, width, channels, 1
    weights = np.ascontiguousarray(kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)))
    stride = int(node["attr"]["strides"]["list"]["i"][1])
    after = -(-side // stride)
    total = max((after - 1) * stride + weights.shape[-1] - side, 0)
    before = total // 2  # padding "SAME": the odd pixel goes last
    value = graph.convolution(
        value,
        weights,
        bias,
        stride=stride,
        padding=[before, before, total - before, total - before],
        groups=len(weights) if depthwise else 1,
    )
    clipped = _RELU6 in node["attr"]["fused_ops"]["list"]["s"]
    return (graph.clip(value, 0.0, 6.0) if clipped else value), after


def _mean(graph: OnnxGraph, node: Mapping[str, Any], value: str, side: int) -> str:
    if [int(one) for one in node["attr"]["ksize"]["list"]["i"]] != [1, side, side, 1]:
        raise ValueError("the mean is not over the whole picture")
    return graph.mean(value)
