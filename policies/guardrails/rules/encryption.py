"""Is what lies still encrypted, with a key of our own where that matters?"""

from guardrails.registry import Rule

RULES: tuple[Rule, ...] = ()
