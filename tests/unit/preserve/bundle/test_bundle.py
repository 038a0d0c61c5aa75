from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts import ADMIN, AUDITOR, DESK, LEGAL
from haechi.act.case import open_case
from haechi.act.notice.draft import draft_notice
from haechi.core.errors import InputError, IntegrityError, PolicyError
from haechi.core.evidence import Case, Exhibit, Holding, Lane
from haechi.core.people import alone
from haechi.core.settings import Limits, Settings
from haechi.core.store.evidence import Evidence
from haechi.preserve.bundle.examine import examine_bundle
from haechi.preserve.bundle.write import Bundled, write_bundle
from haechi.preserve.custody import Intent, add_address, add_file
from haechi.preserve.facts import Found
from haechi.preserve.judge import judge
from haechi.preserve.seal import name_holders

Consent = Callable[[Callable[[], object]], None]
NAME = '특이한 이름\n* #import "x" $math$ @label'


@pytest.fixture
def bundle(evidence: Evidence, ordinary: Exhibit, tmp_path: Path) -> Bundled:
    intent = Intent(Found("https://x.com/1", account=NAME), "report")
    add_address(evidence, DESK, ordinary.parent, intent, ["local:"])
    draft_notice(evidence, DESK, ordinary.parent, "kr-44-2", "YouTube", {})
    open_case(evidence, DESK, "another case", "secret")
    output = tmp_path / "case.zip"
    return write_bundle(evidence, alone(), ordinary.parent, output, "for counsel", fonts=Settings().models)


@pytest.fixture
def unpacked(bundle: Bundled, tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(bundle.path) as archive:
        archive.extractall(folder)
    return folder


def run_script(folder: Path, python: str = sys.executable) -> Any:
    return subprocess.run([python, "-I", "verify.py"], cwd=folder, capture_output=True, text=True, timeout=120)


def test_bundle_is_intact_for_us_and_for_its_own_script(bundle: Bundled, unpacked: Path) -> None:
    found = examine_bundle(bundle.path)
    assert found.faults == ()
    assert (found.exhibits, found.parts, found.stamps, found.not_independent) == (2, 1, 2, 2)
    done = run_script(unpacked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "INTACT" in done.stdout
    assert found.key in done.stdout
    assert not list(unpacked.rglob("__pycache__"))


def test_bundle_holds_what_belongs_to_its_case_and_nothing_else(bundle: Bundled, unpacked: Path, clip: Path) -> None:
    names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert {"verify.py", "README.txt", "sha256sums", "sha256sums.sig", "report.en.pdf", "ledger/key.pem"} <= names
    (part,) = unpacked.glob("exhibits/*/parts/*")
    assert part.read_bytes() == clip.read_bytes()
    everything = b"".join(path.read_bytes() for path in unpacked.rglob("*.jsonl"))
    assert b"another case" not in everything
    assert b"argon2" not in everything


def test_independent_tools_agree(bundle: Bundled, unpacked: Path) -> None:
    for tool in ("sha256sum", "openssl"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "sha256sums"], cwd=unpacked, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout
    tokens = list(unpacked.glob("exhibits/*/stamps/*.tsr"))
    assert len(tokens) == 2
    for token in tokens:
        record, chain = token.parent.parent / "exhibit.json", token.with_suffix(".pem")
        command = ["openssl", "ts", "-verify", "-data", record, "-in", token, "-CAfile", chain]
        assert subprocess.run(command, capture_output=True, timeout=120).returncode == 0
    command = ["openssl", "dgst", "-sha256", "-verify", "ledger/key.pem", "-signature", "sha256sums.sig", "sha256sums"]
    assert subprocess.run(command, cwd=unpacked, capture_output=True, timeout=120).returncode == 0


def test_report_says_what_a_lawyer_asks(unpacked: Path, ordinary: Exhibit) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    for language, words in (("en", "Chain of custody"), ("ko", "보관의 연속성")):
        path = unpacked / f"report.{language}.pdf"
        text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, timeout=120).stdout
        assert words in text
        assert ordinary.id in text
        assert "exhibit.add" in text
        assert "특이한 이름" in text
        assert '#import "x" $math$ @label' in text
        assert b"pdfaid:part" in path.read_bytes()


def test_script_finds_every_kind_of_change(unpacked: Path, tmp_path: Path) -> None:
    changes: list[tuple[Callable[[Path], object], str]] = [
        (lambda one: (one / "README.txt").unlink(), "README.txt"),
        (lambda one: (one / "extra.txt").write_text("x"), "extra.txt"),
        (lambda one: (one / "sha256sums").unlink(), "sha256sums"),
        (lambda one: (one / "sha256sums.sig").write_bytes(b""), "sha256sums"),
        (lambda one: _edit(next(one.glob("exhibits/*/parts/*"))), "parts/original.mp4"),
        (lambda one: next(one.glob("exhibits/*/parts/*")).unlink(), "parts/original.mp4"),
        (lambda one: _edit(next(one.glob("exhibits/*/exhibit.json"))), "exhibit.json"),
        (lambda one: _edit(next(one.glob("exhibits/*/stamps/*.tsr"))), ".tsr"),
        (lambda one: _edit(one / "ledger" / "entries.jsonl"), "ledger/entries.jsonl"),
        (lambda one: _edit(one / "ledger" / "records.jsonl"), "ledger/records.jsonl"),
        (lambda one: _edit(one / "ledger" / "checkpoint.json"), "ledger/checkpoint.json"),
        (lambda one: (one / "ledger" / "records.jsonl").write_bytes(b""), "ledger/records.jsonl"),
    ]  # fmt: skip
    for number, (change, where) in enumerate(changes):
        copy = tmp_path / str(number)
        shutil.copytree(unpacked, copy)
        change(copy)
        done = run_script(copy)
        assert (done.returncode, done.stderr) == (1, ""), where
        assert where in done.stdout
        assert "NOT INTACT" in done.stdout


def _edit(path: Path) -> None:
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])


def test_forger_who_mends_the_list_and_signs_anew_is_found_by_the_key(
    evidence: Evidence, unpacked: Path, tmp_path: Path
) -> None:
    """Even with another key throughout, record and ledger no longer fit; and the fingerprint is another."""
    import hashlib

    from haechi.core.ledger import ledger_key

    part = next(unpacked.glob("exhibits/*/parts/*"))
    part.write_bytes(b"another clip")
    other = ledger_key(tmp_path / "forger")
    (unpacked / "ledger" / "key.pem").write_bytes(other.public_pem)
    lines = []
    for line in (unpacked / "sha256sums").read_text().splitlines():
        name = line.partition("  ")[2]
        lines.append(f"{hashlib.sha256((unpacked / name).read_bytes()).hexdigest()}  {name}\n")
    (unpacked / "sha256sums").write_text("".join(lines))
    (unpacked / "sha256sums.sig").write_bytes(other.sign("".join(lines).encode()))
    done = run_script(unpacked)
    assert done.returncode == 1
    assert "parts/original.mp4: has not the SHA-256 and the size" in done.stdout
    assert "ledger/checkpoint.json" in done.stdout
    assert evidence.key.id not in done.stdout


def test_no_flipped_bit_of_any_file_passes(bundle: Bundled, tmp_path: Path) -> None:
    data = bytearray(bundle.path.read_bytes())
    with zipfile.ZipFile(bundle.path) as archive:
        spans = [(info.header_offset + 30 + len(info.filename), info.file_size) for info in archive.infolist()]
    chance, path = random.Random(7), tmp_path / "flipped.zip"
    for _ in range(120):
        start, size = chance.choice([span for span in spans if span[1]])
        at = start + chance.randrange(size)
        data[at] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        try:
            faults = examine_bundle(path).faults
        except InputError:
            faults = ()
            pytest.fail("a changed file must be located, not refused")
        assert faults
        data[:] = bundle.path.read_bytes()


def test_no_flipped_bit_of_the_archive_itself_passes(bundle: Bundled, tmp_path: Path) -> None:
    data = bytearray(bundle.path.read_bytes())
    with zipfile.ZipFile(bundle.path) as archive:
        infos = archive.infolist()
    ends = [(one.header_offset, one.header_offset + 30 + len(one.filename)) for one in infos]
    frame = [at for start, end in ends for at in range(start, end)]
    frame += range(len(data) - 600, len(data))
    chance, path = random.Random(9), tmp_path / "flipped.zip"
    for at in chance.sample(frame, 150):
        data[at] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        assert judge(path).faults, at
        data[:] = bundle.path.read_bytes()
    for longer in (b"x" + data, data + b"x"):
        path.write_bytes(longer)
        assert judge(path).faults


@pytest.mark.parametrize("cut", [0, 1, 100, -1, -100])
def test_cut_off_or_foreign_files_are_refused(bundle: Bundled, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.zip"
    path.write_bytes(bundle.path.read_bytes()[:cut])
    with pytest.raises(InputError):
        examine_bundle(path)
    with pytest.raises(InputError):
        examine_bundle(tmp_path / "absent.zip")


def odd_archives(folder: Path, bundle: Bundled) -> Iterator[tuple[Path, str]]:
    with zipfile.ZipFile(bundle.path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for kind in ("compressed", "twice", "link", "climbing"):
        path = folder / f"{kind}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
            if kind == "compressed":
                archive.writestr("bomb", bytes(10_000_000), zipfile.ZIP_DEFLATED)
            elif kind == "link":
                info = zipfile.ZipInfo("link")
                info.external_attr = 0o120777 << 16
                archive.writestr(info, "/etc/passwd")
            elif kind == "climbing":
                archive.writestr("../climbing", b"x")
            else:
                with pytest.warns(UserWarning, match="Duplicate"):
                    archive.writestr("README.txt", b"other")
        yield path, {"twice": "README.txt", "compressed": "bomb", "climbing": "../climbing"}.get(kind, kind)


def test_odd_archives_are_found(bundle: Bundled, tmp_path: Path) -> None:
    for path, where in odd_archives(tmp_path, bundle):
        assert where in {fault.where for fault in examine_bundle(path).faults}


def test_sexual_case_goes_out_without_media_and_with_two(
    evidence: Evidence, new_case: Callable[..., Case], clip: Path, tmp_path: Path, consent: Consent
) -> None:
    name_holders(evidence, ADMIN, ["a", "b", "c"], tmp_path / "shares")
    case = new_case(Lane.SEXUAL)

    def add() -> Exhibit:
        intent = Intent(Found("https://example.org/v"), "file", clip.name, why="w")
        return add_file(evidence, LEGAL, case.id, clip, intent, ["local:"], Limits())

    consent(add)
    add()
    target = tmp_path / "sexual.zip"
    with pytest.raises(PolicyError, match="rule 4"):
        write_bundle(evidence, alone(), case.id, target, "w", fonts=Settings().models)
    consent(lambda: write_bundle(evidence, LEGAL, case.id, target, "w", fonts=Settings().models))
    assert not target.exists()
    done = write_bundle(evidence, LEGAL, case.id, target, "w", fonts=Settings().models)
    assert done.parts == 0
    assert b"some bytes of a clip" not in target.read_bytes()
    assert not any("/parts/" in name for name in zipfile.ZipFile(target).namelist())
    assert examine_bundle(target).faults == ()


def test_roles_and_places(evidence: Evidence, ordinary: Exhibit, tmp_path: Path) -> None:
    for who in (DESK, AUDITOR, ADMIN):
        with pytest.raises(PolicyError):
            write_bundle(evidence, who, ordinary.parent, tmp_path / "x.zip", fonts=Settings().models)
    (tmp_path / "there.zip").write_bytes(b"")
    for output in (tmp_path / "there.zip", tmp_path / "absent" / "x.zip"):
        with pytest.raises(InputError):
            write_bundle(evidence, alone(), ordinary.parent, output, fonts=Settings().models)


def test_damaged_part_stops_the_bundle_and_leaves_none(evidence: Evidence, ordinary: Exhibit, tmp_path: Path) -> None:
    path = evidence.vault.path(evidence.get(Holding, ordinary.id).places["original.mp4"].stored)
    path.write_bytes(b"damaged")
    with pytest.raises(IntegrityError):
        write_bundle(evidence, alone(), ordinary.parent, tmp_path / "x.zip", fonts=Settings().models)
    assert not list(tmp_path.glob("*.zip*")) + list(tmp_path.glob(".*unfinished"))


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.12", "3.13"])
def test_script_runs_on_other_pythons(unpacked: Path, version: str) -> None:
    found = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    python = next((str(one) for one in found if one and _works(str(one))), None)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    done = run_script(unpacked, python)
    assert done.returncode == 0, done.stdout + done.stderr


def _works(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, timeout=120).returncode == 0


def test_records_are_those_of_the_ledger(unpacked: Path) -> None:
    lines = [
        json.loads(line) for line in (unpacked / "ledger" / "records.jsonl").read_text("utf-8").split("\n") if line
    ]
    assert [line["kind"] for line in lines].count("exhibit") == 2
    assert {line["kind"] for line in lines} == {"case", "exhibit", "holding", "stamp", "notice"}
