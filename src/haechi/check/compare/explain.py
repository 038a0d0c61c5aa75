"""Tell harmless additions (captions, stickers, logos, beauty filters, a small picture in a corner) from changes.

A component of `changes` says that content differs from the master; this module asks what kind of content it is.
Method: luma tells what a difference is (`by_luma`: noise, an overlay, a beauty filter or a change), colours overrule it
(`by_colour`), and what the master shows at another moment or place is never an overlay (`cloned`). What was laid over a
person is taken off and the rest is told again. Asked last is what faces lack: a face, or a part of it, without detail
(`lacking`) where nothing else was found is a change.
Limits: a photographic sticker on the background counts as a change.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from haechi.check.compare.by_colour import overruled, with_pieces
from haechi.check.compare.by_luma import NOISE, beauty, benign_kind, is_hidden, is_neighbour, is_soft
from haechi.check.compare.changes import LOW, Component, Volume, merge
from haechi.check.compare.cloned import is_cloned
from haechi.check.compare.look import LOWEST_FACE_CODE, Look, look_at, mask_of
from haechi.check.compare.window import Window, judged_anew

# Captions follow each other; what is taken off at once is one of them at the least.
MAX_LAYERS = 3
# What was laid over differs by so many levels at the least, and by this share of its own strongest difference.
MIN_INK, INK_SHARE, INK_PERCENTILE, FAINT_INK = 40.0, 0.45, 99, 25.0
# What a face lacks counts when it lasts for so many seconds.
LEAST_LACKING_S = 0.2


def differences(window: Window) -> list[tuple[Component, Look, str | None]]:
    """What differs in a window, with its look and the kind of edit that explains it, None for a change.

    Components that meet are joined first; what is noise by itself does not lengthen a difference beside it. Where
    something was laid over a person, it is taken off and the rest is judged anew: a caption must not hide a mouth.
    """
    found = _explained(window)
    blurred = _blurred(window, [component for component, _, _ in found])
    layer = found
    for _ in range(MAX_LAYERS):
        over = [component for component, _, kind in layer if kind == "overlay"]
        if not any(_touches_face(component, window) for component in over):
            break
        window = judged_anew(window, _taken_off(window, over))
        layer = _explained(window)
        changes = [component for component, _, kind in found if kind is None]
        hidden = [each for each in layer if is_hidden(*each) and not any(_same(each[0], c) for c in changes)]
        found += hidden
    return found + blurred


def unexplained(window: Window, told: Sequence[tuple[Component, Look, str | None]]) -> Volume:
    """Strengths for the time line, float32 (n, gh, gw): what was looked at and is noise stands out no more.

    Args:
        window: a compared window.
        told: what `differences` said of it.
    """
    noise = [part for part in window.judged.components if not any(_same(part, each[0]) for each in told)]
    strength = window.strength
    if not noise:
        return strength
    labels, _ = ndimage.label(window.judged.s > LOW)
    met = np.unique(np.concatenate([labels[part.first : part.last + 1, part.footprint].ravel() for part in noise]))
    return np.where(np.isin(labels, met[met > 0]), np.minimum(strength, np.float32(LOW)), strength)


def _blurred(window: Window, known: Sequence[Component]) -> list[tuple[Component, Look, str | None]]:
    """Faces that lack the master's detail where nothing else was found to differ."""
    if window.lacking is None:
        return []
    parts = [c for c in merge(window.lacking.components, window.times_s) if not any(_same(c, k) for k in known)]
    lasting = [c for c in parts if window.times_s[c.last] - window.times_s[c.first] >= LEAST_LACKING_S]
    looked = [(part, look_at(part, window, window.lacking)) for part in lasting]
    return [(part, look, beauty(look)) for part, look in looked if is_soft(part, look)]


def _explained(window: Window) -> list[tuple[Component, Look, str | None]]:
    frames = len(window.times_s)
    looks = {id(part): look_at(part, window) for part in window.judged.components}
    parts = [part for part in window.judged.components if not is_neighbour(part, looks[id(part)], frames)]
    telling = [part for part in parts if benign_kind(part, looks[id(part)]) != NOISE]
    # What was not joined to another is the same object, looked at already.
    looked = [(c, looks.get(id(c)) or look_at(c, window)) for c in merge(telling or parts, window.times_s)]
    told = [(component, look, _kind(component, look, window)) for component, look in looked]
    return with_pieces([each for each in told if each[2] != NOISE], window)


def _touches_face(component: Component, window: Window) -> bool:
    codes = window.parts.codes[component.first : component.last + 1]
    near = cv2.dilate(component.footprint.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return bool((codes[:, near] >= LOWEST_FACE_CODE).any())


def _same(a: Component, b: Component) -> bool:
    return a.first <= b.last and b.first <= a.last and bool((a.footprint & b.footprint).any())


def _taken_off(window: Window, over: Sequence[Component]) -> NDArray[np.uint8]:
    """The probe's pictures with what was laid over them replaced by what the master shows there."""
    shown = window.probe.copy()
    side = max(shown.shape[1:])
    wider = np.ones((2 * max(3, side // 90) + 1,) * 2, np.uint8)
    for component in over:
        # A footprint is where a difference is strongest: faint ends of letters lie beside it.
        mask = cv2.dilate(mask_of(component, window).astype(np.uint8), wider, iterations=2) > 0
        for i in range(component.first, component.last + 1):
            apart = np.abs(shown[i].astype(np.int16) - window.expected[i])
            # Ink stands out far more than a changed mouth does; off the face nothing is looked for beneath it.
            least = max(MIN_INK, INK_SHARE * float(np.percentile(apart[mask], INK_PERCENTILE)))
            ink = mask & (apart > np.where(_face(window, i), least, FAINT_INK))
            ink = cv2.dilate(ink.astype(np.uint8), wider) > 0
            shown[i][ink] = window.expected[i][ink]
    return shown


def _face(window: Window, frame: int) -> NDArray[np.bool_]:
    """Where faces are in a frame, bool (h, w)."""
    facial = (window.parts.codes[frame] >= LOWEST_FACE_CODE).astype(np.uint8)
    size = (window.probe.shape[2], window.probe.shape[1])
    return np.asarray(cv2.resize(facial, size, interpolation=cv2.INTER_NEAREST) > 0)


def _kind(component: Component, look: Look, window: Window) -> str | None:
    kind = overruled(benign_kind(component, look), component, look, window)
    return None if kind == "overlay" and is_cloned(component, window) else kind
