"""A database error becomes one of ours: by the name of its constraint, or by its SQLSTATE.

The codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from collections.abc import Mapping

import psycopg2
from psycopg2.extensions import Diagnostics
from sqlalchemy import exc

from orderlib.errors import Busy, Conflict, DatabaseUnavailable, InvalidInput, OrderlibError
from orderlib.models import Base

BUSY = {
    "40001": "Someone else changed the same rows at the same time. Try again.",
    "40P01": "Two transactions waited for each other, and this one was given up. Try again.",
    "55P03": "Someone else holds a lock on the same rows. Try again in a moment.",
    "57014": "The statement was stopped: it took too long, or it was interrupted. Try again.",
}
UNAVAILABLE = {
    "42501": "This user lacks a right in this schema. The owner of the database can grant it.",
    "25006": "This server is read-only: a replica, perhaps. Use the address of the primary server.",
    "53100": "The disk of the database is full. Make room, then try again.",
    "53300": "All connections of the server are in use. Close some, or try again later.",
}
STORED_DATA_FORBIDS_IT = {"23505", "23503", "23001"}  # unique, foreign key, restrict
BAD_VALUE = {"23502", "23514"}  # not null, check
TABLES = tuple(Base.metadata.tables)
NO_SUCH_TABLE = "42P01"
NO_TABLES = "The shop's tables are not in this schema. create_tables() makes them."
LOST = (
    "The connection to PostgreSQL was lost on the way. "
    "Look whether the change was stored, then try again."
)


def in_our_words(error: exc.SQLAlchemyError, meanings: Mapping[str, OrderlibError]) -> Exception:
    """What a database error means: `meanings` says so for the constraints of one operation.

    An error that is a fault of the program, not of its input, is returned as it is.
    """
    if isinstance(error, exc.TimeoutError):
        return Busy("All connections of this program are in use. Try again.")
    if not isinstance(error, exc.DBAPIError) or not isinstance(error.orig, psycopg2.Error):
        return error
    if error.connection_invalidated:
        return DatabaseUnavailable(LOST)
    rule = error.orig.diag.constraint_name or ""
    return meanings.get(rule) or _by_code(error.orig.pgcode or "", error.orig.diag) or error


def _by_code(code: str, said: Diagnostics) -> OrderlibError | None:
    rule = said.constraint_name or said.column_name or "value"
    if code in BUSY:
        return Busy(BUSY[code])
    if code in UNAVAILABLE:
        return DatabaseUnavailable(UNAVAILABLE[code])
    if code in STORED_DATA_FORBIDS_IT:
        return Conflict(f"What is stored already forbids it: the rule {rule}.")
    if code in BAD_VALUE:
        return InvalidInput({rule: "is refused by the database"})
    if code == NO_SUCH_TABLE and any(
        f'"{name}"' in (said.message_primary or "") for name in TABLES
    ):
        return DatabaseUnavailable(NO_TABLES)
    return None
