"""The address plan of the VPC: which range each tier of each zone owns, whatever else exists.

Pure arithmetic, so that it can be proved: a subnet's range cannot be changed once it exists (it is
replaced, with everything in it), so a zone's range may depend on nothing but the VPC's range and
the zone's own letter. https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
"""

import dataclasses
import ipaddress
import re
from collections.abc import Sequence
from enum import StrEnum

_RFC1918 = tuple(
    ipaddress.IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
LARGEST_PREFIX, SMALLEST_PREFIX = 16, 20
"""Widest range that AWS gives a VPC, and the narrowest whose tiers are still useful here."""
ZONE_LETTERS = "abcdef"
"""Letters with a slot. No region has more than six zones: us-east-1 has a to f.
https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html"""
FEWEST_ZONES = 2
"""A load balancer and a database subnet group each need two.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html"""
_SLOT_BITS = 3
_NUMBERS_PER_ZONE = 16
_IPV6_VPC_PREFIX, _IPV6_SUBNET_PREFIX = 56, 64


class Tier(StrEnum):
    """What may reach a subnet, and what it may reach."""

    PUBLIC = "public"
    """Routed to and from the internet: load balancers and NAT gateways only."""
    PRIVATE = "private"
    """Routed out to the internet at most: everything that runs code."""
    ISOLATED = "isolated"
    """No route to or from the internet: data."""


# (Bits by which the zone's block is cut, position of the piece.) Half for the private tier, where
# every task takes an address; an eighth each for the others; the last quarter stays free.
_PIECES = {Tier.PRIVATE: (1, 0), Tier.PUBLIC: (3, 4), Tier.ISOLATED: (3, 5)}
# Hexadecimal digits of a subnet's IPv6 number: the zone's slot, then the tier.
_TIER_DIGITS = {Tier.PUBLIC: 0, Tier.PRIVATE: 1, Tier.ISOLATED: 2}


class NatStrategy(StrEnum):
    """How private subnets reach the internet over IPv4.

    Prices: https://aws.amazon.com/vpc/pricing/ (each gateway costs by the hour and by the byte).
    """

    NONE = "none"
    """Not at all: for services that call nothing but AWS, through endpoints."""
    SINGLE = "single"
    """One gateway, in the first zone: least cost. Losing that zone cuts every zone off."""
    PER_ZONE = "per_zone"
    """One gateway in each zone: losing a zone costs no other zone anything."""
    REGIONAL = "regional"
    """One gateway that AWS spreads over the zones in use, with addresses of its choice."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SubnetPlan:
    """One subnet: where it is, and the ranges that are its own."""

    zone: str
    tier: Tier
    suffix: str
    """Zone without its region, `1a`: what tells the subnet's name from its siblings'."""
    cidr: str
    ipv6_number: int
    """Which of the VPC's 256 IPv6 ranges of 64 bits belongs to the subnet."""


def plan_subnets(cidr: str, region: str, zones: Sequence[str]) -> list[SubnetPlan]:
    """The subnets of a VPC, tier by tier, each tier in the order of `zones`.

    The VPC is cut into eight equal slots, and a zone's letter is its slot: `eu-west-1a` owns the
    first, `us-east-1f` the sixth; the last two stay free. Position in the list would move ranges
    when the list is reordered or a zone leaves it, and a table of zone ids would have to be looked
    up in the account; a letter needs neither, and every zone has exactly one.

    Args:
        cidr: Range of the VPC: private, /16 to /20.
        region: Region that every zone must belong to.
        zones: Two to six Availability Zones by name. Local and Wavelength Zones are refused: they
            have no letter of their own, no NAT gateway and no managed database.

    Raises:
        ValueError: Lists every problem with the arguments.
    """
    problems = [*range_problems(cidr), *zone_problems(region, zones)]
    if problems:
        raise ValueError("; ".join(problems))
    blocks = list(ipaddress.IPv4Network(cidr).subnets(prefixlen_diff=_SLOT_BITS))
    return [_plan_one(blocks[slot_of(zone)], region, zone, tier) for tier in Tier for zone in zones]


def _plan_one(block: ipaddress.IPv4Network, region: str, zone: str, tier: Tier) -> SubnetPlan:
    bits, position = _PIECES[tier]
    return SubnetPlan(
        zone=zone,
        tier=tier,
        suffix=zone_suffix(region, zone),
        cidr=str(list(block.subnets(prefixlen_diff=bits))[position]),
        ipv6_number=slot_of(zone) * _NUMBERS_PER_ZONE + _TIER_DIGITS[tier],
    )


def slot_of(zone: str) -> int:
    """Which eighth of the VPC belongs to a zone: 0 for `...a`, 5 for `...f`."""
    return ZONE_LETTERS.index(zone[-1])


def zone_suffix(region: str, zone: str) -> str:
    """A zone's name without what all zones of the region share: `1a` for `eu-west-1a`."""
    return region.rsplit("-", 1)[-1] + zone.removeprefix(region)


def ipv6_range(vpc_range: str, number: int) -> str:
    """The `number`th of the 256 subnet ranges in a VPC's IPv6 range, which AWS chose.

    Raises:
        ValueError: The range is not the /56 that AWS assigns, or the number is not one of its 256.
            https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
    """
    block = ipaddress.IPv6Network(vpc_range)
    if block.prefixlen != _IPV6_VPC_PREFIX:
        raise ValueError(f"{vpc_range} is not a /{_IPV6_VPC_PREFIX}, the IPv6 range of a VPC")
    if not 0 <= number < 1 << (_IPV6_SUBNET_PREFIX - _IPV6_VPC_PREFIX):
        raise ValueError(f"subnet number {number} is outside 0 to 255")
    first = int(block.network_address) + (number << (128 - _IPV6_SUBNET_PREFIX))
    return str(ipaddress.IPv6Network((first, _IPV6_SUBNET_PREFIX)))


def range_problems(cidr: str) -> list[str]:
    """Why a range cannot be the VPC's; empty when it can."""
    try:
        network = ipaddress.IPv4Network(cidr, strict=False)
    except ValueError:
        return [f"{cidr!r} is not an IPv4 range; write one like 10.0.0.0/16"]
    problems = []
    if str(network) != cidr:
        problems.append(f"{cidr} is not a network address; write {network}")
    if not LARGEST_PREFIX <= network.prefixlen <= SMALLEST_PREFIX:
        problems.append(
            f"{cidr} is a /{network.prefixlen}; a VPC here is a /{LARGEST_PREFIX} (AWS allows no"
            f" larger) to a /{SMALLEST_PREFIX} (smaller leaves no room for six zones)"
        )
    if not any(network.subnet_of(private) for private in _RFC1918):
        problems.append(
            f"{cidr} is not private; choose from 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
            " (RFC 1918)"
        )
    return problems


def zone_problems(region: str, zones: Sequence[str]) -> list[str]:
    """Why a list of zones cannot be a VPC's; empty when it can."""
    problems = []
    if not FEWEST_ZONES <= len(zones) <= len(ZONE_LETTERS):
        problems.append(
            f"{len(zones)} zones given; name {FEWEST_ZONES} to {len(ZONE_LETTERS)}, because a load"
            " balancer needs two and the address plan has room for six"
        )
    problems += [
        f"zone {zone} is given twice" for zone in dict.fromkeys(zones) if zones.count(zone) > 1
    ]
    well_formed = re.compile(rf"{re.escape(region)}[{ZONE_LETTERS}]")
    problems += [
        f"{zone!r} is not an Availability Zone of {region}; they are called {region}a to"
        f" {region}f (Local and Wavelength Zones are not supported)"
        for zone in dict.fromkeys(zones)
        if not well_formed.fullmatch(zone)
    ]
    return problems
