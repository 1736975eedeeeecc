"""Which actions exist, what a pattern of them covers, and which of them can be limited to a
resource.

The table is the one that ships with cfn-lint (MIT-0, made from AWS's service authorization
reference), read as data of the installed and locked package:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html It has no access
levels, so what is a read is told by the verb, as AWS names its actions.
"""

import functools
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

_READ = re.compile(
    "(batch)?(get|describe|list|view|read|search|query|select|scan|head|check(?!in|out)|lookup|validate"
    "|simulate|preview|discover|estimate|detect|filter)"
)
# Reads by name that hand out what opens other doors.
_NOT_READS = frozenset(
    {"sts:getfederationtoken", "sts:getsessiontoken", "ecr:getauthorizationtoken"}
)


@functools.cache
def table() -> dict[str, Any]:
    """Service prefix -> {"Actions": {lower-case name: {"Resources": [...]}}, "Resources":
    {...}}.
    """
    found = importlib.util.find_spec(
        "cfnlint"
    )  # finds it without the second that importing it takes
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("the table of IAM actions comes with the package cfn-lint")
    root = Path(found.submodule_search_locations[0])
    return json.loads((root / "data" / "AdditionalSpecs" / "Policies.json").read_text())


@functools.cache
def every() -> frozenset[str]:
    """All actions there are, as `service:action` in lower case."""
    return frozenset(
        f"{service}:{action}" for service, entry in table().items() for action in entry["Actions"]
    )


def _squeeze(text: str) -> str:
    # A run of stars means what one means, and would take for ever to match.
    return re.sub(r"\*+", "*", text)


def matches(wanted: str, text: str) -> bool:
    """Whether a pattern covers a text (which may be a pattern itself: then whether it covers all of
    that one).
    """
    wanted, text = _squeeze(wanted.lower()), text.lower()
    if "*" not in wanted and "?" not in wanted:
        return wanted == text
    # Two pointers and one backtrack: linear enough for any pattern, where a regular expression may
    # not be.
    at = position = 0
    star = -1
    mark = 0
    while position < len(text):
        if at < len(wanted) and wanted[at] == "*":
            star, mark = at, position
            at += 1
        elif at < len(wanted) and (
            wanted[at] == text[position] or (wanted[at] == "?" and text[position] != "*")
        ):
            at, position = at + 1, position + 1
        elif star >= 0:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return all(c == "*" for c in wanted[at:])


@functools.lru_cache(maxsize=4096)
def expand(text: str) -> frozenset[str]:
    """The actions that a pattern such as `ecs:Describe*` covers; empty for one that exists
    nowhere.
    """
    text = text.lower()
    if text == "*":
        return every()
    service, colon, action = text.partition(":")
    if not colon:
        return frozenset()
    if "*" not in text and "?" not in text:
        return frozenset({text}) if action in _actions(service) else frozenset()
    services = [s for s in table() if matches(service, s)]
    return frozenset(
        f"{s}:{name}" for s in services for name in _actions(s) if matches(action, name)
    )


def _actions(service: str) -> dict[str, Any]:
    return table().get(service, {}).get("Actions", {})


def known_service(service: str) -> bool:
    """Whether a service prefix exists (patterns count when they match one)."""
    return any(matches(service.lower(), s) for s in table())


@functools.lru_cache(maxsize=4096)
def resource_types(action: str) -> tuple[str, ...]:
    """Types of resource that an action can be limited to; empty where only `*` is accepted."""
    service, _, name = action.lower().partition(":")
    return tuple(_actions(service).get(name, {}).get("Resources", ()))


@functools.lru_cache(maxsize=4096)
def arn_formats(action: str) -> tuple[str, ...]:
    """ARN patterns of the resources that an action accepts, with `*` for every variable part."""
    service = action.lower().partition(":")[0]
    declared = {k.lower(): v for k, v in table().get(service, {}).get("Resources", {}).items()}
    formats = [
        shape
        for kind in resource_types(action)
        for shape in declared.get(kind.lower(), {}).get("ARNFormats", ["*"])
    ]
    return tuple(re.sub(r"\$\{[^}]*\}|\.\*", "*", shape) for shape in formats)


@functools.lru_cache(maxsize=32768)
def is_read(action: str) -> bool:
    """Whether an action only reads or lists."""
    service, _, name = action.lower().partition(":")
    return f"{service}:{name}" not in _NOT_READS and bool(_READ.match(name))


def display(action: str, spelled: str = "") -> str:
    """An action for a message: as it was written where it was written out, else lower case."""
    return spelled if spelled and "*" not in spelled and "?" not in spelled else action


def overlap(first: str, second: str) -> bool:
    """Whether two patterns have a text in common."""
    return _overlap(_squeeze(first.lower()), _squeeze(second.lower()))


def _overlap(first: str, second: str) -> bool:
    # Row by row over the shorter one: reachable[j] says that first[:i] and second[:j] can stand for
    # the same text.
    reachable = [True] + [False] * len(second)
    for j, c in enumerate(second, 1):
        reachable[j] = reachable[j - 1] and c == "*"
    for a in first:
        row = [reachable[0] and a == "*"] + [False] * len(second)
        for j, b in enumerate(second, 1):
            if a == "*" or b == "*":
                row[j] = (a == "*" and (reachable[j] or row[j - 1] or reachable[j - 1])) or (
                    b == "*" and (row[j - 1] or reachable[j] or reachable[j - 1])
                )
            else:
                row[j] = reachable[j - 1] and (a == b or "?" in (a, b))
        reachable = row
    return reachable[-1]
