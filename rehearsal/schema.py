"""What the provider's own Python classes say about a resource type: inputs, outputs, types.

Read from the generated SDK (its resource registry and its property annotations), so there is no
second list to maintain. Only modules that the program itself has imported are looked
at; nothing here imports one.
"""

import functools
import inspect
import sys
import typing
from collections.abc import Mapping
from typing import Any

from pulumi import _types
from pulumi.runtime import rpc


def outputs(token: str) -> Mapping[str, Any]:
    """Property name to type, for all outputs; empty for a type the program built by hand."""
    class_ = _class(token)
    return {} if class_ is None else _outputs(class_)


def computed(token: str) -> frozenset[str]:
    """The outputs that no program can set: unknown until the resource exists."""
    class_ = _class(token)
    if class_ is None:
        return frozenset()
    return frozenset(set(_outputs(class_)) - _inputs(class_))


def inputs(token: str) -> frozenset[str]:
    """The property names that a program can set."""
    class_ = _class(token)
    return frozenset() if class_ is None else _inputs(class_)


def nested(type_: Any) -> Mapping[str, Any]:
    """Property name to type of a nested output type; empty for anything else."""
    if isinstance(type_, type) and _types.is_output_type(type_):
        return _types.output_type_types(type_)
    return {}


def origin(type_: Any) -> Any:
    """`Sequence` for `Optional[Sequence[str]]`, `str` for `str`."""
    bare = unwrapped(type_)
    return typing.get_origin(bare) or bare


def unwrapped(type_: Any) -> Any:
    """The type without `Optional`."""
    return _types.unwrap_optional_type(type_)


def _class(token: str) -> type | None:
    package, _, rest = token.partition(":")
    module, _, _ = rest.rpartition(":")
    for known in rpc._RESOURCE_MODULES.get(f"{package}:{module}", []):
        information: Mapping[str, Any] = getattr(known, "mod_info", {})
        name = information.get("classes", {}).get(token)
        # A component that imports pulumi_aws.ecs.service alone does not import pulumi_aws.ecs's
        # names.
        for path in (information.get("fqn", ""), *_submodules(information.get("fqn", ""))):
            loaded = sys.modules.get(path)
            found = None if loaded is None or name is None else vars(loaded).get(name)
            if isinstance(found, type):
                return found
    return None


def _submodules(path: str) -> list[str]:
    return [name for name in list(sys.modules) if path and name.startswith(f"{path}.")]


@functools.cache
def _outputs(class_: type) -> Mapping[str, Any]:
    return _types.resource_types(class_)


@functools.cache
def _inputs(class_: type) -> frozenset[str]:
    names = {python: wire for wire, python in _types.resource_pulumi_to_py_names(class_).items()}
    parameters = inspect.signature(getattr(class_, "_internal_init", class_.__init__)).parameters
    return frozenset(names[name] for name in parameters if name in names)
