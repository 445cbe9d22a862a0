"""The table of addresses: a method, a path, the function that it calls, and the status of success.

An argument of the function that is named in the path comes from there. The others come from the
JSON object in the body of a POST or PATCH, and from the query string of a GET.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orderlib as shop


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    function: Callable[..., Any]
    success: int = 200

    @property
    def has_body(self) -> bool:
        return self.method in ("POST", "PATCH")


ROUTES = [
    Route("POST", "/users", shop.create_user, 201),
    Route("GET", "/users", shop.list_users),
    Route("GET", "/users/<user_id>", shop.get_user),
    Route("PATCH", "/users/<user_id>", shop.update_user),
    Route("DELETE", "/users/<user_id>", shop.delete_user, 204),
    Route("POST", "/products", shop.create_product, 201),
    Route("GET", "/products", shop.list_products),
    Route("GET", "/products/<product_id>", shop.get_product),
    Route("PATCH", "/products/<product_id>", shop.update_product),
    Route("DELETE", "/products/<product_id>", shop.delete_product, 204),
    Route("POST", "/orders", shop.create_order, 201),
    Route("GET", "/orders", shop.list_orders),
    Route("GET", "/orders/<order_id>", shop.get_order),
    Route("POST", "/orders/<order_id>/status", shop.change_status),
    Route("DELETE", "/orders/<order_id>", shop.delete_order, 204),
    Route("GET", "/reports/sales-by-day", shop.sales_by_day),
    Route("GET", "/reports/best-sellers", shop.best_sellers),
    Route("GET", "/reports/top-customers", shop.top_customers),
]
