"""The text menu, as a person at a terminal and a script at a pipe meet it.

Each child process is a real `python console.py`; what it did is looked up with orderlib.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pexpect  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

import console
import orderlib as shop
from orderlib.vocabulary import Cents, Email, FullName, Items, Key, Quantity, Status

CONSOLE = Path(console.__file__)
SECONDS = 15
MENU = "Your choice: "
ANA = ("ana@example.com", "Ana Silva")
SEEDED = {"users": 1, "products": 2, "orders": 0, "order_items": 0}


def counts() -> dict[str, int]:
    """The number of rows of the four tables."""
    with shop.engine().connect() as connection:
        return {
            table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("users", "products", "orders", "order_items")
        }


def pipe(*answers: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the console with these lines as its input, and then the end of input."""
    return pipe_bytes("".join(f"{answer}\n" for answer in answers).encode(), **environment)


def pipe_bytes(sent: bytes, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, CONSOLE],
        input=sent,
        check=False,
        capture_output=True,
        timeout=SECONDS,
        env=os.environ | environment,
    )
    out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def assert_left_cleanly(done: subprocess.CompletedProcess[str]) -> None:
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\nGoodbye.\n")


class Terminal:
    """A person at a real terminal: waits for a prompt, then types."""

    def __init__(self) -> None:
        self.child = pexpect.spawn(
            sys.executable,
            [str(CONSOLE)],
            dimensions=(50, 100),
            timeout=SECONDS,
            env={**os.environ, "TERM": "dumb"},
        )
        self.child.delaybeforesend = None  # it waits for a prompt, so it need not wait blindly
        self.child.delayafterclose = 0

    def sees(self, expected: str) -> None:
        self.child.expect_exact(expected.encode())

    def answers(self, prompt: str, answer: str) -> None:
        self.sees(prompt)
        self.child.sendline(answer.encode())

    def walks_to(self, place: "Place") -> None:
        """Give the answers that lead to a prompt, and wait for it."""
        for number, answer in enumerate(place.before):
            self.answers(": " if number else MENU, answer)
        self.sees(place.prompt)

    def leaves_cleanly(self) -> None:
        self.sees("Goodbye.")
        self.child.expect(pexpect.EOF)
        assert self.child.before == b"\r\n"
        self.child.close()
        assert (self.child.exitstatus, self.child.signalstatus) == (0, None)


@pytest.fixture
def terminal(real_shop: None) -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.child.close(force=True)


@pytest.fixture
def seeded(real_shop: None) -> None:
    """A shop with one user and two products."""
    shop.create_user(*ANA)
    shop.create_product("Laptop", 249_999)
    shop.create_product("Mouse", 2_490)


# The whole story


def test_a_person_at_a_terminal_makes_a_user_a_product_and_an_order_of_two_lines(
    terminal: Terminal,
) -> None:
    terminal.sees(f"The shop: {shop.address()}\r\n")
    for prompt, answer in [
        (MENU, "1"), ("E-mail: ", "Ana@Example.com"), ("Full name: ", "Ana Silva"),
        (MENU, "2"), ("Name: ", "Laptop"), ("Price: ", "$2,499.99"),
        (MENU, "2"), ("Name: ", "Mouse"), ("Price: ", "24.9"),
        (MENU, "3"), ("User id: ", "1"), ("[pending]: ", ""),
        ("Product id: ", "1"), ("Quantity: ", "2"),
        ("Product id [done]: ", "2"), ("Quantity: ", "1"), ("Product id [done]: ", ""),
        (MENU, "4"), ("User id: ", "1"),
    ]:  # fmt: skip
        terminal.answers(prompt, answer)
    for shown in ("Ana Silva, ana@example.com", "Order 1 of user 1, pending", "$5,024.88"):
        terminal.sees(shown)
    terminal.answers(MENU, "5")
    terminal.leaves_cleanly()
    assert_the_story_is_stored()


def test_a_script_at_a_pipe_tells_the_same_story(real_shop: None) -> None:
    done = pipe(
        "1", "ana@example.com", "Ana Silva", "2", "Laptop", "2499.99", "2", "Mouse", "24.90",
        "3", "1", "pending", "1", "2", "2", "1", "", "4", "1", "5",
    )  # fmt: skip
    assert_left_cleanly(done)
    assert done.stdout.splitlines()[0] == f"The shop: {shop.address()}"
    assert_the_story_is_stored()


def assert_the_story_is_stored() -> None:
    page = shop.list_orders(1)
    assert page["total"] == 1
    order = page["orders"][0]
    assert (order["status"], order["total_cents"]) == ("pending", 502_488)
    assert [(item["product_name"], item["quantity"]) for item in order["items"]] == [
        ("Laptop", 2),
        ("Mouse", 1),
    ]
    assert shop.get_user(1)["email"] == "ana@example.com"


# Every prompt of the four main actions

CANCELLED = "Cancelled, nothing was changed."


class Place(NamedTuple):
    """A prompt: how to get there, a wrong answer and the reason, and what a blank leads to."""

    before: tuple[str, ...]
    prompt: str
    wrong: str
    why: str
    after_blank: str = CANCELLED


PLACES = [
    Place((), MENU, "z", "There is no action z.", "Nothing was chosen."),
    Place(("1",), "E-mail: ", "ana", "E-mail must look like ana@example.com"),
    Place(("1", "b@c"), "Full name: ", "n" * 201, "Full name must be at most 200 characters long."),
    Place(("2",), "  Name: ", "n" * 201, "Name must be at most 200 characters long."),
    Place(("2", "Pen"), "Price: ", "12,50", "Price must look like 2499.99"),
    Place(("3",), "User id: ", "0", "User id must be at least 1."),
    Place(("3", "1"), "[pending]: ", "lost", "Status must be 'pending', 'paid'", "Product id: "),
    Place(("3", "1", ""), "Product id: ", "abc", "Product id must be a whole number."),
    Place(("3", "1", "", "1"), "Quantity: ", "0", "Quantity must be at least 1."),
    Place(("3", "1", "", "1", "2"), "[done]: ", "9", "There is no product 9.", "Order 1 of user 1"),
    Place(("3", "1", "", "1", "2", "2"), "Quantity: ", "10001", "Quantity must be at most 10000."),
    Place(("4",), "User id: ", "1.0", "User id must be a whole number."),
]
at_every_prompt = pytest.mark.parametrize(
    "place", PLACES, ids=["-".join(["at", *place.before]) for place in PLACES]
)


@at_every_prompt
def test_a_wrong_answer_is_explained_and_asked_again_and_ctrl_c_leaves(
    seeded: None, terminal: Terminal, place: Place
) -> None:
    terminal.walks_to(place)
    terminal.child.sendline(place.wrong.encode())
    terminal.sees(place.why)
    terminal.sees(place.prompt)
    terminal.child.sendintr()
    terminal.leaves_cleanly()
    assert counts() == SEEDED


@at_every_prompt
def test_ctrl_d_leaves(seeded: None, terminal: Terminal, place: Place) -> None:
    terminal.walks_to(place)
    terminal.child.sendeof()
    terminal.leaves_cleanly()
    assert counts() == SEEDED


@at_every_prompt
def test_the_end_of_a_pipe_leaves_also_after_a_wrong_answer(seeded: None, place: Place) -> None:
    done = pipe(*place.before, place.wrong)
    assert_left_cleanly(done)
    asked, asked_again = done.stdout.split(place.why)
    assert place.prompt in asked
    assert asked_again.count(place.prompt) == 1
    assert counts() == SEEDED


@at_every_prompt
def test_a_blank_answer_cancels_or_means_what_the_prompt_says(seeded: None, place: Place) -> None:
    done = pipe(*place.before, "  ")
    assert_left_cleanly(done)
    assert re.search(
        rf"{re.escape(place.prompt)}  \n\s*{re.escape(place.after_blank)}", done.stdout
    )
    ordered = {"orders": 1, "order_items": 1} if place.prompt == "[done]: " else {}
    assert counts() == SEEDED | ordered


# What only the database knows


def test_a_duplicate_email_is_one_sentence_and_the_menu_returns(seeded: None) -> None:
    done = pipe("1", "ANA@example.com", "Another Ana", "u")
    assert_left_cleanly(done)
    assert "  ana@example.com is already registered.\n" in done.stdout
    assert "Ana Silva" in done.stdout
    assert counts() == SEEDED


@pytest.mark.parametrize("action", ["3", "4", "cu", "du"])
def test_an_unknown_user_is_told_before_anything_else_is_asked(seeded: None, action: str) -> None:
    done = pipe(action, "7")
    assert_left_cleanly(done)
    assert done.stdout.split("There is no user 7.\n")[1].count(": ") == 1  # only the menu's prompt
    assert counts() == SEEDED


def test_an_unknown_product_does_not_cost_the_lines_before_it(seeded: None) -> None:
    assert_left_cleanly(pipe("3", "1", "", "1", "2", "99", "2", "1", ""))
    assert counts() == SEEDED | {"orders": 1, "order_items": 2}


@pytest.mark.parametrize(
    "error",
    [
        shop.InvalidInput({"items": "must have at most 1000 lines"}),
        shop.NotFound("There is no user 7"),
        shop.Conflict("User 1 has orders and cannot be deleted"),
        shop.Busy("Someone else holds a lock on the same rows. Try again in a moment."),
        shop.DatabaseUnavailable("The connection was lost."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_each_error_of_the_shop_is_one_sentence_after_which_the_menu_goes_on(
    error: shop.OrderlibError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setitem(console.ACTIONS, "x", console.Action("fail", refuse))
    monkeypatch.setattr("builtins.input", lambda prompt: "x")
    console.offer_menu()
    assert capsys.readouterr().out.endswith(f"\nx\n  {str(error).rstrip('.')}.\n")


def test_without_a_postgresql_it_ends_with_a_sentence_that_keeps_the_password(
    real_shop: None,
) -> None:
    done = pipe("5", DATABASE_URL="postgresql://ana:s3cret@127.0.0.1:1/shop")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Nothing listens at 127.0.0.1, port 1" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "s3cret" not in done.stderr


# The actions under letters: what is typed, and what is then shown

READING = [
    (("u",), r"Id +E-mail +Full name +Created at\n +1  ana@example.com  Ana Silva  20"),
    (("p",), r"Id  Name +Price\n +1  Laptop  \$2,499.99\n +2  Mouse +\$24.90\n"),
    (("f", "OUS"), r"Id  Name +Price\n +2  Mouse +\$24.90\n\n"),
    (("f", "%"), r"No product is called that\."),
    (("o", "1"), r"Order 1 of user 1, pending, 20"),
    (("s",), r"Day +Orders +Revenue\n +20..-..-.. +1 +\$5,024.88"),
    (("b",), r"Product id +Product name +Quantity +Revenue\n +1  Laptop +2 +\$4,999.98"),
    (("t",), r"User id +Full name +Orders +Revenue\n +1  Ana Silva +1 +\$5,024.88"),
]
NOT_DONE = [
    (("cu", "1", "", ""), r"Cancelled, nothing was changed\."),
    (("cp", "1", "", ""), r"Cancelled, nothing was changed\."),
    (("co", "1", ""), r"Cancelled, nothing was changed\."),
    (("co", "1", "delivered"), r"Order 1 is pending and cannot become delivered\."),
    (("du", "1"), r"User 1 has orders and cannot be deleted\."),
    (("dp", "1"), r"Product 1 is part of an order and cannot be deleted\."),
]
CHANGING = [
    (("cu", "1", "", "Ana Souza"), r"1  ana@example.com  Ana Souza"),
    (("cp", "2", "", "0"), r"2  Mouse  \$0.00"),
    (("do", "1"), r"pending, \$5,024.88\n  Deleted\."),
    (("3", "1", "", "2", "5", ""), r"Order 2 of user 1, pending"),
    (("co", "2", "paid"), r"Order 2 of user 1, paid"),
    (("dp", "1"), r"Laptop, \$2,499.99\n  Deleted\."),
]


@pytest.mark.parametrize("story", [READING, NOT_DONE, CHANGING], ids=["read", "not done", "change"])
def test_each_lettered_action_does_what_it_says(
    seeded: None, story: list[tuple[tuple[str, ...], str]]
) -> None:
    lines: Items = [{"product_id": 1, "quantity": 2}, {"product_id": 2, "quantity": 1}]
    before = shop.create_order(1, "pending", lines)
    done = pipe(*(answer for answers, _ in story for answer in answers))
    assert_left_cleanly(done)
    _, *said = done.stdout.split(MENU)
    assert len(said) == len(story) + 1  # the last is the end of input
    for (_, shown), text_shown in zip(story, said, strict=False):
        assert re.search(shown, text_shown), text_shown
    if story is CHANGING:
        assert counts() == {"users": 1, "products": 1, "orders": 1, "order_items": 1}
        assert shop.get_user(1)["full_name"] == "Ana Souza"
        assert shop.get_product(2) == {"id": 2, "name": "Mouse", "price_cents": 0}
        assert shop.get_order(2)["status"] == "paid"
    else:
        assert counts() == SEEDED | {"orders": 1, "order_items": 2}
        assert shop.get_order(1) == before


def test_every_lettered_action_is_tried_above() -> None:
    tried = {answers[0] for story in (READING, NOT_DONE, CHANGING) for answers, _ in story}
    assert console.ACTIONS.keys() - tried <= set("1245")


def test_an_empty_shop_says_which_action_fills_it(real_shop: None) -> None:
    done = pipe("u", "p", "s", "b", "t", "1", *ANA, "4", "1", "du", "1")
    assert_left_cleanly(done)
    assert "There are no users yet: 1 creates one." in done.stdout
    assert "There are no products yet: 2 creates one." in done.stdout
    assert done.stdout.count("There are no orders yet: 3 creates one.") == 4
    assert "Deleted." in done.stdout
    assert set(counts().values()) == {0}


def test_a_long_list_offers_its_next_page_at_a_terminal(terminal: Terminal) -> None:
    for number in range(1, 46):
        shop.create_user(f"user{number}@example.com", "A User")
    terminal.answers(MENU, "u")
    terminal.sees("user20@")
    terminal.answers("m shows more, a blank the menu: ", "m")
    terminal.sees("user40@")
    terminal.answers("m shows more, a blank the menu: ", "")
    terminal.answers(MENU, "5")
    terminal.leaves_cleanly()


def test_a_pipe_gets_the_whole_list_and_keeps_its_next_answer(real_shop: None) -> None:
    for number in range(1, 46):
        shop.create_product(f"Thing {number}", number)
    done = pipe("p", "1", *ANA)
    assert_left_cleanly(done)
    assert re.findall(r"Thing (\d+)", done.stdout) == [str(number) for number in range(1, 46)]
    assert counts()["users"] == 1


# Prices

ACCEPTED = {
    "2499.99": 249_999, "2,499.99": 249_999, "$2,499.99": 249_999, "2499": 249_900, "5.5": 550,
    "0": 0, "0.05": 5, "$0.5": 50, "007": 700, "1,000,000": 100_000_000,
    "21474836.47": 2**31 - 1, "$21,474,836.47": 2**31 - 1,
}  # fmt: skip
MISWRITTEN = [
    "12,50", "1.999", "abc", "NaN", "Infinity", "1e5", "5.", ".5", "$", "1,00,000", ",100", "1_000",
    "1 000", "1.2.3", "$$5", "--5", "+5", "٣", "½", "5€", "0x10", "1,0000", "1,000,00", "2.499,99",
]  # fmt: skip
OUT_OF_BOUNDS = {
    "-5": "must be at least $0.00",
    "-$0.01": "must be at least $0.00",
    "21474836.48": "must be at most $21,474,836.47",
    "9" * 1000: "must be at most $21,474,836.47",
}


@pytest.mark.parametrize(("typed", "cents"), ACCEPTED.items())
def test_a_price_can_be_typed_in_many_ways(typed: str, cents: int) -> None:
    assert console.understand(typed, "price_cents", Cents) == cents


@pytest.mark.parametrize("typed", MISWRITTEN)
def test_a_miswritten_price_is_refused_with_the_right_form(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^must look like 2499\.99, 2,499\.99 or \$2,499\.99:"):
        console.understand(typed, "price_cents", Cents)


@pytest.mark.parametrize(("typed", "why"), OUT_OF_BOUNDS.items(), ids=str.__len__)
def test_the_bounds_of_a_price_are_told_in_dollars(typed: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        console.understand(typed, "price_cents", Cents)


def test_the_prompt_asks_for_the_price_until_it_is_one(real_shop: None) -> None:
    wrong = [*MISWRITTEN, *OUT_OF_BOUNDS, "9" * 5000]  # int() itself refuses so many digits
    done = pipe("2", "Pen", *wrong, "$1,234.5", "2", "Ink", "0")
    assert_left_cleanly(done)
    assert done.stdout.count("  Price must ") == len(wrong)
    assert [product["price_cents"] for product in shop.list_products()["products"]] == [123_450, 0]


@given(st.integers(0, 10_000 * 2**31))
def test_a_shown_price_can_be_typed_again_without_losing_a_cent(amount: int) -> None:
    assert console.cents(console.dollars(amount)) == amount


# Words


@pytest.mark.parametrize(
    ("function", "field", "word", "typed", "value"),
    [
        (shop.create_user, "email", Email, "ana", "ana"),
        (shop.create_user, "email", Email, "a" * 251 + "@b.c", "a" * 251 + "@b.c"),
        (shop.create_user, "full_name", FullName, "A\tB", "A\tB"),
        (shop.create_user, "full_name", FullName, "\udce9", "\udce9"),
        (shop.create_user, "full_name", FullName, "n" * 201, "n" * 201),
        (shop.create_product, "name", FullName, "a\0b", "a\0b"),
        (shop.create_order, "user_id", Key, "abc", "abc"),
        (shop.create_order, "user_id", Key, "٣", "٣"),
        (shop.create_order, "user_id", Key, "1_000", "1_000"),
        (shop.create_order, "user_id", Key, "-1", -1),
        (shop.create_order, "user_id", Key, "9" * 999, int("9" * 999)),
        (shop.create_order, "status", Status, "Paid", "Paid"),
        (shop.create_order, "items.0.quantity", Quantity, "10001", 10_001),
    ],
)
def test_a_prompt_refuses_with_the_words_of_the_function(
    function: object, field: str, word: object, typed: str, value: object
) -> None:
    name = field.rpartition(".")[2]
    given = {"items": [{"product_id": 1, "quantity": value}]} if "." in field else {field: value}
    with pytest.raises(shop.InvalidInput) as refused:
        function(**given)  # type: ignore[operator]
    with pytest.raises(ValueError, match=f"^{re.escape(refused.value.problems[field])}$"):
        console.understand(typed, name, word)


def test_the_menu_fits_into_eighty_columns() -> None:
    assert max(map(len, console.menu().splitlines())) <= 79


def test_a_table_is_aligned_and_cuts_what_is_too_wide(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table([{"id": 7, "name": "n" * 99}, {"id": 10, "name": "Mouse"}])
    assert capsys.readouterr().out == f"  Id  Name\n   7  {'n' * 29}…\n  10  Mouse\n"


# Terminals and pipes as they are


def test_broken_bytes_are_refused_like_any_other_wrong_name(real_shop: None) -> None:
    done = pipe_bytes(b"\xff\n1\n\xff\nana@example.com\nJos\xe9\nJos\xc3\xa9\n5\n")
    assert_left_cleanly(done)
    assert "Full name must not contain half characters (lone surrogates)." in done.stdout
    assert shop.get_user(1)["full_name"] == "José"


def test_broken_bytes_do_not_end_a_terminal(terminal: Terminal) -> None:
    terminal.sees(MENU)
    terminal.child.sendline(b"\xff\xe9\xfe")  # readline may drop some of them
    terminal.answers(MENU, "f")
    terminal.sees("Search: ")
    terminal.child.sendline(b"\xff\xe9\xfe")
    terminal.sees(": ")
    terminal.child.sendeof()
    terminal.leaves_cleanly()


def test_a_terminal_reads_and_shows_letters_of_every_language(terminal: Terminal) -> None:
    terminal.answers(MENU, "1")
    terminal.answers("E-mail: ", "jose@example.com")
    terminal.answers("Full name: ", "José 田中")
    terminal.sees("1  jose@example.com  José 田中 ")
    terminal.answers(MENU, "5")
    terminal.leaves_cleanly()
    assert shop.get_user(1)["full_name"] == "José 田中"


def test_an_output_that_knows_only_ascii_shows_question_marks(real_shop: None) -> None:
    shop.create_user("jose@example.com", "José")
    done = pipe("u", PYTHONIOENCODING="ascii")
    assert_left_cleanly(done)
    assert "Jos?" in done.stdout


def test_the_terminal_lets_a_line_be_edited(terminal: Terminal) -> None:
    pytest.importorskip("readline")
    terminal.answers(MENU, "1")
    terminal.sees("E-mail: ")
    terminal.child.send(b"na@example.com\x01a\r")  # Ctrl-A goes to the beginning of the line
    terminal.answers("Full name: ", "Ana Silva")
    terminal.answers(MENU, "5")
    terminal.leaves_cleanly()
    assert shop.get_user(1)["email"] == "ana@example.com"


def test_no_input_at_all_is_the_end_of_input(real_shop: None) -> None:
    command = ["sh", "-c", 'exec "$0" "$1" <&-', sys.executable, str(CONSOLE)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    assert_left_cleanly(done)
