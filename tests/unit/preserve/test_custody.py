from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accounts import ADMIN, APPROVER, AUDITOR, DESK, LEGAL, REVIEWER
from haechi.act.case import close_case
from haechi.core.errors import InputError, PolicyError, RemoteError, UnreadableMediaError
from haechi.core.evidence import Case, Exhibit, Holding, Lane, Stamp
from haechi.core.settings import Limits
from haechi.core.store.evidence import Evidence
from haechi.preserve.custody import Intent, add_address, add_file, add_stamp
from haechi.preserve.facts import Found, platform_of

NewCase = Callable[..., Case]


def files_below(folder: Path) -> Iterator[bytes]:
    yield from (path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_file_becomes_an_exhibit(evidence: Evidence, ordinary: Exhibit, clip: Path) -> None:
    exhibit = evidence.get(Exhibit, ordinary.id)
    assert exhibit == ordinary
    (part,) = exhibit.parts
    assert part.sha256 == f"sha256:{hashlib.sha256(clip.read_bytes()).hexdigest()}"
    assert (part.name, part.role, part.media_type, part.size) == (
        "original.mp4",
        "evidentiary",
        "video/mp4",
        clip.stat().st_size,
    )
    assert (exhibit.platform, exhibit.account, exhibit.posted) == ("YouTube", "someone", "2026-11-20T21:03+09:00")
    assert {"authority", "examiner", "tool", "version", "settings", "method", "system"} <= exhibit.facts.keys()
    assert exhibit.facts["authority"] == "contract 2026-114"


def test_nothing_clear_is_anywhere_in_the_home(evidence: Evidence, ordinary: Exhibit) -> None:
    assert all(b"some bytes of a clip" not in data for data in files_below(evidence.home))
    assert list((evidence.home / "vault" / "incoming").iterdir()) == []


def test_everything_stands_in_the_ledger(evidence: Evidence, ordinary: Exhibit) -> None:
    acts = [entry.act for entry in evidence.history(ordinary.id)]
    assert acts == ["exhibit.add", "exhibit.hold"]
    (stamp,) = evidence.all(Stamp, ordinary.id)
    assert not stamp.independent
    assert evidence.audit().faults == ()


def test_minor_is_refused_before_the_file_is_touched(
    evidence: Evidence, new_case: NewCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = new_case(Lane.MINOR)
    touched: list[object] = []
    for name in ("open", "stat", "is_file", "read_bytes"):
        monkeypatch.setattr(Path, name, lambda *arguments, **_: touched.append(arguments))
    monkeypatch.setattr("haechi.preserve.custody.VaultKeys.encrypt", lambda *arguments, **_: touched.append(arguments))
    monkeypatch.setattr("haechi.preserve.custody.blurred_tile", lambda *arguments: touched.append(arguments))
    intent = Intent(Found("https://example.org/v"), "file", "x.mp4", why="w")
    with pytest.raises(PolicyError, match=r"rule 3.*아청법"):
        add_file(evidence, LEGAL, case.id, tmp_path / "x.mp4", intent, ["local:"], Limits())
    monkeypatch.undo()
    assert touched == []
    assert evidence.all(Exhibit) == []


def test_of_a_minor_only_the_address_is_kept(evidence: Evidence, new_case: NewCase) -> None:
    case = new_case(Lane.MINOR)
    found = Found("https://x.com/a/status/1", "2026-11-20", "someone")
    exhibit = add_address(evidence, DESK, case.id, Intent(found, "report"), ["local:"])
    assert (exhibit.parts, exhibit.url, exhibit.platform) == ((), "https://x.com/a/status/1", "X")
    assert evidence.get(Holding, exhibit.id).places == {}
    with pytest.raises(InputError, match="--url"):
        add_address(evidence, DESK, case.id, Intent(Found(), "report"), [])


def test_sexual_media_takes_role_second_reason_and_holders(evidence: Evidence, new_case: NewCase, clip: Path) -> None:
    case = new_case(Lane.SEXUAL)

    def add(who: object, why: str = "request of the subject") -> Exhibit:
        intent = Intent(Found("https://example.org/v"), "file", clip.name, why=why)
        return add_file(evidence, who, case.id, clip, intent, [], Limits())  # type: ignore[arg-type]

    for who in (DESK, REVIEWER):
        with pytest.raises(PolicyError, match="role legal"):
            add(who)
    with pytest.raises(PolicyError, match="vault holders"):
        add(LEGAL)
    from haechi.core.sealing import VaultKeys

    VaultKeys(evidence.home).make_seal(["a", "b", "c"])
    with pytest.raises(InputError, match="reason"):
        add(LEGAL, " ")
    with pytest.raises(PolicyError, match=r"rule 4.*성폭력처벌법.*second person"):
        add(LEGAL)
    assert evidence.all(Exhibit) == []
    assert not (evidence.home / "vault").exists()


@pytest.mark.parametrize("who", [APPROVER, AUDITOR, ADMIN])
def test_roles_that_add_nothing(evidence: Evidence, new_case: NewCase, clip: Path, who: object) -> None:
    with pytest.raises(PolicyError):
        add_file(evidence, who, new_case().id, clip, Intent(Found(), "file"), [], Limits())  # type: ignore[arg-type]


def test_closed_case_takes_nothing(evidence: Evidence, new_case: NewCase, clip: Path) -> None:
    case = new_case()
    close_case(evidence, LEGAL, case.id, "done")
    with pytest.raises(InputError, match="closed"):
        add_file(evidence, DESK, case.id, clip, Intent(Found(), "file"), [], Limits())


@pytest.mark.parametrize("path", ["absent.mp4", ".", "a\0b"])
def test_unreadable_file_is_said_and_leaves_nothing(
    evidence: Evidence, new_case: NewCase, tmp_path: Path, path: str
) -> None:
    with pytest.raises(UnreadableMediaError):
        add_file(evidence, DESK, new_case().id, tmp_path / path, Intent(Found(), "file"), [], Limits())
    assert evidence.all(Exhibit) == []


def test_authority_that_fails_is_noted_and_the_exhibit_stands(
    evidence: Evidence, new_case: NewCase, clip: Path
) -> None:
    tsas = ["http://127.0.0.1:1/", "local:"]
    exhibit = add_file(evidence, DESK, new_case().id, clip, Intent(Found(), "file"), tsas, Limits())
    assert len(evidence.all(Stamp, exhibit.id)) == 1
    failed = evidence.history(exhibit.id)[-1]
    assert (failed.act, failed.detail["tsa"]) == ("exhibit.stamp_failed", "http://127.0.0.1:1/")
    with pytest.raises(RemoteError):
        add_stamp(evidence, DESK, exhibit.id, "http://127.0.0.1:1/")
    add_stamp(evidence, DESK, exhibit.id, "local:")
    assert len(evidence.all(Stamp, exhibit.id)) == 2


@pytest.mark.parametrize(
    ("url", "platform"),
    [
        ("https://m.youtube.com/x", "YouTube"),
        ("https://notyoutube.com/x", "notyoutube.com"),
        ("http://t.me/a", "Telegram"),
        ("", ""),
    ],
)
def test_platform_is_found_from_the_address(url: str, platform: str) -> None:
    assert platform_of(url) == platform


@pytest.mark.parametrize("url", ["x", "ftp://a/b", "javascript:alert(1)", "https://", "https://a b/", "https://[::1"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InputError):
        Found(url).checked()


def test_time_of_day_needs_its_zone() -> None:
    with pytest.raises(InputError, match=r"\+09:00"):
        Found(posted="2026-11-20T21:03").checked()
    for posted in ("2026-11-20T21:03+09:00", "2026-11-20T12:03Z", "2026-11-20", "3시간 전", ""):
        assert Found(posted=posted).checked().posted == posted
    with pytest.raises(InputError, match="at most"):
        Found(account="x" * 5000).checked()
