"""The way from private subnets out to the internet, at the price and resilience of choice."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.subnets import NatStrategy, zone_suffix


class NatGatewaysArgs(TypedDict):
    """How many gateways there are, and where."""

    strategy: NatStrategy
    """Which zones depend on which gateway."""
    region: str
    """Region of the zones."""
    zones: Sequence[str]
    """Zones that need a way out."""
    vpc_id: pulumi.Input[str]
    """VPC of the gateways. Its internet gateway must be attached when this resolves: a regional
    gateway has no subnet to wait for."""
    public_subnet_ids: Sequence[pulumi.Input[str]]
    """Public subnets in the order of `zones`, each with a route to the internet."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for gateways and addresses. Defaults to none."""


class NatGateways(pulumi.ComponentResource):
    """NAT gateways with their addresses."""

    gateway_ids: pulumi.Output[Sequence[str]]
    """The gateways; empty for the strategy `none`."""
    public_ips: pulumi.Output[Sequence[str]]
    """Addresses that connections to the internet come from, for the allow-lists of others. Those of
    a regional gateway are chosen, added and released by AWS."""

    def __init__(
        self, name: str, args: NatGatewaysArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Creates the gateways; `self.gateway_of` then says which one serves a zone, and
        `self.ids_by_suffix` how each is called.
        """
        super().__init__("babyrobots:index:NatGateways", name, {}, opts)
        zones, strategy = args["zones"], args["strategy"]

        gateways: list[aws.ec2.NatGateway] = []
        self.ids_by_suffix: dict[str, pulumi.Output[str]] = {}
        self.gateway_of: dict[str, pulumi.Output[str]] = {}
        public_ips: pulumi.Output[Sequence[str]] = pulumi.Output.from_input([])
        if strategy == NatStrategy.REGIONAL:
            gateways = [self._regional(name, args)]
            self.gateway_of = dict.fromkeys(zones, gateways[0].id)
            self.ids_by_suffix = {"": gateways[0].id}
            public_ips = gateways[0].regional_nat_gateway_addresses.apply(_addresses)
        elif strategy == NatStrategy.SINGLE:
            # In the zone that is named first, under a name without the zone: adding zones behind
            # it leaves the gateway, and the address that others know, where it is.
            gateways = [self._zonal(name, "", args["public_subnet_ids"][0], args)]
            self.gateway_of = dict.fromkeys(zones, gateways[0].id)
            self.ids_by_suffix = {"": gateways[0].id}
        elif strategy == NatStrategy.PER_ZONE:
            for zone, subnet_id in zip(zones, args["public_subnet_ids"], strict=True):
                suffix = "-" + zone_suffix(args["region"], zone)
                gateways.append(self._zonal(name, suffix, subnet_id, args))
                self.gateway_of[zone] = gateways[-1].id
                self.ids_by_suffix[suffix] = gateways[-1].id
        if strategy in (NatStrategy.SINGLE, NatStrategy.PER_ZONE):
            public_ips = pulumi.Output.all(*(gateway.public_ip for gateway in gateways))

        self.gateway_ids = pulumi.Output.all(*(gateway.id for gateway in gateways))
        self.public_ips = public_ips
        self.register_outputs({"gateway_ids": self.gateway_ids, "public_ips": self.public_ips})

    def _zonal(
        self, name: str, suffix: str, subnet_id: pulumi.Input[str], args: NatGatewaysArgs
    ) -> aws.ec2.NatGateway:
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": f"{name}{suffix}", **args.get("tags", {})}
        address = aws.ec2.Eip(f"{name}-eip{suffix}", domain="vpc", tags=tags, opts=child)
        return aws.ec2.NatGateway(
            f"{name}-gateway{suffix}",
            connectivity_type="public",
            allocation_id=address.allocation_id,
            subnet_id=subnet_id,
            tags=tags,
            opts=child,
        )

    def _regional(self, name: str, args: NatGatewaysArgs) -> aws.ec2.NatGateway:
        """One gateway that follows the workload into each zone, with addresses that AWS manages.

        https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateways-regional.html
        """
        return aws.ec2.NatGateway(
            f"{name}-regional-gateway",
            availability_mode="regional",
            connectivity_type="public",
            vpc_id=args["vpc_id"],
            tags={"Name": name, **args.get("tags", {})},
            opts=pulumi.ResourceOptions(parent=self),
        )


def _addresses(
    addresses: Sequence[aws.ec2.outputs.NatGatewayRegionalNatGatewayAddress] | None,
) -> list[str]:
    # A new regional gateway has none until the first machine appears in a zone.
    return sorted(address.public_ip for address in addresses or () if address.public_ip)
