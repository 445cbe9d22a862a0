"""start(): a lesson opens, always, and harms nobody.

The lessons here are none of the course, which other workers may be running at this moment.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from threading import Timer

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError

from orderlib import (
    Busy,
    Conflict,
    DatabaseUnavailable,
    NotFound,
    create_user,
    engine,
    list_users,
    sample_data,
    server,
)
from orderlib.database import reconnect
from orderlib.teaching import start as start_module_function
from orderlib.teaching.start import LESSONS, MARK, _schema_name, start

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
EMPTY, FULL = f"empty_{WORKER}", f"full_{WORKER}"
MORE_LESSONS: dict[str, Callable[[], None] | None] = {EMPTY: None, FULL: sample_data.load}


@pytest.fixture(autouse=True)
def two_lessons(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two more lessons; afterwards their schemas are gone and orderlib talks to the tests' own."""
    for lesson, data in MORE_LESSONS.items():
        monkeypatch.setitem(LESSONS, lesson, data)
    for variable in ("DATABASE_URL", "DATABASE_SCHEMA"):
        monkeypatch.setenv(variable, os.environ[variable])
    reconnect()
    yield
    monkeypatch.undo()
    drop_lessons()


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The private server, whatever the other tests use; its URL."""
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("DATABASE_SCHEMA", "public")
    reconnect()
    yield server.start()
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("DATABASE_SCHEMA", "public")
    drop_lessons()


def drop_lessons() -> None:
    reconnect()
    with engine().begin() as connection:
        for name in connection.scalars(text("SELECT nspname FROM pg_namespace")).all():
            if name.endswith((f"lesson_{EMPTY}", f"lesson_{FULL}")):
                connection.exec_driver_sql(f'DROP SCHEMA "{name}" CASCADE')


@pytest.fixture
def another_program() -> Iterator[Callable[..., Connection]]:
    """A function that connects to the shop as another program would."""
    connections: list[Connection] = []

    def connect(username: str | None = None) -> Connection:
        url = engine().url.set(username=username) if username else engine().url
        connections.append(create_engine(url).connect())
        return connections[-1]

    yield connect
    for each in connections:
        each.invalidate()
        each.close()


def emails() -> list[str]:
    return [user["email"] for user in list_users()["users"]]


def is_alive(connection: Connection) -> bool:
    try:
        return bool(connection.scalar(text("SELECT 1")))
    except OperationalError:
        return False


def test_the_word_of_the_lessons_is_this_function() -> None:
    assert start_module_function is start


def test_a_lesson_opens_with_its_data() -> None:
    start(FULL)
    assert emails()[0] == "ana@example.com"
    start(EMPTY)
    assert emails() == []


def test_it_can_be_opened_again_and_is_as_new() -> None:
    start(EMPTY)
    create_user("ana@example.com", "Ana Silva")
    start(EMPTY)
    assert create_user("ana@example.com", "Ana Silva")["id"] == 1


def test_lessons_stand_beside_each_other() -> None:
    start(EMPTY)
    create_user("kwame@example.org", "Kwame")
    with engine().connect() as at_the_first:
        start(FULL)
        assert at_the_first.scalar(text("SELECT email FROM users")) == "kwame@example.org"


def test_a_program_started_from_the_lesson_sees_the_same_shop() -> None:
    start(EMPTY)
    create_user("kwame@example.org", "Kwame")
    program = "from orderlib import list_users; print(list_users()['users'][0]['email'])"
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert said == "kwame@example.org\n"


def test_the_sign_says_server_version_and_schema(private: str) -> None:
    sign = start(EMPTY)
    where = f"your private PostgreSQL {server.status().version.split('.')[0]}"
    schema = f'schema "lesson_{EMPTY}"'
    assert repr(sign) == f"✔ Lesson {EMPTY} is ready: {where}, {schema}, the shop is empty"
    assert f"Lesson {EMPTY} is ready" in sign._repr_html_()
    assert "&quot;" in sign._repr_html_()


def test_the_sign_says_the_same_on_every_run() -> None:
    first, second = start(FULL), start(FULL)
    assert (repr(first), first._repr_html_()) == (repr(second), second._repr_html_())
    assert "sample shop" in repr(first)


def test_on_a_server_that_others_use_the_schema_carries_the_role(
    private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", private)
    start(EMPTY)
    assert os.environ["DATABASE_SCHEMA"] == f"learner_lesson_{EMPTY}"
    assert emails() == []


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("", "lesson_01"),
        ("ana", "ana_lesson_01"),
        ('ana "the boss"', "ana__the_boss__lesson_01"),
        ("a" * 63, "a" * 53 + "_lesson_01"),
        ("é" * 31, "é" * 26 + "_lesson_01"),
    ],
)
def test_the_name_of_a_schema_fits_and_needs_no_escaping(role: str, expected: str) -> None:
    assert _schema_name("01", role) == expected
    assert len(expected.encode()) <= 63


@pytest.fixture
def ana_the_boss(
    private: str, another_program: Callable[..., Connection], monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """DATABASE_URL makes us a role whose name is not easy."""
    admin = another_program(username="postgres").execution_options(isolation_level="AUTOCOMMIT")
    admin.exec_driver_sql('CREATE ROLE "Ana the Boss"')
    admin.exec_driver_sql('GRANT CREATE ON DATABASE shop TO "Ana the Boss"')
    url = make_url(private).set(username="postgres")
    as_ana = url.update_query_dict({"options": "-c role=Ana\\ the\\ Boss"})
    monkeypatch.setenv("DATABASE_URL", as_ana.render_as_string())
    yield
    reconnect()
    admin.exec_driver_sql('DROP OWNED BY "Ana the Boss"')
    admin.exec_driver_sql('DROP ROLE "Ana the Boss"')


@pytest.mark.usefixtures("ana_the_boss")
def test_a_role_with_any_name_can_open_a_lesson_again_and_again() -> None:
    start(EMPTY)
    create_user("ana@example.com", "Ana Silva")
    start(EMPTY)
    assert os.environ["DATABASE_SCHEMA"] == f"Ana_the_Boss_lesson_{EMPTY}"
    assert emails() == []


def test_an_unknown_lesson_is_answered_with_a_sentence() -> None:
    with pytest.raises(NotFound, match=r"There is no lesson '99'. The lessons are 00, 01"):
        start("99")


def test_an_open_transaction_in_another_session_does_not_hang_it(
    another_program: Callable[..., Connection],
) -> None:
    start(FULL)
    forgotten = another_program()
    forgotten.execute(text("UPDATE users SET full_name = 'X'"))
    began = time.monotonic()
    start(FULL)
    assert time.monotonic() - began < 4  # far below the lock_timeout of 5 seconds
    assert not is_alive(forgotten)
    assert list_users()["users"][0]["full_name"] == "Ana Silva"


def test_a_transaction_left_open_in_the_same_program_does_not_hang_it() -> None:
    start(FULL)
    forgotten = engine().connect()
    forgotten.execute(text("SELECT * FROM users"))
    start(FULL)
    assert not is_alive(forgotten)
    forgotten.invalidate()
    forgotten.close()


def test_somebody_who_is_about_to_finish_may_finish(
    another_program: Callable[..., Connection],
) -> None:
    start(FULL)
    busy = another_program()
    busy.execute(text("UPDATE users SET full_name = 'X'"))
    Timer(0.2, busy.commit).start()
    start(FULL)
    assert is_alive(busy)
    assert list_users()["users"][0]["full_name"] == "Ana Silva"


def test_a_table_that_is_just_being_made_does_not_hang_it(
    another_program: Callable[..., Connection],
) -> None:
    start(FULL)
    forgotten = another_program()
    forgotten.execute(text("CREATE TABLE of_mine (id integer)"))
    start(FULL)
    assert not is_alive(forgotten)


def test_an_idle_connection_is_left_alone(another_program: Callable[..., Connection]) -> None:
    start(FULL)
    idle = another_program()
    idle.execute(text("SELECT * FROM users"))
    idle.rollback()
    another_program().execute(text("SELECT * FROM users"))  # this one is in the way
    start(FULL)
    assert is_alive(idle)


def test_a_transaction_in_another_lesson_is_left_alone(
    another_program: Callable[..., Connection],
) -> None:
    start(EMPTY)
    elsewhere = another_program()
    elsewhere.execute(text("LOCK TABLE users"))
    start(FULL)
    another_program().execute(text("SELECT * FROM users"))  # this one is in the way
    start(FULL)
    assert is_alive(elsewhere)


def test_a_session_of_another_role_is_left_alone(
    private: str, another_program: Callable[..., Connection]
) -> None:
    start(FULL)
    theirs = another_program(username="postgres")
    theirs.execute(text("SELECT * FROM users"))
    with pytest.raises(Busy):
        start(FULL)
    assert is_alive(theirs)
    theirs.rollback()
    assert emails()[0] == "ana@example.com"


def test_a_schema_that_somebody_else_made_is_left_alone(private: str) -> None:
    with engine().begin() as connection:
        connection.exec_driver_sql(f'CREATE SCHEMA "lesson_{EMPTY}" CREATE TABLE precious (id int)')
    with pytest.raises(Conflict, match=r"did not make, so it stays as it is\. Rename it"):
        start(EMPTY)
    with engine().connect() as connection:
        assert connection.scalar(text(f"SELECT to_regclass('lesson_{EMPTY}.precious')"))


def test_the_mark_of_another_role_does_not_count(
    private: str, another_program: Callable[..., Connection]
) -> None:
    theirs = another_program(username="postgres")
    theirs.exec_driver_sql(f'CREATE SCHEMA "lesson_{EMPTY}"')
    theirs.exec_driver_sql(f"COMMENT ON SCHEMA \"lesson_{EMPTY}\" IS '{MARK}'")
    theirs.commit()
    with pytest.raises(Conflict, match="did not make"):
        start(EMPTY)
    theirs.exec_driver_sql(f'DROP SCHEMA "lesson_{EMPTY}"')
    theirs.commit()


def test_where_it_fails_the_old_shop_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    start(FULL)
    create_user("aroha@example.com", "Aroha")
    before = os.environ["DATABASE_SCHEMA"]
    monkeypatch.setitem(LESSONS, FULL, lambda: create_user("1", "1"))
    with pytest.raises(Exception, match="must look like"):
        start(FULL)
    assert emails()[-1] == "aroha@example.com"
    assert os.environ["DATABASE_SCHEMA"] == before


def test_four_programs_may_open_the_same_lesson_at_once() -> None:
    program = (
        "from orderlib import list_users, sample_data\n"
        "from orderlib.teaching.start import LESSONS, start\n"
        f"LESSONS[{FULL!r}] = sample_data.load\n"
        "input()\n"
        f"for _ in range(5): start({FULL!r})\n"
        "print(len(list_users()['users']))"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", program]
    programs = [subprocess.Popen(command, text=True, **pipes) for _ in range(4)]  # type: ignore[call-overload]
    for each in programs:
        each.stdin.write("go\n")
        each.stdin.flush()
    assert [each.communicate() for each in programs] == [("5\n", "")] * 4


def test_an_address_where_nobody_answers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ana:secret@127.0.0.1:1/shop")
    with pytest.raises(DatabaseUnavailable, match=r"Nothing listens at 127\.0\.0\.1, port 1"):
        start(EMPTY)


def test_who_may_not_make_a_schema_is_told_how_to_get_the_right(
    private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = make_url(private).set(database="postgres").render_as_string()
    monkeypatch.setenv("DATABASE_URL", elsewhere)
    with pytest.raises(DatabaseUnavailable, match="GRANT CREATE ON DATABASE"):
        start(EMPTY)


def test_no_connection_is_left_behind() -> None:
    engines: set[Engine] = set()

    def note(connection: Connection) -> None:
        engines.add(connection.engine)

    event.listen(Engine, "engine_connect", note)
    try:
        start(EMPTY)
    finally:
        event.remove(Engine, "engine_connect", note)
    assert len(engines) == 2
    pools = [each.pool for each in engines if each is not engine()]
    assert [pool.status().count("Connections in pool: 0") for pool in pools] == [1]
