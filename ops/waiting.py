"""Bounded waiting with progress, for what AWS finishes in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
Progress = Callable[[str], None]


def silent(message: str) -> None:
    """The progress of a caller that wants none."""
    del message


def wait_for(
    probe: Callable[[], tuple[bool, T]],
    *,
    what: str,
    timeout: float,
    interval: float = 10.0,
    on_progress: Progress = silent,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[bool, T]:
    """Calls `probe` until it says True or `timeout` seconds have passed; returns its last answer.

    Args:
        probe: Returns whether the wait is over, and what it saw.
        what: What is being waited for, for the progress line.
        timeout: Seconds; 0 probes exactly once.
        interval: Seconds between two probes. Defaults to 10, which no AWS API throttles.
        on_progress: Receives one line per unsuccessful probe. Defaults to silence.
        clock: Monotonic seconds. Defaults to the system's.
        sleep: Waits that many seconds. Defaults to `time.sleep`.
    """
    deadline = clock() + timeout
    while True:
        done, seen = probe()
        left = deadline - clock()
        if done or left <= 0:
            return done, seen
        on_progress(f"waiting for {what}: {seen} ({left:.0f} s left)")
        sleep(min(interval, left))
