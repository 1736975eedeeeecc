"""What RDS for PostgreSQL accepts, checked before anything is created.

Limits: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
"""

import hashlib
import re
from collections.abc import Iterator

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY, WEEK = 24 * 60, 7 * 24 * 60
SHORTEST_WINDOW = 30
"""Minutes, of either window."""
MOST_STORAGE = 65_536
"""GiB of gp3: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html"""
OLDEST_MAJOR = 14
"""The oldest PostgreSQL that RDS still supports at no extra charge:
https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-release-calendar.html"""
MONITORING_INTERVALS = (0, 1, 5, 10, 15, 30, 60)
"""Seconds between two records of enhanced monitoring; 0 switches it off."""
INSIGHTS_RETENTION = (7, 731)
"""Days besides the multiples of 31:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PerfInsights.Overview.cost.html"""
RESERVED_USERS = frozenset(
    {"admin", "public", "rds_replication", "rds_superuser", "rdsadmin", "rdsrepladmin"}
)
"""Roles that RDS owns:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html"""
_CLOCK = r"([01]\d|2[0-3]):([0-5]\d)"


def major_version(engine_version: str) -> str:
    """`17` of `17` and of `17.4`."""
    return engine_version.split(".")[0]


def identifier(*parts: str) -> str:
    """Name of an instance: at most 63 letters, digits and single hyphens, a letter first."""
    joined = re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")
    if len(joined) <= 63:
        return joined
    return f"{joined[:56].rstrip('-')}-{hashlib.sha256(joined.encode()).hexdigest()[:6]}"


def identifier_problems(value: str) -> Iterator[str]:
    """Whether RDS takes this name of an instance."""
    if not re.fullmatch(r"[a-z](?:-?[a-z0-9])*", value) or len(value) > 63:
        yield (
            f"identifier is {value!r}; RDS takes at most 63 small letters, digits and single"
            " hyphens, a letter first"
        )


def version_problems(engine_version: str) -> Iterator[str]:
    """Whether this is a version of PostgreSQL that RDS supports."""
    if not re.fullmatch(r"\d{2}(\.\d{1,2})?", engine_version):
        yield f'engine_version is {engine_version!r}; write a major such as "17", or "17.4"'
    elif int(major_version(engine_version)) < OLDEST_MAJOR:
        yield f"engine_version is {engine_version!r}; RDS supports PostgreSQL {OLDEST_MAJOR} and up"


def storage_problems(allocated: int, maximum: int) -> Iterator[str]:
    """Whether gp3 storage for PostgreSQL may begin and grow like this.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html and
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
    """
    if not 20 <= allocated <= MOST_STORAGE:
        yield f"allocated_storage is {allocated}; gp3 takes 20 to {MOST_STORAGE} GiB"
    if maximum and not allocated * 1.1 <= maximum <= MOST_STORAGE:
        yield (
            f"max_allocated_storage is {maximum}; give at least a tenth more than"
            f" {allocated}, at most {MOST_STORAGE}, or 0 for no growth"
        )


def credential_problems(username: str | None, password: str | None) -> Iterator[str]:
    """Whether RDS takes these as the master user; neither is ever shown."""
    if username is not None and (
        not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,15}", username, re.ASCII)
        or username.lower() in RESERVED_USERS
        or username.lower().startswith("pg_")
    ):
        yield (
            "username must be 1 to 16 letters, digits and underscores, a letter first, and not a"
            " name that RDS or PostgreSQL reserves"
        )
    if password is None:
        return
    if not 8 <= len(password) <= 128:
        yield f"password has {len(password)} characters; RDS takes 8 to 128"
    if any(not "!" <= character <= "~" or character in '/@"' for character in password):
        yield 'password may hold printable ASCII but not / @ " or a space'


def window_problems(backup: str, maintenance: str) -> Iterator[str]:
    """Whether both windows are well formed, long enough, and never at the same time."""
    daily, weekly = _daily(backup), _weekly(maintenance)
    if daily is None:
        yield f"backup_window is {backup!r}; write it as 02:00-03:00, in UTC"
    elif (daily[1] - daily[0]) % DAY < SHORTEST_WINDOW:
        yield f"backup_window is {backup!r}; it lasts at least {SHORTEST_WINDOW} minutes"
    if weekly is None:
        yield f"maintenance_window is {maintenance!r}; write it as sun:03:30-sun:04:30, in UTC"
    elif not SHORTEST_WINDOW <= (weekly[1] - weekly[0]) % WEEK <= DAY:
        yield (
            f"maintenance_window is {maintenance!r}; it lasts {SHORTEST_WINDOW} minutes to a day"
        )
    if daily and weekly and _overlap(daily, weekly):
        yield f"backup_window {backup} and maintenance_window {maintenance} overlap"


def _daily(text: str) -> tuple[int, int] | None:
    found = re.fullmatch(f"{_CLOCK}-{_CLOCK}", text)
    if not found:
        return None
    hour, minute, end_hour, end_minute = (int(part) for part in found.groups())
    return hour * 60 + minute, end_hour * 60 + end_minute


def _weekly(text: str) -> tuple[int, int] | None:
    found = re.fullmatch(rf"(\w{{3}}):{_CLOCK}-(\w{{3}}):{_CLOCK}", text.lower())
    if not found or found[1] not in DAYS or found[4] not in DAYS:
        return None
    return (
        DAYS.index(found[1]) * DAY + int(found[2]) * 60 + int(found[3]),
        DAYS.index(found[4]) * DAY + int(found[5]) * 60 + int(found[6]),
    )


def _overlap(daily: tuple[int, int], weekly: tuple[int, int]) -> bool:
    """Whether any of the week's seven backups meets the maintenance; both may cross midnight."""
    backup_length = (daily[1] - daily[0]) % DAY
    maintenance_length = (weekly[1] - weekly[0]) % WEEK
    for day in range(7):
        start = day * DAY + daily[0]
        if (weekly[0] - start) % WEEK < backup_length:
            return True
        if (start - weekly[0]) % WEEK < maintenance_length:
            return True
    return False
