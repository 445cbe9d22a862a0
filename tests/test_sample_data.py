"""The sample data: the same small shop every time."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orderlib import (
    Conflict,
    create_product,
    create_user,
    list_orders,
    list_products,
    list_users,
    sample_data,
)


def everything() -> dict[str, Any]:
    users = list_users()["users"]
    orders = [order for user in users for order in list_orders(user["id"])["orders"]]
    orders.sort(key=lambda order: order["id"])
    return {"users": users, "products": list_products()["products"], "orders": orders}


def test_it_is_the_same_every_time_with_ids_from_one(real_shop: None) -> None:
    sample_data.load()
    for rows in everything().values():
        assert [row["id"] for row in rows] == list(range(1, len(rows) + 1))
    assert everything()["users"][0] == {
        "id": 1,
        "email": "ana@example.com",
        "full_name": "Ana Silva",
        "created_at": "2024-01-10T08:00:00Z",
    }
    assert everything()["products"][0] == {"id": 1, "name": "Laptop", "price_cents": 249_999}


def test_there_is_something_to_find(shop: None) -> None:
    sample_data.load()
    found = everything()
    items = [item for order in found["orders"] for item in order["items"]]
    price_now = {product["id"]: product["price_cents"] for product in found["products"]}
    ordering, ordered = {o["user_id"] for o in found["orders"]}, {i["product_id"] for i in items}
    assert [u["full_name"] for u in found["users"] if u["id"] not in ordering] == ["Zoë O'Brien"]
    assert [p["name"] for p in found["products"] if p["id"] not in ordered] == ["Standing Desk"]
    changed = [i for i in items if i["price_cents_at_purchase"] != price_now[i["product_id"]]]
    assert [i["product_name"] for i in changed] == ["Headphones"]
    statuses = {order["status"] for order in found["orders"]}
    assert statuses == {"pending", "paid", "shipped", "delivered", "cancelled"}


def test_nobody_orders_before_they_are_registered(shop: None) -> None:
    sample_data.load()
    registered = {user["id"]: user["created_at"] for user in everything()["users"]}
    moments = [order["created_at"] for order in everything()["orders"]]
    assert all(
        order["created_at"] > registered[order["user_id"]] for order in everything()["orders"]
    )
    assert moments == sorted(moments)
    assert all(moment.startswith("2024-01-") for moment in moments)


def test_a_shop_that_is_not_empty_is_left_alone(shop: None) -> None:
    sample_data.load()
    before = everything()
    with pytest.raises(Conflict, match="not empty"):
        sample_data.load()
    assert everything() == before


def test_one_customer_is_not_empty(shop: None) -> None:
    create_user("ana@example.org", "Another Ana")
    with pytest.raises(Conflict, match="not empty"):
        sample_data.load()


def test_one_product_is_not_empty(shop: None) -> None:
    create_product("Lamp", 1)
    with pytest.raises(Conflict, match="not empty"):
        sample_data.load()


def test_all_of_it_is_loaded_or_nothing(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_data, "_orders", lambda users, products: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sample_data.load()
    assert everything() == {"users": [], "products": [], "orders": []}


def test_of_two_who_load_at_once_one_is_told_that_it_is_not_empty(real_shop: None) -> None:
    def load() -> str:
        try:
            sample_data.load()
        except Conflict as error:
            return str(error)
        return "loaded"

    with ThreadPoolExecutor() as threads:
        said = sorted(each.result() for each in [threads.submit(load), threads.submit(load)])
    assert said == [sample_data.NOT_EMPTY, "loaded"]
    assert len(everything()["orders"]) == 6
