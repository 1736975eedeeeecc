"""Inputs to parameters: by name, by rule, and never lost."""

from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest

from rehearsal.handlers.conversion import (
    As,
    Ignore,
    UnmappedInputError,
    convert_inputs,
    place,
    scalar,
    shape_at,
    tag_parameter,
)

_SESSION = botocore.session.get_session()


def shape(service: str, operation: str) -> Any:
    return _SESSION.get_service_model(service).operation_model(operation).input_shape


TARGET_GROUP = shape("elbv2", "CreateTargetGroup")
DISTRIBUTION = shape("cloudfront", "CreateDistribution")


def test_a_block_without_a_counterpart_is_spread_by_absolute_rules() -> None:
    rules = {
        "healthCheck.path": "/HealthCheckPath",
        "healthCheck.matcher": As("/Matcher", lambda code: {"HttpCode": code}),
    }
    inputs = {"port": "80", "healthCheck": {"path": "/up", "matcher": "200"}}
    assert convert_inputs(inputs, TARGET_GROUP, rules) == {
        "Port": 80,
        "HealthCheckPath": "/up",
        "Matcher": {"HttpCode": "200"},
    }


def test_a_rule_that_leads_nowhere_loses_nothing() -> None:
    rules = {"healthCheck.path": "/HealthCheckPath", "healthCheck.port": "HealthCheckPort"}
    with pytest.raises(UnmappedInputError) as raised:
        convert_inputs({"healthCheck": {"path": "/up", "port": "80"}}, TARGET_GROUP, rules)
    assert raised.value.paths == ("healthCheck.port",)


@pytest.mark.parametrize(
    ("inputs", "unmapped"),
    [
        ({"port": 80, "nonsense": 1}, ("nonsense",)),
        ({"nonsense": False}, ("nonsense",)),
        ({"nonsense": []}, ("nonsense",)),
        ({"nonsense": ""}, ("nonsense",)),
        ({"matcher": {"httpCode": "200", "smell": "bad"}}, ("matcher.smell",)),
        ({"matcher": "200"}, ("matcher",)),
        ({"a": 1, "b": {"c": 2}}, ("a", "b")),
    ],
)
def test_everything_unknown_is_named_at_any_depth(
    inputs: dict[str, Any], unmapped: tuple[str, ...]
) -> None:
    with pytest.raises(UnmappedInputError) as raised:
        convert_inputs(inputs, TARGET_GROUP, {})
    assert raised.value.paths == unmapped


def test_none_is_absent_and_false_is_not() -> None:
    given = {"healthCheckEnabled": False, "name": None, "vpcId": ""}
    assert convert_inputs(given, TARGET_GROUP, {}) == {"HealthCheckEnabled": False, "VpcId": ""}


def test_an_ignored_input_is_the_only_one_that_goes_nowhere() -> None:
    assert convert_inputs({"a": 1}, TARGET_GROUP, {"a": Ignore("a reason")}) == {}


def test_lists_are_counted_where_cloudfront_counts_them() -> None:
    given = {
        "aliases": ["a.example.com"],
        "defaultCacheBehavior": {"trustedKeyGroups": ["k"], "trustedSigners": []},
    }
    made = convert_inputs(given, DISTRIBUTION, {}, within="DistributionConfig")
    config = made["DistributionConfig"]
    assert config["Aliases"] == {"Quantity": 1, "Items": ["a.example.com"]}
    behaviour = config["DefaultCacheBehavior"]
    assert behaviour["TrustedKeyGroups"] == {"Enabled": True, "Quantity": 1, "Items": ["k"]}
    assert behaviour["TrustedSigners"] == {"Enabled": False, "Quantity": 0}


def test_a_block_that_the_provider_keeps_as_a_list_of_one_is_one_structure() -> None:
    made = convert_inputs({"matcher": [{"httpCode": "200"}]}, TARGET_GROUP, {})
    assert made == {"Matcher": {"HttpCode": "200"}}


@pytest.mark.parametrize(
    ("value", "kind", "made"),
    [
        (True, "string", "true"),
        (30, "string", "30"),
        ("30", "integer", 30),
        ("thirty", "integer", "thirty"),
        ("0.5", "double", 0.5),
        ("false", "boolean", False),
        ("text", "blob", b"text"),
    ],
)
def test_scalars_take_the_type_of_the_api(value: Any, kind: str, made: Any) -> None:
    result = scalar(value, kind)
    assert (result, type(result)) == (made, type(made))


def test_paths_make_what_leads_to_them() -> None:
    out: dict[str, Any] = {}
    place(out, "A.B", 1)
    place(out, "A.C", 2)
    place(out, "List.0.Member", 3)
    place(out, "List.0.Other", 4)
    place(out, "Attributes[one.two]", "yes")
    place(out, "Attributes[three]", "no")
    assert out == {
        "A": {"B": 1, "C": 2},
        "List": [{"Member": 3, "Other": 4}],
        "Attributes": [{"Key": "one.two", "Value": "yes"}, {"Key": "three", "Value": "no"}],
    }


def test_a_path_that_the_model_does_not_know_is_an_error() -> None:
    assert shape_at(TARGET_GROUP, "Matcher.HttpCode").type_name == "string"
    with pytest.raises(KeyError, match="Matcher has no member Smell"):
        shape_at(TARGET_GROUP, "Matcher.Smell")


@pytest.mark.parametrize(
    ("service", "operation", "member", "made"),
    [
        ("elbv2", "CreateTargetGroup", "Tags", [{"Key": "a", "Value": "b"}]),
        ("ecs", "CreateCluster", "tags", [{"key": "a", "value": "b"}]),
        ("kms", "CreateKey", "Tags", [{"TagKey": "a", "TagValue": "b"}]),
        ("logs", "CreateLogGroup", "tags", {"a": "b"}),
        ("cloudfront", "CreateFunction", "Tags", {"Items": [{"Key": "a", "Value": "b"}]}),
    ],
)
def test_tags_are_spelled_as_each_service_spells_them(
    service: str, operation: str, member: str, made: Any
) -> None:
    assert tag_parameter(shape(service, operation).members[member], {"a": "b"}) == made


def test_a_map_keeps_its_keys_as_they_are() -> None:
    holder = shape("lambda", "CreateFunction")
    given = {"environment": {"variables": {"someKey": 5}}}
    made = convert_inputs(given, holder, {})
    assert made == {"Environment": {"Variables": {"someKey": "5"}}}
    with pytest.raises(UnmappedInputError):
        convert_inputs({"environment": {"variables": ["no map"]}}, holder, {})


def test_a_shape_of_no_members_takes_nothing() -> None:
    empty = SimpleNamespace(members={}, type_name="structure", required_members=[])
    assert convert_inputs({}, empty, {}) == {}
    with pytest.raises(UnmappedInputError):
        convert_inputs({"a": 1}, empty, {})
