"""The picture shows components, what matters in them, and what waits for what."""

import re

import pulumi
import pulumi_aws as aws

from rehearsal.picture import as_json, mermaid
from rehearsal.recording import run_program


class Part(pulumi.ComponentResource):
    def __init__(self, name, kind, opts=None):
        super().__init__(f"demo:index:{kind}", name, {}, opts)
        self.child = pulumi.ResourceOptions(parent=self)


def build():
    network = Part("main", "Network")
    vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16", opts=network.child)
    subnets = [
        aws.ec2.Subnet(f"s{n}", vpc_id=vpc.id, cidr_block=f"10.0.{n}.0/24", opts=network.child)
        for n in range(3)
    ]
    aws.ec2.RouteTable("routes", vpc_id=vpc.id, opts=network.child)
    alb = Part("web", "PublicAlb")
    balancer = aws.lb.LoadBalancer("lb", subnets=[s.id for s in subnets], opts=alb.child)
    service = Part("web", "FargateService")
    inner = Part("task", "FargateTask", service.child)
    task = aws.ecs.TaskDefinition(
        "td", family="f", container_definitions=balancer.dns_name, opts=inner.child
    )
    aws.ecs.Service(
        "svc",
        task_definition=task.arn,
        network_configuration={"subnets": [subnets[0].id]},
        opts=service.child,
    )
    aws.sns.Topic("alone")
    rules = Part("rules", "Rules")
    aws.lb.ListenerRule("r", listener_arn="l", actions=[], conditions=[], opts=rules.child)


def answer(registration):
    return f"{registration.name}-id", {"arn": registration.name, "dnsName": "name"}


PICTURE = """\
flowchart LR
  subgraph c_main["main · Network"]
    direction TB
    c_main_Subnet["3 x Subnet"]
    c_main_VPC["VPC"]
  end
  subgraph c_web_FargateService["web · FargateService"]
    direction TB
    c_web_FargateService_ECS_service["ECS service"]
    c_web_FargateService_Task_definition["Task definition"]
  end
  subgraph c_web_PublicAlb["web · PublicAlb"]
    direction TB
    c_web_PublicAlb_Application_load_balancer["Application load balancer"]
  end
  subgraph stack["Other resources"]
    direction TB
    stack_SNS_topic["SNS topic"]
  end
  c_web_FargateService --> c_web_PublicAlb
  c_web_PublicAlb --> c_main
"""


def test_it_is_grouped_counted_and_reduced():
    # The service also waits for the network itself; the arrow through the load balancer says so.
    assert mermaid(run_program(build, answer=answer)) == PICTURE


def test_a_preview_gives_the_same_picture():
    assert mermaid(run_program(build, preview=True)) == PICTURE


def test_every_identifier_is_one_that_mermaid_takes():
    text = mermaid(run_program(build, answer=answer))
    identifiers = re.findall(r"^ +(?:subgraph )?([^\s\[]+)\[", text, re.MULTILINE)
    assert identifiers
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", name) for name in identifiers)
    assert len(set(identifiers)) == len(identifiers)


def test_components_that_wait_for_each_other_are_still_drawn():
    def both():
        one, other = Part("a", "A"), Part("b", "B")
        first = aws.sns.Topic("t1", opts=one.child)
        second = aws.sns.Topic("t2", policy=first.arn, opts=other.child)
        aws.sns.Topic("t3", policy=second.arn, opts=one.child)

    text = mermaid(run_program(both, answer=answer))
    assert "c_a --> c_b" in text
    assert "c_b --> c_a" in text


def test_the_document_masks_secrets():
    def secret():
        aws.sns.Topic("t", display_name=pulumi.Output.secret("hidden-name"))

    assert "hidden-name" not in as_json(run_program(secret, answer=answer))
