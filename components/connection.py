"""The one way in which anything in this project may open a network connection to anything else."""

import re
from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html#API_IpRange_Contents
_DESCRIPTION = re.compile(r"[A-Za-z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}")


class ConnectionArgs(TypedDict):
    """Who connects to whom, on which port."""

    client_security_group_id: pulumi.Input[str]
    """Security group of the side that opens the connection."""
    server_security_group_id: pulumi.Input[str]
    """Security group of the side that listens."""
    port: int
    """TCP port that the server listens on, 1 to 65535. One port: a range would be a guess."""
    description: str
    """Why the connection exists, written on both rules. Up to 255 of the characters EC2 accepts:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html"""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for both rules. Defaults to none."""


class Connection(pulumi.ComponentResource):
    """A TCP connection between two security groups: a rule out of one and a rule into the other.

    Both ends name the other group, never an address: a connection reaches exactly what is in the
    group, and replacing a task or a database changes no rule. Standalone rules with one peer each
    are what the provider recommends; a group that has them must carry no inline rules.
    https://www.pulumi.com/registry/packages/aws/api-docs/ec2/securitygroup/
    """

    egress_rule_id: pulumi.Output[str]
    """Rule that lets the client open the connection."""
    ingress_rule_id: pulumi.Output[str]
    """Rule that lets the server accept it."""

    def __init__(
        self, name: str, args: ConnectionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Opens the connection; refuses first what EC2 would refuse half-way through."""
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:Connection", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}

        egress = aws.vpc.SecurityGroupEgressRule(
            f"{name}-egress",
            security_group_id=args["client_security_group_id"],
            referenced_security_group_id=args["server_security_group_id"],
            ip_protocol="tcp",
            from_port=args["port"],
            to_port=args["port"],
            description=args["description"],
            tags=tags,
            opts=child,
        )
        ingress = aws.vpc.SecurityGroupIngressRule(
            f"{name}-ingress",
            security_group_id=args["server_security_group_id"],
            referenced_security_group_id=args["client_security_group_id"],
            ip_protocol="tcp",
            from_port=args["port"],
            to_port=args["port"],
            description=args["description"],
            tags=tags,
            opts=child,
        )

        self.egress_rule_id = egress.id
        self.ingress_rule_id = ingress.id
        self.register_outputs(
            {"egress_rule_id": self.egress_rule_id, "ingress_rule_id": self.ingress_rule_id}
        )


def _refuse_mistakes(name: str, args: ConnectionArgs) -> None:
    problems = []
    port = args["port"]
    if not 1 <= port <= 65535:
        problems.append(f"port is {port}; a TCP port is 1 to 65535")
    if not _DESCRIPTION.fullmatch(args["description"]):
        problems.append(
            f"description is {args['description']!r}; EC2 accepts 1 to 255 letters, digits, spaces"
            " and ._-:/()#,@[]+=&;{}!$*"
        )
    if problems:
        raise ValueError(f"Connection {name!r}: " + "; ".join(problems))
