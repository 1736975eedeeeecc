"""Brings back a deleted secret, or the value that it had before."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from ops.aws import Clients
from ops.recovery.steps import Step


class NothingBeforeError(Exception):
    """The secret has no earlier value that Secrets Manager still keeps."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SecretRestoration:
    """Restores one secret; its value is neither read nor shown.

    Args:
        aws: Clients of the secret's region.
        secret_id: Name or ARN.
        previous: Whether its previous value becomes the current one. Defaults to False: only a
            deletion is taken back.
    """

    aws: Clients
    secret_id: str
    previous: bool = False

    def steps(self) -> Iterator[Step]:
        """What has to be done, in order; reads AWS, changes nothing.

        Raises:
            NothingBeforeError: There is no previous value.
        """
        found = self.aws.get("secretsmanager").describe_secret(SecretId=self.secret_id)
        name = found["Name"]
        if found.get("DeletedDate"):
            yield Step(does=f"take back the deletion of {name}", run=self._undelete)
        else:
            yield Step(does=f"keep {name}, which is not deleted", run=None)
        if self.previous:
            current, before = _staged(found, "AWSCURRENT"), _staged(found, "AWSPREVIOUS")
            if current is None or before is None:
                raise NothingBeforeError(f"{name} has no previous value: it has had only one")
            yield Step(
                does=f"make the previous value of {name} the current one",
                run=lambda: self._promote(current, before),
            )

    def _undelete(self) -> str:
        # Possible until the recovery window ends.
        # https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_restore-secret.html
        return self.aws.get("secretsmanager").restore_secret(SecretId=self.secret_id)["ARN"]

    def _promote(self, current: str, before: str) -> str:
        self.aws.get("secretsmanager").update_secret_version_stage(
            SecretId=self.secret_id,
            VersionStage="AWSCURRENT",
            RemoveFromVersionId=current,
            MoveToVersionId=before,
        )
        return f"version {before}"


def _staged(found: dict[str, Any], stage: str) -> str | None:
    stages: dict[str, list[str]] = found.get("VersionIdsToStages", {})
    return next((version for version, names in stages.items() if stage in names), None)
