"""The architecture as a picture, drawn from the program's own graph, so that it cannot lie.

Each component becomes a node, in the subnets where what it runs is placed; what kind of subnets
they are follows from their routes. An arrow is something that the graph says: a security group rule
that lets one part talk to another, an alias, an association, an alarm's action, a tag by which a
backup is chosen. Parts that would only hide the others are counted in one node: alarms, the topics
that they tell, keys. Components of a kind that is not known here are drawn as well, with an arrow
to each that they are made from.
"""

import dataclasses
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from rehearsal.recording import Graph, Registration

STACK = "stack"
INTERNET, NAT, ON_CALL = "internet", "nat", "on_call"
ALARMS, TOPICS, KEYS = "alarms", "topics", "keys"
# What a component is to an architect.
_KINDS = {
    "Backups": "AWS Backup",
    "Cache": "ElastiCache",
    "Database": "RDS PostgreSQL",
    "DnsZone": "Route 53 zone and certificate",
    "FargateService": "Fargate service",
    "ImageRepository": "ECR repository",
    "PublicAlb": "Application load balancer",
    "ScheduledJob": "Scheduled Fargate task",
    "WebAcl": "WAF",
}
# In one node each, by kind of component.
_COUNTED = {
    "Alarms": ALARMS,
    "DatabaseEvents": ALARMS,
    "AlarmTopic": TOPICS,
    "EncryptionKey": KEYS,
}
# Shown by where the others are, and by the arrows between them.
_IMPLIED = {"Connection", "FargateCluster", "Network"}
_TIERS = {"public": "Public subnets", "private": "Private subnets", "isolated": "Isolated subnets"}

_SUBNET = "aws:ec2/subnet:Subnet"
_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_EVERYBODY = ("0.0.0.0/0", "::/0")
# What a property of a resource says of its component and another: type, property, direction, label
# and whether it is dotted, for being beside the way of a request. `<-` comes from what it names.
_RELATIONS = (
    ("aws:route53/record:Record", "aliases", "->", "alias", False),
    ("aws:lb/listener:Listener", "certificateArn", "<-", "certificate", False),
    ("aws:wafv2/webAclAssociation:WebAclAssociation", "resourceArn", "->", "guards", False),
    ("aws:ecs/taskDefinition:TaskDefinition", "containerDefinitions", "->", "image", True),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "dimensions", "->", "watch", True),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "alarmActions", "->", "tell", True),
    ("aws:rds/eventSubscription:EventSubscription", "snsTopic", "->", "tell", True),
)


@dataclasses.dataclass(frozen=True, order=True)
class Arrow:
    """From one node or area to another."""

    source: str
    target: str
    dotted: bool
    label: str


def mermaid(graph: Graph) -> str:
    """The picture as Mermaid text, which GitHub draws; equal for equal graphs."""
    return "\n".join(_Picture(graph).lines()) + "\n"


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


class _Picture:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tiers = _tiers(graph)
        self.nodes = _nodes(graph)
        self.places = self._places()

    def lines(self) -> Iterator[str]:
        """The picture, line by line."""
        arrows = self._merged(set(self._arrows()))
        labels = dict(self._labels(arrows))
        yield "flowchart LR"
        inside = set(self.places) & set(labels)
        for node in sorted(set(labels) - inside):
            yield f"  {_drawn(node, labels[node])}"
        if inside:
            yield from self._vpc(inside, labels)
        for arrow in arrows:
            line = "-.->" if arrow.dotted else "-->"
            label = f'|"{arrow.label}"|' if arrow.label else ""
            yield f"  {arrow.source} {line}{label} {arrow.target}"

    def _vpc(self, inside: set[str], labels: dict[str, str]) -> Iterator[str]:
        ranges = sorted(str(r.inputs.get("cidrBlock")) for r in self.graph.of(_VPC).values())
        yield f'  subgraph vpc["VPC {", ".join(ranges)}"]'
        for tier, title in _TIERS.items():
            there = sorted(node for node in inside if self.places[node] == tier)
            if not there:
                continue
            subnets = [self.graph.resources[urn] for urn in self.tiers if self.tiers[urn] == tier]
            zones = len({str(subnet.inputs.get("availabilityZone")) for subnet in subnets})
            yield f'    subgraph {tier}["{title}, {zones} zones"]'
            yield from (f"      {_drawn(node, labels[node])}" for node in there)
            yield "    end"
        yield "  end"

    def _places(self) -> dict[str, str]:
        """Where each node is: by most of the subnets that its resources are given."""
        placing = _placing(self.graph, self.tiers)
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for resource in self.graph.custom:
            node = self._node(resource)
            if node is None or resource.type == _SUBNET:
                continue
            for urn in _named(resource):
                if urn in placing:
                    found[node][placing[urn]] += 1
        return {
            node: min(tiers, key=lambda tier: (-tiers[tier], tier)) for node, tiers in found.items()
        }

    def _node(self, resource: Registration) -> str | None:
        """The node that shows a resource; None for what is only implied."""
        if resource.type == _NAT_GATEWAY:
            return NAT
        return self.nodes.get(top_component(self.graph, resource))

    def _labels(self, arrows: list[Arrow]) -> Iterator[tuple[str, str]]:
        ends = {end for arrow in arrows for end in (arrow.source, arrow.target)}
        if INTERNET in ends:
            yield INTERNET, "Internet"
        if ON_CALL in ends:
            yield ON_CALL, "Who is on call"
        gateways = len(self.graph.of(_NAT_GATEWAY))
        if gateways:
            yield NAT, "NAT gateway" if gateways == 1 else f"{gateways} NAT gateways"
        members: defaultdict[str, list[str]] = defaultdict(list)
        for urn, node in self.nodes.items():
            members[node].append(urn)
        for node, urns in members.items():
            yield node, self._label(node, urns)

    def _label(self, node: str, urns: list[str]) -> str:
        if node == STACK:
            return "Resources of no component"
        names = ", ".join(sorted(self.graph.resources[urn].name for urn in urns))
        match node:
            case "alarms":
                count = sum(r.type == _ALARM and self._node(r) == node for r in self.graph.custom)
                return f"{count} CloudWatch alarm{'s' if count != 1 else ''}"
            case "topics":
                return f"SNS: {names}"
            case "keys":
                return f"KMS: {names}"
        kind = _kind(self.graph.resources[urns[0]])
        return f"{names}<br/>{_KINDS[kind]}" if kind in _KINDS else f"{names} · {kind}"

    def _arrows(self) -> Iterator[Arrow]:
        for resource in self.graph.custom:
            yield from self._reached(resource)
            yield from self._related(resource)
            yield from self._way_out(resource)
            yield from self._beyond(resource)
            yield from self._keys(resource)
            yield from self._unknown(resource)

    def _reached(self, rule: Registration) -> Iterator[Arrow]:
        """Who may talk to whom, and on which port."""
        if rule.type != _INGRESS:
            return
        first, last = rule.inputs.get("fromPort"), rule.inputs.get("toPort")
        ports = "all ports" if first is None else f"{first}" if first == last else f"{first}-{last}"
        server = self._owner(rule, "securityGroupId")
        client = self._owner(rule, "referencedSecurityGroupId")
        if {rule.inputs.get("cidrIpv4"), rule.inputs.get("cidrIpv6")} & {*_EVERYBODY}:
            client = INTERNET
        yield from _arrow(client, server, ports)

    def _owner(self, rule: Registration, key: str) -> str | None:
        for resource in self._resources(rule, key):
            if resource.type == _GROUP:
                return self._node(resource)
        return None

    def _related(self, resource: Registration) -> Iterator[Arrow]:
        for type_, key, direction, label, dotted in _RELATIONS:
            if resource.type != type_:
                continue
            own = self._node(resource)
            for other in {self._node(found) for found in self._resources(resource, key)}:
                # What a task is made from is its image; what it talks to, a rule says.
                if label == "image" and not self._is_of(other, "ImageRepository"):
                    continue
                if label == "watch":
                    other = self._area(other)
                ends = (own, other) if direction == "->" else (other, own)
                yield from _arrow(*ends, label, dotted=dotted)

    def _way_out(self, resource: Registration) -> Iterator[Arrow]:
        """From subnets through a NAT gateway, and from there on."""
        if resource.type == _NAT_GATEWAY:
            yield from _arrow(NAT, INTERNET, "")
        if resource.type == _ROUTE and resource.property_dependencies.get("natGatewayId"):
            tables = {found.urn for found in self._resources(resource, "routeTableId")}
            for urn in _routed(self.graph, tables):
                if self.tiers[urn] in self.places.values():
                    yield from _arrow(self.tiers[urn], NAT, "")

    def _beyond(self, resource: Registration) -> Iterator[Arrow]:
        """To people, from resolvers, and by tags: what no other resource is named for."""
        own = self._node(resource)
        match resource.type:
            case "aws:sns/topicSubscription:TopicSubscription":
                yield from _arrow(own, ON_CALL, str(resource.inputs["protocol"]), dotted=True)
            case "aws:route53/record:Record" if resource.property_dependencies.get("aliases"):
                yield from _arrow(INTERNET, own, "DNS")
            case "aws:backup/selection:Selection":
                chosen = [
                    (tag.get("key"), tag.get("value"))
                    for tag in resource.inputs.get("selectionTags", [])
                ]
                for other in self.graph.custom:
                    tags = other.inputs.get("tags") or {}
                    if any(tags.get(key) == value for key, value in chosen):
                        yield from _arrow(own, self._node(other), "back up", dotted=True)

    def _keys(self, resource: Registration) -> Iterator[Arrow]:
        if any(self._is_key(urn) for urn in _named(resource)):
            yield from _arrow(self._area(self._node(resource)), KEYS, "encrypted with", dotted=True)

    def _is_key(self, urn: str) -> bool:
        found = self.graph.resources.get(urn)
        return found is not None and found.custom and self._node(found) == KEYS

    def _unknown(self, resource: Registration) -> Iterator[Arrow]:
        top = self.graph.resources.get(top_component(self.graph, resource))
        if top is not None and _kind(top) in {*_KINDS, *_COUNTED, *_IMPLIED}:
            return
        for urn in _named(resource):
            found = self.graph.resources.get(urn)
            if found is not None and found.custom and not self._is_key(urn):
                yield from _arrow(self._node(resource), self._node(found), "")

    def _resources(self, resource: Registration, key: str) -> list[Registration]:
        urns = resource.property_dependencies.get(key, ())
        return [self.graph.resources[urn] for urn in urns if urn in self.graph.resources]

    def _is_of(self, node: str | None, kind: str) -> bool:
        return any(
            found == node
            and urn in self.graph.resources
            and _kind(self.graph.resources[urn]) == kind
            for urn, found in self.nodes.items()
        )

    def _area(self, node: str | None) -> str | None:
        """The subnets a node is in: what is true of one there is true of most."""
        return None if node is None else self.places.get(node, node)

    def _merged(self, arrows: set[Arrow]) -> list[Arrow]:
        """One arrow for each two ends, with all that is said of them."""
        labels: defaultdict[tuple[str, str, bool], set[str]] = defaultdict(set)
        for arrow in arrows:
            labels[arrow.source, arrow.target, arrow.dotted].add(arrow.label)
        return [
            Arrow(source, target, dotted, ", ".join(sorted(said - {""})))
            for (source, target, dotted), said in sorted(labels.items())
        ]


_VPC = "aws:ec2/vpc:Vpc"
_NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"
_ROUTE = "aws:ec2/route:Route"
_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def _nodes(graph: Graph) -> dict[str, str]:
    """Identifier of the node of each outermost component, by URN, and of resources in none."""
    tops = sorted({top_component(graph, registration) for registration in graph.custom})
    named = Counter(graph.resources[urn].name for urn in tops if urn != STACK)
    nodes = {}
    for urn in tops:
        if urn == STACK:
            nodes[urn] = STACK
            continue
        registration = graph.resources[urn]
        kind = _kind(registration)
        if kind in _COUNTED:
            nodes[urn] = _COUNTED[kind]
        elif kind not in _IMPLIED:
            # Two components of different types may share a name.
            alone = named[registration.name] == 1
            name = registration.name if alone else f"{registration.name}_{kind}"
            nodes[urn] = f"c_{_identifier(name)}"
    return nodes


def _tiers(graph: Graph) -> dict[str, str]:
    """What each subnet is, by its routes: open to the internet, able to reach it, or neither."""
    tiers = {registration.urn: "isolated" for registration in graph.of(_SUBNET).values()}
    # The later of two routes wins: a subnet with both is public.
    for key, tier in (("natGatewayId", "private"), ("gatewayId", "public")):
        for route in graph.of(_ROUTE).values():
            if route.property_dependencies.get(key):
                tables = set(route.property_dependencies.get("routeTableId", ()))
                tiers.update({urn: tier for urn in _routed(graph, tables)})
    return tiers


def _placing(graph: Graph, tiers: Mapping[str, str]) -> dict[str, str]:
    """The tier of whatever names one of these: a subnet, or the fact that it has its routes."""
    named = dict(tiers)
    for association in graph.of(_ASSOCIATION).values():
        for urn in association.property_dependencies.get("subnetId", ()):
            named[association.urn] = tiers[urn]
    return named


def _routed(graph: Graph, tables: set[str]) -> list[str]:
    """The subnets that use one of these route tables."""
    return [
        urn
        for association in graph.of(_ASSOCIATION).values()
        if tables & set(association.property_dependencies.get("routeTableId", ()))
        for urn in association.property_dependencies.get("subnetId", ())
    ]


def _named(resource: Registration) -> list[str]:
    """Every resource that a property of this one is made from."""
    return sorted({urn for urns in resource.property_dependencies.values() for urn in urns})


def _arrow(
    source: str | None, target: str | None, label: str, *, dotted: bool = False
) -> Iterator[Arrow]:
    if source is not None and target is not None and source != target:
        yield Arrow(source, target, dotted, label)


def _drawn(node: str, label: str) -> str:
    # https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters
    text = label.replace('"', "#quot;")
    return f'{node}(["{text}"])' if node in (INTERNET, ON_CALL) else f'{node}["{text}"]'


def _kind(registration: Registration) -> str:
    return registration.type.rpartition(":")[2]


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text)
