"""Tasks of a service, what ended them, and what they wrote last."""

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ops.stack import Stack

_EXPECTED = ("Scaling activity initiated by", "Task stopped by (deployment", "Task stopped: ")
"""Reasons with which ECS stops tasks that nothing is wrong with."""
MIGRATION = "migration"
"""What `startedBy` of a migration's task begins with."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """A task that has stopped, which ECS remembers for an hour."""

    id: str
    task_definition: str
    stopped_at: datetime | None
    code: str
    """`EssentialContainerExited`, `TaskFailedToStart` ...: `API_Task`."""
    reason: str
    started_by: str
    containers: tuple[tuple[str, int | None, str], ...]
    """Name, exit code and reason of each."""

    @property
    def is_migration(self) -> bool:
        """Whether it was to migrate, not to serve."""
        return self.started_by.startswith(MIGRATION)

    @property
    def expected(self) -> bool:
        """Whether nothing was wrong with it."""
        if self.is_migration:
            return all(code == 0 for _, code, _ in self.containers)
        return self.reason.startswith(_EXPECTED)


def ended(stack: Stack, physical: str, family: str) -> list[Ended]:
    """Stopped tasks of a service and its migrations, latest first."""
    listed = stack.aws.pages(
        "ecs",
        "list_tasks",
        "taskArns",
        cluster=stack.cluster,
        family=family,
        desiredStatus="STOPPED",
    )
    found = [
        _ended(task)
        for task in _described(stack, list(listed))
        if task.get("group") == f"service:{physical}"
        or task.get("startedBy", "").startswith(MIGRATION)
    ]
    return sorted(found, key=lambda task: str(task.stopped_at), reverse=True)


def running(stack: Stack, physical: str) -> list[dict[str, Any]]:
    """Running tasks of a service, latest first."""
    listed = stack.aws.pages(
        "ecs",
        "list_tasks",
        "taskArns",
        cluster=stack.cluster,
        serviceName=physical,
        desiredStatus="RUNNING",
    )
    found = _described(stack, list(listed))
    return sorted(found, key=lambda task: str(task.get("startedAt", "")), reverse=True)


def _described(stack: Stack, arns: list[str]) -> Iterator[dict[str, Any]]:
    # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
    for start in range(0, len(arns), 100):
        yield from stack.aws.get("ecs").describe_tasks(
            cluster=stack.cluster, tasks=arns[start : start + 100]
        )["tasks"]


def _ended(task: Mapping[str, Any]) -> Ended:
    return Ended(
        id=task["taskArn"].rpartition("/")[2],
        task_definition=task["taskDefinitionArn"],
        stopped_at=task.get("stoppedAt"),
        code=task.get("stopCode", ""),
        reason=task.get("stoppedReason", ""),
        started_by=task.get("startedBy", ""),
        containers=tuple(
            (container["name"], container.get("exitCode"), container.get("reason", ""))
            for container in task.get("containers", ())
        ),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Log:
    """Where the containers of a task definition write: a group, and a stream for each task."""

    group: str
    prefix: str
    container: str

    def stream(self, task_id: str) -> str:
        """Name of the stream of one task:
        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html"""
        return f"{self.prefix}/{self.container}/{task_id}"


def logs_of(definition: Mapping[str, Any]) -> dict[str, Log]:
    """Where each container of a task definition writes."""
    found = {}
    for container in definition["containerDefinitions"]:
        options = container.get("logConfiguration", {}).get("options", {})
        if "awslogs-group" in options and "awslogs-stream-prefix" in options:
            found[container["name"]] = Log(
                group=options["awslogs-group"],
                prefix=options["awslogs-stream-prefix"],
                container=container["name"],
            )
    return found


def tail(stack: Stack, log: Log, task_id: str, count: int) -> list[str]:
    """The last lines that a task wrote; none when it never wrote, or the log is gone."""
    logs = stack.aws.get("logs")
    try:
        events = logs.get_log_events(
            logGroupName=log.group,
            logStreamName=log.stream(task_id),
            limit=count,
            startFromHead=False,
        )["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [line for event in events for line in event["message"].splitlines()][-count:]
