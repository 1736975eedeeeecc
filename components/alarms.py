"""A set of CloudWatch alarms that reach one topic."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.alarm_rules import AlarmRule


class AlarmsArgs(TypedDict):
    """What to watch and whom to tell."""

    rules: Sequence[Mapping[str, Any]]
    """What fires: `components.alarm_rules.AlarmRule` values, one alarm each."""
    topic_arn: pulumi.Input[str]
    """SNS topic, in the alarms' region, that hears when an alarm fires and when it recovers."""
    region: NotRequired[str]
    """Region of the metrics. Defaults to the provider's."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every alarm. Defaults to none."""


class Alarms(pulumi.ComponentResource):
    """Alarms that tell one topic twice: when something is wrong, and when it is over."""

    alarm_names: pulumi.Output[Sequence[str]]
    """Physical names, in the order of the rules: what a deployment watches to undo itself."""
    alarm_arns: pulumi.Output[Sequence[str]]
    """ARNs, in the order of the rules."""

    def __init__(
        self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("babyrobots:index:Alarms", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        alarms = [_alarm(name, rule, args, child) for rule in args["rules"]]  # type: ignore[arg-type]
        # For a caller in the same program, which may want the names one by one.
        self.names = [alarm.name for alarm in alarms]

        self.alarm_names = pulumi.Output.all(*(alarm.name for alarm in alarms))
        self.alarm_arns = pulumi.Output.all(*(alarm.arn for alarm in alarms))
        self.register_outputs({"alarm_names": self.alarm_names, "alarm_arns": self.alarm_arns})


def _alarm(
    name: str, rule: AlarmRule, args: AlarmsArgs, child: pulumi.ResourceOptions
) -> aws.cloudwatch.MetricAlarm:
    return aws.cloudwatch.MetricAlarm(
        f"{name}-{rule['name']}",
        region=args.get("region"),
        alarm_description=rule["description"],
        **(_queries(rule) if rule.get("expressions") else _single_metric(rule)),
        comparison_operator=rule["comparison"],
        threshold=rule["threshold"],
        evaluation_periods=rule["periods"],
        datapoints_to_alarm=rule["breaching"],
        treat_missing_data=rule["missing"],
        alarm_actions=[args["topic_arn"]],
        ok_actions=[args["topic_arn"]],
        tags=args.get("tags"),
        opts=child,
    )


def _single_metric(rule: AlarmRule) -> dict[str, Any]:
    percentile = rule["statistic"].startswith("p")
    return {
        "namespace": rule["namespace"],
        "metric_name": rule["metric"],
        "dimensions": dict(rule["dimensions"]),
        "statistic": None if percentile else rule["statistic"],
        "extended_statistic": rule["statistic"] if percentile else None,
        # A percentile of three requests says nothing about the hundredth.
        "evaluate_low_sample_count_percentiles": "ignore" if percentile else None,
        "period": rule["period"],
    }


def _queries(rule: AlarmRule) -> dict[str, Any]:
    """The last expression is what is compared; everything else is only computed with."""
    expressions = rule.get("expressions", {})
    compared = [*expressions][-1]
    return {
        "metric_queries": [
            *(
                {
                    "id": id_,
                    "metric": {
                        "namespace": metric["namespace"],
                        "metric_name": metric["metric"],
                        "dimensions": dict(metric["dimensions"]),
                        "stat": metric["statistic"],
                        "period": rule["period"],
                    },
                }
                for id_, metric in rule.get("metrics", {}).items()
            ),
            *(
                {
                    "id": id_,
                    "expression": expression,
                    **({"label": rule["name"], "return_data": True} if id_ == compared else {}),
                }
                for id_, expression in expressions.items()
            ),
        ]
    }
