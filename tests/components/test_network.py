"""What a Network registers. It cannot prove that AWS routes as the route tables say."""

import json
from pathlib import Path

import cfnlint
import pulumi_aws as aws
import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.endpoint_policies import GATEWAY_ACTIONS, INTERFACE_ACTIONS
from components.flow_logs import FlowLogs
from components.nat_gateways import NatGateways
from components.network import NatStrategy, Network
from components.subnets import ipv6_range
from components.vpc_endpoints import VpcEndpoints
from rehearsal.recording import UNKNOWN

SUBNET = "aws:ec2/subnet:Subnet"
TABLE = "aws:ec2/routeTable:RouteTable"
ROUTE = "aws:ec2/route:Route"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
NAT = "aws:ec2/natGateway:NatGateway"
EIP = "aws:ec2/eip:Eip"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
COMPONENT = "babyrobots:index:Network"
IPV6_VPC = "2001:db8:0:ab00::/56"
EVERYTHING = {
    "ipv6": True,
    "interface_endpoints": sorted(INTERFACE_ACTIONS),
    "flow_logs_kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/k",
}


def build(name="main", **changes):
    return Network(
        name,
        {
            "cidr": "10.0.0.0/16",
            "zones": ["eu-west-1a", "eu-west-1b"],
            "region": "eu-west-1",
            "account_id": "123456789012",
            **changes,
        },
    )


def answer(registration):
    """What AWS would choose, recognisable by the name of the resource."""
    name = registration.name
    return f"{name}-id", {
        "arn": f"arn:aws:x:eu-west-1:123456789012:{name}",
        "name": registration.inputs.get("name", name),
        "allocationId": f"{name}-allocation",
        "publicIp": f"{name}-ip",
        "ipv6CidrBlock": registration.inputs.get("ipv6CidrBlock", IPV6_VPC),
        "regionalNatGatewayAddresses": [{"publicIp": "192.0.2.2"}, {"publicIp": "192.0.2.1"}],
    }


@pytest.fixture
def graph(record):
    return lambda preview=False, **changes: record(
        lambda: build(**changes), **({"preview": True} if preview else {"answer": answer})
    )


def routes_of(graph, subnet):
    """Where a subnet's packets go: destination -> input that names the target, and its value."""
    table = graph.one(ASSOCIATION, subnet).inputs["routeTableId"].removesuffix("-id")
    found = {}
    for route in graph.of(ROUTE).values():
        inputs = dict(route.inputs)
        if inputs.pop("routeTableId") != f"{table}-id":
            continue
        destination = inputs.pop("destinationCidrBlock", None) or inputs.pop(
            "destinationIpv6CidrBlock"
        )
        (found[destination],) = inputs.items()
    return found


def statement(registration, sid, key="policy"):
    (found,) = [s for s in json.loads(registration.inputs[key])["Statement"] if s["Sid"] == sid]
    return found


def ancestors(graph, urn, seen=None):
    """Everything that must exist before the resource does."""
    seen = set() if seen is None else seen
    for dependency in graph.resources[urn].dependencies:
        if dependency not in seen:
            seen.add(dependency)
            ancestors(graph, dependency, seen)
    return seen


@pytest.mark.parametrize("preview", [False, True])
def test_the_vpc_resolves_names_and_its_default_group_admits_nothing(graph, preview):
    built = graph(preview=preview)

    vpc = built.one("aws:ec2/vpc:Vpc").inputs
    assert vpc["cidrBlock"] == "10.0.0.0/16"
    assert vpc["enableDnsSupport"] is vpc["enableDnsHostnames"] is True
    default = built.one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert (default.inputs["ingress"], default.inputs["egress"]) == ([], [])
    assert [urn for urn in default.property_dependencies["vpcId"] if urn.endswith("::main-vpc")]


def test_each_zone_has_one_subnet_of_each_tier_and_none_gives_out_public_addresses(graph):
    subnets = graph().of(SUBNET)

    assert {
        name: (s.inputs["availabilityZone"], s.inputs["cidrBlock"]) for name, s in subnets.items()
    } == {
        "main-public-1a": ("eu-west-1a", "10.0.16.0/22"),
        "main-public-1b": ("eu-west-1b", "10.0.48.0/22"),
        "main-private-1a": ("eu-west-1a", "10.0.0.0/20"),
        "main-private-1b": ("eu-west-1b", "10.0.32.0/20"),
        "main-isolated-1a": ("eu-west-1a", "10.0.20.0/22"),
        "main-isolated-1b": ("eu-west-1b", "10.0.52.0/22"),
    }
    assert [s.inputs["mapPublicIpOnLaunch"] for s in subnets.values()] == [False] * 6


def test_a_third_zone_in_front_changes_nothing_that_exists(record):
    def everything(zones):
        found = record(lambda: build(zones=zones), answer=answer)
        shared = ("aws:ec2/vpcEndpoint:VpcEndpoint",)
        return {r.urn: r.inputs for r in found.custom if r.type not in shared}

    before = everything(["eu-west-1a", "eu-west-1b"])
    after = everything(["eu-west-1c", "eu-west-1b", "eu-west-1a"])

    assert before.items() <= after.items()
    assert len(after) > len(before)


@pytest.mark.parametrize("ipv6", [False, True])
def test_public_subnets_are_routed_to_the_internet_gateway(graph, ipv6):
    built = graph(ipv6=ipv6)

    there = ("gatewayId", "main-internet-id")
    expected = {"0.0.0.0/0": there, "::/0": there} if ipv6 else {"0.0.0.0/0": there}
    assert routes_of(built, "main-public-1a") == routes_of(built, "main-public-1b") == expected


@pytest.mark.parametrize("nat", list(NatStrategy))
@pytest.mark.parametrize("ipv6", [False, True])
def test_an_isolated_subnet_has_no_route_to_or_from_the_internet(graph, nat, ipv6):
    built = graph(nat=nat, ipv6=ipv6)

    for subnet in ("main-isolated-1a", "main-isolated-1b"):
        assert routes_of(built, subnet) == {}
    inline = [name for name, table in built.of(TABLE).items() if "routes" in table.inputs]
    assert inline == [], "inline and standalone routes of one table undo each other"


@pytest.mark.parametrize(
    ("nat", "first", "second", "addresses"),
    [
        (NatStrategy.NONE, None, None, []),
        (NatStrategy.SINGLE, "main-nat-gateway", "main-nat-gateway", ["main-nat-gateway-ip"]),
        (
            NatStrategy.PER_ZONE,
            "main-nat-gateway-1a",
            "main-nat-gateway-1b",
            ["main-nat-gateway-1a-ip", "main-nat-gateway-1b-ip"],
        ),
        (
            NatStrategy.REGIONAL,
            "main-nat-regional-gateway",
            "main-nat-regional-gateway",
            ["192.0.2.1", "192.0.2.2"],
        ),
    ],
)
def test_private_subnets_leave_through_the_gateway_of_the_strategy(
    graph, nat, first, second, addresses
):
    built = graph(nat=nat)

    for subnet, gateway in (("main-private-1a", first), ("main-private-1b", second)):
        expected = {"0.0.0.0/0": ("natGatewayId", f"{gateway}-id")} if gateway else {}
        assert routes_of(built, subnet) == expected
    gateways = {gateway for gateway in (first, second) if gateway}
    assert set(built.of(NAT)) == gateways
    outputs = built.one(COMPONENT).outputs
    assert outputs["nat_gateway_ids"] == [f"{gateway}-id" for gateway in sorted(gateways)]
    assert outputs["nat_public_ips"] == addresses


def test_zonal_gateways_stand_in_public_subnets_with_addresses_of_their_own(graph):
    built = graph(nat=NatStrategy.PER_ZONE)

    for zone in ("1a", "1b"):
        inputs = built.one(NAT, f"main-nat-gateway-{zone}").inputs
        assert inputs["subnetId"] == f"main-public-{zone}-id"
        assert inputs["allocationId"] == f"main-nat-eip-{zone}-allocation"
        assert inputs["connectivityType"] == "public"
    assert {eip.inputs["domain"] for eip in built.of(EIP).values()} == {"vpc"}


def test_without_a_choice_every_zone_has_its_own_way_out(graph):
    assert set(graph().of(NAT)) == {"main-nat-gateway-1a", "main-nat-gateway-1b"}


def test_the_single_gateway_keeps_its_place_when_zones_are_added(graph):
    two, three = (
        graph(nat=NatStrategy.SINGLE, zones=zones).one(NAT)
        for zones in (
            ["eu-west-1b", "eu-west-1c"],
            ["eu-west-1b", "eu-west-1c", "eu-west-1a"],
        )
    )
    assert (two.urn, two.inputs) == (three.urn, three.inputs)
    assert two.inputs["subnetId"] == "main-public-1b-id"


def test_a_regional_gateway_has_a_vpc_and_neither_subnet_nor_address(graph):
    built = graph(nat=NatStrategy.REGIONAL)

    gateway = built.one(NAT)
    assert gateway.inputs["availabilityMode"] == "regional"
    assert gateway.inputs["vpcId"] == "main-vpc-id"
    assert not {"subnetId", "allocationId"} & set(gateway.inputs)
    assert built.of(EIP) == {}
    assert [urn for urn in ancestors(built, gateway.urn) if urn.endswith("::main-internet")], (
        "AWS refuses a regional gateway in a VPC without an internet gateway"
    )


def test_changing_the_strategy_changes_routes_but_no_subnet_table_or_association(graph):
    lasting = (SUBNET, TABLE, ASSOCIATION)
    networks = [graph(nat=nat) for nat in NatStrategy]

    first, *others = [
        {r.urn: r.inputs for r in built.custom if r.type in lasting} for built in networks
    ]
    assert others == [first] * 3
    assert len(first) == 6 + 4 + 6


def test_who_takes_a_private_subnet_waits_for_its_way_out(record):
    def program():
        network = build(ipv6=True)
        aws.ec2.Eip("task", tags={"Subnets": network.private_subnet_ids.apply(",".join)})
        aws.ec2.Eip("data", tags={"Subnets": network.isolated_subnet_ids.apply(",".join)})

    built = record(program, answer=answer)

    def awaited(name):
        urns = ancestors(built, built.one(EIP, name).urn)
        return {built.resources[urn].name for urn in urns if built.resources[urn].type == ROUTE}

    assert awaited("task") >= {
        "main-private-1a",
        "main-private-1b",
        "main-private-ipv6-1a",
        "main-private-ipv6-1b",
        "main-public",
    }
    assert awaited("data") == set(), "a database need not wait for gateways"


def test_with_ipv6_every_subnet_has_a_range_of_its_own(graph):
    built = graph(ipv6=True)

    assert built.one("aws:ec2/vpc:Vpc").inputs["assignGeneratedIpv6CidrBlock"] is True
    numbers = {name: s.inputs["ipv6CidrBlock"] for name, s in built.of(SUBNET).items()}
    assert numbers == {
        "main-public-1a": ipv6_range(IPV6_VPC, 0x00),
        "main-private-1a": ipv6_range(IPV6_VPC, 0x01),
        "main-isolated-1a": ipv6_range(IPV6_VPC, 0x02),
        "main-public-1b": ipv6_range(IPV6_VPC, 0x10),
        "main-private-1b": ipv6_range(IPV6_VPC, 0x11),
        "main-isolated-1b": ipv6_range(IPV6_VPC, 0x12),
    }
    assert routes_of(built, "main-private-1a")["::/0"] == (
        "egressOnlyGatewayId",
        "main-egress-only-id",
    )
    assert routes_of(built, "main-private-1b")["0.0.0.0/0"][0] == "natGatewayId"


def test_with_ipv6_and_no_nat_private_subnets_still_leave_over_ipv6_only(graph):
    built = graph(ipv6=True, nat=NatStrategy.NONE)

    assert set(routes_of(built, "main-private-1a")) == {"::/0"}


def test_without_ipv6_nothing_speaks_it(graph):
    built = graph()

    assert built.one("aws:ec2/vpc:Vpc").inputs["assignGeneratedIpv6CidrBlock"] is False
    assert [s.name for s in built.of(SUBNET).values() if "ipv6CidrBlock" in s.inputs] == []
    assert built.of("aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway") == {}
    assert [
        r.name for r in built.of(ROUTE).values() if "destinationIpv6CidrBlock" in r.inputs
    ] == []


def test_an_ipv6_range_is_unknown_until_aws_has_chosen_it(graph):
    built = graph(preview=True, ipv6=True)

    assert {s.inputs["ipv6CidrBlock"] for s in built.of(SUBNET).values()} == {UNKNOWN}


def test_s3_and_dynamodb_are_always_reached_through_a_gateway_endpoint(graph):
    built = graph()

    assert {name: e.inputs["serviceName"] for name, e in built.of(ENDPOINT).items()} == {
        "main-endpoints-dynamodb": "com.amazonaws.eu-west-1.dynamodb",
        "main-endpoints-s3": "com.amazonaws.eu-west-1.s3",
    }
    for endpoint in built.of(ENDPOINT).values():
        assert endpoint.inputs["vpcEndpointType"] == "Gateway"
        assert sorted(endpoint.inputs["routeTableIds"]) == [
            "main-isolated-id",
            "main-private-1a-id",
            "main-private-1b-id",
        ]
        own = statement(endpoint, "OwnIdentities")
        assert own["Condition"]["StringEquals"] == {
            "aws:PrincipalAccount": "123456789012",
            "aws:ResourceAccount": "123456789012",
        }
    assert built.one(COMPONENT).outputs["endpoint_security_group_id"] == ""


def test_image_layers_come_through_the_s3_endpoint_from_the_registrys_own_bucket(graph):
    layers = statement(graph().one(ENDPOINT, "main-endpoints-s3"), "ImageLayers")

    assert layers["Action"] == "s3:GetObject"
    assert layers["Resource"] == "arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*"
    assert layers["Condition"] == {"StringEquals": {"aws:SourceVpc": "main-vpc-id"}}


def test_interface_endpoints_stand_in_private_subnets_behind_a_group_of_their_own(graph):
    built = graph(interface_endpoints=["logs", "ecr.api"])

    interfaces = {
        name: e
        for name, e in built.of(ENDPOINT).items()
        if e.inputs["vpcEndpointType"] == "Interface"
    }
    assert set(interfaces) == {"main-endpoints-ecr-api", "main-endpoints-logs"}
    for endpoint in interfaces.values():
        assert endpoint.inputs["subnetIds"] == ["main-private-1a-id", "main-private-1b-id"]
        assert endpoint.inputs["securityGroupIds"] == ["main-endpoints-sg-id"]
        assert endpoint.inputs["privateDnsEnabled"] is True
        assert statement(endpoint, "OwnIdentities")["Condition"] == {
            "StringEquals": {"aws:PrincipalAccount": "123456789012"}
        }
    assert interfaces["main-endpoints-ecr-api"].inputs["serviceName"].endswith(".ecr.api")
    assert built.one(COMPONENT).outputs["endpoint_security_group_id"] == "main-endpoints-sg-id"


def test_interface_endpoints_admit_private_subnets_on_https_and_lead_nowhere(graph):
    built = graph(interface_endpoints=["logs"])

    group = built.one("aws:ec2/securityGroup:SecurityGroup", "main-endpoints-sg").inputs
    assert not {"ingress", "egress"} & set(group)
    rules = built.of(INGRESS)
    assert {
        (r.inputs["cidrIpv4"], r.inputs["fromPort"], r.inputs["toPort"]) for r in rules.values()
    } == {
        ("10.0.0.0/20", 443, 443),
        ("10.0.32.0/20", 443, 443),
    }
    assert {(r.inputs["ipProtocol"], r.inputs["securityGroupId"]) for r in rules.values()} == {
        ("tcp", "main-endpoints-sg-id")
    }
    assert all(r.inputs["description"] for r in rules.values())
    assert built.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule") == {}


def test_endpoint_policies_name_actions_that_exist_and_no_wildcard():
    table = json.loads(
        (Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json").read_text()
    )
    actions = {
        a for group in (GATEWAY_ACTIONS, INTERFACE_ACTIONS) for v in group.values() for a in v
    }

    unknown = [
        action
        for action in sorted(actions)
        if action.split(":")[1].lower() not in table[action.split(":")[0]]["Actions"]
    ]
    assert unknown == []
    assert len(actions) > 40


def test_flow_logs_record_everything_in_a_group_that_is_not_kept_for_ever(graph):
    built = graph()

    flow_log = built.one("aws:ec2/flowLog:FlowLog")
    assert flow_log.inputs["trafficType"] == "ALL"
    assert flow_log.inputs["vpcId"] == "main-vpc-id"
    assert flow_log.inputs["logDestination"].endswith(":main-flow-logs-logs")
    assert flow_log.inputs["iamRoleArn"].endswith(":main-flow-logs-role")
    group = built.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert group["retentionInDays"] == 365
    assert "kmsKeyId" not in group
    (policy,) = [u for u in flow_log.dependencies if u.endswith("::main-flow-logs-write")]
    assert built.resources[policy].type == "aws:iam/rolePolicy:RolePolicy"


def test_flow_logs_take_another_retention_and_a_key(graph):
    group = graph(flow_logs_retention_days=14, flow_logs_kms_key_arn="arn:aws:kms:eu:1:key/k").one(
        "aws:cloudwatch/logGroup:LogGroup"
    )
    assert group.inputs["retentionInDays"] == 14
    assert group.inputs["kmsKeyId"] == "arn:aws:kms:eu:1:key/k"


def test_only_this_accounts_flow_logs_may_use_the_role_and_only_to_write_there(graph):
    built = graph()

    trust = statement(built.one("aws:iam/role:Role"), "FlowLogsOfThisAccount", "assumeRolePolicy")
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:ec2:eu-west-1:123456789012:vpc-flow-log/*"},
    }
    policy = built.one("aws:iam/rolePolicy:RolePolicy")
    write = statement(policy, "WriteRecords")
    assert write["Resource"] == "arn:aws:x:eu-west-1:123456789012:main-flow-logs-logs:*"
    everywhere = [
        s["Action"]
        for s in json.loads(policy.inputs["policy"])["Statement"]
        if s["Resource"] == "*"
    ]
    assert everywhere == ["logs:DescribeLogGroups"], "the one action without resource-level support"


def test_flow_logs_can_be_switched_off(graph):
    built = graph(flow_logs=False)

    assert built.of("aws:ec2/flowLog:FlowLog") == built.of("aws:iam/role:Role") == {}
    assert built.one(COMPONENT).outputs["flow_log_group_name"] == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cidr": "10.0.0.0/24"}, "is a /24"),
        ({"zones": ["eu-west-1a"]}, "1 zones given"),
        ({"zones": ["eu-west-1a", "eu-west-1-lhr-1a"]}, "Local and Wavelength Zones"),
        ({"interface_endpoints": ["ec2"]}, "no interface endpoint is defined for 'ec2'"),
        ({"interface_endpoints": ["logs", "logs"]}, "logs is given twice"),
        ({"flow_logs_retention_days": 0}, "for ever"),
    ],
)
def test_what_cannot_work_is_refused(graph, changes, reason):
    with pytest.raises(ValueError, match=reason):
        graph(**changes)


def test_every_mistake_is_named_at_once(graph):
    with pytest.raises(ValueError, match=r"Network 'main'.*not private.*1 zones.*'ec2'"):
        graph(cidr="8.0.0.0/16", zones=["eu-west-1a"], interface_endpoints=["ec2"])


@pytest.mark.parametrize("changes", [{}, EVERYTHING, {"nat": NatStrategy.REGIONAL}])
@pytest.mark.parametrize("preview", [False, True])
def test_every_child_belongs_to_the_component(graph, changes, preview):
    built = graph(preview=preview, **changes)

    strays = [r.urn for r in built if f"{COMPONENT}" not in r.urn.split("::")[2].split("$")]
    assert strays == [], "a child without a parent escapes providers, protection and aliases"


def test_two_networks_share_one_stack(record):
    built = record(
        lambda: (build(**EVERYTHING), build("second", cidr="10.1.0.0/16", **EVERYTHING)),
        answer=answer,
    )
    names = [(r.type, r.name) for r in built]
    assert len(names) == len(set(names))
    crossed = [
        (r.name, urn)
        for r in built.custom
        for urn in r.dependencies
        if built.resources[urn].name.split("-")[0] != r.name.split("-")[0]
    ]
    assert crossed == []


def test_the_callers_tags_and_a_name_reach_every_taggable_child(graph):
    untaggable = {ROUTE, ASSOCIATION, "aws:iam/rolePolicy:RolePolicy"}
    built = graph(tags={"Team": "platform"}, **EVERYTHING)

    tags = {r.name: r.inputs.get("tags", {}) for r in built.custom if r.type not in untaggable}
    assert [name for name, t in tags.items() if t.get("Team") != "platform"] == []
    assert [name for name, t in tags.items() if not t.get("Name", "").startswith("main")] == []


def test_outputs_are_registered_in_the_order_of_the_zones(graph):
    outputs = (
        graph(
            zones=["eu-west-1b", "eu-west-1a"], interface_endpoints=["logs"], nat=NatStrategy.SINGLE
        )
        .one(COMPONENT)
        .outputs
    )

    assert outputs == {
        "vpc_id": "main-vpc-id",
        "vpc_cidr": "10.0.0.0/16",
        "public_subnet_ids": ["main-public-1b-id", "main-public-1a-id"],
        "private_subnet_ids": ["main-private-1b-id", "main-private-1a-id"],
        "isolated_subnet_ids": ["main-isolated-1b-id", "main-isolated-1a-id"],
        "private_route_table_ids": ["main-private-1b-id", "main-private-1a-id"],
        "nat_gateway_ids": ["main-nat-gateway-id"],
        "nat_public_ips": ["main-nat-gateway-ip"],
        "endpoint_security_group_id": "main-endpoints-sg-id",
        "flow_log_group_name": "main-flow-logs-logs",
    }


def test_every_component_registers_its_outputs(graph):
    built = graph(**EVERYTHING)

    for component in (Network, NatGateways, VpcEndpoints, FlowLogs):
        registered = built.one(f"babyrobots:index:{component.__name__}")
        assert set(registered.outputs) == set(component.__annotations__)
        assert registered.outputs_registered


@pytest.mark.parametrize(
    ("component", "required"),
    [
        (Network, ["cidr", "zones", "region", "accountId"]),
        (NatGateways, ["strategy", "region", "zones", "vpcId", "publicSubnetIds"]),
        (
            VpcEndpoints,
            ["vpcId", "region", "accountId", "routeTableIds", "subnetIds", "clientCidrs"],
        ),
        (FlowLogs, ["vpcId", "region", "accountId"]),
    ],
)
def test_it_can_be_published_as_a_package(component, required):
    analyzed = Analyzer("babyrobots").analyze([component])
    schema = analyzed["component_definitions"][component.__name__]

    assert [name for name, prop in schema.inputs.items() if not prop.optional] == required
    assert all(prop.description for prop in (*schema.inputs.values(), *schema.outputs.values()))
    assert schema.description
