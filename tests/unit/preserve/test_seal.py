from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from accounts import ADMIN, AUDITOR, DESK, LEGAL, REVIEWER
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Case, Exhibit, Holding, Lane
from haechi.core.settings import Limits
from haechi.core.store.evidence import Evidence
from haechi.preserve.custody import Intent, add_file
from haechi.preserve.facts import Found
from haechi.preserve.look import look_at_tile, open_part
from haechi.preserve.seal import destroy, name_holders, open_seal, seal_what_must_be
from haechi.preserve.verify import verify_exhibit
from haechi.workflows.lanes import move_to_lane

Consent = Callable[[Callable[[], object]], None]
NewCase = Callable[..., Case]
WHY = "request of the subject"


@pytest.fixture
def shares(evidence: Evidence, tmp_path: Path) -> list[bytes]:
    _, paths = name_holders(evidence, ADMIN, ["kim", "lee", "park"], tmp_path / "shares")
    return [path.read_bytes() for path in paths]


@pytest.fixture
def sealed(evidence: Evidence, shares: list[bytes], new_case: NewCase, tmp_path: Path, consent: Consent) -> Exhibit:
    picture = tmp_path / "picture.png"
    Image.effect_noise((256, 256), 80).convert("RGB").save(picture)
    case = new_case(Lane.SEXUAL)

    def add() -> Exhibit:
        intent = Intent(Found("https://example.org/v"), "file", picture.name, why=WHY)
        return add_file(evidence, LEGAL, case.id, picture, intent, ["local:"], Limits())

    consent(add)
    return add()


def test_sexual_media_is_sealed_at_once_with_a_blurred_tile(evidence: Evidence, sealed: Exhibit) -> None:
    places = evidence.get(Holding, sealed.id).places
    assert {name: place.sealed for name, place in places.items()} == {"original.png": True, "tile.jpg": False}
    assert {part.name: part.role for part in sealed.parts} == {"original.png": "evidentiary", "tile.jpg": "working"}
    found = verify_exhibit(evidence, DESK, sealed.id)
    assert (found.faults, found.sealed) == ((), 1)


def test_tile_is_there_while_someone_looks_and_how_long_is_logged(
    evidence: Evidence, sealed: Exhibit, tmp_path: Path
) -> None:
    target = tmp_path / "tile.jpg"
    with pytest.raises(PolicyError), look_at_tile(evidence, AUDITOR, sealed.id, target):
        pass
    with look_at_tile(evidence, DESK, sealed.id, target):
        with Image.open(target) as tile:
            assert max(tile.size) == 64
        assert dict(evidence.history(sealed.id)[-1].detail) == {"part": "tile.jpg", "view": "blurred"}
    assert not target.exists()
    last = evidence.history(sealed.id)[-1]
    assert (last.act, last.detail["view"]) == ("exhibit.look", "blurred")
    assert last.detail["seconds"] >= 0
    move_to_lane(evidence, DESK, sealed.parent, Lane.MINOR, "a child")
    with pytest.raises(PolicyError, match="rule 3"), look_at_tile(evidence, DESK, sealed.id, target):
        pass
    assert not target.exists()


def test_clear_views_of_sexual_media_are_refused(evidence: Evidence, sealed: Exhibit, tmp_path: Path) -> None:
    for part in ("original.png", "tile.jpg"):
        with pytest.raises(PolicyError, match="rule 4"):
            open_part(evidence, LEGAL, sealed.id, part, tmp_path / "out", WHY)
    assert not (tmp_path / "out").exists()


def test_two_holders_and_two_people_unseal(
    evidence: Evidence, sealed: Exhibit, shares: list[bytes], tmp_path: Path, consent: Consent
) -> None:
    def unseal(given: list[bytes], who: object = LEGAL) -> list[Path]:
        return open_seal(evidence, who, sealed.id, given, tmp_path / "out", "court order")  # type: ignore[arg-type]

    with pytest.raises(PolicyError):
        unseal(shares[:2], REVIEWER)
    with pytest.raises(InputError):
        unseal(shares[:1])
    consent(lambda: unseal(shares[1:]))
    assert not (tmp_path / "out").exists()
    (written,) = unseal(shares[1:])
    assert written.read_bytes() == (tmp_path / "picture.png").read_bytes()
    last = evidence.history(sealed.id)[-1]
    assert (last.act, last.detail["holders"], last.detail["second"]) == ("exhibit.unseal", ["lee", "park"], "approver")
    with pytest.raises(PolicyError, match="second person"):
        unseal(shares[1:])


def test_tightened_case_is_sealed_at_once(
    evidence: Evidence, ordinary: Exhibit, shares: list[bytes], tmp_path: Path
) -> None:
    before = evidence.get(Holding, ordinary.id).places["original.mp4"]
    move_to_lane(evidence, DESK, ordinary.parent, Lane.SEXUAL, "nudity")
    after = evidence.get(Holding, ordinary.id).places["original.mp4"]
    assert after.sealed
    assert not (evidence.home / "vault" / "blobs" / before.stored[7:9] / before.stored[7:]).exists()
    with pytest.raises(PolicyError):
        open_part(evidence, LEGAL, ordinary.id, "original.mp4", tmp_path / "x", WHY)
    assert verify_exhibit(evidence, DESK, ordinary.id).faults == ()
    assert evidence.audit().faults == ()


def test_tightening_never_waits_for_holders(evidence: Evidence, ordinary: Exhibit, tmp_path: Path) -> None:
    move_to_lane(evidence, DESK, ordinary.parent, Lane.MINOR, "looks under age")
    with pytest.raises(PolicyError, match="rule 3"):
        open_part(evidence, LEGAL, ordinary.id, "original.mp4", tmp_path / "x", WHY)
    with pytest.raises(PolicyError, match="rule 3"):
        open_seal(evidence, LEGAL, ordinary.id, [], tmp_path / "x", WHY)
    name_holders(evidence, ADMIN, ["a", "b", "c"], tmp_path / "shares")
    assert seal_what_must_be(evidence, ADMIN) == [ordinary.id]
    assert seal_what_must_be(evidence, ADMIN) == []
    assert evidence.get(Holding, ordinary.id).places["original.mp4"].sealed


def test_destruction_takes_two_and_keeps_the_record(evidence: Evidence, ordinary: Exhibit, consent: Consent) -> None:
    stored = evidence.get(Holding, ordinary.id).places["original.mp4"].stored
    with pytest.raises(PolicyError):
        destroy(evidence, DESK, ordinary.id, WHY)
    consent(lambda: destroy(evidence, LEGAL, ordinary.id, WHY))
    evidence.vault.path(stored)
    destroy(evidence, LEGAL, ordinary.id, WHY)
    assert not (evidence.home / "vault" / "blobs" / stored[7:9] / stored[7:]).exists()
    last = evidence.history(ordinary.id)[-1]
    assert (last.act, last.why, last.detail["second"]) == ("exhibit.destroy", WHY, "approver")
    assert last.detail["parts"]["original.mp4"] == ordinary.parts[0].sha256
    found = verify_exhibit(evidence, DESK, ordinary.id)
    assert (found.faults, found.destroyed) == ((), 1)
    with pytest.raises(InputError, match="nothing any more"):
        destroy(evidence, LEGAL, ordinary.id, WHY)


def test_new_holders_take_two(evidence: Evidence, shares: list[bytes], tmp_path: Path, consent: Consent) -> None:
    def rename() -> object:
        return name_holders(evidence, ADMIN, ["x", "y", "z"], tmp_path / "new")

    consent(rename)
    assert not (tmp_path / "new").exists()
    rename()
    with pytest.raises(PolicyError):
        name_holders(evidence, LEGAL, ["x", "y", "z"], tmp_path / "newer")


def test_share_files_are_for_their_owner_and_never_written_over(
    evidence: Evidence, shares: list[bytes], tmp_path: Path
) -> None:
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "shares").iterdir()} == {0o600}


def test_tile_tells_nothing_of_a_face(tmp_path: Path, astronaut: object) -> None:
    import cv2
    import numpy as np

    from haechi.preserve.tile import blurred_tile

    path = tmp_path / "face.png"
    cv2.imwrite(str(path), astronaut)  # type: ignore[call-overload]
    tile = blurred_tile(path, Limits())
    assert tile is not None
    image = cv2.imdecode(np.frombuffer(tile, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    assert image.shape == (64, 64)
    fine = image.astype(np.float32) - cv2.GaussianBlur(image.astype(np.float32), (0, 0), 4)
    assert float(np.abs(fine).mean()) < 6
    assert blurred_tile(tmp_path / "absent", Limits()) is None
