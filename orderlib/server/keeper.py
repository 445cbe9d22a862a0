"""The keeper: it starts the private PostgreSQL, waits for the last user to leave, and stops it.

It is a program of its own, run by `joining.py`, because it has to outlive whoever started it, and
because it must be small: it imports a little of the standard library and nothing of orderlib,
which would take a hundred times the memory for a process that only waits.

    python keeper.py CLUSTER SOCKET_FOLDER BINARIES START_LOCK ACCOUNT

How does it know that the last user has left? Every user holds a shared lock on `users.lock` for as
long as it lives, and the kernel takes the lock away from whoever dies, however it dies. The keeper
asks for the same lock exclusively, and so sleeps until nobody else has it.
"""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

if sys.platform != "win32":  # where nothing is kept, but this file can be imported
    import fcntl
    import pwd

PORT = 5432  # only the name of the socket file; no network is involved
PATIENCE = 60.0  # seconds for a start or a stop; both usually take a tenth of one


def socket_file(folder: Path) -> Path:
    """Return the file through which PostgreSQL is reached in that folder."""
    return folder / f".s.PGSQL.{PORT}"


def listener(folder: Path) -> int | None:
    """Return the process id of whoever listens in that socket folder, None if nobody does.

    The kernel answers, so unlike a file this cannot be out of date. The answer is 0 where it does
    not tell: the queue is full, or the process is in another container that shares the folder.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        try:
            client.connect(str(socket_file(folder)))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except BlockingIOError:
            return 0
        return peer(client)


def peer(client: socket.socket) -> int:
    """Return the id of the process at the other end."""
    if sys.platform == "darwin":
        local, peer_pid = 0, 2  # SOL_LOCAL and LOCAL_PEERPID, which Python does not name
        return int.from_bytes(client.getsockopt(local, peer_pid, 4), sys.byteorder)
    pid, _user, _group = struct.unpack(
        "3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    )
    return int(pid)


def claim(cluster: Path) -> list[str]:
    """Return the lines of `postmaster.pid`: what a server says, and a killed one leaves behind."""
    try:
        return (cluster / "data" / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def is_running(cluster: Path, socket_folder: Path) -> bool:
    """Tell whether the server of this cluster runs: somebody listens, and is who the file names."""
    pid = listener(socket_folder)
    if pid is None:
        return False
    lines = claim(cluster)
    return (not pid or lines[:1] == [str(pid)]) and "stopping" not in "".join(lines[7:])


def shut_down(cluster: Path, socket_folder: Path, how: int = signal.SIGINT) -> bool:
    """Stop the server that listens in the socket folder; tell whether there was one.

    By default it ends the sessions, writes everything and goes: PostgreSQL's "fast" stop.
    The signal goes to the process that the kernel named, never to a number found in a file.
    """
    pid = listener(socket_folder)
    if not pid:
        return False
    os.kill(pid, how)
    deadline = time.monotonic() + PATIENCE
    while socket_file(socket_folder).exists() or claim(cluster)[:1] == [str(pid)]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"PostgreSQL (process {pid}) does not stop")
        time.sleep(0.01)
    return True


def run_as(account: str | None, command: list[str], folder: Path, **options: Any) -> int:
    """Run a program inside a folder, as that account if one is named; return its exit code."""
    return subprocess.run(  # noqa: S603 - our own words, and no shell
        command,
        check=False,
        cwd=folder,
        user=account,
        group=pwd.getpwnam(account).pw_gid if account else None,
        extra_groups=[] if account else None,
        **options,
    ).returncode


def boot(cluster: Path, socket_folder: Path, binaries: Path, account: str | None) -> int:
    """Start the server; return the exit code of `pg_ctl`.

    Nobody listens, so what claims that a server runs was left by a killed one; it would be believed
    if another process has its number by now. PostgreSQL has a second guard: shared memory.
    """
    data = cluster / "data"
    for left in (data / "postmaster.pid", *socket_folder.iterdir()):
        left.unlink(missing_ok=True)
    (data / "server.log").unlink(missing_ok=True)  # so that it does not grow for ever
    # "." and "..", because pg_ctl puts these paths into a shell command without quoting them.
    command = [str(binaries / "pg_ctl"), "start", "-D", ".", "-l", "server.log"]
    command += ["-w", "-t", f"{PATIENCE:.0f}", "-o", "-c config_file=../postgresql.conf"]
    return run_as(account, command, data)


def stay(cluster: Path, socket_folder: Path, start_lock: int) -> None:
    """Go to the background, wait for the last user to leave, and stop the server."""
    keeper_lock = os.open(cluster / "keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
    if not try_lock(keeper_lock):
        return  # there is a keeper already
    os.truncate(keeper_lock, 0)
    os.write(keeper_lock, where().encode())
    if os.fork():
        return  # the half that goes back to joining.py
    os.close(start_lock)
    path = cluster / "users.lock"
    users_lock = os.open(path, os.O_RDWR)
    fcntl.flock(users_lock, fcntl.LOCK_EX)  # the long wait
    if not is_replaced(path, users_lock):
        # A server whose folder was deleted has nowhere to write what it still wants to.
        shut_down(cluster, socket_folder, signal.SIGINT if path.exists() else signal.SIGQUIT)
        tidy(socket_folder)
    os.close(keeper_lock)  # first this lock: whoever gets the other one needs a new keeper


def tidy(socket_folder: Path) -> None:
    """Leave nothing in /tmp, unless somebody else needs it."""
    with suppress(OSError):
        socket_folder.rmdir()


def where() -> str:
    """Name the machine or container we are in: another one sees another folder for the sockets."""
    tmp = os.stat("/tmp")  # noqa: PTH116, S108 - only looked at
    return f"{socket.gethostname()} {tmp.st_dev} {tmp.st_ino}"


def try_lock(file: int) -> bool:
    """Take the lock if nobody has it; tell whether that worked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_replaced(path: Path, file: int) -> bool:
    """Tell whether another file than the open one is at that path.

    The folder was deleted then, and made anew by somebody who has a keeper of their own.
    """
    return path.exists() and not os.path.samestat(path.stat(), os.fstat(file))


def main(cluster: Path, socket_folder: Path, binaries: Path, start_lock: int, account: str) -> int:
    """Make sure that the server and a keeper run; return 0, or the exit code of `pg_ctl`."""
    running = is_running(cluster, socket_folder)
    if not running and (problem := boot(cluster, socket_folder, binaries, account or None)):
        return problem
    stay(cluster, socket_folder, start_lock)
    return 0


if __name__ == "__main__":
    _cluster, _socket_folder, _binaries, _start_lock, _account = sys.argv[1:]
    sys.exit(
        main(Path(_cluster), Path(_socket_folder), Path(_binaries), int(_start_lock), _account)
    )
