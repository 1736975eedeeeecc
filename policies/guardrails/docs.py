"""Writes docs/policies.md from the rules: `python -m guardrails.docs FILE`, with policies/ on the
path.

`--check` writes nothing and fails when the file is not what the rules say.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guardrails import rules
from guardrails.registry import ANCHORS, PROFILES, Example, Kind, Rule

_CATALOGUES = Path(__file__).parent / "data" / "catalogues.json"
_MARKS = {"mandatory": "●", "advisory": "○", "remediate": "✎", "disabled": "·"}
_TITLES = {
    "fsbp": "AWS Foundational Security Best Practices (FSBP)",
    "cis": "CIS AWS Foundations Benchmark 3.0",
    "cdk_nag": "cdk-nag, AwsSolutions",
    "checkov": "checkov",
}


def render() -> str:
    """The whole page."""
    return "\n".join([*_head(), *_groups(), *_coverage(), *_rules()]) + "\n"


def _head() -> Iterator[str]:
    stack = sum(rule.kind is Kind.STACK for rule in rules.ALL)
    yield "# Policies"
    yield ""
    yield "<!-- Generated from policies/guardrails/rules by `python -m guardrails.docs`. -->"
    yield ""
    yield (
        f"{len(rules.ALL)} rules: {len(rules.ALL) - stack} judge a single resource before it is "
        f"created, {stack} judge the stack as a whole. How to configure, exempt and write them is "
        "in [policies/README.md](../policies/README.md)."
    )
    yield ""
    yield (
        "Levels are given for the profiles temporary, staging and production: ● mandatory, "
        "○ advisory, ✎ put right on the way (mandatory if that fails), · off."
    )
    yield ""


def _groups() -> Iterator[str]:
    for group, members in rules.GROUPS.items():
        yield f"## {group}"
        yield ""
        yield "| rule | severity | judges | levels | |"
        yield "|---|---|---|---|---|"
        for rule in members:
            levels = " ".join(_MARKS[rule.level[profile]] for profile in PROFILES)
            yield (
                f"| [`{rule.id}`](#{rule.id}) | {rule.severity.value} | {rule.kind.value} "
                f"| {levels} | {_cell(rule.title)} |"
            )
        yield ""


def catalogues() -> dict[str, dict[str, str]]:
    """Catalogue -> id -> title ("" where there is none) of every rule elsewhere that could
    apply.
    """
    data: Any = json.loads(_CATALOGUES.read_text())
    return {
        key: data[key] if isinstance(data[key], dict) else dict.fromkeys(data[key], "")
        for key in _TITLES
    }


def covered(catalogue: str) -> dict[str, list[str]]:
    """Id elsewhere -> ids of the rules here that ask the same."""
    found: dict[str, list[str]] = {}
    for rule in rules.ALL:
        for anchor in rule.anchors.get(catalogue, ()):
            found.setdefault(anchor, []).append(rule.id)
    return found


def _coverage() -> Iterator[str]:
    yield "## Coverage"
    yield ""
    yield (
        "Which rules of well-known catalogues have a counterpart here. Counted are those that can "
        "be decided from a declaration and concern the resources that this pack is about."
    )
    yield ""
    yield "| catalogue | applicable | covered |"
    yield "|---|---|---|"
    for key, title in _TITLES.items():
        known, have = catalogues()[key], covered(key)
        yield f"| {title} | {len(known)} | {len(set(known) & set(have))} |"
    yield ""
    data: Any = json.loads(_CATALOGUES.read_text())
    for key, title in _TITLES.items():
        known, have = catalogues()[key], covered(key)
        yield f"### {title}"
        yield ""
        yield f"[Source]({data['sources'][key]}), as of {data['retrieved']}."
        yield ""
        yield "| id | rules |"
        yield "|---|---|"
        for anchor in known:
            if anchor in have:
                yield f"| {anchor} | {', '.join(f'[`{i}`](#{i})' for i in have[anchor])} |"
        yield ""
        missing = [
            f"{anchor} ({_cell(text)})" if text else anchor
            for anchor, text in known.items()
            if anchor not in have
        ]
        yield f"Not covered: {'; '.join(missing) or 'none'}."
        yield ""


def _rules() -> Iterator[str]:
    yield "## The rules"
    yield ""
    for rule in rules.ALL:
        yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}"
    yield ""
    yield f"{rule.title} ({rule.severity.value})"
    yield ""
    yield f"- **Violated by** {rule.condition}."
    if rule.exceptions:
        yield f"- **Not by** {rule.exceptions}."
    yield f"- **Fix** `{rule.fix}`" if "=" in rule.fix else f"- **Fix** {rule.fix}"
    yield f"- **Looks at** {', '.join(f'`{t}`' for t in rule.all_types) or 'every type'}"
    for name, option in rule.options.items():
        yield f"- **Option** `{name}` ({option.type}): {option.description}. {_default(option)}"
    for key, ids in rule.anchors.items():
        yield f"- **{ANCHORS[key]}** {', '.join(ids)}"
    yield f"- [Documentation]({rule.url})"
    yield ""
    yield "<details><summary>Examples</summary>"
    yield ""
    for words, example in (("Passes", rule.passes), ("Violates", rule.violates)):
        yield f"{words}:"
        yield ""
        yield "```yaml"
        yield from _example(example)
        yield "```"
        yield ""
    yield "</details>"
    yield ""


def _default(option: Any) -> str:
    text = f"Default `{json.dumps(option.default)}`"
    others = [f"{p} `{json.dumps(v)}`" for p, v in option.by_profile.items()]
    return text + (f"; {', '.join(others)}." if others else ".")


def _example(example: Example) -> Iterator[str]:
    for node in example:
        yield f"{node.name}:"
        yield f"  type: {node.type}"
        if node.protect:
            yield "  protect: true"
        if node.provider:
            yield f"  provider: {json.dumps(dict(node.provider))}"
        if node.properties:
            yield "  properties:"
        for key, value in node.properties.items():
            yield from _property(key, value, "    ")


def _property(key: str, value: Any, indent: str) -> Iterator[str]:
    embedded = isinstance(value, str) and value[:1] in "[{" and value[1:]
    if not embedded:
        yield f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}"
        return
    # JSON inside of a property is shown as what it means.
    yield f"{indent}{key}: |"
    text = json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    yield from (f"{indent}  {line}" for line in text.splitlines())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Writes or checks the page."""
    parser = argparse.ArgumentParser(description="Write the documentation of the policy pack.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true", help="fail when the file is stale")
    arguments = parser.parse_args()
    if not arguments.check:
        arguments.file.write_text(render(), encoding="utf-8")
        return 0
    if arguments.file.exists() and arguments.file.read_text(encoding="utf-8") == render():
        return 0
    print(f"{arguments.file} is stale: write it again", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
