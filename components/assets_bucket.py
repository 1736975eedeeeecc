"""The bucket of files that users get and give: images, downloads, uploads."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.private_bucket import safeguard


class ReplicaArgs(TypedDict):
    """The bucket that every object is copied to: an `AssetsBucket` of another region."""

    bucket_arn: pulumi.Input[str]
    """ARN of that bucket."""
    kms_key_arn: pulumi.Input[str]
    """Key of that bucket."""
    region: str
    """Region of that bucket and its key."""


class AssetsBucketArgs(TypedDict):
    """Where the objects are, under which key, and what becomes of old ones."""

    account_id: pulumi.Input[str]
    """Account of the bucket and of its replica."""
    region: str
    """Region of the bucket."""
    kms_key_arn: pulumi.Input[str]
    """Key of the objects; its policy admits the account through `s3`, and CloudFront where a
    distribution reads the bucket (`EncryptionKeyArgs.distributions`)."""
    log_bucket: NotRequired[pulumi.Input[str]]
    """Bucket, in the same region, that takes the access logs: a `LogBucket` whose writer is
    `buckets`, with the prefix `log_prefix`. Defaults to none: a replica is read by nobody."""
    log_prefix: NotRequired[str]
    """First folder of the access logs. Defaults to `assets`."""
    noncurrent_days: NotRequired[int]
    """Days in which what was overwritten or deleted can be brought back. Defaults to 90."""
    replica: NotRequired[ReplicaArgs]
    """Where every object is copied to. Defaults to nowhere: S3 keeps it in three zones anyway."""
    force_destroy: NotRequired[bool]
    """Whether deleting the bucket deletes what is in it. Defaults to False."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the bucket. Defaults to True."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for the bucket and its role. Defaults to none."""


class AssetsBucket(pulumi.ComponentResource):
    """A private, versioned bucket, encrypted with one key, whose objects are all the account's.

    It has no policy yet: `components.bucket_policy.BucketPolicy` refuses plain HTTP and admits a
    distribution, which can only be made after the bucket.
    """

    bucket: pulumi.Output[str]
    """Name of the bucket, known once the public is shut out."""
    arn: pulumi.Output[str]
    """ARN of the bucket, known once it keeps versions: S3 copies into no bucket that does not."""
    regional_domain_name: pulumi.Output[str]
    """Domain name for a distribution's origin: the global one redirects for a day."""

    def __init__(
        self, name: str, args: AssetsBucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses to forget at once, and to copy a bucket into its own region."""
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:AssetsBucket", name, {}, opts)
        child, region = pulumi.ResourceOptions(parent=self), args["region"]
        tags = {"Name": name, **args.get("tags", {})}

        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            region=region,
            force_destroy=args.get("force_destroy", False),
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, protect=args.get("protect", True)),
        )
        safeguards = safeguard(name, bucket, child, region=region)
        after_versioning = pulumi.ResourceOptions(parent=self, depends_on=[safeguards.versioning])
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            region=region,
            bucket=bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": args["kms_key_arn"],
                    },
                    # One call to KMS for many objects, not one for each.
                    "bucket_key_enabled": True,
                }
            ],
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            region=region,
            bucket=bucket.id,
            rules=[_forget(args.get("noncurrent_days", 90))],
            opts=after_versioning,
        )
        if "log_bucket" in args:
            aws.s3.BucketLogging(
                f"{name}-logging",
                region=region,
                bucket=bucket.id,
                target_bucket=args["log_bucket"],
                target_prefix=f"{args.get('log_prefix', 'assets')}/",
                opts=child,
            )
        if "replica" in args:
            aws.s3.BucketReplicationConfig(
                f"{name}-replication",
                region=region,
                bucket=bucket.id,
                role=_replication_role(name, args, args["replica"], bucket.arn, tags, child).arn,
                rules=[_copy(args["replica"])],
                opts=after_versioning,
            )

        self.bucket = pulumi.Output.all(bucket.id, safeguards.public_access.id).apply(
            lambda known: known[0]
        )
        self.arn = pulumi.Output.all(bucket.arn, safeguards.versioning.id).apply(
            lambda known: known[0]
        )
        self.regional_domain_name = bucket.bucket_regional_domain_name
        self.register_outputs(
            {
                "bucket": self.bucket,
                "arn": self.arn,
                "regional_domain_name": self.regional_domain_name,
            }
        )


def _forget(days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgsDict:
    return {
        "id": "forget",
        "status": "Enabled",
        "filter": {},
        "noncurrent_version_expiration": {"noncurrent_days": days},
        # What is left of an object whose last version is gone.
        "expiration": {"expired_object_delete_marker": True},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
    }


def _copy(replica: ReplicaArgs) -> aws.s3.BucketReplicationConfigRuleArgsDict:
    return {
        "id": "everything",
        "status": "Enabled",
        "priority": 0,
        "filter": {},
        # A deletion is copied too, as a marker; the version that it hides stays in both buckets.
        "delete_marker_replication": {"status": "Enabled"},
        "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
        "destination": {
            "bucket": replica["bucket_arn"],
            "encryption_configuration": {"replica_kms_key_id": replica["kms_key_arn"]},
            # What waits or fails to be copied becomes a metric.
            "metrics": {"status": "Enabled"},
        },
    }


def _replication_role(
    name: str,
    args: AssetsBucketArgs,
    replica: ReplicaArgs,
    bucket_arn: pulumi.Output[str],
    tags: Mapping[str, str],
    child: pulumi.ResourceOptions,
) -> aws.iam.Role:
    role = aws.iam.Role(
        f"{name}-replication-role",
        description=f"What S3 may do to copy {name} to {replica['region']}",
        assume_role_policy=pulumi.Output.json_dumps(_TRUST),
        tags=tags,
        opts=child,
    )
    aws.iam.RolePolicy(
        f"{name}-replication-role-policy",
        role=role.name,
        policy=_replication_policy(args, replica, bucket_arn),
        opts=child,
    )
    return role


# S3 sends neither aws:SourceArn nor aws:SourceAccount when it assumes the role of a replication:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "S3",
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def _replication_policy(
    args: AssetsBucketArgs, replica: ReplicaArgs, bucket_arn: pulumi.Output[str]
) -> pulumi.Output[str]:
    """Reads here and writes there, with each key through S3 and for its bucket only.

    With bucket keys the encryption context is the bucket:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
    """

    def key(sid: str, action: str, arn: pulumi.Input[str], region: str, bucket: pulumi.Input[str]):
        return {
            "Sid": sid,
            "Effect": "Allow",
            "Action": action,
            "Resource": arn,
            "Condition": {
                "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"},
                "StringLike": {
                    "kms:EncryptionContext:aws:s3:arn": [
                        bucket,
                        pulumi.Output.concat(bucket, "/*"),
                    ]
                },
            },
        }

    there = replica["bucket_arn"]
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "ReadWhatToCopy",
                    "Effect": "Allow",
                    "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"],
                    "Resource": bucket_arn,
                },
                {
                    "Sid": "ReadVersions",
                    "Effect": "Allow",
                    "Action": [
                        "s3:GetObjectVersionAcl",
                        "s3:GetObjectVersionForReplication",
                        "s3:GetObjectVersionTagging",
                    ],
                    "Resource": pulumi.Output.concat(bucket_arn, "/*"),
                },
                {
                    "Sid": "WriteCopies",
                    "Effect": "Allow",
                    "Action": ["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"],
                    "Resource": pulumi.Output.concat(there, "/*"),
                },
                key("Decrypt", "kms:Decrypt", args["kms_key_arn"], args["region"], bucket_arn),
                key("Encrypt", "kms:Encrypt", replica["kms_key_arn"], replica["region"], there),
            ],
        }
    )


def _refuse_mistakes(name: str, args: AssetsBucketArgs) -> None:
    problems = []
    if (days := args.get("noncurrent_days", 90)) < 1:
        problems.append(f"noncurrent_days is {days}; S3 keeps an old version for a day at least")
    prefix = args.get("log_prefix", "assets")
    if not prefix or "/" in prefix:
        problems.append(f"log_prefix is {prefix!r}; it must be a plain folder name")
    if "replica" in args and args["replica"]["region"] == args["region"]:
        problems.append(
            f"replica is in {args['region']} as well; a copy that is lost with the original is none"
        )
    if problems:
        raise ValueError(f"AssetsBucket {name!r}: " + "; ".join(problems))
