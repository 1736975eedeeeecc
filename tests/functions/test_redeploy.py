"""The function that brings new values to running tasks, against an ECS that is made up."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError

from functions.redeploy import main

UTC = datetime.UTC
NOON = datetime.datetime(2030, 1, 1, 12, tzinfo=UTC)
ACCOUNT = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
TOKEN = f"{ACCOUNT}app/token-AbCdEf"
OTHER = f"{ACCOUNT}app/other-GhIjKl"


def ago(minutes):
    return NOON - datetime.timedelta(minutes=minutes)


class Ecs:
    """A cluster: services with their tasks and deployments; notes what is forced."""

    def __init__(self):
        self.services = {}
        self.forced = []
        self.failing = set()

    def add(self, name, *, tasks=(), deployments=(), secrets=(TOKEN,), status="ACTIVE"):
        self.services[name] = {
            "tasks": [*tasks],
            "deployments": [*deployments],
            "secrets": [*secrets],
            "status": status,
        }

    def describe_services(self, *, cluster, services):
        assert cluster == "main"
        (name,) = services
        known = self.services.get(name)
        if known is None:
            return {"services": [], "failures": [{"reason": "MISSING"}]}
        return {"services": [{"status": known["status"], "taskDefinition": f"definition-{name}"}]}

    def describe_task_definition(self, *, taskDefinition):
        name = taskDefinition.removeprefix("definition-")
        secrets = [{"name": "X", "valueFrom": arn} for arn in self.services[name]["secrets"]]
        containers = [{"name": "app", "secrets": secrets}, {"name": "collector"}]
        return {"taskDefinition": {"containerDefinitions": containers}}

    def get_paginator(self, operation):
        assert operation == "list_tasks"
        return self

    def paginate(self, *, cluster, serviceName, desiredStatus):
        assert (cluster, desiredStatus) == ("main", "RUNNING")
        arns = [f"{serviceName}/{i}" for i in range(len(self.services[serviceName]["tasks"]))]
        for start in range(0, len(arns), 70):
            yield {"taskArns": arns[start : start + 70]}

    def describe_tasks(self, *, cluster, tasks):
        assert cluster == "main"
        assert 0 < len(tasks) <= 100
        found = (task.split("/") for task in tasks)
        return {"tasks": [{"createdAt": self.services[n]["tasks"][int(i)]} for n, i in found]}

    def list_service_deployments(
        self, *, cluster, service, createdAt=None, status=None, nextToken=None
    ):
        assert cluster == "main"
        assert (createdAt is None) != (status is None)
        found = [
            {"createdAt": began, "status": how}
            for began, how in self.services[service]["deployments"]
            if (createdAt is None or began >= createdAt["after"])
            and (status is None or how in status)
        ]
        # One at a page, so that whoever reads only the first page is found out.
        at = int(nextToken or 0)
        page = {"serviceDeployments": found[at : at + 1]}
        return page | ({"nextToken": str(at + 1)} if at + 1 < len(found) else {})

    def update_service(self, *, cluster, service, forceNewDeployment):
        if service in self.failing:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateService")
        assert (cluster, forceNewDeployment) == ("main", True)
        self.forced.append(service)
        self.services[service]["deployments"].append((NOON, "IN_PROGRESS"))


class Secrets:
    """Secrets by ARN: when the current version was made, and what describes the secret."""

    def __init__(self):
        self.made = {}
        self.described = {}

    def add(self, arn, made, **described):
        self.made[arn] = made
        self.described[arn] = described

    def describe_secret(self, *, SecretId):
        if SecretId not in self.described:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeSecret")
        return self.described[SecretId]

    def list_secret_version_ids(self, *, SecretId):
        made = self.made[SecretId]
        if made is None:
            return {"Versions": []}
        return {
            "Versions": [
                {"VersionStages": ["AWSPENDING"], "CreatedDate": NOON},
                {"VersionStages": ["AWSPREVIOUS"], "CreatedDate": ago(10_000)},
                {"VersionStages": ["AWSCURRENT"], "CreatedDate": made},
            ]
        }


@pytest.fixture
def ecs():
    return Ecs()


@pytest.fixture
def secrets():
    return Secrets()


@pytest.fixture
def run(ecs, secrets):
    def call(event=None, *, services=("api",), seconds=300, now=NOON):
        clock = {"now": now, "left": float(seconds), "slept": 0.0}

        def sleep(time):
            clock["now"] += datetime.timedelta(seconds=time)
            clock["left"] -= time
            clock["slept"] += time
            assert clock["left"] > 0, "Lambda would have ended the function"

        call.clock = clock
        return main.run(
            event or {"detail-type": "Scheduled Event"},
            lambda: main.Refresher("main", ecs, secrets),
            services,
            now=lambda: clock["now"],
            seconds_left=lambda: clock["left"],
            sleep=sleep,
        )

    return call


def news(name="PutSecretValue", secret=TOKEN, when=NOON, **detail):
    parameters = {"versionStage": "AWSCURRENT"} if name == main.MOVE else {}
    return {
        "detail": {
            "eventName": name,
            "eventTime": when.isoformat().replace("+00:00", "Z"),
            "requestParameters": {"secretId": secret, **parameters},
            **detail,
        }
    }


def test_a_task_older_than_a_value_is_replaced(run, ecs, secrets):
    secrets.add(TOKEN, ago(10))
    ecs.add("api", tasks=[ago(60), ago(1)], deployments=[(ago(61), "SUCCESSFUL")])

    assert run() == {"api": "REDEPLOY"}
    assert ecs.forced == ["api"]


def test_a_second_look_does_nothing_more(run, ecs, secrets):
    secrets.add(TOKEN, ago(10))
    ecs.add("api", tasks=[ago(60)])

    assert run() == {"api": "REDEPLOY"}
    assert run() == {"api": "UNDER_WAY"}
    assert ecs.forced == ["api"]


def test_tasks_that_began_after_the_change_are_left_alone(run, ecs, secrets):
    secrets.add(TOKEN, ago(10))
    ecs.add("api", tasks=[ago(9), ago(1)])

    assert run() == {"api": "CURRENT"}
    assert ecs.forced == []


def test_a_rotation_counts_from_its_end_not_from_the_making_of_its_version(run, ecs, secrets):
    secrets.add(TOKEN, ago(12), LastRotatedDate=ago(10))
    ecs.add("api", tasks=[ago(11)])

    assert run() == {"api": "REDEPLOY"}


def test_an_old_rotation_does_not_hide_a_value_put_by_hand(run, ecs, secrets):
    secrets.add(TOKEN, ago(10), LastRotatedDate=ago(1000))
    ecs.add("api", tasks=[ago(60)])

    assert run() == {"api": "REDEPLOY"}


def test_each_of_several_secrets_counts(run, ecs, secrets):
    secrets.add(TOKEN, ago(1000))
    secrets.add(OTHER, ago(10))
    ecs.add("api", tasks=[ago(60)], secrets=[TOKEN, OTHER])

    assert run() == {"api": "REDEPLOY"}


def test_secrets_that_change_together_cost_one_deployment(run, ecs, secrets):
    secrets.add(TOKEN, NOON)
    secrets.add(OTHER, NOON + datetime.timedelta(seconds=40))
    ecs.add("api", tasks=[ago(60)], secrets=[TOKEN, OTHER])

    assert run(news()) == {"api": "REDEPLOY"}
    assert ecs.forced == ["api"]
    assert run.clock["slept"] == 120, "the second value had to stand still as well"


def test_it_never_waits_longer_than_lambda_lets_it(run, ecs, secrets):
    # A secret that changes for ever: by a program that has gone wrong, say.
    secrets.add(TOKEN, ago(10_000))
    ecs.add("api", tasks=[ago(60)])

    with pytest.raises(RuntimeError, match="changed just now"):
        run(news(main.MOVE, when=NOON + datetime.timedelta(days=2)), seconds=300)
    assert ecs.forced == []
    assert run.clock["slept"] == 240


def test_the_schedule_leaves_a_value_that_changed_just_now_to_its_next_time(run, ecs, secrets):
    secrets.add(TOKEN, NOON - datetime.timedelta(seconds=20))
    ecs.add("api", tasks=[ago(60)])

    assert run() == {"api": "SETTLING"}
    assert run.clock["slept"] == 0
    assert run(now=NOON + datetime.timedelta(minutes=15)) == {"api": "REDEPLOY"}


@pytest.mark.parametrize("status", ["PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
def test_a_deployment_that_began_before_the_change_ends_first(run, ecs, secrets, status):
    secrets.add(TOKEN, ago(10))
    ecs.add("api", tasks=[ago(60)], deployments=[(ago(12), status)])

    assert run() == {"api": "WAITS"}
    assert ecs.forced == []

    ecs.services["api"]["deployments"] = [(ago(12), "SUCCESSFUL")]
    assert run() == {"api": "REDEPLOY"}


def test_a_deployment_that_began_after_the_change_brings_the_value_by_itself(run, ecs, secrets):
    secrets.add(TOKEN, ago(10))
    ecs.add("api", tasks=[ago(60)], deployments=[(ago(5), "IN_PROGRESS")])

    assert run() == {"api": "UNDER_WAY"}


@pytest.mark.parametrize("status", ["ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "STOPPED"])
def test_a_value_that_tasks_cannot_start_with_is_not_tried_for_ever(run, ecs, secrets, status):
    secrets.add(TOKEN, ago(30))
    ecs.add("api", tasks=[ago(60)], deployments=[(ago(20), "SUCCESSFUL"), (ago(15), status)])

    with pytest.raises(RuntimeError, match=f"is {status}: tasks run with an old value"):
        run()
    assert ecs.forced == []


def test_after_a_failure_a_later_deployment_counts(run, ecs, secrets):
    secrets.add(TOKEN, ago(30))
    ecs.add(
        "api",
        tasks=[ago(60)],
        deployments=[(ago(20), "ROLLBACK_SUCCESSFUL"), (ago(5), "IN_PROGRESS")],
    )

    assert run() == {"api": "UNDER_WAY"}


def test_a_rollback_after_the_change_is_no_trouble_when_no_old_task_is_left(run, ecs, secrets):
    secrets.add(TOKEN, ago(30))
    ecs.add("api", tasks=[ago(10)], deployments=[(ago(20), "ROLLBACK_SUCCESSFUL")])

    assert run() == {"api": "CURRENT"}


def test_a_service_that_sleeps_needs_nothing(run, ecs, secrets):
    secrets.add(TOKEN, ago(10))
    ecs.add("api", tasks=[], deployments=[(ago(900), "SUCCESSFUL")])

    assert run() == {"api": "CURRENT"}
    assert ecs.forced == []


@pytest.mark.parametrize("status", [None, "DRAINING", "INACTIVE"])
def test_a_service_that_is_gone_is_no_trouble(run, ecs, secrets, status):
    secrets.add(TOKEN, ago(10))
    if status:
        ecs.add("api", tasks=[ago(60)], status=status)

    assert run() == {"api": "CURRENT"}
    assert ecs.forced == []


def test_a_secret_that_is_being_deleted_stops_no_task(run, ecs, secrets):
    secrets.add(TOKEN, ago(10), DeletedDate=ago(5))
    ecs.add("api", tasks=[ago(60)])

    with pytest.raises(RuntimeError, match="a new task could not start"):
        run()
    assert ecs.forced == []


def test_a_secret_that_is_gone_stops_no_task(run, ecs):
    ecs.add("api", tasks=[ago(60)])

    with pytest.raises(RuntimeError, match="ResourceNotFoundException"):
        run()
    assert ecs.forced == []


def test_a_secret_without_a_value_is_not_a_change(run, ecs, secrets):
    secrets.add(TOKEN, None)
    ecs.add("api", tasks=[ago(60)])

    assert run() == {"api": "CURRENT"}


def test_one_service_in_trouble_does_not_keep_the_others_from_the_new_value(run, ecs, secrets):
    secrets.add(TOKEN, ago(10))
    for name in ("api", "worker", "reports"):
        ecs.add(name, tasks=[ago(60)])
    ecs.failing.add("worker")

    with pytest.raises(RuntimeError, match=r"^worker: .*ThrottlingException") as failure:
        run(services=["api", "worker", "reports"])
    assert ecs.forced == ["api", "reports"]
    assert "api" not in str(failure.value)


def test_every_one_of_many_tasks_is_looked_at(run, ecs, secrets):
    secrets.add(TOKEN, ago(10))
    ecs.add("api", tasks=[ago(1)] * 349 + [ago(60)])

    assert run() == {"api": "REDEPLOY"}


def test_a_service_without_secrets_is_left_alone(run, ecs):
    ecs.add("api", tasks=[ago(60)], secrets=[])

    assert run(news()) == {"api": "CURRENT"}


def test_the_news_of_another_secret_is_only_a_reason_to_look(run, ecs, secrets):
    secrets.add(TOKEN, ago(1000))
    ecs.add("api", tasks=[ago(60)])

    assert run(news(secret=OTHER)) == {"api": "CURRENT"}
    assert ecs.forced == []


@pytest.mark.parametrize("name", [TOKEN, "app/token", "app/token-AbCdEf"])
def test_a_label_moved_back_to_an_old_version_is_seen_by_its_event(run, ecs, secrets, name):
    secrets.add(TOKEN, ago(10_000))
    ecs.add("api", tasks=[ago(60)])

    event = news(main.MOVE, secret=name, when=ago(5))
    assert run(event) == {"api": "REDEPLOY"}


def test_what_only_an_event_knows_is_not_forgotten_while_a_deployment_goes_on(run, ecs, secrets):
    secrets.add(TOKEN, ago(10_000))
    ecs.add("api", tasks=[ago(60)], deployments=[(ago(30), "IN_PROGRESS")])

    with pytest.raises(RuntimeError, match="must end first"):
        run(news(main.MOVE, when=ago(5)))


def test_what_the_schedule_will_see_makes_no_alarm_while_a_deployment_goes_on(run, ecs, secrets):
    secrets.add(TOKEN, ago(6), LastRotatedDate=ago(5))
    ecs.add("api", tasks=[ago(60)], deployments=[(ago(30), "IN_PROGRESS")])

    assert run(news(main.MOVE, when=ago(4))) == {"api": "WAITS"}


def test_the_end_of_a_rotation_names_its_secret_elsewhere():
    event = {
        "detail": {
            "eventName": "RotationSucceeded",
            "eventTime": "2030-01-01T12:00:00Z",
            "requestParameters": None,
            "additionalEventData": {"SecretId": TOKEN},
        }
    }

    assert main.announced(event) == main.News(TOKEN, NOON, moved=False)


@pytest.mark.parametrize(
    "event",
    [
        news("UpdateSecret", when=ago(5)),
        news(main.MOVE, when=ago(5), requestParameters={"versionStage": "AWSPENDING"}),
        news(main.MOVE, when=ago(5), requestParameters={"secretId": TOKEN}),
        news(
            main.MOVE,
            when=ago(5),
            requestParameters={"secretId": TOKEN, "versionStage": "AWSPREVIOUS"},
        ),
    ],
)
def test_a_new_description_or_another_label_redeploys_nothing(run, ecs, secrets, event):
    secrets.add(TOKEN, ago(10_000))
    ecs.add("api", tasks=[ago(60)])

    assert run(event) == {"api": "CURRENT"}


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"detail-type": "Scheduled Event", "detail": {}},
        {"detail": None},
        {"detail": "text"},
        {"detail": {}},
        news("GetSecretValue"),
        news("TagResource"),
        news("RotationFailed"),
        news(errorCode="AccessDenied"),
        news(requestParameters=None),
        news(requestParameters={"secretId": None}),
        news(requestParameters={"secretId": 7}),
        news(eventTime="yesterday"),
        news(eventTime="2030-01-01T12:00:00"),
        news(eventTime=None),
    ],
)
def test_an_event_that_tells_of_no_change_is_only_a_reason_to_look(event):
    assert main.announced(event) is None


def test_only_secrets_that_can_change_count():
    definition = {
        "containerDefinitions": [
            {
                "secrets": [
                    {"name": "A", "valueFrom": f"{TOKEN}:key::"},
                    {"name": "B", "valueFrom": f"{TOKEN}:other:AWSCURRENT:"},
                    {"name": "C", "valueFrom": f"{OTHER}:::0c6a-version"},
                    {"name": "D", "valueFrom": "arn:aws:ssm:eu-west-1:1:parameter/flag"},
                ]
            }
        ]
    }

    assert main.secrets_of(definition) == {TOKEN}


def test_lambda_hands_over_its_cluster_services_and_clock(monkeypatch, ecs, secrets):
    secrets.add(TOKEN, datetime.datetime.now(UTC) - datetime.timedelta(minutes=10))
    ecs.add("api", tasks=[datetime.datetime.now(UTC) - datetime.timedelta(hours=1)])
    monkeypatch.setenv("CLUSTER", "main")
    monkeypatch.setenv("SERVICES", json.dumps(["api"]))
    clients = {"ecs": ecs, "secretsmanager": secrets}
    monkeypatch.setattr(main.boto3, "client", lambda service, **_: clients[service])

    class Context:
        def get_remaining_time_in_millis(self):
            return 300_000

    assert main.handler({}, Context()) == {"api": "REDEPLOY"}
    assert ecs.forced == ["api"]
