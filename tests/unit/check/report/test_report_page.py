"""The HTML page: self-contained, safe with hostile names, the same in both languages."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from haechi.check.report import report_file_name, report_json, write_report
from haechi.check.report_page.page import render_page
from haechi.cli.lines import report_line
from haechi.core.errors import StoreError
from haechi.core.language import translate
from haechi.core.records import ArtistMatch, Curve, Edit, Finding, Kind, Region, Report, Segment, Span, Verdict

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "' onmouseover='x",
    "]]></style><script>",
    "%s {title} {0.__class__}",
)
VOID = {"meta", "input", "br", "img", "link", "hr"}


class Outline(HTMLParser):
    """Collects tags with their attributes and checks that they are balanced."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_text(page: str, language: str) -> str:
    """What a reader of one language sees, without tags."""
    other = {"ko": "en", "en": "ko"}[language]
    body = page[page.index("<body") : page.index("<script>")]
    body = re.sub(rf'<span lang="{other}">.*?</span>', "", body)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def test_every_sample_is_balanced_html_and_refers_to_nothing_outside(report: Report) -> None:
    page = render_page(report, "ko")
    ids = {attrs["id"] for _, attrs in Outline(page).tags if "id" in attrs}
    for tag, attrs in Outline(page).tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "img"}
        assert not any(name.startswith("on") or name == "style" or name == "src" for name in attrs)
        link = attrs.get("href") or attrs.get("xlink:href")
        if link and link.startswith("#"):
            assert link[1:] in ids
        elif link:
            assert tag == "image" and link.startswith("data:image/jpeg;base64,")
        for name in (attrs.get("aria-labelledby") or "").split():
            assert name in ids
    assert "http://" not in page and "https://" not in page


def test_ids_are_unique(report: Report) -> None:
    ids = [attrs["id"] for _, attrs in Outline(render_page(report, "en")).tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_policy_allows_just_the_inlined_style_and_script(reports: Mapping[str, Report]) -> None:
    page = render_page(reports["altered"], "en")
    policy = html.unescape(re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1])  # type: ignore[index]
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for tag in ("style", "script"):
        blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert len(blocks) == 1
        digest = base64.b64encode(hashlib.sha256(blocks[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_each_picture_is_embedded_once_and_no_other(report: Report) -> None:
    page = render_page(report, "en")
    embedded = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    assert sorted(map(base64.b64decode, embedded)) == sorted(picture.jpeg for picture in report.pictures)
    assert page.count("data:image") == len(report.pictures)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(reports: Mapping[str, Report], name: str) -> None:
    base = reports["altered"]
    assert base.release is not None
    report = replace(
        base,
        probe=replace(base.probe, path=f"/in/{name.replace('/', '')}.mp4"),
        release=replace(base.release, title=name),
        artists=(ArtistMatch("a", name, 0.9, Span(0, 1)),),
        findings=(
            Finding("release_match", 1, 3, name, "release_match.found", data={"title": name}),
            Finding(name, 1, 3, name, name, data={name: name}),
        ),
        edits=(Edit(name),),
        decided_by=name,
        would_change=(name,),
        software={name: {name: name}},
    )
    harmless = [tag for tag, _ in Outline(render_page(base, "en")).tags]
    for language in ("ko", "en"):
        page = render_page(report, language)
        assert {tag for tag, _ in Outline(page).tags} <= set(harmless)
        assert page.count("<script") == 1
        assert name in page_text(page, language)


def test_direction_overrides_and_control_characters_are_shown(reports: Mapping[str, Report]) -> None:
    base = reports["not_ours"]
    page = render_page(replace(base, probe=replace(base.probe, path="re\u202egpj.\x1b[31m\u2066mp4\udc80")), "en")
    assert not re.search("[\u202a-\u202e\u2066\u2067\u200b-\u200f\x1b\udc80]", page)
    assert r"re\u202egpj.\x1b[31m\u2066mp4\udc80" in page_text(page, "en")
    page.encode("utf-8")


def test_a_right_to_left_name_is_isolated(reports: Mapping[str, Report]) -> None:
    base = reports["not_ours"]
    page = render_page(replace(base, probe=replace(base.probe, path="שלום.mp4")), "en")
    assert "\u2068שלום.mp4\u2069" in page


@pytest.mark.parametrize(
    ("name", "english", "korean"),
    [
        ("authentic", "Authentic This is your original, byte for byte.", "원본 원본과 한 바이트도 다르지 않습니다."),
        ("authentic_copy", "Unaltered copy Made from your original.", "변조 없는 복사본 귀사의 원본에서 나왔고"),
        (
            "altered",
            "Altered The mouth and the voice were changed from 0:03 to 0:07.",
            "변조됨 0:03부터 0:07까지 입과 목소리가 바뀌었습니다.",
        ),
        ("altered_image", "Altered The mouth was changed.", "변조됨 입이 바뀌었습니다."),
        ("altered_audio", "Altered The voice was changed from 0:03", "변조됨 0:03부터 0:07까지 목소리가 바뀌었습니다."),
        ("compare", "It was compared with ‘master 최종.mov’.", "‘master 최종.mov’과(와) 비교했습니다."),
        ("known_fake", "Known fake A reviewer has already confirmed", "확인된 가짜 검토자가 이미"),
        ("likely_fake", "Probably fake The signs point to a fake of 하늘 Haneul", "가짜로 의심됨 하늘 Haneul을(를)"),
        ("inconclusive", "Undecided 하늘 Haneul may be shown", "판단 보류 하늘 Haneul이(가) 나오는"),
        ("not_ours", "Not one of yours None of your enrolled artists", "귀사와 무관 등록된 아티스트도"),
    ],
)
def test_the_verdict_comes_first_in_plain_words(
    reports: Mapping[str, Report], name: str, english: str, korean: str
) -> None:
    page = render_page(reports[name], "en")
    for language, sentence in (("en", english), ("ko", korean)):
        text = page_text(page, language)
        assert sentence in text
        assert text.index(sentence) < 450


def test_both_languages_are_inside_whatever_is_shown_first(report: Report) -> None:
    korean, english = render_page(report, "ko"), render_page(report, "en")
    for language in ("ko", "en"):
        assert page_text(korean, language).split(" · ")[-1] == page_text(english, language).split(" · ")[-1]
    assert '<html lang="ko">' in korean and '<html lang="en">' in english


def test_no_english_sentence_is_left_in_the_korean_page(reports: Mapping[str, Report]) -> None:
    for report in reports.values():
        for korean in re.findall(r'<span lang="ko">(.*?)</span>', render_page(report, "ko")):
            words = re.findall(
                r"[A-Za-z]{3,}",
                re.sub(r"SHA-256|C2PA|Haneul|master|mov|counsel|confirmed|by|Signs of blending", "", korean),
            )
            assert words == []


def test_changes_of_the_time_line_lead_to_their_pictures(reports: Mapping[str, Report]) -> None:
    tags = Outline(render_page(reports["altered"], "en")).tags
    links = [attrs["href"] for tag, attrs in tags if tag == "a"]
    assert sorted(map(str, links)) == ["#change-1", "#change-2", "#change-3"]


def test_how_a_place_was_changed_is_told(reports: Mapping[str, Report]) -> None:
    base = reports["altered"]
    moved = replace(base.changes[0], detail={"threshold": 6.0, "moved_in_time": True})
    text = page_text(render_page(replace(base, changes=(moved, base.changes[1])), "en"), "en")
    assert "Mouth, 0:03–0:07: taken from another moment of the original" in text
    assert "Voice, 0:03–0:07: replaced" in text


def test_a_change_without_pictures_comes_before_pictures_that_agree(reports: Mapping[str, Report]) -> None:
    base = reports["altered"]
    voice = replace(base, changes=base.changes[1:2], pictures=reports["authentic_copy"].pictures)
    text = page_text(render_page(voice, "en"), "en")
    assert "What was changed 1 Voice, 0:03–0:07: replaced" in text
    assert text.index("Voice, 0:03–0:07") < text.index("See for yourself The same moment, side by side")
    assert "The other places" not in text


def test_it_is_told_why_a_curve_above_its_line_does_not_count(reports: Mapping[str, Report]) -> None:
    copy = reports["authentic_copy"]
    assert "above the line" not in page_text(render_page(copy, "en"), "en")
    captioned = replace(copy, curves=(*copy.curves, Curve(Region.BODY, (1.0, 2.0), (2.0, 40.0), 7.5)))
    assert "What lies above the line was judged harmless" in page_text(render_page(captioned, "en"), "en")
    foreign = replace(captioned, edits=(Edit("audio_replaced"),))
    assert "above the line" not in page_text(render_page(foreign, "en"), "en")
    marked = replace(reports["altered"], curves=(Curve(Region.MOUTH, (2.0, 5.0), (2.0, 40.0), 6.0),))
    assert "above the line" not in page_text(render_page(marked, "en"), "en")
    beside = replace(marked, curves=(Curve(Region.FACE, (2.0, 5.0), (2.0, 40.0), 6.0),))
    assert "above the line without a number" in page_text(render_page(beside, "en"), "en")


def test_each_picture_tells_its_own_moment(reports: Mapping[str, Report]) -> None:
    text = page_text(render_page(reports["altered"], "en"), "en")
    assert "This file, 0:05.0 Your original, 0:48.4" in re.sub(r" +", " ", text)
    assert "Your original 0:" not in page_text(render_page(reports["altered_image"], "en"), "en")


def test_an_artist_is_named_once(reports: Mapping[str, Report]) -> None:
    artist = reports["altered"].artists[0]
    twice = (artist, replace(artist, span=Span(20, 24)), replace(artist, span=Span(3, 9)))
    text = page_text(render_page(replace(reports["altered"], artists=twice), "en"), "en")
    assert "하늘 Haneul 0:00–0:10, 0:20–0:24" in text


def test_joined_releases_are_named_and_look_alikes_are_not(reports: Mapping[str, Report]) -> None:
    base = reports["altered"]
    assert base.release is not None
    start = replace(base.release, segments=(Segment(Span(0, 5), 43.2, 1.0, mirrored=False),))
    then = replace(start, title="둘째", segments=(Segment(Span(5, 9.8), 0.0, 1.0, mirrored=False),))
    alike = replace(start, title="Remaster")
    text = page_text(render_page(replace(base, release=start, other_releases=(then, alike)), "en"), "en")
    assert "It was joined from your releases ‘별빛 무대 2026’ and ‘둘째’." in text
    text = page_text(render_page(replace(base, release=start, other_releases=(alike,)), "en"), "en")
    assert "It was made from your release ‘별빛 무대 2026’." in text


def test_an_edit_of_the_whole_file_has_no_time(reports: Mapping[str, Report]) -> None:
    edits = (Edit("reencode", span=Span(0, 9.8)), Edit("caption", span=Span(1, 6)), Edit("joined", {"pieces": 2}))
    text = page_text(render_page(replace(reports["altered"], edits=edits), "en"), "en")
    assert "saved again, with some loss of quality text or subtitles added (0:01–0:06) joined from 2 pieces" in text


def test_many_changes_are_summed_up(reports: Mapping[str, Report]) -> None:
    base = reports["altered"]
    probe = replace(base.probe, duration_s=120.0)
    many = tuple(replace(base.changes[0], span=Span(10.0 * i, 10.0 * i + 4)) for i in range(12))
    text = page_text(render_page(replace(base, probe=probe, changes=many, pictures=()), "en"), "en")
    assert "The mouth was changed in 12 places (0:00–0:04, 0:10–0:14, 0:20–0:24, …)." in text


def test_changes_that_overlap_are_told_as_one(reports: Mapping[str, Report]) -> None:
    base = reports["altered"]
    changes = tuple(replace(base.changes[0], span=Span(i, i + 2.5)) for i in range(3))
    text = page_text(render_page(replace(base, changes=changes, pictures=()), "en"), "en")
    assert "The mouth was changed from 0:00 to 0:05." in text


def test_changes_of_the_whole_length_are_told_as_such(reports: Mapping[str, Report]) -> None:
    base = reports["altered"]
    change = replace(base.changes[1], span=Span(0.1, 9.8))
    text = page_text(render_page(replace(base, changes=(change,), pictures=()), "en"), "en")
    assert "The voice was changed from beginning to end." in text


def test_a_verdict_without_a_full_comparison_says_so(reports: Mapping[str, Report]) -> None:
    assert "Not everything could be compared" in page_text(render_page(reports["authentic_copy"], "en"), "en")
    foreign = replace(reports["authentic_copy"], edits=(Edit("audio_replaced"),))
    assert "The sound is not the sound of the original." in page_text(render_page(foreign, "en"), "en")


def test_foreign_speech_under_our_pictures_is_told_and_not_called_harmless(reports: Mapping[str, Report]) -> None:
    report = replace(reports["altered"], changes=(), pictures=(), edits=(Edit("audio_replaced"), Edit("mirror")))
    text = page_text(render_page(report, "en"), "en")
    assert "Altered Another voice was put under your pictures." in text
    assert "another sound put under the picture" not in text


@pytest.mark.parametrize(
    ("kind", "other", "others"),
    [(Kind.IMAGE, "picture", "사진"), (Kind.VIDEO, "film", "영상"), (Kind.AUDIO, "recording", "녹음")],
)
def test_a_moved_mark_came_from_another_of_its_kind(
    reports: Mapping[str, Report], kind: Kind, other: str, others: str
) -> None:
    base = reports["inconclusive"]
    moved = Finding("watermark", 1, 3, "", "watermark.differs", data={"title": "첫눈", "state": kind.value})
    report = replace(base, probe=replace(base.probe, kind=kind), decided_by="watermark", findings=(moved,))
    english, korean = (page_text(render_page(report, language), language) for language in ("en", "ko"))
    assert f"that belongs to another {other}: the mark was moved here." in english
    assert f"the mark was moved here from another {other}." in english
    assert f"다른 {others}의 것입니다" in korean
    assert f"다른 {others}에서 워터마크를 옮겨 왔습니다" in korean
    line = report_line(translate("en"), report_json(report))
    assert f"moved here from another {other}" in line


def test_a_release_that_could_not_be_compared_is_undecided(reports: Mapping[str, Report]) -> None:
    report = replace(
        reports["altered"], verdict=Verdict.INCONCLUSIVE, decided_by="release_match", changes=(), pictures=()
    )
    text = page_text(render_page(report, "en"), "en")
    assert "Undecided It could not be compared with your original well enough" in text
    assert "It was made from your release" in text


def test_only_what_speaks_for_the_verdict_is_marked_as_deciding(reports: Mapping[str, Report]) -> None:
    base = reports["altered"]
    same = Finding("comparison", 1, 3, "The sound is the master's.", "comparison.voice_same")
    report = replace(base, decided_by="comparison", findings=(same, *base.findings))
    text = page_text(render_page(report, "en"), "en")
    assert text.count("This decided the verdict") == 1
    assert text.index("It differs from the original in 3 places") < text.index("This decided the verdict")
    assert text.index("This decided the verdict") < text.index("The sound agrees")


def test_notes_of_the_media_reader_are_translated_by_their_shape(reports: Mapping[str, Report]) -> None:
    notes = ["the header claims 600.0 s, but only 12.5 s are there", "something never seen"]
    finding = Finding("media", 1, 5, " ".join(notes), "media.notes", data={"notes": notes})
    text = page_text(render_page(replace(reports["not_ours"], findings=(finding,)), "ko"), "ko")
    assert "헤더에는 600.0초라고 되어 있지만 실제로는 12.5초뿐임; something never seen" in text


def test_a_code_that_nobody_translated_falls_back_to_its_statement(reports: Mapping[str, Report]) -> None:
    finding = Finding("new_step", 3, 3, "Something new was seen.", "new_step.seen")
    text = page_text(render_page(replace(reports["not_ours"], findings=(finding,)), "ko"), "ko")
    assert "Something new was seen." in text


def test_write_report_gives_one_file_with_a_safe_name(reports: Mapping[str, Report], tmp_path: Path) -> None:
    base = reports["altered"]
    report = replace(base, probe=replace(base.probe, path="/x/../무대 <클립>: 1?.mp4"))
    folder = tmp_path / "보고서 폴더"
    path = write_report(report, folder, "ko")
    assert path == folder / "무대-클립-1-5f1c0a9b7d3e.html"
    assert list(folder.iterdir()) == [path]
    assert path.read_text(encoding="utf-8") == render_page(report, "ko")
    assert write_report(report, folder, "en") == path


@pytest.mark.parametrize("path", ["", "...", "/", "\u202e.mp4", "가" * 300 + ".mp4", "con\udc80.mp4", "CON.mp4"])
def test_file_names_are_short_and_plain(reports: Mapping[str, Report], path: str) -> None:
    base = reports["not_ours"]
    name = report_file_name(replace(base, probe=replace(base.probe, path=path)))
    assert re.fullmatch(r"[\w-]+-[0-9a-f]{12}\.html", name)
    assert len(name.encode("utf-8")) < 150


def test_a_folder_that_cannot_be_written_is_one_clear_error(reports: Mapping[str, Report], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(StoreError, match=r"cannot be written to .*taken"):
        write_report(reports["not_ours"], tmp_path / "taken", "en")
