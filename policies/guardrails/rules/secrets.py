"""Do secrets stay secret, and can they be changed?"""

from guardrails.registry import Rule

RULES: tuple[Rule, ...] = ()
