"""A cluster whose services can be found and whose records end; not that ECS accepts it."""

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.fargate_cluster import FargateCluster

CLUSTER = "aws:ecs/cluster:Cluster"
CAPACITY = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
NAMESPACE = "aws:servicediscovery/httpNamespace:HttpNamespace"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/k"


def build(name="main", **changes):
    return FargateCluster(name, {"namespace": "babyrobots-test", **changes})


def session_settings(graph):
    return graph.one(CLUSTER).inputs["configuration"]["executeCommandConfiguration"]


@pytest.mark.parametrize("preview", [False, True])
def test_both_kinds_of_fargate_are_there_and_on_demand_is_the_default(record, preview):
    capacity = record(build, preview=preview).one(CAPACITY).inputs

    assert sorted(capacity["capacityProviders"]) == ["FARGATE", "FARGATE_SPOT"]
    assert capacity["defaultCapacityProviderStrategies"] == [
        {"capacityProvider": "FARGATE", "base": 0, "weight": 1}
    ]


def test_the_cluster_can_be_typed_and_observed(record):
    cluster = record(build).one(CLUSTER).inputs

    assert cluster["name"] == "babyrobots-test-main"
    assert cluster["settings"] == [{"name": "containerInsights", "value": "enhanced"}]


def test_a_cluster_may_have_another_name_and_less_insight(record):
    graph = record(lambda: build(cluster_name="robots", container_insights="disabled"))

    cluster = graph.one(CLUSTER).inputs
    assert cluster["name"] == "robots"
    assert cluster["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert {r.inputs["name"] for r in graph.of(LOG_GROUP).values()} == {
        "/ecs/robots/exec",
        "/aws/ecs/containerinsights/robots/performance",
    }


def test_an_unknown_insight_is_refused_with_the_known_ones(record):
    with pytest.raises(ValueError, match="'full'; it must be enhanced, enabled or disabled"):
        record(lambda: build(container_insights="full"))


def test_services_meet_in_the_namespace_by_default(record):
    graph = record(build)

    assert graph.one(NAMESPACE).inputs["name"] == "babyrobots-test"
    namespace_arn = "arn:aws:servicediscovery:eu-west-1:123456789012:main-namespace"
    assert graph.one(CLUSTER).inputs["serviceConnectDefaults"] == {"namespace": namespace_arn}


def test_shell_sessions_are_recorded_in_a_group_of_their_own(record):
    assert session_settings(record(build)) == {
        "logging": "OVERRIDE",
        "logConfiguration": {
            "cloudWatchLogGroupName": "/ecs/babyrobots-test-main/exec",
            "cloudWatchEncryptionEnabled": False,
        },
    }


def test_a_key_encrypts_sessions_and_both_log_groups(record):
    graph = record(lambda: build(kms_key_arn=KEY))

    assert session_settings(graph)["kmsKeyId"] == KEY
    assert session_settings(graph)["logConfiguration"]["cloudWatchEncryptionEnabled"] is True
    assert [r.inputs["kmsKeyId"] for r in graph.of(LOG_GROUP).values()] == [KEY, KEY]


def test_disks_are_encrypted_with_a_key_only_when_one_is_given(record):
    with_key = record(lambda: build(storage_kms_key_arn=KEY)).one(CLUSTER).inputs
    without = record(build).one(CLUSTER).inputs

    assert with_key["configuration"]["managedStorageConfiguration"] == {
        "fargateEphemeralStorageKmsKeyId": KEY
    }
    assert "managedStorageConfiguration" not in without["configuration"]


def test_every_record_ends(record):
    default = record(build).of(LOG_GROUP)
    chosen = record(lambda: build(log_retention_days=7, insights_retention_days=1)).of(LOG_GROUP)

    assert {n: r.inputs["retentionInDays"] for n, r in default.items()} == {
        "main-exec": 365,
        "main-insights": 30,
    }
    assert {n: r.inputs["retentionInDays"] for n, r in chosen.items()} == {
        "main-exec": 7,
        "main-insights": 1,
    }


def test_the_log_group_of_insights_is_there_before_ecs_would_make_its_own(record):
    graph = record(build)

    insights = graph.one(LOG_GROUP, "main-insights")
    assert insights.inputs["name"] == (
        "/aws/ecs/containerinsights/babyrobots-test-main/performance"
    )
    assert insights.urn in graph.one(CLUSTER).dependencies


def test_whoever_uses_the_cluster_waits_for_its_capacity_providers(record):
    import pulumi_aws as aws

    def program():
        cluster = build()
        aws.ssm.Parameter("by-name", type="String", value=cluster.name)
        aws.ssm.Parameter("by-arn", type="String", value=cluster.arn)

    graph = record(program)

    capacity = graph.one(CAPACITY).urn
    users = graph.of("aws:ssm/parameter:Parameter")
    assert capacity in users["by-name"].dependencies
    assert capacity in users["by-arn"].dependencies
    assert users["by-arn"].inputs["value"].endswith(":main-cluster")


def test_every_child_belongs_to_the_component_and_two_instances_coexist(record):
    graph = record(lambda: (build(), build("other", namespace="babyrobots-other")))

    owners = {r.parent.split("::", 2)[2] for r in graph.custom}
    token = "babyrobots:index:FargateCluster"
    assert owners == {f"{token}::main", f"{token}::other"}
    assert len(graph.custom) == 10


def test_extra_tags_reach_every_taggable_child(record):
    graph = record(lambda: build(tags={"Team": "platform"}))

    untagged = {r.name for r in graph.custom if r.inputs.get("tags", {}).get("Team") != "platform"}
    assert untagged == {"main-capacity"}, "capacity providers of a cluster have no tags"


def test_outputs_are_registered(record):
    component = record(build).one("babyrobots:index:FargateCluster")

    logs = "arn:aws:cloudwatch:eu-west-1:123456789012"
    assert component.outputs == {
        "arn": "arn:aws:ecs:eu-west-1:123456789012:main-cluster",
        "name": "babyrobots-test-main",
        "namespace_arn": "arn:aws:servicediscovery:eu-west-1:123456789012:main-namespace",
        "namespace_name": "babyrobots-test",
        "exec_log_group_name": "/ecs/babyrobots-test-main/exec",
        "exec_log_group_arn": f"{logs}:main-exec",
        "insights_log_group_name": "/aws/ecs/containerinsights/babyrobots-test-main/performance",
    }


def test_it_can_be_published_as_a_package():
    analyzed = Analyzer("babyrobots").analyze([FargateCluster])
    schema = analyzed["component_definitions"]["FargateCluster"]

    assert {name for name, prop in schema.inputs.items() if not prop.optional} == {"namespace"}
    undocumented = [
        n for n, p in (*schema.inputs.items(), *schema.outputs.items()) if not p.description
    ]
    assert undocumented == []
