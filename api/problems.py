"""Every error is a problem document, RFC 9457: https://www.rfc-editor.org/rfc/rfc9457

{"type": "about:blank", "title": "Unprocessable Content", "status": 422,
"detail": "email is missing", "errors": {"email": "is missing"}}
"""

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from orderlib import Busy, Conflict, DatabaseUnavailable, InvalidInput, NotFound, OrderlibError

STATUS: dict[type[OrderlibError], int] = {
    InvalidInput: 422,
    NotFound: 404,
    Conflict: 409,
    Busy: 503,
    DatabaseUnavailable: 503,
}
RETRY_AFTER = {"Retry-After": "1"}  # seconds
LARGEST_BODY = 1024 * 1024  # bytes
LARGEST_HEADERS = 32 * 1024
DETAILS = {
    404: "There is no such address. All that there are: /docs",
    405: "This address has other methods; they are in the header Allow",
    413: f"The body is larger than {LARGEST_BODY} bytes",
    431: f"Address and headers are larger than {LARGEST_HEADERS} bytes",
}
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}  # their names since RFC 9110
log = logging.getLogger(__name__)


def to_json(value: Any) -> bytes:
    """JSON as people like to read it: with letters as they are, not as numbers.

    Half of a letter (a lone surrogate) has no UTF-8; it stays as it was written, an escape.
    """
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def title(status: int) -> str:
    return TITLES.get(status) or HTTPStatus(status).phrase


def problem(
    status: int,
    detail: str,
    errors: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem document as a response; `errors` has a message for each field that is wrong."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": title(status),
        "status": status,
        "detail": detail,
    }
    if errors:
        document["errors"] = errors
    return Response(to_json(document), status, headers, content_type="application/problem+json")


def handle_problems(app: Flask) -> None:
    """Turn whatever is raised while the app handles a request into a problem document."""
    app.register_error_handler(OrderlibError, _from_the_shop)
    app.register_error_handler(HTTPException, _from_flask)
    app.register_error_handler(Exception, _unexpected)


def _from_the_shop(error: OrderlibError) -> Response:
    status = STATUS[type(error)]
    errors = error.problems if isinstance(error, InvalidInput) else None
    return problem(status, str(error), errors, RETRY_AFTER if status == 503 else None)


def _from_flask(error: HTTPException) -> Response:
    """What Flask itself refuses, such as an unknown address. A 405 keeps its Allow header."""
    status = error.code or 500
    kept = {name: text for name, text in error.get_headers() if name != "Content-Type"}
    return problem(status, DETAILS.get(status) or error.description or "", headers=kept)


def _unexpected(error: Exception) -> Response:
    log.error("A fault of this program, not of the request", exc_info=error)
    return problem(500, "Something went wrong here. It is in the log of the server.")
