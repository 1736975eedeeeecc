"""What connects: NAT, addresses, endpoints."""

from ops.cost.model import Resource, World
from ops.cost.rules.table import priced

_VPC = "VPC"


@priced("aws:ec2/natGateway:NatGateway")
def _nat(gateway: Resource, world: World) -> None:
    """A regional gateway is charged for each zone that it is in, as one of each zone would be.

    https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateways-regional.html
    """
    regional = gateway.text("availabilityMode") == "regional"
    zones = world.stack.zones if regional else 1
    world.add(gateway, _VPC, "NAT gateway", "nat.hour", zones * world.hours)
    if regional:
        world.add(gateway, _VPC, "public IPv4 address", "ipv4.hour", zones * world.hours)
    world.add(
        gateway,
        _VPC,
        "data through NAT",
        "nat.gb",
        zones * world.assume("nat_gb"),
        assumed=("nat_gb",),
    )


@priced("aws:ec2/eip:Eip")
def _address(address: Resource, world: World) -> None:
    world.add(address, _VPC, "public IPv4 address", "ipv4.hour", world.hours)


@priced("aws:ec2/vpcEndpoint:VpcEndpoint")
def _endpoint(endpoint: Resource, world: World) -> None:
    """Gateway endpoints are free."""
    if endpoint.text("vpcEndpointType", "Gateway") != "Interface":
        return
    zones = len(endpoint.items("subnetIds")) or world.stack.zones
    world.add(endpoint, _VPC, "interface endpoint", "endpoint.hour", zones * world.hours)
    world.add(
        endpoint,
        _VPC,
        "data through endpoint",
        "endpoint.gb",
        world.assume("endpoint_gb"),
        assumed=("endpoint_gb",),
    )
