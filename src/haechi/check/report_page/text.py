r"""Turning values into text that can be shown safely: names, times, numbers, lists, sentences from tables.

Names come from strangers. Control characters, invisible format characters and the bidirectional overrides
that make `cod.4pm` read as `mp4.doc` are shown as `\u202e`, lone surrogates of undecodable paths as
`\udc80`; a name with right-to-left letters is isolated (Unicode UAX #9), so that it cannot reorder its
neighbours. HTML escaping is not done
here: the template does it for everything.
"""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from haechi.core.language import Language
from haechi.core.records import Span

LONGEST_NAME = 160
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "⁨", "⁩"
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_RIGHT_TO_LEFT = frozenset({"R", "AL"})
_JOINERS = frozenset({"\u200d", "\ufe0f"})


def visible(text: str, longest: int = LONGEST_NAME) -> str:
    """Show text of a stranger with nothing hidden in it, cut in the middle when longer than `longest`
    characters.
    """
    shown = "".join(_visible_character(c) for c in text)
    if len(shown) > longest:
        tail = longest // 3
        shown = shown[: longest - tail - 1] + "…" + shown[-tail:]
    if any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in shown):
        return f"{_FIRST_STRONG_ISOLATE}{shown}{_POP_ISOLATE}"
    return shown


def clock(seconds: float, *, tenths: bool = False) -> str:
    """Show a time as `0:03`, `12:40`, `1:02:03`, with a tenth of a second where asked."""
    units = round(seconds * 10) if tenths else math.floor(seconds + 0.5) * 10
    whole, tenth = divmod(max(units, 0), 10)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
    return f"{text}.{tenth}" if tenths else text


def stretch(say: Language, span: Span) -> str:
    """Show a span as `from 0:03 to 0:07`, finer where whole seconds would hide it."""
    start, end = span_ends(span)
    return say("from {start} to {end}", start=start, end=end)


def span_ends(span: Span) -> tuple[str, str]:
    """Start and end of a span for reading; tenths of a second for a span under two seconds."""
    tenths = span.duration_s < 2.0
    return clock(span.start_s, tenths=tenths), clock(span.end_s, tenths=tenths)


def number(value: float) -> str:
    """Show a number with at most two digits after the point and none that say nothing."""
    if not math.isfinite(value):
        return "–"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def listing(say: Language, items: Iterable[str]) -> str:
    """Join words as a person would: `a`, `a and b`, `a, b and c`."""
    words = list(items)
    if len(words) < 2:
        return "".join(words)
    return say("{first} and {last}", first=", ".join(words[:-1]), last=words[-1])


def sentence(say: Language, table: Mapping[str, tuple[str, ...]], code: str, data: Mapping[str, Any]) -> str | None:
    """Speak `code` from `table` with `data`.

    Returns:
        The first sentence of the code whose fields are all in `data`; None when there is none.
    """
    values = {key: _shown(say, value) for key, value in data.items() if value is not None}
    for key in (f"{code}.{data.get('state')}", code):
        for template in table.get(key, ()):
            if fields(template) <= values.keys():
                return say(template, **values)
    return None


def retold(say: Language, templates: Iterable[str], statement: str) -> str:
    """Say a statement that was worded in English again, when one of `templates` has its shape."""
    for template in templates:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(template))
        match = re.fullmatch(pattern, statement)
        if match:
            return say(template, **{name: visible(value) for name, value in match.groupdict().items()})
    return visible(statement, 600)


def fields(template: str) -> set[str]:
    """Names of the fields of a sentence."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def _shown(say: Language, value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    if isinstance(value, list | tuple):
        return listing(say, [_shown(say, item) for item in value])
    return visible(str(value))


def _visible_character(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _HIDDEN_CATEGORIES:
        return character
    return character.encode("unicode_escape").decode("ascii")
