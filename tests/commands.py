"""Running the project's commands for real, in an environment of the test's choice."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "DATABASE_URL": "", "DATABASE_SCHEMA": "", **changes}


def orderlib(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `python -m orderlib` with these arguments."""
    return run("-m", "orderlib", *arguments, **options)


def run(
    *arguments: str, cwd: Path = ROOT, typed: str = "", **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in that folder, with these changes in its environment."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(**changes),
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def a_lesson(source: str) -> str:
    """A notebook of one cell that has been run."""
    output = {"output_type": "stream", "name": "stdout", "text": "42"}
    cell = {"cell_type": "code", "source": source, "execution_count": 1, "outputs": [output]}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def copy_of_the_project(parent: Path) -> Path:
    """The project with two lessons, in a folder whose name is not easy."""
    folder = parent / "mi carpeta añil"
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("orderlib", ".jupyter"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "notebooks").mkdir()
    for name in ("00_start_here", "05_create_order"):
        (folder / "notebooks" / f"{name}.ipynb").write_text(a_lesson(name))
    return folder
