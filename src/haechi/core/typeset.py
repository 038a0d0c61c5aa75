"""Set a document as PDF/A-2b by typst, in the reader's script.

All text goes in as data, never as typst code. Hangul and kana come from the fonts that `haechi models pull` brings
(Noto Sans, pinned, so that a page looks the same on every machine), else from this machine's own. A sign that no font
has (an emoji in somebody's title) is set as its code points, `[U+1F602]`: an empty box would hide what stood there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from haechi.core.errors import HaechiError

STANDARD: Final = "a-2b"
LATIN: Final = "Libertinus Serif"
MONO: Final = "DejaVu Sans Mono"
"""Both come with typst."""
_HANGUL: Final = (
    "Noto Sans KR",
    "Noto Sans CJK KR",
    "Source Han Sans KR",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "NanumGothic",
    "Nanum Gothic",
    "Noto Serif CJK KR",
    "UnDotum",
    "Baekmuk Dotum",
)
_KANA: Final = (
    "Noto Sans JP",
    "Noto Sans CJK JP",
    "Source Han Sans JP",
    "Hiragino Sans",
    "Yu Gothic",
    "Meiryo",
    "IPAexGothic",
    "Noto Sans CJK KR",
)
_ORDER: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {"ja": (_KANA, _HANGUL)}
_ABSENT: Final = re.compile(r'the text `?"(.+?)"`? could not be displayed with font', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\u\{([0-9a-f]+)\}")
# So many different signs without a font are no stray emoji but a script.
_MOST_SPELT: Final = 24
# What joins and varies emoji is invisible: typst names the sign before it.
_JOINERS: Final = "\u200d\ufe0f"
_MISSING: Final = "no font for its text is on this machine; run haechi models pull"


class NoFontError(HaechiError):
    """No font at hand has the script."""


def typeset(template: bytes, data: Mapping[str, Any], language: str, moment: datetime, fonts: Path | None) -> bytes:
    """A document as PDF/A.

    Args:
        template: typst code; its input `data` is JSON of `data` with `fonts` and `mono`, lists of families in order.
        data: what the template sets.
        language: of the document: whose form of a Han sign comes first.
        moment: when it was made, as the file states it.
        fonts: the folder of pulled fonts, or None for this machine's own.

    Raises:
        NoFontError: the text is in a script that no font has.
    """
    import typst

    pulled: list[Path] = [fonts] if fonts is not None and fonts.is_dir() else []
    at_hand = typst.Fonts(include_system_fonts=True, font_paths=pulled)
    asian = _east_asian(language, set(at_hand.families()))
    told = json.dumps({**data, "fonts": [*asian, LATIN], "mono": [MONO, *asian]}, ensure_ascii=False)
    for _ in range(_MOST_SPELT):
        try:
            pdf = typst.compile(
                template,
                format="pdf",
                sys_inputs={"data": told},
                pdf_standards=[STANDARD],
                timestamp=moment.replace(microsecond=0),
                font_paths=at_hand,
            )
        except typst.TypstError as error:
            absent = _ABSENT.search(str(error))
            if absent is None:
                raise
            sign = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), absent[1])
            told = _spelt(told, sign)
        else:
            return bytes(pdf)
    raise NoFontError(_MISSING)


def _spelt(told: str, absent: str) -> str:
    """JSON whose every absent sign stands as its code point; what is ASCII is never absent."""
    for sign in {*absent, *_JOINERS}:
        if not sign.isascii():
            told = told.replace(sign, f"[U+{ord(sign):04X}]")
    return told


def _east_asian(language: str, known: set[str]) -> list[str]:
    """A font for Korean and one for Japanese text, as far as they are there: names of both stand in every document."""
    order = _ORDER.get(language, (_HANGUL, _KANA))
    found = (next((name for name in wanted if name in known), None) for wanted in order)
    return [name for name in found if name is not None]
