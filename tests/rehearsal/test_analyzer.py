"""The pack is started, configured and asked as the engine does."""

import json
import os
import time

import pulumi
import pulumi_aws as aws
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2

from rehearsal.analyzer import AnalyzerError, PolicyPack, reconcile, seconds
from rehearsal.config import load_config
from rehearsal.recording import run_program

ECHO = """
import json
import os
import pulumi
from pulumi_policy import (
    EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy,
)


def echo(args, report):
    if args.resource_type == "aws:sns/topic:Topic":
        report(json.dumps({
            "tags_all": dict(args.props["tagsAll"]),
            "props": {key: str(args.props[key]) for key in args.props.keys()},
            "protect": args.opts.protect,
            "ignore": list(args.opts.ignore_changes),
            "create": args.opts.custom_timeouts.create_seconds,
            "provider": args.provider.resource_type if args.provider else None,
            "team": json.loads(args.provider.props["defaultTags"])["tags"]["Team"],
            "stack": pulumi.get_stack(),
            "project": pulumi.get_project(),
            "organization": pulumi.get_organization(),
            "dry_run": pulumi.runtime.is_dry_run(),
            "offline": os.environ.get("GUARDRAILS_OFFLINE"),
            "config": pulumi.Config().get("topicName"),
            "cwd": os.path.basename(os.getcwd()),
            "aws": [name for name in os.environ if name.startswith("AWS_")],
        }))


def stack(args, report):
    for r in args.resources:
        if r.resource_type == "aws:sqs/queue:Queue":
            report(json.dumps({
                "parent": r.parent.name if r.parent else None,
                "policy": [d.name for d in r.property_dependencies.get("policy", [])],
                "types": sorted({other.resource_type for other in args.resources}),
                "url": str(r.props["url"]),
            }), r.urn)


PolicyPack(
    name="echo", enforcement_level=EnforcementLevel.ADVISORY,
    policies=[
        ResourceValidationPolicy("echo", "Echoes.", echo),
        StackValidationPolicy("stack", "Echoes the stack.", stack),
    ],
)
"""


def build():
    provider = aws.Provider("aws", region="eu-west-1", default_tags={"tags": {"Team": "demo"}})
    component = pulumi.ComponentResource("demo:index:Inbox", "inbox")
    topic = aws.sns.Topic(
        "topic",
        display_name=pulumi.Output.secret("hush-hush"),
        tags={"Own": "1"},
        opts=pulumi.ResourceOptions(
            parent=component,
            provider=provider,
            protect=True,
            ignore_changes=["name"],
            custom_timeouts=pulumi.CustomTimeouts(create="1m30s"),
        ),
    )
    aws.sqs.Queue(
        "queue",
        policy=topic.arn,
        opts=pulumi.ResourceOptions(parent=component, provider=provider),
    )


def answer(registration):
    return f"{registration.name}-id", {"arn": f"arn:{registration.name}", "url": "https://q"}


@pytest.fixture
def pack(project):
    packs = []

    def start(*, dry_run=False, settings=None, **parts):
        directory = project(**parts)
        config = load_config(directory, "test", {})
        packs.append(PolicyPack(directory / "policies", config, dry_run=dry_run, settings=settings))
        return packs[-1]

    yield start
    for started in packs:
        started.stop()


def said(pack, graph):
    return {finding.rule: json.loads(finding.reason) for finding in pack.analyze(graph)}


def test_a_rule_sees_what_the_engine_would_show_it(pack, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "fake-but-mine")
    graph = run_program(build, answer=answer, project="demo")
    echo = said(pack(pack=ECHO), graph)["echo"]

    assert echo["props"]["displayName"] == "hush-hush"
    assert echo["tags_all"] == {"Team": "demo", "Own": "1"}
    assert echo["protect"] is True
    assert echo["ignore"] == ["name"]
    assert echo["create"] == 90
    assert echo["provider"] == "pulumi:providers:aws"
    assert echo["team"] == "demo"
    assert (echo["project"], echo["stack"], echo["organization"]) == (
        "demo",
        "test",
        "organization",
    )
    assert echo["dry_run"] is False
    assert echo["offline"] == "1", "with every value known, not being able to tell is a finding"
    assert echo["config"] == "orders"
    assert echo["cwd"] == "policies"
    assert echo["aws"] == []


def test_a_stack_rule_sees_parents_dependencies_outputs_and_the_stack_itself(pack):
    graph = run_program(build, answer=answer, project="demo")
    stack = said(pack(pack=ECHO), graph)["stack"]

    assert stack["parent"] == "inbox"
    assert stack["policy"] == ["topic"]
    assert stack["url"] == "https://q"
    assert stack["types"] == [
        "aws:sns/topic:Topic",
        "aws:sqs/queue:Queue",
        "demo:index:Inbox",
        "pulumi:providers:aws",
        "pulumi:pulumi:Stack",
    ]


def test_in_a_preview_computed_outputs_are_unknown_and_that_is_no_finding(pack):
    graph = run_program(build, preview=True, project="demo")
    running = pack(pack=ECHO, dry_run=True)

    assert "stack" not in said(running, graph)
    echo = said(running, graph)["echo"]
    assert echo["dry_run"] is True
    assert echo["offline"] is None, "on a preview, what is unknown may be"


def test_a_finding_says_resource_rule_level_reason_and_remedy(pack):
    def topic():
        aws.sns.Topic("t", name="forbidden")
        aws.sqs.Queue("q", policy=json.dumps({"Statement": [{}]}))

    findings = pack().analyze(run_program(topic, answer=answer, project="demo"))

    assert [(f.rule, f.resource, f.level, f.severity, f.graph) for f in findings] == [
        ("queue-source", "q", "mandatory", "", "resolved"),
        ("topic-name", "t", "mandatory", "high", "resolved"),
        ("topic-tag", "t", "advisory", "", "resolved"),
    ]
    assert findings[1].remedy == "Give it another name."
    assert findings[1].type == "aws:sns/topic:Topic"
    assert [finding.blocks for finding in findings] == [True, True, False]


def test_a_stack_violation_without_resource_belongs_to_the_stack(pack):
    findings = pack().analyze(run_program(lambda: None, project="demo"))

    assert [(f.rule, f.resource, f.blocks) for f in findings] == [("a-queue", "test", True)]


def test_schema_defaults_reach_the_rules_and_settings_override_them(pack):
    def topic():
        provider = aws.Provider("aws", region="r", default_tags={"tags": {"Team": "demo"}})
        opts = pulumi.ResourceOptions(provider=provider)
        aws.sns.Topic("t", opts=opts)
        aws.sqs.Queue("q", policy="{}", opts=opts)

    graph = run_program(topic, answer=answer, project="demo")
    off = {"queue-source": "disabled"}
    assert pack(settings=off).analyze(graph) == []

    stricter = {"topic-tag": {"enforcementLevel": "mandatory", "tag": "Owner"}, **off}
    (finding,) = pack(settings=stricter).analyze(graph)
    assert (finding.level, finding.reason) == ("mandatory", "The topic has no tag Owner.")


def info(**initial):
    properties = struct_pb2.Struct()
    properties.update({"days": {"type": "integer", "default": 30}, "none": {"type": "string"}})
    return analyzer_pb2.AnalyzerInfo(
        policies=[
            analyzer_pb2.PolicyInfo(
                name="keep",
                enforcementLevel=analyzer_pb2.MANDATORY,
                configSchema=analyzer_pb2.PolicyConfigSchema(properties=properties),
            ),
            analyzer_pb2.PolicyInfo(name="other", enforcementLevel=analyzer_pb2.ADVISORY),
        ],
        initialConfig=initial,
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"keep": (1, {"days": 30}), "other": (0, {})}),
        ({"all": "disabled"}, {"keep": (2, {"days": 30}), "other": (2, {})}),
        ({"all": "disabled", "other": "mandatory"}, {"keep": (2, {"days": 30}), "other": (1, {})}),
        ({"keep": {"days": 7}}, {"keep": (1, {"days": 7}), "other": (0, {})}),
        (
            {"keep": {"enforcementLevel": "advisory", "extra": True}},
            {"keep": (0, {"days": 30, "extra": True}), "other": (0, {})},
        ),
    ],
)
def test_levels_and_defaults_are_reconciled_as_by_the_engine(settings, expected):
    assert reconcile(info(), settings) == expected


def test_the_packs_own_settings_come_between_defaults_and_the_users():
    own = analyzer_pb2.PolicyConfig(enforcementLevel=analyzer_pb2.DISABLED)
    assert reconcile(info(keep=own), {})["keep"] == (2, {"days": 30})
    assert reconcile(info(keep=own), {"keep": "mandatory"})["keep"] == (1, {"days": 30})


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"kep": "disabled"}, "kep"), ({"keep": "off"}, "'off' is not one of")],
)
def test_a_typing_error_in_settings_is_refused(settings, words):
    with pytest.raises(AnalyzerError, match=words):
        reconcile(info(), settings)


def test_a_pack_that_does_not_start_says_why_and_leaves_nothing(pack):
    with pytest.raises(AnalyzerError, match="ModuleNotFoundError: No module named 'nowhere'"):
        pack(pack="import nowhere\n")


def test_a_pack_without_manifest_is_refused(tmp_path, project):
    config = load_config(project(), "test", {})
    with pytest.raises(AnalyzerError, match=r"No PulumiPolicy\.yaml"):
        PolicyPack(tmp_path / "nowhere", config, dry_run=True)


def test_a_hanging_rule_ends_in_an_error(pack, monkeypatch):
    monkeypatch.setattr("rehearsal.analyzer.CALL_SECONDS", 0.5)
    hanging = ECHO.replace(
        "def echo(args, report):\n", "def echo(args, report):\n    __import__('time').sleep(60)\n"
    )
    running = pack(pack=hanging)
    started = time.monotonic()
    with pytest.raises(AnalyzerError, match=r"Analyze on .* did not answer within 0\.5 s"):
        running.analyze(run_program(build, answer=answer, project="demo"))
    assert time.monotonic() - started < 10


def test_a_stopped_pack_is_gone(pack):
    running = pack()
    os.kill(running.pid, 0)
    running.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)


@pytest.mark.parametrize(
    ("text", "expected"), [("30m", 1800), ("1h30m", 5400), ("45s", 45), ("1.5h", 5400), ("", 0)]
)
def test_durations_are_read_as_go_writes_them(text, expected):
    assert seconds(text) == expected
