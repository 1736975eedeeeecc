"""The architecture as a picture, drawn from the program's own graph, so that it cannot lie.

Components become boxes, the resources that an architect would draw become nodes in them (equal ones
counted, not repeated), and an arrow means: cannot be created without. What an arrow says through
others is not drawn twice.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable

import networkx as nx

from rehearsal.recording import Graph, Registration

# What an architect would draw, and what it is called there. Everything else (rules, policies,
# associations, attachments) shows in the arrows only.
DRAWN = {
    "aws:acm/certificate:Certificate": "ACM certificate",
    "aws:backup/plan:Plan": "Backup plan",
    "aws:backup/vault:Vault": "Backup vault",
    "aws:budgets/budget:Budget": "Budget",
    "aws:cloudfront/distribution:Distribution": "CloudFront distribution",
    "aws:cloudwatch/dashboard:Dashboard": "Dashboard",
    "aws:cloudwatch/logGroup:LogGroup": "Log group",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "Alarm",
    "aws:ec2/flowLog:FlowLog": "Flow log",
    "aws:ec2/internetGateway:InternetGateway": "Internet gateway",
    "aws:ec2/natGateway:NatGateway": "NAT gateway",
    "aws:ec2/subnet:Subnet": "Subnet",
    "aws:ec2/vpc:Vpc": "VPC",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "VPC endpoint",
    "aws:ecr/repository:Repository": "ECR repository",
    "aws:ecs/cluster:Cluster": "ECS cluster",
    "aws:ecs/service:Service": "ECS service",
    "aws:ecs/taskDefinition:TaskDefinition": "Task definition",
    "aws:elasticache/replicationGroup:ReplicationGroup": "ElastiCache",
    "aws:elasticache/serverlessCache:ServerlessCache": "ElastiCache serverless",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "OIDC provider",
    "aws:iam/role:Role": "IAM role",
    "aws:kms/key:Key": "KMS key",
    "aws:lambda/function:Function": "Lambda function",
    "aws:lb/listener:Listener": "Listener",
    "aws:lb/loadBalancer:LoadBalancer": "Application load balancer",
    "aws:lb/targetGroup:TargetGroup": "Target group",
    "aws:rds/instance:Instance": "RDS PostgreSQL",
    "aws:route53/healthCheck:HealthCheck": "Health check",
    "aws:route53/record:Record": "DNS record",
    "aws:route53/zone:Zone": "Hosted zone",
    "aws:s3/bucket:Bucket": "S3 bucket",
    "aws:scheduler/schedule:Schedule": "Schedule",
    "aws:secretsmanager/secret:Secret": "Secret",
    "aws:servicediscovery/httpNamespace:HttpNamespace": "Cloud Map namespace",
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": "Cloud Map namespace",
    "aws:sns/topic:Topic": "SNS topic",
    "aws:sqs/queue:Queue": "SQS queue",
    "aws:wafv2/webAcl:WebAcl": "Web ACL",
}
STACK = "stack"


def mermaid(graph: Graph) -> str:
    """The picture as Mermaid text, which GitHub draws; equal for equal graphs."""
    boxes = _boxes(graph)
    lines = ["flowchart LR"]
    for urn, box in sorted(boxes.items(), key=lambda item: item[1]):
        contents = _contents(graph, urn, boxes)
        if not contents:
            continue
        title = "Other resources" if urn == STACK else _title(graph.resources[urn])
        lines.append(f'  subgraph {box}["{title}"]')
        lines.append("    direction TB")
        for token, count in sorted(contents.items(), key=lambda item: DRAWN[item[0]]):
            label = DRAWN[token] if count == 1 else f"{count} x {DRAWN[token]}"
            lines.append(f'    {box}_{_identifier(DRAWN[token])}["{label}"]')
        lines.append("  end")
    drawn = {box for urn, box in boxes.items() if _contents(graph, urn, boxes)}
    for user, used in _arrows(graph, boxes):
        if user in drawn and used in drawn:
            lines.append(f"  {user} --> {used}")
    return "\n".join(lines) + "\n"


def as_json(graph: Graph) -> str:
    """The whole graph, secrets masked."""
    return json.dumps(json.loads(graph.to_json()), indent=2, sort_keys=True) + "\n"


def top_component(graph: Graph, registration: Registration) -> str:
    """URN of the outermost component around a resource; `stack` when there is none."""
    urn, top = registration.urn, STACK
    while urn in graph.resources:
        if not graph.resources[urn].custom:
            top = urn
        urn = graph.resources[urn].parent
    return top


def _boxes(graph: Graph) -> dict[str, str]:
    """Identifier of each top-level component, by URN, and one for resources outside of any."""
    tops = sorted({top_component(graph, registration) for registration in graph.custom})
    named = Counter(graph.resources[urn].name for urn in tops if urn != STACK)
    boxes = {}
    for urn in tops:
        if urn == STACK:
            boxes[urn] = STACK
            continue
        registration = graph.resources[urn]
        kind = registration.type.rpartition(":")[2]
        # Two components of different types may share a name: it is part of the URN with the type.
        name = registration.name if named[registration.name] == 1 else f"{registration.name}_{kind}"
        boxes[urn] = f"c_{_identifier(name)}"
    return boxes


def _contents(graph: Graph, box: str, boxes: dict[str, str]) -> Counter[str]:
    return Counter(
        registration.type
        for registration in graph.custom
        if registration.type in DRAWN and top_component(graph, registration) == box and box in boxes
    )


def _arrows(graph: Graph, boxes: dict[str, str]) -> Iterable[tuple[str, str]]:
    arrows = nx.DiGraph()
    for registration in graph.custom:
        user = top_component(graph, registration)
        for urn in registration.dependencies:
            used = graph.resources.get(urn)
            if used is None or not used.custom or used.type.startswith("pulumi:"):
                continue
            top = top_component(graph, used)
            if top != user:
                arrows.add_edge(boxes[user], boxes[top])
    if nx.is_directed_acyclic_graph(arrows):
        arrows = nx.transitive_reduction(arrows)
    return sorted(arrows.edges)


def _title(registration: Registration) -> str:
    kind = registration.type.rpartition(":")[2]
    return f"{registration.name} · {kind}"


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text)
