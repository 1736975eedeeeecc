"""The rules of a web ACL as AWS WAF's own JSON: what is looked at, in which order, to what effect.

Order decides: lists that an operator wrote come first, then the size of the body and the rate
limits (cheap, and they shed load before the costly groups look at it), then AWS's managed groups
from cheap to costly.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class WafEffect(StrEnum):
    """What happens to a request that a rule matches."""

    BLOCK = "block"
    """It is refused with a 403."""
    COUNT = "count"
    """It passes, and is counted and logged: what blocking would have done."""


class ManagedGroup(StrEnum):
    """Rules that AWS maintains, by what they are about.

    https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
    """

    IP_REPUTATION = "ip-reputation"
    """Addresses that Amazon has seen attack others."""
    KNOWN_BAD_INPUTS = "known-bad-inputs"
    """Requests of known exploits, such as Log4j's."""
    COMMON = "common"
    """The core rule set: cross-site scripting, file inclusion, traversal."""
    SQL_INJECTION = "sql-injection"
    """SQL in parameters, bodies and cookies."""
    BOT_CONTROL = "bot-control"
    """Scrapers and crawlers that say or show what they are; costs extra."""


AWS_NAMES = {
    ManagedGroup.IP_REPUTATION: "AWSManagedRulesAmazonIpReputationList",
    ManagedGroup.KNOWN_BAD_INPUTS: "AWSManagedRulesKnownBadInputsRuleSet",
    ManagedGroup.COMMON: "AWSManagedRulesCommonRuleSet",
    ManagedGroup.SQL_INJECTION: "AWSManagedRulesSQLiRuleSet",
    ManagedGroup.BOT_CONTROL: "AWSManagedRulesBotControlRuleSet",
}
DEFAULT_GROUPS = tuple(group for group in ManagedGroup if group is not ManagedGroup.BOT_CONTROL)

ALWAYS_COUNTED: Mapping[ManagedGroup, Sequence[str]] = {
    # Knows one limit for everything; the rule `body-size` decides instead, by path.
    ManagedGroup.COMMON: ("SizeRestrictions_BODY",),
    # An API is called by programs: by libraries, and by what is no browser.
    # https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-bot.html
    ManagedGroup.BOT_CONTROL: ("CategoryHttpLibrary", "SignalNonBrowserUserAgent"),
}
"""Rules of managed groups that refuse what an API is for: they label, and never block."""

RATE_LIMIT_MINIMUM, RATE_LIMIT_MAXIMUM = 10, 2_000_000_000
"""https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-high-level-settings.html"""
RATE_WINDOW_SECONDS = 300
INSPECTED_KIB_REGIONAL, INSPECTED_KIB_CLOUDFRONT, INSPECTED_KIB_MOST = 8, 16, 64
"""Beginning of a body that WAF looks at: for a load balancer, for a distribution, and for a
distribution at most, at a price:
https://docs.aws.amazon.com/waf/latest/developerguide/waf-oversize-request-components.html"""


@dataclass(frozen=True, kw_only=True)
class PathRate:
    """A tighter limit for part of the API, such as its login."""

    path: str
    """One path, or a path and `/*`."""
    limit: int
    """Requests that one address may make there in five minutes."""
    effect: WafEffect | None = None
    """None follows the ACL."""


@dataclass(frozen=True, kw_only=True)
class Managed:
    """A managed group, and how it is used."""

    group: ManagedGroup
    effect: WafEffect | None = None
    """None follows the ACL."""
    counted_rules: Sequence[str] = ()
    """Rules of the group that only count, because they match what clients rightly send."""


def rules(
    *,
    effect: WafEffect,
    rate_limit: int,
    rate_effect: WafEffect | None = None,
    path_rates: Sequence[PathRate] = (),
    body_limit_kib: int = INSPECTED_KIB_REGIONAL,
    body_effect: WafEffect | None = None,
    large_body_paths: Sequence[str] = (),
    groups: Sequence[Managed] = tuple(Managed(group=group) for group in DEFAULT_GROUPS),
    denied_set_arns: Mapping[str, str] | None = None,
    allowed_set_arns: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The rules of one ACL, ready for `to_json`.

    Args:
        effect: What every rule does that has no effect of its own.
        rate_limit: Requests that one address may make in five minutes.
        rate_effect: What happens to those beyond it.
        path_rates: Tighter limits by path.
        body_limit_kib: Largest body, in KiB.
        body_effect: What happens to a larger one.
        large_body_paths: Paths where a larger body is legitimate; of it, WAF sees the beginning.
        groups: AWS's groups, in the order in which they look.
        denied_set_arns: IP sets, by address family, that are always blocked, even inside a range
            that is allowed.
        allowed_set_arns: IP sets, by address family, that no later rule looks at.
    """
    listed = [
        *(_listed(f"denied-{key}", arn, "Block") for key, arn in (denied_set_arns or {}).items()),
        *(_listed(f"allowed-{key}", arn, "Allow") for key, arn in (allowed_set_arns or {}).items()),
    ]
    own = [
        _body_size(body_limit_kib, large_body_paths, body_effect or effect),
        *(_path_rate(rate, rate.effect or rate_effect or effect) for rate in path_rates),
        _rate("rate", rate_limit, rate_effect or effect),
    ]
    # Whatever order they were asked for in: from cheap to costly.
    ordered = sorted(groups, key=lambda item: [*ManagedGroup].index(item.group))
    managed = [_managed(item, item.effect or effect) for item in ordered]
    return [
        {
            **rule,
            "Priority": priority,
            "VisibilityConfig": {
                "SampledRequestsEnabled": True,
                "CloudWatchMetricsEnabled": True,
                "MetricName": rule["Name"],
            },
        }
        for priority, rule in enumerate([*listed, *own, *managed])
    ]


def effects(rules: Sequence[Mapping[str, Any]]) -> dict[str, WafEffect]:
    """What each rule does to what it matches, by its name; those that let in are left out."""
    found = {}
    for rule in rules:
        action = rule.get("Action") or rule["OverrideAction"]
        if "Allow" not in action:
            found[rule["Name"]] = WafEffect.COUNT if "Count" in action else WafEffect.BLOCK
    return found


def problems(
    *,
    rate_limit: int,
    path_rates: Sequence[PathRate],
    body_limit_kib: int,
    most_body_kib: int,
    large_body_paths: Sequence[str],
) -> list[str]:
    """What AWS WAF would refuse, or silently not do, each with its way out."""
    found = []
    limits = [("every path", rate_limit), *((rate.path, rate.limit) for rate in path_rates)]
    found += [
        f"rate limit {limit} of {path}: AWS WAF accepts {RATE_LIMIT_MINIMUM} to"
        f" {RATE_LIMIT_MAXIMUM} requests in five minutes"
        for path, limit in limits
        if not RATE_LIMIT_MINIMUM <= limit <= RATE_LIMIT_MAXIMUM
    ]
    found += [
        f"path {path!r} is not a path, nor a path and /*"
        for path in (*(rate.path for rate in path_rates), *large_body_paths)
        if not path.startswith("/") or "*" in path.removesuffix("/*")
    ]
    found += [
        f"path {rate.path!r} gives a rule the name of an earlier one; keep one of them"
        for index, rate in enumerate(path_rates)
        if _rate_name(rate.path) in {_rate_name(earlier.path) for earlier in path_rates[:index]}
    ]
    if not 1 <= body_limit_kib <= most_body_kib:
        found.append(
            f"body_limit_kib is {body_limit_kib}; WAF sees no more than {most_body_kib} KiB here:"
            " name the paths that take more in large_body_paths"
        )
    return found


def same_rule(first: str, second: str) -> bool:
    """Whether limits of two paths would be rules of one name, which AWS WAF refuses."""
    return _rate_name(first) == _rate_name(second)


def inspection_limit(body_limit_kib: int) -> str:
    """How much of a body WAF looks at in front of a distribution; "" for what costs nothing."""
    steps = [kib for kib in (16, 32, 48, 64) if kib >= body_limit_kib]
    return f"KB_{steps[0]}" if steps[0] > INSPECTED_KIB_CLOUDFRONT else ""


def _action(effect: WafEffect) -> dict[str, Any]:
    return {"Block": {}} if effect is WafEffect.BLOCK else {"Count": {}}


def _listed(name: str, arn: str, action: str) -> dict[str, Any]:
    return {
        "Name": name,
        "Statement": {"IPSetReferenceStatement": {"ARN": arn}},
        "Action": {action: {}},
    }


def _body_size(kib: int, paths: Sequence[str], effect: WafEffect) -> dict[str, Any]:
    too_large = {
        "SizeConstraintStatement": {
            # What is longer than WAF can see is longer than the limit.
            "FieldToMatch": {"Body": {"OversizeHandling": "MATCH"}},
            "ComparisonOperator": "GT",
            "Size": kib * 1024,
            "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
        }
    }
    exempt = [{"NotStatement": {"Statement": _path_is(path)}} for path in sorted(set(paths))]
    statement = {"AndStatement": {"Statements": [too_large, *exempt]}} if exempt else too_large
    return {"Name": "body-size", "Statement": statement, "Action": _action(effect)}


def _rate(
    name: str, limit: int, effect: WafEffect, scope: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Limit": limit,
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": RATE_WINDOW_SECONDS,
    }
    if scope:
        statement["ScopeDownStatement"] = scope
    return {
        "Name": name,
        "Statement": {"RateBasedStatement": statement},
        "Action": _action(effect),
    }


def _path_rate(rate: PathRate, effect: WafEffect) -> dict[str, Any]:
    return _rate(_rate_name(rate.path), rate.limit, effect, _path_is(rate.path))


def _rate_name(path: str) -> str:
    words = path.replace("*", "any").strip("/")
    return f"rate-{''.join(c if c.isalnum() else '-' for c in words) or 'root'}"


def _managed(item: Managed, effect: WafEffect) -> dict[str, Any]:
    statement: dict[str, Any] = {"VendorName": "AWS", "Name": AWS_NAMES[item.group]}
    if item.group is ManagedGroup.BOT_CONTROL:
        # The other level, TARGETED, costs ten times as much and wants its script in every client.
        level = {"InspectionLevel": "COMMON"}
        statement["ManagedRuleGroupConfigs"] = [{"AWSManagedRulesBotControlRuleSet": level}]
    counted = sorted({*ALWAYS_COUNTED.get(item.group, ()), *item.counted_rules})
    if counted:
        statement["RuleActionOverrides"] = [
            {"Name": rule, "ActionToUse": {"Count": {}}} for rule in counted
        ]
    return {
        "Name": item.group.value,
        "Statement": {"ManagedRuleGroupStatement": statement},
        "OverrideAction": {"None": {}} if effect is WafEffect.BLOCK else {"Count": {}},
    }


def _path_is(path: str) -> dict[str, Any]:
    prefix = path.endswith("/*")
    return {
        "ByteMatchStatement": {
            "FieldToMatch": {"UriPath": {}},
            "PositionalConstraint": "STARTS_WITH" if prefix else "EXACTLY",
            "SearchString": path.removesuffix("*"),
            # As the server will read it: `/%6cogin` and `/a/../login` are /login.
            "TextTransformations": [
                {"Priority": 0, "Type": "URL_DECODE"},
                {"Priority": 1, "Type": "NORMALIZE_PATH"},
            ],
        }
    }


def to_json(rules: list[dict[str, Any]]) -> str:
    """The text that the provider's `rule_json` takes; equal rules are equal text."""
    return json.dumps(rules, sort_keys=True)
