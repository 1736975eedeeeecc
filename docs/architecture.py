"""Draws the architecture into README.md, from the graph that the program itself registers.

Run it after a change of the wiring: `python -m docs.architecture`. The picture says who reaches
whom (security group rules), what stands in front of what, and who is told; `python -m rehearsal
graph STACK` has every resource.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from rehearsal import picture
from rehearsal.answers import Answerer
from rehearsal.config import load_config
from rehearsal.emulator import DEFAULT_ACCOUNT
from rehearsal.program import run_project
from rehearsal.recording import Graph, Registration

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- architecture:begin -->", "<!-- architecture:end -->"

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
# What one property of a resource says of two components: token, property, label.
_RELATIONS = (
    ("aws:route53/record:Record", "aliases", "alias"),
    ("aws:wafv2/webAclAssociation:WebAclAssociation", "resourceArn", "guards"),
    ("aws:ecs/taskDefinition:TaskDefinition", "containerDefinitions", "uses"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "alarmActions", "tells"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "dimensions", "watches"),
    ("aws:rds/eventSubscription:EventSubscription", "snsTopic", "tells"),
)


def graph(stack: str) -> Graph:
    """What the program registers for a stack, every value known."""
    config = load_config(ROOT, stack)
    answers = Answerer(config.get("accountId") or DEFAULT_ACCOUNT, config.get("aws:region"))
    return run_project(
        config,
        answer=answers.answer,
        lookup=lambda token, arguments: answers.lookup(token, arguments) or {},
    )


def mermaid(found: Graph) -> str:
    """The architecture as a Mermaid flowchart: a node per component, an arrow per relation."""
    arrows = sorted(set(_arrows(found)))
    names = sorted({name for source, target, _ in arrows for name in (source, target)})
    lines = ["flowchart LR"]
    lines += [f'  {_word(name)}["{name.replace(" · ", "<br/>")}"]' for name in names]
    lines += [f"  {_word(a)} -->|{label}| {_word(b)}" for a, b, label in arrows]
    return "\n".join(lines) + "\n"


def _arrows(found: Graph) -> Iterator[tuple[str, str, str]]:
    for rule in found.of(INGRESS).values():
        server = _owner(found, rule, "securityGroupId")
        port = str(rule.inputs.get("toPort", "all"))
        if "cidrIpv4" in rule.inputs and rule.inputs["cidrIpv4"] == "0.0.0.0/0":
            yield "Internet", server, port
        elif "referencedSecurityGroupId" in rule.inputs:
            yield _owner(found, rule, "referencedSecurityGroupId"), server, port
    for resource in found.custom:
        for type_, key, label in _RELATIONS:
            if resource.type == type_:
                source = _component(found, resource)
                for urn in resource.property_dependencies.get(key, ()):
                    target = _component(found, found.resources[urn])
                    if target != source and not target.endswith(("EncryptionKey", "Network")):
                        yield source, target, label


def _owner(found: Graph, rule: Registration, key: str) -> str:
    groups = [
        found.resources[urn]
        for urn in rule.property_dependencies.get(key, ())
        if found.resources[urn].type == "aws:ec2/securityGroup:SecurityGroup"
    ]
    return _component(found, groups[0])


def _component(found: Graph, resource: Registration) -> str:
    top = found.resources[picture.top_component(found, resource)]
    return f"{top.name} · {top.type.rsplit(':', 1)[1]}"


def _word(name: str) -> str:
    return re.sub(r"\W+", "_", name)


def inserted(readme: str, picture_text: str) -> str:
    """The README with the picture between its two marks."""
    head, _, rest = readme.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n```mermaid\n{picture_text}```\n{END}{tail}"


if __name__ == "__main__":
    README.write_text(inserted(README.read_text(), mermaid(graph("staging"))))
