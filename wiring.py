"""From settings to component arguments, a method per component. Creates nothing, decides nothing.

What a stage implies is in `rules.profiles`, what is safe is in the components' own defaults; here a
setting only finds the argument that it is for.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import pulumi
import pulumi_aws as aws

import emulation
from components import alarm_rules
from components.alarm_topic import AlarmTopic, AlarmTopicArgs
from components.alarms import AlarmsArgs
from components.alb_route import AlbRoute, ExposeArgs
from components.backups import TAG, BackupsArgs
from components.cache import Cache, CacheArgs
from components.connection import ConnectionArgs
from components.database import Database, DatabaseArgs
from components.dns_alias import AliasArgs
from components.dns_zone import DnsZone, DnsZoneArgs
from components.encryption_key import EncryptionKey, EncryptionKeyArgs
from components.fargate_cluster import FargateCluster, FargateClusterArgs
from components.fargate_service import FargateService, FargateServiceArgs
from components.fargate_task import FargateTaskArgs
from components.image_repository import ImageRepository, ImageRepositoryArgs
from components.network import Network, NetworkArgs
from components.public_alb import PublicAlb, PublicAlbArgs
from components.scheduled_job import ScheduledJob, ScheduledJobArgs
from components.service_scaling import ScheduledCapacity
from components.task_firewall import Peer
from components.web_acl import WebAclArgs
from rules.profiles import Stage
from rules.services import Kind, Service
from settings import Settings

DRAINING_MARGIN = 15
"""Seconds by which a target group drains longer than its tasks take to stop."""


def provider(settings: Settings) -> dict[str, Any]:
    """Arguments of the one AWS provider: region, the account it may touch, the tags of everything.

    https://www.pulumi.com/registry/packages/aws/api-docs/provider/
    """
    return {
        "region": settings.region,
        "allowed_account_ids": [settings.account_id] if settings.account_id else None,
        "default_tags": {
            "tags": {
                "Project": pulumi.get_project(),
                "Stack": pulumi.get_stack(),
                "ManagedBy": "pulumi",
                **settings.tags,
            }
        },
        # An emulator has no host name per bucket, and no metadata service beside it.
        "s3_use_path_style": True if settings.emulated else None,
        "skip_metadata_api_check": True if settings.emulated else None,
        "max_retries": emulation.MAX_RETRIES if settings.emulated else None,
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backing:
    """Something that services connect to, and what they need to know of it."""

    peer: Peer
    environment: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)
    secret_kms_key_arns: Sequence[pulumi.Input[str]] = ()
    task_policies: Mapping[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)


def database_backing(database: Database, name: str) -> Backing:
    """How a service reaches the database: address in the open, credentials by reference."""
    secret = database.secret_arn
    return Backing(
        peer={"name": "database", "security_group_id": database.security_group_id, "port": 5432},
        environment={
            "DATABASE_HOST": database.address,
            "DATABASE_PORT": "5432",
            "DATABASE_NAME": name,
        },
        secrets={
            "DATABASE_USERNAME": pulumi.Output.concat(secret, ":username::"),
            "DATABASE_PASSWORD": pulumi.Output.concat(secret, ":password::"),
        },
        secret_kms_key_arns=[database.kms_key_arn],
    )


def cache_backing(cache: Cache) -> Backing:
    """How a service reaches the cache: it signs in with its role."""
    return Backing(
        peer={"name": "cache", "security_group_id": cache.security_group_id, "port": 6379},
        environment={
            "CACHE_HOST": cache.endpoint,
            "CACHE_PORT": "6379",
            "CACHE_NAME": cache.replication_group_id,
            "CACHE_USER": cache.user_name,
        },
        task_policies={"cache": cache.connect_policy},
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wiring:
    """Arguments of what a stack stands on."""

    settings: Settings
    account_id: pulumi.Input[str]

    def logs_key(self, region: str) -> EncryptionKeyArgs:
        """The key of every log group of the stack in a region."""
        return {
            "description": "Log groups of the stack",
            "account_id": self.account_id,
            "region": region,
            "services": [],
            # Names differ by component and some are generated; the key is the stack's own anyway.
            "log_groups": ["*"],
            "deletion_window_days": 30 if self.settings.critical else 7,
            "protect": self.settings.profile.protect,
        }

    def alarm_topic(self, region: str) -> AlarmTopicArgs:
        """Who hears of alarms in a region."""
        return {
            "account_id": self.account_id,
            "region": region,
            "emails": self.settings.alarm_emails,
        }

    def network(self, logs_key: EncryptionKey) -> NetworkArgs:
        """The VPC."""
        settings = self.settings
        return {
            "cidr": str(settings.network_cidr),
            "zones": settings.zones,
            "region": settings.region,
            "account_id": self.account_id,
            "nat": settings.profile.nat_strategy,
            "interface_endpoints": settings.interface_endpoints,
            "flow_logs": settings.flow_logs,
            "flow_logs_retention_days": settings.profile.log_retention_days,
            "flow_logs_kms_key_arn": logs_key.arn,
            "ipv6": settings.ipv6,
        }

    def dns_zone(self, logs_key: EncryptionKey | None) -> DnsZoneArgs:
        """Zone and certificate; the key, when queries are logged, is of us-east-1."""
        settings = self.settings
        args: DnsZoneArgs = {
            "zone_name": settings.zone_name,
            "zone_id": settings.zone_id,
            "hostnames": settings.hostnames,
            "region": settings.region,
            "caa_issuers": settings.caa_issuers,
            # The emulator wants the log group's ARN with `:*`, which the provider takes off.
            "query_logging": settings.dns_query_logging and not settings.emulated,
            "query_log_retention_days": settings.profile.log_retention_days,
            "protect": settings.profile.protect,
        }
        if logs_key is not None:
            args["query_log_kms_key_arn"] = logs_key.arn
        return args

    def public_alb(self, network: Network, zone: DnsZone) -> PublicAlbArgs:
        """The load balancer."""
        profile = self.settings.profile
        return {
            "vpc_id": network.vpc_id,
            "subnet_ids": network.public_subnet_ids,
            "certificate_arn": zone.certificate_arn,
            "account_id": self.account_id,
            "region": self.settings.region,
            "ipv6": self.settings.ipv6,
            "deletion_protection": profile.deletion_protection,
            "force_destroy_logs": profile.force_destroy,
            "log_retention_days": profile.log_retention_days,
        }

    def health_paths(self) -> dict[str, str]:
        """Every public host name, and the path that answers there when all is well."""
        paths = {hostname: "" for hostname in self.settings.hostnames}
        for service in self.settings.of_kind(Kind.PUBLIC):
            hostname = self.settings.host_of(service)
            paths[hostname] = paths[hostname] or service.health_check.path
        return paths

    def health_urls(self) -> dict[str, str]:
        """What a deployment asks over HTTPS before it calls itself done, by service."""
        return {
            service.name: f"https://{self.settings.host_of(service)}{service.health_check.path}"
            for service in self.settings.of_kind(Kind.PUBLIC)
        }

    def alias(self, alb: PublicAlb, hostname: str, health_path: str) -> AliasArgs:
        """One public name, and what its health check asks for."""
        return {
            "hostname": hostname,
            "target_dns_name": alb.dns_name,
            "target_zone_id": alb.zone_id,
            "health_check_path": health_path,
        }

    def web_acl(self, alb: PublicAlb, logs_key: EncryptionKey) -> WebAclArgs:
        """The firewall in front of the load balancer."""
        settings = self.settings
        return {
            "region": settings.region,
            "account_id": self.account_id,
            "protected_arns": {"alb": alb.arn},
            "rate_limit": settings.web_acl_rate_limit,
            # What would hurt users in production shows up in staging's count first.
            "block": settings.profile.web_acl_blocks,
            "log_retention_days": settings.profile.log_retention_days,
            "logs_kms_key_arn": logs_key.arn,
        }

    def images_key(self) -> EncryptionKeyArgs:
        """The key of the registry."""
        return {
            "description": "Images of the stack",
            "account_id": self.account_id,
            "region": self.settings.region,
            "services": ["ecr"],
            "deletion_window_days": 30 if self.settings.critical else 7,
            "protect": self.settings.profile.protect,
        }

    def repository(self, key: EncryptionKey) -> ImageRepositoryArgs:
        """Where images are kept."""
        profile = self.settings.profile
        return {
            "kms_key_arn": key.arn,
            "build_context": self.settings.image_build,
            "force_delete": profile.force_destroy,
            "protect": profile.protect,
        }

    def cluster(self, logs_key: EncryptionKey) -> FargateClusterArgs:
        """Where tasks run."""
        return {
            "namespace": f"{pulumi.get_project()}-{pulumi.get_stack()}",
            "log_retention_days": self.settings.profile.log_retention_days,
            "kms_key_arn": logs_key.arn,
        }

    def database(self, network: Network, logs_key: EncryptionKey) -> DatabaseArgs:
        """The database; the environment's credentials, when there are any, stay secret."""
        settings, profile = self.settings, self.settings.profile
        args: DatabaseArgs = {
            "vpc_id": network.vpc_id,
            "subnet_ids": network.isolated_subnet_ids,
            "account_id": self.account_id,
            "region": settings.region,
            "engine_version": settings.database_engine_version,
            "instance_class": settings.database_instance_class,
            "allocated_storage": settings.database_allocated_storage_gib,
            "max_allocated_storage": settings.database_max_allocated_storage_gib,
            "multi_az": profile.multi_az,
            "database_name": settings.database_name,
            "backup_retention_days": profile.backup_retention_days,
            "backup_window": settings.database_backup_window,
            "maintenance_window": settings.database_maintenance_window,
            "deletion_protection": profile.deletion_protection,
            "final_snapshot": profile.final_snapshot,
            "protect": profile.protect,
            "log_retention_days": profile.log_retention_days,
            "log_kms_key_arn": logs_key.arn,
            "tags": self.backup_tags(),
        }
        if settings.emulated:
            # The emulator keeps neither, so that every later preview would set them again.
            args["extended_support"] = True
            args["performance_insights"] = False
        username, password = (
            settings.credentials.username_output,
            settings.credentials.password_output,
        )
        if username is not None:
            args["username"] = username
        if password is not None:
            args["password"] = password
        return args

    def database_alarms(self, database: Database, topic: AlarmTopic) -> AlarmsArgs:
        """What goes wrong with the database."""
        storage = self.settings.database_allocated_storage_gib
        machine = self.settings.database_instance_class
        rules = alarm_rules.database(database.identifier, storage, machine)
        return {"rules": rules, "topic_arn": topic.arn}

    def cache(self, network: Network, logs_key: EncryptionKey) -> CacheArgs:
        """The cache."""
        settings, profile = self.settings, self.settings.profile
        return {
            "vpc_id": network.vpc_id,
            "subnet_ids": network.isolated_subnet_ids,
            "account_id": self.account_id,
            "region": settings.region,
            "node_type": settings.cache_node_type,
            "nodes": 2 if profile.multi_az else 1,
            "multi_az": profile.multi_az,
            "log_retention_days": profile.log_retention_days,
            "log_kms_key_arn": logs_key.arn,
            "protect": profile.protect,
            "tags": self.backup_tags(),
        }

    def backups(self, key: EncryptionKey) -> BackupsArgs:
        """The vault, and what fills it."""
        profile = self.settings.profile
        return {
            "kms_key_arn": key.arn,
            "tag_value": pulumi.get_stack(),
            "daily_retention_days": max(profile.backup_retention_days, 1),
            "monthly_retention_days": 365 if profile.critical else 0,
            "lock": profile.critical,
            "force_destroy": profile.force_destroy,
            "protect": profile.protect,
        }

    def backup_key(self) -> EncryptionKeyArgs:
        """The key of the vault."""
        return {
            "description": "Backups of the stack",
            "account_id": self.account_id,
            "region": self.settings.region,
            "services": ["backup", "rds"],
            "deletion_window_days": 30 if self.settings.critical else 7,
            "protect": self.settings.profile.protect,
        }

    @property
    def backed_up(self) -> bool:
        """Whether AWS Backup keeps copies; a temporary stack owns nothing that deserves one, and
        moto cannot select what is copied.
        """
        return not (self.settings.stage is Stage.TEMPORARY or self.settings.emulated)

    def backup_tags(self) -> dict[str, str]:
        """What puts a resource into the stack's backup plan, when there is one."""
        return {TAG: pulumi.get_stack()} if self.backed_up else {}


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


def exposure(settings: Settings, service: Service) -> ExposeArgs:
    """What a public service asks of the load balancer."""
    rule = settings.listener_rule_of(service)
    check = service.health_check
    exposed: ExposeArgs = {
        "port": service.port or 0,
        "hosts": [settings.host_of(service)],
        "paths": service.public.paths if service.public else (),
        "health_check_path": check.path,
        "health_check_matcher": check.matcher,
        "health_check_interval_seconds": check.interval_seconds,
        "deregistration_delay_seconds": draining_seconds(service),
    }
    if rule.slot is not None:
        exposed["slot"] = rule.slot
    return exposed


def draining_seconds(service: Service) -> int:
    """How long the load balancer lets a leaving task finish: longer than it takes to stop."""
    return service.stop_timeout_seconds + DRAINING_MARGIN


def slug(hostname: str) -> str:
    """A host name as part of a resource's name."""
    return hostname.replace("*", "any").replace(".", "-")


def traffic_alarms(alb: PublicAlb, route: AlbRoute, topic: AlarmTopic) -> AlarmsArgs:
    """What callers of a public service see going wrong."""
    rules = alarm_rules.public_service(route.target_group_arn_suffix, alb.arn_suffix)
    return {"rules": rules, "topic_arn": topic.arn}


def service_alarms(
    settings: Settings,
    service: Service,
    cluster: FargateCluster,
    deployed: FargateService,
    topic: AlarmTopic,
) -> AlarmsArgs:
    """What goes wrong with the tasks of a service."""
    # A stack that sleeps at night has no task then, and that is no news.
    fewest = 0 if settings.profile.off_hours else service.min
    rules = alarm_rules.service(cluster.name, deployed.service_name, fewest)
    return {"rules": rules, "topic_arn": topic.arn}


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
