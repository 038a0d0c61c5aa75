"""Capture by a real Chromium of pages of a server on this machine: what is kept, and what is never spoken to."""

from __future__ import annotations

import json
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from accounts import APPROVER, DESK, LEGAL, REVIEWER, evidence_of
from haechi.act.case import open_case
from haechi.core.approvals import decide
from haechi.core.errors import PolicyError, RemoteError
from haechi.core.evidence import Approval, Exhibit, Holding, Lane
from haechi.core.fetch import Client, FetchLimits, Guard
from haechi.core.people import Person
from haechi.core.sealing import VaultKeys
from haechi.core.store.evidence import Evidence
from haechi.preserve.browser import Browser, BrowserLimits, find_browser
from haechi.preserve.capture import capture
from haechi.preserve.custody import Intent
from haechi.preserve.facts import Found
from haechi.preserve.judge import judge
from haechi.preserve.look import open_part
from web_server import Site, serving

Take = Callable[..., Exhibit]
SCRIPTED = b"""<!doctype html><title>t</title><link rel="stylesheet" href="/style"><h1 id="h">before</h1>
<img src="/picture"><script src="/script"></script>"""
SCRIPT = b"document.getElementById('h').textContent = 'after'; console.log('spoken'); document.cookie = 'a=b'"


class Pages(Site):
    """Pages that need a browser; `inner` is the port of a second server that nobody may reach."""

    inner = 0

    def answer_scripted(self) -> None:
        self.send(SCRIPTED, Set_Cookie="x=y")

    def answer_script(self) -> None:
        self.send(SCRIPT, kind="application/javascript")

    def answer_style(self) -> None:
        self.send(b"", 302, Location="/style2")

    def answer_style2(self) -> None:
        self.send(b"h1 { color: rgb(1, 2, 3) }", kind="text/css")

    def answer_picture(self) -> None:
        self.send(b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", kind="image/svg+xml")

    def answer_hostile(self) -> None:
        ways = [f"http://127.0.0.1:{self.inner}/", f"http://localhost:{self.inner}/", f"http://[::1]:{self.inner}/"]
        body = "".join(
            f"<img src={way}image><iframe src={way}frame></iframe><link rel=preconnect href={way}>"
            f"<link rel=prefetch href={way}early><script>fetch('{way}fetch', {{mode: 'no-cors'}}).catch(() => 0);"
            f"fetch('{way}post', {{method: 'POST', mode: 'no-cors'}}).catch(() => 0);"
            f"navigator.sendBeacon('{way}beacon');"
            f"new Worker(URL.createObjectURL(new Blob([\"fetch('{way}worker', {{mode: 'no-cors'}})\"])));"
            f"new WebSocket('{way.replace('http', 'ws')}socket'); open('{way}window');</script>"
            for way in ways
        )
        more = "<img src=/inward><img src=http://169.254.169.254/latest/><iframe src=file:///etc/passwd></iframe>"
        self.send(f"<!doctype html><body>{body}{more}".encode())

    def answer_away(self) -> None:
        self.send(f"<script>location = 'http://127.0.0.1:{self.inner}/page'</script>".encode())

    def answer_hangs(self) -> None:
        self.send(b"<p>here</p><script>setTimeout(() => { for (;;); }, 0)</script>")

    def answer_eats(self) -> None:
        eat = b"const all = []; setInterval(() => all.push(new Uint8Array(2e7).fill(1)), 5)"
        self.send(b"<p>here</p><script>" + eat + b"</script>")

    def answer_tall(self) -> None:
        self.send(b"<div style='height: 900000px; background: linear-gradient(red, blue)'>x</div>")

    def answer_asks(self) -> None:
        self.send(b"<script>setInterval(() => fetch('/picture?' + Math.random()), 20)</script>")

    def answer_lost(self) -> None:
        self.send(b"<h1>removed</h1>", 404)


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """A port that notes whoever connects."""
    heard: list[str] = []
    server = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)

    def listen() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            peer.settimeout(1)
            try:
                heard.append(peer.recv(200).decode("latin-1").split("\r\n")[0])
            except OSError:
                heard.append("silent")
            peer.close()

    threading.Thread(target=listen, daemon=True).start()
    yield server.getsockname()[1], heard
    server.shutdown(socket.SHUT_RDWR)
    server.close()


@pytest.fixture
def site() -> Iterator[tuple[str, type[Site], Guard]]:
    with serving(handler=Pages) as served:
        yield served


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path / "home")


@pytest.fixture
def take(evidence: Evidence, site: tuple[str, type[Site], Guard]) -> Take:
    url, _, guard = site
    found = find_browser(None)
    assert found is not None
    executable = found.executable

    def run(path: str, person: Person = DESK, case: str = "", fetch: Any = None, **limits: Any) -> Exhibit:
        browser = Browser(executable, limits=BrowserLimits(**limits))
        intent = Intent(Found(f"{url}/{path}"), "http", why="w")
        case = case or open_case(evidence, DESK, "t", "하늘").id
        return capture(evidence, person, case, intent, [], Client(guard, fetch or FetchLimits()), browser)

    return run


def content(evidence: Evidence, exhibit: Exhibit, name: str, folder: Path) -> Path:
    target = folder / f"{exhibit.id}-{name}"
    open_part(evidence, REVIEWER, exhibit.id, name, target, "test")
    return target


def names(exhibit: Exhibit) -> list[str]:
    return [part.name for part in exhibit.parts]


def test_page_is_kept_as_it_was_shown(evidence: Evidence, take: Take, site: Any, tmp_path: Path) -> None:
    exhibit = take("scripted")
    kept = ["capture.wacz", "body.html", "screenshot.png", "dom.html", "page.mhtml", "console.json"]
    assert names(exhibit) == kept
    assert exhibit.method == "browser"
    assert exhibit.facts["settings"]["browser"].startswith("Chromium ")
    facts = exhibit.facts["browser"]
    assert (facts["settled"], facts["refused"], facts.get("missing")) == (True, [], None)
    assert facts["page_clock"]["at"].startswith("20")
    assert content(evidence, exhibit, "screenshot.png", tmp_path).read_bytes().startswith(b"\x89PNG")
    assert "after" in content(evidence, exhibit, "dom.html", tmp_path).read_text()
    assert "after" in content(evidence, exhibit, "page.mhtml", tmp_path).read_text()
    assert content(evidence, exhibit, "body.html", tmp_path).read_bytes() == SCRIPTED
    said = json.loads(content(evidence, exhibit, "console.json", tmp_path).read_text())
    assert [line["text"] for line in said] == ["spoken"]
    wacz = content(evidence, exhibit, "capture.wacz", tmp_path)
    assert judge(wacz).faults == []
    with zipfile.ZipFile(wacz) as archive:
        index = archive.read("indexes/index.cdxj").decode()
    assert all(f'/{path}"' in index for path in ("scripted", "script", "style", "style2", "picture"))
    asked = [path for path, _ in site[1].seen]
    assert asked.count("/scripted") == asked.count("/robots.txt") == 1
    assert all("Cookie" not in headers for _, headers in site[1].seen)


def test_nothing_private_is_ever_spoken_to(take: Take, site: Any) -> None:
    with listening() as (port, heard):
        site[1].inner = port
        exhibit = take("hostile")
        refused = " ".join(one["url"] + one["why"] for one in exhibit.facts["browser"]["refused"])
        for way in ("image", "frame", "fetch", "post", "worker", "inward", "169.254.169.254"):
            assert way in refused
        away = take("away")
        assert "not a public address" in json.dumps(away.facts["browser"]["refused"])
    assert heard == []


def test_dead_pages_and_media_are_exhibits(take: Take) -> None:
    lost = take("lost")
    assert (lost.facts["state"], lost.method, "screenshot.png" in names(lost)) == ("gone", "browser", True)
    for path, parts in (("empty", []), ("legal", []), ("video", ["body.mp4"])):
        exhibit = take(path)
        assert (names(exhibit), exhibit.method) == (["capture.wacz", *parts], "http")
    assert take("endless", fetch=FetchLimits(max_bytes=20_000)).facts["state"] == "cut off"


def test_endless_pages_end(take: Take) -> None:
    asks = take("asks", page_seconds=3.0)
    assert asks.facts["browser"]["settled"] is False
    assert "screenshot.png" in names(asks)
    assert take("asks", page_seconds=3.0, most_requests=5).facts["browser"]["requests"] == 5
    hangs = take("hangs", page_seconds=2.0, step_seconds=3.0)
    assert hangs.facts["browser"]["missing"]
    assert names(hangs)[:2] == ["capture.wacz", "body.html"]
    tall = take("tall")
    assert tall.facts["browser"]["screenshot_cut_at"] == BrowserLimits().most_height


def test_memory_is_bounded(take: Take) -> None:
    exhibit = take("eats", page_seconds=30.0, step_seconds=5.0, most_memory=1_200_000_000)
    assert "memory" in exhibit.facts["browser"]["missing"]["page"]


def test_sexual_media_is_sealed_and_minors_are_never_shown(evidence: Evidence, take: Take, site: Any) -> None:
    minor = open_case(evidence, DESK, "t", "하늘", None, Lane.MINOR)
    with pytest.raises(PolicyError, match="rule 3"):
        take("scripted", LEGAL, minor.id)
    VaultKeys(evidence.home).make_seal(("a", "b", "c"))
    case = open_case(evidence, DESK, "t", "하늘", None, Lane.SEXUAL)
    with pytest.raises(PolicyError, match="second person"):
        take("scripted", LEGAL, case.id)
    assert site[1].seen == []
    decide(evidence, APPROVER, evidence.all(Approval)[0].id, True, "agreed")
    exhibit = take("scripted", LEGAL, case.id)
    places = evidence.get(Holding, exhibit.id).places
    assert "screenshot.png" in places
    assert all(place.sealed for place in places.values())


def test_nothing_is_left_behind(take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    memory = Path("/dev/shm")  # noqa: S108 - only looked at
    before = {one.name for one in memory.glob("*")}
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    take("scripted")
    assert list((tmp_path / "tmp").rglob("*")) == []
    left = {one.name for one in memory.glob("*")} - before
    assert not [one for one in left if "haechi" in one or "hromium" in one]


def test_absent_browser_says_what_to_do(evidence: Evidence, site: Any) -> None:
    url, _, guard = site
    case = open_case(evidence, DESK, "t", "하늘").id
    with pytest.raises(RemoteError, match="HAECHI_CHROMIUM"):
        absent = Browser(Path("/nonexistent/chromium"))
        capture(evidence, DESK, case, Intent(Found(f"{url}/scripted"), "http"), [], Client(guard), absent)
    assert evidence.all(Exhibit) == []
