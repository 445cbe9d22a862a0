"""Every argument of every function refuses what does not fit its word, and says so by its name.

The functions, their arguments and their words are read from the signatures: a new function, or a
new word, is tested or makes a test fail.
"""

import inspect
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from orderlib import InvalidInput, NotFound, create_order, create_product, create_user
from orderlib.validation import problem_with
from orderlib.vocabulary import (
    Cents,
    Email,
    FullName,
    Items,
    Key,
    Limit,
    ProductName,
    Quantity,
    Status,
)

from .goods import FUNCTIONS, NOBODY, customer, everything, examples, line, order, product, sql

pytestmark = pytest.mark.usefixtures("shop")

NOT_AN_INTEGER = ["5", "", 5.0, True, False, b"5", [], {}, (), object(), Decimal(5), 5j, [5]]
NOT_A_TEXT = [5, 5.0, True, b"x", [], {}, (), object(), ["x"], bytearray(b"x")]
NOT_A_NAME = ["", " ", "\t", "\n", "\u00a0", "\u2003\u3000", "x" * 201, "x" * 100_000]
NOT_A_NAME += ["a\0b", "\0", "a\nb", "a\tb", "a\x1bb", "a\x7fb", "a\x85b", "\ud800", "a\udfffb"]
NOT_AN_EMAIL = ["", " ", "ana", "@", "a@", "@b", "a@b@c", "a b@c.d", "a@b c", " a@b.c", "a@b.c "]
NOT_AN_EMAIL += [
    "a@b.c\n",
    "a\0@b.c",
    "ä@b.c",
    "a@ä.c",
    "a@b.c\ud800",
    "x" * 251 + "@b.c",
    "\u212a@b.c",
]
NOT_A_STATUS = ["", " ", "Paid", "PAID", " paid", "paid ", "paid\0", "open", "\ud800", "None"]
NOT_LINES = ["", "x", 5, 5.0, True, b"x", {}, (), [], object(), set(), iter([])]

GOOD_LINE = {"product_id": 1, "quantity": 1}
NOT_A_LINE = [None, "x", "", 5, True, b"x", [], (), object(), ["product_id", "quantity"]]


def beyond(smallest: int, greatest: int) -> list[object]:
    below = [smallest - 1, -1, -(2**31) - 1, -(10**40)]
    above = [greatest + 1, 2**31, 2**63, 10**40, 10**5_000]
    return [*NOT_AN_INTEGER, *below, *above]


BAD: list[tuple[Any, list[Any]]] = [
    (Key, beyond(1, 2**31 - 1)),
    (Email, [*NOT_A_TEXT, *NOT_AN_EMAIL]),
    (FullName, [*NOT_A_TEXT, *NOT_A_NAME]),  # ProductName is the same word
    (Cents, beyond(0, 2**31 - 1)),
    (Quantity, beyond(1, 10_000)),
    (Limit, beyond(1, 1_000)),
    (Status, [*NOT_A_TEXT, *NOT_A_STATUS]),
    (Items, [*NOT_LINES, [GOOD_LINE] * 1_001, (GOOD_LINE,)]),
]
WORD_OF_FIELD = {"product_id": Key, "quantity": Quantity}

# What pydantic, psycopg2, SQLAlchemy, PostgreSQL and Python say, and a learner should not read.
NOT_OUR_WORDS = re.compile(
    r"(?i:pydantic|psycopg|sqlalchemy|sqlstate|https?:|type=|input_|validation error|codec)"
    r"|\b(Input|Field|String|Value|Keys|List|Extra|Unable|ERROR|DETAIL|FATAL|LINE)\b"
    r"|should (be|have)|valid (integer|string)|refused by the database"
)


def bad_values(word: Any) -> list[Any]:
    """What the word refuses; None too, unless it is one of the things that it may be."""
    may_be = get_args(word) if get_origin(word) in (Union, UnionType) else (word,)
    [plain] = [each for each in may_be if each is not type(None)]
    [found] = [values for known, values in BAD if known == plain]
    return found if type(None) in may_be else [None, *found]


ARGUMENTS = [
    pytest.param(name, argument.name, argument.annotation, id=f"{name}-{argument.name}")
    for name, function in FUNCTIONS.items()
    for argument in inspect.signature(function).parameters.values()
]
REQUIRED = [
    each
    for each in ARGUMENTS
    if inspect.signature(FUNCTIONS[str(each.values[0])]).parameters[str(each.values[1])].default
    is inspect.Parameter.empty
]


@pytest.fixture
def good() -> dict[str, Any]:
    """A value for each argument with which every function does its work."""
    user, pen = customer(), product()
    return {
        "user_id": user,
        "product_id": pen,
        "order_id": order(user, pen)["id"],
        "email": "new@example.com",
        "full_name": "New",
        "name": "New",
        "price_cents": 5,
        "status": "paid",
        "items": [{"product_id": pen, "quantity": 1}, {"product_id": pen, "quantity": 2}],
        "limit": 5,
        "after": 1,
        "search": "pen",
        "days": 5,
    }


def call_of(name: str, good: dict[str, Any]) -> dict[str, Any]:
    return {each: good[each] for each in inspect.signature(FUNCTIONS[name]).parameters}


def problems(function: Callable[..., object], /, *args: object, **kwargs: object) -> dict[str, str]:
    """Call it, see that it refuses as it should and changes nothing; return what it said."""
    before = everything()
    with pytest.raises(InvalidInput) as caught:
        function(*args, **kwargs)
    error = caught.value
    assert_is_ours(error)
    assert error.problems, "it says what is wrong"
    for field, message in error.problems.items():
        assert f"{field} {message}" in str(error)
    assert everything() == before
    return error.problems


def assert_is_ours(error: Exception) -> None:
    said = f"{error} {error!r}"
    assert not NOT_OUR_WORDS.search(said.removeprefix(str(error))), said
    assert not NOT_OUR_WORDS.search(str(error)), said
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    assert not [file for file in files if "pydantic" in file]


def test_the_functions_were_found() -> None:
    assert {"create_user", "create_order", "list_orders", "sales_by_day"} <= set(FUNCTIONS)
    assert len(FUNCTIONS) >= 18


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_good_values_are_good(name: str, good: dict[str, Any]) -> None:
    if name in ("delete_user", "delete_product"):
        sql("DELETE FROM orders")
    FUNCTIONS[name](**call_of(name, good))


@pytest.mark.parametrize(("name", "argument", "word"), ARGUMENTS)
def test_a_bad_value_is_refused_by_the_name_of_its_argument(
    name: str, argument: str, word: Any, good: dict[str, Any]
) -> None:
    for value in bad_values(word):
        found = problems(FUNCTIONS[name], **{**call_of(name, good), argument: value})
        assert list(found) == [argument], f"{value!r:.100}"


@pytest.mark.parametrize(("name", "argument", "word"), REQUIRED)
def test_a_missing_argument_is_named(
    name: str, argument: str, word: Any, good: dict[str, Any]
) -> None:
    given = call_of(name, good)
    del given[argument]
    assert problems(FUNCTIONS[name], **given) == {argument: "is missing"}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("extra", ["colour", "Email", "self", "model_config", "args", "a b", "é"])
def test_an_unknown_argument_is_named(name: str, extra: str, good: dict[str, Any]) -> None:
    given = {**call_of(name, good), extra: 1}
    assert problems(FUNCTIONS[name], **given) == {extra: "is not a known field"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_arguments_that_are_wrong_are_named_at_once(name: str, good: dict[str, Any]) -> None:
    given = {argument: object() for argument in call_of(name, good)}
    assert set(problems(FUNCTIONS[name], **given, colour=1)) == {*given, "colour"}


def test_what_is_missing_unknown_and_wrong_is_named_at_once() -> None:
    found = problems(create_order, user_id=0, items=[{"product_id": 1}, {"quantity": 0}], colour=1)
    assert set(found) == {
        "user_id", "status", "items.0.quantity", "items.1.product_id", "items.1.quantity", "colour",
    }  # fmt: skip


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("field", WORD_OF_FIELD)
def test_a_bad_value_in_a_line_is_named_with_its_place(
    place: int, field: str, good: dict[str, Any]
) -> None:
    for value in bad_values(WORD_OF_FIELD[field]):
        lines = [dict(good["items"][0]) for _ in range(3)]
        lines[place][field] = value
        found = problems(create_order, good["user_id"], "paid", lines)
        assert list(found) == [f"items.{place}.{field}"], f"{value!r:.100}"


@pytest.mark.parametrize("field", WORD_OF_FIELD)
def test_a_missing_field_in_a_line_is_named(field: str, good: dict[str, Any]) -> None:
    good["items"][1].pop(field)
    found = problems(create_order, good["user_id"], "paid", good["items"])
    assert found == {f"items.1.{field}": "is missing"}


@pytest.mark.parametrize("field", ["colour", "price_cents", "Quantity", "", "a.b"])
def test_an_unknown_field_in_a_line_is_named(field: str, good: dict[str, Any]) -> None:
    good["items"][1][field] = 1
    found = problems(create_order, good["user_id"], "paid", good["items"])
    assert found == {f"items.1.{field}": "is not a known field"}


@pytest.mark.parametrize("field", [5, None, True, b"x", (1, 2), "\ud800"], ids=repr)
def test_a_field_in_a_line_that_is_no_name_is_refused(field: object, good: dict[str, Any]) -> None:
    good["items"][1][field] = 1
    [found] = problems(create_order, good["user_id"], "paid", good["items"])
    assert found.startswith("items.1")


def test_what_is_no_line_is_named_with_its_place(good: dict[str, Any]) -> None:
    for value in NOT_A_LINE:
        lines = [good["items"][0], value, good["items"][0]]
        assert list(problems(create_order, good["user_id"], "paid", lines)) == ["items.1"]


def test_every_line_that_is_wrong_is_named(good: dict[str, Any]) -> None:
    lines = [{"product_id": good["product_id"], "quantity": 0}] * 1_000
    found = problems(create_order, good["user_id"], "paid", lines)
    assert list(found) == [f"items.{place}.quantity" for place in range(1_000)]


def test_an_unknown_product_in_the_middle_is_not_found_and_leaves_nothing(
    good: dict[str, Any],
) -> None:
    before = everything()
    lines = [*good["items"], {"product_id": NOBODY, "quantity": 1}, *good["items"]]
    with pytest.raises(NotFound, match=str(NOBODY)) as caught:
        create_order(good["user_id"], "paid", lines)
    assert_is_ours(caught.value)
    assert everything() == before


@pytest.mark.parametrize("name", ["get_user", "get_product", "get_order", "list_orders"])
def test_not_found_is_ours_too(name: str) -> None:
    with pytest.raises(NotFound, match=str(NOBODY)) as caught:
        FUNCTIONS[name](NOBODY)
    assert_is_ours(caught.value)


def test_bad_input_is_refused_before_anything_is_sent(
    good: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_of_that(*_: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr("orderlib.database.Session", none_of_that)
    with pytest.raises(InvalidInput):
        create_user("ana", "Ana")
    with pytest.raises(InvalidInput):
        create_order(good["user_id"], "paid", [])


# Properties


BLANKS = "\t\n\v\f\r \x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
BLANKS += "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"  # all that Unicode has
STRANGE = "\0\x1f\x7f\x9f\u180e\u200b\u2060\ufeff\ud800\udfff"
STRANGE += "\u0130\u0131\u017f\u212aß'\"\\%_:;\U0010ffff"


def texts(length: int) -> st.SearchStrategy[str]:
    """Anything at all, and much of what is near a border."""
    near = st.text(st.sampled_from(BLANKS + STRANGE + "aZ@."), max_size=6)
    padding = st.sampled_from(["", "x", "x" * (length - 3), "x" * (length - 2), "x" * length])
    together = st.builds(lambda a, b, c: a + b + c, near, padding, near)
    anything = st.text(st.characters(), max_size=length + 2)
    return st.one_of(together, anything, near)


def emails() -> st.SearchStrategy[str]:
    part = st.text(st.characters(min_codepoint=32, max_codepoint=128), max_size=5)
    return st.one_of(st.builds("{}@{}".format, part, part), texts(254))


@pytest.mark.parametrize(
    ("word", "function", "argument", "values"),
    [
        (Email, create_user, "email", emails()),
        (FullName, create_user, "full_name", texts(200)),
        (ProductName, create_product, "name", texts(200)),
        (Cents, create_product, "price_cents", st.integers(-(2**33), 2**33) | st.integers()),
    ],
    ids=["email", "full_name", "name", "price_cents"],
)
def test_what_a_word_accepts_the_database_accepts_and_what_it_refuses_is_never_sent(
    word: Any, function: Callable[..., Any], argument: str, values: st.SearchStrategy[Any]
) -> None:
    others = {"email": "ana@example.com", "full_name": "Ana", "name": "Pen", "price_cents": 1}
    names = inspect.signature(function).parameters

    @examples(500)
    @given(values)
    def check(value: Any) -> None:
        given = {**{name: others[name] for name in names}, argument: value}
        if problem_with(word, value) is None:
            sql("DELETE FROM users")
            stored = function(**given)[argument]
            assert stored == value or stored == value.strip() or stored == value.lower()
            assert problem_with(word, stored) is None
        else:
            assert list(problems(function, **given)) == [argument]

    check()


@examples(300)
@given(quantity=st.integers(-5, 10_005) | st.integers(), product_id=st.integers(-1, 2**31 + 1))
def test_a_line_is_stored_or_refused_and_nothing_between(quantity: int, product_id: int) -> None:
    sql("DELETE FROM orders")
    sql("DELETE FROM products")
    pen = product()
    user = customer(f"u{pen}@b.c")
    if 1 <= quantity <= 10_000:
        assert create_order(user, "paid", [line(pen, quantity)])
    else:
        assert problems(create_order, user, "paid", [line(pen, quantity)])
    assume(product_id != pen)
    lines = [line(pen), line(product_id)]
    before = everything()
    with pytest.raises((InvalidInput, NotFound)):
        create_order(user, "paid", lines)
    assert everything() == before


def letters() -> Iterator[int]:
    """Every sign of Unicode at full size; else all of the first 0x3100, where the blanks are."""
    greatest = 0x110000 if examples(10).max_examples == 10 else 0x3100
    return (number for number in range(greatest) if not 0xD800 <= number < 0xE000)


@pytest.mark.parametrize("shape", ["{}", "{}x", "x{}", "x{}x"])
def test_the_database_agrees_about_every_sign_of_unicode(shape: str) -> None:
    word = TypeAdapter(FullName)
    accepted = []
    for number in letters():
        with suppress(ValidationError):
            accepted.append(word.validate_python(shape.format(chr(number))))
    statement = "INSERT INTO products (name, price_cents) SELECT unnest(:names), 1 RETURNING name"
    stored = sql(statement, names=accepted)
    assert len(stored) == len(accepted) > 1_000
