"""Would we know what happened, and would somebody be told?"""

from collections.abc import Iterator

from guardrails import buckets, tasks, waf
from guardrails.checks import for_each
from guardrails.evaluation import Report
from guardrails.kinds import (
    BUCKET,
    BUCKET_LOGGING,
    CACHE_GROUP,
    DB_CLUSTER,
    DB_INSTANCE,
    DISTRIBUTION,
    ECS_CLUSTER,
    ECS_SERVICE,
    FUNCTION,
    LOAD_BALANCER,
    LOG_GROUP,
    METRIC_ALARM,
    SUBSCRIPTION,
    TASK_DEFINITION,
    TOPIC,
    VPC,
    WEB_ACL,
    ZONE,
)
from guardrails.registry import (
    ADVICE,
    ALWAYS,
    CRITICAL,
    Option,
    Rule,
    Severity,
    anchors,
    node,
    rule,
)
from guardrails.resources import Resource, Stack
from guardrails.values import View, is_unknown

COMPOSITE_ALARM = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
DELIVERY = "aws:cloudwatch/logDelivery:LogDelivery"
DELIVERY_SOURCE = "aws:cloudwatch/logDeliverySource:LogDeliverySource"
EVENT_SUBSCRIPTION = "aws:rds/eventSubscription:EventSubscription"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
HEALTH_CHECK = "aws:route53/healthCheck:HealthCheck"
QUERY_LOG = "aws:route53/queryLog:QueryLog"
WAF_LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
_CHATS = (
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration",
    "aws:chatbot/teamsChannelConfiguration:TeamsChannelConfiguration",
)


def _balancer_logs(balancer: Resource, report: Report) -> None:
    if balancer.text("loadBalancerType", "application") != "application":
        return  # a network load balancer logs TLS listeners only, a gateway one nothing
    if not balancer.flag("accessLogs.enabled"):
        report("accessLogs.enabled is not true")
    if not balancer.flag("connectionLogs.enabled"):
        report.advise("connectionLogs.enabled is not true: failed handshakes leave no trace")


log_alb = rule(
    id="log-alb",
    title="A load balancer logs who asked for what.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(LOAD_BALANCER,),
    condition="`accessLogs.enabled` is not true; advice: connection logs",
    exceptions="network and gateway load balancers, which see no requests",
    fix='access_logs={"bucket": logs.bucket, "prefix": "access", "enabled": True}',
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html",
    anchors=anchors(
        fsbp="ELB.5",
        checkov="CKV_AWS_91",
        cdk_nag="AwsSolutions-ELB2",
        prowler="elbv2_logging_enabled",
        cfn_guard="elbv2_access_logging_rule",
        pulumi="elb-logging-enabled aws-lb-loadbalancer-enable-access-logging",
    ),
    check=_balancer_logs,
    passes=[
        node(
            "alb",
            LOAD_BALANCER,
            {
                "accessLogs": {"bucket": "logs", "enabled": True},
                "connectionLogs": {"bucket": "logs", "enabled": True},
            },
        )
    ],
    violates=[
        node(
            "alb",
            LOAD_BALANCER,
            {
                "accessLogs": {"bucket": "logs"},
                "connectionLogs": {"bucket": "logs", "enabled": True},
            },
        )
    ],
)


@for_each(DISTRIBUTION)
def _distribution_logs(stack: Stack, report: Report, distribution: Resource) -> None:
    if distribution.has("loggingConfig"):
        return
    delivered = any(
        stack.sources(source, "deliverySourceName", DELIVERY)
        for source in stack.sources(distribution, "resourceArn", DELIVERY_SOURCE)
    )
    if not delivered:
        report("has neither a LogDelivery of its access logs nor a loggingConfig")


log_cloudfront = rule(
    id="log-cloudfront",
    title="A distribution logs who asked for what.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(DISTRIBUTION, DELIVERY_SOURCE, DELIVERY),
    condition="neither `loggingConfig` (the old way, which needs ACLs) nor a LogDelivery whose "
    "LogDeliverySource is the distribution",
    fix="aws.cloudwatch.LogDeliverySource(resource_arn=cdn.arn, log_type="
    '"ACCESS_LOGS"), a LogDeliveryDestination and a LogDelivery, all in us-east-1',
    url="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html",
    anchors=anchors(
        fsbp="CloudFront.5",
        checkov="CKV_AWS_86",
        cdk_nag="AwsSolutions-CFR3",
        prowler="cloudfront_distributions_logging_enabled",
        cfn_guard="cloudfront_accesslogs_enabled",
        trivy="AWS-0010",
        pulumi="aws-cloudfront-distribution-enable-access-logging",
    ),
    stack_check=_distribution_logs,
    passes=[
        node("cdn", DISTRIBUTION, {"enabled": True}),
        node("source", DELIVERY_SOURCE, {"resourceArn": "${cdn.arn}", "logType": "ACCESS_LOGS"}),
        node("delivery", DELIVERY, {"deliverySourceName": "${source.name}"}),
    ],
    violates=[
        node("cdn", DISTRIBUTION, {"enabled": True}),
        node("source", DELIVERY_SOURCE, {"resourceArn": "${cdn.arn}", "logType": "ACCESS_LOGS"}),
    ],
)


@for_each(WEB_ACL)
def _web_acl_logs(stack: Stack, report: Report, acl: Resource) -> None:
    configurations = stack.sources(acl, "resourceArn", WAF_LOGGING)
    if not configurations:
        report("has no WebAclLoggingConfiguration")
    for configuration in configurations:
        hidden = {
            field.text("singleHeader.name").lower()
            for field in configuration.views("redactedFields")
        }
        shown = [name for name in report.option("redacted") if name not in hidden]
        if shown:
            report(f"{configuration.name} does not redact {' and '.join(shown)}")
        if _made_here(stack, configuration):
            continue
        for destination in configuration.items("logDestinationConfigs"):
            if is_unknown(destination):
                report.not_evaluated(f"logDestinationConfigs of {configuration.name}")
            elif ":aws-waf-logs-" not in str(destination):
                report(f"{configuration.name}: its destination is not called aws-waf-logs-...")


def _made_here(stack: Stack, configuration: Resource) -> bool:
    """Whether the destination is a resource whose name, given or to be made, starts as it must."""
    kinds = (LOG_GROUP, BUCKET, "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream")
    return any(
        str(found.get(path)).startswith("aws-waf-logs-")
        for found in stack.depends(configuration, "logDestinationConfigs", *kinds)
        for path in ("name", "namePrefix", "bucket", "bucketPrefix")
        if isinstance(found.get(path), str)
    )


@for_each(WEB_ACL)
def _web_acl_is_measured(stack: Stack, report: Report, acl: Resource) -> None:
    if not acl.flag("visibilityConfig.cloudwatchMetricsEnabled"):
        report("visibilityConfig.cloudwatchMetricsEnabled is not true")
    blind = [found.label for found in waf.rules_of(stack, acl) if not found.is_measured]
    if blind:
        report(f"has rules without metrics: {', '.join(blind)}")


_VISIBLE = {"cloudwatchMetricsEnabled": True, "sampledRequestsEnabled": True, "metricName": "m"}

log_waf = rule(
    id="log-waf",
    title="A web ACL logs what it matched, without credentials, and is measured.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(WEB_ACL, WAF_LOGGING, waf.RULE, waf.GROUP_ASSOCIATION),
    condition="a web ACL without logging; logs that show authorization or cookies; a destination "
    "that is not called aws-waf-logs-...; metrics that are off, of the ACL or of a rule",
    fix="aws.wafv2.WebAclLoggingConfiguration(resource_arn=acl.arn, "
    'redacted_fields=[{"single_header": {"name": "authorization"}}, '
    '{"single_header": {"name": "cookie"}}], log_destination_configs=[group.arn])',
    url="https://docs.aws.amazon.com/waf/latest/developerguide/logging.html",
    anchors=anchors(
        fsbp="WAF.12",
        security_hub="WAF.11",
        checkov="CKV2_AWS_31",
        cdk_nag="WAFv2LoggingEnabled",
        prowler="wafv2_webacl_logging_enabled wafv2_webacl_rule_logging_enabled",
        cfn_guard="wafv2_logging_enabled",
    ),
    options={
        "redacted": Option(
            type="array",
            default=["authorization", "cookie"],
            description="Headers, in lower case, that must not be logged.",
        )
    },
    stack_check=(_web_acl_logs, _web_acl_is_measured),
    passes=[
        node("acl", WEB_ACL, {"visibilityConfig": _VISIBLE}),
        node(
            "logging",
            WAF_LOGGING,
            {
                "resourceArn": "${acl.arn}",
                "logDestinationConfigs": ["${group.arn}"],
                "redactedFields": [
                    {"singleHeader": {"name": "authorization"}},
                    {"singleHeader": {"name": "cookie"}},
                ],
            },
        ),
        node("group", LOG_GROUP, {"namePrefix": "aws-waf-logs-api-"}),
    ],
    violates=[
        node("acl", WEB_ACL, {"visibilityConfig": _VISIBLE}),
        node(
            "logging",
            WAF_LOGGING,
            {
                "resourceArn": "${acl.arn}",
                "logDestinationConfigs": ["${group.arn}"],
                "redactedFields": [{"singleHeader": {"name": "cookie"}}],
            },
        ),
        node("group", LOG_GROUP, {"namePrefix": "aws-waf-logs-api-"}),
    ],
)


@for_each(VPC)
def _vpc_logs(stack: Stack, report: Report, vpc: Resource) -> None:
    logs = stack.sources(vpc, "vpcId", FLOW_LOG)
    if not logs:
        report("has no FlowLog")
    elif all(log.text("trafficType") == "ACCEPT" for log in logs):
        report(f"{logs[0].name} records only what was accepted")


log_vpc_flow = rule(
    id="log-vpc-flow",
    title="A VPC records its connections, those that were refused above all.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(VPC, FLOW_LOG),
    condition="a VPC without a FlowLog of traffic type ALL or REJECT",
    fix='aws.ec2.FlowLog(vpc_id=vpc.id, traffic_type="ALL", ...)',
    url="https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html",
    anchors=anchors(
        fsbp="EC2.6",
        cis="3.7",
        checkov="CKV2_AWS_11",
        cdk_nag="AwsSolutions-VPC7",
        prowler="vpc_flow_logs_enabled",
        trivy="AWS-0178",
    ),
    stack_check=_vpc_logs,
    passes=[
        node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
        node("flows", FLOW_LOG, {"vpcId": "${vpc.id}", "trafficType": "REJECT"}),
    ],
    violates=[
        node("vpc", VPC, {"cidrBlock": "10.0.0.0/16"}),
        node("flows", FLOW_LOG, {"vpcId": "${vpc.id}", "trafficType": "ACCEPT"}),
    ],
)


def _logs_end_and_last(group: Resource, report: Report) -> None:
    if group.text("logGroupClass", "STANDARD") == "DELIVERY":
        return  # keeps two days, whatever is said
    days = group.number("retentionInDays")
    if not days:
        report("has no retentionInDays: it is kept, and paid for, for ever")
        return
    name = f"{group.name} {_name(group)}"
    short_lived = any(part in name for part in report.option("shortLived"))
    least = report.option("minDays")
    if days < least and not short_lived:
        report(f"retentionInDays is {days}; what happened is asked for up to {least} days later")


def _name(group: Resource) -> str:
    given = [group.get(path) for path in ("name", "namePrefix")]
    return " ".join(value for value in given if isinstance(value, str))


log_retention = rule(
    id="log-retention",
    title="Logs are kept long enough, and not for ever.",
    severity=Severity.MEDIUM,
    level=ALWAYS,
    types=(LOG_GROUP,),
    condition="`retentionInDays` is missing, 0, or less than minDays",
    exceptions="groups that shortLived names (Container Insights events, whose metrics stay 15 "
    "months); groups of class DELIVERY",
    fix="retention_in_days=365",
    url="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",
    anchors=anchors(
        security_hub="CloudWatch.16",
        checkov="CKV_AWS_66 CKV_AWS_338",
        cdk_nag="CloudWatchLogGroupRetentionPeriod",
        prowler="cloudwatch_log_group_retention_policy_specific_days_enabled",
        cfn_guard="cw_loggroup_retention_period_check",
    ),
    options={
        "minDays": Option(
            type="integer",
            default=7,
            by_profile={"temporary": 1, "production": 365},
            description="Least days that logs are kept.",
        ),
        "shortLived": Option(
            type="array",
            default=["/aws/ecs/containerinsights/"],
            description="Parts of the names of groups that may be kept for less.",
        ),
    },
    check=_logs_end_and_last,
    passes=[node("api", LOG_GROUP, {"retentionInDays": 365})],
    violates=[node("api", LOG_GROUP, {"name": "/ecs/api"})],
)


def _containers_log(task: Resource, report: Report) -> None:
    for container in tasks.containers(task):
        with report.attempt():
            if container.has("firelensConfiguration"):
                continue  # it is the one that carries the others' logs
            driver = container.text("logConfiguration.logDriver")
            if not driver:
                report(f"{tasks.label(container)} has no logConfiguration")
            elif driver == "awslogs":
                mode = container.text("logConfiguration.options.mode", "blocking")
                if mode != "non-blocking":
                    report.advise(
                        f"{tasks.label(container)} has log mode {mode}: it stops answering when "
                        "CloudWatch does"
                    )


_LOGS = {"logDriver": "awslogs", "options": {"mode": "non-blocking"}}

log_containers = rule(
    id="log-containers",
    title="Every container logs.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(TASK_DEFINITION,),
    condition="a container without `logConfiguration`; advice: awslogs that block",
    exceptions="the FireLens router itself",
    fix='"logConfiguration": {"logDriver": "awslogs", "options": {"mode": "non-blocking", ...}}',
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html",
    anchors=anchors(
        fsbp="ECS.9",
        cdk_nag="AwsSolutions-ECS7",
        prowler="ecs_task_definitions_logging_enabled ecs_task_definitions_logging_block_mode",
    ),
    check=_containers_log,
    passes=[
        node(
            "api",
            TASK_DEFINITION,
            {"containerDefinitions": [{"name": "app", "logConfiguration": _LOGS}]},
        )
    ],
    violates=[
        node(
            "api",
            TASK_DEFINITION,
            {
                "containerDefinitions": [
                    {"name": "app", "logConfiguration": _LOGS},
                    {"name": "sidecar"},
                ]
            },
        )
    ],
)

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Procedural.UploadtoCloudWatch.html
_EXPORTS = {
    "aurora-postgresql": ("postgresql",),
    "postgres": ("postgresql", "upgrade"),
    "aurora-mysql": ("error", "slowquery"),
    "mysql": ("error", "slowquery"),
    "mariadb": ("error", "slowquery"),
    "oracle": ("alert", "audit"),
    "sqlserver": ("error",),
}


def _database_logs(database: Resource, report: Report) -> None:
    exported = database.texts("enabledCloudwatchLogsExports")
    engine = database.text("engine")
    wanted = next((logs for name, logs in _EXPORTS.items() if engine.startswith(name)), ())
    missing = [log for log in wanted if log not in exported]
    if not exported or missing:
        report(f"does not export {', '.join(missing) or 'any log'} to CloudWatch")


def _database_is_measured(database: Resource, report: Report) -> None:
    if database.kind == DB_CLUSTER and not database.has("dbClusterInstanceClass"):
        return  # Aurora: its instances are measured, one by one
    if not database.number("monitoringInterval"):
        report("monitoringInterval is 0: no metrics of the operating system")


def _queries_are_measured(database: Resource, report: Report) -> None:
    advanced = database.text("databaseInsightsMode") == "advanced"
    if not advanced and not database.flag("performanceInsightsEnabled"):
        report.advise("performanceInsightsEnabled is not true: nobody sees which query is slow")


log_rds = rule(
    id="log-rds",
    title="A database exports its logs and is measured.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(DB_INSTANCE, DB_CLUSTER),
    condition="log exports that the engine has are missing, or `monitoringInterval` is 0; advice: "
    "Performance Insights",
    exceptions="the metrics of Aurora's instances are those of aws.rds.ClusterInstance",
    fix='enabled_cloudwatch_logs_exports=["postgresql", "upgrade"], monitoring_interval=60, '
    "monitoring_role_arn=role.arn, performance_insights_enabled=True",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.html",
    anchors=anchors(
        fsbp="RDS.6 RDS.9 RDS.36 RDS.37",
        checkov="CKV_AWS_129 CKV2_AWS_30 CKV2_AWS_27 CKV_AWS_324 CKV_AWS_325 CKV_AWS_118 "
        "CKV_AWS_353",
        cdk_nag="RDSLoggingEnabled RDSEnhancedMonitoringEnabled",
        prowler="rds_instance_integration_cloudwatch_logs rds_instance_enhanced_monitoring_enabled",
        cfn_guard="rds_logging_enabled",
        trivy="AWS-0133",
        pulumi="aws-rds-instance-enable-performance-insights",
    ),
    check=(_database_logs, _database_is_measured, _queries_are_measured),
    passes=[
        node(
            "orders",
            DB_INSTANCE,
            {
                "engine": "postgres",
                "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
                "monitoringInterval": 60,
                "performanceInsightsEnabled": True,
            },
        )
    ],
    violates=[
        node(
            "orders",
            DB_INSTANCE,
            {
                "engine": "postgres",
                "enabledCloudwatchLogsExports": ["upgrade"],
                "monitoringInterval": 60,
                "performanceInsightsEnabled": True,
            },
        )
    ],
)


@for_each(METRIC_ALARM, COMPOSITE_ALARM)
def _alarm_acts(stack: Stack, report: Report, alarm: Resource) -> None:
    if not alarm.flag("actionsEnabled", True):
        report("actionsEnabled is false")
    elif not alarm.items("alarmActions") and not _is_used(stack, alarm):
        report("has no alarmActions: it fires, and nothing happens")


def _is_used(stack: Stack, alarm: Resource) -> bool:
    """Whether something else acts on its state: a composite alarm, a deployment, a health check."""
    users = (
        (COMPOSITE_ALARM, "alarmRule"),
        (COMPOSITE_ALARM, "actionsSuppressor"),
        (ECS_SERVICE, "alarms"),
        (HEALTH_CHECK, "cloudwatchAlarmName"),
    )
    name = alarm.get("name")
    return any(
        user is not alarm
        and (alarm in stack.depends(user, path, alarm.kind) or _mentions(user.get(path), name))
        for kind, path in users
        for user in stack.of(kind)
    )


def _mentions(value: object, name: object) -> bool:
    if not isinstance(name, str) or not name:
        return False
    if isinstance(value, dict):
        return any(_mentions(item, name) for item in value.values())
    if isinstance(value, list):
        return any(_mentions(item, name) for item in value)
    return isinstance(value, str) and name in value


alarm_has_action = rule(
    id="mon-alarm-has-action",
    title="An alarm that fires does something.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(METRIC_ALARM, COMPOSITE_ALARM),
    condition="no `alarmActions`, or `actionsEnabled` false",
    exceptions="alarms that a composite alarm, the rollback of a service or a health check reads",
    fix="alarm_actions=[topic.arn], ok_actions=[topic.arn]",
    url="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html",
    anchors=anchors(
        security_hub="CloudWatch.15 CloudWatch.17",
        checkov="CKV_AWS_319",
        cdk_nag="CloudWatchAlarmAction",
        prowler="cloudwatch_alarm_actions_alarm_state_configured cloudwatch_alarm_actions_enabled",
        cfn_guard="cloudwatch_alarm_action_check",
    ),
    stack_check=_alarm_acts,
    passes=[
        node("slow", METRIC_ALARM, {"alarmActions": ["${alarms.arn}"]}),
        node("alarms", TOPIC),
    ],
    violates=[
        node("slow", METRIC_ALARM, {"okActions": ["${alarms.arn}"]}),
        node("alarms", TOPIC),
    ],
)


@for_each(METRIC_ALARM, COMPOSITE_ALARM)
def _alarm_reaches_someone(stack: Stack, report: Report, alarm: Resource) -> None:
    for topic in stack.targets(alarm, "alarmActions", TOPIC):
        if not _is_heard(stack, topic):
            report(f"tells the topic {topic.name}, to which nobody is subscribed")


def _is_heard(stack: Stack, topic: Resource) -> bool:
    return bool(
        stack.sources(topic, "topic", SUBSCRIPTION) or stack.sources(topic, "snsTopicArns", *_CHATS)
    )


alarm_reaches_someone = rule(
    id="mon-alarm-reaches-someone",
    title="Somebody hears an alarm.",
    severity=Severity.HIGH,
    level=CRITICAL,
    types=(METRIC_ALARM, COMPOSITE_ALARM, TOPIC, SUBSCRIPTION),
    condition="an alarm's topic is in the stack and has no subscription in it",
    exceptions="topics of another stack; topics that a chat channel reads",
    fix='aws.sns.TopicSubscription(topic=topic.arn, protocol="email", endpoint=...)',
    url="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html",
    stack_check=_alarm_reaches_someone,
    passes=[
        node("slow", METRIC_ALARM, {"alarmActions": ["${alarms.arn}"]}),
        node("alarms", TOPIC),
        node("mail", SUBSCRIPTION, {"topic": "${alarms.arn}", "protocol": "email"}),
    ],
    violates=[
        node("slow", METRIC_ALARM, {"alarmActions": ["${alarms.arn}"]}),
        node("alarms", TOPIC),
        node("other", TOPIC),
        node("mail", SUBSCRIPTION, {"topic": "${other.arn}", "protocol": "email"}),
    ],
)


def _cluster_is_measured(cluster: Resource, report: Report) -> None:
    modes = [
        setting.text("value")
        for setting in cluster.views("settings")
        if setting.text("name") == "containerInsights"
    ]
    if not any(mode in ("enabled", "enhanced") for mode in modes):
        report(f"containerInsights is {modes[0] if modes else 'not given'}")


log_container_insights = rule(
    id="log-container-insights",
    title="A cluster has Container Insights.",
    severity=Severity.LOW,
    level=CRITICAL,
    types=(ECS_CLUSTER,),
    condition="the setting containerInsights is neither enabled nor enhanced",
    exceptions="accounts whose default switches it on: an exemption",
    fix='settings=[{"name": "containerInsights", "value": "enhanced"}]',
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-container-insights.html",
    anchors=anchors(
        fsbp="ECS.12",
        checkov="CKV_AWS_65",
        cdk_nag="AwsSolutions-ECS4",
        prowler="ecs_cluster_container_insights_enabled",
        trivy="AWS-0034",
    ),
    check=_cluster_is_measured,
    passes=[
        node("api", ECS_CLUSTER, {"settings": [{"name": "containerInsights", "value": "enhanced"}]})
    ],
    violates=[
        node("api", ECS_CLUSTER, {"settings": [{"name": "containerInsights", "value": "disabled"}]})
    ],
)


@for_each(BUCKET)
def _bucket_logs(stack: Stack, report: Report, bucket: Resource) -> None:
    if buckets.log_writers(stack, bucket):
        return
    if not stack.sources(bucket, "bucket", BUCKET_LOGGING) and not bucket.has("logging"):
        report("has no BucketLogging")


log_s3_access = rule(
    id="log-s3-access",
    title="A bucket logs who read what.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(BUCKET, BUCKET_LOGGING, LOAD_BALANCER),
    condition="a bucket without BucketLogging",
    exceptions="buckets that logs are written into; where CloudTrail records data events, an "
    "exemption",
    fix="aws.s3.BucketLogging(bucket=bucket.id, target_bucket=logs.id, target_prefix=...)",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html",
    anchors=anchors(
        fsbp="S3.9",
        checkov="CKV_AWS_18",
        cdk_nag="AwsSolutions-S1",
        prowler="s3_bucket_server_access_logging_enabled",
        cfn_guard="s3_bucket_logging_enabled",
        trivy="AWS-0089",
        pulumi="s3-bucket-logging-enabled",
    ),
    stack_check=_bucket_logs,
    passes=[
        node("assets", BUCKET),
        node("logs", BUCKET),
        node(
            "assets-logging",
            BUCKET_LOGGING,
            {"bucket": "${assets.id}", "targetBucket": "${logs.id}", "targetPrefix": "assets/"},
        ),
    ],
    violates=[node("assets", BUCKET)],
)


@for_each(ZONE)
def _zone_logs(stack: Stack, report: Report, zone: Resource) -> None:
    private = bool(zone.items("vpcs"))
    if not private and not stack.sources(zone, "zoneId", QUERY_LOG):
        report("has no QueryLog")


log_dns = rule(
    id="log-dns",
    title="A public zone logs what is asked for.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(ZONE, QUERY_LOG),
    condition="a public zone without a QueryLog",
    exceptions="private zones",
    fix="aws.route53.QueryLog(zone_id=zone.zone_id, cloudwatch_log_group_arn=group.arn), the group "
    "in us-east-1",
    url="https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/query-logs.html",
    anchors=anchors(
        fsbp="Route53.2",
        checkov="CKV2_AWS_39",
        prowler="route53_public_hosted_zones_cloudwatch_logging_enabled",
    ),
    stack_check=_zone_logs,
    passes=[
        node("zone", ZONE, {"name": "example.com"}),
        node("queries", QUERY_LOG, {"zoneId": "${zone.zoneId}"}),
        node("inside", ZONE, {"name": "internal", "vpcs": [{"vpcId": "vpc-1"}]}),
    ],
    violates=[node("zone", ZONE, {"name": "example.com"})],
)

_SENDERS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "AWS_XRAY_DAEMON_ADDRESS",
)
_COLLECTORS = ("otel", "xray", "collector", "adot", "datadog", "cloudwatch-agent")


def _traces_arrive(resource: Resource, report: Report) -> None:
    if resource.kind == FUNCTION:
        mode = resource.text("tracingConfig.mode", "PassThrough")
        if mode != "Active":
            report(f"tracingConfig.mode is {mode}")
        return
    containers = list(tasks.containers(resource))
    if any(_collects(container) for container in containers):
        return
    for container in containers:
        with report.attempt():
            for variable in container.views("environment"):
                if variable.text("name") in _SENDERS and _is_local(variable.text("value")):
                    report(
                        f"{tasks.label(container)} sends traces to this task, where no collector is"
                    )


def _collects(container: View) -> bool:
    named = f"{container.text('name')} {container.text('image')}".lower()
    return any(word in named for word in _COLLECTORS)


def _is_local(address: str) -> bool:
    return any(host in address for host in ("localhost", "127.0.0.1", "[::1]"))


tracing = rule(
    id="mon-tracing",
    title="Traces are made, and arrive.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(FUNCTION, TASK_DEFINITION),
    condition="a function whose `tracingConfig.mode` is not Active; a container that sends traces "
    "to its own task, in which there is no collector",
    exceptions="tasks that send their traces elsewhere, or none",
    fix='tracing_config={"mode": "Active"}; for a task an aws-otel-collector container beside the '
    "application",
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/trace-data.html",
    anchors=anchors(
        security_hub="Lambda.7",
        checkov="CKV_AWS_50",
        trivy="AWS-0066",
        pulumi="aws-lambda-function-enable-tracing-config",
    ),
    check=_traces_arrive,
    passes=[
        node("fn", FUNCTION, {"tracingConfig": {"mode": "Active"}}),
        node(
            "api",
            TASK_DEFINITION,
            {
                "containerDefinitions": [
                    {
                        "name": "app",
                        "image": "app",
                        "environment": [{"name": _SENDERS[0], "value": "http://localhost:4317"}],
                    },
                    {"name": "collector", "image": "aws-otel-collector"},
                ]
            },
        ),
    ],
    violates=[node("fn", FUNCTION, {"runtime": "python3.13"})],
)

_WATCHED: dict[str, tuple[str, ...]] = {
    LOAD_BALANCER: (
        "HTTPCode_Target_5XX_Count",
        "HTTPCode_ELB_5XX_Count",
        "UnHealthyHostCount",
        "TargetResponseTime",
    ),
    ECS_SERVICE: ("CPUUtilization", "MemoryUtilization", "RunningTaskCount"),
    DB_INSTANCE: ("FreeStorageSpace", "CPUUtilization", "DatabaseConnections"),
    CACHE_GROUP: ("EngineCPUUtilization", "DatabaseMemoryUsagePercentage", "Evictions"),
}
_DIMENSION_IDS = ("arnSuffix", "name", "identifier", "id", "replicationGroupId")


@for_each(*_WATCHED)
def _is_watched(stack: Stack, report: Report, resource: Resource) -> None:
    if resource.kind == LOAD_BALANCER and resource.text("loadBalancerType") == "network":
        return
    watched = {
        metric
        for alarm in stack.of(METRIC_ALARM)
        for metric, of_it in _metrics(stack, alarm, resource)
        if of_it
    }
    missing = [
        metric
        for metric in _WATCHED[resource.kind]
        if metric not in watched and metric not in report.option("ignore")
    ]
    if missing:
        report(f"has no alarm on {', '.join(missing)}")


def _metrics(stack: Stack, alarm: Resource, resource: Resource) -> Iterator[tuple[str, bool]]:
    """Each metric of an alarm, and whether it is this resource's."""
    if alarm.has("metricName"):
        yield (
            alarm.text("metricName"),
            resource in stack.depends(alarm, "dimensions", resource.kind)
            or _named(alarm.get("dimensions"), resource),
        )
    depends = resource in stack.depends(alarm, "metricQueries", resource.kind)
    for query in alarm.views("metricQueries"):
        if query.has("metric"):
            named = _named(query.get("metric.dimensions"), resource)
            yield query.text("metric.metricName"), depends or named


def _named(dimensions: object, resource: Resource) -> bool:
    if not isinstance(dimensions, dict):
        return False
    ids = [resource.get(path) for path in _DIMENSION_IDS]
    texts = {value for value in ids if isinstance(value, str) and value}
    return any(isinstance(value, str) and value in texts for value in dimensions.values())


alarm_coverage = rule(
    id="mon-alarm-coverage",
    title="What fails first is watched.",
    severity=Severity.MEDIUM,
    level=ADVICE,
    types=(*_WATCHED, METRIC_ALARM),
    condition="a load balancer, service, database or cache without an alarm on each of the "
    "metrics by which it usually fails",
    exceptions="metrics that the option ignore names",
    fix="aws.cloudwatch.MetricAlarm(metric_name=..., dimensions=..., alarm_actions=[topic.arn])",
    url="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Best_Practice_Recommended_Alarms_AWS_Services.html",
    options={
        "ignore": Option(
            type="array", default=[], description="Metrics that need no alarm in this stack."
        )
    },
    stack_check=_is_watched,
    passes=[
        node("orders", DB_INSTANCE, {"engine": "postgres"}),
        *(
            node(
                f"orders-{metric.lower()}",
                METRIC_ALARM,
                {
                    "metricName": metric,
                    "dimensions": {"DBInstanceIdentifier": "${orders.identifier}"},
                },
            )
            for metric in _WATCHED[DB_INSTANCE]
        ),
    ],
    violates=[
        node("orders", DB_INSTANCE, {"engine": "postgres"}),
        *(
            node(
                f"orders-{metric.lower()}",
                METRIC_ALARM,
                {
                    "metricName": metric,
                    "dimensions": {"DBInstanceIdentifier": "${orders.identifier}"},
                },
            )
            for metric in _WATCHED[DB_INSTANCE][1:]
        ),
    ],
)

_EVENTS = ("failure", "maintenance", "configuration change")


@for_each(DB_INSTANCE)
def _events_are_heard(stack: Stack, report: Report, database: Resource) -> None:
    heard: set[str] = set()
    for subscription in stack.of(EVENT_SUBSCRIPTION):
        about = subscription.text("sourceType", "db-instance")
        ids = subscription.items("sourceIds")
        named = not ids or database in stack.targets(subscription, "sourceIds", DB_INSTANCE)
        if subscription.flag("enabled", True) and about == "db-instance" and named:
            heard |= set(subscription.texts("eventCategories") or _EVENTS)
    missing = [event for event in _EVENTS if event not in heard]
    if missing:
        report(f"nobody is told of its events: {', '.join(missing)}")


rds_events = rule(
    id="mon-rds-events",
    title="Somebody is told when a database fails, is maintained or changed.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(DB_INSTANCE, EVENT_SUBSCRIPTION),
    condition="a database without an event subscription for failure, maintenance and configuration "
    "change",
    exceptions="subscriptions without categories or ids are for all of them",
    fix='aws.rds.EventSubscription(source_type="db-instance", source_ids=[db.identifier], '
    'event_categories=["failure", "maintenance", "configuration change"], sns_topic=topic.arn)',
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.html",
    anchors=anchors(
        fsbp="RDS.19 RDS.20 RDS.21 RDS.22",
        prowler="rds_instance_critical_event_subscription",
    ),
    stack_check=_events_are_heard,
    passes=[
        node("orders", DB_INSTANCE, {"engine": "postgres"}),
        node(
            "events",
            EVENT_SUBSCRIPTION,
            {
                "sourceType": "db-instance",
                "sourceIds": ["${orders.id}"],
                "eventCategories": list(_EVENTS),
            },
        ),
    ],
    violates=[
        node("orders", DB_INSTANCE, {"engine": "postgres"}),
        node(
            "events",
            EVENT_SUBSCRIPTION,
            {
                "sourceType": "db-instance",
                "sourceIds": ["${orders.id}"],
                "eventCategories": ["failure"],
            },
        ),
    ],
)

RULES: tuple[Rule, ...] = (
    log_alb,
    log_cloudfront,
    log_waf,
    log_vpc_flow,
    log_retention,
    log_containers,
    log_rds,
    alarm_has_action,
    alarm_reaches_someone,
    log_container_insights,
    log_s3_access,
    log_dns,
    tracing,
    alarm_coverage,
    rds_events,
)
