"""Signing a film takes little memory whatever its size: measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

FILM_BYTES = 110_000_000
MOST_MB = 60

PROGRAM = """
import resource, sys
from pathlib import Path
from haechi.core.provenance.keys import new_identity
from haechi.core.provenance.sign import Claim, sign_media

film = Path(sys.argv[1])
identity = new_identity(film.parent / "home", "Example")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
claim = Claim("t", "Example", None, "film.mp4", "2026-05-01T00:00:00+00:00")
sign_media(film, film.with_name("signed.mp4"), film.with_name("signed.c2pa"), claim, identity)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Noise, which does not shrink."""
    path, noise = tmp_path / "film.mp4", np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.options = {"qscale": "1"}
        stream.codec_context.bit_rate = 900_000_000
        pictures = [noise.integers(0, 255, (720, 1280, 3), dtype=np.uint8) for _ in range(2)]
        size = number = 0
        while size < FILM_BYTES:
            frame = av.VideoFrame.from_ndarray(pictures[number % 2], format="rgb24")
            frame.pts, number = number, number + 1
            for packet in stream.encode(frame):
                size += packet.size
                container.mux(packet)
        container.mux(list(stream.encode()))
    return path


def test_a_film_is_signed_in_a_fraction_of_its_size(film: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, film], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert film.with_name("signed.mp4").stat().st_size > FILM_BYTES
    assert int(done.stdout) < MOST_MB
