"""In CI nothing is skipped in silence: there a skipped test is a failed one.

Where a program is missing on a learner's computer, the tests that need it skip and say how to get
it. In CI `.ci/run` has installed it, so a skip means that something is not tested at all. What does
not exist on a platform may still be skipped: its reason begins with "platform:".
"""

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A skipped file."""
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not (os.environ.get("CI") and report.skipped and isinstance(report.longrepr, tuple)):
        return
    _file, _line, reason = report.longrepr
    if not reason.removeprefix("Skipped: ").startswith("platform:"):
        report.outcome = "failed"
        report.longrepr = f"{reason}\nIn CI nothing is skipped: see tests/skips.py"
