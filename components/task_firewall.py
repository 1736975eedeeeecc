"""What a group of tasks may reach: HTTPS anywhere, and the peers it is told of."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.connection import Connection


class Peer(TypedDict):
    """Something that tasks connect to."""

    name: str
    """Short name of the peer, such as `database`."""
    security_group_id: pulumi.Input[str]
    """Security group of the peer."""
    port: int
    """TCP port that the peer listens on."""


class TaskFirewallArgs(TypedDict):
    """Where the tasks are, and what they connect to."""

    vpc_id: pulumi.Input[str]
    """VPC of the tasks."""
    connections: NotRequired[Sequence[Peer]]
    """Peers that the tasks connect to. Defaults to none."""
    ipv6: NotRequired[bool]
    """Whether HTTPS may also leave over IPv6. Defaults to False."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class TaskFirewall(pulumi.ComponentResource):
    """A security group of its own for each service or job, which admits nobody by itself.

    HTTPS may leave to anywhere, because images, logs, secrets and third parties have no fixed
    addresses. Names are resolved and time is kept without a rule: no security group filters the
    VPC's resolver. https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
    """

    security_group_id: pulumi.Output[str]
    """Security group to run the tasks with, and for a server to admit."""

    def __init__(
        self, name: str, args: TaskFirewallArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Opens what the tasks need, and nothing else."""
        super().__init__("babyrobots:index:TaskFirewall", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}

        group = aws.ec2.SecurityGroup(
            f"{name}-sg",
            description=f"Tasks of {name}",
            vpc_id=args["vpc_id"],
            tags=tags,
            opts=child,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-https",
            security_group_id=group.id,
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="HTTPS to AWS and to third parties",
            tags=tags,
            opts=child,
        )
        if args.get("ipv6", False):
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-https-ipv6",
                security_group_id=group.id,
                cidr_ipv6="::/0",
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                description="HTTPS to AWS and to third parties",
                tags=tags,
                opts=child,
            )
        for peer in args.get("connections", ()):
            Connection(
                f"{name}-to-{peer['name']}",
                {
                    "client_security_group_id": group.id,
                    "server_security_group_id": peer["security_group_id"],
                    "port": peer["port"],
                    "description": f"{name} to {peer['name']}",
                    "tags": args.get("tags", {}),
                },
                opts=child,
            )

        self.security_group_id = group.id
        self.register_outputs({"security_group_id": self.security_group_id})
