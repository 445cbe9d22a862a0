"""Customers."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest

from orderlib import (
    Conflict,
    InvalidInput,
    NotFound,
    create_user,
    delete_user,
    get_user,
    list_users,
    update_user,
)

from .goods import MOMENT, NOBODY, customer, everything, order, product, sql

pytestmark = pytest.mark.usefixtures("shop")


def test_a_new_user_comes_back_as_a_plain_dict_with_four_fields() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    user = create_user("ana@example.com", "Ana Silva")
    assert type(user) is dict
    assert list(user) == ["id", "email", "full_name", "created_at"]
    assert type(user["id"]) is int
    assert (user["email"], user["full_name"]) == ("ana@example.com", "Ana Silva")
    assert re.fullmatch(MOMENT, user["created_at"])
    assert timedelta() <= datetime.fromisoformat(user["created_at"]) - before < timedelta(minutes=1)
    assert json.loads(json.dumps(user)) == user


def test_a_new_user_is_stored_as_it_came_back() -> None:
    user = create_user("ana@example.com", "Ana Silva")
    [(id, email, full_name, created_at)] = sql("SELECT * FROM users")
    assert (id, email, full_name) == (user["id"], user["email"], user["full_name"])
    assert created_at.replace(microsecond=0) == datetime.fromisoformat(user["created_at"])
    assert get_user(user["id"]) == user


def test_arguments_may_be_named() -> None:
    assert create_user(full_name="Ana", email="ana@example.com")["full_name"] == "Ana"


def test_an_email_is_stored_in_lower_case() -> None:
    assert create_user("Ana.SILVA+Shop@Example.COM", "Ana")["email"] == "ana.silva+shop@example.com"
    assert sql("SELECT email FROM users") == [("ana.silva+shop@example.com",)]


@pytest.mark.parametrize(
    "given", ["  Ana Silva", "Ana Silva \t", "\u00a0Ana Silva\u3000", "\r\nAna Silva\n"]
)
def test_a_name_is_stored_without_the_blanks_around_it(given: str) -> None:
    assert create_user("ana@example.com", given)["full_name"] == "Ana Silva"
    assert sql("SELECT full_name FROM users") == [("Ana Silva",)]


@pytest.mark.parametrize(
    "name",
    [
        "Ana  Silva",
        "O'Brien",
        'Ana "la" Silva',
        "%",
        "\\",
        "José",
        "山田太郎",
        "👩🏽‍💻",
        "x" * 200,
        ":id",
    ],
)
def test_a_name_may_have_any_signs(name: str) -> None:
    assert create_user("ana@example.com", name)["full_name"] == name
    assert sql("SELECT full_name FROM users") == [(name,)]


@pytest.mark.parametrize(
    "email", ["a@b", "a@b.c", "o'brien@x.ie", "!#$%&*+/=?^_`{|}~-@x.y", "x" * 250 + "@b.c", "1@2"]
)
def test_an_email_may_be_any_that_has_the_form(email: str) -> None:
    assert create_user(email, "Ana")["email"] == email


def test_an_email_is_registered_once_whatever_its_letter_case() -> None:
    customer("ana@example.com")
    stored = everything()
    with pytest.raises(Conflict, match=r"^ana@example\.com is already registered$"):
        create_user("ANA@Example.com", "Another Ana")
    assert everything() == stored


def test_two_users_may_have_the_same_name() -> None:
    assert customer("a@b.c", "Ana") != customer("b@b.c", "Ana")


def test_the_time_of_a_user_is_utc_to_the_second_whatever_the_session_says() -> None:
    user = customer()
    sql("UPDATE users SET created_at = '2024-01-10 23:59:59.999999+00'")
    for zone in ("Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kathmandu"):
        sql("SELECT set_config('TimeZone', :zone, true)", zone=zone)
        assert get_user(user)["created_at"] == "2024-01-10T23:59:59Z"
        assert list_users()["users"][0]["created_at"] == "2024-01-10T23:59:59Z"


def test_users_are_listed_by_ascending_id_as_they_are() -> None:
    users = [create_user(f"{letter}@b.c", letter) for letter in "cab"]
    sql("UPDATE users SET full_name = 'z' WHERE id = :id", id=users[0]["id"])
    users[0]["full_name"] = "z"
    assert list_users() == {"users": users, "next": None}


def test_no_users_are_an_empty_page() -> None:
    assert list_users() == {"users": [], "next": None}


def test_a_page_has_a_hundred_users_unless_a_limit_is_given() -> None:
    many_users(101)
    assert len(list_users()["users"]) == 100
    assert list_users(limit=1000)["next"] is None
    assert len(list_users(limit=1000)["users"]) == 101


def test_the_greatest_page_has_a_thousand_users() -> None:
    many_users(1001)
    page = list_users(limit=1000)
    assert len(page["users"]) == 1000
    assert page["next"] == page["users"][-1]["id"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7, 100])
def test_pages_put_together_are_the_whole_list(limit: int) -> None:
    ids = many_users(6)
    pages: list[list[int]] = []
    after = None
    while not pages or after:
        page = list_users(limit=limit, after=after)
        pages.append([user["id"] for user in page["users"]])
        after = page["next"]
        assert len(pages) < 20, "the pages come to an end"
    assert list(chain(*pages)) == ids
    assert all(pages), "no page is empty"
    assert all(len(page) == limit for page in pages[:-1])


def test_the_next_page_neither_repeats_nor_leaves_out_while_rows_come_and_go() -> None:
    ids = many_users(6)
    first = list_users(limit=3)
    delete_user(ids[0])
    delete_user(ids[2])  # the very one after which the next page begins
    late = customer("late@b.c")
    second = list_users(limit=10, after=first["next"])
    assert [user["id"] for user in second["users"]] == [*ids[3:], late]


def test_after_an_id_that_is_greater_than_all_there_is_nothing() -> None:
    customer()
    assert list_users(after=NOBODY) == {"users": [], "next": None}


def test_an_unknown_user_is_not_found() -> None:
    for call in (get_user, delete_user):
        with pytest.raises(NotFound, match=f"^There is no user {NOBODY}$"):
            call(NOBODY)
    with pytest.raises(NotFound, match=f"^There is no user {NOBODY}$"):
        update_user(NOBODY, full_name="Ana")


@pytest.mark.parametrize(
    ("changes", "email", "full_name"),
    [
        ({"email": "NEW@b.c"}, "new@b.c", "Ana Silva"),
        ({"full_name": " New "}, "ana@example.com", "New"),
        ({"email": "new@b.c", "full_name": "New"}, "new@b.c", "New"),
        ({"email": None, "full_name": "New"}, "ana@example.com", "New"),
        ({"email": "ana@example.com"}, "ana@example.com", "Ana Silva"),
        ({"email": "ANA@example.com"}, "ana@example.com", "Ana Silva"),
    ],
)
def test_an_update_changes_what_is_given_and_nothing_else(
    changes: dict[str, str | None], email: str, full_name: str
) -> None:
    other = create_user("other@b.c", "Other")
    user = create_user("ana@example.com", "Ana Silva")
    updated = update_user(user["id"], **changes)
    assert updated == {**user, "email": email, "full_name": full_name}
    assert get_user(user["id"]) == updated
    assert get_user(other["id"]) == other


def test_an_update_with_nothing_in_it_names_the_fields_that_could_be_given() -> None:
    user = customer()
    for nothing in ((), (None,), (None, None)):
        with pytest.raises(InvalidInput) as caught:
            update_user(user, *nothing)
        assert set(caught.value.problems) == {"email", "full_name"}


def test_an_update_to_an_email_of_somebody_else_is_a_conflict() -> None:
    customer("taken@b.c")
    user = customer()
    stored = everything()
    with pytest.raises(Conflict, match=r"^taken@b\.c is already registered$"):
        update_user(user, email="Taken@B.C", full_name="New")
    assert everything() == stored


def test_a_deleted_user_is_gone_and_the_email_is_free_again() -> None:
    stays = create_user("stays@b.c", "Stays")
    user = customer()
    assert delete_user(user) is None
    assert list_users()["users"] == [stays]
    with pytest.raises(NotFound):
        delete_user(user)
    assert customer() != user


@pytest.mark.parametrize("status", ["pending", "paid", "shipped", "delivered", "cancelled"])
def test_a_user_who_has_an_order_cannot_be_deleted(status: str) -> None:
    user = customer()
    order(user, product(), status=status)  # type: ignore[arg-type]
    stored = everything()
    with pytest.raises(Conflict, match=f"^User {user} has orders and cannot be deleted$"):
        delete_user(user)
    assert everything() == stored


def many_users(count: int) -> list[int]:
    statement = """INSERT INTO users (email, full_name)
        SELECT n || '@b.c', 'User ' || n FROM generate_series(1, :count) AS n RETURNING id"""
    return sorted(id for (id,) in sql(statement, count=count))
