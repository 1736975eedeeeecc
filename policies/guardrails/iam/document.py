"""A policy document, parsed once, whatever form it was written in.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import dataclasses
import enum
import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from guardrails.evaluation import Report
from guardrails.iam import actions
from guardrails.resources import Resource
from guardrails.values import NotEvaluatedError, Unknown


class Role(enum.Enum):
    """What a document is for."""

    IDENTITY = "identity"
    """What a principal may do."""
    TRUST = "trust"
    """Who may become a role."""
    RESOURCE = "resource"
    """Who may use a resource."""


@dataclasses.dataclass(frozen=True)
class Condition:
    """One operator, key and set of values. All conditions of a statement must hold; one of the
    values is enough.
    """

    operator: str
    """Lower case, without qualifier and `IfExists`."""
    key: str
    """Lower case."""
    values: tuple[str, ...]
    if_exists: bool = False
    """Whether the condition holds as well when the key is not in the request: then it pins nothing.
    """
    qualifier: str = ""
    """`forallvalues` (holds for an empty set, too) or `foranyvalue`."""

    @property
    def pins(self) -> bool:
        """Whether a request without a matching value is refused."""
        equals = self.operator in (
            "stringequals",
            "stringequalsignorecase",
            "stringlike",
            "arnequals",
            "arnlike",
        )
        loose = any(not value.strip("*?") for value in self.values)
        return (
            equals
            and not self.if_exists
            and self.qualifier != "forallvalues"
            and bool(self.values)
            and not loose
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Statement:
    """One statement; lists everywhere, whatever was written."""

    index: int
    sid: str
    allow: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: Mapping[str, tuple[str, ...]]
    """Kind (`AWS`, `Service`, `Federated`, `CanonicalUser`, or `*`) -> who."""
    not_principals: Mapping[str, tuple[str, ...]]
    conditions: tuple[Condition, ...]

    @property
    def label(self) -> str:
        """How a message points at it."""
        return f"statement {self.sid or self.index + 1}"

    @functools.cached_property
    def covered(self) -> frozenset[str]:
        """Every action that it speaks of: patterns expanded, NotAction as all others."""
        if self.not_actions:
            return actions.every() - _expand_all(self.not_actions)
        return _expand_all(self.actions)

    def covers_action(self, action: str) -> bool:
        """Whether one action (lower case) is among them, without expanding the lot."""
        if self.not_actions:
            return not any(actions.matches(p, action) for p in self.not_actions)
        return any(actions.matches(p, action) for p in self.actions)

    def spelled(self, action: str) -> str:
        """The pattern by which an action is covered, for a message."""
        if self.not_actions:
            return "NotAction"
        return next((p for p in self.actions if actions.matches(p, action)), action)

    def any_resource(self) -> bool:
        """Whether it speaks of every resource: `*`, or NotResource."""
        return bool(self.not_resources) or any(not r.strip("*") for r in self.resources)

    def condition_on(self, *keys: str) -> list[Condition]:
        """The conditions about any of these keys (lower case)."""
        return [c for c in self.conditions if c.key in keys]

    def pinned_by(self, *keys: str) -> bool:
        """Whether a condition on one of these keys (lower case) really restricts the request."""
        return any(c.pins for c in self.condition_on(*keys))


@dataclasses.dataclass(frozen=True, eq=False)
class Document:
    """A policy document."""

    statements: tuple[Statement, ...]
    version: str
    size: int
    """Characters that count towards AWS's limit: white space outside of texts does not."""
    problems: tuple[str, ...]
    """What AWS would refuse: reported by one rule, ignored by the others."""

    @property
    def allows(self) -> list[Statement]:
        """The Allow statements."""
        return [s for s in self.statements if s.allow]

    @property
    def denies(self) -> list[Statement]:
        """The Deny statements."""
        return [s for s in self.statements if not s.allow]


def _expand_all(patterns: tuple[str, ...]) -> frozenset[str]:
    return frozenset().union(*(actions.expand(p) for p in patterns))


def parse(source: Any, path: str = "policy") -> Document:
    """Reads a document given as text or as a map.

    Never fails on what it reads: whatever is malformed becomes a problem of the document.

    Raises:
        NotEvaluatedError: It, or a part of it, is not known yet.
    """
    problems: list[str] = []
    _refuse_unknown(source, path)
    if isinstance(source, str):
        try:
            source = json.loads(source)
        except (ValueError, RecursionError):
            return Document((), "", len(source), ("is not valid JSON",))
    if not isinstance(source, Mapping):
        return Document((), "", 0, ("is not a JSON object",))
    fields = {str(key).lower(): value for key, value in source.items()}
    if "statement" not in fields:
        problems.append("has no Statement")
    raw = fields.get("statement", [])
    statements = [
        statement
        for index, item in enumerate(raw if isinstance(raw, list) else [raw])
        if (statement := _statement(index, item, problems)) is not None
    ]
    version = fields.get("version")
    return Document(
        tuple(statements),
        version if isinstance(version, str) else "",
        len(json.dumps(source, separators=(",", ":"), ensure_ascii=False)),
        tuple(problems),
    )


def _refuse_unknown(value: Any, path: str) -> None:
    if isinstance(value, Unknown):
        raise NotEvaluatedError(value.path)
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_unknown(item, path)
    elif isinstance(value, list):
        for item in value:
            _refuse_unknown(item, path)


def _statement(index: int, item: Any, problems: list[str]) -> Statement | None:
    where = f"statement {index + 1}"
    if not isinstance(item, Mapping):
        problems.append(f"{where} is not an object")
        return None
    fields = {str(key).lower(): value for key, value in item.items()}
    unknown = set(fields) - {
        "sid", "effect", "action", "notaction", "resource", "notresource",
        "principal", "notprincipal", "condition",
    }  # fmt: skip
    problems += [f"{where} has a key {key!r} that IAM does not know" for key in sorted(unknown)]
    effect = fields.get("effect")
    if effect not in ("Allow", "Deny"):
        problems.append(f"{where} has neither Effect Allow nor Deny")
    for one in ("action", "resource", "principal"):
        if one in fields and f"not{one}" in fields:
            problems.append(f"{where} has both {one.title()} and Not{one.title()}")
    if "action" not in fields and "notaction" not in fields:
        problems.append(f"{where} has no Action")
    sid = fields.get("sid")
    return Statement(
        index=index,
        sid=sid if isinstance(sid, str) else "",
        # What is not a Deny is judged as an Allow: AWS refuses it, and until then it must not hide
        # behind a typo.
        allow=effect != "Deny",
        actions=_texts(fields.get("action"), f"{where}: Action", problems),
        not_actions=_texts(fields.get("notaction"), f"{where}: NotAction", problems),
        resources=_texts(fields.get("resource"), f"{where}: Resource", problems),
        not_resources=_texts(fields.get("notresource"), f"{where}: NotResource", problems),
        principals=_principals(fields.get("principal"), where, problems),
        not_principals=_principals(fields.get("notprincipal"), where, problems),
        conditions=tuple(_conditions(fields.get("condition"), where, problems)),
    )


def _texts(value: Any, where: str, problems: list[str]) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [] if value is None else [value]
    texts = [i for i in items if isinstance(i, str)]
    if len(texts) != len(items):
        problems.append(f"{where} holds something that is not a text")
    return tuple(texts)


def _principals(value: Any, where: str, problems: list[str]) -> dict[str, tuple[str, ...]]:
    if value is None:
        return {}
    if value == "*":
        return {"*": ("*",)}
    if not isinstance(value, Mapping):
        problems.append(f"{where}: Principal is neither * nor a map")
        return {}
    kinds = {"aws": "AWS", "service": "Service", "federated": "Federated"}
    return {
        kinds.get(str(kind).lower(), str(kind)): _texts(who, f"{where}: Principal", problems)
        for kind, who in value.items()
    }


def _conditions(value: Any, where: str, problems: list[str]) -> Iterator[Condition]:
    if value is None:
        return
    if not isinstance(value, Mapping):
        problems.append(f"{where}: Condition is not a map")
        return
    for spelled, keys in value.items():
        if not isinstance(keys, Mapping):
            problems.append(f"{where}: Condition {spelled} is not a map")
            continue
        operator = str(spelled).lower()
        qualifier, _, rest = operator.rpartition(":")
        if_exists = rest.endswith("ifexists")
        for key, values in keys.items():
            yield Condition(
                operator=rest.removesuffix("ifexists"),
                key=str(key).lower(),
                values=tuple(_scalars(values)),
                if_exists=if_exists,
                qualifier=qualifier,
            )


def _scalars(value: Any) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, bool):
            yield str(item).lower()
        elif isinstance(item, str | int | float):
            yield str(item)


_TABLE: dict[str, tuple[tuple[str, Role], ...]] = {
    "aws:iam/policy:Policy": (("policy", Role.IDENTITY),),
    "aws:iam/rolePolicy:RolePolicy": (("policy", Role.IDENTITY),),
    "aws:iam/userPolicy:UserPolicy": (("policy", Role.IDENTITY),),
    "aws:iam/groupPolicy:GroupPolicy": (("policy", Role.IDENTITY),),
    "aws:iam/role:Role": (
        ("inlinePolicies[].policy", Role.IDENTITY),
        ("assumeRolePolicy", Role.TRUST),
    ),
    "aws:s3/bucketPolicy:BucketPolicy": (("policy", Role.RESOURCE),),
    "aws:s3/bucket:Bucket": (("policy", Role.RESOURCE),),
    "aws:kms/key:Key": (("policy", Role.RESOURCE),),
    "aws:kms/keyPolicy:KeyPolicy": (("policy", Role.RESOURCE),),
    "aws:sns/topicPolicy:TopicPolicy": (("policy", Role.RESOURCE),),
    "aws:sns/topic:Topic": (("policy", Role.RESOURCE),),
    "aws:sqs/queuePolicy:QueuePolicy": (("policy", Role.RESOURCE),),
    "aws:sqs/queue:Queue": (("policy", Role.RESOURCE),),
    "aws:secretsmanager/secretPolicy:SecretPolicy": (("policy", Role.RESOURCE),),
    "aws:secretsmanager/secret:Secret": (("policy", Role.RESOURCE),),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": (("policy", Role.RESOURCE),),
    "aws:backup/vaultPolicy:VaultPolicy": (("policy", Role.RESOURCE),),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": (("policyDocument", Role.RESOURCE),),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (("policy", Role.RESOURCE),),
    "aws:xray/resourcePolicy:ResourcePolicy": (("policyDocument", Role.RESOURCE),),
}


def types_with(*roles: Role) -> tuple[str, ...]:
    """Canonical tokens of the resources that carry such a document."""
    return tuple(t for t, places in _TABLE.items() if any(role in roles for _, role in places))


def sources(resource: Resource, *roles: Role) -> Iterator[tuple[str, Role]]:
    """Path and purpose of each document that a resource carries."""
    for path, role in _TABLE.get(resource.kind, ()):
        if role not in roles:
            continue
        head, listed, tail = path.partition("[].")
        if not listed:
            if resource.get(path) is not None and not _empty(resource.get(path)):
                yield path, role
            continue
        for view in resource.views(head):
            if view.has(tail):
                yield f"{view.path}.{tail}", role


def _empty(value: Any) -> bool:
    return isinstance(value, str) and not value


def load(resource: Resource, path: str) -> Document:
    """The document at a path of a resource: parsed once, however many rules read it.

    Raises:
        NotEvaluatedError: It is not known yet.
    """
    return resource.memo(("document", path), lambda: parse(resource.get(path), path))


def documents(resource: Resource, report: Report, *roles: Role) -> Iterator[tuple[str, Document]]:
    """Path and content of each document of these kinds; one that is unknown is reported and hides
    no other.
    """
    with report.attempt(resource):
        for path, _ in sources(resource, *roles):
            with report.attempt(resource):
                yield path, load(resource, path)
