"""The tests are tried too: each fault of the table must make its tests fail.

What this cannot prove: that there is a test for a fault which nobody thought of.
"""

import subprocess
from pathlib import Path

import pytest

from tests.program import faults
from tests.program.faults import FAULTS, Fault, Workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("faults"))


def test_there_are_faults_of_every_kind():
    assert len(FAULTS) >= 24
    assert len({fault.what for fault in FAULTS}) == len(FAULTS)
    assert len({fault.file for fault in FAULTS}) >= 12


def test_the_named_tests_pass_where_nothing_is_wrong(workshop):
    healthy = workshop.without_fault()

    assert not healthy.caught, healthy.detail


@pytest.mark.faults
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what.replace(" ", "-"))
def test_a_seeded_fault_is_caught(fault: Fault, workshop: Workshop):
    verdict = workshop.try_out(fault)

    assert verdict.caught, verdict.detail


def test_a_change_that_breaks_nothing_is_not_called_caught(workshop):
    harmless = Fault(
        what="a comment",
        file="components/connection.py",
        old="class Connection(",
        new="# A comment.\nclass Connection(",
        tests=("tests/components/test_connection.py::test_outputs_are_registered",),
    )
    verdict = workshop.try_out(harmless)

    assert not verdict.caught
    assert "1 passed" in verdict.detail


def test_a_file_that_cannot_be_imported_is_not_called_caught(workshop):
    broken = Fault(
        what="not Python",
        file="components/connection.py",
        old="class Connection(",
        new="class class Connection(",
        tests=("tests/components/test_connection.py::test_outputs_are_registered",),
    )
    assert not workshop.try_out(broken).caught


def test_a_fault_that_fits_nowhere_is_said_before_anything_runs(workshop, monkeypatch):
    monkeypatch.setattr(Workshop, "run", lambda *_: pytest.fail("nothing was changed"))
    outdated = Fault(
        what="of old", file="wiring/edge.py", old="no such text", new="", tests=("tests/none.py",)
    )
    verdict = workshop.try_out(outdated)

    assert not verdict.caught
    assert "0 times" in verdict.detail


def test_a_fault_is_there_while_its_tests_run_and_gone_afterwards(workshop, monkeypatch):
    fault = FAULTS[0]
    path = workshop.tree / fault.file
    before, seen = path.read_text(), []

    def run(*_: object) -> subprocess.CompletedProcess[str]:
        seen.append(path.read_text())
        return subprocess.CompletedProcess([], 1, stdout="1 failed in 1.00s", stderr="")

    monkeypatch.setattr(Workshop, "run", run)

    assert workshop.try_out(fault).caught
    assert seen == [before.replace(fault.old, fault.new)]
    assert path.read_text() == before


def test_the_copy_is_not_where_others_work(workshop):
    assert not Path(workshop.tree).is_relative_to(faults.stacks.ROOT)
