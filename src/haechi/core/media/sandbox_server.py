"""The process that forks a limited child for every file that is decoded; see `sandbox` for the other side.

One server per Haechi process. It loads the decoders once, stays single-threaded, and opens no file. For
each job it receives three descriptors (job socket, life socket, the opened media file) and forks. The child
limits itself, decodes, and ends by `os._exit`. When the parent closes the life socket the server kills that
child; when a child ends, its wait status goes out on the life socket; when the control socket closes, every
child is killed and the server ends. So neither a crash on any side nor a forgotten iterator leaves a
process behind.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import mmap
import os
import resource
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
from av import logging as av_logging
from numpy.typing import NDArray
from PIL import Image

from haechi.core.errors import InputError
from haechi.core.media import frames, iscc, samples, stored, survey, versions
from haechi.core.media.seccomp import refuse_network_and_writes
from haechi.core.media.wire import MessageReader, send_message, slot_stride

STATUS = struct.Struct("=i")
_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_HEAP_BLOCK = 32 << 20  # glibc allows no more
_MAX_OPEN_FILES = 64

Messages = Iterator[tuple[dict[str, Any], NDArray[Any] | None]]
Job = Callable[[int, str, dict[str, Any]], Messages]


def _mark_audio(descriptor: int, name: str, params: dict[str, Any]) -> Messages:
    """Loaded in the child that marks: no other needs it."""
    from haechi.core.watermark.audio.job import run

    return run(descriptor, name, params)


def _mark_video(descriptor: int, name: str, params: dict[str, Any]) -> Messages:
    """Loaded in the child that marks: no other needs it."""
    from haechi.core.watermark.video.job import run

    return run(descriptor, name, params)


JOBS: dict[str, Job] = {
    "frames": frames.run,
    "mark_audio": _mark_audio,
    "mark_video": _mark_video,
    "iscc": iscc.run,
    "samples": samples.run,
    "stored": stored.run,
    "survey": survey.run,
    "versions": versions.run,
}


def main(control_descriptor: int) -> None:
    """Serve jobs until the control socket closes."""
    _prepare()
    Server(socket.socket(fileno=control_descriptor)).serve()


def _prepare() -> None:
    av_logging.set_level(None)
    cv2.setNumThreads(1)
    Image.init()
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        os.close(null)
    gc.collect()
    gc.freeze()


class Server:
    """Forks, watches and kills decoding children."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._lives: dict[int, socket.socket] = {}
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def serve(self) -> None:
        """Run until the parent has gone."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._control, selectors.EVENT_READ, "control")
        self._selector.register(self._wake_read, selectors.EVENT_READ, "wake")
        open_for_jobs = True
        while open_for_jobs:
            for key, _ in self._selector.select():
                if key.data == "control":
                    open_for_jobs = self._accept()
                elif key.data == "wake":
                    self._reap()
                else:
                    self._kill(key.data)
        for child in self._lives:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def _accept(self) -> bool:
        """Start the next job; False when the control socket is closed."""
        descriptors = array.array("i")
        data, ancillary, _, _ = self._control.recvmsg(1, socket.CMSG_SPACE(3 * descriptors.itemsize))
        if not data:
            return False
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
        if len(descriptors) == 3:
            self._start(*descriptors)
        return True

    def _start(self, job: int, life: int, media: int) -> None:
        child = os.fork()
        if child == 0:
            self._become_child(job, life, media)
        os.close(job)
        os.close(media)
        self._lives[child] = socket.socket(fileno=life)
        self._selector.register(self._lives[child], selectors.EVENT_READ, child)

    def _become_child(self, job: int, life: int, media: int) -> None:
        """Never returns."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if self._libc is not None:
                self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                _keep_freed_memory(self._libc)
            for other in self._lives.values():
                other.close()
            self._selector.close()
            self._control.close()
            self._wake_read.close()
            self._wake_write.close()
            os.close(life)
            Child(socket.socket(fileno=job), media).run()
        finally:
            os._exit(0)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_read.recv(4096):
                pass
        while True:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if child == 0:
                return
            life = self._lives.pop(child, None)
            if life is not None:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(life)
                with contextlib.suppress(OSError):
                    life.send(STATUS.pack(status))
                life.close()

    def _kill(self, child: int) -> None:
        life = self._lives.get(child)
        if life is not None:
            self._selector.unregister(life)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


class Child:
    """One job in its own process."""

    def __init__(self, connection: socket.socket, media: int) -> None:
        self._connection = connection
        self._media = media
        self._slots: list[NDArray[np.uint8]] = []
        self._next_slot = 0
        self._free = 0

    def run(self) -> None:
        """Read the request, limit this process, do the job, say how it ended."""
        request = MessageReader(self._connection).next()
        if request is None:
            return
        _limit(int(request["memory_bytes"]), int(request["cpu_s"]))
        name = str(request["name"])
        try:
            for header, values in JOBS[str(request["job"])](self._media, name, request["params"]):
                self._hand_over(header, values)
            send_message(self._connection, {"end": True})
        except ConnectionError:
            return
        except InputError as error:
            self._fail(type(error).__name__, str(error))
        except MemoryError:
            self._fail("memory", name)
        except Exception as error:  # noqa: BLE001  the process boundary: this file alone is at fault
            memory = isinstance(error, cv2.error) and "nsufficient memory" in str(error)
            self._fail("memory" if memory else "unexpected", f"{name}: {type(error).__name__}")

    def _fail(self, kind: str, message: str) -> None:
        with contextlib.suppress(OSError):
            send_message(self._connection, {"error": kind, "message": message})

    def _hand_over(self, header: dict[str, Any], values: NDArray[Any] | None) -> None:
        if "slot_bytes" in header:
            send_message(self._connection, header)
            self._map_slots(int(header["slot_bytes"]))
            return
        if values is not None:
            while self._free == 0:
                freed = self._connection.recv(64)
                if not freed:
                    raise ConnectionError
                self._free += len(freed)
            self._free -= 1
            slot = self._slots[self._next_slot][: values.nbytes]
            np.copyto(slot.view(values.dtype).reshape(values.shape), values)
            self._next_slot = (self._next_slot + 1) % len(self._slots)
            header = header | {"shape": values.shape, "dtype": values.dtype.str}
        send_message(self._connection, header)

    def _map_slots(self, slot_bytes: int) -> None:
        """The parent answers with the shared memory; its size tells the number of slots."""
        _, ancillary, _, _ = self._connection.recvmsg(1, socket.CMSG_SPACE(struct.calcsize("i")))
        if not ancillary:
            raise ConnectionError
        (shared,) = struct.unpack("i", ancillary[0][2][:4])
        memory = np.frombuffer(mmap.mmap(shared, 0), np.uint8)
        os.close(shared)
        step = slot_stride(slot_bytes)
        count = memory.size // step
        self._slots = [memory[i * step : (i + 1) * step] for i in range(count)]
        self._free = count


def _limit(memory_bytes: int, cpu_s: int) -> None:
    """No core file, no file that grows, few descriptors, bounded memory and CPU time, no network, no programs.

    When the machine itself runs out of memory, this process is the first to go.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MAX_OPEN_FILES, _MAX_OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    used = _data_bytes()
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (used + memory_bytes, used + memory_bytes))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as handle:  # noqa: PTH123
        handle.write("1000")
    refuse_network_and_writes()


def _keep_freed_memory(libc: ctypes.CDLL) -> None:
    """Let glibc reuse the memory of one picture for the next; fresh pages cost 1.6 ms per 1080p picture."""
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_HEAP_BLOCK)
        libc.mallopt(_M_TRIM_THRESHOLD, 8 * _LARGEST_HEAP_BLOCK)


def _data_bytes() -> int:
    """Private writable memory that this process has mapped already, bytes."""
    with contextlib.suppress(OSError), open("/proc/self/status") as handle:  # noqa: PTH123
        for line in handle:
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0
