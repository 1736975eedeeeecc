"""Can a task do only what it must?"""

from guardrails.registry import Rule

RULES: tuple[Rule, ...] = ()
