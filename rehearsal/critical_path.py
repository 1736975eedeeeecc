"""How long a deployment must take: the longest chain of resources that wait for each other.

Pure: a graph and a table of typical creation times in, seconds out. Everything that is not on the
critical path is created while the path is being walked, so only the path's length matters.
"""

import dataclasses
import functools
import json
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from rehearsal.recording import Graph, Registration

DATA = Path(__file__).parent / "data" / "durations.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One resource of the critical path."""

    urn: str
    type: str
    name: str
    seconds: float
    starts: float
    """Seconds after the start of the deployment at which everything it waits for is there."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CriticalPath:
    """The chain that decides how long a deployment takes."""

    steps: tuple[Step, ...]
    one_by_one: float
    """Seconds if nothing were created at the same time as anything else."""
    dated: str
    """When the table of creation times was compiled."""

    @property
    def seconds(self) -> float:
        """Length of the path."""
        return sum(step.seconds for step in self.steps)


@functools.cache
def load_durations(path: Path = DATA) -> tuple[str, dict[str, float]]:
    """Date and seconds by type token, or by `token#variant`."""
    document = json.loads(path.read_text(encoding="utf-8"))
    durations = {token: float(item["seconds"]) for token, item in document["durations"].items()}
    return document["dated"], durations


def critical_path(graph: Graph, durations: Mapping[str, float] | None = None) -> CriticalPath:
    """The critical path of creating everything in `graph` from nothing.

    Args:
        graph: Of a run with known values or of a preview.
        durations: Seconds by type token; `default` for any other. Defaults to the project's table.
    """
    dated, table = load_durations()
    table = dict(durations if durations is not None else table)
    custom = {registration.urn: registration for registration in graph.custom}
    waits = {urn: sorted(_waits_for(custom[urn], custom)) for urn in sorted(custom)}
    ends: dict[str, float] = {}
    last: dict[str, str | None] = {}
    for urn in TopologicalSorter(waits).static_order():
        # Of two chains of one length the first by URN counts, so that the answer never varies.
        before = max(waits[urn], key=lambda other: ends[other], default=None)
        last[urn] = before
        ends[urn] = _seconds(custom[urn], table) + (ends[before] if before else 0.0)
    chain: list[Step] = []
    urn = max(sorted(ends), key=lambda other: ends[other], default=None)
    while urn is not None:
        taken = _seconds(custom[urn], table)
        chain.append(
            Step(
                urn=urn,
                type=custom[urn].type,
                name=custom[urn].name,
                seconds=taken,
                starts=ends[urn] - taken,
            )
        )
        urn = last[urn]
    return CriticalPath(
        steps=tuple(reversed(chain)),
        one_by_one=sum(_seconds(registration, table) for registration in custom.values()),
        dated=dated,
    )


def _waits_for(registration: Registration, custom: Mapping[str, Any]) -> set[str]:
    urns = set(registration.dependencies)
    for dependencies in registration.property_dependencies.values():
        urns.update(dependencies)
    return {urn for urn in urns if urn in custom and urn != registration.urn}


def _seconds(registration: Registration, table: Mapping[str, float]) -> float:
    token, variant = registration.type, _variant(registration)
    return table.get(f"{token}#{variant}", table.get(token, table.get("default", 0.0)))


def _variant(registration: Registration) -> str:
    """The variant of a type whose creation time depends on its inputs."""
    inputs = registration.inputs
    match registration.type:
        case "aws:ec2/vpcEndpoint:VpcEndpoint":
            return str(inputs.get("vpcEndpointType") or "Gateway")
        case "aws:ecs/service:Service":
            return "steady" if inputs.get("waitForSteadyState") is True else ""
        case "aws:rds/instance:Instance":
            return "" if inputs.get("multiAz") is True else "single-az"
    return ""
