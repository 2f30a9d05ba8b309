"""The page over real HTTP on loopback: whom it answers, what it says, and that an answer is kept before it says so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from tasks.base.errors import WrongUsage
from tasks.labels.reviewer.desk import Desk
from tasks.labels.reviewer.loopback import HOST, LoopbackServer
from tasks.labels.reviewer.review_queue import Item, Opinion
from tests.review_site import DAY, MemoryQueue, Page, item, served

HOSTILE = "<script>alert(1)</script>\u202e{{ 7*7 }} \x00" + "x" * 10_000


class Browser:
    """A browser as far as HTTP goes: it keeps cookies and says where a POST is from."""

    def __init__(self, page: Page) -> None:
        self.page, self.cookies = page, dict[str, str]()

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[HTTPResponse, str]:
        """Send as it stands; headers by name with `_` for `-`, an empty one is left out."""
        connection = HTTPConnection(HOST, int(self.page.address.rpartition(":")[2]), timeout=60)
        own = {
            "Host": self.page.address,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        sent = own | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {name: value for name, value in sent.items() if value})
        answer = connection.getresponse()
        said = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie", []):
            name, value = line.partition(";")[0].split("=", 1)
            self.cookies[name] = value
        connection.close()
        return answer, said

    def open(self) -> None:
        """Open the link."""
        answer, _ = self.ask("GET", self.page.link.partition(self.page.address)[2])
        assert answer.status == 303

    def post(self, path: str, body: object, **headers: str) -> tuple[int, Any]:
        """What the page's own script does."""
        own = {"Content_Type": "application/json", "Origin": f"http://{self.page.address}"}
        answer, said = self.ask("POST", path, json.dumps(body).encode(), **own | headers)
        is_json = "json" in (answer.headers["Content-Type"] or "")
        return answer.status, json.loads(said) if is_json else said


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page that is running; each test fills its queue."""
    with served(MemoryQueue([])).running() as running:
        yield running


@pytest.fixture
def browser(page: Page) -> Browser:
    """A browser that has opened the link, over two comments."""
    fill(page, item(1, HOSTILE), item(2, "まあまあ", "ja"))
    return opened(page)


_opened: dict[str, Browser] = {}


def opened(page: Page) -> Browser:
    """The browser that has spent the page's link."""
    if page.address not in _opened:
        _opened[page.address] = Browser(page)
        _opened[page.address].open()
    return _opened[page.address]


def fill(page: Page, *items: Item) -> None:
    """Give the page these comments and no answer."""
    page.queue.items = {each.key: each for each in items}
    page.queue.answers.clear()
    page.queue.is_broken = False


def answer_to(screen: Any, category: str, **more: object) -> dict[str, object]:
    """What the script sends for an answer."""
    return {"key": screen["item"]["key"], "category": category, "note": "", "seconds": 1.5} | more


def test_the_link_opens_one_browser_once(browser: Browser) -> None:
    """The key becomes a cookie that no script reads; another browser is told to start the command again."""
    path = browser.page.link.partition(browser.page.address)[2]
    again, _ = browser.ask("GET", path)
    assert again.status == 303
    stranger = Browser(browser.page)
    refused, said = stranger.ask("GET", path)
    assert refused.status == 403
    assert "start it again" in said
    assert "再実行" in said
    assert stranger.cookies == {}


def test_the_cookie_is_out_of_reach() -> None:
    """It is HttpOnly and SameSite=Strict, and its name has the port: two pages on one machine have one each."""
    with served(MemoryQueue([])).running() as page:
        first = Browser(page)
        answer, _ = first.ask("GET", page.link.partition(page.address)[2])
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith(f"review_{page.address.rpartition(':')[2]}=")
        assert "httponly" in cookie.lower()
        assert "samesite=strict" in cookie.lower()
        assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css", "/nothing"])
def test_nobody_else_gets_anything(page: Page, path: str) -> None:
    """Without the cookie nothing is there, not even which paths there are."""
    answer, said = Browser(page).ask("GET", path)
    assert answer.status == 403
    assert "function" not in said


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1.nip.io:{port}", "[::1]"]
)
def test_a_name_that_leads_here_is_refused(browser: Browser, host: str) -> None:
    """DNS rebinding: the cookie would be sent, the Host header says whose page asks."""
    answer, said = browser.ask("GET", "/", Host=host.format(port=browser.page.address.rpartition(":")[2]))
    assert answer.status == 421
    assert "<html" not in said


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "http://evil.example"}, id="other-site"),
        pytest.param({"Origin": "http://127.0.0.1:1"}, id="other-port"),
        pytest.param({"Origin": "null"}, id="sandboxed-frame"),
        pytest.param({"Origin": ""}, id="no-origin"),
        pytest.param({"Content_Type": "text/plain"}, id="simple-form"),
        pytest.param({"Content_Type": "application/x-www-form-urlencoded"}, id="form"),
        pytest.param({"Sec_Fetch_Site": "same-site"}, id="same-site"),
    ],
)
def test_no_other_page_answers_for_the_rater(browser: Browser, headers: dict[str, str]) -> None:
    """A POST that another page sends changes nothing, even with the cookie."""
    _, screen = browser.post("/next", {})
    status, _ = browser.post("/answer", answer_to(screen, "spam"), **headers)
    assert status == 403
    assert browser.page.queue.answers == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_no_other_method_is_answered(browser: Browser, method: str) -> None:
    """There are GET and POST."""
    answer, _ = browser.ask(method, "/")
    assert answer.status == 405


@pytest.mark.parametrize("path", ["/", "/page.js", "/nothing", "/next"])
def test_every_answer_is_locked_down(browser: Browser, path: str) -> None:
    """No cache, no sniffing, no frame, no outside source, no inline script; no word of what serves it."""
    answer, _ = browser.ask("GET", path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Server"] is None


def test_the_page_itself_holds_no_comment(browser: Browser) -> None:
    """Texts come as JSON alone; the rater's name and the words are escaped; nothing outside is asked for."""
    answer, said = browser.ask("GET", "/")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "alert(1)" not in said
    assert "Sato &lt;b&gt;" in said
    assert not re.findall(r"https?://", said)
    assert not re.findall(r"<script(?![^>]*(?:src=\"/page.js\"|type=\"application/json\"))", said)
    assert not re.findall(r"\son\w+=|\sstyle=", said)


def test_a_comment_comes_as_pieces_and_nothing_more(browser: Browser) -> None:
    """The text with its marks, and neither id, day, stratum nor verdict."""
    status, screen = browser.post("/next", {})
    assert status == 200
    assert set(screen["item"]) == {"key", "language", "text", "opinions"}
    assert screen["item"]["text"][:2] == [["<script>alert(1)</script>", False], ["U+202E", True]]
    assert sum(len(text) for text, _ in screen["item"]["text"]) > 10_000
    assert "c001" not in json.dumps(screen)
    assert (screen["left"], screen["answered"], screen["disputes"]) == (2, 0, 0)


def test_an_answer_is_kept_before_the_page_hears_of_it(browser: Browser) -> None:
    """A digit keeps; Enter goes on; what the store refuses is said, with the store's reason, and can be tried again."""
    queue = browser.page.queue
    _, screen = browser.post("/next", {})
    queue.is_broken = True
    status, failed = browser.post("/answer", answer_to(screen, "spam"))
    assert (status, failed["error"]) == (503, "store")
    assert "SlowDown" in failed["detail"]
    assert queue.answers == {}
    queue.is_broken = False
    status, after = browser.post("/answer", answer_to(screen, "spam", note=" a link "))
    assert (status, after["left"], after["answered"]) == (200, 1, 1)
    kept = queue.answers[screen["item"]["key"]]
    assert (kept.category, kept.note, kept.seconds) == ("spam", "a link", 1.5)
    _, following = browser.post("/next", {})
    assert following["item"]["language"] == "ja"


def test_a_reload_shows_the_first_that_is_not_answered(browser: Browser) -> None:
    """Nothing of where the rater is lies in the browser."""
    _, screen = browser.post("/next", {})
    browser.post("/answer", answer_to(screen, "unsure"))
    _, reloaded = browser.post("/next", {})
    assert reloaded["item"]["key"] != screen["item"]["key"]
    assert (reloaded["unsure"], reloaded["answered"]) == (1, 1)


def test_z_takes_the_last_answer_back(browser: Browser) -> None:
    """Its comment is shown again with what was said of it; then the one before; then there is none."""
    keys = []
    for category in ("fraud", "unsure"):
        _, screen = browser.post("/next", {})
        keys.append(screen["item"]["key"])
        browser.post("/answer", answer_to(screen, category, note=f"n {category}"))
    _, done = browser.post("/next", {})
    assert done["kind"] == "done"
    for key, category in zip(reversed(keys), ("unsure", "fraud"), strict=True):
        _, back = browser.post("/take-back", {})
        assert (back["item"]["key"], back["category"], back["note"]) == (key, category, f"n {category}")
    _, none = browser.post("/take-back", {})
    assert (none["category"], none["answered"]) == (None, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"category": "nonsense"},
        {"category": None},
        {"key": "f" * 32},
        {"key": "../../x"},
        {"note": "x" * 2001},
        {"seconds": -1},
        {"seconds": "1"},
        {"extra": 1},
    ],
)
def test_what_the_page_never_sends_is_refused(browser: Browser, change: dict[str, object]) -> None:
    """Nothing is kept, and what was sent is not repeated."""
    _, screen = browser.post("/next", {})
    status, said = browser.post("/answer", answer_to(screen, "spam") | change)
    assert (status, said) == (400, {"error": "wrong"})
    assert browser.page.queue.answers == {}


def test_a_flood_is_cut_off(browser: Browser) -> None:
    """A body that no page sends is not read to its end."""
    status, _ = browser.post("/answer", {"note": "x" * 100_000})
    assert status == 413


def test_a_defect_says_nothing_of_a_comment(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An error that nobody foresaw may hold a text: its type is said, and no more, here and in the terminal."""

    def fail(_self: object) -> None:
        raise ValueError(HOSTILE)

    monkeypatch.setattr(MemoryQueue, "next_item", fail)
    status, said = browser.post("/next", {})
    assert (status, said) == (500, {"error": "defect", "detail": "ValueError"})
    assert browser.page.said[-1] == "ValueError in the reviewer's page"
    out, err = capfd.readouterr()
    assert "alert(1)" not in out + err


def test_a_break_comes_after_so_many_answers() -> None:
    """After three in a row the page asks for a break; a reload does not end it, Enter does."""
    with served(MemoryQueue([item(number, "text") for number in range(9)]), break_after=3).running() as page:
        browser = Browser(page)
        browser.open()
        for _ in range(3):
            _, screen = browser.post("/next", {})
            browser.post("/answer", answer_to(screen, "none"))
            browser.post("/answer", answer_to(screen, "spam"))  # another word on the same comment
        for _ in range(2):
            _, pause = browser.post("/next", {})
            assert (pause["kind"], pause["in_a_row"], pause["item"]) == ("break", 3, None)
        _, rested = browser.post("/next", {"rested": True})
        assert rested["kind"] == "item"
        browser.post("/answer", answer_to(rested, "none"))
        assert browser.post("/next", {})[1]["kind"] == "item"


def test_a_third_reads_both_and_no_names(browser: Browser) -> None:
    """Of a dispute both answers and notes are shown, as harmless as a comment."""
    fill(browser.page, Item(DAY, "d", "text", "en", (Opinion("spam", "li\u202enk <b>"), Opinion("none"))))
    _, screen = browser.post("/next", {})
    assert screen["item"]["opinions"] == [
        {"category": "spam", "note": [["li", False], ["U+202E", True], ["nk <b>", False]]},
        {"category": "none", "note": []},
    ]
    assert (screen["left"], screen["disputes"]) == (1, 1)


def test_the_page_speaks_both_languages(browser: Browser) -> None:
    """It begins in the deployment's language; a click changes it for this browser; another language is none."""
    assert 'lang="en"' in browser.ask("GET", "/")[1]
    answer, _ = browser.ask("GET", "/?language=ja")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    said = browser.ask("GET", "/")[1]
    assert '<html lang="ja">' in said
    assert "嫌がらせ" in said
    assert "ガイドライン" in said
    assert browser.ask("GET", "/?language=xx")[0].status == 200
    browser.ask("GET", "/?language=en")


def test_a_port_that_is_taken_is_said(page: Page) -> None:
    """The port and the reason, in one line."""
    port = int(page.address.rpartition(":")[2])
    desk: Desk = page.desk
    with pytest.raises(WrongUsage, match=f"port {port} of 127.0.0.1 cannot be used"):
        LoopbackServer(desk, "en", "Sato", print, port)
