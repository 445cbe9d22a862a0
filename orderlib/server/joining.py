"""Joining: from nothing to a server with a shop in it."""

import signal
import sys
from contextlib import closing
from pathlib import Path

import psycopg2

from orderlib.errors import DatabaseUnavailable
from orderlib.server import keeper
from orderlib.server.accounts import account, make_folder, make_private_folder
from orderlib.server.cluster import Cluster
from orderlib.server.data_folder import make_data
from orderlib.server.locks import Membership, counted, starting
from orderlib.server.problems import failure
from orderlib.server.running import programs_of, run
from orderlib.server.settings import write_settings


def join(cluster: Cluster) -> Membership:
    """Count this process among the users, then make sure that there is something to use."""
    make_folder(cluster.folder)
    with counted(cluster) as member, starting(cluster) as start_lock:
        if not cluster.is_running():
            _refuse_elsewhere(cluster)
            _end_lost_server(cluster)
        programs = programs_of(cluster)
        make_data(cluster, programs, start_lock)
        make_private_folder(cluster.socket)
        write_settings(cluster)
        _run_keeper(cluster, programs, start_lock)
        _make_shop(cluster)
    return member


def _refuse_elsewhere(cluster: Cluster) -> None:
    """Never start a second server on data that another machine or container works with."""
    lock = cluster.folder / "keeper.lock"
    if not lock.exists():
        return
    with lock.open("r+") as file:
        there = file.read()
        if there != keeper.where() and not keeper.try_lock(file.fileno()):
            raise DatabaseUnavailable(
                f"The PostgreSQL of {cluster.folder} is used by {there.split(' ')[0]}, another"
                " machine or container.\nLeave it there, or set ORDERLIB_HOME to another folder."
            )


def _end_lost_server(cluster: Cluster) -> None:
    """End a server that is stopping, or whose data folder was deleted.

    At once and without a last word: it would write that into the data folder of the next server.
    """
    keeper.shut_down(cluster.folder, cluster.socket, signal.SIGQUIT)


def _run_keeper(cluster: Cluster, programs: Path, start_lock: int) -> None:
    """The keeper starts the server if it does not run, and stays if there is no keeper yet."""
    command = [sys.executable, "-I", "-S", keeper.__file__, str(cluster.folder)]
    command += [str(cluster.socket), str(programs), str(start_lock), account() or ""]
    if run(command, Path("/"), cluster.folder / "keeper.log", start_lock):
        keeper.tidy(cluster.socket)
        raise failure(cluster, "keeper.log", "data/server.log")


def _make_shop(cluster: Cluster) -> None:
    """Make what is missing: the learner's role, which may do nothing special, and its database."""
    with closing(_connect(cluster)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'shop'")
        if cursor.fetchone():
            return
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = 'learner'")
        if not cursor.fetchone():
            cursor.execute("CREATE ROLE learner LOGIN")
        if connection.server_version >= 150000:  # lets a lesson choose the victim of a deadlock
            cursor.execute("GRANT SET ON PARAMETER deadlock_timeout TO learner")
        cursor.execute("CREATE DATABASE shop OWNER learner")


def _connect(cluster: Cluster) -> psycopg2.extensions.connection:
    """Connect as PostgreSQL's superuser, which is only for the administration."""
    connection = psycopg2.connect(
        host=str(cluster.socket), port=keeper.PORT, user="postgres", dbname="postgres"
    )
    connection.autocommit = True
    return connection
