"""One preview in a process of its own, for `rehearsal.bench`: configuration, program, nothing else.

    python -m rehearsal.timed staging [--further N] [--where]

With `--where` it also says, as one JSON document, what its time went to. Looking costs a little, so
the runs whose time is compared look at nothing.
"""

import sys
import time

_STARTED = time.perf_counter()

import argparse  # noqa: E402 - the clock comes first
import gc  # noqa: E402
import importlib.machinery  # noqa: E402
import json  # noqa: E402
import runpy  # noqa: E402
import signal  # noqa: E402
from collections import Counter, defaultdict  # noqa: E402
from collections.abc import Mapping  # noqa: E402
from pathlib import Path  # noqa: E402
from types import FrameType, ModuleType  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

if TYPE_CHECKING:
    from rehearsal.config import StackConfig
    from rehearsal.recording import Graph

SAMPLE_SECONDS = 0.002
SETTINGS = "settings: pydantic and configuration"
COMPONENTS = "components and wiring"
RECORDER = "recording what is registered"
SDK = "the SDK: outputs and registrations"
# A module, or everything in a package: the first that is listed, from the innermost call outwards,
# is what the time was for.
_PLACES = {
    "rehearsal": RECORDER,
    "google.protobuf": "serialization",
    "pulumi.runtime.rpc": "serialization",
    "pulumi_aws": "arguments of resources",
    "pulumi": SDK,
    "components": COMPONENTS,
    "wiring": COMPONENTS,
    "__main__": COMPONENTS,
    "settings": SETTINGS,
    "configuration": SETTINGS,
    "pydantic": SETTINGS,
    "asyncio": "the event loop",
    "selectors": "the event loop",
}


def preview(config: "StackConfig") -> "Graph":
    """Runs the program once, as a first preview does: no computed output is known.

    Not `program.run_project`: that also shields a longer-lived process from the program.
    """
    from rehearsal.answers import Answerer
    from rehearsal.recording import run_program

    answers = Answerer(config.get("accountId") or "123456789012", config.get("aws:region"))

    def lookup(token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = answers.lookup(token, arguments)
        if answer is None:
            raise LookupError(f"the program calls {token}, which needs AWS to answer")
        return answer

    return run_program(
        lambda: runpy.run_path(str(config.main), run_name="__main__"),
        lookup=lookup,
        project=config.project,
        stack=config.stack,
        config=config.values,
        secret_keys=config.secret_keys,
        preview=True,
        disabled_default_providers=config.disabled_default_providers,
    )


def with_further(config: "StackConfig", further: int) -> "StackConfig":
    """The same stack with `further` copies of its first service, each at a path of its own."""
    import dataclasses

    key = f"{config.project}:services"
    services = json.loads(config.values[key])
    first = services[0]
    for number in range(further):
        copy = {**first, "name": f"{first['name']}{number}"}
        if "public" in first:
            # Said, because two of so many names may hash to one priority.
            place = {"paths": [f"/further-{number}/*"], "slot": number}
            copy["public"] = {**first["public"], **place}
        services.append(copy)
    return dataclasses.replace(config, values={**config.values, key: json.dumps(services)})


class Watch:
    """Where the time of this process goes, from the moment it is made."""

    def __init__(self) -> None:
        self.modules: defaultdict[str, float] = defaultdict(float)
        """Seconds spent in the body of each module, those it imports left out."""
        self.places: Counter[str] = Counter()
        """Samples of CPU time by what it was for."""
        self.collecting = 0.0
        self._collected_at = 0.0
        self._inner = [0.0]
        loader: Any = importlib.machinery.SourceFileLoader
        # Every module's body runs through here, also one that the SDK imports only when first used.
        self._execute = loader.exec_module
        loader.exec_module = lambda loader, module: self._timed(loader, module)
        gc.callbacks.append(self._collection)
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)

    def stop(self) -> None:
        """Stops sampling."""
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _timed(self, loader: Any, module: ModuleType) -> None:
        self._inner.append(0.0)
        started = time.perf_counter()
        try:
            self._execute(loader, module)
        finally:
            taken = time.perf_counter() - started
            self.modules[module.__name__] += taken - self._inner.pop()
            self._inner[-1] += taken

    def _collection(self, phase: str, _details: dict[str, int]) -> None:
        if phase == "start":
            self._collected_at = time.perf_counter()
        else:
            self.collecting += time.perf_counter() - self._collected_at

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        if len(self._inner) == 1:
            self.places[_place(frame)] += 1


def _place(frame: FrameType | None) -> str:
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        for module, place in _PLACES.items():
            if name == module or name.startswith(f"{module}."):
                return place
        frame = frame.f_back
    return "other"


def _report(watch: Watch, graph: "Graph", times: Mapping[str, float]) -> dict[str, Any]:
    return {
        "resources": len(graph.custom),
        "seconds": dict(times),
        "modules": dict(watch.modules),
        "places": dict(watch.places),
        "collecting": watch.collecting,
    }


def main() -> None:
    """Runs the preview that the command line names."""
    parser = argparse.ArgumentParser(prog="rehearsal.timed")
    parser.add_argument("stack")
    parser.add_argument("--further", type=int, default=0)
    parser.add_argument("--where", action="store_true")
    arguments = parser.parse_args()
    watch = Watch() if arguments.where else None
    import pulumi  # noqa: F401 - what everything is measured by

    sdk = time.perf_counter()
    from rehearsal.config import load_config

    config = load_config(Path.cwd(), arguments.stack)
    if arguments.further:
        config = with_further(config, arguments.further)
    loaded = time.perf_counter()
    if watch is not None:
        # What was imported so far is neither the program's nor its SDK's.
        watch.modules.clear()
    graph = preview(config)
    ended = time.perf_counter()
    if watch is not None:
        watch.stop()
        times = {"sdk": sdk - _STARTED, "stack file": loaded - sdk, "program": ended - loaded}
        sys.stdout.write(json.dumps(_report(watch, graph, times)) + "\n")


if __name__ == "__main__":
    main()
