"""Web archives as `wacz validate` (webrecorder's own tool) judges them."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from accounts import DESK, REVIEWER
from haechi.core.evidence import Case
from haechi.core.fetch import Client, FetchLimits
from haechi.core.store.evidence import Evidence
from haechi.preserve.capture import capture
from haechi.preserve.custody import Intent
from haechi.preserve.facts import Found
from haechi.preserve.look import open_part
from tools import needs, tool
from web_server import serving

pytestmark = needs("wacz")


def verdict(path: Path) -> str:
    """What the tool says; it tells by words, its exit code is 0 either way."""
    command = [str(tool("wacz")), "validate", "-f", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("path", ["moved", "video", "absent", "empty"])
def test_archive_of_a_capture_is_valid(
    evidence: Evidence, new_case: Callable[..., Case], tmp_path: Path, path: str
) -> None:
    with serving() as (url, _, guard):
        intent = Intent(Found(f"{url}/{path}"), "http", why="w")
        exhibit = capture(evidence, DESK, new_case().id, intent, [], Client(guard, FetchLimits()))
    wacz = tmp_path / "capture.wacz"
    open_part(evidence, REVIEWER, exhibit.id, "capture.wacz", wacz, "test")
    assert "Validation succeeded" in verdict(wacz)
    broken = tmp_path / "broken.wacz"
    with zipfile.ZipFile(wacz) as whole, zipfile.ZipFile(broken, "w") as archive:
        for name in whole.namelist():
            data = whole.read(name)
            archive.writestr(name, data[:-1] + bytes([data[-1] ^ 1]) if name.endswith(".warc.gz") else data)
    assert "Validation succeeded" not in verdict(broken)
