"""Order and effect of the firewall's rules, and requests that they must let pass or refuse.

Requests are judged by our own rules only, see `tests.firewall`; of AWS's managed groups it is
asserted that they are there, in which order, and to what effect.
"""
# ruff: noqa: E501 - a table of requests reads best with one to a line

import json

import pytest

from components import waf_rules
from components.waf_rules import Managed, ManagedGroup, PathRate, WafEffect
from tests.firewall import BLOCKED, PASSES, Firewall, Request

BLOCK, COUNT = WafEffect.BLOCK, WafEffect.COUNT
SETS = {
    "arn:denied-4": ["203.0.113.0/24", "192.0.2.66/32"],
    "arn:denied-6": ["2001:db8:bad::/48"],
    "arn:allowed-4": ["192.0.2.0/24"],
    "arn:allowed-6": ["2001:db8:600d::/48"],
}
LISTS = {
    "denied_set_arns": {"ipv4": "arn:denied-4", "ipv6": "arn:denied-6"},
    "allowed_set_arns": {"ipv4": "arn:allowed-4", "ipv6": "arn:allowed-6"},
}
EVERYTHING = {
    **LISTS,
    "path_rates": [PathRate(path="/v1/login", limit=100), PathRate(path="/v1/search/*", limit=500)],
    "large_body_paths": ["/v1/uploads/*", "/v1/import"],
    "groups": [Managed(group=group) for group in ManagedGroup],
}
FULL, EMPTY = 8 * 1024, 0


def build(**changes):
    return waf_rules.rules(**{"effect": BLOCK, "rate_limit": 2000, **changes})


def named(rules, name):
    (found,) = [rule for rule in rules if rule["Name"] == name]
    return found


def group_of(rules, group):
    return named(rules, group.value)["Statement"]["ManagedRuleGroupStatement"]


# --- requests ------------------------------------------------------------------------------------

REQUESTS = [
    # what it is, the request, what happens to it, and the rule that decides
    ("an ordinary one", Request(), PASSES, ""),
    ("one without a body", Request(body_bytes=EMPTY), PASSES, ""),
    ("one at the limit of a body", Request(body_bytes=FULL), PASSES, ""),
    ("one byte more", Request(body_bytes=FULL + 1), BLOCKED, "body-size"),
    ("a body that WAF sees only the beginning of", Request(body_bytes=10**7), BLOCKED, "body-size"),
    ("an upload", Request(path="/v1/uploads/7", body_bytes=10**7), PASSES, ""),
    ("an import", Request(path="/v1/import", body_bytes=10**7), PASSES, ""),
    ("what only begins like it", Request(path="/v1/imports", body_bytes=10**5), BLOCKED, "body-size"),
    ("the folder itself", Request(path="/v1/uploads", body_bytes=10**5), BLOCKED, "body-size"),
    ("a way out of the uploads", Request(path="/v1/uploads/../robots", body_bytes=10**5), BLOCKED, "body-size"),
    ("the same, encoded", Request(path="/v1/uploads/%2e%2e/robots", body_bytes=10**5), BLOCKED, "body-size"),
    ("the last within the rate", Request(earlier=1999), PASSES, ""),
    ("the first beyond it", Request(earlier=2000), BLOCKED, "rate"),
    ("the last login", Request(path="/v1/login", earlier=99), PASSES, ""),
    ("one login too many", Request(path="/v1/login", earlier=100), BLOCKED, "rate-v1-login"),
    ("an encoded login", Request(path="/v1/%6cogin", earlier=100), BLOCKED, "rate-v1-login"),
    ("a login by a detour", Request(path="/v1/x/../login", earlier=100), BLOCKED, "rate-v1-login"),
    ("what only begins like a login", Request(path="/v1/logins", earlier=100), PASSES, ""),
    ("a search", Request(path="/v1/search/robots", earlier=500), BLOCKED, "rate-v1-search-any"),
    ("a denied address", Request(address="203.0.113.9"), BLOCKED, "denied-ipv4"),
    ("a denied address over IPv6", Request(address="2001:db8:bad::1"), BLOCKED, "denied-ipv6"),
    ("a neighbour of a denied one", Request(address="203.0.112.9"), PASSES, ""),
    ("an allowed address", Request(address="192.0.2.1"), PASSES, "allowed-ipv4"),
    ("an allowed address over IPv6", Request(address="2001:db8:600d::1"), PASSES, "allowed-ipv6"),
    ("an allowed address that floods", Request(address="192.0.2.1", earlier=10**6), PASSES, "allowed-ipv4"),
    ("a denied address within the allowed", Request(address="192.0.2.66"), BLOCKED, "denied-ipv4"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "verdict", "rule"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS]
)
def test_a_request_passes_or_is_blocked_by_the_rule_that_is_meant(request_, verdict, rule):
    found = Firewall(build(**EVERYTHING), SETS).judge(request_)

    assert found[:2] == (verdict, rule)


@pytest.mark.parametrize(
    ("request_", "rule"),
    [(row[1], row[3]) for row in REQUESTS if row[2] == BLOCKED],
    ids=[row[0] for row in REQUESTS if row[2] == BLOCKED],
)
def test_staging_counts_what_production_blocks(request_, rule):
    verdict, decided, counted = Firewall(build(**EVERYTHING, effect=COUNT), SETS).judge(request_)

    if rule.startswith("denied"):
        assert (verdict, decided) == (BLOCKED, rule), "a list that somebody wrote is no rehearsal"
    else:
        assert verdict == PASSES
        assert counted[0] == rule


def test_a_distribution_lets_the_firewall_see_more_of_a_body():
    wide = Firewall(build(body_limit_kib=64), {}, inspected_kib=64)

    assert wide.judge(Request(body_bytes=64 * 1024))[0] == PASSES
    assert wide.judge(Request(body_bytes=64 * 1024 + 1))[:2] == (BLOCKED, "body-size")


# --- the rules themselves ------------------------------------------------------------------------


def test_every_rule_has_its_own_name_priority_and_metric():
    rules = build(**EVERYTHING)

    assert [rule["Priority"] for rule in rules] == list(range(len(rules)))
    assert len({rule["Name"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["VisibilityConfig"]["MetricName"] == rule["Name"]
        assert rule["VisibilityConfig"]["CloudWatchMetricsEnabled"]


def test_cheap_rules_come_before_costly_ones_and_written_lists_before_all():
    assert [rule["Name"] for rule in build(**EVERYTHING)] == [
        "denied-ipv4",
        "denied-ipv6",
        "allowed-ipv4",
        "allowed-ipv6",
        "body-size",
        "rate-v1-login",
        "rate-v1-search-any",
        "rate",
        "ip-reputation",
        "known-bad-inputs",
        "common",
        "sql-injection",
        "bot-control",
    ]


def test_all_groups_but_the_one_that_costs_extra_are_there_by_default():
    rules = build()
    used = {
        rule["Statement"]["ManagedRuleGroupStatement"]["Name"]
        for rule in rules
        if "ManagedRuleGroupStatement" in rule["Statement"]
    }

    assert used == {
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesSQLiRuleSet",
    }


@pytest.mark.parametrize(("effect", "override"), [(BLOCK, "None"), (COUNT, "Count")])
def test_a_managed_group_blocks_or_only_counts_as_the_acl_does(effect, override):
    rules = build(effect=effect, groups=[Managed(group=group) for group in ManagedGroup])

    found = {next(iter(r["OverrideAction"])) for r in rules if "OverrideAction" in r}
    assert found == {override}


def test_each_rule_can_have_an_effect_of_its_own():
    rules = build(
        groups=[
            Managed(group=ManagedGroup.COMMON, effect=COUNT),
            Managed(group=ManagedGroup.SQL_INJECTION),
        ],
        rate_effect=COUNT,
        body_effect=COUNT,
        path_rates=[PathRate(path="/login", limit=10, effect=BLOCK)],
    )

    assert waf_rules.effects(rules) == {
        "body-size": COUNT,
        "rate-login": BLOCK,
        "rate": COUNT,
        "common": COUNT,
        "sql-injection": BLOCK,
    }


def test_a_rule_that_lets_in_has_no_effect_to_watch():
    assert not {"allowed-ipv4", "allowed-ipv6"} & waf_rules.effects(build(**LISTS)).keys()


def test_the_common_group_leaves_the_verdict_on_large_bodies_to_the_rule_that_knows_paths():
    overrides = group_of(build(), ManagedGroup.COMMON)["RuleActionOverrides"]

    assert overrides == [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]


def test_bot_control_is_the_cheap_level_and_lets_programs_call_the_api():
    group = group_of(
        build(groups=[Managed(group=ManagedGroup.BOT_CONTROL)]), ManagedGroup.BOT_CONTROL
    )

    assert group["ManagedRuleGroupConfigs"] == [
        {"AWSManagedRulesBotControlRuleSet": {"InspectionLevel": "COMMON"}}
    ]
    assert {item["Name"] for item in group["RuleActionOverrides"]} == {
        "CategoryHttpLibrary",
        "SignalNonBrowserUserAgent",
    }


def test_a_rule_that_refuses_clients_can_count_while_its_group_blocks():
    groups = [Managed(group=ManagedGroup.COMMON, counted_rules=["GenericRFI_BODY"])]
    rules = build(groups=groups)

    assert [
        item["Name"] for item in group_of(rules, ManagedGroup.COMMON)["RuleActionOverrides"]
    ] == ["GenericRFI_BODY", "SizeRestrictions_BODY"]
    assert waf_rules.effects(rules)["common"] is BLOCK


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rate_limit": 9}, "accepts 10 to 2000000000"),
        ({"path_rates": [PathRate(path="/login", limit=2_000_000_001)]}, "of /login"),
        ({"path_rates": [PathRate(path="login", limit=100)]}, "'login' is not a path"),
        ({"large_body_paths": ["/up*"]}, "'/up*' is not a path"),
        ({"path_rates": [PathRate(path=p, limit=100) for p in ("/a-b", "/a/b")]}, "an earlier one"),
        ({"body_limit_kib": 9}, "no more than 8 KiB"),
        ({"body_limit_kib": 0}, "body_limit_kib is 0"),
    ],
)
def test_what_waf_refuses_is_said_with_the_bounds(changes, said):
    asked = {
        "rate_limit": 2000,
        "path_rates": [],
        "body_limit_kib": 8,
        "most_body_kib": 8,
        "large_body_paths": [],
    }
    (problem,) = waf_rules.problems(**{**asked, **changes})

    assert said in problem
    assert waf_rules.problems(**asked) == []


@pytest.mark.parametrize(
    ("kib", "asked"),
    [(1, ""), (8, ""), (16, ""), (17, "KB_32"), (32, "KB_32"), (40, "KB_48"), (64, "KB_64")],
)
def test_more_of_a_body_is_inspected_only_when_it_has_to_be(kib, asked):
    assert waf_rules.inspection_limit(kib) == asked


def test_equal_rules_are_equal_text():
    once = waf_rules.to_json(build(**EVERYTHING))

    assert waf_rules.to_json(json.loads(once)) == once
