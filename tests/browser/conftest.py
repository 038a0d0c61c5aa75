"""The report in a real browser. Collected only where Playwright is installed and a Chromium is there.

Run with: uv run --group browser pytest tests/browser
The Chromium is one on the path, or the one that `playwright install chromium` fetched.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FETCHED = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
# On the path; None stands for the one that Playwright fetched.
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
THERE = importlib.util.find_spec("playwright") and (CHROMIUM or any(FETCHED.glob("chromium*")))

collect_ignore_glob = [] if THERE else ["test_*.py"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def samples() -> ModuleType:
    path = Path(__file__).parents[1] / "unit" / "check" / "report" / "samples.py"
    spec = importlib.util.spec_from_file_location("haechi_report_samples", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
