"""Who gets in: without a token only this computer, with a token whoever has it."""

import hmac
import re

from flask import Response, request

from api.problems import problem

LOOPBACK = ("localhost", "127.0.0.1", "::1")
THIS_COMPUTER = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?", re.IGNORECASE)
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")  # what a header may carry, RFC 6750


def guard(token: str) -> Response | None:
    """Refuse a request, or return None and let it in."""
    return _check_token(token) if token else _check_host()


def _check_token(token: str) -> Response | None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # compare_digest takes as long for a token that is nearly right as for any other: from the time
    # of an answer nobody can guess the token letter by letter.
    if scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode()):
        return None
    detail = "This takes the header Authorization: Bearer, with the token of API_TOKEN"
    return problem(401, detail, headers={"WWW-Authenticate": "Bearer"})


def _check_host() -> Response | None:
    """Refuse a request that was meant for another computer.

    A web page may give a name of its own the address 127.0.0.1, and so reach this program from the
    browser of somebody who works here ("DNS rebinding"). The Host header still has the page's name.

    What else a page of another origin could try, the browser refuses: it asks first whether JSON
    may be sent or answers be read, and no header here says so. So only JSON is accepted (app.py).
    """
    if THIS_COMPUTER.fullmatch(request.headers.get("Host", "")):
        return None
    return problem(421, "Without API_TOKEN this is for this computer only: http://localhost")
