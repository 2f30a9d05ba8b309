"""Who may talk to the page: this machine's browser, opened by the link of the command, and no page of another site.

What is kept out: names that resolve to 127.0.0.1 (DNS rebinding), by the Host header; forms and scripts of other sites
and of other ports, by Origin; other users of the machine, by a secret that only the link has; pages that would show
this one in a frame. Nothing is cached, nothing is loaded from anywhere else.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: `require-trusted-types-for` makes every way to write HTML from a script an error, where the browser knows it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), clipboard-read=()",
}
#: The parameter of the link.
_KEY = "key"
LINK_IS_SPENT = (
    "This link was used before, or it is of another run of the command. "
    "Stop the command, start it again, and open the link that it prints.\n"
    "このリンクは使用済みか、別の実行のものです。コマンドを止めて再実行し、表示されたリンクを開いてください。\n"
)


class Guard:
    """Around the page's application: lets through what comes from its own browser page.

    The link's token opens one browser once: it is exchanged for a cookie that no script can read and no other site's
    request carries. The cookie's name has the port, since a browser keeps one jar for all ports of a host.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie = f"review_{port}"
        self._session = secrets.token_urlsafe(32)
        self._token: str | None = secrets.token_urlsafe(32)
        self.link = f"http://127.0.0.1:{port}/?{_KEY}={self._token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":  # no WebSocket, no lifespan
            return
        refusal = self._answer_itself(Request(scope))
        answer: Callable[[Scope, Receive, Send], Awaitable[None]] = refusal or self._app
        await answer(scope, receive, _with_headers(send))

    def _answer_itself(self, request: Request) -> Response | None:
        """What is answered without the application: refusals, and the exchange of the token; None lets it through."""
        if request.headers.get("host", "") not in self._hosts:
            return PlainTextResponse("This page is at 127.0.0.1.\n", 421)
        if request.method not in ("GET", "POST"):
            return PlainTextResponse("GET and POST only.\n", 405)
        known = secrets.compare_digest(request.cookies.get(self._cookie, "").encode(), self._session.encode())
        if request.method == "GET" and _KEY in request.query_params:
            return self._exchange(request.query_params[_KEY], known=known)
        if not known:
            return PlainTextResponse(LINK_IS_SPENT, 403)
        if request.method == "POST" and not _is_own(request):
            return PlainTextResponse("Not from this page.\n", 403)
        return None

    def _exchange(self, token: str, *, known: bool) -> Response:
        page = RedirectResponse("/", 303)
        if known:
            return page
        if self._token is None or not secrets.compare_digest(token.encode(), self._token.encode()):
            return PlainTextResponse(LINK_IS_SPENT, 403)
        self._token = None
        page.set_cookie(self._cookie, self._session, path="/", httponly=True, samesite="strict")
        return page


def _is_own(request: Request) -> bool:
    """Whether a POST comes from this page: a browser always says where a POST is from."""
    is_json = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
    is_same = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    return is_json and is_same and request.headers.get("origin") == f"http://{request.headers['host']}"


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return send_with_headers
