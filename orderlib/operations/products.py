"""Products: create, list and search, get, update, delete."""

from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from orderlib.database import get_db
from orderlib.errors import Conflict, InvalidInput
from orderlib.models import Product
from orderlib.operations.rows import AnyRow, found, one_page
from orderlib.validation import validated
from orderlib.vocabulary import Cents, Key, Limit, ProductName, ProductPage, ProductRow

PRODUCT = (Product.id, Product.name, Product.price_cents)
THIS_ONE = Product.id == bindparam("product_id")
NEXT_ONES = Product.id > bindparam("after")
# strpos looks for the text as it is; to LIKE, the signs % and _ in it would mean something else.
NAMED_SO = func.strpos(func.lower(Product.name), func.lower(bindparam("search"))) > 0

INSERT_PRODUCT = insert(Product).returning(*PRODUCT)
LIST_PRODUCTS = select(*PRODUCT).where(NEXT_ONES).order_by(Product.id).limit(bindparam("limit"))
SEARCH_PRODUCTS = LIST_PRODUCTS.where(NAMED_SO)
GET_PRODUCT = select(*PRODUCT).where(THIS_ONE)
CHANGES: dict[str, Any] = {
    "name": func.coalesce(bindparam("new_name"), Product.name),
    "price_cents": func.coalesce(bindparam("new_price_cents"), Product.price_cents),
}
UPDATE_PRODUCT = update(Product).where(THIS_ONE).values(CHANGES).returning(*PRODUCT)
DELETE_PRODUCT = delete(Product).where(THIS_ONE).returning(Product.id)


@validated
def create_product(name: ProductName, price_cents: Cents) -> ProductRow:
    """Offer a product. `price_cents` is its price in whole cents: 249999 is $2,499.99.

    Returns {"id": 1, "name": "Laptop", "price_cents": 249999}. Raises InvalidInput.
    """
    with get_db() as db:
        new = {"name": name, "price_cents": price_cents}
        return _product_row(db.execute(INSERT_PRODUCT, new).one())


@validated
def list_products(
    limit: Limit = 100, after: Key | None = None, search: ProductName | None = None
) -> ProductPage:
    """List products by ascending id, a page at a time; `search` is a part of the name.

    Returns {"products": [...], "next": 100}: call again with after=100 for the next page; `next`
    is None on the last one. To a search, upper and lower case are the same.
    """
    statement = SEARCH_PRODUCTS if search else LIST_PRODUCTS
    wanted = {"after": after or 0, "limit": limit + 1, "search": search}
    with get_db() as db:
        rows = db.execute(statement, wanted).all()
    page, next_after = one_page(rows, limit)
    return {"products": [_product_row(row) for row in page], "next": next_after}


@validated
def get_product(product_id: Key) -> ProductRow:
    """Get one product. Raises NotFound."""
    with get_db() as db:
        row = db.execute(GET_PRODUCT, {"product_id": product_id}).one_or_none()
        return _product_row(found(row, "product", product_id))


@validated
def update_product(
    product_id: Key, name: ProductName | None = None, price_cents: Cents | None = None
) -> ProductRow:
    """Change a product's name, price (whole cents) or both; what is None stays as it is.

    Orders that are placed already keep the price of their moment.
    Raises InvalidInput where nothing is given, or NotFound.
    """
    if name is None and price_cents is None:
        raise InvalidInput(dict.fromkeys(CHANGES, "is missing: give a name, a price_cents or both"))
    new = {"product_id": product_id, "new_name": name, "new_price_cents": price_cents}
    with get_db() as db:
        row = db.execute(UPDATE_PRODUCT, new).one_or_none()
        return _product_row(found(row, "product", product_id))


@validated
def delete_product(product_id: Key) -> None:
    """Delete a product that nobody ordered. Raises NotFound, or Conflict where an order has it."""
    still_needed = Conflict(f"Product {product_id} is part of an order and cannot be deleted")
    with get_db({"fk_order_items_product_id_products": still_needed}) as db:
        row = db.execute(DELETE_PRODUCT, {"product_id": product_id}).one_or_none()
        found(row, "product", product_id)


def _product_row(row: AnyRow) -> ProductRow:
    return {"id": row.id, "name": row.name, "price_cents": row.price_cents}
