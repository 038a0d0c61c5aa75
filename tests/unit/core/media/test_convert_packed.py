from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from haechi.core.errors import IntegrityError
from haechi.core.media.convert_packed import packed_tfjs_to_onnx

RELU6 = base64.b64encode(b"Relu6").decode()
BIAS = base64.b64encode(b"BiasAdd").decode()
SHAPES = {"k1": (3, 3, 3, 2), "b1": (2,), "k2": (3, 3, 2, 1), "b2": (2,), "two": (), "one": (), "m": (2, 5), "b3": (5,)}
SIDE = 8


def convolution(name: str, operation: str, inputs: list[str], stride: int, ops: list[str]) -> dict[str, Any]:
    strides = {"list": {"i": ["1", str(stride), str(stride), "1"]}}
    attributes = {"strides": strides, "fused_ops": {"list": {"s": ops}}}
    return {"name": name, "op": operation, "input": inputs, "attr": attributes}


def nodes(side: int) -> list[dict[str, Any]]:
    return [
        *({"name": name, "op": "Const", "attr": {}} for name in SHAPES),
        {"name": "in", "op": "Placeholder", "attr": {}},
        {"name": "mul", "op": "Mul", "input": ["two", "in"], "attr": {}},
        {"name": "sub", "op": "Sub", "input": ["mul", "one"], "attr": {}},
        convolution("c1", "_FusedConv2D", ["sub", "k1", "b1"], 2, [BIAS, RELU6]),
        convolution("c2", "FusedDepthwiseConv2dNative", ["c1", "k2", "b2"], 1, [BIAS]),
        {"name": "sum", "op": "AddV2", "input": ["c1", "c2"], "attr": {}},
        {"name": "a", "op": "AvgPool", "input": ["sum"], "attr": {"ksize": {"list": {"i": ["1", side, side, "1"]}}}},
        {"name": "s", "op": "Squeeze", "input": ["a"], "attr": {}},
        {"name": "d", "op": "_FusedMatMul", "input": ["s", "m", "b3"], "attr": {}},
        {"name": "p", "op": "Softmax", "input": ["d"], "attr": {}},
        {"name": "Identity", "op": "Identity", "input": ["p"], "attr": {}},
    ]


def literal(value: Any) -> str:
    """JavaScript as a minifier writes it."""
    if isinstance(value, bool):
        return "!0" if value else "!1"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{literal(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(literal, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else re.sub(r"^(-?)0\.", r"\1.", str(value))


def packed(graph: list[dict[str, Any]], *, extra: bytes = b"") -> tuple[bytes, list[bytes], dict[str, Any]]:
    rng = np.random.default_rng(3)
    weights, data, values = [], b"", {}
    for name, shape in SHAPES.items():
        raw = rng.integers(0, 256, shape, dtype=np.uint8)
        least, scale = (2.0, 0.0) if name == "two" else (1.0, 0.0) if name == "one" else (-0.25, 0.002)
        values[name] = np.asarray(raw * scale + least, np.float32)
        quantization = {"min": least, "scale": scale, "dtype": "uint8"}
        weights.append({"name": name, "shape": list(shape), "dtype": "float32", "quantization": quantization})
        data += raw.tobytes()
    model = {"format": "graph-model", "ok": True, "modelTopology": {"node": graph}}
    script = (
        f"!function(t){{}}(1:[function(t,e,a){{e.exports={literal(model | {'weightsManifest': [{'weights': weights}]})}"
    )
    tail = "},{}]},{},[1])(1)});"
    encoded = base64.b64encode(data + extra).decode()
    half = len(encoded) // 8 * 4
    shards = [f'e.exports="{one}"'.encode() for one in (encoded[:half], encoded[half:])]
    return (script + tail).encode(), shards, values


def expected(image: np.ndarray, values: dict[str, Any]) -> np.ndarray:
    """The same graph in plain loops; image float32 (3, 8, 8), -1..1."""
    padded = np.pad(image, ((0, 0), (0, 1), (0, 1)))  # SAME, stride 2: the odd pixel goes last
    first = np.zeros((2, 4, 4))
    for y in range(4):
        for x in range(4):
            cut = padded[:, 2 * y : 2 * y + 3, 2 * x : 2 * x + 3].transpose(1, 2, 0)
            first[:, y, x] = (cut[..., None] * values["k1"]).sum(axis=(0, 1, 2)) + values["b1"]
    first = first.clip(0, 6)
    second, around = np.zeros_like(first), np.pad(first, ((0, 0), (1, 1), (1, 1)))
    for y in range(4):
        for x in range(4):
            cut = around[:, y : y + 3, x : x + 3].transpose(1, 2, 0)
            second[:, y, x] = (cut * values["k2"][..., 0]).sum(axis=(0, 1)) + values["b2"]
    return np.asarray((first + second).mean(axis=(1, 2)) @ values["m"] + values["b3"])


def test_graph_computes_the_same_and_the_bytes_never_change(tmp_path: Path) -> None:
    model, shards, values = packed(nodes(4))
    data = packed_tfjs_to_onnx(model, shards, size=SIDE)
    assert data == packed_tfjs_to_onnx(model, shards, size=SIDE)
    (tmp_path / "net.onnx").write_bytes(data)
    net = cv2.dnn.readNetFromONNX(str(tmp_path / "net.onnx"), cv2.dnn.ENGINE_CLASSIC)
    image = np.random.default_rng(1).uniform(-1, 1, (1, 3, SIDE, SIDE)).astype(np.float32)
    net.setInput(image)
    assert np.allclose(net.forward()[0], expected(image[0], values), atol=1e-4)


@pytest.mark.parametrize(
    ("find", "put"),
    [
        (b'op:"AddV2"', b'op:"Exp"'),
        (b"e.exports={", b"e.exports=eval({"),
        (b'"two","in"', b'"one","in"'),
        (b'"1",4,4,"1"', b'"1",2,2,"1"'),
        (b'dtype:"uint8"', b'dtype:"uint16"'),
        (b'op:"_FusedMatMul"', b'op:"Identity"'),
    ],
)
def test_anything_else_is_refused(find: bytes, put: bytes) -> None:
    model, shards, _ = packed(nodes(4))
    assert find in model
    with pytest.raises(IntegrityError, match="cannot convert"):
        packed_tfjs_to_onnx(model.replace(find, put), shards, size=SIDE)


def test_weights_must_be_all_there_and_no_more() -> None:
    model, shards, _ = packed(nodes(4), extra=b"more")
    with pytest.raises(IntegrityError, match="cannot convert"):
        packed_tfjs_to_onnx(model, shards, size=SIDE)
    model, shards, _ = packed(nodes(4))
    for wrong in (shards[:1], [b"nothing", shards[1]]):
        with pytest.raises(IntegrityError, match="cannot convert"):
            packed_tfjs_to_onnx(model, wrong, size=SIDE)
