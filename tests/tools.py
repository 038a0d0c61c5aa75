"""Independent tools that tests ask; they live apart from the project (`make tools`) and may be missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

_OURS = Path(__file__).parents[1] / ".venv-tools" / "bin"


def tool(name: str) -> Path | None:
    """Where a tool is: the folder that HAECHI_TEST_TOOLS names, that of `make tools`, or the path."""
    places = os.pathsep.join((os.environ.get("HAECHI_TEST_TOOLS", ""), str(_OURS), os.environ.get("PATH", "")))
    found = shutil.which(name, path=places)
    return Path(found) if found else None


def needs(name: str) -> pytest.MarkDecorator:
    """Leave a test out, and say so, where a tool is missing."""
    return pytest.mark.skipif(tool(name) is None, reason=f"{name} is not installed: make tools")
