"""What the documentation takes from the code is what the code says now."""

import re

import pytest

from docs import architecture, components
from rehearsal import picture


@pytest.fixture(scope="module")
def staging():
    return architecture.graph("staging")


@pytest.fixture(scope="module")
def production():
    return architecture.graph("production")


def test_the_picture_in_the_readme_is_of_this_program(staging):
    readme = architecture.README.read_text(encoding="utf-8")

    assert readme == architecture.inserted(readme, architecture.fenced(staging)), "run `make docs`"


def test_the_page_about_the_architecture_is_of_this_program(staging, production):
    current = architecture.page(staging, production)

    assert architecture.PAGE.read_text(encoding="utf-8") == current, "run `make docs`"


def test_only_what_is_between_the_marks_is_replaced():
    begin, end = architecture.BEGIN, architecture.END

    assert architecture.inserted(f"a\n{begin}\nold\n{end}\nb\n", "new\n") == (
        f"a\n{begin}\nnew\n{end}\nb\n"
    )


@pytest.mark.parametrize(
    "readme",
    [
        "no mark",
        architecture.BEGIN,
        f"{architecture.END} {architecture.BEGIN}",
        f"{architecture.BEGIN} {architecture.BEGIN} {architecture.END}",
    ],
)
def test_a_readme_without_the_two_marks_is_left_alone(readme):
    with pytest.raises(ValueError, match="each once"):
        architecture.inserted(readme, "new\n")


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_picture_shows_the_way_in_and_the_way_to_the_data(stack, request):
    text = picture.mermaid(request.getfixturevalue(stack))

    for arrow in (
        'internet -->|"443, 80"| c_web_PublicAlb',
        'internet -->|"DNS"| c_main_DnsZone',
        'c_main_DnsZone -->|"alias, certificate"| c_web_PublicAlb',
        'c_web_WebAcl -->|"guards"| c_web_PublicAlb',
        'c_web_PublicAlb -->|"8080"| c_api_FargateService',
        'c_api_FargateService -->|"5432"| c_main_Database',
        'c_backups_Backups -.->|"back up"| c_main_Database',
        "private --> nat",
        "nat --> internet",
        'alarms -.->|"tell"| topics',
    ):
        assert f"  {arrow}\n" in text
    # Nothing else is open to everybody.
    reached = re.findall(r"^  internet \S+ (\S+)$|^  internet .*\| (\S+)$", text, re.MULTILINE)
    assert {one or other for one, other in reached} == {"c_web_PublicAlb", "c_main_DnsZone"}
    # It is small enough to be looked at.
    assert len(re.findall(r"^ *\w+\(?\[", text, re.MULTILINE)) <= 30


def test_the_reference_of_components_is_current():
    assert components.REFERENCE.read_text() == components.text(), "run `make docs`"


def test_the_reference_has_every_component_with_its_inputs():
    page = components.REFERENCE.read_text()

    for component in components.components():
        assert f"\n## {component.__name__}\n" in page
    for row in (
        "| `cidr` *(required)* | text, plain | ",
        "| `certificateArn` *(required)* | text | ",
        "| `zones` *(required)* | list of text, plain | ",
        "| `nat` | [NatStrategy](#natstrategy), plain | ",
        "| `connections` | list of [Peer](#peer), plain | ",
        "| `per_zone` | ",
    ):
        assert f"\n{row}" in page


def test_every_type_that_the_reference_links_to_is_explained_in_it():
    page = components.REFERENCE.read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(#(\w+)\)", page))
    headings = {title.lower() for title in re.findall(r"^#+ (\w+)$", page, re.MULTILINE)}

    assert linked
    assert linked <= headings


def test_every_row_of_the_reference_says_something():
    rows = re.findall(r"^\| `.*$", components.REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(rows) > 200
    assert [row for row in rows if row.endswith("|  |")] == []
