"""What PostgreSQL is told: how it is reached, and who may enter as whom."""

import os
import sys

from orderlib.server.cluster import Cluster

if sys.platform != "win32":
    import pwd

SETTINGS = """\
# Written by orderlib at each start: change orderlib/server/settings.py instead.
include 'data/postgresql.conf'
hba_file = '../pg_hba.conf'
ident_file = '../pg_ident.conf'
listen_addresses = ''                   # no network
unix_socket_directories = '{socket}'
port = 5432
max_connections = 200
random_page_cost = 1.1                  # no spinning disks: indexes are cheap
timezone = 'UTC'
log_timezone = 'UTC'
"""
# The kernel says which account is at the other end of the socket; only the owner's gets in.
ACCESS = """\
local  all          all       peer  map=orderlib
local  replication  postgres  peer  map=orderlib
"""
WHO_IS_WHO = """\
orderlib  "{owner}"  learner
orderlib  "{owner}"  postgres
"""


def write_settings(cluster: Cluster) -> None:
    """Write the three files that PostgreSQL reads when it starts."""
    owner = pwd.getpwuid(os.getuid()).pw_name
    for name, text in {
        "postgresql.conf": SETTINGS.format(socket=cluster.socket),
        "pg_hba.conf": ACCESS,
        "pg_ident.conf": WHO_IS_WHO.format(owner=owner),
    }.items():
        path = cluster.folder / name
        path.write_text(text)
        path.chmod(0o644)  # for ACCOUNT_FOR_ROOT; otherwise the folder is closed to others
