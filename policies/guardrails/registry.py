"""What a rule is: one value that holds its check, its words, its options and the two examples that
prove it.
"""

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from guardrails import tokens


class Severity(enum.Enum):
    """How bad it is if the rule is broken."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Kind(enum.Enum):
    """Whether a rule looks at one resource, or at the whole stack."""

    RESOURCE = "resource"
    STACK = "stack"


PROFILES = ("temporary", "staging", "production")
LEVELS = ("disabled", "advisory", "mandatory", "remediate")


def _levels(temporary: str, staging: str, production: str) -> Mapping[str, str]:
    return MappingProxyType(dict(zip(PROFILES, (temporary, staging, production), strict=True)))


ALWAYS = _levels("mandatory", "mandatory", "mandatory")
"""Nothing of ours may do this, anywhere."""
DEPLOYED = _levels("advisory", "mandatory", "mandatory")
"""For what stays: a pull request's stack is only told."""
CRITICAL = _levels("disabled", "advisory", "mandatory")
"""Owed to production; worth knowing in staging."""
PRODUCTION = _levels("disabled", "disabled", "mandatory")
"""What staging saves on purpose (a second zone, long retention): no word about it there."""
ADVICE = _levels("advisory", "advisory", "advisory")
"""Never stops anything."""
FIX = _levels("remediate", "remediate", "remediate")
"""Put right on the way, free and repeatable; what cannot be put right is mandatory."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Option:
    """A choice that a policy configuration may change for one rule."""

    type: str
    """JSON schema type: string, integer, boolean, array (of strings) or object (of strings)."""
    default: Any
    description: str
    by_profile: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Defaults of single profiles that differ."""

    def default_for(self, profile: str) -> Any:
        """The value where no configuration says otherwise."""
        return self.by_profile.get(profile, self.default)

    def schema(self, profile: str) -> dict[str, Any]:
        """The JSON schema that the engine validates a configuration with."""
        schema: dict[str, Any] = {
            "type": self.type,
            "default": self.default_for(profile),
            "description": self.description,
        }
        if self.type == "array":
            schema["items"] = {"type": "string"}
        if self.type == "object":
            schema["additionalProperties"] = {"type": "string"}
        return schema

    def accepts(self, value: Any) -> bool:
        """Whether a configured value is of the declared type."""
        if self.type == "integer":
            return (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and float(value).is_integer()
            )
        if self.type == "boolean":
            return isinstance(value, bool)
        if self.type == "array":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        if self.type == "object":
            return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
        return isinstance(value, str)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """One resource of an example, as plain data. `${other.arn}` in a text refers to another node of
    the example.
    """

    name: str
    type: str
    properties: Mapping[str, Any]
    protect: bool = False
    ignore_changes: Sequence[str] = ()
    provider: Mapping[str, Any] | None = None


def node(name: str, type: str, properties: Mapping[str, Any] | None = None, **options: Any) -> Node:
    """Writes one resource of an example: name, type token, inputs in camelCase, options of
    `Node`.
    """
    return Node(name=name, type=type, properties=properties or {}, **options)


Example = Sequence[Node]
"""Resources of a small program. In the violating one, the first is the offender."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the pack."""

    id: str
    """Kebab-case; what people write in configuration and exemptions. Never renamed lightly."""
    title: str
    """One sentence that states the rule."""
    severity: Severity
    level: Mapping[str, str]
    """Profile -> enforcement level."""
    types: tuple[str, ...]
    """Canonical type tokens it is about; other spellings follow by themselves. Empty: every type.
    """
    condition: str
    """When it is violated, precisely."""
    exceptions: str
    """What looks like a violation and is not; "" for none."""
    fix: str
    """What to write instead, in the spelling of pulumi-aws for Python."""
    anchors: Mapping[str, tuple[str, ...]]
    """Catalogue -> ids of the rules elsewhere that ask the same."""
    passes: Example
    violates: Example
    url: str
    """Where AWS documents what the rule relies on."""
    options: Mapping[str, Option]
    resource_checks: tuple[Callable[..., None], ...]
    stack_checks: tuple[Callable[..., None], ...]
    remediate: Callable[..., bool] | None = None

    @property
    def kind(self) -> Kind:
        """Whether it looks at one resource or at the stack."""
        return Kind.STACK if self.stack_checks else Kind.RESOURCE

    @property
    def all_types(self) -> tuple[str, ...]:
        """Every token, aliases included."""
        return tuple(spelling for token in self.types for spelling in tokens.spellings(token))


ANCHORS = {
    "fsbp": "AWS Foundational Security Best Practices",
    "security_hub": "Security Hub, outside FSBP",
    "cis": "CIS AWS Foundations 3.0",
    "checkov": "checkov",
    "cdk_nag": "cdk-nag",
    "prowler": "Prowler",
    "cfn_guard": "AWS Guard rules registry",
    "trivy": "trivy-checks",
    "pulumi": "Pulumi's open packs",
    "other": "other",
}


def anchors(**found: str) -> Mapping[str, tuple[str, ...]]:
    """Ids of rules elsewhere that ask the same: `anchors(fsbp="ELB.1 ELB.18",
    checkov="CKV_AWS_2")`.
    """
    unknown = set(found) - set(ANCHORS)
    if unknown:
        raise ValueError(f"unknown anchor {sorted(unknown)}; there are {sorted(ANCHORS)}")
    return MappingProxyType({key: tuple(ids.split()) for key, ids in found.items()})


NO_ANCHOR = anchors()
"""No catalogue that we know of has this rule."""

_Check = Callable[..., None]


def rule(
    *,
    id: str,
    title: str,
    severity: Severity,
    level: Mapping[str, str],
    types: Sequence[str],
    condition: str,
    fix: str,
    url: str,
    passes: Example,
    violates: Example,
    check: _Check | Sequence[_Check] = (),
    stack_check: _Check | Sequence[_Check] = (),
    anchors: Mapping[str, tuple[str, ...]] = NO_ANCHOR,
    exceptions: str = "",
    options: Mapping[str, Option] | None = None,
    remediate: Callable[..., bool] | None = None,
) -> Rule:
    """Declares a rule.

    Args:
        id: Kebab-case id.
        title: One sentence that states the rule.
        severity: How bad a violation is.
        level: One of ALWAYS, DEPLOYED, CRITICAL, PRODUCTION, ADVICE, FIX.
        types: Canonical type tokens that it is about.
        condition: When it is violated.
        fix: What to write instead, in pulumi-aws for Python.
        url: AWS's documentation of what it relies on.
        passes: Resources that keep the rule.
        violates: Resources that break it; the first one is the offender.
        check: `(resource, report) -> None`, one or several that do not hinder each other.
        stack_check: `(stack, report) -> None`, likewise. A rule has either kind, not both.
        anchors: See `anchors(...)`.
        exceptions: What looks like a violation and is not. Defaults to none.
        options: What configuration may change. Defaults to nothing.
        remediate: `(draft, report) -> bool`: changes the draft in place, says whether it did. Only
            with level FIX.
    """
    checks = (check,) if callable(check) else tuple(check)
    stack_checks = (stack_check,) if callable(stack_check) else tuple(stack_check)
    if bool(checks) == bool(stack_checks):
        raise ValueError(f"{id}: a rule has check or stack_check")
    if (remediate is not None) != (level is FIX):
        raise ValueError(f"{id}: remediate and level FIX go together")
    return Rule(
        id=id,
        title=title,
        severity=severity,
        level=level,
        types=tuple(types),
        condition=condition,
        exceptions=exceptions,
        fix=fix,
        anchors=anchors,
        passes=tuple(passes),
        violates=tuple(violates),
        url=url,
        options=MappingProxyType(dict(options or {})),
        resource_checks=checks,
        stack_checks=stack_checks,
        remediate=remediate,
    )
