"""The estimate of one stack, and the difference between two."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from ops.cost.model import Line, Stack, Unpriced, World
from ops.cost.prices import Basis, Prices
from ops.cost.rules import FREE, PRICED, UNPRICED
from ops.cost.usage import Assumption, Usage


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a stack costs in a month, as far as it can be known before it exists."""

    stack: str
    stage: str
    region: str
    lines: tuple[Line, ...]
    free: Mapping[str, str]
    """Type that the stack has -> why it costs nothing."""
    unpriced: tuple[Unpriced, ...]

    @property
    def usd(self) -> float:
        """US dollars a month."""
        return sum(line.usd for line in self.lines)

    def by(self, field: str) -> dict[str, float]:
        """US dollars by `component` or `service`, the most first."""
        found: collections.Counter[str] = collections.Counter()
        for line in self.lines:
            found[getattr(line, field)] += line.usd  # pyright: ignore[reportArgumentType]
        return dict(found.most_common())

    @property
    def assumptions(self) -> list[Assumption]:
        """What the estimate rests on besides the program."""
        found = {assumed.key: assumed for line in self.lines for assumed in line.assumed}
        return [found[key] for key in sorted(found)]

    @property
    def unconfirmed(self) -> float:
        """The part of the amount whose prices nobody has read again."""
        return sum(line.usd for line in self.lines if line.price.basis is Basis.UNCONFIRMED)

    @property
    def dates(self) -> tuple[str, str]:
        """The dates of its oldest and of its newest price."""
        dates = sorted(line.price.date for line in self.lines) or ["", ""]
        return dates[0], dates[-1]

    def to_json(self) -> dict[str, Any]:
        """The estimate as plain data; `lines` are what a difference is made from."""
        return {
            "stack": self.stack,
            "stage": self.stage,
            "region": self.region,
            "monthlyUsd": round(self.usd, 2),
            "byComponent": {key: round(usd, 2) for key, usd in self.by("component").items()},
            "byService": {key: round(usd, 2) for key, usd in self.by("service").items()},
            "lines": [
                {
                    "component": line.component,
                    "service": line.service,
                    "resource": line.resource,
                    "what": line.what,
                    "quantity": round(line.quantity, 6),
                    "unit": line.price.unit,
                    "unitUsd": line.price.usd,
                    "monthlyUsd": round(line.usd, 4),
                    "assumed": [assumed.key for assumed in line.assumed],
                    "price": dataclasses.asdict(line.price),
                }
                for line in self.lines
            ],
            "free": dict(self.free),
            "unpriced": [dataclasses.asdict(item) for item in self.unpriced],
            "assumptions": {a.key: {"value": a.value, "what": a.what} for a in self.assumptions},
        }


def estimate(stack: Stack, prices: Prices, usage: Usage) -> Estimate:
    """What a stack costs; a type that no table knows is unpriced, by name."""
    world = World(stack, prices, usage)
    free: dict[str, str] = {}
    for resource in stack.resources.values():
        if resource.type in PRICED:
            PRICED[resource.type](resource, world)
        elif resource.type in FREE:
            free[resource.type] = FREE[resource.type]
        else:
            world.without(resource, UNPRICED.get(resource.type, "no rule knows this type"))
    return Estimate(
        stack=stack.name,
        stage=stack.stage,
        region=stack.region,
        lines=tuple(sorted(world.lines, key=lambda line: (line.key, line.price.id))),
        free=dict(sorted(free.items())),
        unpriced=tuple(dict.fromkeys(world.unpriced)),
    )


Amounts = Mapping[tuple[str, str, str, str], float]
"""US dollars by component, service, resource and part."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """What one part costs before and after."""

    component: str
    service: str
    what: str
    before: float
    after: float

    @property
    def usd(self) -> float:
        """How much more it is."""
        return self.after - self.before


def amounts(lines: Iterable[Line]) -> Amounts:
    """The lines of an estimate as amounts."""
    found: dict[tuple[str, str, str, str], float] = {}
    for line in lines:
        found[line.key] = found.get(line.key, 0) + line.usd
    return found


def amounts_of_json(document: Mapping[str, Any]) -> Amounts:
    """The same from an estimate that was written as JSON."""
    found: dict[tuple[str, str, str, str], float] = {}
    for line in document["lines"]:
        key = (line["component"], line["service"], line["resource"], line["what"])
        found[key] = found.get(key, 0) + line["monthlyUsd"]
    return found


def changes(before: Amounts, after: Amounts) -> list[Change]:
    """Parts that cost more or less than before by half a cent, the largest change first.

    A resource may be named anew: parts of one component and one kind are counted together.
    """
    sides = []
    for side in (before, after):
        grouped: dict[tuple[str, str, str], float] = {}
        for (component, service, _, what), usd in side.items():
            key = (component, service, what)
            grouped[key] = grouped.get(key, 0) + usd
        sides.append(grouped)
    first, second = sides
    found = [
        Change(
            component=key[0],
            service=key[1],
            what=key[2],
            before=first.get(key, 0),
            after=second.get(key, 0),
        )
        for key in sorted(first.keys() | second.keys())
    ]
    return sorted((c for c in found if abs(c.usd) >= 0.005), key=lambda c: -abs(c.usd))
