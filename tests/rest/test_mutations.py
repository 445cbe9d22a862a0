"""Requests that nobody should send: thousands of them give no 500, and lose nothing.

Each starts as a good one, and something about it is changed: a value, a name, the encoding, a
header, the address, the size. What is answered with 2xx is done, nothing else is: the rows are
counted by what the answers say, and compared with those in the tables.
"""

import http.client
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shop.goods import line, sql
from sweep import size

from api.problems import LARGEST_BODY, LARGEST_HEADERS
from api.routes import ROUTES
from orderlib import create_order, create_product, create_user

from .running import JSON, Answer, Running

Request = tuple[str, str, bytes | None, Mapping[str, str]]
POSSIBLE = {200, 201, 204, 302, 400, 404, 405, 409, 413, 415, 421, 422, 431, 501}
TABLES = {"/users": "users", "/products": "products", "/orders": "orders"}

ids = st.integers(1, 4) | st.integers(-2, 2**33)
texts = st.text(max_size=20) | st.text(st.characters(), max_size=220)
words = st.sampled_from(["paid", "pending", "ANA@example.com", "", " ", "\0", "\ud800", "x" * 201])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ids | texts | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
a_line = st.fixed_dictionaries({"product_id": st.integers(1, 3), "quantity": st.integers(0, 3)})
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "email": st.integers(0, 10**9).map(lambda number: f"u{number}@example.com"),
    "full_name": st.just("Ana Silva"),
    "name": st.just("Pen"),
    "price_cents": st.integers(0, 9),
    "user_id": st.integers(1, 3),
    "status": st.sampled_from(["pending", "paid", "cancelled"]),
    "items": st.lists(a_line, min_size=1, max_size=3),
}
FIELDS = {
    "create_user": ["email", "full_name"],
    "update_user": ["email", "full_name"],
    "create_product": ["name", "price_cents"],
    "update_product": ["name", "price_cents"],
    "create_order": ["user_id", "status", "items"],
    "change_status": ["status"],
}
HEADERS = st.sampled_from(
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": ""},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Encoding": "gzip"},
        {"Transfer-Encoding": "gzip"},
        {"Content-Length": "x"},
        {"Expect": "100-continue"},
        {"Host": "example.com"},
        {"Authorization": "Bearer x"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"X-Long": "x" * LARGEST_HEADERS},
    ]
)


@st.composite
def bodies(draw: st.DrawFn, function: str) -> bytes:  # noqa: PLR0911 - one for each mutation
    body = {name: draw(GOOD[name]) for name in FIELDS[function]}
    match draw(st.integers(0, 15)):
        case 0 | 1 | 2:
            body[draw(st.sampled_from([*body, "colour", ""]))] = draw(anything)
        case 3:
            del body[draw(st.sampled_from(list(body)))]
        case 4:
            return draw(st.binary(max_size=50))
        case 5:
            return json.dumps(draw(anything)).encode()
        case 6:
            return json.dumps(body).encode(draw(st.sampled_from(["utf-16", "utf-32", "utf-8-sig"])))
        case 7:
            text = json.dumps(body).encode()
            cut = draw(st.integers(0, len(text)))
            return text[:cut] + draw(st.binary(max_size=3)) + text[cut + draw(st.integers(0, 2)) :]
        case 8:
            size = draw(st.integers(LARGEST_BODY - 2, LARGEST_BODY + 2))
            return json.dumps(body).encode().ljust(size)
        case 9 if draw(st.integers(0, 5)) == 0:
            return b'{"a":' * draw(st.integers(1, 100_000))
    return json.dumps(body).encode()


@st.composite
def requests(draw: st.DrawFn) -> Request:
    route = draw(st.sampled_from(ROUTES))
    method, path = route.method, route.path
    if "<" in path:
        text = st.sampled_from(["x", "1.0", "%00", "%FF", "..", "1/", "%2F", "9" * 50, "", "+1"])
        start, _, rest = path.partition("<")
        path = start + draw(ids.map(str) | text) + rest.partition(">")[2]
    body = draw(bodies(route.function.__name__)) if route.has_body else None
    if draw(st.integers(0, 5)) == 0 or (method == "GET" and draw(st.booleans())):
        names = st.sampled_from(
            ["limit", "after", "user_id", "status", "search", "days", "x", "%00"]
        )
        some = st.sampled_from(["1", "0", "-1", "paid", "", "%FF", "%00", "a%20b", "1e3", "9" * 99])
        pairs = draw(st.lists(st.tuples(names, some), min_size=1, max_size=3))
        path += "?" + "&".join(f"{name}={value}" for name, value in pairs)
    if draw(st.integers(0, 15)) == 0:
        method = draw(
            st.sampled_from(["PUT", "OPTIONS", "HEAD", "TRACE", "POST", "DELETE", "BREW"])
        )
    headers = {**JSON, **(draw(HEADERS) if draw(st.integers(0, 5)) == 0 else {})}
    return method, path, body, headers


def send(api: Running, request: Request) -> Answer | None:
    """None where the server hangs up while it is still being told: it refused what came."""
    try:
        return api.send(*request)
    except (ConnectionError, http.client.BadStatusLine):
        return None


def stored() -> dict[str, int]:
    return {table: sql(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES.values()}


@pytest.mark.timeout(1200)
def test_no_mutation_gives_a_500_and_what_is_answered_is_what_is_stored(api: Running) -> None:
    create_user("ana@example.com", "Ana")
    create_product("Pen", 1)
    create_order(1, "paid", [line(1)])
    rows = Counter(stored())
    seen: Counter[int] = Counter()

    @settings(
        max_examples=size(10_000),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests())
    def check(request: Request) -> None:
        answer = send(api, request)
        if answer is None:
            return
        seen[answer.status] += 1
        assert answer.status in POSSIBLE
        method, path, _, _ = request
        if answer.status >= 400 and method != "HEAD":
            assert answer.problem
        table = TABLES.get("/" + path.split("/")[1].split("?")[0], "")
        rows[table] += {201: 1, 204: -1}.get(answer.status, 0)

    check()
    with closing(api.connect()) as connection:  # the server is as it was
        assert api.send("GET", "/health", connection=connection).status == 200
    assert stored() == {table: rows[table] for table in TABLES.values()}
    assert {200, 201, 204, 400, 404, 405, 409, 413, 415, 421, 422} <= set(seen), seen
    assert not [each for each in api.lines() if " 500 " in each or "Traceback" in each]
    assert sql("SELECT count(*) FROM orders WHERE id NOT IN (SELECT order_id FROM order_items)")[
        0
    ] == (0,)
