"""`start("01")` opens a lesson: a schema of its own, built from scratch, and orderlib bound to it.

Everything happens in one transaction: where it fails, the lesson's old schema is still there.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape

from sqlalchemy import Connection, exc, text

from orderlib import sample_data
from orderlib.config import Settings
from orderlib.connecting import make_engine
from orderlib.database import address, reconnect, using
from orderlib.database_errors import in_our_words
from orderlib.errors import Conflict, DatabaseUnavailable, NotFound
from orderlib.models import Base

LESSONS: dict[str, Callable[[], None] | None] = {  # what fills the shop of each lesson
    "00": None,  # the learner makes the first customer
    "01": sample_data.load,
}
MARK = "A lesson of the Order Workbook: start() throws it away and makes it anew."
LONGEST_NAME = 63  # bytes; PostgreSQL cuts longer names off
NO_RIGHT = "42501"
A_MOMENT = "500ms"  # long for a function of the shop, short for somebody who waits

IS_OURS = text("""
    SELECT pg_get_userbyid(nspowner) = current_user
           AND obj_description(oid, 'pg_namespace') IS NOT DISTINCT FROM :mark
    FROM pg_namespace WHERE nspname = :schema
""")
# The sessions that DROP SCHEMA would wait for: they hold, or wait for, a lock on something in it.
# Only those of this role in this database; an idle session holds no lock and is left alone.
END_SESSIONS_IN_THE_WAY = text("""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()
      AND pid IN (
        SELECT pg_locks.pid FROM pg_locks
        JOIN pg_namespace ON nspname = :schema
        LEFT JOIN pg_class ON pg_class.oid = pg_locks.relation
        WHERE relnamespace = pg_namespace.oid
           OR (classid = 'pg_namespace'::regclass AND objid = pg_namespace.oid)
      )
""")


@dataclass(frozen=True)
class Sign:
    """The green sign: which lesson is open, on which server, in which schema."""

    lesson: str
    address: str
    contents: str

    def __repr__(self) -> str:
        return f"✔ Lesson {self.lesson} is ready: {self.address}, {self.contents}"

    def _repr_html_(self) -> str:
        return (
            '<div style="border-left: 5px solid #2da44e; padding: 0.2em 1em; line-height: 1.6">'
            f'<b><span style="color: #2da44e">✔</span> Lesson {escape(self.lesson)} is ready</b>'
            f"<br>{escape(self.address)}, {escape(self.contents)}</div>"
        )


def start(lesson: str) -> Sign:
    """Open a lesson: its shop as if nobody had ever been there. Run it again to begin anew.

    Raises NotFound for a lesson that does not exist, Conflict where somebody else's schema has
    the lesson's name, Busy where somebody else uses it, or DatabaseUnavailable.
    """
    if lesson not in LESSONS:
        raise NotFound(f"There is no lesson {lesson!r}. The lessons are {', '.join(LESSONS)}")
    schema = _rebuild(lesson)
    os.environ["DATABASE_SCHEMA"] = schema  # for the console or API that is started from here
    reconnect()
    contents = "the sample shop is loaded" if LESSONS[lesson] else "the shop is empty"
    return Sign(lesson, address(), contents)


def _rebuild(lesson: str) -> str:
    """Throw the lesson's schema away and make it anew; returns its name."""
    settings = Settings.load()
    # A connection insists that its schema exists. The lesson's may not; this one always does.
    maker = make_engine(replace(settings, database_schema="pg_catalog"))
    try:
        with maker.begin() as connection:
            owner = _role(connection) if settings.database_url else ""
            schema = _schema_name(lesson, owner)
            _clear(connection, schema, lesson)
            _build(connection, schema, LESSONS[lesson])
            return schema
    except exc.SQLAlchemyError as error:
        raise _in_our_words(error) from None
    finally:
        maker.dispose()


def _role(connection: Connection) -> str:
    return str(connection.scalar(text("SELECT current_user")))


def _schema_name(lesson: str, owner: str) -> str:
    """`lesson_01`; on a server that others may use too `ana_lesson_01`. Needs no escaping."""
    name = f"lesson_{lesson}"
    if not owner:
        return name
    room = LONGEST_NAME - len(name) - 1
    plain = re.sub(r"\W", "_", owner).encode()[:room].decode(errors="ignore")
    return f"{plain}_{name}"


def _clear(connection: Connection, schema: str, lesson: str) -> None:
    here = {"schema": schema}
    # Two kernels may open the same lesson at once: the second waits here for the first.
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:schema))"), here)
    is_ours = connection.scalar(IS_OURS, {**here, "mark": MARK})
    if is_ours is None:
        return  # there is none
    if not is_ours:
        raise Conflict(
            f'There is a schema "{schema}" that start() did not make, so it stays as it is. '
            f'Rename it (ALTER SCHEMA "{schema}" RENAME TO ...), then run start("{lesson}") again'
        )
    _drop(connection, schema)


def _drop(connection: Connection, schema: str) -> None:
    """Wait a moment for whoever uses it just now; then end the sessions that still do."""
    drop = f'DROP SCHEMA "{schema}" CASCADE'
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{A_MOMENT}'")
            connection.exec_driver_sql(drop)
    except exc.OperationalError:
        connection.execute(END_SESSIONS_IN_THE_WAY, {"schema": schema})
        connection.exec_driver_sql(drop)


def _build(connection: Connection, schema: str, data: Callable[[], None] | None) -> None:
    connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
    connection.exec_driver_sql(f"COMMENT ON SCHEMA \"{schema}\" IS '{MARK}'")
    connection.exec_driver_sql(f'SET LOCAL search_path = "{schema}"')
    Base.metadata.create_all(connection, checkfirst=False)
    if data:
        with using(connection):
            data()


def _in_our_words(error: exc.SQLAlchemyError) -> Exception:
    if isinstance(error, exc.DBAPIError) and getattr(error.orig, "pgcode", "") == NO_RIGHT:
        return DatabaseUnavailable(
            "This user may not make a schema, and each lesson needs one of its own. The owner of "
            "the database can allow it: GRANT CREATE ON DATABASE ... TO ..."
        )
    return in_our_words(error, {})
