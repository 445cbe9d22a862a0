"""Orders: create, list, get, move from status to status, delete."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from orderlib.database import get_db
from orderlib.errors import Conflict, NotFound
from orderlib.models import Order, OrderItem, Product, User
from orderlib.operations.rows import AnyRow, found, moment
from orderlib.validation import validated
from orderlib.vocabulary import ItemRow, Items, Key, Limit, OrderPage, OrderRow, Status

MOVES = {  # the life of an order: from each status, where it may go
    "pending": ["paid", "cancelled"],
    "paid": ["shipped", "cancelled"],
    "shipped": ["delivered"],
    "delivered": [],
    "cancelled": [],
}
DELETABLE = ["pending", "cancelled"]

THIS_ONE = Order.id == bindparam("order_id")
ORDER = (Order.id.label("order_id"), Order.user_id, Order.status, Order.created_at)
LINE_TOTAL = sa.cast(OrderItem.quantity, sa.BigInteger) * OrderItem.price_cents_at_purchase
ITEM = (
    OrderItem.id,
    OrderItem.product_id,
    OrderItem.quantity,
    OrderItem.price_cents_at_purchase,
    LINE_TOTAL.label("line_total_cents"),
)
ITEM_FIELDS = tuple(ItemRow.__annotations__)


# All items of an order in one statement, so that all prices are of one moment. PostgreSQL reads
# each price from the product itself; a product that does not exist gives no row.
INSERT_ITEMS = sa.text("""
    INSERT INTO order_items (order_id, product_id, quantity, price_cents_at_purchase)
    SELECT :order_id, products.id, line.quantity, products.price_cents
    FROM unnest(:product_ids, :quantities) WITH ORDINALITY AS line (product_id, quantity, position)
    JOIN products ON products.id = line.product_id
    ORDER BY line.position
    RETURNING
        id, product_id, quantity, price_cents_at_purchase,
        CAST(quantity AS bigint) * price_cents_at_purchase AS line_total_cents,
        (SELECT name FROM products WHERE products.id = product_id) AS product_name
""")


def _with_items(page: sa.Subquery, source: sa.FromClause, *more: Any) -> sa.Select[Any]:
    """A row for each item, beside the columns of its order: the greatest order id first."""
    return (
        select(*page.c, *ITEM, Product.name.label("product_name"), *more)
        .select_from(source)
        .outerjoin(OrderItem, OrderItem.order_id == page.c.order_id)
        .outerjoin(Product, Product.id == OrderItem.product_id)
        .order_by(page.c.order_id.desc(), OrderItem.id)
    )


def _get_order() -> sa.Select[Any]:
    page = select(*ORDER).where(THIS_ONE).subquery("page")
    return _with_items(page, page)


def _list_orders() -> sa.Select[Any]:
    """One statement, so that the page and the total are of one moment.

    No row: there is no such user. A row without an order: the user has none that matches.
    """
    user_id = bindparam("user_id", type_=sa.Integer)
    status = bindparam("status", type_=sa.String)
    after = bindparam("after", type_=sa.Integer)
    limit = bindparam("limit", type_=sa.Integer)  # LIMIT NULL is no limit
    matching = select(*ORDER).where(
        Order.user_id == user_id, sa.or_(status.is_(None), Order.status == status)
    )
    total = select(func.count()).select_from(matching.subquery("matching")).scalar_subquery()
    not_seen = matching.where(sa.or_(after.is_(None), Order.id < after))
    page = not_seen.order_by(Order.id.desc()).limit(limit).subquery("page")
    user_and_page = sa.outerjoin(User.__table__, page, sa.true())
    return _with_items(page, user_and_page, total.label("total")).where(User.id == user_id)


INSERT_ORDER = sa.insert(Order).returning(*ORDER)
LIST_ORDERS = _list_orders()
GET_ORDER = _get_order()
GET_STATUS = select(Order.status).where(THIS_ONE)
# Both only where the status still is what it was when we looked: of two at once, one wins.
UNCHANGED = (THIS_ONE, Order.status == bindparam("now"))
UPDATE_STATUS = (
    sa.update(Order).where(*UNCHANGED).values(status=bindparam("then")).returning(Order.id)
)
DELETE_ORDER = sa.delete(Order).where(*UNCHANGED).returning(Order.id)


@validated
def create_order(user_id: Key, status: Status, items: Items) -> OrderRow:
    """Place an order: products and quantities, each product at its price of this moment.

    `items` is [{"product_id": 1, "quantity": 2}, ...]. Returns the order: id, user_id, status,
    created_at, items in the order given, total_quantity, total_cents (money in whole cents).
    Raises InvalidInput, or NotFound where the user or a product is unknown.
    """
    product_ids = [item["product_id"] for item in items]
    quantities = [item["quantity"] for item in items]
    unknown = {
        "fk_orders_user_id_users": NotFound(f"There is no user {user_id}"),
        "fk_order_items_product_id_products": NotFound("A product was deleted a moment ago"),
    }
    with get_db(unknown) as db:
        order = db.execute(INSERT_ORDER, {"user_id": user_id, "status": status}).mappings().one()
        lines = {**order, "product_ids": product_ids, "quantities": quantities}
        stored = db.execute(INSERT_ITEMS, lines).mappings().all()
        missing = set(product_ids) - {item["product_id"] for item in stored}
        if missing:
            each = " and no ".join(f"product {product_id}" for product_id in sorted(missing))
            raise NotFound(f"There is no {each}")
        return _order_row(order, stored)


@validated
def list_orders(
    user_id: Key, status: Status | None = None, limit: Limit | None = None, after: Key | None = None
) -> OrderPage:
    """List a user's orders with all their items, the newest (the greatest id) first.

    Returns {"orders": [...], "total": 2, "next": None}. `total` counts all orders that match,
    whatever the page. All come unless there is a `limit`; then `next` is what to give as `after`
    for the next page. Raises NotFound where there is no such user.
    """
    one_more = limit + 1 if limit else None
    wanted = {"user_id": user_id, "status": status, "limit": one_more, "after": after}
    with get_db() as db:
        rows = db.execute(LIST_ORDERS, wanted).all()
    total = found(rows[0] if rows else None, "user", user_id).total
    orders = _order_rows(rows)
    page = orders[:limit]
    next_after = page[-1]["id"] if len(orders) > len(page) else None
    return {"orders": page, "total": total, "next": next_after}


@validated
def get_order(order_id: Key) -> OrderRow:
    """Get one order with its items. Raises NotFound."""
    with get_db() as db:
        return _read_order(db, order_id)


@validated
def change_status(order_id: Key, status: Status) -> OrderRow:
    """Move an order on: pending, paid, shipped, delivered; cancelled from pending or paid.

    Returns the order. Raises NotFound, or Conflict for any other move, to the same status too.
    """
    with get_db() as db:
        now = _status(db, order_id)
        if status not in MOVES[now]:
            raise Conflict(f"Order {order_id} is {now} and cannot become {status}")
        _change(db, UPDATE_STATUS, {"order_id": order_id, "now": now, "then": status})
        return _read_order(db, order_id)


@validated
def delete_order(order_id: Key) -> None:
    """Delete a pending or cancelled order with its items. Raises NotFound or Conflict."""
    with get_db() as db:
        now = _status(db, order_id)
        if now not in DELETABLE:
            raise Conflict(f"Order {order_id} is {now} and cannot be deleted")
        _change(db, DELETE_ORDER, {"order_id": order_id, "now": now})


def _status(db: Session, order_id: int) -> Status:
    row = db.execute(GET_STATUS, {"order_id": order_id}).one_or_none()
    return cast(Status, found(row, "order", order_id).status)


def _change(db: Session, statement: Any, values: dict[str, Any]) -> None:
    if db.execute(statement, values).one_or_none() is None:
        raise Conflict(f"Someone else has just changed order {values['order_id']}")


def _read_order(db: Session, order_id: int) -> OrderRow:
    rows = db.execute(GET_ORDER, {"order_id": order_id}).all()
    found(rows[0] if rows else None, "order", order_id)
    return _order_rows(rows)[0]


def _order_rows(rows: Sequence[AnyRow]) -> list[OrderRow]:
    """Orders from rows of one item each; where an outer join found nothing, the id is None."""
    lines = (row._mapping for row in rows if row.order_id)
    groups = (list(group) for _, group in groupby(lines, key=itemgetter("order_id")))
    return [_order_row(group[0], [line for line in group if line["id"]]) for group in groups]


def _order_row(order: Mapping[Any, Any], items: Iterable[Mapping[Any, Any]]) -> OrderRow:
    rows = cast(list[ItemRow], [{field: item[field] for field in ITEM_FIELDS} for item in items])
    return {
        "id": order["order_id"],
        "user_id": order["user_id"],
        "status": order["status"],
        "created_at": moment(order["created_at"]),
        "items": rows,
        "total_quantity": sum(row["quantity"] for row in rows),
        "total_cents": sum(row["line_total_cents"] for row in rows),
    }
