"""The words of capacity, as weights of capacity providers."""

import pytest

from components.fargate_choices import Capacity, provider_weights


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [
        (Capacity.ON_DEMAND, [("FARGATE", 0, 1)]),
        (Capacity.SPOT, [("FARGATE_SPOT", 0, 1)]),
        (Capacity.MIXED, [("FARGATE", 2, 1), ("FARGATE_SPOT", 0, 3)]),
    ],
)
def test_each_word_means_one_strategy(capacity: Capacity, expected: list[tuple[str, int, int]]):
    assert provider_weights(capacity, 2) == expected


def test_only_one_provider_has_a_base_as_ecs_demands():
    for capacity in Capacity:
        assert sum(base > 0 for _, base, _ in provider_weights(capacity, 5)) <= 1
