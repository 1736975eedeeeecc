"""A task by the clock, and a role that can start it and nothing else; not that it ever starts."""

import json

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.fargate_choices import Capacity
from components.scheduled_job import ScheduledJob

SCHEDULE = "aws:scheduler/schedule:Schedule"
GROUP = "aws:scheduler/scheduleGroup:ScheduleGroup"
QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/rolePolicy:RolePolicy"
COMPONENT = "babyrobots:index:ScheduledJob"
ACCOUNT = "123456789012"
CLUSTER = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:cluster/main"
DEFINITION = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:night-definition"
QUEUE_ARN = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:night-failed"


def task(**changes):
    return {
        "image": "web@sha256:00",
        "cpu": 256,
        "memory": 512,
        "region": "eu-west-1",
        "account_id": ACCOUNT,
        "command": ["clean-up"],
        **changes,
    }


def build(name="night", **changes):
    return ScheduledJob(
        name,
        {
            "task": task(),
            "schedule": "cron(0 3 * * ? *)",
            "cluster_arn": CLUSTER,
            "cluster_name": "main",
            "vpc_id": "vpc-1",
            "subnet_ids": ["subnet-a", "subnet-b"],
            **changes,
        },
    )


def granted(graph):
    policy = json.loads(graph.one(POLICY, "night-scheduler-policy").inputs["policy"])
    return {statement["Sid"]: statement for statement in policy["Statement"]}


@pytest.mark.parametrize("preview", [False, True])
def test_it_runs_when_the_schedule_says_in_utc(record, preview):
    schedule = record(build, preview=preview).one(SCHEDULE).inputs

    assert schedule["scheduleExpression"] == "cron(0 3 * * ? *)"
    assert schedule["scheduleExpressionTimezone"] == "UTC"
    assert schedule["flexibleTimeWindow"] == {"mode": "OFF"}
    assert schedule["state"] == "ENABLED"


def test_zone_window_and_state_can_be_chosen(record):
    graph = record(
        lambda: build(timezone="Europe/Berlin", flexible_window_minutes=15, enabled=False)
    )

    schedule = graph.one(SCHEDULE).inputs
    assert schedule["scheduleExpressionTimezone"] == "Europe/Berlin"
    assert schedule["flexibleTimeWindow"] == {"mode": "FLEXIBLE", "maximumWindowInMinutes": 15}
    assert schedule["state"] == "DISABLED"


def test_it_runs_one_task_of_this_revision_in_private_subnets(record):
    target = record(build).one(SCHEDULE).inputs["target"]

    assert target["arn"] == CLUSTER
    assert target["roleArn"].endswith(":night-scheduler")
    assert target["ecsParameters"] == {
        "taskDefinitionArn": DEFINITION,
        "taskCount": 1,
        "platformVersion": "1.4.0",
        "capacityProviderStrategies": [{"capacityProvider": "FARGATE", "base": 0, "weight": 1}],
        "networkConfiguration": {
            "subnets": ["subnet-a", "subnet-b"],
            "securityGroups": ["night-sg-id"],
            "assignPublicIp": False,
        },
        "enableEcsManagedTags": True,
        "enableExecuteCommand": False,
        "propagateTags": "TASK_DEFINITION",
    }


def test_it_may_run_on_spot_and_be_looked_into(record):
    graph = record(lambda: build(capacity=Capacity.SPOT, task=task(enable_execute_command=True)))

    parameters = graph.one(SCHEDULE).inputs["target"]["ecsParameters"]
    assert parameters["capacityProviderStrategies"][0]["capacityProvider"] == "FARGATE_SPOT"
    assert parameters["enableExecuteCommand"] is True


def test_a_start_that_fails_is_tried_again_for_a_while_and_then_kept(record):
    default = record(build).one(SCHEDULE).inputs["target"]
    chosen = record(lambda: build(retry_attempts=0, retry_seconds=60)).one(SCHEDULE).inputs

    assert default["retryPolicy"] == {
        "maximumRetryAttempts": 3,
        "maximumEventAgeInSeconds": 3600,
    }
    assert default["deadLetterConfig"] == {"arn": QUEUE_ARN}
    assert chosen["target"]["retryPolicy"] == {
        "maximumRetryAttempts": 0,
        "maximumEventAgeInSeconds": 60,
    }


def test_the_dead_letter_queue_is_encrypted_and_refuses_plain_http(record):
    graph = record(build)

    queue = graph.one(QUEUE).inputs
    assert queue["sqsManagedSseEnabled"] is True
    assert queue["messageRetentionSeconds"] == 1209600
    (statement,) = json.loads(graph.one(QUEUE_POLICY).inputs["policy"])["Statement"]
    assert statement == {
        "Sid": "RefusePlainHttp",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": QUEUE_ARN,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_the_scheduler_may_run_this_revision_in_this_cluster_only(record):
    statement = granted(record(build))["RunThisRevision"]

    assert statement["Action"] == "ecs:RunTask"
    assert statement["Resource"] == DEFINITION
    assert statement["Condition"] == {"ArnEquals": {"ecs:cluster": CLUSTER}}


def test_the_scheduler_may_pass_the_two_roles_of_the_task_to_ecs_only(record):
    statement = granted(record(build))["PassTheRolesOfTheTask"]

    assert statement["Action"] == "iam:PassRole"
    assert statement["Resource"] == [
        f"arn:aws:iam:eu-west-1:{ACCOUNT}:night-execution",
        f"arn:aws:iam:eu-west-1:{ACCOUNT}:night-task",
    ]
    assert statement["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }


def test_the_scheduler_may_tag_what_it_runs_and_keep_what_it_could_not(record):
    statements = granted(record(build))

    assert set(statements) == {
        "RunThisRevision",
        "TagWhatItRuns",
        "PassTheRolesOfTheTask",
        "KeepWhatCouldNotStart",
    }
    tag = statements["TagWhatItRuns"]
    assert (tag["Action"], tag["Resource"]) == (
        "ecs:TagResource",
        f"arn:aws:ecs:eu-west-1:{ACCOUNT}:task/main/*",
    )
    assert tag["Condition"] == {"StringEquals": {"ecs:CreateAction": "RunTask"}}
    keep = statements["KeepWhatCouldNotStart"]
    assert (keep["Action"], keep["Resource"]) == ("sqs:SendMessage", QUEUE_ARN)


def test_only_schedules_of_its_own_group_may_take_the_role(record):
    graph = record(build)

    trust = json.loads(graph.one(ROLE, "night-scheduler").inputs["assumeRolePolicy"])
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": ACCOUNT,
            "aws:SourceArn": f"arn:aws:scheduler:eu-west-1:{ACCOUNT}:night-group",
        }
    }
    assert graph.one(SCHEDULE).inputs["groupName"] == "night-group"


def test_the_schedule_waits_for_its_permissions_and_paths(record):
    peer = {"name": "database", "security_group_id": "sg-database", "port": 5432}
    graph = record(lambda: build(connections=[peer], ipv6=True))

    waits_for = set(graph.one(SCHEDULE).dependencies)
    assert graph.one(POLICY, "night-scheduler-policy").urn in waits_for
    rules = {r.urn for r in graph.custom if "securityGroup" in r.type and "Rule" in r.type}
    assert len(rules) == 4
    assert rules <= waits_for


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"schedule": "0 3 * * *"}, "must be cron(...), rate(...) or at(...)"),
        ({"flexible_window_minutes": 1441}, "0 to 1440"),
        ({"retry_attempts": 186}, "0 to 185"),
        ({"retry_seconds": 59}, "60 to 86400"),
        ({"capacity": Capacity.MIXED}, "either on_demand or spot"),
        ({"task": task(memory=513)}, "nearest are"),
    ],
)
def test_a_mistake_is_refused_before_anything_exists(record, mistake, said):
    with pytest.raises(ValueError, match="ScheduledJob 'night': ") as refusal:
        record(lambda: build(**mistake))

    assert said in str(refusal.value)


@pytest.mark.parametrize(
    "edge",
    [
        {"flexible_window_minutes": 1440, "retry_attempts": 185, "retry_seconds": 86400},
        {"schedule": "rate(1 day)"},
        {"schedule": "at(2030-01-01T00:00:00)"},
    ],
)
def test_the_last_that_is_allowed_is_accepted(record, edge):
    assert len(record(lambda: build(**edge)).of(SCHEDULE)) == 1


def test_every_child_belongs_to_the_component_and_two_instances_coexist(record):
    graph = record(lambda: (build(), build("hourly")))

    strays = [r.urn for r in graph if r.type != COMPONENT and COMPONENT not in r.parent]
    assert strays == []
    assert set(graph.of(SCHEDULE)) == {"night-schedule", "hourly-schedule"}


def test_extra_tags_reach_every_taggable_child(record):
    graph = record(lambda: build(tags={"Team": "platform"}))

    untagged = {r.type for r in graph.custom if r.inputs.get("tags", {}).get("Team") != "platform"}
    assert untagged == {POLICY, QUEUE_POLICY, SCHEDULE}, "these have no tags"


def test_outputs_are_registered(record):
    component = record(build).one(COMPONENT)

    assert component.outputs == {
        "schedule_name": "night-schedule",
        "schedule_arn": f"arn:aws:scheduler:eu-west-1:{ACCOUNT}:night-schedule",
        "dead_letter_queue_name": "night-failed",
        "dead_letter_queue_arn": QUEUE_ARN,
        "security_group_id": "night-sg-id",
        "task_definition_arn": DEFINITION,
        "family": "babyrobots-test-night",
        "task_role_arn": f"arn:aws:iam:eu-west-1:{ACCOUNT}:night-task",
        "log_group_name": "/ecs/babyrobots-test-night",
    }


def test_it_can_be_published_as_a_package():
    analyzed = Analyzer("babyrobots").analyze([ScheduledJob])
    schema = analyzed["component_definitions"]["ScheduledJob"]

    required = {name for name, prop in schema.inputs.items() if not prop.optional}
    assert required == {"task", "schedule", "clusterArn", "clusterName", "vpcId", "subnetIds"}
    described = (*schema.inputs.items(), *schema.outputs.items())
    assert [n for n, p in described if not p.description] == []
