"""Is traffic encrypted on its way, everywhere?"""

from guardrails.registry import Rule

RULES: tuple[Rule, ...] = ()
