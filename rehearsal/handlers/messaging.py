"""SNS, SQS and EventBridge Scheduler."""

from typing import Any

from rehearsal.handlers.model import As, Context, Handler, Naming, json_text

_FEEDBACK = {
    f"{protocol}{outcome}Feedback{what}": (
        f"/Attributes.{protocol.capitalize()}{outcome}Feedback{what}"
    )
    for protocol in ("application", "firehose", "http", "lambda", "sqs")
    for outcome in ("Success", "Failure")
    for what in ("RoleArn", "SampleRate")
    if (outcome, what) != ("Failure", "SampleRate")
}


def _fifo(key: str) -> Any:
    return lambda inputs: ".fifo" if inputs.get(key) else ""


def _queue_arn(context: Context) -> str:
    return context.arn("sqs", context.name)


def _policy(value: Any) -> str:
    return json_text(value)


_QUEUE_ATTRIBUTES = {
    "contentBasedDeduplication": "Attributes.ContentBasedDeduplication",
    "deduplicationScope": "Attributes.DeduplicationScope",
    "delaySeconds": "Attributes.DelaySeconds",
    # SQS refuses the attribute when it is false.
    "fifoQueue": As("Attributes.FifoQueue", lambda on: "true" if on else None),
    "fifoThroughputLimit": "Attributes.FifoThroughputLimit",
    "kmsDataKeyReusePeriodSeconds": "Attributes.KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "Attributes.KmsMasterKeyId",
    "maxMessageSize": "Attributes.MaximumMessageSize",
    "messageRetentionSeconds": "Attributes.MessageRetentionPeriod",
    "policy": As("Attributes.Policy", _policy),
    "receiveWaitTimeSeconds": "Attributes.ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": As("Attributes.RedriveAllowPolicy", _policy),
    "redrivePolicy": As("Attributes.RedrivePolicy", _policy),
    "sqsManagedSseEnabled": "Attributes.SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "Attributes.VisibilityTimeout",
}

_TOPIC_ATTRIBUTES = {
    "archivePolicy": As("/Attributes.ArchivePolicy", _policy),
    "contentBasedDeduplication": "/Attributes.ContentBasedDeduplication",
    "deliveryPolicy": As("/Attributes.DeliveryPolicy", _policy),
    "displayName": "/Attributes.DisplayName",
    "fifoThroughputScope": "/Attributes.FifoThroughputScope",
    "fifoTopic": As("/Attributes.FifoTopic", lambda on: "true" if on else None),
    "kmsMasterKeyId": "/Attributes.KmsMasterKeyId",
    "maximumMessageSize": "/Attributes.MaximumMessageSize",
    "policy": As("/Attributes.Policy", _policy),
    "signatureVersion": "/Attributes.SignatureVersion",
    "tracingConfig": "/Attributes.TracingConfig",
    **_FEEDBACK,
}

HANDLERS: dict[str, Handler] = {
    "aws:sns/topic:Topic": Handler(
        service="sns",
        operation="create_topic",
        inputs=_TOPIC_ATTRIBUTES,
        naming=Naming(limit=256, suffix=_fifo("fifoTopic")),
        tags="Tags",
        id="{TopicArn}",
        outputs={"arn": "{id}", "owner": "{account}"},
    ),
    "aws:sns/topicPolicy:TopicPolicy": Handler(
        service="sns",
        operation="set_topic_attributes",
        inputs={"arn": "TopicArn", "policy": As("AttributeValue", _policy)},
        params={"AttributeName": "Policy"},
        id="{in.arn}",
        outputs={"owner": "{account}"},
    ),
    "aws:sns/topicSubscription:TopicSubscription": Handler(
        service="sns",
        operation="subscribe",
        inputs={
            "topic": "TopicArn",
            "deliveryPolicy": As("Attributes.DeliveryPolicy", _policy),
            "filterPolicy": As("Attributes.FilterPolicy", _policy),
            "filterPolicyScope": "Attributes.FilterPolicyScope",
            "rawMessageDelivery": "Attributes.RawMessageDelivery",
            "redrivePolicy": As("Attributes.RedrivePolicy", _policy),
            "replayPolicy": As("Attributes.ReplayPolicy", _policy),
            "subscriptionRoleArn": "Attributes.SubscriptionRoleArn",
        },
        ignored={
            "confirmationTimeoutInMinutes": "how long the provider waits",
            "endpointAutoConfirms": "whether the provider waits",
        },
        params={"ReturnSubscriptionArn": True},
        id="{SubscriptionArn}",
        outputs={"arn": "{id}", "ownerId": "{account}"},
    ),
    "aws:sqs/queue:Queue": Handler(
        service="sqs",
        operation="create_queue",
        inputs=_QUEUE_ATTRIBUTES,
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
        naming=Naming(api="QueueName", limit=80, suffix=_fifo("fifoQueue")),
        tags="tags",
        id="{QueueUrl}",
        outputs={"arn": _queue_arn, "url": "{QueueUrl}"},
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Handler(
        service="sqs",
        operation="set_queue_attributes",
        inputs={"policy": As("Attributes.Policy", _policy)},
        id="{in.queueUrl}",
    ),
    "aws:sqs/redrivePolicy:RedrivePolicy": Handler(
        service="sqs",
        operation="set_queue_attributes",
        inputs={"redrivePolicy": As("Attributes.RedrivePolicy", _policy)},
        id="{in.queueUrl}",
    ),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": Handler(
        service="sqs",
        operation="set_queue_attributes",
        inputs={"redriveAllowPolicy": As("Attributes.RedriveAllowPolicy", _policy)},
        id="{in.queueUrl}",
    ),
    "aws:scheduler/scheduleGroup:ScheduleGroup": Handler(
        service="scheduler",
        operation="create_schedule_group",
        naming=Naming(limit=64),
        tags="Tags",
        id="{name}",
        outputs={"arn": "{ScheduleGroupArn}", "state": "ACTIVE"},
    ),
    "aws:scheduler/schedule:Schedule": Handler(
        service="scheduler",
        operation="create_schedule",
        inputs={
            "target.ecsParameters.enableEcsManagedTags": "EnableECSManagedTags",
            "target.ecsParameters.networkConfiguration.assignPublicIp": As(
                "awsvpcConfiguration.AssignPublicIp", lambda on: "ENABLED" if on else "DISABLED"
            ),
            "target.ecsParameters.networkConfiguration.securityGroups": (
                "awsvpcConfiguration.SecurityGroups"
            ),
            "target.ecsParameters.networkConfiguration.subnets": "awsvpcConfiguration.Subnets",
            "target.ecsParameters.tags": As(
                "Tags", lambda tags: [{"key": k, "value": v} for k, v in tags.items()]
            ),
            "target.eventbridgeParameters": "EventBridgeParameters",
            "target.sagemakerPipelineParameters": "SageMakerPipelineParameters",
            "target.sagemakerPipelineParameters.pipelineParameters": "PipelineParameterList",
            "target.retryPolicy.maximumEventAgeInSeconds": "MaximumEventAgeInSeconds",
        },
        naming=Naming(limit=64),
        id=lambda c: f"{c.inputs.get('groupName', 'default')}/{c.name}",
        outputs={"arn": "{ScheduleArn}"},
    ),
}
