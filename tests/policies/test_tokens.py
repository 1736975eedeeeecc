"""The type tokens that rules know are those of the installed provider."""

import functools
import re
from pathlib import Path

import pulumi_aws
import pytest
from guardrails import rules, tokens

TOKEN = re.compile(r'"(aws:[a-zA-Z0-9]+/[a-zA-Z0-9]+:[A-Za-z0-9]+)"')


@functools.cache
def provider() -> frozenset[str]:
    root = Path(pulumi_aws.__file__).parent
    return frozenset(
        token for path in root.rglob("*.py") for token in TOKEN.findall(path.read_text())
    )


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.id)
def test_every_type_of_a_rule_exists(rule):
    assert set(rule.all_types) <= provider()


def test_every_deprecated_spelling_of_a_bucket_resource_is_known():
    found = {t for t in provider() if t.startswith("aws:s3/bucket") and t.endswith("V2")}

    assert found == {t for aliases in tokens.ALIASES.values() for t in aliases if t.endswith("V2")}


def test_every_resource_of_the_alb_module_is_known():
    found = {t for t in provider() if re.match(r"aws:alb/[a-z]", t)}

    assert found == {t for aliases in tokens.ALIASES.values() for t in aliases if "alb/" in t}


def test_a_canonical_token_is_its_own():
    for token in tokens.ALIASES:
        assert tokens.canonical(token) == token
        assert all(tokens.canonical(alias) == token for alias in tokens.ALIASES[token])
