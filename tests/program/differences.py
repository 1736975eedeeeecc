"""Which inputs and options differ between two graphs of one program."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from rehearsal.recording import Graph, Registration

ABSENT = "(absent)"


@dataclasses.dataclass(frozen=True, order=True)
class Difference:
    """One value that is not the same; `*` in a path is any place in a list."""

    type: str
    name: str
    path: str
    left: str
    right: str


def only_in(left: Graph, right: Graph) -> list[tuple[str, str]]:
    """Type and name of what only `left` has."""
    gone = [left.resources[urn] for urn in left.resources.keys() - right.resources.keys()]
    return sorted((registration.type, registration.name) for registration in gone)


def differences(left: Graph, right: Graph) -> set[Difference]:
    """Every differing value of the resources that both graphs have."""
    return {
        Difference(one.type, one.name, path, _text(before), _text(after))
        for urn, one in left.resources.items()
        if urn in right.resources
        for path, before, after in _walk(_decided(one), _decided(right.resources[urn]), "")
    }


def _decided(registration: Registration) -> dict[str, Any]:
    """Inputs and options, documents inside texts opened; dependencies by name."""
    written = registration.to_json()
    depends = {urn.rpartition("::")[2]: True for urn in written["dependencies"]}
    return {
        **_opened(dict(registration.inputs)),
        "options": written["options"],
        "dependsOn": depends,
    }


def _opened(value: Any) -> Any:
    """Documents inside texts as data, and lists of named things by name."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _opened(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: _opened(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_opened(item) for item in value]
        names = [_name(item) for item in items]
        if all(names) and len({*names}) == len(names):
            return dict(zip(names, items, strict=True))
        return items
    return value


def _name(item: Any) -> str:
    keys = ("name", "Name", "ruleName", "id")
    found = [item[key] for key in keys if key in item] if isinstance(item, dict) else []
    return found[0] if found else ""


def _walk(left: Any, right: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if left == right:
        return
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted({*left, *right}):
            inner = f"{path}.{key}" if path else key
            yield from _walk(left.get(key, ABSENT), right.get(key, ABSENT), inner)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for one, other in zip(left, right, strict=True):
            yield from _walk(one, other, f"{path}.*")
    else:
        yield path, left, right


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
