"""Brings a service or a job back to what a backup says it was."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ops.aws import Clients
from ops.recovery.requests import own_tags, request
from ops.recovery.steps import Step
from ops.verify.services import steady
from ops.waiting import Progress, silent, wait_for

_DIGEST = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[^:@]+).*"
)
# ECS says so itself: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html
_ROOM_SECONDS = 900.0


class ImageLostError(Exception):
    """An image that the backup needs is not in its registry any more."""


class NotSteadyError(Exception):
    """ECS did not finish the deployment; says what it did."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceRestoration:
    """Restores one service.

    Args:
        aws: Clients of the stack's region.
        cluster: Name of the cluster.
        entry: The service in a backup, as `functions/service_backup` wrote it.
        wait: Whether to wait until its tasks run. Defaults to True; an emulator starts none.
        timeout: Seconds that a wait may take. Defaults to 900.
        on_progress: Hears of waiting. Defaults to nobody.
    """

    aws: Clients
    cluster: str
    entry: Mapping[str, Any]
    wait: bool = True
    timeout: float = 900.0
    on_progress: Progress = silent

    @property
    def name(self) -> str:
        """As ECS calls it."""
        return self.entry["name"]

    def steps(self) -> Iterator[Step]:
        """What has to be done, in order; reads AWS, changes nothing.

        Raises:
            ImageLostError: An image is gone; then nothing can be restored from this backup.
        """
        lost = lost_images(self.aws, self.entry)
        if lost:
            raise ImageLostError(
                f"{self.name} needs {', '.join(lost)}, which its registry does not have any more:"
                " choose a later backup, or push the image again under the same digest"
            )
        arn = self.entry["taskDefinition"]["taskDefinitionArn"]
        definition = Definition(self.aws, self.entry["taskDefinition"])
        yield definition.step()
        if self._existing():
            yield Step(
                does=f"update the service {self.name} to {arn.rpartition('/')[2]} and its settings",
                run=lambda: self._update(definition.arn),
            )
        else:
            yield Step(
                does=f"create the service {self.name} with its settings",
                run=lambda: self._create(definition.arn),
            )
        yield from self._scaling()
        if self.wait:
            yield Step(does="wait until the service is steady", run=self._steady)

    def _existing(self) -> dict[str, Any] | None:
        answer = self.aws.get("ecs").describe_services(cluster=self.cluster, services=[self.name])
        return next((s for s in answer["services"] if s["status"] == "ACTIVE"), None)

    def _settings(self, operation: str) -> dict[str, Any]:
        """What the service was, in the words of `CreateService` or `UpdateService`."""
        service = self.entry["service"]
        # ECS shows these with the deployment that they came with.
        current = next((d for d in service["deployments"] if d["status"] == "PRIMARY"), {})
        kept = {
            key: current[key]
            for key in (
                "serviceConnectConfiguration",
                "volumeConfigurations",
                "vpcLatticeConfigurations",
            )
            if current.get(key)
        }
        settings = request("ecs", operation, {**service, **kept, "cluster": self.cluster})
        if settings.get("capacityProviderStrategy"):
            # ECS takes either, and shows both where the strategy is of one launch type.
            settings.pop("launchType", None)
        return {key: value for key, value in settings.items() if value not in ([], {}, "")}

    def _create(self, definition_arn: str) -> str:
        self._room()
        settings = self._settings("CreateService")
        answer = self.aws.get("ecs").create_service(
            **settings
            | {"taskDefinition": definition_arn}
            | {"tags": own_tags(self.entry["service"].get("tags", []))}
        )
        return answer["service"]["serviceArn"]

    def _room(self) -> None:
        """A deleted service holds its name until its last task has stopped."""

        def gone() -> tuple[bool, str]:
            answer = self.aws.get("ecs").describe_services(
                cluster=self.cluster, services=[self.name]
            )
            status = next((s["status"] for s in answer["services"]), "gone")
            return status != "DRAINING", status

        free, status = wait_for(
            gone,
            what=f"the deleted {self.name} to stop",
            timeout=min(self.timeout, _ROOM_SECONDS),
            on_progress=self.on_progress,
        )
        if not free:
            raise NotSteadyError(f"the deleted service {self.name} is still {status}")

    def _update(self, definition_arn: str) -> str:
        settings = self._settings("UpdateService")
        # A controller cannot be changed, and how many tasks run is for autoscaling to say.
        settings.pop("deploymentController", None)
        if self.entry["scalableTargets"]:
            settings.pop("desiredCount", None)
        settings |= {
            "service": self.name,
            "taskDefinition": definition_arn,
            "forceNewDeployment": True,
        }
        self.aws.get("ecs").update_service(**settings)
        return definition_arn.rpartition("/")[2]

    def _scaling(self) -> Iterator[Step]:
        for key, operation, said in (
            ("scalableTargets", "RegisterScalableTarget", "bounds"),
            ("scalingPolicies", "PutScalingPolicy", "policy"),
            ("scheduledActions", "PutScheduledAction", "schedule"),
        ):
            for item in self.entry[key]:
                what = item.get("PolicyName") or item.get("ScheduledActionName") or "of tasks"
                yield Step(
                    does=f"set the scaling {said} {what}",
                    run=lambda item=item, operation=operation: self._scale(operation, item),
                )

    def _scale(self, operation: str, item: Mapping[str, Any]) -> str:
        client = self.aws.get("application-autoscaling")
        wanted = request("application-autoscaling", operation, item)
        # The service-linked role is AWS's to choose.
        wanted.pop("RoleARN", None)
        getattr(client, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())(**wanted)
        return item["ResourceId"]

    def _steady(self) -> str:
        def probe() -> tuple[bool, str]:
            service = self._existing() or {}
            return steady(service)

        done, seen = wait_for(
            probe, what=self.name, timeout=self.timeout, on_progress=self.on_progress
        )
        if not done:
            raise NotSteadyError(f"{self.name} is not steady: {seen}; `ops status` says why")
        return seen


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobRestoration:
    """Restores one scheduled job; the arguments are those of `ServiceRestoration`."""

    aws: Clients
    entry: Mapping[str, Any]

    def steps(self) -> Iterator[Step]:
        """What has to be done, in order; reads AWS, changes nothing.

        Raises:
            ImageLostError: An image is gone.
        """
        lost = lost_images(self.aws, self.entry)
        if lost:
            raise ImageLostError(f"{self.entry['name']} needs {', '.join(lost)}: it is gone")
        definition = Definition(self.aws, self.entry["taskDefinition"])
        yield definition.step()
        yield Step(
            does=f"put the schedule {self.entry['name']} back",
            run=lambda: self._schedule(definition.arn),
        )

    def _schedule(self, definition_arn: str) -> str:
        scheduler = self.aws.get("scheduler")
        saved = self.entry["schedule"]
        wanted = request("scheduler", "CreateSchedule", saved)
        ecs = {**saved["Target"]["EcsParameters"], "TaskDefinitionArn": definition_arn}
        wanted["Target"] = {**wanted["Target"], "EcsParameters": ecs}
        try:
            answer = scheduler.create_schedule(**wanted)
        except scheduler.exceptions.ConflictException:
            answer = scheduler.update_schedule(**wanted)
        return answer["ScheduleArn"]


class Definition:
    """A task definition: the very revision when ECS still has it active, else a new one of it."""

    def __init__(self, aws: Clients, saved: Mapping[str, Any]) -> None:
        self._ecs = aws.get("ecs")
        self._saved = saved
        self.arn: str = saved["taskDefinitionArn"]
        """Of the revision to use; a new one's is known once its step has run."""

    def step(self) -> Step:
        """Registers it, unless it is there."""
        short = self.arn.rpartition("/")[2]
        if self._is_active():
            return Step(does=f"keep the task definition {short}", run=None)
        return Step(does=f"register the task definition {short} again", run=self._register)

    def _is_active(self) -> bool:
        try:
            answer = self._ecs.describe_task_definition(taskDefinition=self.arn)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ClientException":
                return False
            raise
        return answer["taskDefinition"]["status"] == "ACTIVE"

    def _register(self) -> str:
        wanted = request("ecs", "RegisterTaskDefinition", self._saved)
        wanted["tags"] = own_tags(self._saved.get("tags", []))
        if not wanted["tags"]:
            del wanted["tags"]
        answer = self._ecs.register_task_definition(**wanted)
        self.arn = answer["taskDefinition"]["taskDefinitionArn"]
        return self.arn.rpartition("/")[2]


def lost_images(aws: Clients, entry: Mapping[str, Any]) -> list[str]:
    """Images of an entry that their registry does not have any more; those of ECR are looked up."""
    lost = []
    for image in entry["images"]:
        match = _DIGEST.fullmatch(image["image"])
        if not match or not image["digest"]:
            continue
        ecr = aws.get("ecr", match["region"])
        try:
            ecr.describe_images(
                registryId=match["account"],
                repositoryName=match["name"],
                imageIds=[{"imageDigest": image["digest"]}],
            )
        except (
            ecr.exceptions.ImageNotFoundException,
            ecr.exceptions.RepositoryNotFoundException,
        ):
            lost.append(f"{match['name']}@{image['digest']}")
    return lost
