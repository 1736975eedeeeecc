"""What holds data: databases, caches, buckets, backups, keys, secrets."""

from ops.cost import clock
from ops.cost.model import Resource, World
from ops.cost.rules.table import priced

INSTANCE = "aws:rds/instance:Instance"
SCHEDULE = "aws:scheduler/schedule:Schedule"
STOP, START = (f"arn:aws:scheduler:::aws-sdk:rds:{call}DBInstance" for call in ("stop", "start"))
_VCPUS = {"micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4}


def running(instance: Resource, world: World) -> float:
    """The share of the time in which an instance runs: schedules may stop and start it."""
    changes = [
        (schedule.text("scheduleExpression"), float(call == START))
        for schedule in world.stack.users(instance, "target", SCHEDULE)
        if (call := schedule.group("target").get("arn")) in (STOP, START)
    ]
    try:
        return clock.shares(changes).get(1.0, 0.0) if changes else 1.0
    except clock.UnknownScheduleError as error:
        world.without(instance, f"hours by the schedule {error}, counted as always on")
        return 1.0


@priced(INSTANCE)
def _instance(instance: Resource, world: World) -> None:
    """A standby costs what the instance costs, machine and storage alike; while an instance is
    stopped, only its storage is charged.

    https://aws.amazon.com/rds/postgresql/pricing/
    """
    engine = instance.text("engine")
    if engine and engine != "postgres":
        world.without(instance, f"a database of engine {engine}")
        return
    copies = 2 if instance.flag("multiAz") else 1
    size = instance.text("instanceClass")
    standby = ", with standby" if copies == 2 else ""
    world.add(
        instance,
        "RDS",
        f"{size}{standby}",
        f"rds.postgres.{size}",
        copies * running(instance, world) * world.hours,
    )
    storage = instance.number("allocatedStorage")
    if instance.text("storageType", "gp2") == "gp3":
        world.add(instance, "RDS", f"storage, gp3{standby}", "rds.gp3.gb", copies * storage)
    else:
        world.without(instance, f"storage of type {instance.text('storageType', 'gp2')}")
    world.add(
        instance,
        "RDS",
        "backups beyond the free size",
        "rds.backup.gb",
        world.assume("backup_extra_gb"),
        assumed=("backup_extra_gb",),
    )
    if instance.number("performanceInsightsRetentionPeriod", 7) > 7:
        world.without(instance, "Performance Insights kept for more than the 7 free days")
    if instance.flag("manageMasterUserPassword"):
        world.add(instance, "Secrets Manager", "secret", "secret.month", 1)


@priced("aws:rds/proxy:Proxy")
def _proxy(proxy: Resource, world: World) -> None:
    """By the vCPUs of the database behind it, two at least."""
    sizes = [i.text("instanceClass").rpartition(".")[2] for i in world.stack.of(INSTANCE)]
    vcpus = [
        _VCPUS.get(size) or 4 * int(size.removesuffix("xlarge") or 1)
        for size in sizes
        if size in _VCPUS or size.removesuffix("xlarge").isdigit()
    ]
    world.add(proxy, "RDS", "proxy", "rds.proxy.vcpu", max([2, *vcpus]) * world.hours)


@priced("aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication")
def _replicated(replication: Resource, world: World) -> None:
    """A full copy in another region; the free size is that of the database's own region."""
    storage = sum(i.number("allocatedStorage") for i in world.stack.of(INSTANCE))
    world.add(replication, "RDS", "backups in another region", "rds.backup.gb", storage)


@priced("aws:backup/vault:Vault")
def _vault(vault: Resource, world: World) -> None:
    storage = sum(i.number("allocatedStorage") for i in world.stack.of(INSTANCE))
    world.add(
        vault,
        "AWS Backup",
        "copies of databases",
        "rds.backup.gb",
        storage * world.assume("backup_copies"),
        assumed=("backup_copies",),
    )


@priced("aws:elasticache/replicationGroup:ReplicationGroup")
def _cache(cache: Resource, world: World) -> None:
    engine, size = cache.text("engine", "redis"), cache.text("nodeType")
    if engine != "valkey":
        world.without(cache, f"a cache of engine {engine}")
        return
    groups = cache.number("numNodeGroups", 1)
    nodes = cache.number("numCacheClusters") or groups * (1 + cache.number("replicasPerNodeGroup"))
    world.add(cache, "ElastiCache", size, f"cache.valkey.{size}", nodes * world.hours)


@priced("aws:elasticache/serverlessCache:ServerlessCache")
def _serverless(cache: Resource, world: World) -> None:
    """At least 100 MB of Valkey are charged: https://aws.amazon.com/elasticache/pricing/"""
    stored = max(0.1, world.assume("cache_gb"))
    world.add(
        cache,
        "ElastiCache",
        "serverless storage",
        "cache.serverless.gb",
        stored * world.hours,
        assumed=("cache_gb",),
    )
    world.add(
        cache,
        "ElastiCache",
        "serverless processing",
        "cache.serverless.ecpu",
        world.assume("cache_units"),
        assumed=("cache_units",),
    )


@priced("aws:s3/bucket:Bucket")
def _bucket(bucket: Resource, world: World) -> None:
    for what, price, assumption in (
        ("objects stored", "s3.gb", "bucket_gb"),
        ("writes", "s3.put", "bucket_writes"),
        ("reads", "s3.get", "bucket_reads"),
    ):
        world.add(bucket, "S3", what, price, world.assume(assumption), assumed=(assumption,))


@priced("aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey")
def _key(key: Resource, world: World) -> None:
    """A dollar more for each of the first two rotations, which come in later years."""
    world.add(key, "KMS", "key", "kms.key", 1)
    world.add(
        key,
        "KMS",
        "requests",
        "kms.requests",
        world.assume("key_requests"),
        assumed=("key_requests",),
    )


@priced("aws:secretsmanager/secret:Secret")
def _secret(secret: Resource, world: World) -> None:
    copies = 1 + len(secret.items("replicas"))
    world.add(secret, "Secrets Manager", "secret", "secret.month", copies)
    world.add(
        secret,
        "Secrets Manager",
        "reads",
        "secret.calls",
        world.assume("secret_calls"),
        assumed=("secret_calls",),
    )
