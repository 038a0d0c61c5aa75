"""`haechi release`: register masters, list them, remove them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.failures import UNREADABLE
from haechi.cli.options import ArtistName, Json, Published, Title, file_argument
from haechi.cli.registry import Noun, acting_store, add_list, add_remove, register_files
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.check.leak import Leak
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
    store, limits = acting_store(session), session.settings.limits
    check_description(store, artist, published)

    def register(path: Path, progress: Callable[[float], None]) -> tuple[Release, bool]:
        return register_release(path, store, limits, artist=artist, title=title, published=published, progress=progress)

    new, known = mark("registered"), mark("was registered already")
    register_files(session, _RELEASE, listing, register, json, new=new, known=known)


_ABSTAINED = {
    "nothing_marked": mark("nothing of this kind was ever marked here"),
    "no_release": mark("no release and no mark was found in it"),
    "no_mark": mark("it is made from this release, but no mark could be read"),
    "unknown_number": mark("it bears a mark of yours, but its number is not known here"),
    "disagree": mark("its marks name different copies: perhaps several were mixed"),
    "content_differs": mark("it bears a mark that belongs to something else: the mark was moved"),
    "not_compared": mark("there is too little in it to tell whether the mark belongs to it"),
}
_MOVED = {
    "image": mark("it bears a mark that belongs to another picture: the mark was moved"),
    "video": mark("it bears a mark that belongs to another film: the mark was moved"),
    "audio": mark("it bears a mark that belongs to another recording: the mark was moved"),
}


@app.command(
    "leak",
    help=mark(
        "Say from whose copy a file was made: which recipient was sent it. Reads the invisible mark, also with the "
        "master subtracted. Names nobody when the signs disagree. A lead for an inquiry, not proof against a person."
    ),
    epilog=mark("Example: haechi release leak found.jpg --json"),
)
def _leak(
    context: typer.Context,
    path: Annotated[Path, file_argument("FILE", mark("The file that was found."))],
    json: Json = False,
) -> None:
    from haechi.check.leak import find_leak
    from haechi.cli.lines import failure_line

    session: Session = context.obj
    try:
        found = find_leak(path, session.store(), session.settings.limits)
    except InputError as error:
        session.note(failure_line(path, str(error)))
        raise typer.Exit(UNREADABLE) from error
    if json:
        session.emit({"schema": "haechi.leak/1", **found.as_data()})
    else:
        session.result(_leak_line(session, found))


def _leak_line(session: Session, found: Leak) -> str:
    from haechi.check.report_page.text import number, visible

    say, parts = session.say, [visible(str(found.path))]
    if found.mark is None:
        why = _ABSTAINED[found.abstained or "no_mark"]
        if found.abstained == "content_differs" and found.release is not None:
            why = _MOVED[found.release.kind.value]
        parts.append(say(mark("nobody can be named: {reason}"), reason=say(why)))
    elif found.mark.recipient is None:
        parts.append(say(mark("made from the copy that names no recipient")))
    else:
        parts.append(say(mark("made from the copy for {recipient}"), recipient=visible(found.mark.recipient)))
    if found.release is not None:
        parts.append(f"{found.release.id} {visible(found.release.title)}")
    if found.by == "same_bytes":
        parts.append(say(mark("the very same file")))
    elif found.mark is not None:
        parts.append(say(mark("score {score}"), score=number(max(one.reading.score for one in found.heard))))
    return " · ".join(parts)


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
    remove=lambda store, identity, why: store.remove_release(identity, why),
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
