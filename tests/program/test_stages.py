"""Production is staging but for this table: what staging has shown to work, production runs.

Both are built under one stack name and one set of host names here, because those differ by
definition and everything that is made from them would, too.
"""

import dataclasses
from fnmatch import fnmatchcase

import pytest

from rehearsal.config import load_config
from rehearsal.recording import Graph
from tests.program import stacks
from tests.program.differences import ABSENT, Difference, differences, only_in

NAMES_OF_A_STACK = ("babyrobots:zoneName", "babyrobots:hostname")

ONLY_IN_STAGING = [
    # Off hours: tasks go to zero in the evening and come back in the morning.
    ("aws:appautoscaling/scheduledAction:ScheduledAction", "api-start"),
    ("aws:appautoscaling/scheduledAction:ScheduledAction", "api-stop"),
    ("aws:appautoscaling/scheduledAction:ScheduledAction", "worker-start"),
    ("aws:appautoscaling/scheduledAction:ScheduledAction", "worker-stop"),
    # What may be interrupted is watched for interruptions.
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "api-service-interruptions"),
    # One NAT gateway for all zones.
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "network-nat-bytes"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "network-nat-ports"),
    ("aws:ec2/eip:Eip", "main-nat-eip"),
    ("aws:ec2/natGateway:NatGateway", "main-nat-gateway"),
]

ONLY_IN_PRODUCTION = [
    # Nothing shortens what a backup is kept for.
    ("aws:backup/vaultLockConfiguration:VaultLockConfiguration", "backups-lock"),
    # DNS queries are logged, in the one region where Route 53 can.
    ("aws:cloudwatch/logGroup:LogGroup", "main-queries-logs"),
    ("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", "main-queries-write"),
    # A NAT gateway per zone.
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "network-nat-bytes-1a"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "network-nat-bytes-1b"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "network-nat-ports-1a"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "network-nat-ports-1b"),
    ("aws:ec2/eip:Eip", "main-nat-eip-1a"),
    ("aws:ec2/eip:Eip", "main-nat-eip-1b"),
    ("aws:ec2/natGateway:NatGateway", "main-nat-gateway-1a"),
    ("aws:ec2/natGateway:NatGateway", "main-nat-gateway-1b"),
    # Images, logs and secrets are reached without the internet.
    ("aws:ec2/securityGroup:SecurityGroup", "main-endpoints-sg"),
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "main-endpoints-ecr-api"),
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "main-endpoints-ecr-dkr"),
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "main-endpoints-logs"),
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "main-endpoints-secretsmanager"),
    ("aws:kms/alias:Alias", "logs-us-east-1-alias"),
    ("aws:kms/key:Key", "logs-us-east-1-key"),
    ("aws:route53/queryLog:QueryLog", "main-queries-log"),
    (
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "main-endpoints-https-private-1a",
    ),
    (
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "main-endpoints-https-private-1b",
    ),
    ("babyrobots:index:DnsQueryLog", "main-queries"),
    ("babyrobots:index:EncryptionKey", "logs-us-east-1"),
]

_OF_ONE_METRIC = ("dimensions", "metricName", "namespace", "period", "statistic")
ANY = "*"
INTENDED = [
    # (type, name, path, staging, production): the last two as text, `*` for any.
    # Size, and how much there may be of it, and what it may cost.
    ("aws:budgets/budget:Budget", "monthly-budget", "limitAmount", "150", "800"),
    ("aws:appautoscaling/target:Target", "api-scaling", "maxCapacity", "4", "10"),
    ("aws:appautoscaling/target:Target", "api-scaling", "minCapacity", "1", "2"),
    ("aws:appautoscaling/target:Target", "worker-scaling", "maxCapacity", "2", "4"),
    ("aws:ecs/service:Service", "api-service", "desiredCount", "1", "2"),
    ("aws:ecs/taskDefinition:TaskDefinition", "api-definition", "cpu", "256", "1024"),
    ("aws:ecs/taskDefinition:TaskDefinition", "api-definition", "memory", "512", "2048"),
    ("aws:rds/instance:Instance", "main-instance", "allocatedStorage", "20", "100"),
    ("aws:rds/instance:Instance", "main-instance", "maxAllocatedStorage", "50", "500"),
    ("aws:rds/instance:Instance", "main-instance", "instanceClass", "db.t4g.micro", "db.m7g.large"),
    # Spot first, against on demand for whatever is critical.
    ("aws:ecs/service:Service", "*-service", "capacityProviderStrategies", ANY, ANY),
    (
        "aws:scheduler/schedule:Schedule",
        "nightly-schedule",
        "target.ecsParameters.capacityProviderStrategies.*.capacityProvider",
        "FARGATE_SPOT",
        "FARGATE",
    ),
    # Survives the loss of a zone.
    ("aws:rds/instance:Instance", "main-instance", "multiAz", "false", "true"),
    ("aws:ec2/route:Route", "main-private-1?", "natGatewayId", ANY, ANY),
    ("aws:ec2/route:Route", "main-private-1?", "dependsOn.main-nat-gateway", "true", ABSENT),
    ("aws:ec2/route:Route", "main-private-1a", "dependsOn.main-nat-gateway-1a", ABSENT, "true"),
    ("aws:ec2/route:Route", "main-private-1b", "dependsOn.main-nat-gateway-1b", ABSENT, "true"),
    # No mistake deletes its data.
    (ANY, ANY, "options.protect", "false", "true"),
    ("aws:kms/key:Key", ANY, "deletionWindowInDays", "7", "30"),
    ("aws:lb/loadBalancer:LoadBalancer", "web-lb", "enableDeletionProtection", "false", "true"),
    ("aws:rds/instance:Instance", "main-instance", "deletionProtection", "false", "true"),
    # Memory is longer.
    ("aws:backup/plan:Plan", "backups-plan", "rules.daily.lifecycle.deleteAfter", "7", "35"),
    ("aws:backup/plan:Plan", "backups-plan", "rules.monthly", ABSENT, ANY),
    ("aws:cloudwatch/logGroup:LogGroup", ANY, "retentionInDays", "14", "365"),
    ("aws:rds/instance:Instance", "main-instance", "backupRetentionPeriod", "7", "35"),
    (
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "web-logs-lifecycle",
        "rules.expire-*.expiration.days",
        "14",
        "365",
    ),
    # The firewall only counts, in staging.
    ("aws:wafv2/webAcl:WebAcl", "web-acl", "ruleJson.*.Action.Count", "{}", ABSENT),
    ("aws:wafv2/webAcl:WebAcl", "web-acl", "ruleJson.*.Action.Block", ABSENT, "{}"),
    ("aws:wafv2/webAcl:WebAcl", "web-acl", "ruleJson.*.OverrideAction.Count", "{}", ABSENT),
    ("aws:wafv2/webAcl:WebAcl", "web-acl", "ruleJson.*.OverrideAction.None", ABSENT, "{}"),
    # ... so that its alarms watch what it counts.
    (
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "firewall-*",
        "metricName",
        "CountedRequests",
        "BlockedRequests",
    ),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "firewall-*", "alarmDescription", ANY, ANY),
    # Thresholds follow the size of the database.
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "database-connections", "threshold", "89", "720"),
    (
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "database-connections",
        "alarmDescription",
        ANY,
        ANY,
    ),
    (
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "database-free-storage",
        "threshold",
        "2147483648",
        "10737418240",
    ),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "database-memory", "threshold", ANY, ANY),
    # ... and of a service.
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "api-service-at-maximum", "threshold", "4", "10"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "worker-service-at-maximum", "threshold", "2", "4"),
    (
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "*-service-at-maximum",
        "alarmDescription",
        ANY,
        ANY,
    ),
    # A stack that sleeps has nothing to count and answers nobody at night: no news.
    (
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "*-service-running-tasks",
        "treatMissingData",
        "notBreaching",
        "breaching",
    ),
    *(
        ("aws:cloudwatch/metricAlarm:MetricAlarm", alarm, path, staging, production)
        for alarm in ("health-*-unreachable", "web-errors")
        for path, staging, production in (
            ("alarmDescription", ANY, ANY),
            ("metricQueries", ANY, ABSENT),
            *((path, ABSENT, ANY) for path in _OF_ONE_METRIC),
        )
    ),
    # Which stage it is, said to the application and to the bill.
    (
        "aws:ecs/taskDefinition:TaskDefinition",
        ANY,
        "containerDefinitions.app.environment.STAGE.value",
        "staging",
        "production",
    ),
    (
        "aws:ecs/taskDefinition:TaskDefinition",
        ANY,
        "containerDefinitions.app.environment.LOG_LEVEL.value",
        "debug",
        "info",
    ),
    ("pulumi:providers:aws", "aws", "defaultTags.tags.Stage", "staging", "production"),
]


def _same_names(stack: str) -> Graph:
    config, names = load_config(stacks.ROOT, stack), load_config(stacks.ROOT, "staging").values
    values = {**config.values, **{key: names[key] for key in NAMES_OF_A_STACK}}
    return stacks.build(dataclasses.replace(config, stack="any", values=values))


@pytest.fixture(scope="module")
def both() -> tuple[Graph, Graph]:
    return _same_names("staging"), _same_names("production")


def _is(row: tuple[str, ...], difference: Difference) -> bool:
    return all(
        fnmatchcase(value, pattern)
        for value, pattern in zip(dataclasses.astuple(difference), row, strict=True)
    )


def test_each_stage_has_of_its_own_what_the_table_says_and_nothing_else(both):
    staging, production = both

    assert only_in(staging, production) == sorted(ONLY_IN_STAGING)
    assert only_in(production, staging) == sorted(ONLY_IN_PRODUCTION)


def test_what_both_have_differs_where_the_table_says_and_nowhere_else(both):
    unexpected = sorted(
        difference
        for difference in differences(*both)
        if not any(_is(row, difference) for row in INTENDED)
    )
    assert unexpected == [], "staging no longer shows what production will do"


@pytest.mark.parametrize("row", INTENDED, ids=lambda row: f"{row[0].rpartition(':')[2]}-{row[2]}")
def test_every_intended_difference_is_one(row, both):
    assert any(_is(row, difference) for difference in differences(*both)), (
        "a stale row hides faults"
    )


def test_both_stages_export_the_same_names(both):
    staging, production = both

    assert staging.exports.keys() == production.exports.keys()


def test_critical_tasks_are_never_on_spot_alone(both):
    _, production = both
    critical = production.of("aws:ecs/service:Service")["api-service"]

    used = {item["capacityProvider"] for item in critical.inputs["capacityProviderStrategies"]}
    assert used == {"FARGATE"}
