"""What is worth waking somebody for: metric, threshold and the reason, for each part of the stack.

A threshold is a share of what was configured wherever there is one, so that resizing a database
moves its alarm with it. Metric names and dimensions are those of the AWS documentation linked at
each function; dimension values are whatever the caller has (ids are unknown before a deployment).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from components.waf_rules import WafEffect

GIBIBYTE = 1024**3
MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Metric(TypedDict):
    """One series that an expression refers to."""

    namespace: str
    metric: str
    dimensions: Mapping[str, Any]
    statistic: str


class AlarmRule(TypedDict):
    """One alarm, as `components.alarms.Alarms` creates it.

    It watches one metric, or an `expression` over several:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """

    name: str
    """Short name, unique within its set."""
    description: str
    """What is wrong when it fires, and why the threshold is where it is."""
    namespace: str
    metric: str
    dimensions: Mapping[str, Any]
    statistic: str
    """`Sum`, `Average`, `Minimum`, `Maximum`, or a percentile such as `p99`."""
    comparison: str
    threshold: float
    period: int
    """Seconds."""
    periods: int
    """Periods that are looked at."""
    breaching: int
    """Periods out of those that must breach."""
    missing: str
    """How absent data counts: `notBreaching`, `breaching`, `ignore` or `missing`."""
    expressions: NotRequired[Mapping[str, str]]
    """Metric math by id, the last one compared with the threshold; the single metric is then left
    empty. Defaults to none."""
    metrics: NotRequired[Mapping[str, Metric]]
    """What the expressions refer to, by id."""


def metric(namespace: str, name: str, dimensions: Mapping[str, Any], statistic: str) -> Metric:
    """A series for an expression."""
    return {
        "namespace": namespace,
        "metric": name,
        "dimensions": dimensions,
        "statistic": statistic,
    }


def math(
    name: str,
    description: str,
    expressions: Mapping[str, str],
    metrics: Mapping[str, Metric],
    *,
    threshold: float,
    comparison: str = "GreaterThanThreshold",
    period: int = MINUTE,
    periods: int = 5,
    breaching: int = 3,
    missing: str = "notBreaching",
) -> AlarmRule:
    """An alarm on an expression over several series."""
    rule = _rule(
        name,
        description,
        "",
        "",
        {},
        statistic="",
        threshold=threshold,
        comparison=comparison,
        period=period,
        periods=periods,
        breaching=breaching,
        missing=missing,
    )
    rule["expressions"], rule["metrics"] = expressions, metrics
    return rule


def while_awake(rule: AlarmRule, awake: str, otherwise: float) -> AlarmRule:
    """The same alarm, deaf at the hours when the stack sleeps.

    Args:
        rule: An alarm on one metric.
        awake: What `components.off_hours.awake` returned; empty for a stack that never sleeps.
        otherwise: What the metric counts as at other hours: a value that is well.
    """
    if not awake:
        return rule
    return math(
        rule["name"],
        f"{rule['description']} Not while the stack sleeps.",
        {"hour": "DAY(m) * 24 + HOUR(m)", "seen": f"IF({awake}, m, {otherwise:g})"},
        {"m": metric(rule["namespace"], rule["metric"], rule["dimensions"], rule["statistic"])},
        threshold=rule["threshold"],
        comparison=rule["comparison"],
        period=rule["period"],
        periods=rule["periods"],
        breaching=rule["breaching"],
        missing=rule["missing"],
    )


def _rule(
    name: str,
    description: str,
    namespace: str,
    metric: str,
    dimensions: Mapping[str, Any],
    *,
    statistic: str,
    threshold: float,
    comparison: str = "GreaterThanThreshold",
    period: int = MINUTE,
    periods: int = 5,
    breaching: int = 3,
    missing: str = "notBreaching",
) -> AlarmRule:
    return {
        "name": name,
        "description": description,
        "namespace": namespace,
        "metric": metric,
        "dimensions": dimensions,
        "statistic": statistic,
        "comparison": comparison,
        "threshold": threshold,
        "period": period,
        "periods": periods,
        "breaching": breaching,
        "missing": missing,
    }


def load_balancer(arn_suffix: Any, awake: str = "") -> Sequence[AlarmRule]:
    """Alarms of one application load balancer.

    Without tasks, at night, it answers 503 to whoever asks; that is no news.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """
    dimensions = {"LoadBalancer": arn_suffix}
    namespace = "AWS/ApplicationELB"
    errors = _rule(
        "errors",
        "The load balancer itself answers 5xx: no target could take the request. More than five a"
        " minute is not one client's bad luck.",
        namespace,
        "HTTPCode_ELB_5XX_Count",
        dimensions,
        statistic="Sum",
        threshold=5,
    )
    return [
        while_awake(errors, awake, 0),
        _rule(
            "rejected-connections",
            "The load balancer is at its connection limit; any rejection is a lost request.",
            namespace,
            "RejectedConnectionCount",
            dimensions,
            statistic="Sum",
            threshold=0,
            breaching=1,
        ),
    ]


def distribution(distribution_id: Any) -> Sequence[AlarmRule]:
    """Alarm of a distribution, whose metrics exist in us-east-1 only.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
    """
    return [
        _rule(
            "errors",
            "More than one request in twenty fails with 5xx: at CloudFront, which has no way to the"
            " load balancer, or behind it, whose own alarms then fire too.",
            "AWS/CloudFront",
            "5xxErrorRate",
            {"DistributionId": distribution_id, "Region": "Global"},
            statistic="Average",
            threshold=5,
        )
    ]


def web_acl(metric_name: Any, region: str, effects: Mapping[str, WafEffect]) -> Sequence[AlarmRule]:
    """Alarms of a web ACL: one for each rule that blocks, or counts what it would block.

    A rule that lets in has a metric and no alarm: its matches are wanted. The region is "" for an
    ACL in front of a distribution, whose metrics have no such dimension.
    https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
    """
    where = {"Region": region} if region else {}
    return [
        _rule(
            name,
            _MATCHES_MEAN.get(name, _MATCHES_MEAN["rate" if name.startswith("rate-") else ""])
            + (
                ""
                if effect is WafEffect.BLOCK
                else " Counted only: look at them before the rule blocks."
            ),
            "AWS/WAFV2",
            "BlockedRequests" if effect is WafEffect.BLOCK else "CountedRequests",
            {"WebACL": metric_name, "Rule": name, **where},
            statistic="Sum",
            threshold=_MATCHES_EXPECTED.get(name, 100),
            period=5 * MINUTE,
            periods=3,
            breaching=2,
        )
        for name, effect in effects.items()
    ]


_MATCHES_MEAN = {
    "rate": "An address keeps sending more than its limit: a flood, or a client that retries"
    " without end.",
    "body-size": "Requests have larger bodies than the API takes: most likely a client of ours that"
    " now gets 403.",
    "ip-reputation": "Many requests come from addresses of bad repute. The background noise of the"
    " internet is far below this.",
    "": "Requests look like attacks, more than scanners send in passing: somebody tries, or a rule"
    " takes a client of ours for an attacker.",
}
"""What it means when a rule matches often; "" for every other rule."""
_MATCHES_EXPECTED = {"body-size": 10, "ip-reputation": 1000}
"""Matches in five minutes that are nobody's business."""


def public_service(
    target_group_suffix: Any, load_balancer_suffix: Any, latency_seconds: float = 1
) -> Sequence[AlarmRule]:
    """Alarms of what callers of one service see; they also stop and undo a deployment.

    `latency_seconds` is what the service promises for most requests.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """
    dimensions = {"TargetGroup": target_group_suffix, "LoadBalancer": load_balancer_suffix}
    namespace = "AWS/ApplicationELB"
    return [
        _rule(
            "target-errors",
            "The service answers 5xx more than five times a minute.",
            namespace,
            "HTTPCode_Target_5XX_Count",
            dimensions,
            statistic="Sum",
            threshold=5,
        ),
        _rule(
            "latency",
            f"One request in twenty takes longer than the {latency_seconds:g} s that are promised.",
            namespace,
            "TargetResponseTime",
            dimensions,
            statistic="p95",
            threshold=latency_seconds,
        ),
        _rule(
            "latency-tail",
            "One request in a hundred takes longer than twice what is promised.",
            namespace,
            "TargetResponseTime",
            dimensions,
            statistic="p99",
            threshold=2 * latency_seconds,
        ),
        _rule(
            "unhealthy-targets",
            "A task fails its health check for three minutes: longer than a start takes.",
            namespace,
            "UnHealthyHostCount",
            dimensions,
            statistic="Maximum",
            threshold=0,
        ),
    ]


def service(
    cluster_name: Any, service_name: Any, max_count: int, *, scales: bool, sleeps: bool
) -> Sequence[AlarmRule]:
    """Alarms of one ECS service.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-enhanced-observability-metrics-ECS.html

    Args:
        cluster_name: Cluster of the service.
        service_name: Name of the service in it.
        max_count: Most tasks that autoscaling starts.
        scales: Whether autoscaling sets the number of tasks at all.
        sleeps: Whether it has no task at certain hours.
    """
    dimensions = {"ClusterName": cluster_name, "ServiceName": service_name}
    insights = "ECS/ContainerInsights"
    rules = [
        _rule(
            f"{name.removesuffix('Utilization').lower()}",
            f"{name} stays above 90 % for fifteen minutes: autoscaling did not help, so the"
            " service is at its maximum or a task is too small.",
            "AWS/ECS",
            name,
            dimensions,
            statistic="Average",
            threshold=90,
            periods=15,
            breaching=15,
        )
        for name in ("CPUUtilization", "MemoryUtilization")
    ]
    rules.append(
        math(
            "running-tasks",
            "Fewer tasks run than are wanted, for ten minutes: longer than one takes to start.",
            {"lacking": "FILL(desired, 0) - FILL(running, 0)"},
            {
                "desired": metric(insights, "DesiredTaskCount", dimensions, "Maximum"),
                "running": metric(insights, "RunningTaskCount", dimensions, "Minimum"),
            },
            threshold=0,
            periods=10,
            breaching=10,
            # Without a service both metrics stop: the worst case must not look like silence. One
            # that sleeps has no task to be counted, and should have none.
            missing="notBreaching" if sleeps else "breaching",
        )
    )
    if scales:
        rules.append(
            _rule(
                "at-maximum",
                f"All {max_count} tasks that there may be have run for half an hour: more load"
                " will find no more of them.",
                insights,
                "RunningTaskCount",
                dimensions,
                statistic="Minimum",
                comparison="GreaterThanOrEqualToThreshold",
                threshold=max_count,
                periods=30,
                breaching=30,
            )
        )
    return rules


def tasks(namespace: str, group: Any, *, on_spot: bool) -> Sequence[AlarmRule]:
    """Alarms of how the tasks of one service, or of one job, end.

    The metrics are made of events by `components.stack_events.StackEvents`.

    Args:
        namespace: Namespace of these metrics.
        group: What ECS calls the group of the tasks: `service:<name>` or `family:<name>`.
        on_spot: Whether the tasks may be interrupted.
    """
    dimensions = {"TaskGroup": group}
    rules = [
        _rule(
            "stopped-tasks",
            "Three tasks in fifteen minutes failed or did not start: one is an accident, three are"
            " a crash loop.",
            namespace,
            "StoppedTasks",
            dimensions,
            statistic="Sum",
            comparison="GreaterThanOrEqualToThreshold",
            threshold=3,
            period=15 * MINUTE,
            periods=1,
            breaching=1,
        )
    ]
    if on_spot:
        rules.append(
            _rule(
                "interruptions",
                "Spot took three tasks within an hour: this capacity is scarce just now. Single"
                " interruptions are its price.",
                namespace,
                "SpotInterruptions",
                dimensions,
                statistic="Sum",
                comparison="GreaterThanOrEqualToThreshold",
                threshold=3,
                period=HOUR,
                periods=1,
                breaching=1,
            )
        )
    return rules


def job(namespace: str, group: Any, queue_name: Any) -> Sequence[AlarmRule]:
    """Alarms of one scheduled job: it did not start, or its task failed."""
    return [
        _rule(
            "failed",
            "The job's task failed, or could not be started. It is not repeated by itself.",
            namespace,
            "StoppedTasks",
            {"TaskGroup": group},
            statistic="Sum",
            threshold=0,
            period=5 * MINUTE,
            periods=1,
            breaching=1,
        ),
        _rule(
            "not-started",
            "The scheduler gave up starting the job; what it tried is in the queue.",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": queue_name},
            statistic="Maximum",
            threshold=0,
            period=5 * MINUTE,
            periods=1,
            breaching=1,
        ),
    ]


_OF_EVENTS = {
    "FailedDeployments": "A deployment of a service failed and was rolled back: the new version"
    " does not run.",
    "UnplacedTasks": "ECS cannot start tasks: no capacity, no address left, or an image that cannot"
    " be pulled.",
    "FailedBackups": "A backup job failed, expired or was aborted: the newest backup is older than"
    " it should be.",
    "FailedRotations": "A secret could not be rotated: the old one stays valid for longer than"
    " intended.",
}


def events(namespace: str, names: Sequence[str]) -> Sequence[AlarmRule]:
    """Alarms of what happens once and has no metric of its own."""
    return [
        _rule(
            _kebab(name),
            _OF_EVENTS[name],
            namespace,
            name,
            {},
            statistic="Sum",
            threshold=0,
            period=5 * MINUTE,
            periods=1,
            breaching=1,
        )
        for name in names
    ]


def _kebab(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


NAT_GIB_PER_HOUR = 10
"""At ten GiB an hour a gateway's data costs ten times what the gateway does (0.045 USD an hour, and
0.045 USD a GiB in us-east-1): https://aws.amazon.com/vpc/pricing/"""


def nat_gateway(gateway_id: Any) -> Sequence[AlarmRule]:
    """Alarms of one NAT gateway.

    https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html
    """
    dimensions, namespace = {"NatGatewayId": gateway_id}, "AWS/NATGateway"
    return [
        _rule(
            "ports",
            "The gateway has no port left for a connection to some destination (55,000 for each"
            " address it has): calls fail at random.",
            namespace,
            "ErrorPortAllocation",
            dimensions,
            statistic="Sum",
            threshold=0,
            breaching=1,
        ),
        math(
            "bytes",
            f"More than {NAT_GIB_PER_HOUR} GiB an hour for three hours: data costs ten times what"
            " the gateway does, because an endpoint is missing or somebody carries data away.",
            {"bytes": "FILL(sent, 0) + FILL(received, 0)"},
            {
                "sent": metric(namespace, "BytesOutToDestination", dimensions, "Sum"),
                "received": metric(namespace, "BytesInFromDestination", dimensions, "Sum"),
            },
            threshold=NAT_GIB_PER_HOUR * GIBIBYTE,
            period=HOUR,
            periods=3,
            breaching=3,
        ),
    ]


def certificate(arn: Any) -> Sequence[AlarmRule]:
    """Alarm of one certificate, which ACM renews 60 days before its end.

    https://docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
    """
    return [
        _rule(
            "expiry",
            "Less than 30 days are left: ACM has tried to renew for a month, so a validation record"
            " is missing.",
            "AWS/CertificateManager",
            "DaysToExpiry",
            {"CertificateArn": arn},
            statistic="Minimum",
            comparison="LessThanThreshold",
            threshold=30,
            period=DAY,
            periods=1,
            breaching=1,
            # Sent twice a day, and not at all in the first hours.
            missing="ignore",
        )
    ]


def backup_vault(vault_name: Any) -> Sequence[AlarmRule]:
    """Alarm of the age of the newest backup in a vault that is filled every night.

    https://docs.aws.amazon.com/aws-backup/latest/devguide/cloudwatch.html
    """
    return [
        _rule(
            "age",
            "No backup was completed for two days. It fires in a new stack, too, until its first.",
            "AWS/Backup",
            "NumberOfBackupJobsCompleted",
            {"BackupVaultName": vault_name},
            statistic="Sum",
            comparison="LessThanThreshold",
            threshold=1,
            period=DAY,
            periods=2,
            breaching=2,
            missing="breaching",
        )
    ]


_SIZES_GIB = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16}
_MEMORY_PER_CPU = {"c": 0.5, "r": 2, "x": 4, "z": 2}
"""Memory relative to a general-purpose class of the same size:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html"""


def connection_limit(instance_class: str) -> int:
    """About how many connections PostgreSQL takes on an instance of this class.

    RDS's default of max_connections is LEAST(DBInstanceClassMemory / 9531392, 5000):
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections
    """
    return min(int(memory_bytes(instance_class) / 9_531_392), 5000)


def memory_bytes(instance_class: str) -> float:
    """Memory of an instance of this class."""
    _, family, size = instance_class.split(".")
    multiple = int(size.removesuffix("xlarge") or 1) if size.endswith("xlarge") else 1
    gib = _SIZES_GIB["xlarge" if size.endswith("xlarge") else size] * multiple
    return gib * _MEMORY_PER_CPU.get(family[0], 1) * GIBIBYTE


def database(identifier: Any, storage_gib: int, instance_class: str) -> Sequence[AlarmRule]:
    """Alarms of one RDS instance.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
    """
    connections = connection_limit(instance_class)
    dimensions = {"DBInstanceIdentifier": identifier}
    return [
        _rule(
            "cpu",
            "The database's processors are above 90 % for fifteen minutes.",
            "AWS/RDS",
            "CPUUtilization",
            dimensions,
            statistic="Average",
            threshold=90,
            periods=15,
            breaching=15,
        ),
        _rule(
            "free-storage",
            "Less than a tenth of the storage is free: storage autoscaling is at its limit or"
            " waits out its six hours between two steps.",
            "AWS/RDS",
            "FreeStorageSpace",
            dimensions,
            statistic="Minimum",
            comparison="LessThanThreshold",
            threshold=storage_gib * GIBIBYTE // 10,
        ),
        _rule(
            "connections",
            f"More than four fifths of the about {connections} connections are in use: the next"
            " deployment, which doubles the tasks for a moment, may find none left.",
            "AWS/RDS",
            "DatabaseConnections",
            dimensions,
            statistic="Maximum",
            threshold=connections * 4 // 5,
        ),
        _rule(
            "memory",
            "Less than a twentieth of the memory is free: the database begins to swap.",
            "AWS/RDS",
            "FreeableMemory",
            dimensions,
            statistic="Minimum",
            comparison="LessThanThreshold",
            threshold=int(memory_bytes(instance_class) / 20),
            periods=15,
            breaching=15,
        ),
        *(
            _rule(
                f"{operation.lower()}-latency",
                f"{operation}s take longer than a tenth of a second for five minutes; a disk of"
                " type gp3 answers in milliseconds.",
                "AWS/RDS",
                f"{operation}Latency",
                dimensions,
                statistic="Average",
                threshold=0.1,
                breaching=5,
            )
            for operation in ("Read", "Write")
        ),
    ]


MOST_CACHE_CONNECTIONS = 65_000
"""Connections that a node of ElastiCache takes:
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html"""


def cache_node(node_id: Any, number: int) -> Sequence[AlarmRule]:
    """Alarms of one node of a cache.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html
    """
    dimensions = {"CacheClusterId": node_id}
    return [
        _rule(
            f"cpu-{number}",
            "The engine's one thread is above 90 % for fifteen minutes; the other cores cannot"
            " help it.",
            "AWS/ElastiCache",
            "EngineCPUUtilization",
            dimensions,
            statistic="Average",
            threshold=90,
            periods=15,
            breaching=15,
        ),
        _rule(
            f"memory-{number}",
            "More than nine tenths of the memory are in use: evictions are next.",
            "AWS/ElastiCache",
            "DatabaseMemoryUsagePercentage",
            dimensions,
            statistic="Average",
            threshold=90,
        ),
        _rule(
            f"evictions-{number}",
            "More than a hundred keys a minute are thrown out to make room, for fifteen minutes:"
            " the node is too small for what is asked of it.",
            "AWS/ElastiCache",
            "Evictions",
            dimensions,
            statistic="Sum",
            threshold=100,
            periods=15,
            breaching=15,
        ),
        _rule(
            f"connections-{number}",
            f"More than four fifths of the {MOST_CACHE_CONNECTIONS} connections of a node are in"
            " use; the next ones are refused.",
            "AWS/ElastiCache",
            "CurrConnections",
            dimensions,
            statistic="Maximum",
            threshold=MOST_CACHE_CONNECTIONS * 4 // 5,
        ),
    ]


def serverless_cache(name: Any, storage_gib: int, ecpu_per_second: int) -> Sequence[AlarmRule]:
    """Alarms of one serverless cache, whose limits are what the stack pays for at most.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/serverless-metrics-events-redis.html
    """
    dimensions = {"clusterId": name}
    return [
        _rule(
            "storage",
            "More than nine tenths of the storage limit are in use: at the limit keys are evicted"
            " or writes refused.",
            "AWS/ElastiCache",
            "BytesUsedForCache",
            dimensions,
            statistic="Maximum",
            threshold=storage_gib * GIBIBYTE * 9 // 10,
        ),
        _rule(
            "processing",
            "The cache works above nine tenths of its limit for fifteen minutes; at the limit"
            " requests are throttled.",
            "AWS/ElastiCache",
            "ElastiCacheProcessingUnits",
            dimensions,
            statistic="Sum",
            threshold=ecpu_per_second * MINUTE * 9 // 10,
            periods=15,
            breaching=15,
        ),
        _rule(
            "throttled",
            "Requests are refused because the cache is at its limit.",
            "AWS/ElastiCache",
            "ThrottledCmds",
            dimensions,
            statistic="Sum",
            threshold=0,
        ),
        _rule(
            "evictions",
            "More than a hundred keys a minute are thrown out to make room, for fifteen minutes:"
            " the limit is too low for what is asked of it.",
            "AWS/ElastiCache",
            "Evictions",
            dimensions,
            statistic="Sum",
            threshold=100,
            periods=15,
            breaching=15,
        ),
        _rule(
            "connections",
            f"More than four fifths of {MOST_CACHE_CONNECTIONS} connections are in use.",
            "AWS/ElastiCache",
            "CurrConnections",
            dimensions,
            statistic="Maximum",
            threshold=MOST_CACHE_CONNECTIONS * 4 // 5,
        ),
    ]


def health_check(health_check_id: Any, awake: str = "") -> Sequence[AlarmRule]:
    """Alarm of a Route 53 health check, whose metrics exist in us-east-1 only.

    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html
    """
    unreachable = _rule(
        "unreachable",
        "The public address does not answer from the internet.",
        "AWS/Route53",
        "HealthCheckStatus",
        {"HealthCheckId": health_check_id},
        statistic="Minimum",
        comparison="LessThanThreshold",
        threshold=1,
        periods=2,
        breaching=2,
        missing="breaching",
    )
    return [while_awake(unreachable, awake, 1)]


def function(function_name: Any, dead_letter_queue_name: Any) -> Sequence[AlarmRule]:
    """Alarms of one Lambda function and of what it could not do.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    return [
        _rule(
            "errors",
            "The function failed three times in fifteen minutes: an event is tried three times, so"
            " one of them may be lost to the queue.",
            "AWS/Lambda",
            "Errors",
            {"FunctionName": function_name},
            statistic="Sum",
            comparison="GreaterThanOrEqualToThreshold",
            threshold=3,
            period=15 * MINUTE,
            periods=1,
            breaching=1,
        ),
        *dead_letters(dead_letter_queue_name),
    ]


def dead_letters(queue_name: Any) -> Sequence[AlarmRule]:
    """Alarm of a queue that is empty as long as all goes well.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    return [
        _rule(
            "failed",
            "Something could not be delivered or done, and waits in the dead-letter queue.",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": queue_name},
            statistic="Maximum",
            threshold=0,
            period=5 * MINUTE,
            periods=1,
            breaching=1,
        )
    ]
