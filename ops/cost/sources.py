"""Where the resources of a stack come from: its program, a preview, another revision."""

import contextlib
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from ops.cost.model import Resource, Stack
from rehearsal.answers import LookupFailedError
from rehearsal.config import StackConfig, load_config
from rehearsal.offline import resolved
from rehearsal.recording import Graph, plain

_PROVIDER = "pulumi:providers:"
_GONE = ("delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace")


class UnusableSourceError(Exception):
    """A file or a revision that no estimate can be made from."""


def of_graph(graph: Graph, stage: str) -> Stack:
    """The stack that a program registered."""
    providers = [r.inputs for r in graph if r.type.startswith(_PROVIDER)]
    region = next((str(inputs["region"]) for inputs in providers if "region" in inputs), "")
    parents = {r.urn: r.parent for r in graph}
    kinds = {r.urn: (r.type, r.name) for r in graph}
    return Stack(
        name=graph.stack,
        stage=stage,
        region=region,
        resources={
            r.urn: _resource(
                r.urn,
                r.type,
                r.name,
                str(r.inputs.get("region") or r.provider_inputs.get("region") or region),
                r.inputs,
                r.property_dependencies,
                _ancestors(r.urn, parents, kinds),
            )
            for r in graph.custom
        },
    )


def of_config(config: StackConfig) -> Stack:
    """The stack that a configuration describes, by running its program once."""
    try:
        graph = resolved(config)
    except LookupFailedError as error:
        raise UnusableSourceError(str(error)) from error
    return of_graph(graph, config.get("stage"))


def of_project(directory: Path, stack: str) -> Stack:
    """The stack of a project."""
    return of_config(load_config(directory.resolve(), stack))


def of_preview(document: Mapping[str, Any]) -> Stack:
    """The stack that `pulumi preview --json` ends with.

    Raises:
        UnusableSourceError: The document is something else.
    """
    steps = document.get("steps")
    if not isinstance(steps, Sequence) or isinstance(steps, str):
        raise UnusableSourceError("it has no steps: it is not from `pulumi preview --json`")
    states = [
        step["newState"]
        for step in steps
        if step.get("op") not in _GONE and isinstance(step.get("newState"), Mapping)
    ]
    inputs = {s["urn"]: plain(s.get("inputs") or {}) for s in states}
    parents = {s["urn"]: s.get("parent", "") for s in states}
    kinds = {s["urn"]: (s["type"], _name(s["urn"])) for s in states}
    provider = next((s for s in states if s["type"] == f"{_PROVIDER}aws"), {})
    region = str(inputs.get(provider.get("urn", ""), {}).get("region") or "")
    tags = inputs.get(provider.get("urn", ""), {}).get("defaultTags") or {}
    # The provider's inputs travel as JSON text.
    tags = json.loads(tags) if isinstance(tags, str) else tags
    name = next((s["urn"].split(":")[2] for s in states), "")
    return Stack(
        name=name,
        stage=str((tags.get("tags") or {}).get("Stage", "")),
        region=region,
        resources={
            s["urn"]: _resource(
                s["urn"],
                s["type"],
                _name(s["urn"]),
                str(inputs[s["urn"]].get("region") or region),
                inputs[s["urn"]],
                s.get("propertyDependencies") or {},
                _ancestors(s["urn"], parents, kinds),
            )
            for s in sorted(states, key=lambda s: s["urn"])
            if s.get("custom") and not s["type"].startswith("pulumi:")
        },
    )


@contextlib.contextmanager
def revision(directory: Path, name: str) -> Iterator[Path]:
    """The project as it was at a revision, in a folder that is there for as long as needed.

    Raises:
        UnusableSourceError: git knows no such revision.
    """
    done = subprocess.run(  # noqa: S603 - a fixed command; the revision is one argument
        ["git", "archive", "--format=tar", "--end-of-options", name],  # noqa: S607 - the git of the shell
        cwd=directory,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise UnusableSourceError(f"{name}: {done.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def _resource(
    urn: str,
    type_: str,
    name: str,
    region: str,
    inputs: Mapping[str, Any],
    uses: Mapping[str, Sequence[str]],
    ancestors: Sequence[tuple[str, str]],
) -> Resource:
    outermost = ancestors[-1] if ancestors else ("", "")
    component = f"{outermost[0].rpartition(':')[2]} {outermost[1]}".strip() or "(no component)"
    return Resource(
        urn=urn,
        type=type_,
        name=name,
        component=component,
        within=frozenset(kind.rpartition(":")[2] for kind, _ in ancestors),
        region=region,
        inputs=inputs,
        uses=uses,
    )


def _ancestors(
    urn: str, parents: Mapping[str, str], kinds: Mapping[str, tuple[str, str]]
) -> list[tuple[str, str]]:
    """Type and name of every component above a resource, the nearest first."""
    found = []
    parent = parents.get(urn, "")
    while parent in kinds and kinds[parent][0] != "pulumi:pulumi:Stack":
        found.append(kinds[parent])
        parent = parents.get(parent, "")
    return found


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
