"""What a function may do, who starts it, and what happens to what it fails at; it never runs."""

import json

import pytest

from components import alarm_rules, lambda_function
from components.lambda_function import LambdaFunction

FUNCTION = "aws:lambda/function:Function"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
PERMISSION = "aws:lambda/permission:Permission"
RULE = "aws:cloudwatch/eventRule:EventRule"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
ACCOUNT = "123456789012"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:token-AbCdEf"
UPDATE = {"Sid": "Redeploy", "Effect": "Allow", "Action": "ecs:UpdateService", "Resource": "arn:s"}


def build(name="redeploy", **changes):
    return LambdaFunction(
        name,
        {
            "code": "redeploy",
            "description": "Starts new tasks",
            "account_id": ACCOUNT,
            "statements": [UPDATE],
            **changes,
        },
    )


def statements(resource, key="policy"):
    return {s["Sid"]: s for s in json.loads(resource.inputs[key])["Statement"]}


@pytest.mark.parametrize("preview", [False, True])
def test_it_runs_small_on_graviton_with_traces_and_one_at_a_time(record, preview):
    function = record(build, preview=preview).one(FUNCTION, "redeploy-function").inputs

    assert function["runtime"] == "python3.13"
    assert function["architectures"] == ["arm64"]
    assert function["handler"] == "main.handler"
    assert function["timeout"] == 60
    assert function["memorySize"] == 256
    assert function["reservedConcurrentExecutions"] == 1
    assert function["tracingConfig"] == {"mode": "Active"}
    assert "environment" not in function


def test_its_code_is_what_its_folder_holds_and_nothing_that_python_left_there(record, tmp_path):
    folder = tmp_path / "functions" / "clean"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "main.py").write_text("def handler(event, context): ...\n")
    (folder / "words").mkdir()
    (folder / "words" / "list.txt").write_text("one\n")
    (folder / "__pycache__" / "main.cpython-313.pyc").write_bytes(b"0")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lambda_function, "_ROOT", tmp_path)
        assert lambda_function.files("clean") == ["main.py", "words/list.txt"]

    code = record(build).one(FUNCTION).inputs["code"]
    assert code["assets"]["main.py"]["path"] == "./functions/redeploy/main.py"


def test_its_role_writes_one_log_and_does_what_was_asked_for(record):
    graph = record(build)

    granted = statements(graph.one(ROLE_POLICY))
    assert granted.keys() == {"WriteItsLog", "KeepWhatItFailedAt", "SendTraces", "Redeploy"}
    log = graph.one(LOGS, "redeploy-logs")
    assert granted["WriteItsLog"]["Resource"] == f"{log.outputs['arn']}:*"
    assert granted["KeepWhatItFailedAt"]["Resource"] == graph.one(QUEUE).outputs["arn"]
    assert granted["Redeploy"] == UPDATE
    trust = statements(graph.one(ROLE), "assumeRolePolicy")
    assert [s["Principal"] for s in trust.values()] == [{"Service": "lambda.amazonaws.com"}]


def test_lambda_finds_the_role_able_when_it_takes_the_function(record):
    graph = record(build)

    assert graph.one(ROLE_POLICY).urn in graph.one(FUNCTION).dependencies


def test_its_log_is_its_own_and_ends(record):
    graph = record(lambda: build(log_retention_days=30, log_kms_key_arn="arn:key"))

    log = graph.one(LOGS)
    assert log.inputs["retentionInDays"] == 30
    assert log.inputs["kmsKeyId"] == "arn:key"
    logging = graph.one(FUNCTION).inputs["loggingConfig"]
    assert logging["logGroup"] == log.outputs["name"]
    assert logging["logFormat"] == "JSON"


def test_variables_are_encrypted_with_the_key_that_is_given(record):
    function = record(
        lambda: build(environment={"CLUSTER": "main"}, kms_key_arn="arn:key")
    ).one(FUNCTION).inputs  # fmt: skip

    assert function["environment"] == {"variables": {"CLUSTER": "main"}}
    assert function["kmsKeyArn"] == "arn:key"


def test_what_it_fails_at_is_kept_for_two_weeks(record):
    graph = record(build)

    queue = graph.one(QUEUE)
    assert queue.inputs["messageRetentionSeconds"] == 14 * 24 * 3600
    assert queue.inputs["sqsManagedSseEnabled"] is True
    config = graph.one(FUNCTION).inputs["deadLetterConfig"]
    assert config == {"targetArn": queue.outputs["arn"]}
    assert statements(graph.one(QUEUE_POLICY)).keys() == {"RefusePlainHttp"}


def test_a_rule_may_call_it_and_keeps_what_it_cannot_deliver(record):
    pattern = {"source": ["aws.secretsmanager"]}
    graph = record(lambda: build(event_patterns={"rotation": pattern}, schedule="rate(1 hour)"))

    by_event, by_clock = (
        graph.one(RULE, f"redeploy-{short}") for short in ("rotation", "schedule")
    )
    assert json.loads(by_event.inputs["eventPattern"]) == pattern
    assert by_clock.inputs["scheduleExpression"] == "rate(1 hour)"
    assert "eventPattern" not in by_clock.inputs
    for short, rule in (("rotation", by_event), ("schedule", by_clock)):
        permission = graph.one(PERMISSION, f"redeploy-{short}-permission")
        assert permission.inputs["principal"] == "events.amazonaws.com"
        assert permission.inputs["sourceArn"] == rule.outputs["arn"]
        target = graph.one(TARGET, f"redeploy-{short}-target")
        assert target.inputs["deadLetterConfig"] == {"arn": graph.one(QUEUE).outputs["arn"]}
        assert permission.urn in target.dependencies
    admitted = statements(graph.one(QUEUE_POLICY))["RulesKeepWhatTheyCannotDeliver"]
    assert admitted["Principal"] == {"Service": "events.amazonaws.com"}
    assert admitted["Condition"] == {
        "ArnEquals": {"aws:SourceArn": [by_event.outputs["arn"], by_clock.outputs["arn"]]}
    }


def test_a_service_calls_it_for_one_resource_of_this_account(record):
    invoker = {"service": "secretsmanager.amazonaws.com", "source_arn": SECRET}
    permission = record(lambda: build(invokers={"secrets": invoker})).one(PERMISSION).inputs

    assert permission["principal"] == "secretsmanager.amazonaws.com"
    assert permission["sourceArn"] == SECRET
    assert permission["sourceAccount"] == ACCOUNT


def test_everything_of_it_can_be_in_another_region(record):
    graph = record(lambda: build(region="us-east-1", schedule="rate(1 hour)"))

    regional = [r for r in graph.custom if "iam" not in r.type]
    assert {r.inputs.get("region") for r in regional} == {"us-east-1"}


def test_a_function_that_fails_is_heard_of():
    rules = {rule["name"]: rule for rule in alarm_rules.function("fn", "fn-failed")}

    assert rules["errors"]["dimensions"] == {"FunctionName": "fn"}
    assert rules["errors"]["threshold"] == 3
    assert rules["failed"]["dimensions"] == {"QueueName": "fn-failed"}
    assert rules["failed"]["threshold"] == 0


def test_every_mistake_is_told_at_once(record):
    with pytest.raises(ValueError, match="LambdaFunction 'redeploy'") as refused:
        record(
            lambda: build(
                code="nowhere",
                timeout_seconds=901,
                memory_mib=64,
                reserved_concurrency=0,
                log_retention_days=0,
                schedule="at(2026-01-01T00:00:00)",
                statements=[{"Effect": "Allow"}],
                environment={"AWS_REGION": "eu-west-1"},
                event_patterns={"schedule": {}},
            )
        )

    text = str(refused.value)
    parts = (
        *("functions/nowhere/main.py", "901", "memory_mib is 64", "reserved_concurrency"),
        *("for ever", "at(2026", "no Sid", "AWS_REGION", "'schedule' is called"),
    )
    for part in parts:
        assert part in text
