"""What a test asks of what was said."""

from collections.abc import Iterable

from guardrails.pack import NOT_EVALUATED

from tests.policies.harness import Said


def violated(said: Iterable[Said]) -> list[str]:
    """Names of the resources that something was said about; nothing may have been left unevaluated.

    Without the second half, "not evaluated" would count as "found" on a first preview.
    """
    unevaluated = [s.message for s in said if s.policy == NOT_EVALUATED]
    assert unevaluated == []
    return [s.name for s in said]
