"""Make test clips with ground truth from real masters: copies, harmless edits, alterations; and a README.txt.

    python -m benchmarks.alter OUT [--sources dev|test|all|NAME,...] [--chains A,...] [--kinds A,...]

Everything is drawn from a seed that names source, kind and chain: the same call makes the same clips. Clips
that exist are kept; a kind that a source cannot give (plain background, no sound) leaves a `.none` file: why.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import alterations, benign, overlays, scenery, sound_edits
from benchmarks.chains import CHAINS, send
from benchmarks.clips import Clip, Material, excerpt, read_material, save_truth, truth_of
from benchmarks.retiming import NotPossibleError
from benchmarks.sources import Source, data_folder, find_sources
from haechi.core.settings import Settings

README = """Test clips with ground truth. One JSON truth per clip, beside it: NAME.json -> NAME.mp4 (or .mkv).

master, probe        paths (probe relative to this folder); split: dev or test (sources are disjoint)
chain                crf23 | crf32_s06_c8 | p360_crf30 | p240_crf33 | two_gen (benchmarks/chains.py)
kind, benign         what was made; benign is true for copies and harmless edits (expected verdict: authentic_copy)
offset_s, speed, mirrored    of the first piece that shows the master
pieces               [[start_s, end_s, offset_s, speed], ...]: probe time t shows master time
                     offset_s + speed * (t - start_s); offset_s null: not from this master
master_to_probe      3x3 row major, master pixels (edges) to probe pixels
regions              altered regions: region, accept (other right names), span [s, e) in probe seconds,
                     box [x, y, w, h] in probe pixels (union over the span), track [[t, x, y, w, h], ...] per frame,
                     visibility (mean absolute luma difference with the face at 96 px), detail.
                     Sound: region "voice", box null.
NAME.none            why a source cannot give that kind
"""
FILTERS = ("warm", "cool", "black_and_white", "contrast", "vignette", "faded")
Maker = Callable[["Stage"], Clip]


class Stage:
    """What a maker may use: the clip, its material, other masters of the same split, and a random generator."""

    def __init__(self, material: Material, other: Material, rng: np.random.Generator, *, short: bool = False) -> None:
        self.material, self.other, self.rng = material, other, rng
        length = float(rng.uniform(4.0, 5.0))
        spare = material.duration_s - length
        start = float(rng.uniform(0, spare)) if spare > 0.5 else float(rng.uniform(0, 0.25))
        self.clip, self.inside = excerpt(material, start, 2.0 if short else length)

    def altered(self, make: Callable[..., Clip], *args: str) -> Clip:
        """Apply an alteration of pictures."""
        return make(self.clip, self.material, self.inside, self.rng, *args)


def _then(first: Maker, second: Callable[[Clip, np.random.Generator], Clip]) -> Maker:
    return lambda stage: second(first(stage), stage.rng)


def _plain(edit: Callable[[Clip, np.random.Generator], Clip]) -> Maker:
    return lambda stage: edit(stage.clip, stage.rng)


def _filter(name: str) -> Maker:
    return lambda stage: benign.colour_filter(stage.clip, stage.rng, name)


def _stickers(where: str) -> Maker:
    return lambda s: overlays.stickers(s.clip, s.rng, s.material.landmarks[s.inside], where)


ALTERATIONS: dict[str, Maker] = {
    "mouth_retimed": lambda s: s.altered(alterations.retime, "mouth"),
    "eyes_retimed": lambda s: s.altered(alterations.retime, "eyes"),
    "face_other_moment": lambda s: s.altered(alterations.retime, "face"),
    "face_blur": lambda s: s.altered(alterations.blur),
    "face_repaint": lambda s: s.altered(alterations.repaint),
    "body_other_moment": lambda s: s.altered(scenery.body_other_moment),
    "background_paste": lambda s: s.altered(scenery.background_paste),
    "voice_replaced": lambda s: sound_edits.voice_other_moment(s.clip, s.material, s.rng),
}
ALTERATIONS |= {
    "mouth_retimed+captions": _then(ALTERATIONS["mouth_retimed"], overlays.captions),
    "mouth_retimed+mirror": _then(ALTERATIONS["mouth_retimed"], benign.mirror),
    "eyes_retimed+speed": _then(ALTERATIONS["eyes_retimed"], benign.speed),
    "face_repaint+blurred_fill": _then(ALTERATIONS["face_repaint"], benign.blurred_fill),
    "voice_replaced+music": _then(ALTERATIONS["voice_replaced"], sound_edits.with_music),
}
BENIGN: dict[str, Maker] = {
    "copy": lambda s: s.clip,
    "reencode": _plain(benign.other_codec),
    "scale": _plain(benign.scale),
    "crop": _plain(benign.crop),
    "letterbox": _plain(benign.letterbox),
    "blurred_fill": _plain(benign.blurred_fill),
    "captions": _plain(overlays.captions),
    "stickers": _stickers("scene"),
    "stickers_on_face": _stickers("face"),
    "logo": _plain(overlays.logo),
    "border": _plain(benign.border),
    "mirror": _plain(benign.mirror),
    "rotate": _plain(benign.rotate),
    "speed": _plain(benign.speed),
    "frame_rate": _plain(benign.frame_rate),
    "dropped_frames": _plain(benign.dropped_frames),
    **{f"filter_{name}": _filter(name) for name in FILTERS},
    "beauty": _plain(benign.beauty),
    "picture_in_picture": lambda s: benign.picture_in_picture(s.clip, s.other, s.rng),
    "small_video_in_corner": lambda s: overlays.small_video_in_corner(s.clip, s.other, s.rng),
    "trimmed_and_joined": _plain(benign.trimmed_and_joined),
    "joined_with_other": lambda s: benign.joined_with_other(s.clip, s.other, s.rng),
    "audio_music": _plain(sound_edits.with_music),
    "audio_volume": _plain(sound_edits.with_volume),
    "audio_codec": _plain(sound_edits.with_audio_codec),
    "audio_removed": _plain(sound_edits.without_sound),
    "audio_foreign": lambda s: sound_edits.foreign_sound(s.clip, s.other, s.rng),
}
KINDS: dict[str, Maker] = BENIGN | ALTERATIONS


def make_clip(
    material: Material,
    other: Material,
    kind: str,
    chain: str,
    split: str,
    folder: Path,
    settings: Settings,
    seed: int = 0,
) -> dict[str, Any] | None:
    """Make one clip with its truth file, unless both exist; None when the source cannot give this kind."""
    name = f"{material.source_id}--{kind}--{chain}" + (f"--{seed}" if seed else "")
    truth_path, none_path = folder / f"{name}.json", folder / f"{name}.none"
    if truth_path.exists() or none_path.exists():
        return None
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    try:
        clip = KINDS[kind](Stage(material, other, rng))
    except NotPossibleError as error:
        none_path.write_text(f"{error}\n", encoding="utf-8")
        return None
    clip, path = send(clip, chain, folder / name, rng, settings.limits)
    truth = truth_of(clip, material, kind=kind, chain=chain, benign=kind in BENIGN, probe=path.name) | {"split": split}
    save_truth(truth_path, truth)
    return truth


def make_source(
    mine: Source,
    sources: Sequence[Source],
    folder: Path,
    kinds: Sequence[str],
    chains: Sequence[str],
    seeds: int = 1,
) -> Iterator[str]:
    """Make all clips of one source, foreign footage from the other ones; yields one line each."""
    settings = Settings()
    others = [s for s in sources if s.split == mine.split and s.person != mine.person]
    read = partial(read_material, models=settings.models, cache=folder / "cache", limits=settings.limits)
    material = read(mine.path, mine.name)
    other_source = others[zlib.crc32(mine.name.encode()) % len(others)]
    other = read(other_source.path, other_source.name)
    for chain in chains:
        for kind in kinds:
            for seed in range(seeds):
                truth = make_clip(material, other, kind, chain, mine.split, folder, settings, seed)
                if truth is not None:
                    yield f"{mine.name} {kind} {chain} " + " ".join(str(r["visibility"]) for r in truth["regions"])


def main() -> None:
    """Parse and make."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sources", default="dev")
    parser.add_argument("--chains", default=",".join(CHAINS))
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    data = data_folder()
    if data is None:
        sys.exit("No benchmark media: set HAECHI_BENCH_DATA to the folder that holds video_real.")
    chosen = options.sources.split(",")
    sources = find_sources(data)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "README.txt").write_text(README, encoding="utf-8")
    for mine in sources:
        if chosen == ["all"] or mine.split in chosen or mine.name in chosen:
            kinds, chains = options.kinds.split(","), options.chains.split(",")
            for line in make_source(mine, sources, options.out, kinds, chains, options.seeds):
                print(line, flush=True)


if __name__ == "__main__":
    main()
