"""The settings: from the environment, or from a file .env in this folder or one above it.

Nothing is read when orderlib is imported, only when Settings.load() is called.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values, find_dotenv


@dataclass(frozen=True)
class Settings:
    """What can be set; `.env.example` says what each is for."""

    database_url: str = field(default="", repr=False)  # it may hold a password
    database_schema: str = "public"
    home: Path | None = None  # where the private PostgreSQL lives; None: the usual place
    api_host: str = "127.0.0.1"
    api_port: str = "8021"
    api_token: str = field(default="", repr=False)

    @classmethod
    def load(cls) -> "Settings":
        """Read the settings as they are now. The environment wins over .env."""
        values = {**dotenv_values(find_dotenv(usecwd=True)), **os.environ}
        home = values.get("ORDERLIB_HOME")
        return cls(
            database_url=values.get("DATABASE_URL") or "",
            database_schema=values.get("DATABASE_SCHEMA") or "public",
            home=Path(home) if home else None,
            api_host=values.get("API_HOST") or "127.0.0.1",
            api_port=values.get("API_PORT") or "8021",
            api_token=values.get("API_TOKEN") or "",
        )
