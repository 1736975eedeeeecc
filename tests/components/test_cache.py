"""What a Cache registers; not that Valkey then behaves."""

import json

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.cache import Cache
from tests.conftest import fake_answer

GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
USER = "aws:elasticache/user:User"
USERS = "aws:elasticache/userGroup:UserGroup"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"


def build(name="cache", **changes):
    return Cache(
        name,
        {
            "vpc_id": "vpc-1",
            "subnet_ids": ["subnet-a", "subnet-b"],
            "account_id": "123456789012",
            "region": "eu-west-1",
            **changes,
        },
    )


def test_it_is_encrypted_at_rest_with_its_own_key_and_always_in_transit(record):
    graph = record(build)

    inputs = graph.one(GROUP).inputs
    assert inputs["atRestEncryptionEnabled"] is True
    assert graph.one(GROUP).property_dependencies["kmsKeyId"] == (graph.one("aws:kms/key:Key").urn,)
    assert (inputs["transitEncryptionEnabled"], inputs["transitEncryptionMode"]) == (
        True,
        "required",
    )


def test_its_one_user_signs_in_with_iam_and_may_not_administer(record):
    graph = record(build)

    user = graph.one(USER).inputs
    assert user["authenticationMode"] == {"type": "iam"}
    assert user["userId"] == user["userName"] == "babyrobots-test-cache"
    assert "-@admin" in user["accessString"]
    assert "-@dangerous" in user["accessString"]
    assert graph.one(USERS).property_dependencies["userIds"] == (graph.one(USER).urn,)
    assert graph.one(GROUP).property_dependencies["userGroupIds"] == (graph.one(USERS).urn,)


def test_a_client_may_connect_and_nothing_else(record):
    (component,) = [c for c in record(build).components if c.type.endswith(":Cache")]
    (statement,) = json.loads(component.outputs["connect_policy"])["Statement"]

    assert statement["Action"] == "elasticache:Connect"
    assert [arn.rsplit(":", 1)[1] for arn in statement["Resource"]] == ["cache-cache", "cache-user"]


def test_losing_a_zone_loses_no_cache(record):
    inputs = record(build).one(GROUP).inputs

    assert (inputs["numCacheClusters"], inputs["multiAzEnabled"]) == (2, True)
    assert inputs["automaticFailoverEnabled"] is True


def test_its_parameters_are_of_the_family_of_its_version(record):
    graph = record(lambda: build(engine_version="8.1"))

    group = graph.one("aws:elasticache/parameterGroup:ParameterGroup", "cache-valkey8")
    assert group.inputs["family"] == "valkey8"
    assert {"name": "maxmemory-policy", "value": "allkeys-lru"} in group.inputs["parameters"]
    assert graph.one(GROUP).property_dependencies["parameterGroupName"] == (group.urn,)


def test_a_new_major_gets_its_parameters_before_the_old_ones_go(record):
    def names(version):
        graph = record(lambda: build(engine_version=version))
        return set(graph.of("aws:elasticache/parameterGroup:ParameterGroup"))

    assert names("8.0") == names("8.1")
    assert names("8.0").isdisjoint(names("7.2")), "one name is updated in place, which AWS refuses"


def test_each_node_is_known_by_the_name_that_its_metrics_carry(record):
    def outputs(registration):
        id_, known = fake_answer(registration)
        return id_, {**known, "replicationGroupId": "group"}

    graph = record(lambda: build(nodes=3), answer=outputs)
    assert graph.one("babyrobots:index:Cache").outputs["node_ids"] == [
        "group-001",
        "group-002",
        "group-003",
    ]


def test_a_single_node_is_a_choice(record):
    inputs = record(lambda: build(nodes=1, multi_az=False)).one(GROUP).inputs

    assert (inputs["numCacheClusters"], inputs["multiAzEnabled"]) == (1, False)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"nodes": 0}, "nodes is 0; ElastiCache allows 1 to 6"),
        ({"nodes": 7}, "nodes is 7; ElastiCache allows 1 to 6"),
        ({"nodes": 1}, "a failover needs 2"),
        ({"snapshot_retention_days": 36}, "allows 0 to 35"),
    ],
)
def test_what_elasticache_refuses_is_refused_first(record, wrong, message):
    with pytest.raises(ValueError, match=message):
        record(lambda: build(**wrong))


def test_both_logs_are_kept_for_a_time(record):
    graph = record(lambda: build(log_retention_days=14))

    assert {g.inputs["retentionInDays"] for g in graph.of(LOG_GROUP).values()} == {14}
    delivered = graph.one(GROUP).inputs["logDeliveryConfigurations"]
    assert {item["logType"] for item in delivered} == {"engine-log", "slow-log"}


def test_its_security_group_has_no_rule_of_its_own(record):
    graph = record(build)

    group = graph.one("aws:ec2/securityGroup:SecurityGroup").inputs
    assert "ingress" not in group
    assert "egress" not in group


@pytest.mark.parametrize("protect", [True, False])
def test_it_is_protected_unless_told_otherwise(record, protect):
    graph = record(lambda: build(protect=protect))

    assert graph.one(GROUP).protect is protect
    assert graph.one("aws:kms/key:Key").protect is protect


def test_two_caches_share_one_stack_and_every_child_has_its_parent(record):
    graph = record(lambda: (build("blue"), build("green")))

    assert all("babyrobots:index:Cache$" in r.urn for r in graph.custom)
    assert len({r.inputs["userId"] for r in graph.of(USER).values()}) == 2


def test_a_preview_registers_the_same_resources(record):
    assert list(record(build).resources) == list(record(build, preview=True).resources)


def test_it_can_be_published_as_a_package():
    schema = Analyzer("babyrobots").analyze([Cache])["component_definitions"]["Cache"]

    required = [name for name, prop in schema.inputs.items() if not prop.optional]
    assert required == ["vpcId", "subnetIds", "accountId", "region"]
    assert all(prop.description for prop in (*schema.inputs.values(), *schema.outputs.values()))
