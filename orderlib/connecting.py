"""How a connection to PostgreSQL is made: the address, our limits, and what a refusal means."""

import select
import time
from typing import Any

import psycopg2
from psycopg2 import extensions
from sqlalchemy import URL, Engine, create_engine, event, exc, make_url

from orderlib import server
from orderlib.config import Settings
from orderlib.errors import DatabaseUnavailable

OLDEST_VERSION = 14
SECONDS_TO_CONNECT = 10
LIMITS = {  # so that a forgotten transaction or an endless wait cannot hang a classroom
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "10min",
}

# What PostgreSQL or its driver says when it refuses a connection, and what that means.
REFUSALS = {
    "could not translate host name": "There is no computer called {host}.",
    "refused": "Nothing listens at {host}, port {port}: is PostgreSQL running there?",
    "No such file": "Nothing listens at {host}: is PostgreSQL running there?",
    "timeout expired": "{host} did not answer within {seconds} seconds.",
    "closed the connection": "What listens at {host}, port {port}, hung up: is it a PostgreSQL?",
    "password": "{host} does not accept this password for the user {user}.",
    "authentication failed": "{host} does not let the user {user} in.",
    "no pg_hba.conf entry": "{host} does not let the user {user} in from here; perhaps it wants "
    "TLS: add ?sslmode=require to the address.",
    "SSL": "{host} and this computer do not agree about TLS: see sslmode in the address.",
    "startup parameter": "The pooler at {host} drops settings: use the server's direct address.",
    "too many": "All connections of {host} are in use: close some, or try again later.",
    "connection slots": "All connections of {host} are in use: close some, or try again later.",
    "starting up": "PostgreSQL at {host} is just starting: try again in a moment.",
    "shutting down": "PostgreSQL at {host} is just stopping: try again in a moment.",
    "FATAL:  database": "There is no database {database} at {host}: CREATE DATABASE makes one.",
    "FATAL:  role": "There is no user {user} at {host}.",
    "connection option": "The address has an option after its ? that PostgreSQL does not know.",
}


def make_engine(settings: Settings) -> Engine:
    """An engine for the database of the settings: the private server where no address is given.

    Each connection has our time limits, sees the schema of the settings, and was found usable.
    Connecting raises DatabaseUnavailable where it fails.
    """
    theirs = settings.database_url
    url = _read_address(theirs or server.start(settings.home))
    engine = create_engine(
        _with_our_settings(url, settings.database_schema),
        pool_pre_ping=bool(theirs),  # a hosted server falls asleep, and its connections with it
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> Any:
        try:
            return _connect(parameters, url)
        except DatabaseUnavailable:
            if theirs:
                raise
        server.start(settings.home)  # ours was stopped or killed meanwhile
        return _connect(parameters, url)

    @event.listens_for(engine, "connect")
    def check(connection: Any, _record: Any) -> None:
        _check_version(connection.server_version)
        _check_schema(connection, settings.database_schema)

    return engine


def _read_address(text: str) -> URL:
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in ("postgresql", "postgres", "postgresql+psycopg2"):
        raise DatabaseUnavailable(
            "DATABASE_URL is not the address of a PostgreSQL. "
            "It looks like postgresql://user:password@host:5432/database"
        )
    return url.set(drivername="postgresql+psycopg2")


def _with_our_settings(url: URL, schema: str) -> URL:
    """Our settings travel in `options`, before those that the address has already."""
    search_path = '"' + schema.replace('"', '""') + '"'
    settings = {"search_path": search_path, **LIMITS}
    ours = " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())
    theirs = url.query.get("options", "")
    named = {"application_name": "orderlib", **url.query}
    return url.set(query={**named, "options": f"{ours} {theirs}".strip()})


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _connect(parameters: dict[str, Any], url: URL) -> Any:
    try:
        return psycopg2.connect(**parameters)
    except psycopg2.Error as error:
        raise DatabaseUnavailable(_refusal(str(error), url)) from None


def _refusal(said: str, url: URL) -> str:
    reason = said.strip().split("failed: ")[-1].partition("\n")[0]
    words = {
        "host": url.host or url.query.get("host") or "this computer",
        "port": url.port or 5432,
        "user": url.username,
        "database": url.database or url.username,
        "seconds": SECONDS_TO_CONNECT,
    }
    for sign, sentence in REFUSALS.items():
        if sign in reason:
            return sentence.format(**words) + " Check DATABASE_URL."
    return f"{words['host']} refused the connection: {reason}. Check DATABASE_URL."


def _check_version(number: int) -> None:
    if number < OLDEST_VERSION * 10_000:
        raise DatabaseUnavailable(
            f"This is PostgreSQL {number // 10_000}, and the Order Workbook needs "
            f"{OLDEST_VERSION} or later. Leave DATABASE_URL empty to use the private server."
        )


def _check_schema(connection: Any, schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        (found,) = cursor.fetchone()
    connection.rollback()
    if found is None:
        raise DatabaseUnavailable(
            f'There is no schema "{schema}" here, or no right to use it. '
            f'CREATE SCHEMA "{schema}" makes it; DATABASE_SCHEMA chooses another.'
        )
    if found != schema:
        raise DatabaseUnavailable(
            f'The connection is in the schema "{found}", not in "{schema}": a pooler on the way '
            "dropped the setting. Use the server's direct address."
        )


def wait(connection: Any) -> None:
    """Wait for PostgreSQL in Python, so that Ctrl-C and Jupyter's stop button end the waiting.

    psycopg2 alone waits in C, where an interrupt arrives only when the answer does.
    """
    connecting = connection.status == extensions.STATUS_SETUP
    deadline = time.monotonic() + SECONDS_TO_CONNECT if connecting else None
    interrupted = False
    while (state := connection.poll()) != extensions.POLL_OK:
        try:
            _wait_once(connection.fileno(), state, deadline)
        except KeyboardInterrupt:
            if connecting:
                raise
            interrupted = True
            connection.cancel()  # the server gives the statement up, and says so: no more to wait
    if interrupted:  # also where the answer was faster
        raise KeyboardInterrupt


def _wait_once(descriptor: int, state: int, deadline: float | None) -> None:
    reading = [descriptor] if state == extensions.POLL_READ else []
    writing = [descriptor] if state == extensions.POLL_WRITE else []
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    if select.select(reading, writing, [], left) == ([], [], []):
        raise psycopg2.OperationalError("timeout expired")


extensions.set_wait_callback(wait)
