"""A hostname that leads to a load balancer or a distribution, and a watch on it from outside."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

# https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html
_INTERVALS = (10, 30)
_FEWEST_REGIONS = 3
_LONGEST_PATH = _LONGEST_SEARCH = 255


class AliasArgs(TypedDict):
    """Where a hostname leads, and how Route 53 finds out whether it is alive."""

    hostname: str
    """Full hostname, not relative to the zone; it may be the zone's own name."""
    target_dns_name: pulumi.Input[str]
    """DNS name of the load balancer or distribution."""
    target_zone_id: pulumi.Input[str]
    """Hosted zone of the target: the load balancer's, not ours."""
    evaluate_target_health: NotRequired[bool]
    """Whether an unhealthy target takes the record out of answers. Defaults to true. CloudFront
    accepts only false: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-alias.html"""
    health_check_path: NotRequired[str]
    """Path that the health check asks for over HTTPS; "" means no health check. Defaults to
    `/health`. It must answer 2xx or 3xx within four seconds."""
    health_check_search: NotRequired[str]
    """Text that must be in the first 5120 bytes of the answer. Defaults to none: any body does."""
    health_check_interval: NotRequired[int]
    """Seconds between two requests of one checker, 10 or 30. Defaults to 30, because 10 costs extra
    and is for failover; changing it replaces the check: https://aws.amazon.com/route53/pricing/"""
    health_check_failures: NotRequired[int]
    """Consecutive failures, 1 to 10, after which a checker calls the endpoint unhealthy. Defaults
    to 3, as Route 53's own."""
    health_check_regions: NotRequired[Sequence[str]]
    """Three or more of the eight regions that checkers are in. Defaults to all of them, which is
    what Route 53 recommends."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for the health check. Defaults to none."""


class DnsAliasArgs(TypedDict):
    """An alias, and the zone it is in."""

    zone_id: pulumi.Input[str]
    """Hosted zone that gets the records."""
    alias: AliasArgs
    """Where the hostname leads, and how it is watched."""


class DnsAlias(pulumi.ComponentResource):
    """A and AAAA alias records, with an HTTPS health check of what answers behind them."""

    hostname: pulumi.Output[str]
    """The hostname, once its records exist."""
    health_check_id: pulumi.Output[str]
    """Health check, for an alarm on its metric, which is in us-east-1; "" when there is none."""

    def __init__(
        self, name: str, args: DnsAliasArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses, with every reason at once, what Route 53 would refuse."""
        alias = args["alias"]
        _refuse_mistakes(name, alias)
        super().__init__("babyrobots:index:DnsAlias", name, {}, opts)
        # Both always: an alias to a load balancer without IPv6 answers AAAA with nothing, and needs
        # no change on the day that it has it.
        a_record, _ = (
            self._record(f"{name}-{kind.lower()}", kind, args["zone_id"], alias)
            for kind in ("A", "AAAA")
        )
        health_check = self._health_check(name, alias) if _path(alias) else None

        self.hostname = a_record.name
        self.health_check_id = health_check.id if health_check else pulumi.Output.from_input("")
        self.register_outputs({"hostname": self.hostname, "health_check_id": self.health_check_id})

    def _record(
        self, name: str, kind: str, zone_id: pulumi.Input[str], alias: AliasArgs
    ) -> aws.route53.Record:
        return aws.route53.Record(
            name,
            zone_id=zone_id,
            name=alias["hostname"],
            type=kind,
            aliases=[
                {
                    "name": alias["target_dns_name"],
                    "zone_id": alias["target_zone_id"],
                    "evaluate_target_health": alias.get("evaluate_target_health", True),
                }
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _health_check(self, name: str, alias: AliasArgs) -> aws.route53.HealthCheck:
        search = alias.get("health_check_search", "")
        regions = alias.get("health_check_regions")
        return aws.route53.HealthCheck(
            f"{name}-health",
            type="HTTPS_STR_MATCH" if search else "HTTPS",
            fqdn=alias["hostname"],
            port=443,
            # The load balancer chooses its certificate, and CloudFront its distribution, by it.
            enable_sni=True,
            resource_path=_path(alias),
            search_string=search or None,
            request_interval=alias.get("health_check_interval", 30),
            failure_threshold=alias.get("health_check_failures", 3),
            regions=sorted(regions) if regions else None,
            tags={"Name": alias["hostname"], **alias.get("tags", {})},
            opts=pulumi.ResourceOptions(parent=self),
        )


def _path(alias: AliasArgs) -> str:
    return alias.get("health_check_path", "/health")


def _refuse_mistakes(name: str, alias: AliasArgs) -> None:
    problems = []
    path, search = _path(alias), alias.get("health_check_search", "")
    if path and (not path.startswith("/") or len(path) > _LONGEST_PATH):
        problems.append(f"health_check_path is {path!r}; write up to 255 characters after a /")
    if path and alias["hostname"].startswith("*."):
        problems.append(
            f"{alias['hostname']} is a wildcard, which cannot be asked for its health; set"
            ' health_check_path to ""'
        )
    if len(search) > _LONGEST_SEARCH:
        problems.append(f"health_check_search has {len(search)} characters; at most 255 work")
    if (interval := alias.get("health_check_interval", 30)) not in _INTERVALS:
        problems.append(f"health_check_interval is {interval}; Route 53 offers 10 and 30")
    if not 1 <= (failures := alias.get("health_check_failures", 3)) <= 10:
        problems.append(f"health_check_failures is {failures}; choose 1 to 10")
    regions = alias.get("health_check_regions")
    if regions is not None and len(set(regions)) < _FEWEST_REGIONS:
        problems.append(f"health_check_regions has {len(set(regions))}; name three or more")
    if problems:
        raise ValueError(f"DnsAlias {name!r}: " + "; ".join(problems))
