from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from haechi.core.errors import InputError
from haechi.preserve.judge import judge
from shared_data import FOLDER, rows

FILES = [row for row in rows("evidence/") if not row[0].endswith(".pem")]
EDGES = {
    "self_signed.tsr": (True, "no root"),
    "response-no-embedded-cert.tsr": (True, ""),
    "response-expired.tsr": (True, ""),
    "other_response.tsr": (True, "no root"),
    "response-injected-certs.tsr": (True, ""),
    "example-digest.warc": (False, ""),
}


@pytest.mark.skipif(not FILES, reason="the shared test data is not here")
@pytest.mark.parametrize(("path", "label"), FILES)
def test_containers_are_judged_as_the_manifest_says(path: str, label: str) -> None:
    file = FOLDER / path
    chain = file.parent / "ts_chain.pem"
    found = judge(file, chain if chain.exists() else None)
    if label == "edge case":
        intact, remark = EDGES[file.name]
        assert (not found.faults) is intact
        assert remark in " ".join(found.remarks)
    else:
        assert (not found.faults) is (label == "valid"), found.faults


def test_certificate_that_is_missing_is_said() -> None:
    path = FOLDER / "evidence/trailofbits+rfc3161-client/sigstage/response-no-embedded-cert.tsr"
    if not path.exists():
        pytest.skip("the shared test data is not here")
    (fault,) = judge(path).faults
    assert "chain" in fault.what


@pytest.mark.parametrize("data", [b"", b"text", b"\x1f\x8brubbish", b"\x00" * 100])
def test_what_is_no_container(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(InputError):
        judge(path)
    with pytest.raises(InputError):
        judge(tmp_path)


def test_zip_without_the_list_is_said(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a", b"b")
    assert judge(tmp_path / "x.zip").faults[0].where == "sha256sums"
    (tmp_path / "y.zip").write_bytes(b"PK\x03\x04rubbish")
    assert judge(tmp_path / "y.zip").faults


def test_warc_bomb_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haechi.preserve.warc.MOST_BYTES", 1 << 20)
    record = b"WARC/1.0\r\nWARC-Type: resource\r\nWARC-Record-ID: <urn:uuid:1>\r\nContent-Length: 50000000\r\n\r\n"
    (tmp_path / "bomb.warc.gz").write_bytes(gzip.compress(record + bytes(50_000_000) + b"\r\n\r\n"))
    (fault,) = judge(tmp_path / "bomb.warc.gz").faults
    assert "bomb" in fault.what


def test_wacz_bomb_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haechi.preserve.wacz.MOST_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "x.wacz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/a.warc", bytes(5_000_000))
        archive.writestr("datapackage.json", '{"resources": [{"path": "archive/a.warc", "hash": "sha256:00"}]}')
    (fault,) = judge(tmp_path / "x.wacz").faults
    assert "bomb" in fault.what
