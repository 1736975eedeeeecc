"""The embedded AWS: moto on a free port of 127.0.0.1, in a process of its own.

A process, not a thread: it uses the machine's second core while the program runs,
`MOTO_ACCOUNT_ID` makes it the account that the stack expects, and everything it holds is gone when
it ends. It ends with the rehearsal,
whatever happens to that (see `tether`), and by itself after `lifetime` seconds.
"""

import argparse
import io
import json
import logging
import os
import sys
import threading
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

from rehearsal import deployments
from rehearsal.processes import ProcessError, TetheredProcess

HOST = "127.0.0.1"
DEFAULT_ACCOUNT = "123456789012"
"""The account moto plays when a stack names none."""
DEFAULT_REGION = "us-east-1"
"""Where a stack without `aws:region` is rehearsed: the region of AWS's global services."""
READY_SECONDS = 60.0
LIFETIME_SECONDS = 3600.0
# Obviously not keys of anybody; moto accepts any.
FAKE_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "emulator-has-no-keys",
    "AWS_SECRET_ACCESS_KEY": "emulator-has-no-secrets",
}
_REQUESTS_PATH = "/rehearsal/requests"
_RELEASES_PATH = "/rehearsal/releases"
_FORM = "application/x-www-form-urlencoded"


class EmulatorError(Exception):
    """The emulator did not start or did not answer."""


class Emulator:
    """A running emulator; a context manager that stops it.

    Args:
        account_id: The account it plays. Defaults to moto's own.
        port: The port. Defaults to 0, a free one.
        lifetime: Seconds after which it ends by itself; 0 for never. Defaults to an hour, more than
        any rehearsal takes.
    """

    def __init__(
        self,
        account_id: str = DEFAULT_ACCOUNT,
        *,
        port: int = 0,
        lifetime: float = LIFETIME_SECONDS,
    ) -> None:
        root = str(Path(__file__).resolve().parent.parent)
        environment = {key: value for key, value in os.environ.items() if key[:4] != "AWS_"}
        environment |= FAKE_CREDENTIALS
        environment |= {
            "PYTHONPATH": root,
            "MOTO_ACCOUNT_ID": account_id,
            # Roles attach managed policies of AWS by ARN; without this moto answers NoSuchEntity.
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
            # No instance is ever started from an image here, and loading them costs half a second.
            "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
            # The certificate becomes ISSUED when asked for the second time, not after a minute.
            "MOTO_ACM_VALIDATION_WAIT": "0",
        }
        try:
            self._process = TetheredProcess(
                [
                    sys.executable,
                    "-m",
                    "rehearsal.emulator",
                    f"--port={port}",
                    f"--lifetime={lifetime:g}",
                ],
                what="The emulator",
                ready_timeout=READY_SECONDS,
                env=environment,
            )
        except ProcessError as error:
            raise EmulatorError(str(error)) from error
        if not self._process.first_line.isdigit():
            self._process.stop()
            raise EmulatorError(f"The emulator answered {self._process.first_line!r}, not a port.")
        self.account_id = account_id
        self.port = int(self._process.first_line)
        self.endpoint = f"http://{HOST}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it still serves."""
        return self._process.running

    @property
    def pid(self) -> int:
        """Process id of the tether that holds it."""
        return self._process.pid

    def requests(self) -> list[str]:
        """Every API request so far, oldest first: `POST ecs CreateCluster`, `PUT s3 /bucket`."""
        return self._call("GET", _REQUESTS_PATH)

    @staticmethod
    def fail_release(endpoint: str, wanted: Mapping[str, Any]) -> None:
        """Makes the latest release of a service fail; see `rehearsal.failing`."""
        _ask(endpoint, "PUT", _RELEASES_PATH, wanted)

    def reset(self) -> None:
        """Forgets every resource and request, as if just started."""
        self._call("POST", "/moto-api/reset")
        self._call("DELETE", _REQUESTS_PATH)

    def stop(self) -> None:
        """Ends it; may be called twice."""
        self._process.stop()

    def _call(self, method: str, path: str) -> Any:
        return _ask(self.endpoint, method, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _ask(endpoint: str, method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{endpoint}{path}", data, method=method)  # noqa: S310 - always our own http URL
    # No proxy: one from the environment would be asked for 127.0.0.1.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as response:
            return json.load(response)
    except OSError as error:
        raise EmulatorError(f"The emulator does not answer {method} {path}: {error}") from error


class _Counter:
    """WSGI middleware that keeps the name of each request it lets through."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._requests: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        path = environ.get("PATH_INFO", "")
        if path == _REQUESTS_PATH:
            body = json.dumps(self._requests).encode()
            if environ["REQUEST_METHOD"] == "DELETE":
                self._requests.clear()
            start_response("200 OK", [("Content-Type", "application/json")])
            return [body]
        if path == _RELEASES_PATH:
            size = int(environ.get("CONTENT_LENGTH") or 0)
            deployments.fail(
                os.environ["MOTO_ACCOUNT_ID"], json.loads(environ["wsgi.input"].read(size))
            )
            start_response("200 OK", [("Content-Type", "application/json")])
            return [b"null"]
        if path == "/moto-api/reset":
            deployments.forget()
        if not path.startswith("/moto-api/"):
            self._requests.append(_describe(environ))
        return self._application(environ, start_response)


def _describe(environ: dict[str, Any]) -> str:
    # .../<date>/<region>/<service>/aws4_request in the signature names the service.
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")
    service = scope[3] if len(scope) > 4 else "?"
    operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if not operation and environ.get("CONTENT_TYPE", "").startswith(_FORM):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        operation = parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
    return f"{environ['REQUEST_METHOD']} {service} {operation or environ.get('PATH_INFO', '')}"


def serve(port: int, lifetime: float) -> None:
    """Serves until killed, or for `lifetime` seconds; its first line of output is the port."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    deployments.install()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(
        HOST,
        port,
        _Counter(DomainDispatcherApplication(create_backend_app)),
        threaded=True,
        request_handler=MotoRequestHandler,
    )
    if lifetime:
        timer = threading.Timer(lifetime, os._exit, (3,))
        timer.daemon = True
        timer.start()
    print(server.server_port, flush=True)
    server.serve_forever()


def main() -> None:
    """Entry point of the emulator's own process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lifetime", type=float, default=LIFETIME_SECONDS)
    arguments = parser.parse_args()
    try:
        serve(arguments.port, arguments.lifetime)
    except OSError as error:
        sys.exit(f"cannot listen on {HOST}:{arguments.port}: {error}")


if __name__ == "__main__":
    main()
