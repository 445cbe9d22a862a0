"""Reports: sums that PostgreSQL makes. Cancelled orders do not count."""

from typing import Any

from sqlalchemy import BigInteger, Date, Select, bindparam, cast, distinct, func, select

from orderlib.database import get_db
from orderlib.models import Order, OrderItem, Product, User
from orderlib.validation import validated
from orderlib.vocabulary import CustomerSales, DaySales, Limit, ProductSales

COUNTS = Order.status.in_(["pending", "paid", "shipped", "delivered"])
DAY = cast(func.timezone("UTC", Order.created_at), Date)
NEWEST_DAY = select(func.max(DAY)).where(COUNTS).scalar_subquery()
ORDERS = func.count(distinct(Order.id)).label("orders")
QUANTITY = func.sum(OrderItem.quantity).label("quantity")
# 10,000 pieces at the highest price are more than an INTEGER holds, so a line is a BIGINT; the sum
# of BIGINTs is a NUMERIC, which has no highest value.
LINE_TOTAL = cast(OrderItem.quantity, BigInteger) * OrderItem.price_cents_at_purchase
REVENUE = func.sum(LINE_TOTAL).label("revenue_cents")

SALES_BY_DAY = (
    select(func.to_char(DAY, "YYYY-MM-DD").label("day"), ORDERS, REVENUE)
    .join(Order.items)
    .where(COUNTS, NEWEST_DAY - bindparam("days") < DAY)
    .group_by(DAY)
    .order_by(DAY.desc())
)
BEST_SELLERS = (
    select(Product.id.label("product_id"), Product.name.label("product_name"), QUANTITY, REVENUE)
    .join(Product.items)
    .join(OrderItem.order)
    .where(COUNTS)
    .group_by(Product.id)
    .order_by(REVENUE.desc(), Product.id)
    .limit(bindparam("limit"))
)
TOP_CUSTOMERS = (
    select(User.id.label("user_id"), User.full_name, ORDERS, REVENUE)
    .join(User.orders)
    .join(Order.items)
    .where(COUNTS)
    .group_by(User.id)
    .order_by(REVENUE.desc(), User.id)
    .limit(bindparam("limit"))
)


@validated
def sales_by_day(days: Limit = 30) -> list[DaySales]:
    """The sales of `days` days, counted back from the day of the newest order.

    Returns [{"day": "2026-01-31", "orders": 3, "revenue_cents": 12300}, ...]: days in UTC, the
    newest first, days without orders left out.
    """
    return _read(SALES_BY_DAY, {"days": days})


@validated
def best_sellers(limit: Limit = 10) -> list[ProductSales]:
    """The products that brought in most, the greatest revenue first.

    Returns [{"product_id": 1, "product_name": "Laptop", "quantity": 3, "revenue_cents": 749997}].
    """
    return _read(BEST_SELLERS, {"limit": limit})


@validated
def top_customers(limit: Limit = 10) -> list[CustomerSales]:
    """The customers who bought most, the greatest revenue first.

    Returns [{"user_id": 1, "full_name": "Ana Silva", "orders": 2, "revenue_cents": 749997}].
    """
    return _read(TOP_CUSTOMERS, {"limit": limit})


def _read(report: Select[*tuple[Any, ...]], values: dict[str, int]) -> list[Any]:
    with get_db() as db:
        rows = db.execute(report, values).mappings().all()
    return [{**row, "revenue_cents": int(row["revenue_cents"])} for row in rows]
