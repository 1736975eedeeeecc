"""The master user's credentials, when they are given and not made by RDS."""

import hashlib
from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws


class DatabaseSecretArgs(TypedDict):
    """What a client needs to connect."""

    kms_key_arn: pulumi.Input[str]
    """Key that encrypts the secret."""
    username: pulumi.Input[str]
    """Master user."""
    password: pulumi.Input[str]
    """Its password, kept secret whether or not it came as one."""
    host: pulumi.Input[str]
    """Address of the instance."""
    port: pulumi.Input[int]
    """Port of the instance."""
    database_name: str
    """Database to connect to."""
    recovery_window_days: NotRequired[int]
    """Days in which a deletion can be called off, 7 to 30. Defaults to 30."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for the secret. Defaults to none."""


class DatabaseSecret(pulumi.ComponentResource):
    """A secret with the keys that RDS uses for its own: `username`, `password`, `host`, ...

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
    """

    arn: pulumi.Output[str]
    """ARN of the secret, known once it has a value."""

    def __init__(
        self, name: str, args: DatabaseSecretArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Hands the value over through a write-only input: the provider reads it back never."""
        super().__init__("babyrobots:index:DatabaseSecret", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)

        secret = aws.secretsmanager.Secret(
            f"{name}-secret",
            description="Master user of the database, from DB_USERNAME and DB_PASSWORD",
            kms_key_id=args["kms_key_arn"],
            recovery_window_in_days=args.get("recovery_window_days", 30),
            # The password is rotated where it comes from, by whoever sets it.
            tags={"Name": name, "rotation": "manual", **args.get("tags", {})},
            opts=child,
        )
        value = pulumi.Output.json_dumps(
            {
                "engine": "postgres",
                "host": args["host"],
                "port": args["port"],
                "username": args["username"],
                "password": args["password"],
                "dbname": args["database_name"],
            }
        )
        version = aws.secretsmanager.SecretVersion(
            f"{name}-value",
            secret_id=secret.id,
            secret_string_wo=value,
            secret_string_wo_version=version_of(value),
            opts=child,
        )

        self.arn = pulumi.Output.all(secret.arn, version.id).apply(lambda known: known[0])
        self.register_outputs({"arn": self.arn})


def version_of(secret: pulumi.Input[str]) -> pulumi.Output[int]:
    """A number that changes with the value, itself a secret.

    A write-only input is not compared; its version is. A version that somebody must remember to
    raise would leave the old password in place without a word.
    """
    return pulumi.Output.secret(secret).apply(
        lambda value: int.from_bytes(hashlib.sha256(value.encode()).digest()[:4], "big") >> 1
    )
