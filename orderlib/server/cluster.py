"""The folder of one major version of PostgreSQL: its paths, and how its server is reached."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from orderlib.server import keeper
from orderlib.server.binaries import Binaries, find_binaries


@dataclass(frozen=True)
class Cluster:
    """The folder of one major version, `ORDERLIB_HOME/18`, and the programs that serve it."""

    folder: Path
    binaries: Binaries

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def marker(self) -> Path:
        """The file that says: this data folder is complete, and orderlib made it."""
        return self.data / "made_by_orderlib"

    @property
    def socket(self) -> Path:
        """The socket folder: short, as the kernel demands, and without what would need quoting.

        It is outside the cluster, so that a server whose folder was deleted can still be reached
        and stopped. It is not in TMPDIR, as every process of the user must come to the same path.
        """
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(f"/tmp/orderlib-{os.getuid()}-{name}")  # noqa: S108 - checked when it is made

    @property
    def url(self) -> str:
        """The SQLAlchemy URL. The port is named, or PGPORT in the environment would change it."""
        host = quote(str(self.socket), safe="")
        return f"postgresql+psycopg2://learner@/shop?host={host}&port={keeper.PORT}"

    def is_running(self) -> bool:
        """Tell whether the server of this cluster runs."""
        return keeper.is_running(self.folder, self.socket)


def find_cluster(home: Path) -> Cluster:
    """Return the cluster of that home for the PostgreSQL that is found; it need not exist yet."""
    binaries = find_binaries()
    return Cluster(home / binaries.major, binaries)
