"""`haechi release`: register masters, list them, remove them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.options import ArtistName, Json, Published, Title, file_argument
from haechi.cli.registry import Noun, add_list, add_remove, register_files
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
    artist: ArtistName = None,
    title: Title = None,
    published: Published = None,
    json: Json = False,
) -> None:
    from haechi.register.release import check_description, register_release
    from haechi.workflows.files import list_files

    session: Session = context.obj
    listing = list_files(paths)
    if title is not None and len(listing.entries) > 1:
        raise InputError(session.say(mark("--title names one master; add the masters one by one")))
    store, limits = session.store(), session.settings.limits
    check_description(store, artist, published)

    def register(path: Path, progress: Callable[[float], None]) -> Release:
        return register_release(path, store, limits, artist=artist, title=title, published=published, progress=progress)

    new, known = mark("registered"), mark("was registered already")
    register_files(session, _RELEASE, listing, register, json, new=new, known=known)


def _parts(_session: Session, release: Release) -> list[str]:
    from haechi.check.report_page.text import clock, visible

    parts = [visible(release.title), release.kind.value]
    if release.duration_s is not None:
        parts.append(clock(release.duration_s))
    if release.width is not None:
        parts.append(f"{release.width}x{release.height}")
    if release.published is not None:
        parts.append(release.published)
    return parts


_RELEASE: Noun[Release] = Noun(
    schema="haechi.release/1",
    listed=lambda store: store.releases(),
    find=lambda store, name: store.release(name),
    remove=lambda store, identity: store.remove_release(identity),
    parts=_parts,
    label=lambda release: release.id,
    none_yet=mark("no release is registered yet: haechi release add MASTER"),
    unknown=mark("no release has the id {id}"),
)
add_list(app, _RELEASE, help=mark("List the registered releases."), example=mark("Example: haechi release list --json"))
add_remove(
    app,
    _RELEASE,
    help=mark("Remove releases, their fingerprints and working copies. The masters themselves stay untouched."),
    example=mark("Example: haechi release remove R-3f9c2a71d0"),
)
