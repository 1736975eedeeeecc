"""The web application firewall in front of a load balancer or a distribution."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import waf_rules


class WebAclScope(StrEnum):
    """What a web ACL can stand in front of."""

    REGIONAL = "REGIONAL"
    """Load balancers in the stack's region."""
    CLOUDFRONT = "CLOUDFRONT"
    """Distributions; AWS keeps these ACLs in us-east-1."""


class PathRateLimitArgs(TypedDict):
    """A tighter limit for part of the API, such as its login."""

    path: str
    """Prefix of the path, starting with `/`."""
    limit: int
    """Requests that one address may make there in five minutes."""


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
    rate_limit: NotRequired[int]
    """Requests that one address may make in five minutes. Defaults to 2000: about seven a second,
    above what one API client needs and below what one host can flood."""
    path_rate_limits: NotRequired[Sequence[PathRateLimitArgs]]
    """Tighter limits by path. Defaults to none."""
    large_body_paths: NotRequired[Sequence[str]]
    """Path prefixes that accept bodies longer than WAF inspects. Defaults to none."""
    allowed_cidrs: NotRequired[Sequence[str]]
    """IPv4 ranges that no other rule looks at. Defaults to none."""
    denied_cidrs: NotRequired[Sequence[str]]
    """IPv4 ranges that are always blocked. Defaults to none."""
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
    """Dimension `WebACL` of the ACL's metrics."""
    log_group_name: pulumi.Output[str]
    """Where matched requests are logged."""

    def __init__(
        self, name: str, args: WebAclArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        _rules(name, args, {})  # refuses a bad limit before anything is registered
        super().__init__("babyrobots:index:WebAcl", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = args.get("tags", {})
        scope = args.get("scope", WebAclScope.REGIONAL).value
        # AWS keeps everything of the scope CLOUDFRONT in us-east-1.
        region = "us-east-1" if scope == WebAclScope.CLOUDFRONT.value else args["region"]

        sets = {
            kind: _ip_set(f"{name}-{kind}", cidrs, scope, region, tags, child)
            for kind, cidrs in (
                ("allowed", args.get("allowed_cidrs", ())),
                ("denied", args.get("denied_cidrs", ())),
            )
            if cidrs
        }
        acl = aws.wafv2.WebAcl(
            f"{name}-acl",
            region=region,
            scope=scope,
            description=f"Guards {name}",
            default_action={"allow": {}},
            rule_json=_rule_json(name, args, sets),
            visibility_config={
                "cloudwatch_metrics_enabled": True,
                "metric_name": name,
                "sampled_requests_enabled": True,
            },
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
            policy_document=_delivery_policy(log_group.arn, args["account_id"], region),
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
            # WAF checks that it may write before it accepts the configuration.
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[delivery])),
        )

        self.arn = acl.arn
        self.name = acl.name
        self.log_group_name = log_group.name
        self.register_outputs(
            {"arn": self.arn, "name": self.name, "log_group_name": self.log_group_name}
        )


def _ip_set(
    name: str,
    cidrs: Sequence[str],
    scope: str,
    region: str,
    tags: Mapping[str, str],
    child: pulumi.ResourceOptions,
) -> aws.wafv2.IpSet:
    return aws.wafv2.IpSet(
        name,
        region=region,
        scope=scope,
        ip_address_version="IPV4",
        addresses=sorted(cidrs),
        tags=tags,
        opts=child,
    )


def _rule_json(
    name: str, args: WebAclArgs, sets: Mapping[str, aws.wafv2.IpSet]
) -> pulumi.Output[str]:
    # Text instead of typed arguments: translating WAF's nested types costs more than the program.
    arns: Any = {kind: ip_set.arn for kind, ip_set in sets.items()}
    return pulumi.Output.from_input(arns).apply(
        lambda known: waf_rules.to_json(_rules(name, args, known))
    )


def _rules(name: str, args: WebAclArgs, set_arns: Mapping[str, str]) -> list[dict[str, Any]]:
    return waf_rules.rules(
        name,
        block=args.get("block", True),
        rate_limit=args.get("rate_limit", 2000),
        path_rate_limits=[
            (item["path"], item["limit"]) for item in args.get("path_rate_limits", ())
        ],
        large_body_paths=args.get("large_body_paths", ()),
        allowed_set_arns=[set_arns[kind] for kind in ("allowed",) if kind in set_arns],
        denied_set_arns=[set_arns[kind] for kind in ("denied",) if kind in set_arns],
    )


def _delivery_policy(
    log_group_arn: pulumi.Input[str], account_id: pulumi.Input[str], region: str
) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "WafLogDelivery",
                    "Effect": "Allow",
                    "Principal": {"Service": "delivery.logs.amazonaws.com"},
                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": pulumi.Output.concat(log_group_arn, ":*"),
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": account_id},
                        "ArnLike": {
                            "aws:SourceArn": pulumi.Output.concat(
                                "arn:aws:logs:", region, ":", account_id, ":*"
                            )
                        },
                    },
                }
            ],
        }
    )
