"""What colours say of a difference (`drawn`): they overrule luma where they are plain.

What luma calls a change is an overlay where its colours were plainly drawn, and what luma calls an overlay is a change
where they are plainly natural. Of a still picture, what has the colours of something drawn is another piece of that.
Frames of moving pictures are read in colour only where something differs.
"""

from __future__ import annotations

from haechi.check.compare.by_luma import is_foreign_tone, is_small_picture
from haechi.check.compare.changes import FACIAL, Component
from haechi.check.compare.cloned import is_cloned
from haechi.check.compare.drawn import log_odds, of_one_ink
from haechi.check.compare.look import Look, mask_of
from haechi.check.compare.window import Window

# Natural log odds (`drawn`) from which a change of a still counts as drawn, and under which an overlay does not.
DRAWN_ODDS, DRAWN_ODDS_ON_FACE, NATURAL_ODDS = 0.0, 1.0, -2.0
# The same for moving pictures, by weights of their own: alterations reach 1.2, graphics begin at -1.7.
DRAWN_ODDS_MOVING, NATURAL_ODDS_MOVING = 2.5, -3.0


def overruled(kind: str | None, component: Component, look: Look, window: Window) -> str | None:
    """The kind of edit that explains a difference, None for a change, when colours are asked as well.

    Args:
        kind: what luma says (`by_luma.benign_kind`).
        component: the difference.
        look: what it looks like.
        window: where it was found.
    """
    if kind is None and _odds(component, window) > _least_odds(component, window):
        return "overlay"
    return None if kind == "overlay" and _is_refuted(component, look, window) else kind


def with_pieces(
    told: list[tuple[Component, Look, str | None]], window: Window
) -> list[tuple[Component, Look, str | None]]:
    """Of a still picture, what has the colours of something drawn is another piece of that: a frame falls apart."""
    drawn = [mask_of(component, window) for component, _, kind in told if kind == "overlay"]
    colours = window.colours
    if colours is None or not drawn:
        return told

    def piece(component: Component, kind: str | None) -> str | None:
        if kind is not None or component.region in FACIAL or is_cloned(component, window):
            return kind
        return "overlay" if of_one_ink(*colours, mask_of(component, window), drawn) else None

    return [(component, look, piece(component, kind)) for component, look, kind in told]


def _least_odds(component: Component, window: Window) -> float:
    """From which log odds on what reads as a change in luma was drawn."""
    if window.read_colours is not None:
        return DRAWN_ODDS_MOVING
    return DRAWN_ODDS_ON_FACE if component.region in FACIAL else DRAWN_ODDS


def _is_refuted(component: Component, look: Look, window: Window) -> bool:
    """Whether what reads as an overlay in luma is natural by its colours."""
    film = window.read_colours is not None
    least = NATURAL_ODDS_MOVING if film else NATURAL_ODDS
    return may_be_natural(look, film=film) and _odds(component, window) < least


def may_be_natural(look: Look, *, film: bool) -> bool:
    """Whether natural colours say that something is no overlay.

    What reaches in from outside may have them; in a film a small picture does, and what the fitted tones of a grade
    leave behind. A flat piece in a colour that is not the scene's is none of the scene, however coding frays it.
    """
    if look.edge:
        return False
    return not (film and (look.graded or is_small_picture(look) or is_foreign_tone(look)))


def _odds(component: Component, window: Window) -> float:
    """Log odds that a difference was drawn, by probe and master in colour; 0 where nothing can be said."""
    film = window.read_colours is not None
    pair = window.colours_at(component.peak_frame)
    return 0.0 if pair is None else log_odds(*pair, mask_of(component, window), film=film) or 0.0
