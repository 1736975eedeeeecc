"""Each stack of the project from its configuration to a verified deployment on the emulator.

The real pack, the real deployer and the real checks. What this cannot prove: what the emulator does
not do, which the report lists by name.
"""

import os
from pathlib import Path
from unittest import mock

import botocore
import pytest

from rehearsal.handlers.gaps import GAPS
from rehearsal.rehearse import Report, Status, rehearse

ROOT = Path(__file__).parents[2]
STACKS = ("staging", "production", "local")
NOT_LOOKED_AT = {
    "the host name resolves to this load balancer",
    "HTTPS answers and HTTP redirects",
    "every service is steady at its desired count on its newest task definition",
    "every public service has a healthy target",
    "each warning of the budget reaches a topic",
}
"""Checks that need traffic or running tasks, of which an emulator has none."""

NOT_DEPLOYED = {"local": {"services scale between their bounds"}}
"""What a stack for the emulator leaves out on purpose."""


def rehearsed(stack: str) -> Report:
    with mock.patch.dict(os.environ):
        for name in ("ENVIRONMENT", "DB_USERNAME", "DB_PASSWORD"):
            os.environ.pop(name, None)
        return rehearse(stack, ROOT)


def _gap(operation: str) -> tuple[str, str]:
    service, _, name = operation.partition(":")
    return service, botocore.xform_name(name)


# One test a stack: a rehearsal is too dear to be repeated in each process of a run.
@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_ends_verified(stack):
    report = rehearsed(stack)

    assert (report.status, report.problems) == (Status.VERIFIED, [])
    assert report.exit_code == 0

    broken = [(f.rule, f.resource, f.reason) for f in report.findings if f.blocks]
    assert broken == []
    assert report.rules > 20, "the pack judged nothing"

    # Every resource was created, or accepted by AWS's own model where the emulator has a gap.
    states = {r.state for r in report.resources}
    assert states <= {"created", "validated", "component", "provider"}
    assert {_gap(v.operation) for v in report.validated} <= GAPS.keys()
    assert report.counts["created"] > 100
    assert report.counts["validated"] < 10

    assert [(c.name, c.subject, c.detail) for c in report.checks if not c.ok] == []
    unseen = {c.name for c in report.checks if not c.looked_at}
    assert unseen <= NOT_LOOKED_AT | NOT_DEPLOYED.get(stack, set())
    assert report.outputs["url"].startswith("https://api.")
    assert report.requests > report.counts["created"]
    assert report.path is not None
    assert 0 < report.path.seconds < 3600
