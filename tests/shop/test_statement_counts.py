"""The number of statements of each function is always the same, BEGIN and COMMIT included."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orderlib import Conflict, InvalidInput, NotFound, create_order, list_orders
from orderlib.vocabulary import Status

from .goods import FUNCTIONS, NOBODY, customer, order, product, sql

CONTROL = ("BEGIN", "COMMIT", "ROLLBACK")

# With BEGIN and COMMIT: three is one statement in a transaction.
COUNTS = {
    "create_user": 3,
    "get_user": 3,
    "list_users": 3,
    "update_user": 3,
    "delete_user": 3,
    "create_product": 3,
    "get_product": 3,
    "list_products": 3,
    "update_product": 3,
    "delete_product": 3,
    "create_order": 4,
    "get_order": 3,
    "list_orders": 3,
    "change_status": 5,
    "delete_order": 4,
    "sales_by_day": 3,
    "best_sellers": 3,
    "top_customers": 3,
}


@pytest.fixture
def user(real_shop: None) -> int:
    return customer()


@pytest.fixture
def pen(real_shop: None) -> int:
    return product()


@pytest.fixture
def count(user: int, pen: int, statements: list[str]) -> Iterator[Callable[..., int]]:
    """Call a function and count what it sends, in one transaction and with nothing after it."""

    def counted(function: Callable[..., object], *args: object, **kwargs: object) -> int:
        statements.clear()
        ends = ["COMMIT"]
        try:
            function(*args, **kwargs)
        except (NotFound, Conflict):
            ends = ["COMMIT", "ROLLBACK"]  # where nothing was changed, the two are the same
        assert statements[0] == "BEGIN"
        assert statements[-1] in ends, "nothing is read back after the end of the transaction"
        assert not set(statements[1:-1]) & set(CONTROL), "it is one transaction"
        return len(statements)

    yield counted
    statements.clear()


def arguments(name: str, user: int, pen: int) -> dict[str, Any]:
    """What the function needs to do its work."""
    needed: dict[str, Callable[[], dict[str, Any]]] = {
        "create_user": lambda: {"email": "bob@b.c", "full_name": "Bob"},
        "create_product": lambda: {"name": "Ink", "price_cents": 5},
        "create_order": lambda: {
            "user_id": user,
            "status": "paid",
            "items": [{"product_id": pen, "quantity": 1}],
        },
        "get_user": lambda: {"user_id": user},
        "get_product": lambda: {"product_id": pen},
        "get_order": lambda: {"order_id": order(user, pen)["id"]},
        "list_orders": lambda: {"user_id": user},
        "update_user": lambda: {"user_id": user, "full_name": "Bob", "email": "bob@b.c"},
        "update_product": lambda: {"product_id": pen, "price_cents": 6},
        "change_status": lambda: {"order_id": order(user, pen)["id"], "status": "paid"},
        "delete_order": lambda: {"order_id": order(user, pen)["id"]},
        "delete_user": lambda: {"user_id": user},
        "delete_product": lambda: {"product_id": pen},
    }
    return needed.get(name, dict)()


def test_every_function_is_counted() -> None:
    assert set(COUNTS) == set(FUNCTIONS)
    assert COUNTS["create_order"] <= 5
    assert COUNTS["list_orders"] <= 4


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_sends_as_many_statements_as_it_should(
    name: str, user: int, pen: int, count: Callable[..., int]
) -> None:
    assert count(FUNCTIONS[name], **arguments(name, user, pen)) == COUNTS[name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_sends_no_more_where_an_id_is_unknown(
    name: str, user: int, pen: int, count: Callable[..., int]
) -> None:
    given = arguments(name, user, pen)
    keys = [key for key in given if key.endswith("_id")]
    if keys:
        given[keys[0]] = NOBODY
    assert count(FUNCTIONS[name], **given) <= COUNTS[name]


@pytest.mark.parametrize("lines", [1, 2, 50, 1_000])
def test_an_order_takes_the_same_whatever_the_number_of_its_items(
    lines: int, user: int, pen: int, count: Callable[..., int]
) -> None:
    other = product("Ink")
    items = [{"product_id": (pen, other)[n % 2], "quantity": 1} for n in range(lines)]
    assert count(create_order, user, "pending", items) == 4
    [(id,)] = sql("SELECT id FROM orders")
    assert count(FUNCTIONS["get_order"], id) == 3
    assert count(list_orders, user) == 3
    assert count(FUNCTIONS["change_status"], id, "paid") == 5
    assert count(FUNCTIONS["change_status"], id, "cancelled") == 5
    assert count(FUNCTIONS["delete_order"], id) == 4


@pytest.mark.parametrize("unknown", ["user", "first", "last", "all"])
@pytest.mark.parametrize("lines", [1, 50])
def test_an_order_that_is_refused_takes_no_more(
    unknown: str, lines: int, user: int, pen: int, count: Callable[..., int]
) -> None:
    items = [{"product_id": pen, "quantity": 1} for _ in range(lines)]
    if unknown == "user":
        user = NOBODY
    for place in {"user": [], "first": [0], "last": [-1], "all": range(lines)}[unknown]:
        items[place]["product_id"] = NOBODY - place - 1
    assert count(create_order, user, "pending", items) <= 4
    assert sql("SELECT * FROM orders") == []


@pytest.mark.parametrize("orders", [0, 1, 50, 1_000])
def test_a_list_of_orders_takes_the_same_whatever_their_number(
    orders: int, user: int, pen: int, count: Callable[..., int]
) -> None:
    sql(
        """
        WITH placed AS (
            INSERT INTO orders (user_id, status)
            SELECT :user, 'paid' FROM generate_series(1, :orders) RETURNING id
        )
        INSERT INTO order_items (order_id, product_id, quantity, price_cents_at_purchase)
        SELECT id, :pen, 1, 5 FROM placed, generate_series(1, 3)
        """,
        user=user,
        pen=pen,
        orders=orders,
    )
    statuses: list[Status | None] = [None, "paid", "pending"]
    for status in statuses:
        for limit in (None, 1, 1_000):
            assert count(list_orders, user, status, limit) == 3
            assert count(list_orders, user, status, limit, 5) == 3
    for report in ("sales_by_day", "best_sellers", "top_customers"):
        assert count(FUNCTIONS[report]) == 3


def test_bad_input_sends_nothing(user: int, statements: list[str]) -> None:
    statements.clear()
    with pytest.raises(InvalidInput):
        create_order(user, "paid", [])
    assert statements == []
