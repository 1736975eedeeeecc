"""What an estimate is made of: the resources of a stack, a line for each part of their price."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ops.cost.prices import Price, Prices
from ops.cost.usage import Assumption, Usage

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands in a preview for a value that only a deployment can know."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource, as a program registers it."""

    urn: str
    type: str
    name: str
    component: str
    """Outermost component that it belongs to, as `Network main`."""
    within: frozenset[str]
    """Every component that it belongs to, by class."""
    region: str
    inputs: Mapping[str, Any]
    uses: Mapping[str, Sequence[str]]
    """URNs that each input was made from."""

    def number(self, key: str, default: float = 0) -> float:
        """An input as a number; the default where it is absent or unknown."""
        value = self.inputs.get(key)
        if value is None or value == UNKNOWN or isinstance(value, Mapping | list):
            return default
        return float(value)

    def text(self, key: str, default: str = "") -> str:
        """An input as text; the default where it is absent or unknown."""
        value = self.inputs.get(key)
        return default if value is None or value == UNKNOWN else str(value)

    def flag(self, key: str) -> bool:
        """An input as a switch."""
        return self.inputs.get(key) in (True, "true")

    def group(self, key: str) -> Mapping[str, Any]:
        """An input that is a group of others."""
        value = self.inputs.get(key)
        return value if isinstance(value, Mapping) else {}

    def items(self, key: str) -> list[Any]:
        """An input that is a list, without what is not there."""
        value = self.inputs.get(key)
        return [item for item in value if item is not None] if isinstance(value, list) else []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stack:
    """The resources of one stack, by URN."""

    name: str
    stage: str
    region: str
    resources: Mapping[str, Resource]

    def of(self, *types: str) -> Iterator[Resource]:
        """Resources of some types."""
        return (r for r in self.resources.values() if r.type in types)

    def used(self, resource: Resource, key: str, type_: str) -> list[Resource]:
        """What of a type an input of a resource was made from."""
        found = [self.resources.get(urn) for urn in resource.uses.get(key, ())]
        return [r for r in found if r is not None and r.type == type_]

    def users(self, resource: Resource, key: str, type_: str) -> list[Resource]:
        """What of a type has made an input from a resource."""
        return [r for r in self.of(type_) if resource.urn in r.uses.get(key, ())]

    @property
    def zones(self) -> int:
        """In how many Availability Zones its subnets are."""
        found = {r.text("availabilityZone") for r in self.of("aws:ec2/subnet:Subnet")}
        return max(len(found - {""}), 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """One part of what one resource costs in a month."""

    component: str
    service: str
    resource: str
    what: str
    quantity: float
    price: Price
    assumed: tuple[Assumption, ...] = ()
    """What the quantity rests on besides the program."""

    @property
    def usd(self) -> float:
        """US dollars a month."""
        return self.quantity * self.price.usd

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same line in another estimate."""
        return self.component, self.service, self.resource, self.what


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unpriced:
    """Something that costs, and of which the estimate does not know what."""

    type: str
    resource: str
    reason: str


class World:
    """What a rule may look at, and where it puts what it finds."""

    def __init__(self, stack: Stack, prices: Prices, usage: Usage) -> None:
        self.stack = stack
        self.prices = prices
        self.usage = usage
        self.lines: list[Line] = []
        self.unpriced: list[Unpriced] = []

    @property
    def hours(self) -> float:
        """Hours of a month."""
        return self.usage["hours"].value

    def assume(self, key: str) -> float:
        """The value of an assumption."""
        return self.usage[key].value

    def add(
        self,
        resource: Resource,
        service: str,
        what: str,
        price: str,
        quantity: float,
        *,
        assumed: Sequence[str] = (),
        region: str = "",
    ) -> None:
        """Adds a line, or says that its price is missing. Nothing of something is no line."""
        if quantity == 0:
            return
        where = region or resource.region
        found = self.prices.find(price, where)
        if found is None:
            self.without(resource, f"{what}: the price file has no {price} in {where}")
            return
        self.lines.append(
            Line(
                component=resource.component,
                service=service,
                resource=resource.name,
                what=what,
                quantity=quantity,
                price=found,
                assumed=tuple(self.usage[key] for key in assumed),
            )
        )

    def without(self, resource: Resource, reason: str) -> None:
        """Says that something costs and why it is not known what."""
        self.unpriced.append(Unpriced(type=resource.type, resource=resource.name, reason=reason))
