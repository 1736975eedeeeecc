"""The graphs that tests of the whole program look at, each built once per process."""

import pytest

from rehearsal.recording import Graph
from tests.program import stacks


def pytest_configure(config: pytest.Config) -> None:
    """`-m "not faults"` leaves out what takes the longest here."""
    config.addinivalue_line("markers", "faults: seeds a fault in a copy and runs a test of it")


@pytest.fixture(scope="session", params=stacks.STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    """Every stack of the project, in turn."""
    return request.param


@pytest.fixture(scope="session")
def graph(stack: str) -> Graph:
    """The stack's graph with every output known."""
    return stacks.resolved(stack)


@pytest.fixture(scope="session")
def preview(stack: str) -> Graph:
    """The same as a first preview shows it."""
    return stacks.preview(stack)


@pytest.fixture(scope="session")
def production() -> Graph:
    return stacks.resolved("production")


@pytest.fixture(scope="session")
def staging() -> Graph:
    return stacks.resolved("staging")
