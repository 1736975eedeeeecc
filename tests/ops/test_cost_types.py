"""That the estimate names every type of resource as priced, free or unpriced, and each once."""

import pytest

from ops.cost import Prices, Usage, estimate
from ops.cost.rules import FREE, PRICED, UNPRICED
from ops.cost.sources import of_graph
from rehearsal.handlers import HANDLERS
from tests.program import golden, stacks


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_every_type_of_a_stack_is_priced_free_or_unpriced_by_name(stack):
    types = {line.split()[0] for line in golden.read(stack)}
    types = {t for t in types if not t.startswith(("babyrobots:", "pulumi:"))}

    assert types - PRICED.keys() - FREE.keys() - UNPRICED.keys() == set()


def test_every_type_that_a_rehearsal_creates_is_known():
    assert HANDLERS.keys() - PRICED.keys() - FREE.keys() - UNPRICED.keys() == set()


def test_no_type_is_in_two_tables():
    assert not PRICED.keys() & (FREE.keys() | UNPRICED.keys())
    assert not FREE.keys() & UNPRICED.keys()


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_no_price_of_a_stack_is_missing(stack):
    found = of_graph(stacks.resolved(stack), stack)

    assert estimate(found, Prices.read(), Usage.read(stack)).unpriced == ()
