"""What RDS takes, as tables and one property; RDS itself is not asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import database_rules as rules


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("babyrobots", "staging", "main"), "babyrobots-staging-main"),
        (("Baby_Robots", "pr/12", "main"), "baby-robots-pr-12-main"),
        (("a", "b" * 80, "c"), "a-" + "b" * 54 + "-9dabc9"),
    ],
)
def test_an_identifier_is_made_of_what_rds_takes(parts, expected):
    made = rules.identifier(*parts)

    assert made == expected
    assert list(rules.identifier_problems(made)) == []


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_stack_name_makes_an_identifier_that_rds_takes(stack, name):
    made = rules.identifier("babyrobots", stack, name)

    assert list(rules.identifier_problems(made)) == []


@pytest.mark.parametrize("value", ["", "1a", "a--b", "a-", "-a", "A", "a_b", "a" * 64])
def test_an_identifier_that_rds_refuses_is_refused(value):
    assert len(list(rules.identifier_problems(value))) == 1


@pytest.mark.parametrize("version", ["17", "17.4", "14", "18.10"])
def test_supported_versions_are_taken(version):
    assert list(rules.version_problems(version)) == []


@pytest.mark.parametrize("version", ["13", "9.6", "13.20", "17.", "17.4.1", "latest", "", "17 "])
def test_other_versions_are_refused(version):
    (problem,) = rules.version_problems(version)
    assert repr(version) in problem


@pytest.mark.parametrize(("version", "major"), [("17", "17"), ("16.4", "16")])
def test_the_family_follows_the_major(version, major):
    assert rules.major_version(version) == major


@pytest.mark.parametrize(
    ("allocated", "maximum", "count"),
    [
        (20, 100, 0),
        (20, 22, 0),
        (20, 0, 0),
        (65536, 0, 0),
        (20, 21, 1),
        (20, 20, 1),
        (20, 65537, 1),
        (19, 100, 1),
        (65537, 0, 1),
        (10, 10, 2),
    ],
)
def test_storage_grows_by_a_tenth_or_not_at_all(allocated, maximum, count):
    assert len(list(rules.storage_problems(allocated, maximum))) == count


@pytest.mark.parametrize("username", ["a", "robot_1", "R" * 16, None])
def test_a_user_that_rds_takes_is_taken(username):
    assert list(rules.credential_problems(username, None)) == []


@pytest.mark.parametrize(
    "username", ["", "1a", "_a", "a-b", "a b", "R" * 17, "admin", "ADMIN", "rdsadmin", "pg_x", "é"]
)
def test_a_user_that_rds_refuses_is_refused_without_being_shown(username):
    (problem,) = rules.credential_problems(username, None)
    assert not username or f"'{username}'" not in problem


@pytest.mark.parametrize("password", ["x" * 8, "x" * 128, "!#$%&'()*+,-.:;<=>?[]^_`{|}~", None])
def test_a_password_that_rds_takes_is_taken(password):
    assert list(rules.credential_problems("robot", password)) == []


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("x" * 7, "has 7 characters"),
        ("x" * 129, "has 129 characters"),
        ("not-real/x", "but not"),
        ("not-real@x", "but not"),
        ('not-real"x', "but not"),
        ("not-real x", "but not"),
        ("not-real\u00e9x", "but not"),
        ("not-real\tx", "but not"),
    ],
)
def test_a_password_that_rds_refuses_is_refused_without_being_shown(password, words):
    (problem,) = rules.credential_problems("robot", password)
    assert words in problem
    assert password not in problem


@pytest.mark.parametrize(
    ("backup", "maintenance"),
    [
        ("02:00-03:00", "sun:03:30-sun:04:30"),
        ("02:00-02:30", "sun:02:30-sun:03:00"),
        ("23:45-00:15", "mon:00:15-mon:00:45"),
        ("02:00-03:00", "Sun:03:30-Sun:04:30"),
        ("12:00-13:00", "sun:23:30-mon:00:30"),
    ],
)
def test_windows_apart_are_taken(backup, maintenance):
    assert list(rules.window_problems(backup, maintenance)) == []


@pytest.mark.parametrize(
    ("backup", "maintenance", "words"),
    [
        ("2:00-3:00", "sun:03:30-sun:04:30", "backup_window is '2:00-3:00'; write it as"),
        ("02:00-24:00", "sun:03:30-sun:04:30", "write it as 02:00-03:00"),
        ("02:00-02:29", "sun:03:30-sun:04:30", "lasts at least 30 minutes"),
        ("02:00-02:00", "sun:03:30-sun:04:30", "lasts at least 30 minutes"),
        ("02:00-03:00", "03:30-04:30", "write it as sun:03:30-sun:04:30"),
        ("02:00-03:00", "son:03:30-son:04:30", "write it as sun:03:30-sun:04:30"),
        ("02:00-03:00", "sun:03:30-sun:03:59", "lasts 30 minutes to a day"),
        ("12:00-12:30", "sun:13:00-mon:13:01", "lasts 30 minutes to a day"),
        ("02:00-03:00", "sun:02:30-sun:03:30", "overlap"),
        ("02:00-03:00", "sun:01:30-sun:02:30", "overlap"),
        ("02:00-03:00", "sun:01:00-sun:04:00", "overlap"),
        ("01:00-04:00", "sun:02:00-sun:03:00", "overlap"),
        ("23:30-00:30", "mon:00:00-mon:00:45", "overlap"),
        ("00:10-00:50", "sun:23:45-mon:00:15", "overlap"),
    ],
)
def test_malformed_short_and_overlapping_windows_are_refused(backup, maintenance, words):
    found = list(rules.window_problems(backup, maintenance))
    assert found
    assert words in found[0]


@given(
    st.integers(0, 7 * 24 * 60 - 1),
    st.integers(30, 24 * 60),
    st.integers(0, 24 * 60 - 1),
    st.integers(30, 24 * 60 - 1),
)
def test_windows_overlap_when_some_minute_is_in_both(week_start, week_length, start, length):
    def clock(minute):
        return f"{minute // 60 % 24:02}:{minute % 60:02}"

    def weekly(minute):
        return f"{rules.DAYS[minute // 1440 % 7]}:{clock(minute)}"

    maintenance = {(week_start + minute) % 10080 for minute in range(week_length)}
    backups = {(start + minute) % 1440 for minute in range(length)}
    meet = any(minute % 1440 in backups for minute in maintenance)

    found = list(
        rules.window_problems(
            f"{clock(start)}-{clock(start + length)}",
            f"{weekly(week_start)}-{weekly(week_start + week_length)}",
        )
    )
    assert bool(found) == meet
