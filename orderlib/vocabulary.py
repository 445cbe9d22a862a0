"""The words of the shop, each with its rule, each written once.

A word is a Python type plus its bounds. Everyone reads the same definition: the tables
(models.py makes CHECK constraints of it), the functions (validation.py refuses what breaks it),
and every door built on the functions: forms, console, REST API.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, WithJsonSchema, with_config
from typing_extensions import TypedDict

LARGEST_INTEGER = 2**31 - 1  # of PostgreSQL's INTEGER
LONGEST_NAME = 200

# A pattern is read by three regular expression engines: pydantic's, PostgreSQL's and, in the
# API's documentation, JavaScript's. So: plain ranges only, where the three agree.
EMAIL = r"^[!-?A-~]+@[!-?A-~]+$"  # printable ASCII without space and @, twice
_CONTROLS = r"\u0000-\u001f\u007f-\u009f"  # line breaks, tabs, NUL and the like
PRINTABLE = rf"^[^{_CONTROLS}]+$"

# What JSON schema has no word for: that a name is trimmed before its letters are counted. (These
# are the characters that are trimmed, and the same with those that PRINTABLE refuses.)
BLANK = r"\u0009-\u000d \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_EDGE, _INSIDE = f"[^{_CONTROLS}{BLANK}]", f"[^{_CONTROLS}]"
TRIMMED_NAME = {
    "type": "string",
    "description": f"text of 1 to {LONGEST_NAME} characters without controls, trimmed at both ends",
    "pattern": f"^[{BLANK}]*{_EDGE}({_INSIDE}{{0,{LONGEST_NAME - 2}}}{_EDGE})?[{BLANK}]*$",
}

PATTERNS = {
    EMAIL: "must look like ana@example.com: one @, no spaces, only plain letters, digits and signs",
    PRINTABLE: "must not contain line breaks, tabs or other control characters",
}

Key = Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=EMAIL, to_lower=True)]
FullName = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=LONGEST_NAME, pattern=PRINTABLE, strip_whitespace=True
    ),
    WithJsonSchema(TRIMMED_NAME),
]
ProductName = FullName
Cents = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]  # 249999 is $2,499.99
Quantity = Annotated[int, Field(ge=1, le=10_000)]
Status = Literal["pending", "paid", "shipped", "delivered", "cancelled"]
Limit = Annotated[int, Field(ge=1, le=1_000)]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]  # 2024-01-10T08:00:00Z
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]  # 2024-01-10


@with_config(ConfigDict(strict=True, extra="forbid"))
class OrderLine(TypedDict):
    """One line of an order that somebody places: exactly these two fields."""

    product_id: Key
    quantity: Quantity


Items = Annotated[list[OrderLine], Field(min_length=1, max_length=1_000)]


class UserRow(TypedDict):
    id: Key
    email: Email
    full_name: FullName
    created_at: Moment


class ProductRow(TypedDict):
    id: Key
    name: ProductName
    price_cents: Cents


class ItemRow(TypedDict):
    id: Key
    product_id: Key
    product_name: ProductName
    quantity: Quantity
    price_cents_at_purchase: Cents
    line_total_cents: int


class OrderRow(TypedDict):
    id: Key
    user_id: Key
    status: Status
    created_at: Moment
    items: list[ItemRow]
    total_quantity: int
    total_cents: int


class UserPage(TypedDict):
    users: list[UserRow]
    next: Key | None


class ProductPage(TypedDict):
    products: list[ProductRow]
    next: Key | None


class OrderPage(TypedDict):
    orders: list[OrderRow]
    total: int
    next: Key | None


class DaySales(TypedDict):
    day: Day
    orders: int
    revenue_cents: int


class ProductSales(TypedDict):
    product_id: Key
    product_name: ProductName
    quantity: int
    revenue_cents: int


class CustomerSales(TypedDict):
    user_id: Key
    full_name: FullName
    orders: int
    revenue_cents: int
