"""Where alarms are heard: an encrypted SNS topic that CloudWatch can really publish to."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.encryption_key import EncryptionKey

PUBLISHERS = {
    "budgets.amazonaws.com": "budgets::{1}:*",
    "cloudwatch.amazonaws.com": "cloudwatch:{0}:{1}:alarm:*",
    "costalerts.amazonaws.com": "ce::{1}:anomalysubscription/*",
    "events.rds.amazonaws.com": "rds:{0}:{1}:*",
}
"""Who may publish, and on behalf of what: an ARN without its partition, {0} the region, {1} the
account. Alarms, budgets, cost anomalies, and what RDS has to say. The topic's key and its policy
must both admit a publisher, or its messages vanish:
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.GrantingPermissions.html
https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
https://docs.aws.amazon.com/cost-management/latest/userguide/ad-SNS.html"""


class AlarmTopicArgs(TypedDict):
    """Who hears of alarms, and from where."""

    account_id: pulumi.Input[str]
    """Account whose alarms may publish."""
    region: str
    """Region of the topic and of its alarms: an alarm reaches topics of its own region only."""
    emails: NotRequired[Sequence[str]]
    """Addresses that get every message, once their owner has confirmed. Defaults to none."""
    https_endpoints: NotRequired[Sequence[str]]
    """HTTPS addresses that get every message, such as a pager's. Defaults to none."""
    protect_key: NotRequired[bool]
    """Whether Pulumi refuses to delete the topic's key. Defaults to False: it encrypts messages in
    flight, and nothing that is kept."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class AlarmTopic(pulumi.ComponentResource):
    """A topic with its own key, a policy for this account's alarms, and its subscribers."""

    arn: pulumi.Output[str]
    """What an alarm names as its action; known once alarms may publish."""
    name: pulumi.Output[str]
    """Dimension `TopicName` of the topic's metrics."""

    def __init__(
        self, name: str, args: AlarmTopicArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:AlarmTopic", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = args.get("tags", {})

        key = EncryptionKey(
            f"{name}-key",
            {
                "description": f"Messages of the topic {name}",
                "account_id": args["account_id"],
                "region": args["region"],
                "services": ["sns"],
                "service_principals": tuple(PUBLISHERS),
                "protect": args.get("protect_key", False),
                "tags": tags,
            },
            child,
        )
        topic = aws.sns.Topic(
            f"{name}-topic",
            region=args["region"],
            kms_master_key_id=key.arn,
            tags={"Name": name, **tags},
            opts=child,
        )
        policy = aws.sns.TopicPolicy(
            f"{name}-policy",
            region=args["region"],
            arn=topic.arn,
            policy=_policy(topic.arn, args),
            opts=child,
        )
        for protocol, endpoints in (
            ("email", args.get("emails", ())),
            ("https", args.get("https_endpoints", ())),
        ):
            for endpoint in endpoints:
                aws.sns.TopicSubscription(
                    f"{name}-{protocol}-{_word(endpoint)}",
                    region=args["region"],
                    topic=topic.arn,
                    protocol=protocol,
                    endpoint=endpoint,
                    opts=child,
                )

        self.arn = pulumi.Output.all(topic.arn, policy.id).apply(lambda known: known[0])
        self.name = topic.name
        self.register_outputs({"arn": self.arn, "name": self.name})


def _policy(topic_arn: pulumi.Input[str], args: AlarmTopicArgs) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                *(
                    {
                        "Sid": f"Publisher{number}",
                        "Effect": "Allow",
                        "Principal": {"Service": principal},
                        "Action": "sns:Publish",
                        "Resource": topic_arn,
                        "Condition": {
                            "StringEquals": {"aws:SourceAccount": args["account_id"]},
                            "ArnLike": {
                                "aws:SourceArn": pulumi.Output.format(
                                    f"arn:aws:{source}", args["region"], args["account_id"]
                                )
                            },
                        },
                    }
                    for number, (principal, source) in enumerate(PUBLISHERS.items(), 1)
                ),
                {
                    "Sid": "OnlyOverTls",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sns:Publish",
                    "Resource": topic_arn,
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ],
        }
    )


def _word(endpoint: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in endpoint.removeprefix("https://")).strip("-")


def _refuse_mistakes(name: str, args: AlarmTopicArgs) -> None:
    problems = [
        f"{address!r} is not an e-mail address"
        for address in args.get("emails", ())
        if address.count("@") != 1 or address.startswith("@") or address.endswith("@")
    ]
    problems += [
        f"{endpoint!r} is not an https:// address; SNS would send alarms in the clear"
        for endpoint in args.get("https_endpoints", ())
        if not endpoint.startswith("https://")
    ]
    if problems:
        raise ValueError(f"AlarmTopic {name!r}: " + "; ".join(problems))
