"""ECS services: steady, private, hardened, reachable, scaled."""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.verify.model import EMULATED, Context, Finding, check

REQUIRED_METRICS = {"ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization"}


def _services(context: Context) -> dict[str, dict[str, Any]]:
    """Service as the stack calls it -> what ECS says of it; ten at a time, as the API allows."""
    names: dict[str, str] = context.outputs.get("serviceNames", {})
    wanted = list(names.values())
    described: dict[str, dict[str, Any]] = {}
    for start in range(0, len(wanted), 10):
        answer = context.aws.get("ecs").describe_services(
            cluster=context.outputs["clusterName"], services=wanted[start : start + 10]
        )
        described |= {service["serviceName"]: service for service in answer["services"]}
    return {name: described.get(physical, {}) for name, physical in names.items()}


@check("every service is steady at its desired count on its newest task definition")
def _steady(context: Context) -> Iterator[Finding]:
    for name in context.outputs.get("serviceNames", {}):
        if context.emulated:
            yield name, *_emulated_service(_services(context)[name])
            continue
        holds, detail = context.wait(lambda name=name: steady(_services(context)[name]), name)
        yield name, holds, detail


def steady(service: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether ECS has finished a service's deployment with every task running."""
    if service.get("status") != "ACTIVE":
        return False, f"status {service.get('status', 'MISSING')}"
    deployments = service["deployments"]
    running, desired = service["runningCount"], service["desiredCount"]
    states = ", ".join(f"{d['status']} {d.get('rolloutState', '?')}" for d in deployments)
    detail = f"{running}/{desired} running, {states}"
    if any(d.get("rolloutState") == "FAILED" for d in deployments):
        reason = next(d.get("rolloutStateReason", "") for d in deployments)
        return False, f"{detail}: {reason}"
    finished = len(deployments) == 1 and deployments[0].get("rolloutState") == "COMPLETED"
    newest = deployments[0]["taskDefinition"] == service["taskDefinition"]
    return finished and newest and running == desired, detail


def _emulated_service(service: Mapping[str, Any]) -> tuple[bool | None, str]:
    if service.get("status") != "ACTIVE":
        return False, f"status {service.get('status', 'MISSING')}"
    running, desired = service["runningCount"], service["desiredCount"]
    detail = f"{running}/{desired} running"
    # An emulator that nobody told to start tasks shows none; that says nothing about the service.
    return (True, detail) if running == desired else (None, f"{detail}: {EMULATED}")


@check("tasks have no public address and sit in private subnets")
def _private_tasks(context: Context) -> Iterator[Finding]:
    private = set(context.outputs["privateSubnetIds"])
    for name, service in _services(context).items():
        network = service.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        public = network.get("assignPublicIp", "DISABLED") != "DISABLED"
        inside = bool(network.get("subnets")) and set(network["subnets"]) <= private
        detail = "public address" if public else ", ".join(network.get("subnets", ["no subnet"]))
        yield name, inside and not public, detail


def task_definitions(context: Context) -> dict[str, dict[str, Any]]:
    """Service as the stack calls it -> the task definition that it runs; empty when it is gone."""
    client = context.aws.get("ecs")
    return {
        name: client.describe_task_definition(taskDefinition=service["taskDefinition"])[
            "taskDefinition"
        ]
        if service
        else {}
        for name, service in _services(context).items()
    }


@check("containers have a read-only root filesystem and no root user")
def _containers(context: Context) -> Iterator[Finding]:
    for name, definition in task_definitions(context).items():
        if not definition:
            yield name, False, "service missing"
            continue
        for container in definition["containerDefinitions"]:
            user = container.get("user", "root")
            holds = container.get("readonlyRootFilesystem", False) and user not in ("root", "0")
            detail = f"user {user}, read-only {container.get('readonlyRootFilesystem', False)}"
            yield f"{name}/{container['name']}", holds, detail


@check("every public service has a healthy target")
def _targets(context: Context) -> Iterator[Finding]:
    for name, service in _services(context).items():
        for balancer in service.get("loadBalancers", []):
            arn = balancer["targetGroupArn"]
            if context.emulated:
                yield name, None, EMULATED
                continue

            def probe(arn: str = arn) -> tuple[bool, str]:
                answer = context.aws.get("elbv2").describe_target_health(TargetGroupArn=arn)
                states = [
                    target["TargetHealth"]["State"] for target in answer["TargetHealthDescriptions"]
                ]
                serving = [state for state in states if state != "draining"]
                healthy = bool(serving) and all(state == "healthy" for state in serving)
                return healthy, ", ".join(sorted(states)) or "no target"

            holds, detail = context.wait(probe, f"targets of {name}")
            yield name, holds, detail


@check("services scale between their bounds")
def _scaling(context: Context) -> Iterator[Finding]:
    cluster = context.outputs["clusterName"]
    targets = {
        target["ResourceId"]: target
        for target in context.aws.pages(
            "application-autoscaling",
            "describe_scalable_targets",
            "ScalableTargets",
            ServiceNamespace="ecs",
        )
    }
    policies = list(
        context.aws.pages(
            "application-autoscaling",
            "describe_scaling_policies",
            "ScalingPolicies",
            ServiceNamespace="ecs",
        )
    )
    for name, physical in context.outputs.get("serviceNames", {}).items():
        resource = f"service/{cluster}/{physical}"
        target = targets.get(resource)
        if target is None:
            yield name, None, "not scaled automatically"
            continue
        mine = sorted(
            policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"][
                "PredefinedMetricType"
            ]
            for policy in policies
            if policy["ResourceId"] == resource
        )
        bounds = f"{target['MinCapacity']}..{target['MaxCapacity']}"
        both = {"ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization"} <= set(
            mine
        )
        yield name, both, f"{bounds} on {', '.join(mine) or 'nothing'}"
