"""VPC and what lives in it."""

import zlib
from collections.abc import Mapping
from typing import Any

from rehearsal.handlers.model import As, Call, Context, Handler, Naming

_EMPTY_BY_HAND = "only says how the provider empties the group before it deletes it"


def _permission(rule: Mapping[str, Any], group_id: str) -> dict[str, Any]:
    """An inline rule of a security group as an IpPermission."""
    note = {"Description": rule["description"]} if rule.get("description") else {}
    groups = [*rule.get("securityGroups", []), *([group_id] if rule.get("self") else [])]
    permission: dict[str, Any] = {"IpProtocol": str(rule["protocol"])}
    if permission["IpProtocol"] != "-1":
        permission |= {"FromPort": int(rule["fromPort"]), "ToPort": int(rule["toPort"])}
    ranges = {
        "IpRanges": [{"CidrIp": cidr, **note} for cidr in rule.get("cidrBlocks", [])],
        "Ipv6Ranges": [{"CidrIpv6": cidr, **note} for cidr in rule.get("ipv6CidrBlocks", [])],
        "PrefixListIds": [{"PrefixListId": id_, **note} for id_ in rule.get("prefixListIds", [])],
        "UserIdGroupPairs": [{"GroupId": id_, **note} for id_ in groups],
    }
    return permission | {key: items for key, items in ranges.items() if items}


def _apply_rules(context: Context, group: Mapping[str, Any]) -> None:
    """Replaces every rule that AWS gave a group by the inline ones, as the provider does."""
    group_id = group["GroupId"]
    for direction, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        if group.get(key):
            context.call(
                f"revoke_security_group_{direction}",
                {"GroupId": group_id, "IpPermissions": group[key]},
            )
        rules = context.take(direction, [])
        if rules:
            context.call(
                f"authorize_security_group_{direction}",
                {"GroupId": group_id, "IpPermissions": [_permission(r, group_id) for r in rules]},
            )


def _find_group(context: Context, name: str, values: list[str]) -> dict[str, Any]:
    filters = [{"Name": name, "Values": values}]
    if name == "vpc-id":
        filters.append({"Name": "group-name", "Values": ["default"]})
    return context.call("describe_security_groups", {"Filters": filters})["SecurityGroups"][0]


def _security_group(context: Context) -> tuple[str, Mapping[str, Any]]:
    context.take("revokeRulesOnDelete")
    params = {
        "GroupName": context.name,
        "Description": context.take("description", "Managed by Pulumi"),
        "VpcId": context.take("vpcId"),
    }
    tags: dict[str, Any] = {}
    _tag_specification(context, "security-group", tags)
    group_id = context.call("create_security_group", params | tags)["GroupId"]
    group = _find_group(context, "group-id", [group_id])
    _apply_rules(context, group)
    return group_id, {
        "arn": context.arn("ec2", f"security-group/{group_id}"),
        "ownerId": context.account,
        "vpcId": group["VpcId"],
        "description": params["Description"],
    }


def _default_security_group(context: Context) -> tuple[str, Mapping[str, Any]]:
    context.take("revokeRulesOnDelete")
    group = _find_group(context, "vpc-id", [context.take("vpcId")])
    _apply_rules(context, group)
    _create_tags(context, group["GroupId"])
    return group["GroupId"], {
        "arn": context.arn("ec2", f"security-group/{group['GroupId']}"),
        "name": "default",
        "ownerId": context.account,
        "vpcId": group["VpcId"],
    }


def _tag_specification(context: Context, kind: str, params: dict[str, Any]) -> None:
    if context.tags:
        params["TagSpecifications"] = [
            {
                "ResourceType": kind,
                "Tags": [{"Key": k, "Value": v} for k, v in context.tags.items()],
            }
        ]


def _create_tags(context: Context, id_: str) -> None:
    if context.tags:
        context.call(
            "create_tags",
            {
                "Resources": [id_],
                "Tags": [{"Key": key, "Value": value} for key, value in context.tags.items()],
            },
        )


def _rule(direction: str) -> Handler:
    """One rule as a resource of its own."""

    def create(context: Context) -> tuple[str, Mapping[str, Any]]:
        note = (
            {"Description": context.take("description")} if "description" in context.inputs else {}
        )
        protocol = str(context.take("ipProtocol"))
        permission: dict[str, Any] = {"IpProtocol": protocol}
        for key, api in (("fromPort", "FromPort"), ("toPort", "ToPort")):
            port = context.take(key)
            if port is not None and protocol != "-1":
                permission[api] = int(port)
        for key, api, member in (
            ("cidrIpv4", "IpRanges", "CidrIp"),
            ("cidrIpv6", "Ipv6Ranges", "CidrIpv6"),
            ("prefixListId", "PrefixListIds", "PrefixListId"),
            ("referencedSecurityGroupId", "UserIdGroupPairs", "GroupId"),
        ):
            peer = context.take(key)
            if peer:
                permission[api] = [{member: peer, **note}]
        params: dict[str, Any] = {
            "GroupId": context.take("securityGroupId"),
            "IpPermissions": [permission],
        }
        _tag_specification(context, "security-group-rule", params)
        answer = context.call(f"authorize_security_group_{direction}", params)
        id_ = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        return id_, {
            "arn": context.arn("ec2", f"security-group-rule/{id_}"),
            "securityGroupRuleId": id_,
        }

    return Handler(
        service="ec2",
        operation=f"authorize_security_group_{direction}",
        tags="-",
        create=create,
    )


_ROUTE_RULES = {"egressOnlyGatewayId": "EgressOnlyInternetGatewayId"}
_INLINE_ROUTE_RULES = {
    **_ROUTE_RULES,
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
}


def _add_routes(context: Context, table_id: str) -> None:
    for route in context.take("routes", []):
        given = {key: value for key, value in route.items() if value not in (None, "")}
        params = context.params("create_route", given, _INLINE_ROUTE_RULES)
        context.call("create_route", {"RouteTableId": table_id, **params})
    for gateway in context.take("propagatingVgws", []):
        context.call(
            "enable_vgw_route_propagation", {"RouteTableId": table_id, "GatewayId": gateway}
        )


def _route_table(context: Context) -> tuple[str, Mapping[str, Any]]:
    params: dict[str, Any] = {"VpcId": context.take("vpcId")}
    _tag_specification(context, "route-table", params)
    table_id = context.call("create_route_table", params)["RouteTable"]["RouteTableId"]
    _add_routes(context, table_id)
    return table_id, {
        "arn": context.arn("ec2", f"route-table/{table_id}"),
        "ownerId": context.account,
    }


def _default_route_table(context: Context) -> tuple[str, Mapping[str, Any]]:
    table_id = context.take("defaultRouteTableId")
    _create_tags(context, table_id)
    _add_routes(context, table_id)
    return table_id, {
        "arn": context.arn("ec2", f"route-table/{table_id}"),
        "ownerId": context.account,
    }


def _route_id(context: Context) -> str:
    """https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/ec2/vpc_route.go"""
    destination = next(
        context.inputs[key]
        for key in ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
        if context.inputs.get(key)
    )
    return f"r-{context.inputs['routeTableId']}{zlib.crc32(destination.encode())}"


def _entry(rule: Mapping[str, Any]) -> dict[str, Any]:
    """An inline network ACL rule as an entry."""
    entry: dict[str, Any] = {
        "RuleNumber": int(rule["ruleNo"]),
        "RuleAction": rule["action"],
        "Protocol": _PROTOCOLS.get(str(rule["protocol"]), str(rule["protocol"])),
        "PortRange": {"From": int(rule["fromPort"]), "To": int(rule["toPort"])},
    }
    for key, api in (("cidrBlock", "CidrBlock"), ("ipv6CidrBlock", "Ipv6CidrBlock")):
        if rule.get(key):
            entry[api] = rule[key]
    if "icmpType" in rule or "icmpCode" in rule:
        entry["IcmpTypeCode"] = {
            "Type": int(rule.get("icmpType", -1)),
            "Code": int(rule.get("icmpCode", -1)),
        }
    return entry


_PROTOCOLS = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}
"""https://www.iana.org/assignments/protocol-numbers/"""


def _acl_entries(context: Context, acl_id: str) -> None:
    for direction in ("ingress", "egress"):
        for rule in context.take(direction, []):
            context.call(
                "create_network_acl_entry",
                {"NetworkAclId": acl_id, "Egress": direction == "egress", **_entry(rule)},
            )


def _acl_subnets(context: Context, acl_id: str) -> None:
    for subnet in context.take("subnetIds", []):
        answer = context.call(
            "describe_network_acls",
            {"Filters": [{"Name": "association.subnet-id", "Values": [subnet]}]},
        )
        current = next(
            association["NetworkAclAssociationId"]
            for acl in answer["NetworkAcls"]
            for association in acl["Associations"]
            if association["SubnetId"] == subnet
        )
        context.call(
            "replace_network_acl_association", {"AssociationId": current, "NetworkAclId": acl_id}
        )


def _network_acl(context: Context) -> tuple[str, Mapping[str, Any]]:
    params: dict[str, Any] = {"VpcId": context.take("vpcId")}
    _tag_specification(context, "network-acl", params)
    acl_id = context.call("create_network_acl", params)["NetworkAcl"]["NetworkAclId"]
    _acl_entries(context, acl_id)
    _acl_subnets(context, acl_id)
    return acl_id, {
        "arn": context.arn("ec2", f"network-acl/{acl_id}"),
        "ownerId": context.account,
    }


def _default_network_acl(context: Context) -> tuple[str, Mapping[str, Any]]:
    acl_id = context.take("defaultNetworkAclId")
    found = context.call("describe_network_acls", {"NetworkAclIds": [acl_id]})["NetworkAcls"][0]
    # The provider takes every rule away that it was not told of; 32767 is AWS's own and cannot be
    # deleted.
    for entry in found["Entries"]:
        if entry["RuleNumber"] < 32767:
            context.call(
                "delete_network_acl_entry",
                {
                    "NetworkAclId": acl_id,
                    "RuleNumber": entry["RuleNumber"],
                    "Egress": entry["Egress"],
                },
            )
    _acl_entries(context, acl_id)
    _acl_subnets(context, acl_id)
    _create_tags(context, acl_id)
    return acl_id, {
        "arn": context.arn("ec2", f"network-acl/{acl_id}"),
        "ownerId": context.account,
        "vpcId": found["VpcId"],
    }


def _internet_gateway(context: Context) -> tuple[str, Mapping[str, Any]]:
    params: dict[str, Any] = {}
    _tag_specification(context, "internet-gateway", params)
    answer = context.call("create_internet_gateway", params)
    id_ = answer["InternetGateway"]["InternetGatewayId"]
    vpc = context.take("vpcId")
    if vpc:
        context.call("attach_internet_gateway", {"InternetGatewayId": id_, "VpcId": vpc})
    return id_, {
        "arn": context.arn("ec2", f"internet-gateway/{id_}"),
        "ownerId": context.account,
    }


_FLOW_SOURCES = {
    "vpcId": "VPC",
    "subnetId": "Subnet",
    "eniId": "NetworkInterface",
    "transitGatewayId": "TransitGateway",
    "transitGatewayAttachmentId": "TransitGatewayAttachment",
    "regionalNatGatewayId": "RegionalNatGateway",
}


def _flow_source(context: Context) -> str:
    return next(kind for key, kind in _FLOW_SOURCES.items() if key in context.inputs)


HANDLERS: dict[str, Handler] = {
    "aws:ec2/vpc:Vpc": Handler(
        service="ec2",
        operation="create_vpc",
        inputs={"assignGeneratedIpv6CidrBlock": "AmazonProvidedIpv6CidrBlock"},
        tags="TagSpecifications:vpc",
        id="{Vpc.VpcId}",
        then=[
            Call(
                operation="modify_vpc_attribute",
                inputs={
                    "enableDnsSupport": "EnableDnsSupport.Value",
                    "enableDnsHostnames": "EnableDnsHostnames.Value",
                    "enableNetworkAddressUsageMetrics": "EnableNetworkAddressUsageMetrics.Value",
                },
                params={"VpcId": "{id}"},
                each=True,
            ),
            Call(
                operation="describe_security_groups",
                params={
                    "Filters": [
                        {"Name": "vpc-id", "Values": ["{id}"]},
                        {"Name": "group-name", "Values": ["default"]},
                    ]
                },
                always=True,
            ),
            Call(
                operation="describe_route_tables",
                params={"Filters": [{"Name": "vpc-id", "Values": ["{id}"]}]},
                always=True,
            ),
            Call(
                operation="describe_network_acls",
                params={"Filters": [{"Name": "vpc-id", "Values": ["{id}"]}]},
                always=True,
            ),
        ],
        outputs={
            "arn": "arn:{partition}:ec2:{region}:{account}:vpc/{id}",
            "ownerId": "{account}",
            "cidrBlock": "{Vpc.CidrBlock}",
            "ipv6CidrBlock": "{Vpc.Ipv6CidrBlockAssociationSet.0.Ipv6CidrBlock?}",
            "ipv6AssociationId": "{Vpc.Ipv6CidrBlockAssociationSet.0.AssociationId?}",
            "dhcpOptionsId": "{Vpc.DhcpOptionsId?}",
            "defaultSecurityGroupId": "{describe_security_groups:SecurityGroups.0.GroupId}",
            "mainRouteTableId": "{describe_route_tables:RouteTables.0.RouteTableId}",
            "defaultRouteTableId": "{describe_route_tables:RouteTables.0.RouteTableId}",
            "defaultNetworkAclId": "{describe_network_acls:NetworkAcls.0.NetworkAclId}",
        },
    ),
    "aws:ec2/subnet:Subnet": Handler(
        service="ec2",
        operation="create_subnet",
        tags="TagSpecifications:subnet",
        id="{Subnet.SubnetId}",
        then=[
            Call(
                operation="modify_subnet_attribute",
                inputs={
                    "mapPublicIpOnLaunch": "MapPublicIpOnLaunch.Value",
                    "assignIpv6AddressOnCreation": "AssignIpv6AddressOnCreation.Value",
                    "enableDns64": "EnableDns64.Value",
                    "enableResourceNameDnsARecordOnLaunch": (
                        "EnableResourceNameDnsARecordOnLaunch.Value"
                    ),
                    "enableResourceNameDnsAaaaRecordOnLaunch": (
                        "EnableResourceNameDnsAAAARecordOnLaunch.Value"
                    ),
                    "privateDnsHostnameTypeOnLaunch": "",
                    "enableLniAtDeviceIndex": "",
                    "mapCustomerOwnedIpOnLaunch": "MapCustomerOwnedIpOnLaunch.Value",
                    "customerOwnedIpv4Pool": "",
                },
                params={"SubnetId": "{id}"},
                each=True,
            )
        ],
        outputs={
            "arn": "arn:{partition}:ec2:{region}:{account}:subnet/{id}",
            "ownerId": "{account}",
            "availabilityZone": "{Subnet.AvailabilityZone}",
            "availabilityZoneId": "{Subnet.AvailabilityZoneId}",
            "ipv6CidrBlockAssociationId": "{Subnet.Ipv6CidrBlockAssociationSet.0.AssociationId?}",
        },
    ),
    "aws:ec2/internetGateway:InternetGateway": Handler(
        service="ec2",
        operation="create_internet_gateway",
        tags="-",
        create=_internet_gateway,
    ),
    "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway": Handler(
        service="ec2",
        operation="create_egress_only_internet_gateway",
        tags="TagSpecifications:egress-only-internet-gateway",
        id="{EgressOnlyInternetGateway.EgressOnlyInternetGatewayId}",
    ),
    "aws:ec2/eip:Eip": Handler(
        service="ec2",
        operation="allocate_address",
        tags="TagSpecifications:elastic-ip",
        id="{AllocationId}",
        then=[
            Call(
                operation="associate_address",
                inputs={
                    "instance": "InstanceId",
                    "networkInterface": "NetworkInterfaceId",
                    "associateWithPrivateIp": "PrivateIpAddress",
                },
                params={"AllocationId": "{id}"},
            )
        ],
        outputs={
            "arn": "arn:{partition}:ec2:{region}:{account}:elastic-ip/{id}",
            "allocationId": "{AllocationId}",
            "publicIp": "{PublicIp}",
            "publicDns": lambda c: (
                f"ec2-{c.response['PublicIp'].replace('.', '-')}.{c.region}.compute.amazonaws.com"
            ),
        },
    ),
    "aws:ec2/natGateway:NatGateway": Handler(
        service="ec2",
        operation="create_nat_gateway",
        inputs={"privateIp": "PrivateIpAddress"},
        tags="TagSpecifications:natgateway",
        id="{NatGateway.NatGatewayId}",
        invents={"NatGateway.NatGatewayId": "nat-{hex}"},
        outputs={
            "publicIp": "{NatGateway.NatGatewayAddresses.0.PublicIp?}",
            "privateIp": "{NatGateway.NatGatewayAddresses.0.PrivateIp?}",
            "networkInterfaceId": "{NatGateway.NatGatewayAddresses.0.NetworkInterfaceId?}",
        },
    ),
    "aws:ec2/routeTable:RouteTable": Handler(
        service="ec2",
        operation="create_route_table",
        tags="-",
        create=_route_table,
    ),
    "aws:ec2/defaultRouteTable:DefaultRouteTable": Handler(
        service="ec2",
        operation="create_tags",
        tags="-",
        create=_default_route_table,
    ),
    "aws:ec2/route:Route": Handler(
        service="ec2",
        operation="create_route",
        inputs=_ROUTE_RULES,
        id=_route_id,
        outputs={"state": "active", "origin": "CreateRoute"},
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Handler(
        service="ec2",
        operation="associate_route_table",
        id="{AssociationId}",
    ),
    "aws:ec2/securityGroup:SecurityGroup": Handler(
        service="ec2",
        operation="create_security_group",
        # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
        naming=Naming(api="GroupName", limit=255),
        tags="-",
        create=_security_group,
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Handler(
        service="ec2",
        operation="describe_security_groups",
        tags="-",
        create=_default_security_group,
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("egress"),
    "aws:ec2/networkAcl:NetworkAcl": Handler(
        service="ec2",
        operation="create_network_acl",
        tags="-",
        create=_network_acl,
    ),
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": Handler(
        service="ec2",
        operation="describe_network_acls",
        tags="-",
        create=_default_network_acl,
    ),
    "aws:ec2/networkAclRule:NetworkAclRule": Handler(
        service="ec2",
        operation="create_network_acl_entry",
        inputs={
            "fromPort": "PortRange.From",
            "toPort": "PortRange.To",
            "icmpType": "IcmpTypeCode.Type",
            "icmpCode": "IcmpTypeCode.Code",
            "protocol": As("Protocol", lambda value: _PROTOCOLS.get(str(value), str(value))),
        },
        params={"Egress": lambda c: bool(c.inputs.get("egress", False))},
        id="nacl-{hex}",
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Handler(
        service="ec2",
        operation="create_vpc_endpoint",
        inputs={"policy": "PolicyDocument"},
        ignored={"autoAccept": "accepts the connection of an endpoint service of this account"},
        tags="TagSpecifications:vpc-endpoint",
        id="{VpcEndpoint.VpcEndpointId}",
        outputs={
            "arn": "arn:{partition}:ec2:{region}:{account}:vpc-endpoint/{id}",
            "state": "available",
            "ownerId": "{account}",
            "networkInterfaceIds": "{VpcEndpoint.NetworkInterfaceIds?}",
            "dnsEntries": lambda c: [
                {"dnsName": entry.get("DnsName", ""), "hostedZoneId": entry.get("HostedZoneId", "")}
                for entry in c.response.get("VpcEndpoint", {}).get("DnsEntries", [])
            ],
            "prefixListId": lambda c: (
                f"pl-{c.digest()[:8]}"
                if c.inputs.get("vpcEndpointType", "Gateway") == "Gateway"
                else None
            ),
        },
    ),
    "aws:ec2/flowLog:FlowLog": Handler(
        service="ec2",
        operation="create_flow_logs",
        inputs={
            **{key: As("ResourceIds", lambda value: [value]) for key in _FLOW_SOURCES},
            "iamRoleArn": "DeliverLogsPermissionArn",
        },
        params={"ResourceType": _flow_source},
        tags="TagSpecifications:vpc-flow-log",
        id="{FlowLogIds.0}",
        outputs={"arn": "arn:{partition}:ec2:{region}:{account}:vpc-flow-log/{id}"},
    ),
    "aws:ec2/managedPrefixList:ManagedPrefixList": Handler(
        service="ec2",
        operation="create_managed_prefix_list",
        naming=Naming(api="PrefixListName", prefix=""),
        tags="TagSpecifications:prefix-list",
        id="{PrefixList.PrefixListId}",
        outputs={
            "arn": "{PrefixList.PrefixListArn}",
            "version": "{PrefixList.Version}",
            "ownerId": "{account}",
        },
    ),
}
