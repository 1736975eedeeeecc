"""What moto's ECS lacks: service deployments, and releases that fail on request.

moto keeps a service's task definition and nothing of how it came to it. In the emulator each
`CreateService`, and each `UpdateService` with another task definition, becomes a service deployment
with a revision, `DescribeServices` gives back the deployment configuration that was asked for, and
`PUT /rehearsal/releases` makes the latest release fail in a way that the caller describes in the
API's own words (`rehearsal.failing`). There is still no scheduler: nothing happens by itself.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
"""

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any

_GIVEN_BACK = {
    "deploymentConfiguration": "deployment_configuration",
    "enableExecuteCommand": "enable_execute_command",
    "capacityProviderStrategy": "capacity_provider_strategy",
}
"""Parameters of a service that `DescribeServices` repeats, and moto forgets."""
_numbers = itertools.count(1)
_tasks: dict[str, dict[str, Any]] = {}
_targets: dict[str, list[dict[str, Any]]] = {}


def install() -> None:
    """Adds it to the moto of this process."""
    from moto.ecs.models import EC2ContainerServiceBackend
    from moto.ecs.responses import EC2ContainerServiceResponse as Ecs
    from moto.elbv2.models import ELBv2Backend

    Ecs.create_service = _creating(Ecs.create_service)
    Ecs.update_service = _updating(Ecs.update_service)
    Ecs.list_tasks = _listing(Ecs.list_tasks)
    Ecs.describe_tasks = _describing(Ecs.describe_tasks)
    for operation in (
        _list_service_deployments,
        _describe_service_deployments,
        _describe_service_revisions,
        _stop_service_deployment,
    ):
        setattr(Ecs, operation.__name__.lstrip("_"), operation)
    # moto wants the memory of each container, which Fargate does not; no machine counts it here.
    EC2ContainerServiceBackend._calculate_task_resource_requirements = staticmethod(_no_machine)
    ELBv2Backend.describe_target_health = _seeing(ELBv2Backend.describe_target_health)


def _no_machine(task_definition: Any) -> dict[str, Any]:
    del task_definition
    return {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}


def fail(account: str, wanted: Mapping[str, Any]) -> None:
    """Makes the latest deployment of a service what `wanted` says, in members of the API."""
    from moto.ecs.models import ecs_backends

    service: Any = ecs_backends[account][wanted["region"]]._get_service(
        wanted["cluster"], wanted["service"]
    )
    latest = service.history[-1]
    latest.update(wanted["deployment"])
    before = _good(service.history[:-1])
    new, old = dict(service.deployments[0]), dict(service.deployments[0])
    new.update(
        taskDefinition=latest["taskDefinition"],
        failedTasks=len(wanted["tasks"]),
        runningCount=0,
        rolloutState="IN_PROGRESS" if latest["status"] == "IN_PROGRESS" else "FAILED",
        rolloutStateReason=latest.get("statusReason", ""),
    )
    if before is None:
        service.deployments, service.running_count = [new], 0
    elif latest["status"].startswith("ROLLBACK_SUCCESSFUL"):
        service.task_definition = before["taskDefinition"]
        service.deployments = [_completed(old, before["taskDefinition"])]
    else:
        old = _completed(old, before["taskDefinition"]) | {"status": "ACTIVE"}
        service.deployments = [new, old]
    now = time.time()
    # That it became steady is not true of this one.
    service.events = [e for e in service.events if e["createdAt"] < latest["createdAt"]]
    for message in wanted["events"]:
        service.events.insert(0, {"id": f"event-{next(_numbers)}", "createdAt": now} | message)
    _tasks.update({task["taskArn"]: dict(task) for task in wanted["tasks"]})
    for target in wanted["targets"]:
        _targets.setdefault(target.pop("targetGroupArn"), []).append(target)


def forget() -> None:
    """Forgets what was scripted; what belongs to services goes with them."""
    _tasks.clear()
    _targets.clear()


def _good(history: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((each for each in reversed(history) if each["status"] == "SUCCESSFUL"), None)


def _completed(deployment: dict[str, Any], task_definition: str) -> dict[str, Any]:
    return deployment | {
        "status": "PRIMARY",
        "taskDefinition": task_definition,
        "failedTasks": 0,
        "runningCount": deployment["desiredCount"],
        "pendingCount": 0,
        "rolloutState": "COMPLETED",
        "rolloutStateReason": "",
    }


def _record(service: Any) -> None:
    place = f"{service.cluster_name}/{service.name}/{next(_numbers):016d}"
    prefix = service.arn.partition(":service/")[0]
    now = time.time()
    history = service.__dict__.setdefault("history", [])
    history.append(
        {
            "serviceDeploymentArn": f"{prefix}:service-deployment/{place}",
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "revision": f"{prefix}:service-revision/{place}",
            "taskDefinition": service.task_definition,
            "status": "SUCCESSFUL",
            "createdAt": now,
            "startedAt": now,
            "finishedAt": now,
        }
    )
    service.deployments = [
        _completed(each, service.task_definition) for each in service.deployments[:1]
    ]


def _remember(service: Any, parameters: Mapping[str, Any]) -> None:
    for parameter, attribute in _GIVEN_BACK.items():
        if parameters.get(parameter) is not None:
            setattr(service, attribute, parameters[parameter])


def _creating(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_service(self: Any) -> Any:
        answer = original(self)
        parameters = self._get_params()
        service = self.ecs_backend._get_service(
            parameters.get("cluster", "default"), parameters["serviceName"]
        )
        _remember(service, parameters)
        _record(service)
        return answer

    return create_service


def _updating(original: Callable[..., Any]) -> Callable[..., Any]:
    def update_service(self: Any) -> Any:
        parameters = self._get_params()
        service = self.ecs_backend._get_service(
            parameters.get("cluster", "default"), parameters["service"]
        )
        answer = original(self)
        _remember(service, parameters)
        if parameters.get("taskDefinition") or parameters.get("forceNewDeployment"):
            _record(service)
            service.running_count = service.desired_count
            for balancer in service.load_balancers:
                _targets.pop(balancer.get("targetGroupArn"), None)
            message = f"(service {service.name}) has reached a steady state."
            service.events.insert(
                0, {"id": f"event-{next(_numbers)}", "createdAt": time.time(), "message": message}
            )
        return answer

    return update_service


def _history(self: Any) -> list[dict[str, Any]]:
    return [
        deployment
        for service in self.ecs_backend.services.values()
        for deployment in getattr(service, "history", ())
    ]


def _list_service_deployments(self: Any) -> Any:
    from moto.core.responses import ActionResult

    service = self.ecs_backend._get_service(
        self._get_param("cluster", "default"), self._get_param("service")
    )
    wanted = self._get_param("status")
    found = [
        {**each, "targetServiceRevisionArn": each["revision"]}
        for each in reversed(getattr(service, "history", ()))
        if not wanted or each["status"] in wanted
    ]
    return ActionResult({"serviceDeployments": found})


def _describe_service_deployments(self: Any) -> Any:
    from moto.core.responses import ActionResult

    wanted = self._get_param("serviceDeploymentArns", [])
    found = [
        {**each, "targetServiceRevision": {"arn": each["revision"]}}
        for each in _history(self)
        if each["serviceDeploymentArn"] in wanted
    ]
    return ActionResult({"serviceDeployments": found, "failures": []})


def _describe_service_revisions(self: Any) -> Any:
    from moto.core.responses import ActionResult

    wanted = self._get_param("serviceRevisionArns", [])
    found = [
        {
            "serviceRevisionArn": each["revision"],
            "serviceArn": each["serviceArn"],
            "clusterArn": each["clusterArn"],
            "taskDefinition": each["taskDefinition"],
        }
        for each in _history(self)
        if each["revision"] in wanted
    ]
    return ActionResult({"serviceRevisions": found, "failures": []})


def _stop_service_deployment(self: Any) -> Any:
    from moto.core.responses import ActionResult

    arn = self._get_param("serviceDeploymentArn")
    for service in self.ecs_backend.services.values():
        history = getattr(service, "history", [])
        if history and history[-1]["serviceDeploymentArn"] == arn:
            before = _good(history[:-1])
            history[-1]["status"] = "ROLLBACK_SUCCESSFUL" if before else "STOPPED"
            if before is not None:
                service.task_definition = before["taskDefinition"]
                service.deployments = [_completed(service.deployments[0], before["taskDefinition"])]
                service.running_count = service.desired_count
            for balancer in service.load_balancers:
                _targets.pop(balancer.get("targetGroupArn"), None)
    return ActionResult({"serviceDeploymentArn": arn})


def _listing(original: Callable[..., Any]) -> Callable[..., Any]:
    def list_tasks(self: Any) -> Any:
        from moto.core.responses import ActionResult

        arns = original(self).result["taskArns"]
        service, family = self._get_param("serviceName"), self._get_param("family")
        status = self._get_param("desiredStatus") or "RUNNING"
        if service:
            # moto cannot tell which tasks are a service's, as it starts none for it.
            arns = []
        arns += [
            arn
            for arn, task in _tasks.items()
            if task["desiredStatus"] == status
            and (not service or task["group"] == f"service:{service.rpartition('/')[2]}")
            and (not family or f"/{family}:" in task["taskDefinitionArn"])
        ]
        return ActionResult({"taskArns": arns})

    return list_tasks


def _describing(original: Callable[..., Any]) -> Callable[..., Any]:
    def describe_tasks(self: Any) -> Any:
        from moto.core.responses import ActionResult

        asked = self._get_param("tasks", [])
        known = {arn.rpartition("/")[2]: task for arn, task in _tasks.items()}
        scripted = [
            known[arn.rpartition("/")[2]] for arn in asked if arn.rpartition("/")[2] in known
        ]
        if len(scripted) == len(asked):
            return ActionResult({"tasks": scripted, "failures": []})
        return original(self)

    return describe_tasks


def _seeing(original: Callable[..., Any]) -> Callable[..., Any]:
    def describe_target_health(self: Any, target_group_arn: str, targets: Any) -> Any:
        from moto.elbv2.models import FakeHealthStatus

        scripted = [
            FakeHealthStatus(
                target["Id"],
                target["Port"],
                None,
                target["State"],
                target["Reason"],
                target["Description"],
            )
            for target in _targets.get(target_group_arn, ())
        ]
        return scripted or original(self, target_group_arn, targets)

    return describe_target_health
