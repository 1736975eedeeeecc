"""What the tasks of a service write, merged by time."""

import time
from collections.abc import Callable, Iterator

from ops.stack import Stack
from ops.tasks import Log, logs_of

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """`90s`, `10m`, `2h` or `1d` in seconds.

    Raises:
        ValueError: It is none of these.
    """
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in _UNITS:
        raise ValueError(f"{text!r} is no duration: write 90s, 10m, 2h or 1d")
    return int(number) * _UNITS[unit]


def log_of(stack: Stack, name: str, container: str) -> Log | None:
    """Where a container of a service writes."""
    service = stack.describe(stack.services[name])
    found = stack.aws.get("ecs").describe_task_definition(taskDefinition=service["taskDefinition"])
    return logs_of(found["taskDefinition"]).get(container)


def lines(stack: Stack, log: Log, *, since: float, pattern: str) -> Iterator[tuple[str, int, str]]:
    """Task, time in milliseconds and line of what was written since then."""
    asked = {"filterPattern": pattern} if pattern else {}
    for event in stack.aws.pages(
        "logs",
        "filter_log_events",
        "events",
        logGroupName=log.group,
        logStreamNamePrefix=f"{log.prefix}/{log.container}/",
        startTime=int(since * 1000),
        **asked,
    ):
        task = event["logStreamName"].rpartition("/")[2]
        yield task, event["timestamp"], event["message"]


def follow(
    stack: Stack,
    log: Log,
    *,
    since: float,
    pattern: str,
    timeout: float,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[str, int, str]]:
    """The same for `timeout` seconds, as it is written."""
    seen: set[tuple[str, int, str]] = set()
    end = clock() + timeout
    while True:
        for found in lines(stack, log, since=since, pattern=pattern):
            if found not in seen:
                seen.add(found)
                # Lines arrive late: from one to the next there is room for those between.
                since = max(since, found[1] / 1000 - 10)
                yield found
        if clock() >= end:
            return
        sleep(2)
