"""A resource that a rule may change: for fixes that cost nothing and can be repeated."""

from typing import Any

from pulumi_policy import ResourceValidationArgs

from guardrails.values import SENTINELS, View, normalise


class Draft:
    """Properties about to be created, changed in place.

    In place because a copy would turn every secret among them into plain text in the stack's state,
    and only at keys that hold no secret: assigning into a list would lose the mark as well, so
    lists cannot be changed.
    """

    def __init__(self, args: ResourceValidationArgs) -> None:
        """Wraps what the SDK hands a remediation."""
        self.type = args.resource_type
        self.provider = View(normalise(args.provider.props) if args.provider else {}, "provider")
        self._props: Any = args.props

    def get(self, key: str) -> Any:
        """The value of a top-level property; None where absent or null."""
        return self._props.get(key)

    def undecided(self, key: str) -> bool:
        """Whether a property is absent or null: free for a rule to decide."""
        return self._props.get(key) is None

    def unknown(self, key: str) -> bool:
        """Whether a property is only known after deployment: not for a rule to touch."""
        value = self._props.get(key)
        return isinstance(value, str) and value in SENTINELS

    def set(self, key: str, value: Any) -> None:
        """Sets a top-level property."""
        self._props[key] = value

    def add_to_map(self, key: str, entries: dict[str, str]) -> bool:
        """Adds the entries that a map does not have yet; says whether there were any."""
        if self.unknown(key):
            return False
        if self.undecided(key):
            self._props[key] = {}
        present = self._props[key]
        missing = {k: v for k, v in entries.items() if k not in present}
        for name, value in missing.items():
            present[name] = value
        return bool(missing)
