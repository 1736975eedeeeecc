"""What the examples of the network rules do not show: each way in, spelling and exception."""

import ipaddress
import json

import pytest
from guardrails import security_groups, subnets, waf
from guardrails.examples import analyze_requests
from guardrails.kinds import (
    BUCKET,
    BUCKET_ACL,
    CACHE_GROUP,
    DB_INSTANCE,
    DEFAULT_SECURITY_GROUP,
    DISTRIBUTION,
    ECS_SERVICE,
    EGRESS_RULE,
    EVENT_TARGET,
    INGRESS_RULE,
    LOAD_BALANCER,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    SUBNET,
    VPC,
    WEB_ACL,
)
from guardrails.pack import NOT_EVALUATED
from guardrails.registry import node
from guardrails.rules import network

from tests.policies.harness import pack_of, through_server
from tests.policies.verdicts import violated

BOTH = pytest.mark.parametrize("known", [True, False], ids=["known", "first-preview"])


@pytest.mark.parametrize(
    ("cidr", "public", "anywhere"),
    [
        ("0.0.0.0/0", True, True),
        ("0.0.0.0/1", True, True),
        ("128.0.0.0/1", True, True),
        ("8.0.0.0/9", True, True),
        ("203.0.113.0/23", True, True),
        ("203.0.113.0/24", True, False),
        ("198.51.100.7/32", True, False),
        ("10.0.0.0/8", False, False),
        ("10.0.0.0/7", True, True),
        ("172.16.0.0/12", False, False),
        ("172.0.0.0/8", True, True),
        ("192.168.1.0/24", False, False),
        ("100.64.0.0/10", False, False),
        ("::/0", True, True),
        ("2000::/3", True, True),
        ("2001:db8::/48", True, False),
        ("fd00::/8", False, False),
    ],
)
def test_what_counts_as_the_internet(cidr, public, anywhere):
    block = ipaddress.ip_network(cidr, strict=False)

    assert security_groups.is_public(block) is public
    assert security_groups.is_anywhere(block) is anywhere


def modern(group: str, **rule):
    return {"securityGroupId": group, "ipProtocol": "tcp", "description": "d", **rule}


EDGE = [
    node("edge", SECURITY_GROUP, {"description": "load balancer", "vpcId": "${vpc.id}"}),
    node("alb", LOAD_BALANCER, {"securityGroups": ["${edge.id}"]}),
    node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
]
ALL_V4 = {"cidrIpv4": "0.0.0.0/0"}


@BOTH
@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ({**ALL_V4, "fromPort": 443, "toPort": 443}, False),
        ({"cidrIpv6": "::/0", "fromPort": 80, "toPort": 80}, False),
        ({**ALL_V4, "fromPort": 443, "toPort": 443, "ipProtocol": "udp"}, False),
        ({**ALL_V4, "fromPort": 3, "toPort": 4, "ipProtocol": "icmp"}, False),
        ({"cidrIpv4": "203.0.113.0/24", "fromPort": 22, "toPort": 22}, False),
        ({"cidrIpv4": "10.0.0.0/8", "ipProtocol": "-1"}, False),
        ({"referencedSecurityGroupId": "sg-1", "ipProtocol": "-1"}, False),
        ({**ALL_V4, "fromPort": 80, "toPort": 443}, True),
        ({**ALL_V4, "fromPort": 8080, "toPort": 8080}, True),
        ({**ALL_V4, "fromPort": 0, "toPort": 65535}, True),
        ({**ALL_V4, "ipProtocol": "-1"}, True),
        ({"cidrIpv6": "::/0", "ipProtocol": "-1"}, True),
        ({"cidrIpv4": "0.0.0.0/1", "fromPort": 22, "toPort": 22}, True),
        ({"cidrIpv6": "2000::/3", "fromPort": 5432, "toPort": 5432}, True),
    ],
)
def test_the_edge_opens_80_and_443_and_nothing_else(judge, rule, broken, known):
    said = judge(
        network.sg_public_ingress,
        node("rule", INGRESS_RULE, modern("${edge.id}", **rule)),
        *EDGE,
        known=known,
    )

    assert violated(said) == (["rule"] if broken else [])


OPEN_SPELLINGS = [
    pytest.param(
        [node("in", INGRESS_RULE, modern("${app.id}", **ALL_V4, fromPort=443, toPort=443))],
        "in",
        {},
        id="rule",
    ),
    pytest.param(
        [
            node(
                "in",
                SECURITY_GROUP_RULE,
                {
                    "type": "ingress",
                    "securityGroupId": "${app.id}",
                    "protocol": "tcp",
                    "fromPort": 443,
                    "toPort": 443,
                    "cidrBlocks": ["10.0.0.0/8", "0.0.0.0/0"],
                },
            )
        ],
        "in",
        {},
        id="old rule",
    ),
    pytest.param(
        [],
        "app",
        {
            "ingress": [
                {"protocol": "tcp", "fromPort": 443, "toPort": 443, "ipv6CidrBlocks": ["::/0"]}
            ]
        },
        id="in the group",
    ),
]


@BOTH
@pytest.mark.parametrize(("rules", "offender", "inline"), OPEN_SPELLINGS)
def test_443_is_for_groups_of_a_load_balancer_however_the_rule_is_written(
    judge, rules, offender, inline, known
):
    group = node("app", SECURITY_GROUP, {"description": "tasks", **inline})
    inside = node("alb", LOAD_BALANCER, {"securityGroups": ["${app.id}"], "internal": True})

    closed = judge(network.sg_public_ingress, group, *rules, known=known)
    internal = judge(network.sg_public_ingress, group, inside, *rules, known=known)
    edge = judge(
        network.sg_public_ingress,
        group,
        node("alb", "aws:alb/loadBalancer:LoadBalancer", {"securityGroups": ["${app.id}"]}),
        *rules,
        known=known,
    )

    assert violated(closed) == [offender]
    assert violated(internal) == [offender]
    assert edge == []


def test_a_group_of_elsewhere_must_be_named_to_be_open():
    rule = node("in", INGRESS_RULE, modern("sg-1", **ALL_V4, fromPort=443, toPort=443))
    runner = through_server(pack_of(network.sg_public_ingress))

    assert violated(runner.run([rule])) == ["in"]
    runner.configure({"net-sg-public-ingress": {"edgeSecurityGroups": ["sg-1"]}})
    assert runner.run([rule]) == []


def test_a_rule_with_a_wrong_cidr_hides_no_other(judge):
    group = node(
        "app",
        SECURITY_GROUP,
        {
            "ingress": [
                {"protocol": "tcp", "fromPort": 1, "toPort": 2, "cidrBlocks": ["everywhere"]},
                {"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]},
            ]
        },
    )

    said = judge(network.sg_public_ingress, group)

    assert {s.policy for s in said} == {NOT_EVALUATED, "net-sg-public-ingress"}


@BOTH
def test_the_default_group_is_adopted_emptied_and_left_empty(judge, known):
    said = judge(
        network.default_sg_closed,
        node("bare", VPC, {"cidrBlock": "10.0.0.0/16"}),
        node("vpc", VPC, {"cidrBlock": "10.1.0.0/16"}),
        node(
            "open", DEFAULT_SECURITY_GROUP, {"vpcId": "${vpc.id}", "egress": [{"protocol": "-1"}]}
        ),
        node("vpc2", VPC, {"cidrBlock": "10.2.0.0/16"}),
        node("reopened", DEFAULT_SECURITY_GROUP, {"vpcId": "${vpc2.id}"}),
        node("rule", INGRESS_RULE, modern("${reopened.id}", **ALL_V4, fromPort=443, toPort=443)),
        known=known,
    )

    assert sorted(violated(said)) == ["bare", "open", "reopened"]


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        (EVENT_TARGET, {"ecsTarget": {"networkConfiguration": {"assignPublicIp": True}}}),
        (
            network.SCHEDULE,
            {"target": {"ecsParameters": {"networkConfiguration": {"assignPublicIp": True}}}},
        ),
    ],
)
def test_scheduled_tasks_are_private_too(judge, kind, properties):
    assert judge(network.ecs_no_public_ip, node("job", kind, properties))
    assert not judge(network.ecs_no_public_ip, node("job", kind, {}))


def data(**properties):
    return [
        node("data", SECURITY_GROUP, {"vpcId": "${vpc.id}", **properties}),
        node("app", SECURITY_GROUP, {"vpcId": "${vpc.id}"}),
        *EDGE,
        node(
            "app-in",
            INGRESS_RULE,
            modern("${app.id}", referencedSecurityGroupId="${edge.id}", fromPort=8080, toPort=8080),
        ),
    ]


STORES = [
    node("orders", DB_INSTANCE, {"vpcSecurityGroupIds": ["${data.id}"]}),
    node("sessions", CACHE_GROUP, {"securityGroupIds": ["${data.id}"]}),
]
ONE_PORT = {"fromPort": 5432, "toPort": 5432}


@BOTH
@pytest.mark.parametrize("store", STORES, ids=lambda s: s.name)
@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({"referencedSecurityGroupId": "${app.id}", **ONE_PORT}, None),
        ({"referencedSecurityGroupId": "${data.id}", **ONE_PORT}, None),
        ({"cidrIpv4": "10.0.3.0/24", **ONE_PORT}, None),
        (
            {"cidrIpv4": "203.0.113.7/32", **ONE_PORT},
            "internet (203.0.113.7/32, tcp, 5432) -> data",
        ),
        ({"cidrIpv4": "10.0.0.0/16", **ONE_PORT}, "everything in the VPC"),
        ({"cidrIpv4": "10.0.0.0/8", **ONE_PORT}, "everything in the VPC"),
        ({"cidrIpv4": "10.0.128.0/17", **ONE_PORT}, "everything in the VPC"),
        ({"prefixListId": "pl-1", **ONE_PORT}, "addresses of a prefix list"),
        (
            {"referencedSecurityGroupId": "${edge.id}", **ONE_PORT},
            "internet -> load balancer alb -> edge (tcp, 5432) -> data -> ",
        ),
        ({"referencedSecurityGroupId": "${app.id}", "ipProtocol": "-1"}, "more than the engine's"),
        (
            {"referencedSecurityGroupId": "${app.id}", "fromPort": 1, "toPort": 9999},
            "more than the engine's port",
        ),
    ],
)
def test_only_the_application_reaches_data_and_the_path_is_printed(judge, store, rule, path, known):
    said = judge(
        network.no_internet_path_to_data,
        *data(),
        store,
        node("rule", INGRESS_RULE, modern("${data.id}", **rule)),
        known=known,
    )

    assert violated(said) == (["rule"] if path else [])
    if path:
        assert path in said[0].message
        assert f"data -> {store.name}" in said[0].message


@BOTH
def test_a_client_that_is_itself_on_the_internet_is_a_path(judge, known):
    said = judge(
        network.no_internet_path_to_data,
        *data(),
        STORES[0],
        node("ssh", INGRESS_RULE, modern("${host.id}", **ALL_V4, fromPort=22, toPort=22)),
        node("host", SECURITY_GROUP, {"vpcId": "${vpc.id}"}),
        node(
            "from-host",
            INGRESS_RULE,
            modern("${data.id}", referencedSecurityGroupId="${host.id}", **ONE_PORT),
        ),
        known=known,
    )

    assert violated(said) == ["from-host"]
    assert "internet (0.0.0.0/0, tcp, 22) -> host (tcp, 5432) -> data -> orders" in said[0].message


@BOTH
def test_rules_inside_the_group_are_followed_as_well(judge, known):
    said = judge(
        network.no_internet_path_to_data,
        *data(
            ingress=[
                {
                    "protocol": "tcp",
                    "fromPort": 5432,
                    "toPort": 5432,
                    "securityGroups": ["${edge.id}"],
                }
            ]
        ),
        STORES[0],
        known=known,
    )

    assert violated(said) == ["data"]


def test_a_store_without_a_group_of_its_own_is_in_the_default_one(judge):
    said = judge(
        network.no_internet_path_to_data,
        node("orders", DB_INSTANCE, {}),
        node("member", "aws:elasticache/cluster:Cluster", {"replicationGroupId": "group"}),
    )

    assert violated(said) == ["orders"]


def subnet_example(*routes, table="table", association=True):
    return [
        node("orders", DB_INSTANCE, {"dbSubnetGroupName": "${group.name}"}),
        node("group", network.DB_SUBNET_GROUP, {"subnetIds": ["${a.id}"]}),
        node("a", SUBNET, {"vpcId": "${vpc.id}"}),
        node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
        node("table", subnets.ROUTE_TABLE, {"vpcId": "${vpc.id}"}),
        node("internet", subnets.INTERNET_GATEWAY, {"vpcId": "${vpc.id}"}),
        node("nat", "aws:ec2/natGateway:NatGateway", {}),
        *(
            [
                node(
                    "a-table",
                    subnets.ASSOCIATION,
                    {"subnetId": "${a.id}", "routeTableId": f"${{{table}.id}}"},
                )
            ]
            if association
            else []
        ),
        *routes,
    ]


TO_INTERNET = {"destinationCidrBlock": "0.0.0.0/0", "gatewayId": "${internet.id}"}


@BOTH
@pytest.mark.parametrize(
    ("example", "broken"),
    [
        (subnet_example(), False),
        (
            subnet_example(
                node(
                    "r", subnets.ROUTE, {"routeTableId": "${table.id}", "natGatewayId": "${nat.id}"}
                )
            ),
            False,
        ),
        (
            subnet_example(
                node("r", subnets.ROUTE, {"routeTableId": "${table.id}", **TO_INTERNET})
            ),
            True,
        ),
        (
            subnet_example(
                node("r", subnets.ROUTE, {"routeTableId": "${table.id}", "gatewayId": "igw-123"})
            ),
            True,
        ),
        (
            subnet_example(
                node(
                    "inline",
                    subnets.ROUTE_TABLE,
                    {"routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "${internet.id}"}]},
                ),
                table="inline",
            ),
            True,
        ),
        (
            subnet_example(
                node(
                    "main",
                    subnets.MAIN_ASSOCIATION,
                    {"vpcId": "${vpc.id}", "routeTableId": "${table.id}"},
                ),
                node("r", subnets.ROUTE, {"routeTableId": "${table.id}", **TO_INTERNET}),
                association=False,
            ),
            True,
        ),
        (
            subnet_example(
                node(
                    "default",
                    subnets.DEFAULT_ROUTE_TABLE,
                    {
                        "defaultRouteTableId": "${vpc.defaultRouteTableId}",
                        "routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "${internet.id}"}],
                    },
                ),
                association=False,
            ),
            True,
        ),
    ],
)
def test_the_routes_of_a_data_subnet_are_followed(judge, example, broken, known):
    said = judge(network.data_subnets_private, *example, known=known)

    assert violated(said) == (["group"] if broken else [])


@BOTH
def test_a_subnet_id_that_comes_by_way_of_its_association_is_followed(judge, known):
    example = subnet_example(
        node("r", subnets.ROUTE, {"routeTableId": "${table.id}", **TO_INTERNET})
    )
    by_way = node("group", network.DB_SUBNET_GROUP, {"subnetIds": ["${a-table.subnetId}"]})
    nodes = [by_way if n.name == "group" else n for n in example]
    if known:  # what the made-up attribute would resolve to
        nodes = [
            node("group", network.DB_SUBNET_GROUP, {"subnetIds": ["a-id"]})
            if n.name == "group"
            else n
            for n in nodes
        ]

    assert violated(judge(network.data_subnets_private, *nodes, known=known)) == ["group"]


def test_data_without_a_subnet_group_is_in_the_default_vpc(judge):
    said = judge(
        network.data_subnets_private,
        node("orders", DB_INSTANCE, {}),
        node("sessions", CACHE_GROUP, {}),
        node("replica", DB_INSTANCE, {"replicateSourceDb": "orders"}),
    )

    assert violated(said) == ["orders", "sessions"]


@BOTH
@pytest.mark.parametrize(
    ("acl", "admits", "broken"),
    [
        ({"webAclId": "arn:acl"}, {"prefixListId": "pl-1"}, False),
        ({}, {"prefixListId": "pl-1"}, True),
        ({"webAclId": "arn:acl"}, {"cidrIpv4": "0.0.0.0/0"}, True),
    ],
)
def test_a_balancer_without_acl_must_be_reached_by_a_guarded_distribution_only(
    judge, acl, admits, broken, known
):
    said = judge(
        network.alb_has_waf,
        *EDGE,
        node("in", INGRESS_RULE, modern("${edge.id}", fromPort=443, toPort=443, **admits)),
        node("cdn", DISTRIBUTION, acl),
        known=known,
    )

    assert violated(said) == (["alb"] if broken else [])


def test_only_application_load_balancers_on_the_internet_need_an_acl(judge):
    said = judge(
        network.alb_has_waf,
        node("nlb", LOAD_BALANCER, {"loadBalancerType": "network"}),
        node("inside", LOAD_BALANCER, {"internal": True}),
    )

    assert said == []


def managed(name, action="None"):
    return {
        "Name": name,
        "OverrideAction": {action: {}},
        "Statement": {"ManagedRuleGroupStatement": {"Name": name, "VendorName": "AWS"}},
    }


COMMON, BAD_INPUTS = network._COMMON, network._BAD_INPUTS
RATE = {"Name": "rate", "Action": {"Block": {}}, "Statement": {"RateBasedStatement": {"Limit": 9}}}


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ([RATE, managed(COMMON), managed(BAD_INPUTS)], None),
        ([RATE, managed(COMMON), managed(BAD_INPUTS), managed("Other", "Count")], None),
        ([], "has no rules"),
        ([managed(COMMON), managed(BAD_INPUTS)], "no rate-based rule"),
        ([RATE, managed(COMMON)], f"lacks {BAD_INPUTS}"),
        ([RATE, managed(COMMON, "Count"), managed(BAD_INPUTS)], f"only counts what {COMMON}"),
        (
            [{**RATE, "Action": {"Count": {}}}, managed(COMMON), managed(BAD_INPUTS)],
            "rate-based rule rate only counts",
        ),
    ],
)
def test_rules_written_as_json_are_read_like_the_others(judge, rules, problem):
    said = judge(network.waf_effective, node("acl", WEB_ACL, {"ruleJson": json.dumps(rules)}))

    assert violated(said) == (["acl"] if problem else [])
    if problem:
        assert problem in said[0].message


@BOTH
def test_rules_as_resources_of_their_own_count(judge, known):
    said = judge(
        network.waf_effective,
        node("acl", WEB_ACL, {"scope": "REGIONAL"}),
        node(
            "common",
            waf.GROUP_ASSOCIATION,
            {
                "webAclArn": "${acl.arn}",
                "managedRuleGroup": {"name": COMMON, "vendorName": "AWS"},
                "overrideAction": "none",
            },
        ),
        node(
            "inputs",
            waf.RULE,
            {"webAclArn": "${acl.arn}", **network._managed(BAD_INPUTS)},
        ),
        node(
            "limits",
            waf.RULE,
            {
                "webAclArn": "${acl.arn}",
                "name": "limits",
                "overrideAction": {"none": {}},
                "statement": {"ruleGroupReferenceStatement": {"arn": "${group.arn}"}},
            },
        ),
        node("group", waf.RULE_GROUP, {"rules": [network._RATE]}),
        known=known,
    )

    assert said == []


def test_a_group_association_that_counts_is_found(judge):
    said = judge(
        network.waf_effective,
        node("acl", WEB_ACL, {"rules": [network._RATE, network._managed(BAD_INPUTS)]}),
        node(
            "common",
            waf.GROUP_ASSOCIATION,
            {
                "webAclArn": "${acl.arn}",
                "managedRuleGroup": {"name": COMMON},
                "overrideAction": "count",
            },
        ),
    )

    assert violated(said) == ["acl"]


def test_rules_that_are_not_known_yet_are_not_called_missing(judge):
    said = judge(
        network.waf_effective,
        node("acl", WEB_ACL, {"ruleJson": "${set.arn}"}),
        node("set", "aws:wafv2/ipSet:IpSet", {}),
        known=False,
    )

    assert {s.policy for s in said} == {NOT_EVALUATED}


@BOTH
@pytest.mark.parametrize(
    ("origin", "extra"),
    [
        ({"domainName": "${alb.dnsName}"}, []),
        (
            {"domainName": "origin.example.com"},
            [
                node(
                    "record",
                    network.RECORD,
                    {"name": "origin.example.com", "aliases": [{"name": "${alb.dnsName}"}]},
                )
            ],
        ),
    ],
)
def test_a_balancer_behind_a_distribution_admits_nobody_else(judge, origin, extra, known):
    cdn = node("cdn", DISTRIBUTION, {"origins": [origin]})
    everyone = node("in", INGRESS_RULE, modern("${edge.id}", **ALL_V4, fromPort=443, toPort=443))
    cloudfront = node(
        "in", INGRESS_RULE, modern("${edge.id}", prefixListId="pl-1", fromPort=443, toPort=443)
    )

    walked = judge(network.alb_only_from_cloudfront, *EDGE, cdn, everyone, *extra, known=known)
    closed = judge(network.alb_only_from_cloudfront, *EDGE, cdn, cloudfront, *extra, known=known)
    alone = judge(network.alb_only_from_cloudfront, *EDGE, everyone, *extra, known=known)

    assert violated(walked) == ["alb"]
    assert closed == []
    assert alone == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"dropInvalidHeaderFields": True}),
        (
            {"dropInvalidHeaderFields": True, "desyncMitigationMode": "monitor"},
            {"dropInvalidHeaderFields": True, "desyncMitigationMode": "defensive"},
        ),
        ({"loadBalancerType": "network"}, None),
        ({"dropInvalidHeaderFields": True}, None),
    ],
)
def test_a_load_balancer_is_hardened_on_the_way(before, after):
    runner = through_server(pack_of(network.alb_hardened))
    request = analyze_requests([node("alb", LOAD_BALANCER, before)])[0]

    remediations = runner.servicer.Remediate(request, None).remediations

    changed = [r for r in remediations if r.properties.fields]
    assert [dict(r.properties) for r in changed] == ([{**before, **after}] if after else [])


@pytest.mark.parametrize(
    "node_",
    [
        node("acl", BUCKET_ACL, {"acl": "public-read"}),
        node("acl", BUCKET_ACL, {"acl": "authenticated-read"}),
        node(
            "acl",
            BUCKET_ACL,
            {
                "accessControlPolicy": {
                    "grants": [
                        {"grantee": {"uri": "http://acs.amazonaws.com/groups/global/AllUsers"}}
                    ]
                }
            },
        ),
        node("acl", "aws:s3/bucketAclV2:BucketAclV2", {"acl": "public-read-write"}),
    ],
)
def test_each_public_acl_is_found(judge, node_):
    assert violated(judge(network.s3_public_access_block, node_)) == ["acl"]


def test_log_delivery_is_not_everyone(judge):
    acl = node(
        "acl",
        BUCKET_ACL,
        {
            "accessControlPolicy": {
                "grants": [{"grantee": {"uri": "http://acs.amazonaws.com/groups/s3/LogDelivery"}}]
            }
        },
    )

    assert judge(network.s3_public_access_block, acl) == []


def test_each_switch_of_the_block_counts(judge):
    for switch in network._SWITCHES:
        said = judge(
            network.s3_public_access_block,
            node("assets", BUCKET),
            node(
                "block",
                network.PUBLIC_ACCESS_BLOCK,
                {"bucket": "${assets.id}", **dict.fromkeys(network._SWITCHES, True), switch: False},
            ),
        )
        assert switch in said[0].message


@pytest.mark.parametrize(
    ("origin", "level"),
    [
        ({"domainName": "a.s3.amazonaws.com", "originAccessControlId": "E1"}, None),
        ({"domainName": "a.example.com", "customOriginConfig": {"httpPort": 80}}, None),
        ({"domainName": "alb.internal", "vpcOriginConfig": {"vpcOriginId": "vo_1"}}, None),
        ({"domainName": "a.s3.amazonaws.com"}, "mandatory"),
        (
            {
                "domainName": "a.s3.amazonaws.com",
                "s3OriginConfig": {"originAccessIdentity": "origin-access-identity/cloudfront/E1"},
            },
            "advisory",
        ),
        (
            {
                "domainName": "abc.lambda-url.eu-west-1.on.aws",
                "customOriginConfig": {"httpPort": 80},
            },
            "mandatory",
        ),
    ],
)
def test_buckets_and_functions_behind_a_distribution_are_closed(judge, origin, level):
    said = judge(network.cloudfront_oac, node("cdn", DISTRIBUTION, {"origins": [origin]}))

    assert [s.level for s in said] == ([level] if level else [])


def test_a_group_whose_outputs_repeat_its_rule_resources_is_not_in_conflict(judge):
    https = {"cidrIpv4": "0.0.0.0/0", "fromPort": 443, "toPort": 443}
    rule = node("https", EGRESS_RULE, modern("${group.id}", **https))
    repeated = {
        "protocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "cidrBlocks": ["0.0.0.0/0"],
        "description": "d",
        "self": False,
    }

    same = judge(
        network.sg_no_rule_conflict, node("group", SECURITY_GROUP, {"egress": [repeated]}), rule
    )
    other = judge(
        network.sg_no_rule_conflict,
        node("group", SECURITY_GROUP, {"egress": [{**repeated, "toPort": 444}]}),
        rule,
    )

    assert same == []
    assert violated(other) == ["group"]


def test_two_kinds_of_rule_resources_are_in_conflict(judge):
    said = judge(
        network.sg_no_rule_conflict,
        node("group", SECURITY_GROUP, {"description": "d"}),
        node("new", EGRESS_RULE, modern("${group.id}", **ALL_V4, fromPort=443, toPort=443)),
        node(
            "old",
            SECURITY_GROUP_RULE,
            {"securityGroupId": "${group.id}", "type": "egress", "protocol": "-1"},
        ),
    )

    assert violated(said) == ["group"]


def entry(number, action="allow", **properties):
    return {
        "ruleNo": number,
        "action": action,
        "protocol": "tcp",
        "cidrBlock": "0.0.0.0/0",
        "fromPort": 22,
        "toPort": 22,
        **properties,
    }


@pytest.mark.parametrize(
    ("entries", "broken"),
    [
        ([entry(100)], True),
        ([entry(100, protocol="-1", fromPort=0, toPort=0)], True),
        ([entry(100), entry(90, "deny")], False),
        ([entry(90), entry(100, "deny")], True),
        ([entry(100, cidrBlock="10.0.0.0/8")], False),
        ([entry(100, fromPort=443, toPort=443)], False),
        ([entry(100, protocol="udp")], False),
    ],
)
def test_the_first_entry_that_matches_decides(judge, entries, broken):
    acl = node("acl", network.NETWORK_ACL, {"ingress": entries})

    assert bool(judge(network.nacl_no_admin_ports, acl)) is broken


@BOTH
def test_outside_production_only_the_free_endpoint_is_asked_for(judge, known):
    example = [
        node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
        node("a", SUBNET, {"vpcId": "${vpc.id}"}),
        node("api", ECS_SERVICE, {"networkConfiguration": {"subnets": ["${a.id}"]}}),
        node("empty", VPC, {"cidrBlock": "10.1.0.0/16"}),
        node(
            "s3",
            network.VPC_ENDPOINT,
            {"vpcId": "${vpc.id}", "serviceName": "com.amazonaws.eu-west-1.s3"},
        ),
    ]

    assert judge(network.vpc_endpoints, *example, profile="staging", known=known) == []
    said = judge(network.vpc_endpoints, *example, profile="production", known=known)
    assert violated(said) == ["vpc"]


def test_a_blocked_region_needs_an_exclusion_for_its_load_balancers(judge):
    said = judge(
        network.vpc_block_public_access,
        node(
            "block",
            network.BLOCK_PUBLIC_ACCESS,
            {"internetGatewayBlockMode": "block-bidirectional"},
        ),
        node("alb", LOAD_BALANCER),
    )

    assert violated(said) == ["block"]


def test_the_ports_of_engines_are_reported_where_somebody_asks():
    runner = through_server(pack_of(network.db_non_default))
    store = [node("orders", DB_INSTANCE, {"engine": "postgres", "username": "orders_owner"})]

    assert runner.run(store) == []
    runner.configure({"net-db-non-default": {"checkPorts": True, "enforcementLevel": "advisory"}})
    assert "5432" in runner.run(store)[0].message


@pytest.mark.parametrize(
    ("ports", "broken"),
    [
        ({"ipProtocol": "-1"}, True),
        ({"fromPort": 0, "toPort": 65535}, True),
        ({"fromPort": 1, "toPort": 65535}, True),
        ({"fromPort": 2, "toPort": 65535}, False),
        ({"fromPort": 0, "toPort": 65534}, False),
        ({"fromPort": 443, "toPort": 443}, False),
    ],
)
def test_what_counts_as_every_port(judge, ports, broken):
    rule = node("out", EGRESS_RULE, modern("sg-1", **{**ALL_V4, **ports}))

    assert bool(judge(network.sg_egress, rule)) is broken


def test_a_group_whose_outputs_repeat_a_rule_between_groups_is_not_in_conflict(judge):
    rule = node(
        "in",
        INGRESS_RULE,
        modern("${group.id}", referencedSecurityGroupId="sg-client", fromPort=80, toPort=80),
    )
    old = node(
        "in",
        SECURITY_GROUP_RULE,
        {
            "type": "ingress",
            "securityGroupId": "${group.id}",
            "sourceSecurityGroupId": "sg-client",
            "protocol": "tcp",
            "fromPort": 80,
            "toPort": 80,
        },
    )
    repeated = {"protocol": "tcp", "fromPort": 80, "toPort": 80, "securityGroups": ["sg-client"]}

    def conflict(separate, *clients):
        inline = {**repeated, "securityGroups": list(clients)}
        group = node("group", SECURITY_GROUP, {"ingress": [inline]})
        return violated(judge(network.sg_no_rule_conflict, group, separate))

    assert conflict(rule, "sg-client") == []
    assert conflict(old, "sg-client") == []
    assert conflict(rule, "sg-other") == ["group"]
    assert conflict(old, "sg-client", "sg-other") == ["group"]
