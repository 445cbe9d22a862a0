"""The four tables of the shop, as classes.

`Mapped[Email]` gives a column its type and NOT NULL; the CHECK constraints at the end come from
the same words (vocabulary.py). Every rule has a name, so that an error can say which one it was.
"""

from datetime import datetime
from typing import Annotated, Any, cast, get_args, get_type_hints

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from orderlib.vocabulary import BLANK, Cents, Email, FullName, Key, ProductName, Quantity, Status

Id = Annotated[Key, mapped_column(sa.Identity(always=True), primary_key=True)]
Created = Annotated[
    datetime, mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
]


class Base(DeclarativeBase):
    """What the four have in common: how constraints are named, and how a row shows itself."""

    metadata = sa.MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )

    def __repr__(self) -> str:
        (key,) = sa.inspect(self).identity or (None,)  # known even where no value is loaded
        return f"{type(self).__name__}(id={key})"


class User(Base):
    """A customer."""

    __tablename__ = "users"

    id: Mapped[Id]
    email: Mapped[Email] = mapped_column(unique=True)
    full_name: Mapped[FullName]
    created_at: Mapped[Created]

    orders: Mapped[list["Order"]] = relationship(back_populates="user")


class Product(Base):
    """Something for sale, at the price of today."""

    __tablename__ = "products"

    id: Mapped[Id]
    name: Mapped[ProductName]
    price_cents: Mapped[Cents]

    items: Mapped[list["OrderItem"]] = relationship(back_populates="product")


class Order(Base):
    """What one customer ordered at one moment."""

    __tablename__ = "orders"
    # Finds the orders of a user, in the order of their ids, for a page of them.
    __table_args__ = (sa.Index(None, "user_id", "id"),)

    id: Mapped[Id]
    user_id: Mapped[Key] = mapped_column(sa.ForeignKey("users.id"))
    status: Mapped[Status] = mapped_column(sa.String)
    created_at: Mapped[Created] = mapped_column(index=True)

    user: Mapped["User"] = relationship(back_populates="orders")
    items: Mapped[list["OrderItem"]] = relationship(
        back_populates="order",
        order_by="OrderItem.id",
        cascade="all, delete-orphan",
        passive_deletes=True,
    )


class OrderItem(Base):
    """One line of an order, at the price that the product had at that moment."""

    __tablename__ = "order_items"

    id: Mapped[Id]
    order_id: Mapped[Key] = mapped_column(
        sa.ForeignKey("orders.id", ondelete="CASCADE"), index=True
    )
    product_id: Mapped[Key] = mapped_column(sa.ForeignKey("products.id"), index=True)
    quantity: Mapped[Quantity]
    price_cents_at_purchase: Mapped[Cents]

    order: Mapped["Order"] = relationship(back_populates="items")
    product: Mapped["Product"] = relationship(back_populates="items")


IN_SQL = {  # how PostgreSQL says each kind of bound
    "ge": "{column} >= {bound}",
    "le": "{column} <= {bound}",
    "min_length": "char_length({column}) >= {bound}",
    "max_length": "char_length({column}) <= {bound}",
    "pattern": "{column} ~ '{bound}'",
    "to_lower": "{column} = lower({column})",
    "strip_whitespace": f"{{column}} !~ '^[{BLANK}]|[{BLANK}]$'",
    "expected": "{column} = ANY (ARRAY{bound})",
}


def _rule(word: Any, column: str) -> str:
    """The bounds of a word in SQL: those of Quantity are "quantity >= 1 AND quantity <= 10000"."""
    bounds = cast(dict[str, Any], TypeAdapter(word).core_schema)
    kinds = [kind for kind in IN_SQL if kind in bounds]
    return " AND ".join(IN_SQL[kind].format(column=column, bound=bounds[kind]) for kind in kinds)


def _add_checks(model: type[Base]) -> None:
    words = get_type_hints(model, include_extras=True)
    table = Base.metadata.tables[model.__tablename__]
    for column in [
        each for each in table.columns if not each.primary_key and not each.foreign_keys
    ]:
        (word,) = get_args(words[column.name])
        if rule := _rule(word, column.name):
            table.append_constraint(sa.CheckConstraint(rule, name=column.name))


for _model in (User, Product, Order, OrderItem):
    _add_checks(_model)
