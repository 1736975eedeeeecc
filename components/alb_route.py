"""The way of requests from a load balancer's HTTPS listener to one service."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import listener_rules

MAX_LOGICAL_NAME = 24
"""A target group's name has 32 characters, of which auto-naming takes 8:
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html"""

HEALTH_CHECK_TIMEOUT = 5
"""Seconds a health check waits for its answer; also the shortest interval that AWS takes."""
_MATCHER = re.compile(r"[2-4]\d\d([,-][2-4]\d\d)*")


class Balancing(StrEnum):
    """How the load balancer chooses among healthy targets."""

    LEAST_OUTSTANDING_REQUESTS = "least_outstanding_requests"
    """The target with the fewest requests in flight."""
    ROUND_ROBIN = "round_robin"
    """Each target in turn."""


class ExposeArgs(TypedDict):
    """What a service asks of the load balancer."""

    port: int
    """Port that the service's tasks listen on, in plain HTTP inside the VPC."""
    hosts: NotRequired[Sequence[str]]
    """Host names that lead to the service: exact, or `*.` and a name. Defaults to any host."""
    paths: NotRequired[Sequence[str]]
    """Paths that lead to the service: exact, or a path and `/*`. Defaults to any path. Hosts and
    paths are at most five together:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html"""
    slot: NotRequired[int]
    """Place of the rule among equally specific ones, 0 to 999, only to settle a collision that the
    program reports. Defaults to a hash of the name."""
    health_check_path: NotRequired[str]
    """Path that answers when the task can serve. Defaults to `/health`."""
    health_check_matcher: NotRequired[str]
    """Status codes that mean healthy. Defaults to `200`, so that a redirect or an error page of
    the framework never counts."""
    health_check_interval_seconds: NotRequired[int]
    """Seconds between two checks, 5 to 300. Defaults to 10: with two successes a new task serves
    after 20 seconds (AWS's own defaults take two and a half minutes), with three failures a broken
    one leaves after 30."""
    deregistration_delay_seconds: NotRequired[int]
    """Seconds that requests in flight have to finish when a task leaves, 0 to 3600. Defaults to 30,
    not AWS's 300, which every deployment would wait for. Keep it above the slowest request:
    https://docs.aws.amazon.com/AmazonECS/latest/bestpracticesguide/load-balancer-connection-draining.html"""
    balancing: NotRequired[Balancing]
    """How a target is chosen. Defaults to the fewest outstanding requests: requests of an API
    differ in cost, and a task that has just started or slows down gets fewer of them. Round robin
    suits requests that are all alike:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html"""


class AlbRouteArgs(TypedDict):
    """What a service asks of the load balancer, and which load balancer that is."""

    service: ExposeArgs
    """What the service asks for."""
    vpc_id: pulumi.Input[str]
    """VPC of the load balancer and the tasks."""
    listener_arn: pulumi.Input[str]
    """HTTPS listener that gets the rule."""
    load_balancer_arn_suffix: pulumi.Input[str]
    """`app/<name>/<id>` of the load balancer."""
    priority: int
    """Priority of the rule, from `listener_rules.allocate`; `PublicAlb.expose` asks it."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class AlbRoute(pulumi.ComponentResource):
    """A target group for the tasks of one service, and the listener rule that leads to it.

    The rule has one target group and one resource, which is what ECS shifts in a blue/green
    deployment.
    """

    target_group_arn: pulumi.Output[str]
    """Target group to register tasks in. Known only once the listener rule stands: ECS refuses a
    service whose target group "does not have an associated load balancer"."""
    target_group_arn_suffix: pulumi.Output[str]
    """`targetgroup/<name>/<id>`, the dimension of the target group's metrics."""
    target_group_name: pulumi.Output[str]
    """Name of the target group, for an alarm's text."""
    listener_rule_arn: pulumi.Output[str]
    """The rule that sends requests here."""
    resource_label: pulumi.Output[str]
    """`app/<lb>/<id>/targetgroup/<tg>/<id>`, as scaling on ALBRequestCountPerTarget wants it:
    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html"""

    def __init__(
        self, name: str, args: AlbRouteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses numbers that Elastic Load Balancing would refuse."""
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:AlbRoute", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        service = args["service"]
        tags = {"Name": name, **args.get("tags", {})}

        target_group = aws.lb.TargetGroup(
            fit(f"{name}-tg"),
            vpc_id=args["vpc_id"],
            target_type="ip",
            protocol="HTTP",
            protocol_version="HTTP1",
            port=service["port"],
            deregistration_delay=service.get("deregistration_delay_seconds", 30),
            load_balancing_algorithm_type=Balancing(
                service.get("balancing", Balancing.LEAST_OUTSTANDING_REQUESTS)
            ).value,
            # Off: it cannot go with least outstanding requests, which spares a new task already.
            slow_start=0,
            health_check=_health_check(service),
            tags=tags,
            opts=child,
        )
        rule = aws.lb.ListenerRule(
            f"{name}-rule",
            listener_arn=args["listener_arn"],
            priority=args["priority"],
            conditions=_conditions(name, service),
            actions=[{"type": "forward", "target_group_arn": target_group.arn}],
            tags=tags,
            opts=child,
        )

        self.target_group_arn = pulumi.Output.all(target_group.arn, rule.arn).apply(
            lambda arns: arns[0]
        )
        self.target_group_arn_suffix = target_group.arn_suffix
        self.target_group_name = target_group.name
        self.listener_rule_arn = rule.arn
        self.resource_label = pulumi.Output.format(
            "{}/{}", args["load_balancer_arn_suffix"], target_group.arn_suffix
        )
        self.register_outputs(
            {
                "target_group_arn": self.target_group_arn,
                "target_group_arn_suffix": self.target_group_arn_suffix,
                "target_group_name": self.target_group_name,
                "listener_rule_arn": self.listener_rule_arn,
                "resource_label": self.resource_label,
            }
        )


def _conditions(name: str, service: ExposeArgs) -> list[aws.lb.ListenerRuleConditionArgsDict]:
    asked = listener_rules.rule(name, service.get("hosts", ()), service.get("paths", ()))
    hosts, paths = listener_rules.conditions(asked)
    found: list[aws.lb.ListenerRuleConditionArgsDict] = []
    if hosts:
        found.append({"host_header": {"values": list(hosts)}})
    if paths:
        found.append({"path_pattern": {"values": list(paths)}})
    return found


def _health_check(service: ExposeArgs) -> aws.lb.TargetGroupHealthCheckArgsDict:
    return {
        "protocol": "HTTP",
        "port": "traffic-port",
        "path": service.get("health_check_path", "/health"),
        "matcher": service.get("health_check_matcher", "200"),
        "interval": service.get("health_check_interval_seconds", 10),
        "timeout": HEALTH_CHECK_TIMEOUT,
        "healthy_threshold": 2,
        "unhealthy_threshold": 3,
    }


def fit(name: str) -> str:
    """The name, or for a long one its beginning and a digest, so that auto-naming has its room."""
    if len(name) <= MAX_LOGICAL_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:5]
    return f"{name[: MAX_LOGICAL_NAME - 6].rstrip('-')}-{digest}"


def _refuse_mistakes(name: str, args: AlbRouteArgs) -> None:
    """Limits: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html"""
    service = args["service"]
    asked = listener_rules.rule(name, service.get("hosts", ()), service.get("paths", ()))
    problems = listener_rules.problems([asked])
    port, priority = service["port"], args["priority"]
    path = service.get("health_check_path", "/health")
    matcher = service.get("health_check_matcher", "200")
    interval = service.get("health_check_interval_seconds", 10)
    delay = service.get("deregistration_delay_seconds", 30)
    if not 1 <= port <= 65535:
        problems.append(f"port is {port}; a TCP port is 1 to 65535")
    if not 1 <= priority <= listener_rules.MAX_PRIORITY:
        problems.append(f"priority is {priority}; a rule's is 1 to {listener_rules.MAX_PRIORITY}")
    if not path.startswith("/") or len(path) > 1024:
        problems.append(f"health_check_path is {path!r}; it begins with / and has at most 1024")
    if not _MATCHER.fullmatch(matcher):
        problems.append(
            f"health_check_matcher is {matcher!r}; write codes from 200 to 499 such as 200,204"
            " or 200-299"
        )
    if not HEALTH_CHECK_TIMEOUT <= interval <= 300:
        problems.append(
            f"health_check_interval_seconds is {interval}; it is {HEALTH_CHECK_TIMEOUT} to 300"
        )
    if not 0 <= delay <= 3600:
        problems.append(f"deregistration_delay_seconds is {delay}; it is 0 to 3600")
    if problems:
        raise ValueError(f"AlbRoute {name!r}: " + "; ".join(problems))
