"""What a set of policy documents really allows: Deny taken away, documents of one role taken
together.
"""

import dataclasses
import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from guardrails.evaluation import Report
from guardrails.iam import actions, arns
from guardrails.iam.document import Document, Role, Statement, documents, load
from guardrails.resources import Resource, Stack
from guardrails.values import NotEvaluatedError

_DATA = Path(__file__).parent.parent / "data"

POLICY = "aws:iam/policy:Policy"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE = "aws:iam/role:Role"
ROLE_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
POLICY_ATTACHMENT = "aws:iam/policyAttachment:PolicyAttachment"


def is_admin(statement: Statement) -> bool:
    """Whether a statement allows everything on everything."""
    return (
        not statement.not_actions
        and statement.any_resource()
        and any(not action.replace(":", "").strip("*") for action in statement.actions)
    )


def ordinary(document: Document) -> Iterator[Statement]:
    """The Allow statements, without those that allow everything: one rule speaks of these, and
    it is enough.
    """
    return (s for s in document.allows if not is_admin(s))


def is_denied(action: str, statement: Statement, denies: Iterable[Statement]) -> bool:
    """Whether a Deny without conditions takes away what a statement allows for one action,
    wherever it allows it.
    """
    return any(
        not deny.conditions and deny.covers_action(action) and _covers(deny, statement)
        for deny in denies
    )


def _covers(deny: Statement, allowed: Statement) -> bool:
    if any(not resource.strip("*") for resource in deny.resources):
        return True
    if deny.not_resources or allowed.not_resources or not allowed.resources:
        return False
    return all(any(actions.matches(d, r) for d in deny.resources) for r in allowed.resources)


@functools.lru_cache(maxsize=2048)
def granted(statement: Statement, document: Document) -> tuple[str, ...]:
    """The actions of an Allow statement that its own document does not deny again, in order."""
    denies = document.denies
    return tuple(
        action for action in sorted(statement.covered) if not is_denied(action, statement, denies)
    )


@dataclasses.dataclass(frozen=True)
class Named:
    """A document and where it stands."""

    where: str
    document: Document
    urn: str = ""


def documents_of_role(stack: Stack, role: Resource, report: Report) -> list[Named]:
    """Every identity document of a role: inline, separate, attached. Unknown ones are reported,
    the others returned.
    """
    policies: list[Resource] = []
    with report.attempt(role):
        policies += stack.sources(role, "role", ROLE_POLICY)
    for attachment, path in _attachments(stack, role, report):
        with report.attempt(role):
            policies += stack.targets(attachment, path, POLICY)
    named = [Named(path, d, role.urn) for path, d in documents(role, report, Role.IDENTITY)]
    for policy in dict.fromkeys(policies):
        with report.attempt(role):
            named.append(Named(policy.name, load(policy, "policy"), policy.urn))
    return named


def _attachments(stack: Stack, role: Resource, report: Report) -> Iterator[tuple[Resource, str]]:
    if role.has("managedPolicyArns"):
        yield role, "managedPolicyArns"
    for kind, path in ((ROLE_ATTACHMENT, "role"), (POLICY_ATTACHMENT, "roles")):
        with report.attempt(role):
            for attachment in stack.sources(role, path, kind):
                yield attachment, "policyArn"


@functools.cache
def escalations() -> tuple[frozenset[str], ...]:
    """Smallest sets of actions by which a principal can give itself more than it has."""
    data: Any = json.loads((_DATA / "privilege_escalation.json").read_text())
    return tuple(frozenset(actions_) for actions_ in data["sets"])


@functools.cache
def _concerned() -> frozenset[str]:
    return frozenset(action for combination in escalations() for action in combination)


@dataclasses.dataclass(frozen=True)
class Escalation:
    """A way up that a role has."""

    actions: tuple[str, ...]
    where: tuple[str, ...]
    """Documents that it comes from."""


# The service that a role is passed to, where it is not named like the actions' prefix.
_PASSED_TO = {
    "ecs": ("ecs-tasks.amazonaws.com",),
    "elasticmapreduce": ("elasticmapreduce.amazonaws.com", "ec2.amazonaws.com"),
    "autoscaling": ("ec2.amazonaws.com",),
    "imagebuilder": ("imagebuilder.amazonaws.com", "ec2.amazonaws.com"),
    "apprunner": ("build.apprunner.amazonaws.com", "tasks.apprunner.amazonaws.com"),
    "cloudformation": ("cloudformation.amazonaws.com",),
}


def find_escalations(
    named: Sequence[Named], allowed: Iterable[frozenset[str]] = ()
) -> list[Escalation]:
    """The ways up that documents give together; smallest first.

    A grant does not count where it cannot be used to gain anything: PassRole of named roles only,
    or to a service that the combination does not use; an action on named resources only (IAM's own
    always count, unless a permissions boundary is demanded; so does what any role can be passed
    to); a set of `allowed`.
    """
    denies = [deny for n in named for deny in n.document.denies]
    held: dict[str, list[tuple[str, Statement]]] = {}
    for n in named:
        for statement in ordinary(n.document):
            for action in _concerned():
                if statement.covers_action(action) and not is_denied(action, statement, denies):
                    held.setdefault(action, []).append((n.where, statement))
    accepted = list(allowed)
    found = []
    for combination in escalations():
        if combination in accepted or not combination <= held.keys():
            continue
        usable = [
            {where for where, s in held[action] if _usable(action, s, combination)}
            for action in sorted(combination)
        ]
        if all(usable):
            where = sorted({min(places) for places in usable})
            found.append(Escalation(tuple(sorted(combination)), tuple(where)))
    return sorted(found, key=lambda e: (len(e.actions), e.actions))


def _usable(action: str, statement: Statement, combination: frozenset[str]) -> bool:
    service = action.partition(":")[0]
    open_ended = bool(statement.not_resources) or any(
        arns.open_ended(resource) for resource in statement.resources
    )
    if action == "iam:passrole":
        return open_ended and _passes_to(statement, combination)
    if service == "iam":
        return not statement.pinned_by("iam:permissionsboundary")
    # Where any role can be passed on, one function or one family of tasks to pass it to is enough.
    return open_ended or "iam:passrole" in combination or not actions.resource_types(action)


def _passes_to(statement: Statement, combination: frozenset[str]) -> bool:
    pins = [c for c in statement.condition_on("iam:passedtoservice") if c.pins]
    if not pins:
        return True
    services = {action.partition(":")[0] for action in combination} - {"iam", "s3", "sts"}
    wanted = {
        principal for s in services for principal in _PASSED_TO.get(s, (f"{s}.amazonaws.com",))
    }
    return all(
        any(actions.matches(value, principal) for value in pin.values for principal in wanted)
        for pin in pins
    )


def union_of(stack: Stack, report: Report) -> Iterator[tuple[Resource, list[Named]]]:
    """Each role with all of its documents, then each document that belongs to no role of the
    stack.
    """
    claimed: set[str] = set()
    for role in stack.of(ROLE):
        named = documents_of_role(stack, role, report)
        claimed |= {n.urn for n in named}
        yield role, named
    for policy in stack.of(ROLE_POLICY, POLICY):
        if policy.urn not in claimed:
            try:
                yield policy, [Named("policy", load(policy, "policy"), policy.urn)]
            except NotEvaluatedError as error:
                report.not_evaluated(str(error), policy)
