"""What runs: tasks, jobs, functions, images."""

from collections.abc import Mapping
from typing import Any

from ops.cost import clock
from ops.cost.model import Resource, World
from ops.cost.rules.table import priced

SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
TARGET = "aws:appautoscaling/target:Target"
ACTION = "aws:appautoscaling/scheduledAction:ScheduledAction"
_ECS = "ECS Fargate"


def levels(service: Resource, world: World) -> dict[float, float]:
    """How many tasks run, and for which share of the time: the fewest there may be, by the clock.

    https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-overview.html
    """
    targets = world.stack.users(service, "resourceId", TARGET)
    if not targets:
        return {service.number("desiredCount", 1): 1.0}
    changes = [
        (action.text("schedule"), float(action.group("scalableTargetAction")["minCapacity"]))
        for action in world.stack.users(targets[0], "resourceId", ACTION)
        if "minCapacity" in action.group("scalableTargetAction")
    ]
    try:
        return clock.shares(changes) if changes else {targets[0].number("minCapacity", 1): 1.0}
    except clock.UnknownScheduleError as error:
        world.without(service, f"hours by the schedule {error}, counted as always on")
        return {targets[0].number("minCapacity", 1): 1.0}


def split(count: float, strategies: list[Mapping[str, Any]]) -> dict[str, float]:
    """How many of `count` tasks each capacity provider runs.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
    """
    if not strategies:
        return {"FARGATE": count}
    bases = {s["capacityProvider"]: min(count, s.get("base") or 0) for s in strategies}
    weights = {s["capacityProvider"]: s.get("weight") or 0 for s in strategies}
    rest = count - sum(bases.values())
    total = sum(weights.values()) or 1
    return {name: bases[name] + rest * weights[name] / total for name in bases}


def task_hours(service: Resource, world: World) -> dict[str, float]:
    """Hours of tasks in a month, by capacity provider."""
    strategies = service.items("capacityProviderStrategies")
    found: dict[str, float] = {}
    for count, share in levels(service, world).items():
        for provider, tasks in split(count * world.assume("task_growth"), strategies).items():
            found[provider] = found.get(provider, 0) + tasks * share * world.hours
    return found


def _tasks(
    resource: Resource,
    definition: Resource,
    hours: Mapping[str, float],
    world: World,
    assumed: tuple[str, ...],
) -> None:
    architecture = definition.group("runtimePlatform").get("cpuArchitecture", "X86_64").lower()
    cpu, memory = definition.number("cpu") / 1024, definition.number("memory") / 1024
    for provider, amount in hours.items():
        spot = provider == "FARGATE_SPOT"
        factor = world.assume("spot_price") if spot else 1
        where = f"Spot at {factor:g}" if spot else "on demand"
        reasons = (*assumed, "spot_price") if spot else assumed
        for what, part, size in (("vCPU", "vcpu", cpu), ("memory", "gb", memory)):
            world.add(
                resource,
                _ECS,
                f"{what} of tasks, {architecture}, {where}",
                f"fargate.{architecture}.{part}",
                amount * size * factor,
                assumed=reasons,
            )
    if definition.group("ephemeralStorage"):
        world.without(definition, "ephemeral storage beyond the 20 GB that are free")


@priced(SERVICE)
def _service(service: Resource, world: World) -> None:
    definitions = world.stack.used(service, "taskDefinition", TASK)
    if not definitions:
        world.without(service, "its task definition is not in this stack")
        return
    _tasks(service, definitions[0], task_hours(service, world), world, ("task_growth",))


@priced("aws:scheduler/schedule:Schedule")
def _schedule(schedule: Resource, world: World) -> None:
    if schedule.text("state") == "DISABLED":
        return
    try:
        runs = clock.runs_a_month(schedule.text("scheduleExpression"))
    except clock.UnknownScheduleError as error:
        world.without(schedule, f"how often {error} fires")
        return
    world.add(schedule, "EventBridge", "invocations", "scheduler.calls", runs / 1e6)
    job = schedule.group("target").get("ecsParameters")
    definitions = world.stack.used(schedule, "target", TASK)
    if not isinstance(job, Mapping) or not definitions:
        return
    hours = runs * world.assume("job_minutes") / 60 * (job.get("taskCount") or 1)
    strategies = job.get("capacityProviderStrategies") or []
    _tasks(schedule, definitions[0], split(hours, strategies), world, ("job_minutes",))


@priced("aws:ecs/cluster:Cluster")
def _insights(cluster: Resource, world: World) -> None:
    """Metrics are charged by the hour in which they are there."""
    settings = {s.get("name"): s.get("value") for s in cluster.items("settings")}
    kind = settings.get("containerInsights")
    if kind == "enabled":
        world.without(cluster, "Container Insights by custom metrics; enhanced is counted")
    if kind != "enhanced":
        return
    services = list(world.stack.of(SERVICE))
    tasks = sum(sum(task_hours(service, world).values()) for service in services) / world.hours
    world.add(
        cluster,
        "CloudWatch",
        "Container Insights metrics",
        "cloudwatch.insights.metric",
        world.assume("cluster_metrics")
        + len(services) * world.assume("service_metrics")
        + tasks * world.assume("task_metrics"),
        assumed=("cluster_metrics", "service_metrics", "task_metrics"),
    )


@priced("aws:lambda/function:Function")
def _function(function: Resource, world: World) -> None:
    architecture = (function.items("architectures") or ["x86_64"])[0]
    calls = world.assume("function_calls")
    seconds = calls * 1e6 * world.assume("function_seconds")
    world.add(function, "Lambda", "calls", "lambda.requests", calls, assumed=("function_calls",))
    world.add(
        function,
        "Lambda",
        f"running, {architecture}",
        f"lambda.{architecture}.gbs",
        seconds * function.number("memorySize", 128) / 1024,
        assumed=("function_calls", "function_seconds"),
    )


@priced("aws:ecr/repository:Repository")
def _repository(repository: Resource, world: World) -> None:
    world.add(
        repository,
        "ECR",
        "images stored",
        "ecr.gb",
        world.assume("image_gb"),
        assumed=("image_gb",),
    )
