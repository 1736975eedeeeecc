"""Exemptions as data: which rule, which resource, why, who answers for it, until when."""

import dataclasses
import datetime
import difflib
import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from guardrails.resources import Resource

_FIELDS = {"rule", "resource", "reason", "owner", "expires"}
_MINIMUM_REASON = 10


class ExemptionError(ValueError):
    """The list of exemptions cannot be read; one message names everything that is wrong with it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exemption:
    """One rule does not apply to one resource, until a day, for a reason that somebody answers
    for.
    """

    rule: str
    resource: str
    """A URN, or `type::name`. No patterns: an exemption for what nobody has seen is not one."""
    reason: str
    owner: str
    expires: datetime.date
    """The last day on which it holds."""

    def covers(self, rule: str, resource: Resource) -> bool:
        """Whether it speaks of this rule and this resource."""
        return rule == self.rule and self.resource in (
            resource.urn,
            f"{resource.type}::{resource.name}",
            f"{resource.kind}::{resource.name}",
        )

    def expired(self, today: datetime.date) -> bool:
        """Whether its last day is over."""
        return today > self.expires

    def describe(self) -> str:
        """For the line that shows it as applied."""
        return f"exempt until {self.expires}: {self.reason} ({self.owner})"


def parse(text: str, rules: Iterable[str]) -> tuple[Exemption, ...]:
    """Reads the JSON list of `guardrails:exemptions`.

    Raises:
        ExemptionError: Anything is malformed: missing or unknown field, unknown rule, short reason,
            bad date, wildcard.
    """
    try:
        records = json.loads(text) if text.strip() else []
    except ValueError as error:
        raise ExemptionError(f"guardrails:exemptions is not JSON: {error}") from None
    if not isinstance(records, list):
        raise ExemptionError("guardrails:exemptions is not a list")
    known = set(rules)
    problems: list[str] = []
    parsed: list[Exemption] = []
    for index, record in enumerate(records):
        found = _problems(record, known)
        problems += [f"guardrails:exemptions[{index}]: {problem}" for problem in found]
        if not found:
            parsed.append(
                Exemption(**{**record, "expires": datetime.date.fromisoformat(record["expires"])})
            )
    if problems:
        raise ExemptionError("\n".join(problems))
    return tuple(parsed)


def _problems(record: Any, rules: set[str]) -> list[str]:
    if not isinstance(record, Mapping):
        return ["is not an object"]
    problems = [f"{key} is missing" for key in sorted(_FIELDS - set(record))]
    problems += [f"{key} is not a field" for key in sorted(set(record) - _FIELDS)]
    texts = {key: record[key] for key in _FIELDS & set(record)}
    problems += [f"{k} is not a text" for k, v in sorted(texts.items()) if not isinstance(v, str)]
    if problems:
        return problems
    if texts["rule"] not in rules:
        problems.append(f"there is no rule {texts['rule']!r}{_nearest(texts['rule'], rules)}")
    if "*" in texts["resource"] or "::" not in texts["resource"]:
        problems.append("resource is neither a URN nor type::name")
    if len(texts["reason"].strip()) < _MINIMUM_REASON:
        problems.append(f"reason has fewer than {_MINIMUM_REASON} characters")
    if not texts["owner"].strip():
        problems.append("owner is empty")
    try:
        datetime.date.fromisoformat(texts["expires"])
    except ValueError:
        problems.append("expires is not a date like 2027-01-31")
    return problems


def _nearest(word: str, words: Iterable[str]) -> str:

    near = difflib.get_close_matches(word, sorted(words), n=1)
    return f"; did you mean {near[0]}?" if near else ""


class Register:
    """The exemptions of one run, and which of them were needed."""

    def __init__(
        self, exemptions: Iterable[Exemption] = (), today: datetime.date | None = None
    ) -> None:
        """Holds the list; `today` defaults to the day in UTC."""
        self.exemptions = tuple(exemptions)
        self.today = today or datetime.datetime.now(datetime.UTC).date()
        self._used: set[Exemption] = set()
        self._lock = threading.Lock()

    def find(self, rule: str, resource: Resource) -> Exemption | None:
        """The exemption in force for a finding, which thereby counts as used."""
        for exemption in self.exemptions:
            if exemption.covers(rule, resource):
                with self._lock:
                    self._used.add(exemption)
                if not exemption.expired(self.today):
                    return exemption
        return None

    def expired(self) -> list[Exemption]:
        """Those whose last day is over."""
        return [e for e in self.exemptions if e.expired(self.today)]

    def unused(self) -> list[Exemption]:
        """Those in force that no finding needed."""
        with self._lock:
            return [e for e in self.exemptions if e not in self._used and not e.expired(self.today)]
