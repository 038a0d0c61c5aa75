"""Which item an exhibit shows, in words: why it is held to be the same as another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haechi.cli.session import Session
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.recognition import Recognition

_PARTS = {"head": mark("head"), "body": mark("body"), "scenery": mark("scenery"), "voice": mark("voice")}


def item_words(session: Session, known: Recognition | None) -> str:
    """Which item, like which exhibit, by what; empty for an exhibit that shows nothing recognisable."""
    from haechi.core.recognition import PERSON, SAME_BYTES

    if known is None:
        return ""
    if not known.like:
        parts = [session.say(mark("{item}, first seen here"), item=known.item)]
    elif known.method == SAME_BYTES:
        parts = [session.say(mark("{item}: the same bytes as {exhibit}"), item=known.item, exhibit=known.like)]
    elif known.method == PERSON:
        parts = [session.say(mark("{item}: joined with {exhibit} by a person"), item=known.item, exhibit=known.like)]
    else:
        words = mark("{item}: shows the same as {exhibit} ({method}, {score})")
        told = {"exhibit": known.like, "method": known.method, "score": f"{known.score:g}"}
        parts = [session.say(words, item=known.item, **told)]
    if known.origin is not None:
        parts.append(session.say(mark("made from release {release}"), release=known.origin.release))
        differs = ", ".join(session.say(_PARTS.get(part, part)) for part in known.origin.differs)
        if differs:
            parts.append(session.say(mark("differs: {parts}"), parts=differs))
    if known.abstained:
        parts.append(known.abstained)
    return " · ".join(parts)
