"""What security groups let through, whichever of the three ways it is written in."""

import functools
import ipaddress
from collections.abc import Iterator

from guardrails.kinds import (
    CACHE_CLUSTER,
    CACHE_GROUP,
    CACHE_SERVERLESS,
    DB_CLUSTER,
    DB_INSTANCE,
    DB_PROXY,
    DEFAULT_SECURITY_GROUP,
    EGRESS_RULE,
    INGRESS_RULE,
    LOAD_BALANCER,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
)
from guardrails.resources import Resource, Stack
from guardrails.values import NotEvaluatedError, View

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HOLDERS = (INGRESS_RULE, EGRESS_RULE, SECURITY_GROUP_RULE, SECURITY_GROUP)
"""Types that let something through."""
EVERY_PORT = (0, 65535)
DATA_STORES = {
    DB_INSTANCE: "vpcSecurityGroupIds",
    DB_CLUSTER: "vpcSecurityGroupIds",
    DB_PROXY: "vpcSecurityGroupIds",
    CACHE_GROUP: "securityGroupIds",
    CACHE_CLUSTER: "securityGroupIds",
    CACHE_SERVERLESS: "securityGroupIds",
}
"""Types that hold data, and the property that names their security groups."""

# Not `ip_network.is_private`: Python 3.11 says that 0.0.0.0/0 is private, for both its ends are.
# https://www.iana.org/assignments/iana-ipv4-special-registry
_PRIVATE: tuple[Network, ...] = tuple(
    ipaddress.ip_network(block)
    for block in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)


def is_within(inner: Network, outer: Network) -> bool:
    """Whether every address of one block is in the other."""
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def is_public(network: Network) -> bool:
    """Whether any address of the block is one of the internet's."""
    return not any(is_within(network, block) for block in _PRIVATE)


def is_anywhere(network: Network) -> bool:
    """Whether the block is public and wider than one organisation has: a /24, or a /48 of IPv6.

    Half of the internet is as good as all of it: two rules make a whole.
    """
    return is_public(network) and network.prefixlen < (24 if network.version == 4 else 48)


def network(text: str, path: str) -> Network:
    """The block that a text stands for.

    Raises:
        NotEvaluatedError: It stands for none.
    """
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise NotEvaluatedError(path, "is not a CIDR block") from None


class Opening:
    """One rule of a security group; read on demand, so that one unknown hides only itself."""

    def __init__(self, holder: Resource, view: View, *, ingress: bool) -> None:
        """Takes what `view` says, be it a rule resource or an entry of a group."""
        self.holder = holder
        self.ingress = ingress
        self._view = view
        self._modern = holder.kind in (INGRESS_RULE, EGRESS_RULE)

    @property
    def inline(self) -> bool:
        """Whether it is written in the group itself."""
        return self.holder.kind in (SECURITY_GROUP, DEFAULT_SECURITY_GROUP)

    @property
    def protocol(self) -> str:
        """`tcp`, `udp`, `icmp`... or `-1` for all."""
        named = self._view.text("ipProtocol" if self._modern else "protocol").lower()
        return {"all": "-1", "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}.get(named, named)

    @property
    def ports(self) -> tuple[int, int]:
        """First and last port. All of them where the protocol is every one."""
        if self.protocol == "-1":
            return EVERY_PORT
        low = int(self._view.number("fromPort"))
        high = int(self._view.number("toPort", low))
        return EVERY_PORT if low == high == -1 else (low, high)

    @property
    def all_ports(self) -> bool:
        """Whether it opens every port there is."""
        low, high = self.ports
        return self.protocol == "-1" or (low <= 1 and high >= EVERY_PORT[1])

    @property
    def networks(self) -> Iterator[Network]:
        """The blocks of addresses on the other side."""
        keys = ("cidrIpv4", "cidrIpv6") if self._modern else ("cidrBlocks", "ipv6CidrBlocks")
        for key in keys:
            for text in self._view.texts(key):
                yield network(text, self._view.at(key))

    @property
    def by_prefix_list(self) -> bool:
        """Whether the other side is a prefix list, such as the one of CloudFront."""
        return self._given("prefixListId" if self._modern else "prefixListIds")

    @property
    def described(self) -> bool:
        """Whether somebody said what it is for."""
        return bool(self._view.text("description"))

    @property
    def where(self) -> str:
        """How a message points at it: `tcp 5432`, within the group as `ingress[0], tcp 5432`."""
        low, high = self.ports
        ports = "every port" if self.all_ports else str(low) if low == high else f"{low}-{high}"
        protocol = "every protocol" if self.protocol == "-1" else self.protocol
        place = f"{self._view.path}, " if self.inline else ""
        return f"{place}{protocol}, {ports}"

    def groups(self, stack: Stack) -> list[Resource]:
        """The security groups on the other side."""
        if self._modern:
            return stack.targets(self.holder, "referencedSecurityGroupId", SECURITY_GROUP)
        if not self.inline:
            return stack.targets(self.holder, "sourceSecurityGroupId", SECURITY_GROUP)
        if not self._view.items("securityGroups"):
            return []
        return stack.targets(self.holder, f"{self._view.path}.securityGroups", SECURITY_GROUP)

    def owners(self, stack: Stack) -> list[Resource]:
        """The group that it belongs to, where that is in the stack."""
        if self.inline:
            return [self.holder]
        return stack.targets(self.holder, "securityGroupId", SECURITY_GROUP, DEFAULT_SECURITY_GROUP)

    @property
    def other_side(self) -> tuple[bool, bool]:
        """Whether it is groups, and whether a prefix list: known before either exists."""
        keys = ("referencedSecurityGroupId", "sourceSecurityGroupId", "securityGroups")
        return any(self._given(key) for key in keys), self.by_prefix_list

    def _given(self, key: str) -> bool:
        return self._view.has(key) and not _is_empty(self._view.get(key))

    def is_same_as(self, other: "Opening") -> bool:
        """Whether two ways of writing say the same; what already differs settles it.

        Raises:
            NotEvaluatedError: It depends on what is not known yet.
        """
        return (
            (self.ingress, self.other_side) == (other.ingress, other.other_side)
            and (self.protocol, self.ports) == (other.protocol, other.ports)
            and self.signature() == other.signature()
        )

    def signature(self) -> tuple[object, ...]:
        """What two ways of writing the same rule have in common."""
        groups = self._view.get("referencedSecurityGroupId") if self._modern else None
        named = self._view.get("sourceSecurityGroupId") or self._view.items("securityGroups")
        groups = groups or named or []
        listed = groups if isinstance(groups, list) else [groups]
        return (
            self.ingress,
            self.protocol,
            self.ports,
            tuple(sorted(str(network) for network in self.networks)),
            tuple(sorted(str(group) for group in listed)),
            self.by_prefix_list,
        )


def _is_empty(value: object) -> bool:
    return isinstance(value, list) and not value


def openings(holder: Resource) -> Iterator[Opening]:
    """Each rule that a resource of HOLDERS holds."""
    if holder.kind == SECURITY_GROUP_RULE:
        yield Opening(holder, holder, ingress=holder.text("type") != "egress")
    elif holder.kind in (INGRESS_RULE, EGRESS_RULE):
        yield Opening(holder, holder, ingress=holder.kind == INGRESS_RULE)
    else:
        for key in ("ingress", "egress"):
            for view in holder.views(key):
                yield Opening(holder, view, ingress=key == "ingress")


def of_group(stack: Stack, group: Resource) -> list[Opening]:
    """Every rule of a group: its own entries, and the resources that add to it."""

    def collect() -> list[Opening]:
        holders = (group, *holders_of(stack, group))
        return [opening for holder in holders for opening in openings(holder)]

    return stack.memo(("openings", group.urn), collect)


def holders_of(stack: Stack, group: Resource) -> list[Resource]:
    """The rule resources of a group.

    Raises:
        NotEvaluatedError: It has none for certain, and some rule's group cannot be told.
    """
    holders, undecided = stack.memo("rule holders", functools.partial(_holders, stack))
    found = holders.get(group.urn, [])
    if undecided and not found:
        raise NotEvaluatedError(undecided)
    return found


def _holders(stack: Stack) -> tuple[dict[str, list[Resource]], str]:
    # Not by `Stack.sources`, which asks for groups of one type: on a first preview a rule of an
    # ordinary group could then still be one of the default group.
    holders: dict[str, list[Resource]] = {}
    undecided = ""
    for holder in stack.of(INGRESS_RULE, EGRESS_RULE, SECURITY_GROUP_RULE):
        try:
            for group in _groups(stack, holder):
                holders.setdefault(group.urn, []).append(holder)
        except NotEvaluatedError as error:
            undecided = f"{error.path} of {holder.name}"
    return holders, undecided


def _groups(stack: Stack, holder: Resource) -> list[Resource]:
    return stack.targets(holder, "securityGroupId", SECURITY_GROUP, DEFAULT_SECURITY_GROUP)


def edges(stack: Stack) -> dict[str, Resource]:
    """URN of each group that an internet-facing load balancer has, and that load balancer."""
    return stack.memo("edge groups", functools.partial(_edges, stack))


def _edges(stack: Stack) -> dict[str, Resource]:
    return {
        group.urn: balancer
        for balancer in stack.of(LOAD_BALANCER)
        if not balancer.flag("internal")
        for group in stack.targets(balancer, "securityGroups", SECURITY_GROUP)
    }
