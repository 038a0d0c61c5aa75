"""Notices signed inside their PDF: pyHanko makes the signature, poppler's pdfsig judges it."""

from __future__ import annotations

import asyncio
import base64
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from accounts import DESK, LEGAL, evidence_of, person
from haechi.act.case import open_case
from haechi.act.notice.draft import draft_notice
from haechi.act.notice.laws import law_named
from haechi.act.notice.states import Hand, sign_notice
from haechi.core.errors import InputError, IntegrityError, RemoteError
from haechi.core.evidence import Notice, NoticeState, Paper, Role
from haechi.core.pades import PdfKey, sign_pdf
from haechi.core.provenance.certificates import make_root, make_signer
from haechi.core.settings import Settings
from haechi.core.store.evidence import Evidence

pytest.importorskip("pyhanko")
OTHER = person("other", Role.LEGAL)


needs_pdfsig = pytest.mark.skipif(shutil.which("pdfsig") is None, reason="poppler-utils (pdfsig) is not installed")


def hand_of(key: PdfKey, tsa: str = "local:") -> Hand:
    return Hand(key, tsa, Settings().models)


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path / "home")


@pytest.fixture
def draft(evidence: Evidence) -> Callable[[str], Notice]:
    def make(law: str = "kr-44-2") -> Notice:
        case = open_case(evidence, DESK, "t", "하늘")
        given = {name: f"{name}의 값" for name in law_named(law).fields}
        return draft_notice(evidence, DESK, case.id, law, "YouTube", given, parody="속이려는 것")

    return make


@pytest.fixture
def make_key(tmp_path: Path) -> Callable[[str], PdfKey]:
    def make(name: str) -> PdfKey:
        root = make_root(name)
        certificate, key = make_signer(name, root)
        chain, secret = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        chain.write_bytes(certificate + root.certificate)
        secret.write_bytes(key)
        secret.chmod(0o600)
        return PdfKey(f"file:{secret}", chain)

    return make


def as_pkcs12(key: PdfKey, folder: Path, passphrase: bytes) -> PdfKey:
    assert key.chain is not None
    leaf, root = x509.load_pem_x509_certificates(key.chain.read_bytes())
    private = serialization.load_pem_private_key(Path(key.uri.removeprefix("file:")).read_bytes(), None)
    path, secret = folder / "hand.p12", folder / "passphrase"
    how = serialization.BestAvailableEncryption(passphrase)
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"hand", private, leaf, [root], how))  # type: ignore[arg-type]
    secret.write_bytes(passphrase + b"\n")
    path.chmod(0o600)
    return PdfKey(f"file:{path}", None, secret)


def pdfsig(pdf: bytes, folder: Path) -> list[str]:
    """What pdfsig says of each signature, in order."""
    path = folder / "signed.pdf"
    path.write_bytes(pdf)
    said = subprocess.run(
        ["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False, timeout=120
    ).stdout
    return re.findall(r"ETSI\.CAdES\.detached.*?Signature Validation: ([^\n]+)", said, re.DOTALL)


@needs_pdfsig
@pytest.mark.parametrize("form", ["pem", "pkcs12"])
def test_signature_inside_the_pdf(
    evidence: Evidence, draft: Callable[..., Notice], make_key: Callable[[str], PdfKey], tmp_path: Path, form: str
) -> None:
    key = make_key("Example")
    key = key if form == "pem" else as_pkcs12(key, tmp_path, "암호 pass".encode())
    notice = sign_notice(evidence, LEGAL, draft().id, "J. Kim", "counsel", "", hand_of(key))
    assert notice.state is NoticeState.SIGNED
    paper = evidence.get(Paper, notice.id)
    assert (paper.level, paper.independent, paper.parent) == ("B-LTA", False, notice.parent)
    pdf = base64.b64decode(paper.pdf)
    assert pdfsig(pdf, tmp_path) == ["Signature is Valid."]
    at = pdf.index(b"%%EOF") // 2
    changed = pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]
    assert pdfsig(changed, tmp_path) != ["Signature is Valid."]
    (entry,) = [one for one in evidence.history(notice.id) if one.act == "notice.sign"]
    assert (entry.detail["pdf"], entry.detail["level"]) == (paper.sha256, "B-LTA")
    assert evidence.audit().faults == ()


@needs_pdfsig
def test_two_people_sign_one_pdf(
    evidence: Evidence, draft: Callable[[str], Notice], make_key: Callable[[str], PdfKey], tmp_path: Path
) -> None:
    notice = draft("us-dmca")
    first = sign_notice(evidence, LEGAL, notice.id, "J. Kim", "counsel", "", hand_of(make_key("One")))
    assert first.state is NoticeState.DRAFTED
    second = sign_notice(evidence, OTHER, notice.id, "L. Lee", "director", "", hand_of(make_key("Two")))
    assert second.state is NoticeState.SIGNED
    pdf = base64.b64decode(evidence.get(Paper, notice.id).pdf)
    assert pdfsig(pdf, tmp_path) == ["Signature is Valid."] * 2
    assert len(evidence.bodies(Paper, notice.id)) == 2
    assert evidence.audit().faults == ()


def test_without_a_key_the_hand_is_as_before(evidence: Evidence, draft: Callable[..., Notice]) -> None:
    notice = sign_notice(evidence, LEGAL, draft().id, "J. Kim", "counsel")
    assert notice.state is NoticeState.SIGNED
    assert evidence.find(Paper, notice.id) is None


def test_nothing_is_signed_when_the_pdf_cannot_be(
    evidence: Evidence, draft: Callable[..., Notice], make_key: Callable[[str], PdfKey], tmp_path: Path
) -> None:
    notice, key, other = draft(), make_key("Example"), make_key("Other")
    hands = [
        (hand_of(PdfKey("file:/nowhere.pem", key.chain)), InputError),
        (hand_of(PdfKey(key.uri)), InputError),
        (hand_of(PdfKey(key.uri, other.chain)), IntegrityError),
        (hand_of(key, "ftp:nowhere"), InputError),
        (hand_of(key, "http://127.0.0.1:9/"), RemoteError),
        (hand_of(PdfKey("file:" + str(tmp_path / "absent.p12"))), InputError),
    ]
    for hand, error in hands:
        with pytest.raises(error):
            sign_notice(evidence, LEGAL, notice.id, "J. Kim", "counsel", "", hand)
    wrong = as_pkcs12(key, tmp_path, b"right")
    (tmp_path / "passphrase").write_text("wrong")
    with pytest.raises(InputError, match="another passphrase"):
        sign_notice(evidence, LEGAL, notice.id, "J. Kim", "counsel", "", hand_of(wrong))
    assert evidence.get(Notice, notice.id) == notice
    assert evidence.find(Paper, notice.id) is None


def test_what_was_changed_meanwhile_is_not_signed(
    evidence: Evidence,
    draft: Callable[[str], Notice],
    make_key: Callable[[str], PdfKey],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notice = draft("us-dmca")

    def slow(*arguments: object, **keywords: object) -> object:
        monkeypatch.undo()
        sign_notice(evidence, OTHER, notice.id, "L. Lee", "director")
        return sign_pdf(*arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr("haechi.core.pades.sign_pdf", slow)
    with pytest.raises(InputError, match="meanwhile"):
        sign_notice(evidence, LEGAL, notice.id, "J. Kim", "counsel", "", hand_of(make_key("One")))
    assert [one.name for one in evidence.get(Notice, notice.id).signatures] == ["L. Lee"]


def test_inside_an_event_loop_too(make_key: Callable[[str], PdfKey], tmp_path: Path) -> None:
    import typst

    pdf = bytes(typst.compile(b"= Notice", format="pdf", pdf_standards=["a-2b"]))
    key = make_key("Example")

    async def sign() -> str:
        return sign_pdf(pdf, key, "local:", tmp_path / "home", name="J. Kim", reason="counsel").level

    assert asyncio.run(sign()) == "B-LTA"
    with pytest.raises(IntegrityError):
        sign_pdf(b"no PDF", key, "local:", tmp_path / "home", name="J. Kim", reason="counsel")
