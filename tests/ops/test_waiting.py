"""Waiting ends: when the probe is content, or when the time is up."""

from ops.waiting import wait_for


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def wait(answers, timeout, **options):
    clock = Clock()
    given = iter(answers)
    lines = []
    result = wait_for(
        lambda: next(given),
        what="a thing",
        timeout=timeout,
        on_progress=lines.append,
        clock=clock,
        sleep=clock.sleep,
        **options,
    )
    return result, clock.now, lines


def test_it_returns_at_once_when_there_is_nothing_to_wait_for():
    assert wait([(True, "ready")], 60) == ((True, "ready"), 0.0, [])


def test_it_probes_again_until_the_probe_is_content():
    result, elapsed, lines = wait([(False, "1/2"), (False, "1/2"), (True, "2/2")], 60)

    assert result == (True, "2/2")
    assert elapsed == 20
    assert lines == [
        "waiting for a thing: 1/2 (60 s left)",
        "waiting for a thing: 1/2 (50 s left)",
    ]


def test_it_gives_up_when_the_time_is_over_and_says_what_it_saw_last():
    result, elapsed, _ = wait([(False, f"try {n}") for n in range(9)], 25)

    assert result == (False, "try 3")
    assert elapsed == 25


def test_no_time_means_exactly_one_probe():
    assert wait([(False, "no")], 0) == ((False, "no"), 0.0, [])
