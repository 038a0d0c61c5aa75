"""The same sentence in every language at once: safe markup with one `<span lang>` for each; the page shows one."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from haechi.core.language import LANGUAGES, Language, translate

Text = Markup


def both(tell: Callable[[Language], str]) -> Text:
    """Say the same in every language, marked by language; the page shows one."""
    parts = [Markup('<span lang="{}">{}</span>').format(code, tell(translate(code))) for code in LANGUAGES]
    return Markup("").join(parts)


def say_both(message: str, **values: object) -> Text:
    """Say a sentence of the template in every language."""
    return both(lambda say: say(message, **values))
