"""CloudWatch metrics, alarms and logs; EventBridge rules; X-Ray; Synthetics."""

from collections.abc import Mapping
from typing import Any

from rehearsal.handlers.model import As, Call, Context, Handler, Ignore, Naming, json_text


def _log_group_arn(context: Context) -> str:
    return context.arn("logs", f"log-group:{context.name}")


def _event_target(context: Context) -> tuple[str, Mapping[str, Any]]:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html"""
    rule = context.take("rule")
    bus = context.take("eventBusName", "default")
    context.take("forceDestroy")
    target_id = context.take("targetId") or f"{context.registration.name}-{context.digest()[:7]}"
    params = context.rest("put_targets")
    target = {"Id": target_id, **params["Targets"][0]}
    context.call("put_targets", {"Rule": rule, "EventBusName": bus, "Targets": [target]})
    id_ = f"{rule}-{target_id}" if bus == "default" else f"{bus}-{rule}-{target_id}"
    return id_, {"targetId": target_id, "eventBusName": bus}


def _metric_queries(queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html"""
    made = []
    for query in queries:
        entry: dict[str, Any] = {"Id": query["id"]}
        for key, api in (
            ("accountId", "AccountId"),
            ("expression", "Expression"),
            ("label", "Label"),
            ("period", "Period"),
            ("returnData", "ReturnData"),
        ):
            if query.get(key) is not None:
                entry[api] = query[key]
        metric = query.get("metric")
        if metric:
            entry["MetricStat"] = {
                "Metric": {
                    "MetricName": metric["metricName"],
                    "Namespace": metric.get("namespace", ""),
                    "Dimensions": _dimensions(metric.get("dimensions", {})),
                },
                "Period": metric["period"],
                "Stat": metric["stat"],
            } | ({"Unit": metric["unit"]} if metric.get("unit") else {})
        made.append(entry)
    return made


def _dimensions(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in sorted(dimensions.items())]


def _on_off(value: bool) -> str:
    return "ENABLED" if value else "DISABLED"


_DESTROY = "says how the provider deletes it"


HANDLERS: dict[str, Handler] = {
    "aws:cloudwatch/logGroup:LogGroup": Handler(
        service="logs",
        operation="create_log_group",
        ignored={"skipDestroy": _DESTROY},
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
        naming=Naming(api="logGroupName", limit=512),
        tags="tags",
        id="{name}",
        then=[
            Call(
                operation="put_retention_policy",
                # 0 means for ever, which is the absence of a policy.
                inputs={"retentionInDays": As("retentionInDays", lambda days: days or None)},
                params={"logGroupName": "{name}"},
            )
        ],
        outputs={"arn": _log_group_arn},
    ),
    "aws:cloudwatch/logStream:LogStream": Handler(
        service="logs",
        operation="create_log_stream",
        naming=Naming(api="logStreamName", prefix="", limit=512),
        id="{name}",
        outputs={
            "arn": "arn:{partition}:logs:{region}:{account}:log-group:{in.logGroupName}"
            ":log-stream:{name}"
        },
    ),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": Handler(
        service="logs",
        operation="put_resource_policy",
        inputs={"policyDocument": As("policyDocument", json_text)},
        id=lambda c: c.inputs.get("policyName") or c.inputs["resourceArn"],
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": Handler(
        service="logs",
        operation="put_metric_filter",
        inputs={
            "pattern": "filterPattern",
            "metricTransformation.name": "metricName",
            "metricTransformation.namespace": "metricNamespace",
            "metricTransformation.value": "metricValue",
        },
        naming=Naming(api="filterName", prefix="", limit=512),
        id="{name}",
    ),
    "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter": Handler(
        service="logs",
        operation="put_subscription_filter",
        inputs={"logGroup": "logGroupName"},
        naming=Naming(api="filterName", prefix="", limit=512),
        id="cwlsf-{hex}",
    ),
    "aws:cloudwatch/queryDefinition:QueryDefinition": Handler(
        service="logs",
        operation="put_query_definition",
        naming=Naming(prefix="", limit=255),
        id="{queryDefinitionId}",
        outputs={"queryDefinitionId": "{queryDefinitionId}"},
    ),
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": Handler(
        service="logs",
        operation="put_delivery_source",
        naming=Naming(prefix="", limit=60),
        tags="tags",
        id="{name}",
        outputs={"arn": "{deliverySource.arn}", "service": "{deliverySource.service?}"},
    ),
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": Handler(
        service="logs",
        operation="put_delivery_destination",
        naming=Naming(prefix="", limit=60),
        tags="tags",
        id="{name}",
        outputs={
            "arn": "{deliveryDestination.arn}",
            "deliveryDestinationType": "{deliveryDestination.deliveryDestinationType}",
        },
    ),
    "aws:cloudwatch/logDelivery:LogDelivery": Handler(
        service="logs",
        operation="create_delivery",
        tags="tags",
        id="{delivery.id}",
        outputs={"arn": "{delivery.arn}"},
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Handler(
        service="cloudwatch",
        operation="put_metric_alarm",
        inputs={
            "dimensions": As("Dimensions", _dimensions),
            "metricQueries": As("Metrics", _metric_queries),
            "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
        },
        naming=Naming(api="AlarmName", prefix="", limit=255),
        tags="Tags",
        id="{name}",
        outputs={"arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}"},
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Handler(
        service="cloudwatch",
        operation="put_composite_alarm",
        inputs={
            "actionsSuppressor.alarm": "/ActionsSuppressor",
            "actionsSuppressor.extensionPeriod": "/ActionsSuppressorExtensionPeriod",
            "actionsSuppressor.waitPeriod": "/ActionsSuppressorWaitPeriod",
        },
        tags="Tags",
        id="{in.alarmName}",
        outputs={"arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{in.alarmName}"},
    ),
    "aws:cloudwatch/dashboard:Dashboard": Handler(
        service="cloudwatch",
        operation="put_dashboard",
        inputs={"dashboardBody": As("DashboardBody", json_text)},
        id="{in.dashboardName}",
        outputs={
            "dashboardArn": "arn:{partition}:cloudwatch::{account}:dashboard/{in.dashboardName}"
        },
    ),
    "aws:cloudwatch/contributorInsightRule:ContributorInsightRule": Handler(
        service="cloudwatch",
        operation="put_insight_rule",
        inputs={"ruleDefinition": As("RuleDefinition", json_text)},
        tags="Tags",
        id="{in.ruleName}",
        outputs={
            "resourceArn": "arn:{partition}:cloudwatch:{region}:{account}"
            ":insight-rule/{in.ruleName}"
        },
    ),
    "aws:cloudwatch/eventRule:EventRule": Handler(
        service="events",
        operation="put_rule",
        inputs={
            "eventPattern": As("EventPattern", json_text),
            "isEnabled": As("State", _on_off),
        },
        ignored={"forceDestroy": _DESTROY},
        naming=Naming(limit=64),
        tags="Tags",
        id="{name}",
        outputs={
            "arn": "{RuleArn}",
            "eventBusName": lambda c: c.inputs.get("eventBusName", "default"),
        },
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Handler(
        service="events",
        operation="put_targets",
        create=_event_target,
        inputs={
            "arn": "Targets.0.Arn",
            "appsyncTarget.graphqlOperation": "/Targets.0.AppSyncParameters.GraphQLOperation",
            "batchTarget": "Targets.0.BatchParameters",
            "batchTarget.arraySize": "ArrayProperties.Size",
            "batchTarget.jobAttempts": "RetryStrategy.Attempts",
            "deadLetterConfig": "Targets.0.DeadLetterConfig",
            "ecsTarget": "Targets.0.EcsParameters",
            "ecsTarget.enableEcsManagedTags": "EnableECSManagedTags",
            "ecsTarget.networkConfiguration.assignPublicIp": As(
                "awsvpcConfiguration.AssignPublicIp", _on_off
            ),
            "ecsTarget.networkConfiguration.securityGroups": "awsvpcConfiguration.SecurityGroups",
            "ecsTarget.networkConfiguration.subnets": "awsvpcConfiguration.Subnets",
            "ecsTarget.orderedPlacementStrategies": "PlacementStrategy",
            "ecsTarget.tags": As(
                "Tags", lambda tags: [{"Key": k, "Value": v} for k, v in tags.items()]
            ),
            "httpTarget": "Targets.0.HttpParameters",
            "input": "Targets.0.Input",
            "inputPath": "Targets.0.InputPath",
            "inputTransformer": "Targets.0.InputTransformer",
            "inputTransformer.inputPaths": "InputPathsMap",
            "kinesisTarget": "Targets.0.KinesisParameters",
            "redshiftTarget": "Targets.0.RedshiftDataParameters",
            "redshiftTarget.secretsManagerArn": "SecretManagerArn",
            "retryPolicy": "Targets.0.RetryPolicy",
            "roleArn": "Targets.0.RoleArn",
            "runCommandTargets": "Targets.0.RunCommandParameters.RunCommandTargets",
            "sagemakerPipelineTarget": "Targets.0.SageMakerPipelineParameters",
            "sqsTarget": "Targets.0.SqsParameters",
        },
    ),
    "aws:xray/group:Group": Handler(
        service="xray",
        operation="create_group",
        tags="Tags",
        id="{Group.GroupARN}",
        outputs={"arn": "{id}"},
    ),
    "aws:xray/samplingRule:SamplingRule": Handler(
        service="xray",
        operation="create_sampling_rule",
        within="SamplingRule",
        inputs={"resourceArn": "ResourceARN", "httpMethod": "HTTPMethod", "urlPath": "URLPath"},
        tags="Tags",
        id="{in.ruleName}",
        outputs={"arn": "arn:{partition}:xray:{region}:{account}:sampling-rule/{in.ruleName}"},
    ),
    "aws:xray/encryptionConfig:EncryptionConfig": Handler(
        service="xray", operation="put_encryption_config", id="{region}"
    ),
    "aws:xray/resourcePolicy:ResourcePolicy": Handler(
        service="xray", operation="put_resource_policy", id="{in.policyName}"
    ),
    "aws:xray/traceSegmentDestination:TraceSegmentDestination": Handler(
        service="xray",
        operation="update_trace_segment_destination",
        ignored={"timeouts": "how long the provider waits"},
        id="{region}",
    ),
    "aws:synthetics/canary:Canary": Handler(
        service="synthetics",
        operation="create_canary",
        inputs={
            "handler": "Code.Handler",
            "s3Bucket": "Code.S3Bucket",
            "s3Key": "Code.S3Key",
            "s3Version": "Code.S3Version",
            "zipFile": As("Code.ZipFile", lambda path: path.encode()),
            "vpcConfig.vpcId": Ignore("an output that the input type repeats"),
            "failureRetentionPeriod": "FailureRetentionPeriodInDays",
            "successRetentionPeriod": "SuccessRetentionPeriodInDays",
        },
        ignored={
            "deleteLambda": _DESTROY,
            "startCanary": "a canary that runs nowhere has nothing to start",
        },
        naming=Naming(prefix="", limit=255),
        tags="Tags",
        id="{name}",
        outputs={
            "arn": "arn:{partition}:synthetics:{region}:{account}:canary:{name}",
            "status": "READY",
        },
    ),
}
