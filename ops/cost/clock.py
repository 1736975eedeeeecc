"""How often a schedule fires, and what is between two of them.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import calendar
import datetime
import re
from collections.abc import Iterator, Sequence

_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {
    name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)
}
# A common year that begins on a Thursday; schedules of a certain year are not counted otherwise.
_YEAR = 2026
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_HOURS = {"minute": 1 / 60, "hour": 1, "day": 24}


class UnknownScheduleError(ValueError):
    """A schedule that is not counted here: `L`, `W` and `#` are not."""


def runs_a_month(expression: str) -> float:
    """How often a schedule fires in the average month; an `at(...)` fires once."""
    rate = _RATE.fullmatch(expression)
    if rate:
        return 730 / (int(rate[1]) * _HOURS[rate[2]])
    if expression.startswith("at("):
        return 1
    return sum(1 for _ in moments(expression, 365, datetime.datetime(_YEAR, 1, 1))) / 12


def moments(expression: str, days: int, start: datetime.datetime) -> Iterator[datetime.datetime]:
    """When a `cron(...)` fires in the days after `start`, in its own time zone."""
    fields = expression.removeprefix("cron(").removesuffix(")").split()
    if not expression.startswith("cron(") or len(fields) != 6:
        raise UnknownScheduleError(expression)
    minutes = _numbers(fields[0], 0, 59)
    hours = _numbers(fields[1], 0, 23)
    dates = _numbers(fields[2], 1, 31)
    months = _numbers(fields[3], 1, 12, _MONTHS)
    weekdays = _numbers(fields[4], 1, 7, _DAYS)
    for offset in range(days):
        day = start + datetime.timedelta(days=offset)
        if day.month in months and day.day in dates and day.isoweekday() % 7 + 1 in weekdays:
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    yield day.replace(hour=hour, minute=minute)


def _numbers(
    field: str, lowest: int, highest: int, names: dict[str, int] | None = None
) -> frozenset[int]:
    found: set[int] = set()
    for part in field.upper().split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if first in ("*", "?"):
            begin, end = lowest, highest
        else:
            begin = _number(first, names)
            end = _number(last, names) if last else (highest if step else begin)
        # FRI-MON goes round the week.
        wrapped = [*range(begin, highest + 1), *range(lowest, end + 1)]
        chosen = list(range(begin, end + 1)) if begin <= end else wrapped
        found.update(chosen[:: int(step) if step else 1])
    return frozenset(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    value = (names or {}).get(text, text)
    if not str(value).isdigit():
        raise UnknownScheduleError(text)
    return int(value)


def shares(changes: Sequence[tuple[str, float]]) -> dict[float, float]:
    """The share of the time at each level, of levels that schedules set.

    Args:
        changes: (schedule, level from then on).
    """
    start = datetime.datetime(_YEAR, 1, 5)
    weeks = 4
    events = sorted(
        (moment, level)
        for expression, level in changes
        for moment in moments(expression, 7 * weeks, start)
    )
    end = start + datetime.timedelta(weeks=weeks)
    first = start + datetime.timedelta(weeks=1)
    found: dict[float, float] = {}
    for (moment, level), following in zip(events, [*(m for m, _ in events[1:]), end], strict=True):
        seconds = (following - max(moment, first)).total_seconds()
        if seconds > 0:
            found[level] = found.get(level, 0) + seconds
    total = sum(found.values())
    return {level: seconds / total for level, seconds in found.items()}
