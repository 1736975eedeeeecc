"""When a stack that sleeps is awake, in the terms of CloudWatch metric math.

Imports no Pulumi. Alarms that look at what is absent by design at night must know the hours; metric
math knows the UTC hour of a datapoint, and nothing of time zones. So only those hours count as
awake that are so in summer and in winter.
"""

import zoneinfo
from datetime import datetime, timedelta

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
WARM_UP_MINUTES = 30
"""A database takes about ten minutes to start, and the services that need it wait for it."""
_DAY, _WEEK = 24 * 60, 7 * 24 * 60


def awake(*, start: str, stop: str, days: str, timezone: str) -> str:
    """A condition of metric math on `hour`, which is `DAY(m) * 24 + HOUR(m)`.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html

    Args:
        start: Local time at which the stack starts, `HH:MM`.
        stop: Local time at which it stops.
        days: Weekdays on which it does both, as `MON-FRI` or `SUN`.
        timezone: IANA time zone of both times.
    """
    local = _awake_minutes(_minute(start), _minute(stop), _weekdays(days))
    hours = [
        hour
        for hour in range(_WEEK // 60)
        if all(
            local[(minute + offset) % _WEEK]
            for offset in _offsets(timezone)
            for minute in range(hour * 60 - WARM_UP_MINUTES, hour * 60 + 60)
        )
    ]
    spans = [
        f"(hour >= {first + 24} AND hour < {last + 25})" for first, last in _consecutive(hours)
    ]
    # Never awake for a whole hour: nothing is ever looked at.
    return " OR ".join(spans) or "hour < 0"


def _minute(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)


def _weekdays(days: str) -> list[int]:
    first, _, last = days.partition("-")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return [day % 7 for day in range(begin, end + 1 if begin <= end else end + 8)]


def _awake_minutes(start: int, stop: int, weekdays: list[int]) -> list[bool]:
    """The local week, Monday first: awake from each start to the next stop."""
    events = sorted(
        (day * _DAY + minute, wakes)
        for day in weekdays
        for minute, wakes in ((start, True), (stop, False))
    )
    minutes = [events[-1][1]] * _WEEK  # as the week before ended
    for moment, wakes in events:
        minutes[moment:] = [wakes] * (_WEEK - moment)
    return minutes


def _offsets(timezone: str) -> list[int]:
    """Minutes by which the zone is ahead of UTC, in summer and in winter."""
    zone = zoneinfo.ZoneInfo(timezone)
    offsets = {
        datetime(2026, month, 15, 12, tzinfo=zone).utcoffset() or timedelta()
        for month in range(1, 13)
    }
    return sorted(int(offset.total_seconds()) // 60 for offset in offsets)


def _consecutive(hours: list[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for hour in hours:
        if spans and spans[-1][1] == hour - 1:
            spans[-1] = (spans[-1][0], hour)
        else:
            spans.append((hour, hour))
    return spans
