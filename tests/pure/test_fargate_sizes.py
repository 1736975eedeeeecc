"""The Fargate size table, held against the one that cfn-lint ships, and the arithmetic on it."""

import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import fargate_sizes


def cfn_lint_accepts(cpu: int, memory: int) -> bool:
    """The same question, asked of the rule (E3047) that AWS's own linter ships."""
    return any(
        str(cpu) in branch["properties"]["Cpu"]["then"]["enum"]
        and _satisfies(memory, branch["properties"]["Memory"]["then"])
        for branch in CFN_LINT
    )


def _satisfies(memory: int, rule: dict) -> bool:
    if "enum" in rule:
        return memory in [int(value) for value in rule["enum"]]
    return rule["minimum"] <= memory <= rule["maximum"] and memory % rule["multipleOf"] == 0


CFN_LINT = json.loads(
    files("cfnlint.data.schemas.extensions.aws_ecs_taskdefinition")
    .joinpath("fargate_cpu_memory.json")
    .read_text()
)["then"]["anyOf"]


def test_the_table_is_the_one_of_cfn_lint_for_every_size_up_to_32_vcpu():
    cpus = [2**power for power in range(7, 17)]
    memories = [256, 512, *range(1024, 260 * 1024, 1024)]

    differences = [
        (cpu, memory)
        for cpu in cpus
        for memory in memories
        if cfn_lint_accepts(cpu, memory) != (fargate_sizes.problem(cpu, memory) is None)
    ]

    assert differences == []


def test_the_largest_task_has_32_vcpu_and_244_gib():
    assert max(fargate_sizes.pairs()) == (32768, 249856)


def test_a_wrong_pair_is_refused_with_the_nearest_valid_ones():
    with pytest.raises(ValueError, match=r"256/4096.* the nearest are 512/4096 or ") as refusal:
        fargate_sizes.validate(256, 4096)

    assert "256/2048" in str(refusal.value)


def test_a_right_pair_is_accepted_in_silence():
    fargate_sizes.validate(8192, 20480)


@pytest.mark.parametrize(
    ("cpu", "memory", "expected"),
    [
        (1, 1, (256, 512)),
        (512, 1024, (512, 1024)),
        (256, 513, (256, 1024)),
        (256, 2049, (512, 3072)),
        (1000, 1000, (1024, 2048)),
        (4096, 30721, (8192, 32768)),
        (16384, 122881, (32768, 249856)),
    ],
)
def test_the_smallest_that_fits(cpu: int, memory: int, expected: tuple[int, int]):
    assert fargate_sizes.smallest(cpu, memory) == expected


def test_more_than_fargate_has_is_refused_with_what_it_has():
    with pytest.raises(ValueError, match="the largest is 32768/249856"):
        fargate_sizes.smallest(32768, 249857)


@given(st.integers(-10, 40000), st.integers(-10, 300000))
def test_what_is_offered_instead_is_always_valid_and_closest_first(cpu: int, memory: int):
    offers = fargate_sizes.nearest(cpu, memory)

    assert len(set(offers)) == 3
    assert all(fargate_sizes.problem(*offer) is None for offer in offers)
    if fargate_sizes.problem(cpu, memory) is None:
        assert offers[0] == (cpu, memory)


@given(st.integers(1, 32768), st.integers(1, 249856))
def test_what_fits_is_valid_and_nothing_smaller_in_both_fits(cpu: int, memory: int):
    found = fargate_sizes.smallest(cpu, memory)

    assert fargate_sizes.problem(*found) is None
    fitting = [pair for pair in fargate_sizes.pairs() if pair[0] >= cpu and pair[1] >= memory]
    assert found in fitting
    assert not [p for p in fitting if p != found and p[0] <= found[0] and p[1] <= found[1]]
