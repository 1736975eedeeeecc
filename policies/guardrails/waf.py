"""The rules of a web ACL, whichever of the four ways they are written in."""

from collections.abc import Iterator
from typing import Any

from guardrails.resources import Resource, Stack
from guardrails.values import View

RULE = "aws:wafv2/webAclRule:WebAclRule"
GROUP_ASSOCIATION = "aws:wafv2/webAclRuleGroupAssociation:WebAclRuleGroupAssociation"
RULE_GROUP = "aws:wafv2/ruleGroup:RuleGroup"
_MANAGED = "statement.managedrulegroupstatement"


class WafRule:
    """One rule, read on demand. Keys in lower case: JSON has `Name` where arguments have `name`."""

    def __init__(self, properties: Any, path: str) -> None:
        """Takes a rule as plain data."""
        self._view = View(_lower(properties), path)

    @property
    def label(self) -> str:
        """Its name, for messages."""
        named = self._view.get("name") or self._view.get("rulename")
        return named if isinstance(named, str) else self._view.path

    @property
    def managed_group(self) -> str:
        """The managed group that it includes, "" for none."""
        if self._view.has("managedrulegroup"):
            return self._view.text("managedrulegroup.name")
        return self._view.text(f"{_MANAGED}.name")

    @property
    def limits_rate(self) -> bool:
        """Whether it counts requests per client."""
        return self._view.view("statement").has("ratebasedstatement")

    @property
    def only_counts(self) -> bool:
        """Whether what matches is let through all the same."""
        if isinstance(self._view.get("overrideaction"), str):  # of a group association
            return self._view.text("overrideaction") == "count"
        override, action = self._view.view("overrideaction"), self._view.view("action")
        return override.has("count") or action.has("count")

    @property
    def is_measured(self) -> bool:
        """Whether it has CloudWatch metrics."""
        return self._view.flag("visibilityconfig.cloudwatchmetricsenabled")


def rules_of(stack: Stack, acl: Resource) -> list[WafRule]:
    """Every rule of an ACL: inline, as JSON, and as resources of their own.

    Raises:
        NotEvaluatedError: They are not known yet.
    """
    return [
        *_listed(acl, "rules", "ruleJson"),
        *(WafRule(r.properties, r.name) for r in stack.sources(acl, "webAclArn", RULE)),
        *(
            WafRule(r.properties, r.name)
            for r in stack.sources(acl, "webAclArn", GROUP_ASSOCIATION)
        ),
    ]


def rules_by_reference(stack: Stack, acl: Resource) -> list[WafRule]:
    """The rules of the stack's own rule groups that an ACL refers to."""
    holders = [acl, *stack.sources(acl, "webAclArn", RULE, GROUP_ASSOCIATION)]
    groups = [
        group
        for holder in holders
        for key in ("rules", "ruleJson", "statement", "ruleGroupReference")
        for group in stack.depends(holder, key, RULE_GROUP)
    ]
    return [found for group in groups for found in _listed(group, "rules", "rulesJson")]


def _listed(resource: Resource, typed: str, json: str) -> Iterator[WafRule]:
    for view in resource.views(typed):
        yield WafRule(view.properties, view.path)
    for view in resource.parsed_views(json) if resource.has(json) else ():
        yield WafRule(view.properties, view.path)


def _lower(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key).lower(): _lower(item) for key, item in value.items()}
    return [_lower(item) for item in value] if isinstance(value, list) else value
