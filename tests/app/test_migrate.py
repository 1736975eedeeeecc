"""Migrations: files in order, each once, all or nothing; and the roles that they make."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from app import migrate
from tests.app.conftest import ROOT, free_port

SERVER = all(shutil.which(tool) for tool in ("initdb", "postgres"))
NOBODY = 65534


def test_the_files_are_numbered_without_a_gap():
    assert next(path.name for path in migrate.files()) == "0001_roles.sql"


@pytest.mark.parametrize(
    "names",
    [["0002_late.sql"], ["0001_a.sql", "0001_b.sql"], ["0001_a.sql", "readme"], ["1_a.sql"]],
)
def test_a_file_out_of_order_is_refused(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()

    with pytest.raises(migrate.MigrationError, match="is next"):
        migrate.files(tmp_path)


def test_without_a_database_it_fails():
    result = subprocess.run(
        [sys.executable, "-m", "app", "migrate"], cwd=ROOT, capture_output=True, text=True, env={}
    )

    assert result.returncode == 1
    assert "DATABASE_HOST is not set" in result.stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A PostgreSQL of this machine, with nothing in it."""
    if not SERVER:
        pytest.skip("there is no PostgreSQL (initdb, postgres) on this machine")
    directory = tmp_path_factory.mktemp("postgres")
    # The server refuses to run as root.
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    if user:
        for folder in (directory, *directory.parents):
            if folder == Path("/tmp"):
                break
            folder.chmod(0o755)
        os.chown(directory, NOBODY, NOBODY)
    data = directory / "data"
    subprocess.run(
        ["initdb", "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync"],
        check=True,
        capture_output=True,
        cwd=directory,
        **user,
    )
    port = free_port()
    process = subprocess.Popen(
        ["postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", directory, "-F"],
        cwd=directory,
        stderr=subprocess.DEVNULL,
        **user,
    )
    try:
        for _ in range(300):
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(_dsn(port)).close()
                break
            threading.Event().wait(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def _dsn(port: int, database: str = "postgres", user: str = "postgres") -> str:
    return f"host=127.0.0.1 port={port} user={user} dbname={database}"


@pytest.fixture
def connection(server):
    """An empty database; roles belong to the server and are dropped."""
    with psycopg.connect(_dsn(server), autocommit=True) as admin:
        admin.execute("drop database if exists demo with (force)")
        for role in ("app", "migrator"):
            admin.execute(f"drop role if exists {role}")
        admin.execute("create database demo")
    with psycopg.connect(_dsn(server, "demo"), autocommit=True) as connected:
        yield connected


def _write(folder: Path, **files: str) -> list[Path]:
    for name, text in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(text)
    return migrate.files(folder)


def test_each_file_is_applied_once(connection, tmp_path):
    files = _write(tmp_path, m0001_a="create table a (n int)", m0002_b="insert into a values (1)")

    assert migrate.apply(connection, files) == ["0001_a.sql", "0002_b.sql"]
    assert migrate.apply(connection, files) == []
    assert connection.execute("select * from a").fetchall() == [(1,)]


def test_a_file_that_fails_leaves_nothing_behind(connection, tmp_path):
    files = _write(
        tmp_path,
        m0001_a="create table a (n int)",
        m0002_b="create table b (n int); select 1/0",
    )

    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate.apply(connection, files)

    names = connection.execute("select name from schema_migrations").fetchall()
    assert names == [("0001_a.sql",)]
    assert connection.execute("select to_regclass('b')").fetchone() == (None,)


def test_what_was_applied_is_not_to_be_changed(connection, tmp_path):
    migrate.apply(connection, _write(tmp_path, m0001_a="select 1"))

    with pytest.raises(migrate.MigrationError, match="was changed after it had been applied"):
        migrate.apply(connection, _write(tmp_path, m0001_a="select 2"))


@pytest.mark.usefixtures("connection")
def test_two_at_once_apply_each_file_once(server, tmp_path):
    files = _write(tmp_path, m0001_a="create table a (n int); select pg_sleep(0.3)")
    done = []

    def one():
        with psycopg.connect(_dsn(server, "demo")) as own:
            done.extend(migrate.apply(own, files))

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert done == ["0001_a.sql"]


@pytest.mark.usefixtures("connection")
def test_the_command_makes_roles_of_which_one_reads_and_the_other_owns(server):
    environment = {
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PORT": str(server),
        "DATABASE_NAME": "demo",
        "DATABASE_USERNAME": "postgres",
        "DATABASE_PASSWORD": "unused",
        # This server has no certificate; the stack's has.
        "PGSSLMODE": "disable",
    }
    result = subprocess.run(
        [sys.executable, "-m", "app", "migrate"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert (result.returncode, result.stderr) == (0, "")
    with psycopg.connect(_dsn(server, "demo", "migrator"), autocommit=True) as migrator:
        migrator.execute("create table api.songs (title text)")
    with psycopg.connect(_dsn(server, "demo", "app"), autocommit=True) as app:
        app.execute("insert into api.songs values ('one')")
        assert app.execute("select title from api.songs").fetchall() == [("one",)]
        for forbidden in ("drop table api.songs", "create table api.b (n int)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(forbidden)


def test_a_failed_migration_is_an_exit_code_and_a_reason(connection, server):
    connection.execute("create role app")
    environment = {
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PORT": str(server),
        "DATABASE_NAME": "demo",
        "DATABASE_USERNAME": "postgres",
        "DATABASE_PASSWORD": "unused",
        "PGSSLMODE": "disable",
    }
    result = subprocess.run(
        [sys.executable, "-m", "app", "migrate"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment,
    )

    assert result.returncode == 1
    assert 'role \\"app\\" already exists' in result.stdout
