"""Write an ONNX file by hand: the few protobuf messages and operators that the converted networks need.

Source: onnx.proto3, IR version 8, operator set 13. Weights are stored as raw little-endian float32.
Invariant: the bytes depend on the calls alone, so that the manifest can pin the digest of a converted
network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FLOAT, _INT, _INTS, _INT64 = 1, 2, 7, 7


class OnnxGraph:
    """A graph under construction: each method adds one operator and returns the name of its value.

    Args:
        side: side of the square input, pixels; the input is float32 (n, 3, side, side) and named "input".
    """

    def __init__(self, side: int) -> None:
        self._side = side
        self._nodes: list[bytes] = []
        self._initializers: list[bytes] = []

    def convolution(
        self,
        value: str,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
        *,
        stride: int,
        padding: Sequence[int],
        groups: int = 1,
    ) -> str:
        """Convolve; weights (out, in / groups, k, k), padding (top, left, bottom, right)."""
        attributes = [
            _ints("pads", padding),
            _ints("strides", [stride] * 2),
            _ints("kernel_shape", weights.shape[2:]),
            _integer("group", groups),
        ]
        return self._add("Conv", [value, self._constant(weights), self._constant(bias)], attributes)

    def clip(self, value: str, low: float, high: float) -> str:
        """Limit to low..high."""
        limits = [self._constant(np.float32(low)), self._constant(np.float32(high))]
        return self._add("Clip", [value, *limits])

    def relu(self, value: str) -> str:
        """Set negative values to zero."""
        return self._add("Relu", [value])

    def add(self, one: str, other: str) -> str:
        """Sum two values of one shape."""
        return self._add("Add", [one, other])

    def pool(self, value: str, kind: str, kernel: int, stride: int) -> str:
        """Pool without padding; kind is "MaxPool" or "AveragePool"."""
        sizes = [_ints("kernel_shape", [kernel] * 2), _ints("strides", [stride] * 2)]
        return self._add(kind, [value], sizes)

    def pad(self, value: str, *, channels: int = 0, bottom: int = 0, right: int = 0) -> str:
        """Append zero channels, rows and columns."""
        amounts = np.array([0, 0, 0, 0, 0, channels, bottom, right], "<i8")
        return self._add("Pad", [value, self._constant(amounts)])

    def mean(self, value: str) -> str:
        """Average over height and width: (n, channels)."""
        pooled = self._add("GlobalAveragePool", [value])
        return self._add("Flatten", [pooled], [_integer("axis", 1)])

    def product(self, value: str, matrix: NDArray[np.float32]) -> str:
        """Multiply (n, in) by a matrix (in, out)."""
        return self._add("MatMul", [value, self._constant(matrix)])

    def offset(self, value: str, amounts: NDArray[np.float32]) -> str:
        """Add a constant (size,) to every row of (n, size)."""
        return self._add("Add", [value, self._constant(amounts)])

    def to_bytes(self, output: str, size: int) -> bytes:
        """Finish: `output` becomes the only output, float32 (n, size)."""
        graph = b"".join(_field(1, node) for node in self._nodes) + _field(2, b"descriptor")
        graph += b"".join(_field(5, tensor) for tensor in self._initializers)
        graph += _field(11, _value_info("input", [3, self._side, self._side]))
        graph += _field(12, _value_info(output, [size]))
        opset = _field(1, b"") + _number(2, 13)
        return _number(1, 8) + _field(2, b"haechi") + _field(7, graph) + _field(8, opset)

    def _add(self, operation: str, inputs: Sequence[str], attributes: Sequence[bytes] = ()) -> str:
        output = f"v{len(self._nodes)}"
        node = b"".join(_field(1, name.encode()) for name in inputs) + _field(2, output.encode())
        node += _field(3, output.encode()) + _field(4, operation.encode())
        self._nodes.append(node + b"".join(_field(5, attribute) for attribute in attributes))
        return output

    def _constant(self, values: NDArray[np.float32] | NDArray[np.int64] | np.float32) -> str:
        name = f"k{len(self._initializers)}"
        whole = np.asarray(values).dtype.kind == "i"
        array = np.asarray(values, "<i8" if whole else "<f4")
        tensor = b"".join(_number(1, size) for size in array.shape)
        tensor += _number(2, _INT64 if whole else _FLOAT) + _field(8, name.encode())
        self._initializers.append(tensor + _field(9, array.tobytes()))
        return name


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


def _ints(name: str, values: Sequence[int]) -> bytes:
    return _field(1, name.encode()) + b"".join(_number(8, value) for value in values) + _number(20, _INTS)


def _integer(name: str, value: int) -> bytes:
    return _field(1, name.encode()) + _number(3, value) + _number(20, _INT)


def _value_info(name: str, shape: Sequence[int]) -> bytes:
    dims = _field(1, _field(2, b"n")) + b"".join(_field(1, _number(1, size)) for size in shape)
    tensor = _number(1, _FLOAT) + _field(2, dims)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))
