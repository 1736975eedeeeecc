"""What EventBridge lets through and what is counted of it; not that EventBridge delivers."""

import json

import pytest

from components.stack_events import FILTERS, OF_TASKS, StackEvents

RULE = "aws:cloudwatch/eventRule:EventRule"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:cluster/main"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds-AbCdEf"
LEAST = {
    "account_id": "123456789012",
    "region": "eu-west-1",
    "cluster_arn": CLUSTER,
    "cluster_name": "main",
}


def build(name="main", **changes):
    return StackEvents(name, {**LEAST, **changes})


def matches(pattern, event) -> bool:
    """The part of EventBridge's matching that the patterns here use.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
    """
    if isinstance(event, list):
        return any(matches(pattern, item) for item in event)
    if isinstance(pattern, dict):
        alternatives = pattern.get("$or")
        rest = {key: value for key, value in pattern.items() if key != "$or"}
        return (
            alternatives is None or any(matches(choice, event) for choice in alternatives)
        ) and all(key in event and matches(value, event[key]) for key, value in rest.items())
    return any(_is(rule, event) for rule in pattern)


def _is(rule, value) -> bool:
    if isinstance(rule, dict) and "prefix" in rule:
        return value.startswith(rule["prefix"])
    if isinstance(rule, dict):
        (operator, number) = rule["numeric"]
        assert operator == ">"
        return value > number
    return rule == value


def task(stop_code, *exits, cluster=CLUSTER, status="STOPPED"):
    return {
        "source": "aws.ecs",
        "detail-type": "ECS Task State Change",
        "resources": [],
        "detail": {
            "clusterArn": cluster,
            "lastStatus": status,
            "stopCode": stop_code,
            "containers": [{"exitCode": code} for code in exits],
            "group": "service:api",
        },
    }


def service(kind, detail_type="ECS Deployment State Change", cluster="main"):
    return {
        "source": "aws.ecs",
        "detail-type": detail_type,
        "resources": [f"arn:aws:ecs:eu-west-1:123456789012:service/{cluster}/api"],
        "detail": {"eventType": kind},
    }


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        (task("EssentialContainerExited", 1, 0), True),
        (task("EssentialContainerExited", 0, 143), True),
        (task("EssentialContainerExited", 0, 0), False),
        (task("TaskFailedToStart"), True),
        (task("SpotInterruption", 0), True),
        (task("ServiceSchedulerInitiated", 143), False),
        (task("UserInitiated", 0), False),
        (task("TaskFailedToStart", cluster=f"{CLUSTER}-2"), False),
        (task("TaskFailedToStart", status="RUNNING"), False),
        (service("ERROR"), True),
        (service("INFO"), False),
        (service("WARN", "ECS Service Action"), True),
        (service("ERROR", cluster="main-2"), False),
    ],
)
def test_what_went_wrong_in_the_cluster_is_kept_and_nothing_else(record, event, kept):
    pattern = json.loads(record(build).one(RULE, "main-services").inputs["eventPattern"])

    assert matches(pattern, event) is kept


def test_failed_backups_and_rotations_are_kept_where_there_are_any(record):
    graph = record(lambda: build(backup_vault_names=["vault"], secret_arns=[SECRET]))

    rules = {name: json.loads(r.inputs["eventPattern"]) for name, r in graph.of(RULE).items()}
    backup = {
        "source": "aws.backup",
        "detail-type": "Backup Job State Change",
        "detail": {"state": "FAILED", "backupVaultName": "vault"},
    }
    assert matches(rules["main-backups"], backup)
    assert not matches(rules["main-backups"], {**backup, "detail": {"state": "FAILED"}})
    assert rules["main-rotations"]["detail"]["additionalEventData"] == {"SecretId": [SECRET]}
    assert set(graph.of(FILTER)) == {f"main-{metric}" for metric in FILTERS}


def test_without_backups_and_secrets_only_the_cluster_is_watched(record):
    graph = record(build)

    assert set(graph.of(RULE)) == {"main-services"}
    assert set(graph.of(FILTER)) == {
        f"main-{metric}"
        for metric in ("StoppedTasks", "SpotInterruptions", "FailedDeployments", "UnplacedTasks")
    }


def test_tasks_are_counted_by_the_group_that_their_alarms_name(record):
    for name, found in record(build).of(FILTER).items():
        transformation = found.inputs["metricTransformation"]
        by_group = name.removeprefix("main-") in OF_TASKS
        assert transformation["namespace"] == "babyrobots/test"
        assert transformation.get("dimensions") == (
            {"TaskGroup": "$.detail.group"} if by_group else None
        )
        # CloudWatch refuses a default beside dimensions, and an alarm needs none.
        assert "defaultValue" not in transformation


def test_every_rule_leads_to_the_log_once_it_may_be_written(record):
    graph = record(lambda: build(backup_vault_names=["vault"], secret_arns=[SECRET]))
    logs = graph.one("aws:cloudwatch/logGroup:LogGroup")
    policy = graph.one("aws:cloudwatch/logResourcePolicy:LogResourcePolicy")

    assert logs.inputs["name"].startswith("/aws/events/"), "or EventBridge does not deliver"
    assert {t.inputs["arn"] for t in graph.of(TARGET).values()} == {logs.outputs["arn"]}
    assert all(policy.urn in t.dependencies for t in graph.of(TARGET).values())
    opens, writes = json.loads(policy.inputs["policyDocument"])["Statement"]
    assert opens["Action"] == "logs:CreateLogStream"
    assert writes["Condition"]["ArnLike"]["aws:SourceArn"] == (
        "arn:aws:events:eu-west-1:123456789012:rule/*"
    )
    assert {opens["Resource"], writes["Resource"]} == {f"{logs.outputs['arn']}:*"}
