from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from accounts import ADMIN, DESK, REVIEWER, evidence_of
from haechi.act.case import open_case
from haechi.core.errors import PolicyError
from haechi.core.evidence import Case, Exhibit, Holding, Lane
from haechi.core.fetch import Client
from haechi.core.flag import Flag
from haechi.core.recognition import Seen
from haechi.core.settings import Limits
from haechi.core.store.evidence import Evidence
from haechi.preserve.custody import Intent
from haechi.preserve.facts import Found
from haechi.preserve.look import open_part
from haechi.preserve.seal import name_holders, seal_what_must_be
from haechi.preserve.verify import verify_exhibit
from haechi.workflows.intake import take_file, take_page, was_flagged
from web_server import poster, serving

WEIGHTS = "sha256:" + "ab" * 32


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path / "home")


@pytest.fixture
def holders(evidence: Evidence, tmp_path: Path) -> None:
    name_holders(evidence, ADMIN, ["a", "b", "c"], tmp_path / "shares")


@pytest.fixture
def case(evidence: Evidence) -> Case:
    return open_case(evidence, DESK, "t", "하늘")


@pytest.fixture
def add(evidence: Evidence, case: Case, tmp_path: Path) -> Callable[[Flag], Exhibit]:
    """Adds a neutral picture with a classifier that gives the flag that a test wants."""
    path = tmp_path / "neutral.png"
    Image.effect_noise((128, 128), 80).convert("RGB").save(path)

    def run(flag: Flag) -> Exhibit:
        intent = Intent(Found("https://example.org/v"), "file", path.name)
        return take_file(evidence, DESK, case.id, path, intent, [], Limits(), lambda _: flag)

    return run


def sealed(evidence: Evidence, exhibit: Exhibit) -> dict[str, bool]:
    return {name: place.sealed for name, place in evidence.get(Holding, exhibit.id).places.items()}


@pytest.mark.usefixtures("holders")
def test_raised_flag_moves_the_case_and_seals_all_of_it_at_once(
    evidence: Evidence, case: Case, add: Callable[[Flag], Exhibit], tmp_path: Path
) -> None:
    before = add(Flag(0.1, 1, sha256=WEIGHTS))
    assert (evidence.get(Case, case.id).lane, sealed(evidence, before)) == (Lane.ORDINARY, {"original.png": False})
    exhibit = add(Flag(0.97, 1, sha256=WEIGHTS))
    assert was_flagged(exhibit)
    assert evidence.get(Case, case.id).lane is Lane.SEXUAL
    assert sealed(evidence, exhibit) == {"original.png": True, "tile.jpg": False}
    assert sealed(evidence, before) == {"original.png": True}
    event = next(one for one in evidence.history(case.id) if one.act == "case.tighten")
    told = event.detail["flags"]["original.png"]
    assert (told["score"], told["sha256"], event.detail["exhibit"]) == (0.97, WEIGHTS, exhibit.id)
    assert exhibit.facts["sexual_content"]["original.png"] == told
    with pytest.raises(PolicyError, match="rule 4"):
        open_part(evidence, REVIEWER, before.id, "original.png", tmp_path / "x", "look")
    for one in (before, exhibit):
        assert verify_exhibit(evidence, DESK, one.id).faults == ()
    assert evidence.audit().faults == ()


def test_without_holders_the_lane_alone_keeps_everyone_out(
    evidence: Evidence, case: Case, add: Callable[[Flag], Exhibit], tmp_path: Path
) -> None:
    exhibit = add(Flag(0.97, 1, sha256=WEIGHTS))
    assert evidence.get(Case, case.id).lane is Lane.SEXUAL
    assert sealed(evidence, exhibit)["original.png"] is False
    with pytest.raises(PolicyError, match="rule 4"):
        open_part(evidence, REVIEWER, exhibit.id, "original.png", tmp_path / "x", "look")
    name_holders(evidence, ADMIN, ["a", "b", "c"], tmp_path / "shares")
    assert seal_what_must_be(evidence, ADMIN) == [exhibit.id]
    assert sealed(evidence, exhibit) == {"original.png": True, "tile.jpg": False}


def test_low_scores_and_abstentions_change_nothing(
    evidence: Evidence, case: Case, add: Callable[[Flag], Exhibit]
) -> None:
    assert not was_flagged(add(Flag(0.59, 1, sha256=WEIGHTS)))
    exhibit = add(Flag(None, abstained="the weights are not there"))
    assert exhibit.facts["sexual_content"]["original.png"]["abstained"] == "the weights are not there"
    assert evidence.get(Case, case.id).lane is Lane.ORDINARY


@pytest.mark.usefixtures("holders")
def test_stricter_lanes_are_never_loosened_nor_looked_at(evidence: Evidence, tmp_path: Path) -> None:
    looked: list[Path] = []

    def classify(path: Path) -> Flag:
        looked.append(path)
        return Flag(0.0, 1)

    for lane in (Lane.SEXUAL, Lane.MINOR):
        strict = open_case(evidence, DESK, "t", "하늘", None, lane)
        with pytest.raises(PolicyError):
            take_file(evidence, DESK, strict.id, tmp_path / "x", Intent(Found(), "file"), [], Limits(), classify)
        assert evidence.get(Case, strict.id).lane is lane
    assert looked == []


@pytest.fixture
def site() -> Iterator[Any]:
    with serving() as served:
        yield served


@pytest.mark.usefixtures("holders")
def test_captured_media_is_looked_at_and_pages_of_text_are_not(evidence: Evidence, case: Case, site: Any) -> None:
    url, _, guard = site

    def take(path: str) -> Exhibit:
        def classify(body: Path) -> Flag:
            assert body.stat().st_size > 1_000_000
            return Flag(0.9, 5, sha256=WEIGHTS)

        intent = Intent(Found(f"{url}/{path}"), "http")
        return take_page(evidence, DESK, case.id, intent, [], Client(guard), None, classify, platforms=False)

    page = take("page")
    assert "sexual_content" not in page.facts
    video = take("video")
    assert was_flagged(video)
    assert all(sealed(evidence, video).values())
    assert all(sealed(evidence, page).values())


@pytest.mark.usefixtures("holders")
def test_the_picture_that_a_page_declares_stands_for_its_film(evidence: Evidence, case: Case, site: Any) -> None:
    url, _, guard = site
    looked: list[bytes] = []

    def take(path: str, score: float = 0.0) -> Exhibit:
        def see(body: Path) -> Seen:
            looked.append(body.read_bytes())
            return Seen()

        intent, mark = Intent(Found(f"{url}/{path}"), "http"), Flag(score, 1, sha256=WEIGHTS)
        where = open_case(evidence, DESK, "t", "하늘")
        return take_page(
            evidence, DESK, where.id, intent, [], Client(guard), None, lambda _: mark, platforms=False, recognise=see
        )

    post = take("post")
    assert looked == [poster()]
    assert post.facts["declared_picture"] == {"url": f"{url}/poster.png"}
    assert post.facts["shown_by"] == "declared_picture"
    player = take("player")
    assert looked == [poster(), poster()]
    assert player.facts["declared_picture"] == {"url": f"{url}/poster.png"}
    bare = take("bare")
    assert "status 404" in bare.facts["declared_picture"]["missing"]
    assert (bare.facts["shown_by"], len(looked)) == ("", 2)
    flagged = take("post", 0.9)
    assert was_flagged(flagged)
    assert evidence.get(Case, flagged.parent).lane is Lane.SEXUAL


def test_robots_keep_the_declared_picture_out(evidence: Evidence, case: Case) -> None:
    with serving(b"User-agent: *\nDisallow: /poster.png") as (url, _, guard):
        intent = Intent(Found(f"{url}/post"), "http")
        post = take_page(evidence, DESK, case.id, intent, [], Client(guard), None, None, platforms=False)
    assert "robots" in post.facts["declared_picture"]["missing"]
