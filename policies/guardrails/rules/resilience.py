"""Does it survive a zone, a bad release, a wrong command?"""

import fnmatch

from guardrails import buckets, subnets
from guardrails.checks import for_each
from guardrails.evaluation import Report
from guardrails.kinds import (
    BACKUP_PLAN,
    BACKUP_SELECTION,
    BACKUP_VAULT,
    BUCKET,
    BUCKET_LIFECYCLE,
    BUCKET_VERSIONING,
    CACHE_GROUP,
    DB_CLUSTER,
    DB_CLUSTER_INSTANCE,
    DB_INSTANCE,
    DISTRIBUTION,
    DYNAMODB_TABLE,
    ECS_SERVICE,
    FILE_SYSTEM,
    KEY,
    LOAD_BALANCER,
    QUEUE,
    TARGET_GROUP,
    TOPIC,
    ZONE,
)
from guardrails.registry import (
    ADVICE,
    ALWAYS,
    CRITICAL,
    PRODUCTION,
    Option,
    Rule,
    Severity,
    anchors,
    node,
    rule,
)
from guardrails.resources import Resource, Stack
from guardrails.tagging import tags_of
from guardrails.values import View, is_unknown

DNSSEC = "aws:route53/hostedZoneDnsSec:HostedZoneDnsSec"
SCALING_TARGET = "aws:appautoscaling/target:Target"
VAULT_LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"

_SECOND_ZONE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.html"


def _is_replica(database: Resource) -> bool:
    return database.has("replicateSourceDb") or database.has("replicationSourceIdentifier")


@for_each(DB_INSTANCE, DB_CLUSTER)
def _database_survives_a_zone(stack: Stack, report: Report, database: Resource) -> None:
    if _is_replica(database):
        return
    if database.kind == DB_INSTANCE:
        if not database.flag("multiAz"):
            report("multiAz is not true: it is gone while its zone is")
    elif not database.has("dbClusterInstanceClass"):  # which means three instances in three zones
        members = len(stack.sources(database, "clusterIdentifier", DB_CLUSTER_INSTANCE))
        if members < 2:
            report(f"has {members} instance{'s' * (members != 1)}: nobody takes over")


rds_multi_az = rule(
    id="res-rds-multi-az",
    title="A database survives the loss of a zone.",
    severity=Severity.HIGH,
    level=PRODUCTION,
    types=(DB_INSTANCE, DB_CLUSTER, DB_CLUSTER_INSTANCE),
    condition="an instance without `multiAz`, or an Aurora cluster with fewer than two instances",
    exceptions="read replicas; Multi-AZ DB clusters, which have three instances by themselves",
    fix="multi_az=True",
    url=_SECOND_ZONE,
    anchors=anchors(
        fsbp="RDS.5 RDS.15",
        checkov="CKV_AWS_157",
        cdk_nag="AwsSolutions-RDS3",
        prowler="rds_instance_multi_az",
        cfn_guard="rds_multi_az_support",
        pulumi="rds-instance-multi-az-enabled aws-rds-cluster-disallow-single-availability-zone",
    ),
    stack_check=_database_survives_a_zone,
    passes=[
        node("orders", DB_INSTANCE, {"multiAz": True}),
        node("replica", DB_INSTANCE, {"replicateSourceDb": "orders"}),
    ],
    violates=[node("orders", DB_INSTANCE, {"multiAz": False})],
)


def _database_is_backed_up(database: Resource, report: Report) -> None:
    if _is_replica(database):
        return
    # https://www.pulumi.com/registry/packages/aws/api-docs/rds/instance/ (0), .../cluster/ (1)
    days = database.number("backupRetentionPeriod", 0 if database.kind == DB_INSTANCE else 1)
    if days < report.option("minDays"):
        report(f"backupRetentionPeriod is {days}")


def _backups_keep_their_tags(database: Resource, report: Report) -> None:
    if not _is_replica(database) and not database.flag("copyTagsToSnapshot"):
        report.advise("copyTagsToSnapshot is not true: nobody knows whose a snapshot is")


rds_backup = rule(
    id="res-rds-backup",
    title="A database can be brought back to any moment of the last days.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(DB_INSTANCE, DB_CLUSTER),
    condition="`backupRetentionPeriod` is below minDays; advice: tags are not copied to snapshots",
    exceptions="read replicas",
    fix="backup_retention_period=14, copy_tags_to_snapshot=True",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html",
    anchors=anchors(
        fsbp="RDS.11 RDS.16 RDS.17 RDS.47",
        security_hub="RDS.50",
        checkov="CKV_AWS_133 CKV2_AWS_60 CKV_AWS_313",
        cdk_nag="AwsSolutions-RDS13",
        prowler="rds_instance_backup_enabled",
        cfn_guard="db_instance_backup_enabled",
        trivy="AWS-0077",
        pulumi="rds-instance-backup-enabled aws-rds-instance-enable-backup-retention",
    ),
    options={
        "minDays": Option(
            type="integer",
            default=1,
            by_profile={"production": 14},
            description="Least days of point-in-time recovery.",
        )
    },
    check=(_database_is_backed_up, _backups_keep_their_tags),
    passes=[node("orders", DB_INSTANCE, {"backupRetentionPeriod": 14, "copyTagsToSnapshot": True})],
    violates=[
        node("orders", DB_INSTANCE, {"backupRetentionPeriod": 0, "copyTagsToSnapshot": True})
    ],
)


def _database_is_not_deleted_by_mistake(database: Resource, report: Report) -> None:
    if not database.flag("deletionProtection"):
        report("deletionProtection is not true")
    if database.flag("skipFinalSnapshot") and not _is_replica(database):
        report("skipFinalSnapshot is true: deleted is lost")


rds_delete_protected = rule(
    id="res-rds-delete-protected",
    title="A database cannot be deleted by mistake, and leaves a snapshot.",
    severity=Severity.HIGH,
    level=PRODUCTION,
    types=(DB_INSTANCE, DB_CLUSTER),
    condition="`deletionProtection` is not true, or `skipFinalSnapshot` is true",
    exceptions="read replicas have no final snapshot",
    fix="deletion_protection=True, skip_final_snapshot=False, final_snapshot_identifier=...",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html",
    anchors=anchors(
        fsbp="RDS.7 RDS.8",
        checkov="CKV_AWS_293 CKV_AWS_139",
        cdk_nag="AwsSolutions-RDS10",
        prowler="rds_instance_deletion_protection",
        cfn_guard="rds_instance_deletion_protection_enabled",
        trivy="AWS-0177 AWS-0343",
    ),
    check=_database_is_not_deleted_by_mistake,
    passes=[node("orders", DB_INSTANCE, {"deletionProtection": True})],
    violates=[node("orders", DB_INSTANCE, {"deletionProtection": True, "skipFinalSnapshot": True})],
)


def _cache_survives_a_zone(cache: Resource, report: Report) -> None:
    for path in ("automaticFailoverEnabled", "multiAzEnabled"):
        if not cache.flag(path):
            report(f"{path} is not true")
    if cache.has("numNodeGroups") or cache.has("replicasPerNodeGroup"):
        if cache.number("replicasPerNodeGroup") < 1:
            report("replicasPerNodeGroup is 0: nobody takes over")
    elif cache.number("numCacheClusters", 1) < 2:
        report(f"numCacheClusters is {cache.number('numCacheClusters', 1)}: nobody takes over")


def _cache_is_backed_up(cache: Resource, report: Report) -> None:
    days = cache.number("snapshotRetentionLimit")
    if days < 7:
        report.advise(f"snapshotRetentionLimit is {days}: what is only in it is lost with it")


cache_ha = rule(
    id="res-cache-ha",
    title="A cache survives the loss of a zone.",
    severity=Severity.HIGH,
    level=PRODUCTION,
    types=(CACHE_GROUP,),
    condition="no automatic failover, no Multi-AZ, or fewer than two nodes; advice: snapshots are "
    "kept for less than a week",
    exceptions="a pure cache needs no snapshots",
    fix="automatic_failover_enabled=True, multi_az_enabled=True, num_cache_clusters=2",
    url="https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html",
    anchors=anchors(
        fsbp="ElastiCache.1 ElastiCache.3",
        checkov="CKV2_AWS_50 CKV_AWS_134",
        cdk_nag="AwsSolutions-AEC4 ElastiCacheRedisClusterAutomaticBackup",
        prowler="elasticache_redis_cluster_multi_az_enabled "
        "elasticache_redis_cluster_backup_enabled",
        trivy="AWS-0050",
    ),
    check=(_cache_survives_a_zone, _cache_is_backed_up),
    passes=[
        node(
            "sessions",
            CACHE_GROUP,
            {
                "automaticFailoverEnabled": True,
                "multiAzEnabled": True,
                "numCacheClusters": 2,
                "snapshotRetentionLimit": 7,
            },
        )
    ],
    violates=[
        node(
            "sessions",
            CACHE_GROUP,
            {
                "automaticFailoverEnabled": True,
                "multiAzEnabled": False,
                "numCacheClusters": 2,
                "snapshotRetentionLimit": 7,
            },
        )
    ],
)

_STATEFUL = (DB_INSTANCE, DB_CLUSTER, BUCKET, DYNAMODB_TABLE, FILE_SYSTEM)


@for_each(*_STATEFUL)
def _is_in_a_plan(stack: Stack, report: Report, resource: Resource) -> None:
    if _is_replica(resource) or (resource.kind == BUCKET and buckets.log_writers(stack, resource)):
        return
    tags = tags_of(resource)
    if any(key.lower() == "backup" and value.lower() == "none" for key, value in tags.items()):
        return
    selections = stack.of(BACKUP_SELECTION)
    if not any(_selects(stack, selection, resource, tags) for selection in selections):
        report("no backup selection chooses it, neither by ARN nor by a tag of it")


def _selects(stack: Stack, selection: Resource, resource: Resource, tags: dict[str, str]) -> bool:
    if _named(stack, selection, "notResources", resource):
        return False
    by_arn = _named(stack, selection, "resources", resource)
    by_tag = any(
        tags.get(view.text("key")) == view.text("value")
        for view in selection.views("selectionTags")
    )
    return (by_arn or by_tag) and all(_holds(view, tags) for view in selection.views("conditions"))


def _named(stack: Stack, selection: Resource, path: str, resource: Resource) -> bool:
    if resource in stack.depends(selection, path, resource.kind):
        return True
    arn = resource.get("arn")
    for pattern in selection.items(path):
        if is_unknown(pattern):
            continue
        if pattern == "*":
            return True
        if isinstance(arn, str) and fnmatch.fnmatchcase(arn, str(pattern)):
            return True
        # Before anything exists there is no ARN, but a pattern may be for a whole service.
        if is_unknown(arn) and _is_for_all(str(pattern), resource):
            return True
    return False


def _is_for_all(pattern: str, resource: Resource) -> bool:
    fields = pattern.split(":", 5)
    return (
        len(fields) == 6
        and fields[2] == _service(resource)
        and fields[5] in ("*", f"{_family(resource)}*")
    )


def _service(resource: Resource) -> str:
    return {FILE_SYSTEM: "elasticfilesystem"}.get(
        resource.kind, resource.kind.split(":")[1].split("/")[0]
    )


def _family(resource: Resource) -> str:
    return {DB_INSTANCE: "db:", DB_CLUSTER: "cluster:", DYNAMODB_TABLE: "table/"}.get(
        resource.kind, ""
    )


def _holds(condition: View, tags: dict[str, str]) -> bool:
    """All conditions must hold: https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html"""
    for path, wanted, like in (
        ("stringEquals", True, False),
        ("stringLikes", True, True),
        ("stringNotEquals", False, False),
        ("stringNotLikes", False, True),
    ):
        for view in condition.views(path):
            value = tags.get(view.text("key").removeprefix("aws:ResourceTag/"), "")
            pattern = view.text("value")
            if (fnmatch.fnmatchcase(value, pattern) if like else value == pattern) is not wanted:
                return False
    return True


@for_each(BACKUP_PLAN)
def _plan_lasts(_: Stack, report: Report, plan: Resource) -> None:
    least = report.option("minDays")
    kept = [_days(view) for view in plan.views("rules")]
    if not any(days is None or days >= least for days in kept):
        longest = max((days for days in kept if days is not None), default=0)
        report(f"keeps backups for {longest} days")


def _days(plan_rule: View) -> int | float | None:
    """How long a rule keeps a backup; None for ever."""
    path = "lifecycle.deleteAfter"
    return plan_rule.number(path) if plan_rule.has(path) else None


_PLAN = node("plan", BACKUP_PLAN, {"rules": [{"lifecycle": {"deleteAfter": 35}}]})
_SELECTION = node(
    "selection",
    BACKUP_SELECTION,
    {
        "planId": "${plan.id}",
        "selectionTags": [{"type": "STRINGEQUALS", "key": "Backup", "value": "daily"}],
    },
)

backup_coverage = rule(
    id="res-backup-coverage",
    title="Whatever holds data is in a backup plan that lasts.",
    severity=Severity.HIGH,
    level=PRODUCTION,
    types=(*_STATEFUL, BACKUP_PLAN, BACKUP_SELECTION),
    condition="a database, bucket, table or file system that no selection chooses (by ARN, or by "
    "its tags, the provider's default tags included); a plan none of whose rules keeps minDays",
    exceptions="read replicas, buckets that logs are written into, what is tagged backup=none",
    fix='tags={"Backup": ...} as the selection_tags of the aws.backup.Selection ask',
    url="https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html",
    anchors=anchors(
        security_hub="RDS.26",
        checkov="CKV2_AWS_8 CKV2_AWS_18",
        cdk_nag="RDSInBackupPlan",
        prowler="rds_instance_protected_by_backup_plan",
        cfn_guard="backup_plan_min_frequency_and_min_retention_check",
    ),
    options={
        "minDays": Option(
            type="integer", default=35, description="Days that some rule of a plan keeps backups."
        )
    },
    stack_check=(_is_in_a_plan, _plan_lasts),
    passes=[
        node("orders", DB_INSTANCE, {"tags": {"Backup": "daily"}}),
        node("scratch", BUCKET, {"tags": {"backup": "none"}}),
        _PLAN,
        _SELECTION,
    ],
    violates=[
        node("orders", DB_INSTANCE, {"tags": {"Backup": "weekly"}}),
        _PLAN,
        _SELECTION,
    ],
)


@for_each(LOAD_BALANCER)
def _balancer_is_not_deleted_by_mistake(_: Stack, report: Report, balancer: Resource) -> None:
    if not balancer.flag("enableDeletionProtection"):
        report("enableDeletionProtection is not true")


@for_each(LOAD_BALANCER)
def _balancer_survives_a_zone(stack: Stack, report: Report, balancer: Resource) -> None:
    mapped = len(balancer.items("subnetMappings"))
    count = mapped or _subnet_count(stack, balancer, "subnets")
    if count < 2:
        report(f"is in {count} subnet{'s' * (count != 1)}")


def _subnet_count(stack: Stack, resource: Resource, path: str) -> int:
    if is_unknown(resource.get(path)):  # as a whole; where it comes from is known all the same
        return len({subnet.urn for subnet in subnets.of_property(stack, resource, path)})
    return len(resource.items(path))


alb = rule(
    id="res-alb",
    title="A load balancer survives a zone and a wrong command.",
    severity=Severity.MEDIUM,
    level=PRODUCTION,
    types=(LOAD_BALANCER,),
    condition="`enableDeletionProtection` is not true, or fewer than two subnets",
    fix="enable_deletion_protection=True, subnets=public_subnet_ids",
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html#deletion-protection",
    anchors=anchors(
        fsbp="ELB.6 ELB.13",
        checkov="CKV_AWS_150",
        cdk_nag="ELBDeletionProtectionEnabled",
        prowler="elbv2_deletion_protection elbv2_is_in_multiple_az",
        cfn_guard="elb_deletion_protection_enabled",
        pulumi="elb-deletion-protection-enabled",
    ),
    stack_check=(_balancer_is_not_deleted_by_mistake, _balancer_survives_a_zone),
    passes=[
        node(
            "alb",
            LOAD_BALANCER,
            {"enableDeletionProtection": True, "subnets": ["subnet-1", "subnet-2"]},
        )
    ],
    violates=[node("alb", LOAD_BALANCER, {"subnets": ["subnet-1", "subnet-2"]})],
)


@for_each(ECS_SERVICE)
def _service_survives_a_task(stack: Stack, report: Report, service: Resource) -> None:
    if service.text("schedulingStrategy", "REPLICA") == "DAEMON" or not _serves(service):
        return
    if service.name in report.option("singletons"):
        return
    targets = [target for target in stack.of(SCALING_TARGET) if _scales(stack, target, service)]
    if not targets:
        count = service.number("desiredCount")
        if count < 2:
            report(f"desiredCount is {count}, and nothing scales it")
    for target in targets:
        if target.number("minCapacity") < 2:
            report(f"{target.name} has minCapacity {target.number('minCapacity')}")


@for_each(ECS_SERVICE)
def _service_survives_a_zone(stack: Stack, report: Report, service: Resource) -> None:
    path = "networkConfiguration.subnets"
    if not service.has("networkConfiguration"):
        return
    count = _subnet_count(stack, service, path)
    if count < 2:
        report(f"runs in {count} subnet{'s' * (count != 1)}")


def _serves(service: Resource) -> bool:
    """Whether somebody waits for an answer of it: a worker may be one, and may be none at night."""
    balanced = bool(service.items("loadBalancers")) or bool(service.items("serviceRegistries"))
    return balanced or bool(service.items("serviceConnectConfiguration.services"))


def _scales(stack: Stack, target: Resource, service: Resource) -> bool:
    if service in stack.depends(target, "resourceId", ECS_SERVICE):
        return True
    value, name = target.get("resourceId"), service.get("name")
    return isinstance(value, str) and isinstance(name, str) and value.endswith(f"/{name}")


_SERVING = {
    "networkConfiguration": {"subnets": ["subnet-1", "subnet-2"]},
    "loadBalancers": [{"containerName": "app", "containerPort": 8080}],
}

ecs_ha = rule(
    id="res-ecs-ha",
    title="A service that answers runs twice, in two zones.",
    severity=Severity.HIGH,
    level=PRODUCTION,
    types=(ECS_SERVICE, SCALING_TARGET),
    condition="a service with fewer than two subnets; one that answers (behind a load balancer, or "
    "found by name) whose scaling target has a minimum below two, or which has none and fewer "
    "than two tasks",
    exceptions="workers, which nobody waits for; daemons; services that singletons names",
    fix="min_capacity=2 in the aws.appautoscaling.Target, desired_count=2 without one",
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html",
    options={
        "singletons": Option(
            type="array", default=[], description="Names of services that may run once."
        )
    },
    stack_check=(_service_survives_a_task, _service_survives_a_zone),
    passes=[
        node("api", ECS_SERVICE, {**_SERVING, "desiredCount": 1}),
        node(
            "api-scaling",
            SCALING_TARGET,
            {"resourceId": "service/main/${api.name}", "minCapacity": 2, "maxCapacity": 10},
        ),
        node(
            "worker",
            ECS_SERVICE,
            {"networkConfiguration": _SERVING["networkConfiguration"], "desiredCount": 1},
        ),
    ],
    violates=[
        node("api", ECS_SERVICE, {**_SERVING, "desiredCount": 2}),
        node(
            "api-scaling",
            SCALING_TARGET,
            {"resourceId": "service/main/${api.name}", "minCapacity": 1, "maxCapacity": 10},
        ),
    ],
)


def _service_rolls_back(service: Resource, report: Report) -> None:
    if service.text("deploymentController.type", "ECS") != "ECS":
        return
    breaker, alarms = service.view("deploymentCircuitBreaker"), service.view("alarms")
    rolls_back = any(view.flag("enable") and view.flag("rollback") for view in (breaker, alarms))
    if not rolls_back:
        report("has no deploymentCircuitBreaker that rolls back, and no alarms that do")


def _service_keeps_serving(service: Resource, report: Report) -> None:
    if service.text("deploymentController.type", "ECS") != "ECS" or not _serves(service):
        return
    if service.text("deploymentConfiguration.strategy", "ROLLING") != "ROLLING":
        return  # blue and green each have all tasks
    percent = service.number("deploymentMinimumHealthyPercent", 100)
    if percent < 100:
        report(f"deploymentMinimumHealthyPercent is {percent}: fewer tasks while it is deployed")


ecs_rollback = rule(
    id="res-ecs-rollback",
    title="A release that fails is taken back, and the old one serves meanwhile.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(ECS_SERVICE,),
    condition="neither a circuit breaker nor alarms that roll back; a minimum of healthy tasks "
    "below 100 % of a service that answers",
    exceptions="controllers CODE_DEPLOY and EXTERNAL; the minimum of workers and of blue-green "
    "deployments",
    fix='deployment_circuit_breaker={"enable": True, "rollback": True}, '
    "deployment_minimum_healthy_percent=100",
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html",
    check=(_service_rolls_back, _service_keeps_serving),
    passes=[
        node(
            "api",
            ECS_SERVICE,
            {**_SERVING, "deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        )
    ],
    violates=[
        node(
            "api",
            ECS_SERVICE,
            {**_SERVING, "deploymentCircuitBreaker": {"enable": True, "rollback": False}},
        )
    ],
)


@for_each(BUCKET)
def _bucket_keeps_versions(stack: Stack, report: Report, bucket: Resource) -> None:
    if buckets.log_writers(stack, bucket):
        return
    separate = stack.sources(bucket, "bucket", BUCKET_VERSIONING)
    on = (
        any(v.text("versioningConfiguration.status") == "Enabled" for v in separate)
        if separate
        else bucket.flag("versioning.enabled")
    )
    if not on:
        report("has no versioning: what is overwritten or deleted is lost")


@for_each(BUCKET)
def _bucket_forgets(stack: Stack, report: Report, bucket: Resource) -> None:
    rules = [
        *(
            view
            for configuration in stack.sources(bucket, "bucket", BUCKET_LIFECYCLE)
            for view in configuration.views("rules")
            if view.text("status", "Enabled") == "Enabled"
        ),
        *(view for view in bucket.views("lifecycleRules") if view.flag("enabled")),
    ]
    if not rules:
        report("has no lifecycle: it only grows")
        return
    if buckets.log_writers(stack, bucket):
        if not any(view.has("expiration") for view in rules):
            report("its lifecycle never expires a log")
        return
    if not any(view.has("noncurrentVersionExpiration") for view in rules):
        report("its lifecycle never expires old versions")
    aborts = ("abortIncompleteMultipartUpload", "abortIncompleteMultipartUploadDays")
    if not any(view.has(path) for view in rules for path in aborts):
        report("its lifecycle never ends unfinished uploads")


_LIFECYCLE = {
    "id": "old",
    "status": "Enabled",
    "noncurrentVersionExpiration": {"noncurrentDays": 30},
    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
}

s3_versioned = rule(
    id="res-s3-versioned",
    title="A bucket keeps old versions, and not for ever.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(BUCKET, BUCKET_VERSIONING, BUCKET_LIFECYCLE),
    condition="a bucket without versioning, or without a lifecycle that expires old versions and "
    "ends unfinished uploads",
    exceptions="buckets that logs are written into need only a lifecycle that expires them",
    fix='aws.s3.BucketVersioning(bucket=bucket.id, versioning_configuration={"status": "Enabled"}) '
    "and an aws.s3.BucketLifecycleConfiguration",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",
    anchors=anchors(
        fsbp="S3.13",
        security_hub="S3.14 S3.10",
        checkov="CKV_AWS_21 CKV2_AWS_61 CKV_AWS_300",
        cdk_nag="S3BucketVersioningEnabled",
        prowler="s3_bucket_object_versioning s3_bucket_lifecycle_enabled",
        cfn_guard="s3_bucket_versioning_enabled",
        trivy="AWS-0090",
    ),
    stack_check=(_bucket_keeps_versions, _bucket_forgets),
    passes=[
        node("assets", BUCKET),
        node(
            "versions",
            BUCKET_VERSIONING,
            {"bucket": "${assets.id}", "versioningConfiguration": {"status": "Enabled"}},
        ),
        node("lifecycle", BUCKET_LIFECYCLE, {"bucket": "${assets.id}", "rules": [_LIFECYCLE]}),
    ],
    violates=[
        node("assets", BUCKET),
        node(
            "versions",
            BUCKET_VERSIONING,
            {"bucket": "${assets.id}", "versioningConfiguration": {"status": "Suspended"}},
        ),
        node("lifecycle", BUCKET_LIFECYCLE, {"bucket": "${assets.id}", "rules": [_LIFECYCLE]}),
    ],
)

_KEPT = (
    DB_INSTANCE,
    DB_CLUSTER,
    BUCKET,
    DYNAMODB_TABLE,
    FILE_SYSTEM,
    KEY,
    ZONE,
    BACKUP_VAULT,
)


@for_each(*_KEPT)
def _pulumi_keeps_it(stack: Stack, report: Report, resource: Resource) -> None:
    if resource.protect or _is_replica(resource) or _encrypts_messages_only(stack, resource):
        return
    report("is not protected: `pulumi destroy`, or a changed name, deletes it")


def _encrypts_messages_only(stack: Stack, resource: Resource) -> bool:
    """Whether it is a key of topics and queues: what it encrypts is gone within days anyway."""
    if resource.kind != KEY:
        return False
    users = {
        user.kind
        for user in stack.resources
        if any(resource.urn in urns for urns in user.property_dependencies.values())
    }
    return bool(users & {TOPIC, QUEUE}) and users <= {TOPIC, QUEUE, "aws:kms/alias:Alias"}


@for_each(BUCKET, ZONE, BACKUP_VAULT)
def _deleting_is_not_emptying(_: Stack, report: Report, resource: Resource) -> None:
    if resource.flag("forceDestroy"):
        report("forceDestroy is true: deleting it deletes what is in it")


protect_stateful = rule(
    id="res-protect-stateful",
    title="Pulumi refuses to delete what holds data.",
    severity=Severity.HIGH,
    level=PRODUCTION,
    types=_KEPT,
    condition="a database, bucket, table, file system, key, zone or vault without the option "
    "protect, or with `forceDestroy`",
    exceptions="read replicas; keys that only topics and queues use, whose messages do not last",
    fix="opts=pulumi.ResourceOptions(protect=True), force_destroy=False",
    url="https://www.pulumi.com/docs/iac/concepts/resources/options/protect/",
    stack_check=(_pulumi_keeps_it, _deleting_is_not_emptying),
    passes=[node("orders", DB_INSTANCE, {"engine": "postgres"}, protect=True)],
    violates=[node("orders", DB_INSTANCE, {"engine": "postgres"})],
)


def _is_patched(store: Resource, report: Report) -> None:
    if not store.flag("autoMinorVersionUpgrade", True):
        report("autoMinorVersionUpgrade is false")


minor_upgrades = rule(
    id="res-minor-upgrades",
    title="Databases and caches take security patches by themselves.",
    severity=Severity.MEDIUM,
    level=ADVICE,
    types=(DB_INSTANCE, DB_CLUSTER, CACHE_GROUP),
    condition="`autoMinorVersionUpgrade` is false",
    exceptions="where each change has its window: an exemption",
    fix="auto_minor_version_upgrade=True",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Upgrading.html",
    anchors=anchors(
        fsbp="RDS.13 RDS.35 ElastiCache.2",
        cis="2.3.2",
        checkov="CKV_AWS_226 CKV_AWS_322",
        cdk_nag="RDSAutomaticMinorVersionUpgradeEnabled",
        prowler="rds_instance_minor_version_upgrade_enabled",
        cfn_guard="rds_automatic_minor_version_upgrade_enabled",
    ),
    check=_is_patched,
    passes=[node("orders", DB_INSTANCE, {"engine": "postgres"})],
    violates=[node("orders", DB_INSTANCE, {"autoMinorVersionUpgrade": False})],
)


@for_each(BACKUP_VAULT)
def _vault_is_locked(stack: Stack, report: Report, vault: Resource) -> None:
    if not stack.sources(vault, "backupVaultName", VAULT_LOCK):
        report("has no VaultLockConfiguration: whoever may delete backups deletes them first")


backup_vault_lock = rule(
    id="res-backup-vault-lock",
    title="Nobody deletes a backup before its time.",
    severity=Severity.MEDIUM,
    level=ADVICE,
    types=(BACKUP_VAULT, VAULT_LOCK),
    condition="a vault without a VaultLockConfiguration",
    fix="aws.backup.VaultLockConfiguration(backup_vault_name=vault.name, min_retention_days=1)",
    url="https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html",
    stack_check=_vault_is_locked,
    passes=[
        node("vault", BACKUP_VAULT),
        node("lock", VAULT_LOCK, {"backupVaultName": "${vault.name}", "minRetentionDays": 1}),
    ],
    violates=[node("vault", BACKUP_VAULT)],
)


def _targets_are_probed(group: Resource, report: Report) -> None:
    if group.text("protocol") not in ("HTTP", "HTTPS") or group.text("targetType") == "lambda":
        return
    if not group.flag("healthCheck.enabled", True):
        report("healthCheck.enabled is false")
    elif not group.text("healthCheck.path"):
        report("has no healthCheck.path: / is asked, which may not exist or may do much")


target_health_check = rule(
    id="res-target-health-check",
    title="A load balancer asks a path that says whether the target is well.",
    severity=Severity.LOW,
    level=ALWAYS,
    types=(TARGET_GROUP,),
    condition="an HTTP or HTTPS target group without `healthCheck.path`, or with its check off",
    exceptions="functions, and targets that speak something else",
    fix='health_check={"path": "/health", "matcher": "200"}',
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html",
    anchors=anchors(
        checkov="CKV_AWS_261",
    ),
    check=_targets_are_probed,
    passes=[
        node("api", TARGET_GROUP, {"protocol": "HTTP", "healthCheck": {"path": "/health"}}),
        node("tcp", TARGET_GROUP, {"protocol": "TCP"}),
    ],
    violates=[node("api", TARGET_GROUP, {"protocol": "HTTP", "healthCheck": {"interval": 10}})],
)


def _distribution_has_an_index(distribution: Resource, report: Report) -> None:
    target = distribution.text("defaultCacheBehavior.targetOriginId")
    for origin in distribution.views("origins"):
        if origin.text("originId") != target:
            continue
        bucket = not origin.has("customOriginConfig") and not origin.has("vpcOriginConfig")
        if bucket and not distribution.has("defaultRootObject"):
            report("serves a bucket and has no defaultRootObject: / lists or denies")


def _distribution_fails_over(distribution: Resource, report: Report) -> None:
    if report.option("requireFailover") and not distribution.items("originGroups"):
        report("has no originGroups to fail over to")
    kind = distribution.text("restrictions.geoRestriction.restrictionType", "none")
    if report.option("requireGeoRestriction") and kind == "none":
        report("restrictions.geoRestriction is none")


cloudfront_shape = rule(
    id="res-cloudfront-shape",
    title="A distribution that serves a bucket has a first page.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(DISTRIBUTION,),
    condition="a bucket as default origin without `defaultRootObject`; where asked for, no origin "
    "group or no geographic restriction",
    exceptions="APIs, which have no first page; failover and restrictions are asked for by option",
    fix='default_root_object="index.html"',
    url="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DefaultRootObject.html",
    anchors=anchors(
        fsbp="CloudFront.1 CloudFront.4",
        checkov="CKV_AWS_305 CKV_AWS_310 CKV_AWS_374",
        cdk_nag="AwsSolutions-CFR1",
        prowler="cloudfront_distributions_default_root_object",
    ),
    options={
        "requireFailover": Option(
            type="boolean", default=False, description="Whether an origin group is asked for."
        ),
        "requireGeoRestriction": Option(
            type="boolean", default=False, description="Whether countries must be chosen."
        ),
    },
    check=(_distribution_has_an_index, _distribution_fails_over),
    passes=[
        node(
            "cdn",
            DISTRIBUTION,
            {
                "defaultCacheBehavior": {"targetOriginId": "api"},
                "origins": [
                    {"originId": "api", "customOriginConfig": {"httpPort": 80}},
                    {"originId": "assets", "domainName": "assets.s3.amazonaws.com"},
                ],
            },
        )
    ],
    violates=[
        node(
            "cdn",
            DISTRIBUTION,
            {
                "defaultCacheBehavior": {"targetOriginId": "assets"},
                "origins": [{"originId": "assets", "domainName": "assets.s3.amazonaws.com"}],
            },
        )
    ],
)


@for_each(ZONE)
def _zone_is_signed(stack: Stack, report: Report, zone: Resource) -> None:
    if not zone.items("vpcs") and not stack.sources(zone, "hostedZoneId", DNSSEC):
        report("has no HostedZoneDnsSec: answers in its name can be forged")


dnssec = rule(
    id="res-dnssec",
    title="A public zone is signed.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(ZONE, DNSSEC),
    condition="a public zone without a HostedZoneDnsSec",
    exceptions="private zones; registrars that take no DS record: an exemption",
    fix="aws.route53.KeySigningKey(...) and aws.route53.HostedZoneDnsSec(hosted_zone_id=zone.id)",
    url="https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-configuring-dnssec.html",
    anchors=anchors(
        checkov="CKV2_AWS_38",
    ),
    stack_check=_zone_is_signed,
    passes=[
        node("zone", ZONE, {"name": "example.com"}),
        node("signing", DNSSEC, {"hostedZoneId": "${zone.id}"}),
    ],
    violates=[node("zone", ZONE, {"name": "example.com"})],
)

RULES: tuple[Rule, ...] = (
    rds_multi_az,
    rds_backup,
    rds_delete_protected,
    cache_ha,
    backup_coverage,
    alb,
    ecs_ha,
    ecs_rollback,
    s3_versioned,
    protect_stateful,
    minor_upgrades,
    backup_vault_lock,
    target_health_check,
    cloudfront_shape,
    dnssec,
)
