from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts import DESK, REVIEWER
from haechi.core.errors import PolicyError
from haechi.core.evidence import Case, Exhibit, Lane
from haechi.core.fetch import Client, Exchange, FetchLimits, Guard
from haechi.core.flag import Flag
from haechi.core.store.evidence import Evidence
from haechi.preserve.capture import _flags, capture
from haechi.preserve.custody import Intent
from haechi.preserve.declared import ask_declared
from haechi.preserve.facts import Found
from haechi.preserve.judge import judge
from haechi.preserve.look import open_part
from haechi.preserve.page_facts import page_facts
from web_server import PAGE, Site, serving

Take = Callable[..., Exhibit]


@pytest.fixture
def site() -> Iterator[tuple[str, type[Site], Guard]]:
    with serving() as served:
        yield served


@pytest.fixture
def take(evidence: Evidence, new_case: Callable[..., Case], site: tuple[str, type[Site], Guard]) -> Take:
    url, _, guard = site

    def run(path: str, lane: Lane = Lane.ORDINARY, **limits: Any) -> Exhibit:
        intent = Intent(Found(f"{url}/{path}"), "http", why="w")
        return capture(evidence, DESK, new_case(lane).id, intent, ["local:"], Client(guard, FetchLimits(**limits)))

    return run


def content(evidence: Evidence, exhibit: Exhibit, name: str, folder: Path) -> bytes:
    target = folder / f"{exhibit.id}-{name}"
    open_part(evidence, REVIEWER, exhibit.id, name, target, "test")
    return target.read_bytes()


def test_page_becomes_an_exhibit(evidence: Evidence, take: Take, tmp_path: Path) -> None:
    exhibit = take("moved")
    assert [part.name for part in exhibit.parts] == ["capture.wacz", "body.html"]
    assert content(evidence, exhibit, "body.html", tmp_path) == PAGE
    facts = exhibit.facts
    assert (facts["status"], facts["state"], len(facts["redirects"])) == (200, "there", 1)
    assert facts["page"]["title"] == "가짜 영상"
    assert facts["page"]["og:title"] == "Fake"
    assert facts["page"]["json_ld"][0]["uploadDate"] == "2026-11-20"


@pytest.mark.parametrize("path", ["moved", "video", "chunks", "absent", "empty", "bomb"])
def test_archive_is_whole_for_us_and_for_warcio(evidence: Evidence, take: Take, tmp_path: Path, path: str) -> None:
    exhibit = take(path)
    wacz = tmp_path / "capture.wacz"
    wacz.write_bytes(content(evidence, exhibit, "capture.wacz", tmp_path))
    assert judge(wacz).faults == []
    with zipfile.ZipFile(wacz) as archive:
        (tmp_path / "data.warc.gz").write_bytes(archive.read("archive/data.warc.gz"))
    found = judge(tmp_path / "data.warc.gz")
    assert found.faults == []
    assert found.facts["digests"]
    warcio = Path(sys.executable).with_name("warcio")
    done = subprocess.run(
        [warcio, "check", "-v", tmp_path / "data.warc.gz"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout
    assert "digest pass" in done.stdout
    data = bytearray((tmp_path / "data.warc.gz").read_bytes())
    from warcio.archiveiterator import ArchiveIterator

    kinds = [record.rec_type for record in ArchiveIterator(io.BytesIO(bytes(data)))]
    assert kinds[0] == "warcinfo"
    assert kinds.count("response") == kinds.count("request") == len(exhibit.facts["redirects"]) + 1


@pytest.mark.parametrize(
    ("path", "state", "status"), [("absent", "gone", 404), ("legal", "gone", 451), ("empty", "empty", 200)]
)
def test_dead_pages_are_exhibits(take: Take, path: str, state: str, status: int) -> None:
    exhibit = take(path)
    assert (exhibit.facts["state"], exhibit.facts["status"]) == (state, status)


def test_endless_page_is_an_exhibit(take: Take) -> None:
    assert take("endless", max_bytes=20_000).facts["state"] == "cut off"


def test_of_a_minor_nothing_is_asked_of_the_network(
    take: Take, site: tuple[str, type[Site], Guard], evidence: Evidence
) -> None:
    with pytest.raises(PolicyError, match="rule 3"):
        take("page", Lane.MINOR)
    with pytest.raises(PolicyError):
        take("page", Lane.SEXUAL)
    assert site[1].seen == []
    assert evidence.all(Exhibit) == []


def test_refused_address_leaves_nothing(take: Take, evidence: Evidence) -> None:
    with pytest.raises(PolicyError):
        take("inward")
    assert evidence.all(Exhibit) == []


def test_classifier_looks_at_the_largest_pictures_and_films_alone(
    tmp_path: Path, new_case: Callable[..., Case]
) -> None:
    def brought(number: int, kind: str, size: int) -> Exchange:
        body = tmp_path / str(number)
        headers = (("Content-Type", kind),)
        return Exchange(f"https://x/{number}", "", (), 200, "", headers, body, size, "", None, "", "")

    page = brought(0, "text/html", 90_000)
    media = [brought(number, "image/png", 4000 + number * 100) for number in range(1, 20)]
    others = [brought(20, "application/javascript", 90_000), brought(21, "video/mp4", 80_000)]
    looked: list[str] = []

    def classify(path: Path) -> Flag:
        looked.append(path.name)
        return Flag(0.1, 1)

    flags = _flags(new_case(), classify, page, [*media, *others])
    assert looked == ["21", *(str(number) for number in range(19, 8, -1))]
    assert list(flags) == [f"https://x/{name}" for name in looked]
    assert _flags(new_case(), classify, page, media[:1] + others[:1]).keys() == {"https://x/1"}
    assert _flags(new_case(Lane.SEXUAL), classify, page, media) == {}
    assert _flags(new_case(), None, page, media) == {}


def test_the_first_poster_is_a_fact_and_only_stands_in_for_what_is_shared() -> None:
    page = page_facts(b'<video src="a"></video><video POSTER="/one.jpg?a=1&amp;b=2"></video><video poster="/two.jpg">')
    assert page == {"video_poster": "/one.jpg?a=1&b=2"}
    assert page_facts(b'<video poster="' + b"x" * 5000 + b'">') == {"video_poster": "x" * 2000}
    guard = Guard(frozenset(), lambda *_: [])
    shared = {**page, "og:image": "https://example.org/shared.png"}
    for facts, wanted in ((page, "https://example.org/one.jpg?a=1&b=2"), (shared, "https://example.org/shared.png")):
        known = Exchange(wanted, "", (), 200, "", (), Path("body"), 9, "", None, "", "")
        assert ask_declared(Client(guard), facts, "https://example.org/v/1", [known], Path("x"))[0] == {"url": wanted}


@pytest.mark.parametrize(
    ("page", "streams"),
    [
        (
            b"<video><source src=\"/film.m3u8?t=1&amp;u=2\"><source src='a.mpd'></video>",
            ["/film.m3u8?t=1&u=2", "a.mpd"],
        ),
        (
            b'<script>play({"file":"https:\\/\\/x\\/m.m3u8", "again":"https:\\/\\/x\\/m.m3u8"})</script>',
            ["https://x/m.m3u8"],
        ),
        (b'<div data-setup="{&quot;src&quot;:&quot;https://x/a.M3U8&quot;}">', ["https://x/a.M3U8"]),
        (b'<script>text = "{\\"url\\": \\"https://x/q.m3u8\\"}"</script>', ["https://x/q.m3u8"]),
        (b'<script>if (url.endsWith(".m3u8") || /x\\.m3u8$/.test(url)) play(`${base}/index.m3u8`)</script>', None),
        (b'<script src="lib.m3u8.js"></script><p>of film.m3u8, "the list a.mpd of it"; "cut.m3u8', None),
        (b'<video src="https://x/\x1b[2J/a.mpd"></video>', None),
        (b"a.mpd?" * 600_000, None),
    ],
)
def test_lists_of_films_in_pieces_are_facts(page: bytes, streams: list[str] | None) -> None:
    assert page_facts(page).get("streams") == streams
    assert page_facts(page + b' "' + b"x" * 5000 + b'.mpd"').get("streams") == streams


def test_a_film_in_pieces_is_told_to_be_missing(take: Take, site: tuple[str, type[Site], Guard]) -> None:
    stream = take("player").facts["stream"]
    assert stream["url"] == f"{site[0]}/film.m3u8?t=1"
    assert "not fetched" in stream["missing"]
    assert "/film.m3u8?t=1" not in [path for path, _ in site[1].seen]
    assert "stream" not in take("page").facts
    assert take("odd").facts["stream"]["url"] == "http://[::1/a.m3u8"


def test_a_page_whose_links_are_no_addresses_is_an_exhibit(take: Take) -> None:
    facts = take("misled").facts
    assert facts["declared_picture"]["missing"] == "'http://[::1/' is no web address"
    assert facts["oembed"]["missing"] == "'http://[/' is no web address"


def test_hostile_pages_are_bounded() -> None:
    assert page_facts(b"") == {}
    assert page_facts(b"<" * 1_000_000) == {}
    many = b"".join(b'<meta property="og:%d" content="x">' % number for number in range(5000))
    assert len(page_facts(many)) == 100
    deep = b'<script type="application/ld+json">' + b"[" * 30_000 + b"</script>"
    assert "json_ld" not in page_facts(deep)
    assert page_facts(b"<title>" + b"x" * 100_000)["title"] == "x" * 2000
    assert page_facts(b'<script>alert(1)</script><script type="application/ld+json">nonsense</script>') == {}
