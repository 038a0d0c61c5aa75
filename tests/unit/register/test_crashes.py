"""Whatever happens while registering: nothing is half registered, and the next run goes on."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from haechi.core.settings import Limits
from haechi.core.store import Store, open_store
from haechi.register.release import register_release

pytestmark = pytest.mark.usefixtures("light_media")
Start = Callable[..., "subprocess.Popen[str]"]
POINTS = (
    "fingerprints made",
    "proxy half written",
    "proxy written",
    "blob put",
    "rows inserted",
    "about to commit",
    "committed",
)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err == ""
    return out.strip()


def check_whole(store: Store, sets: int, count: int) -> None:
    """Exactly `count` releases, each with all its rows, its entry and an intact copy, and no file beyond those."""
    releases = store.releases()
    assert len(releases) == count
    assert store.problems() == []
    evidence = store.evidence("auditor")
    assert evidence.audit().faults == ()
    assert [[entry.act for entry in evidence.history(release.id)] for release in releases] == [["release.add"]] * count
    assert evidence.audit().size in (0, 2 + count)
    rows = [row.item_id for row in store.fingerprints()]
    assert sorted(rows) == sorted(release.id for release in releases for _ in range(sets))
    assert len(files_below(store.home / "blobs")) == count
    assert files_below(store.home / "incoming") == []


@pytest.mark.parametrize("point", POINTS)
def test_kill_while_registering(point: str, store: Store, master: Path, start: Start, stand_ins: ModuleType) -> None:
    process = start(store.home, master, point)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    again = open_store(store.home)
    check_whole(again, stand_ins.SETS, 1 if point == "committed" else 0)
    register_release(master, again, Limits())
    check_whole(again, stand_ins.SETS, 1)


def test_kill_of_one_does_not_disturb_another_at_work(store: Store, master: Path, start: Start) -> None:
    """A store that is opened while somebody registers must not sweep what is being written."""
    with store.writing():
        blob = store.put_blob(b"record still to come")
        start(store.home, master, "blob put").communicate(timeout=60)
        register_release(master, open_store(store.home), Limits())
        assert store.blob_path(blob).read_bytes() == b"record still to come"
    assert len(open_store(store.home).releases()) == 1


def test_two_processes_register_the_same_and_different_masters(
    tmp_path: Path, start: Start, stand_ins: ModuleType
) -> None:
    home = tmp_path / "not there yet"
    masters = [tmp_path / f"{i}.mov" for i in range(2)]
    for i, path in enumerate(masters):
        path.write_bytes(b"master" * (i + 1))
    running = [start(home, path) for path in masters for _ in range(2)]
    ids = [finish(process) for process in running]
    assert all(identity.startswith("R-") for identity in ids)
    assert ids[0::2] == ids[1::2]
    check_whole(open_store(home), stand_ins.SETS, 2)


@pytest.mark.parametrize("limit", [1_000, 30_000, 70_000, 120_000, 200_000])
def test_full_disk_while_registering(
    limit: int, store: Store, master: Path, start: Start, stand_ins: ModuleType
) -> None:
    said = finish(start(store.home, master, "", str(limit)))
    if not said.startswith("R-"):
        assert "File too large" in said or ("StoreError" in said and "full" in said)
    again = open_store(store.home)
    check_whole(again, stand_ins.SETS, int(said.startswith("R-")))
    register_release(master, again, Limits())
    check_whole(again, stand_ins.SETS, 1)
