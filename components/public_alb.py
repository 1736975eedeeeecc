"""The one door from the internet: HTTPS on 443, and a redirect to it on 80.

Or, behind a distribution, an inner door: HTTPS on 443 from CloudFront, and from nobody else.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import listener_rules
from components.alb_route import AlbRoute, ExposeArgs, fit
from components.log_bucket import DEFAULT_RETENTION_DAYS, LogBucket

TLS_POLICIES = (
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
)
"""What Security Hub control ELB.17 accepts, our default first:
https://docs.aws.amazon.com/securityhub/latest/userguide/elb-controls.html#elb-17"""
DEFAULT_HSTS = "max-age=31536000; includeSubDomains"
"""A year, which is what scanners ask for: https://www.rfc-editor.org/rfc/rfc6797#section-6.1"""
ACCESS, CONNECTION = "access", "connection"
"""Folders of the two kinds of log."""
_INTERNET = {"0.0.0.0/0": "internet", "::/0": "internet-ipv6"}
"""Everyone, by family, and what the rules that admit everyone are called."""
_SEPARATORS = re.compile(r"[./:]+")


class PublicAlbArgs(TypedDict):
    """What the caller decides. Everything else is this component's decision."""

    vpc_id: pulumi.Input[str]
    """VPC that owns the subnets."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Two or more subnets, each in a different Availability Zone: public ones, or private ones for
    an internal load balancer."""
    certificate_arn: pulumi.Input[str]
    """ACM certificate of the names served on port 443."""
    account_id: pulumi.Input[str]
    """Account of the load balancer: its logs are taken from no other."""
    region: str
    """Region of the load balancer and of its logs."""
    internal: NotRequired[bool]
    """Whether it has only private addresses, for CloudFront to reach inside the VPC. Defaults to
    False. It then needs `ingress_prefix_list_id`, and listens on 443 alone. A change puts another
    load balancer beside the old one, which goes last; that one must not be protected by then."""
    ssl_policy: NotRequired[str]
    """TLS policy, one of those that Security Hub control ELB.17 accepts. Defaults to
    `ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09`, which AWS recommends and the console chooses: TLS
    1.2 and 1.3 with forward secrecy only, and post-quantum key exchange for clients that know it:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html"""
    hsts: NotRequired[str]
    """Strict-Transport-Security header of every response, or "" for none. Defaults to a year with
    subdomains, so that a browser that came once never tries plain HTTP again."""
    deletion_protection: NotRequired[bool]
    """Whether AWS refuses to delete the load balancer, and Pulumi its logs. Defaults to True."""
    ingress_cidrs: NotRequired[Sequence[str]]
    """Who may connect. Defaults to the whole internet, over IPv6 only if `ipv6` is on."""
    ingress_prefix_list_id: NotRequired[pulumi.Input[str]]
    """Prefix list that may connect, on 443 only, instead of any CIDR: CloudFront's, when it is the
    edge. Its 55 addresses weigh on the 60 rules of a group, so that one port fits:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/LocationsOfEdgeServers.html
    Defaults to none."""
    ipv6: NotRequired[bool]
    """Whether clients may come over IPv6 too; the subnets need IPv6 ranges. Defaults to False."""
    idle_timeout_seconds: NotRequired[int]
    """Seconds that a connection may be silent, 1 to 4000. Defaults to AWS's 60. The service's own
    keep-alive must be longer, or clients see a 502 now and then:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html"""
    zonal_shift: NotRequired[bool]
    """Whether an operator, or AWS, may move traffic out of a zone in trouble. Defaults to True; it
    costs nothing until used:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/zonal-shift.html"""
    log_retention_days: NotRequired[int]
    """Days until an access or connection log is deleted. Defaults to 365."""
    force_destroy_logs: NotRequired[bool]
    """Whether deleting the load balancer's bucket deletes its logs. Defaults to False."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class PublicAlb(pulumi.ComponentResource):
    """An application load balancer that the internet or CloudFront may reach, over HTTPS only.

    It answers 404 until `expose` gives a service some of its hosts and paths. It opens connections
    to nothing by itself: a service that is exposed admits it with a `Connection`.
    """

    arn: pulumi.Output[str]
    """ARN of the load balancer, for a web ACL."""
    arn_suffix: pulumi.Output[str]
    """`app/<name>/<id>`, the dimension of its metrics."""
    dns_name: pulumi.Output[str]
    """Name that an alias record points at."""
    zone_id: pulumi.Output[str]
    """Hosted zone of that name, for an alias record."""
    security_group_id: pulumi.Output[str]
    """The one source that a service behind the load balancer must admit."""
    https_listener_arn: pulumi.Output[str]
    """Listener on port 443."""
    logs_bucket: pulumi.Output[str]
    """Bucket of the access logs (`access/`) and connection logs (`connection/`)."""

    def __init__(
        self, name: str, args: PublicAlbArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses a weak TLS policy and addresses that are not CIDRs."""
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:PublicAlb", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}
        internal = args.get("internal", False)
        # A load balancer cannot change sides, and a target group cannot serve two: what belongs to
        # the one on the other side has names of its own, so that both can be there for a while.
        inner = f"{name}-inner" if internal else name
        self._inner, self._vpc_id, self._tags = inner, args["vpc_id"], args.get("tags", {})
        self._rules: list[listener_rules.Rule] = []

        logs = LogBucket(
            f"{name}-logs",
            {
                "account_id": args["account_id"],
                "region": args["region"],
                "prefixes": (ACCESS, CONNECTION),
                "retention_days": args.get("log_retention_days", DEFAULT_RETENTION_DAYS),
                "force_destroy": args.get("force_destroy_logs", False),
                "protect": args.get("deletion_protection", True),
                "tags": args.get("tags", {}),
            },
            opts=child,
        )
        security_group = aws.ec2.SecurityGroup(
            f"{name}-sg",
            vpc_id=args["vpc_id"],
            description=f"Load balancer {name}: HTTPS in, exposed services out",
            tags=tags,
            opts=child,
        )
        _admit_clients(name, args, security_group.id, tags, child)

        load_balancer = aws.lb.LoadBalancer(
            fit(f"{inner}-lb"),
            load_balancer_type="application",
            internal=internal,
            subnets=args["subnet_ids"],
            security_groups=[security_group.id],
            access_logs={"bucket": logs.bucket, "prefix": ACCESS, "enabled": True},
            connection_logs={"bucket": logs.bucket, "prefix": CONNECTION, "enabled": True},
            **_attributes(args),
            tags=tags,
            # The bucket's name waits for its policy; encryption and ownership should stand too.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs]),
        )
        https = aws.lb.Listener(
            f"{inner}-https",
            load_balancer_arn=load_balancer.arn,
            certificate_arn=args["certificate_arn"],
            **_https(args),
            tags=tags,
            opts=child,
        )
        # CloudFront redirects its viewers itself.
        if not internal:
            aws.lb.Listener(
                f"{name}-http",
                load_balancer_arn=load_balancer.arn,
                port=80,
                protocol="HTTP",
                default_actions=[_REDIRECT_TO_HTTPS],
                tags=tags,
                opts=child,
            )

        self.arn = load_balancer.arn
        self.arn_suffix = load_balancer.arn_suffix
        self.dns_name = load_balancer.dns_name
        self.zone_id = load_balancer.zone_id
        self.security_group_id = security_group.id
        self.https_listener_arn = https.arn
        self.logs_bucket = logs.bucket
        self.register_outputs(
            {
                "arn": self.arn,
                "arn_suffix": self.arn_suffix,
                "dns_name": self.dns_name,
                "zone_id": self.zone_id,
                "security_group_id": self.security_group_id,
                "https_listener_arn": self.https_listener_arn,
                "logs_bucket": self.logs_bucket,
            }
        )

    def expose(self, name: str, args: ExposeArgs) -> AlbRoute:
        """Leads some hosts and paths to a service, which must admit the load balancer itself.

        Raises:
            listener_rules.ListenerRuleError: The rule is malformed, or contradicts one that another
                service has already; the message names both.
        """
        asked = listener_rules.rule(
            name, args.get("hosts", ()), args.get("paths", ()), args.get("slot")
        )
        priorities = listener_rules.allocate([*self._rules, asked])
        self._rules.append(asked)
        return AlbRoute(
            f"{self._inner}-{name}",
            {
                "service": args,
                "vpc_id": self._vpc_id,
                "listener_arn": self.https_listener_arn,
                "load_balancer_arn_suffix": self.arn_suffix,
                "priority": priorities[name],
                "tags": self._tags,
            },
            opts=pulumi.ResourceOptions(parent=self),
        )


_REDIRECT_TO_HTTPS: aws.lb.ListenerDefaultActionArgsDict = {
    "type": "redirect",
    "redirect": {"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301"},
}
"""All that a plain-HTTP listener ever does."""
_NOT_FOUND: aws.lb.ListenerDefaultActionArgsDict = {
    "type": "fixed-response",
    "fixed_response": {
        "content_type": "text/plain",
        "message_body": "Not found",
        "status_code": "404",
    },
}
"""What a request gets that no service asked for: a host that somebody pointed here, a scanner."""


def _attributes(args: PublicAlbArgs) -> dict[str, Any]:
    """How the load balancer treats requests:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
    """
    return {
        "ip_address_type": "dualstack" if args.get("ipv6", False) else "ipv4",
        "enable_deletion_protection": args.get("deletion_protection", True),
        "drop_invalid_header_fields": True,
        # Strictest turns away every request that bends RFC 7230, even a harmless one; defensive
        # turns away those that can desynchronise a server and closes the connection after others.
        "desync_mitigation_mode": "defensive",
        "enable_http2": True,
        # The client's address goes behind whatever the client claims: only the last one is ours.
        "xff_header_processing_mode": "append",
        # The service sees the name that was asked for, as the rule that matched it did.
        "preserve_host_header": True,
        # When the web ACL does not answer, nobody gets in.
        "enable_waf_fail_open": False,
        "idle_timeout": args.get("idle_timeout_seconds", 60),
        "enable_cross_zone_load_balancing": True,
        "enable_zonal_shift": args.get("zonal_shift", True),
    }


def _https(args: PublicAlbArgs) -> dict[str, Any]:
    hsts = args.get("hsts", DEFAULT_HSTS)
    header = {"routing_http_response_strict_transport_security_header_value": hsts} if hsts else {}
    return {
        "port": 443,
        "protocol": "HTTPS",
        "ssl_policy": args.get("ssl_policy", TLS_POLICIES[0]),
        "default_actions": [_NOT_FOUND],
        # The version of the load balancer is nobody's business.
        "routing_http_response_server_enabled": False,
        **header,
    }


def _admit_clients(
    name: str,
    args: PublicAlbArgs,
    security_group_id: pulumi.Output[str],
    tags: Mapping[str, str],
    child: pulumi.ResourceOptions,
) -> None:
    """One rule per client range and port, named by the range so that removing one renames none."""
    if "ingress_prefix_list_id" in args:
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-443-from-prefix-list",
            security_group_id=security_group_id,
            prefix_list_id=args["ingress_prefix_list_id"],
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="HTTPS from the edge",
            tags=tags,
            opts=child,
        )
        return
    for cidr in _clients(args):
        family = "cidr_ipv6" if ":" in cidr else "cidr_ipv4"
        client = _INTERNET.get(cidr, _SEPARATORS.sub("-", cidr))
        for port, purpose in ((443, "HTTPS"), (80, "HTTP, redirected to HTTPS,")):
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-{port}-from-{client}",
                security_group_id=security_group_id,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                description=f"{purpose} from {cidr}",
                tags=tags,
                opts=child,
                **{family: cidr},
            )


def _clients(args: PublicAlbArgs) -> list[str]:
    everyone = list(_INTERNET)[: 2 if args.get("ipv6", False) else 1]
    # AWS returns the shortest spelling of a range; another one would differ at every preview.
    return sorted({str(ipaddress.ip_network(c)) for c in args.get("ingress_cidrs", everyone)})


def _refuse_mistakes(name: str, args: PublicAlbArgs) -> None:
    problems = []
    policy = args.get("ssl_policy", TLS_POLICIES[0])
    if policy not in TLS_POLICIES:
        problems.append(
            f"ssl_policy is {policy!r}, which Security Hub ELB.17 does not accept; choose one of "
            + ", ".join(TLS_POLICIES)
        )
    for cidr in args.get("ingress_cidrs", ()):
        try:
            ipaddress.ip_network(cidr)
        except ValueError as error:
            problems.append(f"ingress_cidrs has {cidr!r}: {error}")
        else:
            if ":" in cidr and not args.get("ipv6", False):
                problems.append(f"ingress_cidrs has {cidr!r}, but ipv6 is off")
    if "ingress_cidrs" in args and not args["ingress_cidrs"]:
        problems.append("ingress_cidrs is empty; leave it out to admit the internet")
    if "ingress_cidrs" in args and "ingress_prefix_list_id" in args:
        problems.append("ingress_cidrs and ingress_prefix_list_id are both given; keep one")
    if args.get("internal", False) and "ingress_prefix_list_id" not in args:
        problems.append("internal needs ingress_prefix_list_id: nobody else has a way to it")
    timeout = args.get("idle_timeout_seconds", 60)
    if not 1 <= timeout <= 4000:
        problems.append(f"idle_timeout_seconds is {timeout}; it is 1 to 4000")
    if problems:
        raise ValueError(f"PublicAlb {name!r}: " + "; ".join(problems))
