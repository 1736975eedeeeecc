"""How one run of the pack is set: profile, offline or not, exemptions. Read from the stack's own
configuration.
"""

import dataclasses
import os

import pulumi

from guardrails.registry import PROFILES


class SettingsError(ValueError):
    """The stack configures the pack with something it does not understand."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackSettings:
    """What a stack decides about the pack."""

    profile: str = "production"
    """Which column of levels and defaults applies. The strictest, where nothing is said."""
    offline: bool = False
    """Whether every value is known, so that a rule which cannot be evaluated counts as violated."""
    exemptions: str = ""
    """JSON list, see `exemptions.parse`."""

    def __post_init__(self) -> None:
        """Refuses a profile that does not exist."""
        if self.profile not in PROFILES:
            raise SettingsError(f"there is no profile {self.profile!r}: {', '.join(PROFILES)}")

    @classmethod
    def load(cls) -> "PackSettings":
        """Reads `guardrails:profile`, or `<project>:stage` in its place; `guardrails:offline`;
        `guardrails:exemptions`.

        GUARDRAILS_OFFLINE=1 in the environment switches offline on as well. Without any of them (a
        pack being published, a project that says nothing) the profile is production.
        """
        own = pulumi.Config("guardrails")
        stage = None if own.get("profile") else pulumi.Config().get("stage")
        return cls(
            profile=own.get("profile") or stage or "production",
            offline=bool(own.get_bool("offline")) or os.environ.get("GUARDRAILS_OFFLINE") == "1",
            exemptions=own.get("exemptions") or "",
        )
