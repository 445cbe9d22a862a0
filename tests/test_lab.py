"""`python -m orderlib lab` in a terminal: JupyterLab from the first line to Ctrl-C."""

import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect  # type: ignore[import-untyped]
import pytest
from commands import copy_of_the_project, environment, orderlib
from jupyter_client.blocking.client import BlockingKernelClient

NEWS = "@jupyterlab/apputils-extension:notification"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_of_the_project(tmp_path)


@dataclass
class Lab:
    """A running JupyterLab."""

    printed: str
    port: int
    token: str

    def wait(self) -> None:
        """Jupyter prints its address a moment before it listens."""
        for _ in range(100):
            with suppress(urllib.error.URLError):
                self.ask("/api/status")
                return
            time.sleep(0.05)
        pytest.fail("JupyterLab does not answer")

    def ask(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            headers={"Authorization": f"token {self.token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)


@contextmanager
def running_lab(folder: Path, *arguments: str) -> Iterator[Lab]:
    """Run `python -m orderlib lab` in a terminal, and end it with one Ctrl-C."""
    folders = ("CONFIG", "DATA", "RUNTIME")
    jupyter = {f"JUPYTER_{each}_DIR": str(folder / f"jupyter {each}") for each in folders}
    command = ["-m", "orderlib", "lab", *arguments]
    terminal = pexpect.spawn(
        sys.executable,
        command,
        cwd=folder,
        env=environment(**jupyter),
        encoding="utf-8",
        timeout=60,
    )
    try:
        terminal.expect(
            r"http://127\.0\.0\.1:(\d+)/lab/tree/work/00_start_here\.ipynb\?token=(\w+)"
        )
        lab = Lab(terminal.before, int(terminal.match[1]), terminal.match[2])
        lab.wait()
        yield lab
        terminal.sendintr()
        assert "Traceback" not in terminal.read()
        assert terminal.wait() == 0
    finally:
        terminal.close(force=True)


def ask_a_kernel(connection_file: Path, code: str) -> dict[str, Any]:
    """Run code that prints JSON in a kernel."""
    printed: list[str] = []

    def listen(message: dict[str, Any]) -> None:
        printed.append(message["content"].get("text", ""))

    client = BlockingKernelClient(connection_file=str(connection_file))
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    client.execute_interactive(code, timeout=30, output_hook=listen)
    client.stop_channels()
    answer: dict[str, Any] = json.loads("".join(printed))
    return answer


WHO_ARE_YOU = """
import json, os, sys, orderlib
print(json.dumps({"python": sys.executable, "shop": orderlib.__file__, "pid": os.getpid()}))
"""


def test_lab_serves_the_lessons_until_ctrl_c_and_leaves_nothing_behind(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        taken = busy.getsockname()[1]
        with running_lab(folder, "--no-browser", f"--port={taken}") as lab:
            assert lab.port != taken
            assert "your private PostgreSQL" in lab.printed
            assert lab.ask("/api/contents/work/00_start_here.ipynb?content=0")["writable"]
            assert lab.ask("/api/contents/orderlib/models.py?content=0")["type"] == "file"
            news = lab.ask(f"/lab/api/settings/{NEWS}")["schema"]["properties"]
            assert (news["fetchNews"]["default"], news["checkForUpdates"]["default"]) == (
                "false",
                False,
            )
            kernel = lab.ask("/api/kernels", "POST")["id"]
            file = folder / "jupyter RUNTIME" / f"kernel-{kernel}.json"
            answer = ask_a_kernel(file, WHO_ARE_YOU)
            assert answer["python"] == sys.executable
            assert answer["shop"] == str(folder / "orderlib/__init__.py")
    with pytest.raises(ProcessLookupError):
        os.kill(answer["pid"], 0)
    assert not file.exists()


def test_lab_says_in_the_terminal_what_is_wrong_with_the_database(folder: Path) -> None:
    refused = orderlib("lab", cwd=folder, DATABASE_URL="postgresql://ana:secret@127.0.0.1:1/shop")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Nothing listens at 127.0.0.1, port 1")
    assert refused.stderr.count("\n") <= 2
    assert not (folder / "work").exists()
