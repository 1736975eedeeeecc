"""What a WebAcl registers; what it cannot prove: which requests AWS WAF then blocks."""

import json

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.waf_rules import ManagedGroup, WafEffect
from components.web_acl import WebAcl, WebAclScope
from tests.firewall import BLOCKED, PASSES, Firewall, Request

ACL = "aws:wafv2/webAcl:WebAcl"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
LOG_POLICY = "aws:cloudwatch/logResourcePolicy:LogResourcePolicy"


def build(name="edge", **changes):
    return WebAcl(
        name,
        {
            "region": "eu-west-1",
            "account_id": "123456789012",
            "protected_arns": {
                "web": "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/a/b"
            },
            **changes,
        },
    )


def test_it_stands_in_front_of_the_load_balancer(record):
    graph = record(build)

    association = graph.one(ASSOCIATION)
    assert association.inputs["resourceArn"].endswith("loadbalancer/app/a/b")
    assert association.property_dependencies["webAclArn"] == (graph.one(ACL).urn,)


def test_it_blocks_unless_told_to_count(record):
    def effects(graph):
        rules = json.loads(graph.one(ACL).inputs["ruleJson"])
        return {key for rule in rules for key in rule.get("Action", rule.get("OverrideAction"))}

    assert effects(record(build)) == {"Block", "None"}
    assert effects(record(lambda: build(block=False))) == {"Count"}


def test_logged_requests_carry_no_credentials(record):
    redacted = record(build).one(LOGGING).inputs["redactedFields"]

    assert {field["singleHeader"]["name"] for field in redacted} == {"authorization", "cookie"}


def test_the_log_group_has_the_name_that_waf_asks_for_and_expires(record):
    inputs = record(build).one(LOG_GROUP).inputs

    assert inputs["namePrefix"].startswith("aws-waf-logs-")
    assert inputs["retentionInDays"] == 365


def test_only_this_accounts_deliveries_may_write_the_log(record):
    (statement,) = json.loads(record(build).one(LOG_POLICY).inputs["policyDocument"])["Statement"]

    assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}


def test_logging_waits_for_the_permission_to_write(record):
    graph = record(build)

    assert graph.one(LOG_POLICY).urn in graph.one(LOGGING).dependencies


def test_address_lists_become_sets_only_when_given(record):
    kinds = "aws:wafv2/ipSet:IpSet"
    assert record(build).of(kinds) == {}

    listed = record(
        lambda: build(
            denied_cidrs=["2001:0db8::/32", "203.0.113.0/24"],
            allowed_cidrs=["192.0.2.0/24"],
        )
    ).of(kinds)
    assert {
        name: (r.inputs["ipAddressVersion"], r.inputs["addresses"]) for name, r in listed.items()
    } == {
        "edge-allowed-ipv4": ("IPV4", ["192.0.2.0/24"]),
        "edge-denied-ipv4": ("IPV4", ["203.0.113.0/24"]),
        "edge-denied-ipv6": ("IPV6", ["2001:db8::/32"]),
    }


def test_the_rules_refer_to_the_sets_that_were_made(record):
    graph = record(lambda: build(denied_cidrs=["203.0.113.0/24"], allowed_cidrs=["2001:db8::/32"]))
    sets = {
        r.outputs["arn"]: r.inputs["addresses"] for r in graph.of("aws:wafv2/ipSet:IpSet").values()
    }
    firewall = Firewall(json.loads(graph.one(ACL).inputs["ruleJson"]), sets)

    assert firewall.judge(Request(address="203.0.113.1"))[0] == BLOCKED
    assert firewall.judge(Request(address="2001:db8::1", body_bytes=10**6))[0] == PASSES


def test_a_group_and_a_limit_can_count_while_the_rest_blocks(record):
    groups = [
        {"group": ManagedGroup.COMMON, "effect": WafEffect.COUNT},
        {"group": ManagedGroup.SQL_INJECTION},
    ]
    inputs = (
        record(lambda: build(managed_groups=groups, rate_effect=WafEffect.COUNT)).one(ACL).inputs
    )
    rules = {rule["Name"]: rule for rule in json.loads(inputs["ruleJson"])}

    assert rules["common"]["OverrideAction"] == {"Count": {}}
    assert rules["sql-injection"]["OverrideAction"] == {"None": {}}
    assert rules["rate"]["Action"] == {"Count": {}}
    assert rules["body-size"]["Action"] == {"Block": {}}


def test_only_what_matched_is_logged(record):
    chosen = record(build).one(LOGGING).inputs["loggingFilter"]

    assert chosen["defaultBehavior"] == "DROP"
    (kept,) = chosen["filters"]
    assert kept["behavior"] == "KEEP"
    assert {c["actionCondition"]["action"] for c in kept["conditions"]} == {"BLOCK", "COUNT"}


def test_the_firewall_of_a_distribution_looks_at_as_much_of_a_body_as_it_may_have(record):
    def inspected(kib):
        changes = {"scope": WebAclScope.CLOUDFRONT, "protected_arns": {}, "body_limit_kib": kib}
        return record(lambda: build(**changes)).one(ACL).inputs.get("associationConfig")

    assert inspected(16) is None
    assert inspected(40) == {
        "requestBodies": [{"cloudfront": {"defaultSizeInspectionLimit": "KB_48"}}]
    }


def test_an_acl_for_distributions_lives_in_us_east_1(record):
    graph = record(lambda: build(scope=WebAclScope.CLOUDFRONT, protected_arns={}))

    assert {r.inputs["region"] for r in graph.custom} == {"us-east-1"}
    assert graph.one(ACL).inputs["scope"] == "CLOUDFRONT"
    assert graph.of(ASSOCIATION) == {}


def test_a_preview_registers_the_same_resources(record):
    options = {"denied_cidrs": ["203.0.113.0/24"]}
    known = record(lambda: build(**options))
    preview = record(lambda: build(**options), preview=True)

    assert list(known.resources) == list(preview.resources)


def test_two_instances_share_one_stack_and_every_child_has_its_parent(record):
    graph = record(lambda: (build("blue"), build("green")))

    assert all("babyrobots:index:WebAcl$" in r.urn for r in graph.custom)


def test_outputs_are_registered(record):
    (component,) = record(build).components

    assert component.outputs == {
        "arn": "arn:aws:wafv2:eu-west-1:123456789012:edge-acl",
        "name": "edge-acl",
        "metric_name": "edge-test",
        "log_group_name": "edge-logs",
    }


def test_it_can_be_published_as_a_package():
    schema = Analyzer("babyrobots").analyze([WebAcl])["component_definitions"]["WebAcl"]

    required = [name for name, prop in schema.inputs.items() if not prop.optional]
    assert required == ["region", "accountId", "protectedArns"]
    assert all(prop.description for prop in (*schema.inputs.values(), *schema.outputs.values()))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rate_limit": 5}, "rate limit 5"),
        ({"body_limit_kib": 16}, "no more than 8 KiB"),
        ({"denied_cidrs": ["10.0.0.1/8"]}, "has host bits set"),
        ({"denied_cidrs": ["::/0"]}, "takes no /0"),
        ({"allowed_cidrs": ["somewhere"]}, "allowed_cidrs has 'somewhere'"),
        ({"scope": WebAclScope.CLOUDFRONT}, "a distribution names its ACL"),
    ],
)
def test_what_waf_refuses_stops_before_anything_is_registered(record, changes, said):
    asked = []

    def answer(registration):
        asked.append(registration.name)
        return registration.name, {}

    with pytest.raises(ValueError, match=said):
        record(lambda: build(**changes), answer=answer)
    assert asked == []
