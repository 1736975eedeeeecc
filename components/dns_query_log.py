"""A record of what the world asks a hosted zone."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

_REGION = "us-east-1"
"""Where Route 53 writes, whatever the region of the stack:
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/query-logs.html"""


class DnsQueryLogArgs(TypedDict):
    """Which zone, and how long its queries are remembered."""

    zone_id: pulumi.Input[str]
    """Public hosted zone. Route 53 allows it one query log."""
    zone_name: str
    """Name of the zone; the log group carries it, as AWS recommends."""
    retention_days: NotRequired[int]
    """Days that queries are kept. Defaults to 365, the least that Security Hub control
    CloudWatch.16 accepts. 0, which CloudWatch takes for ever, is refused."""
    kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key in us-east-1 that encrypts the log; its policy must admit CloudWatch Logs there. Defaults
    to CloudWatch's own encryption, which costs nothing."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for the log group. Defaults to none."""


class DnsQueryLog(pulumi.ComponentResource):
    """Query logging of a hosted zone to CloudWatch Logs in us-east-1."""

    log_group_name: pulumi.Output[str]
    """Log group to search, in us-east-1."""

    def __init__(
        self, name: str, args: DnsQueryLogArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses to keep queries for ever."""
        retention_days = args.get("retention_days", 365)
        if retention_days < 1:
            raise ValueError(
                f"DnsQueryLog {name!r}: retention_days is {retention_days}; CloudWatch would keep"
                " the queries for ever. Give a finite number of days"
            )
        super().__init__("babyrobots:index:DnsQueryLog", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        zone_name = args["zone_name"]

        log_group = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/route53/{zone_name}",
            retention_in_days=retention_days,
            kms_key_id=args.get("kms_key_arn"),
            region=_REGION,
            tags={"Name": name, **args.get("tags", {})},
            opts=child,
        )
        # An account has ten such policies in a region, and a second one of the same name replaces
        # the first: the name is the zone's, like the log group's.
        permission = aws.cloudwatch.LogResourcePolicy(
            f"{name}-write",
            policy_name=f"route53-{zone_name.replace('.', '-')}",
            policy_document=_write_policy(args["zone_id"], log_group.arn),
            region=_REGION,
            opts=child,
        )
        aws.route53.QueryLog(
            f"{name}-log",
            zone_id=args["zone_id"],
            cloudwatch_log_group_arn=log_group.arn,
            # Route 53 tries to write before it accepts.
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(depends_on=[permission])
            ),
        )

        self.log_group_name = log_group.name
        self.register_outputs({"log_group_name": self.log_group_name})


def _write_policy(
    zone_id: pulumi.Input[str], log_group_arn: pulumi.Output[str]
) -> pulumi.Output[str]:
    """Admits Route 53 on behalf of this zone of this account, and of no other."""
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "QueriesOfThisZone",
                    "Effect": "Allow",
                    "Principal": {"Service": "route53.amazonaws.com"},
                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": pulumi.Output.format("{0}:*", log_group_arn),
                    "Condition": {
                        # arn:aws:logs:<region>:<account>:log-group:<name>
                        "StringEquals": {
                            "aws:SourceAccount": log_group_arn.apply(lambda arn: arn.split(":")[4])
                        },
                        "ArnEquals": {
                            "aws:SourceArn": pulumi.Output.format(
                                "arn:aws:route53:::hostedzone/{0}", zone_id
                            )
                        },
                    },
                }
            ],
        }
    )
