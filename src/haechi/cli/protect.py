"""`haechi protect`: sign releases before they go out, and register them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haechi.cli.failures import UNREADABLE, as_haechi_error
from haechi.cli.options import Json, file_argument
from haechi.cli.session import Session
from haechi.core.errors import HaechiError, InputError, StoreError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.cli.progress import Bar
    from haechi.core.store import Store
    from haechi.register.protect import Protected, Wish
    from haechi.workflows.protect import Plan


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
    artist: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=mark("Enrolled artist whose release it is."), show_default=False),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option(metavar="TITLE", help=mark("Title; the file's name when not given."), show_default=False),
    ] = None,
    published: Annotated[
        str | None,
        typer.Option(metavar="DATE", help=mark("Day of publication, e.g. 2026-05-01."), show_default=False),
    ] = None,
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
    from haechi.core.provenance.keys import WARN_DAYS, identity
    from haechi.register.protect import Wish
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
    with staging(output, tasks.tasks) as place:
        failures = _each(session, tasks, place, store, wish, json)
    if failures:
        raise typer.Exit(UNREADABLE)


def _each(session: Session, plan: Plan, place: Path, store: Store, wish: Wish, json: bool) -> int:
    """Protect one file after the other; gives the number of those that could not be."""
    from haechi.cli.lines import failure_line
    from haechi.workflows.files import Failed

    failures = 0
    if plan.passed_over:
        session.note(session.say(mark("passed over, hidden or not media: {count}"), count=plan.passed_over))
    with session.bar() as bar:
        for index, task in enumerate(plan.tasks):
            source = task.path if isinstance(task, Failed) else task.source
            try:
                if isinstance(task, Failed):
                    raise HaechiError(task.reason)
                done = _one(bar, index, len(plan.tasks), task.source, task.output, place, store, session, wish)
            except StoreError:
                raise
            except HaechiError as error:
                failures += 1
                with bar.paused():
                    session.note(failure_line(source, str(error)))
            else:
                with bar.paused():
                    _show(session, done, json)
    return failures


def _one(
    bar: Bar,
    index: int,
    count: int,
    source: Path,
    output: Path,
    place: Path,
    store: Store,
    session: Session,
    wish: Wish,
) -> Protected:
    from haechi.register.protect import protect

    progress = bar.begin(source.name, index, count)
    try:
        return protect(source, output, place, store, session.settings.limits, wish, progress)
    except Exception as error:
        raise as_haechi_error(error) from error


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
