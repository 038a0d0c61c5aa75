"""`haechi ledger`: the record of every act, which shows any edit, removal or reordering."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haechi.cli.failures import FAILED
from haechi.cli.options import Json
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

app = typer.Typer(
    name="ledger",
    no_args_is_help=True,
    rich_markup_mode=None,
    help=mark("Look over the record of every act on evidence."),
)


@app.command(
    "verify",
    help=mark("Find any edit, removal or reordering of the ledger or a record. Exit code 1 when something is wrong."),
    epilog=mark("Example: haechi ledger verify --against checkpoint-2026-11-22.json"),
)
def _verify(
    context: typer.Context,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHECKPOINT",
            help=mark("Checkpoint that was kept elsewhere, or a place with several: a path, file:DIR/ or s3:."),
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    from haechi.core.places import collect

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("ledger.see")
    found = evidence.audit([data for place in against or [] for data in collect(place)])
    if json:
        faults = [{"where": fault.where, "what": fault.what} for fault in found.faults]
        sums = {"size": found.size, "root": found.root, "checkpoints": found.checkpoints}
        session.emit({"schema": "haechi.audit/1", "ok": not faults, **sums, "faults": faults})
    else:
        for fault in found.faults:
            session.result(f"{fault.where}: {fault.what}")
        words = mark("WRONG: {count} faults") if found.faults else mark("intact: {size} entries, root {root}")
        session.result(session.say(words, count=len(found.faults), size=found.size, root=found.root))
    if found.faults:
        raise typer.Exit(FAILED)


@app.command(
    "show",
    help=mark("Show who did what to a record, when and why."),
    epilog=mark("Example: haechi ledger show E-3f9c2a71d0"),
)
def _show(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(metavar="ID", help=mark("Id of any record."))],
    json: Json = False,
) -> None:
    from dataclasses import asdict

    from haechi.check.report_page.text import visible

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("ledger.see")
    history = evidence.history(subject)
    if not history:
        session.note(session.say(mark("nothing in the ledger names {id}"), id=visible(subject)))
    for entry in history:
        if json:
            session.emit({"schema": "haechi.entry/1", **asdict(entry)})
        else:
            parts = (entry.at, entry.actor, entry.act, entry.why)
            session.result(f"{entry.seq}  {' · '.join(visible(part) for part in parts if part)}")


@app.command(
    "checkpoint",
    help=mark("Sign the ledger as it is now, for a copy at a second place: counsel, another disk."),
    epilog=mark("Example: haechi ledger checkpoint -o checkpoint-2026-11-22.json"),
)
def _checkpoint(
    context: typer.Context,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help=mark("Where the checkpoint goes."), show_default=False),
    ],
    json: Json = False,
) -> None:
    import json as json_module

    from haechi.core.durable import write_out

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("ledger.checkpoint")
    data = evidence.keep_checkpoint()
    write_out(output, data, over=True)
    fields = json_module.loads(data)
    if json:
        session.emit({**fields, "path": str(output)})
    else:
        session.result(session.say(mark("{size} entries signed: {path}"), size=fields["size"], path=str(output)))


@app.command(
    "publish",
    help=mark(
        "Sign the ledger as it is now and bring the checkpoint to second places: another disk, a store that speaks S3, "
        "counsel's mailbox. Exit code 1 when a place could not be reached."
    ),
    epilog=mark("Example: haechi ledger publish --to s3://bucket/haechi/ --to mailto:counsel@example.org"),
)
def _publish(
    context: typer.Context,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URI",
            help=mark("file:DIR/, s3://BUCKET/PREFIX/ or mailto:ADDRESS; else those of HAECHI_PLACES."),
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    session: Session = context.obj
    places = to or session.settings.places.split()
    if not places:
        raise InputError(
            session.say(mark("name a second place: --to file:DIR/, s3://BUCKET/PREFIX/ or mailto:ADDRESS"))
        )
    if publish(session, places, json):
        raise typer.Exit(FAILED)


def publish(session: Session, places: list[str], json: bool) -> bool:
    """Bring a checkpoint to these places and tell of each; whether one could not be reached.

    Raises:
        PolicyError: the person may not.
        InputError, IntegrityError, RemoteError: none of them could be.
    """
    import json as json_module

    from haechi.core.places import MailServer

    evidence, person = session.evidence()
    person.need("ledger.checkpoint")
    settings = session.settings
    password = settings.smtp_password.get_secret_value()
    mail = MailServer(settings.smtp, settings.smtp_from, settings.smtp_user, password)
    done = evidence.publish_checkpoint(places, mail)
    for one in done:
        if one.error is not None:
            session.note(f"{one.place}: {one.error}")
        elif json:
            session.emit({**json_module.loads(one.checkpoint), "place": one.place})
        else:
            size = json_module.loads(one.checkpoint)["size"]
            session.result(session.say(mark("{size} entries signed: {path}"), size=size, path=one.place))
    return any(one.error is not None for one in done)
