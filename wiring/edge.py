"""The way in: names, certificates, distribution, load balancer, firewall."""

import dataclasses
from typing import Any

import pulumi
import pulumi_aws as aws

from components import alarm_rules
from components.alarm_topic import AlarmTopic
from components.alarms import AlarmsArgs
from components.alb_route import ExposeArgs
from components.content_delivery import (
    CLOUDFRONT_PREFIX_LIST,
    ContentDelivery,
    ContentDeliveryArgs,
)
from components.dns_alias import AliasArgs
from components.dns_zone import DnsZone, DnsZoneArgs
from components.encryption_key import EncryptionKey
from components.network import Network
from components.public_alb import PublicAlb, PublicAlbArgs
from components.waf_rules import WafEffect
from components.web_acl import WebAcl, WebAclArgs, WebAclScope
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
        """Zone and certificates; the key, when there is one, is of us-east-1."""
        settings = self.settings
        args: DnsZoneArgs = {
            "zone_name": settings.zone_name,
            "zone_id": settings.zone_id,
            "hostnames": settings.hostnames,
            "region": settings.region,
            "caa_issuers": settings.caa_issuers,
            "us_east_1_certificate": settings.cdn_enabled,
            # The emulator wants the log group's ARN with `:*`, which the provider takes off.
            "query_logging": settings.dns_query_logging and not settings.emulated,
            "query_log_retention_days": settings.profile.log_retention_days,
            "protect": settings.profile.protect,
        }
        if logs_key is not None and settings.dns_query_logging:
            args["query_log_kms_key_arn"] = logs_key.arn
        return args

    @property
    def faraway_logs(self) -> bool:
        """Whether something keeps its logs in us-east-1, where CloudFront and Route 53 must."""
        return self.settings.cdn_enabled or self.settings.dns_query_logging

    def public_alb(
        self, network: Network, zone: DnsZone, lookups: pulumi.InvokeOptions
    ) -> PublicAlbArgs:
        """The load balancer: behind CloudFront when that is on, otherwise on the internet."""
        profile, distributed = self.settings.profile, self.settings.cdn_enabled
        args: PublicAlbArgs = {
            "vpc_id": network.vpc_id,
            "subnet_ids": network.private_subnet_ids if distributed else network.public_subnet_ids,
            "certificate_arn": zone.certificate_arn,
            "account_id": self.account_id,
            "region": self.settings.region,
            "internal": distributed,
            # CloudFront speaks IPv6 with its viewers and IPv4 inside the VPC.
            "ipv6": self.settings.ipv6 and not distributed,
            "deletion_protection": profile.deletion_protection,
            "force_destroy_logs": profile.force_destroy,
            "log_retention_days": profile.log_retention_days,
        }
        if distributed:
            args["ingress_prefix_list_id"] = aws.ec2.get_managed_prefix_list_output(
                name=CLOUDFRONT_PREFIX_LIST, opts=lookups
            ).id
        return args

    def content_delivery(
        self, alb: PublicAlb, acl: WebAcl, zone: DnsZone, logs_key: EncryptionKey
    ) -> ContentDeliveryArgs:
        """The distribution in front of the load balancer; the key is of us-east-1."""
        settings, cdn = self.settings, self.settings.cdn
        return {
            "hostnames": settings.hostnames,
            "certificate_arn": zone.us_east_1_certificate_arn,
            "web_acl_arn": acl.arn,
            "load_balancer_arn": alb.arn,
            "load_balancer_dns_name": alb.dns_name,
            "account_id": self.account_id,
            "cached_paths": [
                {"path": item.path, "ttl_seconds": item.ttl_seconds} for item in cdn.cached_paths
            ],
            "price_class": cdn.price_class,
            "minimum_tls": cdn.minimum_tls,
            "content_security_policy": cdn.content_security_policy,
            "response_timeout_seconds": cdn.response_timeout_seconds,
            "log_retention_days": settings.profile.log_retention_days,
            "logs_kms_key_arn": logs_key.arn,
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

    def alias(
        self, target: PublicAlb | ContentDelivery, hostname: str, health_path: str
    ) -> AliasArgs:
        """One public name, and what its health check asks for all the way through."""
        distributed = isinstance(target, ContentDelivery)
        return {
            "hostname": hostname,
            "target_dns_name": target.domain_name if distributed else target.dns_name,
            "target_zone_id": target.zone_id,
            # Route 53 does not ask a distribution for its health.
            "evaluate_target_health": not distributed,
            "health_check_path": health_path,
        }

    def web_acl(self, alb: PublicAlb, logs_key: EncryptionKey) -> WebAclArgs:
        """The firewall in front of whatever is the way in; the key is of its region."""
        settings, waf = self.settings, self.settings.waf
        distributed = settings.cdn_enabled
        args: WebAclArgs = {
            "region": settings.region,
            "account_id": self.account_id,
            "scope": WebAclScope.CLOUDFRONT if distributed else WebAclScope.REGIONAL,
            "protected_arns": {} if distributed else {"alb": alb.arn},
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
        if self.settings.cdn_enabled:
            return {
                "rules": alarm_rules.web_acl(acl.metric_name, "", acl.effects),
                "topic_arn": topic.arn,
                "region": "us-east-1",
            }
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


def distribution_alarms(cdn: ContentDelivery, topic: AlarmTopic) -> AlarmsArgs:
    """What users of the distribution see going wrong; its metrics are in us-east-1."""
    rules = alarm_rules.distribution(cdn.distribution_id)
    return {"rules": rules, "topic_arn": topic.arn, "region": "us-east-1"}
