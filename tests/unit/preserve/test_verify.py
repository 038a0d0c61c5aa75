from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest

from accounts import AUDITOR, DESK
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Exhibit, Holding
from haechi.core.store.evidence import Evidence
from haechi.preserve.verify import verify_exhibit


def test_intact_exhibit(evidence: Evidence, ordinary: Exhibit) -> None:
    found = verify_exhibit(evidence, DESK, ordinary.id)
    assert (found.faults, found.parts_checked, found.sealed) == ((), 1, 0)
    (stamp,) = found.stamps
    assert (stamp.trusted, stamp.remark) == (True, "not independent")
    assert evidence.history(ordinary.id)[-1].detail == {"intact": True, "faults": []}
    with pytest.raises(PolicyError):
        verify_exhibit(evidence, AUDITOR, ordinary.id)
    with pytest.raises(InputError):
        verify_exhibit(evidence, DESK, "E-none")


def test_any_byte_of_a_stored_part_is_found(evidence: Evidence, ordinary: Exhibit) -> None:
    path = evidence.vault.path(evidence.get(Holding, ordinary.id).places["original.mp4"].stored)
    data = path.read_bytes()
    chance = random.Random(1)
    for at in [0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(30))]:
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :])
        (fault,) = verify_exhibit(evidence, DESK, ordinary.id).faults
        assert fault.where == f"part original.mp4 of {ordinary.id}"
    for cut in (data[:-1], data + b"x", b""):
        path.write_bytes(cut)
        assert len(verify_exhibit(evidence, DESK, ordinary.id).faults) == 1
    path.unlink()
    (fault,) = verify_exhibit(evidence, DESK, ordinary.id).faults
    assert "missing" in fault.what


FORGERIES = {
    "UPDATE evidence SET body = replace(body, 'someone', 'another') WHERE kind = 'exhibit'": "record of E-",
    "UPDATE evidence SET body = replace(body, '\"size\":1', '\"size\":2') WHERE kind = 'exhibit'": "record of E-",
    "UPDATE evidence SET body = replace(body, '\"at\":\"20', '\"at\":\"19') WHERE kind = 'stamp'": "time stamp T-",
    "UPDATE evidence SET body = replace(body, 'stored\":\"sha256:', 'stored\":\"sha256:0') WHERE kind = 'holding'": "",
}


@pytest.mark.parametrize("script", FORGERIES)
def test_forged_records_are_found(evidence: Evidence, ordinary: Exhibit, script: str) -> None:
    with closing(sqlite3.connect(evidence.home / "haechi.db")) as database:
        database.executescript(f"DROP TRIGGER evidence_no_update; {script}")
    if FORGERIES[script]:
        faults = verify_exhibit(evidence, DESK, ordinary.id).faults
        assert any(fault.where.startswith(FORGERIES[script]) for fault in faults), faults
    assert any("was changed" in fault.what for fault in evidence.audit().faults)


def test_exhibit_written_a_second_time_is_found(evidence: Evidence, ordinary: Exhibit) -> None:
    evidence.change(lambda change: change.put(ordinary, "exhibit.add"))
    assert "a second time" in verify_exhibit(evidence, DESK, ordinary.id).faults[0].what


def test_other_content_under_the_right_digest_of_its_encryption_is_found(
    evidence: Evidence, ordinary: Exhibit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(_self: object, _path: object, target: object) -> None:
        target.write(b"other content")  # type: ignore[attr-defined]

    monkeypatch.setattr("haechi.core.sealing.VaultKeys.decrypt", other)
    (fault,) = verify_exhibit(evidence, DESK, ordinary.id).faults
    assert "SHA-256" in fault.what
