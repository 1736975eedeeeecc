"""`python -m app.worker`: works until SIGTERM, and finishes what it began."""

import logging
import threading

from app import telemetry
from app.settings import Settings
from app.stopping import stopped_by_signal

_log = logging.getLogger("app.worker")

INTERVAL_SECONDS = 30.0


def work(stopped: threading.Event) -> None:
    """One piece of work after another; the real one takes it from a queue."""
    while not stopped.wait(INTERVAL_SECONDS):
        _log.info("nothing to do")
    _log.info("stopped")


if __name__ == "__main__":
    telemetry.start_logging(Settings.load())
    work(stopped_by_signal())
