"""`haechi approve`: the second person's word on what takes two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.options import Json
from haechi.cli.records import Because, show
from haechi.cli.session import Session
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.evidence import Approval

app = typer.Typer(
    name="approve",
    no_args_is_help=True,
    rich_markup_mode=None,
    help=mark("Decide, as the second person, on what takes two."),
)
_Id = Annotated[str, typer.Argument(metavar="REQUEST", help=mark("Id of the request, as the list shows it."))]
_STATES = {
    "asked": mark("waits"),
    "granted": mark("granted"),
    "refused": mark("refused"),
    "used": mark("granted and used"),
}


@app.command(
    "list", help=mark("List requests for a second person."), epilog=mark("Example: haechi approve list --json")
)
def _list(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help=mark("Decided ones, too."))] = False,
    json: Json = False,
) -> None:
    from haechi.core.evidence import Approval

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("case.see")
    found = [one for one in evidence.all(Approval) if every or one.state == "asked"]
    for one in found:
        _show(session, one, json)
    if not found:
        session.note(session.say(mark("no request waits")))


@app.command(
    "grant",
    help=mark("Consent to a request of another person; it serves once."),
    epilog=mark('Example: haechi approve grant P-3f9c2a71d0 --because "seen the contract"'),
)
def _grant(context: typer.Context, request: _Id, because: Because = "", json: Json = False) -> None:
    _decide(context.obj, request, True, because, json)


@app.command(
    "refuse",
    help=mark("Refuse a request of another person."),
    epilog=mark('Example: haechi approve refuse P-3f9c2a71d0 --because "not needed"'),
)
def _refuse(context: typer.Context, request: _Id, because: Because = "", json: Json = False) -> None:
    _decide(context.obj, request, False, because, json)


def _decide(session: Session, request: str, granted: bool, because: str, json: bool) -> None:
    from haechi.core.approvals import decide

    evidence, person = session.evidence()
    _show(session, decide(evidence, person, request, granted, because), json)


def _show(session: Session, one: Approval, json: bool) -> None:
    asked = session.say(mark("asked by {name}: {why}"), name=one.asked_by, why=one.why)
    show(session, one, [one.act, one.subject, asked, session.say(_STATES[one.state])], json)
