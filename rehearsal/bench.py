"""What the program costs, as ratios measured in one run: `python -m rehearsal.bench`.

Machines differ, and so do two minutes on one; how much more work the program is than importing the
SDK does not. So every number is a multiple of `python -c "import pulumi"`, measured in turns with
it, in processes of their own, the fastest of several counting: whatever else a machine does only
ever adds time.
"""

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from rehearsal import timed
from rehearsal.config import ConfigError, load_config
from rehearsal.critical_path import CriticalPath, critical_path
from rehearsal.report import make_console

PROGRAM_BAR = 11.0
FURTHER_BAR = 0.4
FURTHER = 16
"""Services added to measure what one more costs; the noise of two runs is divided by as many."""
_SDK = "import pulumi"
_MODULES_SHOWN = 12
_NOTHING_ELSE = ("AWS_", "PULUMI_", "DB_", "PYTHON", "ENVIRONMENT")


class BenchError(Exception):
    """What was to be measured failed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """What one process took."""

    wall: float
    cpu: float
    """Of the process and of those it started, on all cores."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ratio:
    """A cost in units of `import pulumi`."""

    fastest: float
    """The fastest run by the fastest import."""
    median: float
    """The median run by the median import."""
    cpu: float
    """As `fastest`, counting CPU time: hardly moved by what else the machine does."""

    def within(self, bar: float) -> bool:
        """Whether the cost is below the bar; on a busy machine only CPU time can tell."""
        return min(self.fastest, self.cpu) <= bar


@dataclasses.dataclass(kw_only=True)
class Bench:
    """Everything that was measured."""

    stack: str
    repeats: int
    program: Ratio
    further: Ratio
    """Each further service."""
    where: dict[str, float]
    """What the time of the program went to, in units of `import pulumi`, largest first."""
    resources: int
    path: CriticalPath
    rehearsal: float | None = None
    tests: float | None = None

    @property
    def within_bars(self) -> bool:
        """Whether the program and each further service cost no more than they may."""
        return self.program.within(PROGRAM_BAR) and self.further.within(FURTHER_BAR)

    def to_json(self) -> dict[str, Any]:
        """The whole as plain data."""
        return {
            "stack": self.stack,
            "unit": f'python -c "{_SDK}"',
            "repeats": self.repeats,
            "resources": self.resources,
            "program": {**dataclasses.asdict(self.program), "bar": PROGRAM_BAR},
            "furtherService": {**dataclasses.asdict(self.further), "bar": FURTHER_BAR},
            "where": self.where,
            "rehearsal": self.rehearsal,
            "tests": self.tests,
            "criticalPath": {
                "seconds": self.path.seconds,
                "oneByOneSeconds": self.path.one_by_one,
                "dated": self.path.dated,
                "steps": [
                    {key: getattr(step, key) for key in ("type", "name", "starts", "seconds")}
                    for step in self.path.steps
                ],
            },
            "withinBars": self.within_bars,
        }


def run(command: Sequence[str], directory: Path) -> Run:
    """Runs a process to its end, with none of the settings that this one was started with.

    Raises:
        BenchError: It failed; with what it wrote last.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_NOTHING_ELSE)}
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(  # noqa: S603 - commands of this module only
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    wall, after = time.perf_counter() - started, os.times()
    if done.returncode:
        raise BenchError(f"{' '.join(command)} failed:\n{(done.stderr or done.stdout)[-2000:]}")
    cpu = after.children_user + after.children_system
    return Run(wall=wall, cpu=cpu - before.children_user - before.children_system)


def in_turns(
    commands: Mapping[str, Sequence[str]],
    directory: Path,
    repeats: int,
    tick: Callable[[], object] = lambda: None,
) -> dict[str, list[Run]]:
    """Runs each command `repeats` times, one of each in turn, after a turn that does not count.

    The first turn compiles modules and fills caches of the file system.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(repeats + 1):
        for name, command in commands.items():
            found = run(command, directory)
            tick()
            if turn:
                runs[name].append(found)
    return runs


def ratio(
    runs: Sequence[Run], unit: Sequence[Run], base: Sequence[Run] = (), per: int = 1
) -> Ratio:
    """What `runs` cost more than `base` (by default nothing), each of `per`, in units of `unit`."""

    def of(choose: Callable[[list[float]], float], attribute: str) -> float:
        cost, one, other = (
            choose([getattr(r, attribute) for r in some]) if some else 0.0
            for some in (runs, unit, base)
        )
        return (cost - other) / per / one

    return Ratio(fastest=of(min, "wall"), median=of(statistics.median, "wall"), cpu=of(min, "cpu"))


def where(looked: Mapping[str, Any], unit: float) -> dict[str, float]:
    """What the time of one run went to, in units of `import pulumi`, largest first.

    Args:
        looked: What `rehearsal.timed --where` wrote.
        unit: Seconds that `import pulumi` takes.
    """
    seconds: defaultdict[str, float] = defaultdict(float)
    for name, taken in looked["modules"].items():
        seconds[_module(name)] += taken
    rest = looked["seconds"]["program"] - sum(seconds.values())
    samples = sum(looked["places"].values()) or 1
    for place, count in looked["places"].items():
        seconds[place] += rest * count / samples
    seconds[_SDK] = looked["seconds"]["sdk"]
    seconds["reading the stack file"] = looked["seconds"]["stack file"]
    # A part of the others, shown because it can be avoided.
    ordered = sorted(seconds.items(), key=lambda item: -item[1])
    shares = {name: taken / unit for name, taken in ordered}
    return {**shares, "of all these, collecting garbage": looked["collecting"] / unit}


def _module(name: str) -> str:
    top, _, rest = name.partition(".")
    service = rest.partition(".")[0]
    match top:
        case "pulumi_aws":
            own = not service or service.startswith("_") or service in _AWS_ITSELF
            return "import pulumi_aws itself" if own else f"import pulumi_aws.{service}"
        case "components" | "wiring":
            return timed.COMPONENTS
        case "settings" | "configuration" | "pydantic" | "pydantic_core" | "annotated_types":
            return timed.SETTINGS
        case "rehearsal":
            return timed.RECORDER
    return "import of anything else"


_AWS_ITSELF = {"provider", "outputs", "user_agent", "arn_build", "arn_parse", "trim_iam_role_path"}


def measure(
    stack: str,
    directory: Path,
    *,
    repeats: int = 5,
    rehearsal: bool = False,
    tests: bool = False,
    say: Callable[[str], object] = lambda _text: None,
) -> Bench:
    """Measures everything.

    Args:
        stack: Whose program.
        directory: The project's.
        repeats: Turns of which the fastest counts. Defaults to 5.
        rehearsal: Whether to time a rehearsal of the stack too. Defaults to False: it takes long.
        tests: Whether to time the tests too. Defaults to False: they take longer.
        say: Told what is measured next. Defaults to nobody.

    Raises:
        BenchError: Something of it failed.
        ConfigError: There is no such stack, or its file is wrong.
    """
    config = load_config(directory, stack)
    python, preview = sys.executable, [sys.executable, "-m", "rehearsal.timed", stack]
    say(f"{repeats} turns of import, program and program with {FURTHER} more services")
    runs = in_turns(
        {
            "import": [python, "-c", _SDK],
            "program": preview,
            "more": [*preview, "--further", str(FURTHER)],
        },
        directory,
        repeats,
    )
    unit = runs["import"]
    fastest = min(one.wall for one in unit)
    say("where the time goes")
    looked = _looked(preview, directory)
    bench = Bench(
        stack=stack,
        repeats=repeats,
        program=ratio(runs["program"], unit),
        further=ratio(runs["more"], unit, runs["program"], FURTHER),
        where=where(looked, fastest),
        resources=looked["resources"],
        path=critical_path(timed.preview(config)),
    )
    if rehearsal:
        say("a rehearsal")
        command = [python, "-m", "rehearsal", "run", stack, "--json"]
        bench.rehearsal = run(command, directory).wall / fastest
    if tests:
        say("the tests")
        bench.tests = run([python, "-m", "pytest", "-q"], directory).wall / fastest
    return bench


def _looked(preview: Sequence[str], directory: Path) -> dict[str, Any]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_NOTHING_ELSE)}
    command = [*preview, "--where"]
    done = subprocess.run(  # noqa: S603 - this module's own command
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def show(bench: Bench, console: Console) -> None:
    """Writes the tables."""
    _show_costs(bench, console)
    _show_where(bench, console)
    _show_path(bench, console)


def _show_costs(bench: Bench, console: Console) -> None:
    table = Table(title=f'{bench.stack}, in units of python -c "{_SDK}"', title_justify="left")
    table.add_column("")
    for column in ("fastest", "median", "CPU", "bar"):
        table.add_column(column, justify="right")
    table.add_column("")
    rows = (
        (f"the program, {bench.resources} resources", bench.program, PROGRAM_BAR),
        ("each further service", bench.further, FURTHER_BAR),
    )
    for name, cost, bar in rows:
        numbers = (f"{value:.2f}x" for value in (cost.fastest, cost.median, cost.cpu))
        verdict = "[green]within[/]" if cost.within(bar) else "[red]above[/]"
        table.add_row(name, *numbers, f"{bar:g}x", verdict)
    for name, once in (("a rehearsal", bench.rehearsal), ("the tests", bench.tests)):
        if once is not None:
            table.add_row(name, f"{once:.0f}x", "", "", "", "once")
    console.print(table)


def _show_where(bench: Bench, console: Console) -> None:
    table = Table(title="Where the time of the program goes", title_justify="left")
    table.add_column("")
    table.add_column("in import pulumi", justify="right")
    shown = dict(list(bench.where.items())[:-1])
    modules = [name for name in shown if name.startswith("import pulumi_aws.")]
    few = modules[_MODULES_SHOWN:]
    for name, cost in shown.items():
        if name not in few:
            table.add_row(name, f"{cost:.2f}x")
    table.add_row(
        f"import of {len(few)} more pulumi_aws modules", f"{sum(shown[name] for name in few):.2f}x"
    )
    name, cost = list(bench.where.items())[-1]
    table.add_row(name, f"{cost:.2f}x", style="dim")
    console.print(table)


def _show_path(bench: Bench, console: Console) -> None:
    path = bench.path
    if not path.seconds:
        return
    table = Table(
        title=f"Critical path of creating it all: typical times as of {path.dated}",
        title_justify="left",
    )
    for column, justify in (("starts", "right"), ("takes", "right"), ("", "left"), ("", "left")):
        table.add_column(column, justify=justify)  # pyright: ignore[reportArgumentType]
    for step in path.steps:
        kind = step.type.rpartition(":")[2]
        table.add_row(f"{step.starts:.0f} s", f"{step.seconds:.0f} s", kind, step.name)
    console.print(table)
    console.print(
        f"{path.seconds / 60:.0f} min along this path, {path.one_by_one / 60:.0f} min one by one:"
        f" {path.one_by_one / path.seconds:.1f}x as long.",
        markup=False,
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("stack", default="staging")
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True)
@click.option("--rehearsal/--no-rehearsal", default=True, help="Time a rehearsal of STACK too.")
@click.option("--tests", is_flag=True, help="Time the tests too.")
@click.option("--json", "json_", is_flag=True, help="Write one JSON document and nothing else.")
@click.option("--plain", is_flag=True, help="No colour, for logs.")
def main(stack: str, repeats: int, rehearsal: bool, tests: bool, json_: bool, plain: bool) -> None:
    """Measure what the program of STACK costs; exit code 1 when that is above a bar."""
    try:
        bench = measure(
            stack,
            Path.cwd(),
            repeats=repeats,
            rehearsal=rehearsal,
            tests=tests,
            say=lambda text: click.echo(f"measuring {text}", err=True),
        )
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    if json_:
        click.echo(json.dumps(bench.to_json(), indent=2))
    else:
        show(bench, make_console(plain=plain))
    sys.exit(0 if bench.within_bars else 1)


if __name__ == "__main__":
    main()
