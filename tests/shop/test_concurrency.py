"""Many at once: nothing is lost, nothing is half done, and exactly one wins."""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from itertools import count

import pytest
from sqlalchemy import Connection, text
from sweep import size

from orderlib import (
    Conflict,
    NotFound,
    change_status,
    create_order,
    create_user,
    delete_order,
    delete_product,
    engine,
    get_order,
    list_orders,
    update_product,
    using,
)
from orderlib.vocabulary import OrderRow, Status

from .goods import at_once, customer, everything, expected_only, line, order, product, sql

pytestmark = pytest.mark.usefixtures("real_shop")

THREADS = 16
ROUNDS = size(50)


def test_orders_and_changing_prices_and_statuses_at_once() -> None:
    """All prices change together, each time to one number: an order with two of them is torn."""
    user = customer()
    products = [product(f"Product {n}", 1_000) for n in range(10)]
    prices, stop = [1_000], threading.Event()
    chance = random.Random(8021)

    def change_prices() -> list[OrderRow]:
        for price in count(1_001):
            if stop.is_set():
                return []
            prices.append(price)  # before it can be seen
            sql("UPDATE products SET price_cents = :price", price=price)
        return []

    def place_orders(seed: int) -> list[OrderRow]:
        mine = random.Random(seed)
        placed = []
        for _ in range(ROUNDS):
            earliest = len(prices) - 1
            lines = [line(mine.choice(products)) for _ in range(8)]
            new = create_order(user, "pending", lines)
            price = {each["price_cents_at_purchase"] for each in new["items"]}
            assert len(price) == 1, f"prices of several moments: {price}"
            # The last one in the list may not be stored yet, and the one before it is current.
            assert prices[max(0, earliest - 1)] <= price.pop() <= prices[-1]
            for stored, given in zip(new["items"], lines, strict=True):
                assert stored["product_id"] == given["product_id"]
            placed.append(change_status(new["id"], "paid"))
        return placed

    def orders_then_stop() -> list[OrderRow]:
        results = at_once(*[partial(place_orders, chance.random()) for _ in range(THREADS - 2)])  # type: ignore[arg-type]
        stop.set()
        expected_only(results)
        return [each for result in results if isinstance(result, list) for each in result]

    results = at_once(orders_then_stop, change_prices)
    stop.set()
    expected_only(results)
    placed = results[0]
    assert isinstance(placed, list)
    assert len(placed) == (THREADS - 2) * ROUNDS
    assert len(set(prices)) > ROUNDS / 5, "the prices did change meanwhile"
    stored = list_orders(user)["orders"]
    assert stored == sorted(placed, key=lambda each: -each["id"])


def test_single_prices_that_change_are_captured_as_they_are_at_some_moment() -> None:
    user, pen = customer(), product("Pen", 0)

    def change_price(price: int) -> int:
        for step in range(ROUNDS):
            update_product(pen, price_cents=price + step)
        return 0

    def place() -> list[int]:
        return [order(user, pen)["total_cents"] for _ in range(ROUNDS)]

    changers = [partial(change_price, 1_000 * n) for n in range(1, 5)]
    results = at_once(*changers, *[place] * (THREADS - 4))
    expected_only(results)
    possible = {0} | {1_000 * n + step for n in range(1, 5) for step in range(ROUNDS)}
    seen = {price for result in results if isinstance(result, list) for price in result}
    assert seen <= possible
    [(stored,)] = sql("SELECT count(*) FROM orders")
    assert stored == (THREADS - 4) * ROUNDS


def test_a_product_is_deleted_or_ordered_and_never_both() -> None:
    user = customer()
    outcomes: set[type] = set()
    for _ in range(ROUNDS):
        pen, ink = product("Pen"), product("Ink")
        jobs = [partial(order, user, ink, pen), partial(delete_product, pen)]
        ordered, deleted = at_once(*jobs)  # type: ignore[arg-type]
        if isinstance(ordered, NotFound):
            assert deleted is None
            assert sql("SELECT * FROM products WHERE id = :id", id=pen) == []
            assert sql("SELECT * FROM orders") == []
        else:
            assert isinstance(deleted, Conflict)
            assert isinstance(ordered, dict)
            assert get_order(ordered["id"]) == ordered
        outcomes.add(type(ordered))
        sql("DELETE FROM orders")
    assert outcomes <= {dict, NotFound}


def test_an_order_that_waits_for_the_deleter_of_its_product_ends_in_not_found() -> None:
    user, pen, ink = customer(), product("Pen"), product("Ink")
    with engine().connect() as deleter:
        deleter.execute(text("DELETE FROM products WHERE id = :id"), {"id": pen})
        thread = threading.Thread(target=commit_when_somebody_waits, args=[deleter])
        thread.start()
        with pytest.raises(NotFound):
            order(user, ink, pen)
        thread.join()
    assert everything()["orders"] == []


def test_a_deleter_that_waits_for_an_order_of_the_product_ends_in_conflict() -> None:
    user, pen = customer(), product("Pen")
    with engine().connect() as buyer:
        buyer.execute(text("INSERT INTO orders (user_id, status) VALUES (:u, 'paid')"), {"u": user})
        buyer.execute(
            text(
                "INSERT INTO order_items (order_id, product_id, quantity, price_cents_at_purchase)"
                " SELECT id, :pen, 1, 5 FROM orders"
            ),
            {"pen": pen},
        )
        thread = threading.Thread(target=commit_when_somebody_waits, args=[buyer])
        thread.start()
        with pytest.raises(Conflict, match=f"^Product {pen} is part of an order"):
            delete_product(pen)
        thread.join()


def test_an_email_in_many_letter_cases_is_registered_once() -> None:
    for number in range(ROUNDS):
        email = f"ana.silva.{number}@example.com"
        chance = random.Random(number)
        spellings = [
            "".join(chance.choice((letter.lower(), letter.upper())) for letter in email)
            for _ in range(THREADS)
        ]
        results = at_once(*[partial(create_user, each, "Ana") for each in spellings])
        expected_only(results, Conflict)
        [winner] = [each for each in results if isinstance(each, dict)]
        assert winner["email"] == email
        assert all(str(e) == f"{email} is already registered" for e in results if e is not winner)
    assert len(sql("SELECT * FROM users")) == ROUNDS


@pytest.mark.parametrize("times", [1, THREADS // 2])
def test_a_paid_order_is_shipped_or_cancelled_and_exactly_one_wins(times: int) -> None:
    user, pen = customer(), product()
    for _ in range(ROUNDS):
        placed = order(user, pen, status="paid")
        moves: list[Status] = ["shipped", "cancelled"] * times
        results = at_once(*[partial(change_status, placed["id"], move) for move in moves])
        expected_only(results, Conflict)
        [winner] = [each for each in results if isinstance(each, dict)]
        assert get_order(placed["id"]) == winner


@pytest.mark.parametrize(
    "moves", [("paid", "cancelled"), ("paid", "paid"), ("cancelled", "cancelled")]
)
def test_of_two_moves_at_once_both_win_only_where_one_may_follow_the_other(
    moves: tuple[Status, Status],
) -> None:
    user, pen = customer(), product()
    for _ in range(ROUNDS):
        placed = order(user, pen)
        results = at_once(*[partial(change_status, placed["id"], move) for move in moves])
        expected_only(results, Conflict)
        won = [each["status"] for each in results if isinstance(each, dict)]
        final = get_order(placed["id"])["status"]
        if moves == ("paid", "cancelled"):  # truly at once one wins; else cancelled follows paid
            assert (won, final) in (
                (["paid"], "paid"),
                (["cancelled"], "cancelled"),
                (["paid", "cancelled"], "cancelled"),
            )
        else:
            assert (won, final) == ([moves[0]], moves[0])


@pytest.mark.parametrize(
    "late", [partial(change_status, status="cancelled"), delete_order], ids=["cancel", "delete"]
)
def test_who_comes_while_an_order_is_being_paid_gets_conflict(late: Callable[..., object]) -> None:
    """Although a paid order may be cancelled: nobody decided that about a paid one."""
    placed = order(customer(), product())
    with engine().connect() as payer:
        with using(payer):
            paid = change_status(placed["id"], "paid")
        thread = threading.Thread(target=commit_when_somebody_waits, args=[payer])
        thread.start()
        with pytest.raises(Conflict, match=f"^Someone else has just changed order {placed['id']}$"):
            late(order_id=placed["id"])
        thread.join()
    assert get_order(placed["id"]) == paid


def test_an_order_is_deleted_or_paid_and_exactly_one_wins() -> None:
    user, pen = customer(), product()
    for _ in range(ROUNDS):
        placed = order(user, pen, pen)
        jobs = [partial(delete_order, placed["id"]), partial(change_status, placed["id"], "paid")]
        deleted, paid = at_once(*jobs)  # type: ignore[arg-type]
        if deleted is None:
            assert isinstance(paid, NotFound | Conflict)
            assert everything()["orders"] == everything()["order_items"] == []
        else:
            assert isinstance(deleted, Conflict)
            assert isinstance(paid, dict)
            assert get_order(placed["id"]) == paid
        sql("DELETE FROM orders")


def test_lists_and_reports_that_are_read_meanwhile_show_whole_orders_only() -> None:
    user, pen = customer(), product("Pen", 100)

    def buy() -> int:
        for _ in range(ROUNDS):
            placed = order(user, *[pen] * 7)
            delete_order(order(user, *[pen] * 7)["id"])
            change_status(placed["id"], "paid")
        return 0

    def read() -> int:
        for _ in range(ROUNDS):
            page = list_orders(user)
            assert page["total"] == len(page["orders"])
            assert {len(each["items"]) for each in page["orders"]} <= {7}
        return 0

    expected_only(at_once(*[buy, read] * 4))
    assert list_orders(user)["total"] == 4 * ROUNDS


EIGHT_AT_ONCE = """
import multiprocessing, os, sys
from sqlalchemy import text
from orderlib import create_tables
from orderlib.config import Settings
from orderlib.connecting import make_engine

schema, rounds = sys.argv[1:]
fork = multiprocessing.get_context("fork")  # so that orderlib is imported only once
barrier = fork.Barrier(8)

def make_tables(number):
    elsewhere = make_engine(Settings(os.environ["DATABASE_URL"]))
    here = make_engine(Settings(os.environ["DATABASE_URL"], schema))
    for _ in range(int(rounds)):
        if number == 0:
            with elsewhere.begin() as connection:
                connection.execute(text(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'))
                connection.execute(text(f'CREATE SCHEMA "{schema}"'))
        barrier.wait(30)
        here.connect().close()  # from here on only the tables are missing
        barrier.wait(30)
        create_tables(here)
        with here.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM order_items")) == 0
        barrier.wait(30)
    if number == 0:
        with elsewhere.begin() as connection:
            connection.execute(text(f'DROP SCHEMA "{schema}" CASCADE'))

processes = [fork.Process(target=make_tables, args=[number]) for number in range(8)]
for process in processes:
    process.start()
for process in processes:
    process.join()
print([process.exitcode for process in processes])
"""


def test_eight_processes_may_make_the_tables_at_once() -> None:
    schema = os.environ["DATABASE_SCHEMA"] + " made at once"
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", EIGHT_AT_ONCE, schema, str(size(50))],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (child.stdout, child.stderr) == ("[0, 0, 0, 0, 0, 0, 0, 0]\n", "")


def commit_when_somebody_waits(connection: Connection) -> None:
    """Commit as soon as another session is seen waiting for this one."""
    pid = connection.scalar(text("SELECT pg_backend_pid()"))
    waits = text("SELECT 1 FROM pg_stat_activity WHERE :pid = ANY (pg_blocking_pids(pid))")
    with engine().connect() as observer:
        while not observer.scalar(waits, {"pid": pid}):
            observer.rollback()
    connection.commit()
