"""Private ways from the VPC to AWS services: free ones always, paid ones by switch."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.endpoint_policies import (
    GATEWAY_ACTIONS,
    gateway_policy,
    interface_policy,
    interface_problems,
)


class VpcEndpointsArgs(TypedDict):
    """Which services are reached without the internet, and from where."""

    vpc_id: pulumi.Input[str]
    """VPC that the endpoints belong to."""
    region: str
    """Region of the VPC; service names and the registry's layer bucket carry it."""
    account_id: pulumi.Input[str]
    """Account whose identities may use the endpoints."""
    route_table_ids: Sequence[pulumi.Input[str]]
    """Route tables that get a route to S3 and DynamoDB."""
    subnet_ids: Sequence[pulumi.Input[str]]
    """Subnets that get a network interface of each interface endpoint, one per zone."""
    client_cidrs: Mapping[str, str]
    """IPv4 ranges whose machines may use the interface endpoints, each by a short name."""
    interface_services: NotRequired[Sequence[str]]
    """Services with an interface endpoint, such as `ecr.api`. Defaults to none, because each costs
    by the hour in every zone: https://aws.amazon.com/privatelink/pricing/"""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every endpoint. Defaults to none."""


class VpcEndpoints(pulumi.ComponentResource):
    """S3 and DynamoDB by gateway, other services by interface, each bounded by a policy."""

    security_group_id: pulumi.Output[str]
    """Security group of the interface endpoints, or "" when there is none."""
    endpoint_ids: pulumi.Output[Sequence[str]]
    """Every endpoint, in order of service name."""

    def __init__(
        self, name: str, args: VpcEndpointsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses a service it has no policy for; creates nothing in that case."""
        services = sorted(args.get("interface_services", ()))
        if problems := interface_problems(services):
            raise ValueError(f"VpcEndpoints {name!r}: " + "; ".join(problems))
        super().__init__("babyrobots:index:VpcEndpoints", name, {}, opts)

        endpoints = {service: self._gateway(name, service, args) for service in GATEWAY_ACTIONS}
        security_group = self._security_group(name, args) if services else None
        if security_group:
            for service in services:
                endpoints[service] = self._interface(name, service, security_group, args)

        self.security_group_id = (
            security_group.id if security_group else pulumi.Output.from_input("")
        )
        self.endpoint_ids = pulumi.Output.all(*(endpoints[key].id for key in sorted(endpoints)))
        self.register_outputs(
            {"security_group_id": self.security_group_id, "endpoint_ids": self.endpoint_ids}
        )

    def _gateway(self, name: str, service: str, args: VpcEndpointsArgs) -> aws.ec2.VpcEndpoint:
        region = args["region"]
        return aws.ec2.VpcEndpoint(
            f"{name}-{service}",
            vpc_id=args["vpc_id"],
            service_name=f"com.amazonaws.{region}.{service}",
            vpc_endpoint_type="Gateway",
            route_table_ids=args["route_table_ids"],
            policy=pulumi.Output.json_dumps(
                gateway_policy(service, region, args["account_id"], args["vpc_id"])
            ),
            tags={"Name": f"{name}-{service}", **args.get("tags", {})},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _interface(
        self,
        name: str,
        service: str,
        security_group: aws.ec2.SecurityGroup,
        args: VpcEndpointsArgs,
    ) -> aws.ec2.VpcEndpoint:
        logical = f"{name}-{service.replace('.', '-')}"
        return aws.ec2.VpcEndpoint(
            logical,
            vpc_id=args["vpc_id"],
            service_name=f"com.amazonaws.{args['region']}.{service}",
            vpc_endpoint_type="Interface",
            # The service's public name then leads to the endpoint: no client is configured for it.
            private_dns_enabled=True,
            subnet_ids=args["subnet_ids"],
            security_group_ids=[security_group.id],
            policy=pulumi.Output.json_dumps(interface_policy(service, args["account_id"])),
            tags={"Name": logical, **args.get("tags", {})},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _security_group(self, name: str, args: VpcEndpointsArgs) -> aws.ec2.SecurityGroup:
        child = pulumi.ResourceOptions(parent=self)
        tags = args.get("tags", {})
        group = aws.ec2.SecurityGroup(
            f"{name}-sg",
            vpc_id=args["vpc_id"],
            description="Interface endpoints of AWS services",
            tags={"Name": f"{name}-sg", **tags},
            opts=child,
        )
        # By range, not by group: whatever runs in these subnets must reach the services that start
        # it and take its logs. Endpoints open no connection themselves, so nothing leads out.
        for key, cidr in args["client_cidrs"].items():
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-https-{key}",
                security_group_id=group.id,
                cidr_ipv4=cidr,
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                description=f"AWS API calls from {key}",
                tags={"Name": f"{name}-https-{key}", **tags},
                opts=child,
            )
        return group
