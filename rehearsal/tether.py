"""Runs a command that cannot outlive whoever started it.

`python -m rehearsal.tether COMMAND...` starts COMMAND and kills it as soon as its own standard
input closes. The starter holds the other end of that pipe, so the operating system closes it
however the starter ends, SIGKILL included.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

GRACE_SECONDS = 3.0
"""How long the command may take to end after SIGTERM, before SIGKILL."""


def main(command: list[str]) -> int:
    """Runs `command` to its end, or to the end of standard input, whichever comes first."""
    # Ctrl-C reaches the whole foreground group; ending in order is the starter's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen(  # noqa: S603 - the command is the caller's own
        command, stdin=subprocess.DEVNULL, start_new_session=True
    )

    def end(*_: object) -> None:
        _end_group(child)

    signal.signal(signal.SIGTERM, end)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        end()

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    # Whatever the command itself started shares its process group.
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    return code


def _end_group(child: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    timer = threading.Timer(GRACE_SECONDS, kill)
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) & 0xFF)
