"""How each type of resource is charged. Importing a module of rules enters them in the table."""

from ops.cost.rules import compute, data, edge, network, operations
from ops.cost.rules.free import FREE, UNPRICED
from ops.cost.rules.table import PRICED

__all__ = ["FREE", "PRICED", "UNPRICED"]
MODULES = (compute, network, edge, data, operations)
