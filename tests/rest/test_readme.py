"""What the README says about the REST API is so."""

import re
import subprocess

from api.problems import LARGEST_HEADERS
from api.problems import STATUS as PROBLEMS_OF_THE_SHOP

from .running import ROOT, Running

SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## The REST API\n")[1]
SECTION = SECTION.split("\n## ")[0]


def commands() -> list[tuple[str, str]]:
    """Each command with the status that the comment before it promises."""
    (block,) = re.findall(r"```sh\n(.+?)```", SECTION, re.DOTALL)
    found = re.findall(r"# (\d{3}): .+\n((?:.*\\\n)*.+)\n", block)
    assert len(found) == block.count("curl -i ")
    return found


def test_its_commands_run_as_they_are_written(api: Running) -> None:
    for status, command in commands():
        here = command.replace("http://localhost:8021", f"http://localhost:{api.port}")
        assert here != command
        done = subprocess.run(
            ["bash", "-c", here], capture_output=True, text=True, check=True, timeout=30
        )
        assert done.stdout.split()[1] == status, done.stdout


def test_it_lists_every_status_of_a_problem() -> None:
    listed = set(re.findall(r"\b[2-5]\d\d\b", SECTION.split("| status |")[1].split("\n\n")[0]))
    assert {str(status) for status in PROBLEMS_OF_THE_SHOP.values()} < listed
    assert {"400", "401", "405", "413", "415", "421", "431", "500"} < listed
    assert f"{LARGEST_HEADERS // 1024} KiB" in SECTION
