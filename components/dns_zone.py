"""The names of the system: their zone, the certificate that proves them, and who may issue one."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.dns_alias import AliasArgs, DnsAlias
from components.dns_certificate import AMAZON_ISSUERS, CLOUDFRONT_REGION, DnsCertificate
from components.dns_query_log import DnsQueryLog, DnsQueryLogArgs
from components.hostnames import base_names, hostname_problems, is_covered


class DnsZoneArgs(TypedDict):
    """Which zone, which names in it, and what else is kept about them."""

    zone_name: str
    """Domain of the zone, such as `example.com`."""
    hostnames: Sequence[str]
    """Names on the certificate, all inside the zone; the first is the certificate's domain."""
    zone_id: NotRequired[str]
    """Existing public hosted zone to adopt. Defaults to "", which creates one: its name servers
    must then be entered where the domain is registered, before certificates can be issued."""
    protect: NotRequired[bool]
    """Whether the created zone refuses to be deleted. Defaults to true, because a new zone has new
    name servers, and the domain is gone until they are entered at the registrar."""
    region: NotRequired[str]
    """Region of the stack. Defaults to "", unknown. Saves the second certificate where the first is
    already in us-east-1."""
    us_east_1_certificate: NotRequired[bool]
    """Whether there is a certificate in us-east-1, for CloudFront. Defaults to false."""
    caa_issuers: NotRequired[Sequence[str]]
    """Certificate authorities that may issue for the names. Defaults to Amazon's. Empty creates no
    CAA record: for a zone that has its own, or names that another stack already covers."""
    query_logging: NotRequired[bool]
    """Whether queries are logged in us-east-1. Defaults to false: Route 53 allows a zone one log,
    and it costs by volume, which strangers decide."""
    query_log_retention_days: NotRequired[int]
    """Days that queries are kept. Defaults to 365: Security Hub control CloudWatch.16."""
    query_log_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key in us-east-1 that encrypts the query log. Defaults to CloudWatch's own encryption."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class DnsZone(pulumi.ComponentResource):
    """A hosted zone, created or adopted, with an issued certificate for names in it."""

    zone_id: pulumi.Output[str]
    """The hosted zone."""
    name_servers: pulumi.Output[Sequence[str]]
    """Servers to enter at the registrar; empty for an adopted zone, which is already delegated."""
    certificate_arn: pulumi.Output[str]
    """Certificate in the stack's region, once it is issued."""
    us_east_1_certificate_arn: pulumi.Output[str]
    """Certificate in us-east-1, once it is issued, or "" when it is off."""
    query_log_group_name: pulumi.Output[str]
    """Log group of the queries, in us-east-1, or "" when they are not logged."""

    def __init__(
        self, name: str, args: DnsZoneArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses names that the zone or a certificate cannot have."""
        if problems := hostname_problems(args["zone_name"], args["hostnames"]):
            raise ValueError(f"DnsZone {name!r}: " + "; ".join(problems))
        super().__init__("babyrobots:index:DnsZone", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self._hostnames = args["hostnames"]

        created = None if args.get("zone_id") else self._create(name, args)
        zone_id = created.zone_id if created else pulumi.Output.from_input(args.get("zone_id", ""))

        wanted = args.get("us_east_1_certificate", False)
        at_home = args.get("region") == CLOUDFRONT_REGION
        certificate = DnsCertificate(
            f"{name}-tls",
            {
                "zone_id": zone_id,
                "hostnames": args["hostnames"],
                # Over the whole of our own zone, but only at our names in one that others share.
                "caa_names": [args["zone_name"]] if created else base_names(args["hostnames"]),
                "caa_issuers": args.get("caa_issuers", AMAZON_ISSUERS),
                "us_east_1": wanted and not at_home,
                "tags": args.get("tags", {}),
            },
            child,
        )
        query_log = (
            self._log_queries(name, zone_id, args) if args.get("query_logging", False) else None
        )

        self.zone_id = zone_id
        self.name_servers = created.name_servers if created else pulumi.Output.from_input([])
        self.certificate_arn = certificate.certificate_arn
        self.us_east_1_certificate_arn = (
            certificate.certificate_arn
            if wanted and at_home
            else certificate.us_east_1_certificate_arn
        )
        self.query_log_group_name = (
            query_log.log_group_name if query_log else pulumi.Output.from_input("")
        )
        self.register_outputs({key: getattr(self, key) for key in type(self).__annotations__})

    def alias(self, name: str, args: AliasArgs) -> DnsAlias:
        """Points a hostname of the certificate at a load balancer or a distribution.

        Raises:
            ValueError: The certificate is not valid for the hostname.
        """
        if not is_covered(args["hostname"], self._hostnames):
            raise ValueError(
                f"DnsAlias {name!r}: {args['hostname']} is not on the certificate, which has"
                f" {', '.join(self._hostnames)}; add it to hostnames"
            )
        return DnsAlias(
            name, {"zone_id": self.zone_id, "alias": args}, pulumi.ResourceOptions(parent=self)
        )

    def _create(self, name: str, args: DnsZoneArgs) -> aws.route53.Zone:
        return aws.route53.Zone(
            f"{name}-zone",
            name=args["zone_name"],
            comment=f"Public names under {args['zone_name']}",
            # Records that the stack does not know would be lost with the zone.
            force_destroy=False,
            tags={"Name": args["zone_name"], **args.get("tags", {})},
            opts=pulumi.ResourceOptions(parent=self, protect=args.get("protect", True) or None),
        )

    def _log_queries(
        self, name: str, zone_id: pulumi.Output[str], args: DnsZoneArgs
    ) -> DnsQueryLog:
        logged: DnsQueryLogArgs = {
            "zone_id": zone_id,
            "zone_name": args["zone_name"],
            "retention_days": args.get("query_log_retention_days", 365),
            "tags": args.get("tags", {}),
        }
        if "query_log_kms_key_arn" in args:
            logged["kms_key_arn"] = args["query_log_kms_key_arn"]
        return DnsQueryLog(f"{name}-queries", logged, pulumi.ResourceOptions(parent=self))
