"""Memory and time of a browser, bounded from outside: its processes are found by its folder and ended.

Method: `/proc` names every process and its parent; the browser is the one that was started with its folder,
and what descends from it. Resident memory is summed up, pages that several share counted by each.
Limits: without `/proc` (macOS, Windows) there is no bound on memory but the scripts' heap.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_EVERY_S: Final = 0.25
_PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


async def watch(home: Path, most_memory: int) -> None:
    """End the browser as soon as it has more memory than it may have; returns then."""
    while True:
        found = processes(home)
        if sum(_resident(one) for one in found) > most_memory:
            end(found)
            return
        await asyncio.sleep(_EVERY_S)


def processes(home: Path) -> list[int]:
    """Ids of the browser with that folder and of all that it started."""
    children: dict[int, list[int]] = {}
    waiting = []
    for process, parent in _parents():
        children.setdefault(parent, []).append(process)
        with suppress(OSError):
            if os.fsencode(home) in (_PROC / str(process) / "cmdline").read_bytes():
                waiting.append(process)
    found: list[int] = []
    while waiting:
        one = waiting.pop()
        if one not in found and one != os.getpid():
            found.append(one)
            waiting += children.get(one, [])
    return found


def end(found: list[int]) -> None:
    """End processes at once."""
    for process in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)


def _parents() -> Iterator[tuple[int, int]]:
    if not _PROC.is_dir():
        return
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                yield int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])


def _resident(process: int) -> int:
    try:
        return int((_PROC / str(process) / "statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
