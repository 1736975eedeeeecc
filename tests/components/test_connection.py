"""A connection is one rule on each side; what it cannot prove: that EC2 applies them."""

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.connection import Connection

EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


def build(name="web-to-db", **changes):
    return Connection(
        name,
        {
            "client_security_group_id": "sg-client",
            "server_security_group_id": "sg-server",
            "port": 5432,
            "description": "web to the database",
            **changes,
        },
    )


@pytest.mark.parametrize("preview", [False, True])
def test_each_side_admits_only_the_other_on_one_port(record, preview):
    graph = record(build, preview=preview)

    egress = graph.one(EGRESS, "web-to-db-egress").inputs
    ingress = graph.one(INGRESS, "web-to-db-ingress").inputs
    tcp = {"ipProtocol": "tcp", "fromPort": 5432, "toPort": 5432}
    common = {**tcp, "description": "web to the database", "tags": {"Name": "web-to-db"}}
    assert egress == {
        **common,
        "securityGroupId": "sg-client",
        "referencedSecurityGroupId": "sg-server",
    }
    assert ingress == {
        **common,
        "securityGroupId": "sg-server",
        "referencedSecurityGroupId": "sg-client",
    }
    assert len(graph.custom) == 2


def test_every_child_belongs_to_the_component_and_two_instances_coexist(record):
    graph = record(lambda: (build(), build("web-to-cache", port=6379)))

    owners = {r.name: r.parent.split("::")[-1] for r in graph.custom}
    assert owners == {
        "web-to-db-egress": "web-to-db",
        "web-to-db-ingress": "web-to-db",
        "web-to-cache-egress": "web-to-cache",
        "web-to-cache-ingress": "web-to-cache",
    }


def test_outputs_are_registered(record):
    component = record(build).one("babyrobots:index:Connection")

    assert component.outputs == {
        "egress_rule_id": "web-to-db-egress-id",
        "ingress_rule_id": "web-to-db-ingress-id",
    }


def test_extra_tags_reach_both_rules(record):
    graph = record(lambda: build(tags={"Team": "platform"}))

    assert [r.inputs["tags"] for r in graph.custom] == [
        {"Name": "web-to-db", "Team": "platform"},
        {"Name": "web-to-db", "Team": "platform"},
    ]


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_an_impossible_port_is_refused_before_anything_exists(record, port):
    with pytest.raises(ValueError, match=rf"'web-to-db': port is {port}; a TCP port is 1 to 65535"):
        record(lambda: build(port=port))


@pytest.mark.parametrize("port", [1, 65535])
def test_the_first_and_the_last_port_are_accepted(record, port):
    assert record(lambda: build(port=port)).one(INGRESS).inputs["fromPort"] == port


@pytest.mark.parametrize("description", ["", "x" * 256, "the cook's", "naïve", "a\nb"])
def test_a_description_that_ec2_refuses_is_refused_first(record, description):
    with pytest.raises(ValueError, match="EC2 accepts 1 to 255"):
        record(lambda: build(description=description))


def test_it_can_be_published_as_a_package():
    schema = Analyzer("babyrobots").analyze([Connection])["component_definitions"]["Connection"]

    required = {name for name, prop in schema.inputs.items() if not prop.optional}
    assert required == {"clientSecurityGroupId", "serverSecurityGroupId", "port", "description"}
    undocumented = [
        n for n, p in (*schema.inputs.items(), *schema.outputs.items()) if not p.description
    ]
    assert undocumented == []
