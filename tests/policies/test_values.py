"""What a rule reads: plain values, typed accessors, and unknowns that cannot be used by
accident.
"""

import operator

import pytest
from guardrails.examples import struct
from guardrails.values import (
    OUTPUT,
    SECRET,
    SIGNATURE,
    NotEvaluatedError,
    Unknown,
    View,
    decode,
    get,
    is_unknown,
    normalise,
)
from pulumi_policy.proxy import UNKNOWN_NUMBER_VALUE, UNKNOWN_STRING_VALUE, unknown_checking_proxy

PROPERTIES = {
    "port": 443.0,
    "ratio": 0.5,
    "arn": UNKNOWN_STRING_VALUE,
    "cidrs": ["10.0.0.0/8", UNKNOWN_STRING_VALUE],
    "rule": [{"from": UNKNOWN_NUMBER_VALUE, "to": 80.0}],
    "off": None,
    "yes": "true",
}


def wired() -> dict:
    return decode(struct(PROPERTIES))[0]


@pytest.mark.parametrize(
    "read",
    [wired, lambda: normalise(unknown_checking_proxy(PROPERTIES)), lambda: normalise(PROPERTIES)],
    ids=["from the wire", "from the SDK's proxies", "from plain containers"],
)
def test_every_way_in_gives_the_same_plain_values(read):
    properties = read()

    assert properties["port"] == 443
    assert isinstance(properties["port"], int)
    assert properties["ratio"] == 0.5
    assert type(properties["rule"]) is list
    assert is_unknown(properties["arn"])
    assert is_unknown(properties["cidrs"][1])
    assert properties["cidrs"][1].path == "cidrs[1]"
    assert properties["rule"][0]["from"].path == "rule[0].from"


@pytest.mark.parametrize(
    "use",
    [
        lambda u: u == "x",
        lambda u: u != "x",
        lambda u: "x" in u,
        lambda u: u in ("x", "y"),
        lambda u: u or "default",
        lambda u: not u,
        len,
        list,
        str,
        hash,
        lambda u: f"{u}",
        lambda u: u[0],
        lambda u: u[0:2],
        lambda u: u < 3,
        lambda u: "a" + u,
        operator.not_,
    ],
)
def test_any_use_of_an_unknown_ends_as_not_evaluated(use):
    with pytest.raises(NotEvaluatedError, match=r"a\.b"):
        use(Unknown("a.b"))


def test_an_unknown_can_be_asked_for_and_shown_to_whoever_debugs():
    assert is_unknown(Unknown("a"))
    assert not is_unknown("a")
    assert repr(Unknown("a")) == "<unknown a>"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.b[0].c", 1),
        ("a.b[1].c", "default"),
        ("a.b[0].d", "default"),
        ("a.null", "default"),
        ("a.b.c", "default"),
        ("a.text.c", "default"),
        ("", {"a": {"b": [{"c": 1}], "null": None, "text": "t"}}),
    ],
)
def test_a_path_leads_to_the_value_or_to_the_default(path, expected):
    properties = {"a": {"b": [{"c": 1}], "null": None, "text": "t"}}

    assert get(properties, path, "default") == expected


def test_a_path_through_an_unknown_is_unknown():
    assert is_unknown(get(wired(), "arn.deeper[3]", "default"))


def test_accessors_convert_what_aws_would_and_refuse_the_rest():
    view = View(wired())

    assert view.flag("yes") is True
    assert view.number("port") == 443
    assert view.text("port") == "443"
    assert view.flag("absent", True) is True
    assert view.items("port") == [443]
    assert view.texts("absent") == []
    for wrong in (
        lambda: view.flag("port"),
        lambda: view.number("yes"),
        lambda: view.view("port"),
        lambda: view.text("rule"),
        lambda: view.texts("cidrs"),
        lambda: view.text("arn"),
        lambda: view.parsed("yes2") or view.number("rule"),
        lambda: list(view.views("cidrs"))[1].text("x") or list(view.views("cidrs")),
    ):
        with pytest.raises(NotEvaluatedError):
            wrong()


def test_one_unknown_item_does_not_hide_the_others():
    view = View({"all": [{"n": 1}, Unknown("all[1]"), {"n": 3}]})
    first, second, third = view.views("all")

    assert (first.number("n"), third.number("n")) == (1, 3)
    with pytest.raises(NotEvaluatedError, match=r"all\[1\]"):
        second.number("n")


def test_json_is_parsed_and_what_is_no_json_is_not_evaluated():
    view = View(
        {"good": '[{"name": "api"}]', "map": {"name": "api"}, "bad": "{", "deep": "[" * 99999}
    )

    assert [v.text("name") for v in view.parsed_views("good")] == ["api"]
    assert [v.text("name") for v in view.parsed_views("map")] == ["api"]
    assert list(view.parsed_views("absent")) == []
    for bad in ("bad", "deep"):
        with pytest.raises(NotEvaluatedError, match="valid JSON"):
            view.parsed(bad)


def test_secrets_are_unwrapped_for_rules_and_remembered_for_messages():
    secret = {SIGNATURE: SECRET, "value": {"user": "u", "password": "correct horse"}}
    output = {SIGNATURE: OUTPUT, "value": "battery staple", "secret": True}
    unknown = {SIGNATURE: OUTPUT}

    properties, secrets = decode(struct({"a": secret, "b": output, "c": unknown}))

    assert properties["a"] == {"user": "u", "password": "correct horse"}
    assert properties["b"] == "battery staple"
    assert is_unknown(properties["c"])
    assert {"correct horse", "battery staple"} <= secrets
