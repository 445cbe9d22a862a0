"""What the signature of a function says, as JSON schemas: https://json-schema.org"""

import inspect
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from orderlib.validation import arguments_of

Json = dict[str, Any]
Function = Callable[..., Any]
COMPONENT = "#/components/schemas/{model}"  # where the document keeps what has a name


@cache
def arguments(function: Function) -> Json:
    """The arguments of a function as an object: properties, and which of them are required."""
    return arguments_of(function).model_json_schema(ref_template=COMPONENT)


def argument_fields(function: Function) -> Json:
    """The schema of each argument as it is where the argument is given, so without null."""
    properties = arguments(function)["properties"]
    return {name: _without_null(field) for name, field in properties.items()}


def body(function: Function, in_path: list[str]) -> Json:
    """The arguments that are not in the path. Of a change, at least one must be given."""
    whole = arguments(function)
    schema: Json = {
        "type": "object",
        "properties": {n: each for n, each in whole["properties"].items() if n not in in_path},
        "additionalProperties": False,
    }
    if required := [name for name in whole["required"] if name not in in_path]:
        return {**schema, "required": required}
    given = {name: each for name, each in argument_fields(function).items() if name not in in_path}
    return {**schema, "anyOf": [{"required": [n], "properties": {n: given[n]}} for n in given]}


def results(functions: Iterable[Function]) -> tuple[dict[str, Json], Json]:
    """What each function returns, by its name; and the schemas that these refer to."""
    found = {each.__name__: inspect.signature(each).return_annotation for each in functions}
    schemas, parts = TypeAdapter.json_schemas(
        [(name, "serialization", TypeAdapter(result)) for name, result in found.items()],
        ref_template=COMPONENT,
    )
    return {name: schemas[name, "serialization"] for name in found}, parts["$defs"]


def words(function: Function) -> tuple[str, str]:
    """The first sentence of the docstring, and the rest without what is raised."""
    text = (inspect.getdoc(function) or "").partition("Raises ")[0].replace("None", "null")
    summary, _, rest = re.sub(r"\s+", " ", text).partition(". ")
    return summary.strip(" .") + ".", rest.strip()


def _without_null(field: Json) -> Json:
    """`limit: Limit | None = None` may be left out, but an address cannot say null."""
    choices = [choice for choice in field.get("anyOf", []) if choice != {"type": "null"}]
    return choices[0] if choices else field
