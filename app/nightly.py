"""`python -m app.nightly`: one run of the nightly job."""

import logging

from app import telemetry
from app.settings import Settings

_log = logging.getLogger("app.nightly")


def run() -> None:
    """The real one tidies up; this one says that it was here."""
    _log.info("done")


if __name__ == "__main__":
    telemetry.start_logging(Settings.load())
    run()
