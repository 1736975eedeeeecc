"""Every fault of the table is noticed by the test that it names."""

from collections.abc import Iterator

import pytest

from tests.program.faults import FAULTS, Copy


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    made = Copy()
    yield made
    made.remove()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_seeded_fault_is_caught(copy, fault):
    assert copy.verdict(fault) == "caught"
