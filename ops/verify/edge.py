"""The load balancer, its certificate, and the names that lead to it."""

import http.client
import socket
import ssl
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

from ops.verify.model import EMULATED, Context, Finding, check

# https://docs.aws.amazon.com/securityhub/latest/userguide/elb-controls.html#elb-17
TLS_POLICIES = frozenset(
    f"ELBSecurityPolicy-TLS13-1-{name}"
    for name in (
        "3-2021-06",
        "3-FIPS-2023-04",
        "3-PQ-2025-09",
        "3-FIPS-PQ-2025-09",
        "2-Res-2021-06",
        "2-Res-FIPS-2023-04",
        "2-Res-PQ-2025-09",
        "2-Res-FIPS-PQ-2025-09",
    )
)


def _listeners(context: Context) -> list[dict[str, Any]]:
    arn = context.outputs["albArn"]
    return list(context.aws.pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn))


@check("HTTPS listeners use a TLS policy of Security Hub ELB.17")
def _tls(context: Context) -> Iterator[Finding]:
    secure = [item for item in _listeners(context) if item["Protocol"] == "HTTPS"]
    if not secure:
        yield "load balancer", False, "no HTTPS listener"
    for listener in secure:
        policy = listener.get("SslPolicy", "none")
        yield f"port {listener['Port']}", policy in TLS_POLICIES, policy


@check("HTTP only redirects to HTTPS")
def _redirect(context: Context) -> Iterator[Finding]:
    plain = [item for item in _listeners(context) if item["Protocol"] == "HTTP"]
    if not plain:
        yield "load balancer", False, "no HTTP listener: who types the name without https waits"
    for listener in plain:
        rules = context.aws.pages(
            "elbv2", "describe_rules", "Rules", ListenerArn=listener["ListenerArn"]
        )
        actions = [
            *listener["DefaultActions"],
            *(action for rule in rules for action in rule["Actions"]),
        ]
        redirects = [
            action["Type"] == "redirect" and action["RedirectConfig"].get("Protocol") == "HTTPS"
            for action in actions
        ]
        seen = ", ".join(sorted({action["Type"] for action in actions}))
        yield f"port {listener['Port']}", bool(redirects) and all(redirects), seen


@check("unmatched requests get a 404")
def _default_action(context: Context) -> Iterator[Finding]:
    for listener in _listeners(context):
        if listener["Protocol"] == "HTTPS":
            (action, *_) = listener["DefaultActions"]
            code = action.get("FixedResponseConfig", {}).get("StatusCode", "-")
            yield f"port {listener['Port']}", code == "404", f"{action['Type']} {code}"


@check("the load balancer drops invalid headers and keeps access logs")
def _alb_attributes(context: Context) -> Iterator[Finding]:
    arn = context.outputs["albArn"]
    answer = context.aws.get("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)
    attributes = {item["Key"]: item["Value"] for item in answer["Attributes"]}
    wanted = ["routing.http.drop_invalid_header_fields.enabled", "access_logs.s3.enabled"]
    if context.critical:
        wanted.append("deletion_protection.enabled")
    for key in wanted:
        value = attributes.get(key, "unset")
        yield key, value == "true", value


@check("the certificate is issued for the host name")
def _certificate(context: Context) -> Iterator[Finding]:
    hostname = context.outputs["hostname"]
    for listener in _listeners(context):
        for certificate in listener.get("Certificates", []):
            arn = certificate["CertificateArn"]

            def probe(arn: str = arn) -> tuple[bool, str]:
                described = context.aws.get("acm").describe_certificate(CertificateArn=arn)
                found = described["Certificate"]
                names = {found["DomainName"], *found.get("SubjectAlternativeNames", [])}
                status = found["Status"]
                covered = covers(names, hostname)
                return status == "ISSUED" and covered, f"{status}, {', '.join(sorted(names))}"

            holds, detail = context.wait(probe, f"certificate {arn}")
            yield hostname, holds, detail


def covers(names: Iterable[str], hostname: str) -> bool:
    """Whether a certificate for `names` is valid for `hostname`.

    A wildcard stands for exactly one label (RFC 6125, section 6.4.3).
    """
    _, _, parent = hostname.partition(".")
    return hostname in names or f"*.{parent}" in names


@check("the host name is an alias of this load balancer")
def _alias(context: Context) -> Iterator[Finding]:
    zone, hostname = context.outputs["zoneId"], context.outputs["hostname"]
    wanted = context.outputs["albDnsName"].lower()
    records = context.aws.pages(
        "route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone
    )
    aliases = {
        record["Type"]: record.get("AliasTarget", {}).get("DNSName", "").rstrip(".").lower()
        for record in records
        if record["Name"].rstrip(".") == hostname
    }
    for kind in ("A", "AAAA"):
        seen = aliases.get(kind, "no record").removeprefix("dualstack.")
        yield f"{hostname} {kind}", seen == wanted, seen


@check("the host name resolves to this load balancer")
def _resolves(context: Context) -> Iterator[Finding]:
    hostname = context.outputs["hostname"]
    if context.emulated:
        yield hostname, None, EMULATED
        return

    def probe() -> tuple[bool, str]:
        seen, wanted = addresses(hostname), addresses(context.outputs["albDnsName"])
        # A load balancer's addresses rotate, so sharing one is the strongest claim that holds.
        return bool(seen & wanted), ", ".join(sorted(seen)) or "no address"

    holds, detail = context.wait(probe, f"DNS of {hostname}")
    yield hostname, holds, detail


def addresses(hostname: str) -> set[str]:
    """Addresses that the resolver gives for a name; none when it knows none."""
    try:
        return {str(entry[4][0]) for entry in socket.getaddrinfo(hostname, 443)}
    except socket.gaierror:
        return set()


@check("a health check watches the public address")
def _health_check(context: Context) -> Iterator[Finding]:
    urls = [urllib.parse.urlsplit(url) for url in context.outputs.get("healthUrls", {}).values()]
    checks = [
        found["HealthCheckConfig"]
        for found in context.aws.pages("route53", "list_health_checks", "HealthChecks")
    ]
    for url in urls:
        watching = [
            found
            for found in checks
            if found.get("FullyQualifiedDomainName") == url.hostname
            and found["Type"].startswith("HTTPS")
        ]
        seen = ", ".join(found.get("ResourcePath", "/") for found in watching)
        yield str(url.hostname), bool(watching), seen or "no HTTPS health check"


@check("HTTPS answers and HTTP redirects")
def _answers(context: Context) -> Iterator[Finding]:
    for url in context.outputs.get("healthUrls", {}).values():
        if context.emulated:
            yield url, None, EMULATED
            continue
        holds, detail = context.wait(lambda url=url: https_answers(url), url)
        yield url, holds, detail
        if holds:
            yield url.replace("https://", "http://", 1), *http_redirects(url)


def https_answers(url: str) -> tuple[bool, str]:
    """Whether a GET over verified TLS gives a 2xx."""
    parts = urllib.parse.urlsplit(url)
    try:
        connection = http.client.HTTPSConnection(
            parts.netloc, timeout=10, context=ssl.create_default_context()
        )
        connection.request("GET", parts.path or "/")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return False, f"{type(error).__name__}: {error}"
    return 200 <= status < 300, f"HTTP {status}"


def http_redirects(url: str, port: int = 80) -> tuple[bool, str]:
    """Whether plain HTTP at the same host sends the caller to HTTPS."""
    parts = urllib.parse.urlsplit(url)
    try:
        connection = http.client.HTTPConnection(str(parts.hostname), port, timeout=10)
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        return False, f"{type(error).__name__}: {error}"
    target = answer.getheader("Location", "")
    return answer.status in (301, 308) and target.startswith(
        "https://"
    ), f"{answer.status} {target}"
