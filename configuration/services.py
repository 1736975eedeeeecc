"""What a service, a worker or a scheduled job is, and which of them may exist together."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from components import fargate_sizes
from components.containers import DEFAULT_USER, MAX_STOP_TIMEOUT
from components.fargate_choices import Architecture, Capacity, Strategy
from configuration.models import Model
from configuration.problems import MISSING, Problem, listed
from configuration.values import (
    Domain,
    Flag,
    HealthPath,
    Image,
    Matcher,
    PathPattern,
    Schedule,
    SecretReference,
    TimeZone,
    User,
    VariableName,
    VariableValue,
    matching,
    whole,
    word,
)


class Kind(StrEnum):
    """What a service is to the world; follows from what it has, and is never written."""

    PUBLIC = "public"
    """Answers the internet through the load balancer."""
    INTERNAL = "internal"
    """Answers other services by its name."""
    WORKER = "worker"
    """Answers nobody: takes its work from a queue or a table."""
    JOB = "job"
    """Runs on a schedule and ends."""


class Public(Model):
    """Which requests from the internet reach a service."""

    host: Domain | None = Field(
        default=None, description="Name it answers to. Absent: the stack's hostname."
    )
    paths: tuple[PathPattern, ...] = Field(
        default=("/*",), description="Paths it answers: whole ones, or prefixes that end in /*."
    )
    slot: Annotated[int, whole(0, 999, "a slot")] | None = Field(
        default=None,
        description="Settles the rare case of two rules with one priority; the error says so.",
    )


class Scaling(Model):
    """What makes the number of tasks grow and shrink between `min` and `max`.

    Each target is a target-tracking policy; the one that asks for most tasks wins.
    https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html
    """

    cpu_percent: Annotated[int, whole(10, 90, "a CPU target in percent")] = Field(
        default=60, description="Average CPU to keep; a failing task leaves its load to the others."
    )
    memory_percent: Annotated[int, whole(10, 90, "a memory target in percent")] = Field(
        default=75, description="Average memory to keep; beyond it a task is close to its end."
    )
    requests_per_target: Annotated[int, whole(1, 1_000_000, "requests per target")] | None = Field(
        default=None, description="Requests a minute for each task to keep. Absent: not counted."
    )
    scale_out_cooldown_seconds: Annotated[int, whole(0, 3600, "a cooldown in seconds")] = Field(
        default=60, description="Wait after adding tasks; short, because users are waiting too."
    )
    scale_in_cooldown_seconds: Annotated[int, whole(0, 3600, "a cooldown in seconds")] = Field(
        default=300, description="Wait after removing tasks; long, because load comes back."
    )


class HealthCheck(Model):
    """How the load balancer finds out whether a task can take requests.

    Limits: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
    """

    path: HealthPath = Field(default="/health", description="Path that is asked for.")
    matcher: Matcher = Field(
        default="200", description="Codes that mean healthy: 200, 200,204 or 200-299."
    )
    interval_seconds: Annotated[int, whole(6, 300, "an interval in seconds")] = Field(
        default=10, description="Time between two checks, of which each may take five seconds."
    )
    grace_period_seconds: Annotated[int, whole(0, 3600, "a grace period in seconds")] = Field(
        default=60, description="Time after a task's start in which bad answers do not count."
    )


class Service(Model):
    """One container image that runs: in public, inside, in the background, or at times."""

    name: Annotated[
        str,
        matching(
            r"(?=.{2,20}$)[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*",
            "a name is 2 to 20 of a-z, 0-9 and inner hyphens, a letter first, because AWS names of"
            " up to 32 characters are made of it",
            "write a short role, as api or billing-worker",
        ),
    ] = Field(description="Short role; part of every AWS name.", examples=["api"])
    image: Image = Field(
        default="", description="Image reference; empty: imageDigest in the stack's own repository."
    )
    cpu: Annotated[int, whole(256, 32768, "CPU in units (1024 are one vCPU)")] = Field(
        default=256, description="CPU units, 1024 to a vCPU; only certain pairs with memory exist."
    )
    memory: Annotated[int, whole(512, 249856, "memory in MiB")] = Field(
        default=512, description="Memory in MiB."
    )
    architecture: Annotated[Architecture, word(Architecture, "the architecture")] = Field(
        default=Architecture.ARM64,
        description="What the image was built for; ARM64 costs a fifth less.",
    )
    command: tuple[str, ...] = Field(default=(), description="Replaces the image's command.")
    user: User = Field(default=DEFAULT_USER, description="User and group it runs as; never root.")
    environment: dict[VariableName, VariableValue] = Field(
        default={}, description="Variables in plain text; no secrets."
    )
    secrets: dict[VariableName, SecretReference] = Field(
        default={},
        description="Variables filled from secrets, each by ARN or by the secret's name.",
    )
    port: (
        Annotated[int, whole(1024, 65535, "the port of a container, which has no root,")] | None
    ) = Field(
        default=None,
        description="Port it listens on. Absent: a worker, or a job if it has a schedule.",
    )
    public: Public | None = Field(
        default=None,
        description="Requests it gets from the internet. Absent: none, it is internal.",
    )
    health_check: HealthCheck = Field(
        default=HealthCheck(), description="How the load balancer checks a public service."
    )
    min: Annotated[int, whole(0, 5000, "the least number of tasks")] = Field(
        default=2, description="Fewest tasks; two, so that losing a zone loses no service."
    )
    desired: Annotated[int, whole(0, 5000, "the number of tasks")] | None = Field(
        default=None, description="Tasks to begin with; scaling takes over. Absent: min."
    )
    max: Annotated[int, whole(1, 5000, "the largest number of tasks")] = Field(
        default=4, description="Most tasks."
    )
    scaling: Scaling = Field(default=Scaling(), description="What makes tasks more or fewer.")
    critical: Flag = Field(
        default=True, description="Whether losing its tasks for minutes does harm."
    )
    capacity: Annotated[Capacity, word(Capacity, "capacity")] | None = Field(
        default=None,
        description="Where it runs: on_demand, spot or mixed. Absent: the stage decides.",
    )
    strategy: Annotated[Strategy, word(Strategy, "the deployment strategy")] = Field(
        default=Strategy.ROLLING, description="How a new version replaces the running one."
    )
    stop_timeout_seconds: Annotated[
        int, whole(2, MAX_STOP_TIMEOUT, "the time to stop in seconds")
    ] = Field(default=30, description="Time from SIGTERM to SIGKILL, to finish what was begun.")
    connects_to: tuple[str, ...] = Field(default=(), description="Services it calls, by name.")
    database: Flag = Field(default=False, description="Whether it may connect to the database.")
    cache: Flag = Field(default=False, description="Whether it may connect to the cache.")
    schedule: Schedule | None = Field(
        default=None, description="When it runs: cron(...), rate(...) or at(...). Makes it a job."
    )
    timezone: TimeZone = Field(default="UTC", description="Time zone of a schedule.")

    @property
    def kind(self) -> Kind:
        """Public, internal, worker or job."""
        if self.schedule is not None:
            return Kind.JOB
        if self.public is not None:
            return Kind.PUBLIC
        return Kind.WORKER if self.port is None else Kind.INTERNAL

    @property
    def desired_count(self) -> int:
        """Tasks to begin with."""
        return self.min if self.desired is None else self.desired


_NOT_FOR_JOBS = (
    *("port", "public", "health_check", "min", "desired", "max", "scaling", "strategy"),
)


def size_fits(service: Service, path: str) -> Iterator[Problem]:
    """Fargate sells certain pairs of CPU and memory only."""
    if fargate_sizes.problem(service.cpu, service.memory) is None:
        return
    offers = [
        f"cpu: {cpu} with memory: {memory}"
        for cpu, memory in fargate_sizes.nearest(service.cpu, service.memory)
    ]
    yield Problem(
        key=f"{path}.cpu",
        value={"cpu": service.cpu, "memory": service.memory},
        rule="Fargate does not sell this pair of CPU and memory",
        instead=f"write {listed(offers)}",
    )


def counts_are_ordered(service: Service, path: str) -> Iterator[Problem]:
    """Min up to desired up to max."""
    if service.min > service.max:
        yield Problem(
            key=f"{path}.min",
            value=service.min,
            rule=f"min is at most max, which is {service.max}",
            instead=f"write min: {service.max} or max: {service.min}",
        )
    elif not service.min <= service.desired_count <= service.max:
        yield Problem(
            key=f"{path}.desired",
            value=service.desired,
            rule=f"desired is between min and max, {service.min} to {service.max}",
            instead=f"write a number of {service.min} to {service.max}, or leave desired out",
        )


def kind_is_consistent(service: Service, path: str) -> Iterator[Problem]:
    """A job has nothing of a service, a worker nothing that listens."""
    written = service.model_fields_set
    if service.schedule is not None:
        yield from _superfluous(
            service, path, _NOT_FOR_JOBS, "a job, which runs and ends", "remove schedule"
        )
        return
    if "timezone" in written:
        yield Problem(
            key=f"{path}.timezone",
            value=service.timezone,
            rule="a time zone belongs to a schedule, and there is none",
            instead='add schedule: "cron(0 3 * * ? *)", or remove timezone',
        )
    if service.port is None:
        if service.public is not None:
            yield Problem(
                key=f"{path}.port",
                value=MISSING,
                rule="a public service listens on a port",
                instead="write port: 8080, or the port of the image",
            )
        elif "health_check" in written:
            yield from _superfluous(
                service, path, ("health_check",), "a worker, which has no port", "add a port"
            )
    elif service.public is None and "health_check" in written:
        yield Problem(
            key=f"{path}.healthCheck",
            value=service.health_check.model_dump(by_alias=True),
            rule="the load balancer checks public services only, and this one is internal",
            instead="add public, or remove healthCheck",
        )


def _superfluous(
    service: Service, path: str, names: tuple[str, ...], what: str, because: str
) -> Iterator[Problem]:
    for name in names:
        if name in service.model_fields_set:
            key = type(service).model_fields[name].alias or name
            yield Problem(
                key=f"{path}.{key}",
                value=getattr(service, name),
                rule=f"{key} means nothing for {what}",
                instead=f"remove {key}, or {because}",
            )


def requests_are_counted(service: Service, path: str) -> Iterator[Problem]:
    """Only a load balancer counts requests."""
    if service.scaling.requests_per_target is not None and service.kind is not Kind.PUBLIC:
        yield Problem(
            key=f"{path}.scaling.requestsPerTarget",
            value=service.scaling.requests_per_target,
            rule="requests are counted by the load balancer, which only public services have",
            instead="remove requestsPerTarget, or add public",
        )


def a_job_is_one_task(service: Service, path: str) -> Iterator[Problem]:
    """One task is on demand or on Spot, never both."""
    if service.kind is Kind.JOB and service.capacity is Capacity.MIXED:
        yield Problem(
            key=f"{path}.capacity",
            value=service.capacity,
            rule="a job is one task, which is either on demand or on Spot",
            instead="write capacity: on_demand or capacity: spot",
        )


def variables_are_set_once(service: Service, path: str) -> Iterator[Problem]:
    """ECS refuses a variable that is both plain and secret."""
    for name in sorted(set(service.environment) & set(service.secrets)):
        yield Problem(
            key=f"{path}.environment.{name}",
            value=service.environment[name],
            rule=f"{name} is also in secrets, and a variable has one value",
            instead=f"remove {name} from environment or from secrets",
        )


SERVICE_RULES = (
    size_fits,
    counts_are_ordered,
    kind_is_consistent,
    requests_are_counted,
    a_job_is_one_task,
    variables_are_set_once,
)
"""Rules over one service; each is skipped when a value it needs was itself refused."""


def by_name(services: tuple[Service, ...]) -> Mapping[str, Service]:
    """Services by their names; the first of two equal ones."""
    found: dict[str, Service] = {}
    for service in services:
        found.setdefault(service.name, service)
    return found
