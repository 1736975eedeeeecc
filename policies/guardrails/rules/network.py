"""Who can reach what?"""

import re
from collections.abc import Iterator

from guardrails import security_groups, subnets, waf
from guardrails.checks import for_each
from guardrails.draft import Draft
from guardrails.evaluation import Report
from guardrails.kinds import (
    BUCKET,
    BUCKET_ACL,
    CACHE_CLUSTER,
    CACHE_GROUP,
    CACHE_SERVERLESS,
    DB_CLUSTER,
    DB_CLUSTER_INSTANCE,
    DB_INSTANCE,
    DEFAULT_SECURITY_GROUP,
    DISTRIBUTION,
    ECS_SERVICE,
    EGRESS_RULE,
    EVENT_TARGET,
    FUNCTION,
    INGRESS_RULE,
    LOAD_BALANCER,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    SUBNET,
    VPC,
    WEB_ACL,
)
from guardrails.registry import (
    ADVICE,
    ALWAYS,
    CRITICAL,
    FIX,
    Option,
    Rule,
    Severity,
    anchors,
    node,
    rule,
)
from guardrails.resources import Resource, Stack
from guardrails.security_groups import Network, Opening
from guardrails.values import View, is_unknown

DEFAULT_SUBNET = "aws:ec2/defaultSubnet:DefaultSubnet"
DEFAULT_VPC = "aws:ec2/defaultVpc:DefaultVpc"
PUBLIC_ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"
NETWORK_ACL = "aws:ec2/networkAcl:NetworkAcl"
NETWORK_ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
RECORD = "aws:route53/record:Record"
SCHEDULE = "aws:scheduler/schedule:Schedule"
SSM_DOCUMENT = "aws:ssm/document:Document"
TASK_SET = "aws:ecs/taskSet:TaskSet"
VPC_ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
WEB_ACL_ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
DB_SUBNET_GROUP = "aws:rds/subnetGroup:SubnetGroup"
CACHE_SUBNET_GROUP = "aws:elasticache/subnetGroup:SubnetGroup"

_WITH_GROUP = {"securityGroupId": "${group.id}", "description": "example"}


@for_each(INGRESS_RULE, SECURITY_GROUP_RULE, SECURITY_GROUP)
def _nothing_but_the_edge_is_open(stack: Stack, report: Report, holder: Resource) -> None:
    for opening in security_groups.openings(holder):
        if not opening.ingress:
            continue
        with report.attempt():
            for network in opening.networks:
                if security_groups.is_anywhere(network):
                    _judge_open(stack, report, opening, network)


def _judge_open(stack: Stack, report: Report, opening: Opening, network: Network) -> None:
    allowed = {int(port) for port in report.option("ports")}
    low, high = opening.ports
    icmp = opening.protocol.startswith("icmp")
    if not icmp and (opening.protocol == "-1" or not {low, high} <= allowed or high - low > 1):
        report(f"{opening.where} is open to {network}")
        return
    named = set(report.option("edgeSecurityGroups"))
    owners = opening.owners(stack)
    edge = security_groups.edges(stack)
    literal = opening.holder.get("securityGroupId")
    if not owners and not is_unknown(literal) and literal in named:
        return
    if not owners or any(o.urn not in edge and o.name not in named for o in owners):
        report(
            f"{opening.where} is open to {network}, though the group is not one of an "
            "internet-facing load balancer"
        )


sg_public_ingress = rule(
    id="net-sg-public-ingress",
    title="Only a load balancer is open to the internet, and only on 80 and 443.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(INGRESS_RULE, SECURITY_GROUP_RULE, SECURITY_GROUP),
    condition="ingress from public addresses wider than a /24 (IPv6: /48), on another port than 80 "
    "or 443, on every protocol, or into a group that no internet-facing load balancer has",
    exceptions="groups of an internet-facing load balancer, or named in edgeSecurityGroups",
    fix="referenced_security_group_id=client.id in place of the CIDR",
    url="https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html#ec2-18",
    anchors=anchors(
        fsbp="EC2.18 EC2.19",
        cis="5.2 5.3",
        checkov="CKV_AWS_24 CKV_AWS_25 CKV_AWS_260 CKV_AWS_277",
        cdk_nag="AwsSolutions-EC23",
        prowler="ec2_securitygroup_allow_ingress_from_internet_to_any_port "
        "ec2_securitygroup_allow_wide_open_public_ipv4",
        cfn_guard="ec2_security_group_ingress_open_to_world_rule",
        trivy="AWS-0107",
        pulumi="aws-ec2-securitygroup-disallow-public-internet-ingress",
    ),
    options={
        "ports": Option(
            type="array", default=["80", "443"], description="Ports that an edge may open."
        ),
        "edgeSecurityGroups": Option(
            type="array",
            default=[],
            description="Names (or, for imported ones, ids) of further groups that face the "
            "internet.",
        ),
    },
    stack_check=_nothing_but_the_edge_is_open,
    passes=[
        node(
            "https",
            INGRESS_RULE,
            {
                **_WITH_GROUP,
                "cidrIpv4": "0.0.0.0/0",
                "ipProtocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
            },
        ),
        node("group", SECURITY_GROUP, {"description": "load balancer"}),
        node("alb", LOAD_BALANCER, {"securityGroups": ["${group.id}"]}),
    ],
    violates=[
        node(
            "postgres",
            INGRESS_RULE,
            {
                **_WITH_GROUP,
                "cidrIpv4": "0.0.0.0/1",
                "ipProtocol": "tcp",
                "fromPort": 5432,
                "toPort": 5432,
            },
        ),
        node("group", SECURITY_GROUP, {"description": "database"}),
    ],
)


@for_each(VPC)
def _default_group_is_adopted(stack: Stack, report: Report, vpc: Resource) -> None:
    if not stack.sources(vpc, "vpcId", DEFAULT_SECURITY_GROUP):
        report("has no DefaultSecurityGroup that empties its default group")


@for_each(DEFAULT_SECURITY_GROUP)
def _default_group_is_empty(stack: Stack, report: Report, group: Resource) -> None:
    written = [key for key in ("ingress", "egress") if group.items(key)]
    if written:
        report(f"has {' and '.join(written)} rules")
    for holder in security_groups.holders_of(stack, group):
        report(f"is opened again by {holder.name}")


default_sg_closed = rule(
    id="net-default-sg-closed",
    title="A VPC's default security group lets nothing through.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(VPC, DEFAULT_SECURITY_GROUP),
    condition="a VPC without a DefaultSecurityGroup, or one that has a rule",
    exceptions="VPCs of another stack",
    fix="aws.ec2.DefaultSecurityGroup(vpc_id=vpc.id, ingress=[], egress=[])",
    url="https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html",
    anchors=anchors(
        fsbp="EC2.2",
        cis="5.4",
        checkov="CKV2_AWS_12",
        cdk_nag="VPCDefaultSecurityGroupClosed",
        prowler="ec2_securitygroup_default_restrict_traffic",
        trivy="AWS-0173",
    ),
    stack_check=(_default_group_is_adopted, _default_group_is_empty),
    passes=[
        node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
        node(
            "closed",
            DEFAULT_SECURITY_GROUP,
            {"vpcId": "${vpc.id}", "ingress": [], "egress": []},
        ),
    ],
    violates=[
        node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
        node("group", SECURITY_GROUP, {"vpcId": "${vpc.id}"}),
    ],
)


def _gives_no_public_address(resource: Resource, report: Report) -> None:
    if resource.kind != SUBNET:
        report("adopts what AWS made for everyone: every subnet of it is public")
    elif resource.flag("mapPublicIpOnLaunch"):
        report("mapPublicIpOnLaunch is true: whatever starts here is on the internet")


subnet_no_auto_public_ip = rule(
    id="net-subnet-no-auto-public-ip",
    title="No subnet hands out public addresses by itself.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(SUBNET, DEFAULT_SUBNET, DEFAULT_VPC),
    condition="`mapPublicIpOnLaunch` is true, or the account's default VPC or subnet is used",
    exceptions="none: load balancers and NAT gateways get their addresses without it",
    fix="map_public_ip_on_launch=False",
    url="https://docs.aws.amazon.com/vpc/latest/userguide/subnet-public-ip.html",
    anchors=anchors(
        fsbp="EC2.15",
        checkov="CKV_AWS_130 CKV_AWS_148",
        cdk_nag="VPCSubnetAutoAssignPublicIpDisabled",
        prowler="vpc_subnet_no_public_ip_by_default",
        cfn_guard="subnet_auto_assign_public_ip_disabled",
        trivy="AWS-0164 AWS-0101",
    ),
    check=_gives_no_public_address,
    passes=[node("public-a", SUBNET, {"cidrBlock": "10.0.0.0/24", "mapPublicIpOnLaunch": False})],
    violates=[node("public-a", SUBNET, {"cidrBlock": "10.0.0.0/24", "mapPublicIpOnLaunch": True})],
)

_PUBLIC_IP = {
    ECS_SERVICE: "networkConfiguration.assignPublicIp",
    TASK_SET: "networkConfiguration.assignPublicIp",
    EVENT_TARGET: "ecsTarget.networkConfiguration.assignPublicIp",
    SCHEDULE: "target.ecsParameters.networkConfiguration.assignPublicIp",
}


def _tasks_are_private(resource: Resource, report: Report) -> None:
    path = _PUBLIC_IP[resource.kind]
    if resource.flag(path) and not report.option("allowPublicTasks"):
        report(f"{path} is true: each task gets an address on the internet")


ecs_no_public_ip = rule(
    id="net-ecs-no-public-ip",
    title="Tasks have no public address.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(ECS_SERVICE, TASK_SET, EVENT_TARGET, SCHEDULE),
    condition="`assignPublicIp` is true, of a service, a task set or a scheduled task",
    exceptions="stages without NAT gateway: option allowPublicTasks",
    fix='network_configuration={"assign_public_ip": False, "subnets": private_subnet_ids, ...}',
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html",
    anchors=anchors(
        fsbp="ECS.2 ECS.16",
        checkov="CKV_AWS_333",
        prowler="ecs_service_no_assign_public_ip",
    ),
    options={
        "allowPublicTasks": Option(
            type="boolean",
            default=False,
            description="Whether tasks may have public addresses, where there is no NAT gateway.",
        )
    },
    check=_tasks_are_private,
    passes=[
        node(
            "api",
            ECS_SERVICE,
            {"networkConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": False}},
        )
    ],
    violates=[
        node(
            "api",
            ECS_SERVICE,
            {"networkConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": True}},
        )
    ],
)


def _database_is_private(database: Resource, report: Report) -> None:
    if database.flag("publiclyAccessible"):
        report("publiclyAccessible is true: the database gets an address on the internet")


db_not_public = rule(
    id="net-db-not-public",
    title="A database has no public address.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(DB_INSTANCE, DB_CLUSTER, DB_CLUSTER_INSTANCE),
    condition="`publiclyAccessible` is true",
    fix="publicly_accessible=False; reach it from a task, or through SSM port forwarding",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    anchors=anchors(
        fsbp="RDS.2",
        cis="2.3.3",
        checkov="CKV_AWS_17",
        cdk_nag="RDSInstancePublicAccess",
        prowler="rds_instance_no_public_access",
        cfn_guard="rds_instance_public_access_check",
        trivy="AWS-0180",
        pulumi="rds-instance-public-access aws-rds-instance-disallow-public-access",
    ),
    check=_database_is_private,
    passes=[node("orders", DB_INSTANCE, {"engine": "postgres", "publiclyAccessible": False})],
    violates=[node("orders", DB_INSTANCE, {"engine": "postgres", "publiclyAccessible": True})],
)


@for_each(*security_groups.DATA_STORES)
def _only_the_application_reaches_data(stack: Stack, report: Report, store: Resource) -> None:
    if _is_member(store):
        return
    path = security_groups.DATA_STORES[store.kind]
    if not store.items(path):
        report(f"has no {path}: it is in the VPC's default security group", on=store)
    for group in stack.targets(store, path, SECURITY_GROUP):
        for opening in security_groups.of_group(stack, group):
            if opening.ingress:
                with report.attempt(opening.holder):
                    for steps in _ways_in(stack, opening, group):
                        report(" -> ".join([*steps, group.name, store.name]), on=opening.holder)


def _is_member(store: Resource) -> bool:
    """Whether its network is that of the group or the global database that it belongs to."""
    return store.kind == CACHE_CLUSTER and store.has("replicationGroupId")


def _ways_in(stack: Stack, opening: Opening, group: Resource) -> Iterator[list[str]]:
    """Each path, as steps, on which somebody other than an application gets to a data store."""
    here = opening.where
    low, high = opening.ports
    if low != high:
        yield [f"whoever is let in ({here}: more than the engine's port)"]
    for network in opening.networks:
        if security_groups.is_public(network):
            yield [f"internet ({network}, {here})"]
        elif whole := _whole_vpc(stack, network, group):
            yield [f"everything in the VPC ({whole}, {here})"]
    if opening.by_prefix_list:
        yield [f"addresses of a prefix list ({here})"]
    for client in opening.groups(stack):
        balancer = security_groups.edges(stack).get(client.urn)
        if balancer is not None:
            yield ["internet", f"load balancer {balancer.name}", f"{client.name} ({here})"]
            continue
        for other in security_groups.of_group(stack, client):
            for network in other.networks if other.ingress else ():
                if security_groups.is_anywhere(network):
                    yield [f"internet ({network}, {other.where})", f"{client.name} ({here})"]


def _whole_vpc(stack: Stack, network: Network, group: Resource) -> str:
    """The VPC's block, if the network covers it, or half of it: two halves make a whole."""
    for vpc in stack.targets(group, "vpcId", VPC):
        cidr = vpc.text("cidrBlock")
        if not cidr:
            continue
        whole = security_groups.network(cidr, "cidrBlock")
        within = security_groups.is_within(network, whole)
        if security_groups.is_within(whole, network) or (
            within and network.prefixlen <= whole.prefixlen + 1
        ):
            return cidr
    return ""


_PATH_EXAMPLE = [
    node("data", SECURITY_GROUP, {"vpcId": "${vpc.id}"}),
    node("app", SECURITY_GROUP, {"vpcId": "${vpc.id}"}),
    node("edge", SECURITY_GROUP, {"vpcId": "${vpc.id}"}),
    node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
    node("orders", DB_INSTANCE, {"vpcSecurityGroupIds": ["${data.id}"]}),
    node("alb", LOAD_BALANCER, {"securityGroups": ["${edge.id}"]}),
    node(
        "from-edge",
        INGRESS_RULE,
        {
            "securityGroupId": "${app.id}",
            "referencedSecurityGroupId": "${edge.id}",
            "ipProtocol": "tcp",
            "fromPort": 8080,
            "toPort": 8080,
        },
    ),
]


def _to_data(client: str) -> dict[str, object]:
    return {
        "securityGroupId": "${data.id}",
        "referencedSecurityGroupId": client,
        "ipProtocol": "tcp",
        "fromPort": 5432,
        "toPort": 5432,
    }


no_internet_path_to_data = rule(
    id="net-no-internet-path-to-data",
    title="Only the application's security groups reach a database or cache, on its port.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(
        INGRESS_RULE,
        SECURITY_GROUP_RULE,
        SECURITY_GROUP,
        LOAD_BALANCER,
        *security_groups.DATA_STORES,
    ),
    condition="the security group of a database or cache admits public addresses, the whole VPC, "
    "a load balancer, a group that is itself open to the internet, or more than one port",
    exceptions="groups without any ingress, such as that of an SSM port forwarding host",
    fix="one aws.vpc.SecurityGroupIngressRule(security_group_id=database_sg.id, "
    "referenced_security_group_id=service_sg.id, from_port=5432, to_port=5432) per client",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.RDSSecurityGroups.html",
    anchors=anchors(
        cdk_nag="AwsSolutions-RDS8",
    ),
    stack_check=_only_the_application_reaches_data,
    passes=[*_PATH_EXAMPLE, node("from-app", INGRESS_RULE, _to_data("${app.id}"))],
    violates=[node("from-edge-too", INGRESS_RULE, _to_data("${edge.id}")), *_PATH_EXAMPLE],
)


@for_each(DB_SUBNET_GROUP, CACHE_SUBNET_GROUP, CACHE_SERVERLESS)
def _data_subnets_are_private(stack: Stack, report: Report, holder: Resource) -> None:
    for subnet in subnets.of_property(stack, holder, "subnetIds"):
        with report.attempt():
            way = subnets.way_to_the_internet(stack, subnet)
            if way:
                report(f"subnet {subnet.name} reaches an internet gateway by {way}")


@for_each(DB_INSTANCE, DB_CLUSTER, CACHE_GROUP, CACHE_CLUSTER)
def _data_has_its_own_subnets(_: Stack, report: Report, store: Resource) -> None:
    path = "dbSubnetGroupName" if store.kind in (DB_INSTANCE, DB_CLUSTER) else "subnetGroupName"
    # A replica, and a member of a group, are where the other one is.
    inherits = _is_member(store) or store.has("replicateSourceDb")
    if not store.has(path) and not inherits:
        report(f"has no {path}: it is put into the default VPC, whose subnets are public")


data_subnets_private = rule(
    id="net-data-subnets-private",
    title="Databases and caches are in subnets without a way to the internet gateway.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(
        DB_SUBNET_GROUP,
        CACHE_SUBNET_GROUP,
        CACHE_SERVERLESS,
        DB_INSTANCE,
        DB_CLUSTER,
        CACHE_GROUP,
        CACHE_CLUSTER,
        subnets.ROUTE,
        subnets.ROUTE_TABLE,
        subnets.ASSOCIATION,
    ),
    condition="a subnet of a data subnet group whose route table (its own, or the VPC's main one) "
    "has a route to an internet gateway; a database or cache without a subnet group",
    exceptions="read replicas and members of a group, which inherit; NAT and egress-only gateways",
    fix="subnet_ids=isolated_subnet_ids in the aws.rds.SubnetGroup",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    anchors=anchors(
        fsbp="RDS.46 ElastiCache.7",
        checkov="CKV_AWS_323 CKV2_AWS_35",
        cdk_nag="VPCNoUnrestrictedRouteToIGW AwsSolutions-AEC1",
        prowler="elasticache_cluster_uses_public_subnet",
        cfn_guard="no_unrestricted_route_to_igw",
    ),
    stack_check=(_data_subnets_are_private, _data_has_its_own_subnets),
    passes=[
        node("group", DB_SUBNET_GROUP, {"subnetIds": ["${isolated-a.id}"]}),
        node("isolated-a", SUBNET, {"vpcId": "${vpc.id}"}),
        node("public-a", SUBNET, {"vpcId": "${vpc.id}"}),
        node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
        node("isolated", subnets.ROUTE_TABLE, {"vpcId": "${vpc.id}"}),
        node("public", subnets.ROUTE_TABLE, {"vpcId": "${vpc.id}"}),
        node(
            "isolated-a-table",
            subnets.ASSOCIATION,
            {"subnetId": "${isolated-a.id}", "routeTableId": "${isolated.id}"},
        ),
        node(
            "public-a-table",
            subnets.ASSOCIATION,
            {"subnetId": "${public-a.id}", "routeTableId": "${public.id}"},
        ),
        node("internet", subnets.INTERNET_GATEWAY, {"vpcId": "${vpc.id}"}),
        node(
            "public-internet",
            subnets.ROUTE,
            {"routeTableId": "${public.id}", "gatewayId": "${internet.id}"},
        ),
        node("orders", DB_INSTANCE, {"dbSubnetGroupName": "${group.name}"}),
    ],
    violates=[
        node("group", DB_SUBNET_GROUP, {"subnetIds": ["${isolated-a.id}", "${public-a.id}"]}),
        node("isolated-a", SUBNET, {"vpcId": "${vpc.id}"}),
        node("public-a", SUBNET, {"vpcId": "${vpc.id}"}),
        node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
        node("public", subnets.ROUTE_TABLE, {"vpcId": "${vpc.id}"}),
        node(
            "public-a-table",
            subnets.ASSOCIATION,
            {"subnetId": "${public-a.id}", "routeTableId": "${public.id}"},
        ),
        node("internet", subnets.INTERNET_GATEWAY, {"vpcId": "${vpc.id}"}),
        node(
            "public-internet",
            subnets.ROUTE,
            {"routeTableId": "${public.id}", "gatewayId": "${internet.id}"},
        ),
    ],
)


def _is_application(balancer: View) -> bool:
    return balancer.text("loadBalancerType", "application") == "application"


@for_each(LOAD_BALANCER)
def _balancer_has_a_web_acl(stack: Stack, report: Report, balancer: Resource) -> None:
    if not _is_application(balancer) or balancer.flag("internal"):
        return
    if stack.sources(balancer, "resourceArn", WEB_ACL_ASSOCIATION):
        return
    if _only_a_guarded_distribution_reaches(stack, balancer):
        return
    report("is open to the internet without a web ACL")


def _only_a_guarded_distribution_reaches(stack: Stack, balancer: Resource) -> bool:
    if not any(cdn.has("webAclId") for cdn in stack.of(DISTRIBUTION)):
        return False
    groups = stack.targets(balancer, "securityGroups", SECURITY_GROUP)
    admitted = [o for g in groups for o in security_groups.of_group(stack, g) if o.ingress]
    return bool(admitted) and all(o.by_prefix_list and not any(o.networks) for o in admitted)


alb_has_waf = rule(
    id="net-alb-has-waf",
    title="A load balancer on the internet stands behind a web ACL.",
    severity=Severity.HIGH,
    level=CRITICAL,
    types=(LOAD_BALANCER, WEB_ACL_ASSOCIATION),
    condition="an internet-facing application load balancer without a WebAclAssociation",
    exceptions="one that only a distribution with a web ACL reaches (its security groups admit "
    "prefix lists only)",
    fix="aws.wafv2.WebAclAssociation(resource_arn=alb.arn, web_acl_arn=acl.arn)",
    url="https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-associating.html",
    anchors=anchors(
        security_hub="ELB.16",
        checkov="CKV2_AWS_28",
        cdk_nag="ALBWAFEnabled",
        prowler="elbv2_waf_acl_attached",
        cfn_guard="alb_waf_enabled",
    ),
    stack_check=_balancer_has_a_web_acl,
    passes=[
        node("alb", LOAD_BALANCER, {"loadBalancerType": "application"}),
        node(
            "alb-acl",
            WEB_ACL_ASSOCIATION,
            {"resourceArn": "${alb.arn}", "webAclArn": "${acl.arn}"},
        ),
        node("acl", WEB_ACL, {"scope": "REGIONAL"}),
        node("inside", LOAD_BALANCER, {"internal": True}),
    ],
    violates=[
        node("alb", LOAD_BALANCER),
        node("other", LOAD_BALANCER),
        node(
            "other-acl",
            WEB_ACL_ASSOCIATION,
            {"resourceArn": "${other.arn}", "webAclArn": "${acl.arn}"},
        ),
        node("acl", WEB_ACL, {"scope": "REGIONAL"}),
    ],
)


def _distribution_has_a_web_acl(distribution: Resource, report: Report) -> None:
    if not distribution.has("webAclId"):
        report("has no webAclId")


cloudfront_has_waf = rule(
    id="net-cloudfront-has-waf",
    title="A distribution stands behind a web ACL.",
    severity=Severity.HIGH,
    level=CRITICAL,
    types=(DISTRIBUTION,),
    condition="`webAclId` is missing",
    fix="web_acl_id=acl.arn of an aws.wafv2.WebAcl of scope CLOUDFRONT in us-east-1",
    url="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-web-awswaf.html",
    anchors=anchors(
        fsbp="CloudFront.6",
        checkov="CKV_AWS_68",
        cdk_nag="AwsSolutions-CFR2",
        prowler="cloudfront_distributions_using_waf",
        cfn_guard="cloudfront_associated_with_waf",
        trivy="AWS-0011",
        pulumi="aws-cloudfront-distribution-configure-waf",
    ),
    check=_distribution_has_a_web_acl,
    passes=[
        node("cdn", DISTRIBUTION, {"webAclId": "${acl.arn}"}),
        node("acl", WEB_ACL, {"scope": "CLOUDFRONT"}),
    ],
    violates=[node("cdn", DISTRIBUTION, {"enabled": True})],
)


@for_each(WEB_ACL)
def _web_acl_blocks(stack: Stack, report: Report, acl: Resource) -> None:
    found = waf.rules_of(stack, acl)
    if not found:
        report("has no rules: everything passes")
        return
    managed = {r.managed_group: r for r in found if r.managed_group}
    required = report.option("requiredGroups")
    missing = [name for name in required if name not in managed]
    if missing:
        report(f"lacks {' and '.join(missing)}")
    counting = [name for name in required if name in managed and managed[name].only_counts]
    if counting:
        report(f"only counts what {' and '.join(counting)} would block")
    limits = [r for r in [*found, *waf.rules_by_reference(stack, acl)] if r.limits_rate]
    if not limits:
        report("has no rate-based rule: one client may send any number of requests")
    elif all(limit.only_counts for limit in limits):
        report(f"its rate-based rule {limits[0].label} only counts")


_VISIBLE = {"cloudwatchMetricsEnabled": True, "sampledRequestsEnabled": True, "metricName": "m"}


def _managed(name: str) -> dict[str, object]:
    return {
        "name": name,
        "priority": 1,
        "overrideAction": {"none": {}},
        "statement": {"managedRuleGroupStatement": {"name": name, "vendorName": "AWS"}},
        "visibilityConfig": _VISIBLE,
    }


_RATE = {
    "name": "rate",
    "priority": 0,
    "action": {"block": {}},
    "statement": {"rateBasedStatement": {"limit": 2000, "aggregateKeyType": "IP"}},
    "visibilityConfig": _VISIBLE,
}
_COMMON, _BAD_INPUTS = "AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"

waf_effective = rule(
    id="net-waf-effective",
    title="A web ACL blocks known attacks and floods.",
    severity=Severity.HIGH,
    level=CRITICAL,
    types=(WEB_ACL, waf.RULE, waf.GROUP_ASSOCIATION),
    condition="no rules at all; no common or no known-bad-inputs managed group; one of them, or "
    "every rate-based rule, only counting; no rate-based rule",
    exceptions="single rules of a managed group may count; other groups may, too",
    fix="a managed_rule_group_statement for AWSManagedRulesCommonRuleSet and "
    'AWSManagedRulesKnownBadInputsRuleSet with override_action={"none": {}}, and a '
    "rate_based_statement",
    url="https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html",
    anchors=anchors(
        fsbp="WAF.10",
        checkov="CKV_AWS_175 CKV_AWS_192 CKV2_AWS_76 CKV2_AWS_47 CKV_AWS_342",
        prowler="wafv2_webacl_with_rules",
    ),
    options={
        "requiredGroups": Option(
            type="array",
            default=[_COMMON, _BAD_INPUTS],
            description="Managed rule groups that must block.",
        )
    },
    stack_check=_web_acl_blocks,
    passes=[node("acl", WEB_ACL, {"rules": [_RATE, _managed(_COMMON), _managed(_BAD_INPUTS)]})],
    violates=[
        node(
            "acl",
            WEB_ACL,
            {
                "rules": [
                    _RATE,
                    _managed(_COMMON),
                    {**_managed(_BAD_INPUTS), "overrideAction": {"count": {}}},
                ]
            },
        )
    ],
)


def _origins_in_the_stack(stack: Stack, distribution: Resource) -> list[Resource]:
    """The load balancers that a distribution fetches from: named, or by way of a record's name."""
    found = list(stack.depends(distribution, "origins", LOAD_BALANCER))
    names = {
        origin.get("domainName")
        for origin in distribution.views("origins")
        if not is_unknown(origin.get("domainName"))
    }
    for record in stack.of(RECORD):
        name = record.get("name")
        if not is_unknown(name) and name in names:
            found += stack.depends(record, "aliases", LOAD_BALANCER)
    for balancer in stack.of(LOAD_BALANCER):
        name = balancer.get("dnsName")
        if not is_unknown(name) and name in names:
            found.append(balancer)
    return list({balancer.urn: balancer for balancer in found}.values())


@for_each(DISTRIBUTION)
def _balancer_admits_only_cloudfront(stack: Stack, report: Report, distribution: Resource) -> None:
    for balancer in _origins_in_the_stack(stack, distribution):
        with report.attempt(balancer):
            for group in stack.targets(balancer, "securityGroups", SECURITY_GROUP):
                for opening in security_groups.of_group(stack, group):
                    if not opening.ingress:
                        continue
                    for network in filter(security_groups.is_public, opening.networks):
                        report(
                            f"{distribution.name} fetches from it, and yet {group.name} admits "
                            f"{network}: the distribution's web ACL can be walked around",
                            on=balancer,
                        )


alb_only_from_cloudfront = rule(
    id="net-alb-only-from-cloudfront",
    title="A load balancer behind a distribution admits nobody else.",
    severity=Severity.HIGH,
    level=CRITICAL,
    types=(LOAD_BALANCER, DISTRIBUTION, INGRESS_RULE, SECURITY_GROUP_RULE, SECURITY_GROUP),
    condition="a distribution of the stack fetches from the load balancer (by its name, or by a "
    "record's), and a security group of it admits public addresses",
    exceptions="origins inside the VPC (aws.cloudfront.VpcOrigin), which are internal",
    fix='prefix_list_id=aws.ec2.get_managed_prefix_list(name="com.amazonaws.global.cloudfront.'
    'origin-facing").id in place of the CIDR',
    url="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/LocationsOfEdgeServers.html",
    stack_check=_balancer_admits_only_cloudfront,
    passes=[
        node("alb", LOAD_BALANCER, {"securityGroups": ["${group.id}"]}),
        node("group", SECURITY_GROUP, {"description": "load balancer"}),
        node(
            "from-cloudfront",
            INGRESS_RULE,
            {
                **_WITH_GROUP,
                "prefixListId": "pl-1",
                "ipProtocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
            },
        ),
        node("cdn", DISTRIBUTION, {"origins": [{"domainName": "${alb.dnsName}"}]}),
    ],
    violates=[
        node("alb", LOAD_BALANCER, {"securityGroups": ["${group.id}"]}),
        node("group", SECURITY_GROUP, {"description": "load balancer"}),
        node(
            "from-everyone",
            INGRESS_RULE,
            {
                **_WITH_GROUP,
                "cidrIpv4": "0.0.0.0/0",
                "ipProtocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
            },
        ),
        node("cdn", DISTRIBUTION, {"origins": [{"domainName": "${alb.dnsName}"}]}),
    ],
)


def _balancer_is_hardened(balancer: Resource, report: Report) -> None:
    if not _is_application(balancer):
        return
    if not balancer.flag("dropInvalidHeaderFields"):
        report("dropInvalidHeaderFields is not true: malformed headers reach the tasks")
    if balancer.text("desyncMitigationMode", "defensive") == "monitor":
        report("desyncMitigationMode is monitor: ambiguous requests pass")


def _harden(draft: Draft, _: Report) -> bool:
    if draft.get("loadBalancerType") not in (None, "application"):
        return False
    changed = False
    if not draft.unknown("dropInvalidHeaderFields") and not draft.get("dropInvalidHeaderFields"):
        draft.set("dropInvalidHeaderFields", True)
        changed = True
    if draft.get("desyncMitigationMode") == "monitor":
        draft.set("desyncMitigationMode", "defensive")
        changed = True
    return changed


alb_hardened = rule(
    id="net-alb-hardened",
    title="A load balancer drops malformed headers and ambiguous requests.",
    severity=Severity.MEDIUM,
    level=FIX,
    types=(LOAD_BALANCER,),
    condition="`dropInvalidHeaderFields` is not true, or `desyncMitigationMode` is monitor",
    exceptions="network and gateway load balancers, which read no headers",
    fix='drop_invalid_header_fields=True, desync_mitigation_mode="defensive"',
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#desync-mitigation-mode",
    anchors=anchors(
        fsbp="ELB.4 ELB.12",
        checkov="CKV_AWS_131 CKV_AWS_328",
        cdk_nag="ALBHttpDropInvalidHeaderEnabled",
        prowler="elbv2_alb_drop_invalid_header_fields_enabled elbv2_desync_mitigation_mode",
        cfn_guard="alb_http_drop_invalid_header_enabled",
        trivy="AWS-0052",
    ),
    check=_balancer_is_hardened,
    remediate=_harden,
    passes=[
        node(
            "alb",
            LOAD_BALANCER,
            {"dropInvalidHeaderFields": True, "desyncMitigationMode": "strictest"},
        )
    ],
    violates=[node("alb", LOAD_BALANCER, {"dropInvalidHeaderFields": False})],
)


def _function_asks_who_calls(url: Resource, report: Report) -> None:
    if url.text("authorizationType") != "AWS_IAM":
        report(f"authorizationType is {url.text('authorizationType') or 'not given'}")
    if "*" in url.texts("cors.allowOrigins"):
        report("cors.allowOrigins has *: any web site may call it with its visitors' credentials")


lambda_url_auth = rule(
    id="net-lambda-url-auth",
    title="A function's URL asks who calls.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(FUNCTION_URL,),
    condition="`authorizationType` is not AWS_IAM, or CORS allows every origin",
    fix='authorization_type="AWS_IAM"',
    url="https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
    anchors=anchors(
        checkov="CKV_AWS_258 CKV2_AWS_75",
        cdk_nag="LambdaFunctionUrlAuth",
        prowler="awslambda_function_url_public",
    ),
    check=_function_asks_who_calls,
    passes=[
        node("url", FUNCTION_URL, {"functionName": "${fn.name}", "authorizationType": "AWS_IAM"}),
        node("fn", FUNCTION, {"runtime": "python3.13"}),
    ],
    violates=[
        node("url", FUNCTION_URL, {"functionName": "${fn.name}", "authorizationType": "NONE"}),
        node("fn", FUNCTION, {"runtime": "python3.13"}),
    ],
)

_SWITCHES = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#specifying-grantee-predefined-groups
_EVERYONE = ("/global/AllUsers", "/global/AuthenticatedUsers")


@for_each(BUCKET)
def _bucket_is_blocked(stack: Stack, report: Report, bucket: Resource) -> None:
    blocks = stack.sources(bucket, "bucket", PUBLIC_ACCESS_BLOCK)
    if not blocks:
        report("has no BucketPublicAccessBlock of its own")
    for block in blocks:
        off = [switch for switch in _SWITCHES if not block.flag(switch)]
        if off:
            report(f"its BucketPublicAccessBlock {block.name} leaves off {', '.join(off)}")


@for_each(BUCKET, BUCKET_ACL)
def _no_public_acl(_: Stack, report: Report, resource: Resource) -> None:
    acl = resource.text("acl", "private")
    if acl.startswith("public-") or acl == "authenticated-read":
        report(f"its ACL is {acl}")


@for_each(BUCKET, BUCKET_ACL)
def _no_public_grant(_: Stack, report: Report, resource: Resource) -> None:
    path = "grants" if resource.kind == BUCKET else "accessControlPolicy.grants"
    for grant in resource.views(path):
        uri = grant.text("uri") or grant.text("grantee.uri")
        if uri.endswith(_EVERYONE):
            report(f"{grant.path} is for {uri.rpartition('/')[2]}")


s3_public_access_block = rule(
    id="net-s3-public-access-block",
    title="No bucket can become public.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(BUCKET, PUBLIC_ACCESS_BLOCK, BUCKET_ACL),
    condition="a bucket without a public access block that has all four switches on, or with an "
    "ACL or a grant for everyone",
    fix="aws.s3.BucketPublicAccessBlock(bucket=bucket.id, block_public_acls=True, "
    "block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True)",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    anchors=anchors(
        fsbp="S3.1 S3.8 S3.12",
        cis="2.1.4",
        checkov="CKV2_AWS_6 CKV_AWS_53 CKV_AWS_54 CKV_AWS_55 CKV_AWS_56 CKV2_AWS_65 "
        "CKV_AWS_20 CKV_AWS_57 CKV_AWS_375 CKV2_AWS_43 CKV_AWS_392",
        cdk_nag="AwsSolutions-S2",
        prowler="s3_bucket_level_public_access_block",
        cfn_guard="s3_bucket_level_public_access_prohibited",
        trivy="AWS-0094",
        pulumi="aws-s3-bucket-disallow-public-read",
    ),
    stack_check=(_bucket_is_blocked, _no_public_acl, _no_public_grant),
    passes=[
        node("assets", BUCKET),
        node(
            "assets-block",
            PUBLIC_ACCESS_BLOCK,
            {"bucket": "${assets.id}", **dict.fromkeys(_SWITCHES, True)},
        ),
    ],
    violates=[
        node("assets", BUCKET),
        node("other", BUCKET),
        node(
            "other-block",
            PUBLIC_ACCESS_BLOCK,
            {"bucket": "${other.id}", **dict.fromkeys(_SWITCHES, True)},
        ),
    ],
)

_FUNCTION_URL_HOST = re.compile(r"\.lambda-url\.[a-z0-9-]+\.on\.aws$")


def _origins_are_closed(distribution: Resource, report: Report) -> None:
    for origin in distribution.views("origins"):
        with report.attempt():
            if origin.has("originAccessControlId") or origin.has("vpcOriginConfig"):
                continue
            # What has no custom configuration is a bucket.
            if origin.has("customOriginConfig"):
                if _FUNCTION_URL_HOST.search(origin.text("domainName")):
                    report(f"{origin.path} is a function's URL that anyone may call")
            elif origin.text("s3OriginConfig.originAccessIdentity"):
                report.advise(f"{origin.path} uses an origin access identity, the old way")
            else:
                report(f"{origin.path} is a bucket without originAccessControlId")


cloudfront_oac = rule(
    id="net-cloudfront-oac",
    title="Only the distribution reaches the buckets and functions that it serves.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(DISTRIBUTION,),
    condition="an S3 or Lambda URL origin without `originAccessControlId`",
    exceptions="an origin access identity is advice only",
    fix='"origin_access_control_id": control.id of an aws.cloudfront.OriginAccessControl',
    url="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html",
    anchors=anchors(
        fsbp="CloudFront.13 CloudFront.16",
        checkov="CKV2_AWS_46",
        cdk_nag="AwsSolutions-CFR7 AwsSolutions-S5",
        prowler="cloudfront_distributions_s3_origin_access_control",
    ),
    check=_origins_are_closed,
    passes=[
        node(
            "cdn",
            DISTRIBUTION,
            {
                "origins": [
                    {
                        "originId": "assets",
                        "domainName": "assets.s3.eu-west-1.amazonaws.com",
                        "originAccessControlId": "E1",
                    },
                    {
                        "originId": "api",
                        "domainName": "origin.example.com",
                        "customOriginConfig": {"originProtocolPolicy": "https-only"},
                    },
                ]
            },
        )
    ],
    violates=[
        node(
            "cdn",
            DISTRIBUTION,
            {
                "origins": [
                    {"originId": "assets", "domainName": "assets.s3.eu-west-1.amazonaws.com"}
                ]
            },
        )
    ],
)


def _leaves_by_name(holder: Resource, report: Report) -> None:
    for opening in security_groups.openings(holder):
        if opening.ingress:
            continue
        with report.attempt():
            for network in opening.networks:
                if security_groups.is_anywhere(network) and opening.all_ports:
                    report(f"{opening.where} leaves to {network}")


sg_egress = rule(
    id="net-sg-egress",
    title="Nothing may leave to everywhere on every port.",
    severity=Severity.MEDIUM,
    level=ADVICE,
    types=(EGRESS_RULE, SECURITY_GROUP_RULE, SECURITY_GROUP),
    condition="egress on every protocol or every port to public addresses",
    exceptions="single ports: a task that calls third parties on 443",
    fix='ip_protocol="tcp", from_port=443, to_port=443, or referenced_security_group_id',
    url="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
    anchors=anchors(
        checkov="CKV_AWS_382",
        cfn_guard="ec2_security_group_egress_open_to_world_rule",
        trivy="AWS-0104",
    ),
    check=_leaves_by_name,
    passes=[
        node(
            "https",
            EGRESS_RULE,
            {
                **_WITH_GROUP,
                "cidrIpv4": "0.0.0.0/0",
                "ipProtocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
            },
        ),
        node("group", SECURITY_GROUP, {"description": "tasks"}),
    ],
    violates=[
        node("all", EGRESS_RULE, {**_WITH_GROUP, "cidrIpv4": "0.0.0.0/0", "ipProtocol": "-1"}),
        node("group", SECURITY_GROUP, {"description": "tasks"}),
    ],
)


def _is_described(holder: Resource, report: Report) -> None:
    # What the provider writes where nothing is given:
    # https://www.pulumi.com/registry/packages/aws/api-docs/ec2/securitygroup/#description_python
    if holder.text("description") in ("", "Managed by Pulumi", "Managed by Terraform"):
        report("has no description")
    if holder.kind == SECURITY_GROUP:
        for opening in security_groups.openings(holder):
            with report.attempt():
                if not opening.described:
                    report(f"{opening.where} has no description")


sg_described = rule(
    id="net-sg-described",
    title="Every security group and rule says what it is for.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(INGRESS_RULE, EGRESS_RULE, SECURITY_GROUP_RULE, SECURITY_GROUP),
    condition="a group or rule without a description, or with the provider's own",
    fix='description="API to orders database"',
    url="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
    anchors=anchors(
        checkov="CKV_AWS_23",
        cdk_nag="AwsSolutions-EC27",
        cfn_guard="security_group_description_rule",
        trivy="AWS-0099 AWS-0124",
        pulumi="aws-ec2-securitygroup-missing-description",
    ),
    check=_is_described,
    passes=[node("group", SECURITY_GROUP, {"description": "Tasks of the API"})],
    violates=[node("group", SECURITY_GROUP, {"description": "Managed by Pulumi"})],
)


@for_each(SECURITY_GROUP)
def _rules_have_one_home(stack: Stack, report: Report, group: Resource) -> None:
    holders = security_groups.holders_of(stack, group)
    old = [holder for holder in holders if holder.kind == SECURITY_GROUP_RULE]
    modern = [holder for holder in holders if holder.kind != SECURITY_GROUP_RULE]
    if modern and old:
        report(f"has rules of two kinds of resource, {modern[0].name} and {old[0].name}")
    inline = list(security_groups.openings(group))
    if not inline or not holders:
        return
    # After a refresh, a group's outputs repeat the rules that resources of their own gave it; only
    # what none of them says was written in the group.
    separate = [o for holder in holders for o in security_groups.openings(holder)]
    for opening in inline:
        with report.attempt():
            if not any(opening.is_same_as(other) for other in separate):
                report(f"{opening.where} is written in the group, beside rules of their own")


sg_no_rule_conflict = rule(
    id="net-sg-no-rule-conflict",
    title="A security group's rules are written in one way.",
    severity=Severity.MEDIUM,
    level=ALWAYS,
    types=(SECURITY_GROUP, SECURITY_GROUP_RULE, INGRESS_RULE, EGRESS_RULE),
    condition="rules inside a group together with rule resources, or two kinds of rule resources: "
    "each update takes away what the other gave",
    exceptions="outputs that repeat the rule resources after a refresh",
    fix="aws.vpc.SecurityGroupIngressRule and SecurityGroupEgressRule only, no ingress or egress "
    "in the group",
    url="https://www.pulumi.com/registry/packages/aws/api-docs/ec2/securitygroup/",
    anchors=anchors(
        pulumi="security-group-no-rule-management-conflicts",
    ),
    stack_check=_rules_have_one_home,
    passes=[
        node("group", SECURITY_GROUP, {"description": "tasks"}),
        node(
            "https",
            EGRESS_RULE,
            {
                **_WITH_GROUP,
                "cidrIpv4": "0.0.0.0/0",
                "ipProtocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
            },
        ),
    ],
    violates=[
        node(
            "group",
            SECURITY_GROUP,
            {
                "egress": [
                    {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}
                ]
            },
        ),
        node(
            "https",
            EGRESS_RULE,
            {
                **_WITH_GROUP,
                "cidrIpv4": "0.0.0.0/0",
                "ipProtocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
            },
        ),
    ],
)

_ADMIN_PORTS = (22, 3389)


def _no_admin_from_anywhere(resource: Resource, report: Report) -> None:
    if resource.kind == NETWORK_ACL_RULE:
        if not resource.flag("egress"):
            ports = _acl_opens(resource, "ruleAction")
            if ports:
                report(f"admits {_and(ports)} from {_from(resource)}")
        return
    for port in _ADMIN_PORTS:
        # Entries are read in the order of their numbers, and the first that matches decides.
        for entry in sorted(resource.views("ingress"), key=lambda e: e.number("ruleNo")):
            if _acl_covers(entry, port) and _from(entry):
                if entry.text("action") == "allow":
                    report(f"{entry.path} admits {port} from {_from(entry)}")
                break


def _and(ports: list[int]) -> str:
    return " and ".join(str(port) for port in ports)


def _acl_opens(entry: View, action: str) -> list[int]:
    if entry.text(action) != "allow" or not _from(entry):
        return []
    return [port for port in _ADMIN_PORTS if _acl_covers(entry, port)]


def _acl_covers(entry: View, port: int) -> bool:
    protocol = entry.text("protocol").lower()
    if protocol in ("-1", "all"):
        return True
    return protocol in ("6", "tcp") and entry.number("fromPort") <= port <= entry.number("toPort")


def _from(entry: View) -> str:
    """The block of an entry, if it is as good as everywhere."""
    for key in ("cidrBlock", "ipv6CidrBlock"):
        text = entry.text(key)
        if text and security_groups.is_anywhere(security_groups.network(text, entry.at(key))):
            return text
    return ""


nacl_no_admin_ports = rule(
    id="net-nacl-no-admin-ports",
    title="No network ACL admits SSH or RDP from everywhere.",
    severity=Severity.MEDIUM,
    level=ALWAYS,
    types=(NETWORK_ACL_RULE, NETWORK_ACL),
    condition="an entry that allows 22 or 3389 (or every port) in from public addresses, and in "
    "the ACL itself no earlier one that denies it",
    exceptions="the VPC's default ACL, left alone",
    fix="from_port=443, to_port=443; for return traffic from_port=32768, to_port=65535",
    url="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html",
    anchors=anchors(
        fsbp="EC2.21",
        cis="5.1",
        checkov="CKV_AWS_231 CKV_AWS_232 CKV_AWS_352",
        prowler="ec2_networkacl_allow_ingress_any_port",
        trivy="AWS-0102 AWS-0105",
    ),
    check=_no_admin_from_anywhere,
    passes=[
        node(
            "https",
            NETWORK_ACL_RULE,
            {
                "ruleNumber": 100,
                "protocol": "tcp",
                "ruleAction": "allow",
                "cidrBlock": "0.0.0.0/0",
                "fromPort": 443,
                "toPort": 443,
            },
        )
    ],
    violates=[
        node(
            "low-ports",
            NETWORK_ACL_RULE,
            {
                "ruleNumber": 100,
                "protocol": "tcp",
                "ruleAction": "allow",
                "cidrBlock": "0.0.0.0/0",
                "fromPort": 1,
                "toPort": 1024,
            },
        )
    ],
)


@for_each(VPC)
def _has_endpoints(stack: Stack, report: Report, vpc: Resource) -> None:
    if not any(_runs_in(stack, service, vpc) for service in stack.of(ECS_SERVICE)):
        return
    there = {
        endpoint.text("serviceName").split(".", 3)[-1]
        for endpoint in stack.sources(vpc, "vpcId", VPC_ENDPOINT)
    }
    missing = [service for service in report.option("services") if service not in there]
    if missing:
        report(f"has no endpoint for {', '.join(missing)}: tasks go through NAT to reach them")


def _runs_in(stack: Stack, service: Resource, vpc: Resource) -> bool:
    used = subnets.of_property(stack, service, "networkConfiguration.subnets")
    return any(vpc in stack.targets(subnet, "vpcId", VPC) for subnet in used)


vpc_endpoints = rule(
    id="net-vpc-endpoints",
    title="Tasks reach AWS's own services without leaving the VPC.",
    severity=Severity.MEDIUM,
    level=ADVICE,
    types=(VPC, VPC_ENDPOINT, ECS_SERVICE),
    condition="a VPC in which services run, without an endpoint for each service that tasks use",
    exceptions="outside production, where NAT is cheaper, only the free gateway of S3 is asked for",
    fix='aws.ec2.VpcEndpoint(service_name=f"com.amazonaws.{region}.ecr.api", '
    'vpc_endpoint_type="Interface", ...)',
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html",
    anchors=anchors(
        fsbp="EC2.10 EC2.55 EC2.56 EC2.57",
        prowler="vpc_endpoint_for_ec2_enabled",
    ),
    options={
        "services": Option(
            type="array",
            default=["s3"],
            by_profile={"production": ["s3", "ecr.api", "ecr.dkr", "logs", "secretsmanager"]},
            description="Short names of the services that need an endpoint.",
        )
    },
    stack_check=_has_endpoints,
    passes=[
        node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
        node("private-a", SUBNET, {"vpcId": "${vpc.id}"}),
        node("api", ECS_SERVICE, {"networkConfiguration": {"subnets": ["${private-a.id}"]}}),
        *(
            node(
                service.replace(".", "-"),
                VPC_ENDPOINT,
                {"vpcId": "${vpc.id}", "serviceName": f"com.amazonaws.eu-west-1.{service}"},
            )
            for service in ("s3", "ecr.api", "ecr.dkr", "logs", "secretsmanager")
        ),
    ],
    violates=[
        node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
        node("private-a", SUBNET, {"vpcId": "${vpc.id}"}),
        node("api", ECS_SERVICE, {"networkConfiguration": {"subnets": ["${private-a.id}"]}}),
        node(
            "logs",
            VPC_ENDPOINT,
            {"vpcId": "${vpc.id}", "serviceName": "com.amazonaws.eu-west-1.logs"},
        ),
    ],
)


def _document_is_private(ssm_document: Resource, report: Report) -> None:
    shared = ssm_document.text("permissions.accountIds") or ssm_document.text(
        "permissions.account_ids"
    )
    if shared.strip().lower() == "all":
        report("permissions share it with every AWS account")


ssm_document_private = rule(
    id="net-ssm-document-private",
    title="No SSM document is shared with everyone.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(SSM_DOCUMENT,),
    condition="`permissions` share the document with All",
    fix='permissions={"type": "Share", "accountIds": "123456789012"}, or no permissions',
    url="https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-ssm-sharing.html",
    anchors=anchors(
        fsbp="SSM.4 SSM.7",
        checkov="CKV_AWS_303",
        prowler="ssm_documents_set_as_public",
    ),
    check=_document_is_private,
    passes=[node("restart", SSM_DOCUMENT, {"documentType": "Command"})],
    violates=[
        node("restart", SSM_DOCUMENT, {"permissions": {"type": "Share", "accountIds": "All"}})
    ],
)

_ENGINE_PORTS = {
    "postgres": 5432,
    "aurora-postgresql": 5432,
    "mysql": 3306,
    "mariadb": 3306,
    "aurora-mysql": 3306,
}


def _has_a_name_of_its_own(store: Resource, report: Report) -> None:
    user = store.text("masterUsername" if store.kind == DB_CLUSTER else "username")
    if store.kind != CACHE_GROUP and user.lower() in report.option("commonNames"):
        report(f"the master user is {user}, the first name that anyone tries")
    if report.option("checkPorts"):
        default = 6379 if store.kind == CACHE_GROUP else _ENGINE_PORTS.get(store.text("engine"))
        if default is not None and store.number("port", default) == default:
            report(f"listens on {default}, the engine's own port")


db_non_default = rule(
    id="net-db-non-default",
    title="A database's master user is not called what everyone calls it.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(DB_INSTANCE, DB_CLUSTER, CACHE_GROUP),
    condition="the master user is admin, postgres, root...; with checkPorts also the engine's own "
    "port",
    exceptions="ports: hiding one stops nobody who is inside, so it is off by default",
    fix='username="orders_owner"',
    url="https://docs.aws.amazon.com/securityhub/latest/userguide/rds-controls.html#rds-25",
    anchors=anchors(
        fsbp="RDS.23 RDS.24 RDS.25",
        cdk_nag="AwsSolutions-RDS11 AwsSolutions-AEC5",
        prowler="rds_instance_non_default_port rds_instance_default_admin",
    ),
    options={
        "commonNames": Option(
            type="array",
            default=["admin", "administrator", "postgres", "root", "master", "user"],
            description="Names that are tried first, in lower case.",
        ),
        "checkPorts": Option(
            type="boolean", default=False, description="Whether the default port is reported, too."
        ),
    },
    check=_has_a_name_of_its_own,
    passes=[node("orders", DB_INSTANCE, {"engine": "postgres", "username": "orders_owner"})],
    violates=[node("orders", DB_INSTANCE, {"engine": "postgres", "username": "postgres"})],
)

BLOCK_PUBLIC_ACCESS = "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions"
BLOCK_EXCLUSION = "aws:ec2/vpcBlockPublicAccessExclusion:VpcBlockPublicAccessExclusion"


@for_each(BLOCK_PUBLIC_ACCESS)
def _region_is_blocked(stack: Stack, report: Report, block: Resource) -> None:
    mode = block.text("internetGatewayBlockMode", "off")
    if mode == "off":
        report("internetGatewayBlockMode is off")
        return
    if mode == "block-bidirectional" and not stack.of(BLOCK_EXCLUSION):
        for balancer in stack.of(LOAD_BALANCER):
            if not balancer.flag("internal"):
                report(
                    f"cuts off {balancer.name}, for no VpcBlockPublicAccessExclusion lets it out"
                )


vpc_block_public_access = rule(
    id="net-vpc-block-public-access",
    title="Where a stack owns the region's block of public access, it is on, with its exclusions.",
    severity=Severity.MEDIUM,
    level=ADVICE,
    types=(BLOCK_PUBLIC_ACCESS, BLOCK_EXCLUSION, LOAD_BALANCER),
    condition="VpcBlockPublicAccessOptions that are off, or on without an exclusion for the "
    "internet-facing load balancers of the stack",
    exceptions="stacks without that resource: it is the region's, and one stack's alone",
    fix='internet_gateway_block_mode="block-bidirectional" and an '
    "aws.ec2.VpcBlockPublicAccessExclusion per public VPC",
    url="https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa.html",
    anchors=anchors(
        fsbp="EC2.172",
    ),
    stack_check=_region_is_blocked,
    passes=[
        node("block", BLOCK_PUBLIC_ACCESS, {"internetGatewayBlockMode": "block-bidirectional"}),
        node("exclusion", BLOCK_EXCLUSION, {"internetGatewayExclusionMode": "allow-bidirectional"}),
        node("alb", LOAD_BALANCER),
    ],
    violates=[node("block", BLOCK_PUBLIC_ACCESS, {"internetGatewayBlockMode": "off"})],
)

RULES: tuple[Rule, ...] = (
    sg_public_ingress,
    default_sg_closed,
    subnet_no_auto_public_ip,
    ecs_no_public_ip,
    db_not_public,
    no_internet_path_to_data,
    data_subnets_private,
    alb_has_waf,
    cloudfront_has_waf,
    waf_effective,
    alb_only_from_cloudfront,
    alb_hardened,
    lambda_url_auth,
    s3_public_access_block,
    cloudfront_oac,
    sg_egress,
    sg_described,
    sg_no_rule_conflict,
    nacl_no_admin_ports,
    vpc_endpoints,
    ssm_document_private,
    db_non_default,
    vpc_block_public_access,
)
