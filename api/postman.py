"""The API as a collection for Postman: a story whose requests build on each other.

    python -m api.postman                              # writes it, from the routes
    npx newman run api/postman_collection.json         # runs it against `python -m api`

https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from api.routes import ROUTES, Route

Json = dict[str, Any]
FILE = Path(__file__).with_name("postman_collection.json")
ROUTE = {route.function.__name__: route for route in ROUTES}


@dataclass(frozen=True)
class Step:
    """One request: the function that it reaches, what it gives, and what must come back."""

    title: str
    function: str
    given: Json
    checks: tuple[str, ...] = ()  # JavaScript that must be true of `body`
    status: int = 0  # 0: that of success
    keep: str = ""  # the name under which later steps find the id
    text: str = ""  # a body that is not made of `given`
    media_type: str = "application/json"


EMAIL = "{{run}}@example.com"  # another one for each run
USER, PRODUCT, ORDER = {"user_id": "{{user}}"}, {"product_id": "{{product}}"}, {"order_id": "{{o}}"}
TWO_LINES = [{**PRODUCT, "quantity": 2}, {"product_id": "{{mouse}}", "quantity": 1}]
NOBODY = {"user_id": 2_147_483_647}

STORY = [
    Step(
        "Ana registers",
        "create_user",
        {"email": "ANA." + EMAIL, "full_name": "  Ana Silva  "},
        ("body.email.startsWith('ana.')", "body.full_name === 'Ana Silva'"),
        keep="user",
    ),
    Step(
        "Her e-mail is taken now",
        "create_user",
        {"email": "ana." + EMAIL, "full_name": "Another Ana"},
        ("body.detail.endsWith('is already registered')",),
        409,
    ),
    Step(
        "A name without letters, and no e-mail",
        "create_user",
        {"full_name": " "},
        ("body.errors.email === 'is missing'", "body.errors.full_name === 'must not be empty'"),
        422,
    ),
    Step("This is not JSON", "create_user", {}, (), 400, text="{"),
    Step("This does not say that it is JSON", "create_user", {}, (), 415, media_type="text/plain"),
    Step("Get her", "get_user", USER, ("body.id === kept('user')",)),
    Step("She marries", "update_user", {**USER, "full_name": "Ana Costa"}),
    Step("Nothing to change", "update_user", USER, ("'email' in body.errors",), 422),
    Step("She is in the list", "list_users", {"limit": 1000}, ("body.users.length > 0",)),
    Step("Nobody has this id", "get_user", NOBODY, (), 404),
    Step("A laptop", "create_product", {"name": "Laptop", "price_cents": 249_999}, keep="product"),
    Step("A mouse", "create_product", {"name": "Mouse", "price_cents": 2_499}, keep="mouse"),
    Step(
        "A price is in whole cents",
        "create_product",
        {"name": "Pen", "price_cents": 0.5},
        ("body.errors.price_cents === 'must be a whole number'",),
        422,
    ),
    Step("Get the laptop", "get_product", PRODUCT, ("body.price_cents === 249999",)),
    Step("Look for it", "list_products", {"search": "lapt"}, ("body.products.length > 0",)),
    Step(
        "Ana orders two laptops and a mouse",
        "create_order",
        {**USER, "status": "pending", "items": TWO_LINES},
        ("body.total_quantity === 3", "body.total_cents === 502497"),
        keep="o",
    ),
    Step(
        "Nobody orders",
        "create_order",
        {**NOBODY, "status": "pending", "items": TWO_LINES},
        ("body.detail === 'There is no user 2147483647'",),
        404,
    ),
    Step(
        "No laptop at all",
        "create_order",
        {**USER, "status": "pending", "items": [{**PRODUCT, "quantity": 0}]},
        ("body.errors['items.0.quantity'] === 'must be at least 1'",),
        422,
    ),
    Step("The laptop becomes cheaper", "update_product", {**PRODUCT, "price_cents": 199_999}),
    Step(
        "The order keeps its price",
        "get_order",
        ORDER,
        ("body.items[0].price_cents_at_purchase === 249999",),
    ),
    Step(
        "It is hers", "list_orders", USER, ("body.total === 1", "body.orders[0].id === kept('o')")
    ),
    Step("She pays", "change_status", {**ORDER, "status": "paid"}, ("body.status === 'paid'",)),
    Step("Paid stays paid", "change_status", {**ORDER, "status": "pending"}, (), 409),
    Step("What is paid stays", "delete_order", ORDER, (), 409),
    Step("Who has orders stays", "delete_user", USER, (), 409),
    Step("What is ordered stays", "delete_product", PRODUCT, (), 409),
    Step("The sales of each day", "sales_by_day", {"days": 7}, ("body[0].orders > 0",)),
    Step("What sells best", "best_sellers", {}, ("body[0].revenue_cents > 0",)),
    Step("Who buys most", "top_customers", {"limit": 3}, ("body.length <= 3",)),
    Step("She changes her mind", "change_status", {**ORDER, "status": "cancelled"}),
    Step("Now it can go", "delete_order", ORDER),
    Step("It is gone", "get_order", ORDER, (), 404),
    Step("The laptop can go", "delete_product", PRODUCT),
    Step("The mouse can go", "delete_product", {"product_id": "{{mouse}}"}),
    Step("Ana can go", "delete_user", USER),
]


def collection() -> Json:
    """The whole collection, v2.1."""
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    return {
        "info": {"name": "The Order Workbook", "schema": schema},
        "variable": [{"key": "baseUrl", "value": "http://localhost:8021"}, {"key": "token"}],
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}"}]},
        "item": [_item(number, step) for number, step in enumerate(STORY, 1)],
    }


def _item(number: int, step: Step) -> Json:
    route = ROUTE[step.function]
    item: Json = {"name": f"{number:02} {step.title}", "request": _request(route, step)}
    item["event"] = [_script("test", _tests(route, step))]
    if number == 1:
        first = ["pm.collectionVariables.set('run', String(Date.now()));"]
        item["event"].insert(0, _script("prerequest", first))
    return item


def _request(route: Route, step: Step) -> Json:
    in_path = re.findall("<(.+?)>", route.path)
    path = re.sub("<(.+?)>", lambda found: str(step.given[found[1]]), route.path)
    others = {name: value for name, value in step.given.items() if name not in in_path}
    if not route.has_body:
        query = urlencode(others, safe="{}")
        return {"method": route.method, "url": "{{baseUrl}}" + path + (query and f"?{query}")}
    # A variable in quotation marks would be text, and ids are numbers.
    text = step.text or re.sub(r'_id": "({{\w+}})"', r'_id": \1', json.dumps(others))
    return {
        "method": route.method,
        "url": "{{baseUrl}}" + path,
        "header": [{"key": "Content-Type", "value": step.media_type}],
        "body": {"mode": "raw", "raw": text},
    }


def _tests(route: Route, step: Step) -> list[str]:
    status = step.status or route.success
    lines = [f"pm.test('{status}', () => pm.response.to.have.status({status}));"]
    if status == 204:
        return [*lines, "pm.test('no body', () => pm.expect(pm.response.text()).to.equal(''));"]
    kind = "application/problem+json" if step.status else "application/json"
    lines += [
        f"pm.test('{kind}', () => pm.response.to.have.header('Content-Type', '{kind}'));",
        "const body = pm.response.json();",
        "const kept = (name) => pm.collectionVariables.get(name);",
    ]
    checks = [*step.checks, *([f"body.status === {status}"] if step.status else [])]
    if step.keep:
        location = f"pm.response.headers.get('Location') === '{route.path}/' + body.id"
        checks.append(location)
        lines.append(f"pm.collectionVariables.set('{step.keep}', body.id);")
    lines += [f"pm.test({json.dumps(c)}, () => pm.expect({c}).to.equal(true));" for c in checks]
    return lines


def _script(when: str, lines: list[str]) -> Json:
    return {"listen": when, "script": {"type": "text/javascript", "exec": lines}}


def text() -> str:
    """The collection as it stands in its file."""
    return json.dumps(collection(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
