"""Arguments and options that several commands take, so that they look the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from haechi.core.language import mark

Json = Annotated[
    bool,
    typer.Option("--json", help=mark("One JSON object per line on standard output.")),
]
ReportFolder = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="DIR",
        file_okay=False,
        help=mark("Also write a report with pictures (HTML) for each file into this folder."),
        show_default=False,
    ),
]
ArtistName = Annotated[
    str | None,
    typer.Option("--artist", metavar="NAME", help=mark("Enrolled artist whose release it is."), show_default=False),
]
Title = Annotated[
    str | None,
    typer.Option("--title", metavar="TITLE", help=mark("Title; the file's name when not given."), show_default=False),
]
Published = Annotated[
    str | None,
    typer.Option("--published", metavar="DATE", help=mark("Day of publication, e.g. 2026-05-01."), show_default=False),
]


def file_argument(metavar: str, help: str) -> Any:
    """An argument that names files; one that cannot be read gets its line later; Typer would end the run over it."""
    return typer.Argument(metavar=metavar, help=help, show_default=False, readable=False)
