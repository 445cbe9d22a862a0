"""Who gets in: tried with real requests, and with a real browser."""

import http.server
import shutil
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import sync_playwright

from api.routes import ROUTES
from orderlib import create_user, list_users

from .conftest import TOKEN
from .running import JSON, Running

ADDRESSES = [
    *((route.method, route.path.replace("<", "").replace(">", "")) for route in ROUTES),
    *(("GET", path) for path in ("/", "/docs", "/openapi.json", "/health", "/nothing")),
    ("OPTIONS", "/users"),
    ("PUT", "/users"),
]
ANA = '{"email": "ana@example.com", "full_name": "Ana"}'
CHROMIUM = shutil.which("chromium")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:{port}", "LOCALHOST:{port}", "[::1]:80"])
def test_this_computer_gets_in(api: Running, host: str) -> None:
    headers = {"Host": host.format(port=api.port)}
    assert api.send("GET", "/users", headers=headers).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "example.com:{port}",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "example.com@localhost",
        "localhost@example.com",
        "localhost, example.com",
        "127.0.0.2",
        "",
        "[",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/users"), ("POST", "/users"), ("GET", "/x")])
def test_a_name_that_is_not_of_this_computer_does_not(
    api: Running, host: str, method: str, path: str
) -> None:
    headers = {"Host": host.format(port=api.port), **JSON}
    answer = api.send(method, path, ANA, headers)
    assert answer.status == 421
    assert answer.problem["title"] == "Misdirected Request"
    assert list_users()["users"] == []


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_no_answer_permits_another_origin_anything(api: Running, method: str, path: str) -> None:
    headers = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
    headers |= {"Access-Control-Request-Headers": "content-type"}
    for more in ({}, JSON, {"Host": "example.com"}):
        answer = api.send(method, path, ANA, {**headers, **more})
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.fixture
def foreign_page() -> Iterator[str]:
    """The address of an empty page of another origin."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.skipif(
    not CHROMIUM, reason="Chromium is missing. On Debian and Ubuntu: sudo apt-get install chromium"
)
def test_a_page_of_another_origin_neither_reads_nor_writes_through_a_browser(
    api: Running, foreign_page: str
) -> None:
    create_user("ben@example.com", "Ben")
    attempts = {
        "read": f"fetch('{api.address}/users').then(r => r.text())",
        "json": f"fetch('{api.address}/users', {{method: 'POST', body: '{ANA}', "
        "headers: {'Content-Type': 'application/json'}}).then(r => r.text())",
        "text": f"fetch('{api.address}/users', {{method: 'POST', body: '{ANA}', mode: 'no-cors'}})"
        ".then(r => r.text())",
        "delete": f"fetch('{api.address}/users/1', {{method: 'DELETE'}}).then(r => r.text())",
    }
    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        page = browser.new_page()
        page.goto(foreign_page)
        seen = {
            name: page.evaluate(f"() => {code}.catch(error => 'refused')")
            for name, code in attempts.items()
        }
        page.goto(f"{api.address}/docs")  # while a page of its own may
        own = page.evaluate("() => document.title")
        browser.close()
    assert seen == {"read": "refused", "json": "refused", "text": "", "delete": "refused"}
    assert [user["email"] for user in list_users()["users"]] == ["ben@example.com"]
    assert own == "The Order Workbook: the REST API"


# With a token


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_every_address_takes_the_token(locked_api: Running, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = locked_api.send(method, path, ANA, {**headers, **JSON})
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN.encode() not in answer.body
        assert answer.problem
    assert list_users()["users"] == []
    assert locked_api.ask(method, path).status != 401


@pytest.mark.parametrize(
    "given",
    [
        TOKEN,
        f"Basic {TOKEN}",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f"Bearer {TOKEN} {TOKEN}",
        f"Bearer {TOKEN}, Bearer {TOKEN}",
        "Bearer \xff\xfe",
        "Bearer " + "x" * 10_000,
    ],
)
def test_what_is_not_the_token_is_refused(locked_api: Running, given: str) -> None:
    assert locked_api.send("GET", "/users", headers={"Authorization": given}).status == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_word_before_it_may_be_written_in_any_case(locked_api: Running, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {TOKEN}"}
    assert locked_api.send("GET", "/users", headers=headers).status == 200


def test_with_the_token_any_name_of_this_computer_will_do(locked_api: Running) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Host": "shop.example.com"}
    assert locked_api.send("GET", "/users", headers=headers).status == 200


def test_nothing_in_the_log_gives_a_token_away(locked_api: Running) -> None:
    locked_api.ask("GET", "/users")
    locked_api.send("GET", f"/users?token={TOKEN}", headers={"Authorization": "Bearer my-guess"})
    locked_api.send("POST", "/users", f"{TOKEN}", {"Authorization": f"Bearer {TOKEN}", **JSON})
    log = "\n".join(locked_api.lines())
    assert "GET /users 401" in log
    assert TOKEN not in log
    assert "my-guess" not in log
