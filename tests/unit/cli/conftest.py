from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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
def haechi(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
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
        monkeypatch.setattr("haechi.check.check.compare_pair", lambda probe, *_, **__: check(probe))

    return use
