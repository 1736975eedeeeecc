"""The emulator is on the loopback only, plays the stack's account, and never outlives its owner."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

from rehearsal.emulator import Emulator, EmulatorError
from rehearsal.processes import ProcessError, TetheredProcess

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def emulator():
    with Emulator("444455556666") as running:
        yield running


def client(emulator, service):
    session = boto3.Session(aws_access_key_id="fake", aws_secret_access_key="fake")
    return session.client(service, region_name="eu-west-1", endpoint_url=emulator.endpoint)


def gone(pid: int, within: float = 10.0) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{pid}/stat")
        if status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def descendants(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.exists():
        pytest.skip("no /proc: cannot see child processes here")
    found = []
    for task in tasks.iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *descendants(child)]
    return found


def test_it_plays_the_account_it_is_told_to(emulator):
    assert client(emulator, "sts").get_caller_identity()["Account"] == "444455556666"


def test_it_listens_on_the_loopback_only(emulator):
    socket.create_connection(("127.0.0.1", emulator.port), 2).close()
    # A server on every address would answer here too: all of 127.0.0.0/8 is this machine.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", emulator.port), 2)


def test_it_counts_requests_by_operation_and_forgets_on_reset(emulator):
    emulator.reset()
    client(emulator, "sns").create_topic(Name="a")
    client(emulator, "ecs").create_cluster(clusterName="a")
    client(emulator, "s3").list_buckets()
    assert emulator.requests() == ["POST sns CreateTopic", "POST ecs CreateCluster", "GET s3 /"]
    emulator.reset()
    assert emulator.requests() == []
    assert client(emulator, "sns").list_topics()["Topics"] == []


def test_it_knows_the_managed_policies_that_roles_attach(emulator):
    iam = client(emulator, "iam")
    arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    assert iam.get_policy(PolicyArn=arn)["Policy"]["Arn"] == arn


def test_a_taken_port_is_said(emulator):
    with pytest.raises(EmulatorError, match="in use"):
        Emulator(port=emulator.port)


def test_stopping_ends_every_process_and_can_be_repeated():
    emulator = Emulator()
    pids = [emulator.pid, *descendants(emulator.pid)]
    assert len(pids) == 2
    emulator.stop()
    emulator.stop()
    assert all(gone(pid) for pid in pids)
    assert not emulator.running


def test_it_ends_by_itself_after_its_lifetime():
    emulator = Emulator(lifetime=0.5)
    try:
        assert gone(emulator.pid)
    finally:
        emulator.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_does_not_outlive_a_killed_owner(number):
    code = (
        "from rehearsal.emulator import Emulator\nimport time\n"
        "e = Emulator()\nprint(e.pid, flush=True)\ntime.sleep(60)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    tether = int(owner.stdout.readline())
    pids = [tether, *descendants(tether)]
    owner.send_signal(number)
    owner.wait(10)
    owner.stdout.close()
    assert all(gone(pid) for pid in pids)


def test_a_helper_that_says_nothing_is_ended_in_time():
    started = time.monotonic()
    with pytest.raises(ProcessError, match=r"said nothing for 0.3 s"):
        TetheredProcess(
            [sys.executable, "-c", "import time; time.sleep(60)"], what="It", ready_timeout=0.3
        )
    assert time.monotonic() - started < 10


def test_a_helper_that_fails_is_quoted():
    with pytest.raises(ProcessError, match="because of this"):
        TetheredProcess(
            [sys.executable, "-c", "raise SystemExit('because of this')"],
            what="It",
            ready_timeout=20,
        )


def test_a_helper_that_ignores_sigterm_is_killed():
    code = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\ntime.sleep(60)\n"
    )
    helper = TetheredProcess([sys.executable, "-c", code], what="It", ready_timeout=20)
    pids = descendants(helper.pid)
    helper.stop()
    assert all(gone(pid) for pid in pids)
