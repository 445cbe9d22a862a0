"""Every address does what the function behind it does."""

from typing import Any

import pytest
from shop.goods import FUNCTIONS, line

from api.routes import ROUTES
from orderlib import create_order, create_product, create_user

from .running import JSON, Running

USER = {"email": "Ana@Example.com", "full_name": " Ana Silva "}
LAPTOP = {"name": "Laptop", "price_cents": 249_999}


def test_every_function_of_the_shop_has_exactly_one_address() -> None:
    assert sorted(route.function.__name__ for route in ROUTES) == sorted(FUNCTIONS)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_a_new_row_is_answered_with_201_and_its_address(api: Running) -> None:
    order = {"user_id": 1, "status": "pending", "items": [line(1), line(1)]}
    for path, body in [("/users", USER), ("/products", LAPTOP), ("/orders", order)]:
        made = api.ask("POST", path, body)
        assert (made.status, made.headers["location"]) == (201, f"{path}/1")
        assert made.headers["content-type"] == "application/json"
        assert api.ask("GET", made.headers["location"]).json == made.json


def test_an_order_comes_whole_with_its_fields_in_their_order(api: Running) -> None:
    create_user("ana@example.com", "Ana")
    create_product("Laptop", 249_999)
    create_order(1, "paid", [line(1, 2)])
    found = api.ask("GET", "/orders?user_id=1").json
    assert list(found) == ["orders", "total", "next"]
    [order] = found["orders"]
    assert order.pop("created_at").endswith("Z")
    assert list(order.items()) == [
        ("id", 1),
        ("user_id", 1),
        ("status", "paid"),
        (
            "items",
            [
                {
                    "id": 1,
                    "product_id": 1,
                    "product_name": "Laptop",
                    "quantity": 2,
                    "price_cents_at_purchase": 249_999,
                    "line_total_cents": 499_998,
                }
            ],
        ),
        ("total_quantity", 2),
        ("total_cents", 499_998),
    ]


@pytest.fixture
def full_shop(api: Running) -> Running:
    """Ana has a pending order of a laptop; nobody ordered the pen, and Ben ordered nothing."""
    create_user("ana@example.com", "Ana")
    create_user("ben@example.com", "Ben")
    create_product("Laptop", 249_999)
    create_product("Pen", 199)
    create_order(1, "pending", [line(1)])
    return api


@pytest.mark.parametrize(
    ("method", "address", "body", "status"),
    [
        ("GET", "/users", None, 200),
        ("GET", "/users/", None, 200),
        ("GET", "/users?limit=1&after=1", None, 200),
        ("GET", "/users/1", None, 200),
        ("GET", "/users/9", None, 404),
        ("GET", "/users/0", None, 422),
        ("GET", "/users/-1", None, 422),
        ("GET", "/users/ana", None, 422),
        ("GET", "/users/%D9%A1", None, 422),  # an Arabic 1
        ("GET", "/users/2147483648", None, 422),
        ("GET", "/users/" + "9" * 5000, None, 422),
        ("GET", "/users/1/2", None, 404),
        ("PATCH", "/users/1", {"full_name": "Ana Costa"}, 200),
        ("PATCH", "/users/1", {"full_name": "Ana Costa", "email": None}, 200),
        ("PATCH", "/users/1", {"email": "ben@example.com"}, 409),
        ("PATCH", "/users/1", {}, 422),
        ("PATCH", "/users/1", {"user_id": 1, "email": "a@b.c"}, 422),
        ("PATCH", "/users/9", {"email": "a@b.c"}, 404),
        ("DELETE", "/users/1", None, 409),
        ("DELETE", "/users/2", None, 204),
        ("DELETE", "/users/9", None, 404),
        ("DELETE", "/users/2?force=1", None, 422),
        ("POST", "/users", {"email": "ANA@example.com", "full_name": "Ana"}, 409),
        ("POST", "/users", {"email": "ana", "full_name": "Ana"}, 422),
        ("POST", "/users?x=1", {"email": "c@b.c", "full_name": "Ana"}, 422),
        ("GET", "/products?search=LAP", None, 200),
        ("GET", "/products?search=", None, 422),
        ("GET", "/products?limit=0", None, 422),
        ("GET", "/products?limit=1&limit=2", None, 422),
        ("GET", "/products?colour=red", None, 422),
        ("GET", "/products/2", None, 200),
        ("PATCH", "/products/1", {"price_cents": 1}, 200),
        ("PATCH", "/products/1", {"price_cents": -1}, 422),
        ("DELETE", "/products/1", None, 409),
        ("DELETE", "/products/2", None, 204),
        ("GET", "/orders", None, 422),
        ("GET", "/orders?user_id=1&status=pending&limit=5&after=9", None, 200),
        ("GET", "/orders?user_id=9", None, 404),
        ("GET", "/orders?user_id=1&status=open", None, 422),
        ("GET", "/orders/1", None, 200),
        ("GET", "/orders/9", None, 404),
        ("POST", "/orders/1/status", {"status": "paid"}, 200),
        ("POST", "/orders/1/status", {"status": "delivered"}, 409),
        ("POST", "/orders/1/status", {"status": "open"}, 422),
        ("POST", "/orders/9/status", {"status": "paid"}, 404),
        ("DELETE", "/orders/1", None, 204),
        ("DELETE", "/orders/9", None, 404),
        ("GET", "/reports/sales-by-day", None, 200),
        ("GET", "/reports/sales-by-day?days=1001", None, 422),
        ("GET", "/reports/best-sellers?limit=1", None, 200),
        ("GET", "/reports/top-customers?limit=x", None, 422),
        ("GET", "/health", None, 200),
        ("GET", "/openapi.json", None, 200),
        ("GET", "/docs", None, 200),
        ("GET", "/", None, 302),
        ("HEAD", "/users", None, 200),
        ("GET", "/nothing", None, 404),
        ("GET", "/users//1", None, 404),
    ],
)
def test_each_address_gives_its_status(
    full_shop: Running, method: str, address: str, body: object, status: int
) -> None:
    answer = full_shop.ask(method, address, body)
    assert answer.status == status, answer
    if status >= 400:
        assert answer.problem
    if status == 204:
        assert answer.body == b""
        assert "content-type" not in answer.headers


def test_an_unknown_id_in_the_body_is_not_found(full_shop: Running) -> None:
    order: dict[str, Any] = {
        "user_id": 9,
        "status": "paid",
        "items": [{"product_id": 8, "quantity": 1}],
    }
    assert full_shop.ask("POST", "/orders", order).problem["detail"] == "There is no user 9"
    order["user_id"] = 1
    answer = full_shop.ask("POST", "/orders", order)
    assert (answer.status, answer.problem["detail"]) == (404, "There is no product 8")


def test_the_first_address_leads_to_the_page(api: Running) -> None:
    assert api.ask("GET", "/").headers["location"] == "/docs"


def test_letters_are_written_as_they_are(api: Running) -> None:
    api.ask("POST", "/users", {"email": "mai@example.com", "full_name": "Nguyễn Thị Mai"})
    assert "Nguyễn Thị Mai".encode() in api.ask("GET", "/users/1").body


def test_a_number_that_ends_in_point_zero_is_whole_as_in_json_schema(api: Running) -> None:
    made = api.send(
        "POST",
        "/products",
        '{"name": "A", "price_cents": 5.0}',
        JSON,
    )
    assert (made.status, made.json["price_cents"]) == (201, 5)
