"""Artists, their photos' descriptors and their trained references.

Inside a transaction that the caller opened; every change is noted in the ledger there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from haechi.core.errors import InputError
from haechi.core.records import Artist
from haechi.core.store.rows import (
    EnrolledPhoto,
    new_id,
    normal_name,
    now,
    storable_text,
    to_artist,
    vector_bytes,
    vector_from,
)
from haechi.core.store.schema import artist_photos, artist_references, artists, photo_descriptors, releases

if TYPE_CHECKING:
    from haechi.core.store.registry import RegistryChange

_ARTIST = (
    sa.select(artists, sa.func.count(artist_photos.c.id).label("photo_count"))
    .outerjoin(artist_photos)
    .group_by(*artists.c)
)


def add_artist(change: RegistryChange, name: str, consent: str, photos: Sequence[EnrolledPhoto]) -> Artist:
    """Add an artist, or further photos of one; a photo that is already there is left as it is."""
    connection, name, consent = change.connection, normal_name(name), storable_text(consent).strip()
    if not name or not consent:
        raise InputError("an artist needs a name and the consent that allows matching")
    found = find_artist(connection, name)
    if found is None:
        identity = new_id("A")
        values = {"id": identity, "name": name, "consent": consent, "added_at": now()}
        connection.execute(sa.insert(artists).values(values))
    else:
        identity = found.id
        if consent not in found.consent.split("; "):
            joined = f"{found.consent}; {consent}"
            connection.execute(sa.update(artists).where(artists.c.id == identity).values(consent=joined))
    known = set(connection.scalars(sa.select(artist_photos.c.sha256).filter_by(artist_id=identity)))
    new = {photo.sha256: photo for photo in reversed(photos) if photo.sha256 not in known}
    for photo in reversed(new.values()):
        _add_photo(connection, identity, photo)
    if found is None or new or consent not in found.consent.split("; "):
        change.note("add" if found is None else "extend", "artist", identity, consent, photos=sorted(new))
    return to_artist(connection.execute(_ARTIST.where(artists.c.id == identity)).mappings().one())


def _add_photo(connection: sa.Connection, artist_id: str, photo: EnrolledPhoto) -> None:
    values = {"artist_id": artist_id, "source_name": storable_text(photo.source_name), "sha256": photo.sha256}
    photo_id = connection.execute(sa.insert(artist_photos).values(values).returning(artist_photos.c.id)).scalar_one()
    rows = [
        {"photo_id": photo_id, "name": name, "vector": vector_bytes(vector)}
        for name, vector in photo.descriptors.items()
    ]
    if rows:
        connection.execute(sa.insert(photo_descriptors), rows)


def all_artists(connection: sa.Connection) -> list[Artist]:
    """Every artist, by name."""
    return [to_artist(row) for row in connection.execute(_ARTIST.order_by(artists.c.name)).mappings()]


def find_artist(connection: sa.Connection, name_or_id: str) -> Artist | None:
    """The artist of that id or, failing that, of that name."""
    match = sa.or_(artists.c.id == name_or_id, artists.c.name == normal_name(name_or_id))
    first = _ARTIST.where(match).order_by(artists.c.id != name_or_id)
    row = connection.execute(first).mappings().first()
    return to_artist(row) if row else None


def photos_of(connection: sa.Connection, artist_id: str) -> list[EnrolledPhoto]:
    """The artist's photos in the order in which they were added."""
    query = (
        sa.select(artist_photos, photo_descriptors.c.name, photo_descriptors.c.vector)
        .outerjoin(photo_descriptors)
        .where(artist_photos.c.artist_id == artist_id)
        .order_by(artist_photos.c.id, photo_descriptors.c.name)
    )
    photos: dict[int, EnrolledPhoto] = {}
    for row in connection.execute(query):
        known = photos.get(row.id)
        descriptors = dict(known.descriptors) if known else {}
        if row.name is not None:
            descriptors[row.name] = vector_from(row.vector)
        photos[row.id] = EnrolledPhoto(row.source_name, row.sha256, descriptors)
    return list(photos.values())


def set_references(change: RegistryChange, references: Mapping[str, bytes]) -> None:
    """Replace all trained references; an artist who is gone by now is passed over."""
    connection, before = change.connection, get_references(change.connection)
    connection.execute(sa.delete(artist_references))
    present = set(connection.scalars(sa.select(artists.c.id)))
    rows = [{"artist_id": key, "data": data} for key, data in references.items() if key in present]
    if rows:
        connection.execute(sa.insert(artist_references), rows)
    after = {key: data for key, data in references.items() if key in present}
    for key in sorted(present):
        if after.get(key) != before.get(key):
            change.note("train", "artist", key)


def get_references(connection: sa.Connection) -> dict[str, bytes]:
    """Artist id -> serialised trained reference."""
    rows = connection.execute(sa.select(artist_references.c.artist_id, artist_references.c.data))
    return {row.artist_id: row.data for row in rows}


def remove_artist(change: RegistryChange, artist_id: str, why: str) -> bool:
    """Remove an artist with photos and reference; releases stay, without the name. False: there is none."""
    connection = change.connection
    theirs = list(connection.scalars(sa.select(releases.c.id).filter_by(artist_id=artist_id).order_by(releases.c.id)))
    if connection.execute(sa.delete(artists).where(artists.c.id == artist_id)).rowcount == 0:
        return False
    change.note("remove", "artist", artist_id, why)
    for release_id in theirs:
        change.note("unname", "release", release_id, artist=artist_id)
    return True
