"""What is watched for unusual spending and whom it tells; not what AWS finds unusual."""

import json

import pytest

from components.cost_anomalies import CostAnomalies

MONITOR = "aws:costexplorer/anomalyMonitor:AnomalyMonitor"
SUBSCRIPTION = "aws:costexplorer/anomalySubscription:AnomalySubscription"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
THERE = "arn:aws:ce::123456789012:anomalymonitor/11111111-2222-3333-4444-555555555555"


def build(name="spending", **changes):
    return CostAnomalies(name, {"threshold_usd": 15, "topic_arn": TOPIC, **changes})


def test_an_anomaly_of_the_threshold_is_told_to_the_topic_at_once(record):
    inputs = record(build).one(SUBSCRIPTION).inputs

    assert inputs["frequency"] == "IMMEDIATE"
    assert inputs["subscribers"] == [{"type": "SNS", "address": TOPIC}]
    assert inputs["thresholdExpression"]["dimension"] == {
        "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
        "matchOptions": ["GREATER_THAN_OR_EQUAL"],
        "values": ["15"],
    }


def test_every_service_of_the_account_is_watched_unless_a_stack_is_named(record):
    whole = record(build).one(MONITOR).inputs
    assert (whole["monitorType"], whole["monitorDimension"]) == ("DIMENSIONAL", "SERVICE")

    part = record(lambda: build(stack="staging")).one(MONITOR).inputs
    assert part["monitorType"] == "CUSTOM"
    assert json.loads(part["monitorSpecification"])["Tags"] == {
        "Key": "user:Stack",
        "MatchOptions": None,
        "Values": ["staging"],
    }


def test_a_monitor_that_exists_is_listened_to_and_none_is_created(record):
    graph = record(lambda: build(monitor_arn=THERE))

    assert graph.of(MONITOR) == {}
    assert graph.one(SUBSCRIPTION).inputs["monitorArnLists"] == [THERE]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"threshold_usd": 0}, "threshold_usd is 0; it is 1 or more"),
        ({"monitor_arn": THERE, "stack": "staging"}, "monitor_arn and stack are given"),
    ],
)
def test_what_cannot_be_is_refused(record, wrong, message):
    with pytest.raises(ValueError, match=message):
        record(lambda: build(**wrong))
