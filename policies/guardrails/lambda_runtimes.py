"""Until when AWS supports a Lambda runtime, from the table that ships with cfn-lint.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

import datetime
import functools
import importlib.util
import json
from pathlib import Path
from typing import Any


@functools.cache
def table() -> dict[str, Any]:
    """Runtime -> {"deprecated": day, "create-block": day, "successor": runtime, ...}."""
    found = importlib.util.find_spec("cfnlint")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("the table of Lambda runtimes comes with the package cfn-lint")
    root = Path(found.submodule_search_locations[0])
    return json.loads((root / "data/AdditionalSpecs/LmbdRuntimeLifecycle.json").read_text())


def deprecated_since(runtime: str, today: datetime.date) -> tuple[str, str] | None:
    """The day since which a runtime gets no patches, and its successor; None while it does, or
    where nobody has said.
    """
    entry = table().get(runtime, {})
    day = entry.get("deprecated")
    if not day or datetime.date.fromisoformat(day) > today:
        return None
    return day, entry.get("successor") or "a supported one"
