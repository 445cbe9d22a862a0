"""Customers: create, list, get, update, delete."""

from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from orderlib.database import get_db
from orderlib.errors import Conflict, InvalidInput
from orderlib.models import User
from orderlib.operations.rows import AnyRow, found, moment, one_page
from orderlib.validation import validated
from orderlib.vocabulary import Email, FullName, Key, Limit, UserPage, UserRow

# The statements are built once, here: building one costs Python more time than sending it.
USER = (User.id, User.email, User.full_name, User.created_at)
THIS_ONE = User.id == bindparam("user_id")
NEXT_ONES = User.id > bindparam("after")

INSERT_USER = insert(User).returning(*USER)
LIST_USERS = select(*USER).where(NEXT_ONES).order_by(User.id).limit(bindparam("limit"))
GET_USER = select(*USER).where(THIS_ONE)
CHANGES: dict[
    str, Any
] = {  # what is not given is NULL, and coalesce then takes the column as it is
    "email": func.coalesce(bindparam("new_email"), User.email),
    "full_name": func.coalesce(bindparam("new_full_name"), User.full_name),
}
UPDATE_USER = update(User).where(THIS_ONE).values(CHANGES).returning(*USER)
DELETE_USER = delete(User).where(THIS_ONE).returning(User.id)


@validated
def create_user(email: Email, full_name: FullName) -> UserRow:
    """Register a customer.

    Returns {"id": 1, "email": "ana@example.com", "full_name": "Ana Silva",
    "created_at": "2024-01-10T08:00:00Z"}; the e-mail in lower case.
    Raises InvalidInput, or Conflict where the e-mail is registered already.
    """
    with get_db(_taken(email)) as db:
        return _user_row(db.execute(INSERT_USER, {"email": email, "full_name": full_name}).one())


@validated
def list_users(limit: Limit = 100, after: Key | None = None) -> UserPage:
    """List customers by ascending id, a page at a time.

    Returns {"users": [...], "next": 100}: call again with after=100 for the next page; `next` is
    None on the last one.
    """
    with get_db() as db:
        rows = db.execute(LIST_USERS, {"after": after or 0, "limit": limit + 1}).all()
    page, next_after = one_page(rows, limit)
    return {"users": [_user_row(row) for row in page], "next": next_after}


@validated
def get_user(user_id: Key) -> UserRow:
    """Get one customer. Raises NotFound."""
    with get_db() as db:
        row = db.execute(GET_USER, {"user_id": user_id}).one_or_none()
        return _user_row(found(row, "user", user_id))


@validated
def update_user(
    user_id: Key, email: Email | None = None, full_name: FullName | None = None
) -> UserRow:
    """Change a customer's e-mail, name or both; what is None stays as it is.

    Raises InvalidInput where nothing is given, NotFound, or Conflict where the e-mail is taken.
    """
    if email is None and full_name is None:
        raise InvalidInput(dict.fromkeys(CHANGES, "is missing: give an email, a full_name or both"))
    new = {"user_id": user_id, "new_email": email, "new_full_name": full_name}
    with get_db(_taken(email)) as db:
        return _user_row(found(db.execute(UPDATE_USER, new).one_or_none(), "user", user_id))


@validated
def delete_user(user_id: Key) -> None:
    """Delete a customer who has no orders. Raises NotFound, or Conflict where there are orders."""
    still_needed = Conflict(f"User {user_id} has orders and cannot be deleted")
    with get_db({"fk_orders_user_id_users": still_needed}) as db:
        found(db.execute(DELETE_USER, {"user_id": user_id}).one_or_none(), "user", user_id)


def _taken(email: str | None) -> dict[str, Conflict]:
    return {"uq_users_email": Conflict(f"{email} is already registered")}


def _user_row(row: AnyRow) -> UserRow:
    return {
        "id": row.id,
        "email": row.email,
        "full_name": row.full_name,
        "created_at": moment(row.created_at),
    }
