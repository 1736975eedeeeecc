"""A small project for every test: nothing here depends on the repository's own program."""

import dataclasses
import textwrap
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

PROJECT = """
name: demo
description: A bucket and a topic
runtime: python
config:
  accountId: {type: string, default: "111122223333"}
  topicName: {type: string, default: orders}
"""
STACK = """
config:
  aws:region: eu-west-1
"""
PROGRAM = """
import pulumi
import pulumi_aws as aws

config = pulumi.Config()


class Inbox(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("demo:index:Inbox", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.topic = aws.sns.Topic(f"{name}-topic", name=config.require("topicName"), opts=child)
        self.queue = aws.sqs.Queue(
            f"{name}-queue",
            policy=pulumi.Output.json_dumps({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": "*",
                    "Condition": {"ArnEquals": {"aws:SourceArn": self.topic.arn}},
                }],
            }),
            opts=child,
        )
        self.register_outputs({"topic_arn": self.topic.arn})


aws_ = aws.Provider(
    "aws", region=aws.config.region or "eu-west-1", default_tags={"tags": {"Team": "demo"}}
)
inbox = Inbox("main", pulumi.ResourceOptions(providers=[aws_]))
pulumi.export("topicArn", inbox.topic.arn)
"""
PACK = """
import json
from pulumi_policy import (
    EnforcementLevel, PolicyConfigSchema, PolicyPack, ResourceValidationPolicy, Severity,
    StackValidationPolicy,
)


def named(args, report):
    if args.resource_type == "aws:sns/topic:Topic" and args.props.get("name") == "forbidden":
        report("The topic must not be called forbidden.")


def sourced(args, report):
    if args.resource_type == "aws:sqs/queue:Queue":
        condition = json.loads(args.props["policy"])["Statement"][0].get("Condition")
        if not condition or not condition["ArnEquals"]["aws:SourceArn"].startswith("arn:aws:sns:"):
            report("The queue takes messages from any topic.")


def tagged(args, report):
    if args.resource_type == "aws:sns/topic:Topic":
        want = args.get_config()["tag"]
        if want not in (args.props.get("tagsAll") or {}):
            report(f"The topic has no tag {want}.")


def has_queue(args, report):
    if not any(r.resource_type == "aws:sqs/queue:Queue" for r in args.resources):
        report("No queue takes what is published.")


PolicyPack(
    name="demo-pack",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(
            "topic-name", "Topics have proper names.", named,
            severity=Severity.HIGH, remediation_steps="Give it another name.",
        ),
        ResourceValidationPolicy("queue-source", "Queues know their topic.", sourced),
        ResourceValidationPolicy(
            "topic-tag", "Topics carry the tag.", tagged,
            enforcement_level=EnforcementLevel.ADVISORY,
            config_schema=PolicyConfigSchema({"tag": {"type": "string", "default": "Team"}}),
        ),
        StackValidationPolicy("a-queue", "There is a queue.", has_queue),
    ],
)
"""


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Writes a project: `project(program=..., stack=...)`; gives its directory."""

    def write(
        *,
        program: str = PROGRAM,
        stack: str = STACK,
        declared: str = PROJECT,
        pack: str = PACK,
        name: str = "test",
    ) -> Path:
        files = {
            "Pulumi.yaml": declared,
            f"Pulumi.{name}.yaml": stack,
            "__main__.py": program,
            "policies/PulumiPolicy.yaml": "runtime: python\nversion: 0.1.0\n",
            "policies/__main__.py": pack,
        }
        for path, text in files.items():
            target = tmp_path / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(textwrap.dedent(text))
        return tmp_path

    return write


@dataclasses.dataclass
class Done:
    """What the real deployer says of a resource it created or validated."""

    urn: str
    type: str
    name: str
    operation: str = ""
    reason: str = ""


class CreationError(Exception):
    """Named as the deployer's."""


class SmallDeployer:
    """A deployer that knows topics and queues, through boto3, and nothing else."""

    types = ("aws:sns/topic:Topic", "aws:sqs/queue:Queue")

    def __init__(self, endpoint_url, region, account_id, on_progress):
        self.account_id = account_id
        self.created: list[Done] = []
        self.validated: list[Done] = []
        self._progress = on_progress or (lambda *_: None)
        session = boto3.Session(aws_access_key_id="fake", aws_secret_access_key="fake")
        self._client = lambda service: session.client(
            service, region_name=region, endpoint_url=endpoint_url
        )

    def missing(self, graph):
        return sorted({r.type for r in graph.custom} - set(self.types))

    def create(self, registration):
        self._progress(registration, "creating")
        done = Done(registration.urn, registration.type, registration.name)
        if registration.type == "aws:sns/topic:Topic":
            if registration.inputs["name"] == "impossible":
                raise CreationError(f"{registration.name}: sns:CreateTopic: impossible")
            arn = self._client("sns").create_topic(Name=registration.inputs["name"])["TopicArn"]
            answer = arn, {"arn": arn, "name": registration.inputs["name"]}
            self.created.append(done)
        else:
            url = self._client("sqs").create_queue(
                QueueName=registration.name,
                Attributes={"Policy": registration.inputs["policy"]},
            )["QueueUrl"]
            answer = url, {"url": url}
            self.validated.append(dataclasses.replace(done, operation="sqs:Tag", reason="a gap"))
        self._progress(registration, "created")
        return answer

    def lookup(self, token, args):
        raise LookupError(f"no answer for {token}({dict(args)})")


@dataclasses.dataclass
class Check:
    name: str
    subject: str
    ok: bool
    detail: str


def small_verify(outputs, session, *, endpoint_url, timeout, on_progress):
    """Reads the topic back."""
    del timeout, on_progress
    arns = [
        topic["TopicArn"]
        for topic in session.client("sns", endpoint_url=endpoint_url).list_topics()["Topics"]
    ]
    return [Check("the topic exists", outputs["topicArn"], outputs["topicArn"] in arns, str(arns))]


@pytest.fixture
def rehearse_small(project):
    """Rehearses a project with the small deployer: `rehearse_small(**project parts, **options)`."""
    from rehearsal.rehearse import rehearse

    def run(
        *, stack_name="test", observer=None, policy_settings=None, keep=None, verify=None, **parts
    ):
        return rehearse(
            stack_name,
            project(**parts),
            observer=observer,
            policy_settings=policy_settings,
            keep=keep,
            deployer=SmallDeployer,
            verify=verify or small_verify,
        )

    return run
