"""Every type and property that the pack speaks of is one of the installed provider's.

A rule that asks for a property by a wrong name finds it missing, for ever and everywhere.
"""

import re
from pathlib import Path

import guardrails
import pytest
from guardrails import rules

from tests.policies import provider

TOKEN = re.compile(r"\"(aws:[a-zA-Z0-9]+/[a-zA-Z0-9]+:[a-zA-Z0-9]+)\"")
# What an example gives as if it were an input, because AWS answers it: a name that others refer to.
ANSWERED = {"tagsAll"}


def test_every_type_token_in_the_packs_source_exists():
    source = Path(guardrails.__file__).parent
    written = {token for file in source.rglob("*.py") for token in TOKEN.findall(file.read_text())}

    assert written
    assert sorted(written - set(provider.inputs())) == []


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.id)
def test_every_property_of_an_example_is_an_input_of_its_type(rule):
    for node in (*rule.passes, *rule.violates):
        known = set(provider.inputs()[node.type]) | ANSWERED

        assert sorted(set(node.properties) - known) == [], node.type
