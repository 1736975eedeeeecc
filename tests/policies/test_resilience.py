"""What the examples of the resilience rules do not show: who need not survive, who does not."""

import pytest
from guardrails import subnets
from guardrails.kinds import (
    BACKUP_PLAN,
    BACKUP_SELECTION,
    BACKUP_VAULT,
    BUCKET,
    BUCKET_LIFECYCLE,
    BUCKET_VERSIONING,
    CACHE_GROUP,
    DB_CLUSTER,
    DB_CLUSTER_INSTANCE,
    DB_INSTANCE,
    DYNAMODB_TABLE,
    ECS_SERVICE,
    KEY,
    LOAD_BALANCER,
    SUBNET,
    TARGET_GROUP,
    TOPIC,
)
from guardrails.registry import node
from guardrails.rules import resilience

from tests.policies.verdicts import violated

BOTH = pytest.mark.parametrize("known", [True, False], ids=["known", "first-preview"])


@BOTH
@pytest.mark.parametrize(
    ("cluster", "instances", "broken"),
    [
        ({"engine": "aurora-postgresql"}, 2, False),
        ({"engine": "aurora-postgresql"}, 1, True),
        ({"engine": "aurora-postgresql"}, 0, True),
        ({"engine": "postgres", "dbClusterInstanceClass": "db.m6gd.large"}, 0, False),
        ({"engine": "aurora-mysql", "replicationSourceIdentifier": "arn"}, 0, False),
    ],
)
def test_a_cluster_survives_by_its_instances(judge, cluster, instances, broken, known):
    members = [
        node(f"i{index}", DB_CLUSTER_INSTANCE, {"clusterIdentifier": "${db.id}"})
        for index in range(instances)
    ]

    said = judge(resilience.rds_multi_az, node("db", DB_CLUSTER, cluster), *members, known=known)

    assert violated(said) == (["db"] if broken else [])


@pytest.mark.parametrize(
    ("kind", "days", "profile", "broken"),
    [
        (DB_INSTANCE, None, "temporary", True),
        (DB_CLUSTER, None, "temporary", False),
        (DB_INSTANCE, 1, "staging", False),
        (DB_INSTANCE, 13, "production", True),
        (DB_INSTANCE, 14, "production", False),
        (DB_CLUSTER, None, "production", True),
    ],
)
def test_how_far_back_a_database_can_go(judge, kind, days, profile, broken):
    properties = {"copyTagsToSnapshot": True}
    if days is not None:
        properties["backupRetentionPeriod"] = days

    said = judge(resilience.rds_backup, node("db", kind, properties), profile=profile)

    assert bool(said) is broken


HA = {"automaticFailoverEnabled": True, "multiAzEnabled": True, "snapshotRetentionLimit": 7}


@pytest.mark.parametrize(
    ("properties", "levels"),
    [
        ({**HA, "numCacheClusters": 2}, []),
        ({**HA, "numNodeGroups": 2, "replicasPerNodeGroup": 1}, []),
        ({**HA, "numNodeGroups": 2}, ["mandatory"]),
        ({**HA}, ["mandatory"]),
        ({**HA, "numCacheClusters": 2, "snapshotRetentionLimit": 0}, ["advisory"]),
        ({"snapshotRetentionLimit": 7}, ["mandatory"] * 3),
    ],
)
def test_a_cache_survives_by_its_replicas(judge, properties, levels):
    said = judge(resilience.cache_ha, node("cache", CACHE_GROUP, properties))

    assert [s.level for s in said] == levels


PLAN = node("plan", BACKUP_PLAN, {"rules": [{"lifecycle": {"deleteAfter": 35}}]})


def selection(**properties):
    return node("selection", BACKUP_SELECTION, {"planId": "${plan.id}", **properties})


def by_tag(value):
    return {"selectionTags": [{"type": "STRINGEQUALS", "key": "Backup", "value": value}]}


DAILY = {"tags": {"Backup": "daily"}}
FROM_PROVIDER = {"provider": {"defaultTags": '{"tags": {"Backup": "daily"}}'}}


@BOTH
@pytest.mark.parametrize(
    ("properties", "options", "chosen_by", "covered"),
    [
        (DAILY, {}, by_tag("daily"), True),
        (DAILY, {}, by_tag("weekly"), False),
        ({}, {}, by_tag("daily"), False),
        ({}, FROM_PROVIDER, by_tag("daily"), True),
        ({"tagsAll": {"Backup": "daily"}}, {}, by_tag("daily"), True),
        ({}, {}, {"resources": ["${orders.arn}"]}, True),
        ({}, {}, {"resources": ["*"]}, True),
        ({}, {}, {"resources": ["arn:aws:dynamodb:*:*:table/*"]}, True),
        ({}, {}, {"resources": ["arn:aws:rds:*:*:db:*"]}, False),
        ({}, {}, {"resources": ["*"], "notResources": ["${orders.arn}"]}, False),
        (
            DAILY,
            {},
            {
                "resources": ["*"],
                "conditions": [
                    {"stringEquals": [{"key": "aws:ResourceTag/Backup", "value": "daily"}]}
                ],
            },
            True,
        ),
        (
            DAILY,
            {},
            {
                "resources": ["*"],
                "conditions": [
                    {"stringNotLikes": [{"key": "aws:ResourceTag/Backup", "value": "d*"}]}
                ],
            },
            False,
        ),
        ({"tags": {"Backup": "none"}}, {}, by_tag("daily"), True),
    ],
)
def test_who_is_chosen_for_a_backup(judge, properties, options, chosen_by, covered, known):
    said = judge(
        resilience.backup_coverage,
        node("orders", DYNAMODB_TABLE, properties, **options),
        PLAN,
        selection(**chosen_by),
        known=known,
    )

    assert violated(said) == ([] if covered else ["orders"])


@BOTH
def test_logs_and_replicas_need_no_backup(judge, known):
    said = judge(
        resilience.backup_coverage,
        node("logs", BUCKET),
        node("alb", LOAD_BALANCER, {"accessLogs": {"bucket": "${logs.id}", "enabled": True}}),
        node("replica", DB_INSTANCE, {"replicateSourceDb": "orders"}),
        node("assets", BUCKET),
        known=known,
    )

    assert violated(said) == ["assets"]


@pytest.mark.parametrize(
    ("rules", "broken"),
    [
        ([{"lifecycle": {"deleteAfter": 35}}], False),
        ([{"lifecycle": {"deleteAfter": 7}}, {"lifecycle": {"deleteAfter": 365}}], False),
        ([{"ruleName": "kept for ever"}], False),
        ([{"lifecycle": {"deleteAfter": 34}}], True),
        ([], True),
    ],
)
def test_a_plan_lasts(judge, rules, broken):
    said = judge(resilience.backup_coverage, node("plan", BACKUP_PLAN, {"rules": rules}))

    assert bool(said) is broken


TWO = {"networkConfiguration": {"subnets": ["${a.id}", "${b.id}"]}}
ONE = {"networkConfiguration": {"subnets": ["${a.id}"]}}
SUBNETS = [node("a", SUBNET, {}), node("b", SUBNET, {})]
BEHIND_ALB = {"loadBalancers": [{"containerPort": 8080}]}
BY_NAME = {"serviceConnectConfiguration": {"enabled": True, "services": [{"portName": "http"}]}}


def scaling(least, name="${api.name}"):
    return node(
        "scaling",
        resilience.SCALING_TARGET,
        {"resourceId": f"service/main/{name}", "minCapacity": least, "maxCapacity": 9},
    )


@BOTH
@pytest.mark.parametrize(
    ("properties", "target", "broken"),
    [
        ({**TWO, **BEHIND_ALB, "desiredCount": 2}, None, False),
        ({**TWO, **BEHIND_ALB, "desiredCount": 1}, None, True),
        ({**TWO, **BEHIND_ALB}, None, True),
        ({**TWO, **BEHIND_ALB, "desiredCount": 1}, scaling(2), False),
        ({**TWO, **BEHIND_ALB, "desiredCount": 5}, scaling(1), True),
        ({**TWO, **BY_NAME, "desiredCount": 5}, scaling(1), True),
        ({**TWO, "desiredCount": 1}, scaling(0), False),  # a worker
        ({**TWO, **BEHIND_ALB, "desiredCount": 1, "name": "web"}, scaling(2, "web"), False),
        ({**TWO, **BEHIND_ALB, "desiredCount": 1, "name": "web"}, scaling(2, "other"), True),
        ({**ONE, "desiredCount": 1}, None, True),
        ({**ONE, **BEHIND_ALB, "desiredCount": 2}, None, True),
        ({**TWO, **BEHIND_ALB, "schedulingStrategy": "DAEMON"}, None, False),
    ],
)
def test_who_must_run_twice(judge, properties, target, broken, known):
    said = judge(
        resilience.ecs_ha,
        node("api", ECS_SERVICE, properties),
        *SUBNETS,
        *([target] if target else []),
        known=known,
    )

    assert violated(said) == (["api"] if broken else [])


def test_subnets_that_are_unknown_as_a_list_are_counted_by_where_they_come_from(judge):
    via = [
        node(f"{name}-table", subnets.ASSOCIATION, {"subnetId": f"${{{name}.id}}"})
        for name in ("a", "b")
    ]
    both = {"networkConfiguration": {"subnets": "${a-table.subnetId} ${b-table.subnetId}"}}
    one = {"networkConfiguration": {"subnets": "${a-table.subnetId}"}}

    def run(config):
        return judge(
            resilience.ecs_ha, node("api", ECS_SERVICE, config), *SUBNETS, *via, known=False
        )

    assert run(both) == []
    assert [s.name for s in run(one)] == ["api"]


def test_one_task_is_enough_outside_production(judge):
    service = node("api", ECS_SERVICE, {**ONE, **BEHIND_ALB, "desiredCount": 1})

    assert judge(resilience.ecs_ha, service, *SUBNETS, profile="staging") == []


ROLLS_BACK = {"enable": True, "rollback": True}


@pytest.mark.parametrize(
    ("properties", "broken"),
    [
        ({"deploymentCircuitBreaker": ROLLS_BACK}, False),
        ({"alarms": {**ROLLS_BACK, "alarmNames": ["slow"]}}, False),
        ({"deploymentController": {"type": "CODE_DEPLOY"}}, False),
        ({"deploymentCircuitBreaker": ROLLS_BACK, "deploymentMinimumHealthyPercent": 0}, False),
        (
            {
                **BEHIND_ALB,
                "deploymentCircuitBreaker": ROLLS_BACK,
                "deploymentMinimumHealthyPercent": 50,
            },
            True,
        ),
        (
            {
                **BEHIND_ALB,
                "alarms": ROLLS_BACK,
                "deploymentMinimumHealthyPercent": 50,
                "deploymentConfiguration": {"strategy": "BLUE_GREEN"},
            },
            False,
        ),
        ({}, True),
        ({"deploymentCircuitBreaker": {"enable": True}}, True),
        ({"deploymentCircuitBreaker": {"enable": True}, "alarms": {"rollback": True}}, True),
    ],
)
def test_what_takes_a_bad_release_back(judge, properties, broken):
    assert bool(judge(resilience.ecs_rollback, node("api", ECS_SERVICE, properties))) is broken


OLD = {"noncurrentVersionExpiration": {"noncurrentDays": 30}}
UNFINISHED = {"abortIncompleteMultipartUpload": {"daysAfterInitiation": 7}}


@BOTH
@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ([{"status": "Enabled", **OLD, **UNFINISHED}], None),
        ([{"status": "Enabled", **OLD}, {"status": "Enabled", **UNFINISHED}], None),
        ([{"status": "Disabled", **OLD, **UNFINISHED}], "no lifecycle"),
        ([{"status": "Enabled", **OLD}], "unfinished uploads"),
        ([{"status": "Enabled", **UNFINISHED}], "old versions"),
    ],
)
def test_what_a_lifecycle_must_do(judge, rules, problem, known):
    said = judge(
        resilience.s3_versioned,
        node("assets", BUCKET),
        node(
            "versions",
            BUCKET_VERSIONING,
            {"bucket": "${assets.id}", "versioningConfiguration": {"status": "Enabled"}},
        ),
        node("lifecycle", BUCKET_LIFECYCLE, {"bucket": "${assets.id}", "rules": rules}),
        known=known,
    )

    assert violated(said) == (["assets"] if problem else [])
    if problem:
        assert problem in said[0].message


@BOTH
@pytest.mark.parametrize(("rule", "broken"), [({"expiration": {"days": 90}}, False), (OLD, True)])
def test_a_log_bucket_needs_an_end_and_no_versions(judge, rule, broken, known):
    said = judge(
        resilience.s3_versioned,
        node("logs", BUCKET),
        node(
            "lifecycle",
            BUCKET_LIFECYCLE,
            {"bucket": "${logs.id}", "rules": [{"status": "Enabled", **rule}]},
        ),
        node("alb", LOAD_BALANCER, {"accessLogs": {"bucket": "${logs.id}", "enabled": True}}),
        known=known,
    )

    assert violated(said) == (["logs"] if broken else [])


def test_what_a_bucket_says_itself_counts_where_nothing_else_does(judge):
    bucket = node(
        "assets",
        BUCKET,
        {
            "versioning": {"enabled": True},
            "lifecycleRules": [
                {
                    "enabled": True,
                    "abortIncompleteMultipartUploadDays": 7,
                    "noncurrentVersionExpiration": {"days": 30},
                }
            ],
        },
    )

    assert judge(resilience.s3_versioned, bucket) == []


@BOTH
def test_what_holds_data_is_protected(judge, known):
    said = judge(
        resilience.protect_stateful,
        node("bare", BUCKET),
        node("kept", BUCKET, protect=True),
        node("emptied", BACKUP_VAULT, {"forceDestroy": True}, protect=True),
        node("replica", DB_INSTANCE, {"replicateSourceDb": "orders"}),
        node("data-key", KEY),
        node("orders", DB_INSTANCE, {"kmsKeyId": "${data-key.arn}"}, protect=True),
        node("unused-key", KEY),
        node("messages-key", KEY),
        node("alarms", TOPIC, {"kmsMasterKeyId": "${messages-key.arn}"}),
        known=known,
    )

    assert sorted(violated(said)) == ["bare", "data-key", "emptied", "unused-key"]


@pytest.mark.parametrize(
    ("properties", "broken"),
    [
        ({"protocol": "HTTP", "healthCheck": {"path": "/health"}}, False),
        ({"protocol": "HTTP", "healthCheck": {"path": "/health", "enabled": False}}, True),
        ({"protocol": "HTTPS"}, True),
        ({"protocol": "TCP"}, False),
        ({"targetType": "lambda"}, False),
    ],
)
def test_which_targets_are_probed(judge, properties, broken):
    said = judge(resilience.target_health_check, node("group", TARGET_GROUP, properties))

    assert bool(said) is broken


def test_a_load_balancer_in_one_subnet_does_not_survive(judge):
    balancer = {"enableDeletionProtection": True, "subnetMappings": [{"subnetId": "subnet-1"}]}

    assert "1 subnet" in judge(resilience.alb, node("alb", LOAD_BALANCER, balancer))[0].message


@pytest.mark.parametrize("shards", [{"numNodeGroups": 2}, {"replicasPerNodeGroup": 0}])
def test_a_cache_in_shards_is_told_about_its_replicas(judge, shards):
    said = judge(resilience.cache_ha, node("cache", CACHE_GROUP, {**HA, **shards}))

    assert "replicasPerNodeGroup" in said[0].message


def test_a_key_of_a_topic_that_also_guards_data_is_protected(judge):
    said = judge(
        resilience.protect_stateful,
        node("key", KEY),
        node("alarms", TOPIC, {"kmsMasterKeyId": "${key.arn}"}),
        node("orders", DB_INSTANCE, {"kmsKeyId": "${key.arn}"}, protect=True),
    )

    assert violated(said) == ["key"]
