"""`verify --remote` and `check --remote` as a user runs it, with a server on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from haechi.core.fetch import Client
from haechi.core.records import Report
from unit.core.provenance.remote import naming
from web_server import Site, serving

Haechi = Callable[..., Any]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[Site]]]:
    with serving() as (url, handler, guard):
        monkeypatch.setattr("haechi.core.fetch.Client", partial(Client, guard))
        yield url, handler


def pointing(path: Path, plain: bytes, url: str) -> Path:
    """A picture whose XMP says that its credentials lie at an address."""
    path.write_bytes(naming(plain, url))
    return path


@pytest.fixture
def plain(tmp_path: Path) -> bytes:
    from PIL import Image

    Image.linear_gradient("L").save(tmp_path / "plain.jpg")
    return (tmp_path / "plain.jpg").read_bytes()


def test_an_address_is_named_and_nothing_is_fetched(haechi: Haechi, site: Any, plain: bytes, tmp_path: Path) -> None:
    path = pointing(tmp_path / "a.jpg", plain, f"{site[0]}/gone")
    told = haechi("verify", path)
    assert (told.code, told.err) == (0, "")
    assert f"lie on a server, at {site[0]}/gone: nothing was fetched; --remote would fetch them" in told.out
    assert site[1].seen == []


def test_every_failure_is_one_sentence(haechi: Haechi, site: Any, plain: bytes, tmp_path: Path) -> None:
    wanted = {
        "gone": "could not be fetched: the server answers 404 Not Found",
        "page": "what the server sent cannot be read as content credentials: ",
        "inward": "they were not fetched: rule 6 (no private addresses, no bypass): 169.254.169.254",
    }
    for name, words in wanted.items():
        path = pointing(tmp_path / f"{name}.jpg", plain, f"{site[0]}/{name}")
        told = haechi("verify", path, "--remote")
        assert (told.code, told.err) == (0, "")
        assert "Nothing of yours was found, and its content credentials lie out of reach." in told.out
        assert sum(words in line for line in told.lines) == 1
    record = json.loads(haechi("verify", path, "--remote", "--json").out)
    assert record["manifest"]["remote_failure"]["code"] == "refused"


def test_check_passes_on_who_fetches_and_keeps_such_reports_apart(
    haechi: Haechi,
    checks: Haechi,
    make_report: Callable[..., Report],
    plain: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checks(make_report)
    clients: list[Client | None] = []

    def checked(path: Path, *_: object, remote: Client | None, **__: object) -> Report:
        clients.append(remote)
        return make_report(path)

    monkeypatch.setattr("haechi.check.check.check_file", checked)
    (tmp_path / "a.jpg").write_bytes(plain)
    for options in ((), ("--remote",), ("--remote",)):
        assert haechi("check", tmp_path / "a.jpg", *options).code == 0
    assert [client is not None for client in clients] == [False, True]
