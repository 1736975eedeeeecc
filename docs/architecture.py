"""Draws the architecture, into README.md and docs/architecture.md, from the program's own graph.

Run it after a change of the wiring: `python -m docs.architecture`.
`python -m rehearsal graph STACK` draws any stack, and with `--format json` has all its resources.
"""

import importlib
import inspect
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rehearsal import picture
from rehearsal.config import load_config
from rehearsal.offline import resolved
from rehearsal.recording import Graph, Registration

ROOT = Path(__file__).parents[1]
README, PAGE = ROOT / "README.md", ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- architecture:begin -->", "<!-- architecture:end -->"
HEAD = """# Architecture

<!-- Generated from the program's own graph by `python -m docs.architecture`. -->

Solid arrows are the way of a request, labelled with the port or the name that lets it through:
nobody reaches a part that none of them ends at. Dotted arrows are everything beside that way. A
part is drawn in the subnets that it is placed in; what kind of subnets they are follows from their
routes. How the parts are decided is in [adr/](adr/), what each takes and gives in
[components.md](components.md).
"""


def graph(stack: str) -> Graph:
    """What the program registers for a stack, every value known."""
    return resolved(load_config(ROOT, stack))


def fenced(found: Graph) -> str:
    """The picture as a block that GitHub draws."""
    return f"```mermaid\n{picture.mermaid(found)}```\n"


def inserted(readme: str, block: str) -> str:
    """The README with the block between its two marks.

    Raises:
        ValueError: It does not have each mark once, in this order.
    """
    if (
        readme.count(BEGIN) != 1
        or readme.count(END) != 1
        or readme.index(BEGIN) > readme.index(END)
    ):
        raise ValueError(f"README.md must have {BEGIN} and, after it, {END}, each once")
    head, _, rest = readme.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{block}{END}{tail}"


def page(staging: Graph, production: Graph) -> str:
    """`docs/architecture.md`."""
    return "\n".join(_page(staging, production)) + "\n"


def _page(staging: Graph, production: Graph) -> Iterator[str]:
    yield HEAD
    for found in (staging, production):
        yield f"## {found.stack.capitalize()}\n"
        yield fenced(found)
        yield f"{len(found.custom)} resources in {len(_parts(found))} parts:\n"
        yield "| Part | Component | Made of |"
        yield "|---|---|---|"
        for part in _parts(found):
            kind = part.type.rpartition(":")[2]
            yield f"| {part.name} | {_linked(kind)} | {_made_of(found, part)} |"
        yield ""
    yield "## What the parts are for\n"
    yield "| Component | |"
    yield "|---|---|"
    for kind in sorted({part.type.rpartition(":")[2] for part in _parts(production)}):
        yield f"| {_linked(kind)} | {_purpose(kind)} |"


def _linked(kind: str) -> str:
    return f"[{kind}](components.md#{kind.lower()})"


def _parts(found: Graph) -> list[Registration]:
    """The outermost components."""
    urns = {picture.top_component(found, resource) for resource in found.custom}
    parts = [found.resources[urn] for urn in urns if urn != picture.STACK]
    return sorted(parts, key=lambda part: (part.type, part.name))


def _made_of(found: Graph, part: Registration) -> str:
    kinds = Counter(
        resource.type.rpartition(":")[2]
        for resource in found.custom
        if picture.top_component(found, resource) == part.urn
    )
    return ", ".join(
        kind if count == 1 else f"{count} {kind}" for kind, count in sorted(kinds.items())
    )


def _purpose(kind: str) -> str:
    """The first line of what a component says of itself."""
    for path in sorted((ROOT / "components").glob("*.py")):
        if f"class {kind}(" in path.read_text(encoding="utf-8"):
            component = getattr(importlib.import_module(f"components.{path.stem}"), kind)
            return " ".join((inspect.getdoc(component) or "").split("\n\n")[0].split())
    raise LookupError(f"no component is called {kind}")


def main() -> None:
    """Brings both files up to date."""
    staging, production = graph("staging"), graph("production")
    readme = README.read_text(encoding="utf-8")
    README.write_text(inserted(readme, fenced(staging)), encoding="utf-8")
    PAGE.write_text(page(staging, production), encoding="utf-8")


if __name__ == "__main__":
    main()
