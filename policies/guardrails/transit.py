"""Policies that refuse whoever comes without TLS."""

import fnmatch
from collections.abc import Iterable, Sequence

from guardrails.iam.document import Role, Statement, load, sources
from guardrails.resources import Resource
from guardrails.values import NotEvaluatedError, is_unknown


def open_to_plain_text(
    resource: Resource, holders: Iterable[Resource], actions: Sequence[str], suffixes: Sequence[str]
) -> list[str]:
    """Which of a resource's ARNs (its own with each suffix) no policy closes to plain HTTP.

    Args:
        resource: Bucket, topic or queue.
        holders: Itself and the resources that carry a policy for it.
        actions: Actions (lower case) that a Deny must cover, all of them.
        suffixes: "" for the resource itself, "/*" for what is in it.

    Raises:
        NotEvaluatedError: An ARN is still open, and a policy that might close it is not known yet.
    """
    denies: list[Statement] = []
    undecided: NotEvaluatedError | None = None
    for holder in holders:
        try:
            for path, _ in sources(holder, Role.RESOURCE):
                denies += [s for s in load(holder, path).denies if _refuses_all(s, actions)]
        except NotEvaluatedError as error:
            undecided = error
    arn = resource.get("arn")
    own = "" if arn is None or is_unknown(arn) else str(arn)
    still_open = [s for s in suffixes if not any(_covers(deny, own, s) for deny in denies)]
    if still_open and undecided:
        raise undecided
    return [f"{own or 'the ARN'}{suffix}" for suffix in still_open]


def _refuses_all(statement: Statement, actions: Sequence[str]) -> bool:
    """Whether nobody comes in without TLS. The condition stands alone: all conditions of a
    statement must hold, so each further one lets somebody through.
    """
    return (
        any("*" in who for kind, who in statement.principals.items() if kind in ("*", "AWS"))
        and all(statement.covers_action(action) for action in actions)
        and len(statement.conditions) == 1
        and all(
            condition.operator == "bool"
            and condition.key == "aws:securetransport"
            and condition.values == ("false",)
            and not condition.qualifier
            for condition in statement.conditions
        )
    )


def _covers(statement: Statement, arn: str, suffix: str) -> bool:
    if statement.not_resources:
        return False
    if statement.any_resource():
        return True
    if arn:
        return any(fnmatch.fnmatchcase(arn + suffix, pattern) for pattern in statement.resources)
    return any(pattern.endswith("*") == bool(suffix) for pattern in statement.resources)
