"""The project's own stacks keep every rule of their profile, and every rule can be evaluated."""

import functools
from pathlib import Path

import pytest

from rehearsal import program
from rehearsal.answers import Answerer
from rehearsal.config import load_config
from rehearsal.recording import Graph, unknown_answer
from tests.policies import graphs
from tests.policies.harness import LEVELS, pack_of, through_server

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"
STACKS = ("local", "staging", "production")


@functools.cache
def graph(stack: str, preview: bool) -> tuple[str, Graph]:
    """Profile and resources of one stack: with made-up answers, or as on its first preview."""
    config = load_config(ROOT, stack)
    answers = Answerer(config.get("accountId") or ACCOUNT, config.get("aws:region"))
    built = program.run_project(
        config,
        answer=unknown_answer if preview else answers.answer,
        lookup=answers.lookup,
        preview=preview,
    )
    return config.get("stage"), built


def said(stack: str, *, preview: bool) -> list[tuple[str, str, str, str]]:
    profile, built = graph(stack, preview)
    servicer = through_server(pack_of(profile=profile, offline=not preview)).servicer
    found = [
        (LEVELS[d.enforcementLevel], d.policyName, request.name, d.message)
        for request in graphs.analyze_requests(built)
        for d in servicer.Analyze(request, None).diagnostics
    ]
    answer = servicer.AnalyzeStack(graphs.stack_request(built), None)
    return found + [
        (LEVELS[d.enforcementLevel], d.policyName, d.urn.rsplit("::", 1)[-1], d.message)
        for d in answer.diagnostics
    ]


@pytest.mark.parametrize("preview", [False, True], ids=["resolved", "first preview"])
@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_of_ours_violates_nothing(stack, preview):
    assert [s for s in said(stack, preview=preview) if s[0] == "mandatory"] == []


@pytest.mark.parametrize("stack", STACKS)
def test_with_everything_known_every_rule_can_be_evaluated(stack):
    found = said(stack, preview=False)

    assert [s for s in found if "not evaluated" in s[3] or "the rule failed" in s[3]] == []


def test_production_is_judged_as_production():
    assert graph("production", False)[0] == "production"
