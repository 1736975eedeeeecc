"""The stack that a command works on: its exports, and AWS behind them."""

import dataclasses
import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Clients


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stack:
    """A deployed stack."""

    aws: Clients
    outputs: Mapping[str, Any]

    @property
    def cluster(self) -> str:
        """Name of the cluster."""
        return self.outputs["clusterName"]

    @property
    def services(self) -> Mapping[str, str]:
        """Name of each ECS service, by what the stack calls it."""
        return self.outputs.get("serviceNames", {})

    def chosen(self, names: tuple[str, ...]) -> Mapping[str, str]:
        """The services that were named, or all.

        Raises:
            click.UsageError: The stack has no such service.
        """
        unknown = [name for name in names if name not in self.services]
        if unknown:
            raise click.UsageError(
                f"the stack has no service {', '.join(unknown)}: it has "
                + (", ".join(self.services) or "none")
            )
        return {name: self.services[name] for name in names or self.services}

    def describe(self, physical: str) -> dict[str, Any]:
        """What ECS says of a service.

        Raises:
            click.ClickException: It is gone.
        """
        answer = self.aws.get("ecs").describe_services(cluster=self.cluster, services=[physical])
        for service in answer["services"]:
            if service["status"] != "INACTIVE":
                return service
        raise click.ClickException(f"ECS has no service {physical} in {self.cluster}")


def read_outputs(stack: str | None, outputs: Path | None) -> dict[str, Any]:
    """The stack's exports: from a file (`-` for standard input), or from the Pulumi CLI."""
    if outputs is not None:
        text = sys.stdin.read() if str(outputs) == "-" else outputs.read_text()
    else:
        command = ["pulumi", "stack", "output", "--json"] + (["--stack", stack] if stack else [])
        try:
            text = subprocess.run(  # noqa: S603 - a fixed command; the stack is one argument
                command, check=True, capture_output=True, text=True
            ).stdout
        except FileNotFoundError:
            raise click.UsageError(
                "no pulumi CLI on the PATH: give the outputs with --outputs FILE "
                "(`pulumi stack output --json > FILE`)"
            ) from None
        except subprocess.CalledProcessError as error:
            raise click.UsageError(f"{' '.join(command)}: {error.stderr.strip()}") from None
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise click.UsageError(f"the stack outputs are not JSON: {error}") from None
    missing = [key for key in ("region", "vpcId", "stage") if not found.get(key)]
    if missing:
        raise click.UsageError(f"the stack outputs lack {', '.join(missing)}: is the stack up?")
    return found


def stack_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say which stack; the command gets `stack`, and errors of AWS in one line."""

    @click.option("--stack", "name", help="Stack whose outputs the CLI prints. Default: selected.")
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
    @functools.wraps(command)
    def with_stack(
        *args: Any, name: str | None, outputs: Path | None, endpoint_url: str | None, **kwargs: Any
    ) -> Any:
        found = read_outputs(name, outputs)
        clients = Clients(boto3.Session(), found["region"], endpoint_url)
        try:
            return command(*args, stack=Stack(aws=clients, outputs=found), **kwargs)
        except (ClientError, BotoCoreError) as error:
            raise click.ClickException(str(error)) from error

    return with_stack
