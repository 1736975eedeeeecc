"""How what has no server hears that it shall stop."""

import signal
import threading


def stopped_by_signal() -> threading.Event:
    """Set by SIGTERM and Ctrl-C: finish what was begun, begin nothing."""
    event = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: event.set())
    return event
