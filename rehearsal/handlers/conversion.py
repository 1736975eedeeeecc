"""Inputs of a resource to parameters of an API operation, by the names in the botocore model.

One rule: an input goes to the parameter of the same name, whatever the casing (`cidrBlock` to
`CidrBlock`), singular or plural, at any depth. `Rules` hold the exceptions.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any


class UnmappedInputError(Exception):
    """Inputs of a registration that the handler neither sends, applies nor explicitly ignores."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = tuple(sorted(set(paths)))
        super().__init__(f"no parameter of the AWS API takes: {', '.join(self.paths)}")


@dataclasses.dataclass(frozen=True)
class As:
    """Sends an input to `path`, after `turn` has made it what the API takes."""

    path: str
    turn: Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Ignore:
    """An input that has no counterpart in the API on purpose; `reason` says why."""

    reason: str


Rule = str | As | Ignore
Rules = Mapping[str, Rule]
"""Input path (`healthCheck.path`, list elements transparent) to an API path.

An API path is relative to the structure that holds the input, or starts with `/` to mean the
operation's parameters. `Attributes[deletion_protection.enabled]` appends to a list of
key-value pairs.
"""


def convert_inputs(
    inputs: Mapping[str, Any], shape: Any, rules: Rules, *, within: str = ""
) -> dict[str, Any]:
    """Parameters of an operation (`shape` is its botocore input shape) from Pulumi inputs.

    Raises:
        UnmappedInputError: Inputs, at any depth, that no rule and no name takes.
    """
    conversion = _Conversion(shape, rules)
    if within:
        inner: dict[str, Any] = {}
        place(conversion.root, within, inner)
        conversion.structure(inputs, shape_at(shape, within), "", inner)
    else:
        conversion.structure(inputs, shape, "", conversion.root)
    if conversion.unmapped:
        raise UnmappedInputError(conversion.unmapped)
    return conversion.root


def member_for(key: str, members: Iterable[str]) -> str | None:
    """The member that an input means: same letters, singular or plural, or with `List` after."""
    by_name = {name.lower(): name for name in members}
    lower = key.lower()
    forms = [lower, f"{lower}s", f"{lower}es", f"{lower}list"]
    if lower.endswith("ies"):
        forms.append(f"{lower[:-3]}y")
    if lower.endswith("es"):
        forms.append(lower[:-2])
    if lower.endswith("s"):
        forms += [lower[:-1], f"{lower[:-1]}list"]
    if lower.endswith("y"):
        forms.append(f"{lower[:-1]}ies")
    return next((by_name[form] for form in forms if form in by_name), None)


class _Conversion:
    def __init__(self, shape: Any, rules: Rules) -> None:
        self.shape = shape
        self.rules = rules
        self.root: dict[str, Any] = {}
        self.unmapped: list[str] = []

    def structure(
        self, value: Mapping[str, Any], shape: Any, path: str, out: dict[str, Any]
    ) -> None:
        """Converts one structure into `out`; without a shape, only rules place its members."""
        for key, item in value.items():
            if item is None:
                continue
            here = f"{path}.{key}" if path else key
            rule = self.rules.get(here)
            if isinstance(rule, Ignore):
                continue
            if rule is not None and rule != "":
                self._by_rule(rule, item, shape, here, out)
                continue
            member = member_for(key, shape.members) if shape is not None else None
            if shape is not None and member is not None:
                place(out, member, self.value(item, shape.members[member], here))
            elif isinstance(item, Mapping) and any(r.startswith(f"{here}.") for r in self.rules):
                self.structure(item, None, here, out)
            elif (
                isinstance(item, list)
                and len(item) == 1
                and isinstance(item[0], Mapping)
                and any(r.startswith(f"{here}.") for r in self.rules)
            ):
                self.structure(item[0], None, here, out)
            else:
                self.unmapped.append(here)

    def _by_rule(
        self, rule: str | As, item: Any, shape: Any, here: str, out: dict[str, Any]
    ) -> None:
        target = rule.path if isinstance(rule, As) else rule
        if target.startswith("/"):
            target, shape, out = target[1:], self.shape, self.root
        if shape is None:
            self.unmapped.append(here)
            return
        turned = rule.turn(item) if isinstance(rule, As) else None
        if isinstance(rule, As) and turned is None:
            return
        place(
            out,
            target,
            turned if isinstance(rule, As) else self.value(item, shape_at(shape, target), here),
        )

    def counted(self, value: list[Any], shape: Any, path: str) -> dict[str, Any]:
        items = self.value(value, shape.members["Items"], path)
        enabled = {"Enabled": bool(items)} if "Enabled" in shape.members else {}
        return {"Quantity": len(items), **enabled, **({"Items": items} if items else {})}

    def value(self, value: Any, shape: Any, path: str) -> Any:
        kind = shape.type_name
        if kind == "structure":
            if isinstance(value, list) and {"Quantity", "Items"} <= set(shape.members):
                # CloudFront counts every list:
                # https://docs.aws.amazon.com/cloudfront/latest/APIReference/
                return self.counted(value, shape, path)
            if isinstance(value, Mapping) and set(value) == {"items"} and "Items" in shape.members:
                return self.counted(value["items"], shape, f"{path}.items")
            if isinstance(value, list) and len(value) == 1:
                value = value[0]
            if not isinstance(value, Mapping):
                self.unmapped.append(path)
                return value
            inner: dict[str, Any] = {}
            self.structure(value, shape, path, inner)
            # The provider sends false for a required switch that the program leaves out.
            for name in shape.required_members:
                if shape.members[name].type_name == "boolean":
                    inner.setdefault(name, False)
            return inner
        if kind == "list":
            items = value if isinstance(value, list) else [value]
            return [self.value(item, shape.member, path) for item in items]
        if kind == "map":
            if not isinstance(value, Mapping):
                self.unmapped.append(path)
                return value
            return {str(key): self.value(item, shape.value, path) for key, item in value.items()}
        return scalar(value, kind)


def scalar(value: Any, kind: str) -> Any:
    """A scalar in the API's type: the provider keeps some numbers as text, and the reverse."""
    if kind == "string":
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, int | float) else value
    if kind in {"integer", "long"} and isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind in {"double", "float"} and isinstance(value, int | str):
        return float(value) if re.fullmatch(r"-?\d+(\.\d+)?", str(value)) else value
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "blob" and isinstance(value, str):
        return value.encode()
    return value


_STEP = re.compile(r"([^.\[\]]+)(?:\[([^\]]*)\])?(?:\.|$)")


def shape_at(shape: Any, path: str) -> Any:
    """The shape of an API path; KeyError where the model has no such member."""
    for name, pair in _STEP.findall(path):
        if shape.type_name == "list":
            shape = shape.member
        if shape.type_name == "map":
            shape = shape.value
        elif name != "0":
            if name not in shape.members:
                raise KeyError(f"{shape.name} has no member {name}")
            shape = shape.members[name]
        if pair:
            shape = next(s for n, s in shape.member.members.items() if n.lower().endswith("value"))
    return shape


def place(out: dict[str, Any], path: str, value: Any) -> None:
    """Puts `value` at an API path, making what leads to it.

    `Name.0.Member` is a member of a list's only element; `Name[key]` appends a key-value pair.
    """
    steps = _STEP.findall(path)
    for index, (name, pair) in enumerate(steps):
        if pair:
            lower = name[0].islower()
            entry = {"key" if lower else "Key": pair, "value" if lower else "Value": value}
            out.setdefault(name, []).append(entry)
            return
        if name == "0":
            continue
        if index == len(steps) - 1:
            if isinstance(out.get(name), dict) and isinstance(value, dict):
                out[name].update(value)
            else:
                out[name] = value
        elif steps[index + 1][0] == "0":
            out = out.setdefault(name, [{}])[0]
        else:
            out = out.setdefault(name, {})


def tag_parameter(shape: Any, tags: Mapping[str, str]) -> Any:
    """Tags as this service spells them: a map, or pairs called Key, key or TagKey."""
    if shape.type_name == "map":
        return dict(tags)
    if shape.type_name == "structure":
        # CloudFront wraps the list.
        return {"Items": tag_parameter(shape.members["Items"], tags)}
    key = next(name for name in shape.member.members if name.lower().endswith("key"))
    value = next(name for name in shape.member.members if name.lower().endswith("value"))
    return [{key: name, value: text} for name, text in tags.items()]


def json_text(value: Any) -> str:
    """A policy or another document: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
