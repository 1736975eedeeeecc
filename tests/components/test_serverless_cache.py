"""What a ServerlessCache registers; not that Valkey then behaves."""

import json

import pytest

from components.serverless_cache import ServerlessCache
from tests.conftest import fake_answer

CACHE = "aws:elasticache/serverlessCache:ServerlessCache"
USERS = "aws:elasticache/userGroup:UserGroup"


def build(name="cache", **changes):
    return ServerlessCache(
        name,
        {
            "vpc_id": "vpc-1",
            "subnet_ids": ["subnet-a", "subnet-b"],
            "account_id": "123456789012",
            "region": "eu-west-1",
            **changes,
        },
    )


def answer(registration):
    id_, outputs = fake_answer(registration)
    return id_, {**outputs, "endpoints": [{"address": "cache.example", "port": 6379}]}


def test_it_is_encrypted_with_its_own_key(record):
    graph = record(build, answer=answer)

    key = graph.one("aws:kms/key:Key")
    assert graph.one(CACHE).property_dependencies["kmsKeyId"] == (key.urn,)


def test_it_admits_its_one_user_and_nobody_without_iam(record):
    graph = record(build, answer=answer)

    users = graph.one(USERS)
    assert graph.one(CACHE).property_dependencies["userGroupId"] == (users.urn,)
    assert len(users.inputs["userIds"]) == 1
    assert graph.one("aws:elasticache/user:User").inputs["authenticationMode"] == {"type": "iam"}


def test_a_client_may_connect_and_nothing_else(record):
    outputs = record(build, answer=answer).one("babyrobots:index:ServerlessCache").outputs
    (statement,) = json.loads(outputs["connect_policy"])["Statement"]

    assert statement["Action"] == "elasticache:Connect"
    assert [arn.rsplit(":", 1)[1] for arn in statement["Resource"]] == ["cache-cache", "cache-user"]


def test_it_can_be_spent_no_more_on_it_than_was_said(record):
    graph = record(lambda: build(max_storage_gib=3, max_ecpu_per_second=2000), answer=answer)

    assert graph.one(CACHE).inputs["cacheUsageLimits"] == {
        "dataStorage": {"maximum": 3, "unit": "GB"},
        "ecpuPerSeconds": [{"maximum": 2000}],
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_storage_gib": 0}, "max_storage_gib is 0; ElastiCache allows 1 to 5000"),
        ({"max_ecpu_per_second": 999}, "max_ecpu_per_second is 999; ElastiCache allows 1000"),
        ({"snapshot_retention_days": 36}, "allows 0 to 35"),
    ],
)
def test_what_elasticache_refuses_is_refused_first(record, wrong, message):
    with pytest.raises(ValueError, match=message):
        record(lambda: build(**wrong), answer=answer)


@pytest.mark.parametrize("protect", [True, False])
def test_it_is_protected_unless_told_otherwise(record, protect):
    graph = record(lambda: build(protect=protect), answer=answer)

    assert graph.one(CACHE).protect is protect
    assert graph.one("aws:kms/key:Key").protect is protect


def test_where_it_answers_is_unknown_until_it_exists(record):
    known = record(build, answer=answer).one("babyrobots:index:ServerlessCache").outputs

    assert (known["endpoint"], known["port"]) == ("cache.example", 6379)
    record(build, preview=True)
