"""What the examples of the tag and cost rules do not show; and that the list of types is current.

`PYTHONPATH=policies:. python -m tests.policies.test_cost` writes that list anew from the provider.
"""

from pathlib import Path

import pytest
from guardrails import tagging
from guardrails.examples import analyze_requests
from guardrails.kinds import (
    BUCKET,
    CACHE_GROUP,
    DB_CLUSTER,
    DB_INSTANCE,
    ECS_SERVICE,
    FUNCTION,
    SUBNET,
    TASK_DEFINITION,
)
from guardrails.registry import node
from guardrails.rules import cost

from tests.policies import provider
from tests.policies.harness import pack_of, through_server
from tests.policies.verdicts import violated

BOTH = pytest.mark.parametrize("known", [True, False], ids=["known", "first-preview"])


def types_with_tags() -> list[str]:
    return sorted(
        token for token, inputs in provider.inputs().items() if "Mapping" in inputs.get("tags", "")
    )


def test_the_list_of_types_with_tags_is_that_of_the_installed_provider():
    assert sorted(tagging.taggable()) == types_with_tags()


ALL = {"Owner": "platform", "CostCenter": "music", "Stage": "production"}


@pytest.mark.parametrize(
    ("tags", "provider", "missing"),
    [
        (ALL, None, []),
        ({"owner": "a", "cost-centre": "b", "environment": "c"}, None, []),
        ({"Owner": "a", "cost_center": "b", "Stage": "c"}, None, []),
        ({}, {"defaultTags": '{"tags": {"Owner": "a", "CostCenter": "b", "Stage": "c"}}'}, []),
        ({"Owner": "a"}, {"defaultTags": {"tags": {"CostCenter": "b", "Stage": "c"}}}, []),
        ({}, {"defaultTags": '{"tags": {"Owner": "a"}}'}, ["CostCenter|CostCentre", "Stage"]),
        ({}, None, ["Owner", "CostCenter|CostCentre", "Stage|Environment"]),
    ],
)
def test_tags_may_be_spelled_and_given_in_many_ways(judge, tags, provider, missing):
    said = judge(cost.tag_required, node("assets", BUCKET, {"tags": tags}, provider=provider))

    assert bool(said) is bool(missing)
    assert all(key in said[0].message for key in missing)


def test_other_spellings_of_a_type_are_tagged_too(judge):
    said = judge(
        cost.tag_required,
        node("alb", "aws:alb/loadBalancer:LoadBalancer", {}),
        node("old", "aws:s3/bucketV2:BucketV2", {}),
        node("random", "random:index/randomId:RandomId", {}),
        node("policy", "aws:s3/bucketPolicy:BucketPolicy", {}),
    )

    assert violated(said) == ["alb", "old"]


def test_values_must_match_their_pattern_and_an_unknown_one_may():
    runner = through_server(pack_of(cost.tag_required))
    runner.configure(
        {"tag-required": {"patterns": {"owner": "[a-z]+"}, "enforcementLevel": "remediate"}}
    )
    team = node("team", "aws:ssm/parameter:Parameter", {"tags": ALL})

    assert runner.run([node("a", BUCKET, {"tags": ALL})]) == []
    assert (
        "PLATFORM"
        in runner.run([node("a", BUCKET, {"tags": {**ALL, "Owner": "PLATFORM"}})])[0].message
    )
    unknown = node("a", BUCKET, {"tags": {**ALL, "Owner": "${team.name}"}})
    assert runner.run([unknown, team], known=False) == []


@pytest.mark.parametrize(
    ("type_", "tags", "provider", "after"),
    [
        (BUCKET, {}, None, {"CostCenter": "music"}),
        (BUCKET, {"Owner": "a"}, None, {"Owner": "a", "CostCenter": "music"}),
        (BUCKET, {"cost-center": "other"}, None, None),
        (BUCKET, {}, {"defaultTags": '{"tags": {"CostCenter": "b"}}'}, None),
        ("aws:s3/bucketPolicy:BucketPolicy", {}, None, None),
    ],
)
def test_missing_tags_are_filled_in_where_there_is_a_default(type_, tags, provider, after):
    runner = through_server(pack_of(cost.tag_required))
    runner.configure(
        {"tag-required": {"defaults": {"CostCenter": "music"}, "enforcementLevel": "remediate"}}
    )
    request = analyze_requests([node("r", type_, {"tags": tags}, provider=provider)])[0]

    changed = [
        dict(r.properties.fields["tags"].struct_value)
        for r in runner.servicer.Remediate(request, None).remediations
        if r.properties.fields
    ]

    assert changed == ([after] if after else [])


@pytest.mark.parametrize(
    ("kind", "properties", "profile", "broken"),
    [
        (DB_INSTANCE, {"instanceClass": "db.t4g.micro"}, "temporary", False),
        (DB_INSTANCE, {"instanceClass": "db.m7g.large"}, "temporary", True),
        (DB_INSTANCE, {"instanceClass": "db.m7g.large"}, "production", False),
        (DB_INSTANCE, {"instanceClass": "db.x2iedn.32xlarge"}, "production", True),
        (DB_CLUSTER, {"engine": "aurora-postgresql"}, "production", False),
        (CACHE_GROUP, {"nodeType": "cache.t4g.micro"}, "staging", False),
        (CACHE_GROUP, {"nodeType": "cache.r7g.large"}, "staging", True),
        (TASK_DEFINITION, {"cpu": "1024", "memory": "2048"}, "staging", False),
        (TASK_DEFINITION, {"cpu": "4096", "memory": "8192"}, "staging", True),
        (TASK_DEFINITION, {"cpu": "4 vCPU", "memory": "8 GB"}, "staging", True),
        (TASK_DEFINITION, {"cpu": "1 vCPU", "memory": "2 GB"}, "staging", False),
        (TASK_DEFINITION, {"cpu": "16384", "memory": "32768"}, "production", True),
    ],
)
def test_each_stage_has_its_sizes(kind, properties, profile, broken):
    runner = through_server(pack_of(cost.size_allowed, profile=profile))
    runner.configure({"cost-size-allowed": {}})  # mandatory, so that every profile speaks

    assert bool(runner.run([node("r", kind, properties)])) is broken


GATEWAYS = [node(name, cost.NAT_GATEWAY, {"subnetId": "s"}) for name in ("one", "two")]
ZONES = [node(z, SUBNET, {"availabilityZone": f"eu-west-1{z}"}) for z in ("a", "b")]


@pytest.mark.parametrize(
    ("nodes", "profile", "broken"),
    [
        ([*GATEWAYS, *ZONES], "production", []),
        ([GATEWAYS[0], *ZONES], "production", ["one"]),
        ([GATEWAYS[0], ZONES[0]], "production", []),
        ([node("r", cost.NAT_GATEWAY, {"availabilityMode": "regional"}), *ZONES], "production", []),
        ([GATEWAYS[0], *ZONES], "staging", []),
        ([*GATEWAYS, *ZONES], "staging", ["two"]),
        ([node("db", DB_INSTANCE, {"multiAz": True})], "staging", ["db"]),
        ([node("db", DB_INSTANCE, {"multiAz": True})], "production", []),
    ],
)
def test_a_stage_pays_for_what_it_needs(judge, nodes, profile, broken):
    said = judge(cost.dev_shape, *nodes, profile=profile)

    assert violated(said) == broken


@BOTH
def test_an_address_that_only_a_record_names_is_idle(judge, known):
    said = judge(
        cost.dev_shape,
        node("idle", cost.EIP, {}),
        node("used", cost.EIP, {}),
        node("nat", cost.NAT_GATEWAY, {"allocationId": "${used.allocationId}"}),
        node("name", cost.RECORD, {"records": ["${idle.publicIp}"]}),
        known=known,
    )

    assert violated(said) == ["idle"]


@pytest.mark.parametrize(
    ("kind", "properties", "broken"),
    [
        (TASK_DEFINITION, {"runtimePlatform": {"cpuArchitecture": "ARM64"}}, False),
        (TASK_DEFINITION, {}, True),
        (FUNCTION, {"architectures": ["arm64"]}, False),
        (FUNCTION, {}, True),
        (DB_INSTANCE, {"instanceClass": "db.t4g.medium"}, False),
        (DB_INSTANCE, {"instanceClass": "db.r8gd.large"}, False),
        (DB_INSTANCE, {"instanceClass": "db.serverless"}, False),
        (DB_INSTANCE, {"instanceClass": "db.t3.medium"}, True),
        (DB_CLUSTER, {"engine": "aurora-postgresql"}, False),
        (CACHE_GROUP, {"nodeType": "cache.m6i.large"}, True),
    ],
)
def test_what_runs_on_arm(judge, kind, properties, broken):
    assert bool(judge(cost.graviton, node("r", kind, properties))) is broken


@pytest.mark.parametrize(
    ("properties", "broken"),
    [
        ({"storageType": "gp3", "allocatedStorage": 20, "maxAllocatedStorage": 100}, False),
        ({"storageType": "gp3", "allocatedStorage": 20}, True),
        ({"storageType": "gp2", "maxAllocatedStorage": 100}, True),
        ({"maxAllocatedStorage": 100}, True),
        ({"iops": 3000, "maxAllocatedStorage": 100}, True),
        ({"engine": "aurora-postgresql"}, False),
    ],
)
def test_storage_grows_and_is_current(judge, properties, broken):
    assert bool(judge(cost.storage_modern, node("db", DB_INSTANCE, properties))) is broken


def test_budgets_may_be_kept_elsewhere():
    runner = through_server(pack_of(cost.cost_budget))
    stack = [node("api", ECS_SERVICE, {"desiredCount": 2})]

    assert violated(runner.run(stack)) == ["api"]
    runner.configure({"cost-budget": {"central": True, "enforcementLevel": "advisory"}})
    assert runner.run(stack) == []


if __name__ == "__main__":
    listed = Path(tagging.__file__).parent / "data" / "taggable.txt"
    head = [line for line in listed.read_text().split("\n") if line.startswith("#")]
    types = [token.removeprefix("aws:") for token in types_with_tags()]
    listed.write_text("\n".join([*head, *types]) + "\n")
