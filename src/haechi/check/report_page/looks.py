"""What there is to see of each change: pictures of file, original and difference, outlined, with a close-up.

A picture is outlined only when it shows the whole frame. Each picture is embedded once; a close-up reuses it by its id.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from itertools import zip_longest

from haechi.check.report_page import headline, timeline, wording
from haechi.check.report_page.bilingual import Text, both, say_both
from haechi.check.report_page.text import clock, number, span_ends
from haechi.core.language import Language, mark
from haechi.core.records import Box, Change, Kind, Picture, Report

CLOSE_UP_LIMIT = 0.65
CLOSE_UP_MARGIN = 0.45
SAME_SHAPE = 0.03


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: `role` is probe, master or heat; `outline` and `close_up` are boxes (x, y, w, h) in its
    own pixels.
    """

    id: str
    role: str
    picture: Picture
    data_uri: str
    caption: Text
    outline: tuple[float, float, float, float] | None
    close_up: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to see of one change (or, with `number` None, of the file as a whole)."""

    number: int | None
    title: Text
    strength: Text | None
    meter: tuple[str, str] | None
    shots: tuple[Shot, ...]

    @property
    def overlay(self) -> bool:
        """Whether file and original have the same shape, so that one can be laid over the other."""
        sizes = {(s.picture.width, s.picture.height) for s in self.shots if s.role in ("probe", "master")}
        return len(sizes) == 1 and sum(s.role in ("probe", "master") for s in self.shots) == 2

    @property
    def close_up(self) -> bool:
        """Whether every picture has a close-up."""
        return bool(self.shots) and all(shot.close_up for shot in self.shots)


def looks_of(report: Report) -> tuple[Look, ...]:
    """The clearest change first, then the others in their order; last the whole file, where no change has pictures."""
    looks = [_look(index, change, report) for index, change in enumerate(report.changes)]
    looks.sort(key=lambda look: (not look.shots, *_clearness(look, report)))
    looks[1:] = sorted(looks[1:], key=lambda look: look.number or 0)
    general = _shots(None, None, report)
    if general and not any(look.shots for look in looks):
        looks.append(Look(None, say_both("The same moment, side by side"), None, None, general))
    return tuple(looks)


def _clearness(look: Look, report: Report) -> tuple[float, int]:
    index = (look.number or 1) - 1
    return (-_excess(report, report.changes[index]), index)


def _look(index: int, change: Change, report: Report) -> Look:
    threshold = _threshold(report, change)
    return Look(
        number=index + 1,
        title=both(lambda say: _change_title(say, change, report.probe.kind)),
        strength=both(lambda say: _strength_said(say, change.strength, threshold)),
        meter=_meter(change.strength, threshold),
        shots=_shots(index, change, report),
    )


def _shots(index: int | None, change: Change | None, report: Report) -> tuple[Shot, ...]:
    mine = [picture for picture in report.pictures if picture.change == index]
    by_role = {role: [p for p in mine if p.name == role] for role in ("probe", "master", "heat")}
    rows = zip_longest(*by_role.values())
    shots = []
    for moment, row in enumerate(rows):
        for role, picture in zip(by_role, row, strict=True):
            if picture is not None:
                shots.append(
                    _shot(f"p{'all' if index is None else index}-{moment}-{role}", role, picture, change, report)
                )
    return tuple(shots)


def _shot(shot_id: str, role: str, picture: Picture, change: Change | None, report: Report) -> Shot:
    box = _box_in_picture(change.box, picture, report) if change is not None and change.box else None
    return Shot(
        id=shot_id,
        role=role,
        picture=picture,
        data_uri="data:image/jpeg;base64," + base64.b64encode(picture.jpeg).decode("ascii"),
        caption=both(lambda say: _caption(say, role, picture, report)),
        outline=box,
        close_up=_close_up(box, picture) if box else None,
    )


def _change_title(say: Language, change: Change, kind: Kind) -> str:
    title = headline.region_title(say, change.region)
    if kind is not Kind.IMAGE:
        title = f"{title}, {'–'.join(span_ends(change.span))}"
    moved = "moved" if change.detail.get("moved_in_time") else ""
    manner = wording.MANNERS.get(str(change.detail.get("kind", moved)))
    return f"{title}: {say(manner)}" if manner else title


def _threshold(report: Report, change: Change) -> float | None:
    own = change.detail.get("null_threshold", change.detail.get("threshold"))
    if isinstance(own, int | float) and own > 0:
        return float(own)
    return next((c.threshold for c in report.curves if c.region is change.region and c.threshold > 0), None)


def _excess(report: Report, change: Change) -> float:
    return change.strength / (_threshold(report, change) or 1.0)


def _strength_said(say: Language, strength: float, threshold: float | None) -> str:
    if threshold is None:
        return say("strength {strength}", strength=number(strength))
    words = next((w for least, w in wording.STRENGTHS if strength / threshold >= least), wording.STRENGTHS[-1][1])
    measured = say("measured {strength}, limit {threshold}", strength=number(strength), threshold=number(threshold))
    return f"{say(words)} ({measured})"


def _meter(strength: float, threshold: float | None) -> tuple[str, str] | None:
    """Length of the bar and place of the limit, per cent; the limit stands at a third, as on the time
    line.
    """
    if threshold is None or not math.isfinite(strength):
        return None
    share = min(max(strength / threshold, 0.0), timeline.CEILING) / timeline.CEILING
    return f"{100 * share:.1f}%", f"{100 / timeline.CEILING:.1f}%"


def _caption(say: Language, role: str, picture: Picture, report: Report) -> str:
    """What a picture is, and its moment: the file's for the file, the original's for the original."""
    words = {"probe": mark("This file"), "master": mark("Your original"), "heat": mark("Where they differ")}[role]
    timed = role != "heat" and report.probe.kind is not Kind.IMAGE
    return f"{say(words)}, {clock(picture.time_s, tenths=True)}" if timed else say(words)


def _box_in_picture(box: Box, picture: Picture, report: Report) -> tuple[float, float, float, float] | None:
    """The box in the picture's pixels; None when the picture does not show the whole frame."""
    width, height = report.probe.width, report.probe.height
    if not width or not height:
        return None
    scale_x, scale_y = picture.width / width, picture.height / height
    if abs(scale_x / scale_y - 1) > SAME_SHAPE:
        return None
    return (box.x * scale_x, box.y * scale_y, box.w * scale_x, box.h * scale_y)


def _close_up(box: tuple[float, float, float, float], picture: Picture) -> tuple[float, float, float, float] | None:
    """A square around the box with a margin, inside the picture; None when the box fills most of it."""
    x, y, w, h = box
    shorter = min(picture.width, picture.height)
    side = max(w, h) * (1 + 2 * CLOSE_UP_MARGIN)
    if max(w, h) <= 0 or side > CLOSE_UP_LIMIT * max(picture.width, picture.height):
        return None
    side = min(side, shorter)
    left = min(max(x + w / 2 - side / 2, 0.0), picture.width - side)
    top = min(max(y + h / 2 - side / 2, 0.0), picture.height - side)
    return (left, top, side, side)
