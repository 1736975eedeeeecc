"""Shapes of checks that many rules share."""

from collections.abc import Callable

from guardrails.evaluation import Report
from guardrails.resources import Resource, Stack

StackCheck = Callable[[Stack, Report], None]


def for_each(*kinds: str) -> Callable[[Callable[[Stack, Report, Resource], None]], StackCheck]:
    """Makes `(stack, report, resource)` a check of the stack that runs for each resource of these
    types; one that cannot be judged hides no other.
    """

    def decorate(check: Callable[[Stack, Report, Resource], None]) -> StackCheck:
        def run(stack: Stack, report: Report) -> None:
            report.each(stack.of(*kinds), lambda resource: check(stack, report, resource))

        return run

    return decorate
