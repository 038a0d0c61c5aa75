"""Records of evidence on the command line: one line for people, one JSON object for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haechi.cli.session import Session
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.evidence import Record

Because = Annotated[
    str, typer.Option("--because", metavar="TEXT", help=mark("The reason; it is logged."), show_default=False)
]
CaseId = Annotated[
    str, typer.Option("--case", metavar="CASE", help=mark("Id of the case, as the list shows it."), show_default=False)
]


def show(
    session: Session, record: Record, parts: Iterable[str], json: bool, told: Mapping[str, Any] | None = None
) -> None:
    """Write a record; `parts` are what its line says after the id, `told` are further fields of the object."""
    from haechi.check.report_page.text import visible

    if json:
        session.emit({"schema": f"haechi.{type(record).kind}/1", **record.to_fields(), **(told or {})})
        return
    session.result(f"{record.id}  {' · '.join(visible(part) for part in parts if part)}")


def details(session: Session, rows: Iterable[tuple[str, str]]) -> None:
    """Write lines of a label and a value, indented; empty values are left out."""
    from haechi.check.report_page.text import visible

    for label, value in rows:
        if value:
            session.result(f"  {label}: {visible(value)}")
