"""How a stack sets the pack: profile, levels, options, and refusals of what does not exist."""

import dataclasses

import pulumi
import pytest
from guardrails.pack import NOT_EVALUATED, Pack
from guardrails.registry import (
    ADVICE,
    ALWAYS,
    CRITICAL,
    DEPLOYED,
    PRODUCTION,
    Option,
    Severity,
    node,
    rule,
)
from guardrails.server import ConfigurationError
from guardrails.settings import PackSettings, SettingsError
from pulumi_policy import EnforcementLevel

from tests.policies.harness import pack_of, through_server

LOGS = "aws:cloudwatch/logGroup:LogGroup"


def _check(resource, report):
    if resource.number("retentionInDays") < report.option("minDays"):
        report(f"keeps less than {report.option('minDays')} days")


RETENTION = rule(
    id="a-retention",
    title="Logs are kept.",
    severity=Severity.LOW,
    level=DEPLOYED,
    types=(LOGS,),
    condition="too short",
    fix="longer",
    url="https://example.org",
    options={
        "minDays": Option(
            type="integer", default=365, by_profile={"temporary": 7}, description="Days"
        ),
        "names": Option(type="array", default=[], description="Names"),
        "map": Option(type="object", default={}, description="Map"),
        "on": Option(type="boolean", default=False, description="Switch"),
    },
    check=_check,
    passes=[node("l", LOGS, {"retentionInDays": 365})],
    violates=[node("l", LOGS)],
)
GROUP = node("l", LOGS, {"retentionInDays": 30})


@pytest.fixture(autouse=True)
def no_config():
    pulumi.runtime.set_all_config({})
    yield
    pulumi.runtime.set_all_config({})


@pytest.mark.parametrize(
    ("config", "profile"),
    [
        ({}, "production"),
        ({"project:stage": "staging"}, "staging"),
        ({"guardrails:profile": "temporary"}, "temporary"),
        ({"guardrails:profile": "temporary", "project:stage": "production"}, "temporary"),
        ({"other:stage": "staging"}, "production"),
    ],
)
def test_the_profile_comes_from_the_stacks_own_configuration(config, profile, monkeypatch):
    monkeypatch.setattr(pulumi.config, "get_project", lambda: "project", raising=False)
    monkeypatch.setattr(pulumi, "get_project", lambda: "project")
    monkeypatch.setattr("pulumi.metadata.get_project", lambda: "project")
    pulumi.runtime.set_all_config(config)

    assert PackSettings.load().profile == profile


def test_a_profile_that_does_not_exist_is_refused():
    with pytest.raises(SettingsError, match="temporary, staging, production"):
        PackSettings(profile="prod")


@pytest.mark.parametrize(
    ("config", "environment", "offline"),
    [
        ({}, "", False),
        ({"guardrails:offline": "true"}, "", True),
        ({"guardrails:offline": "false"}, "1", True),
        ({}, "1", True),
        ({}, "0", False),
    ],
)
def test_offline_is_asked_for_by_configuration_or_environment(
    config, environment, offline, monkeypatch
):
    monkeypatch.setenv("GUARDRAILS_OFFLINE", environment)
    pulumi.runtime.set_all_config(config)

    assert PackSettings.load().offline is offline


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (ALWAYS, ["mandatory", "mandatory", "mandatory"]),
        (DEPLOYED, ["advisory", "mandatory", "mandatory"]),
        (CRITICAL, [None, "advisory", "mandatory"]),
        (PRODUCTION, [None, None, "mandatory"]),
        (ADVICE, ["advisory", "advisory", "advisory"]),
    ],
)
def test_the_profile_decides_the_level(level, expected):
    leveled = dataclasses.replace(RETENTION, level=level)
    found = []
    for profile in ("temporary", "staging", "production"):
        said = through_server(pack_of(leveled, profile=profile)).run([node("l", LOGS)])
        found.append(said[0].level if said else None)

    assert found == expected


def test_an_option_has_its_profiles_default_even_before_the_engine_configures_anything():
    assert through_server(pack_of(RETENTION, profile="temporary")).run([GROUP]) == []
    assert through_server(pack_of(RETENTION, profile="staging")).run([GROUP])


def test_the_schema_that_the_engine_sees_has_the_profiles_default():
    (policy, *_) = Pack(PackSettings(profile="temporary"), [RETENTION]).policies

    assert policy.config_schema.properties["minDays"]["default"] == 7
    assert policy.enforcement_level is EnforcementLevel.ADVISORY


def test_a_configuration_outranks_the_profile():
    runner = through_server(pack_of(RETENTION))

    runner.configure({"a-retention": {"enforcementLevel": "advisory", "minDays": 14}})
    assert runner.run([GROUP]) == []
    assert [s.level for s in runner.run([node("l", LOGS)])] == ["advisory"]
    runner.configure({"a-retention": {"enforcementLevel": "disabled"}})
    assert runner.run([node("l", LOGS)]) == []
    runner.configure({"a-retention": {"enforcementLevel": "mandatory", "minDays": 60.0}})
    (said,) = runner.run([GROUP])
    assert "less than 60 days" in said.message


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"a-retension": {}}, "no rule 'a-retension'; did you mean 'a-retention'"),
        ({"a-retention": {"mindays": 3}}, "no option 'mindays'; did you mean 'minDays'"),
        ({"a-retention": {"minDays": "3"}}, "minDays must be of type integer"),
        ({"a-retention": {"minDays": 3.5}}, "minDays must be of type integer"),
        ({"a-retention": {"minDays": True}}, "minDays must be of type integer"),
        ({"a-retention": {"names": "a"}}, "names must be of type array"),
        ({"a-retention": {"names": [1]}}, "names must be of type array"),
        ({"a-retention": {"map": {"a": 1}}}, "map must be of type object"),
        ({"a-retention": {"on": "yes"}}, "on must be of type boolean"),
        ({"not-evaluated": {"x": 1}}, "no option 'x'"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(config, words):
    with pytest.raises(ConfigurationError) as refusal:
        through_server(pack_of(RETENTION)).configure(config)

    assert words in str(refusal.value)


def test_all_refusals_are_told_at_once():
    with pytest.raises(ConfigurationError) as refusal:
        through_server(pack_of(RETENTION)).configure({"x": {}, "a-retention": {"y": 1, "z": 2}})

    assert len(str(refusal.value).splitlines()) == 3


UNKNOWN = [
    node("l", LOGS, {"retentionInDays": "${b.x}"}),
    node("b", "aws:s3/bucket:Bucket"),
]


def test_at_preview_what_could_not_be_evaluated_is_one_advisory_line_of_the_resource():
    twin = dataclasses.replace(RETENTION, id="b-retention")

    (said,) = through_server(pack_of(RETENTION, twin)).resources(UNKNOWN, known=False)

    assert (said.policy, said.level, said.name) == (NOT_EVALUATED, "advisory", "l")
    assert "a-retention (retentionInDays: only known after deployment)" in said.message
    assert "b-retention" in said.message


def test_offline_it_is_a_violation_at_the_rules_own_level():
    (said,) = through_server(pack_of(RETENTION, offline=True)).resources(UNKNOWN, known=False)

    assert (said.policy, said.level) == ("a-retention", "mandatory")
    assert "not evaluated: retentionInDays" in said.message


@pytest.mark.parametrize(("level", "expected"), [("mandatory", ["mandatory"]), ("disabled", [])])
def test_who_wants_unknowns_to_stop_a_preview_or_not_to_hear_of_them_says_so(level, expected):
    runner = through_server(pack_of(RETENTION))
    runner.configure(
        {
            NOT_EVALUATED: {"enforcementLevel": level},
            RETENTION.id: {"enforcementLevel": "mandatory"},
        }
    )

    assert [s.level for s in runner.resources(UNKNOWN, known=False)] == expected
