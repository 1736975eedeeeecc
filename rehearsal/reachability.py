"""Who can open a connection to whom, told by a stack's own graph.

Addresses, routes and security groups are read from what the program registered, not from what a
component says of itself. `python -m rehearsal.reachability production` prints the table.

What is not modelled is refused, so that no way is overlooked in silence: network ACLs of one's own,
peering, transit gateways and VPNs. Not seen either: what a listener does with a request.
"""

import dataclasses
import functools
import ipaddress
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from rehearsal.config import load_config
from rehearsal.offline import resolved
from rehearsal.recording import Graph, Registration

INTERNET, CLOUDFRONT = "internet", "cloudfront"
EDGE_PREFIX_LIST = "com.amazonaws.global.cloudfront.origin-facing"
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/LocationsOfEdgeServers.html"""

_ALL = "-1"
_EVERYWHERE = ("0.0.0.0/0", "::/0")
_NOT_MODELLED = (
    "aws:ec2/networkAcl:NetworkAcl",
    "aws:ec2/networkAclRule:NetworkAclRule",
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
    "aws:ec2/vpnGateway:VpnGateway",
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class NotModelledError(Exception):
    """The stack has a way that this module cannot judge."""


@dataclasses.dataclass(frozen=True, order=True, kw_only=True)
class Way:
    """A connection that can be opened."""

    client: str
    server: str
    protocol: str
    """`tcp`, `udp`, or `all`."""
    ports: str
    """`443`, `1024-2048`, or `all`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Something with network interfaces of its own."""

    name: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]
    public: bool = False
    """Whether its interfaces have public addresses."""
    arn: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """One opening of one security group."""

    ingress: bool
    group: str
    protocol: str
    first: int
    last: int
    peer_group: str = ""
    peer_network: str = ""
    peer_list: str = ""


def ways(graph: Graph) -> frozenset[Way]:
    """Every connection that can be opened within the stack, into it, and out of it.

    Raises:
        NotModelledError: The stack has what this module cannot judge.
    """
    return _Network(graph).ways()


class _Network:
    def __init__(self, graph: Graph) -> None:
        found = sorted({r.type for r in graph if r.type in _NOT_MODELLED})
        found += [
            r.name
            for r in graph.of("aws:lambda/function:Function").values()
            if r.inputs.get("vpcConfig")
        ]
        if found:
            raise NotModelledError(f"reachability does not know {', '.join(found)}")
        self._graph = graph
        self._places = list(_places(graph))
        self._rules = list(_rules(graph))

    def ways(self) -> frozenset[Way]:
        return frozenset(
            itertools.chain(
                *(
                    self._between(client, server)
                    for client, server in itertools.permutations(self._places, 2)
                ),
                *(self._inward(place) for place in self._places),
                *(self._outward(place) for place in self._places),
            )
        )

    def _between(self, client: Place, server: Place) -> Iterator[Way]:
        if self._vpc(client) != self._vpc(server):
            return
        outs = [r for r in self._of(client, ingress=False) if self._meets(r, server)]
        ins = [r for r in self._of(server, ingress=True) if self._meets(r, client)]
        for out, into in itertools.product(outs, ins):
            yield from _common(client.name, server.name, out, into)

    def _inward(self, place: Place) -> Iterator[Way]:
        """From the internet to what has a public address, and from CloudFront to its origins."""
        for rule in self._of(place, ingress=True):
            if rule.peer_list:
                client = CLOUDFRONT if rule.peer_list in self._edge_lists else rule.peer_list
                if self._exposed(place) or (client == CLOUDFRONT and self._is_vpc_origin(place)):
                    yield _way(client, place.name, rule)
            elif _reaches_beyond(rule.peer_network) and self._exposed(place):
                yield _way(INTERNET, place.name, rule)
            # An interface that CloudFront put into the VPC has an address of the VPC.
            elif self._is_vpc_origin(place) and (
                rule.peer_group in self._edge_groups
                or (rule.peer_network and self._covers_vpc(rule.peer_network, place))
            ):
                yield _way(CLOUDFRONT, place.name, rule)

    def _outward(self, place: Place) -> Iterator[Way]:
        for rule in self._of(place, ingress=False):
            if _reaches_beyond(rule.peer_network) and self._has_way_out(place, rule.peer_network):
                yield _way(place.name, INTERNET, rule)

    def _of(self, place: Place, *, ingress: bool) -> list[Rule]:
        return [r for r in self._rules if r.group in place.groups and r.ingress is ingress]

    def _meets(self, rule: Rule, other: Place) -> bool:
        if rule.peer_group:
            return rule.peer_group in other.groups
        if not rule.peer_network:
            return False
        network = ipaddress.ip_network(rule.peer_network)
        return any(
            mine.version == network.version and mine.overlaps(network)
            for mine in self._addresses(other)
        )

    def _addresses(self, place: Place) -> list[Network]:
        return [
            ipaddress.ip_network(text)
            for subnet in place.subnets
            for key in ("cidrBlock", "ipv6CidrBlock")
            if (text := self._subnets[subnet].inputs.get(key))
        ]

    def _exposed(self, place: Place) -> bool:
        return place.public and any(self._gateway(subnet, "gatewayId") for subnet in place.subnets)

    def _has_way_out(self, place: Place, network: str) -> bool:
        six = ":" in network
        for subnet in place.subnets:
            nat = self._gateway(subnet, "natGatewayId", six=six)
            egress_only = six and self._gateway(subnet, "egressOnlyGatewayId", six=True)
            direct = (place.public or six) and self._gateway(subnet, "gatewayId", six=six)
            if nat or egress_only or direct:
                return True
        return False

    def _gateway(self, subnet: str, key: str, *, six: bool = False) -> bool:
        destination = (
            ("destinationIpv6CidrBlock", "::/0")
            if six
            else (
                "destinationCidrBlock",
                "0.0.0.0/0",
            )
        )
        tables = [
            r.inputs["routeTableId"]
            for r in self._graph.of("aws:ec2/routeTableAssociation:RouteTableAssociation").values()
            if r.inputs.get("subnetId") == subnet
        ]
        return any(
            r.inputs.get("routeTableId") in tables
            and r.inputs.get(destination[0]) == destination[1]
            and r.inputs.get(key)
            for r in self._graph.of("aws:ec2/route:Route").values()
        )

    def _is_vpc_origin(self, place: Place) -> bool:
        origins = self._graph.of("aws:cloudfront/vpcOrigin:VpcOrigin").values()
        return bool(place.arn) and any(
            o.inputs["vpcOriginEndpointConfig"]["arn"] == place.arn for o in origins
        )

    def _covers_vpc(self, network: str, place: Place) -> bool:
        mine = ipaddress.ip_network(network)
        return any(mine.version == a.version and mine.overlaps(a) for a in self._addresses(place))

    @functools.cached_property
    def _subnets(self) -> dict[str, Registration]:
        return {r.id: r for r in self._graph.of("aws:ec2/subnet:Subnet").values()}

    def _vpc(self, place: Place) -> str:
        return self._subnets[place.subnets[0]].inputs["vpcId"]

    @functools.cached_property
    def _edge_lists(self) -> frozenset[str]:
        """Ids of CloudFront's list of addresses; of a lookup only the question is kept."""
        looked_up = any(EDGE_PREFIX_LIST in str(arguments) for _, arguments in self._graph.invokes)
        if not looked_up:
            return frozenset()
        return frozenset(r.peer_list for r in self._rules if r.ingress and r.peer_list)

    @functools.cached_property
    def _edge_groups(self) -> frozenset[str]:
        """Groups that are not of this stack: of CloudFront's interfaces, when it has any."""
        own = {r.id for r in self._graph if r.type.startswith("aws:ec2/")}
        return frozenset(r.peer_group for r in self._rules if r.peer_group) - own


def _places(graph: Graph) -> Iterator[Place]:
    for r in graph.of("aws:lb/loadBalancer:LoadBalancer").values():
        yield Place(
            name=f"load balancer {r.name}",
            subnets=tuple(r.inputs["subnets"]),
            groups=tuple(r.inputs.get("securityGroups", ())),
            public=not r.inputs.get("internal", False),
            arn=r.outputs["arn"],
        )
    for r in graph.of("aws:ecs/service:Service").values():
        yield _task(f"service {r.name}", r.inputs["networkConfiguration"])
    for r in graph.of("aws:scheduler/schedule:Schedule").values():
        ecs = r.inputs["target"].get("ecsParameters")
        if ecs:
            yield _task(f"job {r.name}", ecs["networkConfiguration"])
    for r in graph.of("aws:rds/instance:Instance").values():
        yield Place(
            name=f"database {r.name}",
            subnets=_group_subnets(
                graph, "aws:rds/subnetGroup:SubnetGroup", r.inputs, "dbSubnetGroupName"
            ),
            groups=tuple(r.inputs.get("vpcSecurityGroupIds", ())),
            public=bool(r.inputs.get("publiclyAccessible")),
        )
    for r in graph.of("aws:rds/proxy:Proxy").values():
        yield Place(
            name=f"proxy {r.name}",
            subnets=tuple(r.inputs["vpcSubnetIds"]),
            groups=tuple(r.inputs.get("vpcSecurityGroupIds", ())),
        )
    for r in graph.of("aws:elasticache/replicationGroup:ReplicationGroup").values():
        yield Place(
            name=f"cache {r.name}",
            subnets=_group_subnets(
                graph, "aws:elasticache/subnetGroup:SubnetGroup", r.inputs, "subnetGroupName"
            ),
            groups=tuple(r.inputs.get("securityGroupIds", ())),
        )
    for r in graph.of("aws:elasticache/serverlessCache:ServerlessCache").values():
        yield Place(
            name=f"cache {r.name}",
            subnets=tuple(r.inputs["subnetIds"]),
            groups=tuple(r.inputs.get("securityGroupIds", ())),
        )
    for r in graph.of("aws:ec2/vpcEndpoint:VpcEndpoint").values():
        if r.inputs.get("vpcEndpointType") == "Interface":
            yield Place(
                name=f"endpoint {r.name}",
                subnets=tuple(r.inputs["subnetIds"]),
                groups=tuple(r.inputs.get("securityGroupIds", ())),
            )


def _task(name: str, network: Mapping[str, Any]) -> Place:
    return Place(
        name=name,
        subnets=tuple(network["subnets"]),
        groups=tuple(network.get("securityGroups", ())),
        public=bool(network.get("assignPublicIp")),
    )


def _group_subnets(
    graph: Graph, type_: str, inputs: Mapping[str, Any], key: str
) -> tuple[str, ...]:
    """The subnets of a group that is named; AWS would else choose the default VPC's, in public.

    A restored or replicated instance that names no group has its source's.
    """
    named = inputs.get(key)
    for r in graph.of(type_).values():
        if named in (r.id, r.outputs.get("name")) or (named is None and len(graph.of(type_)) == 1):
            return tuple(r.inputs["subnetIds"])
    raise NotModelledError(f"reachability does not know the subnets of the group {named}")


def _rules(graph: Graph) -> Iterator[Rule]:
    for ingress, type_ in (
        (True, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"),
        (False, "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"),
    ):
        for r in graph.of(type_).values():
            i = r.inputs
            yield from _opening(
                ingress,
                i["securityGroupId"],
                i.get("ipProtocol", _ALL),
                i.get("fromPort"),
                i.get("toPort"),
                groups=[i.get("referencedSecurityGroupId")],
                networks=[i.get("cidrIpv4"), i.get("cidrIpv6")],
                lists=[i.get("prefixListId")],
            )
    for r in graph.of("aws:ec2/securityGroupRule:SecurityGroupRule").values():
        i = r.inputs
        yield from _inline(i["type"] == "ingress", i["securityGroupId"], i)
    for type_ in (
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    ):
        for r in graph.of(type_).values():
            for key in ("ingress", "egress"):
                for opening in r.inputs.get(key) or ():
                    yield from _inline(key == "ingress", r.id, opening)


def _inline(ingress: bool, group: str, i: Mapping[str, Any]) -> Iterator[Rule]:
    own = [group] if i.get("self") else []
    yield from _opening(
        ingress,
        group,
        i.get("protocol", _ALL),
        i.get("fromPort"),
        i.get("toPort"),
        groups=[*i.get("securityGroups", ()), i.get("sourceSecurityGroupId"), *own],
        networks=[*i.get("cidrBlocks", ()), *i.get("ipv6CidrBlocks", ())],
        lists=i.get("prefixListIds", ()),
    )


def _opening(
    ingress: bool,
    group: str,
    protocol: Any,
    first: int | None,
    last: int | None,
    *,
    groups: Iterable[str | None],
    networks: Iterable[str | None],
    lists: Iterable[str | None],
) -> Iterator[Rule]:
    every = str(protocol) in (_ALL, "all")
    one = {
        "ingress": ingress,
        "group": group,
        "protocol": "all" if every else str(protocol),
        "first": 0 if every or first is None else first,
        "last": 65535 if every or last is None else last,
    }
    yield from (Rule(**one, peer_group=peer) for peer in groups if peer)
    yield from (Rule(**one, peer_network=peer) for peer in networks if peer)
    yield from (Rule(**one, peer_list=peer) for peer in lists if peer)


def _common(client: str, server: str, out: Rule, into: Rule) -> Iterator[Way]:
    """What both sides let through."""
    protocols = {out.protocol, into.protocol} - {"all"}
    first, last = max(out.first, into.first), min(out.last, into.last)
    if len(protocols) > 1 or first > last:
        return
    protocol = protocols.pop() if protocols else "all"
    yield Way(client=client, server=server, protocol=protocol, ports=_ports(first, last))


def _way(client: str, server: str, rule: Rule) -> Way:
    return Way(
        client=client,
        server=server,
        protocol=rule.protocol,
        ports=_ports(rule.first, rule.last),
    )


def _ports(first: int, last: int) -> str:
    if (first, last) == (0, 65535):
        return "all"
    return str(first) if first == last else f"{first}-{last}"


def _reaches_beyond(network: str) -> bool:
    """Whether a range has addresses that are not private."""
    if not network:
        return False
    return network in _EVERYWHERE or not ipaddress.ip_network(network).is_private


@click.command()
@click.argument("stack", default="production")
def main(stack: str) -> None:
    """Who can open a connection to whom in STACK, from its own graph."""
    graph = resolved(load_config(Path.cwd(), stack))
    table = Table(title=f"Who can open a connection to whom in {stack}")
    for column in ("client", "server", "protocol", "ports"):
        table.add_column(column)
    for way in sorted(ways(graph)):
        table.add_row(way.client, way.server, way.protocol, way.ports)
    Console().print(table)


if __name__ == "__main__":
    main()
