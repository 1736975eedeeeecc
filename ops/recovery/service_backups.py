"""Finds and reads the backups that `functions/service_backup` wrote."""

import dataclasses
import datetime
import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from functions.service_backup.main import VERSION, object_key
from ops.aws import Clients


class BackupNotFoundError(Exception):
    """There is no such backup; says which there are."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backups:
    """The backups of one cluster.

    Args:
        aws: Clients of the region that the bucket is in.
        bucket: Name of the bucket.
        cluster: Name of the cluster.
    """

    aws: Clients
    bucket: str
    cluster: str

    def keys(self) -> Iterator[str]:
        """Key of every backup, oldest first, incomplete ones among them."""
        yield from (
            item["Key"]
            for item in self.aws.pages(
                "s3",
                "list_objects_v2",
                "Contents",
                Bucket=self.bucket,
                Prefix=f"{self.cluster}/",
            )
        )

    def find(self, at: datetime.datetime | None = None, *, incomplete: bool = False) -> str:
        """Key of the newest backup that was taken at a moment or before.

        Args:
            at: The moment. Defaults to now.
            incomplete: Whether a backup that lacks something will do. Defaults to False.

        Raises:
            BackupNotFoundError: None is that old.
        """
        latest = object_key(self.cluster, at or datetime.datetime.now(datetime.UTC), complete=True)
        keys = [key for key in self.keys() if incomplete or not key.endswith(".incomplete.json")]
        fitting = [key for key in keys if key.partition(".")[0] <= latest.partition(".")[0]]
        if not fitting:
            there = f"the oldest is {keys[0]}" if keys else "there is none at all"
            raise BackupNotFoundError(
                f"s3://{self.bucket}/{self.cluster}/ has no backup from {latest} or before: {there}"
            )
        return fitting[-1]

    def read(self, key: str) -> dict[str, Any]:
        """One backup.

        Raises:
            BackupNotFoundError: It is not there, or of a form that this code does not know.
        """
        try:
            body = self.aws.get("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            raise BackupNotFoundError(f"s3://{self.bucket}/{key}: {error}") from error
        document = json.loads(body)
        if document.get("version") != VERSION:
            raise BackupNotFoundError(
                f"s3://{self.bucket}/{key} is of version {document.get('version')};"
                f" this program reads version {VERSION}: use the release that wrote it"
            )
        return document


def entry(document: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    """One service or job of a backup.

    Args:
        document: The backup.
        kind: `services` or `jobs`.
        name: As AWS calls it.

    Raises:
        BackupNotFoundError: The backup does not have it.
    """
    for found in document[kind]:
        if found["name"] == name:
            return found
    there = ", ".join(found["name"] for found in document[kind]) or "none"
    missed = [f"{f['subject']}: {f['error']}" for f in document["failures"] if f["subject"] == name]
    raise BackupNotFoundError(
        f"the backup of {document['takenAt']} has no {name} among its {kind}: {there}"
        + "".join(f"; {reason}" for reason in missed)
    )
