"""The daily backup of what services are: what it writes, and what it does when things go wrong.

The clients are moto's, some of them broken on purpose. What moto cannot show: throttling by AWS
itself (botocore retries it before the function sees anything) and a refused Object Lock.
"""

import datetime
import json

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from functions.service_backup.main import (
    COMPLETE_METRIC,
    BackupError,
    Destination,
    Source,
    handler,
    object_key,
    run,
)

REGION, ACCOUNT = "eu-west-1", "123456789012"
AT = datetime.datetime(2026, 11, 25, 3, tzinfo=datetime.UTC)
DIGEST = "sha256:" + "a" * 64
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/api@{DIGEST}"
DESTINATION = Destination(bucket="backups", account_id=ACCOUNT)


@pytest.fixture
def aws(monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        made = {}

        def client(service):
            return made.setdefault(service, boto3.client(service, region_name=REGION))

        client("s3").create_bucket(
            Bucket="backups", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        client("s3").put_bucket_versioning(
            Bucket="backups", VersioningConfiguration={"Status": "Enabled"}
        )
        client("ecs").create_cluster(clusterName="main")
        yield client


def define(aws, family, image=IMAGE, **more):
    return aws("ecs").register_task_definition(
        family=family, containerDefinitions=[{"name": "app", "image": image, "memory": 512, **more}]
    )["taskDefinition"]["taskDefinitionArn"]


def serve(aws, name, image=IMAGE, **more):
    return aws("ecs").create_service(
        cluster="main",
        serviceName=name,
        taskDefinition=define(aws, name, image, **more),
        desiredCount=2,
    )["service"]


def scale(aws, name):
    resource = f"service/main/{name}"
    scaling = {
        "ServiceNamespace": "ecs",
        "ResourceId": resource,
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    aws("application-autoscaling").register_scalable_target(**scaling, MinCapacity=1, MaxCapacity=4)
    aws("application-autoscaling").put_scaling_policy(
        **scaling,
        PolicyName=f"{name}-cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
            },
        },
    )


def schedule(aws, name, definition):
    aws("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="cron(0 2 * * ? *)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/main",
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/scheduler",
            "EcsParameters": {"TaskDefinitionArn": definition},
        },
    )


def back_up(aws, *, schedules=(), at=AT, client=None, **more):
    source = Source(cluster="main", schedules=tuple(schedules))
    return run(source, DESTINATION, client or aws, at=at, **more)


def keys(aws):
    return [o["Key"] for o in aws("s3").list_objects_v2(Bucket="backups").get("Contents", [])]


def written(aws, key):
    return json.loads(aws("s3").get_object(Bucket="backups", Key=key)["Body"].read())


def broken(aws, service, operation, error, *, times=None, only=lambda _parameters: True):
    """The same clients, of which one operation fails."""
    left = [times]

    class Broken:
        def __init__(self, client):
            self._client = client

        def get_paginator(self, name):
            if name != operation:
                return self._client.get_paginator(name)
            return type("Paginator", (), {"paginate": lambda _self, **p: self._fail(**p)})()

        def _fail(self, **parameters):
            if not only(parameters) or left[0] == 0:
                return getattr(self._client, operation)(**parameters)
            if left[0] is not None:
                left[0] -= 1
            raise error

        def __getattr__(self, name):
            return self._fail if name == operation else getattr(self._client, name)

    return lambda name: Broken(aws(name)) if name == service else aws(name)


def refusal(code, operation="Operation", message="no"):
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def test_all_that_makes_a_service_is_in_one_object(aws):
    serve(aws, "api", environment=[{"name": "A", "value": "1"}])
    scale(aws, "api")

    answer = back_up(aws)

    assert answer["services"] == 1
    assert answer["versionId"]
    assert keys(aws) == ["main/2026-11-25T03-00-00Z.json"]
    document = written(aws, answer["key"])
    assert document["complete"] is True
    assert document["takenAt"] == "2026-11-25T03:00:00+00:00"
    [api] = document["services"]
    assert api["service"]["desiredCount"] == 2
    assert "events" not in api["service"]
    assert api["taskDefinition"]["containerDefinitions"][0]["environment"] == [
        {"name": "A", "value": "1"}
    ]
    assert api["images"] == [{"container": "app", "image": IMAGE, "digest": DIGEST}]
    assert [target["MaxCapacity"] for target in api["scalableTargets"]] == [4]
    assert [policy["PolicyName"] for policy in api["scalingPolicies"]] == ["api-cpu"]


def test_the_active_definition_counts_not_the_newest(aws):
    used = serve(aws, "api")["taskDefinition"]
    define(aws, "api")

    [api] = written(aws, back_up(aws)["key"])["services"]

    assert api["taskDefinition"]["taskDefinitionArn"] == used


def test_jobs_are_backed_up_by_their_schedules(aws):
    schedule(aws, "nightly", define(aws, "nightly"))

    document = written(aws, back_up(aws, schedules=["nightly"])["key"])

    [job] = document["jobs"]
    assert job["taskDefinition"]["family"] == "nightly"
    assert job["schedule"]["ScheduleExpression"] == "cron(0 2 * * ? *)"


def test_a_cluster_without_services_has_a_backup_that_says_so(aws):
    document = written(aws, back_up(aws)["key"])

    assert (document["complete"], document["services"], document["jobs"]) == (True, [], [])


def test_250_services_are_all_there(aws):
    definition = define(aws, "api")
    for number in range(250):
        aws("ecs").create_service(
            cluster="main", serviceName=f"s{number:03}", taskDefinition=definition, desiredCount=1
        )

    document = written(aws, back_up(aws)["key"])

    assert [s["name"] for s in document["services"]] == [f"s{n:03}" for n in range(250)]


def test_a_huge_definition_is_kept_whole(aws):
    # ECS takes 64 KB. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
    value = "x" * 60_000
    serve(aws, "api", environment=[{"name": "A", "value": value}])

    [api] = written(aws, back_up(aws)["key"])["services"]

    assert api["taskDefinition"]["containerDefinitions"][0]["environment"][0]["value"] == value


def test_a_service_that_is_being_deleted_is_not_brought_back(aws):
    serve(aws, "api")
    going = serve(aws, "old")["serviceArn"]
    ecs = aws("ecs")
    answer = ecs.describe_services(cluster="main", services=["api", "old"], include=["TAGS"])
    for service in answer["services"]:
        service["status"] = "DRAINING" if service["serviceArn"] == going else "ACTIVE"

    document = written(aws, back_up(aws, client=saying(aws, "describe_services", answer))["key"])

    assert [s["name"] for s in document["services"]] == ["api"]


def saying(aws, operation, answer):
    """The same clients, of which ECS answers one operation as told."""

    class Saying:
        def __getattr__(self, name):
            return (lambda **_: answer) if name == operation else getattr(aws("ecs"), name)

    return lambda service: Saying() if service == "ecs" else aws(service)


def test_a_service_deleted_since_it_was_listed_is_no_failure(aws):
    serve(aws, "api")
    answer = {"services": [], "failures": [{"arn": "a/main/api", "reason": "MISSING"}]}

    document = written(aws, back_up(aws, client=saying(aws, "describe_services", answer))["key"])

    assert document["complete"] is True


def incomplete(aws, client, **more):
    with pytest.raises(BackupError) as raised:
        back_up(aws, client=client, **more)
    [key] = keys(aws)
    assert key == "main/2026-11-25T03-00-00Z.incomplete.json"
    document = written(aws, key)
    assert document["complete"] is False
    for failure in document["failures"]:
        assert failure["subject"] in str(raised.value)
        assert failure["error"] in str(raised.value)
    return document, str(raised.value)


def test_another_reason_not_to_describe_a_service_is_one(aws):
    serve(aws, "api")
    answer = {"services": [], "failures": [{"arn": "a/main/api", "reason": "DENIED"}]}

    document, said = incomplete(aws, saying(aws, "describe_services", answer))

    assert document["failures"][0]["subject"] == "api"
    assert "DENIED" in said


def test_access_denied_on_one_service_costs_only_that_one(aws):
    serve(aws, "api")
    serve(aws, "worker")
    client = broken(
        aws,
        "ecs",
        "describe_task_definition",
        refusal("AccessDeniedException"),
        only=lambda p: "/worker:" in p["taskDefinition"],
    )

    document, said = incomplete(aws, client)

    assert [s["name"] for s in document["services"]] == ["api"]
    assert "worker: read its task definition and images: " in said
    assert "AccessDeniedException" in said


def test_access_denied_on_all_descriptions_names_every_service(aws):
    serve(aws, "api")
    serve(aws, "worker")
    client = broken(aws, "ecs", "describe_services", refusal("AccessDeniedException"))

    document, _ = incomplete(aws, client)

    assert [f["subject"] for f in document["failures"]] == ["api", "worker"]


@pytest.mark.parametrize("code", ["ThrottlingException", "ServerException", "ClientException"])
def test_what_botocore_gave_up_on_is_reported(aws, code):
    serve(aws, "api")

    _, said = incomplete(aws, broken(aws, "ecs", "describe_services", refusal(code)))

    assert code in said


def test_throttling_of_one_batch_costs_only_that_batch(aws):
    definition = define(aws, "api")
    for number in range(25):
        aws("ecs").create_service(
            cluster="main", serviceName=f"s{number:02}", taskDefinition=definition, desiredCount=1
        )
    client = broken(aws, "ecs", "describe_services", refusal("ThrottlingException"), times=1)

    document, _ = incomplete(aws, client)

    assert len(document["services"]) == 15
    assert len(document["failures"]) == 10


@pytest.mark.parametrize(
    "operation",
    ["describe_scalable_targets", "describe_scaling_policies", "describe_scheduled_actions"],
)
def test_unreadable_scaling_is_named_and_the_rest_is_kept(aws, operation):
    serve(aws, "api")
    client = broken(aws, "application-autoscaling", operation, refusal("AccessDenied"))

    document, said = incomplete(aws, client)

    assert [s["name"] for s in document["services"]] == ["api"]
    assert operation.replace("_", " ") in said


def test_a_schedule_that_is_gone_is_named(aws):
    document, said = incomplete(aws, aws, schedules=["nightly"])

    assert document["failures"][0]["subject"] == "nightly"
    assert "ResourceNotFound" in said


def test_an_image_that_the_registry_lost_is_named(aws):
    aws("ecr").create_repository(repositoryName="api")
    serve(aws, "api", image=IMAGE.partition("@")[0] + ":v1")

    _, said = incomplete(aws, aws)

    assert "api:v1 is not in the registry any more" in said


def test_an_image_by_tag_is_kept_by_digest(aws):
    aws("ecr").create_repository(repositoryName="api")
    pushed = aws("ecr").put_image(
        repositoryName="api",
        imageTag="v1",
        imageManifest=json.dumps({"schemaVersion": 2}),
        imageManifestMediaType="application/vnd.oci.image.manifest.v1+json",
    )["image"]["imageId"]["imageDigest"]
    serve(aws, "api", image=IMAGE.partition("@")[0] + ":v1")

    [api] = written(aws, back_up(aws)["key"])["services"]

    assert api["images"][0]["digest"] == pushed


def test_an_image_of_another_registry_is_kept_as_it_is_named(aws):
    serve(aws, "api", image="public.ecr.aws/nginx/nginx:1.29")

    [api] = written(aws, back_up(aws)["key"])["services"]

    assert api["images"] == [
        {"container": "app", "image": "public.ecr.aws/nginx/nginx:1.29", "digest": ""}
    ]


def test_nothing_is_written_when_services_cannot_be_listed(aws):
    client = broken(aws, "ecs", "list_services", refusal("ClusterNotFoundException"))

    with pytest.raises(BackupError, match=r"services of main cannot be listed.*ClusterNotFound"):
        back_up(aws, client=client)

    assert keys(aws) == []


def test_a_bucket_that_is_gone_is_said_by_name(aws):
    serve(aws, "api")
    aws("s3").delete_bucket(Bucket="backups")

    with pytest.raises(BackupError, match=r"s3://backups/main/.*NoSuchBucket"):
        back_up(aws)


def test_a_bucket_that_is_not_ours_gets_nothing(aws):
    seen = []

    class Bucket:
        def put_object(self, **parameters):
            seen.append(parameters)
            return {}

    client = lambda service: Bucket() if service == "s3" else aws(service)  # noqa: E731
    back_up(aws, client=client)

    assert seen[0]["ExpectedBucketOwner"] == ACCOUNT


@pytest.mark.parametrize("code", ["AccessDenied", "SlowDown", "KMS.DisabledException"])
def test_a_refused_write_leaves_nothing(aws, code):
    client = broken(aws, "s3", "put_object", refusal(code))

    with pytest.raises(BackupError, match=code):
        back_up(aws, client=client)

    assert keys(aws) == []


def test_an_unreachable_service_is_reported(aws):
    serve(aws, "api")
    error = EndpointConnectionError(endpoint_url="https://ecs")

    _, said = incomplete(aws, broken(aws, "ecs", "describe_task_definition", error))

    assert "Could not connect" in said


def test_time_that_runs_out_is_reported_before_it_has(aws):
    serve(aws, "api")
    serve(aws, "worker")

    document, _ = incomplete(aws, aws, out_of_time=iter([False, False, True]).__next__)

    assert [s["name"] for s in document["services"]] == ["api"]
    assert [f["subject"] for f in document["failures"]] == ["worker"]


def test_a_retry_of_one_moment_is_another_version_of_one_key(aws):
    serve(aws, "api")

    first, second = back_up(aws), back_up(aws)

    assert first["key"] == second["key"]
    assert first["versionId"] != second["versionId"]
    assert len(keys(aws)) == 1


def test_keys_sort_by_time_whatever_the_zone():
    berlin = datetime.timezone(datetime.timedelta(hours=1))
    assert object_key("main", AT.astimezone(berlin), complete=True) == object_key(
        "main", AT, complete=True
    )


class Context:
    def __init__(self, milliseconds=300_000):
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self):
        return self.milliseconds


@pytest.fixture
def function(aws, monkeypatch):
    for name, value in {
        "CLUSTER": "main",
        "BUCKET": "backups",
        "ACCOUNT_ID": ACCOUNT,
        "SCHEDULES": "",
    }.items():
        monkeypatch.setenv(name, value)
    assert aws, "the function finds moto by itself"
    return handler


def test_the_function_counts_a_complete_backup(aws, function, capsys):
    serve(aws, "api")

    answer = function({"time": "2026-11-25T03:00:00Z"}, Context())

    assert answer["key"] == "main/2026-11-25T03-00-00Z.json"
    [line] = capsys.readouterr().out.splitlines()
    metric = json.loads(line)
    assert metric[COMPLETE_METRIC] == 1
    assert metric["ClusterName"] == "main"
    [described] = metric["_aws"]["CloudWatchMetrics"]
    assert described["Dimensions"] == [["ClusterName"]]


def test_the_function_does_not_count_an_incomplete_one(aws, function, capsys):
    serve(aws, "api")

    with pytest.raises(BackupError, match="ran out of time"):
        function({}, Context(milliseconds=0))

    assert COMPLETE_METRIC not in capsys.readouterr().out


def test_an_event_without_a_time_is_of_now(function):
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)

    key = function({}, Context())["key"]

    assert key >= object_key("main", before, complete=True)


@pytest.mark.parametrize("time", ["yesterday", "2026-13-01"])
def test_an_event_with_no_such_time_is_refused(function, time):
    with pytest.raises(BackupError, match="must be ISO 8601"):
        function({"time": time}, Context())
