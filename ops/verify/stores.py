"""What a cache promises, read from what AWS says of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.verify.model import Context, Finding, check

NO_SERVERLESS = "the emulator has no serverless caches"


@check("the cache is encrypted, private and reached with IAM")
def _cache(context: Context) -> Iterator[Finding]:
    name, mode = context.outputs.get("cacheName"), context.outputs.get("cacheMode")
    if not name:
        return
    client = context.aws.get("elasticache")
    if mode == "serverless" and context.emulated:
        yield name, None, NO_SERVERLESS
    elif mode == "serverless":
        (found,) = client.describe_serverless_caches(ServerlessCacheName=name)["ServerlessCaches"]
        yield from serverless_cache(found)
    else:
        answer = client.describe_replication_groups(ReplicationGroupId=name)
        yield from cache_nodes(answer["ReplicationGroups"][0], critical=context.critical)


def cache_nodes(found: Mapping[str, Any], *, critical: bool) -> Iterator[Finding]:
    """What holds of a replication group."""
    yield "available", found["Status"] == "available", found["Status"]
    at_rest = bool(found.get("AtRestEncryptionEnabled"))
    yield "encrypted", at_rest and bool(found.get("KmsKeyId")), found.get("KmsKeyId", "no key")
    in_transit = bool(found.get("TransitEncryptionEnabled"))
    mode = found.get("TransitEncryptionMode", "required" if in_transit else "off")
    yield "TLS", in_transit and mode == "required", mode
    users = found.get("UserGroupIds") or []
    yield "users", bool(users), ", ".join(users) or "whoever reaches it"
    if critical:
        failover = found.get("AutomaticFailover", "disabled")
        yield "failover", failover == "enabled", failover
        zones = found.get("MultiAZ", "disabled")
        yield "Multi-AZ", zones == "enabled", zones


def serverless_cache(found: Mapping[str, Any]) -> Iterator[Finding]:
    """What holds of a serverless cache, which speaks nothing but TLS."""
    yield "available", found["Status"] == "available", found["Status"]
    yield "encrypted", bool(found.get("KmsKeyId")), found.get("KmsKeyId", "AWS's key")
    users = found.get("UserGroupId", "")
    yield "users", bool(users), users or "whoever reaches it"
    limit = found.get("CacheUsageLimits", {}).get("DataStorage", {}).get("Maximum")
    yield "limit", bool(limit), f"{limit} GB" if limit else "none"
