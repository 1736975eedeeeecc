"""How the operator commands reach AWS: one session, one cached client per service and region."""

import functools
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config

RETRIES = Config(retries={"mode": "adaptive", "max_attempts": 8})


class Clients:
    """boto3 clients of one session.

    Args:
        session: Credentials and the default region.
        region: Region of the stack.
        endpoint_url: Address of an emulator. Defaults to None: AWS itself, or `AWS_ENDPOINT_URL`
            where boto3 finds it.
    """

    def __init__(
        self, session: boto3.Session, region: str, endpoint_url: str | None = None
    ) -> None:
        self.session = session
        self.region = region
        self.endpoint_url = endpoint_url

    @functools.cache  # noqa: B019 - one instance lives as long as the command
    def get(self, service: str, region: str | None = None) -> Any:
        """The client of a service, in the stack's region unless another is named."""
        make: Any = self.session.client  # boto3's stubs know service names only as literals
        return make(
            service,
            region_name=region or self.region,
            endpoint_url=self.endpoint_url,
            config=RETRIES,
        )

    def pages(
        self,
        service: str,
        operation: str,
        key: str,
        *,
        region: str | None = None,
        **parameters: Any,
    ) -> Iterator[Any]:
        """Every item under `key` of a paginated operation."""
        client = self.get(service, region)
        if not client.can_paginate(operation):
            yield from getattr(client, operation)(**parameters)[key]
            return
        for page in client.get_paginator(operation).paginate(**parameters):
            # S3 leaves the member out where it would be empty.
            yield from page.get(key, [])
