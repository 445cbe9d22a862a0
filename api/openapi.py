"""The description of the API, OpenAPI 3.1: made from the routes and the functions' signatures.

https://spec.openapis.org/oas/v3.1.0
"""

import re
from typing import Any

from api.problems import STATUS
from api.routes import ROUTES, Route
from api.schemas import argument_fields, arguments, body, results, words
from orderlib import Conflict, NotFound

Json = dict[str, Any]
ABOUT = (
    "The functions of orderlib, with addresses. Money is in whole cents, times are in UTC. Every "
    "error is a problem document (RFC 9457). /health asks whether the database is there."
)
PROBLEM: Json = {
    "type": "object",
    "description": "A problem document, RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "A message for each field that is wrong, such as items.1.quantity",
            "additionalProperties": {"type": "string"},
        },
    },
}
PROBLEMS = {
    400: "The body is not a JSON object.",
    401: "The header Authorization is missing, or its token is wrong.",
    404: "There is no row with that id; the ids inside the body count, too.",
    409: "What is stored already forbids it: a duplicate, an impossible move, a row still needed.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not sent as application/json.",
    421: "The header Host names another computer.",
    422: "A field breaks a rule; `errors` says which field and which rule.",
    503: "The database is busy or cannot be reached. Try again.",
}
SUCCESS = {
    200: "Done.",
    201: "Stored. Its address is in the header Location.",
    204: "Done. There is nothing to say.",
}
HEADERS = {  # of some answers, with an example
    201: ("Location", "/users/1"),
    401: ("WWW-Authenticate", "Bearer"),
    503: ("Retry-After", "1"),
}
EXAMPLES: Json = {  # of the fields in bodies
    "email": "ana@example.com",
    "full_name": "Ana Silva",
    "name": "Laptop",
    "price_cents": 249_999,
    "user_id": 1,
    "status": "paid",
    "items": [{"product_id": 1, "quantity": 2}],
}


def document(*, with_token: bool) -> Json:
    """The whole description; `with_token` where every request must carry one."""
    refused = 401 if with_token else 421
    result_of, schemas = results(route.function for route in ROUTES)
    paths: Json = {}
    for route in ROUTES:
        schemas |= arguments(route.function).get("$defs", {})
        path = re.sub("<(.+?)>", r"{\1}", route.path)
        operation = _operation(route, result_of[route.function.__name__], refused)
        paths.setdefault(path, {})[route.method.lower()] = operation
    security = {"token": {"type": "http", "scheme": "bearer"}} if with_token else {}
    return {
        "openapi": "3.1.0",
        "info": {"title": "The Order Workbook", "version": "1.0.0", "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{name: []} for name in security],
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM, **schemas},
            "responses": {str(status): _problem(status) for status in PROBLEMS},
            "securitySchemes": security,
        },
    }


def _operation(route: Route, result: Json, refused: int) -> Json:
    in_path = re.findall("<(.+?)>", route.path)
    summary, description = words(route.function)
    operation: Json = {
        "operationId": route.function.__name__,
        "tags": [route.path.split("/")[1]],
        "summary": summary,
        "description": description,
        "parameters": _parameters(route, in_path),
        "responses": {str(route.success): _success(route.success, result)},
    }
    if route.has_body:
        schema = body(route.function, in_path)
        example = {name: EXAMPLES[name] for name in schema["properties"]}
        content = {"application/json": {"schema": schema, "example": example}}
        operation["requestBody"] = {"required": True, "content": content}
    for status in sorted({*_failures(route), refused}):
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
    return operation


def _parameters(route: Route, in_path: list[str]) -> list[Json]:
    required = arguments(route.function).get("required", [])
    return [
        {
            "name": name,
            "in": "path" if name in in_path else "query",
            "required": name in required,
            "schema": schema,
        }
        for name, schema in argument_fields(route.function).items()
        if name in in_path or not route.has_body
    ]


def _failures(route: Route) -> set[int]:
    """What can be answered instead; the docstring of the function names what it raises."""
    text = route.function.__doc__ or ""
    raised = {STATUS[error] for error in (NotFound, Conflict) if error.__name__ in text}
    return {422, 503} | raised | ({400, 413, 415} if route.has_body else set())


def _success(status: int, result: Json) -> Json:
    return _response(status, SUCCESS[status], "application/json", result)


def _problem(status: int) -> Json:
    schema = {"$ref": "#/components/schemas/Problem"}
    return _response(status, PROBLEMS[status], "application/problem+json", schema)


def _response(status: int, description: str, media_type: str, schema: Json) -> Json:
    response: Json = {"description": description}
    if status != 204:
        response["content"] = {media_type: {"schema": schema}}
    if status in HEADERS:
        name, example = HEADERS[status]
        response["headers"] = {name: {"schema": {"type": "string"}, "example": example}}
    return response
