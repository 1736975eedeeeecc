"""A stack on an emulator leaves out what the real provider cannot do there, and nothing else."""

import importlib
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pulumi import _types

import emulation
from rehearsal.config import load_config
from settings import Settings
from tests.program import stacks

SERVICE = "aws:ecs/service:Service"
REGION = "eu-west-1"


def settings(stack: str, **environment: str) -> Settings:
    config = load_config(stacks.ROOT, stack)
    return Settings.parse(config.values, environment, stack=stack)


def inputs_of(type_: str) -> dict[str, str]:
    """The inputs of a resource type, by what Pulumi calls them."""
    _, module, name = type_.split(":")
    package = importlib.import_module(f"pulumi_aws.{module.split('/')[0]}")
    names = _types.input_type_py_to_pulumi_names(getattr(package, f"{name}Args"))
    return {pulumi_name: python_name for python_name, pulumi_name in names.items()}


@pytest.mark.parametrize("type_", emulation.NOT_GIVEN_BACK)
def test_what_is_ignored_is_an_input_of_its_type(type_):
    assert set(emulation.NOT_GIVEN_BACK[type_]) <= set(inputs_of(type_))


@pytest.mark.parametrize("type_", emulation.NOT_GIVEN_BACK)
def test_what_is_ignored_is_ignored_by_every_such_resource_of_the_local_stack(type_):
    found = stacks.resolved("local").of(type_).values()

    assert found
    for resource in found:
        assert set(emulation.NOT_GIVEN_BACK[type_]) <= set(resource.ignore_changes), resource.name


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_a_stack_on_aws_ignores_none_of_it(stack):
    for type_, ignored in emulation.NOT_GIVEN_BACK.items():
        for resource in stacks.resolved(stack).of(type_).values():
            assert not set(ignored) & set(resource.ignore_changes), resource.name


def test_the_local_stack_creates_nothing_that_the_provider_cannot_create_there():
    graph = stacks.resolved("local")

    types = {registration.type for registration in graph}
    assert not {type_ for type_ in types if type_.startswith(("aws:appautoscaling", "aws:backup"))}
    assert "aws:route53/queryLog:QueryLog" not in types
    # moto does not say who subscribes to a budget, which the provider reads back.
    assert "aws:budgets/budget:Budget" not in types
    services = graph.of(SERVICE).values()
    assert [service.inputs["waitForSteadyState"] for service in services] == [False, False]
    assert [service.inputs["desiredCount"] for service in services] == [1, 1]
    provider = graph.one("pulumi:providers:aws").inputs
    assert (provider["maxRetries"], provider["s3UsePathStyle"]) == ("3", "true")


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_an_endpoint_makes_every_stack_an_emulated_one(stack):
    assert settings(stack, AWS_ENDPOINT_URL="http://localhost:5000").emulated


def test_without_an_endpoint_the_stack_file_decides():
    found = {stack: settings(stack).emulated for stack in stacks.STACKS}

    assert found == {"staging": False, "production": False, "local": True}


def test_a_rehearsal_shows_what_aws_gets_although_it_has_an_endpoint():
    assert not settings("staging", AWS_ENDPOINT_URL="http://x", REHEARSAL="true").emulated


def test_on_an_endpoint_nothing_else_of_the_settings_changes():
    there = settings("production", AWS_ENDPOINT_URL="http://localhost:5000")

    assert there.model_copy(update={"emulated": False}) == settings("production")
    assert (there.stack, there.region) == ("production", REGION)


# --- the emulator itself: what it has learnt since need not be worked around any longer ---------


@pytest.fixture
def emulator():
    # In this process and without a server: nothing here is about transport.
    with mock_aws():
        yield lambda service: boto3.client(
            service, REGION, aws_access_key_id="fake", aws_secret_access_key="fake"
        )


@pytest.fixture
def service(emulator) -> dict[str, Any]:
    """A service as the emulator describes it, created with everything that is ignored."""
    ecs = emulator("ecs")
    ecs.create_cluster(clusterName="main")
    ecs.register_task_definition(
        family="api", containerDefinitions=[{"name": "app", "image": "app", "memory": 128}]
    )
    ecs.create_service(
        cluster="main",
        serviceName="api",
        taskDefinition="api",
        desiredCount=1,
        availabilityZoneRebalancing="ENABLED",
        capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
        enableECSManagedTags=True,
        healthCheckGracePeriodSeconds=60,
        serviceConnectConfiguration={"enabled": True, "namespace": "main"},
    )
    (described,) = ecs.describe_services(cluster="main", services=["api"])["services"]
    return described


@pytest.mark.parametrize(
    "key",
    [
        "availabilityZoneRebalancing",
        "capacityProviderStrategy",
        "enableECSManagedTags",
        "healthCheckGracePeriodSeconds",
    ],
)
def test_the_emulator_keeps_this_of_a_service_to_itself(service, key):
    assert key not in service, f"moto gives {key} back: remove it from emulation.NOT_GIVEN_BACK"


def test_the_emulator_keeps_service_connect_to_itself(service):
    (deployment,) = service["deployments"]

    assert "serviceConnectConfiguration" not in deployment


def test_the_emulator_keeps_the_rotation_period_to_itself(emulator):
    kms = emulator("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)

    assert "RotationPeriodInDays" not in kms.get_key_rotation_status(KeyId=key)


def test_the_emulator_loses_the_description_of_a_rule_that_names_a_group(emulator):
    ec2 = emulator("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="a", Description="a", VpcId=vpc)["GroupId"]
    pair = {"GroupId": group, "Description": "load balancer to api"}
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [pair]}
        ],
    )
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])[
        "SecurityGroupRules"
    ]

    assert [rule.get("Description") for rule in rules if not rule["IsEgress"]] == [None]


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        # What the provider asks of a scaling target that it has just created.
        ("applicationautoscaling", "list_tags_for_resource"),
        ("backup", "create_backup_selection"),
    ],
)
def test_the_emulator_cannot_do_this_so_it_is_left_out(service, operation):
    responses = importlib.import_module(f"moto.{service}.responses")
    handlers = [value for value in vars(responses).values() if isinstance(value, type)]

    assert not any(hasattr(handler, operation) for handler in handlers)
