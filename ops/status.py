"""How each service is, and when a release failed, why: the cause first, then what shows it."""

import dataclasses
import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ops.releases import GOING, GOOD, ROLLING_BACK, Release, releases, short
from ops.stack import Stack
from ops.tasks import Ended, Log, ended, logs_of, running, tail

LINES, TASKS, EVENTS = 8, 3, 4
"""How many log lines, stopped tasks and events fit one screen."""


class State(enum.StrEnum):
    """How a service is."""

    STEADY = "steady"
    GOING = "deploying"
    PAUSED = "waiting for approval"
    FAILING = "failing"
    ROLLED_BACK = "rolled back"


BROKEN = frozenset({State.FAILING, State.ROLLED_BACK})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """One address behind the load balancer that gets no requests."""

    id: str
    port: int
    state: str
    why: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What AWS says of one service."""

    name: str
    service: Mapping[str, Any]
    releases: Sequence[Release]
    ended: Sequence[Ended]
    """Unexpectedly stopped tasks, of the latest release where it has any."""
    targets: Sequence[Target]
    log: Sequence[str]
    log_of: str
    """Task and container that wrote the log."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What follows from it."""

    state: State
    cause: str
    """One sentence; empty when nothing is wrong."""


def facts(stack: Stack, name: str) -> Facts:
    """Reads one service, and as much around it as explains a failure."""
    physical = stack.services[name]
    service = stack.describe(physical)
    found = releases(stack, physical)
    released = found[0].task_definition if found else service["taskDefinition"]
    family = short(released).partition(":")[0]
    stopped = [task for task in ended(stack, physical, family) if not task.expected]
    stopped = [task for task in stopped if task.task_definition == released]
    log: Sequence[str] = ()
    log_of = ""
    for task_id, definition in _writers(stack, physical, stopped):
        where = _log(stack, definition, stopped)
        log = tail(stack, where, task_id, LINES) if where else ()
        if log and where:
            log_of = f"{task_id[:8]}/{where.container}"
            break
    return Facts(
        name=name,
        service=service,
        releases=found,
        ended=stopped,
        targets=list(_unhealthy(stack, service)),
        log=log,
        log_of=log_of,
    )


def _writers(stack: Stack, physical: str, stopped: Sequence[Ended]) -> Iterator[tuple[str, str]]:
    """Tasks whose log may say something, and their task definitions."""
    for task in [*[t for t in stopped if t.is_migration], *stopped][:TASKS]:
        yield task.id, task.task_definition
    if not stopped:
        for task in running(stack, physical)[:1]:
            yield task["taskArn"].rpartition("/")[2], task["taskDefinitionArn"]


def _log(stack: Stack, definition: str, stopped: Sequence[Ended]) -> Log | None:
    described = stack.aws.get("ecs").describe_task_definition(taskDefinition=definition)
    logs = logs_of(described["taskDefinition"])
    # The container that failed, or else the first: sidecars come behind the application.
    failed = [name for task in stopped for name, code, _ in task.containers if code]
    return next((logs[name] for name in [*failed, *logs] if name in logs), None)


def _unhealthy(stack: Stack, service: Mapping[str, Any]) -> Iterator[Target]:
    for balancer in service.get("loadBalancers", ()):
        advanced = balancer.get("advancedConfiguration", {})
        for arn in (balancer.get("targetGroupArn"), advanced.get("alternateTargetGroupArn")):
            if not arn:
                continue
            answer = stack.aws.get("elbv2").describe_target_health(TargetGroupArn=arn)
            for found in answer["TargetHealthDescriptions"]:
                health = found["TargetHealth"]
                if health["State"] not in ("healthy", "draining", "unused"):
                    yield Target(
                        id=found["Target"]["Id"],
                        port=int(found["Target"]["Port"]),
                        state=health["State"],
                        why=health.get("Description") or health.get("Reason", ""),
                    )


def going(found: Facts) -> bool:
    """Whether ECS is still at it, however it will end."""
    if found.releases:
        return found.releases[0].status in GOING and judge(found).state is not State.PAUSED
    return judge(found).state is State.GOING


def judge(found: Facts) -> Verdict:
    """What the facts mean."""
    latest = found.releases[0] if found.releases else None
    service = found.service
    if latest is not None and latest.status != GOOD:
        if any(status == "AWAITING_ACTION" for _, status, _ in latest.hooks):
            return Verdict(
                state=State.PAUSED,
                cause=f"the release waits at {latest.stage}: approve it in the ECS console, or with"
                " `aws ecs continue-service-deployment`",
            )
        cause = cause_of(found, latest)
        if latest.status == "ROLLBACK_SUCCESSFUL":
            return Verdict(state=State.ROLLED_BACK, cause=cause)
        if latest.status in GOING - ROLLING_BACK and not cause:
            return Verdict(state=State.GOING, cause="")
        return Verdict(state=State.FAILING, cause=cause or latest.reason or latest.status)
    states = [each.get("rolloutState") for each in service["deployments"]]
    missing = service["runningCount"] < service["desiredCount"]
    if missing or "FAILED" in states:
        cause = cause_of(found, latest)
        if cause or "FAILED" in states:
            return Verdict(state=State.FAILING, cause=cause or "the deployment failed")
    if missing or "IN_PROGRESS" in states or len(states) > 1:
        return Verdict(state=State.GOING, cause="")
    return Verdict(state=State.STEADY, cause="")


def cause_of(found: Facts, release: Release | None) -> str:
    """Why a release fails, in one sentence; empty when nothing shows it."""
    migrations = [task for task in found.ended if task.is_migration]
    if migrations:
        return f"the migration failed: {_ending(migrations[0], found)}"
    if release is not None:
        failed = [
            target for _, status, target in release.hooks if status in ("FAILED", "TIMED_OUT")
        ]
        if failed:
            hook = failed[0].rpartition(":")[2]
            return f"the hook {hook or 'of the deployment'} refused the release at {release.stage}"
    if found.ended:
        return _ending(found.ended[0], found)
    if release is not None and release.alarms:
        return f"alarms went off during the release: {', '.join(release.alarms)}"
    for event in _events(found):
        if "unable to place a task" in event["message"] or "unable to start" in event["message"]:
            return event["message"]
    if found.targets:
        return f"the health check fails: {found.targets[0].why}"
    return ""


def _ending(task: Ended, found: Facts) -> str:
    """What ended one task. Reasons:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html"""
    reasons = [task.reason, *(reason for _, _, reason in task.containers)]
    for reason in reasons:
        if "CannotPullContainer" in reason:
            return f"the image cannot be pulled: {_image_in(reason)}"
        if "ResourceInitializationError" in reason:
            return f"the task could not start: {_after(reason, 'ResourceInitializationError: ')}"
        if "OutOfMemory" in reason:
            return "the container ran out of memory; give the service more"
    if "failed ELB health checks" in task.reason:
        return f"the health check fails: {_health(found)}"
    if "failed container health checks" in task.reason:
        return "the container's own health check fails"
    for name, code, _ in task.containers:
        if code:
            said = f": {found.log[-1]}" if found.log else ", and wrote no log"
            return f"container {name} exited with code {code}{said}"
    return task.reason or task.code


def _health(found: Facts) -> str:
    if found.targets:
        return found.targets[0].why
    for event in _events(found):
        _, _, reason = event["message"].partition("due to (reason ")
        if reason:
            return reason.removesuffix(".").removesuffix(")")
    return "the load balancer got no good answer"


def _image_in(reason: str) -> str:
    image = re.search(r"[\w.-]+(?:/[\w./-]+)+(?:@sha256:[0-9a-f]{64}|:[\w.-]+)", reason)
    missing = "there is no such image" if "not found" in reason else reason.rpartition(": ")[2]
    return f"{image[0]}: {missing}" if image else reason


def _after(text: str, mark: str) -> str:
    return text.partition(mark)[2] or text


def brief(text: str) -> str:
    """A message without what only a program reads: an ARN becomes the end of it that names."""
    text = re.sub(r"arn:[\w-]+:[\w-]+:[\w-]*:\d*:(targetgroup/[\w-]+)/\w+", r"\1", text)
    return re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}", r"\1", text)


def lines(found: Facts, verdict: Verdict, *, full: bool) -> Iterator[str]:
    """The screen of one service: a line when it is well, and what explains it when not."""
    return map(brief, _lines(found, verdict, full=full))


def _lines(found: Facts, verdict: Verdict, *, full: bool) -> Iterator[str]:
    service = found.service
    head = (
        f"{found.name}  {verdict.state.upper() if verdict.state in BROKEN else verdict.state}"
        f"  {service['runningCount']}/{service['desiredCount']} running"
        f"  {short(service['taskDefinition'])}"
    )
    yield head
    if verdict.cause:
        yield f"  cause     {verdict.cause}"
    if verdict.state is State.STEADY and not full:
        return
    for release in found.releases[:1]:
        stage = f" at {release.stage}" if release.stage else ""
        reason = f": {release.reason}" if release.reason else ""
        yield f"  release   {short(release.task_definition)} {release.status}{stage}{reason}"
    for each in service["deployments"]:
        failed = f", {each['failedTasks']} failed" if each.get("failedTasks") else ""
        yield (
            f"  {each['status'].lower():<9} {short(each['taskDefinition'])}"
            f" {each['runningCount']}/{each['desiredCount']} running{failed},"
            f" {each.get('rolloutState', 'no rollout')}"
        )
    yield from _stopped(found.ended)
    for target in found.targets[:TASKS]:
        yield f"  target    {target.id}:{target.port} {target.state}: {target.why}"
    if found.log:
        yield f"  log       last lines of {found.log_of}"
    for line in found.log:
        yield f"            {line}"
    for event in _events(found):
        yield f"  event     {event['createdAt']:%H:%M:%S} {event['message']}"


def _stopped(ended: Sequence[Ended]) -> Iterator[str]:
    """The latest of the tasks that ended alike, and how many they were."""
    alike: dict[tuple[Any, ...], list[Ended]] = {}
    for task in ended:
        alike.setdefault((task.code, task.reason, task.containers), []).append(task)
    for task, *others in list(alike.values())[:TASKS]:
        when = f"{task.stopped_at:%H:%M:%S} " if task.stopped_at else ""
        what = "migration " if task.is_migration else ""
        times = f" ({len(others) + 1} tasks)" if others else ""
        yield f"  stopped   {when}{what}{task.id[:8]}{times} {task.code}: {task.reason}"
        for name, code, reason in task.containers:
            details = [f"exit code {code}"] if code else []
            details += [reason] if reason != task.reason else []
            if details := [each for each in details if each]:
                yield f"            {name}: {', '.join(details)}"


def _events(found: Facts) -> Sequence[Mapping[str, Any]]:
    """What ECS said since the latest release began, latest first."""
    began = found.releases[0].created_at if found.releases else None
    events = found.service.get("events", ())
    return [each for each in events if began is None or each["createdAt"] >= began][:EVENTS]


def as_data(found: Facts, verdict: Verdict) -> dict[str, Any]:
    """The same as JSON data, for a workflow."""
    service = found.service
    latest = found.releases[0] if found.releases else None
    return {
        "service": found.name,
        "state": verdict.state.value,
        "cause": verdict.cause,
        "running": service["runningCount"],
        "desired": service["desiredCount"],
        "serving": short(service["taskDefinition"]),
        "released": short(latest.task_definition) if latest else None,
        "release": latest.status if latest else None,
        "stopped": [
            {
                "task": task.id,
                "taskDefinition": short(task.task_definition),
                "code": task.code,
                "reason": task.reason,
                "containers": {name: code for name, code, _ in task.containers},
            }
            for task in found.ended
        ],
        "targets": [dataclasses.asdict(target) for target in found.targets],
        "log": list(found.log),
        "events": [event["message"] for event in _events(found)],
    }
