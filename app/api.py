"""What it answers: `/` who it is, `/health` that it lives, `/ready` that it can work."""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import database, telemetry
from app.settings import Server, Settings

_log = logging.getLogger("app.api")

UNTRACED = "/health,/ready"
"""Asked every few seconds by machines; a trace of each would be all that one sees."""
REMEMBER_SECONDS = 2.0
CONNECT_SECONDS = 2.0


class Readiness:
    """Whether everything that the application needs answers.

    An answer is remembered for a moment: whoever asks often does not become the load.
    """

    def __init__(self, checks: Mapping[str, Callable[[], None]]) -> None:
        self._checks = checks
        self._lock = threading.Lock()
        self._seen: dict[str, str] = {}
        self._until = 0.0
        self.draining = False
        """Set once SIGTERM came: no new work, though what comes is still answered."""

    def problems(self) -> dict[str, str]:
        """What does not answer, and why; the kind of error only, for it is shown to anybody."""
        if self.draining:
            return {"server": "draining"}
        with self._lock:
            if time.monotonic() >= self._until:
                self._seen = {
                    name: why for name, check in self._checks.items() if (why := _try(name, check))
                }
                self._until = time.monotonic() + REMEMBER_SECONDS
            return self._seen


def _try(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:
        _log.warning("%s is not ready", name, exc_info=True)
        return type(error).__name__
    return ""


def readiness(settings: Settings) -> Readiness:
    """What this application needs, by name."""
    checks: dict[str, Callable[[], None]] = {}
    if settings.database is not None:
        needed = settings.database

        def ask_database() -> None:
            with database.connect(needed, timeout=CONNECT_SECONDS) as connection:
                connection.execute("select 1")

        checks["database"] = ask_database
    if settings.cache is not None:
        cache = settings.cache
        checks["cache"] = lambda: _shake_hands(cache)
    return Readiness(checks)


def _shake_hands(server: Server) -> None:
    """TCP and TLS, with its certificate checked."""
    with (
        socket.create_connection((server.host, server.port), timeout=CONNECT_SECONDS) as plain,
        ssl.create_default_context().wrap_socket(plain, server_hostname=server.host),
    ):
        pass


def build(settings: Settings, ready: Readiness) -> Starlette:
    """The application."""

    async def identity(_request: Request) -> JSONResponse:
        return JSONResponse(
            {"service": "babyrobots-api", "version": settings.version, "stage": settings.stage}
        )

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    # In a thread of its own, because it waits for others.
    def is_ready(_request: Request) -> JSONResponse:
        problems = ready.problems()
        status = "ready" if not problems else "not ready"
        return JSONResponse(
            {"status": status, "problems": problems}, status_code=503 if problems else 200
        )

    return Starlette(
        routes=[
            Route("/", identity),
            Route("/health", health),
            Route("/ready", is_ready),
        ],
        middleware=[
            Middleware(_FromLoadBalancer),
            Middleware(
                OpenTelemetryMiddleware,
                excluded_urls=UNTRACED,
                exclude_spans=["receive", "send"],
            ),
            Middleware(_Access, ready=ready),
        ],
    )


class _FromLoadBalancer:
    """Continues the trace that the load balancer began."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        header = next((v for k, v in scope.get("headers", ()) if k == b"x-amzn-trace-id"), b"")
        with telemetry.within(header.decode("latin-1")):
            await self._app(scope, receive, send)


class _Access:
    """A line per request; and, while draining, a request to come back by another connection."""

    def __init__(self, app: ASGIApp, ready: Readiness) -> None:
        self._app = app
        self._ready = ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._ready.draining:
                    MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            level = logging.DEBUG if scope["path"] in UNTRACED.split(",") else logging.INFO
            fields = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "duration_ms": round((time.perf_counter() - started) * 1000, 2),
            }
            _log.log(level, "request", extra={"fields": fields})
