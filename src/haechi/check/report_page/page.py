"""The report as one HTML page that needs nothing else: no network, no script to be read, Korean and English
inside.

Source: `page.html.j2` (markup), `page.css`, `page.js`, `mark.svg`; style and script are inlined, and a
Content Security Policy in the page allows these two by their SHA-256 and pictures by `data:` only, so that
nothing smuggled into a name could run or call out. Everything is escaped by the template engine.
Invariants: the page is a pure function of report and language; it holds the given pictures, each once, and
no others.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from haechi.check.report_page.bilingual import say_both
from haechi.check.report_page.view import PageView
from haechi.core.language import LANGUAGES, translate
from haechi.core.records import Report


def render_page(report: Report, language: str) -> str:
    """Render a report; `language` ("ko", "en") is shown first, the reader can switch.

    Returns:
        A whole HTML document, to be written as UTF-8.
    """
    style, script = _part("page.css"), _part("page.js")
    default = translate(language)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            view=PageView(report, default),
            language=default.code,
            languages=LANGUAGES,
            policy=_policy(style, script),
            style=Markup(style),  # noqa: S704  (our own files)
            script=Markup(script),  # noqa: S704
            mark=Markup(_part("mark.svg")),  # noqa: S704
        )
    )


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(_part),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["t"] = say_both
    return environment


@cache
def _part(name: str) -> str:
    return files("haechi.check.report_page").joinpath(name).read_text(encoding="utf-8")
