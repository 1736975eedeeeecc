"""When alarms look at a stack that sleeps, hour by hour of a week in UTC."""

import datetime
import zoneinfo

import pytest

from components.off_hours import awake

EVERY_HOUR = [
    datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC) + datetime.timedelta(hours=n)
    for n in range(7 * 24)
]
"""A week that begins on a Monday."""


def looks(condition: str, moment: datetime.datetime) -> bool:
    hour = moment.isoweekday() * 24 + moment.hour
    return eval(condition.replace("AND", "and").replace("OR", "or"), {"hour": hour})


def test_a_working_week_in_london_is_watched_when_it_is_day_in_summer_and_in_winter():
    condition = awake(start="06:00", stop="20:00", days="MON-FRI", timezone="Europe/London")

    watched = [moment for moment in EVERY_HOUR if looks(condition, moment)]
    assert {moment.isoweekday() for moment in watched} == {1, 2, 3, 4, 5}
    # Up from 06:00 UTC at the latest, and half an hour to start; down at 19:00 UTC at the earliest.
    assert {moment.hour for moment in watched} == set(range(7, 19))
    assert len(watched) == 5 * 12


@pytest.mark.parametrize(
    ("start", "stop", "days", "timezone"),
    [
        ("06:00", "20:00", "MON-FRI", "Europe/London"),
        ("07:30", "18:15", "MON-SAT", "America/Los_Angeles"),
        ("08:00", "19:00", "MON-FRI", "Pacific/Auckland"),
        ("09:00", "17:00", "SUN-THU", "Asia/Kolkata"),
        ("20:00", "06:00", "MON-FRI", "Europe/Berlin"),
        ("09:00", "17:00", "WED", "UTC"),
        ("09:00", "17:00", "SAT-MON", "UTC"),
    ],
)
def test_no_hour_of_sleep_is_ever_watched(start, stop, days, timezone):
    condition = awake(start=start, stop=stop, days=days, timezone=timezone)
    zone = zoneinfo.ZoneInfo(timezone)
    names = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
    first, _, last = days.partition("-")
    span = (names.index(last or first) - names.index(first)) % 7 + 1
    on = {(names.index(first) + n) % 7 for n in range(span)}

    def up(moment: datetime.datetime) -> bool:
        """Plays the two schedules for a week before the moment."""
        local, state = moment.astimezone(zone), False
        at = local - datetime.timedelta(days=8)
        while at <= local:
            if at.weekday() in on and at.strftime("%H:%M") in (start, stop):
                state = at.strftime("%H:%M") == start
            at += datetime.timedelta(minutes=15)
        return state

    seen = 0
    for month in (1, 7):
        week = datetime.timedelta(days=0 if month == 1 else 26 * 7)
        for moment in EVERY_HOUR[::5]:
            if looks(condition, moment + week):
                seen += 1
                quarters = [moment + week + datetime.timedelta(minutes=m) for m in (0, 30, 45)]
                assert all(up(quarter) for quarter in quarters), moment + week
    assert seen, "a stack that is up for hours is watched at some"


def test_a_stack_that_is_never_up_for_an_hour_is_never_watched():
    condition = awake(start="09:00", stop="09:30", days="MON", timezone="UTC")

    assert not any(looks(condition, moment) for moment in EVERY_HOUR)
