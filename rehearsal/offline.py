"""The program's resolved graph from made-up answers: without AWS, not even an emulated one."""

from collections.abc import Mapping
from typing import Any

from rehearsal.answers import Answerer, LookupFailedError
from rehearsal.config import StackConfig
from rehearsal.emulator import DEFAULT_ACCOUNT, DEFAULT_REGION
from rehearsal.program import run_project
from rehearsal.recording import Graph


def resolved(config: StackConfig) -> Graph:
    """Runs the program of `config` once, every output known.

    Raises:
        LookupFailedError: It looks up what only AWS can answer.
        Exception: What `run_project` raises.
    """
    answers = Answerer(
        config.get("accountId") or DEFAULT_ACCOUNT, config.get("aws:region") or DEFAULT_REGION
    )

    def lookup(token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = answers.lookup(token, arguments)
        if answer is None:
            raise LookupFailedError(f"The program calls {token}, which needs AWS to answer.")
        return answer

    return run_project(config, answer=answers.answer, lookup=lookup)
