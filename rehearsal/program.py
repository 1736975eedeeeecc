"""Runs the project's real `__main__.py` as the language host does, any number of times."""

import contextlib
import gc
import importlib
import logging
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

import pulumi

from rehearsal.config import StackConfig
from rehearsal.emulator import FAKE_CREDENTIALS
from rehearsal.recording import Answer, Graph, Lookup, run_program, unknown_answer

NOWHERE = "http://127.0.0.1:9"
"""An AWS endpoint that refuses every connection: port 9 of this machine (discard, RFC 863)."""
# Packages of this repository that run a rehearsal; a program never imports them.
_OURS = {"rehearsal", "ops", "tests", "conftest", "__main__"}


_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class ProgramError(Exception):
    """The program raised. The message is the program's own part of the traceback."""


def run_project(
    config: StackConfig,
    *,
    lookup: Lookup,
    answer: Answer = unknown_answer,
    preview: bool = False,
    endpoint: str = NOWHERE,
) -> Graph:
    """Runs the program of `config` once and returns what it registered.

    What it prints goes to standard error. Whatever it asks of AWS behind Pulumi's back goes to
    `endpoint`, with credentials that are none: a rehearsal reaches no account.

    Args:
        config: Project, stack and values.
        lookup: Answers provider functions.
        answer: Answers registrations. Defaults to a first preview's: nothing known.
        preview: Whether computed outputs stay unknown.
        endpoint: The emulator's. Defaults to one that refuses.

    Raises:
        pulumi.RunError: The program refused its configuration.
        ProgramError: The program raised anything else.
        Exception: What `answer` or `lookup` raised, unchanged.
    """
    region = config.get("aws:region")
    failures: list[BaseException] = []

    def program() -> None:
        runpy.run_path(str(config.main), run_name="__main__")

    # As the language host does: tasks left unfinished by a failed program are no news.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with (
        contextlib.redirect_stdout(sys.stderr),
        emulator_environment(endpoint, region),
        _as_main_program(config.main),
    ):
        try:
            return run_program(
                program,
                answer=_remembering(answer, failures),
                lookup=_remembering(lookup, failures),
                project=config.project,
                stack=config.stack,
                config=config.values,
                secret_keys=config.secret_keys,
                preview=preview,
                disabled_default_providers=config.disabled_default_providers,
            )
        except Exception as error:
            # The SDK may wrap what an answer raised; the reason is what matters.
            if failures:
                raise failures[0] from None
            if isinstance(error, pulumi.RunError) or _is_ours(error):
                raise
            raise ProgramError(_own_traceback(error, config.main)) from error


@contextlib.contextmanager
def emulator_environment(endpoint: str, region: str) -> Iterator[None]:
    """Makes every AWS SDK of this process talk to `endpoint`, with made-up credentials."""
    saved = dict(os.environ)
    for key in [key for key in os.environ if key.startswith("AWS_")]:
        del os.environ[key]
    os.environ.update(FAKE_CREDENTIALS)
    os.environ.update(
        {
            "AWS_ENDPOINT_URL": endpoint,
            # The graph is the one that AWS gets, not what the provider can do with an emulator.
            "REHEARSAL": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
            # A profile of the user's could name another endpoint or real credentials.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY", ""), "127.0.0.1"])),
        }
    )
    if region:
        os.environ.update({"AWS_REGION": region, "AWS_DEFAULT_REGION": region})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


@contextlib.contextmanager
def _as_main_program(directory: Path) -> Iterator[None]:
    """Working directory, arguments and module table as in a process of the program's own."""
    names = _module_names(directory)
    saved = {name: module for name, module in sys.modules.items() if _top(name) in names}
    for name in saved:
        del sys.modules[name]
    before, arguments, path = Path.cwd(), sys.argv, list(sys.path)
    sys.argv = [str(directory)]
    os.chdir(directory)
    importlib.invalidate_caches()
    collecting = gc.isenabled()
    try:
        yield
    finally:
        os.chdir(before)
        sys.argv = arguments
        sys.path[:] = path
        if collecting:
            gc.enable()
        for name in [name for name in sys.modules if _top(name) in names]:
            del sys.modules[name]
        sys.modules.update(saved)


def _module_names(directory: Path) -> frozenset[str]:
    """Top-level names that `import` would find in the program's directory before anywhere else."""
    files = {path.stem for path in directory.glob("*.py")}
    packages = {path.name for path in directory.iterdir() if path.is_dir()}
    return frozenset(name for name in files | packages if name.isidentifier()) - _OURS


def _top(name: str) -> str:
    return name.partition(".")[0]


def _remembering(
    function: Callable[_Arguments, _Result], failures: list[BaseException]
) -> Callable[_Arguments, _Result]:
    """`function`, that keeps what it raised and does nothing more after that.

    The program's threads go on for a moment after a failure; nothing may be created then.
    """

    def call(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        if failures:
            raise failures[0]
        try:
            return function(*arguments, **named)
        except BaseException as error:
            failures.append(error)
            raise

    return call


def _is_ours(error: BaseException) -> bool:
    return type(error).__module__.startswith("rehearsal.")


def _own_traceback(error: BaseException, directory: Path) -> str:
    """The traceback from the program's first line on: what is above is the machinery."""
    frames = traceback.extract_tb(error.__traceback__)
    main = str(directory / "__main__.py")
    start = next((index for index, frame in enumerate(frames) if frame.filename == main), 0)
    lines = traceback.format_exception(error, limit=start - len(frames), chain=False)
    return "".join(lines).rstrip()
