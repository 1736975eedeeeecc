"""The command line: `run`, `serve`, `graph` and `fail`.

Exit codes: 0 verified; 1 refused by a policy, or something failed; 2 bad configuration or usage.
"""

import json
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from rehearsal.emulator import Emulator

_DIRECTORY = click.option(
    "--directory",
    "-C",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path.cwd,
    help="The project's directory. Defaults to this one.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Rehearses `pulumi up` against an embedded AWS: no CLI, no account, no credentials."""
    # SIGTERM must end the helper processes as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)


@main.command()
@click.argument("stack")
@click.option("--keep", is_flag=True, help="Leave the emulator running until Ctrl-C.")
@click.option("--json", "json_", is_flag=True, help="Write one JSON document and nothing else.")
@click.option("--plain", is_flag=True, help="No colour and no animation, for logs.")
@click.option(
    "--policy-pack-config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="JSON file with levels and settings of the rules, as for `pulumi up`.",
)
@_DIRECTORY
def run(
    stack: str,
    keep: bool,
    json_: bool,
    plain: bool,
    policy_pack_config: Path | None,
    directory: Path,
) -> None:
    """Rehearse STACK: preview, policies, deployment, verification."""
    # Imported here: `--help` and a typing error should not wait for the SDK.
    from rehearsal import report as reporting
    from rehearsal.rehearse import Observer, rehearse

    console = reporting.make_console(plain=plain)
    observer = Observer() if json_ else reporting.ConsoleObserver(console, plain=plain)
    kept: list[Emulator] = []
    try:
        report = rehearse(
            stack,
            directory,
            observer=observer,
            policy_settings=_settings(policy_pack_config),
            keep=kept.append if keep else None,
        )
        if isinstance(observer, reporting.ConsoleObserver):
            observer.close()
            reporting.show(report, console)
        else:
            click.echo(reporting.as_json(report), nl=False)
        if kept:
            _hold(kept[0], report.region, quiet=json_)
    finally:
        for emulator in kept:
            emulator.stop()
    sys.exit(report.exit_code)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Defaults to a free one.")
@click.option("--stack", default="local", show_default=True, help="Whose account and region.")
@_DIRECTORY
def serve(port: int, stack: str, directory: Path) -> None:
    """Run only the emulator, for `pulumi up -s local` with the Pulumi CLI."""
    from rehearsal.config import ConfigError, load_config
    from rehearsal.emulator import DEFAULT_ACCOUNT, DEFAULT_REGION, Emulator, EmulatorError

    account, region = DEFAULT_ACCOUNT, DEFAULT_REGION
    try:
        config = load_config(directory, stack)
        account = config.get("accountId") or account
        region = config.get("aws:region") or region
    except ConfigError as error:
        _fail(error)
    try:
        # It serves for as long as somebody wants it.
        emulator = Emulator(account, port=port, lifetime=0)
    except EmulatorError as error:
        raise click.ClickException(str(error)) from error
    with emulator:
        _hold(emulator, region, quiet=False)


@main.command()
@click.argument("stack")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["json", "mermaid"]),
    default="mermaid",
    show_default=True,
)
@_DIRECTORY
def graph(stack: str, format_: str, directory: Path) -> None:
    """Print the resource graph of STACK, or a picture of its architecture."""
    import pulumi

    from rehearsal import picture, program
    from rehearsal.answers import LookupFailedError
    from rehearsal.config import ConfigError, load_config
    from rehearsal.offline import resolved
    from rehearsal.recording import DefaultProviderDenied, DuplicateResourceError

    try:
        found = resolved(load_config(directory.resolve(), stack))
    except (ConfigError, pulumi.RunError) as error:
        _fail(error)
    except (
        DefaultProviderDenied,
        DuplicateResourceError,
        LookupFailedError,
        program.ProgramError,
    ) as error:
        raise click.ClickException(str(error)) from error
    text = picture.as_json(found) if format_ == "json" else picture.mermaid(found)
    click.echo(text, nl=False)


@main.command()
@click.argument("how")
@click.option(
    "--outputs",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The stack's exports, as JSON.",
)
@click.option("--endpoint-url", envvar="AWS_ENDPOINT_URL", required=True, help="The emulator.")
@click.option("--service", default="api", show_default=True)
def fail(how: str, outputs: Path, endpoint_url: str, service: str) -> None:
    """Release a version to an emulated stack that fails: container-exits, image-missing,
    health-check-red or migration-fails.
    """
    from rehearsal.failing import FAILURES, FailingRelease

    if how not in FAILURES:
        raise click.UsageError(f"{how} is none of {', '.join(FAILURES)}")
    exports = json.loads(outputs.read_text(encoding="utf-8"))
    FAILURES[how](FailingRelease(endpoint_url, exports, service))
    click.echo(f"{service}: released a version that fails ({how})")


def _settings(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise click.BadParameter(f"{path} is not JSON: {error}") from error
    if not isinstance(settings, dict):
        raise click.BadParameter(f"{path} must hold a JSON object")
    return settings


def _hold(emulator: "Emulator", region: str, *, quiet: bool) -> None:
    """Says where the emulator is, and waits for Ctrl-C or SIGTERM."""
    from rehearsal.emulator import FAKE_CREDENTIALS

    # S3 Control puts the account before the host. `123456789012.localhost` exists where the
    # resolver knows `*.localhost` (systemd-resolved does), `123456789012.127.0.0.1` nowhere.
    lines = {
        "AWS_ENDPOINT_URL": f"http://localhost:{emulator.port}",
        **FAKE_CREDENTIALS,
        "AWS_REGION": region,
    }
    # With --json standard output holds the document and nothing else.
    click.echo(f"The emulator answers at {emulator.endpoint} until Ctrl-C. To use it:", err=quiet)
    for name, value in lines.items():
        click.echo(f"  export {name}={value}", err=quiet)
    click.echo("  pulumi up -s local", err=quiet)
    sys.stdout.flush()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    while emulator.running and not stopped.wait(0.5):
        pass
    if not stopped.is_set():
        raise click.ClickException("The emulator ended by itself.")


def _fail(error: Exception) -> NoReturn:
    click.echo(str(error), err=True)
    sys.exit(2)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
