"""What was released to a service, and what became of it.

ECS keeps a service deployment for each release, and a service revision for what it deployed:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
"""

import dataclasses
from datetime import datetime
from typing import Any

from ops.stack import Stack

AT_ONCE = 20
"""Deployments, or revisions, that one call describes: `API_DescribeServiceDeployments`."""
GOING = frozenset({"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED"})
ROLLING_BACK = frozenset({"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})
GOOD = "SUCCESSFUL"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release:
    """One service deployment."""

    arn: str
    status: str
    reason: str
    stage: str
    """Lifecycle stage; empty before the first and after the last."""
    task_definition: str
    """ARN of the revision that was released."""
    created_at: datetime | None = None
    hooks: tuple[tuple[str, str, str], ...] = ()
    """Kind, status and target of each hook of the stage: `PAUSE`, `AWAITING_ACTION`, an ARN."""
    alarms: tuple[str, ...] = ()
    """Alarms that went off during it."""


def releases(stack: Stack, physical: str) -> list[Release]:
    """The latest releases of a service, newest first. None are known after 90 days."""
    ecs = stack.aws.get("ecs")
    listed = ecs.list_service_deployments(
        cluster=stack.cluster, service=physical, maxResults=AT_ONCE
    )["serviceDeployments"]
    if not listed:
        return []
    order = [brief["serviceDeploymentArn"] for brief in listed]
    described = ecs.describe_service_deployments(serviceDeploymentArns=order)["serviceDeployments"]
    revisions = {each["targetServiceRevision"]["arn"] for each in described}
    definitions = {
        each["serviceRevisionArn"]: each["taskDefinition"]
        for each in ecs.describe_service_revisions(serviceRevisionArns=sorted(revisions))[
            "serviceRevisions"
        ]
    }
    described.sort(key=lambda each: order.index(each["serviceDeploymentArn"]))
    return [_release(each, definitions) for each in described]


def _release(found: dict[str, Any], definitions: dict[str, str]) -> Release:
    return Release(
        arn=found["serviceDeploymentArn"],
        status=found["status"],
        reason=found.get("statusReason", ""),
        stage=found.get("lifecycleStage", ""),
        task_definition=definitions.get(found["targetServiceRevision"]["arn"], ""),
        created_at=found.get("createdAt"),
        hooks=tuple(
            (
                hook.get("targetType", "AWS_LAMBDA"),
                hook.get("status", ""),
                hook.get("targetArn", ""),
            )
            for hook in found.get("lifecycleHookDetails", ())
        ),
        alarms=tuple(found.get("alarms", {}).get("triggeredAlarmNames", ())),
    )


def short(task_definition: str) -> str:
    """`family:7` of a task definition's ARN."""
    return task_definition.rpartition("/")[2]
