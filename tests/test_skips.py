"""In CI a skipped test fails, unless its platform does not have what it tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = """
import pytest

@pytest.mark.skip(reason="Chromium is missing")
def test_browser(): pass

@pytest.mark.skip(reason="platform: macOS only")
def test_mac(): pass

def test_inside(): pytest.skip("Node is missing")

@pytest.mark.xfail(reason="known", strict=True)
def test_known(): assert False
"""
FILE = "import pytest\npytest.skip('all of it', allow_module_level=True)"


@pytest.mark.parametrize(
    ("ci", "outcome"),
    [("true", "1 failed, 1 skipped, 1 xfailed, 2 errors"), ("", "4 skipped, 1 xfailed")],
)
def test_a_skip_is_a_failure_in_ci_only(tmp_path: Path, ci: str, outcome: str) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "test_file.py").write_text(FILE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.skips", "-p", "no:cacheprovider"]
    command += ["--continue-on-collection-errors", "--rootdir", str(tmp_path), str(tmp_path)]
    answer = subprocess.run(
        [*command, "-c", os.devnull],
        cwd=ROOT,
        env={**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stdout.splitlines()[-1].startswith(outcome), answer.stdout
