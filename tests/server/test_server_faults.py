"""What the private server survives, and what it says where it cannot."""

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from server_tools import (
    Person,
    command,
    data,
    keeper,
    postmaster,
    processes,
    wait_until,
)

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc: run it on Linux")


@pytest.mark.parametrize("name", ['it\'s a señor, "quoted"', "$HOME `x`", "a" * 120], ids=str)
def test_a_space_a_quote_an_accent_and_a_long_name_in_the_path_are_fine(
    person: Person, home: Path, name: str
) -> None:
    code = "server.start(home); print(ask('SELECT 1'), server.status(home).socket)"
    answer, socket = person.run(home / name, code).split(" ", 1)
    assert answer == "1"
    assert len(socket) < 90
    wait_until(lambda: not processes(home))
    assert not Path(socket).exists()


def test_a_socket_folder_of_somebody_else_is_not_used(person: Person, home: Path) -> None:
    socket = Path(person.run(home, "print(server.status(home).socket)"))
    socket.symlink_to("/usr")
    try:
        first, second = person.is_refused(home)
        assert "somebody else" in first
        assert "ORDERLIB_HOME" in second
    finally:
        socket.unlink()


def test_a_killed_server_comes_back_with_its_data(person: Person, cluster: Path) -> None:
    with person.using(cluster):
        person.ask(cluster, "CREATE TABLE kept AS SELECT 42 AS answer")
        killed = postmaster(cluster)
        os.kill(killed, signal.SIGKILL)
        assert person.ask(cluster, "SELECT answer FROM kept") == "42"
        assert postmaster(cluster) != killed


def leave_a_claim(person: Person, home: Path, claim: str) -> None:
    """Make a cluster, kill its server, and leave that text in its postmaster.pid."""
    with person.using(home) as user:
        os.kill(keeper(home), signal.SIGKILL)
        os.kill(postmaster(home), signal.SIGKILL)
        user.kill()
    wait_until(lambda: not processes(home))
    (data(home) / "postmaster.pid").write_text(claim)


def test_a_stale_pid_of_a_living_process_harms_neither(person: Person, cluster: Path) -> None:
    bystander = subprocess.Popen(["/bin/sleep", "60"], user=person.account, cwd="/")
    leave_a_claim(
        person, cluster, f"{bystander.pid}\n{cluster}/18/data\n1\n5432\n{cluster}\n\n1 1\nready\n"
    )
    assert person.ask(cluster, "SELECT 1") == "1"
    person.run(cluster, "server.start(home); server.stop(home)")
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


@pytest.mark.parametrize("claim", ["", "12", "x\ny\n", "\0\0\0"])
def test_a_half_written_pid_file_is_no_obstacle(person: Person, cluster: Path, claim: str) -> None:
    leave_a_claim(person, cluster, claim)
    assert person.ask(cluster, "SELECT 1") == "1"


def test_a_dead_server_that_nobody_buried_does_not_count_as_running(
    person: Person, cluster: Path
) -> None:
    zombie = subprocess.Popen(["/bin/true"], user=person.account, cwd="/")
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    leave_a_claim(
        person, cluster, f"{zombie.pid}\n{cluster}/18/data\n1\n5432\n{cluster}\n\n1 1\nready\n"
    )
    assert person.ask(cluster, "SELECT 1") == "1"
    zombie.wait()


def in_initdb(home: Path) -> list[int]:
    return [pid for pid in processes(home) if b"initdb" in command(pid).partition(b"\0")[0]]


def test_a_kill_in_the_middle_of_initdb_leaves_no_half_cluster(person: Person, home: Path) -> None:
    with person.popen(home, "server.start(home)") as first:
        wait_until(lambda: list(home.glob("*/data.new/base")))
        os.kill(in_initdb(home)[0], signal.SIGKILL)
        first.communicate()
    assert person.ask(home, "SELECT 1") == "1"
    assert not list(home.glob("*/data.new"))


def test_a_kill_of_whoever_starts_it_leaves_no_half_cluster(person: Person, home: Path) -> None:
    with person.popen(home, "server.start(home)") as first:
        wait_until(lambda: in_initdb(home))
        first.kill()
    assert person.ask(home, "SELECT 1") == "1"
    assert not list(home.glob("*/data.new"))


def test_a_kill_of_whoever_starts_it_leaves_no_server(person: Person, cluster: Path) -> None:
    person.ask(cluster, "SELECT 1")
    wait_until(lambda: not processes(cluster))
    with person.popen(cluster, "server.start(home)") as first:
        wait_until((data(cluster) / "postmaster.pid").exists)
        first.kill()
    wait_until(lambda: not processes(cluster))


def test_a_killed_keeper_is_replaced_by_the_next_start(person: Person, cluster: Path) -> None:
    with person.using(cluster):
        os.kill(keeper(cluster), signal.SIGKILL)
        wait_until(lambda: not any(b"keeper.py" in each for each in commands(cluster)))
        assert person.ask(cluster, "SELECT 1") == "1"
    wait_until(lambda: not processes(cluster))


def commands(home: Path) -> list[bytes]:
    return [command(pid) for pid in processes(home)]


@pytest.mark.parametrize("variable", ["LC_ALL", "LANG"])
def test_a_locale_that_the_system_lacks_is_no_obstacle(
    person: Person, home: Path, variable: str
) -> None:
    code = "server.start(home); print(ask('SELECT 1'))"
    assert person.run(home, code, **{variable: "xx_YY.UTF-8"}) == "1"


def test_a_folder_with_files_of_others_is_left_alone(person: Person, home: Path) -> None:
    code = """
folder = server.status(home).data
folder.mkdir(parents=True)
(folder / "PG_VERSION").write_text("18")
"""
    person.run(home, code)
    before = {file: file.read_text() for file in data(home).iterdir()}
    first, second = person.is_refused(home)
    assert "did not make" in first
    assert "ORDERLIB_HOME" in second
    code = "try: server.reset(home)\nexcept DatabaseUnavailable as e: print(e)"
    assert "did not make" in person.run(home, code)
    assert {file: file.read_text() for file in data(home).iterdir()} == before


@pytest.mark.parametrize("begun", [False, True], ids=["before", "after"])
def test_a_folder_without_permission_is_explained(person: Person, home: Path, begun: bool) -> None:
    if person.account is None and os.getuid() == 0:
        pytest.skip("root may write everywhere")
    if begun:
        person.ask(home, "SELECT 1")
        wait_until(lambda: not processes(home))
    closed = data(home).parent if begun else home.parent
    (closed / "users.lock").unlink(missing_ok=True)
    closed.chmod(0o500)
    try:
        first, second = person.is_refused(home)
    finally:
        closed.chmod(0o755)
    assert "Permission denied" in first
    assert "ORDERLIB_HOME" in second


@contextmanager
def small_disk(folder: Path, person: Person) -> Iterator[None]:
    options = f"size=20m,mode=755,uid={folder.stat().st_uid}"
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if os.getuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("mounts a small disk: run it as root, in a container with --privileged")
    try:
        yield
        wait_until(lambda: not processes(folder))
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_data_that_another_machine_works_with_is_left_alone(person: Person, cluster: Path) -> None:
    lock = data(cluster).parent / "keeper.lock"
    lock.write_text("elsewhere 1 2")
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        first, second = person.is_refused(cluster)
        assert "is used by elsewhere" in first
        assert "ORDERLIB_HOME" in second
    assert person.ask(cluster, "SELECT 1") == "1"


def test_a_full_disk_is_explained_and_nothing_half_made_stays(person: Person, home: Path) -> None:
    with small_disk(home.parent, person):
        first, second = person.is_refused(home)
        assert "no room is left on the disk" in first
        assert "Make room" in second
        assert not list(home.glob("*/data*"))


def test_missing_programs_are_explained(person: Person, home: Path) -> None:
    first, second = person.is_refused(home, ORDERLIB_PG_BIN="/nowhere")
    assert first == "There is no PostgreSQL in /nowhere."
    assert "ORDERLIB_PG_BIN" in second


def test_a_server_that_cannot_start_is_explained(person: Person, home: Path) -> None:
    person.ask(home, "SELECT 1")
    wait_until(lambda: not processes(home))
    (data(home) / "global" / "pg_control").unlink()
    first, second = person.is_refused(home)
    assert "could not" in first
    assert "server reset" in second
