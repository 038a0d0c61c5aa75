"""One file against the registry: what is told of it is told against the master, not against its working copy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.check import check_file
from haechi.core.records import Verdict
from haechi.core.settings import Settings
from haechi.core.store import open_store
from haechi.register.release import register_release


def test_copy_as_large_as_a_large_master_is_not_resized(tmp_path: Path, astronaut: NDArray[np.uint8]) -> None:
    large = cv2.resize(astronaut, (2560, 2560), interpolation=cv2.INTER_CUBIC)  # the working copy is smaller
    master, copy = tmp_path / "master.jpg", tmp_path / "copy.jpg"
    cv2.imwrite(str(master), large, [cv2.IMWRITE_JPEG_QUALITY, 92])
    cv2.imwrite(str(copy), large, [cv2.IMWRITE_JPEG_QUALITY, 75])
    settings = Settings(home=tmp_path / "home")
    store = open_store(settings.home)
    register_release(master, store, settings.limits)
    report = check_file(copy, store, settings, pictures=False)
    assert report.verdict is Verdict.AUTHENTIC_COPY
    assert "scale" not in {edit.kind for edit in report.edits}


def test_a_check_loads_no_more_than_it_needs(tmp_path: Path, astronaut: NDArray[np.uint8]) -> None:
    path = tmp_path / "plain.png"
    cv2.imwrite(str(path), astronaut)
    code = (
        "import sys, haechi\n"
        "haechi.check(sys.argv[1], home=sys.argv[2])\n"
        "needless = {'numba', 'scipy.optimize', 'scipy.spatial', 'haechi.core.watermark.blind'}\n"
        "print(','.join(sorted(needless & set(sys.modules))))\n"
    )
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "home")]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout.strip() == ""
