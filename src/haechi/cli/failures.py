"""The last line of defence: whatever happens, the user sees one clear line and never a traceback.

Exit codes: 0 done, whatever the verdict; 1 it could not be done; 2 wrong usage; 3 a file could not be read or used;
130 stopped with Ctrl-C, 143 by the system.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final, NoReturn

from haechi.cli.session import Session
from haechi.core.errors import (
    HaechiError,
    InputError,
    PolicyError,
    UnreadableMediaError,
    UnsupportedMediaError,
)
from haechi.core.language import mark

FAILED: Final = 1
WRONG_USAGE: Final = 2
UNREADABLE: Final = 3
_INTERRUPTED: Final = 130
_TERMINATED: Final = 143


class Stopped(SystemExit):
    """Ctrl-C, or the system, ends the run; whoever knows what was done until then says it in `words`.

    A SystemExit, which Typer and asyncio let through; Typer would swallow a KeyboardInterrupt.

    Attributes:
        exit_code: what the shell is told.
        words: one line for the user, or None for the plain one.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code
        self.words: str | None = None


class BugError(HaechiError):
    """Something that no part of Haechi foresaw; the message says where the details are."""


def guard(command: Callable[[], None]) -> int:
    """Run the whole command line and return its exit code."""
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as of a command in the background of a script
        signal.signal(signal.SIGINT, _stop)
    try:
        command()
    except HaechiError as error:
        _say(str(error))
        return exit_code(error)
    except Stopped as stopped:
        _say(stopped.words or Session().say(mark("stopped")))
        return stopped.exit_code
    except BrokenPipeError:
        return _leave_quietly()
    except OSError as error:
        _say(describe_os_error(error))
        return FAILED
    except Exception as error:  # noqa: BLE001 - the edge: the user gets a line, the details go to a file
        _say(describe_bug(error))
        return FAILED
    return 0


def exit_code(error: HaechiError) -> int:
    """What the shell is told about an error that ended the command."""
    if isinstance(error, UnreadableMediaError | UnsupportedMediaError):
        return UNREADABLE
    return WRONG_USAGE if isinstance(error, InputError | PolicyError) else FAILED


def as_haechi_error(error: Exception) -> HaechiError:
    """The error itself if it is one of ours, or one that says what is known."""
    if isinstance(error, HaechiError):
        return error
    if isinstance(error, OSError):
        return HaechiError(describe_os_error(error))
    return BugError(describe_bug(error))


def describe_os_error(error: OSError) -> str:
    """One line about a failure of the operating system, with the file concerned."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def describe_bug(error: Exception) -> str:
    """Keep the details of an unforeseen error and return the line for the user."""
    details = "".join(traceback.format_exception(error))
    summary = f"{type(error).__name__}: {error}".splitlines()[0]
    if os.environ.get("HAECHI_DEBUG"):
        sys.stderr.write(details)
        return f"{summary} - this is a bug, please report it"
    try:
        details_file = bug_file()
        with details_file.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(details)
    except OSError:
        return f"{summary} - this is a bug, please report it (HAECHI_DEBUG=1 shows the details)"
    return f"{summary} - this is a bug, please report it with {details_file}"


@cache
def bug_file() -> Path:
    """The file that collects the details of all unforeseen errors of this run; made when first asked for."""
    descriptor, name = tempfile.mkstemp(prefix="haechi-bug-", suffix=".txt")
    os.close(descriptor)
    return Path(name)


def _stop(number: int, _frame: object) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut short what clears up after the first
    raise Stopped(_TERMINATED if number == signal.SIGTERM else _INTERRUPTED)


def _leave_quietly() -> int:
    """Whoever read our output has gone: nothing more to say, and nothing to flush at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


def _say(line: str) -> None:
    from haechi.check.report_page.text import visible

    sys.stderr.write(f"haechi: {visible(line, longest=sys.maxsize)}\n")
