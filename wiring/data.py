"""What holds data, how it is backed up, and how services reach it."""

import dataclasses
from collections.abc import Mapping, Sequence

import pulumi

from components import alarm_rules
from components.alarm_topic import AlarmTopic
from components.alarms import AlarmsArgs
from components.backups import TAG, BackupsArgs
from components.cache import Cache, CacheArgs, node_ids
from components.database import Database, DatabaseArgs
from components.encryption_key import EncryptionKey, EncryptionKeyArgs
from components.network import Network
from components.serverless_cache import ServerlessCache, ServerlessCacheArgs
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


def cache_backing(cache: Cache | ServerlessCache) -> Backing:
    """How a service reaches the cache: it signs in with its role, for a cache of this name.

    A token for a serverless cache says so, which is why a client has to know.
    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html#auth-iam-Connecting
    """
    node = isinstance(cache, Cache)
    return Backing(
        peer={"name": "cache", "security_group_id": cache.security_group_id, "port": 6379},
        environment={
            "CACHE_HOST": cache.endpoint,
            "CACHE_PORT": "6379",
            "CACHE_MODE": "node" if node else "serverless",
            "CACHE_NAME": cache.replication_group_id if node else cache.cache_name,
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
            "engine_version": settings.database.engine_version,
            "instance_class": settings.database.instance_class,
            "allocated_storage": settings.database.allocated_storage_gib,
            "max_allocated_storage": settings.database.max_allocated_storage_gib,
            "allow_major_version_upgrade": settings.database.major_upgrade,
            "blue_green_update": settings.database.blue_green,
            "extended_support": settings.database.extended_support,
            "multi_az": profile.multi_az,
            "database_name": settings.database.name,
            "backup_retention_days": profile.backup_retention_days,
            "backup_window": settings.database.backup_window,
            "maintenance_window": settings.database.maintenance_window,
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

    def cache(self, network: Network, logs_key: EncryptionKey) -> CacheArgs:
        """The cache on nodes: two of them, in two zones, where the stage wants a standby."""
        settings, profile = self.settings, self.settings.profile
        return {
            "vpc_id": network.vpc_id,
            "subnet_ids": network.isolated_subnet_ids,
            "account_id": self.account_id,
            "region": settings.region,
            "node_type": settings.cache.node_type,
            "nodes": self._cache_nodes,
            "multi_az": profile.multi_az,
            "maintenance_window": settings.cache.maintenance_window,
            "log_retention_days": profile.log_retention_days,
            "log_kms_key_arn": logs_key.arn,
            "protect": profile.protect,
            "tags": self.backup_tags(),
        }

    @property
    def _cache_nodes(self) -> int:
        return 2 if self.settings.profile.multi_az else 1

    def serverless_cache(self, network: Network) -> ServerlessCacheArgs:
        """The cache without machines."""
        settings = self.settings
        return {
            "vpc_id": network.vpc_id,
            "subnet_ids": network.isolated_subnet_ids,
            "account_id": self.account_id,
            "region": settings.region,
            "max_storage_gib": settings.cache.max_storage_gib,
            "max_ecpu_per_second": settings.cache.max_ecpu_per_second,
            "protect": settings.profile.protect,
            "tags": self.backup_tags(),
        }

    def cache_alarms(self, cache: Cache | ServerlessCache, topic: AlarmTopic) -> AlarmsArgs:
        """What goes wrong with the cache, on each node where there are any."""
        if isinstance(cache, ServerlessCache):
            limits = self.settings.cache
            rules = alarm_rules.serverless_cache(
                cache.cache_name, limits.max_storage_gib, limits.max_ecpu_per_second
            )
            return {"rules": rules, "topic_arn": topic.arn}
        nodes = node_ids(cache.replication_group_id, self._cache_nodes)
        rules = [
            rule
            for number, node in enumerate(nodes, start=1)
            for rule in alarm_rules.cache_node(node, number)
        ]
        return {"rules": rules, "topic_arn": topic.arn}

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
