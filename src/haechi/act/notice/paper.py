"""A notice as PDF/A-2b; signed inside the file where a person's key is configured (`core.pades`)."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from haechi.act.notice.draft import signed_text
from haechi.core.evidence import Notice
from haechi.core.typeset import typeset


def notice_pdf(notice: Notice, fonts: Path | None) -> bytes:
    """The text with the signatures that stand under it, as PDF/A.

    Args:
        notice: what is set.
        fonts: the folder of pulled fonts, or None for this machine's own.

    Raises:
        NoFontError: no font at hand has the script of the notice.
    """
    template = files("haechi.act.notice").joinpath("notice.typ").read_bytes()
    data = {
        "lang": notice.language,
        "title": f"{notice.id} · {notice.law}",
        "author": f"Haechi {version('haechi')}",
        "lines": signed_text(notice).split("\n"),
    }
    return typeset(template, data, notice.language, datetime.fromisoformat(notice.state_at), fonts)
