"""Who may do what, and who may become whom?"""

from guardrails.registry import Rule
from guardrails.rules import iam_permissions, iam_resource_policies, iam_roles, iam_trust

RULES: tuple[Rule, ...] = (
    *iam_permissions.RULES,
    *iam_trust.RULES,
    *iam_resource_policies.RULES,
    *iam_roles.RULES,
)
