"""S3: buckets, what is set on them, and objects."""

import base64
import contextlib
import io
import mimetypes
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rehearsal.handlers.model import (
    As,
    Context,
    Handler,
    Naming,
    ProviderRefusalError,
    json_text,
)

# https://docs.aws.amazon.com/general/latest/gr/s3.html#s3_website_region_endpoints
_HOSTED_ZONES = {
    "us-east-1": "Z3AQBSTGFYJSTF",
    "us-east-2": "Z2O1EMRO9K5GLX",
    "us-west-1": "Z2F56UZL2M1ACD",
    "us-west-2": "Z3BJ6K6RIION7M",
    "eu-west-1": "Z1BKCTXD74EZPE",
    "eu-west-2": "Z3GKZC51ZF0DB4",
    "eu-west-3": "Z3R1K369G5AVDG",
    "eu-central-1": "Z21DNDUVLTQW6Q",
    "eu-north-1": "Z3BAZG2TWCNX0D",
}


def _bucket(context: Context) -> tuple[str, Mapping[str, Any]]:
    context.take("forceDestroy")
    lock = context.take("objectLockEnabled")
    params: dict[str, Any] = {"Bucket": context.name}
    if context.region != "us-east-1":
        params["CreateBucketConfiguration"] = {"LocationConstraint": context.region}
    if lock:
        params["ObjectLockEnabledForBucket"] = True
    acl = context.take("acl")
    if acl:
        params["ACL"] = acl
    namespace = context.take("bucketNamespace")
    if namespace:
        params["BucketNamespace"] = namespace
    context.call("create_bucket", params)
    if context.tags:
        tags = [{"Key": key, "Value": value} for key, value in context.tags.items()]
        context.call("put_bucket_tagging", {"Bucket": context.name, "Tagging": {"TagSet": tags}})
    domain = f"{context.name}.s3.amazonaws.com"
    return context.name, {
        "arn": f"arn:{context.partition}:s3:::{context.name}",
        "bucketDomainName": domain,
        "bucketRegionalDomainName": f"{context.name}.s3.{context.region}.amazonaws.com",
        "bucketRegion": context.region,
        "hostedZoneId": _HOSTED_ZONES.get(context.region, ""),
        "objectLockEnabled": bool(lock),
    }


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html"""
    made: dict[str, Any] = {"ID": rule["id"], "Status": rule["status"]}
    made["Filter"] = _lifecycle_filter(rule.get("filter") or {})
    if rule.get("prefix"):
        made["Prefix"] = rule["prefix"]
        del made["Filter"]
    expiration = rule.get("expiration")
    if expiration:
        made["Expiration"] = _renamed(
            expiration,
            {
                "date": "Date",
                "days": "Days",
                "expiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
            },
        )
    noncurrent = rule.get("noncurrentVersionExpiration")
    if noncurrent:
        made["NoncurrentVersionExpiration"] = _renamed(noncurrent, _NONCURRENT)
    abort = rule.get("abortIncompleteMultipartUpload")
    if abort:
        made["AbortIncompleteMultipartUpload"] = _renamed(
            abort, {"daysAfterInitiation": "DaysAfterInitiation"}
        )
    if rule.get("transitions"):
        made["Transitions"] = [
            _renamed(t, {"date": "Date", "days": "Days", "storageClass": "StorageClass"})
            for t in rule["transitions"]
        ]
    if rule.get("noncurrentVersionTransitions"):
        made["NoncurrentVersionTransitions"] = [
            _renamed(t, {**_NONCURRENT, "storageClass": "StorageClass"})
            for t in rule["noncurrentVersionTransitions"]
        ]
    left = set(rule) - _LIFECYCLE_KEYS
    if left:
        raise ProviderRefusalError(f"a lifecycle rule has no {', '.join(sorted(left))}")
    return made


_LIFECYCLE_KEYS = {
    "abortIncompleteMultipartUpload",
    "expiration",
    "filter",
    "id",
    "noncurrentVersionExpiration",
    "noncurrentVersionTransitions",
    "prefix",
    "status",
    "transitions",
}
_NONCURRENT = {
    "newerNoncurrentVersions": "NewerNoncurrentVersions",
    "noncurrentDays": "NoncurrentDays",
}


def _renamed(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    numbers = {"Days", "NoncurrentDays", "NewerNoncurrentVersions", "DaysAfterInitiation"}
    return {
        names[key]: int(item) if names[key] in numbers else item
        for key, item in value.items()
        if item is not None
    }


def _filter_parts(given: Mapping[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for key, api in (
        ("prefix", "Prefix"),
        ("objectSizeGreaterThan", "ObjectSizeGreaterThan"),
        ("objectSizeLessThan", "ObjectSizeLessThan"),
    ):
        if given.get(key) is not None:
            parts[api] = given[key] if key == "prefix" else int(given[key])
    if given.get("tags"):
        parts["Tags"] = [{"Key": key, "Value": value} for key, value in given["tags"].items()]
    return parts


def _lifecycle_filter(given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("and"):
        return {"And": _filter_parts(given["and"])}
    made = _filter_parts(given)
    if given.get("tag"):
        made["Tag"] = {"Key": given["tag"]["key"], "Value": given["tag"]["value"]}
    return made or {"Prefix": ""}


def _replication_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    given = rule.get("filter")
    return {"Filter": _lifecycle_filter(given)} if given is not None else {}


def _replication(context: Context) -> tuple[str, Mapping[str, Any]]:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationRule.html"""
    bucket = context.take("bucket")
    token = context.take("token")
    rules = context.take("rules", [])
    made = context.params(
        "put_bucket_replication",
        {
            "role": context.take("role"),
            "rules": [{k: v for k, v in r.items() if k != "filter"} for r in rules],
        },
        {
            "role": "ReplicationConfiguration.Role",
            "rules": "ReplicationConfiguration.Rules",
            "rules.destination.encryptionConfiguration.replicaKmsKeyId": "ReplicaKmsKeyID",
            "rules.destination.replicationTime.time": "Time",
            "rules.id": "ID",
        },
    )
    for target, rule in zip(made["ReplicationConfiguration"]["Rules"], rules, strict=True):
        target.update(_replication_rule(rule))
    if token:
        made["Token"] = token
    context.call("put_bucket_replication", {"Bucket": bucket, **made})
    return bucket, {}


def _object(context: Context) -> tuple[str, Mapping[str, Any]]:
    body = _body(context)
    bucket, key = context.take("bucket"), context.take("key", context.registration.name)
    for steering in ("etag", "forceDestroy", "sourceHash", "overrideProvider"):
        context.take(steering)
    params = context.rest("put_object") | {"Bucket": bucket, "Key": key, "Body": body}
    if context.tags:
        params["Tagging"] = urlencode(context.tags)
    params.setdefault("ContentType", mimetypes.guess_type(key)[0] or "application/octet-stream")
    with _policy_lifted(context, bucket):
        answer = context.call("put_object", params)
    return key, {
        "arn": f"arn:{context.partition}:s3:::{bucket}/{key}",
        "key": key,
        "etag": answer.get("ETag", "").strip('"'),
        "versionId": answer.get("VersionId", ""),
        "contentType": params["ContentType"],
    }


@contextlib.contextmanager
def _policy_lifted(context: Context, bucket: str) -> Iterator[None]:
    """Takes a bucket's policy away for one write.

    moto evaluates the Deny statements of a bucket policy and ignores their Condition, so that the
    usual "only over TLS" denies everything.
    """
    client = context.caller.client("s3", context.region)
    try:
        policy = client.get_bucket_policy(Bucket=bucket)["Policy"]
    except client.exceptions.ClientError:
        yield
        return
    client.delete_bucket_policy(Bucket=bucket)
    try:
        yield
    finally:
        client.put_bucket_policy(Bucket=bucket, Policy=policy)


def _body(context: Context) -> bytes:
    content, encoded, source = (context.take(k) for k in ("content", "contentBase64", "source"))
    if content is not None:
        return content.encode()
    if encoded is not None:
        return base64.b64decode(encoded)
    return asset_bytes(source)


def asset_bytes(source: Any) -> bytes:
    """The content of a Pulumi asset or archive: text, a file, or a directory as a zip."""
    if not isinstance(source, Mapping):
        return b""
    if source.get("text") is not None:
        return str(source["text"]).encode()
    if source.get("assets") is not None:
        return _zip({name: asset_bytes(item) for name, item in source["assets"].items()})
    path = Path(source.get("path") or "")
    if path.is_dir():
        return _zip(
            {
                str(file.relative_to(path)): file.read_bytes()
                for file in sorted(path.rglob("*"))
                if file.is_file() and "__pycache__" not in file.parts
            }
        )
    return path.read_bytes()


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            # A fixed date: the same files make the same archive.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


_SKIP = {"skipDestroy": "says what happens when the resource is deleted"}


def _encryption_rule(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    made = []
    for rule in rules:
        entry: dict[str, Any] = {}
        default = rule.get("applyServerSideEncryptionByDefault")
        if default:
            entry["ApplyServerSideEncryptionByDefault"] = {
                "SSEAlgorithm": default["sseAlgorithm"]
            } | (
                {"KMSMasterKeyID": default["kmsMasterKeyId"]}
                if default.get("kmsMasterKeyId")
                else {}
            )
        if rule.get("bucketKeyEnabled") is not None:
            entry["BucketKeyEnabled"] = rule["bucketKeyEnabled"]
        if rule.get("blockedEncryptionTypes"):
            entry["BlockedEncryptionTypes"] = {"EncryptionType": rule["blockedEncryptionTypes"]}
        made.append(entry)
    return made


_ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
)

HANDLERS: dict[str, Handler] = {
    "aws:s3/bucket:Bucket": Handler(
        service="s3",
        operation="create_bucket",
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
        naming=Naming(api="Bucket", input="bucket", prefix="bucketPrefix", limit=63, lower=True),
        tags="-",
        create=_bucket,
    ),
    "aws:s3/bucketVersioning:BucketVersioning": Handler(
        service="s3",
        operation="put_bucket_versioning",
        inputs={
            "mfa": "MFA",
            "versioningConfiguration.mfaDelete": "MFADelete",
        },
        id="{in.bucket}",
    ),
    _ENCRYPTION: Handler(
        service="s3",
        operation="put_bucket_encryption",
        inputs={"rules": As("ServerSideEncryptionConfiguration.Rules", _encryption_rule)},
        id="{in.bucket}",
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Handler(
        service="s3",
        operation="put_public_access_block",
        inputs={
            key: f"PublicAccessBlockConfiguration.{key[0].upper()}{key[1:]}"
            for key in (
                "blockPublicAcls",
                "blockPublicPolicy",
                "ignorePublicAcls",
                "restrictPublicBuckets",
            )
        },
        ignored=_SKIP,
        id="{in.bucket}",
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Handler(
        service="s3",
        operation="put_bucket_ownership_controls",
        inputs={
            "rule": As(
                "OwnershipControls.Rules",
                lambda rule: [{"ObjectOwnership": rule["objectOwnership"]}],
            )
        },
        id="{in.bucket}",
    ),
    "aws:s3/bucketPolicy:BucketPolicy": Handler(
        service="s3",
        operation="put_bucket_policy",
        inputs={"policy": As("Policy", json_text)},
        id="{in.bucket}",
    ),
    "aws:s3/bucketAcl:BucketAcl": Handler(
        service="s3",
        operation="put_bucket_acl",
        id=lambda c: ",".join([c.inputs["bucket"], c.inputs.get("acl", "")]).rstrip(","),
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Handler(
        service="s3",
        operation="put_bucket_lifecycle_configuration",
        inputs={
            "rules": As(
                "LifecycleConfiguration.Rules", lambda rules: [_lifecycle_rule(r) for r in rules]
            )
        },
        ignored={"timeouts": "how long the provider waits"},
        id="{in.bucket}",
    ),
    "aws:s3/bucketLogging:BucketLogging": Handler(
        service="s3",
        operation="put_bucket_logging",
        inputs={
            "targetBucket": "BucketLoggingStatus.LoggingEnabled.TargetBucket",
            "targetPrefix": "BucketLoggingStatus.LoggingEnabled.TargetPrefix",
            "targetGrants": "BucketLoggingStatus.LoggingEnabled.TargetGrants",
            "targetObjectKeyFormat": "BucketLoggingStatus.LoggingEnabled.TargetObjectKeyFormat",
        },
        id="{in.bucket}",
    ),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": Handler(
        service="s3", operation="put_bucket_replication", create=_replication
    ),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": Handler(
        service="s3",
        operation="put_object_lock_configuration",
        inputs={
            "rule": "ObjectLockConfiguration.Rule",
            "token": "Token",
        },
        params={"ObjectLockConfiguration.ObjectLockEnabled": "Enabled"},
        ignored={"objectLockEnabled": "Enabled is the only value"},
        id="{in.bucket}",
    ),
    "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration": Handler(
        service="s3",
        operation="put_bucket_cors",
        inputs={
            "corsRules": "CORSConfiguration.CORSRules",
            "corsRules.id": "ID",
        },
        id="{in.bucket}",
    ),
    "aws:s3/bucketNotification:BucketNotification": Handler(
        service="s3",
        operation="put_bucket_notification_configuration",
        within="NotificationConfiguration",
        inputs={
            "bucket": "/Bucket",
            "eventbridge": As("EventBridgeConfiguration", lambda on: {} if on else None),
            "lambdaFunctions": As(
                "LambdaFunctionConfigurations",
                lambda items: [_notification(item, "LambdaFunctionArn") for item in items],
            ),
            "queues": As(
                "QueueConfigurations",
                lambda items: [_notification(item, "QueueArn") for item in items],
            ),
            "topics": As(
                "TopicConfigurations",
                lambda items: [_notification(item, "TopicArn") for item in items],
            ),
        },
        id="{in.bucket}",
    ),
    "aws:s3/bucketObject:BucketObject": Handler(
        service="s3",
        operation="put_object",
        inputs={"kmsKeyId": "SSEKMSKeyId", "websiteRedirect": "WebsiteRedirectLocation"},
        tags="-",
        create=_object,
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": Handler(
        service="s3",
        operation="put_object",
        inputs={"kmsKeyId": "SSEKMSKeyId", "websiteRedirect": "WebsiteRedirectLocation"},
        tags="-",
        create=_object,
    ),
}


def _notification(item: Mapping[str, Any], member: str) -> dict[str, Any]:
    arn = next(item[k] for k in ("lambdaFunctionArn", "queueArn", "topicArn") if item.get(k))
    made: dict[str, Any] = {member: arn, "Events": item["events"]}
    if item.get("id"):
        made["Id"] = item["id"]
    rules = [
        {"Name": name, "Value": item[key]}
        for key, name in (("filterPrefix", "prefix"), ("filterSuffix", "suffix"))
        if item.get(key)
    ]
    return made | ({"Filter": {"Key": {"FilterRules": rules}}} if rules else {})
