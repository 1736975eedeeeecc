"""The tests of the engine run where there is one, and say why where there is none."""

import os
import stat

from tests.engine.conftest import missing


def fake_cli(folder, plugins):
    path = folder / "pulumi"
    path.write_text(f"#!/bin/sh\necho '{plugins}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {**os.environ, "PATH": f"{folder}:/bin:/usr/bin"}


def test_no_cli_is_said_by_name(tmp_path):
    assert missing({"PATH": str(tmp_path)}) == "no pulumi CLI on the PATH"


def test_a_cli_without_the_plugin_is_not_enough(tmp_path):
    assert "no AWS plugin" in missing(fake_cli(tmp_path, "[]"))


def test_a_cli_with_the_plugin_is_an_engine(tmp_path):
    plugins = '[{"name": "aws", "kind": "resource", "version": "7.51.1"}]'

    assert missing(fake_cli(tmp_path, plugins)) == ""
