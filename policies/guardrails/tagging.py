"""The tags that a resource will have, its own and those that the provider adds."""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from guardrails.resources import Resource
from guardrails.values import NotEvaluatedError, View, is_unknown


def tags_of(resource: Resource) -> dict[str, str]:
    """Key -> value. The provider's default tags count; a value that is not known yet is "?".

    Raises:
        NotEvaluatedError: A whole set of tags is not known yet.
    """
    defaults = default_tags(resource.provider)
    return {
        key: "?" if is_unknown(value) else str(value)
        for tags in (defaults, _map(resource, "tagsAll"), _map(resource, "tags"))
        for key, value in tags.items()
        if value is not None
    }


def default_tags(provider: View) -> dict[str, Any]:
    """The tags that a provider adds to all that it makes."""
    # Providers take maps as JSON text: https://www.pulumi.com/docs/iac/concepts/resources/providers/
    given = provider.parsed("defaultTags")
    tags = given.get("tags") if isinstance(given, dict) else None
    return tags if isinstance(tags, dict) else {}


def _map(resource: Resource, path: str) -> dict[str, Any]:
    value = resource.get(path)
    if is_unknown(value):
        if path == "tagsAll":  # computed from the other two
            return {}
        raise NotEvaluatedError(path)
    return value if isinstance(value, dict) else {}


@functools.cache
def taggable() -> frozenset[str]:
    """Canonical tokens of the types that take a map of tags."""
    text = (Path(__file__).parent / "data" / "taggable.txt").read_text()
    return frozenset(f"aws:{line}" for line in text.split("\n") if line and line[0] != "#")


def missing(required: Iterable[str], present: Iterable[str]) -> list[str]:
    """Which required keys are not there. `A|B` asks for either; case and `-_: ` do not count."""
    there = {_plain(key) for key in present}
    return [
        wanted
        for wanted in required
        if not any(_plain(choice) in there for choice in wanted.split("|"))
    ]


def value_of(tags: Mapping[str, str], key: str) -> str | None:
    """The value of a tag whose key is spelled in any of these ways."""
    wanted = _plain(key)
    return next((value for name, value in tags.items() if _plain(name) == wanted), None)


def _plain(key: str) -> str:
    return "".join(c for c in key.lower() if c not in "-_: ")
