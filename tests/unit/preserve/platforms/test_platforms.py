from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts import DESK, REVIEWER, evidence_of
from haechi.act.case import open_case
from haechi.core.evidence import Exhibit
from haechi.core.fetch import Client, Guard
from haechi.core.store.evidence import Evidence
from haechi.preserve.capture import capture
from haechi.preserve.custody import Intent
from haechi.preserve.facts import Found
from haechi.preserve.judge import judge
from haechi.preserve.look import open_part
from haechi.preserve.platforms import find_extractor, look_up
from haechi.preserve.platforms.extractor import MOST_UNPACKED, unpacked
from web_server import Site, serving

needs_extractor = pytest.mark.skipif(find_extractor() is None, reason="haechi[platforms] is not installed")
MEDIA = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 300


class Tube(Site):
    """A platform: a page with a video and an oEmbed link, and pages that want yt-dlp to go where it must not."""

    inner = 0

    def answer_watch(self) -> None:
        self.send(
            b"""<html><head><title>Clip by someone</title>
            <link rel="alternate" type="application/json+oembed" href="/oembed?url=x"></head>
            <body><video><source src="/clip.mp4" type="video/mp4"></video></body></html>"""
        )

    def answer_oembed(self) -> None:
        told = {"type": "video", "title": "T" * 5000, "author_name": "someone", "width": 640, "html": "<script>"}
        self.send(json.dumps(told).encode(), kind="application/json")

    def answer_clip_mp4(self) -> None:
        self.send(MEDIA, kind="video/mp4")

    def answer_inwardly(self) -> None:
        link = b'<link rel="alternate" type="application/json+oembed" href="http://169.254.169.254/latest/">'
        video = f'<video><source src="http://127.0.0.1:{self.inner}/clip.mp4"></video>'.encode()
        self.send(b"<html><head>" + link + b"</head><body>" + video)

    def answer_badly(self) -> None:
        self.send(b'<link rel="alternate" type="application/json+oembed" href="/nonsense"><p>no video')

    def answer_nonsense(self) -> None:
        self.send(b"[" * 50_000, kind="application/json")

    def answer_pieces(self) -> None:
        self.send(b'<html><body><video><source src="/list.m3u8" type="application/x-mpegURL"></video>')

    def answer_list_m3u8(self) -> None:
        text = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n/piece.ts\n#EXT-X-ENDLIST\n"
        self.send(text, kind="application/vnd.apple.mpegurl")


@pytest.fixture
def site() -> Iterator[tuple[str, type[Tube], Guard]]:
    with serving(handler=Tube) as served:
        yield served  # type: ignore[misc]


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path / "home")


@pytest.fixture
def take(evidence: Evidence, site: Any) -> Callable[..., Exhibit]:
    url, _, guard = site
    case = open_case(evidence, DESK, "t", "하늘")

    def run(path: str, *, platforms: bool = True) -> Exhibit:
        intent = Intent(Found(f"{url}/{path}"), "http")
        return capture(evidence, DESK, case.id, intent, [], Client(guard), platforms=platforms)

    return run


def names(exhibit: Exhibit) -> list[str]:
    return [part.name for part in exhibit.parts]


def content(evidence: Evidence, exhibit: Exhibit, name: str, folder: Path) -> Path:
    target = folder / f"{exhibit.id}-{name}"
    open_part(evidence, REVIEWER, exhibit.id, name, target, "test")
    return target


def test_oembed_is_asked_where_the_page_links_it(take: Callable[..., Exhibit], site: Any) -> None:
    exhibit = take("watch", platforms=False)
    told = exhibit.facts["oembed"]
    assert told["url"].endswith("/oembed?url=x")
    assert (told["author_name"], told["width"], len(told["title"])) == ("someone", 640, 2000)
    assert "html" not in told
    assert "platform" not in exhibit.facts
    assert names(exhibit) == ["capture.wacz", "body.html"]
    assert "oembed" not in take("page", platforms=False).facts
    asked = [path for path, _ in site[1].seen]
    assert asked.count("/oembed?url=x") == 1


def test_oembed_links_obey_the_rules_of_all_addresses(take: Callable[..., Exhibit]) -> None:
    assert "not a public address" in take("inwardly", platforms=False).facts["oembed"]["missing"]
    assert "no oEmbed answer" in take("badly", platforms=False).facts["oembed"]["missing"]


@needs_extractor
def test_media_and_facts_of_a_platform_become_parts(
    take: Callable[..., Exhibit], evidence: Evidence, site: Any, tmp_path: Path
) -> None:
    exhibit = take("watch")
    assert names(exhibit) == ["capture.wacz", "body.html", "platform.json", "media.mp4"]
    told = exhibit.facts["platform"]
    assert told["tool"].startswith("yt-dlp 20")
    assert (told["extractor"], told["title"][:15]) == ("html5", "Clip by someone")
    assert (told["media"]["status"], told["media"]["truncated"]) == (200, "")
    assert content(evidence, exhibit, "media.mp4", tmp_path).read_bytes() == MEDIA
    assert json.loads(content(evidence, exhibit, "platform.json", tmp_path).read_text())["title"] == told["title"]
    assert judge(content(evidence, exhibit, "capture.wacz", tmp_path)).faults == []
    asked = [path for path, _ in site[1].seen]
    assert (asked.count("/watch"), asked.count("/robots.txt")) == (1, 1)
    for _, headers in site[1].seen:
        assert headers["User-Agent"].startswith("HaechiEvidence/")
        assert "Cookie" not in headers


@needs_extractor
def test_extractor_reaches_no_machine_of_its_own(take: Callable[..., Exhibit], site: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inner:
        inner.settimeout(0.1)
        site[1].inner = inner.getsockname()[1]
        told = take("inwardly").facts["platform"]
        assert "not a public address" in json.dumps(told)
        with pytest.raises(TimeoutError):
            inner.accept()


@needs_extractor
def test_streams_in_pieces_and_pages_without_media_are_told(take: Callable[..., Exhibit]) -> None:
    pieces = take("pieces")
    assert "pieces" in pieces.facts["platform"]["media"]["missing"]
    assert pieces.facts["stream"]["url"].endswith("/list.m3u8")
    assert "media.mp4" not in names(pieces)
    plain = take("badly")
    assert "Unsupported URL" in plain.facts["platform"]["missing"]
    assert names(plain) == ["capture.wacz", "body.html"]
    lost = take("page")
    assert lost.facts["platform"]["media"]["status"] == 404
    assert names(lost) == ["capture.wacz", "body.html", "platform.json"]
    assert "platform" not in take("gone").facts


@needs_extractor
def test_time_and_requests_are_bounded(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, _, guard = site
    late = look_up(Client(guard), [], f"{url}/watch", tmp_path / "late", seconds=0.05)
    assert "too long" in late.facts["missing"]
    monkeypatch.setattr("haechi.preserve.platforms.look.MOST_REQUESTS", 0)
    none = look_up(Client(guard), [], f"{url}/watch", tmp_path / "none")
    assert "no more than 0 requests" in none.facts["missing"]


@needs_extractor
def test_child_has_no_network_no_programs_and_no_place_to_write(tmp_path: Path) -> None:
    """The filter that `extractor.main` puts on itself, tried on the ways out."""
    script = f"""
import json, os, socket, subprocess
from haechi.core.media.seccomp import refuse_network_and_writes
import yt_dlp
assert refuse_network_and_writes()
found = []
for act in (lambda: socket.socket(), lambda: subprocess.run(["true"]), lambda: open({str(tmp_path / "x")!r}, "w")):
    try:
        act()
        found.append("done")
    except PermissionError:
        found.append("refused")
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout) == ["refused"] * 3, done.stderr


def test_bodies_are_decompressed_no_further_than_allowed(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "bomb").write_bytes(gzip.compress(bytes(MOST_UNPACKED * 2)))
    answer = {"body": str(tmp_path / "bomb"), "headers": [["Content-Encoding", "gzip"]]}
    assert len(unpacked(answer)) == MOST_UNPACKED
    (tmp_path / "broken").write_bytes(b"no gzip")
    assert unpacked({**answer, "body": str(tmp_path / "broken")}) == b"no gzip"
