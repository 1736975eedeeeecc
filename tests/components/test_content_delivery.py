"""What a distribution admits, keeps and logs; not that CloudFront answers."""

import pytest

from components.content_delivery import ContentDelivery
from components.distribution_log import DistributionLog

ACCOUNT = "123456789012"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
ALB = f"arn:aws:elasticloadbalancing:eu-west-1:{ACCOUNT}:loadbalancer/app/web/0123456789abcdef"
CATALOGUE = {"path": "/v1/catalogue/*", "ttl_seconds": 60}


def build(**changes):
    args = {
        "hostnames": ["api.example.com"],
        "certificate_arn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/c",
        "web_acl_arn": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/web/1",
        "load_balancer_arn": ALB,
        "load_balancer_dns_name": "internal-web-1.eu-west-1.elb.amazonaws.com",
        "account_id": ACCOUNT,
    }
    return ContentDelivery("web", {**args, **changes})


def build_log(**changes):
    args = {
        "distribution_id": "E1",
        "distribution_arn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1",
        "account_id": ACCOUNT,
    }
    return DistributionLog("web", {**args, **changes})


def test_the_firewall_and_tls_stand_before_everything(record):
    inputs = record(build).one(DISTRIBUTION).inputs

    assert inputs["webAclId"].endswith(":global/webacl/web/1")
    assert inputs["viewerCertificate"]["minimumProtocolVersion"] == "TLSv1.2_2021"
    assert inputs["defaultCacheBehavior"]["viewerProtocolPolicy"] == "redirect-to-https"


def test_the_load_balancer_is_reached_inside_the_vpc_over_tls_alone(record):
    endpoint = record(build).one("aws:cloudfront/vpcOrigin:VpcOrigin").inputs

    assert endpoint["vpcOriginEndpointConfig"]["arn"] == ALB
    assert endpoint["vpcOriginEndpointConfig"]["originProtocolPolicy"] == "https-only"


def test_nothing_of_the_api_is_kept_that_was_not_named(record):
    inputs = record(build).one(DISTRIBUTION).inputs

    # AWS's own policy CachingDisabled.
    policy = inputs["defaultCacheBehavior"]["cachePolicyId"]
    assert policy == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert not inputs.get("orderedCacheBehaviors")
    assert {item["errorCachingMinTtl"] for item in inputs["customErrorResponses"]} == {0}


def test_what_is_kept_is_read_without_cookies(record):
    graph = record(lambda: build(cached_paths=[CATALOGUE]))

    behaviors = graph.one(DISTRIBUTION).inputs["orderedCacheBehaviors"]
    assert [(item["pathPattern"], item["allowedMethods"]) for item in behaviors] == [
        ("/v1/catalogue/*", ["GET", "HEAD", "OPTIONS"])
    ]
    policy = graph.one("aws:cloudfront/cachePolicy:CachePolicy").inputs
    key = policy["parametersInCacheKeyAndForwardedToOrigin"]
    assert key["cookiesConfig"]["cookieBehavior"] == "none"
    assert policy["maxTtl"] == 60


def test_every_mistake_is_told_at_once_and_nothing_is_made():
    with pytest.raises(ValueError, match="hostnames is empty") as refused:
        build(
            hostnames=[],
            cached_paths=[{"path": "/*", "ttl_seconds": 0}],
            response_timeout_seconds=121,
        )

    for part in ("path '/*' is everything", "ttl_seconds of /* is 0", "timeout_seconds is 121"):
        assert part in str(refused.value)


def test_the_log_is_in_the_only_region_that_has_it_and_without_what_is_secret(record):
    graph = record(build_log)

    assert {r.inputs["region"] for r in graph.custom} == {"us-east-1"}
    fields = graph.one("aws:cloudwatch/logDelivery:LogDelivery").inputs["recordFields"]
    assert not {"cs(Cookie)", "cs-uri-query", "cs(Referer)"} & set(fields)


def test_requests_are_not_kept_for_ever():
    with pytest.raises(ValueError, match="retention_days is 0"):
        build_log(retention_days=0)
