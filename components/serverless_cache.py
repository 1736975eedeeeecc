"""A Valkey cache without machines: paid by what is stored and asked, up to a limit."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.cache_user import CacheUser, connect_policy
from components.encryption_key import EncryptionKey

MOST_STORAGE = 5000
"""GB: https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DataStorage.html"""
ECPU_RANGE = (1000, 15_000_000)
"""https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ECPUPerSecond.html"""


class ServerlessCacheArgs(TypedDict):
    """What the caller decides. Everything else is this component's decision."""

    vpc_id: pulumi.Input[str]
    """VPC of the subnets."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Isolated subnets, in two Availability Zones or more."""
    account_id: pulumi.Input[str]
    """Account of the cache."""
    region: str
    """Region of the cache."""
    engine_version: NotRequired[str]
    """Valkey major version. Defaults to `8`; AWS keeps the minor current."""
    max_storage_gib: NotRequired[int]
    """Most that is stored, 1 to 5000. Defaults to 1: without a limit a fault becomes a bill."""
    max_ecpu_per_second: NotRequired[int]
    """Most ElastiCache processing units a second, 1000 to 15000000. Defaults to 5000."""
    snapshot_retention_days: NotRequired[int]
    """Days that a daily snapshot is kept, 0 to 35; 0 takes none. Defaults to 7."""
    snapshot_time: NotRequired[str]
    """Daily time of the snapshot, UTC. Defaults to `02:00`."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the cache and its key. Defaults to True."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class ServerlessCache(pulumi.ComponentResource):
    """A serverless cache: in several zones and over TLS by nature, and IAM for its one user.

    It has no maintenance window, no parameters and no logs: AWS operates it.
    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/WhatIs.deployment.html
    """

    endpoint: pulumi.Output[str]
    """Host name that reads and writes go to."""
    port: pulumi.Output[int]
    """TCP port."""
    security_group_id: pulumi.Output[str]
    """Group that a client's `Connection` opens."""
    cache_name: pulumi.Output[str]
    """Name of the cache, which a client signs its IAM token for."""
    user_name: pulumi.Output[str]
    """User that a client signs in as."""
    connect_policy: pulumi.Output[str]
    """IAM policy (JSON) that lets a role sign in as that user, and nothing else."""

    def __init__(
        self, name: str, args: ServerlessCacheArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:ServerlessCache", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}

        key = EncryptionKey(
            f"{name}-key",
            {
                "description": f"Data of the cache {name}",
                "account_id": args["account_id"],
                "region": args["region"],
                "services": ["elasticache"],
                "protect": args.get("protect", True),
                "tags": args.get("tags", {}),
            },
            child,
        )
        security_group = aws.ec2.SecurityGroup(
            f"{name}-sg",
            vpc_id=args["vpc_id"],
            description=f"Cache {name}: clients in, nothing out",
            tags=tags,
            opts=child,
        )
        user = CacheUser(name, {"tags": args.get("tags", {})}, child)
        cache = aws.elasticache.ServerlessCache(
            f"{name}-cache",
            description=f"Cache {name}",
            engine="valkey",
            major_engine_version=args.get("engine_version", "8"),
            cache_usage_limits={
                "data_storage": {"maximum": args.get("max_storage_gib", 1), "unit": "GB"},
                "ecpu_per_seconds": [{"maximum": args.get("max_ecpu_per_second", 5000)}],
            },
            subnet_ids=args["subnet_ids"],
            security_group_ids=[security_group.id],
            user_group_id=user.user_group_id,
            kms_key_id=key.arn,
            snapshot_retention_limit=args.get("snapshot_retention_days", 7),
            daily_snapshot_time=args.get("snapshot_time", "02:00"),
            tags=tags,
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(protect=args.get("protect", True))
            ),
        )

        self.endpoint = cache.endpoints[0].address
        self.port = cache.endpoints[0].port
        self.security_group_id = security_group.id
        self.cache_name = cache.name
        self.user_name = user.user_name
        self.connect_policy = connect_policy([cache.arn, user.user_arn])
        self.register_outputs(
            {
                "endpoint": self.endpoint,
                "port": self.port,
                "security_group_id": self.security_group_id,
                "cache_name": self.cache_name,
                "user_name": self.user_name,
                "connect_policy": self.connect_policy,
            }
        )


def _refuse_mistakes(name: str, args: ServerlessCacheArgs) -> None:
    storage, units = args.get("max_storage_gib", 1), args.get("max_ecpu_per_second", 5000)
    days = args.get("snapshot_retention_days", 7)
    problems = []
    if not 1 <= storage <= MOST_STORAGE:
        problems.append(f"max_storage_gib is {storage}; ElastiCache allows 1 to {MOST_STORAGE}")
    if not ECPU_RANGE[0] <= units <= ECPU_RANGE[1]:
        low, high = ECPU_RANGE
        problems.append(f"max_ecpu_per_second is {units}; ElastiCache allows {low} to {high}")
    if not 0 <= days <= 35:
        problems.append(f"snapshot_retention_days is {days}; ElastiCache allows 0 to 35")
    if problems:
        raise ValueError(f"ServerlessCache {name!r}: " + "; ".join(problems))
