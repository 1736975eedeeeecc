"""The tests of the engine run where there is one, and say why where there is none."""

import importlib.metadata
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.conftest import missing

ROOT = Path(__file__).parents[2]
AWS = importlib.metadata.version("pulumi-aws")


def plugin(**changes):
    return json.dumps([{"name": "aws", "kind": "resource", "version": AWS, **changes}])


def fake_cli(folder, plugins, code=0):
    path = folder / "pulumi"
    path.write_text(f"#!/bin/sh\necho \"$@\" >> {folder}/asked\necho '{plugins}'\nexit {code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {**os.environ, "PATH": f"{folder}:/bin:/usr/bin"}


def engine_tests(environ):
    """What pytest says of them, a reason for each that it skips."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-rs", "-m", "engine", "tests/engine"]
    # Each fails at its first step with a CLI that is none; one is enough to see.
    done = subprocess.run(
        [*command, "-x", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout


def test_no_cli_is_said_by_name(tmp_path):
    assert missing({"PATH": str(tmp_path)}) == "no pulumi CLI on the PATH"


@pytest.mark.parametrize(
    "plugins", ["[]", plugin(name="awsx"), plugin(kind="analyzer"), plugin(version="7.0.0")]
)
def test_a_cli_without_the_plugin_is_not_enough(tmp_path, plugins):
    reason = missing(fake_cli(tmp_path, plugins))

    assert f"no AWS plugin {AWS}" in reason
    assert f"pulumi plugin install resource aws {AWS}" in reason
    assert ("only 7.0.0" in reason) is ("7.0.0" in plugins)


@pytest.mark.parametrize(("plugins", "code"), [("not JSON", 0), (plugin(), 1)])
def test_a_cli_that_fails_is_no_engine(tmp_path, plugins, code):
    assert "cannot say which plugins it has" in missing(fake_cli(tmp_path, plugins, code))


def test_a_cli_with_the_plugin_is_an_engine(tmp_path):
    assert missing(fake_cli(tmp_path, plugin())) == ""
    assert (tmp_path / "asked").read_text() == "plugin ls --json\n"


def test_every_test_of_the_engine_is_skipped_by_name_without_one(tmp_path):
    code, said = engine_tests({**os.environ, "PATH": str(tmp_path)})

    assert code == 0
    assert "no pulumi CLI on the PATH" in said
    assert " passed" not in said


def test_the_tests_of_the_engine_start_as_soon_as_there_is_one(tmp_path):
    # The counterfeit knows its plugins and nothing else; `stack init` is where the tests begin.
    code, said = engine_tests(fake_cli(tmp_path, plugin()))

    assert "skipped" not in said
    assert code == 1
    assert "stack init local" in (tmp_path / "asked").read_text()
