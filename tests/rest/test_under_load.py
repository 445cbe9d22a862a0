"""Many at once, the slow among them, and a stop in the middle of it all."""

import http.client
import json
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress

from server_tools import wait_until
from shop.goods import sql
from sweep import size

from orderlib import Order, Session, create_product, create_user

from .running import Running, running

CLIENTS = 64
ITEMS = [{"product_id": number, "quantity": 1} for number in (1, 2, 3)]
ORDER = {"user_id": 1, "status": "pending", "items": ITEMS}


def goods() -> None:
    create_user("ana@example.com", "Ana")
    for number in (1, 2, 3):
        create_product(f"Product {number}", 100)


def at_once(number: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=[each], daemon=True) for each in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)


def half_orders() -> int:
    """Orders that do not have all three items, or whose prices are of different moments."""
    return len(
        sql(
            "SELECT 1 FROM orders LEFT JOIN order_items ON order_id = orders.id GROUP BY orders.id "
            "HAVING count(order_items.id) <> 3 OR count(DISTINCT price_cents_at_purchase) <> 1"
        )
    )


def test_64_clients_get_no_error_and_leave_no_half_order(api: Running) -> None:
    goods()
    deadline = time.monotonic() + size(10)
    statuses: Counter[tuple[str, int]] = Counter()
    errors: list[Exception] = []
    placed: set[int] = set()

    def client(number: int) -> None:
        chance = random.Random(number)
        with closing(api.connect()) as connection:
            while time.monotonic() < deadline:
                method, path, body = chance.choice(
                    [
                        ("POST", "/orders", ORDER),
                        ("GET", "/orders?user_id=1&limit=5", None),
                        ("GET", "/products", None),
                        ("GET", "/reports/best-sellers", None),
                        ("PATCH", "/users/1", {"full_name": f"Ana {number}"}),
                    ]
                )
                try:
                    answer = api.ask(method, path, body, connection=connection)
                except Exception as error:  # noqa: BLE001 - the test looks at it
                    errors.append(error)
                    return
                statuses[f"{method} {path}", answer.status] += 1
                if answer.status == 201:
                    placed.add(answer.json["id"])

    at_once(CLIENTS, client)
    assert errors == []
    assert {status for _, status in statuses} == {200, 201}, statuses
    assert statuses.total() > CLIENTS
    assert {row.id for row in sql("SELECT id FROM orders")} == placed
    assert half_orders() == 0
    assert not [line for line in api.lines() if "Traceback" in line or "Task queue" in line]


def test_what_is_answered_before_a_stop_is_stored_and_nothing_else(real_shop: None) -> None:
    for round_ in range(size(10)):
        stop_in_the_middle([signal.SIGTERM, signal.SIGINT][round_ % 2])


def stop_in_the_middle(how: signal.Signals) -> None:
    sql("TRUNCATE users, products, orders, order_items RESTART IDENTITY")
    goods()
    answered: set[int] = set()
    with running() as api:

        def client(_: int) -> None:
            gone = suppress(ConnectionError, http.client.HTTPException)
            with closing(api.connect()) as connection, gone:
                while True:
                    answer = api.ask("POST", "/orders", ORDER, connection=connection)
                    assert answer.status == 201
                    answered.add(answer.json["id"])

        threads = [threading.Thread(target=client, args=[n], daemon=True) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        before = len(answered)
        assert api.stop(how) == 0
        for thread in threads:
            thread.join(30)
        assert "Traceback" not in api.log.read_text()
    assert before > 0
    assert {row.id for row in sql("SELECT id FROM orders")} == answered
    assert half_orders() == 0


def test_a_stop_waits_for_what_is_begun_but_not_for_ever(real_shop: None) -> None:
    goods()
    with running() as api:
        api.ask("POST", "/orders", ORDER)
        answers: list[int] = []

        def change() -> None:
            answers.append(api.ask("POST", "/orders/1/status", {"status": "paid"}).status)

        with Session.begin() as db:
            db.get_one(Order, 1, with_for_update=True)
            thread = threading.Thread(target=change, daemon=True)
            thread.start()
            wait_until(lambda: sql("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
            api.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            assert api.process.poll() is None
        assert api.process.wait(10) == 0
        thread.join(10)
        assert answers == [200]
    assert sql("SELECT status FROM orders")[0].status == "paid"


def drip(client: socket.socket, request: bytes, stop: threading.Event) -> None:
    with suppress(OSError):
        for position in range(len(request)):
            if stop.wait(0.05):
                return
            client.sendall(request[position : position + 1])


def test_slow_clients_do_not_stop_the_others(api: Running) -> None:
    goods()
    body = json.dumps(ORDER).encode() + b" " * 10_000
    head = b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(body)
    stop = threading.Event()
    with ExitStack() as stack:
        for number in range(50):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", api.port)))
            if number % 2:
                client.sendall(head)  # half of them are slow with the body, half from the start
            request = body if number % 2 else head
            threading.Thread(target=drip, args=(client, request, stop), daemon=True).start()
        time.sleep(0.5)
        times = []
        for _ in range(50):
            began = time.monotonic()
            assert api.ask("POST", "/orders", ORDER).status == 201
            times.append(time.monotonic() - began)
        stop.set()
    assert sorted(times)[25] < 0.5
    assert max(times) < 5
    assert sql("SELECT count(*) FROM orders")[0] == (50,)


def test_a_client_that_does_not_read_its_answer_stops_nobody(api: Running) -> None:
    goods()
    for _ in range(20):
        api.ask("POST", "/orders", ORDER | {"items": ITEMS * 300})
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", api.port)))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"GET /orders?user_id=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        began = time.monotonic()
        assert api.ask("GET", "/users/1").status == 200
        assert time.monotonic() - began < 10
