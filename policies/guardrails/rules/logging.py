"""Would we know what happened, and would somebody be told?"""

from guardrails.registry import Rule

RULES: tuple[Rule, ...] = ()
