"""`python -m api` as a process of its own, and clients that talk to it."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What came back; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document, after a look at its form."""
        assert self.headers["content-type"] == "application/problem+json", self
        found: dict[str, Any] = self.json
        assert found["status"] == self.status
        assert found["type"] == "about:blank"
        assert found["title"]
        assert found["detail"]
        assert set(found) <= {"type", "title", "status", "detail", "errors"}
        return found


@dataclass(frozen=True)
class Running:
    """An API that runs."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int
    token: str = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> Answer:
        """Send one request, exactly as it is given."""
        if connection is None:
            with closing(self.connect()) as new:
                return self.send(method, path, body, headers, new)
        connection.request(method, path, body, dict(headers or {}))
        with connection.getresponse() as response:
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())

    def ask(self, method: str, path: str, body: object = None, **more: Any) -> Answer:
        """Send JSON, and the token if there is one."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is None:
            return self.send(method, path, None, headers, **more)
        return self.send(method, path, json.dumps(body), headers | JSON, **more)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop; returns its exit code."""
        self.process.send_signal(how)
        return self.process.wait(30)

    def lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()


def environment(**changes: str) -> dict[str, str]:
    quiet = {"API_HOST": "", "API_PORT": "0", "API_TOKEN": "", "PYTHONWARNINGS": "error"}
    return {**os.environ, **quiet, **changes}


@contextmanager
def running(**changes: str) -> Iterator[Running]:
    """An API on a free port, with these changes of its environment, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "api"],
                cwd=ROOT,
                env=environment(**changes),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            port = _wait_for_port(process, log)
            yield Running(process, log, port, changes.get("API_TOKEN", ""))
        finally:
            process.kill()
            process.wait()


def refused(**changes: str) -> str:
    """What an API says that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "api"],
        cwd=ROOT,
        env=environment(PYTHONWARNINGS="", **changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done
    assert done.stdout == ""
    return done.stderr


def _wait_for_port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.match(r"http://[^ ]+:(\d+) serves ", log.read_text(encoding="utf-8")):
            return int(found[1])
        time.sleep(0.02)
    raise AssertionError(log.read_text(encoding="utf-8"))
