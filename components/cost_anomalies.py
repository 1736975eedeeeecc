"""Spending that is unlike what it has been, found by AWS and told to somebody."""

import json
from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws


class CostAnomaliesArgs(TypedDict):
    """What is watched, from which amount on, and who hears of it."""

    threshold_usd: int
    """US dollars above what was expected, from which on an anomaly is told."""
    topic_arn: pulumi.Input[str]
    """SNS topic that admits `costalerts.amazonaws.com`."""
    stack: NotRequired[str]
    """Value of the tag `Stack` of what is watched. Defaults to none: every AWS service of the
    account."""
    monitor_arn: NotRequired[str]
    """Monitor that exists already. An account has one monitor of its services at most, and AWS has
    made it where Cost Explorer was opened before. Defaults to none, which creates one.
    https://docs.aws.amazon.com/cost-management/latest/userguide/getting-started-ad.html"""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class CostAnomalies(pulumi.ComponentResource):
    """A monitor of what is spent, and a subscription that tells a topic at once."""

    monitor_arn: pulumi.Output[str]
    """ARN of the monitor."""
    subscription_arn: pulumi.Output[str]
    """ARN of the subscription."""

    def __init__(
        self, name: str, args: CostAnomaliesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:CostAnomalies", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}

        given = args.get("monitor_arn")
        self.monitor_arn = (
            pulumi.Output.from_input(given) if given else _monitor(name, args, tags, child).arn
        )
        subscription = aws.costexplorer.AnomalySubscription(
            f"{name}-subscription",
            # The only frequency that a topic can have.
            frequency="IMMEDIATE",
            monitor_arn_lists=[self.monitor_arn],
            subscribers=[{"type": "SNS", "address": args["topic_arn"]}],
            threshold_expression={
                "dimension": {
                    "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                    "match_options": ["GREATER_THAN_OR_EQUAL"],
                    "values": [str(args["threshold_usd"])],
                }
            },
            tags=tags,
            opts=child,
        )

        self.subscription_arn = subscription.arn
        self.register_outputs(
            {"monitor_arn": self.monitor_arn, "subscription_arn": self.subscription_arn}
        )


def _monitor(
    name: str, args: CostAnomaliesArgs, tags: Mapping[str, str], child: pulumi.ResourceOptions
) -> aws.costexplorer.AnomalyMonitor:
    stack = args.get("stack")
    if not stack:
        return aws.costexplorer.AnomalyMonitor(
            f"{name}-monitor",
            monitor_type="DIMENSIONAL",
            monitor_dimension="SERVICE",
            tags=tags,
            opts=child,
        )
    return aws.costexplorer.AnomalyMonitor(
        f"{name}-monitor",
        monitor_type="CUSTOM",
        # AWS answers with every key, so without these each preview would set it again.
        monitor_specification=json.dumps(
            {
                "And": None,
                "CostCategories": None,
                "Dimensions": None,
                "Not": None,
                "Or": None,
                "Tags": {"Key": "user:Stack", "MatchOptions": None, "Values": [stack]},
            }
        ),
        tags=tags,
        opts=child,
    )


def _refuse_mistakes(name: str, args: CostAnomaliesArgs) -> None:
    problems = []
    if args["threshold_usd"] < 1:
        problems.append(f"threshold_usd is {args['threshold_usd']}; it is 1 or more")
    if args.get("monitor_arn") and args.get("stack"):
        problems.append("monitor_arn and stack are given; a monitor that exists watches what it is")
    if problems:
        raise ValueError(f"CostAnomalies {name!r}: " + "; ".join(problems))
