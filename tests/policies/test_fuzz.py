"""Nothing that can travel in a request makes the pack fail or hang: random documents, random
properties.
"""

import json

from guardrails.examples import struct
from guardrails.iam.document import Role, parse, types_with
from guardrails.iam.grants import Named, find_escalations, granted
from guardrails.rules import ALL
from guardrails.values import OUTPUT, SECRET, SIGNATURE, NotEvaluatedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulumi.runtime.proto import analyzer_pb2 as pb
from pulumi_policy.proxy import UNKNOWN_NUMBER_VALUE, UNKNOWN_STRING_VALUE

from tests.policies.harness import pack_of, through_server

# A rule that hangs on one example fails here; all rules together have this long for one resource.
PATIENT = settings(max_examples=60, deadline=5_000, suppress_health_check=[HealthCheck.too_slow])
SERVER = through_server(pack_of(profile="production", offline=True)).servicer

WORDS = st.sampled_from(
    [
        "",
        "*",
        "s3:*",
        "iam:PassRole",
        "ecs:R?nTask",
        "*:*",
        "a:b:c",
        "arn:aws:s3:::*",
        "arn:aws:iam::*:root",
        "arn:aws:sqs:eu-west-1:123456789012:q",
        "123456789012",
        "Allow",
        "Deny",
        "2012-10-17",
        "true",
        "0.0.0.0/0",
        "repo:acme/*",
        "${aws:username}",
        "token.actions.githubusercontent.com",
        "\u0000",
        "443",
        "::",
        "HTTPS",
        UNKNOWN_STRING_VALUE,
        UNKNOWN_NUMBER_VALUE,
        "a" * 3000,
        "*a" * 300,
        "[" * 3000,
        "{}",
        "[]",
        '[{"name": 7}]',
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.text(max_size=12)
)
KEYS = st.sampled_from(
    [
        "Version",
        "Statement",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Principal",
        "NotPrincipal",
        "Condition",
        "Sid",
        "AWS",
        "Service",
        "Federated",
        "StringEquals",
        "StringLikeIfExists",
        "Null",
        "ForAllValues:StringEquals",
        "aws:SourceAccount",
        "iam:PassedToService",
        "statement",
    ]
) | st.text(max_size=8)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
TEXTS = st.lists(WORDS, max_size=4) | WORDS | JSON
STATEMENTS = st.fixed_dictionaries(
    {},
    optional={
        "Effect": st.sampled_from(["Allow", "Deny"]) | JSON,
        "Action": TEXTS,
        "NotAction": TEXTS,
        "Resource": TEXTS,
        "NotResource": TEXTS,
        "Principal": st.dictionaries(st.sampled_from(["AWS", "Service", "Federated"]), TEXTS)
        | JSON,
        "Condition": st.dictionaries(
            KEYS, st.dictionaries(KEYS, TEXTS, max_size=3) | JSON, max_size=3
        ),
        "Sid": JSON,
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {"Statement": st.lists(STATEMENTS, max_size=4) | STATEMENTS | JSON},
    optional={"Version": JSON},
)


@PATIENT
@given(DOCUMENTS | JSON, st.booleans())
def test_any_document_can_be_parsed_and_reasoned_about(source, as_text):
    try:
        document = parse(json.dumps(source) if as_text else source)
    except NotEvaluatedError:
        return
    for statement in document.allows:
        granted(statement, document)
    find_escalations([Named("a", document), Named("b", document)])


def say(type_: str, properties: dict) -> list[str]:
    """Everything that all rules together say about one resource, and about a stack of it alone."""
    request = pb.AnalyzeRequest(type=type_, name="n", urn="u::n", properties=struct(properties))
    resource = pb.AnalyzerResource(type=type_, name="n", urn="u::n", properties=struct(properties))
    said = SERVER.Analyze(request, None).diagnostics
    whole = SERVER.AnalyzeStack(pb.AnalyzeStackRequest(resources=[resource]), None).diagnostics
    SERVER.Remediate(request, None)
    return [d.message for d in (*said, *whole)]


CARRIERS = st.sampled_from(types_with(*Role))


@PATIENT
@given(CARRIERS, DOCUMENTS | JSON, st.booleans())
def test_no_rule_fails_on_any_document(type_, source, as_text):
    value = json.dumps(source) if as_text else source
    properties = dict.fromkeys(("policy", "policyDocument", "assumeRolePolicy"), value)

    said = say(type_, {**properties, "inlinePolicies": [{"policy": value}, value]})

    assert not [message for message in said if "the rule failed" in message]


def keys_of(value) -> set[str]:
    """Every property name in an example, also inside of JSON texts."""
    if isinstance(value, str) and value[:1] in "[{":
        return keys_of(json.loads(value))
    if isinstance(value, dict):
        return set(value) | {k for item in value.values() for k in keys_of(item)}
    if isinstance(value, list | tuple):
        return {k for item in value for k in keys_of(item)}
    return set()


PROPERTIES: dict[str, set[str]] = {}
for _rule in ALL:
    for _node in (*_rule.passes, *_rule.violates):
        PROPERTIES.setdefault(_node.type, set()).update(keys_of(dict(_node.properties)))


@st.composite
def bags(draw):
    """A type that rules know and properties that they read, holding anything."""
    type_ = draw(st.sampled_from(sorted(PROPERTIES)))
    keys = st.sampled_from(sorted(PROPERTIES[type_]) or ["tags"])
    values = st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(keys, inner, max_size=4)
            | st.builds(lambda v: {SIGNATURE: SECRET, "value": v}, inner)
            | st.builds(lambda v: {SIGNATURE: OUTPUT, "value": v, "secret": True}, inner)
            | st.just({SIGNATURE: OUTPUT})
            | st.builds(json.dumps, inner)
        ),
        max_leaves=20,
    )
    return type_, draw(st.dictionaries(keys, values, max_size=6))


@settings(PATIENT, max_examples=300)
@given(bags())
def test_no_rule_fails_on_any_properties(bag):
    said = say(*bag)

    assert not [message for message in said if "the rule failed" in message]
