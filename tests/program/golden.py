"""What each stack registers, a line `type name` each; `python -m tests.program.golden` writes it.

Pulumi knows a resource by type and name. A line that goes and a line that comes are, to it, a
deletion and a creation: of a database as of an alarm.
"""

from pathlib import Path

from rehearsal.recording import Graph
from tests.program import stacks

FOLDER = Path(__file__).parent / "golden"


def lines(graph: Graph) -> list[str]:
    """Every resource, component and provider, sorted."""
    return sorted(f"{registration.type} {registration.name}" for registration in graph)


def path(stack: str) -> Path:
    """Where the list of a stack is kept."""
    return FOLDER / f"{stack}.txt"


def read(stack: str) -> list[str]:
    """The list that is kept."""
    return path(stack).read_text(encoding="utf-8").splitlines()


def main() -> None:
    """Writes every list anew."""
    FOLDER.mkdir(exist_ok=True)
    for stack in stacks.STACKS:
        found = lines(stacks.resolved(stack))
        path(stack).write_text("\n".join(found) + "\n", encoding="utf-8")
        print(f"{path(stack).name}: {len(found)} resources")


if __name__ == "__main__":
    main()
