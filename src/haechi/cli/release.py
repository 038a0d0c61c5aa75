"""`haechi release`: register masters, list them, remove them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.options import Json, file_argument
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.records import Release

app = typer.Typer(
    name="release",
    no_args_is_help=True,
    rich_markup_mode=None,
    help=mark("Register the masters of releases."),
)


@app.command(
    "add",
    help=mark("Register masters. What is registered already is left as it is."),
    epilog=mark('Example: haechi release add master.mov --artist "Haneul" --title "First Snow"'),
)
def _add(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        file_argument("MASTER", mark("Masters, or folders of masters.")),
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
    json: Json = False,
) -> None:
    from haechi.cli.each import register_each
    from haechi.register.release import check_description, register_release
    from haechi.workflows.files import list_files

    session: Session = context.obj
    listing = list_files(paths)
    if title is not None and len(listing.entries) > 1:
        raise InputError(session.say(mark("--title names one master; add the masters one by one")))
    store, limits = session.store(), session.settings.limits
    check_description(store, artist, published)
    standing = {release.id for release in store.releases()}

    def register(path: Path, progress: Callable[[float], None]) -> Release:
        return register_release(path, store, limits, artist=artist, title=title, published=published, progress=progress)

    def show(release: Release) -> None:
        _show(session, release, json, added=release.id not in standing)
        standing.add(release.id)

    register_each(session, listing, register, show)


@app.command("list", help=mark("List the registered releases."), epilog=mark("Example: haechi release list --json"))
def _list(context: typer.Context, json: Json = False) -> None:
    session: Session = context.obj
    releases = session.store().releases()
    for release in releases:
        _show(session, release, json)
    if not releases:
        session.note(session.say(mark("no release is registered yet: haechi release add MASTER")))


@app.command(
    "remove",
    help=mark("Remove releases, their fingerprints and working copies. The masters themselves stay untouched."),
    epilog=mark("Example: haechi release remove R-3f9c2a71d0"),
)
def _remove(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help=mark("As the list shows it."))],
    json: Json = False,
) -> None:
    session: Session = context.obj
    store = session.store()
    for identity in ids:
        if not store.remove_release(identity):
            raise InputError(session.say(mark("no release has the id {id}"), id=identity))
        if json:
            session.emit({"schema": "haechi.removed/1", "id": identity})
        else:
            session.result(session.say(mark("removed {id}"), id=identity))


def _show(session: Session, release: Release, json: bool, *, added: bool | None = None) -> None:
    """One line about a release; `added` tells whether it is new, None when it was only listed."""
    from haechi.check.report_page.text import clock, visible

    if json:
        told = {} if added is None else {"added": added}
        session.emit({"schema": "haechi.release/1", **asdict(release), **told})
        return
    parts = [visible(release.title), release.kind.value]
    if release.duration_s is not None:
        parts.append(clock(release.duration_s))
    if release.width is not None:
        parts.append(f"{release.width}x{release.height}")
    if release.published is not None:
        parts.append(release.published)
    if added is not None:
        parts.append(session.say(mark("registered") if added else mark("was registered already")))
    session.result(f"{release.id}  {' · '.join(parts)}")
