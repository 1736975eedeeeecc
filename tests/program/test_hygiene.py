"""What holds for every resource of every stack: parent, provider, tags, protection, lookups.

What this cannot prove: that the provider merges its default tags; the engine tests do.
"""

import dataclasses
import json

import pytest

from rehearsal import schema
from rehearsal.config import load_config
from tests.program import stacks

PROVIDER = "pulumi:providers:aws"
STAGE = {"staging": "staging", "production": "production", "local": "temporary"}

HOLDS_DATA = (
    "aws:backup/vault:Vault",
    "aws:cognito/userPool:UserPool",
    "aws:dynamodb/table:Table",
    "aws:ecr/repository:Repository",
    "aws:efs/fileSystem:FileSystem",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:elasticache/serverlessCache:ServerlessCache",
    "aws:kms/key:Key",
    "aws:rds/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:route53/zone:Zone",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
)
"""Types that hold what no second `pulumi up` brings back; deleting a key loses what it encrypted,
deleting a zone loses its name servers."""

REPLACEABLE = {
    ("aws:kms/key:Key", "alarms-key-key"): "encrypts alarms on their way, and keeps none",
    ("aws:kms/key:Key", "alarms-us-east-1-key-key"): "encrypts alarms on their way, and keeps none",
}
"""What has such a type and still loses nothing."""


def test_every_resource_has_the_one_provider(graph):
    provider = graph.one(PROVIDER)

    strays = [r.urn for r in graph.custom if r.provider != provider.urn]
    assert strays == [], "without the explicit provider: no default tags, perhaps another account"


def test_default_providers_are_disabled(stack):
    assert load_config(stacks.ROOT, stack).disabled_default_providers == {"aws"}


def test_a_stack_needs_no_default_provider(stack):
    # Built here and not in a fixture: what the default provider would get is refused.
    assert len(stacks.resolved(stack)) > 100


def test_every_resource_belongs_to_a_component(graph):
    components = {component.urn for component in graph.components}

    strays = [r.urn for r in graph.custom if r.parent not in components]
    assert strays == [], "a resource without parent escapes its component's options and aliases"


def test_every_component_registers_its_outputs(graph):
    assert [c.urn for c in graph.components if not c.outputs_registered] == []


def test_the_provider_tags_whatever_can_be_tagged(graph, stack):
    tags = json.loads(graph.one(PROVIDER).inputs["defaultTags"])["tags"]

    assert tags == {
        "Project": "babyrobots",
        "Stack": stack,
        "Stage": STAGE[stack],
        "Owner": "platform",
        "CostCenter": "indii-music",
        "ManagedBy": "pulumi",
    }


def test_no_resource_overrides_a_tag_of_the_whole_stack(graph):
    default = json.loads(graph.one(PROVIDER).inputs["defaultTags"])["tags"]
    taggable = [r for r in graph.custom if "tags" in schema.inputs(r.type)]

    assert len(taggable) > 50, "the schema of the provider was not found"
    overriding = {
        r.name: sorted(default.keys() & (r.inputs.get("tags") or {}).keys())
        for r in taggable
        if default.keys() & (r.inputs.get("tags") or {}).keys()
    }
    assert overriding == {}


def test_tasks_carry_the_tags_of_what_starts_them(graph):
    services = graph.of("aws:ecs/service:Service").values()
    parameters = [
        schedule.inputs["target"]["ecsParameters"]
        for schedule in graph.of("aws:scheduler/schedule:Schedule").values()
    ]

    assert {service.inputs["propagateTags"] for service in services} == {"SERVICE"}
    assert {given["propagateTags"] for given in parameters} == {"TASK_DEFINITION"}


def test_production_protects_everything_that_holds_data(production):
    bare = {(r.type, r.name) for r in production.custom if r.type in HOLDS_DATA and not r.protect}
    assert bare == REPLACEABLE.keys()


@pytest.mark.parametrize("type_", ["aws:rds/instance:Instance", "aws:s3/bucket:Bucket"])
def test_there_is_something_to_protect(production, type_):
    assert production.of(type_)


def test_aws_itself_refuses_to_delete_productions_database_and_load_balancer(production):
    database = production.one("aws:rds/instance:Instance").inputs
    balancer = production.one("aws:lb/loadBalancer:LoadBalancer").inputs

    assert database["deletionProtection"] is True
    assert not database.get("skipFinalSnapshot", False)
    assert balancer["enableDeletionProtection"] is True


def test_a_temporary_stack_can_be_destroyed_whole():
    graph = stacks.resolved("local")

    assert [r.urn for r in graph.custom if r.protect] == []


def test_only_the_account_is_looked_up(graph):
    assert [token for token, _ in graph.invokes] == [
        "aws:index/getCallerIdentity:getCallerIdentity"
    ]


def test_nothing_is_looked_up_when_the_account_is_configured():
    config = load_config(stacks.ROOT, "production")
    values = {**config.values, "babyrobots:accountId": stacks.ACCOUNT}

    graph = stacks.build(dataclasses.replace(config, values=values))

    assert graph.invokes == []
    assert json.loads(graph.one(PROVIDER).inputs["allowedAccountIds"]) == [stacks.ACCOUNT]


def test_an_empty_account_can_be_deployed_before_there_is_an_image():
    config = load_config(stacks.ROOT, "staging")
    values = {**config.values, "babyrobots:imageDigest": ""}

    graph = stacks.build(dataclasses.replace(config, values=values))

    assert stacks.blind_alarms(graph) == []
    assert graph.of("aws:ecr/repository:Repository"), "there is nowhere to push an image to"
    assert graph.of("aws:ecs/service:Service") == {}


def test_whatever_has_a_name_of_its_own_leaves_room_for_the_providers_suffix(graph):
    """The provider adds a dash and seven digits to a name that is left to it, and fails beyond."""
    longest = {
        "aws:lb/targetGroup:TargetGroup": 32,
        "aws:lb/loadBalancer:LoadBalancer": 32,
        "aws:iam/role:Role": 64,
        "aws:scheduler/schedule:Schedule": 64,
        "aws:scheduler/scheduleGroup:ScheduleGroup": 64,
        "aws:sqs/queue:Queue": 80,
    }
    too_long = [
        r.name
        for r in graph.custom
        if r.type in longest and "name" not in r.inputs and len(r.name) + 8 > longest[r.type]
    ]
    assert too_long == []


def test_no_secret_is_an_export_in_the_clear(graph):
    suspicious = ("password", "token", "username")

    names = [name for name in graph.exports if any(word in name.lower() for word in suspicious)]
    assert [name for name in names if name not in graph.secret_exports] == []
