"""The address plan, as properties that hold for every range and every choice of zones."""

import ipaddress
import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.subnets import Tier, ipv6_range, plan_subnets, range_problems, zone_problems

REGIONS = ("eu-west-1", "us-east-1", "ap-northeast-1", "us-gov-west-1")


@st.composite
def vpc_ranges(draw):
    prefix = draw(st.integers(16, 20))
    home = ipaddress.IPv4Network(
        draw(st.sampled_from(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]))
    )
    offset = draw(st.integers(0, 2 ** (prefix - home.prefixlen) - 1))
    return str(
        ipaddress.IPv4Network((int(home.network_address) + (offset << (32 - prefix)), prefix))
    )


@st.composite
def regions_and_zones(draw):
    region = draw(st.sampled_from(REGIONS))
    letters = draw(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=6, unique=True))
    return region, [region + letter for letter in letters]


def ranges(plans):
    return {(plan.tier, plan.zone): (plan.cidr, plan.ipv6_number) for plan in plans}


@given(vpc_ranges(), regions_and_zones())
def test_every_subnet_lies_in_the_vpc_and_none_overlap(cidr, region_and_zones):
    networks = [ipaddress.ip_network(plan.cidr) for plan in plan_subnets(cidr, *region_and_zones)]

    assert len(networks) == 3 * len(region_and_zones[1])
    assert all(network.subnet_of(ipaddress.ip_network(cidr)) for network in networks)
    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))


@given(vpc_ranges(), regions_and_zones(), st.randoms())
def test_reordering_or_removing_zones_moves_no_subnet(cidr, region_and_zones, random):
    region, zones = region_and_zones
    all_of_them = ranges(plan_subnets(cidr, region, zones))
    fewer = random.sample(zones, random.randint(2, len(zones)))

    assert ranges(plan_subnets(cidr, region, fewer)).items() <= all_of_them.items()


@given(vpc_ranges(), regions_and_zones(), st.sampled_from("abcdef"))
def test_adding_a_zone_moves_no_subnet(cidr, region_and_zones, letter):
    region, zones = region_and_zones
    before = ranges(plan_subnets(cidr, region, zones))
    grown = [region + letter, *(zone for zone in zones if zone != region + letter)]

    assert before.items() <= ranges(plan_subnets(cidr, region, grown)).items()


@given(vpc_ranges(), regions_and_zones())
def test_a_second_stack_does_not_depend_on_the_first(cidr, region_and_zones):
    region, zones = region_and_zones
    first = ipaddress.ip_network(cidr)
    moved = "10.64.0.0/" + cidr.split("/")[1]

    here, there = plan_subnets(cidr, region, zones), plan_subnets(moved, region, zones)

    def offset(plan, vpc):
        return int(ipaddress.ip_network(plan.cidr).network_address) - int(vpc.network_address)

    assert [offset(plan, first) for plan in here] == [
        offset(plan, ipaddress.ip_network(moved)) for plan in there
    ]


@given(vpc_ranges(), regions_and_zones())
def test_the_private_tier_is_the_larger_and_every_tier_is_usable(cidr, region_and_zones):
    sizes = {
        tier: {
            ipaddress.ip_network(plan.cidr).num_addresses
            for plan in plan_subnets(cidr, *region_and_zones)
            if plan.tier == tier
        }
        for tier in Tier
    }

    assert all(len(of_a_tier) == 1 for of_a_tier in sizes.values()), "zones of a tier are equal"
    (private,), (public,), (isolated,) = sizes["private"], sizes["public"], sizes["isolated"]
    assert private >= 4 * public >= 4 * 64, "tasks take addresses, load balancers need 64 at most"
    assert isolated == public


@given(vpc_ranges(), regions_and_zones())
def test_a_quarter_of_each_zone_and_of_the_vpc_stays_free(cidr, region_and_zones):
    region, zones = region_and_zones
    vpc = ipaddress.ip_network(cidr)
    plans = plan_subnets(cidr, region, zones)

    used = sum(ipaddress.ip_network(plan.cidr).num_addresses for plan in plans)
    assert used == len(zones) * vpc.num_addresses // 8 * 3 // 4
    last_quarter = list(vpc.subnets(prefixlen_diff=2))[3]
    assert not any(ipaddress.ip_network(plan.cidr).overlaps(last_quarter) for plan in plans)


@given(regions_and_zones(), st.integers(0, 2**56 - 1))
def test_each_subnet_has_an_ipv6_range_of_its_own(region_and_zones, vpc_number):
    vpc = ipaddress.IPv6Network((vpc_number << 72, 56))
    plans = plan_subnets("10.0.0.0/16", *region_and_zones)

    networks = [ipaddress.IPv6Network(ipv6_range(str(vpc), plan.ipv6_number)) for plan in plans]

    assert all(network.prefixlen == 64 and network.subnet_of(vpc) for network in networks)
    assert len(set(networks)) == len(plans)


def test_the_plan_of_the_default_network():
    plans = plan_subnets("10.0.0.0/16", "eu-west-1", ["eu-west-1a", "eu-west-1b"])

    assert [(plan.tier.value, plan.suffix, plan.cidr, plan.ipv6_number) for plan in plans] == [
        ("public", "1a", "10.0.16.0/22", 0x00),
        ("public", "1b", "10.0.48.0/22", 0x10),
        ("private", "1a", "10.0.0.0/20", 0x01),
        ("private", "1b", "10.0.32.0/20", 0x11),
        ("isolated", "1a", "10.0.20.0/22", 0x02),
        ("isolated", "1b", "10.0.52.0/22", 0x12),
    ], "these ranges are in use: changing one replaces the subnet and all that is in it"


def test_an_ipv6_number_counts_from_the_start_of_the_vpc_range():
    assert ipv6_range("2001:db8:1234:1a00::/56", 0x12) == "2001:db8:1234:1a12::/64"


@pytest.mark.parametrize(
    ("vpc_range", "number", "reason"),
    [
        ("2001:db8::/48", 0, "not a /56"),
        ("2001:db8:1234:1a00::/56", 256, "outside 0 to 255"),
        ("2001:db8:1234:1a00::/56", -1, "outside 0 to 255"),
    ],
)
def test_an_ipv6_range_that_cannot_be_cut_is_refused(vpc_range, number, reason):
    with pytest.raises(ValueError, match=reason):
        ipv6_range(vpc_range, number)


@pytest.mark.parametrize(
    ("cidr", "reason"),
    [
        ("10.0.0.0/15", "a /15; a VPC here is a /16"),
        ("10.0.0.0/21", "a /21; a VPC here is a /16"),
        ("10.0.1.0/16", "not a network address; write 10.0.0.0/16"),
        ("11.0.0.0/16", "not private"),
        ("172.32.0.0/16", "not private"),
        ("100.64.0.0/16", "not private"),
        ("10.0.0.0", "is a /32"),
        ("10.0.0/16", "not an IPv4 range"),
        ("fd00::/16", "not an IPv4 range"),
        ("", "not an IPv4 range"),
    ],
)
def test_a_range_that_cannot_be_a_vpc_is_refused(cidr, reason):
    (problem, *_) = [text for text in range_problems(cidr) if reason in text]

    assert cidr in problem
    with pytest.raises(ValueError, match=re.escape(reason)):
        plan_subnets(cidr, "eu-west-1", ["eu-west-1a", "eu-west-1b"])


@pytest.mark.parametrize(
    ("region", "zones", "reason"),
    [
        ("eu-west-1", ["eu-west-1a"], "1 zones given; name 2 to 6"),
        ("us-east-1", [f"us-east-1{letter}" for letter in "abcdefg"], "7 zones given"),
        ("eu-west-1", ["eu-west-1a", "eu-west-1a"], "eu-west-1a is given twice"),
        ("eu-west-1", ["eu-west-1a", "eu-west-2b"], "'eu-west-2b' is not an Availability Zone of"),
        ("us-west-2", ["us-west-2a", "us-west-2-lax-1a"], "'us-west-2-lax-1a' is not"),
        ("us-east-1", ["us-east-1a", "us-east-1-wl1-bos-wlz-1"], "'us-east-1-wl1-bos-wlz-1' is"),
        ("eu-west-1", ["eu-west-1a", "eu-west-1A"], "'eu-west-1A' is not"),
        ("eu-west-1", ["eu-west-1a", "euw1-az2"], "'euw1-az2' is not"),
        ("eu-west-1", ["eu-west-1a", "eu-west-1b\n"], "is not an Availability Zone"),
    ],
)
def test_zones_that_cannot_carry_a_vpc_are_refused(region, zones, reason):
    assert [text for text in zone_problems(region, zones) if reason in text]
    with pytest.raises(ValueError, match=re.escape(reason)):
        plan_subnets("10.0.0.0/16", region, zones)


def test_one_error_lists_every_problem():
    with pytest.raises(ValueError, match=r"not private.*1 zones.*not an Availability Zone"):
        plan_subnets("11.0.0.0/16", "eu-west-1", ["nowhere"])


@given(vpc_ranges(), regions_and_zones())
def test_what_can_be_planned_has_no_problems(cidr, region_and_zones):
    assert [*range_problems(cidr), *zone_problems(*region_and_zones)] == []
