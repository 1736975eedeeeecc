"""Restoring services and jobs from a backup, against moto; the backup is the function's own."""

import datetime
import json

import boto3
import pytest
from moto import mock_aws

from functions.service_backup.main import Destination, Source, run
from ops.aws import Clients
from ops.recovery.requests import request
from ops.recovery.service_backups import BackupNotFoundError, Backups, entry
from ops.recovery.services import (
    ImageLostError,
    JobRestoration,
    NotSteadyError,
    ServiceRestoration,
)
from ops.recovery.steps import Step, StepError, carry_out, record

REGION, ACCOUNT = "eu-west-1", "123456789012"
AT = datetime.datetime(2026, 11, 25, 3, tzinfo=datetime.UTC)
SCALING = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/main/api",
    "ScalableDimension": "ecs:service:DesiredCount",
}


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws():
        clients = Clients(boto3.Session(region_name=REGION), REGION)
        clients.get("s3").create_bucket(
            Bucket="backups", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        clients.get("ecs").create_cluster(clusterName="main")
        clients.get("ecr").create_repository(repositoryName="api")
        yield clients


@pytest.fixture
def image(aws):
    digest = aws.get("ecr").put_image(
        repositoryName="api",
        imageTag="v1",
        imageManifest=json.dumps({"schemaVersion": 2}),
        imageManifestMediaType="application/vnd.oci.image.manifest.v1+json",
    )["image"]["imageId"]["imageDigest"]
    return f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/api@{digest}"


def define(aws, image, value):
    return aws.get("ecs").register_task_definition(
        family="api",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[
            {
                "name": "app",
                "image": image,
                "memory": 512,
                "environment": [{"name": "V", "value": value}],
            }
        ],
        tags=[{"key": "Owner", "value": "platform"}],
    )["taskDefinition"]["taskDefinitionArn"]


@pytest.fixture
def service(aws, image):
    network = aws.get("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = aws.get("ec2").create_subnet(VpcId=network, CidrBlock="10.0.0.0/24")["Subnet"][
        "SubnetId"
    ]
    group = aws.get("ec2").create_security_group(GroupName="api", Description="api", VpcId=network)[
        "GroupId"
    ]
    aws.get("ecs").create_service(
        cluster="main",
        serviceName="api",
        taskDefinition=define(aws, image, "1"),
        desiredCount=2,
        launchType="FARGATE",
        propagateTags="SERVICE",
        enableECSManagedTags=True,
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": [subnet],
                "securityGroups": [group],
                "assignPublicIp": "DISABLED",
            }
        },
        tags=[{"key": "Owner", "value": "platform"}],
    )
    scaling = aws.get("application-autoscaling")
    scaling.register_scalable_target(**SCALING, MinCapacity=1, MaxCapacity=4)
    scaling.put_scaling_policy(
        **SCALING,
        PolicyName="by-cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
            },
        },
    )
    scaling.put_scheduled_action(
        **SCALING,
        ScheduledActionName="stop",
        Schedule="cron(0 20 ? * MON-FRI *)",
        ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 0},
    )
    return described(aws)


def described(aws):
    answer = aws.get("ecs").describe_services(cluster="main", services=["api"], include=["TAGS"])
    return next((s for s in answer["services"] if s["status"] == "ACTIVE"), None)


def scaling(aws):
    client = aws.get("application-autoscaling")
    volatile = {"CreationTime", "ScalableTargetARN", "PolicyARN", "ScheduledActionARN", "Alarms"}
    return [
        [
            {key: value for key, value in item.items() if key not in volatile}
            for item in getattr(client, f"describe_{what}")(ServiceNamespace="ecs")[answered]
        ]
        for what, answered in (
            ("scalable_targets", "ScalableTargets"),
            ("scaling_policies", "ScalingPolicies"),
            ("scheduled_actions", "ScheduledActions"),
        )
    ]


def back_up(aws, at=AT, schedules=()):
    return run(
        Source(cluster="main", schedules=tuple(schedules)),
        Destination(bucket="backups", account_id=ACCOUNT),
        aws.get,
        at=at,
    )


def backups(aws):
    return Backups(aws=aws, bucket="backups", cluster="main")


def restoration(aws, at=None, **more):
    found = backups(aws)
    document = found.read(found.find(at))
    return ServiceRestoration(
        aws=aws, cluster="main", entry=entry(document, "services", "api"), wait=False, **more
    )


def environment(aws):
    arn = described(aws)["taskDefinition"]
    definition = aws.get("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
    return definition["containerDefinitions"][0]["environment"]


def kept(service):
    names = request("ecs", "CreateService", service)
    return {key: value for key, value in names.items() if key != "taskDefinition"}


def test_a_deleted_service_comes_back_as_it_was(aws, service):
    back_up(aws)
    before = scaling(aws)
    aws.get("ecs").delete_service(cluster="main", service="api", force=True)
    aws.get("application-autoscaling").deregister_scalable_target(**SCALING)
    assert described(aws) is None

    done = carry_out(restoration(aws).steps())

    assert kept(described(aws)) == kept(service)
    assert environment(aws) == [{"name": "V", "value": "1"}]
    assert scaling(aws) == before
    assert done[0].does == "keep the task definition api:1"


def test_a_deregistered_task_definition_is_registered_again(aws, service):
    back_up(aws)
    aws.get("ecs").deregister_task_definition(taskDefinition=service["taskDefinition"])

    done = carry_out(restoration(aws).steps())

    assert done[0].does == "register the task definition api:1 again"
    arn = described(aws)["taskDefinition"]
    assert arn.endswith("api:2")
    answer = aws.get("ecs").describe_task_definition(taskDefinition=arn, include=["TAGS"])
    assert answer["taskDefinition"]["status"] == "ACTIVE"
    assert answer["tags"] == [{"key": "Owner", "value": "platform"}]
    assert environment(aws) == [{"name": "V", "value": "1"}]


@pytest.mark.usefixtures("service")
def test_a_bad_deployment_is_taken_back_and_autoscaling_keeps_its_count(aws, image):
    back_up(aws)
    aws.get("ecs").update_service(
        cluster="main", service="api", taskDefinition=define(aws, image, "bad"), desiredCount=3
    )

    carry_out(restoration(aws).steps())

    assert environment(aws) == [{"name": "V", "value": "1"}]
    assert described(aws)["desiredCount"] == 3, "the count is autoscaling's"


@pytest.mark.usefixtures("service")
def test_any_day_can_be_restored(aws, image):
    back_up(aws, at=AT)
    aws.get("ecs").update_service(
        cluster="main", service="api", taskDefinition=define(aws, image, "2")
    )
    back_up(aws, at=AT + datetime.timedelta(days=1))

    carry_out(restoration(aws, at=AT + datetime.timedelta(hours=5)).steps())
    assert environment(aws) == [{"name": "V", "value": "1"}]

    carry_out(restoration(aws, at=AT + datetime.timedelta(days=9)).steps())
    assert environment(aws) == [{"name": "V", "value": "2"}]


@pytest.mark.usefixtures("service")
def test_restoring_twice_changes_nothing_more(aws):
    back_up(aws)
    carry_out(restoration(aws).steps())
    once = kept(described(aws)), scaling(aws)

    carry_out(restoration(aws).steps())

    assert (kept(described(aws)), scaling(aws)) == once


@pytest.mark.usefixtures("service")
def test_looking_at_the_steps_changes_nothing(aws):
    back_up(aws)
    aws.get("ecs").delete_service(cluster="main", service="api", force=True)

    steps = list(restoration(aws).steps())

    assert described(aws) is None
    assert [step.does for step in steps] == [
        "keep the task definition api:1",
        "create the service api with its settings",
        "set the scaling bounds of tasks",
        "set the scaling policy by-cpu",
        "set the scaling schedule stop",
    ]


@pytest.mark.usefixtures("service")
def test_an_image_that_is_gone_stops_everything_before_it_begins(aws, image):
    back_up(aws)
    digest = image.partition("@")[2]
    aws.get("ecr").batch_delete_image(repositoryName="api", imageIds=[{"imageDigest": digest}])

    with pytest.raises(ImageLostError, match=rf"api@{digest}.*choose a later backup"):
        list(restoration(aws).steps())


@pytest.mark.usefixtures("service")
def test_a_service_that_does_not_get_steady_fails_with_what_ecs_says(aws):
    back_up(aws)
    found = backups(aws)
    document = found.read(found.find())
    waiting = ServiceRestoration(
        aws=aws, cluster="main", entry=entry(document, "services", "api"), timeout=0
    )

    with pytest.raises(StepError, match="wait until the service is steady") as raised:
        carry_out(waiting.steps())

    assert isinstance(raised.value.__cause__, NotSteadyError)
    assert [done.does for done in raised.value.done][-1] == "set the scaling schedule stop"


def schedule(aws, definition):
    aws.get("scheduler").create_schedule(
        Name="nightly",
        ScheduleExpression="cron(0 2 * * ? *)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/main",
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/scheduler",
            "EcsParameters": {"TaskDefinitionArn": definition},
        },
    )


def saved(aws):
    found = aws.get("scheduler").get_schedule(Name="nightly")
    return {k: v for k, v in found.items() if k in {"ScheduleExpression", "Target", "State"}}


@pytest.mark.parametrize("deleted", [True, False])
def test_a_job_comes_back(aws, image, deleted):
    schedule(aws, define(aws, image, "1"))
    before = saved(aws)
    back_up(aws, schedules=["nightly"])
    if deleted:
        aws.get("scheduler").delete_schedule(Name="nightly")
    else:
        aws.get("scheduler").update_schedule(
            Name="nightly",
            ScheduleExpression="rate(1 minute)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=before["Target"],
        )
    found = backups(aws)
    document = found.read(found.find())

    carry_out(JobRestoration(aws=aws, entry=entry(document, "jobs", "nightly")).steps())

    assert saved(aws) == before


def test_no_backup_says_which_there_are(aws):
    with pytest.raises(BackupNotFoundError, match="there is none at all"):
        backups(aws).find()
    back_up(aws)
    with pytest.raises(BackupNotFoundError, match=r"the oldest is main/2026-11-25T03-00-00Z\.json"):
        backups(aws).find(AT - datetime.timedelta(days=1))


def test_an_incomplete_backup_is_only_taken_when_asked_for(aws):
    aws.get("s3").put_object(
        Bucket="backups", Key="main/2026-11-26T03-00-00Z.incomplete.json", Body=b"{}"
    )
    back_up(aws)

    later = AT + datetime.timedelta(days=2)
    assert backups(aws).find(later).endswith("25T03-00-00Z.json")
    assert backups(aws).find(later, incomplete=True).endswith("26T03-00-00Z.incomplete.json")


def test_a_backup_of_another_form_is_refused(aws):
    aws.get("s3").put_object(Bucket="backups", Key="main/x.json", Body=b'{"version": 99}')

    with pytest.raises(BackupNotFoundError, match="version 99"):
        backups(aws).read("main/x.json")


@pytest.mark.usefixtures("service")
def test_an_unknown_service_says_which_there_are(aws):
    back_up(aws)
    document = backups(aws).read(backups(aws).find())

    with pytest.raises(BackupNotFoundError, match="no other among its services: api"):
        entry(document, "services", "other")


def test_a_record_says_what_was_done():
    ticks = iter([0.0, 1.5, 2.0, 4.0])
    done = carry_out(
        [
            Step(does="first", run=lambda: "one"),
            Step(does="nothing", run=None),
            Step(does="second", run=lambda: "two"),
        ],
        clock=lambda: next(ticks),
    )

    assert record("restore", done, at=AT) == {
        "what": "restore",
        "at": "2026-11-25T03:00:00+00:00",
        "steps": [
            {"does": "first", "seen": "one", "seconds": 1.5},
            {"does": "nothing", "seen": "nothing to do", "seconds": 0.0},
            {"does": "second", "seen": "two", "seconds": 2.0},
        ],
    }
