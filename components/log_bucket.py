"""The bucket that load balancers, or other buckets, write their access logs into."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.private_bucket import only_over_tls, safeguard

DEFAULT_RETENTION_DAYS = 365
"""A year, as for log groups (Security Hub CloudWatch.16): an incident is often found late."""
NONCURRENT_DAYS = 30
"""How long an overwritten or deleted log can still be brought back."""
DELIVERY = "logdelivery.elasticloadbalancing.amazonaws.com"
"""Who writes a load balancer's logs, in every region; older examples have an account per region:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html"""


BUCKET_DELIVERY = "logging.s3.amazonaws.com"
"""Who writes a bucket's logs:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html"""


class LogWriter(StrEnum):
    """Whose logs a bucket takes; one bucket takes those of one kind."""

    LOAD_BALANCERS = "load_balancers"
    """Access and connection logs of application load balancers."""
    BUCKETS = "buckets"
    """Server access logs of S3 buckets."""


class LogBucketArgs(TypedDict):
    """Who writes, where, and for how long it is kept."""

    account_id: pulumi.Input[str]
    """Account whose load balancers or buckets may write."""
    region: str
    """Region of those; the bucket must be in the same one."""
    prefixes: Sequence[str]
    """First folder of each kind of log, such as `access`. For load balancers AWS adds
    `AWSLogs/<account>/` to it."""
    writer: NotRequired[LogWriter]
    """Who writes. Defaults to load balancers."""
    retention_days: NotRequired[int]
    """Days until a log is deleted. Defaults to 365: an incident is often found late."""
    force_destroy: NotRequired[bool]
    """Whether deleting the bucket deletes the logs in it. Defaults to False: they are evidence."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the bucket. Defaults to True."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for the bucket. Defaults to none."""


class LogBucket(pulumi.ComponentResource):
    """A private, versioned bucket that only one service of AWS, for this account, writes to.

    Encrypted with S3's own keys, because neither writer supports anything else:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """

    bucket: pulumi.Output[str]
    """Name of the bucket, known once the writer is allowed to write: AWS tries that when
    logging is switched on, and fails with "Access Denied for bucket" if it comes too early."""
    arn: pulumi.Output[str]
    """ARN of the bucket."""

    def __init__(
        self, name: str, args: LogBucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses prefixes and retentions that AWS would refuse."""
        retention_days = args.get("retention_days", DEFAULT_RETENTION_DAYS)
        _refuse_mistakes(name, args["prefixes"], retention_days)
        super().__init__("babyrobots:index:LogBucket", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)

        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            force_destroy=args.get("force_destroy", False),
            tags={"Name": name, **args.get("tags", {})},
            opts=pulumi.ResourceOptions(parent=self, protect=args.get("protect", True)),
        )
        safeguards = safeguard(name, bucket, child)
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.id,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=[_expire(prefix, retention_days) for prefix in sorted(args["prefixes"])],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[safeguards.versioning]),
        )
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.id,
            policy=_policy(bucket.arn, args),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[safeguards.public_access]),
        )

        self.bucket = pulumi.Output.all(bucket.id, policy.id).apply(lambda known: known[0])
        self.arn = bucket.arn
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})


def _policy(bucket_arn: pulumi.Output[str], args: LogBucketArgs) -> pulumi.Output[str]:
    statements = [_write(bucket_arn, args), only_over_tls(bucket_arn)]
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})


def _write(bucket_arn: pulumi.Output[str], args: LogBucketArgs) -> dict[str, Any]:
    """The writer writes under its prefixes, on behalf of this account only."""
    account_id, prefixes = args["account_id"], sorted(args["prefixes"])
    if LogWriter(args.get("writer", LogWriter.LOAD_BALANCERS)) is LogWriter.BUCKETS:
        return {
            "Sid": "BucketsWriteLogs",
            "Effect": "Allow",
            "Principal": {"Service": BUCKET_DELIVERY},
            "Action": "s3:PutObject",
            "Resource": [pulumi.Output.concat(bucket_arn, f"/{prefix}/*") for prefix in prefixes],
            "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
        }
    return {
        "Sid": "LoadBalancersWriteLogs",
        "Effect": "Allow",
        "Principal": {"Service": DELIVERY},
        "Action": "s3:PutObject",
        "Resource": [
            pulumi.Output.format("{}/{}/AWSLogs/{}/*", bucket_arn, prefix, account_id)
            for prefix in prefixes
        ],
        # The load balancer does not exist yet, so this names all of them in this account and
        # region, as AWS's own example does.
        "Condition": {
            "ArnLike": {
                "aws:SourceArn": pulumi.Output.format(
                    "arn:aws:elasticloadbalancing:{}:{}:loadbalancer/*", args["region"], account_id
                )
            }
        },
    }


def _expire(prefix: str, days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgsDict:
    return {
        "id": f"expire-{prefix}",
        "status": "Enabled",
        "filter": {"prefix": f"{prefix}/"},
        "expiration": {"days": days},
        "noncurrent_version_expiration": {"noncurrent_days": NONCURRENT_DAYS},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
    }


def _refuse_mistakes(name: str, prefixes: Sequence[str], retention_days: int) -> None:
    problems = []
    if retention_days < 1:
        problems.append(f"retention_days is {retention_days}; S3 expires after 1 day or more")
    if not prefixes:
        problems.append("prefixes is empty; name at least one, such as access")
    problems += [
        f"prefix {prefix!r} must be a plain folder name without AWSLogs, which AWS adds itself"
        for prefix in prefixes
        if not prefix or "/" in prefix or "*" in prefix or "AWSLogs" in prefix
    ]
    if problems:
        raise ValueError(f"LogBucket {name!r}: " + "; ".join(problems))
