"""Handlers by type token: how each resource type of the program is created on the AWS API."""

from rehearsal.handlers import (
    containers,
    database,
    dns,
    edge,
    functions,
    identity,
    load_balancing,
    messaging,
    monitoring,
    network,
    operations,
    recovery,
    secrets,
    storage,
)
from rehearsal.handlers.gaps import GAPS
from rehearsal.handlers.lookups import LOOKUPS
from rehearsal.handlers.model import Handler

__all__ = ["GAPS", "HANDLERS", "LOOKUPS"]

HANDLERS: dict[str, Handler] = {
    token: handler
    for module in (
        network,
        load_balancing,
        dns,
        containers,
        identity,
        monitoring,
        messaging,
        storage,
        secrets,
        database,
        edge,
        functions,
        recovery,
        operations,
    )
    for token, handler in module.HANDLERS.items()
}
"""Every type token that the rehearsal can create."""
