"""How `python -m api` starts, what it logs, and how it ends."""

import re
import signal
import socket
import time
from contextlib import closing

import pytest
from server_tools import wait_until

from orderlib import address
from orderlib.config import Settings

from .running import ROOT, Running, environment, refused, running

LINE = re.compile(r"[A-Z]+ /\S* \d{3} \d+\.\d ms")


def raw(api: Running, request: bytes) -> bytes:
    """Send these bytes and read until the other side closes."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        parts = []
        while part := client.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def test_the_first_line_says_which_shop_it_serves_and_where(api: Running) -> None:
    expected = f"http://localhost:{api.port} serves {address()}. "
    expected += f"Read http://localhost:{api.port}/docs; Ctrl-C ends it."
    assert api.lines()[0] == expected


def test_without_settings_it_is_this_computer_and_8021(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_HOST", "API_PORT", "API_TOKEN"):
        monkeypatch.setenv(name, "")
    settings = Settings.load()
    assert (settings.api_host, settings.api_port, settings.api_token) == ("127.0.0.1", "8021", "")


def test_each_request_is_one_line_without_what_may_be_private(api: Running) -> None:
    before = len(api.lines())
    api.ask("GET", "/users?limit=5")
    api.ask("GET", "/orders?user_id=12345678")
    api.send("GET", "/a%0Ab%1B%20c?x=secret", headers={"X-Secret": "secret"})
    raw(api, b"POST /users HTTP/1.1\r\nContent-Length: x\r\n\r\n")
    wait_until(lambda: len(api.lines()) >= before + 4)  # a line is written after its answer
    new = api.lines()[before:]
    assert all(LINE.fullmatch(line) for line in new), new
    assert sorted(" ".join(line.split()[:3]) for line in new) == [
        "GET /a%0Ab%1B%20c 404", "GET /orders 404", "GET /users 200", "POST /users 400",
    ]  # fmt: skip


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly(database: str, how: signal.Signals) -> None:
    with running() as api:
        assert api.ask("GET", "/health").status == 200
        with closing(api.connect()) as idle:  # a client that stays and says nothing
            idle.connect()
            began = time.monotonic()
            assert api.stop(how) == 0
            assert time.monotonic() - began < 5
        assert len(api.lines()) == 2, api.lines()


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(API_PORT=str(port))
    where = f"Cannot listen at 127.0.0.1, port {port}: Address already in use."
    assert said == f"{where} See API_HOST and API_PORT.\n"


@pytest.mark.parametrize("port", ["x", "-1", "65536", "80.5", "٨", "9" * 5000, " "])
def test_a_port_that_is_none_is_one_sentence(port: str) -> None:
    said = refused(API_PORT=port)
    assert said.startswith("API_PORT is ")
    assert said.count("\n") == 1


def test_a_host_that_does_not_exist_is_one_sentence() -> None:
    said = refused(API_HOST="no such host", API_TOKEN="token")
    assert said.startswith("Cannot listen at no such host")
    assert said.count("\n") == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "shop.example.com", "127.0.0.2"])
def test_for_other_computers_it_takes_a_token(host: str) -> None:
    said = refused(API_HOST=host)
    assert said.startswith(f"With API_HOST={host} other computers could change the shop: ")
    assert "API_TOKEN" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("token", ["open sesame", "päss", "a\nb"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(token: str) -> None:
    said = refused(API_TOKEN=token)
    assert said.startswith("API_TOKEN may have ")
    assert token not in said


def test_with_a_token_it_listens_for_others(database: str) -> None:
    with running(API_HOST="0.0.0.0", API_TOKEN="token") as api:
        assert api.lines()[0].startswith(f"http://0.0.0.0:{api.port} serves ")
        assert api.ask("GET", "/health").status == 200


def test_without_a_database_it_says_so_and_does_not_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = refused(DATABASE_URL=f"postgresql://ana:secret@127.0.0.1:{port}/shop")
    assert said.startswith(f"Nothing listens at 127.0.0.1, port {port}")
    assert "secret" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /users HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", 400),
        (b"POST /users HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /users HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET /users HTTP/1.1\r\nX: " + b"x" * 33_000 + b"\r\n\r\n", 431),
        (b"GET /users?search=" + b"x" * 33_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"POST /users HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", 413),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_http_is_a_problem_too(api: Running, request_: bytes, status: int) -> None:
    head, _, body = raw(api, request_).partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert b"application/problem+json" in head
    assert b'"status": %d' % status in body
    assert api.ask("GET", "/health").status == 200


def test_who_asks_before_sending_nothing_is_answered(api: Running) -> None:
    for head in (b"GET /users", b"POST /users"):
        request = head + b" HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        assert raw(api, request + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 ")


def test_what_is_imported_is_little() -> None:
    """No notebook, no pandas: a lesson starts it in a second."""
    import subprocess
    import sys

    heavy = "[name for name in ('pandas', 'IPython', 'jupyterlab', 'numpy') if name in sys.modules]"
    found = subprocess.run(
        [sys.executable, "-c", f"import sys, api.__main__; print({heavy})"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "[]\n"
