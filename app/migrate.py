"""Brings the database to the schema that this version needs: files in order, each once.

A deployment runs it before the new tasks start, while the old ones still work: a migration must be
one that the previous version can live with.
"""

import hashlib
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import LiteralString, cast

import psycopg

from app import database
from app.settings import Settings

_log = logging.getLogger("app.migrate")

DIRECTORY = Path(__file__).parent / "migrations"
NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
LOCK = 4_702_111_234_474_983_745
"""Any number: who holds it migrates, everybody else waits."""

_TABLE = """
create table if not exists schema_migrations (
  name text primary key,
  checksum text not null,
  applied_at timestamptz not null default now()
)
"""


class MigrationError(Exception):
    """The files and the database do not fit together."""


def files(directory: Path = DIRECTORY) -> list[Path]:
    """Every migration, in order.

    Raises:
        MigrationError: A name is malformed, or a number is there twice or missing.
    """
    found = sorted(directory.iterdir())
    for position, path in enumerate(found, 1):
        match = NAME.fullmatch(path.name)
        if match is None or int(match[1]) != position:
            raise MigrationError(
                f"{path.name}: number {position:04} is next, as in {position:04}_what_it_does.sql"
            )
    return found


def apply(connection: psycopg.Connection, migrations: Sequence[Path]) -> list[str]:
    """Applies what the database does not have yet, each file in a transaction; returns the names.

    Raises:
        MigrationError: A file was changed after it had been applied.
    """
    connection.autocommit = True
    connection.execute("select pg_advisory_lock(%s)", [LOCK])
    connection.execute(_TABLE)
    known = dict(
        cast(
            list[tuple[str, str]],
            connection.execute("select name, checksum from schema_migrations").fetchall(),
        )
    )
    done = []
    for path in migrations:
        text = path.read_text(encoding="utf-8")
        checksum = hashlib.sha256(text.encode()).hexdigest()
        if known.get(path.name, checksum) != checksum:
            raise MigrationError(f"{path.name} was changed after it had been applied; add another")
        if path.name in known:
            continue
        with connection.transaction():
            connection.execute(cast(LiteralString, text))
            connection.execute(
                "insert into schema_migrations (name, checksum) values (%s, %s)",
                [path.name, checksum],
            )
        _log.info("applied %s", path.name)
        done.append(path.name)
    return done


def run(settings: Settings) -> int:
    """The command: 0 when the schema is current, 1 with the reason in the log when it is not."""
    if settings.database is None:
        _log.error("DATABASE_HOST is not set")
        return 1
    try:
        migrations = files()
        with database.connect(settings.database, timeout=10) as connection:
            done = apply(connection, migrations)
    except (MigrationError, psycopg.Error) as error:
        _log.error("the migration failed: %s", error)
        return 1
    _log.info("the schema is current", extra={"fields": {"applied": done}})
    return 0
