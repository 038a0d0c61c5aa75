"""Credentials on a server: fetched only when asked, held against the file, and every failure is said in one line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from haechi.check import check
from haechi.check.remote import MANIFEST_LIMITS
from haechi.check.report import report_json
from haechi.check.report_page.text import sentence
from haechi.check.report_page.wording import FINDINGS
from haechi.check.verify import Standing, Verification, verify
from haechi.core.fetch import Client, FetchLimits, Guard
from haechi.core.language import translate
from haechi.core.provenance.keys import Identity, new_identity, ours
from haechi.core.records import Finding, Verdict
from haechi.core.settings import Limits, Settings
from haechi.core.store import Store, open_store
from haechi.register.release import register_release
from unit.core.provenance.remote import naming
from web_server import Site, serving

ACTION = {
    "action": "c2pa.created",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
}


class Server(Site):
    """Hands out the manifest of the picture, and worse."""

    manifest = b""

    def answer_manifest(self) -> None:
        self.send(type(self).manifest, kind="application/c2pa")

    def answer_elsewhere(self) -> None:
        self.send(b"", 302, Location="/manifest")

    def answer_round(self) -> None:
        self.send(b"", 302, Location="/round")


@dataclass(frozen=True)
class Scene:
    """A home, a server, and whom the client may speak to."""

    store: Store
    url: str
    server: type[Server]
    guard: Guard

    def client(self, most: int = MANIFEST_LIMITS.max_bytes, seconds: float = 20.0) -> Client:
        return Client(self.guard, FetchLimits(most, seconds, max_redirects=3), any_kind=True)

    def look(self, path: Path, client: Client | None, trust_pem: str = "") -> Verification:
        return verify(path, self.store, Limits(), ours(self.store.home), trust_pem=trust_pem, remote=client)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with serving(handler=Server) as (url, handler, guard):
        yield Scene(open_store(tmp_path / "home"), url, handler, guard)  # type: ignore[arg-type]


def picture(path: Path, url: str, identity: Identity) -> bytes:
    """A picture that names an address, and its manifest, which lies there."""
    plain = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(plain, "JPEG", quality=90)
    algorithm = c2pa.C2paSigningAlg[identity.algorithm.upper()]
    wish = {"title": "t", "assertions": [{"label": "c2pa.actions", "data": {"actions": [ACTION]}}]}
    with (
        c2pa.Builder(wish) as builder,
        c2pa.Signer.from_callback(identity.signer(), algorithm, identity.chain_pem) as signer,
        path.open("x+b") as target,
    ):
        builder.set_no_embed()
        builder.set_remote_url(url)
        return bytes(builder.sign(signer, "image/jpeg", plain, target))


def told(found: Verification) -> dict[str, Any]:
    assert found.manifest is not None
    return found.manifest


def test_nothing_is_fetched_unless_asked(scene: Scene, tmp_path: Path) -> None:
    url = f"{scene.url}/manifest"
    picture(tmp_path / "a.jpg", url, new_identity(tmp_path / "theirs", "Theirs"))
    found = scene.look(tmp_path / "a.jpg", None)
    assert found.verdict == Standing.UNKNOWN
    wanted = {"found": "elsewhere", "remote_url": url, "fetched_from": None, "remote_failure": None}
    assert told(found).items() >= wanted.items()
    assert scene.server.seen == []


def test_a_fetched_manifest_counts_like_one_beside_the_file(scene: Scene, tmp_path: Path) -> None:
    path, url, theirs = tmp_path / "a.jpg", f"{scene.url}/elsewhere", new_identity(tmp_path / "theirs", "Theirs")
    scene.server.manifest = picture(path, url, theirs)
    found = scene.look(path, scene.client())
    assert (found.verdict, told(found)["found"], told(found)["by_us"]) == (Standing.UNKNOWN_SIGNER, "remote", False)
    assert (told(found)["remote_url"], told(found)["fetched_from"]) == (url, f"{scene.url}/manifest")
    assert scene.look(path, scene.client(), theirs.anchor_pem).verdict == Standing.TRUSTED
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes(data)
    found = scene.look(path, scene.client(), theirs.anchor_pem)
    assert (found.verdict, told(found)["state"]) == (Standing.CHANGED, "invalid")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_our_own_signature_counts_from_a_server_too(scene: Scene, tmp_path: Path) -> None:
    path, us = tmp_path / "a.jpg", new_identity(scene.store.home, "Us")
    scene.server.manifest = picture(path, f"{scene.url}/manifest", us)
    assert scene.look(path, scene.client()).verdict == Standing.AUTHENTIC


def test_the_manifest_of_another_file_vouches_for_nothing(scene: Scene, tmp_path: Path) -> None:
    us = new_identity(scene.store.home, "Us")
    scene.server.manifest = picture(tmp_path / "a.jpg", f"{scene.url}/other", us)
    picture(tmp_path / "b.jpg", f"{scene.url}/manifest", us)
    assert scene.look(tmp_path / "b.jpg", scene.client()).verdict == Standing.CHANGED


@pytest.mark.parametrize(
    ("place", "code", "reason"),
    [
        ("gone", "status", "404"),
        ("round", "status", "302"),
        ("inward", "refused", "not a public address"),
        ("tofile", "refused", "'file:' addresses are not followed"),
        ("silent", "no_answer", "gives no answer"),
        ("page", "no_manifest", ""),
        ("empty", "no_manifest", "it is empty"),
        ("short", "no_manifest", ""),
    ],
)
def test_every_failure_leaves_the_verdict_as_it_was(
    scene: Scene, tmp_path: Path, place: str, code: str, reason: str
) -> None:
    picture(tmp_path / "a.jpg", f"{scene.url}/{place}", new_identity(tmp_path / "theirs", "Theirs"))
    found = scene.look(tmp_path / "a.jpg", scene.client())
    assert (found.verdict, told(found)["found"]) == (Standing.UNKNOWN, "elsewhere")
    failure = told(found)["remote_failure"]
    assert failure["code"] == code
    assert reason in failure["reason"]
    assert "\n" not in failure["reason"]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_what_cannot_be_fetched_hides_no_release(scene: Scene, tmp_path: Path, astronaut: NDArray[np.uint8]) -> None:
    Image.fromarray(astronaut[:, :, ::-1]).save(tmp_path / "master.png")
    release, _ = register_release(tmp_path / "master.png", scene.store, Limits())
    copy = io.BytesIO()
    Image.fromarray(astronaut[:, :, ::-1]).save(copy, "JPEG", quality=80)
    path = tmp_path / "copy.jpg"
    path.write_bytes(naming(copy.getvalue(), f"{scene.url}/gone"))
    for client in (None, scene.client()):
        found = scene.look(path, client)
        assert (found.verdict, found.release) == (Standing.FROM_RELEASE, release)
        assert told(found)["found"] == "elsewhere"


def test_too_much_and_too_slow_are_cut_off(scene: Scene, tmp_path: Path) -> None:
    theirs = new_identity(tmp_path / "theirs", "Theirs")
    scene.server.manifest = picture(tmp_path / "a.jpg", f"{scene.url}/manifest", theirs)
    failure = told(scene.look(tmp_path / "a.jpg", scene.client(most=1000)))["remote_failure"]
    assert failure == {"code": "too_large", "reason": ""}
    picture(tmp_path / "b.jpg", f"{scene.url}/endless", theirs)
    failure = told(scene.look(tmp_path / "b.jpg", scene.client(seconds=0.2)))["remote_failure"]
    assert failure == {"code": "too_slow", "reason": ""}


def test_a_private_address_is_not_called(scene: Scene, tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", f"{scene.url}/manifest", new_identity(tmp_path / "theirs", "Theirs"))
    failure = told(scene.look(tmp_path / "a.jpg", Client(any_kind=True)))["remote_failure"]
    assert failure["code"] == "refused"
    assert "127.0.0.1 is not a public address" in failure["reason"]
    assert scene.server.seen == []


def test_check_fetches_when_asked_and_never_otherwise(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_identify", lambda *_: ())
    monkeypatch.setattr(check, "_detect", lambda *_: None)
    path, us = tmp_path / "a.jpg", new_identity(scene.store.home, "Us")
    url = f"{scene.url}/elsewhere"
    scene.server.manifest = picture(path, url, us)
    settings = Settings(home=scene.store.home)

    def credentials(client: Client | None) -> tuple[Verdict, dict[str, Finding]]:
        report = check.check_file(path, scene.store, settings, pictures=False, remote=client)
        assert report_json(report)["schema"] == "haechi.report/1"
        return report.verdict, {one.code: one for one in report.findings if one.name == "c2pa"}

    verdict, found = credentials(None)
    assert (verdict, list(found), scene.server.seen) == (Verdict.NOT_OURS, ["c2pa.elsewhere"], [])
    verdict, found = credentials(scene.client())
    assert (verdict, list(found)) == (Verdict.AUTHENTIC, ["c2pa.present", "c2pa.fetched"])
    assert found["c2pa.fetched"].data == {"fetched_from": f"{scene.url}/manifest"}
    verdict, found = credentials(Client(any_kind=True))
    assert (verdict, list(found)) == (Verdict.NOT_OURS, ["c2pa.unfetched"])
    words = sentence(translate("en"), FINDINGS, "c2pa.unfetched", found["c2pa.unfetched"].data)
    assert words is not None
    assert f"at {url}, and could not be fetched: " in words
    assert "127.0.0.1 is not a public address" in words
