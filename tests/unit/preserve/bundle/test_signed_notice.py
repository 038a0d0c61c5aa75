"""A notice that was signed as PDF lies in the bundle as it was signed, and the bundle's script holds it to that."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from accounts import DESK, LEGAL
from haechi.act.notice.draft import draft_notice
from haechi.act.notice.laws import law_named
from haechi.act.notice.states import Hand, sign_notice
from haechi.core.evidence import Exhibit, Paper
from haechi.core.pades import PdfKey
from haechi.core.people import alone
from haechi.core.provenance.certificates import make_root, make_signer
from haechi.core.settings import Settings
from haechi.core.store.evidence import Evidence
from haechi.preserve.bundle.examine import examine_bundle
from haechi.preserve.bundle.write import write_bundle

pytest.importorskip("pyhanko")


def test_signed_notice_is_in_the_bundle_and_held_to_its_record(
    evidence: Evidence, ordinary: Exhibit, tmp_path: Path
) -> None:
    root = make_root("Example")
    certificate, key = make_signer("Example", root)
    (tmp_path / "chain.pem").write_bytes(certificate + root.certificate)
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "key.pem").chmod(0o600)
    given = {name: "value" for name in law_named("kr-44-2").fields}
    notice = draft_notice(evidence, DESK, ordinary.parent, "kr-44-2", "YouTube", given, parody="it deceives")
    hand = Hand(PdfKey(f"file:{tmp_path / 'key.pem'}", tmp_path / "chain.pem"), "local:", Settings().models)
    sign_notice(evidence, LEGAL, notice.id, "J. Kim", "counsel", "", hand)
    bundle = write_bundle(evidence, alone(), ordinary.parent, tmp_path / "case.zip", fonts=Settings().models)
    assert examine_bundle(bundle.path).faults == ()
    folder, name = tmp_path / "unpacked", f"notices/{notice.id}.pdf"
    with zipfile.ZipFile(bundle.path) as archive:
        archive.extractall(folder)
    pdf = (folder / name).read_bytes()
    assert f"sha256:{hashlib.sha256(pdf).hexdigest()}" == evidence.get(Paper, notice.id).sha256
    other = pdf + b"\n"
    (folder / name).write_bytes(other)
    sums = (folder / "sha256sums").read_text()
    (folder / "sha256sums").write_text(sums.replace(hashlib.sha256(pdf).hexdigest(), hashlib.sha256(other).hexdigest()))
    done = subprocess.run([sys.executable, "-I", "verify.py"], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert f"{name}: is not the signed notice that the ledger vouches for" in done.stdout
