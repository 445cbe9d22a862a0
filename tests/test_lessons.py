"""The lessons as they lie in notebooks/, and the runner that brings them into this form."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from orderlib import lessons
from orderlib.teaching.start import LESSONS

ROOT = Path(__file__).resolve().parents[1]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EVERY_LESSON = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
LONGEST_CELL = 12
LINK = re.compile(r"\]\(([^)]+)\)")


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call, no-any-return]


def code_cells(path: Path) -> list[NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def prose(path: Path) -> str:
    return "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


# The form of a lesson


@EVERY_LESSON
def test_a_lesson_is_in_its_normal_form(path: Path) -> None:
    notebook = read(path)
    assert notebook.metadata == {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    ids = [cell.id for cell in notebook.cells]
    assert ids == [f"l{path.name[:2]}-{place:02}" for place in range(1, len(ids) + 1)]
    assert all(set(cell.metadata) <= {"tags", "nbgrader", "orderlib"} for cell in notebook.cells)
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


@EVERY_LESSON
def test_every_code_cell_was_run_in_order(path: Path) -> None:
    """A cell without a count would be run by nbval, but not compared."""
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@EVERY_LESSON
def test_only_a_cell_that_should_fail_has_failed(path: Path) -> None:
    for cell in code_cells(path):
        failed = any(output.output_type == "error" for output in cell.outputs)
        assert failed == ("raises-exception" in cell.metadata.get("tags", [])), cell.id


@EVERY_LESSON
def test_no_output_holds_a_path_of_this_computer(path: Path) -> None:
    outputs = json.dumps([cell.outputs for cell in code_cells(path)], ensure_ascii=False)
    for folder in (str(ROOT), str(Path.home()), "/tmp", "/usr", "/home", "/Users", "~/", ".venv"):
        assert folder not in outputs


@EVERY_LESSON
def test_nothing_goes_to_stderr_and_no_widget_state_is_kept(path: Path) -> None:
    names = [output.get("name") for cell in code_cells(path) for output in cell.outputs]
    assert "stderr" not in names
    assert "widget-state" not in path.read_text(encoding="utf-8")


@EVERY_LESSON
def test_a_code_cell_has_at_most_a_dozen_lines(path: Path) -> None:
    for cell in code_cells(path):
        assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source


@EVERY_LESSON
def test_a_lesson_begins_with_its_title_its_minutes_and_what_one_learns(path: Path) -> None:
    first = read(path).cells[0].source
    assert re.match(rf"# {path.name[:2]} · \S", first)
    assert re.search(r"^\*about \d+ minutes\*$", first, re.MULTILINE)
    assert "**At the end you " in first
    assert "**It builds on**" in first


@EVERY_LESSON
def test_the_first_code_opens_the_lesson_that_the_file_is_named_after(path: Path) -> None:
    number = path.name[:2]
    assert code_cells(path)[0].source == (
        f'from orderlib.teaching import start\n\nstart("{number}")'
    )
    assert number in LESSONS


@EVERY_LESSON
def test_a_lesson_asks_for_predictions_and_ends_with_key_points_and_links(path: Path) -> None:
    text = prose(path)
    assert len(re.findall(r"\*\*(Before|Decide before) you run", text)) >= 2
    assert "## Key points" in text
    assert "**Next:**" in read(path).cells[-1].source


# The whole course


@EVERY_LESSON
def test_every_link_leads_somewhere(path: Path) -> None:
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    for target in LINK.findall(prose(path)):
        file, _, anchor = target.partition("#")
        assert not file or (path.parent / file).exists(), target
        if anchor and not file:
            assert anchor.replace("-", " ") in headings, target


def test_every_lesson_of_the_map_exists_or_is_marked_as_to_come() -> None:
    rows = re.findall(r"^\| (\d\d) \| (.+?) \|", prose(PATHS[0]), re.MULTILINE)
    assert [number for number, _ in rows] == [f"{number:02}" for number in range(18)]
    there = {path.name[:2]: path.name for path in PATHS}
    for number, title in rows[1:]:
        if number in there:
            assert f"]({there[number]})" in title
        else:
            assert title.endswith(" *(to come)*")


def test_every_lesson_that_start_knows_has_a_page() -> None:
    assert sorted(LESSONS) == [path.name[:2] for path in PATHS]


# The runner


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for notebooks beside a console.py; the variables of the runner are taken back."""
    for variable in ("ORDERLIB_HOME", "DATABASE_URL", "DATABASE_SCHEMA"):
        monkeypatch.setenv(variable, "")
    (tmp_path / "console.py").symlink_to(ROOT / "console.py")
    (tmp_path / "notebooks").mkdir()
    return tmp_path / "notebooks"


def write(path: Path, *sources: str, tags: tuple[str, ...] = ()) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]
    cells[-1].metadata["tags"] = list(tags)
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"widgets": {}})  # type: ignore[no-untyped-call]
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    return path


def without_tracebacks(path: Path) -> list[dict[str, Any]]:
    """All of a notebook but the tracebacks, which every version of Python writes in its own way."""
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        for output in cell.get("outputs", []):
            output.pop("traceback", None)
    return cells


def test_running_the_lessons_again_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in PATHS:
        shutil.copy(path, folder)
    assert lessons.main([], folder) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(PATHS)
    for path in PATHS:
        assert without_tracebacks(folder / path.name) == without_tracebacks(path)


def test_a_lesson_is_brought_into_its_normal_form_and_a_second_run_changes_no_byte(
    folder: Path,
) -> None:
    path = write(
        folder / "98_x.ipynb",
        "import time",
        "time.time() // 1000000",
        "import json; json.loads('{')",
    )
    notebook = read(path)
    notebook.cells[-1].metadata.update(tags=["raises-exception"], collapsed=True)
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    assert lessons.main(["98"], folder) == 0
    test_a_lesson_is_in_its_normal_form(path)
    test_every_code_cell_was_run_in_order(path)
    test_no_output_holds_a_path_of_this_computer(path)
    once = path.read_bytes()
    assert lessons.main(["98"], folder) == 0
    assert path.read_bytes() == once


def test_an_output_that_differs_only_in_the_moment_keeps_its_bytes(folder: Path) -> None:
    path = write(
        folder / "98_x.ipynb", "from datetime import datetime", "print('now', datetime.now())"
    )
    assert lessons.main([], folder) == 0
    once = path.read_bytes()
    assert lessons.main([], folder) == 0
    assert path.read_bytes() == once


def test_an_output_that_differs_is_replaced(folder: Path) -> None:
    path = write(folder / "98_x.ipynb", "print('new')")
    notebook = read(path)
    notebook.cells[0].outputs = [nbformat.v4.new_output("stream", text="old\n")]  # type: ignore[no-untyped-call]
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    assert lessons.main([], folder) == 0
    assert [output.text for output in read(path).cells[0].outputs] == ["new\n"]


def test_measured_figures_are_kept_until_somebody_clears_them(folder: Path) -> None:
    source = "import random\nrandom.random()"
    path = write(folder / "98_x.ipynb", source, tags=("nbval-ignore-output",))
    assert lessons.main([], folder) == 0
    once = path.read_bytes()
    assert lessons.main([], folder) == 0
    assert path.read_bytes() == once
    write(path, source, tags=("nbval-ignore-output",))
    assert lessons.main([], folder) == 0
    assert path.read_bytes() != once


def test_a_cell_that_fails_stops_it_with_lesson_cell_and_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(folder / "98_x.ipynb", "1", "1 / 0")
    before = path.read_bytes()
    write(folder / "99_y.ipynb", "1")
    assert lessons.main([], folder) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("98_x.ipynb, cell l98-02:")
    assert "ZeroDivisionError: division by zero" in captured.err
    assert path.read_bytes() == before


def test_a_cell_that_should_fail_and_does_not_stops_it_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "98_x.ipynb", "1", tags=("raises-exception",))
    assert lessons.main([], folder) == 1
    assert capsys.readouterr().err == "98_x.ipynb, cell l98-01 should fail, and it did not\n"


def test_the_lessons_run_on_a_server_of_their_own_that_is_gone_afterwards(folder: Path) -> None:
    home = "import os; from pathlib import Path; home = os.environ['ORDERLIB_HOME']"
    keep = "Path('home.txt').write_text(home); import orderlib; orderlib.engine().url.database"
    write(folder / "98_x.ipynb", home, keep)
    assert lessons.main([], folder) == 0
    assert not Path((folder / "home.txt").read_text()).exists()
