"""The way in: names, certificate, load balancer, firewall."""

import dataclasses
from typing import Any

import pulumi

from components import alarm_rules
from components.alarm_topic import AlarmTopic
from components.alarms import AlarmsArgs
from components.alb_route import ExposeArgs
from components.dns_alias import AliasArgs
from components.dns_zone import DnsZone, DnsZoneArgs
from components.encryption_key import EncryptionKey
from components.network import Network
from components.public_alb import PublicAlb, PublicAlbArgs
from components.waf_rules import WafEffect
from components.web_acl import WebAcl, WebAclArgs
from configuration.services import Kind, Service
from settings import Settings

DRAINING_MARGIN = 15
"""Seconds by which a target group drains longer than its tasks take to stop."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Edge:
    """Arguments of the way in."""

    settings: Settings
    account_id: pulumi.Input[str]

    def dns_zone(self, logs_key: EncryptionKey | None) -> DnsZoneArgs:
        """Zone and certificate; the key, when queries are logged, is of us-east-1."""
        settings = self.settings
        args: DnsZoneArgs = {
            "zone_name": settings.zone_name,
            "zone_id": settings.zone_id,
            "hostnames": settings.hostnames,
            "region": settings.region,
            "caa_issuers": settings.caa_issuers,
            # The emulator wants the log group's ARN with `:*`, which the provider takes off.
            "query_logging": settings.dns_query_logging and not settings.emulated,
            "query_log_retention_days": settings.profile.log_retention_days,
            "protect": settings.profile.protect,
        }
        if logs_key is not None:
            args["query_log_kms_key_arn"] = logs_key.arn
        return args

    def public_alb(self, network: Network, zone: DnsZone) -> PublicAlbArgs:
        """The load balancer."""
        profile = self.settings.profile
        return {
            "vpc_id": network.vpc_id,
            "subnet_ids": network.public_subnet_ids,
            "certificate_arn": zone.certificate_arn,
            "account_id": self.account_id,
            "region": self.settings.region,
            "ipv6": self.settings.ipv6,
            "deletion_protection": profile.deletion_protection,
            "force_destroy_logs": profile.force_destroy,
            "log_retention_days": profile.log_retention_days,
        }

    def health_paths(self) -> dict[str, str]:
        """Every public host name, and the path that answers there when all is well."""
        paths = {hostname: "" for hostname in self.settings.hostnames}
        for service in self.settings.of_kind(Kind.PUBLIC):
            hostname = self.settings.host_of(service)
            paths[hostname] = paths[hostname] or service.health_check.path
        return paths

    def health_urls(self) -> dict[str, str]:
        """What a deployment asks over HTTPS before it calls itself done, by service."""
        return {
            service.name: f"https://{self.settings.host_of(service)}{service.health_check.path}"
            for service in self.settings.of_kind(Kind.PUBLIC)
        }

    def alias(self, alb: PublicAlb, hostname: str, health_path: str) -> AliasArgs:
        """One public name, and what its health check asks for."""
        return {
            "hostname": hostname,
            "target_dns_name": alb.dns_name,
            "target_zone_id": alb.zone_id,
            "health_check_path": health_path,
        }

    def web_acl(self, alb: PublicAlb, logs_key: EncryptionKey) -> WebAclArgs:
        """The firewall in front of the load balancer."""
        settings, waf = self.settings, self.settings.waf
        args: WebAclArgs = {
            "region": settings.region,
            "account_id": self.account_id,
            "protected_arns": {"alb": alb.arn},
            # What would hurt users in production shows up in staging's count first.
            "block": settings.profile.web_acl_blocks,
            "managed_groups": [
                _with_effect({"group": group, "counted_rules": chosen.counted_rules}, chosen.action)
                for group, chosen in waf.groups.items()
            ],
            "rate_limit": waf.rate_limit,
            "path_rate_limits": [
                _with_effect({"path": rate.path, "limit": rate.limit}, rate.action)
                for rate in waf.path_rate_limits
            ],
            "body_limit_kib": waf.body_limit_kib,
            "large_body_paths": waf.large_body_paths,
            "allowed_cidrs": waf.allowed_ranges,
            "denied_cidrs": waf.denied_ranges,
            "log_retention_days": settings.profile.log_retention_days,
            "logs_kms_key_arn": logs_key.arn,
        }
        if waf.rate_action is not None:
            args["rate_effect"] = waf.rate_action
        if waf.body_action is not None:
            args["body_effect"] = waf.body_action
        return args

    def web_acl_alarms(self, acl: WebAcl, topic: AlarmTopic) -> AlarmsArgs:
        """What the firewall refuses more often than scanners explain."""
        rules = alarm_rules.web_acl(acl.metric_name, self.settings.region, acl.effects)
        return {"rules": rules, "topic_arn": topic.arn}


def _with_effect(args: Any, effect: WafEffect | None) -> Any:
    return args if effect is None else {**args, "effect": effect}


def exposure(settings: Settings, service: Service) -> ExposeArgs:
    """What a public service asks of the load balancer."""
    rule = settings.listener_rule_of(service)
    check = service.health_check
    exposed: ExposeArgs = {
        "port": service.port or 0,
        "hosts": [settings.host_of(service)],
        "paths": service.public.paths if service.public else (),
        "health_check_path": check.path,
        "health_check_matcher": check.matcher,
        "health_check_interval_seconds": check.interval_seconds,
        "deregistration_delay_seconds": draining_seconds(service),
    }
    if rule.slot is not None:
        exposed["slot"] = rule.slot
    return exposed


def draining_seconds(service: Service) -> int:
    """How long the load balancer lets a leaving task finish: longer than it takes to stop."""
    return service.stop_timeout_seconds + DRAINING_MARGIN


def slug(hostname: str) -> str:
    """A host name as part of a resource's name."""
    return hostname.replace("*", "any").replace(".", "-")
