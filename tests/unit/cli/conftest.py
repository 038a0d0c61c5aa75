from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from haechi.cli.failures import bug_file
from haechi.cli.main import main
from haechi.core.media.probe import hash_file
from haechi.core.records import (
    Box,
    Change,
    Edit,
    Kind,
    Probe,
    Region,
    ReleaseMatch,
    Report,
    Segment,
    Span,
    Verdict,
)


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def signals() -> Iterator[None]:
    """Give Ctrl-C and SIGTERM back to the tests after commands in this process took them."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background were started without it
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.fixture
def haechi(
    signals: None, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Run]:
    """Run the command line in this process, in English unless told otherwise."""
    monkeypatch.setenv("HAECHI_LANG", "en")
    monkeypatch.setenv("HAECHI_HOME", str(home))
    monkeypatch.setenv("HAECHI_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    bug_file.cache_clear()

    def run(*arguments: object) -> Run:
        monkeypatch.setattr(sys, "argv", ["haechi", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return Run(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture
def accounts(haechi: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Make accounts, and run commands as one of them."""
    password = tmp_path / "password"
    password.write_text("correct horse battery\n")
    monkeypatch.setattr("argon2.PasswordHasher", partial(PasswordHasher, time_cost=1, memory_cost=64))  # signs in often
    monkeypatch.setenv("HAECHI_PASSWORD_FILE", str(password))
    assert haechi("user", "add", "boss", "--role", "admin").code == 0
    for name in ("desk", "legal", "approver", "auditor"):
        assert haechi("--as", "boss", "user", "add", name, "--role", name).code == 0

    def run(name: str, *arguments: object) -> Run:
        return haechi("--as", name, *arguments)

    return run


def _report(path: Path, **values: Any) -> Report:
    filled: dict[str, Any] = {
        "probe": Probe(str(path), hash_file(path), Kind.VIDEO, 9.0, 640, 360),
        "verdict": Verdict.ALTERED,
        "decided_by": "comparison",
        "llr_log10": None,
        "artists": (),
        "release": ReleaseMatch(
            "R-1", "First Snow", (Segment(Span(0, 9), 12.0, 1.0, False),), 40.0, "video_fingerprint_v1"
        ),
        "changes": (
            Change(Region.MOUTH, Span(3.0, 7.0), Box(10, 20, 30, 40), 12.0),
            Change(Region.VOICE, Span(2.0, 9.0), None, 9.0),
        ),
        "edits": (Edit("mirror"),),
        "findings": (),
        "abstentions": (),
        "would_change": (),
        "software": {"haechi": "test"},
    }
    return Report(**(filled | values))


@pytest.fixture
def make_report() -> Callable[..., Report]:
    return _report


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let `haechi check` and `haechi compare` use a stand-in for the check itself."""

    def use(check: Callable[[Path], Report]) -> None:
        monkeypatch.setattr("haechi.core.media.models.load_manifest", lambda: ())
        monkeypatch.setattr("haechi.check.check.check_file", lambda path, *_, **__: check(path))
        monkeypatch.setattr("haechi.check.pair.compare_pair", lambda probe, *_, **__: check(probe))

    return use
