"""The table of what is charged, by type."""

from collections.abc import Callable

from ops.cost.model import Resource, World

Rule = Callable[[Resource, World], None]
PRICED: dict[str, Rule] = {}


def priced(*types: str) -> Callable[[Rule], Rule]:
    """Enters a rule in the table for some types."""

    def enter(rule: Rule) -> Rule:
        for type_ in types:
            PRICED[type_] = rule
        return rule

    return enter
