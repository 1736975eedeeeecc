"""A shell in a running task, by way of ECS Exec."""

import shutil
from collections.abc import Sequence

import click

from ops.stack import Stack
from ops.tasks import running

PLUGIN = "session-manager-plugin"
_HOW = {
    "aws": "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
    PLUGIN: "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "session-manager-working-with-install-plugin.html",
}


def command_line(
    stack: Stack, name: str, *, task_id: str, container: str, command: str
) -> Sequence[str]:
    """The `aws` command that opens the session, which speaks a protocol of its own.

    Raises:
        click.ClickException: Something on this machine or of the service is missing, and which.
    """
    missing = [tool for tool in _HOW if shutil.which(tool) is None]
    if missing:
        raise click.ClickException(
            "; ".join(f"{tool} is not on the PATH: see {_HOW[tool]}" for tool in missing)
        )
    physical = stack.services[name]
    if not stack.describe(physical).get("enableExecuteCommand", False):
        raise click.ClickException(
            f"{name} takes no sessions: set executeCommand: true, and run `pulumi up`"
        )
    tasks = {task["taskArn"].rpartition("/")[2]: task for task in running(stack, physical)}
    chosen = [task for key, task in tasks.items() if key.startswith(task_id)]
    if not chosen:
        known = ", ".join(key[:8] for key in tasks) or "none"
        raise click.ClickException(f"{name} has no running task {task_id}: it has {known}".strip())
    if not chosen[0].get("enableExecuteCommand", False):
        raise click.ClickException(
            f"task {task_id or next(iter(tasks))} started before ECS Exec was on; choose another"
        )
    arguments = ["aws", "ecs", "execute-command", "--interactive", "--region", stack.aws.region]
    arguments += ["--cluster", stack.cluster, "--task", chosen[0]["taskArn"]]
    arguments += ["--container", container, "--command", command]
    return arguments
