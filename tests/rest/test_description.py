"""The OpenAPI document, the page made of it, and the collection made of the routes."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate
from pydantic import TypeAdapter
from shop.goods import FUNCTIONS, examples

from api import postman
from api.openapi import document
from api.routes import ROUTES
from orderlib.validation import problem_with
from orderlib.vocabulary import FullName

from .running import ROOT, Running

NEWMAN = ROOT / "node_modules" / ".bin" / "newman"
needs_newman = pytest.mark.skipif(
    not (NEWMAN.exists() and shutil.which("node")),
    reason="newman is missing. With Node 16 or later: npm install",
)
OPERATIONS = {
    operation["operationId"]: operation
    for methods in document(with_token=False)["paths"].values()
    for operation in methods.values()
}


@pytest.mark.parametrize("with_token", [False, True])
def test_the_document_is_valid_openapi(with_token: bool) -> None:
    validate(document(with_token=with_token))


def test_it_is_served_as_it_is_made(client: FlaskClient) -> None:
    answer = client.get("/openapi.json")
    assert answer.content_type == "application/json"
    assert answer.get_json() == document(with_token=False)
    assert answer.get_json()["openapi"].startswith("3.1")


def test_every_operation_has_the_name_of_its_function_and_its_words() -> None:
    assert sorted(OPERATIONS) == sorted(FUNCTIONS)
    for name, operation in OPERATIONS.items():
        words = " ".join((FUNCTIONS[name].__doc__ or "").split())
        assert words.startswith(operation["summary"].removesuffix(".").replace("null", "None"))
        assert "Raises" not in operation["summary"] + operation["description"]
        assert "None" not in operation["summary"] + operation["description"]


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("create_user", {201, 400, 409, 413, 415, 421, 422, 503}),
        ("create_order", {201, 400, 404, 413, 415, 421, 422, 503}),
        ("list_users", {200, 421, 422, 503}),
        ("list_orders", {200, 404, 421, 422, 503}),
        ("change_status", {200, 400, 404, 409, 413, 415, 421, 422, 503}),
        ("update_product", {200, 400, 404, 413, 415, 421, 422, 503}),
        ("delete_order", {204, 404, 409, 421, 422, 503}),
        ("best_sellers", {200, 421, 422, 503}),
    ],
)
def test_it_names_every_status_that_an_operation_can_give(name: str, statuses: set[int]) -> None:
    assert {int(status) for status in OPERATIONS[name]["responses"]} == statuses


def test_with_a_token_it_names_401_and_the_token() -> None:
    described = document(with_token=True)
    assert described["security"] == [{"token": []}]
    for methods in described["paths"].values():
        for operation in methods.values():
            assert {"401", "421"} & set(operation["responses"]) == {"401"}


def test_problems_and_headers_are_described_as_what_they_are() -> None:
    responses = document(with_token=False)["components"]["responses"]
    for response in responses.values():
        assert list(response["content"]) == ["application/problem+json"]
    assert "Retry-After" in responses["503"]["headers"]
    assert "Location" in OPERATIONS["create_order"]["responses"]["201"]["headers"]


def test_a_query_has_no_null_and_a_change_needs_one_field() -> None:
    for parameter in OPERATIONS["list_orders"]["parameters"]:
        assert "null" not in json.dumps(parameter["schema"])
    body = OPERATIONS["update_user"]["requestBody"]["content"]["application/json"]["schema"]
    assert [each["required"] for each in body["anyOf"]] == [["email"], ["full_name"]]
    assert body["additionalProperties"] is False


def schema_of_a_name() -> re.Pattern[str]:
    return re.compile(TypeAdapter(FullName).json_schema()["pattern"].replace("$", r"\Z"))


EDGES = "\t\n\r \x1c\x1f\x7f\x85\x9f\xa0\u1680\u200a\u200b\u2028\u3000aé\U0001f600"


@examples(1000)
@given(
    st.text(st.sampled_from(EDGES), max_size=5)
    | st.builds(
        lambda left, size, right: left + "x" * size + right,
        st.text(st.sampled_from(EDGES), max_size=3),
        st.integers(195, 203),
        st.text(st.sampled_from(EDGES), max_size=3),
    )
)
def test_the_schema_of_a_name_says_exactly_what_is_accepted(name: str) -> None:
    assert bool(schema_of_a_name().match(name)) == (problem_with(FullName, name) is None)


def test_the_page_has_every_operation_and_asks_nothing_of_the_network(client: FlaskClient) -> None:
    answer = client.get("/docs")
    page = answer.get_data(as_text=True)
    for route in ROUTES:
        assert f'id="{route.function.__name__}"' in page
        assert re.sub("<(.+?)>", r"{\1}", route.path) in page
    assert "<script" not in page
    assert not re.findall(r"""(?:src|href)=["'](?!#|/openapi\.json)[^"']*""", page)
    assert "url(" not in page
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_every_link_of_the_page_leads_somewhere(client: FlaskClient) -> None:
    page = client.get("/docs").get_data(as_text=True)
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert {"create_order", "OrderRow", "OrderLine"} <= links
    assert links <= set(re.findall(r'id="([^"]+)"', page))


def test_the_commands_on_the_page_work(full_page_shop: Running) -> None:
    """Those that only read: each is run as it is written."""
    page = unescape(full_page_shop.ask("GET", "/docs").body.decode())
    commands = [each for each in re.findall(r"<pre>(curl.+?)</pre>", page) if " -" not in each]
    assert len(commands) == 9
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", f"{command} --silent --fail"],
            capture_output=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, command
        json.loads(done.stdout)


@pytest.fixture
def full_page_shop(api: Running) -> Running:
    """A shop where each first row exists."""
    api.ask("POST", "/users", {"email": "ana@example.com", "full_name": "Ana"})
    api.ask("POST", "/products", {"name": "Pen", "price_cents": 1})
    line = {"product_id": 1, "quantity": 1}
    api.ask("POST", "/orders", {"user_id": 1, "status": "paid", "items": [line]})
    return api


def test_the_collection_is_that_of_the_routes() -> None:
    stored = postman.FILE.read_text(encoding="utf-8")
    assert stored == postman.text(), "it is stale: python -m api.postman writes it anew"


def test_the_collection_uses_every_address() -> None:
    assert {step.function for step in postman.STORY} == set(FUNCTIONS)


@needs_newman
def test_newman_finds_the_collection_green_twice(api: Running, tmp_path: Path) -> None:
    for _ in range(2):
        run = newman(api, tmp_path)
        assert run["stats"]["requests"] == {"total": 35, "pending": 0, "failed": 0}
        assert run["stats"]["assertions"]["total"] > 100
        assert run["failures"] == []


@needs_newman
def test_newman_finds_the_collection_green_with_a_token(
    locked_api: Running, tmp_path: Path
) -> None:
    assert newman(locked_api, tmp_path)["failures"] == []


@needs_newman
def test_newman_sees_what_is_wrong(locked_api: Running, tmp_path: Path) -> None:
    run = newman(locked_api, tmp_path, "--env-var", "token=wrong")
    assert len(run["failures"]) > 50


def newman(api: Running, folder: Path, *more: str) -> dict[str, Any]:
    report = folder / "report.json"
    command = [str(NEWMAN), "run", str(postman.FILE), "--reporters", "json"]
    command += ["--reporter-json-export", str(report)]
    command += ["--env-var", f"baseUrl={api.address}", "--env-var", f"token={api.token}", *more]
    subprocess.run(command, check=False, timeout=120, capture_output=True)
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))["run"]
    return found
