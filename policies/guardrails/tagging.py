"""The tags that a resource will have, its own and those that the provider adds."""

from typing import Any

from guardrails.resources import Resource
from guardrails.values import NotEvaluatedError, View, is_unknown


def tags_of(resource: Resource) -> dict[str, str]:
    """Key -> value. The provider's default tags count; a value that is not known yet is "?".

    Raises:
        NotEvaluatedError: A whole set of tags is not known yet.
    """
    defaults = _defaults(resource.provider)
    return {
        key: "?" if is_unknown(value) else str(value)
        for tags in (defaults, _map(resource, "tagsAll"), _map(resource, "tags"))
        for key, value in tags.items()
        if value is not None
    }


def _defaults(provider: View) -> dict[str, Any]:
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
