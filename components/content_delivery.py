"""The edge of the system: a CloudFront distribution in front of the API and of its assets."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import cache_behaviors
from components.delivery_choices import (
    DEFAULT_CONTENT_SECURITY_POLICY,
    MinimumTls,
    PriceClass,
)
from components.distribution_log import DistributionLog, DistributionLogArgs

API, ASSETS = "api", "assets"
"""Ids of the two origins."""
_CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html"""
_ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html"""
CLOUDFRONT_PREFIX_LIST = "com.amazonaws.global.cloudfront.origin-facing"
"""Where CloudFront's connections to origins come from, those into a VPC included:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html"""


class AssetsOriginArgs(TypedDict):
    """A bucket of files that never change under one name."""

    bucket_domain_name: pulumi.Input[str]
    """Regional domain name of the bucket. Its policy must admit the distribution, see
    `ContentDelivery.read_statement`."""
    paths: NotRequired[Sequence[str]]
    """Paths that lead to the bucket, which are also its keys. Defaults to `/assets/*`."""
    ttl_seconds: NotRequired[int]
    """Seconds that an object without Cache-Control is kept. Defaults to 30 days; one that says how
    long is kept that long, up to a year."""
    unavailable_page: NotRequired[str]
    """Path of an object that is answered when the API does not: for 502, 503 and 504. Defaults to
    "", none: a client of the API reads the load balancer's own answer."""


class CachedPathArgs(TypedDict):
    """Part of the API whose answers are the same for everybody."""

    path: str
    """One path, or a prefix that ends in `/*`. Neither cookies nor Authorization reach the API
    there, so that no answer for one is kept for another; and it can only be read."""
    ttl_seconds: int
    """Seconds that an answer without Cache-Control is kept, 1 to 31536000."""


class ContentDeliveryArgs(TypedDict):
    """What the caller decides. Everything else is this component's decision."""

    hostnames: Sequence[str]
    """Names that the distribution answers to, all on the certificate."""
    certificate_arn: pulumi.Input[str]
    """ACM certificate of those names, in us-east-1."""
    web_acl_arn: pulumi.Input[str]
    """Web ACL of the scope `CLOUDFRONT`."""
    load_balancer_arn: pulumi.Input[str]
    """Internal load balancer of the API. It must admit the prefix list of CloudFront and have a
    certificate of the same names."""
    load_balancer_dns_name: pulumi.Input[str]
    """Its DNS name."""
    account_id: pulumi.Input[str]
    """Account of the distribution: its logs are taken from no other."""
    assets: NotRequired[AssetsOriginArgs]
    """Bucket of files. Defaults to none."""
    cached_paths: NotRequired[Sequence[CachedPathArgs]]
    """Parts of the API that are cached. Defaults to none: an API's answers are whoever asked's."""
    price_class: NotRequired[PriceClass]
    """Where it answers. Defaults to Europe and North America."""
    minimum_tls: NotRequired[MinimumTls]
    """The oldest TLS. Defaults to `TLSv1.2_2021`: https://docs.aws.amazon.com/securityhub/latest/userguide/cloudfront-controls.html#cloudfront-15"""
    content_security_policy: NotRequired[str]
    """Header of answers that have none of their own. Defaults to loading and framing nothing."""
    response_timeout_seconds: NotRequired[int]
    """Seconds that the API has to begin its answer, 1 to 120. Defaults to 30:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html"""
    log_retention_days: NotRequired[int]
    """Days that requests are kept. Defaults to 365."""
    logs_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key in us-east-1 that encrypts the log. Defaults to CloudWatch's own encryption."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class ContentDelivery(pulumi.ComponentResource):
    """A distribution, the only way to an internal load balancer and to a bucket.

    Requests reach the load balancer inside the VPC, over TLS; it has no address on the internet
    that anybody could go to instead.
    """

    distribution_id: pulumi.Output[str]
    """Id of the distribution, the dimension of its metrics."""
    arn: pulumi.Output[str]
    """ARN of the distribution, for the policy of a bucket that it reads."""
    domain_name: pulumi.Output[str]
    """Name that an alias record points at."""
    zone_id: pulumi.Output[str]
    """Hosted zone of that name, for an alias record."""
    log_group_name: pulumi.Output[str]
    """Log group of the requests, in us-east-1."""

    def __init__(
        self, name: str, args: ContentDeliveryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses paths, times and timeouts that CloudFront refuses, or that would mislead."""
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:ContentDelivery", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}

        headers = aws.cloudfront.ResponseHeadersPolicy(
            f"{name}-headers",
            comment=f"Security headers of {name}",
            security_headers_config=_security_headers(args),
            # What the service is made of is nobody's business.
            remove_headers_config={"items": [{"header": "Server"}, {"header": "X-Powered-By"}]},
            opts=child,
        )
        vpc_origin = aws.cloudfront.VpcOrigin(
            f"{name}-origin",
            vpc_origin_endpoint_config=_endpoint(name, args),
            tags=tags,
            # CloudFront changes no origin that a distribution uses (CannotUpdateEntityWhileInUse):
            # the new one is put in the distribution before the old one goes.
            opts=pulumi.ResourceOptions(
                parent=self, replace_on_changes=["vpcOriginEndpointConfig"]
            ),
        )
        origins: list[Any] = [_api_origin(args, vpc_origin.id)]
        if "assets" in args:
            origins.append(_assets_origin(name, args["assets"], child))

        distribution = aws.cloudfront.Distribution(
            f"{name}-distribution",
            comment=f"{name} of {pulumi.get_project()} {pulumi.get_stack()}",
            enabled=True,
            aliases=list(args["hostnames"]),
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class=args.get("price_class", PriceClass.EUROPE_AND_NORTH_AMERICA).value,
            web_acl_id=args["web_acl_arn"],
            viewer_certificate={
                "acm_certificate_arn": args["certificate_arn"],
                "minimum_protocol_version": args.get("minimum_tls", MinimumTls.TLS_1_2_2021).value,
                "ssl_support_method": "sni-only",
            },
            origins=origins,
            default_cache_behavior=_uncached(headers.id),
            ordered_cache_behaviors=_cached(name, args, headers.id, child),
            custom_error_responses=_error_responses(args),
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            tags=tags,
            opts=child,
        )
        log = DistributionLog(f"{name}-cdn", _log(args, distribution), child)

        self.distribution_id = distribution.id
        self.arn = distribution.arn
        self.domain_name = distribution.domain_name
        self.zone_id = distribution.hosted_zone_id
        self.log_group_name = log.log_group_name
        self.register_outputs({key: getattr(self, key) for key in type(self).__annotations__})

    def read_statement(self, bucket_arn: pulumi.Input[str]) -> pulumi.Output[dict[str, Any]]:
        """Statement for the policy of the assets' bucket: this distribution reads, no other."""
        return pulumi.Output.all(bucket_arn, self.arn).apply(
            lambda arns: cache_behaviors.read_statement(*arns)
        )


def _security_headers(args: ContentDeliveryArgs) -> Any:
    policy = args.get("content_security_policy", DEFAULT_CONTENT_SECURITY_POLICY)
    return {
        "strict_transport_security": {
            # A year, as the load balancer says it too.
            "access_control_max_age_sec": 31_536_000,
            "include_subdomains": True,
            "override": True,
        },
        "content_type_options": {"override": True},
        "frame_options": {"frame_option": "DENY", "override": True},
        # The service knows better, where it says something.
        "referrer_policy": {"referrer_policy": "no-referrer", "override": False},
        "content_security_policy": {"content_security_policy": policy, "override": False},
    }


def _endpoint(name: str, args: ContentDeliveryArgs) -> Any:
    arn = pulumi.Output.from_input(args["load_balancer_arn"])
    return {
        # Its own for each load balancer, so that two can be there while one replaces the other.
        "name": arn.apply(lambda known: f"{name}-{known.rpartition('/')[2]}"),
        "arn": arn,
        "http_port": 80,
        "https_port": 443,
        "origin_protocol_policy": "https-only",
        "origin_ssl_protocols": {"items": ["TLSv1.2"], "quantity": 1},
    }


def _api_origin(args: ContentDeliveryArgs, vpc_origin_id: pulumi.Output[str]) -> dict[str, Any]:
    return {
        "origin_id": API,
        "domain_name": args["load_balancer_dns_name"],
        "connection_attempts": 3,
        # Ten seconds would be most of a client's patience.
        "connection_timeout": 5,
        "vpc_origin_config": {
            "vpc_origin_id": vpc_origin_id,
            "origin_read_timeout": args.get("response_timeout_seconds", 30),
            # Below the minute after which the load balancer hangs up.
            "origin_keepalive_timeout": 30,
        },
    }


def _assets_origin(
    name: str, assets: AssetsOriginArgs, child: pulumi.ResourceOptions
) -> dict[str, Any]:
    control = aws.cloudfront.OriginAccessControl(
        f"{name}-assets-access",
        description=f"Signs what {name} reads from its bucket",
        origin_access_control_origin_type="s3",
        signing_behavior="always",
        signing_protocol="sigv4",
        opts=child,
    )
    return {
        "origin_id": ASSETS,
        "domain_name": assets["bucket_domain_name"],
        "origin_access_control_id": control.id,
    }


def _uncached(headers_policy_id: pulumi.Output[str]) -> Any:
    return {
        **cache_behaviors.uncached(API),
        "cache_policy_id": _CACHING_DISABLED,
        # Host included: the load balancer's rules and its certificate go by it.
        "origin_request_policy_id": _ALL_VIEWER,
        "response_headers_policy_id": headers_policy_id,
    }


def _cached(
    name: str,
    args: ContentDeliveryArgs,
    headers_policy_id: pulumi.Output[str],
    child: pulumi.ResourceOptions,
) -> list[Any]:
    """A behaviour, with a cache policy of its own, for each path; the narrowest path first."""
    origins = {item["path"]: (API, item["ttl_seconds"]) for item in args.get("cached_paths", ())}
    if "assets" in args:
        ttl = args["assets"].get("ttl_seconds", cache_behaviors.ASSETS_TTL)
        origins |= dict.fromkeys(_assets_paths(args), (ASSETS, ttl))
    found = []
    for path in cache_behaviors.narrowest_first([*origins]):
        origin, ttl = origins[path]
        policy = aws.cloudfront.CachePolicy(
            f"{name}-{cache_behaviors.word(path)}-cache",
            comment=f"{path} of {name}",
            **cache_behaviors.cache_policy(ttl, of_assets=origin == ASSETS),
            opts=child,
        )
        found.append(
            {
                **cache_behaviors.cached(origin, path),
                "cache_policy_id": policy.id,
                "response_headers_policy_id": headers_policy_id,
            }
        )
    return found


def _assets_paths(args: ContentDeliveryArgs) -> Sequence[str]:
    return args["assets"].get("paths", ("/assets/*",)) if "assets" in args else ()


def _error_responses(args: ContentDeliveryArgs) -> list[Any]:
    page = args["assets"].get("unavailable_page", "") if "assets" in args else ""
    return cache_behaviors.error_responses(page)


def _log(args: ContentDeliveryArgs, distribution: aws.cloudfront.Distribution) -> Any:
    log: DistributionLogArgs = {
        "distribution_id": distribution.id,
        "distribution_arn": distribution.arn,
        "account_id": args["account_id"],
        "retention_days": args.get("log_retention_days", 365),
        "tags": args.get("tags", {}),
    }
    if "logs_kms_key_arn" in args:
        log["kms_key_arn"] = args["logs_kms_key_arn"]
    return log


def _refuse_mistakes(name: str, args: ContentDeliveryArgs) -> None:
    problems = []
    if not args["hostnames"]:
        problems.append("hostnames is empty; name at least one that the certificate has")
    cached = args.get("cached_paths", ())
    paths = [*(item["path"] for item in cached), *_assets_paths(args)]
    problems += cache_behaviors.path_problems(paths)
    ttls = [(item["path"], item["ttl_seconds"]) for item in cached]
    if "assets" in args:
        ttls.append(("assets", args["assets"].get("ttl_seconds", cache_behaviors.ASSETS_TTL)))
        page = args["assets"].get("unavailable_page", "")
        if page and not any(cache_behaviors.leads_to(page, path) for path in _assets_paths(args)):
            problems.append(f"unavailable_page {page!r} is under none of the assets' paths")
    problems += [
        f"ttl_seconds of {path} is {ttl}; it is 1 to {cache_behaviors.LONGEST_TTL}"
        for path, ttl in ttls
        if not 1 <= ttl <= cache_behaviors.LONGEST_TTL
    ]
    timeout = args.get("response_timeout_seconds", 30)
    if not 1 <= timeout <= 120:
        problems.append(f"response_timeout_seconds is {timeout}; CloudFront waits 1 to 120")
    if problems:
        raise ValueError(f"ContentDelivery {name!r}: " + "; ".join(problems))
