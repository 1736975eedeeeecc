"""The graph is a function of the configuration: names, inputs and dependencies, byte for byte."""

import os

import pytest

from tests.program import stacks


@pytest.fixture(scope="module")
def another_process() -> dict[str, str]:
    # This process has a random seed, unless somebody chose one.
    return stacks.elsewhere("4242" if os.environ.get("PYTHONHASHSEED") != "4242" else "0")


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_a_process_of_another_hash_seed_builds_the_same_graph(stack, another_process):
    here = stacks.resolved(stack).to_json()

    assert len(here) > 100_000
    # Compared by lines, so that a failure shows the first that differs.
    assert another_process[stack].splitlines() == here.splitlines()


def test_a_second_run_in_the_same_process_builds_the_same_graph():
    again = stacks.resolved.__wrapped__("staging").to_json()

    assert again.splitlines() == stacks.resolved("staging").to_json().splitlines()
