"""What tasks may reach, and that nobody may reach them by default."""

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.task_firewall import TaskFirewall

EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
DATABASE = {"name": "database", "security_group_id": "sg-database", "port": 5432}


def build(name="web", **changes):
    return TaskFirewall(name, {"vpc_id": "vpc-1", **changes})


@pytest.mark.parametrize("preview", [False, True])
def test_tasks_may_call_https_and_nobody_may_call_them(record, preview):
    graph = record(build, preview=preview)

    group = graph.one(GROUP).inputs
    assert group["vpcId"] == "vpc-1"
    assert not {"ingress", "egress"} & set(group), "inline rules fight the standalone ones"
    rule = graph.one(EGRESS).inputs
    assert (rule["cidrIpv4"], rule["ipProtocol"]) == ("0.0.0.0/0", "tcp")
    assert (rule["fromPort"], rule["toPort"]) == (443, 443)
    assert graph.of(INGRESS) == {}


def test_ipv6_is_opened_only_when_asked_for(record):
    rule = record(lambda: build(ipv6=True)).one(EGRESS, "web-https-ipv6").inputs

    assert (rule["cidrIpv6"], rule["fromPort"], rule["toPort"]) == ("::/0", 443, 443)
    assert "cidrIpv4" not in rule


def test_a_peer_is_reached_on_its_port_and_admits_the_tasks(record):
    graph = record(lambda: build(connections=[DATABASE]))

    out = graph.one(EGRESS, "web-to-database-egress").inputs
    into = graph.one(INGRESS, "web-to-database-ingress").inputs
    assert (out["securityGroupId"], out["referencedSecurityGroupId"]) == (
        "web-sg-id",
        "sg-database",
    )
    assert (into["securityGroupId"], into["referencedSecurityGroupId"]) == (
        "sg-database",
        "web-sg-id",
    )
    assert {out["fromPort"], out["toPort"], into["fromPort"], into["toPort"]} == {5432}


def test_every_child_belongs_to_the_component_and_two_instances_coexist(record):
    graph = record(lambda: (build(connections=[DATABASE]), build("job", connections=[DATABASE])))

    token = "babyrobots:index:TaskFirewall"
    owners = {r.parent.split("::", 2)[2] for r in graph.custom if r.type in (GROUP, EGRESS)}
    connection = f"{token}$babyrobots:index:Connection"
    assert owners == {
        f"{token}::web",
        f"{token}::job",
        f"{connection}::web-to-database",
        f"{connection}::job-to-database",
    }


def test_extra_tags_reach_every_child(record):
    graph = record(lambda: build(connections=[DATABASE], ipv6=True, tags={"Team": "platform"}))

    assert {r.inputs["tags"]["Team"] for r in graph.custom} == {"platform"}


def test_outputs_are_registered(record):
    component = record(build).one("babyrobots:index:TaskFirewall")

    assert component.outputs == {"security_group_id": "web-sg-id"}


def test_it_can_be_published_as_a_package():
    analyzed = Analyzer("babyrobots").analyze([TaskFirewall])
    schema = analyzed["component_definitions"]["TaskFirewall"]

    assert {name for name, prop in schema.inputs.items() if not prop.optional} == {"vpcId"}
    peer = analyzed["type_definitions"]["Peer"].properties
    described = (*schema.inputs.items(), *schema.outputs.items(), *peer.items())
    assert [n for n, p in described if not p.description] == []
