"""The picture shows who reaches whom, and where, as the graph says and not as anybody hopes."""

import re

import pulumi
import pulumi_aws as aws
import pytest

from rehearsal.picture import as_json, mermaid
from rehearsal.recording import run_program


class Part(pulumi.ComponentResource):
    def __init__(self, name, kind, opts=None):
        super().__init__(f"demo:index:{kind}", name, {}, opts)
        self.child = pulumi.ResourceOptions(parent=self)


def subnets(network, vpc, tier, table):
    """Two of them, known to others only once they have their routes."""
    found = []
    for zone in ("a", "b"):
        name = f"{tier}-{zone}"
        subnet = aws.ec2.Subnet(name, vpc_id=vpc.id, availability_zone=zone, opts=network.child)
        routed = aws.ec2.RouteTableAssociation(
            name, subnet_id=subnet.id, route_table_id=table.id, opts=network.child
        )
        found.append(routed.subnet_id)
    return found


def group(part, name, vpc):
    return aws.ec2.SecurityGroup(name, vpc_id=vpc.id, opts=part.child)


def open_to(part, name, server, ports, **client):
    aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=server.id,
        ip_protocol="tcp",
        from_port=ports[0],
        to_port=ports[1],
        opts=part.child,
        **client,
    )


def build(*, nat=True):
    network = Part("net", "Network")
    child = network.child
    vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16", opts=child)
    gateway = aws.ec2.InternetGateway("igw", vpc_id=vpc.id, opts=child)
    tables = {
        tier: aws.ec2.RouteTable(tier, vpc_id=vpc.id, opts=child) for tier in ("up", "out", "in")
    }
    public = subnets(network, vpc, "one", tables["up"])
    private = subnets(network, vpc, "two", tables["out"])
    isolated = subnets(network, vpc, "three", tables["in"])
    aws.ec2.Route("up", route_table_id=tables["up"].id, gateway_id=gateway.id, opts=child)
    if nat:
        way = aws.ec2.NatGateway("nat", subnet_id=public[0], opts=child)
        aws.ec2.Route("out", route_table_id=tables["out"].id, nat_gateway_id=way.id, opts=child)

    topic_part, key_part = Part("pager", "AlarmTopic"), Part("data", "EncryptionKey")
    topic = aws.sns.Topic("t", opts=topic_part.child)
    aws.sns.TopicSubscription(
        "s", topic=topic.arn, protocol="email", endpoint="a@b.example", opts=topic_part.child
    )
    key = aws.kms.Key("k", opts=key_part.child)

    alb = Part("web", "PublicAlb")
    alb_group = group(alb, "alb", vpc)
    open_to(alb, "v4", alb_group, (443, 443), cidr_ipv4="0.0.0.0/0")
    open_to(alb, "v6", alb_group, (4443, 4443), cidr_ipv6="::/0")
    open_to(alb, "plain", alb_group, (80, 80), cidr_ipv4="0.0.0.0/0")
    balancer = aws.lb.LoadBalancer("lb", subnets=public, opts=alb.child)

    zone = Part("zone", "DnsZone")
    aws.route53.Record(
        "r",
        zone_id="z",
        name="n",
        type="A",
        aliases=[{"name": balancer.dns_name, "zone_id": "z", "evaluate_target_health": True}],
        opts=zone.child,
    )

    service = Part("web", "FargateService")
    inner = Part("task", "FargateTask", service.child)
    service_group = group(inner, "svc", vpc)
    open_to(inner, "alb", service_group, (8080, 8080), referenced_security_group_id=alb_group.id)
    aws.ecs.Service(
        "svc",
        network_configuration={"subnets": private, "security_groups": [service_group.id]},
        opts=inner.child,
    )

    database = Part("store", "Database")
    database_group = group(database, "db", vpc)
    # Made by one component for another, as connections are.
    link = Part("link", "Connection")
    open_to(link, "db", database_group, (5432, 5433), referenced_security_group_id=service_group.id)
    aws.rds.SubnetGroup("g", subnet_ids=isolated, opts=database.child)
    aws.rds.Instance(
        "i",
        instance_class="db.t4g.micro",
        kms_key_id=key.arn,
        tags={"backup": "daily"},
        opts=database.child,
    )
    backups = Part("nightly", "Backups")
    aws.backup.Selection(
        "sel",
        iam_role_arn="r",
        plan_id="p",
        selection_tags=[{"type": "STRINGEQUALS", "key": "backup", "value": "daily"}],
        opts=backups.child,
    )

    alarms = Part("busy", "Alarms")
    aws.cloudwatch.MetricAlarm(
        "a",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        dimensions={"LoadBalancer": balancer.arn_suffix},
        alarm_actions=[topic.arn],
        opts=alarms.child,
    )
    # Of a kind that nobody has described.
    novel = Part("new", "Novelty")
    aws.sqs.Queue("q", policy=balancer.arn, opts=novel.child)


def answer(registration):
    return f"{registration.name}-id", {
        name: registration.name for name in ("arn", "arnSuffix", "dnsName")
    }


PICTURE = """\
flowchart LR
  alarms["1 CloudWatch alarm"]
  c_new["new · Novelty"]
  c_nightly["nightly<br/>AWS Backup"]
  c_zone["zone<br/>Route 53 zone and certificate"]
  internet(["Internet"])
  keys["KMS: data"]
  on_call(["Who is on call"])
  topics["SNS: pager"]
  subgraph vpc["VPC 10.0.0.0/16"]
    subgraph public["Public subnets, 2 zones"]
      c_web_PublicAlb["web<br/>Application load balancer"]
      nat["NAT gateway"]
    end
    subgraph private["Private subnets, 2 zones"]
      c_web_FargateService["web<br/>Fargate service"]
    end
    subgraph isolated["Isolated subnets, 2 zones"]
      c_store["store<br/>RDS PostgreSQL"]
    end
  end
  alarms -.->|"watch"| public
  alarms -.->|"tell"| topics
  c_new --> c_web_PublicAlb
  c_nightly -.->|"back up"| c_store
  c_web_FargateService -->|"5432-5433"| c_store
  c_web_PublicAlb -->|"8080"| c_web_FargateService
  c_zone -->|"alias"| c_web_PublicAlb
  internet -->|"443, 4443, 80"| c_web_PublicAlb
  internet -->|"DNS"| c_zone
  isolated -.->|"encrypted with"| keys
  nat --> internet
  private --> nat
  topics -.->|"email"| on_call
"""


def test_each_part_is_where_it_is_placed_and_each_arrow_is_what_the_graph_says():
    assert mermaid(run_program(build, answer=answer)) == PICTURE


def test_a_preview_gives_the_same_picture():
    assert mermaid(run_program(build, preview=True)) == PICTURE


def test_subnets_without_a_way_out_are_isolated_whatever_they_are_called():
    text = mermaid(run_program(lambda: build(nat=False), answer=answer))

    assert "nat" not in re.findall(r"\w+", text)
    assert "subgraph private" not in text
    inside = text.partition('subgraph isolated["Isolated subnets, 2 zones"]\n')[2]
    assert "c_web_FargateService" in inside.partition("end")[0]


def test_a_database_that_is_open_to_everybody_is_drawn_so():
    def opened():
        vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16", opts=Part("net", "Network").child)
        database = Part("store", "Database")
        open_to(database, "bad", group(database, "db", vpc), (5432, 5432), cidr_ipv4="0.0.0.0/0")

    assert '  internet -->|"5432"| c_store\n' in mermaid(run_program(opened, answer=answer))


def test_a_rule_for_a_private_range_is_no_way_in_for_the_internet():
    def inner():
        vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16", opts=Part("net", "Network").child)
        database = Part("store", "Database")
        open_to(database, "near", group(database, "db", vpc), (5432, 5432), cidr_ipv4="10.0.0.0/16")

    assert "internet" not in mermaid(run_program(inner, answer=answer))


def test_a_backup_that_chooses_another_tag_backs_up_nothing():
    def other():
        aws.rds.Instance(
            "i",
            instance_class="db.t4g.micro",
            tags={"backup": "never"},
            opts=Part("store", "Database").child,
        )
        aws.backup.Selection(
            "sel",
            iam_role_arn="r",
            plan_id="p",
            selection_tags=[{"type": "STRINGEQUALS", "key": "backup", "value": "daily"}],
            opts=Part("nightly", "Backups").child,
        )

    assert "back up" not in mermaid(run_program(other, answer=answer))


def test_resources_of_no_component_are_not_forgotten():
    assert mermaid(run_program(lambda: aws.sns.Topic("alone"), answer=answer)) == (
        'flowchart LR\n  stack["Resources of no component"]\n'
    )


def test_components_that_wait_for_each_other_are_still_drawn():
    def both():
        one, other = Part("a", "A"), Part("b", "B")
        first = aws.sns.Topic("t1", opts=one.child)
        second = aws.sns.Topic("t2", policy=first.arn, opts=other.child)
        aws.sns.Topic("t3", policy=second.arn, opts=one.child)

    text = mermaid(run_program(both, answer=answer))
    assert "c_a --> c_b" in text
    assert "c_b --> c_a" in text


# The part of https://mermaid.js.org/syntax/flowchart.html that is used; `end` and words that begin
# with `o` or `x` after a link are its traps.
LINE = re.compile(
    r"""
      (?P<node>[a-z]\w*)(?:\["[^"\n]+"\]|\(\["[^"\n]+"\]\))
    | subgraph\ (?P<area>[a-z]\w*)\["[^"\n]+"\]
    | (?P<end>end)
    | (?P<source>[a-z]\w*)\ (?:-->|-\.->)(?:\|"[^"|\n]+"\|)?\ (?P<target>[a-z]\w*)
    """,
    re.VERBOSE,
)


@pytest.mark.parametrize("nat", [True, False])
def test_it_is_a_flowchart_in_which_every_arrow_has_two_ends(nat):
    head, *lines = mermaid(run_program(lambda: build(nat=nat), answer=answer)).splitlines()
    found = [LINE.fullmatch(line.strip()) for line in lines]

    assert head == "flowchart LR"
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    nodes = [match["node"] or match["area"] for match in found if match["node"] or match["area"]]
    assert len(set(nodes)) == len(nodes)
    assert "end" not in nodes
    ends = {match[end] for match in found for end in ("source", "target") if match[end]}
    assert ends <= set(nodes)
    assert sum(bool(m["area"]) for m in found) == sum(bool(m["end"]) for m in found)


def test_a_name_cannot_break_out_of_its_label():
    text = mermaid(run_program(lambda: aws.sns.Topic("t", opts=Part('a"]b', "C").child)))

    assert text == 'flowchart LR\n  c_a_b["a#quot;]b · C"]\n'


def test_the_document_masks_secrets():
    def secret():
        aws.sns.Topic("t", display_name=pulumi.Output.secret("hidden-name"))

    assert "hidden-name" not in as_json(run_program(secret, answer=answer))
