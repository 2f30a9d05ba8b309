"""The page's application: one page, its style and script, and three actions that take and give JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tasks.base.errors import ModerationError
from tasks.base.settings import Language
from tasks.labels.reviewer.desk import UNSURE, Desk, Given, Screen, WrongRequest
from tasks.labels.reviewer.words import WORDS, category_name

#: Most bytes of a request: a note of the most characters fits.
MAX_BODY_BYTES = 32 * 1024
_LANGUAGE = "language"
_HERE = Path(__file__).parent
_PAGES = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)


class Next(BaseModel):
    """That the next comment is wanted; `rested` after a break."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rested: bool = False


class Nothing(BaseModel):
    """No arguments."""

    model_config = ConfigDict(extra="forbid")


def create_app(desk: Desk, language: Language, rater: str, complain: Callable[[str], None]) -> Starlette:
    """The application, without its guard.

    Args:
        desk: what the actions do.
        language: the page's, until the reader picks another.
        rater: whose page it is.
        complain: takes a line, without any text of a comment, where an action failed.
    """

    async def page(request: Request) -> Response:
        wanted = request.query_params.get(_LANGUAGE, "")
        if wanted in WORDS:
            answer: Response = RedirectResponse("/", 303)
            answer.set_cookie(_LANGUAGE, wanted, path="/", samesite="strict", httponly=True)
            return answer
        kept = next((code for code in WORDS if code == request.cookies.get(_LANGUAGE)), language)
        return HTMLResponse(_page(desk, kept, rater))

    def action(do: Callable[[bytes], Screen]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            body = b""
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    return JSONResponse({"error": "wrong"}, 413)
            try:
                screen = await run_in_threadpool(do, body)
            except (ValidationError, WrongRequest):  # neither is repeated: they may hold what was typed
                return JSONResponse({"error": "wrong"}, 400)
            except ModerationError as error:
                complain(f"{type(error).__name__}: {error}")
                return JSONResponse({"error": "store", "detail": str(error)}, 503)
            except Exception as error:
                complain(f"{type(error).__name__} in the reviewer's page")
                return JSONResponse({"error": "defect", "detail": type(error).__name__}, 500)
            return JSONResponse(screen.model_dump())

        return answer

    def next_screen(body: bytes) -> Screen:
        return desk.next_screen(rested=Next.model_validate_json(body).rested)

    def give(body: bytes) -> Screen:
        return desk.answer(Given.model_validate_json(body))

    def take_back(body: bytes) -> Screen:
        Nothing.model_validate_json(body)
        return desk.take_back()

    return Starlette(
        routes=[
            Route("/", page, methods=["GET"]),
            _file("page.css", "text/css"),
            _file("page.js", "text/javascript"),
            Route("/next", action(next_screen), methods=["POST"]),
            Route("/answer", action(give), methods=["POST"]),
            Route("/take-back", action(take_back), methods=["POST"]),
        ]
    )


def _file(name: str, media_type: str) -> Route:
    body = (_HERE / name).read_bytes()

    async def file(_request: Request) -> Response:
        return Response(body, media_type=media_type)

    return Route(f"/{name}", file, methods=["GET"])


def _page(desk: Desk, language: Language, rater: str) -> str:
    words = WORDS[language]
    buttons = [
        {"key": key, "value": name, "name": category_name(name, words), "part": desk.guideline.beside(name)}
        for key, name in category_keys(desk.categories)
    ]
    return _PAGES.get_template("page.html.j2").render(
        buttons=buttons,
        general=desk.guideline.general or desk.guideline.whole,
        whole=desk.guideline.whole,
        language=language,
        others=[(code, other.own_name) for code, other in WORDS.items() if code != language],
        names={button["value"]: button["name"] for button in buttons} | {UNSURE: words.unsure},
        rater=rater,
        words=words,
        script_words=words.script,
    )


def category_keys(categories: tuple[str, ...]) -> list[tuple[str, str]]:
    """Each category with its digit: 0 for none, then the prompt's order; a tenth and further have no key."""
    others = [name for name in categories if name != "none"]
    keys = ["0", *(str(number) if number < 10 else "" for number in range(1, len(others) + 1))]
    return list(zip(keys, ["none", *others], strict=True))
