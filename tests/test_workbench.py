"""The learner's lessons in work/: copied once, never overwritten, brought back when wanted."""

import json
from pathlib import Path

import pytest
from commands import a_lesson, copy_of_the_project, orderlib

from orderlib.errors import NotFound
from orderlib.workbench import copy_lessons, renew_lesson


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_of_the_project(tmp_path)


def test_a_lesson_is_copied_without_what_its_cells_showed(folder: Path) -> None:
    assert copy_lessons(folder) == ["00_start_here.ipynb", "05_create_order.ipynb"]
    [cell] = json.loads((folder / "work/05_create_order.ipynb").read_text())["cells"]
    assert (cell["source"], cell["outputs"], cell["execution_count"]) == (
        "05_create_order",
        [],
        None,
    )


def test_copying_again_keeps_what_the_learner_wrote_and_adds_new_lessons(folder: Path) -> None:
    copy_lessons(folder)
    (folder / "work/00_start_here.ipynb").write_text("mine")
    (folder / "notebooks/06_list_orders.ipynb").write_text(a_lesson("06"))
    assert copy_lessons(folder) == ["06_list_orders.ipynb"]
    assert (folder / "work/00_start_here.ipynb").read_text() == "mine"


@pytest.mark.parametrize("number", ["5", "05", "05_create_order", "05_create_order.ipynb"])
def test_fresh_brings_a_lesson_back_and_keeps_the_old_one_beside_it(
    folder: Path, number: str
) -> None:
    copy_lessons(folder)
    mine = folder / "work/05_create_order.ipynb"
    fresh = mine.read_text()
    mine.write_text("mine")
    said = renew_lesson(number, folder)
    [kept] = (folder / "work").glob("05_create_order (before *).ipynb")
    assert (mine.read_text(), kept.read_text()) == (fresh, "mine")
    assert kept.name in said


def test_fresh_leaves_a_lesson_alone_that_nobody_has_changed(folder: Path) -> None:
    copy_lessons(folder)
    assert "as it came" in renew_lesson("05", folder)
    assert len(list((folder / "work").iterdir())) == 2


def test_fresh_says_which_lessons_there_are(folder: Path) -> None:
    with pytest.raises(NotFound, match=r'no lesson "77".* 00_start_here, 05_create_order'):
        renew_lesson("77", folder)


def test_fresh_works_from_the_command_line(folder: Path) -> None:
    assert orderlib("fresh", "05", cwd=folder).stdout == "work/05_create_order.ipynb is there.\n"
    refused = orderlib("fresh", "", cwd=folder)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith('There is no lesson ""')
