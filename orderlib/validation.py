"""`@validated`: the signature is the contract.

    @validated
    def create_user(email: Email, full_name: FullName) -> UserRow: ...

The type hints are all there is to say. What breaks them becomes one InvalidInput that names every
wrong field, before the function has begun.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic_core import ErrorDetails

from orderlib.errors import InvalidInput
from orderlib.vocabulary import PATTERNS

P = ParamSpec("P")
R = TypeVar("R")

MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "invalid_key": "is not a known field",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "string_unicode": "must not contain half characters (lone surrogates)",
    "literal_error": "must be {expected}",
    "list_type": "must be a list of lines",
    "too_short": "must have at least {min_length} line",
    "too_long": "must have at most {max_length} lines",
    "dict_type": 'must look like {{"product_id": 1, "quantity": 2}}',
}


def validated(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function run only with arguments that fit its type hints, exactly: "5" is no number.

    Raises InvalidInput with a message for each field that does not fit.
    """
    signature = inspect.signature(function)
    arguments = arguments_of(function)

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        known = {name: kwargs[name] for name in kwargs if name in signature.parameters}
        given = {**signature.bind_partial(*args, **known).arguments, **kwargs}
        try:
            accepted = arguments.model_validate(given)
        except ValidationError as error:
            problems = _problems(error)
        else:
            return function(**dict(accepted))  # type: ignore[call-arg]  # the model has its names
        raise InvalidInput(problems)  # out here, no frame of pydantic is in the traceback

    return checked


def arguments_of(function: Callable[..., object]) -> type[BaseModel]:
    """The arguments of a function as a pydantic model: name, type and default of each."""
    parameters = inspect.signature(function).parameters.values()
    fields = {
        each.name: (each.annotation, ... if each.default is each.empty else each.default)
        for each in parameters
    }
    config = ConfigDict(strict=True, extra="forbid")
    return create_model(function.__name__, __config__=config, **fields)  # type: ignore[call-overload, no-any-return]


def problem_with(word: Any, value: object) -> str | None:
    """What a function would say about one value, before it is called; None where it fits.

    `problem_with(Quantity, 0)` is "must be at least 1".
    """
    try:
        TypeAdapter(word).validate_python(value, strict=True)
    except ValidationError as error:
        return "; ".join(_problems(error).values())
    return None


def _problems(error: ValidationError) -> dict[str, str]:
    found = error.errors(include_url=False, include_input=False)
    return {".".join(map(str, each["loc"])): _message(each) for each in found}


def _message(problem: ErrorDetails) -> str:
    context = problem.get("ctx", {})
    if problem["type"] == "string_pattern_mismatch":
        return PATTERNS[context["pattern"]]
    template = MESSAGES.get(problem["type"])
    return template.format(**context) if template else problem["msg"]
