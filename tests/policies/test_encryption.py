"""What the examples of the encryption rules do not show: who inherits, who is let in."""

import pytest
from guardrails import secrecy
from guardrails.examples import analyze_requests, document
from guardrails.kinds import (
    BUCKET,
    BUCKET_ENCRYPTION,
    BUCKET_LOGGING,
    CACHE_GROUP,
    DB_CLUSTER,
    DB_INSTANCE,
    EVENT_TARGET,
    KEY,
    KEY_POLICY,
    LOAD_BALANCER,
    METRIC_ALARM,
    QUEUE,
    REPOSITORY,
    SECRET,
    SSM_PARAMETER,
    TOPIC,
)
from guardrails.pack import NOT_EVALUATED
from guardrails.registry import node
from guardrails.rules import encryption

from tests.policies.harness import pack_of, through_server
from tests.policies.verdicts import violated

BOTH = pytest.mark.parametrize("known", [True, False], ids=["known", "first-preview"])


@pytest.mark.parametrize(
    ("kind", "properties", "levels"),
    [
        (DB_INSTANCE, {}, ["mandatory"]),
        (DB_INSTANCE, {"storageEncrypted": True}, ["advisory"]),
        (DB_INSTANCE, {"storageEncrypted": True, "kmsKeyId": "key"}, []),
        (DB_INSTANCE, {"snapshotIdentifier": "before"}, []),
        (DB_INSTANCE, {"replicateSourceDb": "orders"}, []),
        (
            DB_INSTANCE,
            {"storageEncrypted": True, "kmsKeyId": "key", "performanceInsightsEnabled": True},
            ["advisory"],
        ),
        (DB_CLUSTER, {"engine": "aurora-postgresql"}, ["mandatory"]),
        (DB_CLUSTER, {"engineMode": "serverless"}, []),
        (DB_CLUSTER, {"restoreToPointInTime": {"sourceClusterIdentifier": "orders"}}, []),
    ],
)
def test_storage_is_encrypted_or_inherits_it(judge, kind, properties, levels):
    said = judge(encryption.enc_rds, node("db", kind, properties))

    assert [s.level for s in said] == levels


@pytest.mark.parametrize(
    ("properties", "levels"),
    [
        ({"engine": "redis"}, ["mandatory"]),
        ({}, ["mandatory"]),
        ({"engine": "valkey"}, ["advisory"]),
        ({"engine": "valkey", "atRestEncryptionEnabled": False}, ["mandatory"]),
        ({"engine": "redis", "atRestEncryptionEnabled": True, "kmsKeyId": "key"}, []),
        ({"globalReplicationGroupId": "global"}, []),
    ],
)
def test_only_valkey_is_encrypted_by_default(judge, properties, levels):
    said = judge(encryption.enc_cache, node("cache", CACHE_GROUP, properties))

    assert [s.level for s in said] == levels


def sse(algorithm, **properties):
    default = {"sseAlgorithm": algorithm}
    if "key" in properties:
        default["kmsMasterKeyId"] = properties.pop("key")
    return {"applyServerSideEncryptionByDefault": default, **properties}


@BOTH
@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (sse("aws:kms", key="arn:key", bucketKeyEnabled=True), None),
        (sse("aws:kms:dsse", key="arn:key"), None),
        (sse("aws:kms", key="arn:key"), "bucketKeyEnabled"),
        (sse("aws:kms", bucketKeyEnabled=True), "aws/s3"),
        (sse("AES256"), "AES256"),
    ],
)
def test_a_bucket_has_a_key_of_its_own(judge, rule, problem, known):
    said = judge(
        encryption.enc_s3_kms,
        node("assets", BUCKET),
        node("sse", BUCKET_ENCRYPTION, {"bucket": "${assets.id}", "rules": [rule]}),
        known=known,
    )

    assert violated(said) == (["assets"] if problem else [])
    if problem:
        assert problem in said[0].message


def test_what_a_bucket_repeats_after_its_creation_does_not_count_beside_a_configuration(judge):
    repeated = {"serverSideEncryptionConfiguration": {"rule": sse("AES256")}}
    separate = node(
        "sse",
        BUCKET_ENCRYPTION,
        {
            "bucket": "${assets.id}",
            "rules": [sse("aws:kms", key="arn:key", bucketKeyEnabled=True)],
        },
    )

    assert judge(encryption.enc_s3_kms, node("assets", BUCKET, repeated), separate) == []
    assert judge(encryption.enc_s3_kms, node("assets", BUCKET, repeated)) != []


@BOTH
@pytest.mark.parametrize(
    "writer",
    [
        node("alb", LOAD_BALANCER, {"accessLogs": {"bucket": "${logs.id}", "enabled": True}}),
        node("alb", LOAD_BALANCER, {"connectionLogs": {"bucket": "${logs.id}", "enabled": True}}),
        node("other-logs", BUCKET_LOGGING, {"bucket": "other", "targetBucket": "${logs.id}"}),
    ],
    ids=["access", "connection", "s3"],
)
def test_who_can_only_write_to_sse_s3_gets_it(judge, writer, known):
    def bucket(rule):
        return [
            node("logs", BUCKET),
            node("sse", BUCKET_ENCRYPTION, {"bucket": "${logs.id}", "rules": [rule]}),
            writer,
        ]

    plain = judge(encryption.enc_s3_kms, *bucket(sse("AES256")), known=known)
    kms = judge(encryption.enc_s3_kms, *bucket(sse("aws:kms", key="k")), known=known)

    assert plain == []
    assert violated(kms) == ["logs"]


def test_a_network_load_balancer_writes_with_a_kms_key(judge):
    said = judge(
        encryption.enc_s3_kms,
        node("logs", BUCKET),
        node(
            "sse",
            BUCKET_ENCRYPTION,
            {
                "bucket": "${logs.id}",
                "rules": [sse("aws:kms", key="k", bucketKeyEnabled=True)],
            },
        ),
        node(
            "nlb",
            LOAD_BALANCER,
            {"loadBalancerType": "network", "accessLogs": {"bucket": "${logs.id}"}},
        ),
    )

    assert said == []


def test_awss_own_key_by_its_alias_is_no_key_of_ours(judge):
    said = judge(
        encryption.enc_secret_cmk,
        node("a", SECRET, {"kmsKeyId": "alias/aws/secretsmanager"}),
        node("b", SECRET, {"kmsKeyId": "alias/orders"}),
        node("c", SECRET, {"kmsKeyId": "${key.arn}"}),
        node("key", KEY),
        known=False,
    )

    assert violated(said) == ["a"]


ADMIN = encryption._ADMINISTRATOR


def lets_in(*services, action=("kms:Decrypt", "kms:GenerateDataKey")):
    return document(
        ADMIN,
        {
            "Effect": "Allow",
            "Principal": {"Service": list(services)},
            "Action": list(action),
            "Resource": "*",
        },
    )


ALARM = node("slow", METRIC_ALARM, {"okActions": ["${alarms.arn}"]})
EVENT = node("stopped", EVENT_TARGET, {"arn": "${alarms.arn}"})
CLOUDWATCH, EVENTS = "cloudwatch.amazonaws.com", "events.amazonaws.com"


@pytest.mark.parametrize(
    ("policy", "publisher", "problem"),
    [
        (lets_in(CLOUDWATCH), ALARM, None),
        (lets_in(CLOUDWATCH, EVENTS), EVENT, None),
        (lets_in(CLOUDWATCH, action=["kms:*"]), ALARM, None),
        (lets_in(CLOUDWATCH), EVENT, EVENTS),
        (lets_in(EVENTS), ALARM, CLOUDWATCH),
        (lets_in(CLOUDWATCH, action=["kms:Decrypt"]), ALARM, CLOUDWATCH),
        (document(ADMIN), ALARM, CLOUDWATCH),
    ],
)
def test_each_publisher_must_be_let_in_by_the_key(judge, policy, publisher, problem):
    said = judge(
        encryption.enc_sns_kms,
        node("alarms", TOPIC, {"kmsMasterKeyId": "${key.arn}"}),
        node("key", KEY, {"policy": policy}),
        publisher,
    )

    assert violated(said) == (["alarms"] if problem else [])
    if problem:
        assert problem in said[0].message


@BOTH
def test_the_key_is_found_through_an_alias_and_its_policy_in_a_resource_of_its_own(judge, known):
    def stack(policy):
        return [
            node("alarms", TOPIC, {"kmsMasterKeyId": "${alias.name}"}),
            node("alias", encryption.ALIAS, {"targetKeyId": "${key.id}"}),
            node("key", KEY),
            node("policy", KEY_POLICY, {"keyId": "${key.id}", "policy": policy}),
            ALARM,
        ]

    assert judge(encryption.enc_sns_kms, *stack(lets_in(CLOUDWATCH)), known=known) == []
    said = judge(encryption.enc_sns_kms, *stack(document(ADMIN)), known=known)
    assert violated(said) == ["alarms"]


def test_awss_own_key_is_for_topics_without_a_service_that_publishes(judge):
    topic = node("alarms", TOPIC, {"kmsMasterKeyId": "alias/aws/sns"})

    assert judge(encryption.enc_sns_kms, topic) == []
    assert CLOUDWATCH in judge(encryption.enc_sns_kms, topic, ALARM)[0].message


def test_a_key_of_elsewhere_cannot_be_judged(judge):
    topic = node("alarms", TOPIC, {"kmsMasterKeyId": "alias/central"})

    said = judge(encryption.enc_sns_kms, topic, ALARM)

    assert [s.policy for s in said] == [NOT_EVALUATED]


@pytest.mark.parametrize(
    ("properties", "changed"),
    [
        ({}, True),
        ({"enableKeyRotation": False}, True),
        ({"enableKeyRotation": True}, False),
        ({"keyUsage": "SIGN_VERIFY"}, False),
        ({"customerMasterKeySpec": "HMAC_256"}, False),
        ({"customKeyStoreId": "cks-1"}, False),
    ],
)
def test_rotation_is_switched_on_where_kms_can_rotate(properties, changed):
    runner = through_server(pack_of(encryption.enc_kms_rotation))
    request = analyze_requests([node("key", KEY, properties)])[0]

    remediations = [
        dict(r.properties)
        for r in runner.servicer.Remediate(request, None).remediations
        if r.properties.fields
    ]

    assert remediations == ([{**properties, "enableKeyRotation": True}] if changed else [])


def test_a_period_longer_than_a_year_is_a_violation(judge):
    key = node("key", KEY, {"enableKeyRotation": True, "rotationPeriodInDays": 730})

    assert "730" in judge(encryption.enc_kms_rotation, key)[0].message


@pytest.mark.parametrize(
    ("properties", "levels"),
    [
        ({"policy": document(ADMIN)}, []),
        ({"policy": document({**ADMIN, "Action": "kms:Decrypt"})}, ["mandatory"]),
        (
            {"policy": document({**ADMIN, "Principal": {"Service": "s3.amazonaws.com"}})},
            ["mandatory"],
        ),
        ({"policy": document({**ADMIN, "Effect": "Deny"})}, ["mandatory"]),
        ({"policy": document(ADMIN), "bypassPolicyLockoutSafetyCheck": True}, ["mandatory"]),
        ({"policy": document(ADMIN), "deletionWindowInDays": 7}, ["advisory"]),
        ({"policy": document(ADMIN), "deletionWindowInDays": 30}, []),
    ],
)
def test_somebody_can_change_a_keys_policy(judge, properties, levels):
    said = judge(encryption.enc_kms_key_policy, node("key", KEY, properties))

    assert [s.level for s in said] == levels


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("DB_PASSWORD", True),
        ("PASSWORD", True),
        ("dbPassword", True),
        ("/api/production/token", True),
        ("STRIPE_API_KEY", True),
        ("STRIPE_APIKEY", True),
        ("DATABASE_URL", True),
        ("SENTRY_DSN", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("JWT_SIGNING_KEY", True),
        ("CLIENT_SECRETS", True),
        ("SECRET_KEY_BASE", True),
        ("TOKEN_URL", False),
        ("TOKEN_TTL", False),
        ("PASSWORD_MIN_LENGTH", False),
        ("DATABASE_SECRET_ARN", False),
        ("SECRET_NAME", False),
        ("TOKENIZER_MODEL", False),
        ("MAX_TOKENS_COUNT", False),
        ("KEYBOARD", False),
        ("DATABASE_HOST", False),
        ("COMPASS", False),
        ("LOG_LEVEL", False),
    ],
)
def test_what_is_called_like_a_secret(name, secret):
    assert secrecy.by_name(name) is secret


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("AKIA" + "ABCDEFGHIJKLMNOP", "an AWS access key"),
        ("postgres://app:not-a-real-one@db:5432/orders", "a password within a URL"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        ("eyJhbGciOiJub25l.eyJzdWIiOiJub2JvZHki.c2lnbmF0dXJl", "a signed token (JWT)"),
        ("postgres://db.example.com:5432/orders", ""),
        ("https://example.com/path:with@sign", ""),
        ("eu-west-1", ""),
    ],
)
def test_what_looks_like_a_secret(value, kind):
    assert secrecy.by_value(value) == kind


@pytest.mark.parametrize(
    ("properties", "levels"),
    [
        ({"name": "/a/token", "type": "SecureString", "keyId": "key"}, []),
        ({"name": "/a/token", "type": "SecureString"}, ["advisory"]),
        ({"name": "/a/token", "type": "StringList", "value": "not-a-real-one"}, ["mandatory"]),
        ({"name": "/a/token", "insecureValue": "not-a-real-one"}, ["mandatory"]),
        ({"name": "/a/secret", "type": "String", "value": "arn:aws:secretsmanager:::secret:a"}, []),
        ({"name": "/a/image", "type": "String", "value": "x"}, []),
        ({"type": "String", "value": "x"}, []),
    ],
)
def test_a_parameter_called_like_a_secret_is_one(judge, properties, levels):
    said = judge(encryption.enc_ssm_parameter, node("plain", SSM_PARAMETER, properties))

    assert [s.level for s in said] == levels
    assert not any("not-a-real-one" in s.message for s in said)


def test_both_forms_of_kms_are_accepted_for_images(judge):
    def repository(kind):
        return node("api", REPOSITORY, {"encryptionConfigurations": [{"encryptionType": kind}]})

    assert judge(encryption.enc_ecr_kms, repository("KMS_DSSE")) == []
    assert judge(encryption.enc_ecr_kms, repository("AES256")) != []


@BOTH
@pytest.mark.parametrize(
    ("source", "levels"),
    [
        (None, ["advisory"]),
        (node("main", QUEUE, {"redrivePolicy": '{"deadLetterTargetArn": "${jobs.arn}"}'}), []),
        (
            node(
                "job",
                encryption.SCHEDULE,
                {"target": {"deadLetterConfig": {"arn": "${jobs.arn}"}}},
            ),
            [],
        ),
    ],
)
def test_a_queue_without_dead_letters_is_one_for_them_or_worth_a_word(judge, source, levels, known):
    nodes = [node("jobs", QUEUE, {}), *([source] if source else [])]

    said = judge(encryption.enc_sqs, *nodes, known=known)

    assert [s.level for s in said if s.name == "jobs"] == levels


def test_a_topic_named_by_its_arn_is_published_to_as_well(judge):
    arn = "arn:aws:sns:eu-west-1:123456789012:alarms"
    topic = node("alarms", TOPIC, {"kmsMasterKeyId": "alias/aws/sns"})
    budget = node("plan", "aws:budgets/budget:Budget", {"notifications": [{"threshold": 80}]})

    said = judge(
        encryption.enc_sns_kms, topic, budget, node("slow", METRIC_ALARM, {"alarmActions": [arn]})
    )

    assert violated(said) == ["alarms"]
    assert judge(encryption.enc_sns_kms, topic, budget) == []
