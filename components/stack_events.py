"""What happens once and has no metric: kept where it can be searched, and counted for alarms.

EventBridge could tell SNS itself, but only with a topic policy without conditions, which would let
any account's rules publish; a log keeps the event too, where ECS forgets a stopped task in an hour:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
"""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

FILTERS = {
    "StoppedTasks": '{ ($.detail.stopCode = "TaskFailedToStart")'
    ' || ($.detail.stopCode = "EssentialContainerExited") }',
    "SpotInterruptions": '{ $.detail.stopCode = "SpotInterruption" }',
    "FailedDeployments": '{ $.detail.eventName = "SERVICE_DEPLOYMENT_FAILED" }',
    "UnplacedTasks": '{ ($.detail.eventName = "SERVICE_TASK_PLACEMENT_FAILURE")'
    ' || ($.detail.eventName = "SERVICE_TASK_START_IMPAIRED") }',
    "FailedBackups": '{ $.source = "aws.backup" }',
    "FailedRotations": '{ $.source = "aws.secretsmanager" }',
}
"""What is counted, by the metric's name:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html"""
OF_TASKS = ("StoppedTasks", "SpotInterruptions")
"""Those that are counted for each service and job, by the dimension `TaskGroup`."""


class StackEventsArgs(TypedDict):
    """Whose events are of interest."""

    account_id: pulumi.Input[str]
    """Account of the events."""
    region: str
    """Region of the events."""
    cluster_arn: pulumi.Input[str]
    """ECS cluster whose tasks and deployments are of interest."""
    cluster_name: pulumi.Input[str]
    """Name of that cluster."""
    backup_vault_names: NotRequired[Sequence[pulumi.Input[str]]]
    """Vaults whose failed jobs are of interest. Defaults to none."""
    secret_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """Secrets whose failed rotations are of interest. They are known to EventBridge only in an
    account that has a CloudTrail trail. Defaults to none:
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html"""
    log_retention_days: NotRequired[int]
    """How long events are kept. Defaults to 365."""
    log_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key of the log group; its policy must admit CloudWatch Logs. Defaults to CloudWatch's own."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class StackEvents(pulumi.ComponentResource):
    """Failures of tasks, deployments, backups and rotations, in one log group and as metrics."""

    log_group_name: pulumi.Output[str]
    """Where the events are."""
    namespace: pulumi.Output[str]
    """Namespace of the metrics, `<project>/<stack>`."""
    metric_names: pulumi.Output[Sequence[str]]
    """What is counted."""

    def __init__(
        self, name: str, args: StackEventsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("babyrobots:index:StackEvents", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}
        namespace = f"{pulumi.get_project()}/{pulumi.get_stack()}"
        patterns = _patterns(args)

        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            # EventBridge delivers only to groups whose name begins like this.
            name=f"/aws/events/{namespace}/{name}",
            retention_in_days=args.get("log_retention_days", 365),
            kms_key_id=args.get("log_kms_key_arn"),
            tags=tags,
            opts=child,
        )
        permission = aws.cloudwatch.LogResourcePolicy(
            f"{name}-write",
            policy_name=f"events-{pulumi.get_project()}-{pulumi.get_stack()}-{name}",
            policy_document=_write_policy(logs.arn, args),
            opts=child,
        )
        for source, pattern in patterns.items():
            rule = aws.cloudwatch.EventRule(
                f"{name}-{source}",
                description=f"What went wrong with {source}",
                event_pattern=pulumi.Output.json_dumps(pattern),
                tags=tags,
                opts=child,
            )
            aws.cloudwatch.EventTarget(
                f"{name}-{source}-logs",
                rule=rule.name,
                target_id="logs",
                arn=logs.arn,
                opts=pulumi.ResourceOptions.merge(
                    child, pulumi.ResourceOptions(depends_on=[permission])
                ),
            )
        # For a caller in the same program, which decides with them what to watch.
        self.of_stack = namespace
        self.metrics = [metric for source in patterns for metric in _METRICS[source]]
        for metric in self.metrics:
            aws.cloudwatch.LogMetricFilter(
                f"{name}-{metric}",
                log_group_name=logs.name,
                pattern=FILTERS[metric],
                metric_transformation=_transformation(namespace, metric),
                opts=child,
            )

        self.log_group_name = logs.name
        self.namespace = pulumi.Output.from_input(namespace)
        self.metric_names = pulumi.Output.from_input(self.metrics)
        self.register_outputs(
            {
                "log_group_name": self.log_group_name,
                "namespace": self.namespace,
                "metric_names": self.metric_names,
            }
        )


_WRITERS = ["delivery.logs.amazonaws.com", "events.amazonaws.com"]
_METRICS = {
    "services": ("StoppedTasks", "SpotInterruptions", "FailedDeployments", "UnplacedTasks"),
    "backups": ("FailedBackups",),
    "rotations": ("FailedRotations",),
}


def _transformation(
    namespace: str, metric: str
) -> aws.cloudwatch.LogMetricFilterMetricTransformationArgsDict:
    transformation: aws.cloudwatch.LogMetricFilterMetricTransformationArgsDict = {
        "namespace": namespace,
        "name": metric,
        "value": "1",
        "unit": "Count",
    }
    if metric in OF_TASKS:
        transformation["dimensions"] = {"TaskGroup": "$.detail.group"}
    return transformation


def _patterns(args: StackEventsArgs) -> dict[str, Any]:
    """What EventBridge lets through, by source; only what there is in the stack."""
    patterns: dict[str, Any] = {"services": _of_services(args)}
    vaults, secrets = args.get("backup_vault_names", ()), args.get("secret_arns", ())
    if vaults:
        # https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html
        patterns["backups"] = {
            "source": ["aws.backup"],
            "detail-type": ["Backup Job State Change"],
            "detail": {
                "state": ["ABORTED", "EXPIRED", "FAILED"],
                "backupVaultName": list(vaults),
            },
        }
    if secrets:
        # https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieve-ct-entries.html
        patterns["rotations"] = {
            "source": ["aws.secretsmanager"],
            "detail-type": ["AWS Service Event via CloudTrail"],
            "detail": {
                "eventName": ["RotationAbandoned", "RotationFailed"],
                "additionalEventData": {"SecretId": list(secrets)},
            },
        }
    return patterns


def _of_services(args: StackEventsArgs) -> dict[str, Any]:
    """Tasks that failed or were interrupted, and what ECS reports as an error of a service.

    A job that ends well stops as well, so the exit code decides.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html
    """
    services = pulumi.Output.format(
        "arn:aws:ecs:{}:{}:service/{}/", args["region"], args["account_id"], args["cluster_name"]
    )
    return {
        "source": ["aws.ecs"],
        "$or": [
            {
                "detail-type": ["ECS Task State Change"],
                "detail": {
                    "clusterArn": [args["cluster_arn"]],
                    "lastStatus": ["STOPPED"],
                    "$or": [
                        {"stopCode": ["SpotInterruption", "TaskFailedToStart"]},
                        {
                            "stopCode": ["EssentialContainerExited"],
                            "containers": {"exitCode": [{"numeric": [">", 0]}]},
                        },
                    ],
                },
            },
            {
                "detail-type": ["ECS Deployment State Change", "ECS Service Action"],
                "resources": [{"prefix": services}],
                "detail": {"eventType": ["ERROR", "WARN"]},
            },
        ],
    }


def _write_policy(log_group_arn: pulumi.Output[str], args: StackEventsArgs) -> pulumi.Output[str]:
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions
    rules = pulumi.Output.format("arn:aws:events:{}:{}:rule/*", args["region"], args["account_id"])
    streams = pulumi.Output.concat(log_group_arn, ":*")
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    # Comes without a source, says AWS; it writes nothing yet.
                    "Sid": "OpenStreams",
                    "Effect": "Allow",
                    "Principal": {"Service": _WRITERS},
                    "Action": "logs:CreateLogStream",
                    "Resource": streams,
                },
                {
                    "Sid": "EventsOfThisAccount",
                    "Effect": "Allow",
                    "Principal": {"Service": _WRITERS},
                    "Action": "logs:PutLogEvents",
                    "Resource": streams,
                    "Condition": {"ArnLike": {"aws:SourceArn": rules}},
                },
            ],
        }
    )
