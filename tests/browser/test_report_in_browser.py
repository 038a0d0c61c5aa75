"""What a reader does with a report: read it, switch the language, slide and flip, follow the time line, print it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from haechi.check.report import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESKTOP, PHONE = {"width": 1280, "height": 850}, {"width": 390, "height": 844}


class Reader:
    """Opens sample reports and watches: a request to anywhere, or a word on the console, fails the test."""

    def __init__(self, browser: Browser, samples: ModuleType, folder: Path) -> None:
        self._browser, self.reports, self._folder = browser, samples.sample_reports(), folder
        self.complaints: list[str] = []

    def open(self, name: str, language: str, size: dict[str, int], *, script: bool = True) -> Page:
        path = write_report(self.reports[name], self._folder, language)
        page = self._browser.new_context(viewport=size, java_script_enabled=script).new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._watch(request.url))
        page.goto(path.as_uri())
        return page

    def _watch(self, url: str) -> None:
        if not url.startswith(("file:", "data:")):
            self.complaints.append(url)


@pytest.fixture
def reader(browser: Browser, samples: ModuleType, tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(browser, samples, tmp_path)
    yield reader
    assert reader.complaints == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_verdict_is_readable_without_scrolling_aside(reader: Reader, language: str, size: dict[str, int]) -> None:
    for name in reader.reports:
        page = reader.open(name, language, size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        headline = page.locator("h1").bounding_box()
        assert headline is not None
        assert headline["y"] + headline["height"] < size["height"] * 0.7
        page.context.close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_the_language_switches(reader: Reader, *, script: bool) -> None:
    page = reader.open("altered", "ko", PHONE, script=script)
    assert page.locator("h1").inner_text().startswith("변조됨")
    page.locator("label[for=language-en]").click()
    assert page.locator("h1").inner_text().startswith("Altered")


def test_without_script_everything_is_shown_and_no_dead_button(reader: Reader) -> None:
    page = reader.open("altered", "en", DESKTOP, script=False)
    assert page.locator(".controls").first.is_hidden()
    assert all(frame.is_visible() for frame in page.locator(".frame").all())


def test_the_time_line_leads_to_the_pictures(reader: Reader) -> None:
    from playwright.sync_api import expect

    page = reader.open("altered", "en", DESKTOP)
    page.locator('a[href="#change-3"]').click()
    assert page.url.endswith("#change-3")
    expect(page.locator("#change-3-title")).to_be_in_viewport()


def test_slide_and_flip_lay_the_file_over_the_original(reader: Reader) -> None:
    page = reader.open("altered", "en", DESKTOP)
    stage = page.locator(".stage").first
    stage.get_by_role("button", name="Slide").click()
    probe, master = (stage.locator(f".{role} .frame").bounding_box() for role in ("probe", "master"))
    assert probe == master
    stage.get_by_role("slider").fill("80")
    assert stage.evaluate("stage => stage.style.getPropertyValue('--split')") == "80%"
    stage.get_by_role("button", name="Flip").click()
    assert stage.locator(".probe .frame").is_hidden()
    stage.get_by_role("button", name="Flip").click()
    assert stage.locator(".probe .frame").is_visible()


def test_it_prints_on_a_few_pages(reader: Reader) -> None:
    data = reader.open("altered", "ko", DESKTOP).pdf(format="A4")
    assert 1 <= data.count(b"/Type /Page\n") + data.count(b"/Type/Page\n") <= 6
