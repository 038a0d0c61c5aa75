"""`haechi case statement`: drafts of what a company says of a case."""

from __future__ import annotations

from typing import Annotated

import typer

from haechi.cli.options import Json
from haechi.cli.session import Session
from haechi.core.language import mark


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(
        "statement",
        help=mark("Draft what the company says of a case: facts alone; of a sexual case nobody is named."),
        epilog=mark("Example: haechi case statement C-3f9c2a71d0 --kind fans --language ko"),
    )(_statement)


def _statement(
    context: typer.Context,
    case_id: Annotated[str, typer.Argument(metavar="CASE", help=mark("Id of the case, as the list shows it."))],
    kind: Annotated[str, typer.Option(metavar="KIND", help=mark("public or fans."))] = "public",
    language: Annotated[
        str | None, typer.Option(metavar="LANG", help=mark("ko or en; yours if not given."), show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    from haechi.act.statement import draft_statement

    session: Session = context.obj
    evidence, person = session.evidence()
    spoken = language or session.language
    text = draft_statement(evidence, person, case_id, kind, spoken)
    if json:
        session.emit({"schema": "haechi.statement/1", "case": case_id, "kind": kind, "language": spoken, "text": text})
    else:
        session.result(text)
