"""What an alarm watches and whom it tells; what it cannot prove: that the metric is ever sent."""

import pulumi_aws as aws
import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components import alarm_rules
from components.alarms import Alarms
from components.waf_rules import WafEffect
from rehearsal.recording import UNKNOWN

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
AWAKE = "(hour >= 31 AND hour < 43)"
SETS = {
    "load-balancer": alarm_rules.load_balancer("app/web/1"),
    "public-service": alarm_rules.public_service("targetgroup/api/1", "app/web/1"),
    "service": alarm_rules.service("cluster", "api", 4, scales=True, sleeps=False),
    "tasks": alarm_rules.tasks("babyrobots/staging", "service:api", on_spot=True),
    "job": alarm_rules.job("babyrobots/staging", "family:nightly", "failed"),
    "events": alarm_rules.events("babyrobots/staging", ["FailedBackups", "FailedRotations"]),
    "nat": alarm_rules.nat_gateway("nat-1"),
    "certificate": alarm_rules.certificate("arn:aws:acm:eu-west-1:123456789012:certificate/1"),
    "backup-vault": alarm_rules.backup_vault("vault"),
    "sleeping": alarm_rules.load_balancer("app/web/1", AWAKE),
    "database": alarm_rules.database("main", 100, "db.m7g.large"),
    "web-acl": alarm_rules.web_acl(
        "web-test", "eu-west-1", {"common": WafEffect.BLOCK, "rate-login": WafEffect.COUNT}
    ),
    "cache-node": alarm_rules.cache_node("main-001", 1),
    "serverless-cache": alarm_rules.serverless_cache("main", 2, 5000),
    "health-check": alarm_rules.health_check("abc"),
}


def build(name="api", rules=SETS["public-service"], **changes):
    return Alarms(name, {"rules": rules, "topic_arn": TOPIC, **changes})


@pytest.mark.parametrize("rules", SETS.values(), ids=SETS)
def test_every_alarm_tells_its_topic_both_ways_and_says_why(record, rules):
    for alarm in record(lambda: build(rules=rules)).of(ALARM).values():
        assert alarm.inputs["alarmActions"] == alarm.inputs["okActions"] == [TOPIC]
        assert len(alarm.inputs["alarmDescription"]) > 30


@pytest.mark.parametrize("rules", SETS.values(), ids=SETS)
def test_no_alarm_asks_for_more_breaches_than_it_looks_at(rules):
    assert all(1 <= rule["breaching"] <= rule["periods"] for rule in rules)


def test_a_percentile_travels_as_an_extended_statistic(record):
    alarms = record(build).of(ALARM)

    assert alarms["api-latency-tail"].inputs["extendedStatistic"] == "p99"
    assert "statistic" not in alarms["api-latency-tail"].inputs
    assert alarms["api-target-errors"].inputs["statistic"] == "Sum"
    assert "extendedStatistic" not in alarms["api-target-errors"].inputs


def test_a_service_without_tasks_breaches_instead_of_falling_silent():
    (running,) = [r for r in SETS["service"] if r["name"] == "running-tasks"]

    assert running["missing"] == "breaching"
    assert running["expressions"] == {"lacking": "FILL(desired, 0) - FILL(running, 0)"}


def test_a_service_that_sleeps_may_have_nothing_to_count():
    rules = alarm_rules.service("cluster", "worker", 2, scales=False, sleeps=True)
    names = {rule["name"]: rule["missing"] for rule in rules}

    assert names == {
        "cpu": "notBreaching",
        "memory": "notBreaching",
        "running-tasks": "notBreaching",
    }


def test_the_latency_alarms_follow_the_promise():
    rules = {rule["name"]: rule for rule in alarm_rules.public_service("t", "l", 0.4)}

    assert (rules["latency"]["threshold"], rules["latency-tail"]["threshold"]) == (0.4, 0.8)
    assert "0.4 s" in rules["latency"]["description"]


def test_an_expression_travels_with_the_series_that_it_needs(record):
    inputs = record(lambda: build(rules=SETS["service"])).of(ALARM)["api-running-tasks"].inputs

    assert inputs["metricQueries"] == [
        {
            "id": id_,
            "metric": {
                "namespace": "ECS/ContainerInsights",
                "metricName": name,
                "dimensions": {"ClusterName": "cluster", "ServiceName": "api"},
                "stat": stat,
                "period": 60,
            },
        }
        for id_, name, stat in (
            ("desired", "DesiredTaskCount", "Maximum"),
            ("running", "RunningTaskCount", "Minimum"),
        )
    ] + [
        {
            "id": "lacking",
            "expression": "FILL(desired, 0) - FILL(running, 0)",
            "label": "running-tasks",
            "returnData": True,
        }
    ]
    assert not {"namespace", "metricName", "dimensions", "period", "statistic"} & inputs.keys()


def test_an_alarm_of_a_stack_that_sleeps_looks_at_its_hours_only():
    errors, _ = SETS["sleeping"]

    assert errors["expressions"] == {
        "hour": "DAY(m) * 24 + HOUR(m)",
        "seen": f"IF({AWAKE}, m, 0)",
    }
    assert errors["description"].endswith("Not while the stack sleeps.")
    assert alarm_rules.load_balancer("app/web/1")[0]["metric"] == "HTTPCode_ELB_5XX_Count"


def test_each_rule_of_a_firewall_is_watched_by_the_metric_that_its_effect_has():
    blocked, counted = SETS["web-acl"]

    assert (blocked["metric"], counted["metric"]) == ("BlockedRequests", "CountedRequests")
    assert blocked["dimensions"] == {
        "WebACL": "web-test",
        "Rule": "common",
        "Region": "eu-west-1",
    }
    assert "Counted only" in counted["description"]


def test_the_firewall_of_a_distribution_has_metrics_without_a_region():
    (rule,) = alarm_rules.web_acl("web-test", "", {"common": WafEffect.BLOCK})

    assert "Region" not in rule["dimensions"]


@pytest.mark.parametrize(("gib", "expected"), [(20, 2 * 1024**3), (100, 10 * 1024**3)])
def test_the_storage_threshold_follows_the_size(gib, expected):
    (storage,) = [
        r for r in alarm_rules.database("main", gib, "db.t4g.micro") if r["name"] == "free-storage"
    ]

    assert storage["threshold"] == expected


@pytest.mark.parametrize(
    ("instance_class", "limit"),
    [
        ("db.t4g.micro", 112),
        ("db.m7g.large", 901),
        ("db.r7g.large", 1802),
        ("db.m7g.2xlarge", 3604),
        ("db.r7g.16xlarge", 5000),
    ],
)
def test_the_connection_threshold_follows_the_class(instance_class, limit):
    assert alarm_rules.connection_limit(instance_class) == limit


def test_an_unknown_dimension_still_depends_on_what_it_measures(record):
    def program():
        database = aws.rds.Instance("main", instance_class="db.t4g.micro")
        build("data", rules=alarm_rules.database(database.identifier, 20, "db.t4g.micro"))

    graph = record(program, preview=True)

    cpu = graph.one(ALARM, "data-cpu")
    assert cpu.inputs["dimensions"] == {"DBInstanceIdentifier": UNKNOWN}
    assert cpu.property_dependencies["dimensions"] == (graph.one("aws:rds/instance:Instance").urn,)


def test_metrics_of_another_region_have_their_alarm_there(record):
    alarm = record(lambda: build(rules=alarm_rules.health_check("abc"), region="us-east-1")).one(
        ALARM
    )

    assert alarm.inputs["region"] == "us-east-1"


def test_outputs_are_registered_in_the_order_of_the_rules(record):
    (component,) = record(build).components

    assert component.outputs["alarm_names"] == [
        "api-target-errors",
        "api-latency",
        "api-latency-tail",
        "api-unhealthy-targets",
    ]


def test_two_sets_share_one_stack_and_every_child_has_its_parent(record):
    graph = record(lambda: (build("blue"), build("green")))

    assert len(graph.custom) == 8
    assert all("babyrobots:index:Alarms$" in r.urn for r in graph.custom)


def test_it_can_be_published_as_a_package():
    schema = Analyzer("babyrobots").analyze([Alarms])["component_definitions"]["Alarms"]

    required = [name for name, prop in schema.inputs.items() if not prop.optional]
    assert required == ["rules", "topicArn"]
    assert all(prop.description for prop in (*schema.inputs.values(), *schema.outputs.values()))
