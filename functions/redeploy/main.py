"""Brings the current values of secrets to running tasks, by having ECS start new ones.

ECS reads a secret when a task starts and never again. So after a rotation every running task that
is older than the value must be replaced. What has to be done is found out anew each time, from
what runs and from when the values changed; the event only says when to look. An event that comes
twice, late, out of order or never does no harm: a schedule looks again.
"""

import dataclasses
import datetime
import enum
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

QUIET = datetime.timedelta(seconds=60)
"""How long a value must have stood still: secrets that change together cost one deployment."""
MARGIN = datetime.timedelta(seconds=30)
"""What must be left of a run for another look."""
MOVE = "UpdateSecretVersionStage"
CHANGES = ("PutSecretValue", "RotationSucceeded", "UpdateSecret", MOVE)
"""Events after which another value may be current."""
ENDED_BADLY = ("ROLLBACK_FAILED", "ROLLBACK_SUCCESSFUL", "STOPPED")
UNFINISHED = (
    *("PENDING", "IN_PROGRESS"),
    *("STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"),
)
REMEMBERED_WITHIN = datetime.timedelta(minutes=15)
"""How far the time of an event may be from what Secrets Manager remembers of the same change."""
_CHUNK = 100
"""Tasks that DescribeTasks takes at once."""

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)


class Verdict(enum.StrEnum):
    """What to do with one service."""

    CURRENT = "every task has the current values"
    SETTLING = "a value changed just now; others may follow"
    UNDER_WAY = "a deployment that began after the change is under way"
    WAITS = "a deployment that began before the change must end first"
    REDEPLOY = "tasks are older than a value: a new deployment"


class CannotRefreshError(Exception):
    """Tasks run with an old value, and a new deployment would not help."""


@dataclasses.dataclass(frozen=True)
class Deployment:
    """A service deployment: when it began, and how it goes."""

    began: datetime.datetime
    status: str


@dataclasses.dataclass(frozen=True)
class News:
    """What an event tells: which secret, when, and whether a version was made current by hand.

    Of a value that somebody moves back to, only the event tells the time: the version is old.
    """

    secret: str
    when: datetime.datetime
    moved: bool


@dataclasses.dataclass(frozen=True)
class Finding:
    """What to do with a service, and whether only the present event knows that."""

    verdict: Verdict
    only_announced: bool = False


def judge(
    now: datetime.datetime, changed: datetime.datetime, deployments: Sequence[Deployment]
) -> Verdict:
    """What to do with a service that runs tasks older than the latest change of a value.

    Raises:
        CannotRefreshError: The deployment that should have brought the value failed.
    """
    if now - changed < QUIET:
        return Verdict.SETTLING
    later = [deployment for deployment in deployments if deployment.began >= changed]
    if later:
        latest = max(later, key=lambda deployment: deployment.began)
        if latest.status in ENDED_BADLY:
            # Again and again would not help: the value may be what the tasks cannot start with.
            raise CannotRefreshError(
                f"the deployment of {latest.began:%Y-%m-%d %H:%M} is {latest.status}: tasks run"
                " with an old value of a secret"
            )
        return Verdict.UNDER_WAY
    if any(deployment.status in UNFINISHED for deployment in deployments):
        return Verdict.WAITS
    return Verdict.REDEPLOY


def announced(event: Mapping[str, Any]) -> News | None:
    """What an event says of a change; None when it tells of none."""
    detail = event.get("detail")
    if not isinstance(detail, Mapping) or detail.get("eventName") not in CHANGES:
        return None
    if detail.get("errorCode"):
        return None  # was refused, so nothing changed
    parameters, more = (
        value if isinstance(value, Mapping) else {}
        for value in (detail.get("requestParameters"), detail.get("additionalEventData"))
    )
    secret = parameters.get("secretId") or more.get("SecretId")
    try:
        when = datetime.datetime.fromisoformat(str(detail.get("eventTime")))
    except ValueError:
        return None
    if not isinstance(secret, str) or when.tzinfo is None:
        return None
    moved = detail["eventName"] == MOVE and parameters.get("versionStage") == "AWSCURRENT"
    return News(secret, when, moved)


def secrets_of(task_definition: Mapping[str, Any]) -> set[str]:
    """ARNs of the secrets that a task reads at its start; one pinned to a version never changes."""
    found = set()
    for container in task_definition["containerDefinitions"]:
        for secret in container.get("secrets", []):
            # arn:aws:secretsmanager:<region>:<account>:secret:<name>[:<key>:<stage>:<version>]
            parts = secret["valueFrom"].split(":")
            pinned = len(parts) > 9 and parts[9]
            if parts[2:3] == ["secretsmanager"] and not pinned:
                found.add(":".join(parts[:7]))
    return found


class Refresher:
    """Looks at services of one cluster, and redeploys those that need it."""

    def __init__(self, cluster: str, ecs: Any, secrets: Any) -> None:
        self.cluster = cluster
        self.ecs = ecs
        self.secrets = secrets
        self._changed: dict[str, datetime.datetime | None] = {}

    def refresh(
        self,
        service: str,
        now: datetime.datetime,
        news: News | None = None,
    ) -> Finding:
        """Redeploys a service if it must be; says what was found.

        Raises:
            CannotRefreshError: A new deployment would not help.
            ClientError: AWS refuses.
        """
        described = self.ecs.describe_services(cluster=self.cluster, services=[service])
        found = [s for s in described["services"] if s["status"] == "ACTIVE"]
        if not found:
            return Finding(Verdict.CURRENT)  # is gone, or is going: there is nothing to refresh
        definition = self.ecs.describe_task_definition(taskDefinition=found[0]["taskDefinition"])
        arns = secrets_of(definition["taskDefinition"])
        remembered = _latest(self.changed(arn) for arn in sorted(arns))
        moved = news and news.moved and any(_is(news.secret, arn) for arn in arns)
        changed = _latest([remembered, news.when if news and moved else None])
        if changed is None or not any(began < changed for began in self._tasks(service)):
            return Finding(Verdict.CURRENT)
        verdict = judge(now, changed, [*self._deployments(service, changed)])
        if verdict is Verdict.REDEPLOY:
            self.ecs.update_service(cluster=self.cluster, service=service, forceNewDeployment=True)
        forgotten = remembered is None or changed - remembered > REMEMBERED_WITHIN
        return Finding(verdict, only_announced=forgotten)

    def changed(self, arn: str) -> datetime.datetime | None:
        """When the current value became current, as far as Secrets Manager remembers.

        Raises:
            CannotRefreshError: The secret is being deleted: a new task could not start.
        """
        if arn not in self._changed:
            described = self.secrets.describe_secret(SecretId=arn)
            if described.get("DeletedDate"):
                raise CannotRefreshError(f"{arn} is being deleted: a new task could not start")
            # A rotation makes the version first, and current only at its end.
            self._changed[arn] = _latest([described.get("LastRotatedDate"), self._created(arn)])
        return self._changed[arn]

    def _created(self, arn: str) -> datetime.datetime | None:
        # Only versions that have a label, which are few: one page holds them.
        for version in self.secrets.list_secret_version_ids(SecretId=arn)["Versions"]:
            if "AWSCURRENT" in version.get("VersionStages", []):
                return version["CreatedDate"]
        return None

    def _tasks(self, service: str) -> Iterator[datetime.datetime]:
        arns: list[str] = []
        pages = self.ecs.get_paginator("list_tasks").paginate(
            # A task that drains is no longer wanted to run, and so is not among them.
            cluster=self.cluster, serviceName=service, desiredStatus="RUNNING"
        )  # fmt: skip
        for page in pages:
            arns += page["taskArns"]
        for start in range(0, len(arns), _CHUNK):
            chunk = arns[start : start + _CHUNK]
            for task in self.ecs.describe_tasks(cluster=self.cluster, tasks=chunk)["tasks"]:
                # A task that waits for its place has read nothing yet, but may at any moment.
                yield task["createdAt"]

    def _deployments(self, service: str, since: datetime.datetime) -> Iterator[Deployment]:
        """Those that began since then, and those that have not ended."""
        for filters in ({"createdAt": {"after": since}}, {"status": [*UNFINISHED]}):
            token: dict[str, Any] | None = {}
            while token is not None:
                page = self.ecs.list_service_deployments(
                    cluster=self.cluster, service=service, **filters, **token
                )
                for deployment in page["serviceDeployments"]:
                    yield Deployment(deployment["createdAt"], deployment["status"])
                token = {"nextToken": page["nextToken"]} if page.get("nextToken") else None


def _latest(moments: Iterable[datetime.datetime | None]) -> datetime.datetime | None:
    return max((moment for moment in moments if moment), default=None)


def _is(name: str, arn: str) -> bool:
    """Whether an event's name of a secret, which may lack the ARN's six last characters, is it."""
    return name == arn or name == arn.split(":")[6] or name == arn.split(":")[6][:-7]


def run(
    event: Mapping[str, Any],
    refresher: Callable[[], Refresher],
    services: Sequence[str],
    *,
    now: Callable[[], datetime.datetime],
    seconds_left: Callable[[], float],
    sleep: Callable[[float], None],
) -> dict[str, str]:
    """Looks at every service; waits for values to settle, when an event said that one changed.

    Raises:
        RuntimeError: Some services could not be refreshed; the others were.
    """
    news = announced(event)
    while True:
        findings, failures = _look(refresher(), services, now(), news)
        settling = any(finding.verdict is Verdict.SETTLING for finding in findings.values())
        needed = QUIET.total_seconds() + MARGIN.total_seconds()
        if not (news and settling and seconds_left() > needed):
            break
        sleep(QUIET.total_seconds())
    for service, finding in findings.items():
        log.info("%s: %s", service, finding.verdict.value)
        if finding.only_announced and finding.verdict in (Verdict.WAITS, Verdict.SETTLING):
            # The schedule would not see it; Lambda brings this event back in a minute or two.
            failures.append(f"{service}: {finding.verdict.value}")
    if failures:
        raise RuntimeError("; ".join(failures))
    return {service: finding.verdict.name for service, finding in findings.items()}


def _look(
    refresher: Refresher,
    services: Sequence[str],
    now: datetime.datetime,
    news: News | None,
) -> tuple[dict[str, Finding], list[str]]:
    findings: dict[str, Finding] = {}
    failures = []
    for service in services:
        try:
            findings[service] = refresher.refresh(service, now, news)
        except (CannotRefreshError, ClientError) as error:
            # One service's trouble is no reason to leave the others with old values.
            failures.append(f"{service}: {error}")
    return findings, failures


def handler(event: Mapping[str, Any], context: Any) -> dict[str, str]:
    """What Lambda calls."""
    config = Config(retries={"mode": "standard", "max_attempts": 5})
    ecs, secrets = boto3.client("ecs", config=config), boto3.client("secretsmanager", config=config)
    return run(
        event,
        lambda: Refresher(os.environ["CLUSTER"], ecs, secrets),
        json.loads(os.environ["SERVICES"]),
        now=lambda: datetime.datetime.now(datetime.UTC),
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        sleep=time.sleep,
    )
