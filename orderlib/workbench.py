"""The learner's side of the lessons: the folder work/, and JupyterLab on it.

`notebooks/` holds the lessons as they come, with their outputs, and stays as it is. Learners write
in `work/`, in copies without outputs: what a cell shows is for them to find out.
"""

import json
import os
import re
import webbrowser
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from orderlib import connecting, server
from orderlib.config import Settings
from orderlib.errors import NotFound

ROOT = Path(__file__).resolve().parents[1]
FIRST_LESSON = "00_start_here.ipynb"
TEXT_BROWSERS = {"www-browser", "links", "elinks", "lynx", "w3m"}  # they cannot show JupyterLab


def copy_lessons(root: Path = ROOT) -> list[str]:
    """Copy the lessons that are not in work/ yet; returns their names. Overwrites nothing."""
    (root / "work").mkdir(exist_ok=True)
    new = [each for each in _lessons(root) if not (root / "work" / each.name).exists()]
    for lesson in new:
        _write(root / "work" / lesson.name, _without_outputs(lesson))
    return [lesson.name for lesson in new]


def renew_lesson(number: str, root: Path = ROOT) -> str:
    """Bring a lesson back as it was; the learner's copy stays beside it. Returns what was done.

    Raises NotFound for a lesson that does not exist.
    """
    lesson = _find_lesson(number, root)
    mine, fresh = root / "work" / lesson.name, _without_outputs(lesson)
    if not mine.exists():
        mine.parent.mkdir(exist_ok=True)
        _write(mine, fresh)
        return f"work/{mine.name} is there."
    if mine.read_text(encoding="utf-8") == fresh:
        return f"work/{mine.name} is as it came already."
    kept = mine.with_stem(f"{mine.stem} (before {datetime.now():%Y-%m-%d %H.%M.%S})")
    mine.rename(kept)
    _write(mine, fresh)
    return (
        f"work/{mine.name} is fresh again. What you had is in work/{kept.name}\n"
        "If the lesson is open in JupyterLab: File > Reload Notebook from Disk."
    )


def _lessons(root: Path) -> list[Path]:
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def _find_lesson(number: str, root: Path) -> Path:
    """Find `5`, `05` or `05_create_order`."""
    lessons = {each.name[:2]: each for each in _lessons(root)}
    wanted = re.match(r"\d{1,2}(?=\b|_)", number)
    if not wanted or wanted[0].zfill(2) not in lessons:
        names = ", ".join(each.stem for each in lessons.values())
        raise NotFound(f'There is no lesson "{number}". There are: {names}')
    return lessons[wanted[0].zfill(2)]


def _without_outputs(lesson: Path) -> str:
    notebook = json.loads(lesson.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all: half a lesson would never be replaced."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def open_shop() -> str:
    """Connect to the database of the settings, the private one is started; returns its name.

    What is wrong is said here, in the terminal, and not first in a notebook. Raises
    DatabaseUnavailable.
    """
    settings = Settings.load()
    engine = connecting.make_engine(settings)
    with engine.connect():  # makes no tables: each lesson has its own
        pass
    engine.dispose()
    if settings.database_url:
        return f"PostgreSQL at {engine.url.host or 'this computer'}, as DATABASE_URL says"
    return f"your private PostgreSQL {server.status(settings.home).version}"


def browser() -> str | None:
    """The browser that would open, None where there is none with windows."""
    try:
        name = getattr(webbrowser.get(), "name", "") or "the usual one"
    except webbrowser.Error:
        return None
    return None if Path(name).name in TEXT_BROWSERS else Path(name).name


def serve(extra: Sequence[str], root: Path = ROOT) -> None:
    """Run JupyterLab on the first lesson until Ctrl-C; `extra` are options of its own."""
    # Imported here, because it takes a second that the other commands do not need.
    from jupyterlab.labapp import LabApp  # type: ignore[import-untyped]  # noqa: PLC0415

    _add_to_path("PYTHONPATH", root)  # kernels run in work/ and import orderlib from here
    _add_to_path("JUPYTER_CONFIG_PATH", root / ".jupyter")  # defaults; the learner's settings win
    LabApp.launch_instance([*_options(root), *extra])


def _options(root: Path) -> Iterator[str]:
    import zmq  # noqa: PLC0415  # it is there where JupyterLab is

    yield f"--ServerApp.root_dir={root}"  # not work/: the shop's source is there to be read
    yield f"--LabApp.default_url=/lab/tree/work/{FIRST_LESSON}"
    yield "--ServerApp.allow_root=True"  # in a container there may be nobody else
    yield "--ServerApp.answer_yes=True"  # one Ctrl-C is enough
    yield "--ServerApp.log_level=ERROR"  # the address is printed at any level
    yield "--LabApp.log_level=ERROR"
    yield "--LanguageServerManager.autodetect=False"  # it would run npm to look for them
    if zmq.has("curve"):  # encrypts what kernels say; without it each of them prints a warning
        yield "--KernelManager.transport_encryption=auto"
    if not browser():
        yield "--ServerApp.open_browser=False"


def _add_to_path(variable: str, folder: Path) -> None:
    before = os.environ.get(variable)
    os.environ[variable] = str(folder) + (os.pathsep + before if before else "")
