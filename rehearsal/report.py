"""Shows a rehearsal: while it runs, and what it found out."""

import json
import sys
from collections import Counter
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.tree import Tree

from rehearsal.recording import Registration
from rehearsal.rehearse import CheckResult, Observer, Report, ResourceState, Status, Step

_DOING = {
    Step.CONFIG: "Reading the configuration",
    Step.PREVIEW: "Running the program",
    Step.POLICIES: "Asking the policies",
    Step.DEPLOY: "Creating the resources",
    Step.VERIFY: "Verifying the result",
}
_VERDICT = {
    Status.VERIFIED: ("green", "Verified"),
    Status.REFUSED: ("red", "Refused by policy: nothing was created"),
    Status.FAILED: ("red", "Failed"),
    Status.MISCONFIGURED: ("red", "Bad configuration"),
}
_STYLES = {"mandatory": "red", "remediate": "red", "advisory": "yellow"}
_MARKS = {"created": "[green]✔[/]", "validated": "[yellow]≈[/]", "planned": "[dim]·[/]"}


class ConsoleObserver(Observer):
    """Writes a line for each step, and a progress bar while resources are created.

    Args:
        console: Where to; a plain one gets no bar.
        plain: Whether to leave out colour and animation, for logs.
    """

    def __init__(self, console: Console, *, plain: bool) -> None:
        self._console = console
        self._plain = plain
        self._progress: Progress | None = None
        self._task: Any = None

    def step(self, step: Step) -> None:
        """Names the step."""
        self.close()
        self._console.print(f"{_DOING[step]} ...", style=None if self._plain else "bold")

    def creating(self, total: int) -> None:
        """Shows the bar."""
        if self._plain:
            return
        self._progress = Progress(
            TextColumn("  "),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=total)
        self._progress.start()

    def resource(self, registration: Registration, state: str) -> None:
        """Moves the bar, or writes a line where there is none."""
        kind = registration.type.rpartition(":")[2]
        if self._progress is not None:
            self._progress.update(
                self._task,
                description=escape(f"{kind} {registration.name}"),
                advance=0 if state == "creating" else 1,
            )
        elif state != "creating":
            self._console.print(f"  {state} {kind} {registration.name}", markup=False)

    def verifying(self, *details: object) -> None:
        """Writes what is being waited for."""
        self._console.print("  " + " ".join(map(str, details)), markup=False)

    def close(self) -> None:
        """Takes the bar away; may be called twice."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def make_console(*, plain: bool, file: Any = None) -> Console:
    """A console that fits the terminal; a plain one is as wide for every log."""
    # Where standard output goes now: a program's own output is led elsewhere while it runs.
    file = file or sys.stdout
    if plain:
        return Console(
            file=file,
            width=120,
            no_color=True,
            color_system=None,
            force_terminal=False,
            highlight=False,
            emoji=False,
        )
    return Console(file=file, highlight=False, emoji=False)


def show(report: Report, console: Console) -> None:
    """Writes the whole report."""
    if report.resources and report.status is not Status.REFUSED:
        console.print(_tree(report))
    _show_findings(report, console)
    _show_validated(report, console)
    _show_checks(report, console)
    _show_outputs(report, console)
    for note in report.notes:
        console.print(f"Note: {note}", markup=False)
    for problem in report.problems:
        console.print(problem, style="red", markup=False)
    _show_summary(report, console)


def as_json(report: Report) -> str:
    """The report as one JSON document."""
    return json.dumps(report.to_json(), indent=2, sort_keys=True, default=str) + "\n"


def _tree(report: Report) -> Tree:
    tree = Tree(f"[bold]{escape(report.project)}[/] · {escape(report.stack)}")
    by_parent: dict[str, list[ResourceState]] = {}
    for resource in report.resources:
        by_parent.setdefault(resource.parent, []).append(resource)

    def grow(branch: Tree, parent: str) -> None:
        children = by_parent.get(parent, [])
        for resource in sorted(children, key=lambda r: (r.state != "component", r.type, r.name)):
            kind = resource.type.rpartition(":")[2]
            if resource.state == "provider":
                continue
            if resource.state == "component":
                label = f"[bold]{escape(resource.name)}[/] [cyan]{kind}[/]"
            else:
                id_ = f" [dim]{escape(resource.id)}[/]" if resource.id else ""
                label = f"{_MARKS[resource.state]} {kind} {escape(resource.name)}{id_}"
            grow(branch.add(label), resource.urn)

    grow(tree, "")
    return tree


def _show_findings(report: Report, console: Console) -> None:
    if not report.findings:
        if report.rules:
            console.print(f"Policies: {report.rules} rules, no violation.")
        return
    table = Table(title="Policies", title_justify="left", expand=True)
    for column, ratio in (("Level", 1), ("Resource", 2), ("Rule", 2), ("Reason and remedy", 5)):
        table.add_column(column, ratio=ratio, overflow="fold")
    for finding in report.findings:
        level = finding.level if finding.kind == "violation" else finding.kind
        kind = finding.type.rpartition(":")[2]
        reason = escape(finding.reason)
        remedy = f"\n→ {escape(finding.remedy)}" if finding.remedy else ""
        table.add_row(
            level,
            escape(f"{kind}\n{finding.resource}"),
            escape(finding.rule),
            reason + remedy,
            style=_STYLES.get(finding.level, "") if finding.kind != "remediated" else "yellow",
        )
    console.print(table)
    levels = Counter(f.level if f.kind == "violation" else f.kind for f in report.findings)
    listed = ", ".join(f"{count} {level}" for level, count in sorted(levels.items()))
    console.print(f"Policies: {report.rules} rules, {listed}.")


def _show_validated(report: Report, console: Console) -> None:
    if not report.validated:
        return
    table = Table(title="Validated, not created", title_justify="left", expand=True)
    for column in ("Resource", "Operation", "Why"):
        table.add_column(column, overflow="fold")
    for operation in report.validated:
        kind = operation.type.rpartition(":")[2]
        table.add_row(
            escape(f"{kind} {operation.name}"),
            escape(operation.operation),
            escape(operation.reason),
        )
    console.print(table)


def _verdict(check: CheckResult) -> str:
    if not check.ok:
        return "[red]FAILED[/]"
    return "[green]ok[/]" if check.looked_at else "[yellow]skipped[/]"


def _show_checks(report: Report, console: Console) -> None:
    if not report.checks:
        return
    table = Table(title="Verification", title_justify="left", expand=True)
    for column, ratio in (("", None), ("Promise", 3), ("Subject", 2), ("Found", 4)):
        table.add_column(column, ratio=ratio, overflow="fold")
    for check in report.checks:
        table.add_row(
            _verdict(check),
            escape(check.name),
            escape(check.subject),
            escape(check.detail),
        )
    console.print(table)


def _show_outputs(report: Report, console: Console) -> None:
    if not report.outputs:
        return
    table = Table(title="Outputs", title_justify="left", show_header=False, box=None)
    for name, value in report.outputs.items():
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        table.add_row(escape(name), escape(text))
    console.print(table)


def _show_summary(report: Report, console: Console) -> None:
    counts = report.counts
    if counts["resources"]:
        console.print(
            f"Resources: {counts['resources']} in {counts['component']} components; "
            f"{counts['created']} created, {counts['validated']} only validated"
            + (f", {counts['planned']} planned" if counts["planned"] else "")
            + "."
        )
    if report.path is not None and report.path.steps:
        console.print(
            f"On AWS this takes about {_minutes(report.path.seconds)} (critical path of "
            f"{len(report.path.steps)} resources; typical creation times of {report.path.dated})."
        )
    style, verdict = _VERDICT[report.status]
    failed = [check for check in report.checks if not check.ok]
    if failed:
        verdict = f"{verdict}: {len(failed)} of {len(report.checks)} checks"
    taken = report.seconds.get("total", 0.0)
    console.print(f"{verdict} · {report.stack} · {taken:.1f} s", style=f"bold {style}")


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
