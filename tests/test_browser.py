"""A learner opens JupyterLab in a browser and runs the first lesson to its end, for real."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from orderlib import server

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="Chromium is missing. On Debian and Ubuntu: sudo apt-get install chromium"
)

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
TOKEN = "a-token-for-this-test"
PATIENCE = 90  # seconds for what usually takes a few
SETTINGS = {  # cells that are scrolled out of sight stay on the page
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"}
}
KERNEL_IS_IDLE = (
    "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
)
ALL_CELLS_RAN = """
    jupyterapp.shell.currentWidget.content.widgets
        .filter(cell => cell.model.type === 'code').every(cell => cell.model.executionCount)
"""


@dataclass
class Lab:
    """A running JupyterLab and a page that shows it."""

    port: int
    page: Page
    requests: list[str] = field(default_factory=list)

    def open(self, lesson: str) -> None:
        self.page.goto(f"http://127.0.0.1:{self.port}/lab/tree/work/{lesson}?token={TOKEN}&reset")
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook")
        self.page.wait_for_function(KERNEL_IS_IDLE)

    def run_all_cells(self) -> None:
        self.page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
        self.page.wait_for_function(ALL_CELLS_RAN)
        self.page.wait_for_function(KERNEL_IS_IDLE)

    def outputs(self) -> Locator:
        """What the cells show. The source of a cell may hold the same words, and is not in it."""
        return self.page.locator(".jp-CodeCell .jp-OutputArea-output")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in another folder, so that work/ of this one stays as it is."""
    project = tmp_path_factory.mktemp("project")
    for part in ("orderlib", "notebooks", ".jupyter"):
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT / part, project / part, ignore=ignored)
    for part in ("console.py", "pyproject.toml"):
        shutil.copy(ROOT / part, project)
    for name, values in SETTINGS.items():
        file = project / "settings" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    return project


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A private server of its own: other workers are running the same lesson on theirs."""
    home = Path(tempfile.mkdtemp(prefix="orderlib-home-"))
    home.chmod(0o755)
    yield home
    server.stop(home)
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def jupyter(folder: Path, home: Path) -> Iterator[int]:
    """JupyterLab as `make lab` starts it, without the browser; the port that it listens on."""
    port = free_port()
    folders = ("JUPYTER_CONFIG", "JUPYTER_DATA", "JUPYTER_RUNTIME", "JUPYTERLAB_WORKSPACES")
    settings = {"ORDERLIB_HOME": str(home), "DATABASE_URL": "", "DATABASE_SCHEMA": ""}
    settings |= {f"{each}_DIR": str(folder / each.lower()) for each in folders}
    settings["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    command = [sys.executable, "-m", "orderlib", "lab", "--no-browser", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"]
    command += ["--expose-app-in-browser"]
    log = (folder / "jupyter.log").open("w+")
    environment = {**os.environ, **settings}
    with log, subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log) as lab:
        try:
            wait_until_it_answers(port, lab, folder / "jupyter.log")
            yield port
        finally:
            lab.terminate()


@pytest.fixture
def lab(jupyter: int) -> Iterator[Lab]:
    """JupyterLab in Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(PATIENCE * 1000)
        lab = Lab(jupyter, page)
        page.context.on("request", lambda request: lab.requests.append(request.url))
        yield lab
        browser.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            url = f"http://127.0.0.1:{port}/api/status?token={TOKEN}"
            urllib.request.urlopen(url, timeout=PATIENCE).close()
        except (URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())


def test_the_first_lesson_runs_to_its_end_in_the_browser(lab: Lab) -> None:
    lab.open("00_start_here.ipynb")
    expect(lab.outputs()).to_have_count(0)
    lab.run_all_cells()
    sign = lab.outputs().filter(has_text="Lesson 00 is ready")
    expect(sign).to_be_visible()
    expect(lab.outputs().last).to_contain_text("Your choice: 5")
    expect(lab.outputs().last).to_contain_text("$4,999.98")
    errors = lab.page.locator(".jp-CodeCell [data-mime-type='application/vnd.jupyter.stderr']")
    expect(errors).to_have_count(1)  # the mistake that is made on purpose
    expect(errors).to_contain_text("InvalidInput: email must look like")
    expect(lab.page.locator(".jp-Dialog, .Toastify__toast")).to_have_count(0)
    hosts = {urlsplit(url).hostname for url in lab.requests if url.startswith("http")}
    assert hosts == {"127.0.0.1"}


def test_the_next_lesson_opens_from_the_link_and_shows_its_diagram(lab: Lab) -> None:
    lab.open("00_start_here.ipynb")
    link = lab.page.locator(".jp-MarkdownCell a", has_text="01 · The connection")
    link.last.scroll_into_view_if_needed()
    link.last.click()
    title = lab.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) h1")
    expect(title).to_contain_text("01 · The connection")
    expect(
        lab.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-RenderedMermaid")
    ).to_be_visible()
