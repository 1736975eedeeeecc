"""What tests of rules share."""

from collections.abc import Callable
from typing import Any

import pytest
from guardrails.registry import Node, Rule

from tests.policies.harness import Said, pack_of, through_server


@pytest.fixture
def judge() -> Callable[..., list[Said]]:
    """`judge(rule, nodes)` -> everything that one rule says about these resources, through the
    server.
    """

    def run(rule: Rule, *nodes: Node, known: bool = True, **settings: Any) -> list[Said]:
        return through_server(pack_of(rule, **settings)).run(nodes, known=known)

    return run
