"""Raters at work in Chromium: forty comments by keys, clicks and taps; a crash; two at once; a third who settles.

The command runs as a process against the sandbox's S3, as on a rater's machine. The tests are one story, in this order.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Locator, Page, expect

from sandbox.serve import running
from tasks import adapters
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.labels.requests import read_day_labels
from tests.operator_site import PATIENCE_MS, ROOT, wait_for
from tests.review_site import put_day

#: Their names say which category they are, in the order of the digits.
KINDS = ("none", "harassment", "hate", "sexual", "violence", "illegal", "privacy", "spam", "fraud")
HOSTILE = (
    "</p><script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">",
    "\u202egnp.tnemyap\u202c \u200b\u200bL\u200dI\u200dNE \x1b[2J\x00 {{ 7*7 }} ${alert(1)}",
    "長" * 10_000,
    "&lt;comment&gt; ]]> <!-- '\" \\u003cb\\u003e",
)


class Rater:
    """A rater's command, and what it has printed."""

    def __init__(self, name: str, log: Path, *options: str) -> None:
        self._log = log
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flows", "labels", "review", "--rater", name, *options],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self.link = wait_for("the link", self._find_link)

    @property
    def said(self) -> str:
        """All that it has printed."""
        return self._log.read_text(encoding="utf-8")

    def _find_link(self) -> str | None:
        found = re.search(r"http://127\.0\.0\.1:\d+/\?key=\S+", self.said)
        if found is None and self._process.poll() is not None:
            pytest.fail(self.said)
        return found[0] if found else None

    def end(self, number: int = signal.SIGINT) -> int:
        """End it by a signal; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(60)


class Site(NamedTuple):
    """What the tests share."""

    settings: Settings
    day: date
    start: Callable[..., Rater]

    def labels(self) -> dict[tuple[str, str], str]:
        """What any reader of the day's label files finds."""
        found = read_day_labels(adapters.connect(self.settings), DayPaths(self.settings, self.day))
        return {(name, who): kind for name, who, kind in found.select("comment_id", "labeler", "category").rows()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A day of the sandbox with 44 comments that are asked about, six of them by two raters."""
    day = datetime.now(UTC).date() - timedelta(days=1)
    started: list[Rater] = []
    with running(cache_dir=ROOT / ".sandbox") as sandbox, pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox.environment.items():
            patch.setenv(name, value)
        settings = Settings.load()
        texts = {f"{KINDS[place % 9]}-{place:02d}": f"Comment {place:02d} 商品" for place in range(40)}
        texts |= {f"none-hostile-{place}": text for place, text in enumerate(HOSTILE)}
        slots = {name: 2 if place < 6 else 1 for place, name in enumerate(texts)}
        put_day(settings, day, slots, texts)

        def start(name: str, *options: str) -> Rater:
            log = tmp_path_factory.mktemp("rater") / "log"
            started.append(Rater(name, log, *options))
            return started[-1]

        yield Site(settings, day, start)
        for rater in started:
            rater.end(signal.SIGKILL)


def kind_of(page: Page, site: Site, names: dict[str, str]) -> str:
    """The category that the comment on the page is meant to be."""
    text = page.locator("#text").text_content() or ""
    return names[text].partition("-")[0] if text in names else "none"


def names_by_text() -> dict[str, str]:
    """Which comment says what."""
    return {f"Comment {place:02d} 商品": f"{KINDS[place % 9]}-{place:02d}" for place in range(40)}


def chosen(page: Page) -> Locator:
    """The answer that is shown as kept."""
    return page.locator('.answer[aria-pressed="true"]')


def left(page: Page) -> int:
    """How many the page says are left."""
    found = re.match(r"(\d+) left", page.locator("#progress").text_content() or "")
    assert found is not None
    return int(found[1])


def show(page: Page) -> None:
    """Ask for the text."""
    expect(page.locator("#show")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#show")).to_be_hidden()


def by_keys(page: Page, kind: str) -> None:
    """Answer and go on, with the keyboard alone."""
    show(page)
    page.keyboard.press(str(KINDS.index(kind)))
    expect(chosen(page)).to_have_attribute("data-category", kind)
    page.keyboard.press("Enter")


def by_clicks(page: Page, kind: str) -> None:
    """Answer and go on, with the pointer alone."""
    page.locator("#show").click()
    page.locator(f'.answer[data-category="{kind}"]').click()
    expect(chosen(page)).to_have_attribute("data-category", kind)
    page.locator("#next").click()


def label(page: Page, site: Site, count: int, how: Callable[[Page, str], None]) -> None:
    """Label so many comments as they are meant."""
    names = names_by_text()
    for _ in range(count):
        before = left(page)
        how(page, kind_of(page, site, names))
        expect(page.locator("#progress")).to_contain_text(f"{before - 1} left")
        expect(chosen(page)).to_have_count(0)


def test_forty_comments_survive_a_crash(site: Site, page: Page, screenshot: Callable[[str], None]) -> None:
    """Keys, clicks and taps on a phone's width; the command is killed in between, and nothing that was kept is lost."""
    rater = site.start("Sato", "--break-after", "0")
    page.goto(rater.link)
    assert page.url.endswith("/")
    assert "key" not in page.url
    expect(page.locator("#progress")).to_contain_text("44 left")
    assert "blur(" in page.locator("#text").evaluate("each => getComputedStyle(each).filter")
    screenshot("reviewer-hidden")
    page.keyboard.press("7")
    expect(page.locator("#status")).to_contain_text("Show the text first")
    label(page, site, 15, by_keys)

    show(page)
    page.keyboard.press("u")
    expect(chosen(page)).to_have_attribute("data-category", "unsure")
    page.keyboard.press("3")
    expect(chosen(page)).to_have_attribute("data-category", "sexual")
    page.keyboard.press("z")
    expect(page.locator("#status")).to_contain_text("Taken back: Sexual")
    expect(chosen(page)).to_have_count(0)
    page.keyboard.press(str(KINDS.index(kind_of(page, site, names_by_text()))))
    expect(chosen(page)).to_have_count(1)
    screenshot("reviewer-chosen")

    rater.end(signal.SIGKILL)  # Enter was not pressed: the answer counts
    page.keyboard.press("Enter")
    expect(page.locator("#alarm")).to_contain_text("does not answer")
    assert len(site.labels()) == 16
    rater = site.start("Sato", "--break-after", "0")
    assert "Sato: 28 left; 16 answered today" in rater.said
    page.goto(rater.link)
    expect(page.locator("#progress")).to_contain_text("28 left · 16 answered today")

    label(page, site, 8, by_clicks)
    page.reload()
    expect(page.locator("#progress")).to_contain_text("20 left")
    page.set_viewport_size({"width": 390, "height": 844})
    label(page, site, 12, by_clicks)
    screenshot("reviewer-phone")
    assert page.evaluate("document.documentElement.scrollWidth <= 390")
    for button in page.locator("button:visible, .tools a, .tools label").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    page.set_viewport_size({"width": 1400, "height": 1200})
    label(page, site, 8, by_keys)
    expect(page.locator("#done")).to_be_visible()
    assert page.title() == "Review comments"
    found = site.labels()
    assert len(found) == 44
    assert all(name.partition("-")[0] == kind for (name, _), kind in found.items())
    assert rater.end() == 0
    assert "44 answered today" in rater.said.splitlines()[-1]
    assert not re.search(r"Comment \d\d|Traceback|owned", rater.said)


def test_what_a_comment_says_is_never_obeyed(site: Site, page: Page, screenshot: Callable[[str], None]) -> None:
    """Markup is shown as it was written, hidden characters as marks, and a long text stays in its frame."""
    rater = site.start("Mori")
    page.goto(rater.link)
    expect(page.locator("#progress")).to_contain_text("6 left")
    page.goto(f"{rater.link.partition('?')[0]}?language=ja")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page.locator("#progress")).to_contain_text("残り 6 件")
    assert page.title() == "コメントの確認"
    pieces = page.evaluate(
        """async () => {
            const shown = [];
            for (const text of ["<img src=x onerror=document.title='owned'>", "a".repeat(10000)]) {
                show(find("text"), [[text, false], ["U+202E", true]]);
                shown.push([find("text").children.length, find("text").textContent.length,
                            find("comment").getBoundingClientRect().height < window.innerHeight / 2]);
            }
            return shown;
        }"""
    )
    assert pieces == [[1, 48, True], [1, 10006, True]]
    assert page.title() == "コメントの確認"
    refused = page.evaluate("try { find('text').innerHTML = '<b>x</b>'; 'written' } catch (error) { error.name }")
    assert refused == "TypeError"
    screenshot("reviewer-japanese")
    page.goto(f"{rater.link.partition('?')[0]}?language=en")
    rater.end()


def test_two_raters_disagree_and_a_third_settles(site: Site, page: Page, screenshot: Callable[[str], None]) -> None:
    """The second sees nothing of the first; where they differ, a third reads both, and nobody else is asked."""
    second = site.start("Mori")
    page.goto(second.link)
    names, meant = names_by_text(), dict[str, str]()
    for turn in range(6):
        expect(page.locator("#progress")).to_contain_text(f"{6 - turn} left")
        show(page)
        expect(page.locator("#dispute")).to_be_hidden()
        name = names[page.locator("#text").text_content() or ""]
        kind = "none" if turn < 2 else name.partition("-")[0]
        page.keyboard.press("n")
        page.keyboard.type(f"note {turn}: 7 z u")
        page.keyboard.press("Escape")
        page.keyboard.press(str(KINDS.index(kind)))
        expect(chosen(page)).to_have_attribute("data-category", kind)
        meant[name] = kind
        page.keyboard.press("Enter")
    expect(page.locator("#done")).to_be_visible()
    second.end()
    differ = [name for name, kind in meant.items() if not name.startswith(kind)]
    third = site.start("Abe", "--settle")
    page.goto(third.link)
    for turn, _ in enumerate(differ):
        expect(page.locator("#progress")).to_contain_text(f"{len(differ) - turn} left · {len(differ) - turn} to settle")
        expect(page.locator("#dispute")).to_be_visible()
        expect(page.locator("#opinions li")).to_have_count(2)
        said = page.locator("#opinions").text_content() or ""
        assert "Sato" not in said
        assert "Mori" not in said
        assert re.search(r"No violation – note [01]: 7 z u", said)
        by_keys(page, kind_of(page, site, names))
    if differ:
        screenshot("reviewer-settled")
    expect(page.locator("#done")).to_be_visible()
    third.end()
    voices = Counter(name for name, _ in site.labels())
    assert {name: count for name, count in voices.items() if count > 1} == {
        name: 3 if name in differ else 2 for name in meant
    }


def test_two_raters_in_one_browser_at_once(site: Site, page: Page) -> None:
    """Both work in one browser, on one machine, at one time: each has a session of his own, and both answers count."""
    day = site.day - timedelta(days=1)
    put_day(site.settings, day, {f"x{place}": 1 for place in range(10)})
    raters = [site.start(name, "--date", str(day)) for name in ("Kato", "Ueda")]
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context()
    tabs = [context.new_page(), context.new_page()]
    for rater, tab in zip(raters, tabs, strict=True):
        tab.set_default_timeout(PATIENCE_MS)
        tab.goto(rater.link)
    for _ in range(12):
        for tab in tabs:
            if tab.locator("#done").is_visible():
                continue
            show(tab)
            tab.keyboard.press("0")
            expect(chosen(tab)).to_have_count(1)
        for tab in tabs:
            if tab.locator("#done").is_hidden():
                tab.keyboard.press("Enter")
                expect(tab.locator("#show:visible, #done:visible")).to_have_count(1)
    context.close()
    assert [rater.end() for rater in raters] == [0, 0]
    found = read_day_labels(adapters.connect(site.settings), DayPaths(site.settings, day))
    assert set(found["comment_id"]) == {f"x{place}" for place in range(10)}
    assert set(found["labeler"]) == {"Kato", "Ueda"}


def test_a_keyboard_alone_reaches_everything(site: Site, page: Page) -> None:
    """Tab goes from the comment to each button and back; Enter works on what it has gone to; focus is seen."""
    day = site.day - timedelta(days=2)
    put_day(site.settings, day, {f"y{place}": 1 for place in range(3)})
    rater = site.start("Noda", "--date", str(day), "--break-after", "1")
    page.goto(rater.link)
    show(page)
    reached = list[str]()
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.dataset.category || ''"))
    assert [*KINDS, "unsure", "note", "undo", "next"] == reached[:13]
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.locator('[data-category="hate"]').focus()
    page.keyboard.press("Enter")
    expect(chosen(page)).to_have_attribute("data-category", "hate")
    page.locator("#next").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#break")).to_be_visible()
    expect(page.locator("#break")).to_contain_text("in a row: 1")
    page.keyboard.press("Enter")
    expect(page.locator("#work")).to_be_visible()
    rater.end()
