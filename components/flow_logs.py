"""A record of every connection that the VPC accepted or rejected."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

DEFAULT_RETENTION_DAYS = 365
"""A year: https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html#cloudwatch-16"""


class FlowLogsArgs(TypedDict):
    """What is recorded, and for how long."""

    vpc_id: pulumi.Input[str]
    """VPC whose traffic is recorded."""
    region: str
    """Region of the VPC."""
    account_id: pulumi.Input[str]
    """Account of the VPC: the flow logs service may use the role on behalf of no other."""
    retention_days: NotRequired[int]
    """Days that records are kept. Defaults to 365, the least that Security Hub control
    CloudWatch.16 accepts. 0, which CloudWatch takes for ever, is refused."""
    kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key that encrypts the records; its policy must admit CloudWatch Logs of this region. Defaults
    to CloudWatch's own encryption, which costs nothing:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class FlowLogs(pulumi.ComponentResource):
    """VPC flow logs in CloudWatch, written by a role that can do nothing else."""

    log_group_name: pulumi.Output[str]
    """Log group to search."""
    flow_log_id: pulumi.Output[str]
    """The flow log itself."""

    def __init__(
        self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses to keep records for ever."""
        retention_days = args.get("retention_days", DEFAULT_RETENTION_DAYS)
        if retention_days < 1:
            raise ValueError(
                f"FlowLogs {name!r}: retention_days is {retention_days}; CloudWatch would keep the"
                " records for ever. Give a finite number of days"
            )
        super().__init__("babyrobots:index:FlowLogs", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}

        log_group = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            retention_in_days=retention_days,
            kms_key_id=args.get("kms_key_arn"),
            tags=tags,
            opts=child,
        )
        role = aws.iam.Role(
            f"{name}-role",
            description="Lets VPC flow logs write to their log group",
            assume_role_policy=_trust_policy(args["region"], args["account_id"]),
            tags=tags,
            opts=child,
        )
        role_policy = aws.iam.RolePolicy(
            f"{name}-write", role=role.name, policy=_write_policy(log_group.arn), opts=child
        )
        flow_log = aws.ec2.FlowLog(
            f"{name}-flow-log",
            vpc_id=args["vpc_id"],
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=log_group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=600,
            tags=tags,
            # Without its permission the flow log starts in the state "access error".
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(depends_on=[role_policy])
            ),
        )

        self.log_group_name = log_group.name
        self.flow_log_id = flow_log.id
        self.register_outputs(
            {"log_group_name": self.log_group_name, "flow_log_id": self.flow_log_id}
        )


def _trust_policy(region: str, account_id: pulumi.Input[str]) -> pulumi.Output[str]:
    """Trusts the service on behalf of this account's flow logs only.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    """
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "FlowLogsOfThisAccount",
                    "Effect": "Allow",
                    "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": account_id},
                        "ArnLike": {
                            "aws:SourceArn": pulumi.Output.format(
                                "arn:aws:ec2:{0}:{1}:vpc-flow-log/*", region, account_id
                            )
                        },
                    },
                }
            ],
        }
    )


def _write_policy(log_group_arn: pulumi.Output[str]) -> pulumi.Output[str]:
    """The documented permissions without the creation of log groups: ours exists."""
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "WriteRecords",
                    "Effect": "Allow",
                    "Action": [
                        "logs:CreateLogStream",
                        "logs:DescribeLogStreams",
                        "logs:PutLogEvents",
                    ],
                    "Resource": pulumi.Output.format("{0}:*", log_group_arn),
                },
                {
                    # The one action that CloudWatch Logs cannot restrict to a log group.
                    "Sid": "FindTheLogGroup",
                    "Effect": "Allow",
                    "Action": "logs:DescribeLogGroups",
                    "Resource": "*",
                },
            ],
        }
    )
