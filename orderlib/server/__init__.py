"""The private PostgreSQL: a real server that belongs to you alone and looks after itself.

Who starts it? The first process that calls `start()`. It makes the database cluster in
`ORDERLIB_HOME` if there is none yet, and runs the keeper (`keeper.py`), which starts the server.

Who counts its users? The kernel. Every process that called `start()` holds a shared lock on
`users.lock` until it ends, in whatever way it ends; even `kill -9` gives the lock back.

Who stops it? The keeper, a small process in the background that sleeps until nobody holds that
lock any more. Your data stays and is there the next time.

One folder per major version of PostgreSQL, so that a newer one never meets the older one's files:

    ORDERLIB_HOME/18/
        data/             the cluster: what PostgreSQL itself calls its data directory
        postgresql.conf, pg_hba.conf, pg_ident.conf     our settings, written anew by each start
        users.lock, start.lock, keeper.lock             who uses it, who starts it, who keeps it

To see how, read on in this order:

    joining.py        from nothing to a server with a shop in it
    keeper.py         the program that starts the server, waits for the last user, and stops it
    locks.py          who uses the server, who starts it, and what a fork does to that
    cluster.py        the folder above, and its paths (binaries.py: which PostgreSQL serves it)
    data_folder.py    how the data folder is made, and whose is left alone
    settings.py       what PostgreSQL is told: how it is reached, and by whom
    running.py        how its programs are run (accounts.py: as whom, and whose the folders are)
    problems.py       what can go wrong, in two lines
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import platformdirs

from orderlib.server import keeper
from orderlib.server.accounts import is_root
from orderlib.server.cluster import find_cluster
from orderlib.server.data_folder import refuse_foreign
from orderlib.server.joining import join
from orderlib.server.locks import count_users, memberships, one_thread_at_a_time, starting
from orderlib.server.problems import as_unavailable


@dataclass(frozen=True)
class Status:
    """What `status()` found. `users` is None where the system does not tell."""

    running: bool
    version: str
    binaries: Path
    source: str
    data: Path
    socket: Path
    users: int | None


def home() -> Path:
    """Return the folder of the private server: ORDERLIB_HOME, or the user's own data folder."""
    if chosen := os.environ.get("ORDERLIB_HOME"):
        return Path(chosen).expanduser()
    if is_root():
        return Path("/var/lib/orderlib")  # root's own folder is closed to ACCOUNT_FOR_ROOT
    return Path(platformdirs.user_data_dir("orderlib"))


def start(home: Path | None = None) -> str:
    """Make sure that the private server runs, and use it until this process ends.

    Returns the SQLAlchemy URL of the shop. Costs next to nothing when the server runs already, so
    it can be called again whenever a connection fails. Raises `DatabaseUnavailable`.
    """
    place = _resolve(home)
    with one_thread_at_a_time, as_unavailable(place):
        member = memberships.get(place)
        if not member or not member.cluster.is_running():
            memberships[place] = join(find_cluster(place))
            if member:
                os.close(member.users_lock)
        return memberships[place].cluster.url


def stop(home: Path | None = None) -> bool:
    """Stop the server, whoever uses it; tell whether it ran. The next connection starts it again.

    Raises `DatabaseUnavailable` if it does not stop.
    """
    place = _resolve(home)
    with one_thread_at_a_time, as_unavailable(place):
        cluster = find_cluster(place)
        if not cluster.folder.exists():
            return False
        with starting(cluster):
            ran = keeper.shut_down(cluster.folder, cluster.socket)
            keeper.tidy(cluster.socket)
            return ran


def reset(home: Path | None = None) -> None:
    """Stop the server and throw all of its data away. The next `start()` makes a new cluster.

    Raises `DatabaseUnavailable` if the data folder is not ours or cannot be removed.
    """
    place = _resolve(home)
    with one_thread_at_a_time, as_unavailable(place):
        cluster = find_cluster(place)
        if not cluster.data.exists():
            return
        with starting(cluster):
            refuse_foreign(cluster)
            keeper.shut_down(cluster.folder, cluster.socket)
            keeper.tidy(cluster.socket)
            shutil.rmtree(cluster.data)


def status(home: Path | None = None) -> Status:
    """Return what is known about the server, without starting anything."""
    place = _resolve(home)
    with as_unavailable(place):
        cluster = find_cluster(place)
        return Status(
            running=cluster.is_running(),
            version=cluster.binaries.version,
            binaries=cluster.binaries.folder,
            source=cluster.binaries.source,
            data=cluster.data,
            socket=cluster.socket,
            users=count_users(cluster),
        )


def psql(home: Path | None = None, *arguments: str) -> NoReturn:
    """Become `psql`, connected to the shop as the learner. Never returns."""
    start(home)
    member = memberships[_resolve(home)]
    os.set_inheritable(member.users_lock, True)  # psql goes on being a user of the server
    shop = f"host={member.cluster.socket} port={keeper.PORT} user=learner dbname=shop"
    program = str(member.cluster.binaries.folder / "psql")
    os.execv(program, [program, shop, *arguments])  # noqa: S606 - to become psql is the point


def _resolve(home_: Path | None) -> Path:
    return Path(os.path.realpath(home_ or home()))
