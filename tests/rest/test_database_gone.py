"""The database is killed and comes back: 503 meanwhile, then service without a restart."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_tools import Person, data, new_home, postmaster, processes, wait_until

from orderlib import server

from .running import Running, running

ANA = {"email": "ana@example.com", "full_name": "Ana"}


@pytest.fixture
def home() -> Iterator[Path]:
    with new_home(Person()) as folder:
        yield folder


def kill_database(home: Path) -> None:
    """Kill the postmaster, and wait for its children: they see it when they look up."""
    os.kill(postmaster(home), signal.SIGKILL)
    wait_until(lambda: not processes(data(home)))


def ask_until_served(api: Running) -> set[int]:
    """Ask as an impatient client, until there is service again; returns the other statuses."""
    seen: set[int] = set()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = api.ask("GET", "/users")
        if answer.status == 200:
            assert [user["email"] for user in answer.json["users"]] == ["ana@example.com"]
            return seen
        seen.add(answer.status)
        assert answer.headers["retry-after"] == "1"
        assert answer.problem
        time.sleep(0.05)
    raise AssertionError(seen)


def test_the_private_server_is_killed_and_comes_back_by_itself(home: Path) -> None:
    with running(ORDERLIB_HOME=str(home), DATABASE_URL="", DATABASE_SCHEMA="") as api:
        assert api.ask("POST", "/users", ANA).status == 201
        for _ in range(2):
            kill_database(home)
            assert ask_until_served(api) <= {503}
        assert api.ask("GET", "/health").status == 200
        assert "Traceback" not in api.log.read_text()


def test_another_server_is_killed_and_comes_back_later(home: Path) -> None:
    with Person().using(home):
        url = f"postgresql://learner@/shop?host={server.status(home).socket}&port=5432"
        with running(DATABASE_URL=url, DATABASE_SCHEMA="", ORDERLIB_HOME="/nowhere") as api:
            assert api.ask("POST", "/users", ANA).status == 201
            kill_database(home)
            assert {status_without_database(api) for _ in range(5)} == {503}
            with Person().using(home):
                ask_until_served(api)
            assert "Traceback" not in api.log.read_text()


def status_without_database(api: Running) -> int:
    for method, path, body in [
        ("GET", "/users", None),
        ("POST", "/users", {"email": "ben@example.com", "full_name": "Ben"}),
        ("GET", "/health", None),
    ]:
        answer = api.ask(method, path, body)
        assert answer.headers["retry-after"] == "1"
        assert answer.problem["status"] == 503
    return answer.status
