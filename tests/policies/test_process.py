"""The pack as the engine meets it: a process of its own that tells its port, and gRPC."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2
from guardrails import NAME, VERSION, rules
from guardrails.examples import analyze_requests, stack_request
from guardrails.pack import EXEMPTIONS, NOT_EVALUATED
from guardrails.registry import Kind
from pulumi.runtime.proto import analyzer_pb2 as pb
from pulumi.runtime.proto import analyzer_pb2_grpc

PACK = Path(__file__).parents[2] / "policies"
DATABASE = next(rule for rule in rules.ALL if rule.id == "net-db-not-public")
SECONDS = 60


def start(
    config: dict | None = None, *, unbuffered: bool = True, directory: Path = PACK
) -> subprocess.Popen:
    """What the engine's language host runs: https://github.com/pulumi/pulumi, RunPlugin of kind
    analyzer.
    """
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "GUARDRAILS_OFFLINE")}
    env |= {
        "PULUMI_PROJECT": "other",
        "PULUMI_STACK": "dev",
        "PULUMI_ORGANIZATION": "organization",
        "PULUMI_DRY_RUN": "true",
        "PULUMI_CONFIG": json.dumps(config or {}),
    }
    options = ["-u"] if unbuffered else []
    return subprocess.Popen(
        [sys.executable, *options, "-m", "pulumi.policy", "127.0.0.1:1", str(directory)],
        cwd=directory,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def running(config: dict | None = None, **options):
    process = start(config, **options)
    killer = threading.Timer(SECONDS, process.kill)
    killer.start()
    try:
        port = process.stdout.readline().strip()
        assert port.isdigit(), process.stderr.read()
        options = [("grpc.enable_http_proxy", 0)]
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel), process
    finally:
        killer.cancel()
        process.terminate()
        process.communicate(timeout=SECONDS)


@pytest.fixture(scope="module")
def pack():
    with running() as (stub, _):
        yield stub


def test_it_describes_itself_and_every_rule(pack):
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())

    assert (info.name, info.version, info.supportsConfig) == (NAME, VERSION, True)
    assert {p.name for p in info.policies} == {r.id for r in rules.ALL} | {
        NOT_EVALUATED,
        EXEMPTIONS,
    }
    by_name = {p.name: p for p in info.policies}
    for rule in rules.ALL:
        told = by_name[rule.id]
        stack = told.policy_type == pb.POLICY_TYPE_STACK
        assert stack is (rule.kind is Kind.STACK)
        assert pb.EnforcementLevel.Name(told.enforcementLevel).lower() == rule.level["production"]
        assert told.remediation_steps == rule.fix
        assert told.url == rule.url
        assert set(told.configSchema.properties) == set(rule.options)


def test_the_version_is_the_one_of_the_pack_file():
    assert yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())["version"] == VERSION


def test_every_violating_example_is_found_over_the_wire(pack):
    for rule in rules.ALL:
        found = set()
        if rule.kind is Kind.RESOURCE:
            for request in analyze_requests(rule.violates):
                found |= {d.policyName for d in pack.Analyze(request).diagnostics}
        else:
            answer = pack.AnalyzeStack(stack_request(rule.violates))
            found = {d.policyName for d in answer.diagnostics}
        assert rule.id in found


def test_many_requests_at_once_do_not_mix(pack):
    (bad,) = analyze_requests(DATABASE.violates)
    (good,) = analyze_requests(DATABASE.passes)

    def count(request):
        said = pack.Analyze(request).diagnostics
        return len([d for d in said if d.policyName == DATABASE.id])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(count, [bad, good] * 40)) == [1, 0] * 40


def test_a_misspelt_rule_is_refused_with_the_nearest_one(pack):
    request = pb.ConfigureAnalyzerRequest(policyConfig={"net-db-not-publik": pb.PolicyConfig()})

    with pytest.raises(grpc.RpcError) as refusal:
        pack.Configure(request)

    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "did you mean 'net-db-not-public'" in refusal.value.details()


def test_the_stacks_own_configuration_reaches_it():
    exemption = {
        "rule": DATABASE.id,
        "resource": f"{DATABASE.violates[0].type}::{DATABASE.violates[0].name}",
        "reason": "Migration from the old provider",
        "owner": "platform@example.org",
        "expires": "2999-12-31",
    }
    config = {"other:stage": "temporary", "guardrails:exemptions": json.dumps([exemption])}
    with running(config) as (stub, _):
        levels = {
            p.name: pb.EnforcementLevel.Name(p.enforcementLevel).lower()
            for p in stub.GetAnalyzerInfo(empty_pb2.Empty()).policies
        }
        (request,) = analyze_requests(DATABASE.violates)
        said = [d for d in stub.Analyze(request).diagnostics if d.policyName == DATABASE.id]

    assert {r.id: levels[r.id] for r in rules.ALL} == {
        r.id: r.level["temporary"] for r in rules.ALL
    }
    assert [d.enforcementLevel for d in said] == [pb.ADVISORY]
    assert "exempt until 2999-12-31" in said[0].message


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"guardrails:profile": "prod"}, "there is no profile 'prod'"),
        ({"guardrails:exemptions": "[{}]"}, "guardrails:exemptions[0]: expires is missing"),
    ],
)
def test_a_setting_that_makes_no_sense_stops_it_with_one_line(config, words):
    output, errors = start(config).communicate(timeout=SECONDS)

    assert output == ""
    assert f"guardrails: {words}" in errors
    assert "Traceback" not in errors


def test_it_tells_its_port_without_being_unbuffered_and_ends_when_told():
    with running(unbuffered=False) as (stub, process):
        assert stub.GetPluginInfo(empty_pb2.Empty()).version
        process.terminate()
        assert process.wait(SECONDS) == 0


def test_it_needs_nothing_of_the_project_around_it(tmp_path):
    alone = tmp_path / "pack"
    shutil.copytree(PACK, alone, ignore=shutil.ignore_patterns("__pycache__"))

    with running(directory=alone) as (stub, _):
        (request,) = analyze_requests(DATABASE.violates)
        assert DATABASE.id in {d.policyName for d in stub.Analyze(request).diagnostics}
