"""A queue for what could not be delivered, so that nothing is lost in silence."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

RETENTION_SECONDS = 14 * 24 * 3600
"""The longest that SQS keeps a message, so that a weekend and a holiday fit in."""


def dead_letter_queue(
    name: str,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
    *,
    region: str | None = None,
) -> aws.sqs.Queue:
    """The queue, encrypted with SQS's own keys; its policy is `dead_letter_policy`'s."""
    return aws.sqs.Queue(
        f"{name}-failed",
        region=region,
        sqs_managed_sse_enabled=True,
        message_retention_seconds=RETENTION_SECONDS,
        tags=tags,
        opts=opts,
    )


def dead_letter_policy(
    name: str,
    queue: aws.sqs.Queue,
    opts: pulumi.ResourceOptions,
    *,
    rule_arns: Sequence[pulumi.Input[str]] = (),
    region: str | None = None,
) -> aws.sqs.QueuePolicy:
    """TLS only; EventBridge rules, which have no role, are admitted by their ARN.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html#eb-dlq-perms
    """
    statements: list[dict[str, Any]] = [
        {
            "Sid": "RefusePlainHttp",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": queue.arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]
    if rule_arns:
        statements.append(
            {
                "Sid": "RulesKeepWhatTheyCannotDeliver",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue.arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": list(rule_arns)}},
            }
        )
    return aws.sqs.QueuePolicy(
        f"{name}-failed-policy",
        region=region,
        queue_url=queue.url,
        policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements}),
        opts=opts,
    )
