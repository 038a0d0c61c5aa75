"""`haechi artist`: enrol artists who consented, list, show and remove them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.failures import UNREADABLE
from haechi.cli.options import Json, file_argument
from haechi.cli.registry import Noun, Reason, acting_store, add_list
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.records import Artist
    from haechi.core.store import Store

app = typer.Typer(name="artist", no_args_is_help=True, rich_markup_mode=None, help=mark("Enrol artists who consented."))


@app.command(
    "add",
    help=mark("Enrol an artist from photos or clips that show nobody else, or add photos of an enrolled artist."),
    epilog=mark('Example: haechi artist add "Haneul" photos/*.jpg --consent "contract 2026-114"'),
)
def _add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=mark("Name of the artist."))],
    photos: Annotated[
        list[Path],
        file_argument("PHOTO", mark("Photos or clips, or folders of them.")),
    ],
    consent: Annotated[
        str,
        typer.Option(metavar="TEXT", help=mark("The document that allows matching."), show_default=False),
    ],
    json: Json = False,
) -> None:
    from haechi.check.report_page.text import visible

    session: Session = context.obj
    if not consent.strip():
        raise InputError(session.say(mark("--consent must name the document that allows matching")))
    session.need_models()
    artist, rejected = _enrol(session, name, photos, consent)
    if artist is None:
        session.note(session.say(mark("no photo of {name} could be used"), name=visible(name.strip())))
    else:
        words = session.say(mark("not taken: {count}"), count=rejected) if rejected else ""
        _ARTIST.show(session, artist, json, {"rejected": rejected}, words)
    if rejected:
        raise typer.Exit(UNREADABLE)


def _enrol(session: Session, name: str, photos: list[Path], consent: str) -> tuple[Artist | None, int]:
    """Enrol, saying why each photo that was not taken was not; gives the number of those too."""
    from haechi.cli.each import note_passed_over
    from haechi.cli.lines import failure_line
    from haechi.register.enrol import NoPhotoError, enrol
    from haechi.workflows.files import Failed, list_files

    listing = list_files(photos)
    note_passed_over(session, listing.passed_over)
    readable = [entry for entry in listing.entries if isinstance(entry, Path)]
    rejected = [(entry.path, entry.reason) for entry in listing.entries if isinstance(entry, Failed)]
    store, settings = acting_store(session), session.settings
    artist, notes = None, tuple[str, ...]()
    try:
        with session.bar() as bar:
            result = enrol(store, name, readable, consent, settings.models, settings.limits, bar.begin(name))
        artist, notes = result.artist, result.notes
        rejected += result.rejected
    except NoPhotoError as error:
        if not listing.entries:
            raise
        rejected += error.rejected
    for path, reason in rejected:
        session.note(failure_line(path, reason))
    for note in notes:
        session.note(note)
    return artist, len(rejected)


def _parts(session: Session, artist: Artist) -> list[str]:
    from haechi.check.report_page.text import visible

    photos = session.say.plural("{count} photo", "{count} photos", artist.photo_count)
    return [visible(artist.name), photos, visible(artist.consent)]


def _forget(store: Store, artist_id: str, why: str) -> bool:
    from haechi.register.enrol import remove_artist

    return remove_artist(store, artist_id, why)


_ARTIST: Noun[Artist] = Noun(
    schema="haechi.artist/1",
    listed=lambda store: store.artists(),
    find=lambda store, name: store.artist(name),
    remove=_forget,
    parts=_parts,
    label=lambda artist: f"{artist.id} {artist.name}",
    none_yet=mark("no artist is enrolled yet: haechi artist add NAME PHOTO --consent TEXT"),
    unknown=mark("no artist has the name or id {name}"),
)
add_list(app, _ARTIST, help=mark("List the enrolled artists."), example=mark("Example: haechi artist list --json"))


@app.command(
    "show",
    help=mark("Show an artist: consent, photos that were used, releases."),
    epilog=mark('Example: haechi artist show "Haneul"'),
)
def _one(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=mark("Name or id of the artist."))],
    json: Json = False,
) -> None:
    from haechi.check.report_page.text import visible

    session: Session = context.obj
    store = session.store()
    artist = _ARTIST.named(session, store, name)
    photos = store.artist_photos(artist.id)
    releases = [release for release in store.releases() if release.artist_id == artist.id]
    if json:
        listed = [{"source_name": photo.source_name, "sha256": photo.sha256} for photo in photos]
        record = {"schema": "haechi.artist/1", **asdict(artist), "photos": listed}
        session.emit(record | {"releases": [{"id": release.id, "title": release.title} for release in releases]})
        return
    _ARTIST.show(session, artist, json=False)
    photo_word, release_word = session.say(mark("photo")), session.say(mark("release"))
    for photo in photos:
        session.result(f"  {photo_word}  {visible(photo.source_name)}")
    for release in releases:
        session.result(f"  {release_word}  {release.id}  {visible(release.title)}")


@app.command(
    "remove",
    help=mark("Remove an artist with everything that recognises the face. Releases stay."),
    epilog=mark('Example: haechi artist remove "Haneul"'),
)
def _remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=mark("Name or id of the artist."))],
    because: Reason = "",
    json: Json = False,
) -> None:
    _ARTIST.remove_named(context.obj, [name], because, json)
