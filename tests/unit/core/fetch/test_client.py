from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.core.errors import InputError, PolicyError, RemoteError
from haechi.core.fetch import PUBLIC, Client, FetchLimits, Guard
from web_server import PAGE, Site, serving

Served = tuple[str, type[Site], Guard]


@pytest.fixture
def site() -> Iterator[Served]:
    with serving() as served:
        yield served


def test_page_is_fetched_as_it_is(site: Served, tmp_path: Path) -> None:
    url, handler, guard = site
    (found,) = Client(guard).fetch(f"{url}/page?a=b c".replace(" ", "%20"), tmp_path)
    assert (found.status, found.size, found.truncated, found.address) == (200, len(PAGE), "", "127.0.0.1")
    assert found.body.read_bytes() == PAGE
    path, headers = handler.seen[-1]
    assert path == "/page?a=b%20c"
    assert headers["User-Agent"].startswith("HaechiEvidence/")
    assert headers["Accept-Encoding"] == "identity"


def test_redirects_are_exchanges_and_no_cookie_is_kept(site: Served, tmp_path: Path) -> None:
    url, handler, guard = site
    client = Client(guard)
    found = client.fetch(f"{url}/moved", tmp_path)
    assert [one.status for one in found] == [302, 200]
    client.fetch(f"{url}/page", tmp_path)
    assert all("Cookie" not in headers for _, headers in handler.seen)
    assert [path for path, _ in handler.seen].count("/robots.txt") == 1
    assert len(client.fetch(f"{url}/loop", tmp_path)) == 11


@pytest.mark.parametrize("path", ["inward", "tofile"])
def test_redirect_to_the_inside_is_refused(site: Served, tmp_path: Path, path: str) -> None:
    url, _, guard = site
    with pytest.raises(PolicyError, match="rule 6"):
        Client(guard).fetch(f"{url}/{path}", tmp_path)


def test_redirect_to_what_is_no_address_is_refused(site: Served, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no web address"):
        Client(site[2]).fetch(f"{site[0]}/nowhere", tmp_path)


def test_this_machine_is_refused_without_a_word_to_it(site: Served, tmp_path: Path) -> None:
    url, handler, _ = site
    for host in ("127.0.0.1", "localhost", "0.0.0.1", "[::ffff:127.0.0.1]", "2130706433"):
        with pytest.raises((PolicyError, RemoteError)):
            Client(PUBLIC).fetch(url.replace("127.0.0.1", host), tmp_path)
    assert handler.seen == []


def test_name_that_answers_differently_the_second_time_gains_nothing(site: Served, tmp_path: Path) -> None:
    url, handler, _ = site
    answers = iter([["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1"]])
    guard = Guard(resolve=lambda *_: next(answers))
    with pytest.raises((PolicyError, RemoteError)):
        Client(guard, FetchLimits(wait_seconds=0.5)).fetch(url.replace("127.0.0.1", "rebind.example.org"), tmp_path)
    assert handler.seen == []


@pytest.mark.parametrize("robots", [b"User-agent: *\nDisallow: /page", b"User-agent: HaechiEvidence\nDisallow: /", 503])
def test_robots_are_respected(tmp_path: Path, robots: bytes | int) -> None:
    with serving(robots) as (url, handler, guard):
        with pytest.raises(PolicyError, match="robots"):
            Client(guard).fetch(f"{url}/page", tmp_path)
        assert [path for path, _ in handler.seen] == ["/robots.txt"]


@pytest.mark.parametrize("robots", [404, b"User-agent: other\nDisallow: /", b"\xff\xfe rubbish"])
def test_robots_that_forbid_nothing(tmp_path: Path, robots: bytes | int) -> None:
    with serving(robots) as (url, _, guard):
        assert Client(guard).fetch(f"{url}/page", tmp_path)[0].status == 200


def test_endless_page_ends_by_size_and_by_time(site: Served, tmp_path: Path) -> None:
    url, _, guard = site
    (by_size,) = Client(guard, FetchLimits(max_bytes=50_000)).fetch(f"{url}/endless", tmp_path)
    assert (by_size.size, by_size.truncated) == (50_000, "length")
    (by_time,) = Client(guard, FetchLimits(max_seconds=0.3)).fetch(f"{url}/endless", tmp_path)
    assert by_time.truncated == "time"


def test_compressed_body_is_never_decompressed(site: Served, tmp_path: Path) -> None:
    url, _, guard = site
    (found,) = Client(guard).fetch(f"{url}/bomb", tmp_path)
    assert found.size < 50_000


def test_other_kinds_and_silence(site: Served, tmp_path: Path) -> None:
    url, _, guard = site
    with pytest.raises(PolicyError, match="x-msdownload"):
        Client(guard).fetch(f"{url}/program", tmp_path)
    with pytest.raises(RemoteError):
        Client(guard).fetch(f"{url}/silent", tmp_path)
    (short,) = Client(guard).fetch(f"{url}/short", tmp_path)
    assert short.size == len(b"only this")


@pytest.mark.parametrize(("path", "status"), [("absent", 404), ("legal", 451), ("empty", 200)])
def test_dead_pages_are_results(site: Served, tmp_path: Path, path: str, status: int) -> None:
    url, _, guard = site
    assert Client(guard).fetch(f"{url}/{path}", tmp_path)[-1].status == status
