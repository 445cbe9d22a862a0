"""What the tests of the shop put into it, and how they look at it without the shop's help."""

import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast, get_args

import psycopg2
import pytest
from hypothesis import HealthCheck, settings
from psycopg2.extensions import Diagnostics
from sqlalchemy import CursorResult, exc, text
from sweep import size

import orderlib
from orderlib import Session, create_order, create_product, create_user
from orderlib.vocabulary import OrderLine, OrderRow, Status

T = TypeVar("T")

TABLES = ("users", "products", "orders", "order_items")
STATUSES: tuple[Status, ...] = get_args(Status)
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
NOBODY = 2**31 - 1  # a key that no row of a test has

# Every function of the shop, found and not listed: a new one cannot be forgotten.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: function
    for name, function in sorted(vars(orderlib).items())
    if inspect.isfunction(function)
    and name in orderlib.__all__
    and function.__module__.startswith("orderlib.operations")
}


def examples(full: int) -> settings:
    """The settings of a property: the same examples each time, in one rolled-back shop."""
    return settings(
        max_examples=size(full),
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def sql(statement: str, **values: object) -> list[Any]:
    """The rows of a plain statement, which runs where the shop's functions would run."""
    with Session.begin() as db:
        result = db.execute(text(statement), values)
        return list(result) if isinstance(result, CursorResult) and result.returns_rows else []


def refusal(statement: str, **values: object) -> Diagnostics:
    """What PostgreSQL says when it refuses a plain statement; fails where it does not."""
    with pytest.raises(exc.DBAPIError) as caught:
        sql(statement, **values)
    assert isinstance(caught.value.orig, psycopg2.Error)
    return caught.value.orig.diag


def everything() -> dict[str, list[Any]]:
    """All rows of all tables."""
    return {table: sql(f"SELECT * FROM {table} ORDER BY id") for table in TABLES}


def customer(email: str = "ana@example.com", full_name: str = "Ana Silva") -> int:
    return create_user(email, full_name)["id"]


def product(name: str = "Laptop", price_cents: int = 249_999) -> int:
    return create_product(name, price_cents)["id"]


def order(
    user_id: int, *product_ids: int, quantity: int = 1, status: Status = "pending"
) -> OrderRow:
    return create_order(user_id, status, [line(each, quantity) for each in product_ids])


def line(product_id: int, quantity: int = 1) -> OrderLine:
    return cast(OrderLine, {"product_id": product_id, "quantity": quantity})


def order_at(user_id: int, created_at: str, *product_ids: int, **more: Any) -> int:
    """An order placed at that moment."""
    placed = order(user_id, *product_ids, **more)["id"]
    sql("UPDATE orders SET created_at = :at WHERE id = :id", at=created_at, id=placed)
    return placed


def at_once(*jobs: Callable[[], T]) -> list[T | Exception]:
    """Run each job in a thread of its own, all at the same moment: their results, or errors."""
    results: list[T | Exception] = [AssertionError("did not end")] * len(jobs)
    barrier = threading.Barrier(len(jobs))

    def run(place: int, job: Callable[[], T]) -> None:
        barrier.wait(30)
        try:
            results[place] = job()
        except Exception as error:  # noqa: BLE001 - whoever asked looks at it
            results[place] = error

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def expected_only(results: Iterable[object], *errors: type[Exception]) -> None:
    """Raise the first error that a thread had and should not have."""
    for each in results:
        if isinstance(each, Exception) and not isinstance(each, errors):
            raise each
