"""What luma says of a difference, by its look (`look`): noise, a harmless addition of some kind, or a change.

 noise         too little to be seen, or the master's own picture a hair's breadth, a shade or a moment off
 overlay       few flat tones with hard borders (text, emoji, logo), one steady signed difference over a moving master
               (a see-through mark), a small picture in a corner, or what reaches in over the border
 beauty_filter the master's own picture with its fine detail gone over most of the face
 a change      anything else
The bounds were set by looks of real clips.
Limits: a flat-coloured repaint of a large area can pass as an overlay, which the report lists with its place.
"""

from __future__ import annotations

from haechi.check.compare.changes import FACIAL, Component
from haechi.check.compare.look import Look
from haechi.core.records import Region

# Flatness and contrast from which content is graphic; on a face, skin painted over with skin must not pass as such.
GRAPHIC = (0.62, 22.0)
GRAPHIC_ON_FACE = (0.8, 45.0)
DRAWN = (0.84, 50.0, 0.25)
# A sticker whose own detail heavy coding has taken: quite flat, and yet it has more than painted skin has.
FLAT, FLAT_DETAIL, FLAT_DETAIL_ON_FACE = 0.94, 0.8, 0.9
# Pieces of plain scenery reach 19 levels of hue and 56 of contrast, stickers begin at 26, letters are never solid.
# They have at most a dozen times the detail of what they cover; captions have it.
OWN_HUE, SOLID, DRAWN_CONTRAST, DRAWN_FINE = 21.0, 0.5, 60.0, 12.0
# A full patch without an edge was blended in: stickers so full have an edge of .69 at the least, such patches .5.
FULL, BLENDED = 0.85, 0.55
# Contrast and hardness.
CUT_OUT = (30.0, 0.7)
# A whole video made small is richer in detail than a piece of the scene pasted in, or has other colours than that.
SMALL_PICTURE, FOREIGN_HUE = 2.0, 30.0
# Remnants of drawn things are as flat as they are; a changed mouth or eye is not.
REMNANT = 0.85
# Beside what was taken off a difference must stand out over its threshold.
CLEARLY = 1.3
NOISE = "noise"
UNMOVED, NEARLY_SAME, GRADED_ALIKE = 0.92, 0.95, 0.5
# Levels: coding reaches 13 at places, the least changes of a face 14; what a patch of plain scenery adds may be less.
MIN_CONTRAST, MIN_CONTRAST_GRADED, MIN_CONTRAST_ADDED = 13.5, 15.0, 12.0
# A patch with an edge that correlates so little and stands out over its threshold so many times is seen well below.
OTHER, PLAINLY, MIN_CONTRAST_OTHER = 0.3, 2.0, 8.0
# The share of its contrast that is left where the frame beside it shows what differs, as well as coding lets it.
BESIDE = 0.5
# In a copy of 200 pixels other eyes correlate as well as coding does; harmless re-posts stay below one of these.
CONTRAST_OTHER_MOMENT, MOVES = 16.0, 0.7
# What a face lacks shows less than what is put in its place; what shows much more, or in more detail, lies over it.
CONTRAST_LACKING, FINE_LACKING = (8.0, 65.0), 1.0
# More detail than the master has there.
ADDED = 1.5
# A frame alone shows the moment before or after; another picture would stand out far more, levels, or be less alike.
MIN_CONTRAST_ALONE, ALIKE_ALONE = 40.0, 0.8
MAX_SHADING, STEADY_SHADING, ALIKE_SHADED = 16.0, 0.97, 0.9
WEAK, ALIKE_WEAK = 1.15, 0.93
SAME_PICTURE, SAME_GRADED, AS_SHARP = 0.975, 0.965, 0.75
# What is laid over has an edge; what is blended in has none; a shade has none at all.
MIN_HARD, SOFT = 0.5, 0.2
# A drawing has its outline as fine detail; a plain piece of the scene has none.
AS_DETAILED = 1.1
MOVED = 0.25
# Fine detail that a beauty filter leaves: less is a face made unrecognisable.
SMOOTHED = (0.55, 0.9)


def benign_kind(component: Component, look: Look) -> str | None:
    """What explains the component: NOISE, the kind of an edit, or None when it is a change."""
    facial = component.region in FACIAL
    if _is_noise(component, look) or _is_weak(component, look):
        return NOISE
    if not facial and (_is_shading(look) or _is_moment_beside(look)):
        return NOISE
    if facial and beauty(look) is not None:
        return "beauty_filter"
    piece_of_scene = component.region is Region.BACKGROUND and _is_piece_of_scene(look)
    if (_is_drawn(look, facial) or _is_lettering(look)) and not piece_of_scene:
        return "overlay"
    if not facial and (look.edge or (component.region is not Region.BACKGROUND and _is_cut_out(look))):
        return "overlay"
    return "overlay" if not facial and is_small_picture(look) else None


def beauty(look: Look) -> str | None:
    """A beauty filter, where most of a face has lost some of its fine detail and nothing else; None otherwise."""
    smoothed = look.face_cover > 0.45 and look.alike > 0.95 and SMOOTHED[0] < look.fine < SMOOTHED[1]
    return "beauty_filter" if smoothed else None


def is_soft(component: Component, look: Look) -> bool:
    """Whether what lacks detail is a face made soft; a grade alone swallows some where tones end."""
    if look.graded and component.peak < CLEARLY * component.high:
        return False
    return CONTRAST_LACKING[0] <= look.contrast <= CONTRAST_LACKING[1] and look.fine < FINE_LACKING


def is_hidden(component: Component, look: Look, kind: str | None) -> bool:
    """Whether what remains after something was taken off is a change, and no remnant of what lay there.

    Remnants are as flat as what is drawn, or hardly differ from the master: a rim that was not wholly taken off.
    """
    clear = component.peak > CLEARLY * component.high
    remnant = look.flatness >= REMNANT or look.alike > SAME_PICTURE
    return kind is None and component.region in FACIAL and clear and not remnant


def is_neighbour(component: Component, look: Look, frames: int) -> bool:
    """Whether one of so many frames differs all alone, and no more than the frame beside it does.

    Where a shaken camera shows leaves, the frame beside it differs much and is alike all the same.
    """
    alone = component.first == component.last and frames > 1
    shaken = component.region is Region.BACKGROUND and look.alike > ALIKE_ALONE
    return alone and (shaken or look.contrast < MIN_CONTRAST_ALONE)


def _is_noise(component: Component, look: Look) -> bool:
    """Nothing that an eye could see, or the master's own picture, as sharp, a hair's breadth or a shade off."""
    if look.contrast < _least_contrast(component, look):
        return True
    if look.fine <= AS_SHARP or (component.region in FACIAL and _is_other_moment(component, look)):
        return False
    # A grade that the fitted tones do not quite follow leaves differences that never move.
    alike = GRADED_ALIKE if look.graded else NEARLY_SAME
    return look.alike > (SAME_GRADED if look.graded else SAME_PICTURE) or (look.steady > UNMOVED and look.alike > alike)


def _is_other_moment(component: Component, look: Look) -> bool:
    """Eyes or a mouth of the same face a moment away: alike, yet clearly off, with an outline, and never in one way."""
    seen = look.contrast > CONTRAST_OTHER_MOMENT and look.hard > MIN_HARD
    return seen and not look.graded and look.steady < MOVES and component.peak > CLEARLY * component.high


def _is_moment_beside(look: Look) -> bool:
    """What the master shows a frame before or behind: a pointer, a letter typed, where the rest hardly moves.

    No moment is known better than that. Of faces this says nothing: the frame beside is told by the rest of the film.
    """
    return look.beside < min(MIN_CONTRAST, BESIDE * look.contrast)


def _least_contrast(component: Component, look: Look) -> float:
    """Levels from which a difference is no noise; fewer where plainly something else stands than in the master."""
    facial = component.region in FACIAL
    other = look.alike < OTHER and look.solid > SOLID and look.hard > MIN_HARD
    if not facial and other and component.peak > PLAINLY * component.high:
        return MIN_CONTRAST_OTHER
    if look.graded:
        return MIN_CONTRAST_GRADED
    return MIN_CONTRAST_ADDED if not facial and look.fine > ADDED else MIN_CONTRAST


def _is_shading(look: Look) -> bool:
    """The scene a shade lighter or darker all the time, as filters leave it where tones end."""
    return look.contrast < MAX_SHADING and look.steady > STEADY_SHADING and look.alike > ALIKE_SHADED


def _is_weak(component: Component, look: Look) -> bool:
    """Hardly further off than a harmless re-post is, and the scene itself, or without an edge, or of few levels.

    On a face it has neither an edge nor levels: a changed eye or mouth has both.
    """
    soft, faint = look.hard < SOFT, look.contrast < MAX_SHADING
    plain = (soft and faint) if component.region in FACIAL else (look.alike > ALIKE_WEAK or soft or faint)
    return component.peak < WEAK * component.high and plain


def _is_drawn(look: Look, facial: bool) -> bool:
    """Stickers, bars, flat logos: few tones, far from what they cover, with an outline of their own.

    Skin painted over with skin lacks both outline and detail.
    """
    drawn = look.flatness > DRAWN[0] and look.contrast > DRAWN[1] and look.hard > DRAWN[2]
    # Detail is what it covers, eyes and lashes too; a colour that no skin has is enough.
    if drawn and look.flatness > FLAT and is_foreign_tone(look):
        return True
    if drawn and look.fine > (1.15 if look.flatness < FLAT else FLAT_DETAIL_ON_FACE if facial else FLAT_DETAIL):
        return True
    flat, strong = GRAPHIC_ON_FACE if facial else GRAPHIC
    graphic = look.flatness > flat and look.contrast > strong and look.fine > (1.15 if facial else AS_DETAILED)
    return look.hard >= MIN_HARD and graphic and (look.moved < MOVED or look.contrast > 45)


def _is_piece_of_scene(look: Look) -> bool:
    """A patch as plain as a drawing, but in the scene's own colours, or without a drawing's edge."""
    if look.solid > FULL and look.hard < BLENDED:
        return True
    own = look.hue is not None and look.hue < OWN_HUE
    return own and look.solid > SOLID and look.contrast < DRAWN_CONTRAST and look.fine < DRAWN_FINE


def is_small_picture(look: Look) -> bool:
    """A whole other picture in a corner: richer in detail than a piece of the scene, or in colours that are not its."""
    foreign = look.hue is not None and look.hue > FOREIGN_HUE and look.hard > MIN_HARD
    return look.corner and look.moved < MOVED and (look.fine > SMALL_PICTURE or foreign)


def is_foreign_tone(look: Look) -> bool:
    """Flat tones in a colour that the scene does not have there."""
    return look.flatness > DRAWN[0] and look.hue is not None and look.hue > FOREIGN_HUE


def _is_cut_out(look: Look) -> bool:
    """One flat tone with a hard outline on hair or cloth, whatever detail it hides."""
    return look.flatness > FLAT and look.contrast > CUT_OUT[0] and look.hard > CUT_OUT[1] and look.moved < MOVED


def _is_lettering(look: Look) -> bool:
    """Text and see-through marks: rich in detail where the master has little."""
    # Large text whose tones and outline have run under heavy coding; nothing natural stands out so much.
    if look.fine > 3.0 and look.contrast > (80 if look.fine > 10 else 85) and look.flatness > 0.3:
        return True
    if look.hard < MIN_HARD:
        return False
    # A see-through mark: one steady difference over pictures that move, and nothing of theirs.
    if look.steady > 0.9 and look.flatness > 0.33 and look.contrast > 30 and look.fine > 2.5 and look.moved < MOVED:
        return True
    # Text after heavy coding: its tones have run, its contrast and detail have not.
    return look.fine > 5 and look.contrast > (50 if look.fine < 6 else 45)
