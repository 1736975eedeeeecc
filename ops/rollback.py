"""Back to the version that was good: chosen, shown, made, waited for and recorded.

ECS rolls a release back by itself while it fails. This is for the one that it took for good, or
that nobody wants to wait for. A release that is under way is stopped, which makes ECS undo it; a
finished one is followed by a release of the earlier revision.
"""

import dataclasses
import json
from typing import Any

import click

from ops.releases import GOING, GOOD, Release, releases, short
from ops.stack import Stack
from ops.waiting import Progress, wait_for


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What a rollback of one service will do."""

    name: str
    physical: str
    running: str
    """ARN of the task definition that the service has now."""
    target: str
    """ARN of the one that it gets; the same when there is nothing to do."""
    because: str
    images: tuple[str, ...]
    under_way: str = ""
    """ARN of the service deployment to stop, when that is the way."""

    @property
    def is_nothing(self) -> bool:
        """Whether the service is where it should be."""
        return self.running == self.target and not self.under_way


def plan(stack: Stack, name: str, revision: str = "") -> Plan:
    """Finds the way back.

    Args:
        stack: The stack.
        name: The service, as the stack calls it.
        revision: `family:7` or `7` to go to. Defaults to the last good one before the current.

    Raises:
        click.ClickException: There is nothing to go back to, or its image is gone.
    """
    physical = stack.services[name]
    service = stack.describe(physical)
    found = releases(stack, physical)
    running = service["taskDefinition"]
    if revision:
        target, because, under_way = _named(stack, running, revision), "as asked", ""
    else:
        target, because, under_way = _previous(stack, name, running, found)
    images = _images(stack, target)
    _refuse_missing_images(stack, name, target, images)
    return Plan(
        name=name,
        physical=physical,
        running=running,
        target=target,
        because=because,
        images=images,
        under_way=under_way,
    )


def _previous(stack: Stack, name: str, running: str, found: list[Release]) -> tuple[str, str, str]:
    latest = found[0] if found else None
    good = [each.task_definition for each in found if each.status == GOOD]
    if latest is not None and latest.status == "ROLLBACK_SUCCESSFUL":
        return running, f"ECS has rolled back {short(latest.task_definition)} already", ""
    if latest is not None and latest.status in GOING:
        if not good:
            raise click.ClickException(f"{name}: its first release is under way; none was good yet")
        return good[0], f"{short(latest.task_definition)} is under way: it is stopped", latest.arn
    earlier = [each for each in good if each != running]
    if earlier:
        return earlier[0], "the last release before it that reached a steady state", ""
    for arn in _active(stack, running):
        if _number(arn) < _number(running):
            return arn, "the newest earlier revision; ECS remembers no release before it", ""
    raise click.ClickException(f"{name}: there is no revision before {short(running)}")


def _active(stack: Stack, running: str) -> list[str]:
    return list(
        stack.aws.pages(
            "ecs",
            "list_task_definitions",
            "taskDefinitionArns",
            familyPrefix=short(running).partition(":")[0],
            status="ACTIVE",
            sort="DESC",
        )
    )


def _named(stack: Stack, running: str, revision: str) -> str:
    wanted = revision if ":" in revision else f"{short(running).partition(':')[0]}:{revision}"
    for arn in _active(stack, running):
        if short(arn) == wanted:
            return arn
    known = ", ".join(short(arn) for arn in _active(stack, running)[:10])
    raise click.ClickException(f"there is no active revision {wanted}: there is {known}")


def _number(task_definition: str) -> int:
    return int(task_definition.rpartition(":")[2])


def _images(stack: Stack, target: str) -> tuple[str, ...]:
    found = stack.aws.get("ecs").describe_task_definition(taskDefinition=target)
    return tuple(each["image"] for each in found["taskDefinition"]["containerDefinitions"])


def _refuse_missing_images(stack: Stack, name: str, target: str, images: tuple[str, ...]) -> None:
    if stack.aws.endpoint_url:
        return  # To an emulator nobody pushes images.
    url = stack.outputs.get("repositoryUrl", "")
    ecr = stack.aws.get("ecr")
    for image in images:
        repository, _, digest = image.partition("@")
        if not url or repository != url or not digest:
            continue
        try:
            ecr.describe_images(
                repositoryName=url.partition("/")[2], imageIds=[{"imageDigest": digest}]
            )
        except ecr.exceptions.ImageNotFoundException:
            raise click.ClickException(
                f"{name}: the image of {short(target)} is gone from the repository: {image}; "
                "choose another revision with --to"
            ) from None


def go(stack: Stack, chosen: Plan, *, timeout: float, on_progress: Progress) -> tuple[bool, str]:
    """Carries a plan out and waits; returns whether it ended well, and what was seen last."""
    ecs = stack.aws.get("ecs")
    if chosen.under_way:
        ecs.stop_service_deployment(serviceDeploymentArn=chosen.under_way, stopType="ROLLBACK")
    else:
        ecs.update_service(
            cluster=stack.cluster, service=chosen.physical, taskDefinition=chosen.target
        )

    def probe() -> tuple[bool, str]:
        service = stack.describe(chosen.physical)
        deployments = service["deployments"]
        running, desired = service["runningCount"], service["desiredCount"]
        seen = f"{running}/{desired} running on {short(service['taskDefinition'])}"
        latest = next(iter(releases(stack, chosen.physical)), None)
        if latest is not None and latest.status in GOING:
            return False, f"{seen}, {latest.status}"
        there = service["taskDefinition"] == chosen.target and len(deployments) == 1
        return there and running == desired, seen

    return wait_for(probe, what=chosen.name, timeout=timeout, on_progress=on_progress)


def record(stack: Stack, chosen: Plan, *, who: str, why: str, ended_well: bool) -> str:
    """Leaves a trace of it in Parameter Store, which keeps 100 versions; returns the name."""
    name = f"/{stack.cluster}/rollbacks/{chosen.name}"
    entry: dict[str, Any] = {
        "from": short(chosen.running),
        "to": short(chosen.target),
        "by": who,
        "why": why,
        "endedWell": ended_well,
    }
    stack.aws.get("ssm").put_parameter(
        Name=name,
        Description=f"Latest rollback of {chosen.name}; earlier ones are its history",
        Value=json.dumps(entry),
        Type="String",
        Overwrite=True,
    )
    return name
