"""Subnets, routes, the default security group and flow logs."""

from collections.abc import Iterator
from typing import Any

from ops.verify.model import Context, Finding, check


def _subnets(context: Context) -> dict[str, dict[str, Any]]:
    vpc = [{"Name": "vpc-id", "Values": [context.outputs["vpcId"]]}]
    found = context.aws.pages("ec2", "describe_subnets", "Subnets", Filters=vpc)
    return {subnet["SubnetId"]: subnet for subnet in found}


def _route_targets(context: Context) -> dict[str, set[str]]:
    """Subnet id -> ids of the gateways its route table sends traffic to."""
    vpc = [{"Name": "vpc-id", "Values": [context.outputs["vpcId"]]}]
    keys = ("GatewayId", "NatGatewayId", "EgressOnlyInternetGatewayId")
    targets: dict[str, set[str]] = {}
    for table in context.aws.pages("ec2", "describe_route_tables", "RouteTables", Filters=vpc):
        gateways = {route[key] for route in table["Routes"] for key in keys if route.get(key)}
        for association in table["Associations"]:
            if "SubnetId" in association:
                targets[association["SubnetId"]] = gateways
    return targets


TIERS = {
    "public": "publicSubnetIds",
    "private": "privateSubnetIds",
    "isolated": "isolatedSubnetIds",
}


@check("every tier spans at least two Availability Zones")
def _tiers_span_zones(context: Context) -> Iterator[Finding]:
    subnets = _subnets(context)
    for tier, output in TIERS.items():
        ids = context.outputs[output]
        zones = sorted({subnets[i]["AvailabilityZone"] for i in ids if i in subnets})
        missing = sorted(set(ids) - set(subnets))
        detail = f"missing subnets {missing}" if missing else ", ".join(zones)
        yield tier, len(zones) >= 2 and not missing, detail


@check("only public subnets route to the internet gateway")
def _routes(context: Context) -> Iterator[Finding]:
    targets = _route_targets(context)
    for tier, output in TIERS.items():
        for subnet in context.outputs[output]:
            gateways = targets.get(subnet, set())
            internet = any(gateway.startswith("igw-") for gateway in gateways)
            outward = internet or any(g.startswith(("nat-", "eigw-")) for g in gateways)
            holds = {"public": internet, "private": not internet, "isolated": not outward}[tier]
            yield f"{tier} {subnet}", holds, ", ".join(sorted(gateways)) or "no gateway"


@check("the default security group admits nothing")
def _default_group(context: Context) -> Iterator[Finding]:
    filters = [
        {"Name": "vpc-id", "Values": [context.outputs["vpcId"]]},
        {"Name": "group-name", "Values": ["default"]},
    ]
    groups = context.aws.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=filters)
    for group in groups:
        rules = len(group["IpPermissions"]) + len(group["IpPermissionsEgress"])
        yield group["GroupId"], rules == 0, f"{rules} rules"


@check("flow logs record the VPC")
def _flow_logs(context: Context) -> Iterator[Finding]:
    vpc = context.outputs["vpcId"]
    filters = [{"Name": "resource-id", "Values": [vpc]}]
    logs = list(context.aws.pages("ec2", "describe_flow_logs", "FlowLogs", Filter=filters))
    active = [log["FlowLogId"] for log in logs if log["FlowLogStatus"] == "ACTIVE"]
    yield vpc, bool(active), ", ".join(active) or "no active flow log"
