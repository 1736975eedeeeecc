"""Command line of the operator commands."""

import json
import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.cost.cli import cost
from ops.operate import COMMANDS
from ops.stack import read_outputs
from ops.verify import Check, Status, verify

COLOURS = {Status.PASSED: "green", Status.FAILED: "bold red", Status.SKIPPED: "yellow"}


@click.group()
def main() -> None:
    """What an operator runs against a deployed stack."""


for command in (*COMMANDS, cost):
    main.add_command(command)


@main.command("verify")
@click.option("--stack", help="Stack whose outputs the CLI prints. Default: the selected one.")
@click.option(
    "--outputs",
    type=click.Path(allow_dash=True, path_type=Path),
    help="File with the stack's outputs as JSON, - for standard input. Default: ask the CLI.",
)
@click.option(
    "--endpoint-url",
    default=lambda: os.environ.get("AWS_ENDPOINT_URL"),
    help="Address of an emulator. Default: AWS_ENDPOINT_URL, else AWS.",
)
@click.option(
    "--timeout", default=900.0, show_default=True, help="Seconds that each wait may take."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--plain", is_flag=True, help="No colour and no line drawing, for CI logs.")
def verify_command(
    stack: str | None,
    outputs: Path | None,
    endpoint_url: str | None,
    timeout: float,
    as_json: bool,
    plain: bool,
) -> None:
    """Check that a deployed stack keeps its promises; exit 1 if one is broken."""
    console = Console(stderr=True, no_color=plain, highlight=False, emoji=False)
    checks = verify(
        read_outputs(stack, outputs),
        endpoint_url=endpoint_url,
        timeout=timeout,
        on_progress=lambda message: console.print(message, markup=False),
    )
    if as_json:
        click.echo(json.dumps([vars_of(check) for check in checks], indent=2))
    else:
        Console(no_color=plain, highlight=False, emoji=False).print(table_of(checks, plain=plain))
    broken = [check for check in checks if not check.ok]
    if broken:
        console.print(f"{len(broken)} of {len(checks)} checks failed")
        sys.exit(1)


def vars_of(check: Check) -> dict[str, str]:
    """A check as JSON data."""
    return {
        "name": check.name,
        "subject": check.subject,
        "status": check.status.value,
        "detail": check.detail,
    }


def table_of(checks: list[Check], *, plain: bool) -> Table:
    """The checks as a table, a row each."""
    table = Table(box=None if plain else Table().box, title=None)
    for column in ("", "promise", "subject", "seen"):
        table.add_column(column, overflow="fold")
    for found in checks:
        status = f"[{COLOURS[found.status]}]{found.status.value}[/]"
        table.add_row(status, escape(found.name), escape(found.subject), escape(found.detail))
    return table


if __name__ == "__main__":
    main()
