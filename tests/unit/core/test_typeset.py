"""Documents are set in every script that names come in, with the pulled fonts alone."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typst

from haechi.core import typeset as module
from haechi.core.typeset import NoFontError, typeset

TEMPLATE = b"""
#let data = json(bytes(sys.inputs.at("data")))
#set text(font: data.fonts, lang: data.lang)
#data.text
"""
needs_pdftotext = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils is not installed")
NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def only_pulled_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare machine: no font but those that typst and `models pull` bring."""
    every = typst.Fonts

    def bare(include_system_fonts: bool, font_paths: list[Path]) -> typst.Fonts:
        return every(include_system_fonts=False, font_paths=font_paths)

    monkeypatch.setattr(typst, "Fonts", bare)


def shown(pdf: bytes, folder: Path) -> str:
    path = folder / "page.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


@needs_pdftotext
@pytest.mark.parametrize("language", ["en", "ko", "ja"])
@pytest.mark.parametrize("text", ["하늘 confirmed 紅白 ひかり", "Plain words", "김서연, 佐藤さくら, 権利侵害の対応"])
def test_names_of_all_three_scripts_stand_in_every_language(
    language: str, text: str, models: Path, tmp_path: Path
) -> None:
    pdf = typeset(TEMPLATE, {"lang": language, "text": text}, language, NOW, models)
    assert shown(pdf, tmp_path) == text


@needs_pdftotext
@pytest.mark.parametrize(
    ("text", "set_as"),
    [
        ("lol 😂!", "lol [U+1F602]!"),
        ('"👩\u200d🎤" 하늘', '"[U+1F469][U+200D][U+1F3A4]" 하늘'),
        ("\U00013000 and \U00013000", "[U+13000] and [U+13000]"),
    ],
)
def test_signs_without_a_font_are_spelt_out(text: str, set_as: str, models: Path, tmp_path: Path) -> None:
    pdf = typeset(TEMPLATE, {"lang": "en", "text": text}, "en", NOW, models)
    assert shown(pdf, tmp_path) == set_as


def test_a_script_without_a_font_is_said(models: Path, tmp_path: Path) -> None:
    text = "".join(chr(0x13000 + number) for number in range(module._MOST_SPELT + 1))
    with pytest.raises(NoFontError, match="models pull"):
        typeset(TEMPLATE, {"lang": "en", "text": text}, "en", NOW, models)
    with pytest.raises(NoFontError, match="models pull"):
        typeset(
            TEMPLATE,
            {"lang": "ko", "text": "가나다라마바사아자차카타파하거너더러머버서어저처커"},
            "ko",
            NOW,
            tmp_path / "none",
        )


def test_faults_of_a_template_are_not_hidden(models: Path) -> None:
    with pytest.raises(typst.TypstError):
        typeset(b"#panic(1)", {}, "en", NOW, models)
