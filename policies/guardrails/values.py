"""Property values as plain Python, with markers where a value is not known yet.

The SDK hands a policy proxies that raise on some accesses of an unknown value, leak its sentinel
text on others (slices), and turn every number into a float. Rules never see those: properties are
converted once, and an unknown value becomes an `Unknown`, which cannot be used by accident.
Comparing, testing, iterating, formatting one raises `NotEvaluatedError`, so a rule that forgets
about unknowns ends as *not evaluated*, never as *passed*.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from google.protobuf import struct_pb2
from pulumi_policy import proxy

# https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/properties.go
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a type tag, not a secret
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
SENTINELS = frozenset(
    getattr(proxy, f"UNKNOWN_{kind}_VALUE")
    for kind in ("BOOLEAN", "NUMBER", "STRING", "ARRAY", "ASSET", "ARCHIVE", "OBJECT")
)
MISSING_REASON = "only known after deployment"
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class NotEvaluatedError(Exception):
    """A rule needed a value that is unknown, or that is not of the type it must have."""

    def __init__(self, path: str, reason: str = MISSING_REASON) -> None:
        """Records which property stopped the rule, and why."""
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class Unknown:
    """Stands for a value that only a deployment can tell. Any use of it raises
    `NotEvaluatedError`.
    """

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        """Remembers where in the resource's properties the value sits."""
        self.path = path

    def _refuse(self, *_: object) -> NoReturn:
        raise NotEvaluatedError(self.path)

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse  # pyright: ignore
    __hash__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _refuse  # pyright: ignore
    __str__ = __int__ = __float__ = __format__ = __add__ = __radd__ = __mod__ = _refuse  # pyright: ignore

    def __repr__(self) -> str:
        """Safe to print, for whoever debugs a rule."""
        return f"<unknown {self.path}>"


def is_unknown(value: object) -> bool:
    """Whether a value is not known yet; the only question that may be asked of an unknown."""
    return isinstance(value, Unknown)


def decode(struct: struct_pb2.Struct) -> tuple[dict[str, Any], frozenset[str]]:
    """Properties from the wire as plain Python, and the texts among them that are secret.

    Whole numbers become ints, secrets are unwrapped (and remembered, so that no message can show
    them), assets stay maps.
    """
    secrets: set[str] = set()
    properties = {
        key: _from_wire(value, key, secrets, False) for key, value in struct.fields.items()
    }
    return properties, frozenset(secrets)


def _from_wire(value: struct_pb2.Value, path: str, secrets: set[str], secret: bool) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return _text(value.string_value, path, secrets, secret)
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [
            _from_wire(item, f"{path}[{index}]", secrets, secret)
            for index, item in enumerate(value.list_value.values)
        ]
    if kind != "struct_value":
        return None
    fields = value.struct_value.fields
    signature = fields[SIGNATURE].string_value if SIGNATURE in fields else ""
    if signature == SECRET:
        return _from_wire(fields["value"], path, secrets, True) if "value" in fields else None
    if signature == OUTPUT:
        if "value" not in fields:
            return Unknown(path)
        return _from_wire(
            fields["value"],
            path,
            secrets,
            secret or ("secret" in fields and fields["secret"].bool_value),
        )
    if signature == RESOURCE:
        return fields["id"].string_value or fields["urn"].string_value
    return {key: _from_wire(item, f"{path}.{key}", secrets, secret) for key, item in fields.items()}


def _text(text: str, path: str, secrets: set[str], secret: bool) -> Any:
    if text in SENTINELS:
        return Unknown(path)
    if secret and text:
        secrets.add(text)
    return text


def normalise(value: Any, path: str = "") -> Any:
    """The same from what the SDK hands a policy: proxies, plain containers, floats, sentinel
    texts.
    """
    if isinstance(value, str):
        return Unknown(path) if value in SENTINELS else value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        raw = value["__target"] if type(value).__name__.endswith("Proxy") else value
        return {
            key: normalise(item, f"{path}.{key}" if path else str(key)) for key, item in raw.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        raw = value["__target"] if type(value).__name__.endswith("Proxy") else value  # type: ignore
        return [normalise(item, f"{path}[{index}]") for index, item in enumerate(raw)]
    return value


@functools.lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(name if name else int(index) for name, index in _STEP.findall(path))


def get(properties: Any, path: str, default: Any = None) -> Any:
    """The value at `a.b[0].c`; `default` where it is absent or null; an `Unknown` where it, or a
    parent, is unknown.
    """
    value = properties
    for step in _steps(path):
        if isinstance(value, Unknown):
            return value
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            return default
    return value


class View:
    """A map of properties that is read by type.

    Every accessor raises `NotEvaluatedError` for an unknown value or one of the wrong type, and
    gives the default for an absent one. `get` alone passes an unknown on, for a rule that wants to
    ask `is_unknown`.
    """

    def __init__(self, properties: dict[str, Any], path: str = "") -> None:
        """Wraps plain properties that sit at `path` within a resource."""
        self.properties = properties
        self.path = path

    def at(self, path: str) -> str:
        """The full path of a property, for messages."""
        return f"{self.path}.{path}" if self.path else path

    def get(self, path: str, default: Any = None) -> Any:
        """The plain value, the default, or an `Unknown`."""
        return get(self.properties, path, default)

    def has(self, path: str) -> bool:
        """Whether anything is given at `path`: an unknown value counts, null and "" do not."""
        value = self.get(path)
        return is_unknown(value) or (value is not None and value != "")

    def _known(self, path: str, default: Any) -> Any:
        value = self.get(path, default)
        if isinstance(value, Unknown):
            raise NotEvaluatedError(self.at(path))
        return value

    def _wrong(self, path: str, wanted: str) -> NotEvaluatedError:
        return NotEvaluatedError(self.at(path), f"is not {wanted}")

    def text(self, path: str, default: str = "") -> str:
        """A string; numbers and booleans are spelled out as AWS would."""
        value = self._known(path, default)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float):
            return str(value)
        if not isinstance(value, str):
            raise self._wrong(path, "a string")
        return value

    def flag(self, path: str, default: bool = False) -> bool:
        """A boolean; the texts "true" and "false" count as such."""
        value = self._known(path, default)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise self._wrong(path, "a boolean")
        return value

    def number(self, path: str, default: float = 0) -> int | float:
        """A number; a text that spells one counts."""
        value = self._known(path, default)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                raise self._wrong(path, "a number") from None
            return int(value) if value.is_integer() else value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(path, "a number")
        return value

    def items(self, path: str) -> list[Any]:
        """A list as plain Python, empty where absent; a single value counts as a list of one. May
        hold unknowns.
        """
        value = self._known(path, [])
        return value if isinstance(value, list) else [value]

    def texts(self, path: str) -> list[str]:
        """A list of strings, all known."""
        return [
            View({"item": item}, self.at(f"{path}[{index}]")).text("item")
            if not isinstance(item, Unknown)
            else _raise(self.at(f"{path}[{index}]"))
            for index, item in enumerate(self.items(path))
        ]

    def views(self, path: str) -> Iterator["View"]:
        """Each map of a list (or the single map) at `path`, to be read on by type.

        An item that is unknown as a whole comes out too: it raises when it is read, so the others
        are still judged.
        """
        return self._views(self.items(path), path)

    def _views(self, items: Any, path: str) -> Iterator["View"]:
        for index, item in enumerate(items if isinstance(items, list) else [items]):
            where = self.at(f"{path}[{index}]")
            if isinstance(item, dict | Unknown):
                yield View(item, where)  # pyright: ignore[reportArgumentType]
            elif item is not None:
                raise NotEvaluatedError(where, "is not a map")

    def view(self, path: str) -> "View":
        """The map at `path`, empty where absent."""
        value = self._known(path, {})
        if not isinstance(value, dict):
            raise self._wrong(path, "a map")
        return View(value, self.at(path))

    def parsed(self, path: str) -> Any:
        """The JSON document at `path`, given as text or as a map; None where absent."""
        value = self._known(path, None)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise self._wrong(path, "valid JSON") from None

    def parsed_views(self, path: str) -> Iterator["View"]:
        """Each map of a JSON list, such as the container definitions of a task."""
        return self._views(self.parsed(path), path)


def _raise(path: str) -> NoReturn:
    raise NotEvaluatedError(path)
