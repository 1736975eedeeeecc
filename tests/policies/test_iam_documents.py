"""Documents: every way to write one, and what each of its parts means."""

import json

import pytest
from guardrails.iam.document import parse
from guardrails.values import NotEvaluatedError, Unknown

STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"}


@pytest.mark.parametrize(
    "source",
    [
        {"Version": "2012-10-17", "Statement": [STATEMENT]},
        {"Version": "2012-10-17", "Statement": STATEMENT},
        {"version": "2012-10-17", "statement": {**STATEMENT, "Action": ["s3:GetObject"]}},
        json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]}),
        json.dumps({"Version": "2012-10-17", "Statement": STATEMENT}).replace("G", "\\u0047"),
    ],
)
def test_every_way_to_write_a_document_means_the_same(source):
    document = parse(source)

    (statement,) = document.statements
    assert document.problems == ()
    assert document.version == "2012-10-17"
    assert statement.allow
    assert statement.actions == ("s3:GetObject",)
    assert statement.resources == ("arn:aws:s3:::a/*",)
    assert statement.covered == {"s3:getobject"}
    assert statement.label == "statement 1"


def test_not_action_is_everything_else():
    (statement,) = parse(
        {"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}
    ).statements

    assert "s3:getobject" in statement.covered
    assert "iam:passrole" not in statement.covered
    assert statement.covers_action("s3:getobject")
    assert not statement.covers_action("iam:passrole")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a JSON object"),
        (7, "not a JSON object"),
        ({}, "no Statement"),
        ({"Statement": ["x"]}, "not an object"),
        ({"Statement": {"Effect": "allow", "Action": "a:b", "Resource": "*"}}, "neither Effect"),
        ({"Statement": {"Effect": "Allow", "Resource": "*"}}, "no Action"),
        ({"Statement": {**STATEMENT, "Acton": "x"}}, "does not know"),
        ({"Statement": {**STATEMENT, "NotAction": "x"}}, "both Action"),
        ({"Statement": {**STATEMENT, "Action": ["a:b", 7]}}, "not a text"),
        ({"Statement": {**STATEMENT, "Principal": 7}}, "neither * nor a map"),
        ({"Statement": {**STATEMENT, "Condition": "x"}}, "not a map"),
        ({"Statement": {**STATEMENT, "Condition": {"StringEquals": 1}}}, "not a map"),
    ],
)
def test_what_aws_would_refuse_is_a_problem_and_never_an_exception(source, problem):
    assert any(problem in found for found in parse(source).problems)


def test_an_effect_with_a_typo_is_judged_as_an_allow():
    (statement,) = parse({"Statement": {**STATEMENT, "Effect": "Alow"}}).statements

    assert statement.allow


@pytest.mark.parametrize(
    "source",
    [
        Unknown("policy"),
        {"Statement": Unknown("policy.Statement")},
        {"Statement": [{**STATEMENT, "Resource": [Unknown("policy.Statement[0].Resource[0]")]}]},
    ],
)
def test_a_document_that_is_not_known_yet_is_not_evaluated(source):
    with pytest.raises(NotEvaluatedError, match="policy"):
        parse(source)


@pytest.mark.parametrize(
    ("condition", "pins"),
    [
        ({"StringEquals": {"aws:SourceAccount": "1"}}, True),
        ({"StringLike": {"aws:SourceAccount": "1*"}}, True),
        ({"ArnLike": {"aws:SourceAccount": ["arn:a", "arn:b"]}}, True),
        ({"ForAnyValue:StringEquals": {"AWS:sourceaccount": "1"}}, True),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "1"}}, False),
        ({"ForAllValues:StringEquals": {"aws:SourceAccount": "1"}}, False),
        ({"StringLike": {"aws:SourceAccount": "*"}}, False),
        ({"StringLike": {"aws:SourceAccount": ["1", "*"]}}, False),
        ({"StringNotEquals": {"aws:SourceAccount": "1"}}, False),
        ({"StringEquals": {"aws:SourceAccount": []}}, False),
        ({"StringEquals": {"aws:SourceArn": "1"}}, False),
        ({}, False),
    ],
)
def test_only_a_condition_that_refuses_the_rest_pins(condition, pins):
    (statement,) = parse({"Statement": {**STATEMENT, "Condition": condition}}).statements

    assert statement.pinned_by("aws:sourceaccount") is pins


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", {"*": ("*",)}),
        ({"AWS": "*"}, {"AWS": ("*",)}),
        ({"aws": ["1", "2"]}, {"AWS": ("1", "2")}),
        ({"Service": "a.amazonaws.com"}, {"Service": ("a.amazonaws.com",)}),
    ],
)
def test_principals_are_lists_by_kind(principal, expected):
    (statement,) = parse({"Statement": {**STATEMENT, "Principal": principal}}).statements

    assert statement.principals == expected


def test_the_size_is_what_aws_counts():
    spaced = json.dumps({"Statement": STATEMENT}, indent=8)

    assert parse(spaced).size == len(json.dumps({"Statement": STATEMENT}, separators=(",", ":")))
