"""How a refusal is said: key, value, rule and way out, every problem in one report."""

import dataclasses
import difflib
import json
from collections.abc import Iterable, Sequence

from configuration.plaintext import looks_secret, secret_name

MASK = "[secret]"
"""What an error shows instead of a secret."""
_LONGEST = 80


class Refused(ValueError):
    """A value that breaks a rule, raised by the type that it was given for."""

    def __init__(self, rule: str, instead: str) -> None:
        """Keeps both halves apart; the key and the value are the caller's to name."""
        super().__init__(rule)
        self.rule = rule
        self.instead = instead


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that has to change before the stack can be deployed."""

    key: str
    """Path below the project's namespace, `services[1].cpu`; or the name of a variable."""
    value: object = dataclasses.field(repr=False)
    """What is written now; never shown as it is, see `shown`."""
    rule: str
    instead: str
    environment: bool = False
    """Whether `key` is an environment variable."""
    namespaced: bool = False
    """Whether `key` already carries a namespace, as `aws:region` does."""


class Missing:
    """Stands for the value of a key that is not there."""


MISSING = Missing()


def shown(key: str, value: object, hidden: Iterable[str] = ()) -> str:
    """A value as an error may show it: secrets masked at any depth, cut to one line."""
    if isinstance(value, Missing):
        return "not set"
    text = json.dumps(_masked(key, value, tuple(hidden)), ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _masked(key: str, value: object, hidden: tuple[str, ...]) -> object:
    if isinstance(value, dict):
        return {
            _masked("", str(name), hidden): _masked(str(name), item, hidden)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_masked("", item, hidden) for item in value]
    last = key.rpartition(".")[2]
    reference = isinstance(value, str) and (not value or value.startswith("arn:"))
    if (secret_name(last) or ".secrets." in key) and not reference and value is not None:
        return MASK
    if isinstance(value, str) and (looks_secret(value) or any(text in value for text in hidden)):
        return MASK
    return value


def nearest(word: str, words: Iterable[str]) -> str:
    """`did you mean "x"? ` for the closest of `words`, or nothing when none is close."""
    by_fold = {known.lower(): known for known in words}
    fold = str(word).lower()
    # An abbreviation, as `prod`, is further from its word than most mistakes are.
    longer = [known for known in by_fold if len(fold) > 2 and known.startswith(fold)]
    close = difflib.get_close_matches(fold, by_fold, n=1) or longer
    return f'did you mean "{by_fold[close[0]]}"? ' if close else ""


def listed(words: Sequence[object], last: str = "or") -> str:
    """`a, b or c`."""
    texts = [str(word) for word in words]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {last} {texts[-1]}"


def report(
    stack: str, project: str, problems: Sequence[Problem], hidden: Iterable[str] = ()
) -> str:
    """The one error that a person reads: every problem, in the order of the keys given."""
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = [f"stack {stack!r} cannot be deployed; its configuration has {count}:"]
    hidden = tuple(hidden)
    for problem in problems:
        if problem.environment:
            name = f"{problem.key} (environment variable)"
        else:
            name = problem.key if problem.namespaced else f"{project}:{problem.key}"
        lines += [
            "",
            f"  {name}",
            f"    is:      {shown(problem.key, problem.value, hidden)}",
            f"    rule:    {problem.rule}",
            f"    instead: {problem.instead}",
        ]
    return "\n".join(lines)
