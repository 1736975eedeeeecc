"""What a stack costs in a month, told from the program's own graph before anything exists.

Prices are a dated file with a source for each line, use is a file of assumptions, and every type of
resource is priced, free or unpriced by name: nothing is left out in silence.
"""

from ops.cost.estimate import Estimate, estimate
from ops.cost.prices import Prices
from ops.cost.usage import Usage

__all__ = ["Estimate", "Prices", "Usage", "estimate"]
