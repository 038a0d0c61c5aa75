"""`haechi`: the command line. Parses, calls one function of a stage or workflow, renders what it gives.

Nothing heavy is imported before a command needs it: `haechi --help` stays under 0.3 s of CPU.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from haechi.cli import (
    approve,
    artist,
    bank,
    capture,
    case,
    check,
    compare,
    deadlines,
    doctor,
    exhibit,
    keys,
    ledger,
    models,
    notice,
    protect,
    release,
    schedule,
    selftest,
    sighting,
    user,
    vault,
    verify,
    verify_bundle,
)
from haechi.cli.failures import guard
from haechi.cli.help import speak
from haechi.cli.session import Session
from haechi.core.language import mark

_M_ARENA_MAX = -8
_ORDER = (
    "artist",
    "release",
    "keys",
    "protect",
    "verify",
    "check",
    "compare",
    "bank",
    "case",
    "capture",
    "schedule",
    "exhibit",
    "sighting",
    "notice",
    "deadlines",
    "verify-bundle",
    "vault",
    "approve",
    "ledger",
    "user",
    "models",
    "doctor",
    "selftest",
)

app = typer.Typer(
    name="haechi",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=mark("Protect performers against deepfakes: compare a suspicious file with the authentic master."),
    epilog=mark("Example: haechi check suspicious.mp4 --report reports"),
)
for part in (
    artist,
    release,
    keys,
    bank,
    case,
    exhibit,
    schedule,
    sighting,
    notice,
    vault,
    approve,
    ledger,
    user,
    models,
):
    app.add_typer(part.app)
for single in (protect, verify, check, compare, capture, deadlines, verify_bundle, doctor, selftest):
    single.add_to(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        import haechi

        sys.stdout.write(f"haechi {haechi.__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            envvar="HAECHI_HOME",
            metavar="DIR",
            help=mark("Folder in which everything registered is kept."),
            show_default=False,
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--as",
            envvar="HAECHI_USER",
            metavar="NAME",
            help=mark("Account that works with evidence; its password is asked for."),
            show_default=False,
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help=mark("Show the version and exit."),
        ),
    ] = False,
) -> None:
    context.obj = Session(home, user)


def main() -> None:
    """Entry point of the installed command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    _share_memory()
    try:
        sys.exit(guard(_run))
    finally:
        # The interpreter would search all that it gives up for unused cycles: .4 s after a check.
        gc.freeze()


def _share_memory() -> None:
    """Let the threads of this process free memory for each other: glibc would give each core eight heaps of its own.

    A comparison's peak is a quarter lower so, at no cost in time.
    """
    if sys.platform == "linux":
        mallopt: Any = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 2)


def _run() -> None:
    command: Any = typer.main.get_command(app)
    command.commands = {name: command.commands[name] for name in _ORDER}
    speak(command, Session().say)
    command(prog_name="haechi")
