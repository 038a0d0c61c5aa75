"""`haechi protect`: sign releases before they go out, and register them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haechi.cli.failures import UNREADABLE
from haechi.cli.options import ArtistName, Json, Published, Title, file_argument
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.register.protect import Protected
    from haechi.workflows.protect import Task


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(
        "protect",
        short_help=mark("Sign releases before they go out, and register them."),
        help=mark(
            "Sign releases (C2PA) before they go out, and register what was signed. The originals are only read. "
            "Names and folders are kept; a run that was stopped goes on where it stopped."
        ),
        epilog=mark('Example: haechi protect photos/ teaser.mp4 -o outgoing --artist "Haneul"'),
    )(_protect)


def _protect(
    context: typer.Context,
    paths: Annotated[list[Path], file_argument("FILE", mark("Releases, or folders of releases."))],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help=mark("Folder for what goes out."), show_default=False),
    ],
    artist: ArtistName = None,
    title: Title = None,
    published: Published = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=mark("Name or id of the key to sign with; the newest when not given."),
            show_default=False,
        ),
    ] = None,
    tsa: Annotated[
        str | None,
        typer.Option(metavar="URL", help=mark("Time stamp authority (RFC 3161) to ask."), show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    from haechi.cli.each import note_passed_over, work_through
    from haechi.core.provenance.keys import WARN_DAYS, identity
    from haechi.register.protect import Wish, protect
    from haechi.register.release import check_description
    from haechi.workflows.protect import plan, staging

    session: Session = context.obj
    wish = Wish(identity(session.settings.home, key), artist, title, published, tsa)
    wish.identity.signer()
    if wish.identity.days_left < WARN_DAYS:
        words = mark("the certificate {id} ends in {days} days; make the next one: haechi keys new")
        session.note(session.say(words, id=wish.identity.id, days=wish.identity.days_left))
    tasks = plan(paths, output)
    if title is not None and len(tasks.tasks) > 1:
        raise InputError(session.say(mark("--title names one release; protect the files one by one")))
    store = session.store()
    check_description(store, artist, published)
    note_passed_over(session, tasks.passed_over)
    with staging(output, tasks.tasks) as place:

        def work(task: Task, progress: Callable[[float], None]) -> Protected:
            return protect(task.source, task.output, place, store, session.settings.limits, wish, progress)

        failures = work_through(
            session, tasks.tasks, lambda task: task.source, work, lambda done: _show(session, done, json)
        )
    if failures:
        raise typer.Exit(UNREADABLE)


def _show(session: Session, done: Protected, json: bool) -> None:
    from haechi.check.report_page.text import visible

    if json:
        session.emit(_record(done))
        return
    words = session.say(mark("was protected already") if done.reused else mark("signed and registered"))
    session.result(f"{done.release.id}  {visible(str(done.output))} · {words}")


def _record(done: Protected) -> Mapping[str, Any]:
    signed = done.protection
    return {
        "schema": "haechi.protected/1",
        "source": str(done.source),
        "output": str(done.output),
        "release": done.release.id,
        "sha256": signed.output_sha256,
        "psnr_db": None,
        "manifest": {
            "label": signed.label,
            "sha256": signed.manifest,
            "sidecar": str(done.sidecar) if done.sidecar else None,
            "signed_by": signed.signed_by,
            "signed_at": signed.signed_at,
        },
        "watermark": None,
        "reused": done.reused,
    }
