"""An estimate for a terminal, and for a pull request."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.cost.estimate import Change, Estimate


def usd(amount: float) -> str:
    """An amount as people write it."""
    return f"{amount:,.2f}"


def signed(amount: float) -> str:
    """A difference, with its sign."""
    return f"{amount:+,.2f}"


def grouped(estimate: Estimate) -> list[tuple[str, str, str, float, str, float, float]]:
    """(component, service, part, quantity, unit, price of a unit, US dollars), resources together,
    the dearest component first.
    """
    order = list(estimate.by("component"))
    found: dict[tuple[str, str, str, str, float], list[float]] = {}
    for line in estimate.lines:
        key = (line.component, line.service, line.what, line.price.unit, line.price.usd)
        sums = found.setdefault(key, [0, 0])
        sums[0] += line.quantity
        sums[1] += line.usd
    rows = [
        (component, service, what, quantity, unit, price, amount)
        for (component, service, what, unit, price), (quantity, amount) in found.items()
    ]
    return sorted(rows, key=lambda row: (order.index(row[0]), -row[6], row[2]))


def show(estimate: Estimate, console: Console, *, plain: bool) -> None:
    """Every part by component, the sums by service, and what the numbers rest on."""
    box = None if plain else Table().box
    table = Table(title=f"{estimate.stack}, {estimate.region}, US dollars a month", box=box)
    for column in ("component", "service", "part"):
        table.add_column(column, overflow="fold")
    for column in ("quantity", "unit", "price", "USD"):
        table.add_column(column, justify="left" if column == "unit" else "right")
    previous = ""
    for component, service, what, quantity, unit, price, amount in grouped(estimate):
        name = escape(component) if component != previous else ""
        previous = component
        table.add_row(
            name, service, escape(what), f"{quantity:,.4g}", unit, f"{price:g}", usd(amount)
        )
    table.add_section()
    table.add_row("total", "", "", "", "", "", usd(estimate.usd))
    console.print(table)

    table = Table(title="By service", box=box)
    table.add_column("service")
    table.add_column("USD", justify="right")
    for service, amount in estimate.by("service").items():
        table.add_row(service, usd(amount))
    console.print(table)
    for line in foundations(estimate):
        console.print(line, markup=False, soft_wrap=True)


def foundations(estimate: Estimate) -> list[str]:
    """What is assumed, free and unpriced, and how old the prices are: a line each."""
    oldest, newest = estimate.dates
    lines = [f"Assumed: {assumed.key} = {assumed}" for assumed in estimate.assumptions]
    lines += [f"Unpriced: {i.type} {i.resource}: {i.reason}" for i in estimate.unpriced]
    lines.append(f"Free: {', '.join(type_.split(':')[-1] for type_ in estimate.free)}")
    lines.append(
        f"Prices of {oldest} to {newest}; {usd(estimate.unconfirmed)} of {usd(estimate.usd)} USD"
        " at prices not read again since they were written down (`ops cost refresh`)."
    )
    return lines


def show_changes(
    changes: Sequence[Change], before: str, after: str, console: Console, *, plain: bool
) -> None:
    """What is different, the largest change first."""
    table = Table(
        title=f"{before} -> {after}, US dollars a month", box=None if plain else Table().box
    )
    for column in ("component", "service", "part"):
        table.add_column(column, overflow="fold")
    for column in ("before", "after", "difference"):
        table.add_column(column, justify="right")
    for change in changes:
        table.add_row(
            escape(change.component),
            change.service,
            escape(change.what),
            usd(change.before),
            usd(change.after),
            signed(change.usd),
        )
    table.add_section()
    table.add_row("total", "", "", "", "", signed(sum(change.usd for change in changes)))
    console.print(table)


def markdown(estimate: Estimate, changes: Sequence[Change] | None = None, before: str = "") -> str:
    """The estimate for a pull request: the sum, what changes, and the rest folded away."""
    lines = [f"### {estimate.stack} costs about {usd(estimate.usd)} USD a month", ""]
    if changes is not None:
        difference = sum(change.usd for change in changes)
        lines += [f"**{signed(difference)} USD** against `{before}`.", ""]
        if changes:
            lines += [
                "| Component | Service | Part | Before | After | Difference |",
                "|---|---|---|---:|---:|---:|",
                *(
                    f"| {_cell(c.component)} | {c.service} | {_cell(c.what)} | {usd(c.before)} |"
                    f" {usd(c.after)} | {signed(c.usd)} |"
                    for c in changes
                ),
                "",
            ]
    lines += ["<details><summary>By component</summary>", "", *components(estimate), ""]
    lines += ["</details>", "<details><summary>What it rests on</summary>", ""]
    lines += [f"- {_cell(line)}" for line in foundations(estimate)]
    return "\n".join([*lines, "", "</details>", ""])


def components(estimate: Estimate) -> list[str]:
    """A Markdown table with every part, by component."""
    rows = ["| Component | Service | Part | Quantity | Price | USD a month |"]
    rows.append("|---|---|---|---:|---:|---:|")
    sums = estimate.by("component")
    for component, total in sums.items():
        rows.append(f"| **{_cell(component)}** | | | | | **{usd(total)}** |")
        rows += [
            f"| | {service} | {_cell(what)} | {quantity:,.4g} {unit} | {price:g} | {usd(amount)} |"
            for owner, service, what, quantity, unit, price, amount in grouped(estimate)
            if owner == component
        ]
    return [*rows, f"| **Total** | | | | | **{usd(estimate.usd)}** |"]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
