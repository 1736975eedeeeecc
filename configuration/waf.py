"""The `waf` group: what the firewall in front of the stack refuses, and what it only counts."""

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from components import waf_rules
from components.waf_rules import ManagedGroup, WafEffect
from configuration.models import Model
from configuration.problems import Problem, Refused
from configuration.values import Flag, PathPattern, matching, whole, word

if TYPE_CHECKING:
    from settings import Settings


def _range(value: Any) -> str:
    try:
        network = ipaddress.ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        raise Refused(
            "a list of addresses holds IPv4 and IPv6 ranges in CIDR notation",
            "write 203.0.113.7/32 or 2001:db8::/32",
        ) from None
    if not network.prefixlen:
        raise Refused("AWS WAF takes no /0, which is everyone", "write the ranges that are meant")
    if value != str(network):
        raise Refused("a range is written as its first address", f"write {network}")
    return str(network)


Range = Annotated[str, BeforeValidator(_range)]
Effect = Annotated[WafEffect, word(WafEffect, "the effect of a rule")]
RuleName = Annotated[
    str,
    matching(
        r"[A-Za-z][A-Za-z0-9_]{1,127}",
        "a rule of a managed group is named as AWS names it",
        "write a name like CrossSiteScripting_BODY, as WAF's log has it",
    ),
]
RateLimit = Annotated[
    int,
    whole(
        waf_rules.RATE_LIMIT_MINIMUM,
        waf_rules.RATE_LIMIT_MAXIMUM,
        "requests of one address in five minutes",
    ),
]


class PathRateLimit(Model):
    """A tighter limit for part of the API, such as its login."""

    path: PathPattern = Field(
        description="One path, or a prefix that ends in /*.", examples=["/v1/login"]
    )
    limit: RateLimit = Field(
        description="Requests that one address may make there in five minutes.", examples=["100"]
    )
    action: Effect | None = Field(default=None, description="Absent: what `rateAction` says.")


class Group(Model):
    """One group of rules that AWS maintains."""

    enabled: Flag = Field(default=True, description="Whether the group looks at requests at all.")
    action: Effect | None = Field(
        default=None, description="`block` or `count`. Absent: what the stage does."
    )
    counted_rules: tuple[RuleName, ...] = Field(
        default=(),
        description="Rules of the group that only count, because they match what clients rightly "
        "send.",
    )


class BotControl(Group):
    """The group that costs extra."""

    enabled: Flag = Field(
        default=False, description="Whether scrapers and crawlers are told from clients."
    )


class Waf(Model):
    """The firewall: AWS's groups, limits and lists of addresses."""

    ip_reputation: Group = Field(
        default=Group(), description="Addresses that Amazon has seen attack others."
    )
    known_bad_inputs: Group = Field(default=Group(), description="Requests of known exploits.")
    common: Group = Field(
        default=Group(), description="Cross-site scripting, file inclusion, traversal."
    )
    sql_injection: Group = Field(
        default=Group(), description="SQL in parameters, bodies and cookies."
    )
    bot_control: BotControl = Field(
        default=BotControl(),
        description="Scrapers and crawlers; a monthly price and one by request. Libraries that "
        "programs call an API with are only counted.",
    )
    rate_limit: RateLimit = Field(
        default=2000,
        description="Requests that one address may make in five minutes before it is refused.",
    )
    rate_action: Effect | None = Field(
        default=None, description="`block` or `count`. Absent: what the stage does."
    )
    path_rate_limits: tuple[PathRateLimit, ...] = Field(
        default=(), description="Tighter limits for parts of the API."
    )
    body_limit_kib: Annotated[
        int, whole(1, waf_rules.INSPECTED_KIB_MOST, "the largest body in KiB")
    ] = Field(
        default=waf_rules.INSPECTED_KIB_REGIONAL,
        description="Largest body, in KiB: the firewall sees no more than 8 in front of a load "
        "balancer, and 64 in front of a distribution, at a price beyond 16.",
    )
    body_action: Effect | None = Field(
        default=None, description="`block` or `count`. Absent: what the stage does."
    )
    large_body_paths: tuple[PathPattern, ...] = Field(
        default=(),
        description="Paths that take larger bodies, of which only the beginning is seen.",
    )
    allowed_ranges: tuple[Range, ...] = Field(
        default=(), description="Addresses that nothing else is asked of; IPv4 and IPv6."
    )
    denied_ranges: tuple[Range, ...] = Field(
        default=(), description="Addresses that are always blocked, also in staging."
    )

    @property
    def groups(self) -> dict[ManagedGroup, Group]:
        """AWS's groups that are on."""
        known = {group: getattr(self, group.value.replace("-", "_")) for group in ManagedGroup}
        return {group: chosen for group, chosen in known.items() if chosen.enabled}


def firewall_is_possible(settings: "Settings") -> Iterator[Problem]:
    """Rules over several keys of the group."""
    waf = settings.waf
    # Of a distribution, the value's own type has the limit.
    seen = waf_rules.INSPECTED_KIB_REGIONAL
    if not settings.cdn_enabled and waf.body_limit_kib > seen:
        yield Problem(
            key="waf.bodyLimitKib",
            value=waf.body_limit_kib,
            rule=f"in front of a load balancer WAF sees {seen} KiB of a body and no more",
            instead=f"write {seen}, and name the paths that take more in waf.largeBodyPaths",
        )
    paths = [rate.path for rate in waf.path_rate_limits]
    for position, path in enumerate(paths):
        if any(waf_rules.same_rule(path, earlier) for earlier in paths[:position]):
            yield Problem(
                key=f"waf.pathRateLimits[{position}].path",
                value=path,
                rule="each path has one limit, and none differs from another by punctuation alone",
                instead="remove it",
            )
    denied = [ipaddress.ip_network(text) for text in waf.denied_ranges]
    for position, text in enumerate(waf.allowed_ranges):
        allowed = ipaddress.ip_network(text)
        wider = [
            item
            for item in denied
            if item.version == allowed.version and allowed.subnet_of(item)  # type: ignore[arg-type]
        ]
        if wider:
            yield Problem(
                key=f"waf.allowedRanges[{position}]",
                value=text,
                rule=f"a denied range wins, and {wider[0]} holds all of it",
                instead="remove it, or deny less",
            )
