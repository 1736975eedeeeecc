"""How many tasks a service runs: between two limits, by load, and by the clock."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws


class ScheduledCapacity(TypedDict):
    """Other limits from a moment on, such as no task from eight in the evening."""

    name: str
    """Short name of the moment, such as `stop`."""
    schedule: str
    """`cron(...)`, `rate(...)` or `at(...)`."""
    min_count: int
    """Fewest tasks from then on."""
    max_count: int
    """Most tasks from then on."""
    timezone: NotRequired[str]
    """Time zone of the schedule, such as `Europe/Berlin`. Defaults to UTC."""


class ServiceScalingArgs(TypedDict):
    """Which service, between which limits, and what load is normal."""

    cluster_name: pulumi.Input[str]
    """Cluster of the service."""
    service_name: pulumi.Input[str]
    """Service whose desired count is set."""
    min_count: int
    """Fewest tasks."""
    max_count: int
    """Most tasks."""
    cpu_percent: NotRequired[int]
    """Average CPU to keep; 0 leaves CPU out. Defaults to 60: a task that fails leaves its load to
    the others at once, and a new one takes a minute or two."""
    memory_percent: NotRequired[int]
    """Average memory to keep; 0 leaves it out. Defaults to 75: beyond it a task is close to being
    killed."""
    requests_per_target: NotRequired[int]
    """Requests a minute and task to keep. Needs `resource_label`. Defaults to 0, no such rule."""
    resource_label: NotRequired[pulumi.Input[str]]
    """`app/<load balancer>/<id>/targetgroup/<target group>/<id>` of the service."""
    scale_out_cooldown: NotRequired[int]
    """Seconds until more tasks are added again. Defaults to 60: about what a task needs to start
    and to lower the average, so that one peak is not answered twice."""
    scale_in_cooldown: NotRequired[int]
    """Seconds until more tasks are removed. Defaults to 300: load that comes in waves must not stop
    and start tasks with each."""
    schedule: NotRequired[Sequence[ScheduledCapacity]]
    """Other limits at certain times, such as none at night where only colleagues look. Defaults to
    none."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class ServiceScaling(pulumi.ComponentResource):
    """Target tracking on CPU, memory and requests: the highest answer wins, all must agree to less.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html
    """

    resource_id: pulumi.Output[str]
    """What Application Auto Scaling calls the service: `service/<cluster>/<service>`."""

    def __init__(
        self, name: str, args: ServiceScalingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Sets the limits and the rules; refuses first what cannot be."""
        found = problems(args)
        if found:
            raise ValueError(f"ServiceScaling {name!r}: " + "; ".join(found))
        super().__init__("babyrobots:index:ServiceScaling", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}

        target = aws.appautoscaling.Target(
            f"{name}-scaling",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat(
                "service/", args["cluster_name"], "/", args["service_name"]
            ),
            min_capacity=args["min_count"],
            max_capacity=args["max_count"],
            tags=tags,
            opts=child,
        )
        for load, value in _targets(args).items():
            aws.appautoscaling.Policy(
                f"{name}-by-{load}",
                policy_type="TargetTrackingScaling",
                service_namespace=target.service_namespace,
                scalable_dimension=target.scalable_dimension,
                resource_id=target.resource_id,
                target_tracking_scaling_policy_configuration={
                    "target_value": value,
                    "predefined_metric_specification": _metric(load, args),
                    "scale_out_cooldown": args.get("scale_out_cooldown", 60),
                    "scale_in_cooldown": args.get("scale_in_cooldown", 300),
                    "disable_scale_in": False,
                },
                opts=child,
            )
        for moment in args.get("schedule", ()):
            aws.appautoscaling.ScheduledAction(
                f"{name}-{moment['name']}",
                service_namespace=target.service_namespace,
                scalable_dimension=target.scalable_dimension,
                resource_id=target.resource_id,
                schedule=moment["schedule"],
                timezone=moment.get("timezone", "UTC"),
                scalable_target_action={
                    "min_capacity": moment["min_count"],
                    "max_capacity": moment["max_count"],
                },
                opts=child,
            )

        self.resource_id = target.resource_id
        self.register_outputs({"resource_id": self.resource_id})


def problems(args: ServiceScalingArgs) -> list[str]:
    """Every limit and target that cannot be: a sentence each."""
    limits = {"": (args["min_count"], args["max_count"])}
    for moment in args.get("schedule", ()):
        limits[f" of {moment['name']!r}"] = (moment["min_count"], moment["max_count"])
    found = [
        f"min_count{whose} is {least} and max_count{whose} is {most}; it must be 0 <= min <= max"
        for whose, (least, most) in limits.items()
        if not 0 <= least <= most
    ]
    targets = _targets(args)
    for load in ("cpu", "memory"):
        if load in targets and not 1 <= targets[load] <= 100:
            found.append(f"{load}_percent is {targets[load]}; it must be 1 to 100, or 0 for none")
    requests = targets.get("requests")
    if requests is not None and requests < 1:
        found.append(f"requests_per_target is {requests}; it must be 1 or more, or 0 for none")
    if requests is not None and args.get("resource_label") is None:
        found.append(
            "requests_per_target needs the resource_label of a load balancer's target group"
        )
    return found


def _targets(args: ServiceScalingArgs) -> dict[str, int]:
    targets = {
        "cpu": args.get("cpu_percent", 60),
        "memory": args.get("memory_percent", 75),
        "requests": args.get("requests_per_target", 0),
    }
    return {load: target for load, target in targets.items() if target != 0}


_METRICS = {
    "cpu": "ECSServiceAverageCPUUtilization",
    "memory": "ECSServiceAverageMemoryUtilization",
    "requests": "ALBRequestCountPerTarget",
}


def _metric(
    load: str, args: ServiceScalingArgs
) -> aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgsDict:  # noqa: E501
    label = args.get("resource_label")
    if load == "requests" and label is not None:
        return {"predefined_metric_type": _METRICS[load], "resource_label": label}
    return {"predefined_metric_type": _METRICS[load]}
