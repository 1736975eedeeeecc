"""Reads a deployed stack back through the AWS API and checks what this project promises of it.

A check is a function from the stack's outputs to findings; `CHECKS` is the whole table. A finding
passes, fails, or is skipped with a reason: what an emulator cannot show (running tasks, public DNS,
HTTPS) is never counted as passed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Clients

# Importing a module of checks enters them in the table.
from ops.verify import cost, data, edge, network, services, stores
from ops.verify.model import CHECKS, Check, Context, Status
from ops.waiting import Progress, silent

MODULES = (network, edge, services, data, stores, cost)
"""Modules of checks, in the order of the report: from the ground up."""

__all__ = ["CHECKS", "Check", "Status", "verify"]


def verify(
    outputs: Mapping[str, Any],
    session: boto3.Session | None = None,
    *,
    endpoint_url: str | None = None,
    emulated: bool | None = None,
    timeout: float = 900.0,
    on_progress: Progress = silent,
) -> list[Check]:
    """Runs every check against the stack that `outputs` describes.

    Args:
        outputs: The stack's exports, as `pulumi stack output --json` prints them.
        session: Credentials. Defaults to boto3's own search.
        endpoint_url: Address of an emulator. Defaults to None: AWS.
        emulated: Whether an emulator answers. Defaults to whether `endpoint_url` is given.
        timeout: Seconds that each wait may take. Defaults to 900: a rolling deployment drains for
            minutes.
        on_progress: Receives a line per wait. Defaults to silence.

    Raises:
        KeyError: `outputs` lacks `region` or `vpcId`: it is not from this program.
    """
    context = Context(
        aws=Clients(session or boto3.Session(), outputs["region"], endpoint_url),
        outputs=outputs,
        emulated=bool(endpoint_url) if emulated is None else emulated,
        timeout=timeout,
        on_progress=on_progress,
    )
    order = [module.__name__ for module in MODULES]
    names = sorted(CHECKS, key=lambda name: order.index(CHECKS[name].__module__))
    return [found for name in names for found in _run(name, context)]


def _run(name: str, context: Context) -> Iterator[Check]:
    try:
        for subject, holds, detail in CHECKS[name](context):
            yield Check(name=name, subject=subject, status=_status(holds), detail=detail)
    except (ClientError, BotoCoreError) as error:
        # A promise that cannot be read is broken: a missing permission must not look healthy.
        yield Check(name=name, subject="-", status=Status.FAILED, detail=str(error))


def _status(holds: bool | None) -> Status:
    if holds is None:
        return Status.SKIPPED
    return Status.PASSED if holds else Status.FAILED
