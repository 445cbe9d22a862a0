"""Where a transaction begins and ends, and what a failure in the middle leaves: nothing."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event, text

from orderlib import (
    Busy,
    Conflict,
    DatabaseUnavailable,
    User,
    change_status,
    create_user,
    delete_product,
    engine,
    get_db,
    get_user,
    list_orders,
    list_users,
    update_product,
    update_user,
    using,
)

from .goods import at_once, customer, everything, order, product, sql

pytestmark = pytest.mark.usefixtures("real_shop")


def seen_from_outside() -> list[str]:
    """The e-mails that another connection sees."""
    with engine().connect() as other:
        return [email for (email,) in other.execute(text("SELECT email FROM users ORDER BY id"))]


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.01)


def backend(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def kill(pid: int) -> None:
    """End a session of the server, and wait until it has ended."""
    with engine().connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        gone = text("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = :pid")

        def has_gone() -> bool:
            other.rollback()
            return bool(other.scalar(gone, {"pid": pid}))

        wait_until(has_gone)


WAITS_FOR = "SELECT pid FROM pg_stat_activity WHERE :holder = ANY (pg_blocking_pids(pid))"


def waiters(holder: Connection) -> list[int]:
    """The sessions that wait for this one; there may be other tests beside this one."""
    with engine().connect() as other:
        return list(other.scalars(text(WAITS_FOR), {"holder": backend(holder)}))


@contextmanager
def locked(table: str) -> Iterator[Connection]:
    """Another session holds all rows of a table."""
    with engine().connect() as other:
        other.execute(text(f"SELECT * FROM {table} FOR UPDATE"))
        yield other


def fail_in_a_transaction(error: type[BaseException]) -> None:
    with get_db() as db:
        db.add(User(email="lost@b.c", full_name="Lost"))
        db.flush()
        raise error


# using(connection)


def test_what_happens_on_a_connection_is_seen_from_outside_only_after_its_commit() -> None:
    with engine().connect() as connection:
        with using(connection):
            user = create_user("ana@example.com", "Ana")
            assert get_user(user["id"]) == user
            assert seen_from_outside() == []
        assert seen_from_outside() == []
        connection.commit()
    assert seen_from_outside() == ["ana@example.com"]


def test_the_owner_of_the_connection_may_roll_everything_back() -> None:
    with engine().connect() as connection, using(connection):
        order(customer(), product())
        connection.rollback()
    assert not any(everything().values())


def test_a_connection_with_a_transaction_of_its_own_keeps_it() -> None:
    with engine().connect() as connection:
        connection.execute(text("INSERT INTO users (email, full_name) VALUES ('a@b.c', 'A')"))
        with using(connection):
            customer("b@b.c")
            assert len(list_users()["users"]) == 2
        connection.commit()
    assert seen_from_outside() == ["a@b.c", "b@b.c"]


def test_a_commit_inside_is_a_savepoint_and_an_error_leaves_what_was_before() -> None:
    with engine().connect() as connection:
        with using(connection):
            customer("a@b.c")
            with pytest.raises(Conflict):
                customer("A@B.C")
            with pytest.raises(ZeroDivisionError):
                fail_in_a_transaction(ZeroDivisionError)
            customer("b@b.c")
        connection.commit()
    assert seen_from_outside() == ["a@b.c", "b@b.c"]


def test_a_function_on_a_connection_sends_savepoints_and_no_commit() -> None:
    sent = []
    with engine().connect() as connection:
        for name in ("savepoint", "release_savepoint", "rollback_savepoint", "commit", "rollback"):
            event.listen(connection, name, lambda *_, name=name: sent.append(name))
        with using(connection):
            customer()
            assert sent == ["savepoint", "release_savepoint"]
            with pytest.raises(Conflict):
                customer()
            assert sent[2:] == ["savepoint", "rollback_savepoint"]


def test_it_holds_for_this_thread_only() -> None:
    def another() -> list[str]:
        customer("thread@b.c")
        return [user["email"] for user in list_users()["users"]]

    with engine().connect() as connection, using(connection):
        customer()
        assert at_once(another) == [["thread@b.c"]]
    assert seen_from_outside() == ["thread@b.c"]


def test_two_threads_have_two_connections() -> None:
    def rolled_back(email: str) -> list[str]:
        with engine().connect() as connection, using(connection):
            customer(email)
            return [user["email"] for user in list_users()["users"]]

    both = at_once(lambda: rolled_back("a@b.c"), lambda: rolled_back("b@b.c"))
    assert both == [["a@b.c"], ["b@b.c"]]
    assert seen_from_outside() == []


def test_it_nests() -> None:
    with engine().connect() as first, engine().connect() as second:
        with using(first):
            customer("first@b.c")
            with using(second):
                customer("second@b.c")
                assert [user["email"] for user in list_users()["users"]] == ["second@b.c"]
            customer("first.again@b.c")
        second.commit()
        assert seen_from_outside() == ["second@b.c"]
        first.commit()
    assert seen_from_outside() == ["first@b.c", "second@b.c", "first.again@b.c"]


@pytest.mark.parametrize("error", [ValueError, Conflict, KeyboardInterrupt, SystemExit])
def test_what_was_before_is_there_again_after_an_error(error: type[BaseException]) -> None:
    with engine().connect() as connection:
        with pytest.raises(error), using(connection):
            fail_in_a_transaction(error)
        customer("outside@b.c")
        assert seen_from_outside() == ["outside@b.c"]


# get_db


@pytest.mark.parametrize(
    "error", [ValueError, Conflict, KeyboardInterrupt, SystemExit, GeneratorExit]
)
def test_any_error_in_a_transaction_rolls_it_back(error: type[BaseException]) -> None:
    with pytest.raises(error):
        fail_in_a_transaction(error)
    assert seen_from_outside() == []


def test_the_end_of_the_block_commits() -> None:
    with get_db() as db:
        ana = User(email="a@b.c", full_name="A")
        db.add(ana)
        db.flush()
        assert seen_from_outside() == []
    assert seen_from_outside() == ["a@b.c"]
    assert ana.email == "a@b.c", "rows stay readable after the commit"


def test_no_connection_stays_checked_out_whatever_happens() -> None:
    for error in (ValueError, Conflict, KeyboardInterrupt):
        with pytest.raises(error):
            fail_in_a_transaction(error)
    customer()
    with pytest.raises(Conflict):
        customer()
    checked_out = engine().pool.checkedout()  # type: ignore[attr-defined]
    assert checked_out == 0


# The server ends a session


@contextmanager
def killed_at(moment: str) -> Iterator[None]:
    """End the session that sends this statement, just before it does."""

    def before_statement(
        connection: Connection, cursor: object, statement: str, *_: object
    ) -> None:
        if moment in statement:
            kill(connection.connection.driver_connection.get_backend_pid())  # type: ignore[union-attr]

    def before_commit(connection: Connection) -> None:
        if moment == "COMMIT":
            kill(connection.connection.driver_connection.get_backend_pid())  # type: ignore[union-attr]

    event.listen(engine(), "before_cursor_execute", before_statement)
    event.listen(engine(), "commit", before_commit)
    try:
        yield
    finally:
        event.remove(engine(), "before_cursor_execute", before_statement)
        event.remove(engine(), "commit", before_commit)


@pytest.mark.parametrize("moment", ["INSERT INTO orders", "INSERT INTO order_items", "COMMIT"])
def test_an_order_whose_session_is_killed_leaves_nothing_and_the_next_call_works(
    moment: str,
) -> None:
    user, pen = customer(), product()
    before = everything()
    with killed_at(moment), pytest.raises(DatabaseUnavailable) as caught:
        order(user, pen, pen)
    assert "Look whether the change was stored" in str(caught.value)
    assert_speaks_to_a_learner(caught.value)
    assert everything() == before
    placed = order(user, pen)
    assert list_orders(user)["orders"] == [placed]


def test_a_call_whose_session_is_killed_while_it_waits_leaves_nothing() -> None:
    user = customer()

    with locked("users") as holder:

        def end_the_one_who_waits() -> None:
            wait_until(lambda: waiters(holder))
            kill(*waiters(holder))

        waiting, ended = at_once(lambda: update_user(user, full_name="New"), end_the_one_who_waits)
    assert ended is None
    assert isinstance(waiting, DatabaseUnavailable)
    assert_speaks_to_a_learner(waiting)
    assert get_user(user)["full_name"] == "Ana Silva"


def test_a_killed_connection_of_using_is_reported_too() -> None:
    with engine().connect() as connection, using(connection):
        user = customer()
        kill(backend(connection))
        with pytest.raises(DatabaseUnavailable):
            get_user(user)
    assert list_users()["users"] == []


# Someone else is changing the same rows


def assert_speaks_to_a_learner(error: BaseException) -> None:
    said = f"{error} {error!r}"
    for word in ("psycopg", "SQLSTATE", "ERROR", "canceling", "relation", "sqlalche", "CONTEXT"):
        assert word not in said
    assert error.__cause__ is None
    assert error.__suppress_context__


@contextmanager
def hasty(setting: str) -> Iterator[None]:
    """A session that waits a twentieth of a second only."""
    with engine().connect() as connection, using(connection):
        sql(f"SET LOCAL {setting} = '50ms'")
        yield


@pytest.mark.parametrize("setting", ["lock_timeout", "statement_timeout"])
@pytest.mark.parametrize("table", ["users", "products", "orders"])
def test_who_waits_too_long_is_told_to_try_again(setting: str, table: str) -> None:
    user, pen = customer(), product()
    placed = order(user, pen)
    calls: dict[str, Callable[[], object]] = {
        "users": lambda: update_user(user, email="new@b.c"),
        "products": lambda: delete_product(pen),
        "orders": lambda: change_status(placed["id"], "paid"),
    }
    before = everything()
    with locked(table), hasty(setting):
        with pytest.raises(Busy, match=r"[Tt]ry again") as caught:
            calls[table]()
        assert list_orders(user)["orders"] == [placed], "the transaction goes on"
    assert_speaks_to_a_learner(caught.value)
    assert everything() == before


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_serialization_failure_is_busy(isolation: str) -> None:
    pen = product("Pen", 100)
    with engine().connect() as connection:
        connection.execution_options(isolation_level=isolation)
        with using(connection):
            sql("SELECT * FROM products")
            assert at_once(lambda: update_product(pen, price_cents=200)["price_cents"]) == [200]
            with pytest.raises(Busy, match="Try again") as caught:
                update_product(pen, price_cents=300)
    assert_speaks_to_a_learner(caught.value)
    assert sql("SELECT price_cents FROM products") == [(200,)]


def test_a_deadlock_is_busy_for_one_and_done_for_the_other() -> None:
    pen, ink = product("Pen", 1), product("Ink", 1)
    both_have_one = threading.Barrier(2)

    def change(first: int, second: int, price_cents: int) -> int:
        with engine().connect() as connection:
            with using(connection):
                update_product(first, price_cents=price_cents)
                both_have_one.wait(20)
                update_product(second, price_cents=price_cents)
            connection.commit()
            return price_cents

    results = at_once(lambda: change(pen, ink, 100), lambda: change(ink, pen, 200))
    [busy] = [each for each in results if isinstance(each, Exception)]
    assert isinstance(busy, Busy), busy
    assert_speaks_to_a_learner(busy)
    [done] = [each for each in results if isinstance(each, int)]
    assert sql("SELECT DISTINCT price_cents FROM products") == [(done,)]


def test_all_connections_in_use_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = engine().pool
    monkeypatch.setattr(pool, "_timeout", 0.05)
    held = [engine().connect() for _ in range(pool.size() + pool._max_overflow)]  # type: ignore[attr-defined]
    try:
        with pytest.raises(Busy, match="Try again"):
            list_users()
    finally:
        for connection in held:
            connection.close()
    assert list_users()["users"] == []


# Ctrl-C, and Jupyter's stop button

# What a shell started in the background ignores the signal, and so do its children.
LISTEN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
WAIT_FOR_A_ROW = f"""
{LISTEN}
import sys
from orderlib import *
user = int(sys.argv[1])
get_user(user)
print("ready", flush=True)
for attempt in range(2):
    try:
        update_user(user, full_name=f"Changed {{attempt}}")
    except (KeyboardInterrupt, Busy):
        print("back", flush=True)
        sys.stdin.readline()
print(get_user(user)["full_name"], flush=True)
"""


def test_an_interrupt_ends_the_waiting_and_the_next_call_works() -> None:
    user = customer()
    with (
        locked("users") as holder,
        subprocess.Popen(
            [sys.executable, "-c", WAIT_FOR_A_ROW, str(user)],
            env={**os.environ},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as child,
    ):
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        wait_until(lambda: waiters(holder))
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "back\n"
        assert time.monotonic() - began < 2
        assert waiters(holder) == [], "the statement was cancelled on the server too"
        holder.rollback()
        output, errors = child.communicate("\n", timeout=20)
    assert (output, errors, child.returncode) == ("Changed 1\n", "", 0)


SEND_WITHOUT_END = f"""
{LISTEN}
from orderlib import Busy, list_users
list_users()
print("ready", flush=True)
for attempt in range(5):
    try:
        while True:
            list_users()
    except (KeyboardInterrupt, Busy):
        print("back", flush=True)
"""


def test_an_interrupt_is_never_swallowed() -> None:
    """Also one that comes when the answer is already on its way."""
    with subprocess.Popen(
        [sys.executable, "-c", SEND_WITHOUT_END], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        try:
            for _ in range(5):
                time.sleep(0.1)  # into the middle of the work
                child.send_signal(signal.SIGINT)
                heard, _, _ = select.select([child.stdout], [], [], 4)
                assert heard, "the interrupt was swallowed"
                assert child.stdout.readline() == "back\n"
        finally:
            child.kill()
