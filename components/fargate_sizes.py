"""Which pairs of CPU and memory Fargate sells, and how to find one. Imports no Pulumi.

Table "Task CPU and memory", Linux column:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
8 vCPU and more need platform version 1.4.0 or later, which every service here runs on.
"""

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

_GIB = 1024


def _gib(first: int, last: int, step: int = 1) -> tuple[int, ...]:
    return tuple(gib * _GIB for gib in range(first, last + 1, step))


SIZES: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {
        256: (512, *_gib(1, 2)),
        512: _gib(1, 4),
        1024: _gib(2, 8),
        2048: _gib(4, 16),
        4096: _gib(8, 30),
        8192: _gib(16, 60, 4),
        16384: _gib(32, 120, 8),
        32768: (60 * _GIB, 120 * _GIB, 244 * _GIB),
    }
)
"""Memory in MiB that may go with each CPU size, in CPU units (1024 are one vCPU)."""


def pairs() -> Iterator[tuple[int, int]]:
    """Every valid (cpu, memory), smallest first."""
    return ((cpu, memory) for cpu, memories in SIZES.items() for memory in memories)


def nearest(cpu: int, memory: int, count: int = 3) -> list[tuple[int, int]]:
    """The valid pairs closest to one that is not, closest first.

    Distance is by ratio, not by difference: from 1 GiB, 2 GiB is as far as 512 MiB is. Of two
    that are as far, the one that is large enough comes first.
    """

    def distance(pair: tuple[int, int]) -> tuple[float, bool, tuple[int, int]]:
        ratios = (pair[0] / max(cpu, 1), pair[1] / max(memory, 1))
        too_small = pair[0] < cpu or pair[1] < memory
        return sum(abs(math.log2(ratio)) for ratio in ratios), too_small, pair

    return sorted(pairs(), key=distance)[:count]


def problem(cpu: int, memory: int) -> str | None:
    """Why Fargate refuses the pair and what it offers instead, or None if it accepts it."""
    if memory in SIZES.get(cpu, ()):
        return None
    offers = " or ".join(f"{c}/{m}" for c, m in nearest(cpu, memory))
    return f"cpu/memory is {cpu}/{memory}, which Fargate does not sell; the nearest are {offers}"


def validate(cpu: int, memory: int) -> None:
    """Refuses a pair that Fargate does not sell.

    Raises:
        ValueError: The pair is not in the table; the message names the nearest that are.
    """
    found = problem(cpu, memory)
    if found:
        raise ValueError(found)


def smallest(cpu: int, memory: int) -> tuple[int, int]:
    """The smallest pair with at least this much of both.

    Raises:
        ValueError: Nothing that Fargate sells is that large.
    """
    for pair in pairs():
        if pair[0] >= cpu and pair[1] >= memory:
            return pair
    largest = max(pairs())
    raise ValueError(
        f"nothing on Fargate has {cpu} CPU units and {memory} MiB; the largest is"
        f" {largest[0]}/{largest[1]}"
    )
