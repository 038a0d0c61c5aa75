"""Korean and English: which language to speak, and the sentence in that language.

Method: GNU gettext. The English sentence is the key; `locale/<language>/LC_MESSAGES/haechi.mo` holds the
others. Fields are filled by name after translation, then Korean particles are chosen: a Korean sentence
writes both forms, as in `입이(가)`, `음악을(를)` or `편집본(으)로`, and the form that fits the sound before it stays.
Adding a sentence: write it in English where it is used, add it to both `haechi.po`, then compile with
`pybabel compile --domain haechi --directory src/haechi/locale --use-fuzzy`; a test compares .po, .mo and
the code.
Limits: particles after Latin letters keep both forms, as careful Korean writing does.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LANGUAGES = ("ko", "en")
DEFAULT_LANGUAGE = "en"
_VARIABLES = ("HAECHI_LANG", "LC_ALL", "LC_MESSAGES", "LANG")

_PARTICLE = re.compile(
    r"(?P<before>\w?)(?P<between>[’”'\")\]」』\s⁩]*)(?P<pair>이\(가\)|을\(를\)|은\(는\)|과\(와\)|\(으\)로)"
)
_AFTER_VOWEL = {"이(가)": "가", "을(를)": "를", "은(는)": "는", "과(와)": "와", "(으)로": "로"}
_AFTER_CONSONANT = {"이(가)": "이", "을(를)": "을", "은(는)": "은", "과(와)": "과", "(으)로": "으로"}
_DIGIT_FINALS = {
    "0": "ㅇ",
    "1": "ㄹ",
    "3": "ㅁ",
    "6": "ㄱ",
    "7": "ㄹ",
    "8": "ㄹ",
    "2": "",
    "4": "",
    "5": "",
    "9": "",
}
_FIRST_SYLLABLE, _LAST_SYLLABLE, _FINALS, _RIEUL = 0xAC00, 0xD7A3, 28, 8


@dataclass(frozen=True, slots=True)
class Language:
    """One language that Haechi speaks; calling it translates.

    Attributes:
        code: ISO 639-1, one of `LANGUAGES`.
        catalogue: its gettext catalogue; a sentence that it lacks stays English.
    """

    code: str
    catalogue: gettext.NullTranslations

    def __call__(self, message: str, /, **values: object) -> str:
        """Translate `message` and fill its `{fields}`.

        Raises:
            KeyError: the sentence names a field that `values` lacks.
        """
        return self._fill(self.catalogue.gettext(message), values)

    def plural(self, one: str, many: str, count: int, /, **values: object) -> str:
        """Translate with the form that `count` asks for; `{count}` is filled too."""
        return self._fill(self.catalogue.ngettext(one, many, count), {**values, "count": count})

    def knows(self, message: str) -> bool:
        """Tell whether the catalogue holds `message`, or the language is the one that messages are written
        in.
        """
        return self.code == "en" or self.catalogue.gettext(message) != message

    def _fill(self, sentence: str, values: Mapping[str, object]) -> str:
        filled = sentence.format_map(values) if values else sentence
        return choose_particles(filled) if self.code == "ko" else filled


def mark(message: str) -> str:
    """Mark a sentence of a table for translation; it is translated where it is spoken."""
    return message


@cache
def translate(language: str) -> Language:
    """The language `language` ("ko", "ko_KR.UTF-8", "en-GB", ...); an unknown one is English."""
    code = _primary(language) or DEFAULT_LANGUAGE
    resource = files("haechi").joinpath("locale", code, "LC_MESSAGES", "haechi.mo")
    with resource.open("rb") as stream:
        return Language(code, gettext.GNUTranslations(stream))


def negotiate(environ: Mapping[str, str]) -> str:
    """Choose the language from `HAECHI_LANG`, then from the POSIX locale variables in their order.

    Returns:
        One of `LANGUAGES`. A variable that names another language is passed over, so that a user of a third
        language who set `HAECHI_LANG=ko` or a second preference gets it, and English otherwise.
    """
    for name in _VARIABLES:
        code = _primary(environ.get(name, ""))
        if code:
            return code
    return DEFAULT_LANGUAGE


def choose_particles(sentence: str) -> str:
    """Keep of each Korean particle pair the form that fits the sound before it (closing quotes are looked
    past).
    """
    return _PARTICLE.sub(_particle, sentence)


def _particle(match: re.Match[str]) -> str:
    before, between, pair = match["before"], match["between"], match["pair"]
    final = _final_sound(before)
    if final is None:
        return match[0]
    after_vowel = final == "" or (pair == "(으)로" and final == "ㄹ")
    return before + between + (_AFTER_VOWEL if after_vowel else _AFTER_CONSONANT)[pair]


def _final_sound(character: str) -> str | None:
    """The final consonant: "" after a vowel, "ㄹ", any other letter for a consonant, None when it cannot be
    told.
    """
    if character in _DIGIT_FINALS and character:
        return _DIGIT_FINALS[character]
    if not character or not _FIRST_SYLLABLE <= ord(character) <= _LAST_SYLLABLE:
        return None
    final = (ord(character) - _FIRST_SYLLABLE) % _FINALS
    if final == 0:
        return ""
    return "ㄹ" if final == _RIEUL else "ㄱ"


def _primary(tag: str) -> str | None:
    code = re.split(r"[-_.@]", tag.strip().lower(), maxsplit=1)[0]
    return code if code in LANGUAGES else None
