"""The way in: load balancer, firewall, names, content delivery."""

import json

from ops.cost.model import UNKNOWN, Resource, World
from ops.cost.rules.table import priced

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
WEB_ACL = "aws:wafv2/webAcl:WebAcl"
_BOT_CONTROL = "AWSManagedRulesBotControlRuleSet"


@priced("aws:lb/loadBalancer:LoadBalancer")
def _load_balancer(balancer: Resource, world: World) -> None:
    kind = balancer.text("loadBalancerType", "application")
    if kind != "application":
        world.without(balancer, f"a load balancer of type {kind}")
        return
    world.add(balancer, "Load balancing", "load balancer", "alb.hour", world.hours)
    world.add(
        balancer,
        "Load balancing",
        "capacity units",
        "alb.lcu",
        world.assume("load_balancer_units") * world.hours,
        assumed=("load_balancer_units",),
    )
    if balancer.flag("internal"):
        return
    zones = len(balancer.items("subnets")) or world.stack.zones
    world.add(balancer, "VPC", "public IPv4 address", "ipv4.hour", zones * world.hours)
    if not any(world.stack.of(DISTRIBUTION)):
        world.add(
            balancer,
            "Data transfer",
            "to the internet",
            "transfer.out.gb",
            world.assume("internet_gb"),
            assumed=("internet_gb",),
        )


@priced(DISTRIBUTION)
def _distribution(distribution: Resource, world: World) -> None:
    world.add(
        distribution,
        "CloudFront",
        "to the internet",
        "cloudfront.gb",
        world.assume("internet_gb"),
        assumed=("internet_gb",),
    )
    world.add(
        distribution,
        "CloudFront",
        "requests",
        "cloudfront.requests",
        world.assume("requests") * 100,
        assumed=("requests",),
    )


@priced("aws:cloudfront/function:Function")
def _function(function: Resource, world: World) -> None:
    world.add(
        function,
        "CloudFront",
        "calls of a function",
        "cloudfront.function",
        world.assume("requests"),
        assumed=("requests",),
    )


@priced("aws:cloudfront/monitoringSubscription:MonitoringSubscription")
def _monitoring(subscription: Resource, world: World) -> None:
    """Eight further metrics, charged once, whatever the traffic:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/viewing-cloudfront-metrics.html
    """
    world.add(subscription, "CloudWatch", "metrics", "cloudwatch.metric", 8, region="us-east-1")


@priced(WEB_ACL)
def _web_acl(acl: Resource, world: World) -> None:
    text = acl.text("ruleJson")
    rules = json.loads(text) if text else acl.items("rules")
    if acl.inputs.get("ruleJson") == UNKNOWN:
        world.without(acl, "how many rules it has is not known before the deployment")
    world.add(acl, "WAF", "web ACL", "waf.acl", 1)
    world.add(acl, "WAF", "rules", "waf.rule", len(rules))
    world.add(acl, "WAF", "bot control", "waf.bot", _BOT_CONTROL in json.dumps(rules))
    world.add(
        acl,
        "WAF",
        "requests",
        "waf.requests",
        world.assume("requests"),
        assumed=("requests",),
    )


@priced("aws:wafv2/ruleGroup:RuleGroup")
def _rule_group(group: Resource, world: World) -> None:
    text = group.text("rulesJson")
    rules = json.loads(text) if text else group.items("rules")
    world.add(group, "WAF", "rules", "waf.rule", len(rules))


@priced("aws:route53/zone:Zone")
def _zone(zone: Resource, world: World) -> None:
    world.add(zone, "Route 53", "hosted zone", "route53.zone", 1)
    if not zone.items("vpcs"):
        world.add(
            zone,
            "Route 53",
            "queries",
            "route53.queries",
            world.assume("dns_queries"),
            assumed=("dns_queries",),
        )


@priced("aws:route53/healthCheck:HealthCheck")
def _health_check(check: Resource, world: World) -> None:
    """HTTPS, a string match, a short interval and latency are an option each, of an AWS endpoint.

    https://aws.amazon.com/route53/pricing/
    """
    kind = check.text("type")
    options = [
        kind.startswith("HTTPS"),
        kind.endswith("STR_MATCH"),
        check.number("requestInterval", 30) == 10,
        check.flag("measureLatency"),
    ]
    world.add(check, "Route 53", "health check", "route53.health", 1)
    world.add(
        check, "Route 53", "options of a health check", "route53.health.feature", sum(options)
    )
