from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from accounts import AUDITOR, DESK, LEGAL
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Case, Exhibit, Lane
from haechi.core.fingerprint import FingerprintSet
from haechi.core.recognition import Likeness, Origin, Recognition, Seen
from haechi.core.settings import Limits
from haechi.core.store import Store, open_store
from haechi.core.store.evidence import Evidence
from haechi.preserve.custody import Intent, add_file
from haechi.preserve.facts import Found
from haechi.preserve.items import join, part
from haechi.preserve.seal import destroy
from haechi.workflows.lanes import move_to_lane

Take = Callable[..., Exhibit]
MARKER = b"an array that nothing else in the store looks like"


def sets(name: str = "video_fingerprint_v1") -> tuple[FingerprintSet, ...]:
    return (FingerprintSet(name, {"codes": np.frombuffer(MARKER, np.uint8)}),)


def like(*exhibits: Exhibit, method: str = "video_fingerprint_v1") -> tuple[Likeness, ...]:
    return tuple(Likeness(one.id, method, 40.0) for one in exhibits)


def from_release(start: float, end: float) -> Origin:
    return Origin("R-1", ((0.0, 10.0),), {"head": ((start, end),)})


@pytest.fixture
def take(evidence: Evidence, new_case: Callable[..., Case], tmp_path: Path) -> Take:
    """Takes in a new file of which a recogniser says what a test wants; without a word from it, by its bytes alone."""
    count = iter(range(100))

    def run(seen: Seen | None = None, content: bytes = b"", case: Case | None = None) -> Exhibit:
        path = tmp_path / f"{next(count)}.mp4"
        path.write_bytes(content or path.name.encode() * 900)
        look = None if seen is None else (lambda _: seen)
        where = case or new_case()
        return add_file(evidence, DESK, where.id, path, Intent(Found(), "file"), [], Limits(), recognise=look)

    return run


def item(evidence: Evidence, exhibit: Exhibit) -> str:
    return evidence.get(Recognition, exhibit.id).item


def rows(evidence: Evidence) -> list[str]:
    store: Store = open_store(evidence.home)
    return [row.item_id for row in store.fingerprints(of=("exhibit",))]


def test_what_shows_the_same_is_one_item_across_cases(evidence: Evidence, take: Take) -> None:
    first = take(Seen(sets()))
    second = take(Seen(sets(), like(first)))
    third = take(Seen(sets(), like(second, first)))
    other = take(Seen(sets()))
    assert [item(evidence, one) for one in (first, second, third, other)] == [first.id, first.id, first.id, other.id]
    assert evidence.get(Recognition, third.id).like == second.id
    assert rows(evidence) == [first.id, second.id, third.id, other.id]
    assert evidence.audit().faults == ()


def test_same_bytes_need_no_recogniser(evidence: Evidence, take: Take) -> None:
    first, second = take(content=b"x" * 5000), take(content=b"x" * 5000)
    assert evidence.find(Recognition, first.id) is None
    known = evidence.get(Recognition, second.id)
    assert (known.item, known.method, known.like) == (first.id, "same_bytes", first.id)
    assert evidence.find(Recognition, take().id) is None


def test_two_fakes_of_one_release_are_two_items(evidence: Evidence, take: Take) -> None:
    mouth = take(Seen(sets(), origin=from_release(1, 3)))
    later = take(Seen(sets(), like(mouth), from_release(6, 8)))
    again = take(Seen(sets(), like(later, mouth), from_release(1.1, 3)))
    assert item(evidence, later) == later.id
    assert item(evidence, again) == mouth.id


def test_a_song_under_two_films_makes_no_item(evidence: Evidence, take: Take) -> None:
    film = take(Seen((*sets(), *sets("audio_fingerprint_v1"))))
    heard = "audio_fingerprint_v1"
    other = take(Seen(sets(), like(film, method=heard)))
    sound = take(Seen(sets(heard), like(film, method=heard)))
    same_sound = take(Seen(sets(heard), like(sound, method=heard)))
    assert item(evidence, other) == other.id
    assert item(evidence, sound) == sound.id
    assert item(evidence, same_sound) == sound.id


def test_people_stand_above_what_was_matched(evidence: Evidence, take: Take) -> None:
    first = take(Seen(sets()))
    second = take(Seen(sets(), like(first)))
    third = take(Seen(sets(), like(first)))
    assert part(evidence, DESK, first.id, "another one").item == first.id
    assert item(evidence, second) == item(evidence, third) == second.id
    assert join(evidence, DESK, first.id, third.id, "the same after all").item == second.id
    assert {item(evidence, one) for one in (first, second, third)} == {second.id}
    apart = part(evidence, DESK, third.id, "no")
    assert (apart.item, apart.method, apart.like) == (third.id, "person", "")
    assert [one.act for one in evidence.history(third.id)].count("exhibit.recognise") == 3
    for act in (
        lambda: part(evidence, DESK, third.id, "again"),
        lambda: part(evidence, DESK, first.id, " "),
        lambda: join(evidence, DESK, first.id, second.id, "again"),
        lambda: join(evidence, DESK, "E-none", second.id, "why"),
    ):
        with pytest.raises(InputError):
            act()
    with pytest.raises(PolicyError):
        join(evidence, AUDITOR, third.id, second.id, "why")
    assert evidence.audit().faults == ()


def test_destruction_leaves_no_fingerprint_anywhere(
    evidence: Evidence, take: Take, consent: Callable[[Callable[[], object]], None]
) -> None:
    first = take(Seen(sets()))
    stored = next(open_store(evidence.home).fingerprints(of=("exhibit",))).fingerprints.to_bytes()
    index = evidence.home / "index" / "exhibits-v1" / "seg-0-1"
    index.mkdir(parents=True)
    (index / "codes").write_bytes(stored)
    consent(lambda: destroy(evidence, LEGAL, first.id, "request"))
    destroy(evidence, LEGAL, first.id, "request")
    assert rows(evidence) == []
    known = evidence.get(Recognition, first.id)
    assert (known.sets, known.item) == ({}, first.id)
    for path in evidence.home.rglob("*"):
        assert not path.is_file() or stored not in path.read_bytes(), path
    assert evidence.audit().faults == ()


@pytest.mark.parametrize(
    ("forgery", "said"),
    [
        ("UPDATE fingerprints SET data = x'00'", "not those"),
        ("DELETE FROM fingerprints", "not those"),
        ("INSERT INTO fingerprints (item, item_id, algorithm, data) VALUES ('exhibit', 'E-x', 'a', x'00')", "put in"),
    ],
)
def test_changed_rows_are_found(evidence: Evidence, take: Take, forgery: str, said: str) -> None:
    take(Seen(sets()))
    with closing(sqlite3.connect(evidence.home / "haechi.db")) as database:
        database.execute(forgery)
        database.commit()
    (fault,) = evidence.audit().faults
    assert said in fault.what


def test_bytes_from_a_minor_s_case_are_refused_and_nothing_of_it_is_recognised(
    evidence: Evidence, take: Take, new_case: Callable[..., Case]
) -> None:
    case = new_case()
    known = take(Seen(sets()), b"m" * 5000, case)
    move_to_lane(evidence, DESK, case.id, Lane.MINOR, "school uniform, age unknown")
    assert rows(evidence) == []
    before = len(evidence.all(Exhibit))
    with pytest.raises(PolicyError, match="rule 3"):
        take(content=b"m" * 5000)
    assert len(evidence.all(Exhibit)) == before
    assert not list((evidence.home / "incoming").glob("*"))
    later = take(Seen(sets(), like(known)))
    assert item(evidence, later) == later.id
    assert evidence.audit().faults == ()


def test_the_sexual_lane_is_known_by_bytes_alone(evidence: Evidence, take: Take, new_case: Callable[..., Case]) -> None:
    case = new_case()
    exhibit = take(Seen(sets()), case=case)
    move_to_lane(evidence, DESK, case.id, Lane.SEXUAL, "intimate")
    assert rows(evidence) == [exhibit.id]
    assert item(evidence, take(Seen(sets(), like(exhibit)))) == exhibit.id
