"""Evaluates a web ACL's own rules on requests: address lists, sizes, paths and rates.

moto keeps an ACL and never asks it. What AWS's managed groups match is AWS's to know; here they
match nothing, so that "passes" means: none of our own rules is in the way. A statement that is not
known here is an error, not a pass.
"""

import ipaddress
import posixpath
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BLOCKED, PASSES = "blocked", "passes"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What of a request the rules look at."""

    address: str = "198.51.100.1"
    path: str = "/v1/robots"
    body_bytes: int = 0
    earlier: int = 0
    """Requests for the same path by the same address in the last five minutes."""


class Firewall:
    """The rules of one ACL, applied in the order of their priorities."""

    def __init__(
        self,
        rules: Sequence[Mapping[str, Any]],
        ip_sets: Mapping[str, Sequence[str]],
        *,
        inspected_kib: int = 8,
    ) -> None:
        """Takes the rules as AWS gets them, and the ranges of each IP set by its ARN."""
        self._rules = sorted(rules, key=lambda rule: rule["Priority"])
        self._ip_sets = ip_sets
        self._inspected = inspected_kib * 1024

    def judge(self, request: Request) -> tuple[str, str, tuple[str, ...]]:
        """Verdict, the rule that gave it ("" for the default), and the rules that counted."""
        counted = []
        for rule in self._rules:
            if not self._matches(rule["Statement"], request):
                continue
            action = rule.get("Action", {})
            if "Count" in action:
                counted.append(rule["Name"])
                continue
            verdict = BLOCKED if "Block" in action else PASSES
            return verdict, rule["Name"], tuple(counted)
        return PASSES, "", tuple(counted)

    def _matches(self, statement: Mapping[str, Any], request: Request) -> bool:
        ((kind, asked),) = statement.items()
        match kind:
            case "ManagedRuleGroupStatement":
                return False
            case "IPSetReferenceStatement":
                address = ipaddress.ip_address(request.address)
                ranges = [ipaddress.ip_network(r) for r in self._ip_sets[asked["ARN"]]]
                return any(address in item for item in ranges if item.version == address.version)
            case "SizeConstraintStatement":
                return self._is_too_large(asked, request)
            case "ByteMatchStatement":
                return _path_matches(asked, request)
            case "AndStatement":
                return all(self._matches(inner, request) for inner in asked["Statements"])
            case "NotStatement":
                return not self._matches(asked["Statement"], request)
            case "RateBasedStatement":
                assert (asked["AggregateKeyType"], asked["EvaluationWindowSec"]) == ("IP", 300)
                scope = asked.get("ScopeDownStatement")
                counts = scope is None or self._matches(scope, request)
                return counts and request.earlier >= asked["Limit"]
        raise NotImplementedError(kind)

    def _is_too_large(self, asked: Mapping[str, Any], request: Request) -> bool:
        assert asked["ComparisonOperator"] == "GT"
        oversize = asked["FieldToMatch"]["Body"]["OversizeHandling"]
        if request.body_bytes > self._inspected and oversize != "CONTINUE":
            return oversize == "MATCH"
        return min(request.body_bytes, self._inspected) > asked["Size"]


def _path_matches(asked: Mapping[str, Any], request: Request) -> bool:
    assert asked["FieldToMatch"] == {"UriPath": {}}
    path = request.path
    for step in sorted(asked["TextTransformations"], key=lambda item: item["Priority"]):
        match step["Type"]:
            case "URL_DECODE":
                path = urllib.parse.unquote(path)
            case "NORMALIZE_PATH":
                slash = "/" if path.endswith("/") and path != "/" else ""
                path = posixpath.normpath(path.replace("//", "/")) + slash
            case other:
                raise NotImplementedError(other)
    if asked["PositionalConstraint"] == "EXACTLY":
        return path == asked["SearchString"]
    assert asked["PositionalConstraint"] == "STARTS_WITH"
    return path.startswith(asked["SearchString"])
