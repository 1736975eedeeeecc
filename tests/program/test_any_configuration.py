"""Whatever Settings accepts builds, and the pack refuses of it only what this file says it should.

Two configurations are also rehearsed to the end. What this cannot prove: that AWS accepts them.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from guardrails import server
from hypothesis import HealthCheck, Phase, given, settings

from rehearsal.recording import Graph
from rehearsal.rehearse import Status, rehearse
from tests.policies import graphs
from tests.policies.harness import LEVELS, pack_of
from tests.program import stacks
from tests.strategies import DIGEST, Values, configurations, minimal

A_FEW = settings(
    max_examples=10,
    deadline=None,
    # The same examples in each run: a failure is somebody's change, not luck.
    derandomize=True,
    database=None,
    # Shrinking would build the program a hundred times over.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
)


def _services(values: Values, *, listening: bool = False) -> list[Values]:
    return [s for s in values["services"] if not listening or "port" in s]


REFUSED: dict[str, Callable[[Values], bool]] = {
    "cost-size-allowed": lambda v: any(s["cpu"] > 4096 for s in _services(v)),
    "log-retention": lambda v: v["overrides"].get("logRetentionDays", 365) < 365,
    "log-vpc-flow": lambda v: not v["flowLogs"],
    "mon-alarm-reaches-someone": lambda v: not v.get("alarmEmails"),
    "res-ecs-ha": lambda v: (
        v["stage"] == "production" and any(s["min"] < 2 for s in _services(v, listening=True))
    ),
    # A word in place of a number of tokens could as well be a token.
    "sec-no-plaintext-env": lambda v: any(
        s["environment"].get("MAX_TOKENS") == "info" for s in _services(v)
    ),
}
"""What a stack may say and still not deploy: the pack's rule, and the configurations it is about.

Settings holds a stack to what works, the pack to what is wise; an exemption can allow the latter.
"""


def refused(stage: str, graph: Graph, *, known: bool) -> set[str]:
    """Rules that forbid the deployment, asked through the server that the engine talks to."""
    judge = server.Servicer(pack_of(profile=stage, offline=known))
    said = [d for r in graphs.analyze_requests(graph) for d in judge.Analyze(r, None).diagnostics]
    said += judge.AnalyzeStack(graphs.stack_request(graph), None).diagnostics
    return {d.policyName for d in said if LEVELS[d.enforcementLevel] == "mandatory"}


@given(values=configurations())
@A_FEW
def test_whatever_is_accepted_builds_and_breaks_no_rule_unasked(values):
    with tempfile.TemporaryDirectory() as directory:
        config = stacks.project(Path(directory), "any", values)

    graph, preview = stacks.build(config), stacks.build(config, preview=True)

    assert list(preview.resources) == list(graph.resources)
    assert [r.urn for r in graph.custom if not r.provider] == []
    assert stacks.blind_alarms(graph) == []
    broken = refused(values["stage"], graph, known=True) | refused(
        values["stage"], preview, known=False
    )
    unasked = {rule for rule in broken if rule not in REFUSED or not REFUSED[rule](values)}
    assert unasked == set()


def _much() -> Values:
    """Nearly every switch thrown at once, in the region of AWS's global services."""
    sizes = {"cpu": 512, "memory": 1024, "environment": {"LOG_LEVEL": "info"}}
    kept = {"database": True, "cache": True, **sizes}
    return {
        **minimal(),
        "aws:region": "us-east-1",
        "stage": "production",
        "accountId": "210987654321",
        "zones": ["us-east-1c", "us-east-1a", "us-east-1f"],
        "networkCidr": "172.16.0.0/18",
        "interfaceEndpoints": ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm"],
        "ipv6": True,
        "dnsQueryLogging": True,
        "alarmEmails": ["oncall@babyrobots.example"],
        "imageDigest": DIGEST,
        "database": {"enabled": True},
        "cache": {"mode": "node"},
        "services": [
            {
                "name": "api",
                "port": 8080,
                "public": {"paths": ["/v1/*"]},
                "min": 2,
                "max": 6,
                "connectsTo": ["search"],
                **kept,
            },
            {
                "name": "web",
                "port": 3000,
                "public": {"host": "www.staging.babyrobots.example"},
                "min": 2,
                "max": 4,
                **sizes,
            },
            {"name": "search", "port": 9200, "min": 2, "max": 4, **sizes},
            {"name": "worker", "min": 2, "max": 4, "critical": False, **kept},
            {"name": "hourly", "schedule": "rate(1 hour)", "connectsTo": ["search"], **kept},
        ],
    }


@pytest.mark.parametrize("values", [minimal(), _much()], ids=["the-fewest-keys", "nearly-all"])
def test_what_is_accepted_can_be_rehearsed(values: dict[str, Any], tmp_path):
    stacks.project(tmp_path, "any", values)

    report = rehearse("any", tmp_path, policies=stacks.ROOT / "policies")

    refusals = [(f.rule, f.resource, f.reason) for f in report.findings if f.blocks]
    assert (report.status, report.problems, refusals) == (Status.VERIFIED, [], [])
    assert report.counts["planned"] == 0
