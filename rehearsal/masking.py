"""Keeps secrets out of everything that a rehearsal shows."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format
from pulumi.runtime import rpc

from rehearsal.config import StackConfig
from rehearsal.recording import UNKNOWN, Graph

MASK = "[secret]"
SHORTEST = 4
"""Shorter texts are not searched for: masking every `5` or `no` would hide what is no secret."""
_ENVIRONMENT = ("DB_PASSWORD", "DB_USERNAME", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Masker:
    """Replaces every known secret in texts and structures by `[secret]`.

    Args:
        config: Its secret values are masked from the start.
    """

    def __init__(self, config: StackConfig | None = None) -> None:
        self._secrets: set[str] = set()
        self._ordered: list[str] = []
        self.add(os.environ.get(name, "") for name in _ENVIRONMENT)
        if config is not None:
            self.add(config.secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Masks these too from now on."""
        self._secrets.update(text for text in secrets if len(text) >= SHORTEST and text != UNKNOWN)
        # The longest first: a secret may contain another.
        self._ordered = sorted(self._secrets, key=lambda text: (-len(text), text))

    def learn(self, graph: Graph) -> None:
        """Adds every secret input and export of a graph."""
        for registration in graph:
            self.add(wrapped(json_format.MessageToDict(registration.properties)))
            for name in registration.additional_secret_outputs:
                self.add(_texts(registration.outputs.get(name)))
        for name in graph.secret_exports:
            self.add(_texts(graph.exports.get(name)))

    def text(self, text: str) -> str:
        """`text` with every secret in it masked."""
        for secret in self._ordered:
            text = text.replace(secret, MASK)
        return text

    def value(self, value: Any) -> Any:
        """A structure with every secret in its texts and keys masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        # A number can be a secret too.
        return MASK if str(value) in self._secrets else value


def wrapped(value: Any) -> set[str]:
    """Every text inside a secret of a wire-format value."""
    if isinstance(value, dict):
        if value.get(rpc._special_sig_key) == rpc._special_secret_sig:
            return set(_texts(value.get("value")))
        return {text for item in value.values() for text in wrapped(item)}
    if isinstance(value, list):
        return {text for item in value for text in wrapped(item)}
    return set()


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, float) and value.is_integer():
        yield str(int(value))
    elif value is not None and not isinstance(value, bool):
        yield str(value)
