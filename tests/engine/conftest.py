"""The real Pulumi CLI against the emulated AWS, wherever both it and the AWS plugin are found."""

import importlib.metadata
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from rehearsal.emulator import FAKE_CREDENTIALS, Emulator

ROOT = Path(__file__).parents[2]
MINUTES = 60


def missing(environ: Mapping[str, str] = os.environ) -> str:
    """Why the engine cannot be tested here, or nothing.

    Plugins are looked for where the CLI looks: in `~/.pulumi`, or where `PULUMI_HOME` points.
    """
    cli = shutil.which("pulumi", path=environ.get("PATH"))
    if cli is None:
        return "no pulumi CLI on the PATH"
    needed = importlib.metadata.version("pulumi-aws")
    try:
        listed = subprocess.run(
            [cli, "plugin", "ls", "--json"],
            capture_output=True,
            text=True,
            env=dict(environ),
            timeout=MINUTES,
            check=True,
        )
        plugins = json.loads(listed.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return f"{cli} cannot say which plugins it has: {error}"
    found = [p.get("version") for p in plugins if (p["name"], p["kind"]) == ("aws", "resource")]
    if needed not in found:
        others = f", only {', '.join(map(str, found))}" if found else ""
        return (
            f"the pulumi CLI has no AWS plugin {needed}{others}"
            f" (`pulumi plugin install resource aws {needed}`)"
        )
    return ""


class Engine:
    """One copy of the project, one state, one emulator."""

    def __init__(self, project: Path, state: Path, endpoint: str) -> None:
        self.project = project
        # Nothing of the shell's may choose another account, another stack or another password.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "DB_"))}
        kept.pop("ENVIRONMENT", None)
        self._environ = {
            **kept,
            **FAKE_CREDENTIALS,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "localhost"])),
            "PULUMI_BACKEND_URL": state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "rehearsal",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def run(self, *arguments: str, minutes: int = 20) -> subprocess.CompletedProcess[str]:
        """Runs the CLI in the copy; never asks, never colours."""
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            cwd=self.project,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=minutes * MINUTES,
        )

    def must(self, *arguments: str, minutes: int = 20) -> str:
        """Runs the CLI and insists that it succeeds."""
        done = self.run(*arguments, minutes=minutes)
        assert done.returncode == 0, f"pulumi {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    reason = missing()
    if reason:
        pytest.skip(reason)
    project = tmp_path / "project"
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    for name in listed:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, project / name)
    # The engine runs the program and the pack with the interpreter of this environment.
    (project / ".venv").symlink_to(ROOT / ".venv")
    state = tmp_path / "state"
    state.mkdir()
    with Emulator("123456789012") as emulator:
        # By name: S3 Control asks `<account>.localhost`; nobody knows `<account>.127.0.0.1`.
        made = Engine(project, state, f"http://localhost:{emulator.port}")
        made.must("stack", "init", "local")
        yield made
