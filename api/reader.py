"""The page at /docs: the description of the API for people. Offline, and without JavaScript."""

import json
import shlex
from collections.abc import Callable
from typing import Any

from flask import Response, render_template, request

from api.problems import title
from orderlib.vocabulary import PATTERNS

Json = dict[str, Any]
NOTHING_FROM_OUTSIDE = "default-src 'none'; style-src 'unsafe-inline'"  # the browser sees to it
ANYWHERE = {"400", "401", "413", "415", "421", "422", "503"}  # said once, not at each address


def reader_page(document: Json) -> Response:
    """The page for an OpenAPI document."""
    page = render_template(
        "reader.html",
        document=document,
        operations=_by_tag(document),
        rule=_rule,
        title=title,
        anywhere=ANYWHERE,
        curl=lambda operation: _curl(operation, request.host_url, bool(document["security"])),
    )
    return Response(page, headers={"Content-Security-Policy": NOTHING_FROM_OUTSIDE})


def _by_tag(document: Json) -> dict[str, list[Json]]:
    """The operations, each with its method and path, under "users", "products", ..."""
    tags: dict[str, list[Json]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            named = {**operation, "method": method.upper(), "path": path}
            tags.setdefault(operation["tags"][0], []).append(named)
    return tags


def _rule(schema: Json) -> str:
    """What a field must be, in words: "whole number, 1 to 1,000"."""
    if "anyOf" in schema:
        return " or ".join(_rule(choice) for choice in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    return str(_RULES[schema.get("type", "")](schema))


def _text_rule(schema: Json) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if text := schema.get("description") or schema.get("format"):
        return str(text)
    if pattern := schema.get("pattern"):
        return f"text of at most {schema['maxLength']} characters, {PATTERNS[pattern]}"
    return "text"


def _bounds(schema: Json, suffix: str) -> str:
    lowest, highest = schema.get(f"min{suffix}"), schema.get(f"max{suffix}")
    return "" if lowest is None else f", {lowest:,} to {highest:,}"


_RULES: dict[str, Callable[[Json], str]] = {
    "integer": lambda schema: "whole number" + _bounds(schema, "imum"),
    "array": lambda schema: f"list of {_rule(schema['items'])}" + _bounds(schema, "Items"),
    "string": _text_rule,
    "null": lambda _: "null",
    "object": lambda schema: schema["description"],
    "": lambda schema: f'always "{schema["const"]}"',
}


def _curl(operation: Json, host: str, with_token: bool) -> str:
    """The command that does it, to be pasted into a terminal."""
    address, query = operation["path"], []
    for each in operation["parameters"]:
        if each["in"] == "path":
            address = address.replace(f"{{{each['name']}}}", "1")
        elif each["required"]:
            query.append(f"{each['name']}=1")
    command = ["curl"]
    if operation["method"] not in ("GET", "POST"):
        command += ["-X", operation["method"]]
    command.append(host.rstrip("/") + "?".join([address, *query]))
    if "requestBody" in operation:
        example = operation["requestBody"]["content"]["application/json"]["example"]
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(example)]
    token = ' -H "Authorization: Bearer $API_TOKEN"' if with_token else ""
    return shlex.join(command) + token
