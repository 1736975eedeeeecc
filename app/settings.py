"""What the environment says; the names are those that the stack gives to each task."""

import dataclasses
import os
from collections.abc import Mapping

DRAIN_SECONDS = 5.0
GRACE_SECONDS = 15.0


class SettingsError(Exception):
    """The environment cannot be worked with; the message lists every reason."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Server:
    """Something to connect to."""

    host: str
    port: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Database(Server):
    """PostgreSQL."""

    name: str
    user: str
    password: str = dataclasses.field(default="", repr=False)
    """Empty: a token of the task's role, IAM authentication."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that the application can be told."""

    stage: str = "local"
    version: str = "unknown"
    """What was built: the commit, put into the image."""
    port: int = 8080
    log_level: str = "INFO"
    drain_seconds: float = DRAIN_SECONDS
    """How long it goes on accepting requests after SIGTERM: until whoever sends them has heard."""
    grace_seconds: float = GRACE_SECONDS
    """How long requests in flight then have. Both together stay below the task's stop timeout of
    30 seconds, after which ECS kills."""
    database: Database | None = None
    cache: Server | None = None

    @classmethod
    def load(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Reads the environment.

        Raises:
            SettingsError: A number is none, or a name is missing.
        """
        reader = _Reader(environment)
        settings = cls(
            stage=reader.text("STAGE", "local"),
            version=reader.text("VERSION", "unknown"),
            port=int(reader.number("PORT", 8080)),
            log_level=reader.text("LOG_LEVEL", "info").upper(),
            drain_seconds=reader.number("DRAIN_SECONDS", DRAIN_SECONDS),
            grace_seconds=reader.number("GRACE_SECONDS", GRACE_SECONDS),
            database=reader.database(),
            cache=reader.cache(),
        )
        if reader.problems:
            raise SettingsError("; ".join(reader.problems))
        return settings


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str, default: str) -> str:
        return self._environment.get(name) or default

    def number(self, name: str, default: float) -> float:
        text = self._environment.get(name) or str(default)
        try:
            number = float(text)
        except ValueError:
            number = -1
        if number < 0:
            self.problems.append(f"{name} is {text!r}; write a number that is not negative")
        return number

    def database(self) -> Database | None:
        host = self._environment.get("DATABASE_HOST")
        if not host:
            return None
        user = self.text("DATABASE_USERNAME", "")
        if not user:
            self.problems.append("DATABASE_HOST is set and DATABASE_USERNAME is not")
        return Database(
            host=host,
            port=int(self.number("DATABASE_PORT", 5432)),
            name=self.text("DATABASE_NAME", "postgres"),
            user=user,
            password=self.text("DATABASE_PASSWORD", ""),
        )

    def cache(self) -> Server | None:
        host = self._environment.get("CACHE_HOST")
        return (host and Server(host=host, port=int(self.number("CACHE_PORT", 6379)))) or None
