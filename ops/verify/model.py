"""What a check is, what it may look at, and the table that it is entered in."""

import dataclasses
import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ops.aws import Clients
from ops.waiting import Progress, wait_for

EMULATED = "the emulator serves no traffic"


class Status(enum.StrEnum):
    """Outcome of one check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One promise, looked at on one subject."""

    name: str
    subject: str
    status: Status
    detail: str

    @property
    def ok(self) -> bool:
        """Whether nothing is known to be wrong."""
        return self.status is not Status.FAILED


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """What every check may look at."""

    aws: Clients
    outputs: Mapping[str, Any]
    emulated: bool
    timeout: float
    on_progress: Progress

    @property
    def critical(self) -> bool:
        """Whether the stack is held to the promises of production."""
        return self.outputs.get("stage") == "production"

    def wait(self, probe: Callable[[], tuple[bool, str]], what: str) -> tuple[bool, str]:
        """Waits for what a deployment in flight has yet to finish; an emulator has none."""
        timeout = 0 if self.emulated else self.timeout
        return wait_for(probe, what=what, timeout=timeout, on_progress=self.on_progress)


Finding = tuple[str, bool | None, str]
"""Subject, whether it holds (None: could not be looked at), and what was seen."""
CheckFunction = Callable[[Context], Iterable[Finding]]
CHECKS: dict[str, CheckFunction] = {}


def check(name: str) -> Callable[[CheckFunction], CheckFunction]:
    """Enters a function in the table under the promise that it checks."""

    def enter(function: CheckFunction) -> CheckFunction:
        CHECKS[name] = function
        return function

    return enter
