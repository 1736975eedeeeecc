"""The reference API, really started, and what it talks to, on the loopback."""

import contextlib
import dataclasses
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclasses.dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class Api:
    """A process of the API."""

    def __init__(self, *, wait: bool = True, **environment: str) -> None:
        self.port = free_port()
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LD_LIBRARY_PATH")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=ROOT,
            env={
                **kept,
                "PORT": str(self.port),
                # Only what is about draining waits for it.
                "DRAIN_SECONDS": "0",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": environment.pop("PYTHONPATH", ""),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if wait:
            self._await_start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.lines.append(line.rstrip())

    def _await_start(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.05)
        raise AssertionError("it did not start:\n" + "\n".join(self.lines))

    def get(self, path: str, **headers: str) -> Answer:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as response:
                return Answer(response.status, json.load(response), _lower(response.headers))
        except urllib.error.HTTPError as error:
            return Answer(error.code, json.load(error), _lower(error.headers))

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def exit_code(self) -> int:
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def logs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.lines)]

    def kill(self) -> None:
        if self.running:
            self._process.kill()
        self._process.wait(PATIENCE)


@pytest.fixture
def start() -> Iterator[Any]:
    """Starts the API with these variables; ends it after the test."""
    with contextlib.ExitStack() as running:

        def run(**environment: str) -> Api:
            api = Api(**environment)
            running.callback(api.kill)
            return api

        yield run


class Collector:
    """Takes spans as the OpenTelemetry collector does: protobuf by HTTP on /v1/traces."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resources: list[dict[str, str]] = []
        self._arrived = threading.Condition()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                right = (
                    self.path == "/v1/traces"
                    and self.headers["Content-Type"] == "application/x-protobuf"
                )
                if right:
                    collector._take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200 if right else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _take(self, request: ExportTraceServiceRequest) -> None:
        with self._arrived:
            for resource_spans in request.resource_spans:
                self.resources.append(
                    {a.key: a.value.string_value for a in resource_spans.resource.attributes}
                )
                for scope in resource_spans.scope_spans:
                    self.spans.extend(scope.spans)
            self._arrived.notify_all()

    def wait_for(self, count: int) -> list[Any]:
        with self._arrived:
            self._arrived.wait_for(lambda: len(self.spans) >= count, PATIENCE)
            return list(self.spans)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    receiver = Collector()
    yield receiver
    receiver.stop()


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A port that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield listener.getsockname()[1]
