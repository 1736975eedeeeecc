"""The whole program as data: each stack's graph, built once per process and kept."""

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from rehearsal import program
from rehearsal.answers import Answerer
from rehearsal.config import StackConfig, load_config
from rehearsal.recording import Graph, unknown_answer

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"
STACKS = ("staging", "production", "local")
_READ_BY_SETTINGS = ("ENVIRONMENT", "DB_USERNAME", "DB_PASSWORD")


@functools.cache
def resolved(stack: str) -> Graph:
    """A stack's graph with every output known, each with a made-up but well-formed value."""
    return build(load_config(ROOT, stack))


@functools.cache
def preview(stack: str) -> Graph:
    """A stack's graph as its first `pulumi preview` shows it: nothing computed is known."""
    return build(load_config(ROOT, stack), preview=True)


def build(config: StackConfig, *, preview: bool = False) -> Graph:
    """Runs the program once, whatever the environment of the tests has set for a deployment."""
    answers = Answerer(config.get("accountId") or ACCOUNT, config.get("aws:region"))
    with mock.patch.dict(os.environ):
        for name in _READ_BY_SETTINGS:
            os.environ.pop(name, None)
        return program.run_project(
            config,
            answer=unknown_answer if preview else answers.answer,
            lookup=answers.lookup,
            preview=preview,
        )


def project(directory: Path, name: str, values: Mapping[str, Any]) -> StackConfig:
    """A stack of this program with other values than any stack file has; the files are written to
    `directory`, so that what reads a project can read it.
    """
    document = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    # The program stays where it is; only the configuration is elsewhere.
    document["main"] = str(ROOT)
    (directory / "Pulumi.yaml").write_text(yaml.safe_dump(document))
    (directory / f"Pulumi.{name}.yaml").write_text(json.dumps({"config": _namespaced(values)}))
    return load_config(directory, name)


def _namespaced(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key if ":" in key else f"babyrobots:{key}": value
        for key, value in {"pulumi:disable-default-providers": ["aws"], **values}.items()
    }


def elsewhere(seed: str) -> dict[str, str]:
    """Staging's and production's graphs as text, built by a process with its own hash seed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.program.stacks", "staging", "production"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def blind_alarms(graph: Graph) -> list[str]:
    """Alarms on a dimension without a value, also of a metric they only calculate with."""
    return [
        alarm.name
        for alarm in graph.of("aws:cloudwatch/metricAlarm:MetricAlarm").values()
        for metric in (
            alarm.inputs,
            *(q.get("metric") or {} for q in alarm.inputs.get("metricQueries") or ()),
        )
        if not all((metric.get("dimensions") or {}).values())
    ]


def copy_tree(target: Path) -> Path:
    """The project without what was made from it, for a test that must change a file."""
    ignore = shutil.ignore_patterns(
        ".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "node_modules"
    )
    shutil.copytree(ROOT, target, ignore=ignore, symlinks=True)
    return target


def main() -> None:
    """Prints the graphs of the stacks that are named, as one JSON object of texts."""
    print(json.dumps({stack: resolved(stack).to_json() for stack in sys.argv[1:]}))


if __name__ == "__main__":
    main()
