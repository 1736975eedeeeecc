"""What a stack says of its cache."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from configuration.models import Model
from configuration.values import MaintenanceWindow, matching, whole, word


class CacheMode(StrEnum):
    """What the cache runs on."""

    NONE = "none"
    """There is no cache."""
    NODE = "node"
    """Machines of a size, paid by the hour."""
    SERVERLESS = "serverless"
    """No machines: paid by what is stored and asked, up to a limit."""


class CacheSettings(Model):
    """The cache: on what it runs, and how large it may be."""

    mode: Annotated[CacheMode, word(CacheMode, "the cache")] = Field(
        default=CacheMode.NONE, description="What the Valkey cache runs on, if there is one."
    )
    node_type: Annotated[
        str,
        matching(
            r"cache\.[a-z]\w*\.[a-z0-9]+",
            "a node type is cache.<family>.<size>",
            "write cache.t4g.micro",
        ),
    ] = Field(default="cache.t4g.micro", description="Size of a node.")
    max_storage_gib: Annotated[int, whole(1, 5000, "serverless storage in GiB")] = Field(
        default=1, description="Most that a serverless cache stores."
    )
    max_ecpu_per_second: Annotated[
        int, whole(1000, 15_000_000, "ElastiCache processing units a second")
    ] = Field(default=5000, description="Most that a serverless cache does in a second.")
    maintenance_window: MaintenanceWindow = Field(
        default="sun:03:30-sun:04:30", description="Weekly time of maintenance of nodes, UTC."
    )

    @property
    def enabled(self) -> bool:
        """Whether there is a cache."""
        return self.mode is not CacheMode.NONE
