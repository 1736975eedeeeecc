"""A plan as a list of steps: shown before anything is done, and kept as the record afterwards."""

import dataclasses
import datetime
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ops.waiting import Progress, silent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do.

    Args:
        does: What, in words, as an imperative.
        run: Does it, and returns what came of it. None when there is nothing to do.
    """

    does: str
    run: Callable[[], str] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Done:
    """One thing that was done."""

    does: str
    seen: str
    seconds: float


class StepError(Exception):
    """A step failed; what came before it is done, and `done` says what that was."""

    def __init__(self, does: str, error: Exception, done: Sequence[Done]) -> None:
        super().__init__(f"{does}: {error}")
        self.does = does
        self.done = list(done)


def carry_out(
    steps: Iterable[Step],
    *,
    on_progress: Progress = silent,
    clock: Callable[[], float] = time.monotonic,
) -> list[Done]:
    """Runs every step in order and returns what was done.

    Raises:
        StepError: A step failed; none after it was tried.
    """
    done: list[Done] = []
    for step in steps:
        if step.run is None:
            done.append(Done(does=step.does, seen="nothing to do", seconds=0.0))
            continue
        on_progress(step.does)
        began = clock()
        try:
            seen = step.run()
        except Exception as error:
            raise StepError(step.does, error, done) from error
        done.append(Done(does=step.does, seen=seen, seconds=clock() - began))
    return done


def record(what: str, done: Iterable[Done], *, at: datetime.datetime) -> dict[str, Any]:
    """What was done as a document to keep."""
    return {
        "what": what,
        "at": at.astimezone(datetime.UTC).isoformat(),
        "steps": [
            {"does": step.does, "seen": step.seen, "seconds": round(step.seconds, 1)}
            for step in done
        ],
    }
