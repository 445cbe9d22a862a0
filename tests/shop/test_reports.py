"""Reports."""

import json

import pytest

from orderlib import best_sellers, change_status, delete_order, sales_by_day, top_customers

from .goods import customer, order, order_at, product, sql

pytestmark = pytest.mark.usefixtures("shop")

HUGE = 10_000 * (2**31 - 1)  # the greatest line


def test_of_nothing_there_are_no_reports() -> None:
    customer()
    product()
    assert sales_by_day() == []
    assert best_sellers() == []
    assert top_customers() == []


def test_the_sales_of_a_day_are_its_orders_and_their_revenue() -> None:
    user, pen, ink = customer(), product("Pen", 100), product("Ink", 30)
    order_at(user, "2026-01-30 12:00+00", pen)
    order_at(user, "2026-01-31 08:00+00", pen, ink, pen, quantity=2)
    order_at(user, "2026-01-31 09:00+00", ink)
    sales = sales_by_day()
    assert sales == [
        {"day": "2026-01-31", "orders": 2, "revenue_cents": 490},
        {"day": "2026-01-30", "orders": 1, "revenue_cents": 100},
    ]
    assert [type(value) for value in sales[0].values()] == [str, int, int]
    assert type(sales) is list
    assert type(sales[0]) is dict
    assert json.loads(json.dumps(sales)) == sales


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_a_day_begins_and_ends_at_midnight_utc(zone: str) -> None:
    sql("SELECT set_config('TimeZone', :zone, true)", zone=zone)
    user, pen = customer(), product("Pen", 100)
    order_at(user, "2025-12-31 23:59:59.999999+00", pen)
    order_at(user, "2026-01-01 00:00:00+00", pen)
    order_at(user, "2026-01-01 23:59:59+00", pen)
    order_at(user, "2026-01-02 00:00:00+00", pen)
    assert [(day["day"], day["orders"]) for day in sales_by_day()] == [
        ("2026-01-02", 1),
        ("2026-01-01", 2),
        ("2025-12-31", 1),
    ]


@pytest.mark.parametrize("days", [1, 2, 3, 30, 31, 1_000])
def test_days_are_counted_back_from_the_newest_order(days: int) -> None:
    user, pen = customer(), product()
    all_days = ["2026-03-10", "2026-03-09", "2026-03-08", "2026-02-09", "2026-02-08"]
    for day in all_days:
        order_at(user, f"{day} 00:00+00", pen)
    wanted = {1: 1, 2: 2, 3: 3, 30: 4, 31: 5, 1_000: 5}[days]
    assert [each["day"] for each in sales_by_day(days)] == all_days[:wanted]


def test_thirty_days_unless_something_else_is_given() -> None:
    user, pen = customer(), product()
    for day in ("2026-03-31", "2026-03-02", "2026-03-01"):
        order_at(user, f"{day} 10:00+00", pen)
    assert [each["day"] for each in sales_by_day()] == ["2026-03-31", "2026-03-02"]


def test_cancelled_orders_are_left_out_everywhere() -> None:
    ana, bob = customer(), customer("bob@b.c", "Bob")
    pen, ink = product("Pen", 100), product("Ink", 1_000)
    for status in ("pending", "paid", "shipped", "delivered"):
        order_at(ana, "2026-01-05 10:00+00", pen, status=status)
    order_at(bob, "2026-01-09 10:00+00", ink, status="cancelled")
    assert sales_by_day() == [{"day": "2026-01-05", "orders": 4, "revenue_cents": 400}]
    assert sales_by_day(1) == sales_by_day()
    assert best_sellers() == [
        {"product_id": pen, "product_name": "Pen", "quantity": 4, "revenue_cents": 400}
    ]
    assert top_customers() == [
        {"user_id": ana, "full_name": "Ana Silva", "orders": 4, "revenue_cents": 400}
    ]


def test_a_report_follows_a_cancelled_and_a_deleted_order() -> None:
    user, pen = customer(), product("Pen", 100)
    placed = [order(user, pen)["id"] for _ in range(3)]
    change_status(placed[0], "cancelled")
    delete_order(placed[1])
    assert [each["orders"] for each in sales_by_day()] == [1]
    assert [each["revenue_cents"] for each in best_sellers()] == [100]
    assert [each["orders"] for each in top_customers()] == [1]


def test_the_best_seller_is_the_one_that_brought_in_most() -> None:
    user = customer()
    cheap, dear = product("Cheap", 10), product("Dear", 1_000)
    order(user, cheap, cheap, quantity=20)
    order(user, dear)
    report = best_sellers()
    assert report == [
        {"product_id": dear, "product_name": "Dear", "quantity": 1, "revenue_cents": 1_000},
        {"product_id": cheap, "product_name": "Cheap", "quantity": 40, "revenue_cents": 400},
    ]
    assert [type(value) for value in report[0].values()] == [int, str, int, int]


def test_the_price_that_counts_is_that_of_the_order() -> None:
    user, pen = customer(), product("Pen", 100)
    order(user, pen)
    sql("UPDATE products SET price_cents = 999, name = 'Quill'")
    assert best_sellers() == [
        {"product_id": pen, "product_name": "Quill", "quantity": 1, "revenue_cents": 100}
    ]
    assert [each["revenue_cents"] for each in (*sales_by_day(), *top_customers())] == [100, 100]


def test_the_top_customer_is_the_one_who_spent_most_and_an_order_of_many_lines_is_one() -> None:
    ana, bob, pen = customer(), customer("bob@b.c", "Bob"), product("Pen", 100)
    order(ana, pen)
    order(ana, pen)
    order(bob, pen, pen, pen)
    report = top_customers()
    assert report == [
        {"user_id": bob, "full_name": "Bob", "orders": 1, "revenue_cents": 300},
        {"user_id": ana, "full_name": "Ana Silva", "orders": 2, "revenue_cents": 200},
    ]
    assert [type(value) for value in report[0].values()] == [int, str, int, int]


def test_who_is_equal_stands_in_the_order_of_the_ids() -> None:
    users = [customer(f"{name}@b.c", name) for name in "cab"]
    products = [product(name, 100) for name in "zxy"]
    for user, pen in zip(reversed(users), products[1:] + products[:1], strict=True):
        order(user, pen)
    assert [each["user_id"] for each in top_customers()] == users
    assert [each["product_id"] for each in best_sellers()] == products
    assert [each["user_id"] for each in top_customers(limit=2)] == users[:2]
    assert [each["product_id"] for each in best_sellers(limit=2)] == products[:2]


def test_ten_unless_a_limit_is_given() -> None:
    for number in range(12):
        order(customer(f"{number}@b.c"), product("Pen", number))
    assert len(best_sellers()) == len(top_customers()) == 10
    assert len(best_sellers(limit=1_000)) == len(top_customers(limit=1_000)) == 12
    assert best_sellers(limit=1) == best_sellers()[:1]
    assert top_customers(limit=1) == top_customers()[:1]


@pytest.mark.parametrize("lines", [1, 500])
def test_totals_are_exact_beyond_what_integers_and_floats_hold(lines: int) -> None:
    user, dearest = customer(), product("Dearest", 2**31 - 1)
    order(user, *[dearest] * lines, quantity=10_000)
    order(user, product("Cent", 1))
    total = lines * HUGE + 1
    assert total > (2**31 if lines == 1 else 2**53)
    for each in (*sales_by_day(), *top_customers()):
        assert each["revenue_cents"] == total
        assert type(each["revenue_cents"]) is int
    assert best_sellers()[0]["revenue_cents"] == lines * HUGE
    assert best_sellers()[0]["quantity"] == lines * 10_000


def test_totals_cannot_overflow() -> None:
    lines = 2**63 // HUGE + 1
    placed = order(customer(), dearest := product("Dearest", 2**31 - 1))["id"]
    # So many rows take a second here and a minute in the true table, with its keys and indexes.
    sql("CREATE TEMPORARY TABLE order_items (LIKE order_items)")
    sql(
        """INSERT INTO order_items
        SELECT n, :placed, :dearest, 10000, 2147483647 FROM generate_series(1, :lines) AS n""",
        placed=placed,
        dearest=dearest,
        lines=lines,
    )
    for each in (*sales_by_day(), *best_sellers(), *top_customers()):
        assert each["revenue_cents"] == lines * HUGE > 2**63
        assert type(each["revenue_cents"]) is int
