"""The PostgreSQL that the tests talk to, and the shop that each test gets.

All workers of a test run share one private server in a folder of its own: the learner's data is
not touched. TEST_DATABASE_URL names another PostgreSQL instead. Each worker has its own schema.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql
from sqlalchemy import event, make_url, text

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")


def pytest_configure(config: pytest.Config) -> None:
    """Runs before any test module is imported; workers inherit what the first process sets."""
    if WORKER in ("alone",) and "TEST_HOME" not in os.environ:
        os.environ["TEST_HOME"] = tempfile.mkdtemp(prefix="orderlib-tests-")
        Path(os.environ["TEST_HOME"]).chmod(0o755)
        config.add_cleanup(_remove_home)
    os.environ["ORDERLIB_HOME"] = os.environ["TEST_HOME"]
    os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")  # never that of .env
    os.environ["DATABASE_SCHEMA"] = f"test_{WORKER}"


def _remove_home() -> None:
    from orderlib import server

    home = Path(os.environ.pop("TEST_HOME"))
    server.stop(home)
    shutil.rmtree(home)


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
    listeners = {
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
