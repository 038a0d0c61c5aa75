"""Untrusted media are decoded in a child process that can do little harm; this is the side that asks for it.

For every file: it is opened here (regular files only) and only its descriptor is passed on; a child forked
from a small server (`sandbox_server`) limits its own memory, CPU time, files and system calls, decodes, and
writes pixels into shared memory that this side made. Whatever happens to the child, death included, is an
`UnreadableMediaError` for that file.

Invariants: nothing from the child is unpickled, every size and offset it states is checked against what was
agreed; closing the iterator, or losing it, kills the child; no thread is started here, and any thread may
call. The server is the one thing kept per process (`_server`): it starts with the first job, or by
`warm_up`, and ends with the process or, with all that it does, by `stop_jobs`. A fork of this process starts its own.
Limits: memory is bounded by RLIMIT_DATA, which only Linux enforces; the filter on system calls (`seccomp`) too.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import functools
import json
import math
import mmap
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import HaechiError, InputError, UnreadableMediaError, UnsupportedMediaError
from haechi.core.media.wire import SLOT_FREE, MessageReader, WireError, send_message, slot_stride
from haechi.core.settings import Limits

_MAX_SLOTS = 32
_SLOT_BUDGET_BYTES = 96 << 20
_BYTES_PER_PIXEL = 8  # four channels of 16 bits
_END_WAIT_S = 5.0
_SHORT_CPU_S = 60
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]);"
    "from haechi.core.media.sandbox_server import main; main(int(sys.argv[1]))"
)
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ")
_DTYPES: dict[str, np.dtype[Any]] = {
    "|u1": np.dtype(np.uint8),
    "<u2": np.dtype(np.uint16),
    "<f4": np.dtype(np.float32),
}

Result = tuple[dict[str, Any], NDArray[Any] | None]


def open_regular(path: Path, limits: Limits) -> int:
    """Open a file for reading without ever blocking on it; returns the descriptor.

    Raises:
        InputError: missing, not readable, a folder, a device, a pipe, empty, or larger than
        `limits.max_bytes`.
    """
    descriptor = -1
    try:
        _refuse_special(path, path.stat())
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        status = os.fstat(descriptor)
        _refuse_special(path, status)
        if status.st_size == 0:
            raise UnreadableMediaError(f"{path.name}: the file is empty; get it again from its source")
        if status.st_size > limits.max_bytes:
            raise UnreadableMediaError(
                f"{path.name}: {status.st_size:,} bytes are more than the limit of {limits.max_bytes:,}; "
                "raise HAECHI_LIMIT_MAX_BYTES"
            )
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the path") from error
    except PermissionError as error:
        raise InputError(f"{path}: not readable by you; change its permissions") from error
    except (OSError, ValueError) as error:
        _close(descriptor)
        raise InputError(f"{path}: cannot be opened ({getattr(error, 'strerror', None) or error})") from error
    except InputError:
        _close(descriptor)
        raise
    return descriptor


def run_job(job: str, path: Path, limits: Limits, params: Mapping[str, Any]) -> Generator[Result, None, None]:
    """Run one job of `sandbox_server.JOBS` on a file in a limited child.

    Yields:
        (header, array) as the job gives them; arrays are the caller's own.

    Raises:
        InputError: the file cannot be opened.
        UnreadableMediaError, UnsupportedMediaError: from the job, or because the child died, stalled, or
            the file changed while it was read.
    """
    descriptor = open_regular(path, limits)
    before = os.fstat(descriptor)
    try:
        yield from _converse(job, descriptor, path.name, limits, params)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise UnreadableMediaError(f"{path.name}: the file changed while it was read; wait until it is complete")


def warm_up() -> None:
    """Start the server in the background, so that the first file need not wait for it."""
    with _lock:
        _running_server()


def stop_jobs() -> None:
    """End every job that runs, and start no more in this process: it is about to end. Each raises a HaechiError."""
    with _lock:
        _ending.set()
        if _server is not None:
            _server.stop()


@functools.cache
def software_versions() -> Mapping[str, str]:
    """Versions of PyAV, the FFmpeg libraries, OpenCV and Pillow as the child sees them."""
    descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for header, _ in _converse("versions", descriptor, "versions", Limits(), {}):
            if "versions" in header:
                return MappingProxyType({str(name): str(one) for name, one in header["versions"].items()})
    finally:
        os.close(descriptor)
    raise HaechiError("the decoding service did not name its versions; install haechi again")


def _converse(
    job: str, descriptor: int, name: str, limits: Limits, params: Mapping[str, Any]
) -> Generator[Result, None, None]:
    ours, theirs = socket.socketpair()
    life, their_life = socket.socketpair()
    with contextlib.ExitStack() as stack:
        for each in (ours, theirs, life, their_life):
            stack.callback(each.close)
        _hand_to_server(theirs, their_life, descriptor)
        theirs.close()
        their_life.close()
        conversation = _Conversation(ours, life, name, limits)
        stack.callback(conversation.end)
        ours.settimeout(limits.stall_s)
        request = {
            "job": job,
            "name": name,
            "params": dict(params),
            "memory_bytes": limits.max_memory_bytes,
            "cpu_s": _cpu_limit_s(job, limits),
        }
        with contextlib.suppress(ConnectionError):
            send_message(ours, request)
        yield from conversation.results()


class _Conversation:
    """Receives what one child sends and checks every word of it."""

    def __init__(self, connection: socket.socket, life: socket.socket, name: str, limits: Limits) -> None:
        self._connection = connection
        self._life = life
        self._name = name
        self._limits = limits
        self._reader = MessageReader(connection)
        self._memory: mmap.mmap | None = None
        self._slot_bytes = 0
        self._slot_count = 0
        self._next_slot = 0
        self._over = False

    def results(self) -> Generator[Result, None, None]:
        """(header, array) until the child says that it is done."""
        while True:
            try:
                message = self._reader.next()
            except TimeoutError as error:
                raise UnreadableMediaError(
                    f"{self._name}: decoding made no progress for {self._limits.stall_s:.0f} s; "
                    "the file is damaged, or raise HAECHI_LIMIT_STALL_S"
                ) from error
            except WireError as error:
                raise UnreadableMediaError(f"{self._name}: the decoder broke down on this file") from error
            if message is None:
                raise UnreadableMediaError(self._explain_death())
            if "error" in message:
                self._over = True
                raise self._error(message)
            if "end" in message:
                self._over = True
                return
            if "slot_bytes" in message:
                self._share_memory(message["slot_bytes"])
            elif "shape" in message:
                yield message, self._take(message)
            elif message:
                yield message, None

    def end(self) -> None:
        """Kill the child if it still runs, and wait until it is gone."""
        self._connection.close()
        with contextlib.suppress(OSError):
            self._life.shutdown(socket.SHUT_WR)
            if not self._over:
                self._wait_status()
        if self._memory is not None:
            self._memory.close()

    def _take(self, message: dict[str, Any]) -> NDArray[Any]:
        dtype = _DTYPES.get(str(message.get("dtype")))
        shape = message["shape"]
        sides_sane = isinstance(shape, list) and all(type(side) is int and 0 <= side < 1 << 31 for side in shape)
        if dtype is None or self._memory is None or not sides_sane or not 1 <= len(shape) <= 3:
            raise self._nonsense()
        count = math.prod(shape)
        if count * dtype.itemsize > self._slot_bytes:
            raise self._nonsense()
        start = self._next_slot * self._slot_bytes
        values: NDArray[Any] = np.ndarray(shape, dtype, self._memory, start).copy()
        self._next_slot = (self._next_slot + 1) % self._slot_count
        with contextlib.suppress(OSError):
            self._connection.sendall(SLOT_FREE)
        return values

    def _share_memory(self, slot_bytes: object) -> None:
        largest = self._limits.max_pixels * _BYTES_PER_PIXEL
        if type(slot_bytes) is not int or not 0 < slot_bytes <= largest or self._memory is not None:
            raise self._nonsense()
        self._slot_bytes = slot_stride(slot_bytes)
        self._slot_count = max(1, min(_MAX_SLOTS, _SLOT_BUDGET_BYTES // self._slot_bytes))
        size = self._slot_bytes * self._slot_count
        shared = _anonymous_file()
        try:
            os.ftruncate(shared, size)
            self._memory = mmap.mmap(shared, size)
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [shared]))
            with contextlib.suppress(ConnectionError):
                self._connection.sendmsg([b"m"], [rights])
        finally:
            os.close(shared)

    def _error(self, message: dict[str, Any]) -> HaechiError:
        kind, text = str(message["error"]), " ".join(str(message.get("message", "")).split())
        if kind == "memory":
            return UnreadableMediaError(
                f"{self._name}: decoding needs more memory than the limit of "
                f"{self._limits.max_memory_bytes:,} bytes; raise HAECHI_LIMIT_MAX_MEMORY_BYTES"
            )
        if kind == "UnsupportedMediaError":
            return UnsupportedMediaError(text)
        if kind == "UnreadableMediaError":
            return UnreadableMediaError(text)
        return UnreadableMediaError(f"{text}: the file cannot be decoded; get it again from its source")

    def _nonsense(self) -> UnreadableMediaError:
        return UnreadableMediaError(f"{self._name}: the decoder gave an impossible answer; treat the file as hostile")

    def _explain_death(self) -> str:
        status = self._wait_status()
        self._over = True
        signal_number = os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else 0
        if signal_number == 24 or (signal_number == 9 and status is not None):
            return (
                f"{self._name}: decoding was stopped, it used too much CPU time or memory; "
                "the file is damaged, or raise HAECHI_LIMIT_MAX_MEMORY_BYTES"
            )
        if signal_number:
            return f"{self._name}: the decoder crashed (signal {signal_number}); treat the file as hostile"
        return f"{self._name}: the decoder ended early; get the file again from its source"

    def _wait_status(self) -> int | None:
        """Wait status of the child, None when it is unknown."""
        self._life.settimeout(_END_WAIT_S)
        try:
            content = self._life.recv(4)
        except OSError:
            return None
        return int.from_bytes(content, sys.byteorder, signed=True) if len(content) == 4 else None


def _cpu_limit_s(job: str, limits: Limits) -> int:
    """CPU seconds of one child: streams may be long, and several threads work at once."""
    cores = os.cpu_count() or 1
    if job in {"frames", "samples", "mark_audio", "mark_video"}:
        return int(_SHORT_CPU_S + cores * 20 * limits.max_duration_s)
    return int(max(_SHORT_CPU_S, 4 * cores * limits.stall_s))


def _refuse_special(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path}: is a folder; name the files in it")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path}: is not a regular file; copy its content into a file first")


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("haechi-frames", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as handle:
        return os.dup(handle.fileno())


class _Server:
    """The forking server as seen from here."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.control, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603  our own interpreter and code
                [sys.executable, "-I", "-c", _START, str(theirs.fileno()), json.dumps(_import_path())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End the server and with it every child; in a fork only forget it."""
        self.control.close()
        if self.owner != os.getpid():
            self.process.returncode = 0
            return
        try:
            self.process.wait(_END_WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _import_path() -> list[str]:
    return [str(Path(entry).resolve()) for entry in sys.path]


_lock = threading.Lock()
_ending = threading.Event()
_server: _Server | None = None


def _running_server() -> _Server:
    """The server of this process; call with `_lock` held."""
    global _server
    if _ending.is_set():
        raise HaechiError("the program is ending; start it again")
    if _server is not None and (_server.owner != os.getpid() or _server.process.poll() is not None):
        _server.stop()
        _server = None
    if _server is None:
        _server = _Server()
        atexit.register(_server.stop)
    return _server


def _hand_to_server(job: socket.socket, life: socket.socket, descriptor: int) -> None:
    rights = array.array("i", [job.fileno(), life.fileno(), descriptor])
    for attempt in (1, 2):
        with _lock:
            server = _running_server()
            try:
                server.control.sendmsg([b"j"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            except ConnectionError as error:
                server.process.kill()
                server.process.wait()
                if attempt == 2:
                    raise HaechiError("the decoding service does not start; install haechi again") from error
                continue
            return
