"""The promises of the code as a whole: its arrows, its size, and an import without consequences."""

import ast
import io
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# The arrows: who may import whom. A module imports from its own line and from those below it.
LAYERS = [
    {"console", "api", "orderlib.__main__", "orderlib.doctor", "orderlib.workbench"}
    | {"orderlib.lessons"},
    {"orderlib.widgets", "orderlib.teaching"},
    {"orderlib", "orderlib.sample_data"},
    {"orderlib.operations"},
    {"orderlib.models", "orderlib.database", "orderlib.validation", "orderlib.connecting"}
    | {"orderlib.database_errors", "orderlib.server"},
    {"orderlib.vocabulary", "orderlib.config", "orderlib.errors"},
]
SHOP = "config database connecting database_errors vocabulary validation models errors operations/*"


def modules() -> dict[str, Path]:
    """Every module of the project with its file: `orderlib.operations.users`."""
    files = [ROOT / "console.py", *ROOT.glob("api/**/*.py"), *ROOT.glob("orderlib/**/*.py")]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in files
        if path.exists()
    }


def layer(module: str) -> int:
    """Return the layer of a module: that of its longest name, so a package covers what is in it."""
    names = [module.rsplit(".", cut)[0] for cut in range(module.count(".") + 1)]
    placed = [name for name in names if name != "orderlib" or module == "orderlib"]
    for name in placed:
        for number, members in enumerate(LAYERS):
            if name in members:
                return number
    pytest.fail(f"{module} has no place in LAYERS yet: who may import it?")


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Name the modules of the project that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for each in node.names:
                inside = f"{node.module}.{each.name}"
                yield inside if inside in known else node.module


def test_every_arrow_points_down() -> None:
    known = modules()
    layers = {module: layer(module) for module in known}
    upward = [
        f"{module} imports {imported}"
        for module, path in known.items()
        for imported in imports(path, known)
        if layers[imported] < layers[module]
    ]
    assert upward == []


def test_no_import_is_relative_so_that_the_arrows_can_be_read() -> None:
    relative = [
        module
        for module, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def lines_of_code(path: Path) -> int:
    """Count the lines that hold more than space, comments and docstrings."""
    source = path.read_text(encoding="utf-8")
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in silent and token.string:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def test_the_shop_is_read_in_an_hour() -> None:
    sizes = {
        path.stem: lines_of_code(path)
        for name in SHOP.split()
        for path in ROOT.glob(f"orderlib/{name}.py")
    }
    assert {"database", "orders", "users"} <= set(sizes)
    assert sum(sizes.values()) < 900, sizes


# What importing does

IMPORT = """
import os, sys

before = set(os.listdir(sys.argv[1]))
asked = []

class Watched(type(os.environ)):
    def __getitem__(self, key):
        asked.append(key)
        return super().__getitem__(key)

STARTING = {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec", "socket.connect"}

def watch(event, arguments):
    assert event not in STARTING, f"import orderlib started something: {event} {arguments}"

os.environ.__class__ = Watched
sys.addaudithook(watch)
import orderlib
ours = [name for name in asked if name.startswith(("DATABASE", "ORDERLIB", "API_"))]
assert ours == [], ours
assert set(os.listdir(sys.argv[1])) == before
"""


def test_importing_orderlib_reads_no_setting_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=nonsense\n")
    environment = {"PATH": "", "ORDERLIB_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", IMPORT, str(tmp_path)]
    answer = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stderr) == (0, "")
