"""Help in the user's language: the command tree is built in English and translated before it is used."""

from __future__ import annotations

import re
from typing import Any

from haechi.core.language import Language, mark

_HEADINGS = {
    "Usage: ": mark("Usage: "),
    "Options": mark("Options"),
    "Commands": mark("Commands"),
    "Arguments": mark("Arguments"),
}
_KEEP_LINES = "\b\n"
_FIRST_SENTENCE = re.compile(r".*?[.](?:(?<=다[.])| (?=[A-Z])|$)", re.DOTALL)
_PYTHON_TYPE = re.compile(r" <[^>]*>$")
mark("Show this message and exit.")


def speak(command: Any, say: Language) -> None:
    """Translate the help of a Click command and of everything below it, in place.

    Args:
        command: a Click command or group as Typer builds it.
        say: the user's language.
    """
    for attribute in ("help", "short_help", "epilog"):
        text = getattr(command, attribute, None)
        if text:
            setattr(command, attribute, _KEEP_LINES + say(text) if attribute == "epilog" else say(text))
    first = _FIRST_SENTENCE.match(command.help or "")
    # A list of commands would break a longer sentence off.
    command.short_help = command.short_help or (first.group().strip() if first else None)
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = say(parameter.help)
    command.context_class = _speaking(command.context_class, say)
    for below in getattr(command, "commands", {}).values():
        speak(below, say)


def _speaking(context_class: Any, say: Language) -> Any:
    """A context class whose help pages have translated headings."""
    plain = context_class.formatter_class

    def write_usage(self: Any, prog: str, args: str = "", prefix: str | None = None) -> None:
        plain.write_usage(self, prog, args, prefix or say(_HEADINGS["Usage: "]))

    def write_heading(self: Any, heading: str) -> None:
        plain.write_heading(self, say(_HEADINGS.get(heading, heading)))

    def write_dl(self: Any, rows: Any, *args: Any, **keywords: Any) -> None:
        told = [(_PYTHON_TYPE.sub("", name), say(text) if text else text) for name, text in rows]
        plain.write_dl(self, told, *args, **keywords)

    methods = {"write_usage": write_usage, "write_heading": write_heading, "write_dl": write_dl}
    formatter = type(plain.__name__, (plain,), methods)
    return type(context_class.__name__, (context_class,), {"formatter_class": formatter})
