"""What is wrong is said in one form, at the field where the function says it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from shop.goods import line

import orderlib
from api.problems import LARGEST_BODY

from .running import JSON, Running

LINE: dict[str, Any] = {"product_id": 1, "quantity": 1}
ORDER: dict[str, Any] = {"user_id": 1, "status": "paid", "items": [LINE]}
NOT_WHOLE: list[Any] = ["5", "", 5.5, True, None, [], {}, -1, 2**31, 10**40]
NOT_A_NAME: list[Any] = [5, None, "", " ", "\t", "x" * 201, "a\nb", "a\0b", "\ud800", [], {}]
NOT_AN_EMAIL: list[Any] = [5, None, "", "a b@c.d", "é@b.c", "x" * 250 + "@b.cd"]
BAD_USERS: list[dict[str, Any]] = [
    {},
    {"email": "ana@example.com"},
    {"email": "ana", "full_name": " "},
    {"email": "a@b.c", "full_name": "Ana", "colour": "red"},
    {"email": "a@b.c", "full_name": "Ana", "": 1},
    *({"email": text, "full_name": "Ana"} for text in NOT_AN_EMAIL),
    *({"email": "a@b.c", "full_name": name} for name in NOT_A_NAME),
]
BAD_PRODUCTS: list[dict[str, Any]] = [
    *({"name": "Pen", "price_cents": number} for number in NOT_WHOLE),
    *({"name": name, "price_cents": 1} for name in NOT_A_NAME),
]
NOT_LINES: list[Any] = [[], {}, None, "x", [LINE] * 1001, [5], [None], [[]]]
BAD_ORDERS: list[dict[str, Any]] = [
    *(ORDER | {"user_id": number} for number in [*NOT_WHOLE, 0]),
    *(ORDER | {"status": text} for text in ("", "open", "Paid", 5, None, "paid\0")),
    *(ORDER | {"items": lines} for lines in NOT_LINES),
    *(ORDER | {"items": [LINE, LINE | {"quantity": number}]} for number in [*NOT_WHOLE, 10_001]),
    ORDER | {"items": [{}, LINE | {"colour": 1}, {"product_id": 0}]},
]
BAD_BODIES = [
    *(("/users", orderlib.create_user, body) for body in BAD_USERS),
    *(("/products", orderlib.create_product, body) for body in BAD_PRODUCTS),
    *(("/orders", orderlib.create_order, body) for body in BAD_ORDERS),
]
BAD_QUERIES: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    ("/users?limit=0", orderlib.list_users, {"limit": 0}),
    ("/users?limit=1001", orderlib.list_users, {"limit": 1001}),
    ("/users?limit=", orderlib.list_users, {"limit": ""}),
    ("/users?limit=5.0", orderlib.list_users, {"limit": "5.0"}),
    ("/users?limit=%2B5", orderlib.list_users, {"limit": "+5"}),
    ("/users?limit=true&after=x", orderlib.list_users, {"limit": "true", "after": "x"}),
    ("/users?after=-1", orderlib.list_users, {"after": -1}),
    ("/users?after=99999999999999999999999", orderlib.list_users, {"after": 10**22}),
    ("/users?colour=1", orderlib.list_users, {"colour": "1"}),
    ("/products?search=%20", orderlib.list_products, {"search": " "}),
    ("/products?search=a%00b", orderlib.list_products, {"search": "a\0b"}),
    ("/products?search=" + "x" * 201, orderlib.list_products, {"search": "x" * 201}),
    ("/orders", orderlib.list_orders, {}),
    ("/orders?user_id=0&status=open", orderlib.list_orders, {"user_id": 0, "status": "open"}),
    ("/users/0", orderlib.get_user, {"user_id": 0}),
    ("/users/x", orderlib.get_user, {"user_id": "x"}),
    ("/orders/2147483648", orderlib.get_order, {"order_id": 2**31}),
    ("/reports/best-sellers?limit=1%200", orderlib.best_sellers, {"limit": "1 0"}),
]


def said_by(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(orderlib.InvalidInput) as caught:
        function(**given)
    return caught.value.problems


@pytest.mark.parametrize(("path", "function", "body"), BAD_BODIES)
def test_a_bad_body_gets_the_messages_of_the_function(
    client: FlaskClient, path: str, function: Callable[..., Any], body: dict[str, Any]
) -> None:
    answer = client.post(path, data=json.dumps(body), headers=JSON)
    assert answer.status_code == 422
    problems = said_by(function, body)
    assert answer.get_json(force=True)["errors"] == problems
    assert answer.get_json(force=True)["detail"] == str(orderlib.InvalidInput(problems))


@pytest.mark.parametrize(("address", "function", "given"), BAD_QUERIES)
def test_a_bad_address_gets_the_messages_of_the_function(
    client: FlaskClient, address: str, function: Callable[..., Any], given: dict[str, Any]
) -> None:
    answer = client.get(address)
    assert answer.status_code == 422
    assert answer.get_json(force=True)["errors"] == said_by(function, given)


@pytest.mark.parametrize(
    ("address", "errors"),
    [
        ("/users?limit=1&limit=2", {"limit": "is given more than once"}),
        ("/users?limit=1&limit=1", {"limit": "is given more than once"}),
        ("/users/1?user_id=1", {"user_id": "is in the address already"}),
    ],
)
def test_an_argument_is_given_once(
    client: FlaskClient, address: str, errors: dict[str, str]
) -> None:
    assert client.get(address).get_json(force=True)["errors"] == errors


def test_what_is_in_the_address_is_not_repeated_in_the_body(client: FlaskClient) -> None:
    answer = client.patch("/users/1", data='{"user_id": 1, "email": "a@b.c"}', headers=JSON)
    assert answer.get_json(force=True)["errors"] == {"user_id": "is in the address already"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"null",
        b'"text"',
        b'{"email": "a@b.c",}',
        b'{"email": "\xff"}',
        b"\xff\xfe{\x00}\x00",  # UTF-16
        b"email=a%40b.c&full_name=Ana",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{}{}",
    ],
    ids=repr,
)
def test_what_is_no_json_object_is_400(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/users", data=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.get_json(force=True)["detail"].startswith("The body ")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "1e300"])
def test_a_number_that_is_none_is_wrong_at_its_field(client: FlaskClient, number: str) -> None:
    body = f'{{"name": "Pen", "price_cents": {number}}}'
    answer = client.post("/products", data=body, headers=JSON)
    assert answer.status_code == 422
    assert list(answer.get_json(force=True)["errors"]) == ["price_cents"]


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data"],
)
def test_only_what_says_that_it_is_json_is_read(client: FlaskClient, media_type: str) -> None:
    body = '{"email": "a@b.c", "full_name": "Ana"}'
    answer = client.post("/users", data=body, headers={"Content-Type": media_type})
    assert answer.status_code == 415
    assert orderlib.list_users()["users"] == []


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_announced_in_other_ways(client: FlaskClient, media_type: str) -> None:
    body = '{"email": "a@b.c", "full_name": "Ana"}'
    answer = client.post("/users", data=body, headers={"Content-Type": media_type})
    assert answer.status_code == 201


def of_size(size: int) -> bytes:
    body = json.dumps({"email": "a@b.c", "full_name": "Ana"}).encode()
    return body + b" " * (size - len(body))


def test_a_body_of_one_mebibyte_is_read_and_a_larger_one_is_not(api: Running) -> None:
    assert api.send("POST", "/users", of_size(LARGEST_BODY), JSON).status == 201
    for size in (LARGEST_BODY + 1, 4 * LARGEST_BODY):
        answer = api.send("POST", "/users", of_size(size), JSON)
        assert answer.status == 413
        assert answer.problem["title"] == "Content Too Large"
        assert answer.problem["detail"] == "The body is larger than 1048576 bytes"


@pytest.mark.parametrize(("size", "status"), [(LARGEST_BODY, 201), (LARGEST_BODY + 1, 413)])
def test_the_size_also_counts_where_it_is_not_announced(
    api: Running, size: int, status: int
) -> None:
    connection = api.connect()
    parts = (of_size(size)[at : at + 65_536] for at in range(0, size, 65_536))
    connection.request("POST", "/users", parts, JSON, encode_chunked=True)
    assert connection.getresponse().status == status
    connection.close()


@pytest.mark.parametrize("path", ["/users", "/users/1", "/orders/1/status", "/health", "/docs"])
def test_another_method_is_405_and_says_which_there_are(client: FlaskClient, path: str) -> None:
    answer = client.put(path, data="{}", headers=JSON)
    assert answer.status_code == 405
    assert answer.headers["Content-Type"] == "application/problem+json"
    for method in answer.headers["Allow"].split(", "):
        assert client.open(path, method=method).status_code != 405


@pytest.mark.parametrize("error", [orderlib.Busy, orderlib.DatabaseUnavailable])
def test_what_passes_is_503_and_says_when_to_come_again(
    client: FlaskClient, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error("Try again.")

    monkeypatch.setattr("orderlib.get_db", fail)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.get_json(force=True)["detail"] == "Try again."


def test_a_row_that_somebody_else_holds_is_503(api: Running) -> None:
    orderlib.create_user("ana@example.com", "Ana")
    orderlib.create_product("Pen", 1)
    orderlib.create_order(1, "pending", [line(1)])
    with orderlib.Session.begin() as db:
        db.get_one(orderlib.Order, 1, with_for_update=True)
        answer = api.ask("POST", "/orders/1/status", {"status": "paid"})
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "holds a lock" in answer.problem["detail"]
    assert api.ask("POST", "/orders/1/status", {"status": "paid"}).status == 200


def test_a_fault_of_the_program_shows_no_inside(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("orderlib.get_db", fail)
    answer = client.get("/health")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert b"secret" not in answer.data
    assert b"Error" not in answer.data.replace(b"Internal Server Error", b"")
    assert "a secret of the inside" in caplog.text  # the server's log tells it


def test_half_a_letter_in_a_name_is_written_as_an_escape(client: FlaskClient) -> None:
    answer = client.post("/users", data=rb'{"\ud800": 1}', headers=JSON)
    assert answer.status_code == 422
    answer.data.decode()
