"""The PostgreSQL of the tests and of the lessons that nbval runs.

All workers of a test run share one private server in a folder of its own: the learner's data is
not touched. TEST_DATABASE_URL names another PostgreSQL instead. Each worker has its own schema.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")


def pytest_configure(config: pytest.Config) -> None:
    """Runs before any test is imported; workers and kernels inherit what the first process sets."""
    if WORKER == "alone" and "TEST_HOME" not in os.environ:
        os.environ["TEST_HOME"] = tempfile.mkdtemp(prefix="orderlib-tests-")
        Path(os.environ["TEST_HOME"]).chmod(0o755)
        config.add_cleanup(_remove_home)
    os.environ["ORDERLIB_HOME"] = os.environ["TEST_HOME"]
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = f"{os.environ['TEST_HOME']}/hypothesis"
    os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")  # never that of .env
    os.environ["DATABASE_SCHEMA"] = f"test_{WORKER}"


def _remove_home() -> None:
    from orderlib import server  # noqa: PLC0415  # only now are the variables set that it reads

    home = Path(os.environ.pop("TEST_HOME"))
    server.stop(home)
    shutil.rmtree(home)
