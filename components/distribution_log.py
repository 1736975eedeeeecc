"""Who asked a distribution for what: its access log, in CloudWatch Logs of us-east-1."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.vended_logs import delivery_policy

REGION = "us-east-1"
"""The only region in which CloudFront hands out its logs:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html"""
FIELDS = (
    *("date", "time", "x-edge-location", "x-edge-request-id", "c-ip", "x-forwarded-for"),
    *("cs-method", "cs-protocol", "cs-protocol-version", "x-host-header", "cs-uri-stem"),
    *("sc-status", "sc-bytes", "cs-bytes", "sc-content-type", "time-taken", "time-to-first-byte"),
    *("x-edge-result-type", "x-edge-response-result-type", "x-edge-detailed-result-type"),
    *("cs(User-Agent)", "ssl-protocol", "ssl-cipher"),
)
"""What is logged of a request. Not its cookies, its query and the page that it came from: they
carry sessions, tokens and searches."""


class DistributionLogArgs(TypedDict):
    """Whose requests are kept, and for how long."""

    distribution_id: pulumi.Input[str]
    """Id of the distribution."""
    distribution_arn: pulumi.Input[str]
    """Its ARN."""
    account_id: pulumi.Input[str]
    """Account of the distribution; log deliveries of any other are refused."""
    retention_days: NotRequired[int]
    """Days that requests are kept. Defaults to 365: Security Hub control CloudWatch.16."""
    kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key in us-east-1 that encrypts the log. Defaults to CloudWatch's own encryption."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class DistributionLog(pulumi.ComponentResource):
    """Standard logging (v2) of a distribution, as JSON in a log group."""

    log_group_name: pulumi.Output[str]
    """Log group to search, in us-east-1."""

    def __init__(
        self, name: str, args: DistributionLogArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses to keep requests for ever."""
        retention_days = args.get("retention_days", 365)
        if retention_days < 1:
            raise ValueError(
                f"DistributionLog {name!r}: retention_days is {retention_days}; CloudWatch would"
                " keep requests for ever. Give a finite number of days"
            )
        super().__init__("babyrobots:index:DistributionLog", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}
        stack = pulumi.get_stack().replace(".", "-")

        log_group = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            region=REGION,
            name_prefix=f"/aws/vendedlogs/{name}-",
            retention_in_days=retention_days,
            kms_key_id=args.get("kms_key_arn"),
            tags=tags,
            opts=child,
        )
        permission = aws.cloudwatch.LogResourcePolicy(
            f"{name}-write",
            region=REGION,
            policy_name=f"{name}-{stack}",
            policy_document=delivery_policy(log_group.arn, args["account_id"], REGION),
            opts=child,
        )
        source = aws.cloudwatch.LogDeliverySource(
            f"{name}-source",
            region=REGION,
            # A source never changes its distribution: another one is another source.
            name=pulumi.Output.concat(name, "-", args["distribution_id"]),
            log_type="ACCESS_LOGS",
            resource_arn=args["distribution_arn"],
            tags=tags,
            opts=child,
        )
        destination = aws.cloudwatch.LogDeliveryDestination(
            f"{name}-destination",
            region=REGION,
            name=f"{name}-{stack}",
            output_format="json",
            delivery_destination_configuration={"destination_resource_arn": log_group.arn},
            tags=tags,
            opts=child,
        )
        aws.cloudwatch.LogDelivery(
            f"{name}-delivery",
            region=REGION,
            delivery_source_name=source.name,
            delivery_destination_arn=destination.arn,
            record_fields=list(FIELDS),
            tags=tags,
            # A source takes one delivery to a kind of destination: the old one goes first.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[permission], delete_before_replace=True
            ),
        )

        self.log_group_name = log_group.name
        self.register_outputs({"log_group_name": self.log_group_name})
