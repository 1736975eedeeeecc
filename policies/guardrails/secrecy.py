"""What looks like a secret, by name or by value."""

import re

_WORDS = re.compile(
    r"(^|[_.\-/])(pass(word|wd|phrase)?|pwd|secrets?|tokens?|api[_-]?keys?|private[_-]?keys?"
    r"|access[_-]?keys?|signing[_-]?keys?|encryption[_-]?keys?|credentials?|dsn"
    r"|database[_-]?url|connection[_-]?string)($|[_.\-/])",
    re.IGNORECASE,
)
# A name that speaks of a secret without being one: where it is, how long it lasts.
_HARMLESS = re.compile(
    r"[_.\-/](arn|name|id|ids|path|file|dir|url|uri|endpoint|host|port|region|prefix|header|type"
    r"|version|ttl|timeout|expiry|expires|expiration|seconds|minutes|hours|days|length|issuer"
    r"|audience|algorithm|enabled|required|policy|count|limit|provider|store)$",
    re.IGNORECASE,
)
_DATABASE_URL = re.compile(r"(^|[_.\-/])(database[_-]?url|dsn)$", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_VALUES = {
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a signed token (JWT)": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a password within a URL": re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.I),
    "a GitHub token": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})"),
    "a Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "a Stripe key": re.compile(r"\b[rs]k_live_[A-Za-z0-9]{10,}"),
}
# Not a secret, whatever it is called: nothing, a switch, a number, a reference.
_PLAIN = re.compile(r"|true|false|yes|no|on|off|none|null|\d{1,4}|arn:aws[\w-]*:.*", re.I | re.S)


def by_name(name: str) -> bool:
    """Whether what is called so is a secret: `DB_PASSWORD`, `/app/api-key`, not `TOKEN_URL`."""
    words = _CAMEL.sub("_", name)
    if not _WORDS.search(words):
        return False
    return bool(_DATABASE_URL.search(words)) or not _HARMLESS.search(words)


def by_value(value: str) -> str:
    """What secret a value looks like, "" if it looks like none."""
    return next((kind for kind, pattern in _VALUES.items() if pattern.search(value)), "")


def is_plain(value: str) -> bool:
    """Whether a value cannot be a secret even under a secret's name."""
    return bool(_PLAIN.fullmatch(value.strip()))
