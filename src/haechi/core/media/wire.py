"""How a decoding child and its parent talk over a Unix socket: 4-byte length, then JSON.

Pictures and samples do not travel here: they lie in shared memory that the parent made, in slots used in
turn; the parent sends one byte back for every slot that it has emptied. Nothing that comes from the child
is ever unpickled.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct(">I")
MAX_MESSAGE_BYTES = 1 << 20
SLOT_FREE = b"+"


def slot_stride(slot_bytes: int) -> int:
    """Distance between slots in shared memory, bytes: whole cache lines, which also aligns float32."""
    return -(-slot_bytes // 64) * 64


class WireError(Exception):
    """The other side sent something that is not a message."""


def send_message(connection: socket.socket, message: dict[str, Any]) -> None:
    """Send one JSON object."""
    body = json.dumps(message).encode()
    connection.sendall(_LENGTH.pack(len(body)) + body)


class MessageReader:
    """Reads JSON objects from a socket; honours the socket's timeout."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def next(self) -> dict[str, Any] | None:
        """Next message, None when the other side has closed.

        Raises:
            TimeoutError: nothing came in time.
            WireError: not a message.
        """
        head = self._take(_LENGTH.size)
        if head is None:
            return None
        (length,) = _LENGTH.unpack(head)
        if length > MAX_MESSAGE_BYTES:
            raise WireError("message too long")
        body = self._take(length)
        if body is None:
            return None
        try:
            message = json.loads(body)
        except ValueError as error:
            raise WireError("not JSON") from error
        if not isinstance(message, dict):
            raise WireError("not an object")
        return message

    def _take(self, count: int) -> bytes | None:
        while len(self._buffer) < count:
            try:
                chunk = self._connection.recv(1 << 16)
            except ConnectionError:
                return None
            if not chunk:
                return None
            self._buffer += chunk
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken
