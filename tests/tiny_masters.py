"""A registry with tiny masters, so that a check of a tiny copy matches and compares in a moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clips import Frames, camera
from haechi.core.media.encode import write_audio, write_video
from haechi.core.settings import Limits
from haechi.core.store import open_store
from haechi.register.release import register_release

RATE = 10.0


@dataclass(frozen=True)
class TinyMasters:
    """What was registered.

    Attributes:
        home: of the registry.
        picture: a still master, 192 x 192.
        frames: one second of a moving master, 160 x 120, with `sound` under it.
        sound: four seconds at 16 kHz, a master of its own.
    """

    home: Path
    picture: Image.Image
    frames: Frames
    sound: NDArray[np.float32]


def wandering_tone(seconds: float) -> NDArray[np.float32]:
    """A tone whose pitch and loudness wander, at 16 kHz."""
    t = np.arange(round(seconds * 16_000)) / 16_000
    phase = 2 * np.pi * (300 * t + 60 * np.sin(2 * np.pi * 0.9 * t) + 25 * np.sin(2 * np.pi * 1.7 * t * t))
    return (0.3 * (0.6 + 0.4 * np.sin(2 * np.pi * 2.3 * t)) * (np.sin(phase) + 0.5 * np.sin(2.7 * phase))).astype(
        np.float32
    )


def register_tiny_masters(folder: Path, photograph: NDArray[np.uint8]) -> TinyMasters:
    """Register a still, a moving and a sounding master made from a BGR photograph of 512 x 512."""
    picture = Image.fromarray(photograph[20:276, 110:366, ::-1]).resize((192, 192))
    frames = [np.ascontiguousarray(camera(photograph, k / RATE, 160)[20:140]) for k in range(10)]
    sound = wandering_tone(4.0)
    folder.mkdir()
    picture.save(folder / "master.png")
    write_video(folder / "master.mp4", frames, RATE, crf=14, audio=sound[:16_000])
    write_audio(folder / "master.wav", sound, 16_000)
    home = folder / "home"
    store = open_store(home)
    for name in ("master.png", "master.mp4", "master.wav"):
        register_release(folder / name, store, Limits())
    return TinyMasters(home, picture, frames, sound)
