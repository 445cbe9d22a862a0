"""The shop that each test gets, on the PostgreSQL that conftest.py at the top has chosen."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql
from sqlalchemy import event, make_url, text


@pytest.fixture(scope="session")
def database() -> str:
    """The database of the tests, with an empty schema for this worker; returns its URL."""
    from orderlib import server

    url = os.environ["DATABASE_URL"] or server.start(Path(os.environ["ORDERLIB_HOME"]))
    schema = sql.Identifier(os.environ["DATABASE_SCHEMA"])
    with psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(False)) as c:
        c.cursor().execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))
        c.cursor().execute(sql.SQL("CREATE SCHEMA {}").format(schema))
    c.close()
    return url


@pytest.fixture
def shop(database: str) -> Iterator[None]:
    """An empty shop in a transaction that is rolled back after the test."""
    from orderlib import engine, using

    with engine().connect() as connection, using(connection):
        yield


@pytest.fixture
def real_shop(database: str) -> Iterator[None]:
    """An empty shop whose transactions are real: for threads, statement counts, other programs."""
    from orderlib import engine

    def empty() -> None:
        with engine().begin() as connection:
            connection.execute(
                text("TRUNCATE users, products, orders, order_items RESTART IDENTITY")
            )

    empty()
    yield
    empty()


@pytest.fixture
def statements(real_shop: None) -> Iterator[list[str]]:
    """Everything that is sent to PostgreSQL during the test, BEGIN and COMMIT included."""
    from orderlib import engine

    sent: list[str] = []
    listeners: dict[str, Callable[..., object]] = {
        "begin": lambda connection: sent.append("BEGIN"),
        "commit": lambda connection: sent.append("COMMIT"),
        "rollback": lambda connection: sent.append("ROLLBACK"),
        "before_cursor_execute": lambda c, cursor, statement, p, context, many: sent.append(
            statement
        ),
    }
    for name, listener in listeners.items():
        event.listen(engine(), name, listener)
    yield sent
    for name, listener in listeners.items():
        event.remove(engine(), name, listener)
