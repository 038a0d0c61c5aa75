"""A still picture against its master, which may be a still or a moment of a clip (a screenshot).

The same steps as for a window of moving pictures, with one frame: placement, tone, a null (JPEG of the quality that
loses as much as the probe did), scores, components. One frame averages less noise away than many, so the thresholds
lie higher (STILL_FACTOR).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare import changes, coarse, residual
from haechi.check.compare.border import coloured, drawn_border
from haechi.check.compare.clip import Clip, bright, colour_planes
from haechi.check.compare.colour import fit_tone
from haechi.check.compare.files import Files
from haechi.check.compare.gather import Gathered, conclude, gather
from haechi.check.compare.geometry import Features, Placement, candidate_placements, refine, visible, warp
from haechi.check.compare.in_colour import at_scale, in_colour
from haechi.check.compare.laid import lay
from haechi.check.compare.palette import palette_of, reduced
from haechi.check.compare.regions import RegionPainter
from haechi.check.compare.timing import Alignment, Line
from haechi.check.compare.window import Window, without_rim
from haechi.core.media.decode import Frame, FrameRequest, read_frames, read_image
from haechi.core.media.recompress import recompress_image
from haechi.core.records import Comparison, Kind, Segment

WORKING_SIDE = 960
STILL_FACTOR = 1.3
# So many moments of a master clip are tried for a screenshot that no match has placed.
N_MOMENTS = 120
QUALITIES = (95, 85, 70, 50, 30, 15)

Image = NDArray[np.uint8]


def compare_still(files: Files, hint: Sequence[Segment], *, models: Path, pictures: bool) -> Comparison:
    """Compare a still picture; see `compare_files` for the arguments."""
    picture = read_image(files.probe, files.limits, max_side=WORKING_SIDE).image
    ours = bright(picture)
    found = _best_moment(ours, files, hint)
    gathered = Gathered()
    if found is not None:
        moment, placement, scene = found
        window = _compare_one(ours, picture, moment, placement, RegionPainter(models))
        window = replace(window, colours=in_colour(picture, scene, window.placement, window.seen))
        back = window.placement.rescaled(
            max(files.probe_shape) / max(window.probe.shape[1:]), max(files.master_shape) / max(moment.shape)
        )
        gather(gathered, window, back, files, with_pictures=pictures)
    return conclude(gathered, files)


def _best_moment(ours: Image, files: Files, hint: Sequence[Segment]) -> tuple[Clip, Placement, Image] | None:
    """The master's picture, or the frame of a master clip that the probe shows, with its placement; and in colour."""
    if files.master_info.kind is Kind.IMAGE:
        theirs = [read_image(files.master, files.limits, max_side=WORKING_SIDE)]
    else:
        theirs = _frames_near(files, hint)
    if not theirs:
        return None
    luma = [bright(f.image) for f in theirs]
    order = coarse.ranked([ours], luma)
    found = candidate_placements([Features(ours)], [Features(image) for image in luma], order)
    if not found:
        return None
    placement, _, index = found[0]
    if len(theirs) > 1:
        index = _most_alike(ours, luma, placement)
    chroma = colour_planes(theirs[index].image)[None]
    return Clip(luma[index][None], np.array([theirs[index].time_s]), chroma), placement, theirs[index].image


def _frames_near(files: Files, hint: Sequence[Segment]) -> list[Frame]:
    centre = hint[0].offset_s if hint else None
    length = files.master_info.duration_s or 0.0
    span = (0.0, length) if centre is None else (max(0.0, centre - 1.5), centre + 1.5)
    interval = 0.0 if centre is not None else max(0.0, length / N_MOMENTS)
    request = FrameRequest(max_side=WORKING_SIDE, start_s=span[0], end_s=span[1] + 0.01, min_interval_s=interval)
    return list(read_frames(files.master, files.limits, request))


def _most_alike(ours: Image, theirs: Sequence[Image], placement: Placement) -> int:
    shape = (ours.shape[0], ours.shape[1])
    seen = visible((theirs[0].shape[0], theirs[0].shape[1]), placement.matrix, shape)
    wanted = cv2.GaussianBlur(ours, (0, 0), 1.5).astype(np.float32)[seen]
    costs = []
    for image in theirs:
        laid = cv2.GaussianBlur(warp(image, placement.matrix, shape), (0, 0), 1.5).astype(np.float32)[seen]
        costs.append(-float(np.corrcoef(wanted, laid)[0, 1]))
    return int(np.argmin(costs))


def _compare_one(ours: Image, picture: Image, moment: Clip, start: Placement, painter: RegionPainter) -> Window:
    palette = palette_of(picture)
    if start.scale > 1.15:
        factor = 1.0 / start.scale
        size = (max(16, round(ours.shape[1] * factor)), max(16, round(ours.shape[0] * factor)))
        ours = np.asarray(cv2.resize(ours, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        start = start.rescaled(factor, 1.0)
    shape, bands = (ours.shape[0], ours.shape[1]), residual.Bands.of((ours.shape[0], ours.shape[1]))
    master = _shrunk(moment, start)
    start = start.rescaled(1.0, max(master.shape) / max(moment.shape))
    placement = refine([(ours, master.frames[0])], start, rounds=3)
    laid, chroma = lay(master, 0, placement, shape)
    covered = visible(master.shape, placement.matrix, shape)
    covered &= ~drawn_border(coloured(ours, colour_planes(picture)), coloured(laid, chroma))
    seen = without_rim(covered)
    tone = fit_tone([(ours, laid, chroma)], seen)
    expected = tone.apply(laid, chroma)
    clean = np.clip(expected, 0, 255).astype(np.uint8)
    quality = _match_jpeg(ours, expected, clean, seen, bands)
    null, second = recompress_image(clean, quality), _shifted_jpeg(clean, max(5, quality - 6))
    if palette is not None:
        null, second = reduced(null, chroma, palette), reduced(second, chroma, palette)
    nulls = (null[None], second[None])
    energies, harmless = residual.measure(ours[None], [expected], nulls, seen, bands)
    times = np.zeros(1)
    parts = painter.paint([master.frames[0]], times, placement.matrix, shape, bands.cell)
    judged = changes.judge(energies, harmless, parts.codes, times, STILL_FACTOR)
    line = Alignment((Line(float(moment.times_s[0]), 1.0, 0.0, 0.0, 0.0),), np.zeros(1, np.int64), 10.0, 0.0, 0.0)
    window = Window(
        times,
        ours[None],
        clean[None],
        placement,
        tone,
        float(quality),
        line,
        parts,
        covered,
        seen,
        (null[None], second[None]),
        judged,
    )
    return replace(window, placement=placement.rescaled(1.0, max(moment.shape) / max(master.shape)))


def _shrunk(master: Clip, placement: Placement) -> Clip:
    """The master at about the probe's scale."""
    return replace(master, frames=at_scale(master.frames[0], placement)[None])


def _shifted_jpeg(clean: Image, quality: int) -> Image:
    """JPEG with its blocks elsewhere, as after a crop."""
    framed = np.pad(clean, ((3, 0), (5, 0)), mode="edge")
    return recompress_image(framed, quality)[3:, 5:]


def _match_jpeg(
    ours: Image, expected: residual.Map, clean: Image, seen: NDArray[np.bool_], bands: residual.Bands
) -> int:
    """The JPEG quality whose loss equals the probe's typical loss."""
    wanted = residual.loss([ours], [expected], seen, bands)
    losses = [residual.loss([recompress_image(clean, q)], [expected], seen, bands) for q in QUALITIES]
    return round(float(np.interp(wanted, np.maximum.accumulate(losses), QUALITIES)))
