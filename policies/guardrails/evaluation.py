"""Runs one rule and turns whatever happens into findings: never an exception, never a silent
pass.
"""

import contextlib
import dataclasses
import enum
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from guardrails.exemptions import Register
from guardrails.registry import Rule
from guardrails.resources import Resource, Stack
from guardrails.values import NotEvaluatedError

_MASK = "[secret]"


class Outcome(enum.Enum):
    """What a finding says."""

    VIOLATION = "violation"
    ADVICE = "advice"
    """Worth changing, whatever the rule's level."""
    NOT_EVALUATED = "not evaluated"
    EXEMPT = "exempt"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a rule has to say about one resource."""

    rule: Rule
    outcome: Outcome
    urn: str
    """"" where it is about the stack as a whole."""
    detail: str
    """What is wrong, and where; never a secret."""

    @property
    def message(self) -> str:
        """The text that people read: what, how to put it right, who else asks for it."""
        if self.outcome is not Outcome.VIOLATION and self.outcome is not Outcome.ADVICE:
            return f"{self.outcome.value}: {self.detail}"
        ids = ", ".join(i for found in self.rule.anchors.values() for i in found[:2])
        return f"{self.detail}\nFix: {self.rule.fix}" + (f"\n[{ids}]" if ids else "")


class Report:
    """What a check is given to speak with. Calling it reports a violation."""

    def __init__(
        self,
        rule: Rule,
        subject: Resource | None,
        *,
        profile: str,
        configured: Mapping[str, Any] | None = None,
    ) -> None:
        """Speaks for `rule`, about `subject` unless told otherwise."""
        self.profile = profile
        self.findings: list[Finding] = []
        self._rule = rule
        self._subject = subject
        self._configured = configured or {}

    def option(self, name: str) -> Any:
        """The configured value of an option, or its default in this profile."""
        option = self._rule.options[name]
        value = self._configured.get(name, option.default_for(self.profile))
        return int(value) if option.type == "integer" else value

    def __call__(self, detail: str, on: Resource | None = None) -> None:
        """Reports a violation, of `on` or of the resource at hand."""
        self._add(Outcome.VIOLATION, detail, on)

    def advise(self, detail: str, on: Resource | None = None) -> None:
        """Reports what is worth changing but stops nothing, whatever the rule's level."""
        self._add(Outcome.ADVICE, detail, on)

    def not_evaluated(self, detail: str, on: Resource | None = None) -> None:
        """Reports that something could not be judged."""
        self._add(Outcome.NOT_EVALUATED, detail, on)

    @contextlib.contextmanager
    def attempt(self, on: Resource | None = None) -> Iterator[None]:
        """Lets the check go on after a part that needs an unknown value; that part is reported as
        not evaluated.
        """
        try:
            yield
        except NotEvaluatedError as error:
            self.not_evaluated(str(error), on)

    def each(self, resources: list[Resource], check: Callable[[Resource], None]) -> None:
        """Runs a check for every resource, each on its own: one that cannot be judged hides no
        other.
        """
        for resource in resources:
            before = self._subject
            self._subject = resource
            try:
                with self.attempt():
                    check(resource)
            finally:
                self._subject = before

    def _add(self, outcome: Outcome, detail: str, on: Resource | None) -> None:
        subject = on or self._subject
        for secret in sorted(subject.secrets, key=len, reverse=True) if subject else ():
            detail = detail.replace(secret, _MASK)
        finding = Finding(
            rule=self._rule, outcome=outcome, urn=subject.urn if subject else "", detail=detail
        )
        if finding not in self.findings:
            self.findings.append(finding)


def evaluate(
    rule: Rule,
    subject: Resource | Stack,
    *,
    profile: str,
    configured: Mapping[str, Any] | None = None,
    register: Register | None = None,
) -> list[Finding]:
    """Every finding of one rule about one resource, or about the stack; exempted ones say that they
    are.
    """
    resource = subject if isinstance(subject, Resource) else None
    report = Report(rule, resource, profile=profile, configured=configured)
    for check in rule.resource_checks if resource else rule.stack_checks:
        try:
            check(subject, report)
        except NotEvaluatedError as error:
            report.not_evaluated(str(error))
        except Exception as error:
            # The text of an exception may hold a property's value, so only its type and place are
            # told.
            report.not_evaluated(f"the rule failed: {type(error).__name__} at {_place(error)}")
    if register is None:
        return report.findings
    by_urn = {resource.urn: resource} if resource else subject.by_urn  # pyright: ignore
    return [_exempted(finding, by_urn, register) for finding in report.findings]


def _exempted(finding: Finding, by_urn: Mapping[str, Resource], register: Register) -> Finding:
    resource = by_urn.get(finding.urn)
    exemption = register.find(finding.rule.id, resource) if resource else None
    if exemption is None:
        return finding
    return dataclasses.replace(
        finding, outcome=Outcome.EXEMPT, detail=f"{exemption.describe()}. {finding.detail}"
    )


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "guardrails" in Path(f.filename).parts] or frames
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}"
