"""Container definitions: hardened, and in the very form in which ECS returns them.

Imports no Pulumi: a value may be anything (text, or an output that becomes text), only names and
numbers are looked at.

A task definition cannot be changed, so any difference between what was sent and what ECS returns
would make a new revision, and a deployment, at every `pulumi up`. The provider forgives the order
of containers, variables and secrets, empty lists and the defaults of ports and health checks, and
nothing else. So every definition here carries the fields that ECS adds, with its values:
`capabilities.add` too, which ECS returns as an empty list wherever something is dropped.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

APPLICATION = "app"
"""Container that answers; what a load balancer, `ops exec` and a command override refer to."""
COLLECTOR = "collector"
"""Container that takes traces from the application and sends them to X-Ray."""
PORT_NAME = "http"
"""Name of the application's port, to which Service Connect refers."""
DEFAULT_USER = "10001:10001"
"""A user that exists in no image, owns no file and is not root."""

MAX_STOP_TIMEOUT = 120
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#container_definition_timeout"""
MAX_START_PERIOD = 300
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html"""

_COLLECTOR_MEMORY_MIB = 192
_COLLECTOR_HEAP_MIB = 128

# https://github.com/aws/containers-roadmap/issues/1359: what the agent behind ECS Exec writes to.
_EXEC_PATHS = {
    "exec-agents": "/managed-agents",
    "exec-state": "/var/lib/amazon/ssm",
    "exec-logs": "/var/log/amazon/ssm",
}


def exec_volumes(scratch_mib: int) -> dict[str, str]:
    """Paths, by volume, that ECS Exec writes to; `/tmp` among them unless scratch is there."""
    return _EXEC_PATHS if scratch_mib else {**_EXEC_PATHS, "exec-tmp": "/tmp"}  # noqa: S108


def application(
    *,
    image: Any,
    logs: Mapping[str, Any],
    port: int | None = None,
    command: Sequence[str] = (),
    entry_point: Sequence[str] = (),
    environment: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
    user: str = DEFAULT_USER,
    stop_timeout: int = 30,
    health_check: Mapping[str, Any] | None = None,
    nofile_limit: int = 0,
    scratch_mib: int = 0,
    volumes: Mapping[str, str] | None = None,
    waits_for: Sequence[str] = (),
) -> dict[str, Any]:
    """The container that does the work.

    Args:
        image: Image, best by digest.
        logs: What `log_configuration` returned.
        port: TCP port it listens on, for a load balancer and Service Connect. Defaults to none: a
            worker or a job.
        command: Replaces the image's command. Defaults to the image's.
        entry_point: Replaces the image's entry point. Defaults to the image's.
        environment: Variables by name.
        secrets: Reference (ARN) of what each further variable holds, by its name.
        user: `uid:gid` it runs as.
        stop_timeout: Seconds between SIGTERM and SIGKILL.
        health_check: What `health_check` returned. Defaults to none: the load balancer's check
            decides.
        nofile_limit: How many files it may hold open. Defaults to 0: Fargate's 65535.
        scratch_mib: Size of an in-memory `/tmp` that any user may write to. Defaults to 0: none.
        volumes: Path by volume name. Defaults to none.
        waits_for: Containers that start before it, and stop after it. Defaults to none.
    """
    definition = {
        **_hardened(APPLICATION, image, logs, user, stop_timeout),
        "environment": [
            {"name": key, "value": value} for key, value in sorted((environment or {}).items())
        ],
        "mountPoints": [
            {"containerPath": path, "readOnly": False, "sourceVolume": name}
            for name, path in sorted((volumes or {}).items())
        ],
        "secrets": [
            {"name": key, "valueFrom": reference}
            for key, reference in sorted((secrets or {}).items())
        ],
    }
    if port is not None:
        definition["portMappings"] = [_http_port(port)]
    if command:
        definition["command"] = list(command)
    if entry_point:
        definition["entryPoint"] = list(entry_point)
    if health_check:
        definition["healthCheck"] = dict(health_check)
    if nofile_limit:
        definition["ulimits"] = [
            {"hardLimit": nofile_limit, "name": "nofile", "softLimit": nofile_limit}
        ]
    if scratch_mib:
        definition["linuxParameters"]["tmpfs"] = [_scratch(scratch_mib)]
    if waits_for:
        definition["dependsOn"] = [
            {"condition": "START", "containerName": name} for name in sorted(waits_for)
        ]
    return definition


def collector(
    *, image: Any, logs: Mapping[str, Any], region: str, config: str = ""
) -> dict[str, Any]:
    """The AWS Distro for OpenTelemetry collector beside the application, with little to eat.

    Not essential: an application that cannot be traced must go on answering.
    https://aws-otel.github.io/docs/setup/ecs

    Args:
        image: Image of the collector, by digest.
        logs: What `log_configuration` returned.
        region: Region whose X-Ray receives the traces.
        config: The collector's configuration, YAML or JSON. Defaults to `collector_config(region)`.
    """
    return {
        **_hardened(COLLECTOR, image, logs, DEFAULT_USER, 10),
        "environment": [
            {"name": "AOT_CONFIG_CONTENT", "value": config or collector_config(region)}
        ],
        "essential": False,
        # The image has no shell; the probe is a program in it, which asks the health_check
        # extension.
        "healthCheck": health_check(["CMD", "/healthcheck"], start_period=10),
        "memory": _COLLECTOR_MEMORY_MIB,
    }


def collector_config(region: str) -> str:
    """OTLP from this task alone goes to X-Ray, or is dropped before it fills the memory."""
    config = {
        "exporters": {"awsxray": {"region": region}},
        "extensions": {"health_check": {"endpoint": "127.0.0.1:13133"}},
        "processors": {
            "batch": {"send_batch_size": 50, "timeout": "1s"},
            "memory_limiter": {
                "check_interval": "1s",
                "limit_mib": _COLLECTOR_HEAP_MIB,
                "spike_limit_mib": _COLLECTOR_HEAP_MIB // 4,
            },
            "resourcedetection": {"detectors": ["env", "ecs"]},
        },
        "receivers": {
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": "127.0.0.1:4317"},
                    "http": {"endpoint": "127.0.0.1:4318"},
                }
            }
        },
        "service": {
            "extensions": ["health_check"],
            "pipelines": {
                "traces": {
                    "exporters": ["awsxray"],
                    # memory_limiter first, as its documentation asks, so that it refuses before
                    # anything is buffered.
                    "processors": ["memory_limiter", "resourcedetection", "batch"],
                    "receivers": ["otlp"],
                }
            },
        },
    }
    return json.dumps(config, sort_keys=True)


TRACING_ENVIRONMENT: Mapping[str, str] = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
}
"""Variables with which an OpenTelemetry SDK finds the collector."""


def log_configuration(*, group: Any, region: str, prefix: str) -> dict[str, Any]:
    """CloudWatch Logs, without the power to stop the application.

    `non-blocking` because a blocked write to a slow log service blocks the application; the buffer
    is the 25 MiB that AWS recommends after measuring what is lost with less.
    https://aws.amazon.com/blogs/containers/preventing-log-loss-with-non-blocking-mode-in-the-awslogs-container-log-driver/
    """
    return {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": group,
            "awslogs-region": region,
            "awslogs-stream-prefix": prefix,
            "max-buffer-size": "25m",
            "mode": "non-blocking",
        },
    }


def health_check(
    command: Sequence[str],
    *,
    start_period: int,
    interval: int = 30,
    timeout: int = 5,
    retries: int = 3,
) -> dict[str, Any]:
    """A command run inside the container; every number is written, because ECS would add it.

    Args:
        command: Begins with `CMD` or `CMD-SHELL`.
        start_period: Seconds in which a failure does not count.
        interval: Seconds between two checks. Defaults to ECS's own 30.
        timeout: Seconds until a check has failed. Defaults to ECS's own 5.
        retries: Failures until the container is unhealthy. Defaults to ECS's own 3.
    """
    return {
        "command": list(command),
        "interval": interval,
        "retries": retries,
        "startPeriod": start_period,
        "timeout": timeout,
    }


def secret_arn(reference: str) -> str:
    """ARN of the secret in a reference that may also name a JSON key, version stage and version id.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """
    return ":".join(reference.split(":")[:7])


def problems(
    *,
    port: int | None,
    environment: Mapping[str, Any],
    secrets: Mapping[str, Any],
    user: str,
    stop_timeout: int,
    health_check_command: Sequence[str],
    health_check_start_period: int,
    scratch_mib: int,
    memory: int,
    collector_image: str,
) -> list[str]:
    """What ECS would refuse, or what would make the task unsafe: a sentence each."""
    found = []
    if port is not None and not 1024 <= port <= 65535:
        found.append(f"port is {port}; without root a container listens on 1024 to 65535")
    if not 0 <= stop_timeout <= MAX_STOP_TIMEOUT:
        found.append(f"stop_timeout is {stop_timeout}; Fargate allows 0 to {MAX_STOP_TIMEOUT} s")
    if user.split(":")[0] in ("", "0", "root"):
        found.append(f"user is {user!r}; a container here never runs as root")
    if health_check_command and health_check_command[0] not in ("CMD", "CMD-SHELL"):
        found.append(
            f"health_check_command begins with {health_check_command[0]!r}; it must begin with CMD"
            " or CMD-SHELL"
        )
    if not 0 <= health_check_start_period <= MAX_START_PERIOD:
        found.append(
            f"health_check_start_period is {health_check_start_period}; ECS allows 0 to"
            f" {MAX_START_PERIOD} s"
        )
    if not 0 <= scratch_mib <= memory // 2:
        found.append(
            f"scratch_mib is {scratch_mib}; it is taken from the task's {memory} MiB, of which at"
            " most half may be scratch"
        )
    twice = sorted(set(environment) & set(secrets))
    if twice:
        found.append(f"{', '.join(twice)} is set both in clear and from a secret; keep the secret")
    if collector_image and "@sha256:" not in collector_image:
        found.append(f"collector_image is {collector_image!r}; pin it by digest (name@sha256:...)")
    return found


def _hardened(
    name: str, image: Any, logs: Mapping[str, Any], user: str, stop_timeout: int
) -> dict[str, Any]:
    return {
        "cpu": 0,
        "environment": [],
        "essential": True,
        "image": image,
        "linuxParameters": {
            "capabilities": {"add": [], "drop": ["ALL"]},
            # Forwards SIGTERM and reaps what the application leaves behind, ECS Exec sessions
            # among it.
            "initProcessEnabled": True,
        },
        "logConfiguration": dict(logs),
        "mountPoints": [],
        "name": name,
        "portMappings": [],
        "readonlyRootFilesystem": True,
        "stopTimeout": stop_timeout,
        "systemControls": [],
        "user": user,
        "volumesFrom": [],
    }


def _http_port(port: int) -> dict[str, Any]:
    # appProtocol gives Service Connect HTTP metrics, retries and timeouts. It cannot be changed in
    # a running service.
    return {
        "appProtocol": "http",
        "containerPort": port,
        "hostPort": port,
        "name": PORT_NAME,
        "protocol": "tcp",
    }


def _scratch(size_mib: int) -> dict[str, Any]:
    # In memory, because a volume of Fargate belongs to root with mode 0755 unless the image
    # declares it; a tmpfs is 1777.
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
    # https://github.com/aws/containers-roadmap/issues/736
    return {
        "containerPath": "/tmp",  # noqa: S108
        "mountOptions": ["noexec", "nosuid", "nodev"],
        "size": size_mib,
    }
