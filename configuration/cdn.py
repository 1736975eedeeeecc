"""The `cdn` group: whether requests come by way of CloudFront, and what is kept there."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from components import cache_behaviors
from components.delivery_choices import (
    DEFAULT_CONTENT_SECURITY_POLICY,
    MinimumTls,
    PriceClass,
)
from configuration.models import Model
from configuration.problems import Problem
from configuration.values import Flag, PathPattern, matching, whole, word

if TYPE_CHECKING:
    from settings import Settings


class CachedPath(Model):
    """Part of the API whose answers are the same for everybody."""

    path: PathPattern = Field(
        description="One path, or a prefix that ends in /*; it can only be read, and neither "
        "cookies nor Authorization reach the API there.",
        examples=["/v1/catalogue/*"],
    )
    ttl_seconds: Annotated[
        int, whole(1, cache_behaviors.LONGEST_TTL, "the time that an answer is kept, in seconds")
    ] = Field(
        description="Time that an answer is kept which does not say how long.", examples=["60"]
    )


class Cdn(Model):
    """The distribution in front of the load balancer."""

    enabled: Flag = Field(
        default=False,
        description="Whether CloudFront is the only way in, and the load balancer internal; "
        "otherwise that is the way in. Never when emulated.",
    )
    price_class: Annotated[PriceClass, word(PriceClass, "the price class")] = Field(
        default=PriceClass.EUROPE_AND_NORTH_AMERICA, description="Where CloudFront answers."
    )
    minimum_tls: Annotated[MinimumTls, word(MinimumTls, "the oldest TLS")] = Field(
        default=MinimumTls.TLS_1_2_2021, description="The oldest TLS that is spoken."
    )
    response_timeout_seconds: Annotated[int, whole(1, 120, "the time to answer in seconds")] = (
        Field(default=30, description="Time that a service has to begin its answer.")
    )
    content_security_policy: Annotated[
        str,
        matching(
            r"[ -~]{1,2000}",
            "the header is one line of printable characters",
            f'write "{DEFAULT_CONTENT_SECURITY_POLICY}"',
        ),
    ] = Field(
        default=DEFAULT_CONTENT_SECURITY_POLICY,
        description="Content-Security-Policy of answers that have none of their own.",
    )
    cached_paths: tuple[CachedPath, ...] = Field(
        default=(), description="Parts of the API that are kept; nothing else of it is."
    )


def delivery_is_possible(settings: "Settings") -> Iterator[Problem]:
    """Rules over several keys of the group."""
    paths = [item.path for item in settings.cdn.cached_paths]
    for position, path in enumerate(paths):
        key = f"cdn.cachedPaths[{position}].path"
        known = set(cache_behaviors.path_problems(paths[:position]))
        for problem in cache_behaviors.path_problems(paths[: position + 1]):
            if problem not in known:
                rule, _, instead = problem.partition("; ")
                yield Problem(key=key, value=path, rule=rule, instead=instead or "write a prefix")
        for service in settings.services:
            checked = service.health_check.path
            if service.public and cache_behaviors.leads_to(checked, path):
                yield Problem(
                    key=key,
                    value=path,
                    rule=f"{service.name} answers its health check at {checked}, and an answer that"
                    " was kept says nothing about health",
                    instead="write a narrower path",
                )
