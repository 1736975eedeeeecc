"""What judging costs: properties are decoded once, and all rules together take less than the
program.
"""

import functools
import time
from pathlib import Path

import pytest
from guardrails import resources

from rehearsal import program
from rehearsal.answers import Answerer
from rehearsal.config import load_config
from rehearsal.recording import Graph
from tests.policies import graphs
from tests.policies.harness import pack_of, through_server

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"
ROUNDS = 3


@functools.cache
def stack() -> tuple:
    config = load_config(ROOT, "production")
    answers = Answerer(config.get("accountId") or ACCOUNT, config.get("aws:region"))
    return config, answers


def build() -> Graph:
    config, answers = stack()
    return program.run_project(config, answer=answers.answer, lookup=answers.lookup)


def timed(work) -> float:
    """Processor time of the quickest of a few rounds: other processes do not count."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


@pytest.fixture(scope="module")
def production() -> Graph:
    return build()


def test_all_rules_cost_less_than_building_what_they_judge(production):
    building = timed(build)
    requests, whole = graphs.analyze_requests(production), graphs.stack_request(production)

    def judge() -> None:
        servicer = through_server(pack_of(profile="production", offline=True)).servicer
        for request in requests:
            servicer.Analyze(request, None)
        servicer.AnalyzeStack(whole, None)

    judging = timed(judge)
    print(f"judging / building = {judging / building:.2f} ({len(production)} resources)")
    assert judging <= building


def test_properties_are_decoded_once_per_resource_not_once_per_rule(production, monkeypatch):
    decoded = 0
    original = resources.decode

    def counting(struct):
        nonlocal decoded
        decoded += 1
        return original(struct)

    monkeypatch.setattr(resources, "decode", counting)
    servicer = through_server(pack_of(profile="production")).servicer
    requests = graphs.analyze_requests(production)
    for request in requests:
        servicer.Analyze(request, None)

    # the resource's own properties, and its provider's
    assert decoded == len(requests) + sum(r.HasField("provider") for r in requests)
