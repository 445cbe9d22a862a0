"""`make lessons`: run the notebooks, and store them in their normal form.

    python -m orderlib.lessons           # all of them
    python -m orderlib.lessons 00 07     # or some

They run on a private server of their own, so the outputs do not depend on anybody's data, and
nobody's lessons are touched. The normal form is the same on every run: cell ids and counts from
the position, no times, no paths of this computer. A second run changes no byte.
"""

import copy
import os
import re
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from orderlib import server

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
SANITIZE = ROOT / "tests" / "sanitize.cfg"  # nbval reads the same file
SECONDS_PER_CELL = 120
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
KEPT_OF_A_CELL = {"tags", "nbgrader", "orderlib"}
FOLDERS = (sysconfig.get_path("purelib"), sysconfig.get_path("stdlib"), str(ROOT))
COLOURS = re.compile(r"\x1b\[[\d;]*m")  # of a terminal
ANY_CELL_ERROR = (CellExecutionError, CellTimeoutError, DeadKernelError)


class LessonFailed(Exception):
    """A cell of a lesson failed, or did not fail though it should."""


def main(wanted: Sequence[str], folder: Path = NOTEBOOKS) -> int:
    """Run the lessons with these numbers, or all; returns the exit code."""
    with _server_of_our_own():
        for path in sorted(folder.glob("*.ipynb")):
            if not wanted or path.name[:2] in wanted:
                began = time.monotonic()
                try:
                    cells = make(path)
                except LessonFailed as failure:
                    print(failure, file=sys.stderr)
                    return 1
                print(f"{path.name}: {cells} cells, {time.monotonic() - began:.1f} s")
    return 0


def make(path: Path) -> int:
    """Run one lesson and store it in its normal form; returns how many cells it has.

    Raises LessonFailed, and then the file is as it was.
    """
    before = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    notebook = copy.deepcopy(before)
    _number(notebook, path)
    _run(notebook, path)
    for each in notebook, before:
        _normalise(each)
    _keep_equal_outputs(notebook, before)
    text = nbformat.writes(notebook, indent=1)  # type: ignore[no-untyped-call]
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return len(notebook.cells)


@contextmanager
def _server_of_our_own() -> Iterator[None]:
    home = Path(tempfile.mkdtemp(prefix="orderlib-lessons-"))
    home.chmod(0o755)  # for root, whose PostgreSQL runs as another account
    os.environ.update(ORDERLIB_HOME=str(home), DATABASE_URL="", DATABASE_SCHEMA="")
    try:
        yield
    finally:
        server.stop(home)
        shutil.rmtree(home)


def _number(notebook: NotebookNode, path: Path) -> None:
    for position, cell in enumerate(notebook.cells, start=1):
        cell.id = f"l{path.name[:2]}-{position:02}"


def _run(notebook: NotebookNode, path: Path) -> None:
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name=KERNEL["name"],
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
        coalesce_streams=True,
    )
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, index)
            except ANY_CELL_ERROR as error:
                said = COLOURS.sub("", str(error))
                raise LessonFailed(f"{path.name}, cell {cell.id}:\n{said}") from None
            if _should_fail(cell) and not _failed(cell):
                raise LessonFailed(f"{path.name}, cell {cell.id} should fail, and it did not")


def _should_fail(cell: NotebookNode) -> bool:
    return "raises-exception" in cell.metadata.get("tags", [])


def _failed(cell: NotebookNode) -> bool:
    return any(output.output_type == "error" for output in cell.outputs)


def _normalise(notebook: NotebookNode) -> None:
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count = 0
    for cell in notebook.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in KEPT_OF_A_CELL}
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                _normalise_output(output, count)


def _normalise_output(output: NotebookNode, count: int) -> None:
    if "execution_count" in output:
        output.execution_count = count
    if "traceback" in output:
        output.traceback = [_without_paths(line) for line in output.traceback]


def _without_paths(text: str) -> str:
    """Shorten the names of files: where they lie is different on each computer."""
    for folder in sorted(FOLDERS, key=len, reverse=True):
        for written in (folder, folder.replace(str(Path.home()), "~")):  # IPython writes ~
            text = text.replace(f"{written}/", "")
    return text


def _keep_equal_outputs(notebook: NotebookNode, before: NotebookNode) -> None:
    """Keep the old output where the new one differs only in what nbval would not mind."""
    for cell, old in zip(notebook.cells, before.cells, strict=False):
        if cell.cell_type == old.cell_type == "code" and _are_equal(cell, old):
            cell.outputs = old.outputs


def _are_equal(cell: NotebookNode, old: NotebookNode) -> bool:
    if "nbval-ignore-output" in cell.metadata.get("tags", []):  # measured figures, for example
        return bool(old.outputs)
    return bool(_sanitized(cell.outputs) == _sanitized(old.outputs))


def _sanitized(outputs: Any) -> Any:
    if isinstance(outputs, str):
        for pattern, replacement in _replacements():
            outputs = re.sub(pattern, replacement, outputs)
        return outputs
    if isinstance(outputs, list):
        return [_sanitized(each) for each in outputs]
    if isinstance(outputs, dict):
        return {key: _sanitized(value) for key, value in outputs.items()}
    return outputs


def _replacements() -> list[tuple[str, str]]:
    config = ConfigParser(interpolation=None)
    config.read(SANITIZE, encoding="utf-8")
    return [(config[each]["regex"], config[each]["replace"]) for each in config.sections()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
