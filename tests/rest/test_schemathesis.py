"""schemathesis reads the description, and tries what it says and what it forbids."""

import subprocess
import sys
from pathlib import Path

import pytest
from sweep import size

from orderlib import create_order, create_product, create_user

from .running import Running


def schemathesis(api: Running, folder: Path, *options: str) -> str:
    """Run it with all checks on, in an empty folder; fail with its report if it finds anything."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", "--checks", "all"]
    command += [f"{api.address}/openapi.json", "--no-color", "--suppress-health-check", "all"]
    command += ["--max-failures", "5", *options]
    if api.token:
        command += ["--header", f"Authorization: Bearer {api.token}"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    return done.stdout


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(1, size(50) // 10 + 1) or [1])
def test_it_finds_nothing(api: Running, tmp_path: Path, seed: int) -> None:
    examples = str(size(40))
    said = schemathesis(api, tmp_path, "--seed", str(seed), "--max-examples", examples)
    assert "Tested: 18" in said
    assert not [line for line in api.lines() if " 500 " in line]


@pytest.mark.timeout(300)
def test_it_finds_nothing_where_a_token_is_needed(locked_api: Running, tmp_path: Path) -> None:
    create_user("ana@example.com", "Ana")
    create_product("Pen", 1)
    create_order(1, "pending", [{"product_id": 1, "quantity": 1}])
    phases = ["--phases", "coverage"] if size(10) == 1 else []
    said = schemathesis(locked_api, tmp_path, "--seed", "1", "--max-examples", "5", *phases)
    assert "Tested: 18" in said
