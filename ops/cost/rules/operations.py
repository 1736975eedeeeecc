"""What watches and tells: logs, alarms, dashboards, topics, queues, traces."""

from ops.cost import clock
from ops.cost.model import Resource, World
from ops.cost.rules.table import priced

_WATCH = "CloudWatch"
_LOGS = (
    ("FlowLogs", "flow_log_gb"),
    ("WebAcl", "firewall_log_gb"),
    ("FargateTask", "service_log_gb"),
)
"""Component that a log group is in -> the assumption of what is written to it."""


@priced("aws:cloudwatch/logGroup:LogGroup")
def _log_group(group: Resource, world: World) -> None:
    """Written once, kept compressed for as long as the retention says."""
    key = next((key for name, key in _LOGS if name in group.within), "other_log_gb")
    written = world.assume(key)
    world.add(group, _WATCH, "logs written", "logs.gb", written, assumed=(key,))
    days = group.number("retentionInDays")
    if not days:
        world.without(group, "logs that are kept for ever, so that their storage grows for ever")
        return
    world.add(
        group,
        _WATCH,
        "logs kept",
        "logs.storage.gb",
        written * world.assume("log_compression") * days / (365 / 12),
        assumed=(key, "log_compression"),
    )


@priced("aws:cloudwatch/metricAlarm:MetricAlarm")
def _alarm(alarm: Resource, world: World) -> None:
    """By the metrics that it looks at; an anomaly band is two more."""
    queries = alarm.items("metricQueries")
    metrics = sum(1 for query in queries if query.get("metric")) or 1
    bands = sum(1 for q in queries if "ANOMALY_DETECTION_BAND" in str(q.get("expression")))
    fast = 0 < alarm.number("period", 60) < 60
    world.add(
        alarm,
        _WATCH,
        "alarms of seconds" if fast else "alarms",
        "cloudwatch.alarm.fast" if fast else "cloudwatch.alarm",
        metrics + 2 * bands,
    )


@priced("aws:cloudwatch/compositeAlarm:CompositeAlarm")
def _composite(alarm: Resource, world: World) -> None:
    world.add(alarm, _WATCH, "composite alarms", "cloudwatch.alarm.composite", 1)


@priced("aws:cloudwatch/dashboard:Dashboard")
def _dashboard(dashboard: Resource, world: World) -> None:
    world.add(dashboard, _WATCH, "dashboard", "cloudwatch.dashboard", 1)


@priced("aws:cloudwatch/contributorInsightRule:ContributorInsightRule")
def _contributors(rule: Resource, world: World) -> None:
    world.add(rule, _WATCH, "contributor rules", "cloudwatch.contributor", 1)


@priced("aws:cloudwatch/logMetricFilter:LogMetricFilter")
def _filter(filter_: Resource, world: World) -> None:
    world.add(
        filter_,
        _WATCH,
        "metrics",
        "cloudwatch.metric",
        world.assume("filter_metrics"),
        assumed=("filter_metrics",),
    )


@priced("aws:synthetics/canary:Canary")
def _canary(canary: Resource, world: World) -> None:
    """Without the Lambda, S3 and logs that each run uses, which are a fraction of it."""
    expression = str(canary.group("schedule").get("expression", ""))
    try:
        runs = clock.runs_a_month(expression)
    except clock.UnknownScheduleError as error:
        world.without(canary, f"how often {error} runs")
        return
    world.add(canary, _WATCH, "canary runs", "cloudwatch.canary", runs)


@priced("aws:sns/topic:Topic")
def _topic(topic: Resource, world: World) -> None:
    world.add(
        topic, "SNS", "messages", "sns.requests", world.assume("messages"), assumed=("messages",)
    )


@priced("aws:sqs/queue:Queue")
def _queue(queue: Resource, world: World) -> None:
    world.add(
        queue, "SQS", "messages", "sqs.requests", world.assume("messages"), assumed=("messages",)
    )


@priced("aws:xray/samplingRule:SamplingRule")
def _traces(rule: Resource, world: World) -> None:
    """Traces are charged, not rules: the first rule stands for all that is traced."""
    if rule.urn != min(other.urn for other in world.stack.of(rule.type)):
        return
    world.add(rule, "X-Ray", "traces", "xray.traces", world.assume("traces"), assumed=("traces",))


@priced("aws:ssm/parameter:Parameter")
def _parameter(parameter: Resource, world: World) -> None:
    """Standard parameters are free."""
    if parameter.text("tier") == "Advanced":
        world.add(parameter, "Systems Manager", "parameters", "ssm.advanced", 1)
