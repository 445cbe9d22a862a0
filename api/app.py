"""How a request becomes a call of a function, and its result an answer."""

import json
import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import Flask, Response, redirect, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

import orderlib
from api.guard import guard
from api.openapi import document
from api.problems import LARGEST_BODY, handle_problems, to_json
from api.reader import reader_page
from api.routes import ROUTES, Route
from api.schemas import argument_fields

WHOLE_NUMBER = re.compile("-?[0-9]+")


def create_app(token: str = "") -> Flask:
    """The Flask application. With a `token`, every request must carry it."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.url_map.strict_slashes = False  # /users/ is /users
    app.url_map.merge_slashes = False
    app.before_request(lambda: guard(token))
    handle_problems(app)
    for route in ROUTES:
        app.add_url_rule(route.path, route.function.__name__, _view(route), methods=[route.method])
    description = document(with_token=bool(token))
    app.add_url_rule("/", "start", lambda: redirect("/docs"))
    app.add_url_rule("/health", "health", _health)
    app.add_url_rule("/docs", "docs", lambda: reader_page(description))
    app.add_url_rule("/openapi.json", "openapi", lambda: _answer(description, 200))
    return app


def _view(route: Route) -> Callable[..., Response]:
    arguments = argument_fields(route.function).items()
    numbers = {name for name, field in arguments if field.get("type") == "integer"}

    def convert(texts: dict[str, str]) -> dict[str, Any]:
        """An address is text: where the function wants a number, make it one."""
        return {
            name: _to_int(text) if name in numbers and WHOLE_NUMBER.fullmatch(text) else text
            for name, text in texts.items()
        }

    def view(**path: str) -> Response:
        given = _read_body() if route.has_body else convert(_read_query())
        if twice := path.keys() & given.keys():
            raise orderlib.InvalidInput(dict.fromkeys(twice, "is in the address already"))
        result = route.function(**convert(path), **given)
        place = {"Location": f"{route.path}/{result['id']}"} if route.success == 201 else {}
        return _answer(result, route.success, place)

    return view


def _read_body() -> dict[str, Any]:
    if request.args:
        raise orderlib.InvalidInput(dict.fromkeys(request.args, "is not a known field"))
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send JSON, with the header Content-Type: application/json")
    try:
        given = json.loads(request.get_data().decode(), parse_int=_to_int, parse_float=_to_number)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body cannot be read as JSON: {error}") from None
    if not isinstance(given, dict):
        raise BadRequest("The body is JSON, but not a JSON object: {...}")
    return given


def _read_query() -> dict[str, str]:
    repeated = [name for name, texts in request.args.lists() if len(texts) > 1]
    if repeated:
        raise orderlib.InvalidInput(dict.fromkeys(repeated, "is given more than once"))
    return request.args.to_dict()


def _to_int(digits: str) -> int:
    """Read a whole number. 20 digits are too many for every field; Python reads at most 4,300."""
    return int(digits[:20])


def _to_number(text: str) -> int | float:
    """Read a number with a point or an exponent. JSON knows one kind of numbers: 5.0 is 5."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _answer(result: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    if result is None:
        nothing = Response(status=status)
        del nothing.headers["Content-Type"]
        return nothing
    return Response(to_json(result), status, headers, content_type="application/json")


def _health() -> Response:
    """Ask the database whether it is there; where it is not, the answer is 503 as everywhere."""
    with orderlib.get_db() as db:
        db.execute(sa.select(1))
    return _answer({"status": "ok"}, 200)
