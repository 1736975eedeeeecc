"""Types of single values: each refuses what AWS or this program would, and says what to write."""

import datetime
import ipaddress
import math
import re
import zoneinfo
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any

from pydantic import BeforeValidator

from components import listener_rules
from components.endpoint_policies import INTERFACE_ACTIONS
from components.subnets import LARGEST_PREFIX, SMALLEST_PREFIX
from configuration.problems import Refused, listed, nearest

PRIVATE_RANGES = tuple(
    ipaddress.IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
"""https://www.rfc-editor.org/rfc/rfc1918#section-3"""

LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545),
    *(731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

ENDPOINT_SERVICES = tuple(sorted(INTERFACE_ACTIONS))
"""Services with an endpoint policy, by the last part of the endpoint service's name."""

AMAZON_ISSUERS = ("amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com")
"""One of these must be allowed, or ACM cannot issue.
https://docs.aws.amazon.com/acm/latest/userguide/setup-caa.html"""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_TAG = re.compile(r"[\w +\-=.:/@]{1,256}")
_IMAGE = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d+)?/)?"
    r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
    r"(?P<tag>:\w[\w.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
_SECRET_ARN = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}"
    r"(?::[^:]*:[^:]*:[^:]*)?"
)
_PARAMETER_ARN = re.compile(r"arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter/[A-Za-z0-9/_.-]+")
_SECRET_NAME = re.compile(r"[A-Za-z0-9_+=.@-]+(?:/[A-Za-z0-9_+=.@-]+)+")


def matching(pattern: str, rule: str, instead: str) -> BeforeValidator:
    """Text that a pattern describes whole."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: Any) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise Refused(rule, instead)
        return value

    return BeforeValidator(check)


def whole(lowest: int, highest: int, what: str) -> BeforeValidator:
    """A whole number of a range. Digits as text pass too, as they do in the engine."""

    def check(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value, re.ASCII):
            value = int(value)
        if isinstance(value, float) and math.isfinite(value) and value == int(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refused(f"{what} is a whole number", f"write {lowest} to {highest}")
        if not lowest <= value <= highest:
            raise Refused(
                f"{what} is {lowest} to {highest}",
                f"write {lowest if value < lowest else highest}, or a number in between",
            )
        return value

    return BeforeValidator(check)


def word(words: type[Enum], what: str) -> BeforeValidator:
    """One word of a list; the refusal names all of them, the nearest first."""

    def check(value: Any) -> Any:
        known = [member.value for member in words]
        if isinstance(value, words):
            return value
        if value not in known:
            raise Refused(
                f"{what} is {listed(known)}",
                f"{nearest(value, known)}write {listed(known)}",
            )
        return words(value)

    return BeforeValidator(check)


def _check(function: Callable[[Any], Any]) -> BeforeValidator:
    return BeforeValidator(function)


def _flag(value: Any) -> bool:
    if isinstance(value, bool) or value in ("true", "false"):
        return value in (True, "true")
    raise Refused("a switch is true or false", "write true or false, without quotes")


def _network(value: Any) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.IPv4Network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        raise Refused("the VPC needs an IPv4 range in CIDR notation", "write 10.0.0.0/16") from None
    if not any(network.subnet_of(private) for private in PRIVATE_RANGES):
        raise Refused(
            "the range must be private (RFC 1918), or it shadows addresses of the internet",
            "write a range inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, as 10.0.0.0/16",
        )
    if network.prefixlen < LARGEST_PREFIX:
        raise Refused(
            f"a VPC's range is a /{LARGEST_PREFIX} at most",
            f"write {network.network_address}/{LARGEST_PREFIX}",
        )
    if network.prefixlen > SMALLEST_PREFIX:
        widened = ipaddress.IPv4Network((network.network_address, SMALLEST_PREFIX), strict=False)
        raise Refused(
            f"a range smaller than a /{SMALLEST_PREFIX} leaves no room for every tier of six zones",
            f"write {widened}, or a range up to a /{LARGEST_PREFIX}",
        )
    if value != str(network):
        raise Refused("a range is written as its first address", f"write {network}")
    return network


def _domain(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 253 or not _DOMAIN.fullmatch(value):
        raise Refused(
            "a DNS name is two or more labels of a-z, 0-9 and inner hyphens, in lower case,"
            " without scheme, path or final dot",
            "write a name like api.babyrobots.example",
        )
    return value


def _tag(value: Any) -> str:
    if not isinstance(value, str) or not _TAG.fullmatch(value) or value != value.strip():
        raise Refused(
            "a tag's value is 1 to 256 letters, digits, inner spaces and + - = . _ : / @",
            "write a name or an address, as platform or platform@babyrobots.example",
        )
    return value


def _retention(value: Any) -> int:
    value = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if isinstance(value, bool) or value not in LOG_RETENTION_DAYS:
        known = value if isinstance(value, int) and not isinstance(value, bool) else 30
        close = [
            *[days for days in LOG_RETENTION_DAYS if days < known][-1:],
            *[days for days in LOG_RETENTION_DAYS if days >= known][:1],
        ]
        raise Refused(
            f"CloudWatch Logs keeps events {listed(LOG_RETENTION_DAYS)} days",
            f"write {listed(close)}",
        )
    return value


def _endpoint(value: Any) -> str:
    if value not in ENDPOINT_SERVICES:
        raise Refused(
            f"an interface endpoint is one of {listed(ENDPOINT_SERVICES)}",
            f"{nearest(value, ENDPOINT_SERVICES)}S3 and DynamoDB need none, they have gateways",
        )
    return value


def _image(value: Any) -> str:
    if value != "" and (not isinstance(value, str) or not _IMAGE.fullmatch(value)):
        raise Refused(
            "an image is [registry/]repository[:tag][@sha256:digest], or empty for the image that"
            " imageDigest names in the stack's own repository",
            'write "", or a reference like public.ecr.aws/nginx/nginx@sha256:<64 hex digits>',
        )
    return value


def pinned(image: str) -> bool:
    """Whether a reference names one image for ever: a tag can be moved, a digest cannot."""
    return "@sha256:" in image


def _reference(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    if any(shape.fullmatch(text) for shape in (_SECRET_ARN, _PARAMETER_ARN, _SECRET_NAME)):
        return text
    raise Refused(
        "a secret is referred to, never written: by the ARN of a Secrets Manager secret"
        " (:key:stage:version may follow) or of an SSM parameter, or by a secret's name, which"
        " holds a slash so that no value passes for one",
        "store the value in Secrets Manager and write its name, as babyrobots/staging/api-token",
    )


def _variable_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise Refused(
            "an environment variable is text, a whole number, true or false",
            'put the value in quotes, as "1.10"',
        )
    return value


def _path(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    if found := listener_rules.problems([listener_rules.rule("path", (), (text,))]):
        raise Refused(
            found[0].removeprefix("path: "), "write one path, as /status, or a prefix, as /v1/*"
        )
    return text


def _health_path(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"/[!-~]{0,1023}", value):
        raise Refused(
            "a health check's path starts with / and has up to 1024 printable characters",
            "write a path like /health",
        )
    return value


def _matcher(value: Any) -> str:
    value = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    codes = re.findall(r"\d+", value) if isinstance(value, str) else []
    well_formed = isinstance(value, str) and re.fullmatch(r"\d{3}-\d{3}|\d{3}(,\d{3})*", value)
    if not well_formed or not all(200 <= int(code) <= 499 for code in codes):
        raise Refused(
            "a matcher is a code of 200 to 499, a list of them or a range",
            'write "200", "200,204" or "200-299"',
        )
    return str(value)


def _user(value: Any) -> str:
    value = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    name = r"(?:\d{1,10}|[a-z_][a-z0-9_-]{0,31})"
    if not isinstance(value, str) or not re.fullmatch(rf"{name}(?::{name})?", value):
        raise Refused(
            "a user is a name or an id, with or without a group",
            'write "10001" or "10001:10001"',
        )
    user = value.partition(":")[0]
    if user == "root" or (user.isdigit() and int(user) == 0):
        raise Refused(
            "no container runs as root: whoever breaks out of it would be root as well",
            'write another user\'s id, as "10001:10001", and build the image for it',
        )
    return value


def _clock(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise Refused("a time is hh:mm on a 24-hour clock", 'write "20:00", in quotes')
    return value


def _timezone(value: Any) -> str:
    rule = "a time zone is a name of the IANA database"
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][\w+\-/]{0,63}", value, re.ASCII):
        raise Refused(rule, "write UTC or Europe/London")
    try:
        zoneinfo.ZoneInfo("UTC")
    except zoneinfo.ZoneInfoNotFoundError:
        return value  # this machine has no database to look the name up in; AWS will
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        raise Refused(rule, f"{nearest(value, sorted(known))}write UTC or Europe/London") from None
    return value


_MONTHS = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
_CRON_FIELDS: tuple[tuple[str, int, int, tuple[str, ...], str], ...] = (
    ("minutes", 0, 59, (), ""),
    ("hours", 0, 23, (), ""),
    ("day of month", 1, 31, (), r"\?|L|LW|\d{1,2}W"),
    ("month", 1, 12, _MONTHS, ""),
    ("day of week", 1, 7, _DAYS, r"\?|L|\w{1,3}L|\w{1,3}#[1-5]"),
    ("year", 1970, 2199, (), ""),
)


def _cron_field(
    text: str, name: str, low: int, high: int, names: tuple[str, ...], special: str
) -> bool:
    if special and re.fullmatch(special, text):
        return True
    for part in text.split(","):
        base, slash, step = part.partition("/")
        if slash and not (step.isdigit() and int(step) > 0):
            return False
        if base == "*":
            continue
        ends = []
        for end in base.split("-"):
            upper = end.upper()
            if upper in names:
                ends.append(names.index(upper) + low)
            elif end.isascii() and end.isdigit() and low <= int(end) <= high:
                ends.append(int(end))
            else:
                return False
        # A range of weekdays may pass the end of the week, as FRI-MON.
        if len(ends) > 2 or (name != "day of week" and ends != sorted(ends)):
            return False
    return True


def _schedule(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    example = 'write "cron(0 3 * * ? *)" for every night at three, or "rate(1 hour)"'
    if match := re.fullmatch(r"rate\(([1-9]\d{0,4}) (minute|hour|day)(s?)\)", text):
        if (match[1] == "1") == (match[3] == ""):
            return text
        unit = match[2] if match[1] == "1" else f"{match[2]}s"
        raise Refused("a rate of 1 has a unit in the singular", f'write "rate({match[1]} {unit})"')
    if match := re.fullmatch(r"at\((.*)\)", text):
        try:
            datetime.datetime.strptime(match[1], "%Y-%m-%dT%H:%M:%S")
        except ValueError:
            raise Refused("a moment is yyyy-mm-ddThh:mm:ss", example) from None
        return text
    match = re.fullmatch(r"cron\((.*)\)", text)
    if not match:
        raise Refused("a schedule is cron(...), rate(...) or at(...)", example)
    fields = match[1].split(" ")
    if len(fields) != len(_CRON_FIELDS):
        raise Refused(
            "cron has six fields, one space between: minutes hours day-of-month month day-of-week"
            " year",
            example,
        )
    for field, (name, low, high, names, special) in zip(fields, _CRON_FIELDS, strict=True):
        if not _cron_field(field, name, low, high, names, special):
            words = f" or {names[0]} to {names[-1]}" if names else ""
            raise Refused(f"cron's {name} is {low} to {high}{words}", example)
    if (fields[2] == "?") == (fields[4] == "?"):
        raise Refused("one of cron's day of month and day of week is ?, the other is not", example)
    return text


_WEEK: tuple[str, ...] = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_BACKUP = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_MAINTENANCE = re.compile(
    r"(sun|mon|tue|wed|thu|fri|sat):([01]\d|2[0-3]):([0-5]\d)"
    r"-(sun|mon|tue|wed|thu|fri|sat):([01]\d|2[0-3]):([0-5]\d)"
)
_DAY = 24 * 60


def _backup_window(value: Any) -> str:
    match = _BACKUP.fullmatch(value) if isinstance(value, str) else None
    if not match or _length(*backup_minutes(value), _DAY) < 30:
        raise Refused(
            "a backup window is hh:mm-hh:mm in UTC, 30 minutes or more",
            'write "02:00-03:00", in quotes',
        )
    return value


def _maintenance_window(value: Any) -> str:
    match = _MAINTENANCE.fullmatch(value) if isinstance(value, str) else None
    if not match or not 30 <= _length(*maintenance_minutes(value), 7 * _DAY) <= _DAY:
        raise Refused(
            "a maintenance window is ddd:hh:mm-ddd:hh:mm in UTC and in lower case, 30 minutes to a"
            " day",
            'write "sun:03:30-sun:04:30"',
        )
    return value


def _length(start: int, end: int, cycle: int) -> int:
    return (end - start) % cycle


def backup_minutes(window: str) -> tuple[int, int]:
    """Start and end of a daily window, in minutes of the day."""
    match = _BACKUP.fullmatch(window)
    if match is None:
        raise ValueError(window)
    hour, minute, end_hour, end_minute = (int(text) for text in match.groups())
    return hour * 60 + minute, end_hour * 60 + end_minute


def maintenance_minutes(window: str) -> tuple[int, int]:
    """Start and end of a weekly window, in minutes of the week."""
    match = _MAINTENANCE.fullmatch(window)
    if match is None:
        raise ValueError(window)
    day, hour, minute, end_day, end_hour, end_minute = match.groups()
    return (
        _WEEK.index(day) * _DAY + int(hour) * 60 + int(minute),
        _WEEK.index(end_day) * _DAY + int(end_hour) * 60 + int(end_minute),
    )


def windows_overlap(backup: str, maintenance: str) -> bool:
    """Whether a daily and a weekly window ever share a minute; RDS refuses that."""
    daily_start, daily_end = backup_minutes(backup)
    daily = _length(daily_start, daily_end, _DAY)
    start, end = maintenance_minutes(maintenance)
    weekly = _length(start, end, 7 * _DAY)
    return any(
        _length(day * _DAY + daily_start, start, 7 * _DAY) < daily
        or _length(start, day * _DAY + daily_start, 7 * _DAY) < weekly
        for day in range(7)
    )


Flag = Annotated[bool, _check(_flag)]
NetworkRange = Annotated[ipaddress.IPv4Network, _check(_network)]
Domain = Annotated[str, _check(_domain)]
TagValue = Annotated[str, _check(_tag)]
EmailAddress = Annotated[
    str,
    matching(
        r"[^@\s]{1,64}@(?=.{3,255}$)[^@\s.]+(?:\.[^@\s.]+)+",
        "an e-mail address is a name, @ and a domain",
        "write it as oncall@example.com",
    ),
]
LogRetention = Annotated[int, _check(_retention)]
Endpoint = Annotated[str, _check(_endpoint)]
Image = Annotated[str, _check(_image)]
SecretReference = Annotated[str, _check(_reference)]
VariableValue = Annotated[str, _check(_variable_value)]
PathPattern = Annotated[str, _check(_path)]
HealthPath = Annotated[str, _check(_health_path)]
Matcher = Annotated[str, _check(_matcher)]
User = Annotated[str, _check(_user)]
Clock = Annotated[str, _check(_clock)]
TimeZone = Annotated[str, _check(_timezone)]
Schedule = Annotated[str, _check(_schedule)]
BackupWindow = Annotated[str, _check(_backup_window)]
MaintenanceWindow = Annotated[str, _check(_maintenance_window)]
VariableName = Annotated[
    str,
    matching(
        r"[A-Za-z_][A-Za-z0-9_]{0,254}",
        "a variable's name has letters, digits and underscores, and no digit first",
        "write a name like LOG_LEVEL",
    ),
]
