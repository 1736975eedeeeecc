"""What is assumed of the use of a stack, where its program cannot say."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("usage.yaml")


class UnknownAssumptionError(Exception):
    """A file of assumptions has a key that nothing asks for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assumption:
    """One number, and what it counts."""

    key: str
    value: float
    what: str

    def __str__(self) -> str:
        return f"{self.value:g} {self.what}"


class Usage:
    """Assumptions by key, as a stage has them."""

    def __init__(self, assumptions: Mapping[str, Assumption]) -> None:
        self._assumptions = dict(assumptions)

    @classmethod
    def read(cls, stage: str, overrides: Mapping[str, Any] | None = None) -> "Usage":
        """The project's assumptions of a stage, with single numbers replaced.

        Args:
            stage: `production`, or any other stage.
            overrides: Numbers by key. Defaults to none.

        Raises:
            UnknownAssumptionError: A key of `overrides` is none, or its value no number.
        """
        rows = yaml.safe_load(FILE.read_text(encoding="utf-8"))
        changed = dict(overrides or {})
        unknown = sorted(set(changed) - set(rows))
        if unknown:
            raise UnknownAssumptionError(
                f"there is no assumption {', '.join(unknown)}; there are {', '.join(sorted(rows))}"
            )
        wrong = sorted(
            key
            for key, value in changed.items()
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0
        )
        if wrong:
            raise UnknownAssumptionError(
                f"{', '.join(wrong)}: an assumption is a number, 0 or more"
            )
        return cls(
            {
                key: Assumption(
                    key=key,
                    value=changed.get(key, row.get(stage, row["value"])),
                    what=row["what"],
                )
                for key, row in rows.items()
            }
        )

    def __getitem__(self, key: str) -> Assumption:
        return self._assumptions[key]

    def __iter__(self):
        return iter(self._assumptions.values())
