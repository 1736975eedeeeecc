"""A Valkey cache: encrypted, reached with IAM instead of passwords, and only by who asked."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.cache_user import CacheUser, connect_policy
from components.encryption_key import EncryptionKey

PORT = 6379
PARAMETERS = {
    # A cache that is full lets go of what nobody asked for longest, instead of refusing writes.
    # https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html
    "maxmemory-policy": "allkeys-lru",
    # Microseconds: what takes longer than ten milliseconds is worth a line in the slow log.
    "slowlog-log-slower-than": "10000",
}
_LOGS = ("engine-log", "slow-log")
_FEWEST_FOR_FAILOVER = 2


class CacheArgs(TypedDict):
    """What the caller decides. Everything else is this component's decision."""

    vpc_id: pulumi.Input[str]
    """VPC of the subnets."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Isolated subnets, in two Availability Zones or more."""
    account_id: pulumi.Input[str]
    """Account of the cache."""
    region: str
    """Region of the cache."""
    node_type: NotRequired[str]
    """Size of a node. Defaults to `cache.t4g.micro`, the smallest."""
    engine_version: NotRequired[str]
    """Valkey version, major and minor. Defaults to `8.0`."""
    nodes: NotRequired[int]
    """Nodes, the first of them writable, 1 to 6. Defaults to 2, in two zones."""
    multi_az: NotRequired[bool]
    """Whether a replica in another zone takes over. Defaults to True; needs two nodes."""
    snapshot_retention_days: NotRequired[int]
    """Days that a daily snapshot is kept, 0 to 35; 0 takes none. Defaults to 7."""
    snapshot_window: NotRequired[str]
    """Daily time of the snapshot, UTC. Defaults to `02:00-03:00`."""
    maintenance_window: NotRequired[str]
    """Weekly time of maintenance, UTC. Defaults to `sun:03:30-sun:04:30`."""
    log_retention_days: NotRequired[int]
    """Days that the engine's and the slow log are kept. Defaults to 365."""
    log_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key of the log groups. Defaults to CloudWatch's own."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the cache and its key. Defaults to True."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class Cache(pulumi.ComponentResource):
    """A replication group that speaks TLS only and knows one user, who signs in with IAM."""

    endpoint: pulumi.Output[str]
    """Host name of the writable node."""
    port: pulumi.Output[int]
    """TCP port."""
    security_group_id: pulumi.Output[str]
    """Group that a client's `Connection` opens."""
    replication_group_id: pulumi.Output[str]
    """Name of the cache, which a client signs its IAM token for."""
    node_ids: pulumi.Output[Sequence[str]]
    """Names of the nodes, which their metrics carry."""
    user_name: pulumi.Output[str]
    """User that a client signs in as."""
    connect_policy: pulumi.Output[str]
    """IAM policy (JSON) that lets a role sign in as that user, and nothing else."""

    def __init__(
        self, name: str, args: CacheArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:Cache", name, {}, opts)
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
        subnet_group = aws.elasticache.SubnetGroup(
            f"{name}-subnets",
            description=f"Isolated subnets of the cache {name}",
            subnet_ids=args["subnet_ids"],
            tags=tags,
            opts=child,
        )
        user = CacheUser(name, {"tags": args.get("tags", {})}, child)
        group = aws.elasticache.ReplicationGroup(
            f"{name}-cache",
            description=f"Cache {name}",
            engine="valkey",
            **_size(args),
            port=PORT,
            parameter_group_name=_parameter_group(name, args, tags, child).name,
            subnet_group_name=subnet_group.name,
            security_group_ids=[security_group.id],
            user_group_ids=[user.user_group_id],
            at_rest_encryption_enabled=True,
            kms_key_id=key.arn,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            snapshot_retention_limit=args.get("snapshot_retention_days", 7),
            snapshot_window=args.get("snapshot_window", "02:00-03:00"),
            maintenance_window=args.get("maintenance_window", "sun:03:30-sun:04:30"),
            auto_minor_version_upgrade=True,
            # A change waits for the maintenance window, because some of them drop connections.
            apply_immediately=False,
            log_delivery_configurations=_logs(name, args, child),
            tags=tags,
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(protect=args.get("protect", True))
            ),
        )

        self.endpoint = group.primary_endpoint_address
        self.port = pulumi.Output.from_input(PORT)
        self.security_group_id = security_group.id
        self.replication_group_id = group.replication_group_id
        self.node_ids = pulumi.Output.all(*node_ids(group.replication_group_id, _nodes(args)))
        self.user_name = user.user_name
        self.connect_policy = connect_policy([group.arn, user.user_arn])
        self.register_outputs(
            {
                "endpoint": self.endpoint,
                "port": self.port,
                "security_group_id": self.security_group_id,
                "replication_group_id": self.replication_group_id,
                "node_ids": self.node_ids,
                "user_name": self.user_name,
                "connect_policy": self.connect_policy,
            }
        )


def node_ids(cache: pulumi.Input[str], nodes: int) -> list[pulumi.Output[str]]:
    """Names that ElastiCache gives the nodes of a group without shards: `<group>-001`, ...

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Replication.CreatingReplGroup.NoExistingCluster.Classic.html
    """
    return [pulumi.Output.format("{}-{}", cache, f"{number:03}") for number in range(1, nodes + 1)]


def _nodes(args: CacheArgs) -> int:
    return args.get("nodes", 2)


def _size(args: CacheArgs) -> dict[str, Any]:
    return {
        "engine_version": _version(args),
        "node_type": args.get("node_type", "cache.t4g.micro"),
        "num_cache_clusters": _nodes(args),
        "automatic_failover_enabled": args.get("multi_az", True),
        "multi_az_enabled": args.get("multi_az", True),
    }


def _parameter_group(
    name: str, args: CacheArgs, tags: Mapping[str, str], child: pulumi.ResourceOptions
) -> aws.elasticache.ParameterGroup:
    """A group per family: a new major gets a new one before the old one, still in use, goes."""
    family = f"valkey{_version(args).split('.')[0]}"
    return aws.elasticache.ParameterGroup(
        f"{name}-{family}",
        family=family,
        description=f"Cache {name} on {family}",
        parameters=[
            {"name": parameter, "value": value} for parameter, value in sorted(PARAMETERS.items())
        ],
        tags=tags,
        opts=child,
    )


def _version(args: CacheArgs) -> str:
    return args.get("engine_version", "8.0")


def _logs(
    name: str, args: CacheArgs, child: pulumi.ResourceOptions
) -> list[aws.elasticache.ReplicationGroupLogDeliveryConfigurationArgsDict]:
    groups = {
        kind: aws.cloudwatch.LogGroup(
            f"{name}-{kind}",
            retention_in_days=args.get("log_retention_days", 365),
            kms_key_id=args.get("log_kms_key_arn"),
            tags=args.get("tags", {}),
            opts=child,
        )
        for kind in _LOGS
    }
    return [
        {
            "destination": group.name,
            "destination_type": "cloudwatch-logs",
            "log_format": "json",
            "log_type": kind,
        }
        for kind, group in groups.items()
    ]


def _refuse_mistakes(name: str, args: CacheArgs) -> None:
    """Limits: https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html"""
    problems = []
    nodes, days = _nodes(args), args.get("snapshot_retention_days", 7)
    if not 1 <= nodes <= 6:
        problems.append(f"nodes is {nodes}; ElastiCache allows 1 to 6")
    elif args.get("multi_az", True) and nodes < _FEWEST_FOR_FAILOVER:
        problems.append(f"nodes is {nodes}; a failover needs 2, or set multi_az to False")
    if not 0 <= days <= 35:
        problems.append(f"snapshot_retention_days is {days}; ElastiCache allows 0 to 35")
    if problems:
        raise ValueError(f"Cache {name!r}: " + "; ".join(problems))
