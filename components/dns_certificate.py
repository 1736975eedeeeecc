"""A certificate that proves itself through the DNS, and the word on who else may issue one."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.hostnames import base_name, base_names

AMAZON_ISSUERS = ("amazon.com",)
"""One of the names of Amazon's certificate authority is enough:
https://docs.aws.amazon.com/acm/latest/userguide/setup-caa.html"""
CLOUDFRONT_REGION = "us-east-1"
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html"""


class DnsCertificateArgs(TypedDict):
    """Names, and the zone that proves them."""

    zone_id: pulumi.Input[str]
    """Public hosted zone that all the names are in."""
    hostnames: Sequence[str]
    """Names on the certificate; the first is its domain, the rest its alternatives."""
    caa_names: Sequence[str]
    """Names that get a CAA record. A record holds for the names below it as well, unless they have
    one of their own: https://datatracker.ietf.org/doc/html/rfc8659#section-3"""
    caa_issuers: NotRequired[Sequence[str]]
    """Certificate authorities that may issue. Defaults to Amazon's; empty creates no CAA record."""
    us_east_1: NotRequired[bool]
    """Whether a second certificate is issued in us-east-1, where CloudFront takes its own from.
    Defaults to false: nothing else needs it."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for the certificates. Defaults to none."""


class DnsCertificate(pulumi.ComponentResource):
    """An issued certificate in the provider's region, and one in us-east-1 by switch."""

    certificate_arn: pulumi.Output[str]
    """The certificate, once it is issued."""
    us_east_1_certificate_arn: pulumi.Output[str]
    """The certificate in us-east-1, once it is issued, or "" when there is none."""

    def __init__(
        self, name: str, args: DnsCertificateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Authorizes the issuer, requests, proves, waits: in this order."""
        super().__init__("babyrobots:index:DnsCertificate", name, {}, opts)
        authorizations = self._authorize(name, args)
        first = self._request(f"{name}-certificate", args, None)
        # The record that proves a name is the same for every certificate of the account, in every
        # region: one set serves both, whose records would otherwise overwrite each other.
        # https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
        records = [
            self._prove(f"{name}-validation-{base}", base, first, args["zone_id"], authorizations)
            for base in base_names(args["hostnames"])
        ]
        self.certificate_arn = self._await_issue(f"{name}-issued", first, records, None)
        self.us_east_1_certificate_arn = pulumi.Output.from_input("")
        if args.get("us_east_1", False):
            second = self._request(f"{name}-certificate-us-east-1", args, CLOUDFRONT_REGION)
            self.us_east_1_certificate_arn = self._await_issue(
                f"{name}-issued-us-east-1", second, records, CLOUDFRONT_REGION
            )
        self.register_outputs(
            {
                "certificate_arn": self.certificate_arn,
                "us_east_1_certificate_arn": self.us_east_1_certificate_arn,
            }
        )

    def _request(
        self, name: str, args: DnsCertificateArgs, region: str | None
    ) -> aws.acm.Certificate:
        domain, *alternatives = args["hostnames"]
        return aws.acm.Certificate(
            name,
            domain_name=domain,
            subject_alternative_names=alternatives or None,
            validation_method="DNS",
            key_algorithm="RSA_2048",
            # Browsers refuse what no log knows:
            # https://docs.aws.amazon.com/acm/latest/userguide/acm-concepts.html#concept-transparency
            options={"certificate_transparency_logging_preference": "ENABLED"},
            region=region,
            # Tags allow no asterisk.
            tags={"Name": base_name(domain), **args.get("tags", {})},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _authorize(self, name: str, args: DnsCertificateArgs) -> list[aws.route53.Record]:
        issuers = sorted(args.get("caa_issuers", AMAZON_ISSUERS))
        return [
            aws.route53.Record(
                f"{name}-caa-{hostname}",
                zone_id=args["zone_id"],
                name=hostname,
                type="CAA",
                records=[f'0 issue "{issuer}"' for issuer in issuers],
                ttl=3600,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for hostname in (args["caa_names"] if issuers else [])
        ]

    def _prove(
        self,
        name: str,
        base: str,
        certificate: aws.acm.Certificate,
        zone_id: pulumi.Input[str],
        authorizations: Sequence[aws.route53.Record],
    ) -> aws.route53.Record:
        # How many records there are follows from the names; only what is in them is asked for.
        option = certificate.domain_validation_options.apply(
            lambda options: validation_option(base, options)
        )
        return aws.route53.Record(
            name,
            zone_id=zone_id,
            name=option.apply(lambda found: found["name"]),
            type="CNAME",
            records=[option.apply(lambda found: found["value"])],
            ttl=300,
            # Another certificate of the account may have left the same record, with the same value.
            allow_overwrite=True,
            # ACM issues as soon as it sees the record, and gives up for good when a CAA record of a
            # parent domain forbids it: ours must be there first.
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(authorizations)),
        )

    def _await_issue(
        self,
        name: str,
        certificate: aws.acm.Certificate,
        records: Sequence[aws.route53.Record],
        region: str | None,
    ) -> pulumi.Output[str]:
        validation = aws.acm.CertificateValidation(
            name,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn for record in records],
            region=region,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return validation.certificate_arn


def validation_option(
    base: str, options: Sequence[aws.acm.outputs.CertificateDomainValidationOption]
) -> dict[str, str]:
    """The record that proves a name, found by the name: ACM promises no order.

    Raises:
        LookupError: The certificate was requested without the name.
    """
    for option in options:
        if base_name(option.domain_name or "") == base:
            return {
                "name": option.resource_record_name or "",
                "value": option.resource_record_value or "",
            }
    named = ", ".join(option.domain_name or "?" for option in options)
    raise LookupError(f"ACM asks for no record for {base}, only for: {named or 'nothing'}")
