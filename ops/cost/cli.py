"""Command line: `ops cost STACK`, `ops cost --preview FILE`, `ops cost refresh`."""

import datetime
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import click
import pulumi
import yaml
from rich.console import Console
from rich.table import Table

from ops.cost import report
from ops.cost.estimate import Amounts, Estimate, amounts, amounts_of_json, changes, estimate
from ops.cost.model import Stack
from ops.cost.prices import Prices
from ops.cost.refresh import API_REGION, refresh
from ops.cost.sources import UnusableSourceError, of_preview, of_project, revision
from ops.cost.usage import UnknownAssumptionError, Usage
from rehearsal.config import ConfigError, load_config
from rehearsal.program import ProgramError

CONFIGURED = "configured"


class _Estimating(click.Group):
    """`ops cost staging` is `ops cost estimate staging`: the estimate is what it is for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["estimate", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Estimating)
def cost() -> None:
    """What a stack costs in a month, before it is applied."""


@cost.command("estimate")
@click.argument("stack", required=False)
@click.option(
    "--preview",
    type=click.Path(allow_dash=True, path_type=Path),
    help="Output of `pulumi preview --json` instead of the program, - for standard input.",
)
@click.option(
    "--against",
    help="Compare with another stack, a git revision, or a file: an estimate as --json wrote it, or"
    " a preview.",
)
@click.option(
    "--usage",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="YAML file with `key: number` lines that replace assumptions.",
)
@click.option(
    "--ceiling",
    is_flag=False,
    flag_value=CONFIGURED,
    metavar="[USD]",
    help="Exit 1 above this amount; without one, above budget.ceilingUsd of the stack.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for pull requests.")
@click.option("--plain", is_flag=True, help="No colour and no line drawing, for CI logs.")
@click.option(
    "--directory",
    "-C",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path.cwd,
    help="The project's directory. Defaults to this one.",
)
def estimate_command(
    stack: str | None,
    preview: Path | None,
    against: str | None,
    usage: Path | None,
    ceiling: str | None,
    as_json: bool,
    as_markdown: bool,
    plain: bool,
    directory: Path,
) -> None:
    """Estimate STACK from its program, or from a preview."""
    if (stack is None) == (preview is None):
        raise click.UsageError("name a stack, or give a preview with --preview FILE")
    try:
        overrides = _overrides(usage)
        found = of_preview(_document(preview)) if preview else of_project(directory, str(stack))
        made = _estimated(found, overrides)
        before = _before(against, found.name, directory, overrides) if against else None
        limit = _limit(ceiling, stack or found.name, directory)
    except (ConfigError, UnknownAssumptionError, UnusableSourceError, pulumi.RunError) as error:
        raise click.UsageError(str(error)) from error
    except ProgramError as error:
        raise click.ClickException(str(error)) from error
    different = None if before is None else changes(before, amounts(made.lines))
    over = limit is not None and made.usd > limit
    if as_json:
        document = made.to_json()
        if different is not None:
            document["against"] = against
            document["changes"] = [{**vars(c), "usd": round(c.usd, 4)} for c in different]
        if limit is not None:
            document |= {"ceilingUsd": limit, "aboveCeiling": over}
        click.echo(json.dumps(document, indent=2))
    elif as_markdown:
        click.echo(report.markdown(made, different, against or ""), nl=False)
        if over:
            click.echo(f"\n**{_above(made, limit)}**")
    else:
        console = Console(no_color=plain, highlight=False, emoji=False)
        report.show(made, console, plain=plain)
        if different is not None:
            report.show_changes(different, str(against), made.stack, console, plain=plain)
    if over:
        click.echo(_above(made, limit), err=True)
        sys.exit(1)


def _above(made: Estimate, limit: float | None) -> str:
    return (
        f"{made.stack} is estimated at {report.usd(made.usd)} USD a month, above its ceiling of"
        f" {limit:g} USD: make it cheaper, or raise budget.ceilingUsd in Pulumi.{made.stack}.yaml"
    )


def _limit(ceiling: str | None, stack: str, directory: Path) -> float | None:
    if ceiling is None:
        return None
    if ceiling != CONFIGURED:
        try:
            return float(ceiling)
        except ValueError:
            raise click.BadParameter(f"{ceiling} is not an amount in US dollars") from None
    from configuration.budget import Budget

    group = load_config(directory.resolve(), stack).get("budget")
    return Budget.model_validate(json.loads(group) if group else {}).ceiling


def _overrides(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    if not isinstance(found, dict):
        raise UnknownAssumptionError(f"{path} must hold `key: number` lines")
    return found


def _document(path: Path) -> Any:
    text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UnusableSourceError(f"{path} is not JSON: {error}") from error


def _estimated(stack: Stack, overrides: Mapping[str, Any]) -> Estimate:
    return estimate(stack, Prices.read(), Usage.read(stack.stage, overrides))


def _before(against: str, stack: str, directory: Path, overrides: Mapping[str, Any]) -> Amounts:
    if Path(against).is_file():
        document = _document(Path(against))
        if "lines" in document:
            return amounts_of_json(document)
        return amounts(_estimated(of_preview(document), overrides).lines)
    if (directory / f"Pulumi.{against}.yaml").is_file():
        return amounts(_estimated(of_project(directory, against), overrides).lines)
    with revision(directory, against) as folder:
        return amounts(_estimated(of_project(folder, stack), overrides).lines)


@cost.command("refresh")
@click.option(
    "--region", "regions", multiple=True, help="Region to have prices of. Default: those there are."
)
@click.option("--plain", is_flag=True, help="No colour and no line drawing, for CI logs.")
def refresh_command(regions: tuple[str, ...], plain: bool) -> None:
    """Read every price again from the AWS Price List API; exit 1 if one could not be read."""
    prices = Prices.read()
    client = boto3.client("pricing", region_name=API_REGION)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    found = refresh(prices, client, today, sorted({*prices.regions, *regions}))
    prices.write()
    table = Table(box=None if plain else Table().box)
    for column in ("price", "region", "before", "after", ""):
        table.add_column(column, overflow="fold")
    for line in found:
        if line.changed or line.problem:
            before, after = ("" if usd is None else f"{usd:g}" for usd in (line.before, line.after))
            table.add_row(line.id, line.region, before, after, line.problem)
    Console(no_color=plain, highlight=False, emoji=False).print(table)
    unread = [line for line in found if line.problem]
    click.echo(f"{len(found)} prices, {len(unread)} not read", err=True)
    if unread:
        sys.exit(1)
