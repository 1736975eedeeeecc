"""Exemptions: each needs a reason, an owner and an end, is shown when used, reported when not."""

import datetime
import json

import pytest
from guardrails.exemptions import ExemptionError, Register, parse
from guardrails.pack import EXEMPTIONS, Pack
from guardrails.registry import node
from guardrails.rules import ALL
from guardrails.settings import PackSettings

from tests.policies.harness import through_sdk, through_server

RULE = next(rule for rule in ALL if rule.id == "net-db-not-public")
STACK_RULE = next(rule for rule in ALL if rule.id == "net-s3-public-access-block")
DATABASE = node("orders", "aws:rds/instance:Instance", {"publiclyAccessible": True})
BUCKET = node("assets", "aws:s3/bucket:Bucket")
TODAY = datetime.date(2027, 1, 31)


def record(**changes):
    return {
        "rule": RULE.id,
        "resource": "aws:rds/instance:Instance::orders",
        "reason": "Migration from the old provider",
        "owner": "platform@example.org",
        "expires": "2027-01-31",
        **changes,
    }


def pack(*records, today=TODAY, **settings):
    exemptions = parse(json.dumps(records), [RULE.id, STACK_RULE.id])
    return Pack(PackSettings(**settings), [RULE, STACK_RULE], Register(exemptions, today))


def test_an_exempted_violation_stops_nothing_and_is_shown():
    (said,) = through_server(pack(record())).run([DATABASE])

    assert (said.policy, said.level) == (RULE.id, "advisory")
    for word in ("2027-01-31", "Migration from the old provider", "platform@example.org"):
        assert word in said.message


def test_through_the_sdk_it_stops_nothing_either():
    assert through_sdk(pack(record())).resources([DATABASE]) == []


def test_it_holds_through_its_last_day_and_not_a_day_longer():
    day_after = TODAY + datetime.timedelta(days=1)

    said = through_server(pack(record(), today=day_after)).run([DATABASE])

    assert [(s.policy, s.level) for s in said] == [
        (RULE.id, "mandatory"),
        (EXEMPTIONS, "mandatory"),
    ]
    assert "expired on 2027-01-31" in said[1].message


def test_an_expired_one_is_a_violation_even_if_nothing_needs_it():
    day_after = TODAY + datetime.timedelta(days=1)

    (said,) = through_server(pack(record(), today=day_after)).run([])

    assert (said.policy, said.level) == (EXEMPTIONS, "mandatory")


def test_one_that_nothing_needs_is_reported():
    (said,) = through_server(pack(record(resource="aws:rds/instance:Instance::gone"))).run([])

    assert (said.policy, said.level) == (EXEMPTIONS, "advisory")
    assert "not needed" in said.message


def test_it_is_for_one_rule_and_one_resource_only():
    other = node("other", "aws:rds/instance:Instance", {"publiclyAccessible": True})

    said = through_server(pack(record())).run([DATABASE, other, BUCKET])

    assert [(s.name, s.level) for s in said] == [
        ("orders", "advisory"),
        ("other", "mandatory"),
        ("assets", "mandatory"),
    ]


@pytest.mark.parametrize(
    "resource",
    [
        "urn:pulumi:example::examples::aws:s3/bucket:Bucket::assets",
        "aws:s3/bucket:Bucket::assets",
    ],
)
def test_a_finding_about_the_stack_is_exempted_by_its_resource(resource):
    (said,) = through_server(pack(record(rule=STACK_RULE.id, resource=resource))).run([BUCKET])

    assert (said.policy, said.level) == (STACK_RULE.id, "advisory")


def test_a_rule_that_could_not_be_evaluated_can_be_exempted_too():
    unknown = node("orders", "aws:rds/instance:Instance", {"publiclyAccessible": "${assets.x}"})

    for offline in (True, False):
        (said,) = through_server(pack(record(), offline=offline)).resources(
            [unknown, BUCKET], known=False
        )
        assert (said.policy, said.level) == (RULE.id, "advisory")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rule": "net-db-not-pubic"}, "did you mean net-db-not-public"),
        ({"reason": "because"}, "fewer than 10"),
        ({"owner": " "}, "owner is empty"),
        ({"expires": "soon"}, "not a date"),
        ({"expires": 20270131}, "not a text"),
        ({"resource": "aws:rds/instance:*::orders"}, "neither a URN nor"),
        ({"resource": "orders"}, "neither a URN nor"),
        ({"until": "2027-01-31"}, "until is not a field"),
    ],
)
def test_a_malformed_record_is_refused_by_name(changes, words):
    with pytest.raises(ExemptionError, match=words):
        pack(record(**changes))


@pytest.mark.parametrize("text", ["{", "{}", "[7]", '[{"rule": "x"}]'])
def test_what_is_no_list_of_records_is_refused(text):
    with pytest.raises(ExemptionError, match="guardrails:exemptions"):
        parse(text, [RULE.id])


def test_every_problem_is_told_at_once():
    with pytest.raises(ExemptionError) as refusal:
        pack(record(owner=""), record(reason="x", expires="never"))

    assert str(refusal.value).count("guardrails:exemptions[") == 3


def test_no_exemptions_is_an_empty_text():
    assert parse("", []) == ()
