"""SIGTERM under load: not one request fails, and the process ends by itself, with 0."""

import http.client
import threading
import time

import pytest

from tests.app.conftest import Api

CLIENTS = 8


class Load:
    """Clients that keep their connections, as a load balancer does, and count what fails.

    A connection which the answer says will be closed is opened anew, as HTTP has it; nothing is
    tried twice.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._over = threading.Event()
        self.answered: list[float] = []
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._send) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._api.port, timeout=30)
        while not self._over.is_set():
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                response.read()
                assert response.status == 200, response.status
                self.answered.append(time.monotonic())
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.failures.append(repr(error))
                connection.close()
        connection.close()

    def wait_for_more(self, count: int) -> None:
        target = len(self.answered) + count
        deadline = time.monotonic() + 60
        while len(self.answered) < target and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.answered) >= target

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def test_no_request_fails_while_it_stops(start):
    api = start(DRAIN_SECONDS="4")
    load = Load(api)
    load.wait_for_more(50)

    told = time.monotonic()
    api.terminate()
    load.wait_for_more(50)
    # The load balancer has taken the target out; what it has sent is answered.
    load.stop()

    assert load.failures == []
    assert api.exit_code() == 0
    assert len([at for at in load.answered if at > told]) >= 50


def test_the_load_would_notice_a_server_that_does_not_wait(start):
    api = start(DRAIN_SECONDS="0")
    load = Load(api)
    load.wait_for_more(50)

    api.terminate()
    api.exit_code()
    load.stop()

    assert load.failures


def test_a_request_in_flight_is_answered_after_the_port_is_closed(start, silent_server):
    # A database that says nothing: the question takes as long as one waits for it.
    api = start(
        DRAIN_SECONDS="0",
        DATABASE_HOST="127.0.0.1",
        DATABASE_PORT=str(silent_server),
        DATABASE_USERNAME="app",
        DATABASE_PASSWORD="unused",
    )
    answers = []
    asking = threading.Thread(target=lambda: answers.append(api.get("/ready").status))
    asking.start()
    time.sleep(0.5)
    api.terminate()
    asking.join()

    assert answers == [503]
    assert api.exit_code() == 0
    order = [line["message"] for line in api.logs()]
    assert order.index("Shutting down") < order.index("database is not ready")


def test_while_draining_it_lives_and_is_not_ready(start):
    api = start(DRAIN_SECONDS="30")
    api.terminate()
    deadline = time.monotonic() + 30
    while (answer := api.get("/ready")).status == 200 and time.monotonic() < deadline:
        time.sleep(0.05)

    assert answer.body == {"status": "not ready", "problems": {"server": "draining"}}
    health = api.get("/health")
    assert health.status == 200
    assert health.headers["connection"] == "close"


@pytest.mark.parametrize("again", ["SIGTERM", "SIGINT"])
def test_a_second_signal_does_not_wait(start, again):
    import signal

    api = start(DRAIN_SECONDS="600")
    api.terminate()
    while api.get("/ready").status == 200:
        time.sleep(0.05)
    api._process.send_signal(getattr(signal, again))

    assert api.exit_code() == 0


def test_draining_and_grace_fit_into_the_stop_timeout():
    from app.settings import DRAIN_SECONDS, GRACE_SECONDS
    from configuration.services import Service

    assert Service.model_fields["stop_timeout_seconds"].default > DRAIN_SECONDS + GRACE_SECONDS
