"""Secrets as a deployment has them, and the spellings that each might come out in."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable
from urllib.parse import quote

PASSWORD = "pw-Zx9+kQ/hunter2"
TOKEN = "T0KEN-4f1e8c77aa21"
ROUTE_TOKEN = "R0UTE-90b2d4c3ee58"
ACCESS_KEY = "AKIAPLANTED7SANDBOX2"
SECRET_KEY = "plantedSecretKey/wJalrXUtnFEMI+bPxRfiCYEX"
SESSION_TOKEN = "IQoJb3JpZ2luX2VjPLANTED//////////wEaDmFwLW5vcnRoZWFzdC0x+Q=="
SECRETS = (PASSWORD, TOKEN, ROUTE_TOKEN, ACCESS_KEY, SECRET_KEY, SESSION_TOKEN)

#: What AWS's clients find them in.
AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_SESSION_TOKEN": SESSION_TOKEN,
}


def web_hook(port: int, token: str = TOKEN) -> str:
    """An apprise URL with a password, and a token in its path."""
    return f"json://operator:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/hooks/{token}"


def spellings(secret: str) -> set[bytes]:
    """A secret as it is, in a URL, in JSON, in a page, and in base64 wherever it may begin within three bytes."""
    plain = {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], html.escape(secret)}
    encoded = {base64.b64encode(b" " * start + secret.encode())[4 * (start > 0) : -4] for start in range(3)}
    return {spelling.encode() for spelling in plain} | encoded


def leaks(outputs: Iterable[tuple[str, bytes | str]]) -> list[str]:
    """Names of outputs that hold a secret in any spelling, with the secret's beginning."""
    wanted = [(secret, spelling) for secret in SECRETS for spelling in spellings(secret)]
    found = set()
    for name, body in outputs:
        data = body.encode(errors="surrogateescape") if isinstance(body, str) else body
        found |= {f"{name}: {secret[:6]}..." for secret, spelling in wanted if spelling in data}
    return sorted(found)
