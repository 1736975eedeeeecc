"""What `ops verify` concludes from what AWS says of a cache, one fault at a time."""

import pytest

from ops.verify.stores import cache_nodes, serverless_cache

GROUP = {
    "Status": "available",
    "AtRestEncryptionEnabled": True,
    "KmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/1",
    "TransitEncryptionEnabled": True,
    "TransitEncryptionMode": "required",
    "UserGroupIds": ["robots"],
    "AutomaticFailover": "enabled",
    "MultiAZ": "enabled",
}
SERVERLESS = {
    "Status": "available",
    "KmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/1",
    "UserGroupId": "robots",
    "CacheUsageLimits": {"DataStorage": {"Maximum": 1, "Unit": "GB"}},
}


def broken(findings):
    return [subject for subject, holds, _ in findings if not holds]


def test_a_cache_as_the_program_makes_it_holds():
    assert broken(cache_nodes(GROUP, critical=True)) == []
    assert broken(serverless_cache(SERVERLESS)) == []


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"Status": "creating"}, "available"),
        ({"AtRestEncryptionEnabled": False}, "encrypted"),
        ({"KmsKeyId": ""}, "encrypted"),
        ({"TransitEncryptionEnabled": False}, "TLS"),
        ({"TransitEncryptionMode": "preferred"}, "TLS"),
        ({"UserGroupIds": []}, "users"),
        ({"AutomaticFailover": "disabled"}, "failover"),
        ({"MultiAZ": "disabled"}, "Multi-AZ"),
    ],
)
def test_each_fault_of_a_cache_is_noticed(change, subject):
    assert broken(cache_nodes({**GROUP, **change}, critical=True)) == [subject]


def test_a_cache_that_may_be_lost_needs_no_second_zone():
    alone = {**GROUP, "AutomaticFailover": "disabled", "MultiAZ": "disabled"}

    assert broken(cache_nodes(alone, critical=False)) == []


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"Status": "modifying"}, "available"),
        ({"KmsKeyId": ""}, "encrypted"),
        ({"UserGroupId": ""}, "users"),
        ({"CacheUsageLimits": {}}, "limit"),
    ],
)
def test_each_fault_of_a_serverless_cache_is_noticed(change, subject):
    assert broken(serverless_cache({**SERVERLESS, **change})) == [subject]
