"""From a setting to a transaction: engine, Session, get_db.

    with get_db() as db:                  # one transaction: all of it, or nothing
        db.execute(...)

Every function of the shop works like this. What it talks to is decided here and nowhere else:
the database of the settings, or, inside `with using(connection):`, that connection.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Engine, exc, func, inspect, orm, select

from orderlib.config import Settings
from orderlib.connecting import make_engine
from orderlib.database_errors import in_our_words
from orderlib.errors import OrderlibError
from orderlib.models import Base

NO_MEANINGS: Mapping[str, OrderlibError] = MappingProxyType({})
TABLES_LOCK = 8_021  # any number will do, if all who make tables use the same

_engine: Engine | None = None
_making_engine = Lock()
_connection: ContextVar[Connection | None] = ContextVar("connection", default=None)


def engine() -> Engine:
    """The engine of this process: made from the settings on first use, its tables in place.

    Raises DatabaseUnavailable where PostgreSQL cannot be reached or used.
    """
    global _engine
    with _making_engine:
        if _engine is None:
            new = make_engine(Settings.load())
            create_tables(new)
            _engine = new
        return _engine


def reconnect() -> None:
    """Forget the engine: the next use reads the settings again."""
    global _engine
    with _making_engine:
        if _engine is not None:
            _engine.dispose()
        _engine = None


class _Sessions(orm.sessionmaker[orm.Session]):
    def __call__(self, **options: Any) -> orm.Session:
        return super().__call__(bind=_connection.get() or engine(), **options)


# Rows stay readable after the commit. On a connection of using(), a commit is a savepoint.
Session = _Sessions(expire_on_commit=False, join_transaction_mode="create_savepoint")


@contextmanager
def get_db(meanings: Mapping[str, OrderlibError] = NO_MEANINGS) -> Iterator[orm.Session]:
    """One transaction: committed at the end of the block, rolled back whole if the block fails.

    `meanings` says what a broken constraint means here: {"uq_users_email": Conflict(...)}.
    Raises that error, or Busy, DatabaseUnavailable, ... for what else the database may say.
    """
    try:
        with Session.begin() as session:
            yield session
    except exc.SQLAlchemyError as error:
        ours = in_our_words(error, meanings)
        if ours is error:
            raise
        raise ours from None


@contextmanager
def using(connection: Connection) -> Iterator[None]:
    """Let the functions inside the block run in the transaction of this connection.

    What they commit becomes a savepoint; the owner of the connection commits or rolls back all.
    It holds for this thread only.
    """
    if not connection.in_transaction():
        connection.begin()
    before = _connection.set(connection)
    try:
        yield
    finally:
        _connection.reset(before)


def create_tables(bind: Engine | None = None) -> None:
    """Make the tables that are missing. Eight processes may do it at once.

    Raises DatabaseUnavailable where the right to do so is missing.
    """
    try:
        with (bind or engine()).begin() as connection:
            if set(Base.metadata.tables) - set(inspect(connection).get_table_names()):
                connection.execute(select(func.pg_advisory_xact_lock(TABLES_LOCK)))
                Base.metadata.create_all(connection)
    except exc.SQLAlchemyError as error:
        raise in_our_words(error, NO_MEANINGS) from None


def address() -> str:
    """Which shop this is: server, major version and schema. Every door says it first."""
    dialect, host = engine().dialect, engine().url.host
    major, schema = (dialect.server_version_info or ("?",))[0], dialect.default_schema_name
    server = f"PostgreSQL {major} at {host}" if host else f"your private PostgreSQL {major}"
    return f'{server}, schema "{schema}"'
