"""Rows on their way from PostgreSQL to the caller."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from orderlib.errors import NotFound

AnyRow = Row[*tuple[Any, ...]]


def found(row: AnyRow | None, what: str, key: int) -> AnyRow:
    """The row that was found; raises NotFound where there is none: "There is no user 7"."""
    if row is None:
        raise NotFound(f"There is no {what} {key}")
    return row


def one_page(rows: Sequence[AnyRow], limit: int) -> tuple[Sequence[AnyRow], int | None]:
    """A page of at most `limit` rows, and the id after which the next page begins.

    The query asks for one row more than a page holds: where it comes, there is a next page.
    """
    page = rows[:limit]
    return page, page[-1].id if len(rows) > limit else None


def moment(time: datetime) -> str:
    """A time as text: UTC, ISO 8601, to the second, like 2024-01-10T08:00:00Z."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
