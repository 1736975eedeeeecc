"""The rules as Pulumi policies, set for one stack."""

import functools
from collections.abc import Sequence
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from guardrails import exemptions, registry, rules
from guardrails.draft import Draft
from guardrails.evaluation import Finding, Outcome, Report, evaluate
from guardrails.registry import Kind, Rule
from guardrails.resources import Resource, Stack
from guardrails.settings import PackSettings

NOT_EVALUATED = "not-evaluated"
"""Policy under which a preview lists what it could not judge: advisory, one line per resource."""
EXEMPTIONS = "exemptions"
"""Policy that watches the exemptions themselves."""


class Pack:
    """Rules, levels and exemptions of one stack."""

    def __init__(
        self,
        settings: PackSettings | None = None,
        chosen: Sequence[Rule] = rules.ALL,
        register: exemptions.Register | None = None,
    ) -> None:
        """Builds one Pulumi policy per rule, and the two that speak for the pack itself.

        Args:
            settings: What the stack decides. Defaults to reading its configuration.
            chosen: Rules to run. Defaults to all.
            register: Exemptions. Defaults to those of the settings.
        """
        self.settings = settings or PackSettings.load()
        self.rules = {rule.id: rule for rule in chosen}
        self.register = register or exemptions.Register(
            exemptions.parse(self.settings.exemptions, self.rules)
        )
        self.policies: list[Policy] = [
            *(self._policy(rule) for rule in chosen),
            ResourceValidationPolicy(
                name=NOT_EVALUATED,
                description="A rule needs a value that is only known after deployment.",
                enforcement_level=EnforcementLevel.ADVISORY,
                validate=lambda _args, _report: None,
            ),
            StackValidationPolicy(
                name=EXEMPTIONS,
                description="Exemptions are in force and needed.",
                enforcement_level=EnforcementLevel.MANDATORY,
                validate=self._watch_exemptions,
            ),
        ]
        self.by_name = {policy.name: policy for policy in self.policies}
        self.stack_rules = [rule for rule in chosen if rule.kind is Kind.STACK]

    @functools.lru_cache(maxsize=1024)  # noqa: B019 - a pack lives as long as its process
    def rules_for(self, type_: str) -> tuple[Rule, ...]:
        """The resource rules that are about a type."""
        return tuple(
            rule
            for rule in self.rules.values()
            if rule.kind is Kind.RESOURCE and (not rule.types or type_ in rule.all_types)
        )

    def evaluate(
        self, rule: Rule, subject: Resource | Stack, configured: dict[str, Any] | None
    ) -> list[Finding]:
        """The findings of one rule under this stack's profile and exemptions."""
        return evaluate(
            rule,
            subject,
            profile=self.settings.profile,
            configured=configured,
            register=self.register,
        )

    def exemption_problems(self) -> tuple[list[str], list[str]]:
        """What is expired (a violation) and what nothing needed (worth knowing)."""
        expired = [
            f"The exemption from {e.rule} for {e.resource} expired on {e.expires} ({e.owner}): "
            "fix the resource, or decide again and set a new date."
            for e in self.register.expired()
        ]
        unused = [
            f"The exemption from {e.rule} for {e.resource} is not needed ({e.owner}): remove it."
            for e in self.register.unused()
        ]
        return expired, unused

    def _policy(self, rule: Rule) -> Policy:
        common: dict[str, Any] = {
            "name": rule.id,
            "description": rule.title,
            "display_name": rule.title,
            "enforcement_level": EnforcementLevel(rule.level[self.settings.profile]),
            "severity": Severity(rule.severity.value),
            "remediation_steps": rule.fix,
            "url": rule.url,
            "tags": [i for found in rule.anchors.values() for i in found],
            "config_schema": PolicyConfigSchema(
                {k: o.schema(self.settings.profile) for k, o in rule.options.items()}
            )
            if rule.options
            else None,
        }
        if rule.kind is Kind.STACK:
            return StackValidationPolicy(
                validate=functools.partial(self._validate_stack, rule), **common
            )
        return ResourceValidationPolicy(
            validate=functools.partial(self._validate_resource, rule),
            remediate=functools.partial(self._remediate, rule) if rule.remediate else None,
            **common,
        )

    # The three callbacks below serve whoever runs single policies through the SDK's own analyzer.
    # The pack's server does not pass through the first two: it decodes a resource once for all
    # rules (see server.py).

    def _validate_resource(
        self, rule: Rule, args: ResourceValidationArgs, report: ReportViolation
    ) -> None:
        if rule.types and args.resource_type not in rule.all_types:
            args.not_applicable()
        resource = Resource.from_sdk(args)
        self._tell(self.evaluate(rule, resource, dict(args.get_config())), args, report)

    def _validate_stack(
        self, rule: Rule, args: StackValidationArgs, report: ReportViolation
    ) -> None:
        stack = Stack([Resource.from_sdk(resource) for resource in args.resources])
        self._tell(self.evaluate(rule, stack, dict(args.get_config())), args, report)

    def _tell(
        self,
        findings: list[Finding],
        args: ResourceValidationArgs | StackValidationArgs,
        report: ReportViolation,
    ) -> None:
        unknown: list[str] = []
        exempt: list[str] = []
        for finding in findings:
            advisory = finding.rule.level[self.settings.profile] == "advisory"
            if finding.outcome is Outcome.EXEMPT:
                exempt.append(finding.message)
            elif finding.outcome is Outcome.NOT_EVALUATED and not self.settings.offline:
                unknown.append(finding.detail)
            elif finding.outcome is not Outcome.ADVICE or advisory:
                report(finding.message, finding.urn or None)
        if unknown:  # the SDK turns it into an advisory line, and keeps what was reported before
            raise UnknownValueError(UNKNOWN_STRING_VALUE, ["; ".join(unknown)])
        if exempt:
            args.not_applicable("; ".join(exempt))

    def _remediate(self, rule: Rule, args: ResourceValidationArgs) -> Any:
        if rule.remediate is None or args.resource_type not in (
            rule.all_types or (args.resource_type,)
        ):
            return None
        draft = Draft(args)
        resource = Resource(urn=args.urn, type=args.resource_type, name=args.name, properties={})
        if self.register.find(rule.id, resource):
            return None
        report = Report(
            rule, resource, profile=self.settings.profile, configured=dict(args.get_config())
        )
        try:
            changed = rule.remediate(draft, report)
        except Exception:
            # What could not be put right is judged right after, by the same rule's check.
            return None
        return args.props if changed else None

    def _watch_exemptions(self, _args: StackValidationArgs, report: ReportViolation) -> None:
        expired, unused = self.exemption_problems()
        for problem in [*expired, *unused]:
            report(problem, None)


def levels(profile: str) -> dict[str, str]:
    """Rule id -> level of one profile: for documentation and tests."""
    return {rule.id: rule.level[profile] for rule in rules.ALL}


SEVERITIES = tuple(severity.value for severity in registry.Severity)
