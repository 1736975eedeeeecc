"""Is it tagged, and is it no dearer than it must be?"""

from guardrails.registry import Rule

RULES: tuple[Rule, ...] = ()
