"""What RDS itself has to say of a database, sent to whoever is on call."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

CATEGORIES = (
    "availability",
    "configuration change",
    "failover",
    "failure",
    "low storage",
    "maintenance",
    "recovery",
)
"""What somebody must know of; the rest is for the console.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html"""


class DatabaseEventsArgs(TypedDict):
    """Which database, and who hears of it."""

    identifier: pulumi.Input[str]
    """Name of the instance."""
    topic_arn: pulumi.Input[str]
    """SNS topic that admits `events.rds.amazonaws.com`."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for the subscription. Defaults to none."""


class DatabaseEvents(pulumi.ComponentResource):
    """A subscription to what no metric of an instance shows: failover, failure, repair."""

    subscription_arn: pulumi.Output[str]
    """ARN of the event subscription."""

    def __init__(
        self, name: str, args: DatabaseEventsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("babyrobots:index:DatabaseEvents", name, {}, opts)

        subscription = aws.rds.EventSubscription(
            f"{name}-events",
            sns_topic=args["topic_arn"],
            source_type="db-instance",
            source_ids=[args["identifier"]],
            event_categories=list(CATEGORIES),
            tags={"Name": name, **args.get("tags", {})},
            opts=pulumi.ResourceOptions(parent=self),
        )

        self.subscription_arn = subscription.arn
        self.register_outputs({"subscription_arn": self.subscription_arn})
