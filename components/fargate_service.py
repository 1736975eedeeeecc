"""A service that keeps its tasks running: behind a load balancer, behind others, or on its own."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import containers
from components.connection import Connection
from components.fargate_choices import PLATFORM_VERSION, Capacity, Strategy, provider_weights
from components.fargate_task import FargateTask, FargateTaskArgs, with_tags
from components.fargate_task import problems as task_problems
from components.service_scaling import ScheduledCapacity, ServiceScaling, ServiceScalingArgs
from components.service_scaling import problems as scaling_problems
from components.task_firewall import Peer, TaskFirewall


class ScalingTargets(TypedDict):
    """What load of a task is normal; more than that adds tasks."""

    cpu_percent: NotRequired[int]
    """Average CPU to keep; 0 leaves CPU out of it. Defaults to 60."""
    memory_percent: NotRequired[int]
    """Average memory to keep; 0 leaves it out. Defaults to 75."""
    requests_per_target: NotRequired[int]
    """Requests a minute and task to keep; needs `resource_label`. Defaults to 0, no such rule."""
    scale_out_cooldown: NotRequired[int]
    """Seconds until more tasks are added again. Defaults to 60."""
    scale_in_cooldown: NotRequired[int]
    """Seconds until more tasks are removed. Defaults to 300."""


class FargateServiceArgs(TypedDict):
    """What the service runs, where, how many of it, and how a new version replaces the old."""

    task: FargateTaskArgs
    """What runs in each task."""
    cluster_arn: pulumi.Input[str]
    """Cluster to run in."""
    cluster_name: pulumi.Input[str]
    """Name of that cluster, under which autoscaling knows the service."""
    vpc_id: pulumi.Input[str]
    """VPC of the subnets."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets, in two Availability Zones or more."""
    target_group_arn: NotRequired[pulumi.Input[str]]
    """Target group (of type ip) that sends requests to `task.port`, known once a listener uses it.
    Defaults to none: reached by other services only, or a worker."""
    alb_security_group_id: NotRequired[pulumi.Input[str]]
    """Security group of the load balancer, which is then admitted. Needed with a target group."""
    resource_label: NotRequired[pulumi.Input[str]]
    """`app/<load balancer>/<id>/targetgroup/<target group>/<id>`, for scaling by requests."""
    connections: NotRequired[Sequence[Peer]]
    """Peers that the tasks connect to, such as the database. Defaults to none."""
    namespace_arn: NotRequired[pulumi.Input[str]]
    """Cloud Map namespace in which the service finds others and, if it has a port, is found, by
    Service Connect. Its proxy runs in every task: add 256 CPU units and 64 MiB. Defaults to none.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html"""
    discovery_name: NotRequired[str]
    """Host name under which others find it: `http://<discovery_name>:<port>`. Defaults to the
    component's name: callers have it in their configuration, so it is never generated."""
    desired_count: NotRequired[int]
    """Tasks at the start, and for ever if the service does not scale. Defaults to 2: two zones."""
    min_count: NotRequired[int]
    """Fewest tasks. Defaults to `desired_count`."""
    max_count: NotRequired[int]
    """Most tasks. Defaults to `min_count` or `desired_count`: the service does not scale."""
    scaling: NotRequired[ScalingTargets]
    """What load adds tasks, up to `max_count`. Defaults to CPU and memory."""
    schedule: NotRequired[Sequence[ScheduledCapacity]]
    """Other limits at certain times. Defaults to none."""
    capacity: NotRequired[Capacity]
    """Where tasks run. Defaults to on demand, because Spot may be taken away."""
    on_demand_base: NotRequired[int]
    """With `mixed`, how many tasks never run on Spot. Defaults to 1, so that something answers when
    Spot is gone."""
    strategy: NotRequired[Strategy]
    """How a new version replaces the old one. Defaults to rolling."""
    minimum_healthy_percent: NotRequired[int]
    """Share of the desired tasks that run during a deployment, at least. Defaults to 100: capacity
    is never reduced. A worker that must never run twice: 0, and `maximum_percent` 100."""
    maximum_percent: NotRequired[int]
    """Share of the desired tasks that run during a deployment, at most. Defaults to 200."""
    health_check_grace_seconds: NotRequired[int]
    """Seconds in which the load balancer's opinion of a new task does not count. Defaults to 60."""
    deregistration_delay: NotRequired[int]
    """Seconds for which the target group drains a task; `task.stop_timeout` must be shorter, or a
    deployment waits for tasks that have nothing left to do. Defaults to not checking."""
    rollback_alarm_names: NotRequired[Sequence[pulumi.Input[str]]]
    """CloudWatch alarms that fail a deployment and roll it back. Defaults to none."""
    wait_for_steady_state: NotRequired[bool]
    """Whether `pulumi up` waits until the new version runs. Defaults to True: otherwise it reports
    success before anything has started."""
    ipv6: NotRequired[bool]
    """Whether the tasks may also call out over IPv6. Defaults to False."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child, and for every task. Defaults to none."""


class FargateService(pulumi.ComponentResource):
    """An ECS service on Fargate, in private subnets, that rolls back what does not become healthy.

    The ECS service has a generated name, because an explicit one would stand in the way of its own
    replacement. Operators find it in the stack's outputs.
    """

    service_name: pulumi.Output[str]
    """Name of the ECS service."""
    service_arn: pulumi.Output[str]
    """ARN of the ECS service."""
    security_group_id: pulumi.Output[str]
    """Security group of the tasks."""
    task_definition_arn: pulumi.Output[str]
    """Revision of the task definition that this program deployed."""
    family: pulumi.Output[str]
    """Name that all revisions share."""
    task_role_arn: pulumi.Output[str]
    """Role of the application."""
    execution_role_arn: pulumi.Output[str]
    """Role that ECS starts tasks with."""
    log_group_name: pulumi.Output[str]
    """Log group of every container."""

    def __init__(
        self, name: str, args: FargateServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Creates the service; refuses first what ECS would refuse half-way through."""
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:FargateService", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        extra_tags = args.get("tags", {})

        task = FargateTask(name, with_tags(args["task"], extra_tags), child)
        firewall = TaskFirewall(
            name,
            {
                "vpc_id": args["vpc_id"],
                "connections": args.get("connections", ()),
                "ipv6": args.get("ipv6", False),
                "tags": extra_tags,
            },
            child,
        )
        paths = [firewall, *_path_from_alb(name, args, firewall.security_group_id, child)]

        service = aws.ecs.Service(
            f"{name}-service",
            cluster=args["cluster_arn"],
            task_definition=task.arn,
            desired_count=_desired(args),
            network_configuration={
                "subnets": args["subnet_ids"],
                "security_groups": [firewall.security_group_id],
                "assign_public_ip": False,
            },
            **_placement(args),
            **_deployment(args),
            **_load_balancer(args),
            service_connect_configuration=_service_connect(name, args, task.log_group_name),
            enable_execute_command=args["task"].get("enable_execute_command", False),
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            tags={"Name": name, **extra_tags},
            opts=pulumi.ResourceOptions.merge(child, _service_options(args, paths)),
        )
        if _scales(args):
            ServiceScaling(name, _scaling(args, service.name), child)

        self.service_name = service.name
        self.service_arn = service.arn
        self.security_group_id = firewall.security_group_id
        self.task_definition_arn = task.arn
        self.family = task.family
        self.task_role_arn = task.task_role_arn
        self.execution_role_arn = task.execution_role_arn
        self.log_group_name = task.log_group_name
        self.register_outputs(
            {
                "service_name": self.service_name,
                "service_arn": self.service_arn,
                "security_group_id": self.security_group_id,
                "task_definition_arn": self.task_definition_arn,
                "family": self.family,
                "task_role_arn": self.task_role_arn,
                "execution_role_arn": self.execution_role_arn,
                "log_group_name": self.log_group_name,
            }
        )


def _desired(args: FargateServiceArgs) -> int:
    return args.get("desired_count", 2)


def _limits(args: FargateServiceArgs) -> tuple[int, int]:
    least = args.get("min_count", _desired(args))
    return least, args.get("max_count", max(least, _desired(args)))


def _scales(args: FargateServiceArgs) -> bool:
    least, most = _limits(args)
    return least != most or bool(args.get("schedule"))


def _scaling(args: FargateServiceArgs, service_name: pulumi.Input[str]) -> ServiceScalingArgs:
    least, most = _limits(args)
    scaling: ServiceScalingArgs = {
        "cluster_name": args["cluster_name"],
        "service_name": service_name,
        "min_count": least,
        "max_count": most,
        "schedule": args.get("schedule", ()),
        "tags": args.get("tags", {}),
        **args.get("scaling", {}),
    }
    label = args.get("resource_label")
    if label is not None:
        scaling["resource_label"] = label
    return scaling


def _path_from_alb(
    name: str,
    args: FargateServiceArgs,
    security_group_id: pulumi.Output[str],
    child: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    alb_security_group_id, port = args.get("alb_security_group_id"), args["task"].get("port")
    if alb_security_group_id is None or port is None:
        return []
    connection = Connection(
        f"{name}-from-alb",
        {
            "client_security_group_id": alb_security_group_id,
            "server_security_group_id": security_group_id,
            "port": port,
            "description": f"load balancer to {name}",
            "tags": args.get("tags", {}),
        },
        child,
    )
    return [connection]


def _placement(args: FargateServiceArgs) -> dict[str, Any]:
    weights = provider_weights(
        Capacity(args.get("capacity", Capacity.ON_DEMAND)), args.get("on_demand_base", 1)
    )
    # Moving tasks between zones starts the new one first, which a service without headroom cannot.
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
    headroom = args.get("maximum_percent", 200) > 100
    return {
        "platform_version": PLATFORM_VERSION,
        "capacity_provider_strategies": [
            {"capacity_provider": provider, "base": base, "weight": weight}
            for provider, base, weight in weights
        ],
        # Only with this does the provider change the capacity of a running service; without, it
        # refuses or replaces. It starts a deployment where the service changes, and only there.
        "force_new_deployment": True,
        "availability_zone_rebalancing": "ENABLED" if headroom else "DISABLED",
    }


def _deployment(args: FargateServiceArgs) -> dict[str, Any]:
    """Everything that depends on the strategy, and nothing else does."""
    alarm_names = args.get("rollback_alarm_names", ())
    match Strategy(args.get("strategy", Strategy.ROLLING)):
        case Strategy.ROLLING:
            configuration: aws.ecs.ServiceDeploymentConfigurationArgsDict = {"strategy": "ROLLING"}
    return {
        "deployment_configuration": configuration,
        "deployment_minimum_healthy_percent": args.get("minimum_healthy_percent", 100),
        "deployment_maximum_percent": args.get("maximum_percent", 200),
        "deployment_circuit_breaker": {"enable": True, "rollback": True},
        "alarms": {"alarm_names": list(alarm_names), "enable": True, "rollback": True}
        if alarm_names
        else None,
        "wait_for_steady_state": args.get("wait_for_steady_state", True),
    }


def _load_balancer(args: FargateServiceArgs) -> dict[str, Any]:
    target_group_arn, port = args.get("target_group_arn"), args["task"].get("port")
    if target_group_arn is None or port is None:
        return {}
    return {
        "load_balancers": [
            {
                "target_group_arn": target_group_arn,
                "container_name": containers.APPLICATION,
                "container_port": port,
            }
        ],
        "health_check_grace_period_seconds": args.get("health_check_grace_seconds", 60),
    }


def _service_connect(
    name: str, args: FargateServiceArgs, log_group: pulumi.Output[str]
) -> aws.ecs.ServiceServiceConnectConfigurationArgsDict | None:
    namespace_arn, port = args.get("namespace_arn"), args["task"].get("port")
    if namespace_arn is None:
        return None
    logs = containers.log_configuration(
        group=log_group, region=args["task"]["region"], prefix="service-connect"
    )
    configuration: aws.ecs.ServiceServiceConnectConfigurationArgsDict = {
        "enabled": True,
        "namespace": namespace_arn,
        "log_configuration": {"log_driver": logs["logDriver"], "options": logs["options"]},
    }
    if port is not None:
        host = args.get("discovery_name", name)
        configuration["services"] = [
            {
                "port_name": containers.PORT_NAME,
                "discovery_name": host,
                "client_alias": [{"dns_name": host, "port": port}],
            }
        ]
    return configuration


def _service_options(
    args: FargateServiceArgs, paths: Sequence[pulumi.Resource]
) -> pulumi.ResourceOptions:
    is_found_by_name = (
        args.get("namespace_arn") is not None and args["task"].get("port") is not None
    )
    return pulumi.ResourceOptions(
        # A task that cannot pull its image, or be probed, counts as a failed deployment.
        depends_on=list(paths),
        # What autoscaling decided since the last deployment is not for a deployment to undo.
        ignore_changes=["desiredCount"] if _scales(args) else None,
        # Two services of one namespace cannot have one discovery name, not even for a moment.
        delete_before_replace=is_found_by_name or None,
        # Long enough for the circuit breaker to see three tasks fail and to roll back, so that an
        # update ends with the reason and not with a timeout.
        custom_timeouts=pulumi.CustomTimeouts(create="30m", update="45m", delete="20m"),
    )


# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectService.html
_DISCOVERY_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")


def _refuse_mistakes(name: str, args: FargateServiceArgs) -> None:
    task = args["task"]
    found = task_problems(task)
    if _scales(args):
        found += scaling_problems(_scaling(args, ""))
    least, most = _limits(args)
    if not 0 <= least <= _desired(args) <= most:
        found.append(
            f"min_count is {least}, desired_count {_desired(args)} and max_count {most}; it must be"
            " 0 <= min <= desired <= max"
        )
    has_target_group = args.get("target_group_arn") is not None
    if has_target_group and (task.get("port") is None or args.get("alb_security_group_id") is None):
        found.append("target_group_arn needs task.port and alb_security_group_id")
    host = args.get("discovery_name", name)
    if not _DISCOVERY_NAME.fullmatch(host):
        found.append(
            f"discovery_name is {host!r}; it must be 1 to 64 lower-case letters, digits, _ and -,"
            " not beginning with -"
        )
    delay, stop = args.get("deregistration_delay"), task.get("stop_timeout", 30)
    if delay is not None and stop >= delay:
        found.append(
            f"task.stop_timeout is {stop} s; it must be shorter than the {delay} s of draining"
        )
    lowest, highest = args.get("minimum_healthy_percent", 100), args.get("maximum_percent", 200)
    if not 0 <= lowest < highest or highest < 100:
        found.append(
            f"minimum_healthy_percent is {lowest} and maximum_percent {highest}; a deployment needs"
            " room: the first below the second, the second at least 100"
        )
    if found:
        raise ValueError(f"FargateService {name!r}: " + "; ".join(found))
