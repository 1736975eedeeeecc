"""The bucket that a load balancer writes its access and connection logs into."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

DEFAULT_RETENTION_DAYS = 365
"""A year, as for log groups (Security Hub CloudWatch.16): an incident is often found late."""
NONCURRENT_DAYS = 30
"""How long an overwritten or deleted log can still be brought back."""
DELIVERY = "logdelivery.elasticloadbalancing.amazonaws.com"
"""Who writes the logs, in every region; it replaces the per-region accounts of older examples:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html"""


class LogBucketArgs(TypedDict):
    """Who writes, where, and for how long it is kept."""

    account_id: pulumi.Input[str]
    """Account whose load balancers may write."""
    region: str
    """Region of those load balancers; the bucket must be in the same one."""
    prefixes: Sequence[str]
    """First folder of each kind of log, such as `access`. AWS adds `AWSLogs/<account>/` to it."""
    retention_days: NotRequired[int]
    """Days until a log is deleted. Defaults to 365: an incident is often found late."""
    force_destroy: NotRequired[bool]
    """Whether deleting the bucket deletes the logs in it. Defaults to False: they are evidence."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the bucket. Defaults to True."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for the bucket. Defaults to none."""


class LogBucket(pulumi.ComponentResource):
    """A private, versioned bucket that only Elastic Load Balancing of this account writes to.

    Encrypted with S3's own keys, because the load balancer supports nothing else:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """

    bucket: pulumi.Output[str]
    """Name of the bucket, known once the load balancer is allowed to write: AWS tries that when
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
        public_access = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=child,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.id,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=child,
        )
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.id,
            versioning_configuration={"status": "Enabled"},
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=[_expire(prefix, retention_days) for prefix in sorted(args["prefixes"])],
            # Rules about old versions need versions:
            # https://www.pulumi.com/registry/packages/aws/api-docs/s3/bucketlifecycleconfiguration/
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.id,
            policy=_policy(bucket.arn, args),
            # S3 refuses two conditional changes of one bucket at a time (OperationAborted).
            opts=pulumi.ResourceOptions(parent=self, depends_on=[public_access]),
        )

        self.bucket = pulumi.Output.all(bucket.id, policy.id).apply(lambda known: known[0])
        self.arn = bucket.arn
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})


def _policy(bucket_arn: pulumi.Output[str], args: LogBucketArgs) -> pulumi.Output[str]:
    """Load balancers of this account and region write under their prefixes; nobody comes in clear.

    The load balancer does not exist yet, so `aws:SourceArn` names all of them in this account and
    region, as AWS's own example does.
    """
    account_id = args["account_id"]
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "LoadBalancersWriteLogs",
                    "Effect": "Allow",
                    "Principal": {"Service": DELIVERY},
                    "Action": "s3:PutObject",
                    "Resource": [
                        pulumi.Output.format("{}/{}/AWSLogs/{}/*", bucket_arn, prefix, account_id)
                        for prefix in sorted(args["prefixes"])
                    ],
                    "Condition": {
                        "ArnLike": {
                            "aws:SourceArn": pulumi.Output.format(
                                "arn:aws:elasticloadbalancing:{}:{}:loadbalancer/*",
                                args["region"],
                                account_id,
                            )
                        }
                    },
                },
                {
                    "Sid": "OnlyOverTls",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [bucket_arn, pulumi.Output.format("{}/*", bucket_arn)],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ],
        }
    )


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
