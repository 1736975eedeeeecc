"""Priorities of the rules behind one HTTPS listener, derived from what each rule matches.

Priorities are computed from one rule alone, never from its neighbours, so adding or removing a
service renumbers nothing (AWS refuses two rules with one priority, even for the moment between an
update and a deletion). A priority is `1000 * (1 + band) + slot`:

* the *band* is how specific the rule is: exact host, then `*.` hosts by the number of labels, then
  any host; within one kind of host, exact path, then prefixes from deep to shallow, then any path;
* the *slot* is a hash of the rule's name, so that one service keeps its priority when it changes a
  path for another that is as specific, and a renamed service does not collide with its old self.

Only exact values, `*.` in front of a host and `/*` behind a path are accepted. Two such patterns
either exclude each other or one contains the other, hence "more specific first" always has an
answer; with a wildcard anywhere (`/a*`, `*b`) it would not. The host is compared before the path:
a rule for one host wins over a rule for one path on any host. Priorities 1 to 999 are left free for
what an operator adds by hand in an emergency.

Limits: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html,
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html and
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_VALUES = 5
"""Condition values in one rule: "Condition values per rule", load-balancer-limits."""
MAX_LENGTH = 128
"""Characters in one host or path: rule-condition-types."""
MAX_PRIORITY = 50_000
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html"""

BAND = 1_000
"""Priorities in one band: few enough for 48 bands, many enough that a collision is rare."""
MAX_DEPTH = 6
"""Segments of a prefix, `/1/2/3/4/5/6/*`: every depth needs bands of its own."""
MAX_LABELS = 5
"""Labels behind the `*.` of a host, for the same reason."""

_ANY_HOST = "*"
_ANY_PATH = "/*"
_PATH = re.compile(r"/[A-Za-z0-9_\-.$/~\"'@:+&]*")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9\-.]*[a-z0-9])?\.[a-z]+")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What one service asks of the listener."""

    name: str
    """Name of the service; unique on the listener."""
    hosts: tuple[str, ...] = ()
    """Exact names, or `*.` and a name. None means any host."""
    paths: tuple[str, ...] = ()
    """Exact paths, or a path and `/*`. None means any path."""
    slot: int | None = None
    """Place in the band, 0 to 999, only to settle a collision of hashes. None takes the hash."""


class ListenerRuleError(ValueError):
    """Rules that cannot stand on one listener; the message lists every reason."""


def rule(name: str, hosts: Iterable[str], paths: Iterable[str], slot: int | None = None) -> Rule:
    """A rule in its normal form: hosts in lower case, values sorted, "any" written as nothing.

    Normal forms matter because AWS compares hosts without case and returns values in its own
    order; what is sent should be what is read back.
    """
    paths = set(paths)
    return Rule(
        name=name,
        hosts=tuple(sorted({host.lower() for host in hosts})),
        paths=() if _ANY_PATH in paths else tuple(sorted(paths)),
        slot=slot,
    )


def conditions(asked: Rule) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hosts and paths to send; a rule needs one condition, so "anything" becomes the path `/*`."""
    return asked.hosts, asked.paths or (() if asked.hosts else (_ANY_PATH,))


def priority(asked: Rule) -> int:
    """Priority of a rule, from the rule alone. The rule must have no `problems`."""
    band = _host_rank(asked.hosts) * (MAX_DEPTH + 2) + _path_rank(asked.paths)
    return BAND * (1 + band) + _slot(asked)


def allocate(rules: Sequence[Rule]) -> dict[str, int]:
    """Priority of each rule by its name, after checking that all of them fit together.

    Raises:
        ListenerRuleError: At least one rule is malformed, or two contradict each other.
    """
    found = problems(rules)
    if found:
        raise ListenerRuleError("; ".join(found))
    return {asked.name: priority(asked) for asked in rules}


def problems(rules: Sequence[Rule]) -> list[str]:
    """Everything that is wrong with these rules on one listener, each with its way out."""
    found = [problem for asked in rules for problem in _malformed(asked)]
    if found:
        return found
    for index, later in enumerate(rules):
        for earlier in rules[:index]:
            found += _contradictions(earlier, later)
    return found


def _malformed(asked: Rule) -> list[str]:
    found = []
    count = len(asked.hosts) + len(asked.paths)
    if count > MAX_VALUES:
        found.append(
            f"{asked.name}: {count} hosts and paths; one listener rule holds {MAX_VALUES}:"
            " use a prefix such as /api/*, or expose the service twice"
        )
    if asked.slot is not None and not 0 <= asked.slot < BAND:
        found.append(f"{asked.name}: slot {asked.slot} is not between 0 and {BAND - 1}")
    found += [f"{asked.name}: {why}" for host in asked.hosts if (why := _host_problem(host))]
    found += [f"{asked.name}: {why}" for path in asked.paths if (why := _path_problem(path))]
    return found


def _host_problem(host: str) -> str:
    if len(host) > MAX_LENGTH:
        return f"host {host[:20]}... has {len(host)} characters; a condition takes {MAX_LENGTH}"
    suffix = host.removeprefix("*.")
    if not _HOST.fullmatch(suffix) or ".." in suffix:
        return (
            f"host {host!r} is not a name: letters, digits, - and ., at least one dot, letters"
            " after the last; a wildcard is `*.` in front"
        )
    if suffix != host and suffix.count(".") + 1 > MAX_LABELS:
        return f"host {host!r} has more than {MAX_LABELS} labels after its wildcard"
    return ""


def _path_problem(path: str) -> str:
    if len(path) > MAX_LENGTH:
        return f"path {path[:20]}... has {len(path)} characters; a condition takes {MAX_LENGTH}"
    prefix = path.removesuffix("/*")
    if "*" in prefix or "?" in prefix:
        return (
            f"path {path!r} has a wildcard that is not a final /*; write `/api` and `/api/*`"
            " instead of `/api*`, which would match /apiary as well"
        )
    if not _PATH.fullmatch(path if prefix == path else f"{prefix}/"):
        return f"path {path!r} must begin with / and hold only letters, digits and _-.$/~\"'@:+&"
    if prefix != path and prefix.count("/") > MAX_DEPTH:
        return f"path {path!r} has more than {MAX_DEPTH} segments before its wildcard"
    return ""


def _contradictions(earlier: Rule, later: Rule) -> list[str]:
    pair = f"{earlier.name} and {later.name}"
    if earlier.name == later.name:
        return [f"two rules are called {earlier.name}; a name is used once on a listener"]
    same = sorted(set(_pairs(earlier)) & set(_pairs(later)))
    if same:
        host, path = same[0]
        return [f"{pair} both claim host {host}, path {path}: give it to one of them"]
    first, second = priority(earlier), priority(later)
    if first == second:
        return [
            f"{pair} are equally specific and their names hash to one priority, {first}:"
            f" set `slot` of the newer one to any number from 0 to {BAND - 1} but {first % BAND}"
        ]
    shadowed, shadowing = (earlier, later) if first > second else (later, earlier)
    hidden = [
        (host, path)
        for host, path in _pairs(shadowed)
        for wide_host, wide_path in _pairs(shadowing)
        if _host_within(host, wide_host) and _path_within(path, wide_path)
    ]
    if hidden:
        host, path = hidden[0]
        return [
            f"{pair}: {shadowing.name} would take host {host}, path {path} from {shadowed.name},"
            f" whose rule is as wide as its widest value: expose that path of {shadowed.name}"
            " by a second, narrower rule"
        ]
    return []


def _pairs(asked: Rule) -> list[tuple[str, str]]:
    hosts, paths = asked.hosts or (_ANY_HOST,), asked.paths or (_ANY_PATH,)
    return [(host, path) for host in hosts for path in paths]


def _host_within(host: str, wide: str) -> bool:
    if wide.startswith("*."):
        return host != _ANY_HOST and host.endswith(wide[1:])
    return wide in (_ANY_HOST, host)


def _path_within(path: str, wide: str) -> bool:
    return path == wide or (wide.endswith("/*") and path.startswith(wide[:-1]))


def _host_rank(hosts: Sequence[str]) -> int:
    """0 for exact names, then one rank for each number of labels, last for any host.

    A rule of several values is as specific as its least specific one, so that no value of it comes
    before a narrower one of another rule.
    """
    if not hosts:
        return MAX_LABELS  # a wildcard has two labels or more, so this rank is free
    return max(MAX_LABELS + 1 - host.count(".") if host.startswith("*.") else 0 for host in hosts)


def _path_rank(paths: Sequence[str]) -> int:
    """0 for exact paths, then one rank for each depth from deep to shallow, last for any path."""
    if not paths:
        return MAX_DEPTH + 1
    return max(
        MAX_DEPTH + 1 - path.removesuffix("/*").count("/") if path.endswith("/*") else 0
        for path in paths
    )


def _slot(asked: Rule) -> int:
    if asked.slot is not None:
        return asked.slot
    # Not `hash()`, which differs from one process to the next.
    return int.from_bytes(hashlib.sha256(asked.name.encode()).digest()[:8], "big") % BAND
