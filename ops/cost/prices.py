"""The price file: `prices.json`, a line for each price and region."""

import dataclasses
import enum
import json
from collections.abc import Iterator
from pathlib import Path

FILE = Path(__file__).with_name("prices.json")
EVERYWHERE = "global"
"""Region of what costs the same in every region."""


class Basis(enum.StrEnum):
    """How far a price can be trusted."""

    PRICE_LIST = "price-list"
    """A row of AWS's price list, of that date."""
    INVOICE = "invoice"
    """What was charged by that date: an amount divided by its hours."""
    UNCONFIRMED = "unconfirmed"
    """Written down on that date without reading the source again; `ops cost refresh` does."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Price:
    """What one unit of something costs in one region."""

    id: str
    region: str
    unit: str
    usd: float
    source: str
    """Where AWS says so."""
    date: str
    """When it was so, as YYYY-MM-DD."""
    basis: Basis


class Prices:
    """Prices by id and region."""

    def __init__(self, lines: list[Price]) -> None:
        self._lines = {(line.id, line.region): line for line in lines}
        if len(self._lines) != len(lines):
            raise ValueError("the price file has two lines for one id and region")

    @classmethod
    def read(cls, path: Path = FILE) -> "Prices":
        """The prices of a file."""
        rows = json.loads(path.read_text(encoding="utf-8"))
        return cls([Price(**{**row, "basis": Basis(row["basis"])}) for row in rows])

    def write(self, path: Path = FILE) -> None:
        """Writes the file, a line for each price, so that a change of one is a change of a line."""
        rows = [json.dumps(dataclasses.asdict(line)) for line in self]
        path.write_text("[\n " + ",\n ".join(rows) + "\n]\n", encoding="utf-8")

    def find(self, id_: str, region: str) -> Price | None:
        """The price in a region, or the one that holds everywhere."""
        return self._lines.get((id_, region)) or self._lines.get((id_, EVERYWHERE))

    def put(self, line: Price) -> None:
        """Replaces or adds a line."""
        self._lines[line.id, line.region] = line

    @property
    def regions(self) -> list[str]:
        """Every region that has prices of its own."""
        return sorted({line.region for line in self} - {EVERYWHERE})

    def __iter__(self) -> Iterator[Price]:
        return iter(self._lines.values())
