"""Kill a process at its n-th write, for every n, and look at what it left: run as a program, prints one JSON object.

    python killing.py SCENARIO FOLDER [STRIDE]

Every call that reaches the disk is counted: files opened for writing, synchronised, renamed, linked, removed, and every
statement of the database that writes, with its commit, in whichever thread. The child kills itself with SIGKILL before
the n-th of them; with a STRIDE, before every so manieth.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))

from accounts import ADMIN, APPROVER, DESK, LEGAL, REVIEWER, evidence_of
from haechi.act.case import open_case
from haechi.core.approvals import decide
from haechi.core.errors import PolicyError
from haechi.core.evidence import Approval, Case, Exhibit, Holding, Lane, Schedule, Sighting
from haechi.core.fetch import Client, Guard
from haechi.core.fingerprint import FingerprintSet
from haechi.core.people import alone
from haechi.core.recognition import Seen
from haechi.core.sealing import OpenSeal, Seal, VaultKeys
from haechi.core.settings import Limits, Settings
from haechi.preserve import private
from haechi.preserve.browser import find_browser
from haechi.preserve.bundle.examine import examine_bundle
from haechi.preserve.bundle.write import write_bundle
from haechi.preserve.capture import capture
from haechi.preserve.custody import TILE, Intent, add_file
from haechi.preserve.facts import Found
from haechi.preserve.look import look_at_tile, open_part
from haechi.preserve.seal import destroy, name_holders, seal_what_must_be
from haechi.preserve.verify import verify_exhibit
from haechi.workflows.lanes import move_to_lane
from haechi.workflows.recapture import Means, add_schedule, run_due
from web_server import poster, serving

CALLS = ("fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir")
NOW = datetime.now(UTC).replace(microsecond=0)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
SEEN = Seen((FingerprintSet("video_fingerprint_v1", {"codes": np.arange(99)}),))
NEW_HOLDERS = ["x", "y", "z"]
WHY = "request of the subject"
# A scenario takes seconds. One that hangs is ended by its own alarm, wherever it stands, and named.
LONGEST_S = 60


def prepare(home: Path) -> None:
    """A home with key holders, one case, one exhibit and a consent to destroy it."""
    evidence = evidence_of(home)
    name_holders(evidence, ADMIN, ["a", "b", "c"], home.parent / "shares")
    case = open_case(evidence, DESK, "t", "하늘")
    clip = home.parent / "clip.mp4"
    clip.write_bytes(b"some bytes of a clip" * 2000)
    intent = Intent(Found(), "file")
    exhibit = add_file(evidence, DESK, case.id, clip, intent, ["local:"], Limits(), recognise=lambda _: SEEN)
    try:
        destroy(evidence, LEGAL, exhibit.id, WHY)
    except PolicyError:
        (asked,) = evidence.all(Approval)
        decide(evidence, APPROVER, asked.id, True, "")


def add(home: Path) -> None:
    evidence = evidence_of(home)
    case = evidence.all(Case)[0]
    clip, intent = home.parent / "clip.mp4", Intent(Found(), "file")
    add_file(evidence, DESK, case.id, clip, intent, ["local:"], Limits(), recognise=lambda _: SEEN)


def seal(home: Path) -> None:
    evidence = evidence_of(home)
    case = evidence.all(Case)[0]
    if case.lane is Lane.ORDINARY:
        move_to_lane(evidence, DESK, case.id, Lane.SEXUAL, "nudity")
    seal_what_must_be(evidence, DESK)
    assert all(place.sealed for one in evidence.all(Holding) for place in one.places.values())


def bundle(home: Path) -> None:
    evidence = evidence_of(home)
    output = home / "case.zip"
    if not output.exists():
        write_bundle(evidence, alone(), evidence.all(Case)[0].id, output, fonts=Settings().models)


def append(home: Path) -> None:
    evidence = evidence_of(home)
    evidence.change(lambda change: change.log("exhibit.look", "E-1"))
    evidence.keep_checkpoint()


def remove(home: Path) -> None:
    evidence = evidence_of(home)
    (holding,) = evidence.all(Holding)
    if not holding.places["original.mp4"].destroyed:
        destroy(evidence, LEGAL, holding.id, WHY)
    verify_exhibit(evidence, DESK, holding.id)


def take(home: Path, browser: bool = False) -> None:
    """Capture a page that leads on; parts and private folder are those of a capture as users run it."""
    private.remove_left()  # as the command line does when it opens evidence
    evidence = evidence_of(home)
    case = evidence.all(Case)[0]
    port = int((home.parent / "port").read_text())
    intent = Intent(Found(f"http://127.0.0.1:{port}/moved"), "http", why=WHY)
    client = Client(Guard(frozenset({("127.0.0.1", port)})))
    person = DESK if case.lane is Lane.ORDINARY else LEGAL
    if person is DESK or not any(one.method == "http" for one in evidence.all(Exhibit)):
        found = capture(evidence, person, case.id, intent, ["local:"], client, find_browser(None) if browser else None)
        assert found.method == ("browser" if browser else "http")


def take_sealed(home: Path) -> None:
    """Capture in the lane of sexual media, with a consent that serves once: it and the act come together."""
    take(home)
    (asked,) = (one for one in evidence_of(home).all(Approval) if one.act == "exhibit.add")
    assert asked.state == "used"


def ask_to_take(home: Path) -> None:
    """A case in the lane of sexual media, and the second person's word to one capture in it."""
    seal(home)
    try:
        take(home)
    except PolicyError:
        (asked,) = (one for one in evidence_of(home).all(Approval) if one.act == "exhibit.add")
        decide(evidence_of(home), APPROVER, asked.id, True, "")


def recapture(home: Path) -> None:
    """Capture what is due by schedule; whatever was killed before, each date gives one exhibit and one sighting."""
    private.remove_left()
    evidence = evidence_of(home)
    client = Client(Guard(frozenset({("127.0.0.1", int((home.parent / "port").read_text()))})))
    means = Means(client, ["local:"])
    list(run_due(evidence, DESK, means, NOW + timedelta(days=1)))
    taken = [one for one in evidence.all(Exhibit) if one.facts["settings"].get("schedule")]
    seen = [one for one in evidence.all(Sighting) if one.seen_at in {other.added_at for other in taken}]
    (schedule,) = evidence.all(Schedule)
    assert (len(taken), len(seen), schedule.made) == (1, 1, 1)


def plan_recapture(home: Path) -> None:
    """A first capture, and a schedule."""
    take(home)
    evidence = evidence_of(home)
    (first,) = (one for one in evidence.all(Exhibit) if one.method == "http")
    add_schedule(evidence, DESK, first, timedelta(days=1), NOW + timedelta(days=30), NOW, plain=True)


def rename(home: Path) -> None:
    """Name new key holders, which takes a consent; whatever was killed, the seal in use has its shares."""
    evidence = evidence_of(home)
    folder = home.parent / f"new-shares-{len(list(home.parent.glob('new-shares-*')))}"
    if VaultKeys(home).seal() == _shared_seal(home, NEW_HOLDERS):
        return
    if not any(one.act == "vault.holders" and one.state == "granted" for one in evidence.all(Approval)):
        ask_to_rename(home)
    name_holders(evidence, ADMIN, NEW_HOLDERS, folder)
    assert VaultKeys(home).seal() == _shared_seal(home, NEW_HOLDERS)


def ask_to_rename(home: Path) -> None:
    """A second person's word to new key holders."""
    evidence = evidence_of(home)
    try:
        name_holders(evidence, ADMIN, NEW_HOLDERS, home.parent / "never")
    except PolicyError:
        asked = next(one for one in evidence.all(Approval) if one.act == "vault.holders" and one.state == "asked")
        decide(evidence, APPROVER, asked.id, True, "")


def _shared_seal(home: Path, holders: list[str] | None = None) -> Seal | None:
    """The seal in use, if two of its shares are on the disk and open it (and its holders are these)."""
    seal = VaultKeys(home).seal()
    shares = [path.read_bytes() for path in sorted(home.parent.glob("*shares*/share-*.json"))]
    mine = [share for share in shares if seal is not None and seal.recipient.encode() in share]
    if seal is None or len(mine) < 2 or OpenSeal(mine[:2]).holders != tuple(sorted(seal.holders[:2])):
        return None
    return seal if holders is None or seal.holders == tuple(holders) else None


def look(home: Path) -> None:
    """Open an exhibit: the clear copy is there whole or not at all, and never without its entry."""
    evidence = evidence_of(home)
    folder = home.parent / "copies"
    folder.mkdir(exist_ok=True)
    copy = folder / "copy.mp4"
    if not copy.exists():
        open_part(evidence, REVIEWER, evidence.all(Exhibit)[0].id, "original.mp4", copy, WHY)


def take_tile(home: Path) -> None:
    """A picture in the lane of sexual media: sealed, with its blurred tile."""
    evidence = evidence_of(home)
    case = open_case(evidence, DESK, "t", "하늘", None, Lane.SEXUAL)
    picture = home.parent / "neutral.png"
    picture.write_bytes(poster())
    for _ in (1, 2):
        try:
            add_file(evidence, LEGAL, case.id, picture, Intent(Found(), "file", why=WHY), ["local:"], Limits())
        except PolicyError:
            asked = next(one for one in evidence.all(Approval) if one.state == "asked" and one.subject == case.id)
            decide(evidence, APPROVER, asked.id, True, "")


def look_at(home: Path) -> None:
    """Show a blurred tile and end the look: the tile is there whole or not at all, never without its entry."""
    evidence = evidence_of(home)
    exhibit = next(one for one in evidence.all(Exhibit) if any(part.name == TILE for part in one.parts))
    looks = [one for one in evidence.history(exhibit.id) if one.act == "exhibit.look"]
    target = home.parent / TILE
    if target.exists():  # a kill left it: whoever looked knows of it, and so does the ledger
        assert looks
        assert target.read_bytes()[:2] == b"\xff\xd8"
        target.unlink()
    with look_at_tile(evidence, DESK, exhibit.id, target):
        assert target.exists()
    assert not target.exists()


SCENARIOS: dict[str, Callable[[Path], None]] = {
    "add": add,
    "seal": seal,
    "bundle": bundle,
    "append": append,
    "remove": remove,
    "capture": take,
    "capture-sealed": take_sealed,
    "recapture": recapture,
    "rename": rename,
    "look": look,
    "look-at-tile": look_at,
    "capture-browser": lambda home: take(home, browser=True),
}


PREPARING: dict[str, Callable[[Path], None]] = {
    "capture-sealed": ask_to_take,
    "recapture": plan_recapture,
    "rename": ask_to_rename,
    "look-at-tile": take_tile,
}


class Countdown:
    """Kills this process before the n-th call that reaches the disk."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.written = False

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, self._counted(getattr(os, name)))
        sys.addaudithook(self._heed)
        sa.event.listen(sa.Engine, "before_cursor_execute", self._heed_statement)
        sa.event.listen(sa.Engine, "commit", self._heed_commit)

    def _heed_statement(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Between two statements that only read, a kill is as good as one before the next write."""
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA", "BEGIN")):
            self.written = True
            self.tick()

    def _heed_commit(self, _connection: Any) -> None:
        if self.written:
            self.tick()
        self.written = False

    def _heed(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Files opened for writing, by whatever function."""
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
            self.tick()

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> Any:
            self.tick()
            return call(*arguments, **more)

        return counted


def run_killed(scenario: Callable[[Path], None], home: Path, number: int) -> bool:
    """Run in a child that dies before its n-th write; True when it died."""
    child = os.fork()
    if child == 0:
        signal.alarm(LONGEST_S)
        private.MEMORY = home.parent / "memory"  # type: ignore[misc]
        private.MEMORY.mkdir(exist_ok=True)
        Countdown(number).install()
        try:
            scenario(home)
        except BaseException as error:  # noqa: BLE001 - the parent sees the code
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(9)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM), f"it hangs at write {number}"
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, f"the scenario failed: {os.WEXITSTATUS(status)}"
    return False


def problems(home: Path) -> list[str]:
    """What is wrong with a home after a kill."""
    evidence = evidence_of(home)
    found = [f"{fault.where}: {fault.what}" for fault in evidence.audit().faults]
    exhibits = evidence.all(Exhibit)
    copies = list((home.parent / "copies").glob("*"))
    whole = (home.parent / "clip.mp4").read_bytes()
    found += [f"{path.name} is half a copy" for path in copies if path.read_bytes() != whole]
    if copies and not any(one.act == "exhibit.open" for one in evidence.history(exhibits[0].id)):
        found.append("a copy without an entry")
    if _shared_seal(home) is None:
        found.append("the seal in use has lost its shares")
    if not exhibits:
        found.append("an acknowledged exhibit is gone")
    for exhibit in exhibits:
        found += [f"{fault.where}: {fault.what}" for fault in verify_exhibit(evidence, DESK, exhibit.id).faults]
    found += [f"{path.name} is not intact" for path in home.glob("*.zip") if examine_bundle(path).faults]
    return found


def strays(home: Path) -> list[str]:
    """Files of the vault that no record points to."""
    evidence = evidence_of(home)
    places = [place for one in evidence.all(Holding) for place in one.places.values()]
    held = {place.stored.removeprefix("sha256:") for place in places if not place.destroyed}
    clear = [f"{path.relative_to(home.parent)}, clear," for path in (home.parent / "memory").rglob("*")]
    return clear + [path.name for path in (home / "vault" / "blobs").glob("??/*") if path.name not in held]


@contextmanager
def site(folder: Path) -> Iterator[None]:
    """A web server in a process of its own; it ends with this one, however that ends."""
    lives, held = os.pipe()
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        with serving() as (url, _, _):
            os.write(tells, url.rpartition(":")[2].encode())
            os.close(tells)
            os.read(lives, 1)
        os._exit(0)
    (folder / "port").write_bytes(os.read(told, 10))
    try:
        yield
    finally:
        os.close(held)
        os.waitpid(child, 0)


def main() -> None:
    folder = Path(sys.argv[2])
    with site(folder):
        prepare(folder / "home")
        PREPARING.get(sys.argv[1], lambda _: None)(folder / "home")
        run(SCENARIOS[sys.argv[1]], folder, int(sys.argv[3]) if len(sys.argv) > 3 else 1)


def run(scenario: Callable[[Path], None], folder: Path, stride: int) -> None:
    wrong: list[str] = []
    number, died = 1 - stride, True
    while died:
        number += stride
        home = folder / "copy" / "home"
        shutil.copytree(folder, folder / "copy", ignore=shutil.ignore_patterns("copy"))
        died = run_killed(scenario, home, number)
        wrong += [f"killed before write {number}: {one}" for one in problems(home)]
        if run_killed(scenario, home, 0):
            wrong.append(f"killed before write {number}: the next run does not go on")
        wrong += [f"killed before write {number}, then again: {one}" for one in problems(home)]
        wrong += [f"killed before write {number}: {one} was left behind" for one in strays(home)]
        shutil.rmtree(folder / "copy")
    print(json.dumps({"writes": number - 1, "wrong": wrong}))  # noqa: T201


if __name__ == "__main__":
    main()
