"""The commands for what runs, against one service on the emulator.

Four releases fail, and each is explained on one screen, the one that docs/operations.md shows. What
this cannot prove: that ECS reports a failure in the very words of `rehearsal.failing`.
"""

import json
import re

import pytest

from rehearsal.emulator import Emulator
from tests.ops import screens
from tests.ops.emulated import ACCOUNT, CLUSTER, FAMILY, REPOSITORY, Deployed, deploy, timeless

NEWER = f"{REPOSITORY}@sha256:{'2' * 64}"


@pytest.fixture(scope="module")
def emulator():
    with Emulator(ACCOUNT) as running:
        yield running


@pytest.fixture
def stack(emulator, tmp_path):
    return deploy(emulator, tmp_path)


def test_a_steady_service_is_one_line(stack: Deployed):
    seen = stack.ops("status", "--plain")

    assert seen.exit_code == 0
    assert seen.output == f"api  steady  2/2 running  {FAMILY}:1\n"


CAUSES = {
    "container-exits": ("FAILING", "container app exited with code 1: KeyError: 'DATABASE_HOST'"),
    "image-missing": ("ROLLED BACK", "the image cannot be pulled: "),
    "health-check-red": ("FAILING", "the health check fails: Health checks failed with these"),
    "migration-fails": ("ROLLED BACK", "the migration failed: container app exited with code 1: "),
}


@pytest.mark.parametrize("how", CAUSES)
def test_each_failing_release_is_explained_on_one_screen(stack: Deployed, how):
    state, cause = CAUSES[how]
    stack.fail(how)

    seen = stack.ops("status", "--plain")
    lines = seen.output.splitlines()

    assert seen.exit_code == 1
    assert lines[0].startswith(f"api  {state}  2/2 running  {FAMILY}:")
    assert lines[1].startswith(f"  cause     {cause}")
    assert len(lines) <= 24, "a screen has 24 lines"
    assert "arn:" not in seen.output

    written = screens.shown(screens.DOCUMENT.read_text(encoding="utf-8"))
    assert timeless(seen.output) == written[how], "run `python -m tests.ops.screens`"

    (data,) = json.loads(stack.ops("status", "--json").output)
    assert data["cause"].startswith(cause)
    assert data["released"] == f"{FAMILY}:2"


def test_a_rollback_is_shown_first_then_made_waited_for_and_recorded(stack: Deployed):
    stack.release(NEWER)

    shown = stack.ops("rollback", "api")
    assert shown.exit_code == 0
    assert f"api  {FAMILY}:2 -> {FAMILY}:1: the last release before it" in shown.output
    assert "nothing was changed" in shown.output
    assert stack.serving() == f"{FAMILY}:2"

    done = stack.ops("rollback", "api", "--yes", "--why", "too slow")
    assert done.exit_code == 0, done.output
    assert "api  done: 2/2 running" in done.output
    assert "revert it before `pulumi up`" in done.output
    assert stack.serving() == f"{FAMILY}:1"

    kept = stack.client("ssm").get_parameter(Name=f"/{CLUSTER}/rollbacks/api")["Parameter"]
    record = json.loads(kept["Value"])
    assert record | {"by": ""} == {
        "from": f"{FAMILY}:2",
        "to": f"{FAMILY}:1",
        "by": "",
        "why": "too slow",
        "endedWell": True,
    }
    assert record["by"].startswith("arn:aws:")


def test_a_rollback_passes_over_releases_that_were_never_good(stack: Deployed):
    stack.release(NEWER)
    stack.fail("image-missing")
    stack.release(f"{REPOSITORY}@sha256:{'4' * 64}")

    done = stack.ops("rollback", "--all", "--yes")

    assert done.exit_code == 0, done.output
    assert stack.serving() == f"{FAMILY}:2"


def test_a_release_under_way_is_stopped_which_needs_no_new_one(stack: Deployed):
    stack.fail("container-exits")

    shown = stack.ops("rollback", "api")
    assert f"{FAMILY}:2 -> {FAMILY}:1: {FAMILY}:2 is under way: it is stopped" in shown.output
    done = stack.ops("rollback", "api", "--yes")

    assert done.exit_code == 0, done.output
    assert stack.serving() == f"{FAMILY}:1"
    listed = stack.client("ecs").list_service_deployments(
        cluster=CLUSTER, service=stack.outputs["serviceNames"]["api"]
    )["serviceDeployments"]
    assert [each["status"] for each in listed] == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]


def test_what_ecs_has_rolled_back_already_stays(stack: Deployed):
    stack.fail("image-missing")

    done = stack.ops("rollback", "api", "--yes")

    assert done.exit_code == 0
    assert f"stays on {FAMILY}:1: ECS has rolled back {FAMILY}:2 already" in done.output


def test_a_rollback_goes_to_the_revision_that_is_asked_for(stack: Deployed):
    stack.release(NEWER)
    stack.release(NEWER)

    done = stack.ops("rollback", "api", "--to", "1", "--yes")

    assert done.exit_code == 0, done.output
    assert stack.serving() == f"{FAMILY}:1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rollback"], "name the services, or give --all"),
        (["rollback", "web"], "the stack has no service web: it has api"),
        (["rollback", "api", "--to", "9"], f"no active revision {FAMILY}:9: there is {FAMILY}:1"),
        (["rollback", "api"], f"api: there is no revision before {FAMILY}:1"),
        (["rollback", "--all", "--to", "1"], "--to goes with one service"),
        (["logs", "api", "--since", "soon"], "'soon' is no duration"),
        (["logs", "api", "--container", "proxy"], "api has no container proxy"),
        (["run", "--env", "X", "api", "true"], "--env X: write NAME=value"),
    ],
)
def test_what_cannot_be_done_is_said(stack: Deployed, arguments, said):
    refused = stack.ops(*arguments)

    assert refused.exit_code in (1, 2)
    assert said in refused.output


def test_a_command_runs_in_a_task_of_its_own_and_its_end_is_the_end(stack: Deployed):
    ran = stack.ops(
        "run", "--timeout", "60", "--env", "A=b", "api", "--", "python", "-m", "x", "-v"
    )

    assert ran.exit_code == 0, ran.output
    (arn,) = stack.client("ecs").list_tasks(cluster=CLUSTER, startedBy="ops-run")["taskArns"]
    (task,) = stack.client("ecs").describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"]
    assert task["taskDefinitionArn"].endswith(f"{FAMILY}:1")
    assert task["overrides"]["containerOverrides"] == [
        {
            "name": "app",
            "command": ["python", "-m", "x", "-v"],
            "environment": [{"name": "A", "value": "b"}],
        }
    ]
    subnets = [
        detail["value"]
        for a in task["attachments"]
        for detail in a["details"]
        if detail["name"] == "subnetId"
    ]
    service = stack.client("ecs").describe_services(
        cluster=CLUSTER, services=[stack.outputs["serviceNames"]["api"]]
    )["services"][0]
    assert subnets == service["networkConfiguration"]["awsvpcConfiguration"]["subnets"]


def test_a_command_that_takes_too_long_is_left_running_and_named(stack: Deployed):
    ran = stack.ops("run", "--timeout", "0", "api", "sleep")

    assert ran.exit_code == 3
    assert re.search(r"task \w{8}.* still runs after 0 s; to end it: aws ecs stop-task", ran.output)


def test_logs_are_printed_with_their_task_and_filtered(stack: Deployed):
    stack.fail("container-exits")

    every = stack.ops("logs", "api")
    some = stack.ops("logs", "api", "--filter", "KeyError")

    assert "Traceback (most recent call last):" in every.output
    assert {line.split()[2] for line in some.output.splitlines()} == {"KeyError:"}


def test_exec_says_what_this_machine_or_the_service_lacks(stack: Deployed, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda tool: "/bin/aws" if tool == "aws" else None)
    assert "session-manager-plugin is not on the PATH" in stack.ops("exec", "api").output

    monkeypatch.setattr("shutil.which", lambda tool: f"/bin/{tool}")
    assert "set executeCommand: true" in stack.ops("exec", "api").output

    service = stack.outputs["serviceNames"]["api"]
    stack.client("ecs").update_service(cluster=CLUSTER, service=service, enableExecuteCommand=True)
    assert "api has no running task" in stack.ops("exec", "api").output
