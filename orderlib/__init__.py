"""The Order Workbook's shop on a real PostgreSQL.

    from orderlib import create_user
    create_user("ana@example.com", "Ana Silva")

That is a whole program: a private PostgreSQL starts by itself, the tables are made, the row is
stored. To see how, read in this order, each file a few minutes:

    vocabulary.py     what an e-mail, a price, a quantity is
    models.py         the four tables
    database.py       engine, session, transaction (connecting.py: how a connection is made)
    operations/       what the shop can do
    validation.py     how a signature refuses bad input
    errors.py         what can go wrong (database_errors.py: what PostgreSQL calls it)
    config.py         the settings
"""

from orderlib.database import Session, address, create_tables, engine, get_db, using
from orderlib.errors import (
    Busy,
    Conflict,
    DatabaseUnavailable,
    InvalidInput,
    NotFound,
    OrderlibError,
)
from orderlib.models import Base, Order, OrderItem, Product, User
from orderlib.operations.orders import (
    change_status,
    create_order,
    delete_order,
    get_order,
    list_orders,
)
from orderlib.operations.products import (
    create_product,
    delete_product,
    get_product,
    list_products,
    update_product,
)
from orderlib.operations.reports import best_sellers, sales_by_day, top_customers
from orderlib.operations.users import (
    create_user,
    delete_user,
    get_user,
    list_users,
    update_user,
)

__all__ = [
    "Base",
    "Busy",
    "Conflict",
    "DatabaseUnavailable",
    "InvalidInput",
    "NotFound",
    "Order",
    "OrderItem",
    "OrderlibError",
    "Product",
    "Session",
    "User",
    "address",
    "best_sellers",
    "change_status",
    "create_order",
    "create_product",
    "create_tables",
    "create_user",
    "delete_order",
    "delete_product",
    "delete_user",
    "engine",
    "get_db",
    "get_order",
    "get_product",
    "get_user",
    "list_orders",
    "list_products",
    "list_users",
    "sales_by_day",
    "top_customers",
    "update_product",
    "update_user",
    "using",
]
