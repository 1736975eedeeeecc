"""The words in which a Fargate service or job is described. Imports no Pulumi."""

from enum import StrEnum

PLATFORM_VERSION = "1.4.0"
"""Named rather than `LATEST`, so that a new platform arrives by a reviewed change.

It is the newest one for Linux, and what tmpfs, 8 and more vCPU and Service Connect need. AWS
patches it in place.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-fargate.html
"""


class Architecture(StrEnum):
    """Processor that the image was built for."""

    ARM64 = "ARM64"
    """Graviton: about a fifth cheaper than x86 for the same size."""
    X86_64 = "X86_64"
    """Intel or AMD, for an image that exists for nothing else."""


class Capacity(StrEnum):
    """Where tasks run, which decides what they cost and whether AWS may take them away."""

    ON_DEMAND = "on_demand"
    """Never interrupted."""
    SPOT = "spot"
    """Up to 70 % cheaper; any task may be stopped with two minutes' notice, or find no room."""
    MIXED = "mixed"
    """A base of on-demand tasks, and most of the rest on Spot."""


class Strategy(StrEnum):
    """How a new version takes over from the running one."""

    ROLLING = "rolling"
    """Tasks are replaced a few at a time; a failing version is rolled back."""


_ON_DEMAND, _SPOT = "FARGATE", "FARGATE_SPOT"
_SPOT_SHARE = 3


def provider_weights(capacity: Capacity, on_demand_base: int) -> list[tuple[str, int, int]]:
    """(capacity provider, base, weight) for each provider in use.

    Weights split what exceeds the base: with `mixed`, three of four further tasks run on Spot.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
    """
    match capacity:
        case Capacity.ON_DEMAND:
            return [(_ON_DEMAND, 0, 1)]
        case Capacity.SPOT:
            return [(_SPOT, 0, 1)]
        case Capacity.MIXED:
            return [(_ON_DEMAND, on_demand_base, 1), (_SPOT, 0, _SPOT_SHARE)]
