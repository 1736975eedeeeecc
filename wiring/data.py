"""What holds data, how it is backed up, and how services reach it."""

import dataclasses
from collections.abc import Mapping, Sequence

import pulumi

from components import alarm_rules
from components.alarm_topic import AlarmTopic
from components.alarms import AlarmsArgs
from components.backups import TAG, BackupsArgs
from components.cache import Cache, CacheArgs
from components.database import Database, DatabaseArgs
from components.encryption_key import EncryptionKey, EncryptionKeyArgs
from components.network import Network
from components.task_firewall import Peer
from configuration.profiles import Stage
from settings import Settings


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
class Data:
    """Arguments of what holds data."""

    settings: Settings
    account_id: pulumi.Input[str]

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
