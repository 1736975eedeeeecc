"""The VPC: three tiers of subnets in every zone, and every way in and out of them."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.endpoint_policies import interface_problems
from components.flow_logs import DEFAULT_RETENTION_DAYS, FlowLogs, FlowLogsArgs
from components.nat_gateways import NatGateways
from components.subnets import (
    NatStrategy,
    SubnetPlan,
    Tier,
    ipv6_range,
    plan_subnets,
    range_problems,
    zone_problems,
)
from components.vpc_endpoints import VpcEndpoints

__all__ = ["NatStrategy", "Network", "NetworkArgs"]
_EVERYWHERE, _EVERYWHERE_V6 = "0.0.0.0/0", "::/0"


class NetworkArgs(TypedDict):
    """Where the network is, and what of it costs money or leaves a trace."""

    cidr: str
    """IPv4 range of the VPC: private (RFC 1918), /16 to /20. It cannot be changed later."""
    zones: Sequence[str]
    """Two to six Availability Zones by name, such as `eu-west-1a`. A zone added at the end of the
    list changes nothing that exists."""
    region: str
    """Region of the zones."""
    account_id: pulumi.Input[str]
    """Account of the VPC; flow logs and endpoints are bound to it."""
    nat: NotRequired[NatStrategy]
    """How private subnets reach the internet over IPv4. Defaults to `per_zone`, so that losing a
    zone costs no other zone its way out."""
    interface_endpoints: NotRequired[Sequence[str]]
    """AWS services reached by an interface endpoint, such as `ecr.api`; the known ones are in
    `endpoint_policies.INTERFACE_ACTIONS`. Defaults to none, because each costs by the hour in
    every zone. S3 and DynamoDB always have a gateway endpoint, which is free."""
    flow_logs: NotRequired[bool]
    """Whether connections are recorded. Defaults to true: Security Hub control EC2.6."""
    flow_logs_retention_days: NotRequired[int]
    """Days that the record is kept. Defaults to 365: Security Hub control CloudWatch.16."""
    flow_logs_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key that encrypts the record. Defaults to CloudWatch's own encryption."""
    ipv6: NotRequired[bool]
    """Whether subnets have IPv6 ranges too. Defaults to false, because not every service that the
    workload calls has IPv6 addresses: https://docs.aws.amazon.com/vpc/latest/userguide/aws-ipv6-support.html"""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class Network(pulumi.ComponentResource):
    """A VPC whose machines are reachable only through what stands in its public subnets."""

    vpc_id: pulumi.Output[str]
    """The VPC."""
    vpc_cidr: pulumi.Output[str]
    """Its IPv4 range, known before anything exists."""
    public_subnet_ids: pulumi.Output[Sequence[str]]
    """Subnets for load balancers, in the order of the zones; they resolve once routed."""
    private_subnet_ids: pulumi.Output[Sequence[str]]
    """Subnets for everything that runs code, in the order of the zones. They resolve once their way
    out works, so that no task starts before it can fetch its image."""
    isolated_subnet_ids: pulumi.Output[Sequence[str]]
    """Subnets for data, in the order of the zones: no route to or from the internet."""
    private_route_table_ids: pulumi.Output[Sequence[str]]
    """Route tables of the private subnets, in the order of the zones."""
    nat_gateway_ids: pulumi.Output[Sequence[str]]
    """NAT gateways, for their alarms; empty for the strategy `none`."""
    nat_public_ips: pulumi.Output[Sequence[str]]
    """Addresses that the workload's connections come from, for the allow-lists of others."""
    endpoint_security_group_id: pulumi.Output[str]
    """Security group of the interface endpoints, or "" when there is none."""
    flow_log_group_name: pulumi.Output[str]
    """Log group of the flow logs, or "" when they are off."""

    def __init__(
        self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses, with every reason at once, what AWS would refuse half-way through."""
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:Network", name, {}, opts)
        plans = plan_subnets(args["cidr"], args["region"], args["zones"])
        self._prefix, self._tags = name, args.get("tags", {})
        self._ipv6 = args.get("ipv6", False)

        self._vpc = self._make_vpc(args["cidr"])
        gateway = aws.ec2.InternetGateway(
            f"{name}-internet", vpc_id=self._vpc.id, tags=self._tagged("internet"), opts=self._child
        )
        subnets = {(plan.tier, plan.zone): self._make_subnet(plan) for plan in plans}

        public_ids = self._route_public(plans, subnets, gateway)
        nat = NatGateways(
            f"{name}-nat",
            {
                "strategy": args.get("nat", NatStrategy.PER_ZONE),
                "region": args["region"],
                "zones": args["zones"],
                "vpc_id": gateway.vpc_id,
                "public_subnet_ids": public_ids,
                "tags": self._tags,
            },
            self._child,
        )
        private_tables, private_ids = self._route_private(plans, subnets, nat)
        isolated_table, isolated_ids = self._route_isolated(plans, subnets)
        endpoints = VpcEndpoints(
            f"{name}-endpoints",
            {
                "vpc_id": self._vpc.id,
                "region": args["region"],
                "account_id": args["account_id"],
                "route_table_ids": [*(table.id for table in private_tables), isolated_table.id],
                "subnet_ids": [subnets[Tier.PRIVATE, zone].id for zone in args["zones"]],
                "client_cidrs": {
                    f"private-{plan.suffix}": plan.cidr
                    for plan in plans
                    if plan.tier == Tier.PRIVATE
                },
                "interface_services": args.get("interface_endpoints", ()),
                "tags": self._tags,
            },
            self._child,
        )
        flow_logs = self._record_flows(args) if args.get("flow_logs", True) else None

        self.vpc_id = self._vpc.id
        self.vpc_cidr = pulumi.Output.from_input(args["cidr"])
        self.public_subnet_ids = pulumi.Output.all(*public_ids)
        self.private_subnet_ids = pulumi.Output.all(*private_ids)
        self.isolated_subnet_ids = pulumi.Output.all(*isolated_ids)
        self.private_route_table_ids = pulumi.Output.all(*(t.id for t in private_tables))
        self.nat_gateway_ids = nat.gateway_ids
        # For a caller in the same program, which watches each of them.
        self.nat_gateways = nat.ids_by_suffix
        self.nat_public_ips = nat.public_ips
        self.endpoint_security_group_id = endpoints.security_group_id
        self.flow_log_group_name = (
            flow_logs.log_group_name if flow_logs else pulumi.Output.from_input("")
        )
        self.register_outputs({key: getattr(self, key) for key in type(self).__annotations__})

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _tagged(self, role: str) -> dict[str, str]:
        return {"Name": f"{self._prefix}-{role}", **self._tags}

    def _make_vpc(self, cidr: str) -> aws.ec2.Vpc:
        vpc = aws.ec2.Vpc(
            f"{self._prefix}-vpc",
            cidr_block=cidr,
            # Both are needed for the private names of endpoints and databases:
            # https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
            enable_dns_support=True,
            enable_dns_hostnames=True,
            assign_generated_ipv6_cidr_block=self._ipv6,
            tags=self._tagged("vpc"),
            opts=self._child,
        )
        # Adopted in order to be emptied: whatever forgets to name a group gets this one, and then
        # reaches nothing. https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html#ec2-2
        aws.ec2.DefaultSecurityGroup(
            f"{self._prefix}-default-sg",
            vpc_id=vpc.id,
            ingress=[],
            egress=[],
            tags=self._tagged("default-sg-unused"),
            opts=self._child,
        )
        return vpc

    def _make_subnet(self, plan: SubnetPlan) -> aws.ec2.Subnet:
        def own_range(vpc_range: str) -> str:
            return ipv6_range(vpc_range, plan.ipv6_number)

        return aws.ec2.Subnet(
            f"{self._prefix}-{plan.tier.value}-{plan.suffix}",
            vpc_id=self._vpc.id,
            availability_zone=plan.zone,
            cidr_block=plan.cidr,
            ipv6_cidr_block=self._vpc.ipv6_cidr_block.apply(own_range) if self._ipv6 else None,
            map_public_ip_on_launch=False,
            tags=self._tagged(f"{plan.tier.value}-{plan.suffix}"),
            opts=self._child,
        )

    def _route_public(
        self,
        plans: Sequence[SubnetPlan],
        subnets: Mapping[tuple[Tier, str], aws.ec2.Subnet],
        gateway: aws.ec2.InternetGateway,
    ) -> list[pulumi.Output[str]]:
        table = self._make_table("public")
        routes = [
            self._make_route(
                "public",
                table,
                destination_cidr_block=_EVERYWHERE,
                gateway_id=gateway.id,
            )
        ]
        if self._ipv6:
            routes.append(
                self._make_route(
                    "public-ipv6",
                    table,
                    destination_ipv6_cidr_block=_EVERYWHERE_V6,
                    gateway_id=gateway.id,
                )
            )
        return [
            self._associate(plan, subnets[plan.tier, plan.zone], table, routes)
            for plan in plans
            if plan.tier == Tier.PUBLIC
        ]

    def _route_private(
        self,
        plans: Sequence[SubnetPlan],
        subnets: Mapping[tuple[Tier, str], aws.ec2.Subnet],
        nat: NatGateways,
    ) -> tuple[list[aws.ec2.RouteTable], list[pulumi.Output[str]]]:
        """A table per zone whatever the strategy: changing it then changes routes, not subnets."""
        way_out = self._make_egress_only_gateway() if self._ipv6 else None
        tables, subnet_ids = [], []
        for plan in (plan for plan in plans if plan.tier == Tier.PRIVATE):
            table = self._make_table(f"private-{plan.suffix}")
            routes = []
            if plan.zone in nat.gateway_of:
                routes.append(
                    self._make_route(
                        f"private-{plan.suffix}",
                        table,
                        destination_cidr_block=_EVERYWHERE,
                        nat_gateway_id=nat.gateway_of[plan.zone],
                    )
                )
            if way_out:
                routes.append(
                    self._make_route(
                        f"private-ipv6-{plan.suffix}",
                        table,
                        destination_ipv6_cidr_block=_EVERYWHERE_V6,
                        egress_only_gateway_id=way_out.id,
                    )
                )
            tables.append(table)
            subnet_ids.append(self._associate(plan, subnets[plan.tier, plan.zone], table, routes))
        return tables, subnet_ids

    def _route_isolated(
        self,
        plans: Sequence[SubnetPlan],
        subnets: Mapping[tuple[Tier, str], aws.ec2.Subnet],
    ) -> tuple[aws.ec2.RouteTable, list[pulumi.Output[str]]]:
        table = self._make_table("isolated")
        return table, [
            self._associate(plan, subnets[plan.tier, plan.zone], table, [])
            for plan in plans
            if plan.tier == Tier.ISOLATED
        ]

    def _make_egress_only_gateway(self) -> aws.ec2.EgressOnlyInternetGateway:
        """IPv6 addresses are public: this is what lets connections out and none in."""
        return aws.ec2.EgressOnlyInternetGateway(
            f"{self._prefix}-egress-only",
            vpc_id=self._vpc.id,
            tags=self._tagged("egress-only"),
            opts=self._child,
        )

    def _make_table(self, role: str) -> aws.ec2.RouteTable:
        # Routes are resources of their own: a table with both kinds fights itself at every update.
        # https://www.pulumi.com/registry/packages/aws/api-docs/ec2/routetable/
        return aws.ec2.RouteTable(
            f"{self._prefix}-{role}",
            vpc_id=self._vpc.id,
            tags=self._tagged(role),
            opts=self._child,
        )

    def _make_route(
        self, role: str, table: aws.ec2.RouteTable, **target: pulumi.Input[str]
    ) -> aws.ec2.Route:
        return aws.ec2.Route(
            f"{self._prefix}-{role}", route_table_id=table.id, opts=self._child, **target
        )

    def _associate(
        self,
        plan: SubnetPlan,
        subnet: aws.ec2.Subnet,
        table: aws.ec2.RouteTable,
        routes: Sequence[aws.ec2.Route],
    ) -> pulumi.Output[str]:
        """Routes a subnet, and hands its id out from there: who takes it waits for the routes."""
        association = aws.ec2.RouteTableAssociation(
            f"{self._prefix}-{plan.tier.value}-{plan.suffix}",
            subnet_id=subnet.id,
            route_table_id=table.id,
            opts=pulumi.ResourceOptions.merge(
                self._child, pulumi.ResourceOptions(depends_on=list(routes))
            ),
        )
        return association.subnet_id.apply(str)

    def _record_flows(self, args: NetworkArgs) -> FlowLogs:
        recorded: FlowLogsArgs = {
            "vpc_id": self._vpc.id,
            "region": args["region"],
            "account_id": args["account_id"],
            "retention_days": args.get("flow_logs_retention_days", DEFAULT_RETENTION_DAYS),
            "tags": self._tags,
        }
        if "flow_logs_kms_key_arn" in args:
            recorded["kms_key_arn"] = args["flow_logs_kms_key_arn"]
        return FlowLogs(f"{self._prefix}-flow-logs", recorded, self._child)


def _refuse_mistakes(name: str, args: NetworkArgs) -> None:
    problems = [
        *range_problems(args["cidr"]),
        *zone_problems(args["region"], args["zones"]),
        *interface_problems(args.get("interface_endpoints", ())),
    ]
    if problems:
        raise ValueError(f"Network {name!r}: " + "; ".join(problems))
