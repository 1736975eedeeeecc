"""What tests of components and of the program share: one recorder, one set of made-up answers."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from rehearsal.recording import Graph, Registration, run_program, unknown_answer

ACCOUNT = "123456789012"
REGION = "eu-west-1"


def fake_answer(registration: Registration) -> tuple[str, Mapping[str, Any]]:
    """An id and the outputs that a component may ask for, recognisable by the resource's name."""
    name = registration.name
    service = registration.type.split(":")[1].split("/")[0]
    return f"{name}-id", {
        "arn": f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}",
        "name": registration.inputs.get("name", name),
    }


@pytest.fixture
def record() -> Callable[..., Graph]:
    """Builds resources and returns their graph; `preview=True` leaves their outputs unknown."""

    def run(build: Callable[[], object], *, preview: bool = False, **options: Any) -> Graph:
        options.setdefault("answer", unknown_answer if preview else fake_answer)
        return run_program(build, preview=preview, **options)

    return run
