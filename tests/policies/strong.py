"""Resources as they should be, each with all that belongs to it.

The weak stack is made of these: it changes one thing, and everything else must pass.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

ACCOUNT = "123456789012"
REGION = "eu-west-1"
DIGEST = "sha256:" + "5f" * 32
ROOT = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
THIS_ACCOUNT = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
MODERN = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
PROTECTED = pulumi.ResourceOptions(protect=True)
DAILY = {"Backup": "daily"}


def document(*statements: Mapping[str, Any], version: str = "2012-10-17") -> pulumi.Output[str]:
    """A policy document; ARNs in it may be outputs."""
    return pulumi.Output.json_dumps({"Version": version, "Statement": list(statements)})


def allow(action: Any, resource: Any, **condition: Mapping[str, Any]) -> dict[str, Any]:
    """A statement of an identity policy."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


def trust(service: str, condition: Mapping[str, Any] | None = THIS_ACCOUNT) -> dict[str, Any]:
    """A statement by which a service may assume a role."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return statement | ({"Condition": condition} if condition else {})


def only_tls(resource: Any, *actions: str) -> dict[str, Any]:
    """The statement that refuses plain HTTP."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(actions),
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def role(name: str, *statements: Mapping[str, Any], **more: Any) -> aws.iam.Role:
    """A role of tasks, with one policy of these statements."""
    made = aws.iam.Role(
        name,
        assume_role_policy=more.pop("trusts", document(trust("ecs-tasks.amazonaws.com"))),
        **more,
    )
    if statements:
        aws.iam.RolePolicy(f"{name}-policy", role=made.name, policy=document(*statements))
    return made


def key(name: str, *services: str, options: Any = PROTECTED, **more: Any) -> aws.kms.Key:
    """A key that rotates, that the account administers, and that services may use for it."""
    statements = [ROOT]
    if services:
        statements.append(
            {
                "Effect": "Allow",
                "Principal": {"Service": list(services)},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
                "Condition": THIS_ACCOUNT,
            }
        )
    return aws.kms.Key(
        name,
        opts=options,
        **{
            "enable_key_rotation": True,
            "deletion_window_in_days": 30,
            "policy": document(*statements),
            **more,
        },
    )


def log_group(name: str, encryption: aws.kms.Key, /, **more: Any) -> aws.cloudwatch.LogGroup:
    """A log group that is encrypted and kept for a year."""
    return aws.cloudwatch.LogGroup(
        name, **{"retention_in_days": 365, "kms_key_id": encryption.arn, **more}
    )


EXPIRES = {
    "id": "old",
    "status": "Enabled",
    "noncurrent_version_expiration": {"noncurrent_days": 90},
    "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
}


def bucket(
    name: str,
    encryption: aws.kms.Key,
    logs: aws.s3.Bucket | None,
    *,
    without: Sequence[str] = (),
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    options: Any = PROTECTED,
    spelling: Any = aws.s3.Bucket,
    **more: Any,
) -> Any:
    """A bucket with its seven companions, but for those named in `without`."""
    made = spelling(name, opts=options, **{"tags": DAILY, **more})
    changes = changes or {}

    def beside(part: str, type_: Any, **properties: Any) -> None:
        if part not in without:
            type_(f"{name}-{part}", bucket=made.id, **{**properties, **changes.get(part, {})})

    beside(
        "block",
        aws.s3.BucketPublicAccessBlock,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    beside(
        "encryption",
        aws.s3.BucketServerSideEncryptionConfiguration,
        rules=[
            {
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": "aws:kms",
                    "kms_master_key_id": encryption.arn,
                },
                "bucket_key_enabled": True,
            }
        ],
    )
    beside("versioning", aws.s3.BucketVersioning, versioning_configuration={"status": "Enabled"})
    beside("lifecycle", aws.s3.BucketLifecycleConfiguration, rules=[EXPIRES])
    beside(
        "policy",
        aws.s3.BucketPolicy,
        policy=document(only_tls([made.arn, pulumi.Output.concat(made.arn, "/*")], "s3:*")),
    )
    if logs is not None:
        beside("logging", aws.s3.BucketLogging, target_bucket=logs.id, target_prefix=f"{name}/")
    return made


def log_bucket(name: str) -> aws.s3.Bucket:
    """A bucket that load balancers and S3 write logs into: S3's own key is all they can use."""
    made = aws.s3.Bucket(name, opts=PROTECTED)
    aws.s3.BucketPublicAccessBlock(
        f"{name}-block",
        bucket=made.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    aws.s3.BucketLifecycleConfiguration(
        f"{name}-lifecycle",
        bucket=made.id,
        rules=[{"id": "old", "status": "Enabled", "expiration": {"days": 400}}],
    )
    aws.s3.BucketPolicy(
        f"{name}-policy",
        bucket=made.id,
        policy=document(only_tls([made.arn, pulumi.Output.concat(made.arn, "/*")], "s3:*")),
    )
    return made


def topic(
    name: str, encryption: Any, *, policy: bool = True, tls: bool = True, heard: bool = True
) -> aws.sns.Topic:
    """A topic that refuses plain HTTP and that somebody hears."""
    made = aws.sns.Topic(name, kms_master_key_id=encryption)
    statements: list[Mapping[str, Any]] = [
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": made.arn,
            "Condition": THIS_ACCOUNT,
        }
    ]
    if tls:
        statements.append(only_tls(made.arn, "sns:Publish"))
    if policy:
        aws.sns.TopicPolicy(f"{name}-policy", arn=made.arn, policy=document(*statements))
    if heard:
        aws.sns.TopicSubscription(
            f"{name}-mail", topic=made.arn, protocol="email", endpoint="on-call@shop.example"
        )
    return made


def alarms(name: str, told: aws.sns.Topic, namespace: str, dimensions: Any, *metrics: str) -> None:
    """An alarm on each of these metrics."""
    for metric in metrics:
        aws.cloudwatch.MetricAlarm(
            f"{name}-{metric.lower()}",
            namespace=namespace,
            metric_name=metric,
            dimensions=dimensions,
            comparison_operator="GreaterThanThreshold",
            evaluation_periods=3,
            period=60,
            statistic="Average",
            threshold=80,
            alarm_actions=[told.arn],
        )


def watch_database(name: str, told: aws.sns.Topic, instance: aws.rds.Instance) -> None:
    """What fails first of a database."""
    metrics = ("FreeStorageSpace", "CPUUtilization", "DatabaseConnections")
    alarms(name, told, "AWS/RDS", {"DBInstanceIdentifier": instance.identifier}, *metrics)


def watch_cache(name: str, told: aws.sns.Topic, group: aws.elasticache.ReplicationGroup) -> None:
    """What fails first of a cache."""
    metrics = ("EngineCPUUtilization", "DatabaseMemoryUsagePercentage", "Evictions")
    alarms(
        name, told, "AWS/ElastiCache", {"ReplicationGroupId": group.replication_group_id}, *metrics
    )


def watch_balancer(name: str, told: aws.sns.Topic, balancer: Any) -> None:
    """What fails first of a load balancer."""
    metrics = (
        "HTTPCode_Target_5XX_Count",
        "HTTPCode_ELB_5XX_Count",
        "UnHealthyHostCount",
        "TargetResponseTime",
    )
    alarms(name, told, "AWS/ApplicationELB", {"LoadBalancer": balancer.arn_suffix}, *metrics)


def watch_service(name: str, told: aws.sns.Topic, cluster: Any, service: aws.ecs.Service) -> None:
    """What fails first of a service."""
    dimensions = {"ClusterName": cluster.name, "ServiceName": service.name}
    metrics = ("CPUUtilization", "MemoryUtilization", "RunningTaskCount")
    alarms(name, told, "AWS/ECS", dimensions, *metrics)


def balancer(
    name: str, logs: aws.s3.Bucket, *, spelling: Any = aws.lb.LoadBalancer, **more: Any
) -> Any:
    """An application load balancer that logs, drops malformed headers and is not deleted."""
    return spelling(
        name,
        **{
            "load_balancer_type": "application",
            "drop_invalid_header_fields": True,
            "enable_deletion_protection": True,
            "access_logs": {"bucket": logs.bucket, "enabled": True},
            "connection_logs": {"bucket": logs.bucket, "enabled": True},
            **more,
        },
    )


HSTS = "max-age=31536000; includeSubDomains"


def listener(
    name: str, balancer: Any, certificate: Any, *, spelling: Any = aws.lb.Listener, **more: Any
) -> Any:
    """An HTTPS listener that refuses what no rule knows."""
    return spelling(
        name,
        load_balancer_arn=balancer.arn,
        **{
            "port": 443,
            "protocol": "HTTPS",
            "ssl_policy": MODERN,
            "certificate_arn": certificate,
            "routing_http_response_strict_transport_security_header_value": HSTS,
            "default_actions": [
                {
                    "type": "fixed-response",
                    "fixed_response": {"content_type": "text/plain", "status_code": "404"},
                }
            ],
            **more,
        },
    )


def container(name: str, image: Any, **changes: Any) -> dict[str, Any]:
    """A container definition."""
    return {
        "name": name,
        "image": image,
        "user": "10001:10001",
        "readonlyRootFilesystem": True,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}, "initProcessEnabled": True},
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": name, "mode": "non-blocking"},
        },
        **changes,
    }


def task(
    name: str, *containers: Mapping[str, Any], runs_as: Any, starts_as: Any, **more: Any
) -> aws.ecs.TaskDefinition:
    """A task definition for ARM, in its own network."""
    return aws.ecs.TaskDefinition(
        name,
        family=name,
        container_definitions=pulumi.Output.json_dumps(list(containers)),
        task_role_arn=runs_as.arn,
        execution_role_arn=starts_as.arn,
        **{
            "cpu": "512",
            "memory": "1024",
            "network_mode": "awsvpc",
            "requires_compatibilities": ["FARGATE"],
            "runtime_platform": {
                "cpu_architecture": "ARM64",
                "operating_system_family": "LINUX",
            },
            **more,
        },
    )


def service(
    name: str, cluster: Any, definition: Any, subnets: Any, groups: Any, **more: Any
) -> aws.ecs.Service:
    """A service of two tasks in private subnets that rolls back."""
    return aws.ecs.Service(
        name,
        cluster=cluster.arn,
        task_definition=definition.arn,
        **{
            "desired_count": 2,
            "launch_type": "FARGATE",
            "network_configuration": {
                "subnets": subnets,
                "security_groups": groups,
                "assign_public_ip": False,
            },
            "deployment_circuit_breaker": {"enable": True, "rollback": True},
            **more,
        },
    )


def database(
    name: str, encryption: aws.kms.Key, monitoring: aws.iam.Role, **more: Any
) -> aws.rds.Instance:
    """A PostgreSQL that is encrypted, private, doubled, backed up and measured."""
    options = more.pop("options", PROTECTED)
    return aws.rds.Instance(
        name,
        opts=options,
        **{
            "identifier": name,
            "engine": "postgres",
            "engine_version": "17",
            "instance_class": "db.t4g.medium",
            "allocated_storage": 20,
            "max_allocated_storage": 100,
            "storage_type": "gp3",
            "storage_encrypted": True,
            "kms_key_id": encryption.arn,
            "performance_insights_enabled": True,
            "performance_insights_kms_key_id": encryption.arn,
            "username": f"{name}_owner",
            "manage_master_user_password": True,
            "iam_database_authentication_enabled": True,
            "multi_az": True,
            "backup_retention_period": 14,
            "copy_tags_to_snapshot": True,
            "deletion_protection": True,
            "skip_final_snapshot": False,
            "final_snapshot_identifier": f"{name}-final",
            "monitoring_interval": 60,
            "monitoring_role_arn": monitoring.arn,
            "enabled_cloudwatch_logs_exports": ["postgresql", "upgrade"],
            "tags": DAILY,
            **more,
        },
    )


def cache(name: str, encryption: aws.kms.Key, **more: Any) -> aws.elasticache.ReplicationGroup:
    """A Valkey of two nodes that asks who connects."""
    return aws.elasticache.ReplicationGroup(
        name,
        **{
            "description": f"Cache {name}",
            "replication_group_id": name,
            "engine": "valkey",
            "node_type": "cache.t4g.small",
            "num_cache_clusters": 2,
            "automatic_failover_enabled": True,
            "multi_az_enabled": True,
            "at_rest_encryption_enabled": True,
            "kms_key_id": encryption.arn,
            "transit_encryption_enabled": True,
            "transit_encryption_mode": "required",
            "user_group_ids": ["applications"],
            "snapshot_retention_limit": 7,
            **more,
        },
    )


def secret(name: str, encryption: aws.kms.Key, **more: Any) -> aws.secretsmanager.Secret:
    """A secret under a key of our own."""
    return aws.secretsmanager.Secret(
        name, **{"kms_key_id": encryption.arn, "recovery_window_in_days": 30, **more}
    )


def function(name: str, runs_as: aws.iam.Role, **more: Any) -> aws.lambda_.Function:
    """A function on ARM that is traced and loses no event."""
    return aws.lambda_.Function(
        name,
        role=runs_as.arn,
        **{
            "runtime": "python3.13",
            "handler": "main.handle",
            "architectures": ["arm64"],
            "code": pulumi.AssetArchive({"main.py": pulumi.StringAsset("")}),
            "tracing_config": {"mode": "Active"},
            "reserved_concurrent_executions": 5,
            **more,
        },
    )


def assets_behaviour(origin: str, **more: Any) -> dict[str, Any]:
    """A cache behaviour that sends viewers to HTTPS."""
    return {
        "target_origin_id": origin,
        "viewer_protocol_policy": "redirect-to-https",
        "allowed_methods": ["GET", "HEAD"],
        "cached_methods": ["GET", "HEAD"],
        **more,
    }


VISIBLE = {
    "cloudwatch_metrics_enabled": True,
    "sampled_requests_enabled": True,
    "metric_name": "shop",
}


def managed_rules(name: str, priority: int, override: str = "none") -> dict[str, Any]:
    """A rule that includes one of AWS's groups."""
    return {
        "name": name,
        "priority": priority,
        "override_action": {override: {}},
        "statement": {"managed_rule_group_statement": {"name": name, "vendor_name": "AWS"}},
        "visibility_config": VISIBLE,
    }


def rate_limit(action: str = "block") -> dict[str, Any]:
    """A rule that stops who asks too often."""
    return {
        "name": "rate",
        "priority": 0,
        "action": {action: {}},
        "statement": {"rate_based_statement": {"limit": 2000, "aggregate_key_type": "IP"}},
        "visibility_config": VISIBLE,
    }


COMMON = "AWSManagedRulesCommonRuleSet"
BAD_INPUTS = "AWSManagedRulesKnownBadInputsRuleSet"


def web_acl(name: str, scope: str, rules: Sequence[Any]) -> aws.wafv2.WebAcl:
    """A web ACL that lets through what no rule stops."""
    return aws.wafv2.WebAcl(
        name,
        scope=scope,
        default_action={"allow": {}},
        rules=list(rules),
        visibility_config=VISIBLE,
    )
