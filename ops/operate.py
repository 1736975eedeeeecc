"""The commands for what runs: `status`, `logs`, `exec`, `run` and `rollback`.

Exit codes: 0 well; 1 something is wrong; 2 wrong usage; 3 not finished in time.
"""

import json
import subprocess
import sys
import time
from typing import Any

import click
from botocore.exceptions import ClientError
from rich.console import Console

from components.containers import APPLICATION
from ops import logs as logging_
from ops import one_off, rollback, shell, status
from ops.releases import short
from ops.stack import Stack, stack_options
from ops.waiting import silent, wait_for

UNFINISHED = 3
_COLOURS = {
    status.State.STEADY: "green",
    status.State.GOING: "yellow",
    status.State.PAUSED: "yellow",
    status.State.FAILING: "bold red",
    status.State.ROLLED_BACK: "bold red",
}


def _progress(message: str) -> None:
    click.echo(message, err=True)


@click.command("status")
@click.argument("services", nargs=-1)
@click.option("--wait", type=float, default=0.0, help="Seconds to wait for deployments to end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--plain", is_flag=True, help="No colour, for CI logs.")
@stack_options
def status_command(
    services: tuple[str, ...], wait: float, as_json: bool, plain: bool, stack: Stack
) -> None:
    """Show how SERVICES are, and when a release failed, why.

    A steady service is one line, unless it is named. Exits 1 when something is wrong, 3 when a
    deployment has not ended.
    """
    names = stack.chosen(services)

    judged: list[tuple[status.Facts, status.Verdict]] = []

    def probe() -> tuple[bool, str]:
        judged[:] = [(each, status.judge(each)) for each in (status.facts(stack, n) for n in names)]
        ended = not any(status.going(each) for each, _ in judged)
        return ended, ", ".join(f"{each.name} {verdict.state}" for each, verdict in judged)

    wait_for(probe, what="deployments", timeout=wait, on_progress=_progress)
    if as_json:
        click.echo(json.dumps([status.as_data(*each) for each in judged], indent=2))
    else:
        console = Console(no_color=plain, highlight=False, emoji=False, soft_wrap=True)
        for each, verdict in judged:
            head, *rest = status.lines(each, verdict, full=bool(services))
            console.print(head, style=None if plain else _COLOURS[verdict.state], markup=False)
            for line in rest:
                console.print(line, markup=False)
    states = {verdict.state for _, verdict in judged}
    if states & status.BROKEN:
        sys.exit(1)
    if states & {status.State.GOING, status.State.PAUSED}:
        sys.exit(UNFINISHED)


@click.command("logs")
@click.argument("service")
@click.option("--since", default="10m", show_default=True, help="How far back: 90s, 10m, 2h, 1d.")
@click.option("--filter", "pattern", default="", help="CloudWatch Logs filter pattern.")
@click.option("--container", default=APPLICATION, show_default=True)
@click.option("--follow", is_flag=True, help="Go on until Ctrl-C, or --timeout.")
@click.option("--timeout", default=3600.0, show_default=True, help="Seconds to follow at most.")
@stack_options
def logs_command(
    service: str,
    since: str,
    pattern: str,
    container: str,
    follow: bool,
    timeout: float,
    stack: Stack,
) -> None:
    """Print what the tasks of SERVICE write."""
    (name,) = stack.chosen((service,))
    try:
        begin = time.time() - logging_.seconds(since)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    log = logging_.log_of(stack, name, container)
    if log is None:
        raise click.UsageError(f"{name} has no container {container} that writes to CloudWatch")
    found = (
        logging_.follow(stack, log, since=begin, pattern=pattern, timeout=timeout)
        if follow
        else logging_.lines(stack, log, since=begin, pattern=pattern)
    )
    for task, stamp, line in found:
        moment = time.strftime("%H:%M:%S", time.gmtime(stamp / 1000))
        click.echo(f"{moment} {task[:8]} {line.rstrip()}")


@click.command("exec")
@click.argument("service")
@click.option("--task", "task_id", default="", help="Task, or how its id begins. Default: newest.")
@click.option("--container", default=APPLICATION, show_default=True)
@click.option("--command", default="/bin/sh", show_default=True)
@stack_options
def exec_command(service: str, task_id: str, container: str, command: str, stack: Stack) -> None:
    """Open a shell in a task of SERVICE. The session is recorded."""
    (name,) = stack.chosen((service,))
    arguments = shell.command_line(
        stack, name, task_id=task_id, container=container, command=command
    )
    sys.exit(subprocess.call(arguments))  # noqa: S603 - no shell; each value is one argument


@click.command("run", context_settings={"ignore_unknown_options": True})
@click.argument("service")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--env", "environment", multiple=True, help="A variable, NAME=value. Repeatable.")
@click.option("--timeout", default=900.0, show_default=True, help="Seconds to wait for its end.")
@stack_options
def run_command(
    service: str,
    command: tuple[str, ...],
    environment: tuple[str, ...],
    timeout: float,
    stack: Stack,
) -> None:
    """Run COMMAND in a new task like those of SERVICE, print its log, exit as it does.

    Options come first: ops run --timeout 60 api -- python -m app.report --all
    """
    (name,) = stack.chosen((service,))
    wrong = [each for each in environment if "=" not in each]
    if wrong:
        raise click.UsageError(f"--env {wrong[0]}: write NAME=value")
    variables = dict(each.split("=", 1) for each in environment)
    task_id, log = one_off.start(stack, name, command, variables)
    click.echo(f"task {task_id} started", err=True)
    outcome = one_off.follow(
        stack,
        task_id,
        log,
        timeout=timeout,
        on_line=click.echo,
        on_progress=_progress,
        interval=1.0 if stack.aws.endpoint_url else 5.0,
    )
    if outcome.exit_code is None:
        click.echo(
            f"task {task_id} still runs after {timeout:g} s; to end it: "
            f"aws ecs stop-task --cluster {stack.cluster} --task {task_id}",
            err=True,
        )
        sys.exit(UNFINISHED)
    if outcome.exit_code:
        click.echo(f"exit code {outcome.exit_code}: {outcome.reason}", err=True)
    sys.exit(outcome.exit_code)


@click.command("rollback")
@click.argument("services", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every service of the stack.")
@click.option("--to", "revision", default="", help="Revision to go to: 7, or family:7.")
@click.option("--yes", is_flag=True, help="Do it. Without, only what would be done is shown.")
@click.option("--why", default="", help="Reason, for the record.")
@click.option("--timeout", default=900.0, show_default=True, help="Seconds to wait for each.")
@stack_options
def rollback_command(
    services: tuple[str, ...],
    everything: bool,
    revision: str,
    yes: bool,
    why: str,
    timeout: float,
    stack: Stack,
) -> None:
    """Take SERVICES back to the last good version; shows the plan unless --yes is given.

    Exits 1 when there is no way back, 3 when the service is not steady in time.
    """
    if bool(services) is everything:
        raise click.UsageError("name the services, or give --all")
    if revision and len(services) != 1:
        raise click.UsageError("--to goes with one service: each has revisions of its own")
    # All plans before the first deed: a stack that is half back is worse than one that is not.
    plans = [rollback.plan(stack, name, revision) for name in stack.chosen(services)]
    for each in plans:
        _show(each)
    todo = [each for each in plans if not each.is_nothing]
    if not yes:
        if todo:
            click.echo("nothing was changed: add --yes to do it")
        return
    late = [each.name for each in todo if not _carry_out(stack, each, why, timeout)]
    if todo:
        click.echo("the program still asks for what was rolled back: revert it before `pulumi up`")
    if late:
        click.echo(f"not steady in time: {', '.join(late)}; see `ops status`", err=True)
        sys.exit(UNFINISHED)


def _show(chosen: rollback.Plan) -> None:
    if chosen.is_nothing:
        click.echo(f"{chosen.name}  stays on {short(chosen.running)}: {chosen.because}")
        return
    click.echo(
        f"{chosen.name}  {short(chosen.running)} -> {short(chosen.target)}: {chosen.because}"
    )
    for image in chosen.images:
        click.echo(f"  image     {image}")


def _carry_out(stack: Stack, chosen: rollback.Plan, why: str, timeout: float) -> bool:
    progress: Any = silent if stack.aws.endpoint_url else _progress
    ended_well, seen = rollback.go(stack, chosen, timeout=timeout, on_progress=progress)
    click.echo(f"{chosen.name}  {'done' if ended_well else 'not done'}: {seen}")
    try:
        who = stack.aws.get("sts").get_caller_identity()["Arn"]
        kept = rollback.record(stack, chosen, who=who, why=why, ended_well=ended_well)
        click.echo(f"  record    {kept}")
    except ClientError as error:
        # The service is back; that nobody may write it down is no reason to call it failed.
        click.echo(f"  no record {error}", err=True)
    return ended_well


COMMANDS = (status_command, logs_command, exec_command, run_command, rollback_command)
