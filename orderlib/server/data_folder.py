"""The data folder: made by `initdb`, wholly or not at all; one of somebody else stays as it is."""

import shutil
from pathlib import Path

from orderlib.errors import DatabaseUnavailable
from orderlib.server.accounts import account, make_private_folder
from orderlib.server.binaries import Binaries
from orderlib.server.cluster import Cluster
from orderlib.server.problems import failure
from orderlib.server.running import run


def make_data(cluster: Cluster, programs: Path, start_lock: int) -> None:
    """Run `initdb` in a folder beside and rename it when complete: half a cluster is never used."""
    if cluster.marker.exists():
        return
    refuse_foreign(cluster)
    new = cluster.folder / "data.new"
    for locale in _locales(cluster.binaries):
        shutil.rmtree(new, ignore_errors=True)  # of a start that was killed
        make_private_folder(new)
        if not _run_initdb(cluster, programs, locale, start_lock):
            (new / cluster.marker.name).touch()
            new.replace(cluster.data)
            return
    shutil.rmtree(new, ignore_errors=True)
    raise failure(cluster, "initdb.log")


def refuse_foreign(cluster: Cluster) -> None:
    """Raise `DatabaseUnavailable` if there is something in the data folder that is not ours."""
    data = cluster.data
    if data.exists() and any(data.iterdir()) and not cluster.marker.exists():
        raise DatabaseUnavailable(
            f"{data} holds files that orderlib did not make, so it stays as it is.\n"
            "Move it away, or set ORDERLIB_HOME to another folder."
        )


def _locales(binaries: Binaries) -> list[list[str]]:
    """The ways to ask `initdb` for sorting by code point with correct upper() and lower()."""
    if int(binaries.major) >= 17:  # has a locale of its own, the same on every system
        return [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]]
    return [["--locale=C.UTF-8"], ["--locale=C"]]  # the second where the system lacks the first


def _run_initdb(cluster: Cluster, programs: Path, locale: list[str], start_lock: int) -> int:
    options = ["--username=postgres", "--auth=peer", "--encoding=UTF8", "--data-checksums"]
    command = [str(programs / "initdb"), "--pgdata=.", *options, *locale]
    return run(
        command, cluster.folder / "data.new", cluster.folder / "initdb.log", start_lock, account()
    )
