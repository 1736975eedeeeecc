"""The one user of a cache, who signs in with IAM instead of a password."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

LONGEST_ID = 40
"""https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateUser.html"""


class CacheUserArgs(TypedDict):
    """What there is to say of the user."""

    tags: NotRequired[Mapping[str, str]]
    """Extra tags for the user and its group. Defaults to none."""


class CacheUser(pulumi.ComponentResource):
    """A user and the group that a cache admits: everything an application does, and no more.

    IAM instead of a password: nothing to store, to rotate or to leak. There is no user `default` in
    the group, so whoever does not sign in is nobody.
    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
    """

    user_name: pulumi.Output[str]
    """User that a client signs in as."""
    user_arn: pulumi.Output[str]
    """ARN of the user, for an IAM policy."""
    user_group_id: pulumi.Output[str]
    """Group that a cache admits."""

    def __init__(
        self, name: str, args: CacheUserArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("babyrobots:index:CacheUser", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}
        # With IAM the id and the name of a user must be the same, and AWS generates neither.
        identity = f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}"
        identity = identity[:LONGEST_ID].rstrip("-").lower()

        user = aws.elasticache.User(
            f"{name}-user",
            user_id=identity,
            user_name=identity,
            engine="valkey",
            access_string="on ~* +@all -@admin -@dangerous",
            authentication_mode={"type": "iam"},
            tags=tags,
            opts=child,
        )
        group = aws.elasticache.UserGroup(
            f"{name}-users",
            user_group_id=identity,
            engine="valkey",
            user_ids=[user.user_id],
            tags=tags,
            opts=child,
        )

        self.user_name = user.user_name
        self.user_arn = user.arn
        self.user_group_id = group.user_group_id
        self.register_outputs(
            {
                "user_name": self.user_name,
                "user_arn": self.user_arn,
                "user_group_id": self.user_group_id,
            }
        )


def connect_policy(arns: Sequence[pulumi.Input[str]]) -> pulumi.Output[str]:
    """IAM policy (JSON) that lets a role sign in to this cache as this user, and nothing else."""
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "ConnectToCache",
                    "Effect": "Allow",
                    "Action": "elasticache:Connect",
                    "Resource": list(arns),
                }
            ],
        }
    )
