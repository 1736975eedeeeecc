"""What happens around a rule: exceptions, secrets, several checks, remediation."""

import dataclasses

import pytest
from google.protobuf import json_format
from guardrails.draft import Draft
from guardrails.examples import struct
from guardrails.registry import ALWAYS, FIX, Severity, node, rule
from guardrails.values import OUTPUT, SECRET, SIGNATURE
from pulumi.runtime.proto import analyzer_pb2 as pb
from pulumi_policy import ResourceValidationArgs
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.harness import pack_of, through_sdk, through_server

TYPE = "aws:ec2/vpc:Vpc"
BASE = {
    "title": "A rule.",
    "severity": Severity.LOW,
    "level": ALWAYS,
    "types": (TYPE,),
    "condition": "c",
    "fix": "f",
    "url": "https://example.org",
    "passes": [],
    "violates": [],
}
VPC = node("v", TYPE, {"cidrBlock": "10.0.0.0/16", "note": "hunter2hunter2"})


def _crash(resource, _report):
    raise KeyError(resource.text("note"))


def _report_it(resource, report):
    report(f"note is {resource.text('note')}")


def _stack_crash(stack, report):
    _report_it(stack.resources[0], report)
    _crash(stack.resources[0], report)


@pytest.mark.parametrize("analyzer", [through_sdk, through_server])
def test_a_rule_that_fails_fails_nobodys_operation_and_shows_no_value(analyzer):
    broken = rule(id="broken", check=_crash, **BASE)

    (said,) = analyzer(pack_of(broken)).run([VPC])
    assert said.level == "advisory"
    assert "KeyError at " in said.message
    assert "hunter2" not in said.message


def test_offline_a_rule_that_fails_is_a_violation():
    broken = rule(id="broken", check=_crash, **BASE)

    (said,) = through_server(pack_of(broken, offline=True)).run([VPC])

    assert (said.policy, said.level) == ("broken", "mandatory")


def test_what_was_found_before_a_failure_is_kept():
    both = rule(id="both", check=(_report_it, _crash, _report_it), **BASE)
    stack = rule(id="stack", stack_check=_stack_crash, **BASE)

    said = through_server(pack_of(both, stack)).run([VPC])

    assert [(s.policy, s.level) for s in said if s.level == "mandatory"] == [
        ("both", "mandatory"),
        ("stack", "mandatory"),
    ]


@pytest.mark.parametrize(
    "wrapped",
    [
        {SIGNATURE: SECRET, "value": "hunter2hunter2"},
        {SIGNATURE: OUTPUT, "value": "hunter2hunter2", "secret": True},
    ],
)
def test_a_secret_never_reaches_a_message(wrapped):
    telling = rule(id="telling", check=_report_it, **BASE)
    request = pb.AnalyzeRequest(type=TYPE, name="v", properties=struct({"note": wrapped}))

    (diagnostic,) = through_server(pack_of(telling)).servicer.Analyze(request, None).diagnostics

    assert "note is [secret]" in diagnostic.message
    assert "hunter2" not in str(diagnostic)


def test_a_rule_has_one_kind_of_check_and_remediation_goes_with_its_level():
    with pytest.raises(ValueError, match="check or stack_check"):
        rule(id="x", **BASE)
    with pytest.raises(ValueError, match="check or stack_check"):
        rule(id="x", check=_crash, stack_check=_crash, **BASE)
    with pytest.raises(ValueError, match="go together"):
        rule(id="x", check=_crash, remediate=lambda *_: True, **BASE)


def _has_owner(resource, report):
    if not resource.has("tags.owner"):
        report("has no owner")


def _set_owner(draft, _report):
    return draft.add_to_map("tags", {"owner": "platform"})


TAGGED = rule(id="tagged", check=_has_owner, remediate=_set_owner, **{**BASE, "level": FIX})


def remediate(properties, pack=None, name="v"):
    request = pb.AnalyzeRequest(
        type=TYPE, name=name, urn=f"u::{name}", properties=struct(properties)
    )
    answer = through_server(pack or pack_of(TAGGED)).servicer.Remediate(request, None)
    return [json_format.MessageToDict(r.properties) for r in answer.remediations]


@pytest.mark.parametrize("before", [{}, {"tags": {}}, {"tags": {"a": "b"}}])
def test_a_remediation_adds_what_is_missing_and_keeps_the_rest(before):
    (after,) = remediate({"cidrBlock": "10.0.0.0/16", **before})

    assert after["tags"] == {**before.get("tags", {}), "owner": "platform"}
    assert after["cidrBlock"] == "10.0.0.0/16"


def test_a_remediation_can_be_repeated():
    (once,) = remediate({})

    assert remediate(once) == []
    assert remediate({"tags": {"owner": "other"}}) == []


def test_a_remediation_keeps_secrets_secret():
    secret = {SIGNATURE: SECRET, "value": "hunter2hunter2"}

    (after,) = remediate({"note": secret, "tags": {"t": secret}})

    assert after["note"] == secret
    assert after["tags"] == {"t": secret, "owner": "platform"}


def test_a_remediation_touches_no_unknown():
    assert remediate({"tags": UNKNOWN_STRING_VALUE}) == []
    (after,) = remediate({"cidrBlock": UNKNOWN_STRING_VALUE})
    assert after["cidrBlock"] == UNKNOWN_STRING_VALUE


def test_a_remediation_that_fails_changes_nothing_and_the_check_tells():
    def explode(_draft, _report):
        raise RuntimeError("boom")

    pack = pack_of(dataclasses.replace(TAGGED, remediate=explode))

    assert remediate({}, pack) == []
    assert [s.level for s in through_server(pack).run([VPC])] == ["mandatory"]


def test_what_is_exempt_is_not_remediated():
    exemption = (
        '[{"rule": "tagged", "resource": "u::v", "reason": "shared with others", '
        '"owner": "platform", "expires": "2999-01-01"}]'
    )

    assert remediate({}, pack_of(TAGGED, exemptions=exemption)) == []
    assert remediate({}, pack_of(TAGGED, exemptions=exemption), name="w")


def test_other_levels_remediate_nothing():
    runner = through_server(pack_of(TAGGED))
    runner.configure({"tagged": {"enforcementLevel": "mandatory"}})
    request = pb.AnalyzeRequest(type=TYPE, name="v", properties=struct({}))

    assert list(runner.servicer.Remediate(request, None).remediations) == []
    assert [s.level for s in runner.run([VPC])] == ["mandatory"]


@pytest.mark.parametrize(
    ("before", "changed", "after"),
    [
        (UNKNOWN_STRING_VALUE, False, UNKNOWN_STRING_VALUE),
        (None, True, {"a": "b"}),
        ({"a": "kept"}, False, {"a": "kept"}),
        ({"c": "d"}, True, {"a": "b", "c": "d"}),
    ],
)
def test_a_draft_says_whether_it_added_anything(before, changed, after):
    props = {"tags": before} if before is not None else {}
    draft = Draft(ResourceValidationArgs(TYPE, props, "u", "v", None, None))

    assert draft.add_to_map("tags", {"a": "b"}) is changed
    assert props["tags"] == after
    assert draft.unknown("tags") is (before == UNKNOWN_STRING_VALUE)
