"""The APIs that the tests share: they talk to the same schema as the tests themselves."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from api.app import create_app

from .running import Running, running

TOKEN = "open-sesame.8021"


@pytest.fixture(scope="session")
def _running(database: str) -> Iterator[Running]:
    with running() as api:
        yield api


@pytest.fixture(scope="session")
def _running_with_token(database: str) -> Iterator[Running]:
    with running(API_TOKEN=TOKEN) as api:
        yield api


@pytest.fixture
def api(_running: Running, real_shop: None) -> Running:
    """`python -m api` on an empty shop."""
    return _running


@pytest.fixture
def locked_api(_running_with_token: Running, real_shop: None) -> Running:
    """The same, where every request must carry a token."""
    return _running_with_token


@pytest.fixture
def client(shop: None) -> FlaskClient:
    """The application without a server, on an empty shop that is rolled back."""
    return create_app().test_client()
