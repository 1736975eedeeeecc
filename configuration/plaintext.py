"""Tells a secret written in plain text from an ordinary value; names first, then shapes of values.

A stack file is committed, and a container's environment is readable by whoever may describe its
task definition, so neither may hold a secret:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-secrets-management.html
Both kinds of mistake cost: a missed secret is published, a false alarm blocks a deployment. Hence
whole words instead of substrings, and shapes that issuers document.
"""

import re
from collections.abc import Iterator, Sequence

_WORD = re.compile(r"S3|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = {
    *("PASSWORD", "PASSWD", "PWD", "PASSPHRASE", "SECRET", "SECRETS", "TOKEN", "KEY"),
    *("CREDENTIAL", "CREDENTIALS"),
}
# `KEY` is also the word for things that are no secret: the half of a key pair that is published,
# the columns and handles of databases, caches and queues, the keys of a keyboard or a map.
_HARMLESS_KEYS = {
    *("PUBLIC", "PUBLISHABLE", "PRIMARY", "FOREIGN", "PARTITION", "SORT", "RANGE", "CACHE", "S3"),
    *("OBJECT", "ROUTING", "IDEMPOTENCY", "SHARD", "GROUP", "KMS", "MAP", "TAG", "METRIC"),
}
_HARMLESS_TOKENS = {"CANCELLATION", "STOP", "START", "END", "PAD", "NEXT", "PAGE"}
_HARMLESS_VALUE = re.compile(r"true|false|yes|no|on|off|none|null|\d{1,5}|arn:aws[\w-]*:.*", re.I)
_FILE = re.compile(r"(/[\w.-]+){2,}|[\w./-]+\.(pem|key|crt|json|txt)")
_REFERENCE = re.compile(r"\$\{[^}]*\}|\$\([^)]*\)|\$\w+|\{\{.*\}\}|<[^>]*>|%\(?\w+\)?s?|\*+|")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/?#:@]*:(?P<password>[^\s/?#@]*)@[^\s/?#]+", re.I)
_OPTION = re.compile(r"--?(?P<name>[A-Za-z][\w-]*)(?:=(?P<value>.*))?", re.DOTALL)

SHAPES: dict[str, re.Pattern[str]] = {
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    # https://www.rfc-editor.org/rfc/rfc7468#section-10
    "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    # https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{36,})\b"),
    # https://api.slack.com/authentication/token-types
    "a Slack token": re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}\b"),
    # https://docs.stripe.com/keys
    "a Stripe key": re.compile(r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}\b"),
    # https://www.rfc-editor.org/rfc/rfc7519#section-3.1
    "a JSON Web Token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
}


def secret_name(name: str) -> bool:
    """Whether something called `name` is a secret: `DB_PASSWORD` and `apiKey`, not `PUBLIC_KEY`."""
    words = [word.upper() for word in _WORD.findall(name)]
    while words and words[-1].isdigit():
        words.pop()
    if not words or words[-1] not in _SECRET_WORDS:
        return False
    if words[-1] in ("KEY", "PWD") and len(words) == 1:
        return False
    before = words[-2] if len(words) > 1 else ""
    if words[-1] == "KEY":
        return before not in _HARMLESS_KEYS
    return not (words[-1] == "TOKEN" and before in _HARMLESS_TOKENS)


def looks_secret(value: str) -> str:
    """What secret a text holds, whatever it is called: `an AWS access key`; "" for none."""
    for what, shape in SHAPES.items():
        if shape.search(value):
            return what
    for match in _URL.finditer(value):
        if not _REFERENCE.fullmatch(match["password"]):
            return "a URL with a password"
    return ""


def secret_in(name: str, value: str) -> str:
    """Why `value`, called `name`, is a secret in plain text; "" when it is not."""
    what = looks_secret(value)
    if what:
        return f"it is {what}"
    if secret_name(name) and not _harmless(value):
        return f'it is called "{name}"'
    return ""


def secret_arguments(arguments: Sequence[object]) -> Iterator[tuple[int, str]]:
    """Where a command holds a secret, and why: `--password=x`, `--token x`."""
    expected = ""
    for position, argument in enumerate(arguments):
        text = argument if isinstance(argument, str) else ""
        option = _OPTION.fullmatch(text)
        if looks_secret(text):
            yield position, f"it holds {looks_secret(text)}"
        elif option and option["value"] is not None:
            if secret_name(option["name"]) and not _harmless(option["value"]):
                yield position, f'it is the value of "--{option["name"]}"'
        elif expected and not option and not _harmless(text):
            yield position, f'it is the value of "--{expected}"'
        named = option and option["value"] is None and secret_name(option["name"])
        expected = option["name"] if option and named else ""


def _harmless(value: str) -> bool:
    return any(shape.fullmatch(value) for shape in (_HARMLESS_VALUE, _FILE, _REFERENCE))
