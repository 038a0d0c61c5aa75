"""A notice as PDF/A-2b, by typst; signed inside the file where a person's key is configured (`core.pades`)."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.metadata import version
from importlib.resources import files
from typing import Final

from haechi.act.notice.draft import signed_text
from haechi.core.evidence import Notice
from haechi.core.fonts import LATIN, east_asian

STANDARD: Final = "a-2b"


def notice_pdf(notice: Notice) -> bytes:
    """The text with the signatures that stand under it, as PDF/A.

    Raises:
        NoFontError: no font of this machine has the script of the notice.
    """
    import typst

    template = files("haechi.act.notice").joinpath("notice.typ").read_bytes()
    data = {
        "lang": notice.language,
        "title": f"{notice.id} · {notice.law}",
        "author": f"Haechi {version('haechi')}",
        "fonts": [*east_asian(notice.language), LATIN],
        "lines": signed_text(notice).split("\n"),
    }
    moment = datetime.fromisoformat(notice.state_at).replace(microsecond=0)
    inputs = {"data": json.dumps(data, ensure_ascii=False)}
    return bytes(typst.compile(template, format="pdf", sys_inputs=inputs, pdf_standards=[STANDARD], timestamp=moment))
