"""A customer managed KMS key for one concern, usable only through the services of that concern."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

ADMINISTER = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ReplicateKey",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
    "kms:UpdatePrimaryRegion",
)
"""What an administrator does with a key, which is not to use it:
https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"""
USE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
"""What a user of a key does, named one by one."""


class EncryptionKeyArgs(TypedDict):
    """What the key is for, and through which services it may be used."""

    description: str
    """What it encrypts, for the person who finds it in the console."""
    account_id: pulumi.Input[str]
    """Account of the key. Its IAM policies decide who administers and, through the services, uses
    it."""
    region: str
    """Region of the key and of the services."""
    services: Sequence[str]
    """Services through which the account's roles may use the key, such as `rds`, `secretsmanager`:
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service"""
    log_groups: NotRequired[Sequence[str]]
    """Names of the log groups that CloudWatch Logs encrypts with it, `*` allowed at the end.
    Defaults to none:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"""
    service_principals: NotRequired[Sequence[str]]
    """Services that use the key in their own name for this account, such as
    `cloudwatch.amazonaws.com` when an alarm publishes to an encrypted topic. Defaults to none:
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"""
    distributions: NotRequired[bool]
    """Whether CloudFront distributions of the account decrypt with it what they read from a bucket.
    All of them, for a distribution is made after the bucket and the bucket after its key; which of
    them reads a bucket is that bucket's policy's to say. Defaults to False:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html#oac-permissions-sse-kms"""
    deletion_window_days: NotRequired[int]
    """Days in which a deletion can be called off, 7 to 30. Defaults to 30: what a deleted key
    encrypted is lost for ever."""
    rotation_days: NotRequired[int]
    """Days between two rotations, 90 to 365. Defaults to 365, KMS's own. Old material is kept, so
    nothing has to be encrypted anew:
    https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html"""
    multi_region: NotRequired[bool]
    """Whether the key can be replicated to other regions; it can never be changed. Defaults to
    False: data leaves a region only where a copy is wanted."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the key. Defaults to True."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for the key. Defaults to none."""


class EncryptionKey(pulumi.ComponentResource):
    """A rotated symmetric key with an alias.

    Its policy gives the account's IAM the administration, and the use only through the named
    services: not even an administrator decrypts with it directly.
    """

    arn: pulumi.Output[str]
    """ARN of the key."""
    key_id: pulumi.Output[str]
    """Id of the key."""
    alias_name: pulumi.Output[str]
    """`alias/<project>/<stack>/<name>`, which an operator can remember."""

    def __init__(
        self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses periods that KMS refuses, and a key that nothing could use."""
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:EncryptionKey", name, {}, opts)

        key = aws.kms.Key(
            f"{name}-key",
            region=args["region"],
            description=args["description"],
            enable_key_rotation=True,
            rotation_period_in_days=args.get("rotation_days", 365),
            deletion_window_in_days=args.get("deletion_window_days", 30),
            multi_region=args.get("multi_region", False),
            policy=_policy(args),
            tags={"Name": name, **args.get("tags", {})},
            opts=pulumi.ResourceOptions(parent=self, protect=args.get("protect", True)),
        )
        alias = aws.kms.Alias(
            f"{name}-alias",
            region=args["region"],
            name=f"alias/{pulumi.get_project()}/{pulumi.get_stack()}/{name}",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )

        self.arn = key.arn
        self.key_id = key.key_id
        self.alias_name = alias.name
        self.register_outputs(
            {"arn": self.arn, "key_id": self.key_id, "alias_name": self.alias_name}
        )


def _policy(args: EncryptionKeyArgs) -> pulumi.Output[str]:
    """One statement per purpose. `Resource: *` in a key policy means this key and no other:
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
    """
    account_id, region = args["account_id"], args["region"]
    account = {"AWS": pulumi.Output.format("arn:aws:iam::{}:root", account_id)}
    statements: list[dict[str, Any]] = [
        {
            "Sid": "AccountAdministers",
            "Effect": "Allow",
            "Principal": account,
            "Action": list(ADMINISTER),
            "Resource": "*",
        }
    ]
    if args["services"]:
        through = [f"{service}.{region}.amazonaws.com" for service in sorted(args["services"])]
        via = {"StringEquals": {"kms:ViaService": through}}
        statements += [
            {
                "Sid": "AccountUsesThroughServices",
                "Effect": "Allow",
                "Principal": account,
                "Action": list(USE),
                "Resource": "*",
                "Condition": via,
            },
            {
                "Sid": "ServicesKeepUsing",
                "Effect": "Allow",
                "Principal": account,
                "Action": "kms:CreateGrant",
                "Resource": "*",
                # A grant for the service's own resource, never one for a person.
                "Condition": {**via, "Bool": {"kms:GrantIsForAWSResource": "true"}},
            },
        ]
    if args.get("log_groups", ()):
        statements.append(
            {
                "Sid": "LogsEncryptTheirGroups",
                "Effect": "Allow",
                "Principal": {"Service": f"logs.{region}.amazonaws.com"},
                "Action": list(USE),
                "Resource": "*",
                "Condition": {
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": [
                            pulumi.Output.format(
                                "arn:aws:logs:{}:{}:log-group:{}", region, account_id, group
                            )
                            for group in sorted(args.get("log_groups", ()))
                        ]
                    }
                },
            }
        )
    if args.get("service_principals", ()):
        statements.append(
            {
                "Sid": "ServicesUseForThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": sorted(args.get("service_principals", ()))},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
            }
        )
    if args.get("distributions", False):
        statements.append(
            {
                "Sid": "DistributionsRead",
                "Effect": "Allow",
                "Principal": {"Service": "cloudfront.amazonaws.com"},
                "Action": "kms:Decrypt",
                "Resource": "*",
                "Condition": {
                    "ArnLike": {
                        "aws:SourceArn": pulumi.Output.format(
                            "arn:aws:cloudfront::{}:distribution/*", account_id
                        )
                    }
                },
            }
        )
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})


def _refuse_mistakes(name: str, args: EncryptionKeyArgs) -> None:
    """Limits: https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html and
    https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html; rotation at
    least yearly is CIS AWS Foundations 3.6.
    """
    problems = []
    window, rotation = args.get("deletion_window_days", 30), args.get("rotation_days", 365)
    if not 7 <= window <= 30:
        problems.append(f"deletion_window_days is {window}; KMS takes 7 to 30")
    if not 90 <= rotation <= 365:
        problems.append(f"rotation_days is {rotation}; it is 90 (KMS) to 365 (CIS 3.6)")
    users = (args["services"], args.get("log_groups", ()), args.get("service_principals", ()))
    if not any(users):
        problems.append("nothing may use the key; name services, log_groups or service_principals")
    problems += [
        f"service {service!r} is not the short name of a service, such as rds"
        for service in args["services"]
        if not service.replace("-", "").isalnum()
    ]
    if problems:
        raise ValueError(f"EncryptionKey {name!r}: " + "; ".join(problems))
