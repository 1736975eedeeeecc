"""Every rule, by its own two examples: as they are, under every spelling, half unknown, empty."""

import dataclasses

import pytest
from guardrails import rules, tokens
from guardrails.examples import analyze_requests, stack_request
from guardrails.pack import NOT_EVALUATED
from guardrails.registry import ANCHORS, LEVELS, PROFILES, Kind, Rule
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.harness import Said, pack_of, through_sdk, through_server

EACH_RULE = pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.id)
EACH_ANALYZER = pytest.mark.parametrize("analyzer", [through_sdk, through_server])
EACH_SPELLING = pytest.mark.parametrize(
    ("rule", "token"),
    [
        pytest.param(rule, alias, id=f"{rule.id}-{alias}")
        for rule in rules.ALL
        for token in rule.types
        for alias in tokens.ALIASES.get(token, ())
    ],
)


def of(rule: Rule, said: list[Said]) -> list[Said]:
    """What was said by this rule, or about it not being evaluated."""
    return [
        s
        for s in said
        if s.policy == rule.id or (s.policy == NOT_EVALUATED and rule.id in s.message)
    ]


def violations(rule: Rule, said: list[Said]) -> list[Said]:
    return [s for s in of(rule, said) if s.policy == rule.id and "during preview" not in s.message]


def spelled(example, token: str):
    """The example with one type written the other way."""
    return [
        dataclasses.replace(node, type=token) if tokens.canonical(token) == node.type else node
        for node in example
    ]


@EACH_ANALYZER
@EACH_RULE
def test_the_passing_example_passes(rule, analyzer):
    said = of(rule, analyzer(pack_of(rule)).run(rule.passes))

    assert said == []


@EACH_ANALYZER
@EACH_RULE
def test_the_violating_example_is_found_at_its_first_resource_and_nowhere_else(rule, analyzer):
    said = of(rule, analyzer(pack_of(rule)).run(rule.violates))

    assert said, "the violation is not found"
    assert {s.name for s in said} == {rule.violates[0].name}
    assert all(s.policy == rule.id for s in said)
    assert "the rule failed" not in said[0].message
    assert rule.fix in said[0].message


@EACH_RULE
def test_the_violating_example_is_reported_at_the_level_of_the_profile(rule):
    for profile in PROFILES:
        said = of(rule, through_server(pack_of(rule, profile=profile)).run(rule.violates))
        level = rule.level[profile]
        if level == "disabled":
            assert said == []
        else:
            assert {s.level for s in said} == {"mandatory" if level == "remediate" else level}


@EACH_ANALYZER
@EACH_RULE
def test_on_a_first_preview_the_passing_example_violates_nothing(rule, analyzer):
    assert violations(rule, analyzer(pack_of(rule)).run(rule.passes, known=False)) == []


@EACH_ANALYZER
@EACH_RULE
def test_on_a_first_preview_the_violating_example_is_found_or_said_to_be_not_evaluated(
    rule, analyzer
):
    assert of(rule, analyzer(pack_of(rule)).run(rule.violates, known=False))


@EACH_SPELLING
def test_another_spelling_of_a_type_changes_nothing(rule, token):
    run = through_server(pack_of(rule)).run

    assert of(rule, run(spelled(rule.passes, token))) == []
    plain, other = run(rule.violates), run(spelled(rule.violates, token))
    assert [s.message for s in of(rule, other)] == [s.message for s in of(rule, plain)]


def leaves(message):
    """Every value of a Struct that is neither map nor list."""
    for value in message.fields.values():
        yield from _leaves(value)


def _leaves(value):
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        yield from leaves(value.struct_value)
    elif kind == "list_value":
        for item in value.list_value.values:
            yield from _leaves(item)
    else:
        yield value


def answers(rule: Rule, example, blind, **settings) -> list[str]:
    """Messages about an example whose properties `blind` has worked on, resource by resource."""
    servicer = through_server(pack_of(rule, **settings)).servicer
    said = []
    if rule.kind is Kind.RESOURCE:
        for request in analyze_requests(example):
            blind(request.properties)
            said += servicer.Analyze(request, None).diagnostics
    else:
        request = stack_request(example)
        for resource in request.resources:
            blind(resource.properties)
        said += servicer.AnalyzeStack(request, None).diagnostics
    return [f"{d.policyName} {d.message}" for d in said]


def all_unknown(properties) -> None:
    for leaf in list(leaves(properties)):
        leaf.string_value = UNKNOWN_STRING_VALUE


@EACH_RULE
def test_with_every_leaf_unknown_it_never_fails_and_never_passes_silently(rule):
    for offline in (False, True):
        said = answers(rule, rule.violates, all_unknown, offline=offline)
        assert any(rule.id in message for message in said)
        assert not any("the rule failed" in message for message in said)


@EACH_RULE
def test_with_any_single_leaf_unknown_it_never_fails(rule):
    for example in (rule.passes, rule.violates):
        count = sum(
            len(list(leaves(request.properties))) for request in stack_request(example).resources
        )
        for chosen in range(count):
            position = iter(range(count))

            def one_unknown(properties, chosen=chosen, position=position) -> None:
                for leaf in list(leaves(properties)):
                    if next(position, None) == chosen:
                        leaf.string_value = UNKNOWN_STRING_VALUE

            said = answers(rule, example, one_unknown)
            assert not any("the rule failed" in message for message in said)


@EACH_RULE
def test_with_every_leaf_of_the_wrong_type_it_never_fails(rule):
    def wrong(properties) -> None:
        for index, leaf in enumerate(list(leaves(properties))):
            if index % 3 == 0:
                leaf.string_value = "{[not what it was"
            elif index % 3 == 1:
                leaf.number_value = -1.5
            else:
                leaf.struct_value.update({"a": [None, {"b": True}]})

    for example in (rule.passes, rule.violates):
        said = answers(rule, example, wrong, offline=True)
        assert not any("the rule failed" in message for message in said)


@EACH_RULE
def test_with_empty_inputs_it_never_fails(rule):
    for example in (rule.passes, rule.violates):
        said = answers(rule, example, lambda properties: properties.Clear(), offline=True)
        assert not any("the rule failed" in message for message in said)


@EACH_RULE
def test_it_has_nothing_to_say_about_resources_of_another_kind(rule):
    if not rule.types:
        pytest.skip("speaks of every type")
    said = through_server(pack_of(rule)).run(
        [dataclasses.replace(node, type="random:index/randomId:RandomId") for node in rule.violates]
    )

    assert of(rule, said) == []


@EACH_RULE
def test_its_words_are_complete(rule):
    assert rule.id == rule.id.lower()
    assert set(rule.level) == set(PROFILES)
    assert set(rule.level.values()) <= set(LEVELS)
    assert rule.title.endswith(".")
    assert len(rule.title) <= 100
    assert rule.condition
    assert rule.fix
    assert rule.url.startswith("https://")
    assert set(rule.anchors) <= set(ANCHORS)
    assert all(token == tokens.canonical(token) for token in rule.types)
    for option in rule.options.values():
        assert option.description
        assert all(option.accepts(option.default_for(profile)) for profile in PROFILES)


def test_no_two_rules_share_an_id():
    ids = [rule.id for rule in rules.ALL]

    assert sorted(ids) == sorted(set(ids))
