"""What holds for every component there is, found by reading components/: none can be left out.

Each is built twice over: with the least it can be given, and with everything switched on.
"""

import ast
import functools
import importlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.alarm_rules import database as database_alarms
from components.log_bucket import LogWriter
from components.subnets import NatStrategy
from components.web_acl import WebAclScope
from rehearsal import schema
from rehearsal.answers import Answerer
from rehearsal.recording import Graph, run_program, unknown_answer

FOLDER = Path(__file__).parents[2] / "components"
NAME = "blue-moon"
ACCOUNT, REGION = "123456789012", "eu-west-1"
PLACE = {"account_id": ACCOUNT, "region": REGION}
SUBNETS = {"vpc_id": "vpc-1", "subnet_ids": ["subnet-a", "subnet-b"]}
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
FARAWAY_KEY = KEY.replace(REGION, "us-east-1")
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
LOG_GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:exec"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:token-AbCdEf"
CLUSTER = {
    "cluster_arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/main",
    "cluster_name": "main",
}
LABEL = "app/web/0123456789abcdef/targetgroup/api/0123456789abcdef"
PEER = {"name": "database", "security_group_id": "sg-db", "port": 5432}
TAGS = {"Team": "robots"}
TASK = {"image": f"web@sha256:{'0' * 64}", "cpu": 256, "memory": 512, **PLACE}
FULL_TASK = {
    **TASK,
    "port": 8080,
    "environment": {"STAGE": "test"},
    "secrets": {"TOKEN": SECRET},
    "parameters": {"FLAG": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/flag"},
    "secret_kms_key_arns": [KEY],
    "repository_arns": [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/web"],
    "task_policies": {"assets": '{"Version":"2012-10-17","Statement":[]}'},
    "collector_image": f"public.ecr.aws/collector@sha256:{'0' * 64}",
    "log_kms_key_arn": KEY,
    "enable_execute_command": True,
    "exec_log_group_arn": LOG_GROUP,
    "exec_kms_key_arn": KEY,
}
EVENING = {"name": "stop", "schedule": "cron(0 20 * * ? *)", "min_count": 0, "max_count": 0}
ALIAS = {
    "hostname": "api.example.com",
    "target_dns_name": "web-1.eu-west-1.elb.amazonaws.com",
    "target_zone_id": "Z32O12XQLNTSW2",
}
DATABASE = {
    **SUBNETS,
    **PLACE,
    "engine_version": "17",
    "instance_class": "db.t4g.micro",
    "allocated_storage": 20,
}

LEAST: dict[str, dict[str, Any]] = {
    "AlarmTopic": PLACE,
    "Alarms": {"rules": database_alarms("db", 20, "db.t4g.micro"), "topic_arn": TOPIC},
    "AlbRoute": {
        "service": {"port": 8080, "paths": ["/*"]},
        "vpc_id": "vpc-1",
        "listener_arn": f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener/app/web/1/2",
        "load_balancer_arn_suffix": "app/web/0123456789abcdef",
        "priority": 100,
    },
    "AssetsBucket": {**PLACE, "kms_key_arn": KEY},
    "Backups": {**PLACE, "kms_key_arn": KEY, "tag_value": "test"},
    "BucketPolicy": {"bucket": "assets", "bucket_arn": "arn:aws:s3:::assets"},
    "Budget": {"monthly_usd": 100, "topic_arn": TOPIC, "account_id": ACCOUNT},
    "Cache": {**SUBNETS, **PLACE},
    "CacheUser": {},
    "Connection": {
        "client_security_group_id": "sg-client",
        "server_security_group_id": "sg-server",
        "port": 5432,
        "description": "orders to its database",
    },
    "ContentDelivery": {
        "hostnames": ["api.example.com"],
        "certificate_arn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/c",
        "web_acl_arn": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/web/1",
        "load_balancer_arn": f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/1",
        "load_balancer_dns_name": "internal-web-1.eu-west-1.elb.amazonaws.com",
        "account_id": ACCOUNT,
    },
    "CostAnomalies": {"threshold_usd": 10, "topic_arn": TOPIC},
    "Database": DATABASE,
    "DatabaseEvents": {"identifier": "db", "topic_arn": TOPIC},
    "DatabaseMonitoring": {
        **PLACE,
        "identifier": "db",
        "log_types": ["postgresql"],
        "log_retention_days": 30,
        "enhanced": False,
    },
    "DatabaseSecret": {
        "kms_key_arn": KEY,
        "username": "robot",
        "password": "not-a-real-one",
        "host": "db.example",
        "port": 5432,
        "database_name": "robots",
    },
    "DistributionLog": {
        "distribution_id": "E1",
        "distribution_arn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1",
        "account_id": ACCOUNT,
    },
    "DnsAlias": {"zone_id": "Z1", "alias": {**ALIAS, "health_check_path": ""}},
    "DnsCertificate": {
        "zone_id": "Z1",
        "hostnames": ["api.example.com"],
        "caa_names": ["example.com"],
        "us_east_1": False,
    },
    "DnsQueryLog": {"zone_id": "Z1", "zone_name": "example.com"},
    "DnsZone": {"zone_name": "example.com", "zone_id": "Z1", "hostnames": ["api.example.com"]},
    "EncryptionKey": {**PLACE, "description": "Some data", "services": ["rds"]},
    "FargateCluster": {"namespace": "robots"},
    "FargateService": {**SUBNETS, **CLUSTER, "task": TASK},
    "FargateTask": TASK,
    "FlowLogs": {**PLACE, "vpc_id": "vpc-1"},
    "ImageRepository": {},
    "LambdaFunction": {
        "code": "redeploy",
        "description": "Starts new tasks",
        "account_id": ACCOUNT,
        "statements": [],
    },
    "LogBucket": {**PLACE, "prefixes": ["access"]},
    "NatGateways": {
        "strategy": NatStrategy.SINGLE,
        "region": REGION,
        "zones": ["eu-west-1a", "eu-west-1b"],
        "vpc_id": "vpc-1",
        "public_subnet_ids": ["subnet-a", "subnet-b"],
    },
    "Network": {**PLACE, "cidr": "10.0.0.0/16", "zones": ["eu-west-1a", "eu-west-1b"]},
    "PublicAlb": {
        **SUBNETS,
        **PLACE,
        "certificate_arn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/c",
    },
    "ScheduledJob": {**SUBNETS, **CLUSTER, "task": TASK, "schedule": "rate(1 hour)"},
    "ServerlessCache": {**SUBNETS, **PLACE},
    "ServiceScaling": {
        "cluster_name": "main",
        "service_name": "web",
        "min_count": 1,
        "max_count": 4,
    },
    "StackEvents": {**PLACE, **CLUSTER},
    "TaskFirewall": {"vpc_id": "vpc-1"},
    "VpcEndpoints": {
        **SUBNETS,
        **PLACE,
        "route_table_ids": ["rtb-a"],
        "client_cidrs": {"private-1a": "10.0.32.0/19"},
    },
    "WebAcl": {**PLACE, "protected_arns": {"alb": f"arn:aws:elasticloadbalancing:{REGION}::x"}},
}
"""What a component cannot do without."""

MORE: dict[str, dict[str, Any]] = {
    "AlarmTopic": {
        "emails": ["oncall@example.com"],
        "https_endpoints": ["https://pager.example/hook"],
    },
    "Alarms": {"region": "us-east-1"},
    "AlbRoute": {"service": {"port": 8080, "hosts": ["api.example.com"], "paths": ["/v1/*"]}},
    "AssetsBucket": {
        "log_bucket": "logs",
        "replica": {
            "bucket_arn": "arn:aws:s3:::copies",
            "kms_key_arn": FARAWAY_KEY,
            "region": "us-east-1",
        },
    },
    "Backups": {"monthly_retention_days": 365, "lock": True},
    "BucketPolicy": {
        "statements": [
            {
                "Sid": "DistributionReads",
                "Effect": "Allow",
                "Principal": {"Service": "cloudfront.amazonaws.com"},
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::assets/*",
            }
        ],
        "region": REGION,
    },
    "Budget": {"stack": "test", "activate_tags": ["Stack"]},
    "Cache": {"nodes": 3, "log_kms_key_arn": KEY},
    "CacheUser": {},
    "Connection": {},
    "ContentDelivery": {
        "assets": {"bucket_domain_name": "assets.s3.eu-west-1.amazonaws.com"},
        "cached_paths": [{"path": "/v1/catalogue/*", "ttl_seconds": 60}],
        "logs_kms_key_arn": FARAWAY_KEY,
    },
    "CostAnomalies": {"stack": "test"},
    "Database": {
        "multi_az": True,
        "username": "robot",
        "password": "not-a-real-one",
        "max_allocated_storage": 100,
        "log_kms_key_arn": KEY,
    },
    "DatabaseEvents": {},
    "DatabaseMonitoring": {
        "log_types": ["postgresql", "upgrade"],
        "log_kms_key_arn": KEY,
        "enhanced": True,
    },
    "DatabaseSecret": {"recovery_window_days": 7},
    "DistributionLog": {"kms_key_arn": FARAWAY_KEY},
    "DnsAlias": {"alias": ALIAS},
    "DnsCertificate": {"hostnames": ["api.example.com", "*.example.com"], "us_east_1": True},
    "DnsQueryLog": {"kms_key_arn": FARAWAY_KEY},
    "DnsZone": {
        "zone_id": "",
        "region": REGION,
        "us_east_1_certificate": True,
        "query_logging": True,
        "query_log_kms_key_arn": FARAWAY_KEY,
    },
    "EncryptionKey": {
        "log_groups": ["*"],
        "service_principals": ["sns.amazonaws.com"],
        "distributions": True,
    },
    "FargateCluster": {"kms_key_arn": KEY, "storage_kms_key_arn": KEY},
    "FargateService": {
        "task": FULL_TASK,
        "target_group_arn": f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/api/1",
        "alb_security_group_id": "sg-alb",
        "resource_label": LABEL,
        "connections": [PEER],
        "namespace_arn": f"arn:aws:servicediscovery:{REGION}:{ACCOUNT}:namespace/ns-1",
        "min_count": 2,
        "max_count": 10,
        "desired_count": 2,
        "scaling": {"requests_per_target": 1000},
        "schedule": [EVENING],
        "rollback_alarm_names": ["errors"],
        "ipv6": True,
    },
    "FargateTask": FULL_TASK,
    "FlowLogs": {"kms_key_arn": KEY},
    "ImageRepository": {"kms_key_arn": KEY},
    "LambdaFunction": {
        "statements": [
            {
                "Sid": "Redeploy",
                "Effect": "Allow",
                "Action": "ecs:UpdateService",
                "Resource": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/main/api",
            }
        ],
        "environment": {"CLUSTER": "main"},
        "kms_key_arn": KEY,
        "event_patterns": {"rotation": {"source": ["aws.secretsmanager"]}},
        "schedule": "rate(15 minutes)",
        "invokers": {"secrets": {"service": "secretsmanager.amazonaws.com", "source_arn": SECRET}},
        "log_kms_key_arn": KEY,
        "region": REGION,
    },
    "LogBucket": {"prefixes": ["access", "connection"], "writer": LogWriter.BUCKETS},
    "NatGateways": {"strategy": NatStrategy.PER_ZONE},
    "Network": {
        "interface_endpoints": ["ecr.api", "ecr.dkr", "logs"],
        "flow_logs_kms_key_arn": KEY,
        "ipv6": True,
    },
    "PublicAlb": {"ipv6": True},
    "ScheduledJob": {"task": FULL_TASK, "connections": [PEER], "ipv6": True},
    "ServerlessCache": {"max_storage_gib": 5, "max_ecpu_per_second": 10_000},
    "ServiceScaling": {
        "requests_per_target": 1000,
        "resource_label": LABEL,
        "schedule": [EVENING],
    },
    "StackEvents": {
        "backup_vault_names": ["vault"],
        "secret_arns": [SECRET],
        "log_kms_key_arn": KEY,
    },
    "TaskFirewall": {"connections": [PEER], "ipv6": True},
    "VpcEndpoints": {"interface_services": ["ecr.api", "logs"]},
    "WebAcl": {
        "scope": WebAclScope.REGIONAL,
        "path_rate_limits": [{"path": "/login", "limit": 100}],
        "large_body_paths": ["/upload"],
        "allowed_cidrs": ["192.0.2.0/24"],
        "denied_cidrs": ["198.51.100.0/24", "2001:db8::/32"],
        "logs_kms_key_arn": KEY,
    },
}
"""What else it can be given, so that every child it may have is there."""

PHYSICAL_NAMES = (
    "bucket",
    "clusterIdentifier",
    "family",
    "identifier",
    "name",
    "policyName",
    "replicationGroupId",
    "userGroupId",
    "userId",
    "userName",
)


def found() -> dict[str, str]:
    """Class name -> module of every component in the folder."""
    return {
        node.name: f"components.{path.stem}"
        for path in sorted(FOLDER.glob("*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith("ComponentResource") for base in node.bases)
    }


COMPONENTS = found()


def class_of(component: str) -> type[pulumi.ComponentResource]:
    return getattr(importlib.import_module(COMPONENTS[component]), component)


def args_type(component: str) -> Any:
    class_: Any = class_of(component)
    return class_.__init__.__annotations__["args"]


def args_of(component: str, example: str) -> dict[str, Any]:
    if example == "least":
        return LEAST[component]
    tags = {"tags": TAGS} if "tags" in args_type(component).__annotations__ else {}
    return {**LEAST[component], **MORE[component], **tags}


@functools.cache
def build(component: str, example: str, *names: str, preview: bool = False) -> Graph:
    """The graph of one instance of each name; built once for all the tests that look at it."""
    make: Any = class_of(component)
    given = args_of(component, example)
    answer = unknown_answer if preview else Answerer(ACCOUNT, REGION).answer
    return run_program(
        lambda: [make(name, given) for name in names], answer=answer, preview=preview
    )


every_component = pytest.mark.parametrize("component", COMPONENTS)
each_way = pytest.mark.parametrize("example", ["least", "most"])


def test_components_are_found():
    assert {"Network", "FargateService", "PublicAlb", "DnsZone", "Database"} <= COMPONENTS.keys()


@every_component
def test_it_has_an_example_here(component):
    lacking = [table for table in (LEAST, MORE) if component not in table]

    assert not lacking, f"add {component} to LEAST and MORE: nothing below tries it otherwise"


def test_no_example_is_of_a_component_that_is_gone():
    assert LEAST.keys() | MORE.keys() <= COMPONENTS.keys()


@every_component
def test_it_is_built_as_every_component_is(component):
    class_ = class_of(component)

    assert list(inspect.signature(class_).parameters) == ["name", "args", "opts"]
    assert class_.__doc__


@each_way
@every_component
def test_its_type_is_the_one_that_a_published_package_would_give_it(component, example):
    registered = build(component, example, NAME).resources

    root = f"urn:pulumi:test::babyrobots::babyrobots:index:{component}::{NAME}"
    assert root in registered


@each_way
@every_component
def test_no_child_strays(component, example):
    graph = build(component, example, NAME)
    root = graph.one(f"babyrobots:index:{component}", NAME)

    strays = [r.urn for r in graph if r is not root and root not in _ancestors(graph, r.parent)]
    assert strays == []
    assert graph.custom, "a component without a resource is a function"


def _ancestors(graph: Graph, urn: str) -> Iterator[Any]:
    while urn in graph.resources:
        yield graph.resources[urn]
        urn = graph.resources[urn].parent


@each_way
@every_component
def test_the_name_of_each_child_begins_with_its_own(component, example):
    names = [r.name for r in build(component, example, NAME)]

    assert [name for name in names if not name.startswith(NAME)] == []


@each_way
@every_component
def test_two_instances_share_one_stack(component, example):
    graph = build(component, example, "blue", "green")

    both = [[r.name for r in graph if r.name.startswith(name)] for name in ("blue", "green")]
    assert len(both[0]) == len(both[1]) == len(graph) / 2


@each_way
@every_component
def test_two_instances_never_ask_aws_for_one_name(component, example):
    graph = build(component, example, "blue", "green")
    # What is named after an argument is as unique as the argument.
    texts = set(_texts(args_of(component, example)))
    given = texts | {text.replace(".", "-") for text in texts}

    taken: dict[tuple[str, str, str], str] = {}
    for r in graph.custom:
        for key in PHYSICAL_NAMES:
            value = str(r.inputs.get(key, ""))
            if given & {value, *value.split("/"), value.partition("-")[2]} or not value:
                continue
            # A parameter group's family is a kind of engine.
            if r.type.endswith("/parameterGroup:ParameterGroup") and key == "family":
                continue
            owner = taken.setdefault((r.type, key, value), r.name)
            assert owner == r.name, f"{owner} and {r.name} both want {key} {value}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


@each_way
@every_component
def test_what_it_promises_is_what_it_registers(component, example):
    graph = build(component, example, NAME)

    for registered in graph.components:
        class_ = class_of(registered.type.rpartition(":")[2])
        assert registered.outputs_registered
        assert registered.outputs.keys() == class_.__annotations__.keys()
        missing = [name for name, value in registered.outputs.items() if value is None]
        assert missing == [], f"{registered.name} knows nothing of its own {missing}"


@each_way
@every_component
def test_a_preview_registers_the_same_resources(component, example):
    preview = build(component, example, NAME, preview=True)

    assert list(preview.resources) == list(build(component, example, NAME).resources)


@every_component
def test_extra_tags_reach_every_child_that_can_have_some(component):
    if "tags" not in args_type(component).__annotations__:
        pytest.skip(f"{component} takes its tags with what its owner hands it")

    bare = [
        r.name
        for r in build(component, "most", NAME).custom
        if "tags" in schema.inputs(r.type) and not TAGS.items() <= (r.inputs["tags"] or {}).items()
    ]
    assert bare == []


@every_component
def test_it_can_be_published_and_everything_about_it_is_described(component):
    analyzed = Analyzer("babyrobots").analyze([class_of(component)])

    definitions = [*analyzed["component_definitions"].values(), *_types(analyzed)]
    undescribed = [
        f"{definition.name}.{name}"
        for definition in definitions
        for kind in ("inputs", "outputs", "properties")
        for name, described in getattr(definition, kind, {}).items()
        if not described.description
    ]
    assert undescribed == []
    assert [definition.name for definition in definitions if not definition.description] == []


def _types(analyzed: Any) -> Iterator[Any]:
    # Words of an enumeration are described in Python only: their schema has no place for it.
    for definition in analyzed["type_definitions"].values():
        if not getattr(definition, "enum", None) and definition.properties:
            yield definition
