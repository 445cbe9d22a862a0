"""Products."""

import json
from itertools import chain
from typing import Any

import pytest

from orderlib import (
    Conflict,
    InvalidInput,
    NotFound,
    change_status,
    create_product,
    delete_product,
    get_order,
    get_product,
    list_products,
    update_product,
)
from orderlib.vocabulary import Status

from .goods import NOBODY, STATUSES, customer, everything, order, product, sql

pytestmark = pytest.mark.usefixtures("shop")


def test_a_new_product_comes_back_as_a_plain_dict_with_three_fields() -> None:
    laptop = create_product("Laptop", 249_999)
    assert type(laptop) is dict
    assert laptop == {"id": laptop["id"], "name": "Laptop", "price_cents": 249_999}
    assert [type(value) for value in laptop.values()] == [int, str, int]
    assert json.loads(json.dumps(laptop)) == laptop
    assert sql("SELECT id, name, price_cents FROM products") == [tuple(laptop.values())]
    assert get_product(laptop["id"]) == laptop


@pytest.mark.parametrize("price_cents", [0, 1, 2**31 - 1])
def test_a_price_may_be_anything_from_nothing_to_the_greatest_integer(price_cents: int) -> None:
    assert create_product("Laptop", price_cents)["price_cents"] == price_cents
    assert sql("SELECT price_cents FROM products") == [(price_cents,)]


def test_a_name_is_stored_without_the_blanks_around_it() -> None:
    assert create_product("\t Laptop 15\u00a0", 1)["name"] == "Laptop 15"
    assert sql("SELECT name FROM products") == [("Laptop 15",)]


def test_two_products_may_have_the_same_name() -> None:
    assert product("Pen", 1) != product("Pen", 1)


def test_products_are_listed_by_ascending_id() -> None:
    products = [create_product(name, 100) for name in ("c", "a", "b")]
    sql("UPDATE products SET price_cents = 7 WHERE id = :id", id=products[0]["id"])
    products[0]["price_cents"] = 7
    assert list_products() == {"products": products, "next": None}


def test_no_products_are_an_empty_page() -> None:
    assert list_products() == {"products": [], "next": None}
    assert list_products(search="x") == {"products": [], "next": None}


def test_a_page_has_a_hundred_products_unless_a_limit_is_given() -> None:
    many_products(101)
    assert len(list_products()["products"]) == 100
    assert len(list_products(limit=1000)["products"]) == 101


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7, 1000])
@pytest.mark.parametrize("search", [None, "even"])
def test_pages_put_together_are_the_whole_list(limit: int, search: str | None) -> None:
    ids = many_products(12)
    wanted = ids if search is None else ids[1::2]
    pages: list[list[int]] = []
    after = None
    while not pages or after:
        page = list_products(limit=limit, after=after, search=search)
        pages.append([each["id"] for each in page["products"]])
        after = page["next"]
        assert len(pages) < 20, "the pages come to an end"
    assert list(chain(*pages)) == wanted
    assert all(pages), "no page is empty"
    assert all(len(page) == limit for page in pages[:-1])


def test_the_next_page_neither_repeats_nor_leaves_out_while_rows_come_and_go() -> None:
    ids = many_products(6)
    first = list_products(limit=3)
    delete_product(ids[1])
    delete_product(ids[2])
    late = product("Late")
    second = list_products(after=first["next"])
    assert [each["id"] for each in second["products"]] == [*ids[3:], late]


NAMES = [
    "Laptop 15", "LAPTOP bag", "Café crème", "CAFÉ NOIR", "Cafe", "100% cotton", "100 cotton",
    "snake_case", "snakeXcase", "O'Brien's", 'He said "hi"', "back\\slash", "Łódź", "Ωmega",
    "ΑΒΓ", "Д", "a:b", "x--y", "{}[]()*.?+^$|", "山田",
]  # fmt: skip


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("laptop", ["Laptop 15", "LAPTOP bag"]),
        ("LAPTOP", ["Laptop 15", "LAPTOP bag"]),
        ("pTo", ["Laptop 15", "LAPTOP bag"]),
        ("laptop 15", ["Laptop 15"]),
        ("  bag ", ["LAPTOP bag"]),
        ("café", ["Café crème", "CAFÉ NOIR"]),
        ("CAFÉ", ["Café crème", "CAFÉ NOIR"]),
        ("cafe", ["Cafe"]),
        ("%", ["100% cotton"]),
        ("0%", ["100% cotton"]),
        ("l%p", []),
        ("_", ["snake_case"]),
        ("e_c", ["snake_case"]),
        ("'", ["O'Brien's"]),
        ("' OR 1=1 --", []),
        ('"hi"', ['He said "hi"']),
        ("\\", ["back\\slash"]),
        ("łódź", ["Łódź"]),
        ("ω", ["Ωmega"]),
        ("αβ", ["ΑΒΓ"]),
        ("д", ["Д"]),
        (":b", ["a:b"]),
        (".", ["{}[]()*.?+^$|"]),
        ("*.?", ["{}[]()*.?+^$|"]),
        ("--", ["x--y"]),
        ("田", ["山田"]),
        ("%s", []),
        ("%(x)s", []),
    ],
)
def test_a_search_takes_every_sign_as_it_is_and_no_notice_of_letter_case(
    search: str, found: list[str]
) -> None:
    for name in NAMES:
        product(name)
    assert [each["name"] for each in list_products(search=search)["products"]] == found


def test_an_unknown_product_is_not_found() -> None:
    for call in (get_product, delete_product):
        with pytest.raises(NotFound, match=f"^There is no product {NOBODY}$"):
            call(NOBODY)
    with pytest.raises(NotFound, match=f"^There is no product {NOBODY}$"):
        update_product(NOBODY, price_cents=1)


@pytest.mark.parametrize(
    ("changes", "name", "price_cents"),
    [
        ({"name": " New "}, "New", 500),
        ({"price_cents": 0}, "Pen", 0),
        ({"price_cents": 2**31 - 1, "name": None}, "Pen", 2**31 - 1),
        ({"name": "New", "price_cents": 7}, "New", 7),
        ({"name": "Pen"}, "Pen", 500),
    ],
)
def test_an_update_changes_what_is_given_and_nothing_else(
    changes: dict[str, Any], name: str, price_cents: int
) -> None:
    other = create_product("Other", 1)
    pen = create_product("Pen", 500)
    updated = update_product(pen["id"], **changes)
    assert updated == {"id": pen["id"], "name": name, "price_cents": price_cents}
    assert get_product(pen["id"]) == updated
    assert get_product(other["id"]) == other


def test_an_update_with_nothing_in_it_names_the_fields_that_could_be_given() -> None:
    pen = product()
    for nothing in ((), (None,), (None, None)):
        with pytest.raises(InvalidInput) as caught:
            update_product(pen, *nothing)
        assert set(caught.value.problems) == {"name", "price_cents"}


def test_a_new_price_never_touches_an_old_order_and_a_new_name_shows_everywhere() -> None:
    user, pen = customer(), product("Pen", 500)
    old = order(user, pen, quantity=3)
    update_product(pen, price_cents=900)
    assert get_order(old["id"]) == old
    assert change_status(old["id"], "paid") == {**old, "status": "paid"}
    assert order(user, pen)["total_cents"] == 900
    update_product(pen, name="Fountain pen")
    [line] = get_order(old["id"])["items"]
    assert (line["product_name"], line["price_cents_at_purchase"]) == ("Fountain pen", 500)


def test_a_deleted_product_is_gone_and_the_others_stay() -> None:
    stays = create_product("Stays", 1)
    pen = product("Pen")
    assert delete_product(pen) is None
    assert list_products()["products"] == [stays]
    with pytest.raises(NotFound):
        delete_product(pen)


@pytest.mark.parametrize("status", STATUSES)
def test_a_product_that_an_order_has_cannot_be_deleted(status: Status) -> None:
    pen = product("Pen")
    order(customer(), pen, status=status)
    stored = everything()
    with pytest.raises(
        Conflict, match=f"^Product {pen} is part of an order and cannot be deleted$"
    ):
        delete_product(pen)
    assert everything() == stored


def many_products(count: int) -> list[int]:
    statement = """INSERT INTO products (name, price_cents)
        SELECT CASE WHEN n % 2 = 0 THEN 'Even' ELSE 'Odd' END, n
        FROM generate_series(1, :count) AS n RETURNING id"""
    return sorted(id for (id,) in sql(statement, count=count))
