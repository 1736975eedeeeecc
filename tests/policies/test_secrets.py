"""What the examples of the secrets rules do not show; above all, that no message holds a secret."""

import json

import pytest
from guardrails.kinds import (
    CACHE_GROUP,
    CACHE_SERVERLESS,
    DB_CLUSTER,
    DB_INSTANCE,
    FUNCTION,
    SECRET,
    SSM_PARAMETER,
    TASK_DEFINITION,
)
from guardrails.pack import NOT_EVALUATED
from guardrails.registry import node
from guardrails.rules import secrets

from tests.policies.harness import pack_of, through_server
from tests.policies.verdicts import violated

FAKE = "not-a-real-one"
FAKE_KEY = "AKIA" + "ABCDEFGHIJKLMNOP"


def task(**container):
    definition = {"name": "app", "image": "app", **container}
    return node("api", TASK_DEFINITION, {"containerDefinitions": json.dumps([definition])})


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("DB_PASSWORD", FAKE, True),
        ("DB_PASSWORD", "", False),
        ("STRIPE_API_KEY", FAKE, True),
        ("SESSION_SECRET", "arn:aws:secretsmanager:eu-west-1:1:secret:a", False),
        ("SESSION_SECRET_ARN", FAKE, False),
        ("TOKEN_URL", "https://login.example.com/token", False),
        ("TOKEN_URL", f"https://app:{FAKE}@login.example.com/token", True),
        ("DATABASE_URL", "postgres://db.example.com/orders", False),
        ("DATABASE_URL", f"postgres://app:{FAKE}@db.example.com/orders", True),
        ("REQUIRE_TOKEN", "true", False),
        ("MAX_TOKENS", "4096", False),
        ("GREETING", FAKE_KEY, True),
        ("GREETING", "hello", False),
    ],
)
def test_a_variable_is_judged_by_name_and_value_and_never_shown(judge, name, value, found):
    in_task = judge(secrets.no_plaintext_env, task(environment=[{"name": name, "value": value}]))
    in_function = judge(
        secrets.no_plaintext_env,
        node("fn", FUNCTION, {"environment": {"variables": {name: value}}}),
    )

    for said in (in_task, in_function):
        assert bool(said) is found
        assert all(name in s.message for s in said)
        assert not any(secret in s.message for s in said for secret in (FAKE, FAKE_KEY))


@pytest.mark.parametrize(
    "container",
    [
        {"command": ["serve", f"--key={FAKE_KEY}"]},
        {"entryPoint": ["sh", "-c", f"curl https://me:{FAKE}@example.com"]},
        {"logConfiguration": {"options": {"token": "xoxb-" + "1234567890-abcdef"}}},
        {"Environment": [{"name": "DB_PASSWORD", "value": FAKE}]},  # as ECS reads it, too
    ],
)
def test_arguments_and_options_are_no_hiding_place(judge, container):
    said = judge(secrets.no_plaintext_env, task(**container))

    assert len(said) == 1
    assert FAKE not in said[0].message


def test_every_container_is_looked_at_and_names_may_be_allowed():
    definitions = [
        {"name": "app", "environment": [{"name": "CSRF_TOKEN", "value": FAKE}]},
        {"name": "sidecar", "environment": [{"name": "API_KEY", "value": FAKE}]},
    ]
    api = node("api", TASK_DEFINITION, {"containerDefinitions": json.dumps(definitions)})
    runner = through_server(pack_of(secrets.no_plaintext_env))

    assert len(runner.run([api])) == 2
    runner.configure({"sec-no-plaintext-env": {"allowNames": ["CSRF_TOKEN"]}})
    assert ["sidecar" in s.message for s in runner.run([api])] == [True]


def test_an_unknown_variable_hides_no_other(judge):
    fn = node(
        "fn",
        FUNCTION,
        {"environment": {"variables": {"TABLE": "${table.name}", "API_KEY": FAKE}}},
    )
    table = node("table", "aws:dynamodb/table:Table", {})

    said = judge(secrets.no_plaintext_env, fn, table, known=False)

    assert {s.policy for s in said} == {NOT_EVALUATED, "sec-no-plaintext-env"}


@pytest.mark.parametrize(
    ("kind", "properties", "broken"),
    [
        (DB_INSTANCE, {"password": FAKE}, True),
        (DB_INSTANCE, {"passwordWo": FAKE}, False),
        (DB_INSTANCE, {"manageMasterUserPassword": True}, False),
        (DB_INSTANCE, {"replicateSourceDb": "orders"}, False),
        (DB_CLUSTER, {"masterPassword": FAKE}, True),
        (DB_CLUSTER, {"masterPasswordWo": FAKE}, False),
        (CACHE_GROUP, {"authToken": FAKE}, True),
        (CACHE_GROUP, {"authTokenWo": FAKE}, False),
    ],
)
def test_a_password_in_the_state_is_found_and_not_shown(judge, kind, properties, broken):
    said = judge(secrets.db_password_managed, node("store", kind, properties))

    assert bool(said) is broken
    assert not any(FAKE in s.message for s in said)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("rules", "broken"),
    [
        ({"automaticallyAfterDays": 90}, False),
        ({"automaticallyAfterDays": 91}, True),
        ({"scheduleExpression": "rate(30 days)"}, False),
        ({"scheduleExpression": "rate(100 days)"}, True),
        ({"scheduleExpression": "rate(4 hours)"}, False),
        ({"scheduleExpression": "cron(0 8 1 * ? *)"}, False),
    ],
)
def test_how_often_a_secret_rotates(judge, rules, broken, known):
    said = judge(
        secrets.rotation,
        node("orders", SECRET),
        node("r", secrets.ROTATION, {"secretId": "${orders.id}", "rotationRules": rules}),
        known=known,
    )

    assert violated(said) == (["orders"] if broken else [])


@pytest.mark.parametrize(
    ("tags", "provider", "problem"),
    [
        ({}, None, "no SecretRotation"),
        ({"rotation": "manual"}, None, "no tag owner"),
        ({"rotation": "manual", "owner": "payments"}, None, None),
        ({"rotation": "manual"}, {"defaultTags": '{"tags": {"Owner": "payments"}}'}, None),
    ],
)
def test_a_secret_that_people_rotate_says_who(judge, tags, provider, problem):
    said = judge(secrets.rotation, node("key", SECRET, {"tags": tags}, provider=provider))

    assert bool(said) is bool(problem)
    if problem:
        assert problem in said[0].message


def test_a_serverless_cache_has_a_user_group_of_its_own_name(judge):
    said = judge(
        secrets.cache_auth,
        node("open", CACHE_SERVERLESS, {"engine": "valkey"}),
        node("empty", CACHE_GROUP, {"userGroupIds": []}),
        node("closed", CACHE_SERVERLESS, {"userGroupId": "users"}),
    )

    assert violated(said) == ["open", "empty"]


@pytest.mark.parametrize(
    ("kind", "properties", "ignored", "broken"),
    [
        (secrets.SECRET_VERSION, {"secretString": FAKE}, (), True),
        (secrets.SECRET_VERSION, {"secretString": FAKE}, ("secretString",), False),
        (secrets.SECRET_VERSION, {"secretBinary": FAKE}, (), True),
        (SSM_PARAMETER, {"type": "SecureString", "value": FAKE}, (), True),
        (SSM_PARAMETER, {"type": "SecureString", "valueWo": FAKE}, (), False),
        (SSM_PARAMETER, {"type": "String", "value": "plain"}, (), False),
    ],
)
def test_a_value_in_the_state_is_found_and_not_shown(judge, kind, properties, ignored, broken):
    said = judge(
        secrets.secret_version_not_in_state,
        node("value", kind, properties, ignore_changes=ignored),
    )

    assert bool(said) is broken
    assert not any(FAKE in s.message for s in said)
