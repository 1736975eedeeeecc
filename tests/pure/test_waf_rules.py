"""Order and effect of the firewall's rules; not what AWS's managed groups then match."""

import json

import pytest

from components import waf_rules

DEFAULTS = {"block": True, "rate_limit": 2000}


def build(**changes):
    return waf_rules.rules("edge", **{**DEFAULTS, **changes})


def names(rules):
    return [rule["Name"] for rule in rules]


def test_every_rule_has_its_own_priority_and_metric():
    rules = build(denied_set_arns=["arn:d"], path_rate_limits=[("/login", 100)])

    assert [rule["Priority"] for rule in rules] == list(range(len(rules)))
    metrics = [rule["VisibilityConfig"]["MetricName"] for rule in rules]
    assert len(set(metrics)) == len(rules)
    assert all(rule["VisibilityConfig"]["CloudWatchMetricsEnabled"] for rule in rules)


def test_an_operators_lists_are_looked_at_before_everything_else():
    rules = build(allowed_set_arns=["arn:a"], denied_set_arns=["arn:d"])

    assert names(rules)[:2] == ["allowed-0", "denied-0"]
    assert rules[0]["Action"] == {"Allow": {}}
    assert rules[1]["Action"] == {"Block": {}}


def test_the_four_managed_groups_are_always_there():
    assert set(names(build())) >= {
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesSQLiRuleSet",
    }


@pytest.mark.parametrize(
    ("block", "override", "action"), [(True, "None", "Block"), (False, "Count", "Count")]
)
def test_a_stage_that_counts_blocks_nothing(block, override, action):
    rules = build(block=block, path_rate_limits=[("/login", 100)])

    assert {next(iter(r["OverrideAction"])) for r in rules if "OverrideAction" in r} == {override}
    assert {next(iter(r["Action"])) for r in rules if "Action" in r} == {action}


def test_a_denied_address_is_blocked_even_where_the_rest_only_counts():
    (denied,) = [r for r in build(block=False, denied_set_arns=["arn:d"]) if "denied" in r["Name"]]

    assert denied["Action"] == {"Block": {}}


def test_a_long_body_is_blocked_except_under_the_paths_that_accept_one():
    (everywhere,) = [r for r in build() if r["Name"] == "large-body"]
    assert everywhere["Statement"]["LabelMatchStatement"]["Key"].endswith("SizeRestrictions_Body")

    (except_uploads,) = [
        r for r in build(large_body_paths=["/uploads/"]) if r["Name"] == "large-body"
    ]
    labelled, exempt = except_uploads["Statement"]["AndStatement"]["Statements"]
    assert "LabelMatchStatement" in labelled
    match = exempt["NotStatement"]["Statement"]["ByteMatchStatement"]
    assert (match["SearchString"], match["PositionalConstraint"]) == ("/uploads/", "STARTS_WITH")


def test_the_common_group_leaves_the_verdict_on_long_bodies_to_that_rule():
    (common,) = [r for r in build() if r["Name"] == "AWSManagedRulesCommonRuleSet"]

    assert common["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"] == [
        {"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}
    ]


def test_a_path_limit_counts_only_requests_under_its_path():
    (limit,) = [r for r in build(path_rate_limits=[("/login", 100)]) if r["Name"] == "rate-login"]

    statement = limit["Statement"]["RateBasedStatement"]
    assert statement["Limit"] == 100
    assert statement["ScopeDownStatement"]["ByteMatchStatement"]["SearchString"] == "/login"


@pytest.mark.parametrize("limit", [9, 2_000_000_001])
def test_a_rate_limit_that_waf_refuses_is_refused_with_the_bounds(limit):
    with pytest.raises(ValueError, match="accepts 10 to 2000000000"):
        build(rate_limit=limit)


def test_equal_rules_are_equal_text():
    assert waf_rules.to_json(build()) == waf_rules.to_json(json.loads(waf_rules.to_json(build())))
