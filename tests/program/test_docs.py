"""What the documentation takes from the code is what the code says now."""

import re

from docs import architecture, components


def test_the_picture_in_the_readme_is_of_this_program():
    readme = architecture.README.read_text()
    current = architecture.inserted(readme, architecture.mermaid(architecture.graph("staging")))

    assert readme == current, "run `make docs`"


def test_the_picture_shows_the_way_in_and_the_way_to_the_data():
    picture = architecture.mermaid(architecture.graph("staging"))

    for arrow in (
        "Internet -->|443| web_PublicAlb",
        "web_WebAcl -->|guards| web_PublicAlb",
        "web_PublicAlb -->|8080| api_FargateService",
        "api_FargateService -->|5432| main_Database",
    ):
        assert arrow in picture
    assert "Internet -->|5432|" not in picture


def test_every_line_of_the_picture_is_a_node_or_an_arrow_between_nodes():
    head, *lines = architecture.mermaid(architecture.graph("staging")).splitlines()
    nodes = {m[1] for line in lines if (m := re.fullmatch(r'  (\w+)\["[\w .<>/-]+"\]', line))}
    arrows = [m for line in lines if (m := re.fullmatch(r"  (\w+) -->\|\w+\| (\w+)", line))]

    assert head == "flowchart LR"
    assert len(nodes) + len(arrows) == len(lines)
    assert {end for arrow in arrows for end in arrow.groups()} == nodes


def test_the_reference_of_components_is_current():
    assert components.REFERENCE.read_text() == components.text(), "run `make docs`"


def test_the_reference_has_every_component_with_its_inputs():
    page = components.REFERENCE.read_text()

    for component in components.components():
        assert f"\n## {component.__name__}\n" in page
    assert "| `cidr` *(required)* |" in page
