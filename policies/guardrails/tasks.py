"""The containers of a task definition."""

from collections.abc import Iterator
from typing import Any

from guardrails.kinds import TASK_DEFINITION
from guardrails.resources import Resource
from guardrails.values import View


def containers(task: Resource) -> Iterator[View]:
    """Each container, parsed once for all rules. ECS reads `Image` like `image`.

    Raises:
        NotEvaluatedError: They are not known yet, or not a JSON list.
    """
    if task.kind != TASK_DEFINITION:
        return iter(())
    return iter(task.memo("containers", lambda: _containers(task)))


def _containers(task: Resource) -> list[View]:
    return [
        View(_decapitalise(view.properties), view.path)
        for view in task.parsed_views("containerDefinitions")
    ]


def _decapitalise(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: item for key, item in value.items()}
    return value


def label(container: View) -> str:
    """How a message points at it."""
    name = container.get("name")
    return f"container {name}" if isinstance(name, str) else container.path
