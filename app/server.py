"""Serves until SIGTERM, and then leaves without dropping a request."""

import asyncio
import logging
import signal
from types import FrameType

import uvicorn

from app import api, telemetry
from app.settings import Settings

_log = logging.getLogger("app.server")


class DrainingServer(uvicorn.Server):
    """Goes on answering for a while after SIGTERM, then closes, then ends with exit code 0.

    SIGTERM can come before the load balancer has stopped sending, always so when Spot capacity is
    taken away: uvicorn alone would close its port at once, and callers would see it.
    """

    def __init__(self, config: uvicorn.Config, ready: api.Readiness, seconds: float) -> None:
        super().__init__(config)
        self._ready = ready
        self._seconds = seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first SIGTERM drains; another, or Ctrl-C, does not wait."""
        del frame
        if sig != signal.SIGTERM or self._ready.draining:
            self.should_exit = True
            return
        self._ready.draining = True
        # A signal may come in the middle of anything, so here nothing is written.
        asyncio.get_running_loop().call_soon_threadsafe(self._leave_later)

    def _leave_later(self) -> None:
        _log.info("draining for %s s", self._seconds)
        asyncio.get_running_loop().call_later(self._seconds, self._leave)

    def _leave(self) -> None:
        self.should_exit = True


def serve(settings: Settings) -> None:
    """Serves until told to stop."""
    provider = telemetry.start_tracing(settings)
    ready = api.readiness(settings)
    config = uvicorn.Config(
        api.build(settings, ready),
        host="0.0.0.0",  # noqa: S104 - the load balancer comes from outside
        port=settings.port,
        # Longer than the load balancer's idle timeout of 60 s: it must never find a connection
        # closed which it thinks open.
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#connection-idle-timeout
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(settings.grace_seconds),
        access_log=False,
        log_config=None,
        server_header=False,
        # Whoever sends is the load balancer; its word on the client is not needed here.
        proxy_headers=False,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
    )
    try:
        DrainingServer(config, ready, settings.drain_seconds).run()
    finally:
        if provider is not None:
            provider.shutdown()
        _log.info("stopped")
