"""Does it survive a zone, a bad release, a wrong command?"""

from guardrails.registry import Rule

RULES: tuple[Rule, ...] = ()
