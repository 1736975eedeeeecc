"""Brings objects of a versioned bucket back to what they were at a moment."""

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from ops.aws import Clients
from ops.recovery.steps import Step


class NotVersionedError(Exception):
    """The bucket keeps no versions, so there is nothing to bring back."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ObjectRestoration:
    """Restores what was deleted or overwritten.

    What did not exist at the moment stays: a restoration adds versions and never takes one away, so
    that it can itself be undone by the moment before it.

    Args:
        aws: Clients of the bucket's region.
        bucket: Name of the bucket.
        at: The moment, with its time zone.
        prefix: Beginning of the keys to look at. Defaults to all of them.
    """

    aws: Clients
    bucket: str
    at: datetime.datetime
    prefix: str = ""

    def steps(self) -> Iterator[Step]:
        """An object each, in the order of their keys; reads the bucket, changes nothing.

        Raises:
            NotVersionedError: The bucket was never versioned.
        """
        state = self.aws.get("s3").get_bucket_versioning(Bucket=self.bucket).get("Status")
        if state is None:
            raise NotVersionedError(f"{self.bucket} keeps no versions: there is nothing to restore")
        for key, version in self._changed():
            moment = version["LastModified"].astimezone(datetime.UTC).isoformat(timespec="seconds")
            yield Step(
                does=f"bring back {key} of {moment}",
                run=lambda key=key, version=version: self._copy(key, version["VersionId"]),
            )

    def _changed(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Keys whose content then is not their content now, each with its version of then."""
        pages = self.aws.get("s3").get_paginator("list_object_versions")
        versions: dict[str, list[dict[str, Any]]] = {}
        for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix):
            for version in page.get("Versions", []):
                versions.setdefault(version["Key"], []).append(version)
            for marker in page.get("DeleteMarkers", []):
                versions.setdefault(marker["Key"], []).append({**marker, "ETag": None})
        for key in sorted(versions):
            newest_first = sorted(
                versions[key], key=lambda v: (v["LastModified"], v["IsLatest"]), reverse=True
            )
            now = next((v for v in newest_first if v["IsLatest"]), newest_first[0])
            then = next((v for v in newest_first if v["LastModified"] <= self.at), None)
            if then is not None and then["ETag"] is not None and then["ETag"] != now["ETag"]:
                yield key, then

    def _copy(self, key: str, version: str) -> str:
        # In parts where it is large: a copy in one request ends at 5 GB.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/copy-object.html
        self.aws.get("s3").copy(
            {"Bucket": self.bucket, "Key": key, "VersionId": version}, self.bucket, key
        )
        return f"from version {version}"
