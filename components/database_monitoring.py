"""What a database tells about itself: its log groups and the role of its enhanced monitoring."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

METRICS_GROUP = "RDSOSMetrics"
"""Log group that enhanced monitoring writes to, one for all instances of an account and region:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.CloudWatchLogs.html"""


class DatabaseMonitoringArgs(TypedDict):
    """Which instance, and how long its logs are kept."""

    identifier: str
    """Identifier of the instance, which its log groups are named after."""
    region: str
    """Region of the instance."""
    account_id: pulumi.Input[str]
    """Account of the instance: RDS may use the role on behalf of no other."""
    log_types: Sequence[str]
    """Logs that RDS exports, such as `postgresql`."""
    log_retention_days: int
    """Days that the logs are kept; RDS itself would create the groups to keep them for ever."""
    log_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key that encrypts the logs. Defaults to CloudWatch's own encryption."""
    enhanced: bool
    """Whether enhanced monitoring is on, which needs the role."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class DatabaseMonitoring(pulumi.ComponentResource):
    """Log groups that stand before RDS writes, and a role that only this instance's monitoring has.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.Enabling.html
    """

    role_arn: pulumi.Output[str]
    """Role of enhanced monitoring, known once it may write; "" when that is off."""
    log_group_names: pulumi.Output[Sequence[str]]
    """Log groups of the instance, in the order of the log types."""

    def __init__(
        self, name: str, args: DatabaseMonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Creates the groups first: what RDS finds, it does not create."""
        super().__init__("babyrobots:index:DatabaseMonitoring", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}

        groups = [
            aws.cloudwatch.LogGroup(
                f"{name}-{log_type}",
                name=f"/aws/rds/instance/{args['identifier']}/{log_type}",
                retention_in_days=args["log_retention_days"],
                kms_key_id=args.get("log_kms_key_arn"),
                tags=tags,
                opts=child,
            )
            for log_type in args["log_types"]
        ]

        self.role_arn = pulumi.Output.from_input("")
        if args["enhanced"]:
            role = aws.iam.Role(
                f"{name}-role",
                description=f"Lets RDS write the enhanced monitoring of {args['identifier']}",
                assume_role_policy=_trust_policy(args),
                tags=tags,
                opts=child,
            )
            permission = aws.iam.RolePolicy(
                f"{name}-policy", role=role.name, policy=_metrics_policy(args), opts=child
            )
            self.role_arn = pulumi.Output.all(role.arn, permission.id).apply(lambda known: known[0])

        self.log_group_names = pulumi.Output.all(*[group.name for group in groups])
        self.register_outputs({"role_arn": self.role_arn, "log_group_names": self.log_group_names})


def _metrics_policy(args: DatabaseMonitoringArgs) -> pulumi.Output[str]:
    """What AWS's own AmazonRDSEnhancedMonitoringRole allows, for one log group instead of every
    `RDS*` of every region.

    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonRDSEnhancedMonitoringRole.html
    """
    group = pulumi.Output.format(
        "arn:aws:logs:{}:{}:log-group:{}", args["region"], args["account_id"], METRICS_GROUP
    )
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "WriteMetrics",
                    "Effect": "Allow",
                    "Action": [
                        "logs:CreateLogGroup",
                        "logs:CreateLogStream",
                        "logs:DescribeLogStreams",
                        "logs:GetLogEvents",
                        "logs:PutLogEvents",
                        "logs:PutRetentionPolicy",
                    ],
                    # CloudWatch Logs writes a group with and without what is in it.
                    "Resource": [group, pulumi.Output.concat(group, ":*")],
                }
            ],
        }
    )


def _trust_policy(args: DatabaseMonitoringArgs) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "MonitoringOfThisInstance",
                    "Effect": "Allow",
                    "Principal": {"Service": "monitoring.rds.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": args["account_id"]},
                        "ArnEquals": {
                            "aws:SourceArn": pulumi.Output.format(
                                "arn:aws:rds:{}:{}:db:{}",
                                args["region"],
                                args["account_id"],
                                args["identifier"],
                            )
                        },
                    },
                }
            ],
        }
    )
