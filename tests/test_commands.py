"""The commands that a learner types besides lab and fresh: doctor and server."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import ROOT, copy_of_the_project, orderlib, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_of_the_project(tmp_path)


@pytest.fixture
def home() -> Iterator[Path]:
    """A private server of its own, where root's account for PostgreSQL can reach it too."""
    home = Path(tempfile.mkdtemp(prefix="orderlib-home-"))
    home.chmod(0o755)
    yield home
    orderlib("server", "stop", ORDERLIB_HOME=str(home))
    shutil.rmtree(home)


# The doctor


def test_the_doctor_finds_nothing_here() -> None:
    answer = orderlib("doctor")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert all(line.startswith("ok ") for line in answer.stdout.splitlines()), answer.stdout


@pytest.mark.parametrize(
    ("broken", "mend"),
    [
        (
            {"DATABASE_URL": "postgresql://ana:secret@127.0.0.1:1/shop"},
            "mend: database    Nothing listens at 127.0.0.1, port 1",
        ),
        ({"DATABASE_URL": "mysql://ana:secret@localhost/shop"}, "It looks like postgresql://"),
        ({"DATABASE_SCHEMA": "nowhere"}, 'CREATE SCHEMA "nowhere" makes it'),
        ({"ORDERLIB_PG_BIN": str(ROOT / "tests")}, "Correct ORDERLIB_PG_BIN or remove it."),
    ],
)
def test_the_doctor_says_what_is_broken_and_what_to_do(broken: dict[str, str], mend: str) -> None:
    answer = orderlib("doctor", **broken)
    assert answer.returncode == 1
    assert mend in answer.stdout
    assert "secret" not in answer.stdout
    assert answer.stderr == ""


def test_the_doctor_notices_packages_of_another_version(folder: Path) -> None:
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace('"pandas>=', '"pandas>=99", "nopackage>='))
    answer = orderlib("doctor", cwd=folder)
    assert re.search(r"mend: packages +pandas is .*, not >=99, nopackage is missing", answer.stdout)


def test_the_doctor_needs_no_package_to_say_that_all_are_missing() -> None:
    answer = run("-S", "orderlib/doctor.py")  # -S: without what is installed
    assert answer.returncode == 1
    assert "mend: packages    No module named 'packaging'\n" in answer.stdout
    assert answer.stdout.count(" make clean lab\n") >= 4
    assert answer.stderr == ""


# The command line


def test_the_command_line_alone_prints_its_commands() -> None:
    printed = orderlib().stdout
    assert all(f"\n    {command} " in printed for command in ("lab", "fresh", "doctor", "server"))


def test_only_lab_takes_options_that_are_not_its_own() -> None:
    refused = orderlib("doctor", "--no-browser")
    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (
        2,
        "python -m orderlib: error: unknown: --no-browser",
    )


def test_server_tells_what_runs_opens_psql_and_stops(home: Path) -> None:
    def server(*arguments: str, typed: str = "") -> str:
        return orderlib("server", *arguments, typed=typed, ORDERLIB_HOME=str(home)).stdout

    question = "SELECT current_user || '/' || current_database();"
    assert "does not run" in server("status")
    assert "learner/shop" in server("psql", typed=question)
    assert str(home) in server("status")
    assert server("stop") in ("PostgreSQL is stopped.\n", "PostgreSQL does not run.\n")


def test_server_reset_wants_a_yes(home: Path) -> None:
    def psql(typed: str) -> str:
        answer = orderlib("server", "psql", typed=typed, ORDERLIB_HOME=str(home))
        return answer.stdout + answer.stderr

    psql("CREATE TABLE kept (); ")
    refused = orderlib("server", "reset", typed="no\n", ORDERLIB_HOME=str(home))
    assert (refused.returncode, "Nothing is changed." in refused.stdout) == (1, True)
    assert "kept" in psql("\\dt")
    done = orderlib("server", "reset", typed="yes\n", ORDERLIB_HOME=str(home))
    assert (done.returncode, "It is gone." in done.stdout) == (0, True)
    assert "kept" not in psql("\\dt")
