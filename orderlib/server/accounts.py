"""Whose the folders are: our own, or for root those of the account that runs PostgreSQL for it."""

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":
    import pwd

# PostgreSQL refuses to run as root, so for root it runs as this account. It exists everywhere and
# may do nothing; an account of our own would have to be created, and `postgres` exists only where
# a system's PostgreSQL is installed, whose files it may read.
ACCOUNT_FOR_ROOT = "nobody"


def is_root() -> bool:
    """Tell whether this process may do everything."""
    return sys.platform != "win32" and os.getuid() == 0


def account() -> str | None:
    """The account that PostgreSQL runs as, None for our own."""
    return ACCOUNT_FOR_ROOT if is_root() else None


def make_folder(folder: Path) -> None:
    """Make a folder and what is missing above it; only what root makes can be entered by others."""
    if not folder.exists():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755 if is_root() else 0o700)


def make_private_folder(folder: Path) -> None:
    """Make a folder that only the account of the server can enter."""
    owner = pwd.getpwnam(ACCOUNT_FOR_ROOT) if is_root() else pwd.getpwuid(os.getuid())
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.getuid(), owner.pw_uid):
        raise PermissionError(errno.EPERM, "This belongs to somebody else", str(folder))
    if is_root():
        os.chown(folder, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def is_open(path: Path) -> bool:
    """Tell whether any account can come to this path: only that is certain for the one of root."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))
