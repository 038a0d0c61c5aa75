"""`haechi schedule`: addresses that are captured again and again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.deadlines import STATES, recheck_due
from haechi.cli.failures import FAILED
from haechi.cli.options import Json
from haechi.cli.records import Because, show
from haechi.cli.session import Session
from haechi.core.errors import InputError, IntegrityError, RemoteError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.evidence import Schedule
    from haechi.core.people import Person

app = typer.Typer(
    name="schedule",
    no_args_is_help=True,
    rich_markup_mode=None,
    help=mark("Capture addresses again and again: haechi capture URL --every 1d --until DATE makes a schedule."),
)
_Id = Annotated[str, typer.Argument(metavar="SCHEDULE", help=mark("Id of the schedule, as the list shows it."))]


@app.command(
    "list",
    help=mark("List the schedules that run."),
    epilog=mark("Example: haechi schedule list --case C-3f9c2a71d0"),
)
def _list(
    context: typer.Context,
    case: Annotated[
        str | None, typer.Option(metavar="CASE", help=mark("Only of this case."), show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help=mark("Those that have ended, too."))] = False,
    json: Json = False,
) -> None:
    from haechi.core.evidence import Schedule

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("case.see")
    found = [one for one in evidence.all(Schedule, case) if every or not one.ended]
    for one in found:
        tell(session, one, json)
    if not found:
        session.note(session.say(mark("no schedule runs")))


@app.command(
    "run",
    help=mark(
        "Capture what is due, fetch again where the deadline of a notice has passed, and publish the ledger to the "
        "places of HAECHI_PLACES. Let cron or a systemd timer run this every hour; what was missed is captured once. "
        "Exit code 1 when a place could not be reached."
    ),
    epilog=mark("Example: haechi schedule run"),
)
def _run(context: typer.Context, json: Json = False) -> None:
    from haechi.core.fetch import Client
    from haechi.preserve.browser import find_browser
    from haechi.workflows.recapture import Means, run_due

    session: Session = context.obj
    evidence, person = session.evidence()
    browser = find_browser(session.settings.chromium)
    means = Means(Client(), session.settings.tsa.split(), browser, session.classifier(), session.recogniser())
    told = False
    for one in run_due(evidence, person, means, datetime.now(UTC)):
        told = True
        if json:
            record = {"schedule": one.schedule.id, "url": one.schedule.url, "exhibit": one.exhibit, "state": one.state}
            session.emit({"schema": "haechi.recapture/1", **record, "next_at": one.schedule.next_at})
        elif one.exhibit:
            state = session.say(STATES[one.state])
            session.result(" · ".join((one.schedule.id, one.exhibit, one.schedule.url, state)))
        else:
            words = mark("{schedule}: {url} was not kept: {reason}")
            session.note(session.say(words, schedule=one.schedule.id, url=one.schedule.url, reason=one.state))
    if not (recheck_due(session, json) or told):
        session.note(session.say(mark("nothing is due")))
    _publish(session, person, json)


def _publish(session: Session, person: Person, json: bool) -> None:
    """What was captured stands whatever becomes of this: a place that cannot be reached is told, not more."""
    from haechi.cli.ledger import publish

    places = session.settings.places.split()
    if not places:
        return
    if not person.may("ledger.checkpoint"):
        words = mark("the ledger was not published: {name} may not; it takes the role legal, auditor or admin as well")
        session.note(session.say(words, name=person.name))
        return
    try:
        failed = publish(session, places, json)
    except (InputError, IntegrityError, RemoteError) as error:
        session.note(str(error))
        failed = True
    if failed:
        raise typer.Exit(FAILED)


@app.command(
    "remove",
    help=mark("End a schedule. What it captured stays."),
    epilog=mark('Example: haechi schedule remove W-3f9c2a71d0 --because "removed for good"'),
)
def _remove(context: typer.Context, schedule: _Id, because: Because, json: Json = False) -> None:
    from haechi.workflows.recapture import remove_schedule

    session: Session = context.obj
    evidence, person = session.evidence()
    tell(session, remove_schedule(evidence, person, schedule, because), json)


def tell(session: Session, one: Schedule, json: bool) -> None:
    """Show a schedule."""
    due = session.say(mark("next {at}, until {until}"), at=one.next_at[:16], until=one.until[:16])
    hours = session.say(mark("every {hours} h, captured {made}"), hours=one.every_s // 3600, made=one.made)
    show(session, one, [one.url, hours, one.ended or due], json)
