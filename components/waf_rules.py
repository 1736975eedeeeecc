"""The rules of a web ACL as AWS WAF's own JSON: what is looked at, in which order, to what effect.

Order decides: lists that an operator wrote come first, then the rate limits (cheap, and they shed
load before the costly groups look at it), then AWS's managed groups from cheap to costly.
"""

import json
from collections.abc import Sequence
from typing import Any

MANAGED_GROUPS = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesSQLiRuleSet",
)
"""https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html"""

BODY_LABEL = "awswaf:managed:aws:core-rule-set:SizeRestrictions_Body"
"""Label that the common rule set gives a request whose body is longer than WAF inspects.

https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
"""

RATE_LIMIT_MINIMUM, RATE_LIMIT_MAXIMUM = 10, 2_000_000_000
"""https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-high-level-settings.html"""


def rules(
    metric_prefix: str,
    *,
    block: bool,
    rate_limit: int,
    path_rate_limits: Sequence[tuple[str, int]] = (),
    large_body_paths: Sequence[str] = (),
    allowed_set_arns: Sequence[str] = (),
    denied_set_arns: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """The rules of one ACL, ready for `json.dumps`.

    Args:
        metric_prefix: Prefix of each rule's CloudWatch metric.
        block: True lets managed groups and rate limits block; False only counts what they match.
        rate_limit: Requests that one address may make in five minutes.
        path_rate_limits: (path prefix, requests per address in five minutes) pairs.
        large_body_paths: Path prefixes where a body longer than WAF inspects is legitimate.
        allowed_set_arns: IP sets that no later rule looks at.
        denied_set_arns: IP sets that are always blocked.

    Raises:
        ValueError: A rate limit is outside what AWS WAF accepts.
    """
    listed = [
        *(_listed(f"allowed-{n}", arn, "Allow") for n, arn in enumerate(allowed_set_arns)),
        *(_listed(f"denied-{n}", arn, "Block") for n, arn in enumerate(denied_set_arns)),
    ]
    limited = [
        *(
            _rate_limit(f"rate-{_word(path)}", limit, block=block, path=path)
            for path, limit in path_rate_limits
        ),
        _rate_limit("rate-per-address", rate_limit, block=block),
    ]
    managed = [_managed(group, block=block) for group in MANAGED_GROUPS]
    ordered = [*listed, *limited, *managed, _large_body(large_body_paths, block=block)]
    return [
        {
            **rule,
            "Priority": priority,
            "VisibilityConfig": {
                "SampledRequestsEnabled": True,
                "CloudWatchMetricsEnabled": True,
                "MetricName": f"{metric_prefix}-{rule['Name']}",
            },
        }
        for priority, rule in enumerate(ordered)
    ]


def _effect(block: bool) -> dict[str, Any]:
    return {"Block": {}} if block else {"Count": {}}


def _listed(name: str, arn: str, action: str) -> dict[str, Any]:
    return {
        "Name": name,
        "Statement": {"IPSetReferenceStatement": {"ARN": arn}},
        "Action": {action: {}},
    }


def _rate_limit(name: str, limit: int, *, block: bool, path: str = "") -> dict[str, Any]:
    if not RATE_LIMIT_MINIMUM <= limit <= RATE_LIMIT_MAXIMUM:
        raise ValueError(
            f"rate limit {limit} of {path or 'all paths'}: AWS WAF accepts "
            f"{RATE_LIMIT_MINIMUM} to {RATE_LIMIT_MAXIMUM} requests in five minutes"
        )
    statement: dict[str, Any] = {
        "Limit": limit,
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 300,
    }
    if path:
        statement["ScopeDownStatement"] = _path_starts_with(path)
    return {"Name": name, "Statement": {"RateBasedStatement": statement}, "Action": _effect(block)}


def _managed(group: str, *, block: bool) -> dict[str, Any]:
    statement: dict[str, Any] = {"VendorName": "AWS", "Name": group}
    if group == "AWSManagedRulesCommonRuleSet":
        # Counting leaves the label on the request; the rule `large-body` decides by path.
        statement["RuleActionOverrides"] = [
            {"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}
        ]
    return {
        "Name": group,
        "Statement": {"ManagedRuleGroupStatement": statement},
        "OverrideAction": {"None": {}} if block else {"Count": {}},
    }


def _large_body(paths: Sequence[str], *, block: bool) -> dict[str, Any]:
    labelled = {"LabelMatchStatement": {"Scope": "LABEL", "Key": BODY_LABEL}}
    exempt = [{"NotStatement": {"Statement": _path_starts_with(path)}} for path in paths]
    statement = {"AndStatement": {"Statements": [labelled, *exempt]}} if exempt else labelled
    return {"Name": "large-body", "Statement": statement, "Action": _effect(block)}


def _path_starts_with(path: str) -> dict[str, Any]:
    return {
        "ByteMatchStatement": {
            "FieldToMatch": {"UriPath": {}},
            "PositionalConstraint": "STARTS_WITH",
            "SearchString": path,
            "TextTransformations": [{"Priority": 0, "Type": "NORMALIZE_PATH"}],
        }
    }


def _word(path: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in path.strip("/")) or "root"


def to_json(rules: list[dict[str, Any]]) -> str:
    """The text that the provider's `rule_json` takes; equal rules are equal text."""
    return json.dumps(rules, sort_keys=True)
