"""Orders."""

import json
import random
import re
from itertools import chain
from itertools import product as pairs

import pytest

from orderlib import (
    Conflict,
    NotFound,
    change_status,
    create_order,
    delete_order,
    delete_product,
    delete_user,
    get_order,
    list_orders,
    update_product,
)
from orderlib.vocabulary import OrderRow, Status

from .goods import (
    MOMENT,
    NOBODY,
    STATUSES,
    customer,
    everything,
    line,
    order,
    order_at,
    product,
    sql,
)

pytestmark = pytest.mark.usefixtures("shop")

LEGAL = {
    ("pending", "paid"),
    ("paid", "shipped"),
    ("shipped", "delivered"),
    ("pending", "cancelled"),
    ("paid", "cancelled"),
}


# create_order


def test_a_new_order_comes_back_whole() -> None:
    user, laptop, mouse = customer(), product("Laptop", 249_999), product("Mouse", 1_999)
    placed = create_order(user, "pending", [line(mouse, 2), line(laptop)])
    assert placed == {
        "id": placed["id"],
        "user_id": user,
        "status": "pending",
        "created_at": placed["created_at"],
        "items": [
            {
                "id": placed["items"][0]["id"],
                "product_id": mouse,
                "product_name": "Mouse",
                "quantity": 2,
                "price_cents_at_purchase": 1_999,
                "line_total_cents": 3_998,
            },
            {
                "id": placed["items"][1]["id"],
                "product_id": laptop,
                "product_name": "Laptop",
                "quantity": 1,
                "price_cents_at_purchase": 249_999,
                "line_total_cents": 249_999,
            },
        ],
        "total_quantity": 3,
        "total_cents": 253_997,
    }
    assert re.fullmatch(MOMENT, placed["created_at"])


def test_an_order_is_made_of_plain_values_only() -> None:
    placed = order(customer(), product(), quantity=10_000)
    assert type(placed) is dict
    assert [type(value) for value in placed.values()] == [int, int, str, str, list, int, int]
    [only] = placed["items"]
    assert type(only) is dict
    assert [type(value) for value in only.values()] == [int, int, str, int, int, int]
    assert json.loads(json.dumps(placed)) == placed


def test_an_order_is_stored_as_it_came_back() -> None:
    user, pen = customer(), product("Pen", 500)
    placed = order(user, pen, quantity=3, status="paid")
    assert sql("SELECT id, user_id, status FROM orders") == [(placed["id"], user, "paid")]
    columns = "id, order_id, product_id, quantity, price_cents_at_purchase"
    [only] = placed["items"]
    assert sql(f"SELECT {columns} FROM order_items") == [(only["id"], placed["id"], pen, 3, 500)]
    assert get_order(placed["id"]) == placed
    assert list_orders(user)["orders"] == [placed]


@pytest.mark.parametrize("status", STATUSES)
def test_an_order_may_begin_with_any_status(status: Status) -> None:
    placed = order(customer(), product(), status=status)
    assert get_order(placed["id"])["status"] == placed["status"] == status


@pytest.mark.parametrize("plan", ["hashjoin", "nestloop", "mergejoin"])
@pytest.mark.parametrize("count", [1, 2, 50, 1_000])
def test_the_items_are_in_the_order_given(count: int, plan: str) -> None:
    """However PostgreSQL reads the products: by a merge they would come in the order of the ids."""
    for other in {"hashjoin", "nestloop", "mergejoin"} - {plan}:
        sql(f"SET LOCAL enable_{other} = off")
    user = customer()
    ids = [id for (id,) in sql(
        "INSERT INTO products (name, price_cents) SELECT n, n FROM generate_series(1, 60) AS n"
        " RETURNING id"
    )]  # fmt: skip
    shuffled = random.Random(count)
    lines = [line(shuffled.choice(ids), shuffled.randint(1, 10_000)) for _ in range(count)]
    placed = create_order(user, "pending", lines)
    for found in (placed, get_order(placed["id"]), list_orders(user)["orders"][0]):
        assert [
            {"product_id": each["product_id"], "quantity": each["quantity"]}
            for each in found["items"]
        ] == lines
    item_ids = [each["id"] for each in placed["items"]]
    assert item_ids == sorted(item_ids)
    assert placed["total_quantity"] == sum(each["quantity"] for each in lines)
    assert get_order(placed["id"]) == placed


def test_the_same_product_twice_stays_two_lines() -> None:
    pen = product("Pen", 500)
    placed = create_order(customer(), "pending", [line(pen, 2), line(pen, 3), line(pen, 2)])
    assert [each["quantity"] for each in placed["items"]] == [2, 3, 2]
    assert len({each["id"] for each in placed["items"]}) == 3
    assert placed["total_cents"] == 7 * 500


def test_what_was_given_is_left_as_it_was() -> None:
    lines = [line(product(), 2)]
    given = json.dumps(lines)
    create_order(customer(), "pending", lines)
    assert json.dumps(lines) == given


def test_the_greatest_order_has_an_exact_total() -> None:
    dearest = product("Dearest", 2**31 - 1)
    placed = order(customer(), *[dearest] * 1_000, quantity=10_000)
    assert placed["items"][0]["line_total_cents"] == 10_000 * (2**31 - 1)
    assert placed["total_cents"] == 10_000_000 * (2**31 - 1) > 2**53
    assert type(placed["total_cents"]) is int
    assert placed["total_quantity"] == 10_000_000
    assert get_order(placed["id"]) == placed


def test_a_product_may_cost_nothing() -> None:
    assert order(customer(), product("Gift", 0), quantity=2)["total_cents"] == 0


def test_an_order_of_an_unknown_user_is_not_found_and_leaves_nothing() -> None:
    pen = product()
    stored = everything()
    with pytest.raises(NotFound, match=f"^There is no user {NOBODY}$"):
        order(NOBODY, pen)
    assert everything() == stored


def test_the_user_is_reported_before_the_products() -> None:
    with pytest.raises(NotFound, match=f"^There is no user {NOBODY}"):
        order(NOBODY, 1_000_000_000)


@pytest.mark.parametrize("place", range(5))
def test_an_unknown_product_anywhere_is_not_found_and_leaves_nothing(place: int) -> None:
    user = customer()
    ids = [product(name) for name in "abcde"]
    ids[place] = NOBODY
    stored = everything()
    with pytest.raises(NotFound, match=f"^There is no product {NOBODY}$"):
        order(user, *ids)
    assert everything() == stored


def test_all_missing_products_are_named_once() -> None:
    user, pen = customer(), product()
    with pytest.raises(NotFound) as caught:
        order(user, NOBODY, pen, NOBODY - 1, NOBODY, NOBODY - 2)
    named = re.findall(r"\d+", str(caught.value))
    assert sorted(map(int, named)) == [NOBODY - 2, NOBODY - 1, NOBODY]
    assert everything()["order_items"] == []


def test_an_order_after_a_refused_one_is_as_it_should_be() -> None:
    user, pen = customer(), product()
    with pytest.raises(NotFound):
        order(user, pen, NOBODY)
    assert len(order(user, pen)["items"]) == 1


# list_orders


def test_orders_are_listed_with_the_greatest_id_first() -> None:
    user, pen, ink = customer(), product("Pen"), product("Ink")
    oldest = order(user, pen, ink)
    middle = order(user, ink, pen, ink, status="paid")
    newest = order(user, pen)
    assert list_orders(user) == {"orders": [newest, middle, oldest], "total": 3, "next": None}


def test_the_id_decides_and_not_the_time() -> None:
    user, pen = customer(), product()
    first = order_at(user, "2030-01-01 00:00+00", pen)
    second = order_at(user, "2020-01-01 00:00+00", pen)
    assert ids_of(list_orders(user)["orders"]) == [second, first]


def test_only_the_orders_of_that_user_are_listed() -> None:
    ana, bob, pen = customer(), customer("bob@b.c"), product()
    of_ana = [order(ana, pen)["id"] for _ in range(3)]
    of_bob = order(bob, pen)["id"]
    assert ids_of(list_orders(bob)["orders"]) == [of_bob]
    assert list_orders(bob, limit=1)["next"] is None
    assert list_orders(bob)["total"] == 1
    assert ids_of(list_orders(ana)["orders"]) == of_ana[::-1]


def test_a_user_without_orders_has_an_empty_list() -> None:
    user = customer()
    for status in (None, *STATUSES):
        assert list_orders(user, status=status) == {"orders": [], "total": 0, "next": None}


def test_the_orders_of_an_unknown_user_are_not_found() -> None:
    order(customer(), product())
    for more in ({}, {"status": "paid"}, {"limit": 1}, {"after": 5}):
        with pytest.raises(NotFound, match=f"^There is no user {NOBODY}$"):
            list_orders(NOBODY, **more)


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_leaves_only_the_orders_that_have_it(status: Status) -> None:
    user, pen = customer(), product()
    placed = [order(user, pen, status=each) for each in (*STATUSES, *STATUSES[:2])]
    wanted = [each for each in reversed(placed) if each["status"] == status]
    assert list_orders(user, status) == {"orders": wanted, "total": len(wanted), "next": None}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 1_000])
@pytest.mark.parametrize("status", [None, "paid"])
def test_pages_put_together_are_the_whole_list_and_the_total_is_always_that_of_all(
    limit: int, status: Status | None
) -> None:
    user, pen = customer(), product()
    placed = [order(user, pen, pen, status=each) for each in ("paid", "pending", "paid") * 2]
    wanted = [each["id"] for each in reversed(placed) if status in (None, each["status"])]
    pages: list[list[int]] = []
    after = None
    while not pages or after:
        page = list_orders(user, status, limit, after)
        assert page["total"] == len(wanted)
        pages.append(ids_of(page["orders"]))
        after = page["next"]
        assert len(pages) < 20, "the pages come to an end"
    assert list(chain(*pages)) == wanted
    assert all(pages), "no page is empty"
    assert all(len(each) == limit for each in pages[:-1])


def test_without_a_limit_all_orders_come() -> None:
    user = customer()
    many_orders(user, product(), 1_001)
    page = list_orders(user)
    assert (len(page["orders"]), page["total"], page["next"]) == (1_001, 1_001, None)
    page = list_orders(user, limit=1_000)
    assert (len(page["orders"]), page["total"]) == (1_000, 1_001)
    assert page["next"] == page["orders"][-1]["id"]


def test_the_next_page_neither_repeats_nor_leaves_out_while_orders_come_and_go() -> None:
    user, pen = customer(), product()
    placed = [order(user, pen)["id"] for _ in range(6)]
    first = list_orders(user, limit=3)
    order(user, pen)
    delete_order(placed[3])  # the very one after which the next page begins
    second = list_orders(user, after=first["next"])
    assert ids_of(second["orders"]) == placed[2::-1]
    assert second["total"] == 6


def test_beyond_the_last_page_there_is_nothing_but_the_total() -> None:
    user = customer()
    placed = order(user, product())
    empty = {"orders": [], "total": 1, "next": None}
    assert list_orders(user, after=placed["id"]) == empty
    assert list_orders(user, after=1, limit=1) == empty


def test_an_order_without_items_is_listed_as_empty() -> None:
    user, pen = customer(), product()
    before = order(user, pen)
    [(bare,)] = sql("INSERT INTO orders (user_id, status) VALUES (:u, 'paid') RETURNING id", u=user)
    after = order(user, pen)
    page = list_orders(user)
    assert ids_of(page["orders"]) == [after["id"], bare, before["id"]]
    found = page["orders"][1]
    assert (found["items"], found["total_quantity"], found["total_cents"]) == ([], 0, 0)
    assert get_order(bare) == found
    assert change_status(bare, "cancelled") == {**found, "status": "cancelled"}
    assert list_orders(user, limit=1, after=after["id"])["orders"][0]["items"] == []


def test_the_time_of_an_order_is_utc_to_the_second_whatever_the_session_says() -> None:
    user = customer()
    placed = order_at(user, "2023-12-31 23:59:59.999999+00", product())
    for zone in ("Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kathmandu"):
        sql("SELECT set_config('TimeZone', :zone, true)", zone=zone)
        assert get_order(placed)["created_at"] == "2023-12-31T23:59:59Z"
        assert list_orders(user)["orders"][0]["created_at"] == "2023-12-31T23:59:59Z"


# get_order, change_status, delete_order


def test_an_unknown_order_is_not_found() -> None:
    for call in (get_order, delete_order, lambda key: change_status(key, "paid")):
        with pytest.raises(NotFound, match=f"^There is no order {NOBODY}$"):
            call(NOBODY)


@pytest.mark.parametrize(("old", "new"), list(pairs(STATUSES, STATUSES)))
def test_an_order_moves_only_where_it_may(old: Status, new: Status) -> None:
    user, pen = customer(), product()
    other = order(user, pen, status=old)
    placed = order(user, pen, pen, status=old)
    if (old, new) in LEGAL:
        assert change_status(placed["id"], new) == {**placed, "status": new}
    else:
        words = f"^Order {placed['id']} is {old} and cannot become {new}$"
        with pytest.raises(Conflict, match=words):
            change_status(placed["id"], new)
        new = old
    assert get_order(placed["id"]) == {**placed, "status": new}
    assert get_order(other["id"]) == other


def test_an_order_lives_from_pending_to_delivered() -> None:
    placed = order(customer(), product())
    steps: tuple[Status, ...] = ("paid", "shipped", "delivered")
    for step in steps:
        placed = change_status(placed["id"], step)
    assert get_order(placed["id"])["status"] == "delivered"


@pytest.mark.parametrize("status", STATUSES)
def test_only_pending_and_cancelled_orders_can_be_deleted(status: Status) -> None:
    user, pen = customer(), product()
    other = order(user, pen, pen, status=status)
    placed = order(user, pen, pen, status=status)
    if status in ("pending", "cancelled"):
        assert delete_order(placed["id"]) is None
        assert list_orders(user)["orders"] == [other]
        assert {each.order_id for each in everything()["order_items"]} == {other["id"]}
    else:
        stored = everything()
        words = f"^Order {placed['id']} is {status} and cannot be deleted$"
        with pytest.raises(Conflict, match=words):
            delete_order(placed["id"])
        assert everything() == stored


def test_what_a_deleted_order_needed_can_be_deleted_too() -> None:
    user, pen = customer(), product()
    delete_order(order(user, pen)["id"])
    delete_user(user)
    delete_product(pen)
    assert not any(everything().values())


def test_the_price_is_that_of_the_moment_of_the_order() -> None:
    user, pen = customer(), product("Pen", 100)
    orders = []
    for price in (200, 0, 2**31 - 1):
        orders.append(order(user, pen))
        update_product(pen, price_cents=price)
    assert [placed["total_cents"] for placed in orders] == [100, 200, 0]
    assert list_orders(user)["orders"] == orders[::-1]


def ids_of(orders: list[OrderRow]) -> list[int]:
    return [each["id"] for each in orders]


def many_orders(user_id: int, product_id: int, count: int) -> None:
    sql(
        """
        WITH placed AS (
            INSERT INTO orders (user_id, status)
            SELECT :user_id, 'paid' FROM generate_series(1, :count) RETURNING id
        )
        INSERT INTO order_items (order_id, product_id, quantity, price_cents_at_purchase)
        SELECT id, :product_id, 1, 5 FROM placed
        """,
        user_id=user_id,
        product_id=product_id,
        count=count,
    )
