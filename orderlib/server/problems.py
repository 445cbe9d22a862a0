"""What can go wrong, in two lines: the first says what happened, the second what to do."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from orderlib.errors import DatabaseUnavailable
from orderlib.server.cluster import Cluster


@contextmanager
def as_unavailable(home: Path) -> Iterator[None]:
    """Turn what the system refused into a sentence that says what to do."""
    if sys.platform == "win32":
        raise DatabaseUnavailable(
            "The private PostgreSQL needs Linux or macOS.\n"
            "On Windows work inside WSL, or name a DATABASE_URL in .env."
        )
    try:
        yield
    except OSError as problem:
        text = f"{problem.filename}: {problem.strerror}" if problem.filename else str(problem)
        raise _explained(text, home) from problem
    except psycopg2.Error as problem:
        raise _explained(str(problem), home) from problem


def failure(cluster: Cluster, *logs: str) -> DatabaseUnavailable:
    """The error for a program of PostgreSQL that failed, with the reason from its logs."""
    files = [cluster.folder / log for log in logs]
    text = "".join(file.read_text(errors="replace") for file in files if file.exists())
    return _explained(text, cluster.folder.parent)


def _explained(text: str, home: Path) -> DatabaseUnavailable:
    """The error whose first line says what happened, and whose second says what to do."""
    if re.search("No space left|wrote only", text):
        what, advice = f"no room is left on the disk of {home}", "Make room there, then try again."
    elif re.search("Permission denied|Read-only|not permitted|somebody else", text):
        what, advice = _reason(text), f"Set ORDERLIB_HOME to a folder of your own; it is {home}."
    else:
        what = _reason(text)
        advice = "Try again; if it stays so, start anew with: python -m orderlib server reset"
    return DatabaseUnavailable(f"PostgreSQL does not start: {what}\n{advice}")


def _reason(text: str) -> str:
    """The first line that names an error, as the later ones only follow from it."""
    if named := re.search(r"(?:FATAL|PANIC|error): *(.+)", text):
        return named[1]
    return (text.strip().splitlines() or ["it gave no reason"])[-1]
