"""Where a subnet's traffic goes."""

from guardrails.kinds import SUBNET, VPC
from guardrails.resources import Resource, Stack
from guardrails.values import NotEvaluatedError, is_unknown

ROUTE = "aws:ec2/route:Route"
ROUTE_TABLE = "aws:ec2/routeTable:RouteTable"
DEFAULT_ROUTE_TABLE = "aws:ec2/defaultRouteTable:DefaultRouteTable"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
MAIN_ASSOCIATION = "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation"
INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway"


def of_property(stack: Stack, resource: Resource, path: str) -> list[Resource]:
    """The subnets of the stack that a property names.

    A subnet's id may come by way of its route table association, so that whoever uses it waits for
    the routes; before anything exists, that detour is all there is to see.
    """
    try:
        found = stack.targets(resource, path, SUBNET)
    except NotEvaluatedError:
        found = []
    if found:
        return found
    by_way = stack.depends(resource, path, ASSOCIATION)
    if by_way:
        return [
            subnet
            for association in by_way
            for subnet in stack.targets(association, "subnetId", SUBNET)
        ]
    return stack.targets(resource, path, SUBNET)


def way_to_the_internet(stack: Stack, subnet: Resource) -> str:
    """How a subnet reaches an internet gateway, "" if it does not: `table public`."""
    for table in _tables(stack, subnet):
        if _leads_out(stack, table):
            return f"route table {table.name}"
    return ""


def _tables(stack: Stack, subnet: Resource) -> list[Resource]:
    tables = [
        table
        for association in stack.sources(subnet, "subnetId", ASSOCIATION)
        for table in stack.targets(association, "routeTableId", ROUTE_TABLE, DEFAULT_ROUTE_TABLE)
    ]
    if tables:
        return tables
    main: list[Resource] = []
    for vpc in stack.targets(subnet, "vpcId", VPC):
        for association in stack.sources(vpc, "vpcId", MAIN_ASSOCIATION):
            main += stack.targets(association, "routeTableId", ROUTE_TABLE, DEFAULT_ROUTE_TABLE)
        main += stack.sources(vpc, "defaultRouteTableId", DEFAULT_ROUTE_TABLE)
    return main


def _leads_out(stack: Stack, table: Resource) -> bool:
    if stack.depends(table, "routes", INTERNET_GATEWAY):
        return True
    if any(route.text("gatewayId").startswith("igw-") for route in table.views("routes")):
        return True
    return any(
        bool(stack.targets(route, "gatewayId", INTERNET_GATEWAY))
        or _is_gateway(route.get("gatewayId"))
        for route in stack.sources(table, "routeTableId", ROUTE)
    )


def _is_gateway(value: object) -> bool:
    return not is_unknown(value) and isinstance(value, str) and value.startswith("igw-")
