"""Who may use a bucket, said once everybody who may is there."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.private_bucket import only_over_tls


class BucketPolicyArgs(TypedDict):
    """Whom a bucket admits besides the account's own roles."""

    bucket: pulumi.Input[str]
    """Name of the bucket, which has no other policy: S3 keeps one."""
    bucket_arn: pulumi.Input[str]
    """ARN of the bucket."""
    statements: NotRequired[Sequence[pulumi.Input[Mapping[str, Any]]]]
    """Statements that admit somebody, such as a distribution's `read_statement`. Defaults to
    none."""
    region: NotRequired[str]
    """Region of the bucket. Defaults to the provider's."""


class BucketPolicy(pulumi.ComponentResource):
    """The policy of a bucket, apart from it: what reads the bucket is made after it.

    A distribution needs the bucket's name, and the policy needs the distribution's ARN.
    """

    bucket: pulumi.Output[str]
    """Name of the bucket, known once whoever it admits is admitted."""

    def __init__(
        self, name: str, args: BucketPolicyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("babyrobots:index:BucketPolicy", name, {}, opts)
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            region=args.get("region"),
            bucket=args["bucket"],
            policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [only_over_tls(args["bucket_arn"]), *args.get("statements", ())],
                }
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

        self.bucket = policy.bucket
        self.register_outputs({"bucket": self.bucket})
