"""The database refuses by itself what the functions refuse: by plain SQL nothing bad gets in."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orderlib import Base
from orderlib.validation import problem_with
from orderlib.vocabulary import Email, FullName, Quantity, Status

from .goods import NOBODY, STATUSES, TABLES, customer, examples, order, product, refusal, sql
from .test_bad_input import BLANKS, NOT_A_NAME, NOT_A_STATUS, NOT_AN_EMAIL, emails, texts

pytestmark = pytest.mark.usefixtures("shop")

USER = "INSERT INTO users (email, full_name) VALUES (:email, :full_name)"
PRODUCT = "INSERT INTO products (name, price_cents) VALUES (:name, :price_cents)"
ORDER = "INSERT INTO orders (user_id, status) VALUES (:user_id, :status)"
ITEM = """INSERT INTO order_items (order_id, product_id, quantity, price_cents_at_purchase)
    VALUES (:order_id, :product_id, :quantity, :price_cents_at_purchase)"""
STATEMENTS = {"users": USER, "products": PRODUCT, "orders": ORDER, "order_items": ITEM}


def sendable(values: list[str]) -> list[str]:
    """Those that psycopg2 can send: no NUL, no lone surrogates."""
    return [
        text for text in values if not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)
    ]


@pytest.fixture
def row() -> dict[str, Any]:
    """A good value for each column."""
    user, pen = customer(), product()
    return {
        "email": "new@example.com",
        "full_name": "New",
        "name": "New",
        "price_cents": 5,
        "user_id": user,
        "status": "paid",
        "order_id": order(user, pen)["id"],
        "product_id": pen,
        "quantity": 1,
        "price_cents_at_purchase": 5,
    }


def test_a_good_row_is_accepted(row: dict[str, Any]) -> None:
    for table, statement in STATEMENTS.items():
        before = len(sql(f"SELECT id FROM {table}"))
        sql(statement, **row)
        assert len(sql(f"SELECT id FROM {table}")) == before + 1


COLUMNS = [
    (table, column.name)
    for table in TABLES
    for column in Base.metadata.tables[table].columns
    if column.name not in ("id", "created_at")
]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_no_column_may_be_empty(table: str, column: str, row: dict[str, Any]) -> None:
    said = refusal(STATEMENTS[table], **{**row, column: None})
    assert (said.sqlstate, said.column_name) == ("23502", column)


@pytest.mark.parametrize("table", TABLES)
def test_a_key_is_given_by_the_database_alone(table: str, row: dict[str, Any]) -> None:
    statement = STATEMENTS[table].replace("(", "(id, ", 1).replace("VALUES (", "VALUES (7, ")
    assert refusal(statement, **row).sqlstate == "428C9"


BAD_VALUES = [
    ("users", "email", "ck_users_email", [*sendable(NOT_AN_EMAIL), "Ana@b.c", "a@B.c", "A@B"]),
    ("users", "full_name", "ck_users_full_name", [*sendable(NOT_A_NAME), " a", "a ", "\ta", "a\n"]),
    ("products", "name", "ck_products_name", [*sendable(NOT_A_NAME), " a", "a ", "\ta", "a\n"]),
    ("products", "price_cents", "ck_products_price_cents", [-1, -(2**31)]),
    ("orders", "status", "ck_orders_status", sendable(NOT_A_STATUS)),
    ("orders", "user_id", "fk_orders_user_id_users", [NOBODY, 0, -1]),
    ("order_items", "quantity", "ck_order_items_quantity", [0, -1, 10_001, 2**31 - 1]),
    (
        "order_items",
        "price_cents_at_purchase",
        "ck_order_items_price_cents_at_purchase",
        [-1, -(2**31)],
    ),
    ("order_items", "order_id", "fk_order_items_order_id_orders", [NOBODY, 0, -1]),
    ("order_items", "product_id", "fk_order_items_product_id_products", [NOBODY, 0, -1]),
]


@pytest.mark.parametrize(("table", "column", "rule", "values"), BAD_VALUES)
def test_a_bad_value_is_refused_by_a_rule_with_a_name(
    table: str, column: str, rule: str, values: list[Any], row: dict[str, Any]
) -> None:
    for value in values:
        said = refusal(STATEMENTS[table], **{**row, column: value})
        assert said.constraint_name == rule, f"{value!r:.100}"


def test_every_column_has_a_rule_with_a_name() -> None:
    assert {(table, column) for table, column, _, _ in BAD_VALUES} == set(COLUMNS)


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_a_name_with_a_blank_at_an_end_is_refused_whatever_the_blank(blank: str) -> None:
    for name in (blank, f"{blank}x", f"x{blank}"):
        assert refusal(PRODUCT, name=name, price_cents=1).constraint_name == "ck_products_name"


@pytest.mark.parametrize(("table", "column"), [each for each in COLUMNS if each[1] in (
    "price_cents", "user_id", "quantity", "price_cents_at_purchase", "order_id", "product_id"
)])  # fmt: skip
def test_a_number_beyond_an_integer_is_refused(
    table: str, column: str, row: dict[str, Any]
) -> None:
    for value in (2**31, -(2**31) - 1, 2**63, 10**40):
        assert refusal(STATEMENTS[table], **{**row, column: value}).sqlstate == "22003"


def test_an_email_is_there_once(row: dict[str, Any]) -> None:
    said = refusal(USER, **{**row, "email": "ana@example.com"})
    assert said.constraint_name == "uq_users_email"


def test_an_update_is_under_the_same_rules(row: dict[str, Any]) -> None:
    assert refusal("UPDATE users SET email = 'Ana@b.c'").constraint_name == "ck_users_email"
    assert refusal("UPDATE orders SET status = 'lost'").constraint_name == "ck_orders_status"
    said = refusal("UPDATE order_items SET quantity = 0")
    assert said.constraint_name == "ck_order_items_quantity"


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        ("users", "fk_orders_user_id_users"),
        ("products", "fk_order_items_product_id_products"),
    ],
)
def test_what_an_order_needs_cannot_be_deleted(table: str, rule: str, row: dict[str, Any]) -> None:
    assert refusal(f"DELETE FROM {table}").constraint_name == rule


def test_the_items_go_with_their_order(row: dict[str, Any]) -> None:
    sql("DELETE FROM orders")
    assert sql("SELECT * FROM order_items") == []


HERE = "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"


def test_every_rule_has_a_name_of_ours() -> None:
    statement = f"""SELECT conname FROM pg_constraint
        WHERE connamespace = {HERE} AND contype IN ('c', 'f', 'p', 'u')"""
    names = {name for (name,) in sql(statement)}
    rules = {rule for _, _, rule, _ in BAD_VALUES}
    assert names == rules | {"uq_users_email"} | {f"pk_{table}" for table in TABLES}


def test_every_foreign_key_has_an_index_that_begins_with_it() -> None:
    statement = f"""
        SELECT conname FROM pg_constraint AS rule
        WHERE contype = 'f' AND connamespace = {HERE} AND NOT EXISTS (
            SELECT FROM pg_index
            WHERE indrelid = rule.conrelid AND indkey[0] = rule.conkey[1] AND indpred IS NULL
        )"""
    assert sql(statement) == []


def test_times_know_their_zone_and_are_set_by_the_database() -> None:
    statement = """SELECT table_name, data_type, column_default FROM information_schema.columns
        WHERE table_schema = current_schema() AND column_name = 'created_at' ORDER BY table_name"""
    zoned = "timestamp with time zone"
    assert sql(statement) == [("orders", zoned, "now()"), ("users", zoned, "now()")]


# Properties: what a word refuses, plain SQL refuses too, where the database can see it


@examples(500)
@given(emails())
def test_plain_sql_refuses_the_emails_that_the_word_refuses(email: str) -> None:
    assume(problem_with(Email, email) and sendable([email]))
    assert refusal(USER, email=email, full_name="Ana").constraint_name == "ck_users_email"


@examples(500)
@given(texts(200))
def test_plain_sql_refuses_the_names_that_the_word_refuses(name: str) -> None:
    assume(problem_with(FullName, name) and sendable([name]))
    assert refusal(PRODUCT, name=name, price_cents=1).constraint_name == "ck_products_name"


@examples(500)
@given(st.text(max_size=9) | st.sampled_from(STATUSES).map(str.upper))
def test_plain_sql_refuses_the_statuses_that_the_word_refuses(status: str) -> None:
    assume(problem_with(Status, status) and sendable([status]))
    said = refusal(ORDER, user_id=NOBODY, status=status)
    assert said.constraint_name == "ck_orders_status"


@examples(500)
@given(st.integers(-(2**31), 2**31 - 1) | st.integers(-5, 10_005))
def test_plain_sql_refuses_exactly_the_quantities_that_the_word_refuses(quantity: int) -> None:
    values = {"order_id": NOBODY, "product_id": NOBODY, "price_cents_at_purchase": 1}
    rule = refusal(ITEM, **values, quantity=quantity).constraint_name
    assert (rule == "ck_order_items_quantity") == (problem_with(Quantity, quantity) is not None)
