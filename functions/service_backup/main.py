"""Writes down what every service and job of a cluster is, so that it can be made again.

One run writes one JSON document: nothing is there until all of it is. What could not be read is
named in it, the document is then called incomplete, and the run fails so that it is tried again
and somebody hears of it. `ops backup` runs the same code with an operator's credentials.

The answers of AWS are kept as they are, because a restoration years later may want what nobody
thinks of today; `ops restore service` turns them into requests.
"""

import dataclasses
import datetime
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

VERSION = 1
"""Of the document's form."""

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html
SERVICES_PER_CALL = 10
RESERVE_SECONDS = 20.0
"""Kept back of the time that a run may take, to write what has been read."""

METRIC_NAMESPACE = "BabyRobots/Backups"
COMPLETE_METRIC = "CompleteBackups"

Record = dict[str, Any]


class BackupError(Exception):
    """A backup that is not there, or not whole; says what is missing and why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What is backed up.

    Args:
        cluster: Name of the cluster.
        schedules: Names of the EventBridge Scheduler schedules that run jobs, in the default group.
    """

    cluster: str
    schedules: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Destination:
    """Where it is written.

    Args:
        bucket: Name of the bucket.
        account_id: Its owner; a bucket of that name which somebody else has taken is refused.
    """

    bucket: str
    account_id: str


@dataclasses.dataclass
class Reading:
    """What has been read so far, and what could not be."""

    services: list[Record] = dataclasses.field(default_factory=list)
    jobs: list[Record] = dataclasses.field(default_factory=list)
    failures: list[Record] = dataclasses.field(default_factory=list)

    def failed(self, subject: str, step: str, error: Exception | str) -> None:
        """Notes what could not be read; the rest goes on."""
        self.failures.append({"subject": subject, "step": step, "error": str(error)})


Client = Callable[[str], Any]
OutOfTime = Callable[[], bool]


def handler(event: Mapping[str, Any], context: Any) -> Record:
    """Entry point of the Lambda function; `event` is `{"time": ISO 8601}` or empty."""
    retries = Config(retries={"mode": "adaptive", "max_attempts": 10}, read_timeout=20)
    session = boto3.Session()
    source = Source(
        cluster=os.environ["CLUSTER"],
        schedules=tuple(filter(None, os.environ.get("SCHEDULES", "").split(","))),
    )
    destination = Destination(bucket=os.environ["BUCKET"], account_id=os.environ["ACCOUNT_ID"])
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    try:
        written = run(
            source,
            destination,
            lambda service: session.client(service, config=retries),
            at=_moment(event.get("time")),
            out_of_time=lambda: time.monotonic() >= deadline,
        )
    except BackupError as error:
        print(json.dumps({"level": "error", "message": str(error)}))
        raise
    print(json.dumps(_counted(source.cluster)))
    return written


def run(
    source: Source,
    destination: Destination,
    client: Client,
    *,
    at: datetime.datetime,
    out_of_time: OutOfTime = lambda: False,
) -> Record:
    """Backs everything up as one object.

    Args:
        source: What is backed up.
        destination: Where it is written.
        client: Returns the boto3 client of a service.
        at: The moment that the backup is for, with its time zone; a retry of the same moment
            writes the same key again.
        out_of_time: Whether to stop reading. Defaults to never.

    Returns:
        `{"bucket", "key", "versionId", "services", "jobs"}`.

    Raises:
        BackupError: Nothing could be written, or not everything could be read.
    """
    clients = _once(client)
    reading = read(source, clients, out_of_time)
    document = {
        "version": VERSION,
        "cluster": source.cluster,
        "takenAt": at.astimezone(datetime.UTC).isoformat(),
        "complete": not reading.failures,
        "failures": reading.failures,
        "services": reading.services,
        "jobs": reading.jobs,
    }
    key = object_key(source.cluster, at, complete=not reading.failures)
    version = _write(clients("s3"), destination, key, document)
    if reading.failures:
        raise BackupError(
            f"the backup of {source.cluster} is incomplete, s3://{destination.bucket}/{key}: "
            + "; ".join(f"{f['subject']}: {f['step']}: {f['error']}" for f in reading.failures)
        )
    return {
        "bucket": destination.bucket,
        "key": key,
        "versionId": version,
        "services": len(reading.services),
        "jobs": len(reading.jobs),
    }


def object_key(cluster: str, at: datetime.datetime, *, complete: bool) -> str:
    """Key of the backup of one moment; they sort by time: `main/2026-11-25T03-00-00Z.json`."""
    moment = at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    return f"{cluster}/{moment}{'' if complete else '.incomplete'}.json"


def read(source: Source, client: Client, out_of_time: OutOfTime = lambda: False) -> Reading:
    """Everything that makes the services and jobs of a cluster what they are.

    Raises:
        BackupError: The services cannot even be listed.
    """
    reading = Reading()
    arns = list(_service_arns(source.cluster, client))
    for some in _in_groups(arns, SERVICES_PER_CALL):
        if out_of_time():
            _give_up(reading, some)
            continue
        for service in _described(source.cluster, some, client, reading):
            if out_of_time():
                _give_up(reading, [service["serviceArn"]])
                continue
            _add_service(service, client, reading)
    _add_scaling(source.cluster, client, reading)
    for schedule in source.schedules:
        _add_job(schedule, client, reading)
    return reading


def _give_up(reading: Reading, arns: Iterable[str]) -> None:
    for arn in arns:
        reading.failed(_name(arn), "read", "ran out of time; give the function more")


def _service_arns(cluster: str, client: Client) -> Iterator[str]:
    try:
        for page in client("ecs").get_paginator("list_services").paginate(cluster=cluster):
            yield from page["serviceArns"]
    except (ClientError, BotoCoreError) as error:
        raise BackupError(f"the services of {cluster} cannot be listed: {error}") from error


def _described(cluster: str, arns: list[str], client: Client, reading: Reading) -> Iterator[Record]:
    try:
        answer = client("ecs").describe_services(cluster=cluster, services=arns, include=["TAGS"])
    except (ClientError, BotoCoreError) as error:
        for arn in arns:
            reading.failed(_name(arn), "describe the service", error)
        return
    for failure in answer.get("failures", []):
        # Deleted since it was listed: there is nothing left to back up.
        if failure.get("reason") != "MISSING":
            reading.failed(_name(failure["arn"]), "describe the service", failure["reason"])
    # One that is being deleted is not for a backup to bring back.
    yield from (s for s in answer["services"] if s.get("status") == "ACTIVE")


def _add_service(service: Record, client: Client, reading: Reading) -> None:
    name = service["serviceName"]
    # Events say what happened, not what the service is.
    kept = {key: value for key, value in service.items() if key != "events"}
    try:
        definition = _definition(service["taskDefinition"], client)
        images = _images(definition, client)
    except (ClientError, BotoCoreError, LookupError) as error:
        reading.failed(name, "read its task definition and images", error)
        return
    reading.services.append(
        {"name": name, "service": kept, "taskDefinition": definition, "images": images}
    )


def _definition(arn: str, client: Client) -> Record:
    answer = client("ecs").describe_task_definition(taskDefinition=arn, include=["TAGS"])
    return {**answer["taskDefinition"], "tags": answer.get("tags", [])}


_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?"
    r"/(?P<name>[^:@]+)(:(?P<tag>[^@]+))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def _images(definition: Record, client: Client) -> list[Record]:
    """What each container runs, by digest: a tag may have moved by the time of a restoration.

    Raises:
        LookupError: The registry has no such image any more.
    """
    found = []
    for container in definition["containerDefinitions"]:
        image: str = container["image"]
        digest = image.partition("@")[2]
        match = _ECR.fullmatch(image)
        if match and not digest:
            digest = _digest(match, client("ecr"))
        found.append({"container": container["name"], "image": image, "digest": digest})
    return found


def _digest(match: re.Match[str], ecr: Any) -> str:
    try:
        answer = ecr.describe_images(
            registryId=match["account"],
            repositoryName=match["name"],
            imageIds=[{"imageTag": match["tag"] or "latest"}],
        )
    except ecr.exceptions.ImageNotFoundException as error:
        raise LookupError(f"{match[0]} is not in the registry any more") from error
    return str(answer["imageDetails"][0]["imageDigest"])


_SCALING = (
    ("describe_scalable_targets", "ScalableTargets", "scalableTargets"),
    ("describe_scaling_policies", "ScalingPolicies", "scalingPolicies"),
    ("describe_scheduled_actions", "ScheduledActions", "scheduledActions"),
)


def _add_scaling(cluster: str, client: Client, reading: Reading) -> None:
    """Targets, policies and schedules of the services that have been read."""
    by_resource = {f"service/{cluster}/{found['name']}": found for found in reading.services}
    for found in reading.services:
        found.update({key: [] for _, _, key in _SCALING})
    for operation, answered, key in _SCALING:
        try:
            pages = client("application-autoscaling").get_paginator(operation)
            for page in pages.paginate(ServiceNamespace="ecs"):
                for item in page[answered]:
                    if item["ResourceId"] in by_resource:
                        by_resource[item["ResourceId"]][key].append(item)
        except (ClientError, BotoCoreError) as error:
            reading.failed(cluster, operation.replace("_", " "), error)


def _add_job(schedule: str, client: Client, reading: Reading) -> None:
    try:
        found = client("scheduler").get_schedule(Name=schedule)
        found.pop("ResponseMetadata", None)
        definition = _definition(found["Target"]["EcsParameters"]["TaskDefinitionArn"], client)
        images = _images(definition, client)
    except (ClientError, BotoCoreError, LookupError) as error:
        reading.failed(schedule, "read the job", error)
        return
    reading.jobs.append(
        {"name": schedule, "schedule": found, "taskDefinition": definition, "images": images}
    )


def _write(s3: Any, destination: Destination, key: str, document: Record) -> str:
    body = json.dumps(document, default=_text, sort_keys=True).encode()
    try:
        answer = s3.put_object(
            Bucket=destination.bucket,
            Key=key,
            Body=body,
            ContentType="application/json",
            # What arrives is what was sent; a bucket with Object Lock insists on a checksum.
            ChecksumAlgorithm="SHA256",
            ExpectedBucketOwner=destination.account_id,
        )
    except (ClientError, BotoCoreError) as error:
        raise BackupError(
            f"the backup cannot be written to s3://{destination.bucket}/{key}: {error}"
        ) from error
    return str(answer.get("VersionId", ""))


def _text(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _moment(text: str | None) -> datetime.datetime:
    """The moment that a schedule names, else now."""
    if not text:
        return datetime.datetime.now(datetime.UTC)
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise BackupError(f"time is {text!r}; it must be ISO 8601, as 2026-11-25T03:00:00Z") from (
            error
        )
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _counted(cluster: str) -> Record:
    """A log line that CloudWatch reads as a metric, so that the role needs no right to put one.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    return {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": METRIC_NAMESPACE,
                    "Dimensions": [["ClusterName"]],
                    "Metrics": [{"Name": COMPLETE_METRIC, "Unit": "Count"}],
                }
            ],
        },
        "ClusterName": cluster,
        COMPLETE_METRIC: 1,
    }


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _in_groups(items: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _once(client: Client) -> Client:
    made: dict[str, Any] = {}

    def get(service: str) -> Any:
        if service not in made:
            made[service] = client(service)
        return made[service]

    return get
