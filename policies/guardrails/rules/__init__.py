"""Every rule of the pack, grouped by the question it asks."""

from guardrails.registry import Rule
from guardrails.rules import (
    containers,
    cost,
    encryption,
    identity,
    logging,
    network,
    resilience,
    secrets,
    transport,
)

GROUPS: dict[str, tuple[Rule, ...]] = {
    "Identity": identity.RULES,
    "Transport": transport.RULES,
    "Network": network.RULES,
    "Encryption": encryption.RULES,
    "Secrets": secrets.RULES,
    "Logging": logging.RULES,
    "Resilience": resilience.RULES,
    "Containers": containers.RULES,
    "Cost": cost.RULES,
}
ALL: tuple[Rule, ...] = tuple(rule for found in GROUPS.values() for rule in found)
