"""The locks: who uses the server, who starts or stops it, and what a fork does to that.

Threads of this process wait for each other at `one_thread_at_a_time`, processes at `start.lock`.
The shared lock on `users.lock` makes nobody wait but the keeper: to hold it is to be a user.
"""

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orderlib.server.cluster import Cluster

if sys.platform != "win32":
    import fcntl


@dataclass(frozen=True)
class Membership:
    """That this process is one of the users: as long as the file is open, it holds the lock."""

    cluster: Cluster
    users_lock: int


memberships: dict[Path, Membership] = {}
one_thread_at_a_time = threading.Lock()


def _begin_anew_in_a_child() -> None:
    """A forked child counts for itself: it keeps the lock that it inherited, and takes its own."""
    memberships.clear()
    one_thread_at_a_time.release()


if sys.platform != "win32":
    # Nobody forks in the middle of a start: the child would share its locks.
    os.register_at_fork(
        before=one_thread_at_a_time.acquire,
        after_in_parent=one_thread_at_a_time.release,
        after_in_child=_begin_anew_in_a_child,
    )


@contextmanager
def counted(cluster: Cluster) -> Iterator[Membership]:
    """Count this process among the users from here on, unless the block fails."""
    users_lock = os.open(cluster.folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Waits while a keeper stops the server; after this, none will.
        fcntl.flock(users_lock, fcntl.LOCK_SH)
        yield Membership(cluster, users_lock)
    except BaseException:
        os.close(users_lock)
        raise


@contextmanager
def starting(cluster: Cluster) -> Iterator[int]:
    """Only one process at a time starts or stops the server."""
    start_lock = os.open(cluster.folder / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(start_lock, fcntl.LOCK_EX)
        yield start_lock
    finally:
        os.close(start_lock)


def count_users(cluster: Cluster) -> int | None:
    """Count the shared locks on `users.lock` in the kernel's list, where there is one."""
    locks, file = Path("/proc/locks"), cluster.folder / "users.lock"
    if not locks.exists():
        return None
    if not file.exists():
        return 0
    inode = re.compile(rf"FLOCK .* READ .*:{file.stat().st_ino} ")
    return sum(bool(inode.search(line)) for line in locks.read_text().splitlines())
