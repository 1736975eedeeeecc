"""The shape that every part of a configuration shares, and how to read one that is partly wrong."""

import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from configuration.problems import MISSING, Problem, Refused, listed, nearest

ModelT = TypeVar("ModelT", bound="Model")


class Absent(Exception):
    """A rule asked for a value which was itself refused."""


class Model(BaseModel):
    """A frozen part of the configuration; keys in camelCase, unknown ones refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    if not typing.TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Tells a value that `salvage` left out from an attribute that does not exist."""
            if name in type(self).model_fields:
                raise Absent(name)
            return super().__getattr__(name)


def field_problems(model: type[Model], path: str, data: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with single values of `data`, in terms of the keys that a person writes."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            yield _problem(model, path, detail)


def _problem(model: type[Model], path: str, detail: Any) -> Problem:
    location = [part for part in detail["loc"] if part != "[key]"]
    key = path
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    refused = detail.get("ctx", {}).get("error")
    value = detail["input"]
    if isinstance(refused, Refused):
        return Problem(key=key, value=value, rule=refused.rule, instead=refused.instead)
    if detail["type"] == "extra_forbidden":
        owner = _owner(model, location[:-1])
        known = sorted(field.alias or name for name, field in owner.model_fields.items())
        close = nearest(str(location[-1]), known).strip()
        instead = close or f"the keys are {listed(known, 'and')}"
        return Problem(key=key, value=value, rule="there is no such key", instead=instead)
    if detail["type"] == "missing":
        owner = _owner(model, location[:-1])
        field = next(f for f in owner.model_fields.values() if f.alias == location[-1])
        example = (field.examples or ["a value"])[0]
        rule = f"it is required: {field.description}"
        return Problem(key=key, value=MISSING, rule=rule, instead=f"write {example}")
    expected = {
        "model_type": ("a group of keys", "write key: value lines below it"),
        "dict_type": ("a group of keys", "write NAME: value lines below it"),
        "tuple_type": ("a list", "write - items below it, or [a, b]"),
        "string_type": ("text", "put the value in quotes"),
    }.get(detail["type"], (detail["msg"], "look the key up in docs/configuration.md"))
    return Problem(key=key, value=value, rule=f"it is {expected[0]}", instead=expected[1])


def _owner(model: type[Model], location: list[Any]) -> type[Model]:
    for part in location:
        if isinstance(part, int):
            continue
        field = next(f for f in model.model_fields.values() if f.alias == part)
        model = model_in(field.annotation) or model
    return model


def model_in(annotation: Any) -> type[Model] | None:
    """The model that a field holds: alone, optional, or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    for inner in typing.get_args(annotation):
        if found := model_in(inner):
            return found
    return None


def salvage(model: type[ModelT], data: Any) -> ModelT:
    """The parts of `data` that are valid, the others left out: asking for one raises `Absent`.

    So a rule over several keys is still checked when an unrelated key is wrong, and one report
    lists every problem.
    """
    found = data if isinstance(data, Mapping) else {}
    kept = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in found:
            if not field.is_required():
                kept[name] = field.get_default(call_default_factory=True)
            continue
        inner = model_in(field.annotation)
        many = typing.get_origin(field.annotation) is tuple
        if inner and many and isinstance(found[key], list):
            kept[name] = tuple(salvage(inner, item) for item in found[key])
        elif inner and not many and isinstance(found[key], Mapping):
            kept[name] = salvage(inner, found[key])
        else:
            # The annotation alone has lost the field's own validators; the metadata holds them.
            annotation: Any = field.annotation
            if field.metadata:
                annotation = Annotated[(annotation, *field.metadata)]
            try:
                kept[name] = TypeAdapter(annotation).validate_python(found[key])
            except ValidationError:
                continue
    partial = model.__new__(model)
    object.__setattr__(partial, "__dict__", kept)
    object.__setattr__(partial, "__pydantic_fields_set__", set(kept) & _written(model, found))
    object.__setattr__(partial, "__pydantic_extra__", None)
    object.__setattr__(partial, "__pydantic_private__", None)
    return partial


def _written(model: type[Model], data: Mapping[str, Any]) -> set[str]:
    return {name for name, field in model.model_fields.items() if (field.alias or name) in data}
