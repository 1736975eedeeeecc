"""What every bucket of a stack has, whatever it holds: no public access, one owner, versions."""

from typing import Any, NamedTuple

import pulumi
import pulumi_aws as aws


class Safeguards(NamedTuple):
    """The settings that others of the same bucket wait for."""

    public_access: aws.s3.BucketPublicAccessBlock
    """S3 refuses two conditional changes of one bucket at a time (OperationAborted), so the policy
    waits for it."""
    versioning: aws.s3.BucketVersioning
    """Rules about old versions, and copies, need versions:
    https://www.pulumi.com/registry/packages/aws/api-docs/s3/bucketlifecycleconfiguration/"""


def safeguard(
    name: str, bucket: aws.s3.Bucket, opts: pulumi.ResourceOptions, *, region: str | None = None
) -> Safeguards:
    """Makes a bucket private, its objects the account's, and what is overwritten recoverable."""
    public_access = aws.s3.BucketPublicAccessBlock(
        f"{name}-public-access",
        region=region,
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    aws.s3.BucketOwnershipControls(
        f"{name}-ownership",
        region=region,
        bucket=bucket.id,
        rule={"object_ownership": "BucketOwnerEnforced"},
        opts=opts,
    )
    versioning = aws.s3.BucketVersioning(
        f"{name}-versioning",
        region=region,
        bucket=bucket.id,
        versioning_configuration={"status": "Enabled"},
        opts=opts,
    )
    return Safeguards(public_access, versioning)


def only_over_tls(bucket_arn: pulumi.Input[str]) -> dict[str, Any]:
    """The statement that every bucket's policy has."""
    return {
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, pulumi.Output.concat(bucket_arn, "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
