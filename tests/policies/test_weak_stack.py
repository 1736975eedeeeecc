"""The pack on a deliberately weak stack: every fault is found, by the right rule, and nothing else
is flagged.
"""

import re

import pytest
from guardrails import rules
from guardrails.pack import NOT_EVALUATED

from rehearsal.recording import UNKNOWN
from tests.policies import graphs, weak_stack
from tests.policies.harness import LEVELS, pack_of, through_server
from tests.policies.weak_stack import FAULTS, PUT_RIGHT, Fault, label

PLANTED = {(fault.rule, fault.resource) for fault in FAULTS}
# Documents that hold an ARN are unknown as a whole on a first preview, and so is what they say.
UNTOLD = {
    ("iam-resource-policy-not-public", "BucketPolicy shared-policy"),
    ("iam-resource-policy-service-source", "TopicPolicy gossip-policy"),
    ("iam-resource-policy-trusted-accounts", "BucketPolicy lent-policy"),
    ("tls-s3-deny-insecure", "Bucket nearly-safe"),
    ("tls-sns-secure", "Queue http"),
    ("tls-sns-secure", "Topic chatty"),
}


def said(*, preview: bool, profile: str = "production") -> list[tuple[str, str, str, str]]:
    """Rule, level, resource and message of all that is said in this process."""
    graph = weak_stack.graph(preview=preview)
    servicer = through_server(pack_of(profile=profile, offline=not preview)).servicer
    found = [
        d
        for request in graphs.analyze_requests(graph)
        for d in servicer.Analyze(request, None).diagnostics
    ]
    found += servicer.AnalyzeStack(graphs.stack_request(graph), None).diagnostics
    names = {urn: label(r.type, r.name) for urn, r in graph.resources.items()}
    return [(d.policyName, LEVELS[d.enforcementLevel], names[d.urn], d.message) for d in found]


@pytest.fixture(scope="module")
def judged():
    return weak_stack.judge_as_the_engine()


def test_every_fault_is_found_by_its_rule_and_nothing_else_is_flagged(judged):
    assert weak_stack.named(judged) == PLANTED


def test_everything_could_be_evaluated(judged):
    assert [f for f in judged if "not evaluated" in f"{f.kind} {f.reason}"] == []


def test_what_can_be_repaired_is_repaired_and_everything_else_reported(judged):
    assert {f.rule for f in judged if f.kind == "remediated"} == PUT_RIGHT
    assert {f.rule for f in judged if f.kind == "violation"} == {f.rule for f in FAULTS} - PUT_RIGHT


def test_every_finding_is_of_the_level_that_production_asks_for(judged):
    levels = {rule.id: rule.level["production"] for rule in rules.ALL}
    levels["tag-required"] = "mandatory"  # No configuration says which tags would put it right.
    worst: dict[tuple[str, str], str] = {}
    for finding in sorted(judged, key=lambda f: f.level != "advisory"):
        worst[finding.rule, label(finding.type, finding.resource)] = finding.level

    assert worst == {
        (f.rule, f.resource): "advisory" if f.words.endswith("(advice)") else levels[f.rule]
        for f in FAULTS
    }


def test_no_rule_is_without_a_fault():
    assert {fault.rule for fault in FAULTS} == {rule.id for rule in rules.ALL}


def test_every_group_has_its_faults():
    assert {fault.group for fault in FAULTS} == set(weak_stack.GROUPS.values())
    assert len(FAULTS) >= 60


def test_in_one_process_it_says_the_same():
    assert {(rule, name) for rule, _, name, _ in said(preview=False)} == PLANTED


def test_on_a_first_preview_every_fault_is_found_or_said_to_be_not_evaluated():
    found = said(preview=True)

    told = {(rule, name) for rule, _, name, _ in found if rule != NOT_EVALUATED}
    postponed = {
        (rule, name)
        for about, _, name, message in found
        if about == NOT_EVALUATED
        for rule in re.findall(r"'([a-z0-9-]+)'", message)
    }

    assert told - PLANTED == set()
    assert PLANTED - told == UNTOLD
    assert postponed >= UNTOLD


def test_no_secret_is_in_a_message():
    words = ("correct horse", "s3cr3t-of-the-shop", "live_0123456789", "hunter2")

    assert [m for _, _, _, m in said(preview=False) if any(word in m for word in words)] == []


def test_a_pull_requests_stack_is_stopped_by_what_nothing_may_ever_do():
    found = said(preview=False, profile="temporary")

    # What is thrown away may have a secret whose name is free at once, and CloudFront's own domain.
    lenient = {"sec-secret-recoverable", "tls-cloudfront-minimum"}
    assert {rule for rule, level, _, _ in found if level == "mandatory"} == {
        rule.id for rule in rules.ALL if rule.level["temporary"] in ("mandatory", "remediate")
    } - lenient


def test_the_table_names_what_is_missed_and_what_was_not_planted():
    first = (FAULTS[0].rule, FAULTS[0].resource)
    text = weak_stack.table(PLANTED - {first} | {("net-db-not-public", "Instance orders")})

    assert re.search(rf"MISSED +{first[0]} +{first[1]}", text)
    assert re.search(r"NOT PLANTED +net-db-not-public +Instance orders", text)
    assert text.endswith(f"{len(FAULTS) - 1} found, 1 missed, 1 found that are none.")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.rule} {fault.resource}")
def test_every_fault_is_of_a_resource_that_the_stack_has(fault: Fault):
    names = {label(r.type, r.name) for r in weak_stack.graph(preview=False)}

    assert fault.resource in names
    assert fault.words
    assert UNKNOWN not in fault.words
