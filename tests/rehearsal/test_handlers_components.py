"""Components whose whole surface no stack of ours switches on, created on the emulator."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3
import pulumi
import pulumi_aws as aws
import pytest

from components.lambda_function import LambdaFunction
from rehearsal.deploy import Deployer
from rehearsal.emulator import Emulator
from rehearsal.recording import Graph, run_program

ACCOUNT = "123456789012"
REGION = "eu-west-1"


def program() -> None:
    provider = aws.Provider("main", region=REGION, default_tags={"tags": {"Project": "app"}})
    placed = pulumi.ResourceOptions(providers=[provider])
    LambdaFunction(
        "redeploy",
        {
            "code": "redeploy",
            "description": "Starts new tasks",
            "account_id": ACCOUNT,
            "statements": [],
            "environment": {"CLUSTER": "main", "SERVICES": '["api"]'},
            "event_patterns": {"rotation": {"source": ["aws.secretsmanager"]}},
            "schedule": "rate(15 minutes)",
            "invokers": {
                "secrets": {
                    "service": "secretsmanager.amazonaws.com",
                    "source_arn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:a-AbCdEf",
                }
            },
        },
        placed,
    )


class Made(NamedTuple):
    graph: Graph
    endpoint: str

    def api(self, service: str, region: str = REGION) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def outputs(self, component: str, name: str) -> Any:
        return self.graph.one(f"babyrobots:index:{component}", name).outputs


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    with Emulator(ACCOUNT) as emulator:
        deployer = Deployer(emulator.endpoint, REGION, ACCOUNT)
        graph = run_program(program, answer=deployer.create, lookup=deployer.lookup)
        yield Made(graph, emulator.endpoint)


def test_a_function_is_there_with_what_starts_it(made: Made) -> None:
    outputs = made.outputs("LambdaFunction", "redeploy")
    functions, events = made.api("lambda"), made.api("events")
    found = functions.get_function(FunctionName=outputs["function_name"])

    config = found["Configuration"]
    assert config["Runtime"] == "python3.13"
    assert config["CodeSize"] > 1000
    assert config["Environment"]["Variables"]["CLUSTER"] == "main"
    assert found["Concurrency"]["ReservedConcurrentExecutions"] == 1
    policy = functions.get_policy(FunctionName=outputs["function_name"])["Policy"]
    assert policy.count("lambda:InvokeFunction") == 3
    rules = events.list_rule_names_by_target(TargetArn=outputs["arn"])["RuleNames"]
    assert len(rules) == 2
