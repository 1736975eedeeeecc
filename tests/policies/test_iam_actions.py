"""Patterns of actions and ARNs: what they cover, by the table and against a slow but obvious
oracle.
"""

import re

import pytest
from guardrails.iam import actions, arns
from hypothesis import given
from hypothesis import strategies as st

PATTERNS = st.text(alphabet="ab:*?", max_size=8)
TEXTS = st.text(alphabet="ab:", max_size=8)


def oracle(pattern: str, text: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


@given(PATTERNS, TEXTS)
def test_matching_is_what_a_regular_expression_says(pattern, text):
    assert actions.matches(pattern, text) == oracle(pattern, text)


@given(PATTERNS, PATTERNS, TEXTS)
def test_a_pattern_that_covers_another_matches_all_that_it_matches(wide, narrow, text):
    if actions.matches(wide, narrow) and oracle(narrow, text):
        assert oracle(wide, text)


@given(PATTERNS, PATTERNS, TEXTS)
def test_two_patterns_that_match_one_text_overlap(first, second, text):
    if oracle(first, text) and oracle(second, text):
        assert actions.overlap(first, second)


@given(PATTERNS, TEXTS)
def test_a_text_overlaps_a_pattern_only_if_it_matches(pattern, text):
    assert actions.overlap(pattern, text) == oracle(pattern, text)


def test_a_pattern_made_to_hang_does_not():
    assert not actions.matches("*a" * 400 + "b", "a" * 2000)
    assert actions.overlap("*a" * 60, "a*" * 60)


@pytest.mark.parametrize(
    ("pattern", "covered", "not_covered"),
    [
        ("s3:GetObject", {"s3:getobject"}, {"s3:getobjectacl"}),
        ("S3:getobject", {"s3:getobject"}, set()),
        ("ecs:Describe*", {"ecs:describetasks", "ecs:describeservices"}, {"ecs:runtask"}),
        ("iam:Pass?ole", {"iam:passrole"}, set()),
        ("iam:*", {"iam:passrole", "iam:createrole"}, {"s3:getobject"}),
        ("*", {"iam:passrole", "s3:getobject"}, set()),
        ("*:*", {"iam:passrole", "s3:getobject"}, set()),
        ("s3:GetObjcet", set(), {"s3:getobject"}),
        ("nowhere:*", set(), {"s3:getobject"}),
        ("s3", set(), {"s3:getobject"}),
    ],
)
def test_wildcards_are_expanded_with_the_table(pattern, covered, not_covered):
    expanded = actions.expand(pattern)

    assert covered <= expanded
    assert not not_covered & expanded


def test_the_table_knows_what_can_be_limited_to_a_resource():
    assert actions.resource_types("ecr:getauthorizationtoken") == ()
    assert actions.resource_types("xray:puttracesegments") == ()
    assert actions.resource_types("kms:decrypt") == ("key",)
    assert "arn:*:kms:*:*:key/*" in actions.arn_formats("kms:decrypt")


@pytest.mark.parametrize(
    "action", ["s3:getobject", "ecs:describetasks", "iam:listroles", "logs:filterlogevents"]
)
def test_reads_are_told_by_their_verb(action):
    assert actions.is_read(action)


@pytest.mark.parametrize(
    "action",
    [
        "s3:putobject",
        "iam:passrole",
        "ecs:runtask",
        "sts:getfederationtoken",
        "ec2:cancelspotfleetrequests",
        "acm-pca:issuecertificate",
        "sqs:receivemessage",
        "kms:generatedatakey",
    ],
)
def test_everything_else_counts_as_a_change(action):
    assert not actions.is_read(action)


A = "123456789012"


@pytest.mark.parametrize(
    "resource",
    [
        f"arn:aws:secretsmanager:eu-west-1:{A}:secret:*",
        f"arn:aws:secretsmanager:eu-west-1:{A}:secret:??????",
        f"arn:aws:kms:eu-west-1:{A}:key/*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::*/*",
        f"arn:aws:iam::{A}:role/*",
        f"arn:aws:dynamodb:eu-west-1:{A}:table/*",
        f"arn:aws:sqs:eu-west-1:{A}:*",
        f"arn:aws:logs:eu-west-1:{A}:log-group:*",
        f"arn:aws:elasticloadbalancing:eu-west-1:{A}:loadbalancer/app/*",
        f"arn:aws:ecs:eu-west-1:{A}:task-definition/*",
        "arn:aws:sqs:eu-west-1:*:orders",
        f"arn:aws:sqs:*:{A}:orders",
        f"arn:aws:*:eu-west-1:{A}:orders",
        "arn:aws:s3*",
        "*",
        "**",
    ],
)
def test_an_arn_that_names_nothing_is_open_ended(resource):
    assert arns.open_ended(resource)


@pytest.mark.parametrize(
    "resource",
    [
        f"arn:aws:secretsmanager:eu-west-1:{A}:secret:orders-db-??????",
        "arn:aws:s3:::assets/*",
        "arn:aws:s3:::assets/img/*",
        f"arn:aws:logs:eu-west-1:{A}:log-group:/ecs/api:*",
        f"arn:aws:iam::{A}:role/deploy/*",
        f"arn:aws:ecs:eu-west-1:{A}:task-definition/api:*",
        f"arn:aws:ssm:eu-west-1:{A}:parameter/orders/*",
        f"arn:aws:sqs:eu-west-1:{A}:orders",
        f"arn:*:sqs:eu-west-1:{A}:orders",
    ],
)
def test_an_arn_with_the_beginning_of_a_name_is_not(resource):
    assert arns.broadness(resource) == ""


@pytest.mark.parametrize(
    ("principal", "account"),
    [(A, A), (f"arn:aws:iam::{A}:root", A), ("arn:aws:iam::*:root", "*"), ("*", ""), ("AIDAX", "")],
)
def test_the_account_of_a_principal(principal, account):
    assert arns.account_of(principal) == account
