"""What single checks conclude from what AWS says; the whole table is tried on a rehearsed stack."""

import http.server
import threading
from typing import Any

import pytest

from ops.verify import CHECKS
from ops.verify.edge import addresses, covers, http_redirects, https_answers
from ops.verify.model import Context
from ops.verify.services import steady

DEFINITION = "arn:aws:ecs:eu-west-1:123456789012:task-definition/api:7"


def service(**changes):
    deployment = {"status": "PRIMARY", "rolloutState": "COMPLETED", "taskDefinition": DEFINITION}
    return {
        "status": "ACTIVE",
        "runningCount": 2,
        "desiredCount": 2,
        "taskDefinition": DEFINITION,
        "deployments": [{**deployment, **changes.pop("deployment", {})}],
        **changes,
    }


def test_a_finished_deployment_with_all_tasks_is_steady():
    assert steady(service()) == (True, "2/2 running, PRIMARY COMPLETED")


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"runningCount": 1}, id="a-task-is-missing"),
        pytest.param({"deployment": {"rolloutState": "IN_PROGRESS"}}, id="still-rolling"),
        pytest.param({"deployment": {"taskDefinition": "api:6"}}, id="old-definition"),
        pytest.param({"status": "DRAINING"}, id="going-away"),
        pytest.param(
            {"deployments": [*service()["deployments"], {"status": "ACTIVE"}]}, id="two-deployments"
        ),
    ],
)
def test_anything_else_is_not_steady(wrong):
    holds, _ = steady(service(**wrong))

    assert not holds


def test_a_failed_rollout_says_why():
    failed = {"rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start"}

    holds, detail = steady(service(deployment=failed))

    assert not holds
    assert detail.endswith("tasks failed to start")


def test_a_service_that_does_not_exist_is_not_steady():
    assert steady({}) == (False, "status MISSING")


@pytest.mark.parametrize(
    ("names", "covered"),
    [
        (["api.example"], True),
        (["*.example"], True),
        (["example"], False),
        (["*.api.example"], False),
        ([], False),
    ],
)
def test_a_certificate_covers_its_names_and_one_label_of_a_wildcard(names, covered):
    assert covers(names, "api.example") is covered


def test_a_wildcard_does_not_cover_two_labels():
    assert not covers(["*.example"], "v1.api.example")


def test_a_name_that_nobody_knows_has_no_address():
    assert addresses("nowhere.invalid") == set()


def test_an_address_that_does_not_answer_is_a_failure_with_its_cause():
    holds, detail = https_answers("https://127.0.0.1:9/health")

    assert not holds
    assert "refused" in detail


@pytest.fixture
def plain_server():
    """An HTTP server on loopback; `/moved` sends the caller to HTTPS, the rest is answered."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            moved = self.path == "/moved"
            self.send_response(301 if moved else 200)
            if moved:
                self.send_header("Location", "https://127.0.0.1/moved")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_plain_http_behind_an_https_address_is_a_failure(plain_server):
    holds, detail = https_answers(f"https://127.0.0.1:{plain_server}/health")

    assert not holds
    assert "SSL" in detail


@pytest.mark.parametrize(("path", "redirected"), [("/moved", True), ("/health", False)])
def test_only_a_redirect_to_https_counts_as_one(plain_server, path, redirected):
    holds, _ = http_redirects(f"https://127.0.0.1{path}", plain_server)

    assert holds is redirected


class Billing:
    """A budget with one warning, and whoever subscribes to it."""

    def __init__(self, *subscribers: tuple[str, str]) -> None:
        self._subscribers = subscribers

    def pages(self, service: str, operation: str, key: str, **_: Any) -> list[dict[str, Any]]:
        del service, operation
        if key == "Notifications":
            return [{"NotificationType": "ACTUAL", "Threshold": 80.0}]
        return [
            {"SubscriptionType": kind, "Address": address} for kind, address in self._subscribers
        ]


@pytest.mark.parametrize(
    ("subscribers", "holds"),
    [
        pytest.param([("SNS", "arn:topic")], True, id="a-topic"),
        pytest.param([("EMAIL", "cfo@example.com")], False, id="one-person"),
        pytest.param([], False, id="nobody"),
    ],
)
def test_a_warning_of_the_budget_must_reach_a_topic(subscribers, holds):
    aws: Any = Billing(*subscribers)
    context = Context(
        aws=aws,
        outputs={"budgetName": "monthly", "alarmTopicArn": "arn:aws:sns:eu-west-1:1:alarms"},
        emulated=False,
        timeout=0,
        on_progress=lambda _: None,
    )

    ((subject, found, _),) = CHECKS["each warning of the budget reaches a topic"](context)

    assert (subject, found) == ("ACTUAL 80", holds)
