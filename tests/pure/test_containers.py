"""Container definitions: hardened, deterministic, and equal to what ECS gives back.

What ECS adds is written down here from its API reference and from what others met; only AWS itself
can prove it.
"""

import copy
import json
from typing import Any

import pytest

from components import containers

LOGS = containers.log_configuration(group="/ecs/web", region="eu-west-1", prefix="web")
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:00"
FULL = {
    "image": IMAGE,
    "logs": LOGS,
    "port": 8080,
    "command": ["serve"],
    "entry_point": ["/bin/web"],
    "environment": {"B": "2", "A": "1"},
    "secrets": {"Z": "arn:z", "Y": "arn:y"},
    "health_check": containers.health_check(["CMD", "/probe"], start_period=20),
    "nofile_limit": 4096,
    "scratch_mib": 64,
    "volumes": containers.exec_volumes(64),
    "waits_for": ["collector"],
}


def as_ecs_returns_it(sent: dict[str, Any]) -> dict[str, Any]:
    """What DescribeTaskDefinition answers after `sent` was registered for Fargate."""
    returned = copy.deepcopy(sent)
    for key in ("environment", "mountPoints", "portMappings", "systemControls", "volumesFrom"):
        returned.setdefault(key, [])
    returned.setdefault("cpu", 0)
    returned.setdefault("essential", True)
    for port in returned["portMappings"]:
        port.setdefault("hostPort", port["containerPort"])
        port.setdefault("protocol", "tcp")
    for mount in returned["mountPoints"]:
        mount.setdefault("readOnly", False)
    if "healthCheck" in returned:
        for key, default in (("interval", 30), ("retries", 3), ("timeout", 5)):
            returned["healthCheck"].setdefault(key, default)
    capabilities = returned.get("linuxParameters", {}).get("capabilities")
    if capabilities is not None:
        capabilities.setdefault("add", [])
        capabilities.setdefault("drop", [])
    returned["environment"].sort(key=lambda variable: variable["name"])
    returned.get("secrets", []).sort(key=lambda secret: secret["name"])
    return returned


@pytest.mark.parametrize(
    "definition",
    [
        containers.application(image=IMAGE, logs=LOGS),
        containers.application(**FULL),
        containers.collector(image="adot@sha256:00", logs=LOGS, region="eu-west-1"),
    ],
    ids=["bare", "full", "collector"],
)
def test_ecs_gives_back_exactly_what_was_sent(definition: dict[str, Any]):
    assert as_ecs_returns_it(definition) == definition


@pytest.mark.parametrize(
    "definition",
    [
        containers.application(image=IMAGE, logs=LOGS),
        containers.collector(image="adot@sha256:00", logs=LOGS, region="eu-west-1"),
    ],
    ids=["application", "collector"],
)
def test_every_container_is_hardened(definition: dict[str, Any]):
    assert definition["readonlyRootFilesystem"] is True
    assert definition["user"] == "10001:10001"
    assert definition["linuxParameters"]["initProcessEnabled"] is True
    assert definition["linuxParameters"]["capabilities"] == {"add": [], "drop": ["ALL"]}
    assert "privileged" not in definition
    assert 0 < definition["stopTimeout"] <= 120


def test_the_order_in_which_things_are_configured_changes_nothing():
    first = containers.application(**FULL)
    second = containers.application(
        **{
            **FULL,
            "environment": {"A": "1", "B": "2"},
            "secrets": {"Y": "arn:y", "Z": "arn:z"},
            "volumes": dict(reversed(containers.exec_volumes(64).items())),
        }
    )

    assert json.dumps(first) == json.dumps(second)
    assert [variable["name"] for variable in first["environment"]] == ["A", "B"]
    assert [secret["name"] for secret in first["secrets"]] == ["Y", "Z"]


def test_logs_never_block_the_application():
    assert LOGS == {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": "/ecs/web",
            "awslogs-region": "eu-west-1",
            "awslogs-stream-prefix": "web",
            "max-buffer-size": "25m",
            "mode": "non-blocking",
        },
    }


def test_the_port_has_the_name_and_protocol_that_service_connect_needs():
    (port,) = containers.application(image=IMAGE, logs=LOGS, port=8080)["portMappings"]

    assert port == {
        "name": "http",
        "appProtocol": "http",
        "containerPort": 8080,
        "hostPort": 8080,
        "protocol": "tcp",
    }


def test_a_worker_has_no_port_no_command_and_no_check():
    definition = containers.application(image=IMAGE, logs=LOGS)

    assert definition["portMappings"] == []
    absent = {"command", "entryPoint", "healthCheck", "ulimits", "dependsOn"}
    assert absent & set(definition) == set()
    assert "tmpfs" not in definition["linuxParameters"]


def test_options_that_are_given_are_passed_on():
    definition = containers.application(**{**FULL, "stop_timeout": 90, "user": "7:8"})

    assert definition["command"] == ["serve"]
    assert definition["entryPoint"] == ["/bin/web"]
    assert definition["stopTimeout"] == 90
    assert definition["user"] == "7:8"
    assert definition["ulimits"] == [{"name": "nofile", "softLimit": 4096, "hardLimit": 4096}]
    assert definition["healthCheck"] == {
        "command": ["CMD", "/probe"],
        "interval": 30,
        "retries": 3,
        "startPeriod": 20,
        "timeout": 5,
    }
    assert definition["dependsOn"] == [{"containerName": "collector", "condition": "START"}]


def test_scratch_is_in_memory_where_any_user_may_write_to_it():
    (mount,) = containers.application(**FULL)["linuxParameters"]["tmpfs"]

    assert (mount["containerPath"], mount["size"]) == ("/tmp", 64)
    assert set(mount["mountOptions"]) == {"noexec", "nosuid", "nodev"}


def test_ecs_exec_finds_every_path_it_writes_to():
    writable = {"/managed-agents", "/var/lib/amazon/ssm", "/var/log/amazon/ssm"}

    assert set(containers.exec_volumes(64).values()) == writable
    assert set(containers.exec_volumes(0).values()) == {*writable, "/tmp"}
    mounts = containers.application(**FULL)["mountPoints"]
    assert {mount["containerPath"] for mount in mounts} == writable
    assert not any(mount["readOnly"] for mount in mounts)


def test_a_broken_collector_does_not_take_the_application_down():
    definition = containers.collector(image="adot@sha256:00", logs=LOGS, region="eu-west-1")

    assert definition["essential"] is False
    assert definition["healthCheck"]["command"] == ["CMD", "/healthcheck"]


def test_the_collector_listens_to_its_own_task_and_limits_its_memory_below_its_ceiling():
    config = json.loads(containers.collector_config("eu-west-1"))
    definition = containers.collector(image="adot@sha256:00", logs=LOGS, region="eu-west-1")

    protocols = config["receivers"]["otlp"]["protocols"].values()
    endpoints = [protocol["endpoint"] for protocol in protocols]
    assert all(endpoint.startswith("127.0.0.1:") for endpoint in endpoints)
    assert config["exporters"]["awsxray"]["region"] == "eu-west-1"
    assert config["service"]["pipelines"]["traces"]["processors"][0] == "memory_limiter"
    assert config["processors"]["memory_limiter"]["limit_mib"] < definition["memory"]
    sent_to = containers.TRACING_ENVIRONMENT["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert sent_to.removeprefix("http://") in endpoints
    for pipeline in config["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(config[kind]), "a pipeline names what is not defined"


def test_a_collector_may_have_another_configuration():
    definition = containers.collector(
        image="adot@sha256:00", logs=LOGS, region="eu-west-1", config="receivers: {}"
    )

    assert definition["environment"] == [{"name": "AOT_CONFIG_CONTENT", "value": "receivers: {}"}]


@pytest.mark.parametrize(
    ("reference", "arn"),
    [
        ("arn:aws:secretsmanager:eu-west-1:1:secret:db-AbCdEf", "same"),
        ("arn:aws:secretsmanager:eu-west-1:1:secret:db-AbCdEf:password::", "without the key"),
        ("arn:aws:secretsmanager:eu-west-1:1:secret:db-AbCdEf::AWSPREVIOUS:", "without the stage"),
    ],
)
def test_a_reference_to_part_of_a_secret_is_a_permission_for_the_secret(reference: str, arn: str):
    secret = "arn:aws:secretsmanager:eu-west-1:1:secret:db-AbCdEf"

    assert containers.secret_arn(reference) == secret, arn


def test_the_arn_of_a_parameter_stays_as_it_is():
    parameter = "arn:aws:ssm:eu-west-1:1:parameter/web/flag"

    assert containers.secret_arn(parameter) == parameter


SOUND: dict[str, Any] = {
    "port": 8080,
    "environment": {"A": "1"},
    "secrets": {"B": "arn"},
    "user": "10001:10001",
    "stop_timeout": 30,
    "health_check_command": ["CMD-SHELL", "true"],
    "health_check_start_period": 30,
    "scratch_mib": 64,
    "memory": 512,
    "collector_image": "adot@sha256:00",
}


def test_a_sound_description_has_no_problems():
    assert containers.problems(**SOUND) == []
    edges = {"port": None, "stop_timeout": 120, "health_check_start_period": 300}
    assert containers.problems(**{**SOUND, **edges, "scratch_mib": 256}) == []


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"port": 80}, "1024 to 65535"),
        ({"port": 65536}, "1024 to 65535"),
        ({"stop_timeout": 121}, "0 to 120"),
        ({"stop_timeout": -1}, "0 to 120"),
        ({"user": "0"}, "never runs as root"),
        ({"user": "root:app"}, "never runs as root"),
        ({"user": ""}, "never runs as root"),
        ({"health_check_command": ["curl", "x"]}, "CMD or CMD-SHELL"),
        ({"health_check_start_period": 301}, "0 to 300"),
        ({"scratch_mib": 257}, "at most half"),
        ({"scratch_mib": -1}, "at most half"),
        ({"secrets": {"A": "arn"}}, "keep the secret"),
        ({"collector_image": "adot:latest"}, "pin it by digest"),
    ],
)
def test_a_mistake_is_named_with_its_rule(mistake: dict[str, Any], said: str):
    (problem,) = containers.problems(**{**SOUND, **mistake})

    assert said in problem


def test_all_mistakes_are_named_at_once():
    assert len(containers.problems(**{**SOUND, "port": 80, "user": "0", "stop_timeout": 500})) == 3
