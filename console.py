"""The shop as a text menu: python console.py

Nothing here knows what a good e-mail or a legal price is. A function's signature says what to ask
for, its words (orderlib/vocabulary.py) say what is accepted, its result is shown. So a new action
is one new line in ACTIONS.
"""

import inspect
import io
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

import orderlib as shop
from orderlib.validation import problem_with
from orderlib.vocabulary import Key, Quantity

with suppress(ImportError):  # where it exists, input() gets arrow keys and a history by it
    import readline  # noqa: F401

WIDEST = 30  # characters of a cell: with two long names a table still fits into 80 columns
LONGEST = 1_000  # characters of an answer: more than any word takes, fewer than int() refuses

PRICE = re.compile(r"(-?)\$?([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.([0-9]{1,2}))?")
PRICE_FORMAT = (
    "must look like 2499.99, 2,499.99 or $2,499.99: "
    "commas part thousands, a point one or two digits of cents"
)
ITEM_COLUMNS = (
    "product_id",
    "product_name",
    "quantity",
    "price_cents_at_purchase",
    "line_total_cents",
)

Row = Mapping[str, Any]


class Cancelled(Exception):
    """The answer was blank: back to the menu."""


def leave() -> None:
    """Leave as the end of input does."""
    raise EOFError


class Action(NamedTuple):
    """What the menu offers: one function, asked for and shown by its signature and result.

    What the signature demands is asked for; of what it does not, only what `blank` names.
    `blank` says what a blank answer means there ("" cancels, as everywhere else), `empty` what to
    say where there is nothing to show, `page` how much to show at once.
    """

    title: str
    function: Callable[..., Any]
    blank: Mapping[str, str] = MappingProxyType({})
    empty: str = ""
    page: int = 20


NO_USERS = "There are no users yet: 1 creates one."
NO_PRODUCTS = "There are no products yet: 2 creates one."
NO_ORDERS = "There are no orders yet: 3 creates one."
ACTIONS = {
    "1": Action("create a user", shop.create_user),
    "2": Action("create a product", shop.create_product),
    "3": Action("create an order", shop.create_order, {"status": "pending"}),
    "4": Action("list orders for a user", shop.list_orders, {}, NO_ORDERS, page=5),
    "5": Action("exit", leave),
    "u": Action("list users", shop.list_users, {}, NO_USERS),
    "p": Action("list products", shop.list_products, {}, NO_PRODUCTS),
    "f": Action("find products", shop.list_products, {"search": ""}, "No product is called that."),
    "o": Action("show one order", shop.get_order),
    "s": Action("sales by day", shop.sales_by_day, {}, NO_ORDERS),
    "b": Action("best sellers", shop.best_sellers, {}, NO_ORDERS),
    "t": Action("top customers", shop.top_customers, {}, NO_ORDERS),
    "cu": Action("change a user", shop.update_user, {"email": "same", "full_name": "same"}),
    "cp": Action("change a product", shop.update_product, {"name": "same", "price_cents": "same"}),
    "co": Action("change order status", shop.change_status),
    "du": Action("delete a user", shop.delete_user),
    "dp": Action("delete a product", shop.delete_product),
    "do": Action("delete an order", shop.delete_order),
}
# An id is looked up at once: a wrong one is not discovered ten answers later.
LOOKUPS: dict[str, Callable[[int], Row]] = {
    "user_id": shop.get_user,
    "product_id": shop.get_product,
    "order_id": shop.get_order,
}


def main() -> None:
    """Offer the menu until the user leaves: by 5, Ctrl-C or the end of input."""
    for stream, habit in ((sys.stdin, "surrogateescape"), (sys.stdout, "replace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=habit)  # broken bytes reach the shop, which refuses them
    try:
        print(f"The shop: {shop.address()}")
        while True:
            offer_menu()
    except (EOFError, KeyboardInterrupt):
        print("\nGoodbye.")
    except BrokenPipeError:  # whoever read along, such as `head`, has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except shop.OrderlibError as error:  # at the start: later ones end in the menu
        sys.exit(str(error))


def offer_menu() -> None:
    """Show the menu and do one action, or say in a sentence why it was not done."""
    print(f"\n{menu()}\nA blank answer cancels, Ctrl-C leaves.\n")
    choice = read_line("Your choice: ").lower()
    if choice not in ACTIONS:
        print(f"  There is no action {choice}." if choice else "  Nothing was chosen.")
        return
    try:
        run(ACTIONS[choice])
    except Cancelled:
        print("  Cancelled, nothing was changed.")
    except shop.OrderlibError as error:
        print(f"  {str(error).rstrip('.')}.")


def menu() -> str:
    """The actions in three columns: the main ones, the reading ones, the changing ones."""
    entries = [f"{key:2} {action.title:24}" for key, action in ACTIONS.items()]
    lines = zip_longest(entries[:5], entries[5:12], entries[12:], fillvalue=" " * 27)
    return "\n".join("".join(line).rstrip() for line in lines)


def run(action: Action) -> None:
    """Ask for the arguments, call the function, show its result: page by page, if it has pages."""
    arguments = ask_arguments(action)
    if "after" not in inspect.signature(action.function).parameters:
        show(action.function(**arguments), action.empty)
        return
    after = None
    while True:
        page = action.function(**arguments, limit=action.page, after=after)
        (rows,) = (value for value in page.values() if isinstance(value, list))
        show(rows, action.empty)
        after = page["next"]
        if after is None or not wants_more():
            return


def wants_more() -> bool:
    """Whether to show the next page. A pipe is not asked: its next line is meant for the menu."""
    return not sys.stdin.isatty() or read_line("  m shows more, a blank the menu: ") == "m"


# Asking


def ask_arguments(action: Action) -> dict[str, Any]:
    """Ask for what the function wants, in the order of its signature."""
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(action.function).parameters.items():
        required = parameter.default is parameter.empty
        if name == "items":
            arguments[name] = ask_items()
        elif required or name in action.blank:
            meaning = action.blank.get(name, "")
            answer = ask(name, parameter.annotation, meaning)
            default = meaning if required else parameter.default
            arguments[name] = default if answer is None else answer
    if action.blank and all(arguments[name] is None for name in action.blank):
        raise Cancelled  # everything shall stay as it is
    return arguments


def ask_items() -> list[dict[str, int]]:
    """Ask for products and quantities, again and again, until a blank line."""
    items: list[dict[str, int]] = []
    while True:
        try:
            product_id = ask("product_id", Key, blank="done" if items else "")
        except shop.NotFound as error:  # said here, or the lines before would be lost
            print(f"  {error}.")
            continue
        if product_id is None:
            return items
        items.append({"product_id": product_id, "quantity": ask("quantity", Quantity)})


def ask(name: str, word: Any, blank: str = "") -> Any:
    """Ask for one word until the answer fits; an id is looked up, which may raise NotFound.

    A blank answer is None where `blank` says what it means. Elsewhere it cancels.
    """
    choices = [choice for choice in get_args(word) if isinstance(choice, str)]
    hint = f" ({', '.join(choices)})" if choices else ""
    default = f" [{blank}]" if blank else ""
    while text := read_line(f"  {label(name)}{hint}{default}: "):
        try:
            value = understand(text, name, word)
        except ValueError as problem:
            print(f"  {label(name)} {problem}.")
        else:
            if name in LOOKUPS:
                print(f"    {in_short(LOOKUPS[name](value))}")
            return value
    if not blank:
        raise Cancelled
    return None


def understand(text: str, name: str, word: Any) -> Any:
    """Turn an answer into a value that fits its word, or raise ValueError with the reason.

    What looks like no number stays text, and the rule of the word says what is wrong with it.
    """
    value: int | str = text
    if is_money(name):
        value = cents(text)
    elif int in get_args(word) and re.fullmatch(r"-?[0-9]+", text):
        value = int(text)
    problem = problem_with(word, value)
    if problem and is_money(name):  # it speaks of cents, and the person of dollars
        problem = re.sub(r"[0-9]+", lambda bound: dollars(int(bound[0])), problem)
    if problem:
        raise ValueError(problem)
    return value


def read_line(prompt: str) -> str:
    """Read a line, without the blanks around it. Raises EOFError at the end of input."""
    if sys.stdin is None:  # started without any input
        raise EOFError
    text = input(prompt)
    if not sys.stdin.isatty():
        print(text)  # a pipe shows nothing of what it says
    return text.strip()[:LONGEST]


# Showing


def show(result: Any, empty: str) -> None:
    """Show what a function returned: nothing, one row, many rows, or orders."""
    if result is None:
        print("  Deleted.")
        return
    rows = result if isinstance(result, list) else [result]
    if not rows:
        print(f"  {empty}")
    elif "items" not in rows[0]:
        print_table(rows)
    else:
        for order in rows:
            show_order(order)


def show_order(order: Row) -> None:
    """Show an order: a heading, its lines, and the totals below them."""
    heading = "Order {id} of user {user_id}, {status}, {created_at}".format_map(order)
    print(f"\n  {heading}")
    items = [{name: item[name] for name in ITEM_COLUMNS} for item in order["items"]]
    totals = {"quantity": order["total_quantity"], "line_total_cents": order["total_cents"]}
    print_table([*items, {"product_name": "Total", **totals}])


def print_table(rows: Sequence[Row]) -> None:
    """Print rows as aligned columns under their titles: numbers right, text left."""
    columns = []
    for name, first in rows[0].items():
        cells = [label(name), *(cut(shown(name, row.get(name, ""))) for row in rows)]
        width = max(map(len, cells))
        right = isinstance(first, int)
        columns.append([cell.rjust(width) if right else cell.ljust(width) for cell in cells])
    for line in zip(*columns, strict=True):
        print(f"  {'  '.join(line)}".rstrip())


def in_short(row: Row) -> str:
    """Say in a line what a row is: Laptop, $2,499.99."""
    telling = ("full_name", "email", "name", "price_cents", "status", "total_cents")
    return ", ".join(shown(name, row[name]) for name in telling if name in row)


def label(name: str) -> str:
    """Name a field for people: price_cents is Price."""
    return re.sub("_cents.*", "", name).replace("email", "e-mail").replace("_", " ").capitalize()


def shown(name: str, value: object) -> str:
    """Write a value for people: cents as dollars, a moment as its day."""
    if is_money(name) and isinstance(value, int):
        return dollars(value)
    return str(value)[:10] if name == "created_at" else str(value)


def cut(text: str) -> str:
    """Shorten a text that is too wide for a column."""
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


# Money: whole cents inside, dollars outside, and never a float


def is_money(name: str) -> bool:
    """Whether a field holds cents: its name says so."""
    return "_cents" in name


def cents(text: str) -> int:
    """Read a price: 2499.99, 2,499.99 and $2,499.99 are 249999. Raises ValueError."""
    typed = PRICE.fullmatch(text)
    if not typed:
        raise ValueError(PRICE_FORMAT)
    sign, whole, fraction = typed.groups(default="")
    return int(sign + whole.replace(",", "") + fraction.ljust(2, "0"))


def dollars(amount: int) -> str:
    """Write a price: 249999 is $2,499.99."""
    return f"${amount // 100:,}.{amount % 100:02}"


if __name__ == "__main__":
    main()
