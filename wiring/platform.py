"""What runs: services, workers and jobs, and who calls whom."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import pulumi
import pulumi_aws as aws

from components.alb_route import AlbRoute
from components.connection import ConnectionArgs
from components.encryption_key import EncryptionKey
from components.fargate_cluster import FargateCluster
from components.fargate_service import FargateService, FargateServiceArgs
from components.fargate_task import FargateTaskArgs
from components.image_repository import ImageRepository
from components.network import Network
from components.public_alb import PublicAlb
from components.scheduled_job import ScheduledJob, ScheduledJobArgs
from components.service_scaling import ScheduledCapacity
from configuration.services import Service
from settings import Settings
from wiring.data import Backing
from wiring.edge import draining_seconds


@dataclasses.dataclass(frozen=True, kw_only=True)
class Platform:
    """Arguments of what runs on it: services, workers and jobs."""

    settings: Settings
    account_id: pulumi.Input[str]
    network: Network
    cluster: FargateCluster
    repository: ImageRepository
    logs_key: EncryptionKey
    lookups: pulumi.InvokeOptions
    """Provider of the few things that are looked up."""
    backings: Mapping[str, Backing]
    """By the name of the setting that asks for it: `database`, `cache`."""

    @property
    def image(self) -> pulumi.Output[str]:
        """What a service runs that names no image of its own."""
        if self.settings.image_build:
            return self.repository.image_uri
        return pulumi.Output.concat(self.repository.repository_url, "@", self.settings.image_digest)

    def backings_of(self, service: Service) -> list[Backing]:
        """What one service connects to."""
        return [backing for name, backing in self.backings.items() if getattr(service, name)]

    def task(self, service: Service) -> FargateTaskArgs:
        """What one task of the service runs, and what it may do."""
        backings = self.backings_of(service)
        task: FargateTaskArgs = {
            "image": service.image or self.image,
            "cpu": service.cpu,
            "memory": service.memory,
            "region": self.settings.region,
            "account_id": self.account_id,
            "architecture": service.architecture,
            "command": service.command,
            "user": service.user,
            "stop_timeout": service.stop_timeout_seconds,
            "environment": {
                "STAGE": self.settings.stage.value,
                **_merged(backing.environment for backing in backings),
                **service.environment,
            },
            "secrets": {
                **_merged(backing.secrets for backing in backings),
                **self._references(service, is_parameter=False),
            },
            "parameters": self._references(service, is_parameter=True),
            "secret_kms_key_arns": [k for b in backings for k in b.secret_kms_key_arns],
            "task_policies": _merged(backing.task_policies for backing in backings),
            "repository_arns": [] if service.image else [self.repository.arn],
            "log_retention_days": self.settings.profile.log_retention_days,
            "log_kms_key_arn": self.logs_key.arn,
            "enable_execute_command": self.settings.execute_command,
            "exec_log_group_arn": self.cluster.exec_log_group_arn,
        }
        if service.port is not None:
            task["port"] = service.port
        return task

    def _references(self, service: Service, *, is_parameter: bool) -> dict[str, pulumi.Input[str]]:
        return {
            name: self._arn(reference)
            for name, reference in service.secrets.items()
            if (":ssm:" in reference) is is_parameter
        }

    def _arn(self, reference: str) -> pulumi.Input[str]:
        if reference.startswith("arn:"):
            return reference
        # A secret's ARN ends in six characters that only AWS knows, and IAM wants all of it.
        return aws.secretsmanager.get_secret_output(name=reference, opts=self.lookups).arn

    def job(self, service: Service) -> ScheduledJobArgs:
        """When the job runs, and where."""
        return {
            "task": self.task(service),
            "schedule": str(service.schedule),
            "timezone": service.timezone,
            "cluster_arn": self.cluster.arn,
            "cluster_name": self.cluster.name,
            "vpc_id": self.network.vpc_id,
            "subnet_ids": self.network.private_subnet_ids,
            "connections": [backing.peer for backing in self.backings_of(service)],
            "capacity": self.settings.capacity_of(service),
            "ipv6": self.settings.ipv6,
        }

    def service(self, service: Service) -> FargateServiceArgs:
        """How many tasks of the service run, and how a new version replaces the old."""
        scaling = service.scaling
        args: FargateServiceArgs = {
            "task": self.task(service),
            "cluster_arn": self.cluster.arn,
            "cluster_name": self.cluster.name,
            "namespace_arn": self.cluster.namespace_arn,
            "vpc_id": self.network.vpc_id,
            "subnet_ids": self.network.private_subnet_ids,
            "connections": [backing.peer for backing in self.backings_of(service)],
            **task_counts(self.settings, service),
            "scaling": {
                "cpu_percent": scaling.cpu_percent,
                "memory_percent": scaling.memory_percent,
                "requests_per_target": scaling.requests_per_target or 0,
                "scale_out_cooldown": scaling.scale_out_cooldown_seconds,
                "scale_in_cooldown": scaling.scale_in_cooldown_seconds,
            },
            "capacity": self.settings.capacity_of(service),
            "strategy": service.strategy,
            # The emulator starts no containers: the wait would never end.
            "wait_for_steady_state": (
                self.settings.profile.wait_for_steady_state and not self.settings.emulated
            ),
            "ipv6": self.settings.ipv6,
        }
        return args

    def public_service(
        self,
        service: Service,
        alb: PublicAlb,
        route: AlbRoute,
        alarm_names: Sequence[pulumi.Input[str]],
    ) -> FargateServiceArgs:
        """The same for a service behind the load balancer."""
        args = self.service(service)
        args.update(
            {
                "target_group_arn": route.target_group_arn,
                "alb_security_group_id": alb.security_group_id,
                "resource_label": route.resource_label,
                "health_check_grace_seconds": service.health_check.grace_period_seconds,
                "deregistration_delay": draining_seconds(service),
                "rollback_alarm_names": alarm_names,
            }
        )
        return args


def calls(
    settings: Settings,
    services: Mapping[str, FargateService],
    jobs: Mapping[str, ScheduledJob],
) -> dict[str, ConnectionArgs]:
    """A connection for every service that another one calls."""
    ports = {service.name: service.port for service in settings.deployable_services}
    callers = {**services, **jobs}
    return {
        f"{service.name}-to-{called}": {
            "client_security_group_id": callers[service.name].security_group_id,
            "server_security_group_id": services[called].security_group_id,
            "port": port,
            "description": f"{service.name} calls {called}",
        }
        for service in settings.deployable_services
        for called in service.connects_to
        if (port := ports.get(called)) is not None
    }


class TaskCounts(TypedDict):
    """The arguments of `FargateService` that say how many tasks there are, and when."""

    desired_count: int
    min_count: int
    max_count: int
    schedule: list[ScheduledCapacity]


def task_counts(settings: Settings, service: Service) -> TaskCounts:
    """How many tasks run: between two bounds, or on an emulator always the same number.

    The provider asks for the tags of what it lets scale, which moto cannot answer.
    """
    desired = service.desired_count
    if settings.emulated:
        return {
            "desired_count": desired,
            "min_count": desired,
            "max_count": desired,
            "schedule": [],
        }
    return {
        "desired_count": desired,
        "min_count": service.min,
        "max_count": service.max,
        "schedule": off_hours(settings, service),
    }


def off_hours(settings: Settings, service: Service) -> list[ScheduledCapacity]:
    """When nobody works, no task runs; in the morning the service has its bounds back."""
    hours = settings.profile.off_hours
    if hours is None:
        return []
    return [
        {
            "name": "stop",
            "schedule": hours.stop_cron,
            "min_count": 0,
            "max_count": 0,
            "timezone": hours.timezone,
        },
        {
            "name": "start",
            "schedule": hours.start_cron,
            "min_count": service.min,
            "max_count": service.max,
            "timezone": hours.timezone,
        },
    ]


def _merged(mappings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for mapping in mappings for key, value in mapping.items()}
