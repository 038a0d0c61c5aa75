"""Korean and English: negotiation, particles, and catalogues that hold every sentence."""

from __future__ import annotations

import io
import string
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import jinja2.ext
import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from haechi.core.language import LANGUAGES, choose_particles, negotiate, translate

ROOT = Path(str(files("haechi")))
KEYWORDS = {"mark": None, "say": None, "say_both": None, "t": None, "plural": (1, 2)}
HOW = "add it to both haechi.po and compile them, see docs/translating.md"


def catalogue(language: str) -> Catalog:
    with (ROOT / "locale" / language / "LC_MESSAGES" / "haechi.po").open("rb") as stream:
        return read_po(stream, locale=language)


def used_sentences() -> Iterator[tuple[str | tuple[str, ...], str]]:
    for path in sorted(ROOT.rglob("*")):
        method = {".py": "python", ".j2": jinja2.ext.babel_extract}.get(path.suffix)
        if method is not None:
            source = io.BytesIO(path.read_bytes())
            for line, message, _, _ in extract(method, source, KEYWORDS, (), {}):
                yield message, f"{path.relative_to(ROOT)}:{line}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_catalogue_is_made_from_its_source(language: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(language))
    committed = (ROOT / "locale" / language / "LC_MESSAGES" / "haechi.mo").read_bytes()
    assert compiled.getvalue() == committed, HOW


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_hold_every_sentence_and_no_other(language: str) -> None:
    used = {message if isinstance(message, str) else message[0]: where for message, where in used_sentences()}
    held = {
        message.id if isinstance(message.id, str) else message.id[0] for message in catalogue(language) if message.id
    }
    assert {sentence: where for sentence, where in used.items() if sentence not in held} == {}, HOW
    assert held - used.keys() == set()


def test_every_sentence_is_in_korean_with_the_same_fields() -> None:
    for message in catalogue("ko"):
        if not message.id:
            continue
        source = message.id if isinstance(message.id, str) else message.id[-1]
        target = message.string if isinstance(message.string, str) else message.string[0]
        assert target, f"{source!r}: {HOW}"
        assert fields(target) == fields(source), source
        assert not message.fuzzy, source
        assert len(target) < 20 or target[: len(target) // 2] != target[-(len(target) // 2) :], (
            f"{source!r}: said twice"
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiling_complains_of_nothing(language: str) -> None:
    assert [(message.id, errors) for message, errors in catalogue(language).check()] == []


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "HAECHI_LANG": "en"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ko_KR"}, "ko"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "C", "HAECHI_LANG": "KO-kr"}, "ko"),
        ({"HAECHI_LANG": "fr", "LANG": "ko"}, "ko"),
        ({"LANG": "kok_IN"}, "en"),
    ],
)
def test_negotiate(environ: dict[str, str], language: str) -> None:
    assert negotiate(environ) == language


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("입이(가)", "입이"),
        ("목소리이(가)", "목소리가"),
        ("‘무대’을(를)", "‘무대’를"),
        ("‘별빛 2026’(으)로", "‘별빛 2026’으로"),
        ("서울(으)로", "서울로"),
        ("3월 1(으)로", "3월 1로"),
        ("파일은(는)", "파일은"),
        ("너과(와) 나", "너와 나"),
        ("Haneul이(가)", "Haneul이(가)"),
        ("이(가)", "이(가)"),
    ],
)
def test_particles(written: str, spoken: str) -> None:
    assert choose_particles(written) == spoken


def test_an_unknown_language_is_english_and_an_unknown_sentence_stays() -> None:
    assert translate("xx").code == "en"
    assert translate("ko_KR")("No such sentence.") == "No such sentence."


def test_fields_are_not_read_from_values() -> None:
    assert translate("ko")("{first} and {last}", first="{last}", last="나") == "{last}과(와) 나"


def test_plural_forms() -> None:
    say = translate("en")
    one, many = "One more place is listed below.", "{count} more places are listed below."
    assert say.plural(one, many, 1) == one
    assert say.plural(one, many, 4) == "4 more places are listed below."
    assert translate("ko").plural(one, many, 4) == "그 밖의 4곳은 아래에 있습니다."
