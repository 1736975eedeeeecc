"""The web application firewall in front of a load balancer or a distribution."""

import ipaddress
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import waf_rules
from components.vended_logs import delivery_policy
from components.waf_rules import ManagedGroup, WafEffect

_LOG_ONLY_MATCHES: Any = {
    "default_behavior": "DROP",
    "filters": [
        {
            "behavior": "KEEP",
            "requirement": "MEETS_ANY",
            "conditions": [
                {"action_condition": {"action": action}} for action in ("BLOCK", "COUNT")
            ],
        }
    ],
}
"""What passes without a match is in the access logs already, at a fraction of the price."""


class WebAclScope(StrEnum):
    """What a web ACL can stand in front of."""

    REGIONAL = "REGIONAL"
    """Load balancers in the stack's region."""
    CLOUDFRONT = "CLOUDFRONT"
    """Distributions; AWS keeps these ACLs in us-east-1."""


class PathRateLimitArgs(TypedDict):
    """A tighter limit for part of the API, such as its login."""

    path: str
    """One path, or a path and `/*`."""
    limit: int
    """Requests that one address may make there in five minutes."""
    effect: NotRequired[WafEffect]
    """What happens to those beyond it. Defaults to what the ACL does."""


class ManagedGroupArgs(TypedDict):
    """A group of rules that AWS maintains, and how it is used."""

    group: ManagedGroup
    """Which one."""
    effect: NotRequired[WafEffect]
    """What happens to requests that it matches. Defaults to what the ACL does."""
    counted_rules: NotRequired[Sequence[str]]
    """Rules of the group, by AWS's names, that only count: they match what clients rightly send.
    Defaults to none."""


class WebAclArgs(TypedDict):
    """What the caller decides. Everything else is this component's decision."""

    region: str
    """Region of the stack."""
    account_id: pulumi.Input[str]
    """Account that owns the ACL; log deliveries of any other are refused."""
    protected_arns: Mapping[str, pulumi.Input[str]]
    """ARNs of load balancers to protect, by a short name. Empty for the scope `CLOUDFRONT`, where
    the distribution names its ACL."""
    scope: NotRequired[WebAclScope]
    """Defaults to `REGIONAL`."""
    block: NotRequired[bool]
    """Whether matches are blocked or only counted. Defaults to True; a stage that rehearses a rule
    before it blocks says False."""
    managed_groups: NotRequired[Sequence[ManagedGroupArgs]]
    """AWS's groups. Defaults to all but bot control, which costs extra."""
    rate_limit: NotRequired[int]
    """Requests that one address may make in five minutes. Defaults to 2000: about seven a second,
    above what one API client needs and below what one host can flood."""
    rate_effect: NotRequired[WafEffect]
    """What happens to those beyond it. Defaults to what the ACL does."""
    path_rate_limits: NotRequired[Sequence[PathRateLimitArgs]]
    """Tighter limits by path. Defaults to none."""
    body_limit_kib: NotRequired[int]
    """Largest body in KiB, 1 to 8 for a load balancer and to 64 for a distribution, where more than
    16 costs extra. Defaults to 8. WAF sees no more of a body than this, so an attack could hide
    behind it."""
    body_effect: NotRequired[WafEffect]
    """What happens to a larger one. Defaults to what the ACL does."""
    large_body_paths: NotRequired[Sequence[str]]
    """Paths, or prefixes that end in `/*`, that take larger bodies. Defaults to none."""
    allowed_cidrs: NotRequired[Sequence[str]]
    """IPv4 and IPv6 ranges that no other rule looks at. Defaults to none."""
    denied_cidrs: NotRequired[Sequence[str]]
    """IPv4 and IPv6 ranges that are always blocked, even inside one that is allowed. Defaults to
    none."""
    log_retention_days: NotRequired[int]
    """Days that logged requests are kept. Defaults to 365, the least that PCI DSS 10.5.1 asks."""
    logs_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Customer key of the log group. Defaults to none: CloudWatch Logs encrypts with its own."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class WebAcl(pulumi.ComponentResource):
    """Managed rule groups, rate limits and address lists; logs what they matched, redacted."""

    arn: pulumi.Output[str]
    """What a distribution names as its ACL."""
    name: pulumi.Output[str]
    """Name of the ACL."""
    metric_name: pulumi.Output[str]
    """Dimension `WebACL` of the ACL's metrics; each rule's name is their dimension `Rule`."""
    log_group_name: pulumi.Output[str]
    """Where matched requests are logged."""

    def __init__(
        self, name: str, args: WebAclArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses limits, paths and ranges that AWS WAF would refuse."""
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:WebAcl", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = args.get("tags", {})
        scope = args.get("scope", WebAclScope.REGIONAL).value
        # AWS keeps everything of the scope CLOUDFRONT in us-east-1.
        region = "us-east-1" if scope == WebAclScope.CLOUDFRONT.value else args["region"]
        # Two stacks of one account would otherwise be one line in the same graph.
        metric_name = f"{name}-{pulumi.get_stack()}".replace(".", "-")

        sets = {
            f"{kind}-{family}": _ip_set(
                f"{name}-{kind}-{family}", ranges, scope, region, tags, child
            )
            for kind, cidrs in (
                ("denied", args.get("denied_cidrs", ())),
                ("allowed", args.get("allowed_cidrs", ())),
            )
            for family, ranges in _by_family(cidrs).items()
        }
        acl = aws.wafv2.WebAcl(
            f"{name}-acl",
            region=region,
            scope=scope,
            description=f"Guards {name}",
            default_action={"allow": {}},
            rule_json=_rule_json(args, sets),
            visibility_config={
                "cloudwatch_metrics_enabled": True,
                "metric_name": metric_name,
                "sampled_requests_enabled": True,
            },
            **_inspection(args),
            tags=tags,
            opts=child,
        )
        for role, arn in args["protected_arns"].items():
            aws.wafv2.WebAclAssociation(
                f"{name}-{role}", region=region, resource_arn=arn, web_acl_arn=acl.arn, opts=child
            )

        log_group = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            region=region,
            # WAF delivers only to groups whose name starts with this prefix.
            # https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
            name_prefix=f"aws-waf-logs-{name}-",
            retention_in_days=args.get("log_retention_days", 365),
            kms_key_id=args.get("logs_kms_key_arn"),
            tags=tags,
            opts=child,
        )
        delivery = aws.cloudwatch.LogResourcePolicy(
            f"{name}-delivery",
            region=region,
            policy_name=f"{name}-waf-{pulumi.get_stack()}",
            policy_document=delivery_policy(log_group.arn, args["account_id"], region),
            opts=child,
        )
        aws.wafv2.WebAclLoggingConfiguration(
            f"{name}-logging",
            region=region,
            resource_arn=acl.arn,
            log_destination_configs=[log_group.arn],
            redacted_fields=[
                {"single_header": {"name": "authorization"}},
                {"single_header": {"name": "cookie"}},
            ],
            logging_filter=_LOG_ONLY_MATCHES,
            # WAF checks that it may write before it accepts the configuration.
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[delivery])),
        )

        self.arn = acl.arn
        self.name = acl.name
        self.metric_name = pulumi.Output.from_input(metric_name)
        self.log_group_name = log_group.name
        # For a caller in the same program, which watches each rule.
        self.effects = waf_rules.effects(_rules(args, {key: key for key in sets}))
        self.register_outputs({key: getattr(self, key) for key in type(self).__annotations__})


def _by_family(cidrs: Sequence[str]) -> dict[str, list[str]]:
    """Ranges as AWS writes them, by the family that an IP set is of."""
    networks = sorted({ipaddress.ip_network(cidr) for cidr in cidrs}, key=str)
    found = {
        family: [str(network) for network in networks if network.version == version]
        for family, version in (("ipv4", 4), ("ipv6", 6))
    }
    return {family: ranges for family, ranges in found.items() if ranges}


def _ip_set(
    name: str,
    ranges: Sequence[str],
    scope: str,
    region: str,
    tags: Mapping[str, str],
    child: pulumi.ResourceOptions,
) -> aws.wafv2.IpSet:
    return aws.wafv2.IpSet(
        name,
        region=region,
        scope=scope,
        ip_address_version="IPV6" if name.endswith("-ipv6") else "IPV4",
        addresses=ranges,
        tags=tags,
        opts=child,
    )


def _rule_json(args: WebAclArgs, sets: Mapping[str, aws.wafv2.IpSet]) -> pulumi.Output[str]:
    # Text instead of typed arguments: translating WAF's nested types costs more than the program.
    arns: Any = {key: ip_set.arn for key, ip_set in sets.items()}
    return pulumi.Output.from_input(arns).apply(
        lambda known: waf_rules.to_json(_rules(args, known))
    )


def _rules(args: WebAclArgs, set_arns: Mapping[str, str]) -> list[dict[str, Any]]:
    def of_kind(kind: str) -> dict[str, str]:
        start = f"{kind}-"
        return {
            key.removeprefix(start): arn for key, arn in set_arns.items() if key.startswith(start)
        }

    return waf_rules.rules(
        effect=WafEffect.BLOCK if args.get("block", True) else WafEffect.COUNT,
        rate_limit=args.get("rate_limit", 2000),
        rate_effect=args.get("rate_effect"),
        path_rates=_path_rates(args),
        body_limit_kib=_body_limit(args),
        body_effect=args.get("body_effect"),
        large_body_paths=args.get("large_body_paths", ()),
        groups=_groups(args),
        denied_set_arns=of_kind("denied"),
        allowed_set_arns=of_kind("allowed"),
    )


def _path_rates(args: WebAclArgs) -> list[waf_rules.PathRate]:
    return [waf_rules.PathRate(**item) for item in args.get("path_rate_limits", ())]


def _groups(args: WebAclArgs) -> list[waf_rules.Managed]:
    default: list[ManagedGroupArgs] = [{"group": group} for group in waf_rules.DEFAULT_GROUPS]
    return [waf_rules.Managed(**item) for item in args.get("managed_groups", default)]


def _body_limit(args: WebAclArgs) -> int:
    return args.get("body_limit_kib", waf_rules.INSPECTED_KIB_REGIONAL)


def _inspection(args: WebAclArgs) -> dict[str, Any]:
    """Asks WAF to look at more of a body than it does by itself."""
    limit = waf_rules.inspection_limit(_body_limit(args))
    if not limit:
        return {}
    of_distributions = {"cloudfront": {"default_size_inspection_limit": limit}}
    return {"association_config": {"request_bodies": [of_distributions]}}


def _refuse_mistakes(name: str, args: WebAclArgs) -> None:
    for_distributions = args.get("scope") is WebAclScope.CLOUDFRONT
    problems = waf_rules.problems(
        rate_limit=args.get("rate_limit", 2000),
        path_rates=_path_rates(args),
        body_limit_kib=_body_limit(args),
        most_body_kib=waf_rules.INSPECTED_KIB_MOST
        if for_distributions
        else waf_rules.INSPECTED_KIB_REGIONAL,
        large_body_paths=args.get("large_body_paths", ()),
    )
    if for_distributions and args["protected_arns"]:
        problems.append("protected_arns is for load balancers; a distribution names its ACL")
    for key in ("allowed_cidrs", "denied_cidrs"):
        for cidr in args.get(key, ()):
            try:
                prefix = ipaddress.ip_network(cidr).prefixlen
            except ValueError as error:
                problems.append(f"{key} has {cidr!r}: {error}")
            else:
                if not prefix:
                    problems.append(f"{key} has {cidr!r}, which is everyone; an IP set takes no /0")
    if problems:
        raise ValueError(f"WebAcl {name!r}: " + "; ".join(problems))
