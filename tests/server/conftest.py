"""Who starts the private server in a test, and where."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from server_tools import Person, make_cluster, new_home, processes, somebody, wait_until


@pytest.fixture(scope="module")
def person() -> Iterator[Person]:
    with somebody("daemon") as found:
        yield found


@pytest.fixture(scope="module")
def made(person: Person) -> Iterator[Path]:
    with new_home(person) as folder:
        yield make_cluster(person, folder)


@pytest.fixture
def home(person: Person) -> Iterator[Path]:
    """Where nothing is yet."""
    with new_home(person) as folder:
        yield folder


@pytest.fixture
def cluster(made: Path) -> Path:
    """A home where the server has run before, and does not now."""
    wait_until(lambda: not processes(made))
    return made
