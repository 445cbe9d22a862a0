"""The command line: `python -m orderlib` prints what there is."""

import argparse
import sys
from collections.abc import Sequence

from orderlib import doctor, server, workbench
from orderlib.config import Settings
from orderlib.errors import OrderlibError


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    parser = _parser()
    chosen, extra = parser.parse_known_args(arguments)
    if extra and chosen.command != "lab":
        parser.error(f"unknown: {' '.join(extra)}")
    try:
        return _run(chosen, extra)
    except (OrderlibError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # as the shell calls it


def _run(chosen: argparse.Namespace, extra: list[str]) -> int:
    match chosen.command:
        case "lab":
            return lab(extra)
        case "fresh":
            print(workbench.renew_lesson(chosen.lesson))
            return 0
        case "doctor":
            return doctor.main()
        case "server":
            return SERVER_COMMANDS[chosen.what]()
        case _:
            _parser().print_help()
            return 0


def lab(extra: Sequence[str]) -> int:
    """Open the lessons in JupyterLab; `extra` are options of JupyterLab."""
    shop = workbench.open_shop()
    new = workbench.copy_lessons()
    print("The Order Workbook")
    print(f"  lessons  work/{f', {len(new)} new' if new else ''} (make fresh LESSON=05 renews one)")
    print(f"  shop     {shop}")
    print("  end      Ctrl-C, here", flush=True)
    workbench.serve(extra)
    return 0


def server_status() -> int:
    """Say what is known about the private PostgreSQL."""
    found = server.status(Settings.load().home)
    users = "" if found.users is None else f", users: {found.users}"
    print(f"PostgreSQL {found.version} {'runs' if found.running else 'does not run'}{users}")
    print(f"  programs  {found.binaries} ({found.source})")
    print(f"  data      {found.data}")
    print(f"  socket    {found.socket}")
    return 0


def server_stop() -> int:
    """Stop the private PostgreSQL."""
    was_running = server.stop(Settings.load().home)
    print("PostgreSQL is stopped." if was_running else "PostgreSQL does not run.")
    return 0


def server_reset() -> int:
    """Throw away all data, if the learner says yes."""
    home = Settings.load().home
    print(f"This throws away all data of all lessons, in {server.status(home).data}")
    print('Type "yes" to do it: ', end="", flush=True)
    if sys.stdin.readline().strip() != "yes":
        print("Nothing is changed.")
        return 1
    server.reset(home)
    print("It is gone. The next start makes a new one.")
    return 0


def server_psql() -> int:
    """Become psql."""
    server.psql(Settings.load().home)


SERVER_COMMANDS = {
    "status": server_status,
    "stop": server_stop,
    "reset": server_reset,
    "psql": server_psql,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m orderlib", description="The Order Workbook.")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="")
    commands.add_parser("lab", help="open the lessons in JupyterLab; it takes JupyterLab's options")
    fresh = commands.add_parser("fresh", help="bring a lesson back as it was: fresh 05")
    fresh.add_argument("lesson", help="its number")
    commands.add_parser("doctor", help="is everything as it should be? and if not, what to do")
    private = commands.add_parser("server", help="the private PostgreSQL: status stop reset psql")
    private.add_argument("what", choices=SERVER_COMMANDS)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
