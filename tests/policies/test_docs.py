"""The documentation of the pack is what the rules say, and what it says of other catalogues
exists.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from guardrails import docs, rules
from guardrails.iam import actions
from guardrails.iam.grants import escalations
from guardrails.rules.iam_trust import _services

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "policies.md"
# Rules of cdk-nag's other packs and of FSBP controls that are not decidable for all, named all the
# same.
ELSEWHERE = {"Backup.1"}


def test_the_page_is_what_the_rules_say():
    assert PAGE.read_text(encoding="utf-8") == docs.render(), (
        "docs/policies.md is stale: PYTHONPATH=policies python -m guardrails.docs docs/policies.md"
    )


def test_the_command_fails_on_a_stale_page_and_writes_a_fresh_one(tmp_path):
    page = tmp_path / "policies.md"
    command = [sys.executable, "-m", "guardrails.docs", str(page)]

    def run(*more: str) -> int:
        return subprocess.run([*command, *more], cwd=ROOT / "policies", check=False).returncode

    assert run("--check") == 1
    assert run() == 0
    assert run("--check") == 0
    page.write_text(page.read_text() + "x")
    assert run("--check") == 1


def test_every_rule_has_an_entry_and_every_link_leads_to_one():
    page = docs.render()

    entries = set(re.findall(r"^### ([a-z0-9-]+)$", page, re.MULTILINE))
    assert {rule.id for rule in rules.ALL} <= entries
    assert set(re.findall(r"\(#([a-z0-9-]+)\)", page)) <= entries


@pytest.mark.parametrize("catalogue", ["fsbp", "cis", "checkov"])
def test_every_id_of_another_catalogue_exists_there(catalogue):
    known = set(docs.catalogues()[catalogue]) | ELSEWHERE

    assert set(docs.covered(catalogue)) <= known


def test_every_id_of_aws_solutions_exists_there():
    named = {i for i in docs.covered("cdk_nag") if i.startswith("AwsSolutions-")}

    assert named <= set(docs.catalogues()["cdk_nag"])


def test_the_data_of_the_pack_speaks_of_what_exists():
    assert {a for combination in escalations() for a in combination} <= actions.every()
    for service, row in _services().items():
        assert service.endswith(".amazonaws.com")
        assert row["sends"] in ("both", "none")
        assert row["url"].startswith("https://docs.aws.amazon.com/")
