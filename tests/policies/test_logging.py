"""What the examples of the logging rules do not show: what counts as logged, heard and watched."""

import json

import pytest
from guardrails.kinds import (
    BUCKET,
    BUCKET_LOGGING,
    DB_CLUSTER,
    DB_INSTANCE,
    DISTRIBUTION,
    ECS_CLUSTER,
    ECS_SERVICE,
    LOAD_BALANCER,
    LOG_GROUP,
    METRIC_ALARM,
    SUBSCRIPTION,
    TASK_DEFINITION,
    TOPIC,
    VPC,
    WEB_ACL,
)
from guardrails.pack import NOT_EVALUATED
from guardrails.registry import node
from guardrails.rules import logging

from tests.policies.verdicts import violated

BOTH = pytest.mark.parametrize("known", [True, False], ids=["known", "first-preview"])


@pytest.mark.parametrize(
    ("properties", "levels"),
    [
        ({}, ["mandatory", "advisory"]),
        ({"accessLogs": {"enabled": True, "bucket": "logs"}}, ["advisory"]),
        ({"loadBalancerType": "network"}, []),
        ({"loadBalancerType": "gateway"}, []),
    ],
)
def test_only_what_sees_requests_logs_them(judge, properties, levels):
    said = judge(logging.log_alb, node("lb", LOAD_BALANCER, properties))

    assert [s.level for s in said] == levels


def test_the_old_way_of_logging_counts_too(judge):
    cdn = node("cdn", DISTRIBUTION, {"loggingConfig": {"bucket": "logs.s3.amazonaws.com"}})

    assert judge(logging.log_cloudfront, cdn) == []


def redacted(*headers):
    return [{"singleHeader": {"name": header}} for header in headers]


@BOTH
@pytest.mark.parametrize(
    ("group", "headers", "problem"),
    [
        ({"namePrefix": "aws-waf-logs-x-"}, ("Authorization", "Cookie"), None),
        ({"name": "aws-waf-logs-x"}, ("authorization", "cookie"), None),
        ({"name": "aws-waf-logs-x"}, (), "does not redact authorization and cookie"),
        ({"name": "aws-waf-logs-x"}, ("authorization",), "does not redact cookie"),
    ],
)
def test_web_acl_logs_are_redacted(judge, group, headers, problem, known):
    said = judge(
        logging.log_waf,
        node("acl", WEB_ACL, {"visibilityConfig": logging._VISIBLE}),
        node("group", LOG_GROUP, group),
        node(
            "logs",
            logging.WAF_LOGGING,
            {
                "resourceArn": "${acl.arn}",
                "logDestinationConfigs": ["${group.arn}"],
                "redactedFields": redacted(*headers),
            },
        ),
        known=known,
    )

    assert violated(said) == (["acl"] if problem else [])
    if problem:
        assert problem in said[0].message


def test_a_destination_must_be_called_as_waf_wants_it(judge):
    def logs(arn):
        return node(
            "logs",
            logging.WAF_LOGGING,
            {
                "resourceArn": "${acl.arn}",
                "logDestinationConfigs": [arn],
                "redactedFields": redacted("authorization", "cookie"),
            },
        )

    acl = node("acl", WEB_ACL, {"visibilityConfig": logging._VISIBLE})
    right = "arn:aws:logs:eu-west-1:123456789012:log-group:aws-waf-logs-central"
    wrong = "arn:aws:logs:eu-west-1:123456789012:log-group:central"

    assert judge(logging.log_waf, acl, logs(right)) == []
    assert "aws-waf-logs-" in judge(logging.log_waf, acl, logs(wrong))[0].message


def test_each_rule_of_a_web_acl_is_measured(judge):
    rules = [
        {"Name": "seen", "VisibilityConfig": {"CloudWatchMetricsEnabled": True}},
        {"Name": "blind", "VisibilityConfig": {"CloudWatchMetricsEnabled": False}},
    ]
    acl = {"visibilityConfig": logging._VISIBLE, "ruleJson": json.dumps(rules)}
    logs = {
        "resourceArn": "${acl.arn}",
        "logDestinationConfigs": ["arn:aws:logs:::log-group:aws-waf-logs-x"],
        "redactedFields": redacted("authorization", "cookie"),
    }

    said = judge(
        logging.log_waf, node("acl", WEB_ACL, acl), node("logs", logging.WAF_LOGGING, logs)
    )

    assert len(said) == 1
    assert said[0].message.count("blind") == 1
    assert "seen" not in said[0].message


@BOTH
@pytest.mark.parametrize(
    ("traffic", "broken"), [("ALL", False), ("REJECT", False), ("ACCEPT", True)]
)
def test_a_flow_log_holds_what_was_refused(judge, traffic, broken, known):
    said = judge(
        logging.log_vpc_flow,
        node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
        node("log", logging.FLOW_LOG, {"vpcId": "${vpc.id}", "trafficType": traffic}),
        known=known,
    )

    assert bool(said) is broken


@pytest.mark.parametrize(
    ("properties", "profile", "broken"),
    [
        ({"retentionInDays": 365}, "production", False),
        ({"retentionInDays": 364}, "production", True),
        ({"retentionInDays": 7}, "staging", False),
        ({"retentionInDays": 3}, "staging", True),
        ({"retentionInDays": 1}, "temporary", False),
        ({"retentionInDays": 0}, "temporary", True),
        ({}, "temporary", True),
        ({"logGroupClass": "DELIVERY"}, "production", False),
        (
            {"retentionInDays": 30, "name": "/aws/ecs/containerinsights/api/performance"},
            "production",
            False,
        ),
        ({"name": "/aws/ecs/containerinsights/api/performance"}, "production", True),
    ],
)
def test_how_long_logs_are_kept(judge, properties, profile, broken):
    said = judge(logging.log_retention, node("logs", LOG_GROUP, properties), profile=profile)

    assert bool(said) is broken


@pytest.mark.parametrize(
    ("container", "levels"),
    [
        ({}, ["mandatory"]),
        ({"logConfiguration": {"logDriver": "awsfirelens"}}, []),
        ({"firelensConfiguration": {"type": "fluentbit"}}, []),
        ({"logConfiguration": {"logDriver": "awslogs"}}, ["advisory"]),
        (
            {"logConfiguration": {"logDriver": "awslogs", "options": {"mode": "blocking"}}},
            ["advisory"],
        ),
    ],
)
def test_a_container_logs_without_blocking(judge, container, levels):
    task = node("api", TASK_DEFINITION, {"containerDefinitions": [{"name": "app", **container}]})

    assert [s.level for s in judge(logging.log_containers, task)] == levels


MEASURED = {"monitoringInterval": 60, "performanceInsightsEnabled": True}


@pytest.mark.parametrize(
    ("kind", "properties", "levels"),
    [
        (DB_INSTANCE, {"engine": "postgres", **MEASURED}, ["mandatory"]),
        (
            DB_INSTANCE,
            {
                "engine": "postgres",
                "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
                "performanceInsightsEnabled": True,
            },
            ["mandatory"],
        ),
        (
            DB_INSTANCE,
            {
                "engine": "mysql",
                "enabledCloudwatchLogsExports": ["error", "slowquery"],
                "monitoringInterval": 15,
                "databaseInsightsMode": "advanced",
            },
            [],
        ),
        (
            DB_INSTANCE,
            {
                "engine": "mysql",
                "enabledCloudwatchLogsExports": ["error", "slowquery"],
                "monitoringInterval": 15,
            },
            ["advisory"],
        ),
        (
            DB_CLUSTER,
            {
                "engine": "aurora-postgresql",
                "enabledCloudwatchLogsExports": ["postgresql"],
                "performanceInsightsEnabled": True,
            },
            [],
        ),
    ],
)
def test_what_each_engine_exports(judge, kind, properties, levels):
    said = judge(logging.log_rds, node("db", kind, properties))

    assert [s.level for s in said] == levels


QUIET = node("quiet", METRIC_ALARM, {"name": "quiet"})


@BOTH
@pytest.mark.parametrize(
    ("user", "broken"),
    [
        (None, True),
        (
            node(
                "any",
                logging.COMPOSITE_ALARM,
                {"alarmRule": "ALARM(${quiet.name})", "alarmActions": ["arn:aws:sns:::x"]},
            ),
            False,
        ),
        (node("api", ECS_SERVICE, {"alarms": {"alarmNames": ["quiet"], "rollback": True}}), False),
        (node("api", ECS_SERVICE, {"alarms": {"alarmNames": ["${quiet.name}"]}}), False),
        (node("hc", logging.HEALTH_CHECK, {"cloudwatchAlarmName": "${quiet.name}"}), False),
        (node("api", ECS_SERVICE, {"alarms": {"alarmNames": ["other"]}}), True),
    ],
)
def test_an_alarm_that_something_else_reads_needs_no_action(judge, user, broken, known):
    said = judge(logging.alarm_has_action, QUIET, *([user] if user else []), known=known)

    assert violated(said) == (["quiet"] if broken else [])


def test_an_alarm_whose_actions_are_off_does_nothing(judge):
    alarm = node("a", METRIC_ALARM, {"alarmActions": ["arn:aws:sns:::x"], "actionsEnabled": False})

    assert "actionsEnabled" in judge(logging.alarm_has_action, alarm)[0].message


@BOTH
@pytest.mark.parametrize(
    ("listener", "broken"),
    [
        (None, True),
        (node("mail", SUBSCRIPTION, {"topic": "${alarms.arn}", "protocol": "email"}), False),
        (node("chat", logging._CHATS[0], {"snsTopicArns": ["${alarms.arn}"]}), False),
        (node("mail", SUBSCRIPTION, {"topic": "${other.arn}", "protocol": "email"}), True),
    ],
)
def test_somebody_hears_an_alarm(judge, listener, broken, known):
    said = judge(
        logging.alarm_reaches_someone,
        node("slow", METRIC_ALARM, {"alarmActions": ["${alarms.arn}"]}),
        node("alarms", TOPIC),
        node("other", TOPIC),
        *([listener] if listener else []),
        known=known,
    )

    assert violated(said) == (["slow"] if broken else [])


def test_a_topic_of_elsewhere_is_trusted_to_reach_somebody(judge):
    arn = "arn:aws:sns:eu-west-1:123456789012:central"
    alarm = node("slow", METRIC_ALARM, {"alarmActions": [arn]})

    assert judge(logging.alarm_reaches_someone, alarm) == []


@pytest.mark.parametrize(
    ("value", "broken"),
    [("enabled", False), ("enhanced", False), ("disabled", True), (None, True)],
)
def test_container_insights(judge, value, broken):
    settings = [{"name": "containerInsights", "value": value}] if value else []
    cluster = node("c", ECS_CLUSTER, {"settings": settings})

    assert bool(judge(logging.log_container_insights, cluster)) is broken


@BOTH
def test_the_buckets_that_logs_go_to_need_no_log_of_their_own(judge, known):
    said = judge(
        logging.log_s3_access,
        node("assets", BUCKET),
        node("logs", BUCKET),
        node("alb-logs", BUCKET),
        node("bare", BUCKET),
        node("l", BUCKET_LOGGING, {"bucket": "${assets.id}", "targetBucket": "${logs.id}"}),
        node("alb", LOAD_BALANCER, {"accessLogs": {"bucket": "${alb-logs.id}", "enabled": True}}),
        known=known,
    )

    assert violated(said) == ["bare"]


@pytest.mark.parametrize(
    ("environment", "beside", "broken"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317"}, "app2", True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317"}, "adot", False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example.com"}, "app2", False),
        ({"AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000"}, "app2", True),
        ({"LOG_LEVEL": "localhost"}, "app2", False),
    ],
)
def test_traces_that_stay_in_the_task_need_a_collector_there(judge, environment, beside, broken):
    variables = [{"name": key, "value": value} for key, value in environment.items()]
    containers = [
        {"name": "app", "image": "app", "environment": variables},
        {"name": beside, "image": "x"},
    ]
    task = node("api", TASK_DEFINITION, {"containerDefinitions": containers})

    assert bool(judge(logging.tracing, task)) is broken


@BOTH
def test_metrics_within_an_expression_are_watched_as_well(judge, known):
    service = node("api", ECS_SERVICE, {"name": "api"})
    alarms = [
        node(
            f"alarm-{index}",
            METRIC_ALARM,
            {
                "metricQueries": [
                    {"id": "e", "expression": "m / 2"},
                    {
                        "id": "m",
                        "metric": {
                            "metricName": metric,
                            "dimensions": {"ServiceName": "${api.name}"},
                        },
                    },
                ]
            },
        )
        for index, metric in enumerate(logging._WATCHED[ECS_SERVICE])
    ]

    assert judge(logging.alarm_coverage, service, *alarms, known=known) == []
    said = judge(logging.alarm_coverage, service, *alarms[1:], known=known)
    assert "CPUUtilization" in said[0].message


def test_an_alarm_of_another_service_watches_nothing_here(judge):
    said = judge(
        logging.alarm_coverage,
        node("api", ECS_SERVICE, {"name": "api"}),
        node(
            "alarm",
            METRIC_ALARM,
            {"metricName": "CPUUtilization", "dimensions": {"ServiceName": "worker"}},
        ),
    )

    assert "CPUUtilization" in said[0].message


@BOTH
@pytest.mark.parametrize(
    ("subscription", "broken"),
    [
        ({}, False),
        ({"sourceType": "db-instance"}, False),
        ({"sourceType": "db-cluster"}, True),
        ({"enabled": False}, True),
        ({"sourceIds": ["other"]}, True),
        ({"eventCategories": ["failure", "maintenance"]}, True),
    ],
)
def test_which_events_are_heard(judge, subscription, broken, known):
    said = judge(
        logging.rds_events,
        node("orders", DB_INSTANCE, {"engine": "postgres"}),
        node("events", logging.EVENT_SUBSCRIPTION, subscription),
        known=known,
    )

    assert violated(said) == (["orders"] if broken else [])


def test_a_zone_inside_a_vpc_logs_nothing(judge):
    zone = node("zone", "aws:route53/zone:Zone", {"vpcs": [{"vpcId": "vpc-1"}]})

    assert judge(logging.log_dns, zone) == []


def test_an_unknown_destination_is_said_to_be_not_evaluated(judge):
    said = judge(
        logging.log_waf,
        node("acl", WEB_ACL, {"visibilityConfig": logging._VISIBLE}),
        node(
            "logs",
            logging.WAF_LOGGING,
            {
                "resourceArn": "${acl.arn}",
                "logDestinationConfigs": ["${stream.arn}"],
                "redactedFields": redacted("authorization", "cookie"),
            },
        ),
        node("stream", "aws:kinesis/stream:Stream", {}),
        known=False,
    )

    assert [s.policy for s in said] == [NOT_EVALUATED]
