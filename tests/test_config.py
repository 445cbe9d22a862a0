"""The settings: where they come from, and when they are read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from server_tools import Person, new_home

from orderlib.config import Settings

NAMES = ["DATABASE_URL", "DATABASE_SCHEMA", "ORDERLIB_HOME"]
NAMES += ["API_HOST", "API_PORT", "API_TOKEN"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, two levels below where a .env may be; no setting in the environment."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    inside = tmp_path / "one" / "two"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    return inside


def run(code: str, folder: Path, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    command = [sys.executable, "-W", "error", "-c", code]
    child = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env={**clean, **environment},
        capture_output=True,
        text=True,
    )
    assert (child.returncode, child.stderr) == (0, "")
    return child.stdout.strip()


def test_without_any_setting_it_is_the_private_server_and_public(folder: Path) -> None:
    assert Settings.load() == Settings(
        database_url="",
        database_schema="public",
        home=None,
        api_host="127.0.0.1",
        api_port="8021",
        api_token="",
    )


def test_the_environment_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://here/shop")
    monkeypatch.setenv("DATABASE_SCHEMA", "Ana's shop")
    monkeypatch.setenv("ORDERLIB_HOME", "/somewhere else")
    monkeypatch.setenv("API_HOST", "0.0.0.0")
    monkeypatch.setenv("API_PORT", "9000")
    monkeypatch.setenv("API_TOKEN", "token")
    assert Settings.load() == Settings(
        database_url="postgresql://here/shop",
        database_schema="Ana's shop",
        home=Path("/somewhere else"),
        api_host="0.0.0.0",
        api_port="9000",
        api_token="token",
    )


@pytest.mark.parametrize("above", [0, 1, 2])
def test_a_file_is_found_here_or_above(folder: Path, above: int) -> None:
    place = [folder, *folder.parents][above]
    (place / ".env").write_text('DATABASE_URL=postgresql://file/shop\nDATABASE_SCHEMA="my shop"\n')
    assert Settings.load() == Settings("postgresql://file/shop", "my shop")


def test_the_nearest_file_wins(folder: Path) -> None:
    (folder.parent / ".env").write_text("DATABASE_SCHEMA=far\nDATABASE_URL=postgresql://far/shop")
    (folder / ".env").write_text("DATABASE_SCHEMA=near")
    assert Settings.load() == Settings("", "near")


def test_the_environment_wins_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("DATABASE_URL=postgresql://file/shop\nDATABASE_SCHEMA=file")
    monkeypatch.setenv("DATABASE_SCHEMA", "environment")
    assert Settings.load() == Settings("postgresql://file/shop", "environment")


def test_an_empty_value_is_the_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("".join(f"{name}=\n" for name in NAMES))
    assert Settings.load() == Settings()
    for name in NAMES:
        monkeypatch.setenv(name, "")
    assert Settings.load() == Settings()


def test_an_empty_value_in_the_environment_wins_over_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("DATABASE_URL=postgresql://file/shop")
    monkeypatch.setenv("DATABASE_URL", "")
    assert Settings.load().database_url == ""


def test_settings_are_read_anew_each_time_and_put_nothing_into_the_environment(
    folder: Path,
) -> None:
    for schema in ("first", "second"):
        (folder / ".env").write_text(f"DATABASE_SCHEMA={schema}")
        assert Settings.load().database_schema == schema
    assert "DATABASE_SCHEMA" not in os.environ


def test_the_example_changes_nothing(folder: Path) -> None:
    example = Path(__file__).parents[1] / ".env.example"
    (folder / ".env").write_text(example.read_text())
    assert Settings.load() == Settings()


def test_no_password_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ana:verysecret@host/shop?password=verysecret")
    monkeypatch.setenv("API_TOKEN", "verysecret")
    settings = Settings.load()
    assert "verysecret" in settings.database_url
    assert settings.api_token == "verysecret"
    for shown in (repr(settings), str(settings), f"{settings}", f"{[settings]}"):
        assert "secret" not in shown


WATCHED_IMPORT = """
import sys
seen = []
sys.addaudithook(lambda event, about: seen.append(event) if event.startswith("socket.")
    or event in ("subprocess.Popen", "os.posix_spawn")
    or event == "open" and str(about[0]).endswith(".env") else None)
import orderlib
print(seen)
orderlib.config.Settings.load()
print(seen)
"""


def test_an_import_reads_no_settings_and_starts_nothing(folder: Path) -> None:
    (folder / ".env").write_text("DATABASE_URL=not an address")
    output = run(WATCHED_IMPORT, folder, DATABASE_URL="not an address either")
    assert output == "[]\n['open']"


def test_a_plain_script_needs_no_preparation(folder: Path) -> None:
    code = "from orderlib import create_user, list_users\n"
    code += "create_user('ana@example.com', 'Ana Silva')\nprint(list_users()['users'][0]['email'])"
    with new_home(Person()) as home:
        home.parent.chmod(0o755)  # for the account that runs the server where we are root
        assert run(code, folder, ORDERLIB_HOME=str(home)) == "ana@example.com"
        again = "from orderlib import list_users\nprint(len(list_users()['users']))"
        assert run(again, folder, ORDERLIB_HOME=str(home)) == "1"
