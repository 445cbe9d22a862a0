"""The same small shop every time: five customers, eight products, six orders in January 2024.

    start("01")       # a lesson opens with it
    load()            # or fill an empty shop yourself

The people and things are chosen so that there is something to find: a name of one word, one with
an apostrophe and letters beyond ASCII, a price that has changed since it was paid, a customer
without orders, a product that nobody ordered, an order that was cancelled.
"""

from datetime import UTC, datetime

from sqlalchemy import exists, select

from orderlib.database import get_db
from orderlib.errors import Conflict
from orderlib.models import Order, OrderItem, Product, User
from orderlib.vocabulary import Status

# A product, its quantity, and its price where that was another one at the time of the order.
Line = tuple[Product, int] | tuple[Product, int, int]

NOT_EMPTY = "The shop is not empty. The sample data can only be loaded into an empty one"


def load() -> None:
    """Fill an empty shop, in one transaction. Raises Conflict where it is not empty."""
    taken = Conflict(NOT_EMPTY)  # where somebody else loads it at the same moment
    with get_db({"uq_users_email": taken}) as db:
        if db.scalar(select(exists(select(User)) | exists(select(Product)))):
            raise Conflict(NOT_EMPTY)
        users, products = _users(), _products()
        db.add_all([*users, *products])
        db.flush()  # so that the ids are in the order of the lists below
        db.add_all(_orders(users, products))


def _users() -> list[User]:
    people = [
        ("ana@example.com", "Ana Silva", _january(10, "08:00")),
        ("kwame@example.com", "Kwame Mensah", _january(11, "16:20")),
        ("mai@example.com", "Nguyễn Thị Mai", _january(12, "07:45")),
        ("wulandari@example.com", "Wulandari", _january(16, "11:30")),
        ("zoe@example.com", "Zoë O'Brien", _january(22, "19:05")),
    ]
    return [User(email=email, full_name=name, created_at=time) for email, name, time in people]


def _products() -> list[Product]:
    things = [
        ("Laptop", 249_999),
        ("Mouse", 2_499),
        ("Keyboard", 7_999),
        ("Monitor", 32_950),
        ("Headphones", 12_900),
        ("Coffee Mug", 1_250),
        ("Notebook", 495),
        ("Standing Desk", 54_900),
    ]
    return [Product(name=name, price_cents=price_cents) for name, price_cents in things]


def _orders(users: list[User], products: list[Product]) -> list[Order]:
    ana, kwame, mai, wulandari, _zoe = users
    laptop, mouse, keyboard, monitor, headphones, mug, notebook, _desk = products
    return [
        _order(ana, "delivered", _january(10, "08:12"), (laptop, 1), (mouse, 2)),
        _order(kwame, "delivered", _january(11, "16:31"), (headphones, 1, 14_900), (mug, 4)),
        _order(mai, "shipped", _january(15, "09:03"), (monitor, 2), (keyboard, 1)),
        _order(ana, "paid", _january(15, "21:40"), (notebook, 10)),
        _order(kwame, "cancelled", _january(18, "12:00"), (laptop, 1)),
        _order(wulandari, "pending", _january(20, "10:15"), (mug, 2), (notebook, 3), (mouse, 1)),
    ]


def _order(
    user: User,
    status: Status,
    time: datetime,
    *lines: tuple[Product, int] | tuple[Product, int, int],
) -> Order:
    """Each line: a product, a quantity, and the price where it was another one at that time."""
    items = [
        OrderItem(
            product=product,
            quantity=quantity,
            price_cents_at_purchase=then[0] if then else product.price_cents,
        )
        for product, quantity, *then in lines
    ]
    return Order(user=user, status=status, created_at=time, items=items)


def _january(day: int, clock: str) -> datetime:
    return datetime.fromisoformat(f"2024-01-{day:02}T{clock}").replace(tzinfo=UTC)
