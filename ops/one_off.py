"""A task that runs one command with the image, network and permissions of a service, and ends."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from components.containers import APPLICATION
from ops.stack import Stack
from ops.tasks import Log, logs_of
from ops.waiting import Progress, wait_for

STARTED_BY = "ops-run"
UNKNOWN = 1
"""Exit code of a task whose container never started."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a task ended, or that it has not."""

    task_id: str
    exit_code: int | None
    """None while it runs."""
    reason: str


def start(
    stack: Stack, name: str, command: Sequence[str], environment: dict[str, str]
) -> tuple[str, Log | None]:
    """Starts the task; returns its id and where it writes.

    Raises:
        click.ClickException: ECS did not start it.
    """
    service = stack.describe(stack.services[name])
    ecs = stack.aws.get("ecs")
    override: dict[str, Any] = {"name": APPLICATION, "command": list(command)}
    if environment:
        override["environment"] = [{"name": k, "value": v} for k, v in environment.items()]
    where: dict[str, Any] = {}
    if service.get("capacityProviderStrategy"):
        where["capacityProviderStrategy"] = service["capacityProviderStrategy"]
    else:
        where["launchType"] = "FARGATE"
    answer = ecs.run_task(
        cluster=stack.cluster,
        taskDefinition=service["taskDefinition"],
        count=1,
        startedBy=STARTED_BY,
        networkConfiguration=service["networkConfiguration"],
        overrides={"containerOverrides": [override]},
        enableECSManagedTags=True,
        propagateTags="TASK_DEFINITION",
        **where,
    )
    if not answer["tasks"]:
        raise click.ClickException(
            "; ".join(
                f"{f.get('reason')} {f.get('detail', '')}".strip() for f in answer["failures"]
            )
        )
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
    log = logs_of(definition["taskDefinition"]).get(APPLICATION)
    return answer["tasks"][0]["taskArn"].rpartition("/")[2], log


def follow(
    stack: Stack,
    task_id: str,
    log: Log | None,
    *,
    timeout: float,
    on_line: Callable[[str], None],
    on_progress: Progress,
    interval: float = 5.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Prints what the task writes until it has ended, or the time is up."""
    reader = Reader(stack, log, task_id) if log else None

    def probe() -> tuple[bool, Outcome]:
        (task,) = stack.aws.get("ecs").describe_tasks(cluster=stack.cluster, tasks=[task_id])[
            "tasks"
        ]
        # Asked after the state: what was written before the end is then there.
        for line in reader.read() if reader else ():
            on_line(line)
        if task["lastStatus"] != "STOPPED":
            return False, Outcome(task_id=task_id, exit_code=None, reason=task["lastStatus"])
        codes = {c["name"]: c.get("exitCode") for c in task["containers"]}
        code = codes.get(APPLICATION)
        details = [c.get("reason", "") for c in task["containers"]]
        reason = "; ".join(filter(None, [task.get("stoppedReason", ""), *details]))
        return True, Outcome(
            task_id=task_id, exit_code=UNKNOWN if code is None else code, reason=reason
        )

    quiet = on_progress

    def progress(message: str) -> None:
        # Lines of the task say more than that it runs.
        if reader is None or not reader.seen:
            quiet(message)

    _, outcome = wait_for(
        probe,
        what=f"task {task_id[:8]}",
        timeout=timeout,
        interval=interval,
        on_progress=progress,
        sleep=sleep,
    )
    return outcome


class Reader:
    """Reads one log stream forward, each line once."""

    def __init__(self, stack: Stack, log: Log, task_id: str) -> None:
        self._logs = stack.aws.get("logs")
        self._where = {"logGroupName": log.group, "logStreamName": log.stream(task_id)}
        self._token = ""
        self.seen = False

    def read(self) -> list[str]:
        """The lines since the last time; none before the task has written any."""
        lines: list[str] = []
        while True:
            more = {"nextToken": self._token} if self._token else {}
            try:
                page = self._logs.get_log_events(startFromHead=True, **self._where, **more)
            except self._logs.exceptions.ResourceNotFoundException:
                return lines
            lines += [event["message"] for event in page["events"]]
            self.seen = self.seen or bool(lines)
            # The same token again says that this was the end.
            if page["nextForwardToken"] == self._token:
                return lines
            self._token = page["nextForwardToken"]
