"""Writes `docs/components.md`: what every component takes and gives, from its published schema.

Run it after a change of a component: `python -m docs.components`.
"""

import importlib
import inspect
from pathlib import Path
from typing import Any

import pulumi
from pulumi.provider.experimental.analyzer import Analyzer

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "components.md"
HEAD = """# Components

<!-- Generated from the components themselves by `python -m docs.components`. -->

In Python, inputs are the keys of `<Component>Args`, in snake case. What is *plain* decides which
resources there are, so it must be known before any of them exists; anything else may be an output
of another resource.
"""
_NAMES = {"string": "text", "integer": "whole number", "boolean": "switch"}


def components() -> list[type[pulumi.ComponentResource]]:
    """Every component of the project, by name."""
    found = {}
    for path in sorted((ROOT / "components").glob("*.py")):
        module = importlib.import_module(f"components.{path.stem}")
        for name, value in vars(module).items():
            if (
                inspect.isclass(value)
                and issubclass(value, pulumi.ComponentResource)
                and value.__module__ == module.__name__
            ):
                found[name] = value
    return [found[name] for name in sorted(found)]


def text() -> str:
    """The whole page."""
    types: dict[str, Any] = {}
    sections = "".join(_section(component, types) for component in components())
    return f"{HEAD}{sections}\n## Types\n" + "".join(
        _type_section(types[name]) for name in sorted(types)
    )


def _section(component: type[pulumi.ComponentResource], types: dict[str, Any]) -> str:
    """One component; adds the types that its inputs have to `types`."""
    name = component.__name__
    analyzed = Analyzer("babyrobots").analyze([component])
    types |= analyzed["type_definitions"]
    schema: Any = analyzed["component_definitions"][name]
    source = f"components/{component.__module__.rpartition('.')[2]}.py"
    lines = [f"\n## {name}\n", f"`babyrobots:index:{name}`, [{source}](../{source})\n"]
    lines.append(f"{_sentence(inspect.getdoc(component) or '')}\n")
    lines += _table("Input", schema.inputs, is_input=True)
    lines += _table("Output", schema.outputs, is_input=False)
    return "\n".join(lines)


def _type_section(definition: Any) -> str:
    lines = [f"\n### {definition.name}\n"]
    if definition.description:
        lines.append(f"{_sentence(definition.description)}\n")
    if definition.enum:
        lines += ["| Value | |", "|---|---|"]
        lines += [
            f"| `{value.value}` | {_sentence(value.description or '')} |"
            for value in definition.enum
        ]
        lines.append("")
    else:
        lines += _table("Key", definition.properties, is_input=True)
    return "\n".join(lines)


def _table(title: str, properties: dict[str, Any], *, is_input: bool) -> list[str]:
    if not properties:
        return []
    lines = [f"| {title} | Type | |", "|---|---|---|"]
    for name, found in properties.items():
        mark = " *(required)*" if is_input and not found.optional else ""
        plain = ", plain" if is_input and found.plain else ""
        sentence = _sentence(found.description or "")
        lines.append(f"| `{name}`{mark} | {_type(found)}{plain} | {sentence} |")
    return [*lines, ""]


def _type(found: Any) -> str:
    if found.ref:
        name = str(found.ref).rpartition(":")[2]
        # Anything else is a type of the SDK's own, of which there is one in use.
        return f"[{name}](#{name.lower()})" if ":index:" in found.ref else "anything"
    if found.items:
        return f"list of {_type(found.items)}"
    if found.additional_properties:
        return f"map of {_type(found.additional_properties)}"
    return _NAMES.get(found.type.value, str(found.type.value))


def _sentence(documentation: str) -> str:
    return " ".join(documentation.split()).replace("|", "\\|")


if __name__ == "__main__":
    REFERENCE.write_text(text())
