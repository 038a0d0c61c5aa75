"""Fonts of this machine for what is set as PDF: Hangul and kana come from it, or the page would have empty boxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haechi.core.errors import HaechiError

LATIN: Final = "Libertinus Serif"
MONO: Final = "DejaVu Sans Mono"
"""Both come with typst."""
_HANGUL: Final = (
    "Noto Sans CJK KR",
    "Noto Sans KR",
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
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "Source Han Sans JP",
    "Hiragino Sans",
    "Yu Gothic",
    "Meiryo",
    "IPAexGothic",
    "Noto Sans CJK KR",
)
_NEEDED: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "ko": (_HANGUL, "no font with Hangul is on this machine, so report.ko.pdf is missing; install Noto Sans CJK"),
    "ja": (_KANA, "no font with kana is on this machine; install Noto Sans CJK"),
}


class NoFontError(HaechiError):
    """No font of this machine has the script."""


def east_asian(language: str) -> list[str]:
    """The font for Korean or Japanese text, in a list; for another language one for the names in it, if there is one.

    Raises:
        NoFontError: the language needs one and there is none.
    """
    import typst

    known = set(typst.Fonts(include_system_fonts=True).families())
    wanted, complaint = _NEEDED.get(language, (_HANGUL, ""))
    found = [name for name in wanted if name in known][:1]
    if not found and complaint:
        raise NoFontError(complaint)
    return found
