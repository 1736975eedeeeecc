"""Types and names are an API: a running stack's state knows its resources by them."""

import difflib

from tests.program import golden

ADVICE = """
{diff}

A line that went and a line that came are a deletion and a creation, of a database as of an alarm.
- Renamed or moved on purpose: keep what runs by `opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(
  name="<old>")])` (`parent=`, `type_=` for a move) and say so under Breaking in CHANGELOG.md.
- Added or removed on purpose: say so under Added or Removed in CHANGELOG.md.
Then write the lists anew, and read their diff: python -m tests.program.golden"""


def test_a_stack_has_the_resources_that_it_had(stack, graph):
    kept, found = golden.read(stack), golden.lines(graph)

    diff = "\n".join(difflib.unified_diff(kept, found, f"{stack}.txt", "the program", lineterm=""))
    assert found == kept, ADVICE.format(diff=diff)


def test_a_preview_registers_what_the_deployment_will(graph, preview):
    assert list(preview.resources) == list(graph.resources), (
        "whether a resource exists must not depend on what only a deployment knows"
    )


def test_a_preview_knows_everything_that_the_program_decides(graph, preview):
    """An input may be unknown at preview; it must not be missing then, nor come later."""
    differing = {
        urn: sorted({*before.inputs} ^ {*graph.resources[urn].inputs})
        for urn, before in preview.resources.items()
        if {*before.inputs} != {*graph.resources[urn].inputs}
    }
    assert differing == {}
