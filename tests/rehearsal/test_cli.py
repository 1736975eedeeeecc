"""The command line: what it prints, where, and with which exit code."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from rehearsal import rehearse
from rehearsal.cli import main

from .conftest import PROGRAM, PROJECT, STACK, Check, SmallDeployer, small_verify

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = PROGRAM.replace('config.require("topicName")', '"forbidden"')
SECRET = "Tr0ub4dor-is-no-password"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(rehearse, "_default_deployer", SmallDeployer)
    monkeypatch.setattr(rehearse, "_default_verify", small_verify)
    yield
    signal.signal(signal.SIGTERM, handler)


def invoke(directory, *arguments):
    return CliRunner().invoke(main, [*map(str, arguments), "-C", str(directory)])


def start(directory, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "rehearsal", *arguments, "-C", str(directory)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_verified_stack_exits_0(project):
    result = invoke(project(), "run", "test", "--plain")
    assert result.exit_code == 0, result.output
    assert "Verified · test" in result.stdout
    assert "✔ Topic main-topic" in result.stdout
    assert "  created Topic main-topic\n" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_refused_stack_exits_1(project):
    result = invoke(project(program=FORBIDDEN), "run", "test", "--plain")
    assert result.exit_code == 1
    assert "Refused by policy: nothing was created" in result.stdout
    assert "Give it another name." in result.stdout


def test_a_failed_verification_exits_1(project, monkeypatch):
    monkeypatch.setattr(
        rehearse, "_default_verify", lambda *_, **__: [Check("promise", "it", False, "broken")]
    )
    assert invoke(project(), "run", "test", "--plain").exit_code == 1


def test_a_bad_configuration_exits_2(project):
    result = invoke(project(stack=STACK + "  topicName: {a: b}\n"), "run", "test", "--plain")
    assert result.exit_code == 2
    assert "must be of type 'string'" in result.stdout


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "test", "--no-such"], ["nothing"], ["serve", "--port", "70000"]]
)
def test_bad_usage_exits_2(arguments):
    assert CliRunner().invoke(main, arguments).exit_code == 2


@pytest.mark.parametrize(
    ("parts", "code"),
    [({}, 0), ({"program": FORBIDDEN}, 1), ({"stack": STACK + "  topicName: [1]\n"}, 2)],
    ids=["verified", "refused", "misconfigured"],
)
def test_json_writes_one_document_and_nothing_else(project, parts, code):
    parts = {"program": PROGRAM, **parts}
    parts["program"] = "print('noise')\n" + parts["program"]
    result = invoke(project(**parts), "run", "test", "--json")
    assert json.loads(result.stdout)["exitCode"] == code == result.exit_code


@pytest.mark.parametrize("form", ["--json", "--plain"])
def test_no_output_shows_a_secret(project, monkeypatch, form):
    monkeypatch.setenv("REHEARSAL_CONFIG", json.dumps({"token": SECRET}))
    monkeypatch.setenv("DB_PASSWORD", "fake-database-password")
    directory = project(
        program=PROGRAM
        + 'pulumi.export("token", config.require_secret("token"))\n'
        + 'pulumi.export("leak", __import__("os").environ["DB_PASSWORD"])\n',
        stack=STACK + "  token: {secure: v1:notreally}\n",
        declared=PROJECT + "  token: {type: string, secret: true}\n",
    )
    result = invoke(directory, "run", "test", form)
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    assert "fake-database-password" not in result.output
    assert result.output.count("[secret]") == 2


def test_policy_settings_come_from_a_file(project, tmp_path):
    directory = project(program=FORBIDDEN)
    settings = tmp_path / "settings.json"
    settings.write_text('{"topic-name": "advisory"}')
    result = invoke(directory, "run", "test", "--plain", "--policy-pack-config", settings)
    assert result.exit_code == 0, result.output
    settings.write_text("[]")
    result = invoke(directory, "run", "test", "--policy-pack-config", settings)
    assert result.exit_code == 2


def test_the_picture_and_the_graph_are_printed(project):
    picture = invoke(project(), "graph", "test", "--format", "mermaid")
    assert picture.exit_code == 0
    assert picture.stdout.startswith("flowchart LR\n")
    assert 'c_main["main · Inbox"]' in picture.stdout
    graph = invoke(project(), "graph", "test", "--format", "json")
    assert len(json.loads(graph.stdout)["resources"]) == 4
    assert invoke(project(), "graph", "nothing").exit_code == 2
    asking = project(program=PROGRAM + "aws.ec2.get_ami_output(owners=['amazon'])\n")
    result = invoke(asking, "graph", "test")
    assert result.exit_code == 1
    assert "getAmi" in result.output


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.exists():
        pytest.skip("no /proc: cannot see child processes here")
    return [int(p) for task in tasks.iterdir() for p in (task / "children").read_text().split()]


def answers(endpoint: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{endpoint}/moto-api/data.json", timeout=5) as response:
            return response.status == 200
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_what_to_export_and_stops_on_a_signal(project, number):
    process = start(project(), "serve", "--stack", "test")
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline() for _ in range(6)]
        text = "".join(lines)
        (endpoint,) = re.findall(r"export AWS_ENDPOINT_URL=(http://localhost:\d+)\n", text)
        assert "export AWS_REGION=eu-west-1\n" in text
        assert "export AWS_ACCESS_KEY_ID=emulator-has-no-keys\n" in text
        assert "pulumi up -s local" in text
        assert answers(endpoint)
        helpers = children(process.pid)
        process.send_signal(number)
        process.communicate(timeout=20)
        assert process.returncode == 0
        assert not answers(endpoint)
        assert all(not Path(f"/proc/{pid}").exists() for pid in helpers)
    finally:
        process.kill()
        process.wait()


def test_serve_refuses_an_unknown_stack(project):
    assert invoke(project(), "serve", "--stack", "nothing").exit_code == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_rehearsal_leaves_no_process(project, number):
    process = start(project(program="import time\n\ntime.sleep(60)\n"), "run", "test", "--plain")
    try:
        end = time.monotonic() + 30
        while len(children(process.pid)) < 3 and time.monotonic() < end:
            time.sleep(0.05)
        tethers = children(process.pid)
        assert len(tethers) == 3
        helpers = [pid for tether in tethers for pid in children(tether)]
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode != 0
        end = time.monotonic() + 10
        while any(alive(pid) for pid in [*tethers, *helpers]) and time.monotonic() < end:
            time.sleep(0.05)
        assert [pid for pid in [*tethers, *helpers] if alive(pid)] == []
    finally:
        process.kill()
        process.wait()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_keep_holds_the_emulator_until_a_signal(project):
    # A process of its own, with the small deployer put in its place.
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import conftest\nfrom rehearsal import rehearse\nfrom rehearsal.cli import main\n"
        "rehearse._default_deployer = conftest.SmallDeployer\n"
        "rehearse._default_verify = conftest.small_verify\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run", "test", "--keep", "--json", "-C", str(project())],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        (endpoint,) = re.findall(r"answers at (http://127\.0\.0\.1:\d+) ", line)
        assert answers(endpoint)
        process.send_signal(signal.SIGTERM)
        stdout, _ = process.communicate(timeout=20)
        assert json.loads(stdout)["endpoint"] == endpoint
        assert process.returncode == 0
        assert not answers(endpoint)
    finally:
        process.kill()
        process.wait()
