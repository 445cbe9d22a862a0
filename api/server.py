"""The program that listens: waitress, a WSGI server.

Flask's own server is made for developing, one person at a time. Waitress is made for serving, and
it is pure Python, the same on every computer. One thread talks to all clients; it reads each
request whole before one of the working threads sees it. So a slow client costs no thread.
"""

import logging
import signal
import threading
import time
from typing import Any
from urllib.parse import quote

from flask import Flask
from waitress import create_server, wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask, Task, WSGITask

from api.problems import DETAILS, LARGEST_HEADERS, problem

THREADS = 8  # each needs a connection to PostgreSQL while it works
MOST_CLIENTS = 500  # connected at the same time; the others wait until one leaves
LARGEST_UPLOAD = 64 * 1024 * 1024  # of a body that is too large, so much is read before the 413
PATIENCE = 10.0  # seconds for what is begun when the server is told to stop

Sockets = dict[int, Any]  # what waitress looks after, by file descriptor
log = logging.getLogger(__name__)


class _Logged(Task):  # type: ignore[misc]  # waitress has no types
    """One line for each request. What follows the ? is left out: it may be private."""

    def service(self) -> None:
        try:
            super().service()
        finally:
            method, path = getattr(self.request, "command", "-"), getattr(self.request, "path", "-")
            address = quote(path.encode("latin-1"))  # as it was sent, so no line breaks
            milliseconds = (time.time() - self.start_time) * 1000
            log.info("%s %s %s %.1f ms", quote(method), address, self.status[:3], milliseconds)


class _Answer(_Logged, WSGITask):  # type: ignore[misc]
    """A request that the application answers."""


class _Refusal(_Logged, ErrorTask):  # type: ignore[misc]
    """A request that waitress refuses: it is no HTTP, or it is far too large."""

    def execute(self) -> None:
        error = self.request.error
        answer = problem(error.code, DETAILS.get(error.code) or f"This is not HTTP: {error.body}")
        self.status = answer.status
        self.response_headers.extend(answer.headers)
        self.set_close_on_finish()
        self.write(answer.get_data())


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Reads a request. Waitress alone would wait for ever for a body that was never announced."""

    def parse_header(self, header: bytes) -> None:
        super().parse_header(header)
        if self.body_rcv is None:
            self.expect_continue = False


class _Channel(HTTPChannel):  # type: ignore[misc]
    """The connection of one client."""

    parser_class = _Parser
    task_class = _Answer
    error_task_class = _Refusal


def listen(app: Flask, host: str, port: int) -> Sockets:
    """Take the port, so that clients can knock. Raises OSError, or ValueError for a wrong host."""
    sockets: Sockets = {}
    create_server(
        app,
        map=sockets,
        host=host,
        port=port,
        threads=THREADS,
        connection_limit=MOST_CLIENTS,
        recv_bytes=65_536,
        max_request_header_size=LARGEST_HEADERS,
        max_request_body_size=LARGEST_UPLOAD,
    )
    for server in _all(BaseWSGIServer, sockets):
        server.channel_class = _Channel
    return sockets


def port_of(sockets: Sockets) -> int:
    """The port that it listens at; with API_PORT=0 the system has chosen it."""
    return int(_all(BaseWSGIServer, sockets)[0].effective_port)


def serve(sockets: Sockets) -> None:
    """Answer until the process is told to stop, by Ctrl-C or SIGTERM."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    while not stopping.is_set():
        _one_round(sockets)
    _finish(sockets)


def _finish(sockets: Sockets) -> None:
    """Read nothing more, and answer what was read: what is stored is also answered."""
    for server in _all(BaseWSGIServer, sockets):
        wasyncore.dispatcher.close(server)  # of its sockets only this; its threads go on
    clients = _all(HTTPChannel, sockets)
    for client in clients:
        client.readable = lambda: False
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and any(
        client.requests or client.total_outbufs_len for client in clients
    ):
        _one_round(sockets)


def _one_round(sockets: Sockets) -> None:
    """Read and write whatever can be read and written now; wait for it half a second at most."""
    wasyncore.loop(timeout=0.5, use_poll=True, map=sockets, count=1)


def _all(kind: type, sockets: Sockets) -> list[Any]:
    return [each for each in sockets.values() if isinstance(each, kind)]
