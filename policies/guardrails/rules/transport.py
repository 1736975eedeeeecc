"""Is traffic encrypted on its way, everywhere?"""

import re
from collections.abc import Mapping

from guardrails.checks import for_each
from guardrails.evaluation import Report
from guardrails.examples import document
from guardrails.kinds import (
    BUCKET,
    BUCKET_POLICY,
    CACHE_CLUSTER,
    CACHE_GROUP,
    CERTIFICATE,
    DB_CLUSTER,
    DB_INSTANCE,
    DB_PROXY,
    DISTRIBUTION,
    LISTENER,
    LISTENER_RULE,
    QUEUE,
    QUEUE_POLICY,
    SUBSCRIPTION,
    TARGET_GROUP,
    TASK_DEFINITION,
    TOPIC,
    TOPIC_POLICY,
    VPC_ORIGIN,
)
from guardrails.registry import (
    ADVICE,
    ALWAYS,
    CRITICAL,
    Option,
    Rule,
    Severity,
    anchors,
    node,
    rule,
)
from guardrails.resources import Resource, Stack
from guardrails.transit import open_to_plain_text
from guardrails.values import NotEvaluatedError, View

PARAMETER_GROUP = "aws:rds/parameterGroup:ParameterGroup"
CERTIFICATE_VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
CLUSTER_PARAMETER_GROUP = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
HEADERS_POLICY = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"

_ENCRYPTED = ("HTTPS", "TLS")
_HTTPS_PORTS = (443, 8443)


def _protocol(listener: View) -> str:
    """What a listener speaks; "" for a Gateway Load Balancer, whose listeners have no port."""
    given = listener.text("protocol").upper()
    return given or ("HTTP" if listener.has("port") else "")


def _not_a_redirect(action: View) -> str:
    """Why an action does not send the client to HTTPS; "" if it does."""
    kind = action.text("type").lower()
    if kind != "redirect":
        return f"its action is {kind or 'not given'}"
    redirect = action.view("redirect")
    protocol = redirect.text("protocol", "#{protocol}").upper()
    port = redirect.text("port", "#{port}")
    status = redirect.text("statusCode")
    if protocol != "HTTPS":
        return f"it redirects to {protocol}"
    if port not in ("443", "#{port}"):
        return f"it redirects to port {port}"
    return "" if status == "HTTP_301" else f"it redirects with {status or 'no status'}"


def _listener_is_encrypted(listener: Resource, report: Report) -> None:
    protocol = _protocol(listener)
    if protocol in ("", *_ENCRYPTED):
        return
    if protocol != "HTTP":
        port = listener.number("port")
        if port in _HTTPS_PORTS and "TCP" in protocol and not report.option("allowPassthrough"):
            report(f"protocol {protocol} on port {port}: nothing says that what passes is TLS")
        return
    if not report.option("allowRedirect"):
        report("protocol HTTP: in this profile nothing listens in clear, not even to redirect")
        return
    actions = list(listener.views("defaultActions"))
    if not actions:
        report("protocol HTTP without a default action that redirects")
    for action in actions:
        with report.attempt():
            problem = _not_a_redirect(action)
            if problem:
                report(f"protocol HTTP, and {problem}, where only HTTPS may be served")


tls_listener_https = rule(
    id="tls-listener-https",
    title="A load balancer serves only HTTPS; plain HTTP does nothing but redirect to it.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(LISTENER,),
    condition="an HTTP listener with a default action other than a permanent redirect to HTTPS, "
    "or a TCP listener on a port of HTTPS",
    exceptions="listeners of a Gateway Load Balancer, which have neither protocol nor port",
    fix='protocol="HTTPS", or default_actions=[{"type": "redirect", "redirect": {"protocol": '
    '"HTTPS", "port": "443", "status_code": "HTTP_301"}}]',
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html",
    anchors=anchors(
        fsbp="ELB.1 ELB.18",
        checkov="CKV_AWS_2 CKV2_AWS_20 CKV_AWS_378",
        cdk_nag="ALBHttpToHttpsRedirection",
        prowler="elbv2_ssl_listeners",
        cfn_guard="alb_http_to_https_redirection_check elbv2_listener_protocol_rule",
        trivy="AWS-0054",
        pulumi="alb-http-to-https-redirection aws-lb-listener-disallow-unencrypted-traffic",
    ),
    options={
        "allowRedirect": Option(
            type="boolean",
            default=True,
            description="Whether an HTTP listener may exist that only redirects to HTTPS.",
        ),
        "allowPassthrough": Option(
            type="boolean",
            default=False,
            description="Whether a network load balancer may pass TCP through on 443 or 8443.",
        ),
    },
    check=_listener_is_encrypted,
    passes=[
        node(
            "redirect",
            LISTENER,
            {
                "port": 80,
                "protocol": "HTTP",
                "defaultActions": [
                    {
                        "type": "redirect",
                        "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"},
                    }
                ],
            },
        ),
        node(
            "https",
            LISTENER,
            {
                "port": 443,
                "protocol": "HTTPS",
                "defaultActions": [{"type": "fixed-response", "fixedResponse": {}}],
            },
        ),
    ],
    violates=[
        node(
            "http",
            LISTENER,
            {
                "port": 80,
                "defaultActions": [{"type": "forward", "targetGroupArn": "${api.arn}"}],
            },
        )
    ],
)


@for_each(LISTENER_RULE)
def _rule_does_not_bypass(stack: Stack, report: Report, listener_rule: Resource) -> None:
    for listener in stack.targets(listener_rule, "listenerArn", LISTENER):
        if _protocol(listener) != "HTTP":
            continue
        for action in listener_rule.views("actions"):
            with report.attempt():
                problem = _not_a_redirect(action)
                if problem and not _is_refusal(action):
                    report(
                        f"belongs to {listener.name}, which speaks HTTP, and {problem}: the "
                        "redirect of the listener is bypassed"
                    )


def _is_refusal(action: View) -> bool:
    status = action.view("fixedResponse").text("statusCode")
    return action.text("type").lower() == "fixed-response" and status.startswith("4")


tls_listener_rule_no_http_forward = rule(
    id="tls-listener-rule-no-http-forward",
    title="No rule of an HTTP listener serves what the listener redirects.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(LISTENER_RULE, LISTENER),
    condition="a rule of an HTTP listener with an action other than a permanent redirect to HTTPS",
    exceptions="a fixed response that refuses (4xx)",
    fix="attach the rule to the HTTPS listener: listener_arn=https.arn",
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html",
    stack_check=_rule_does_not_bypass,
    passes=[
        node(
            "api",
            LISTENER_RULE,
            {
                "listenerArn": "${https.arn}",
                "actions": [{"type": "forward", "targetGroupArn": "${targets.arn}"}],
            },
        ),
        node("https", LISTENER, {"port": 443, "protocol": "HTTPS"}),
        node("targets", TARGET_GROUP, {"port": 8080, "protocol": "HTTP"}),
    ],
    violates=[
        node(
            "api",
            LISTENER_RULE,
            {
                "listenerArn": "${http.arn}",
                "actions": [{"type": "forward", "targetGroupArn": "${targets.arn}"}],
            },
        ),
        node("http", LISTENER, {"port": 80, "protocol": "HTTP"}),
        node("targets", TARGET_GROUP, {"port": 8080, "protocol": "HTTP"}),
    ],
)

# https://docs.aws.amazon.com/securityhub/latest/userguide/elb-controls.html#elb-17
_POLICIES = tuple(
    f"ELBSecurityPolicy-TLS13-{name}"
    for name in (
        "1-3-2021-06",
        "1-3-FIPS-2023-04",
        "1-2-Res-2021-06",
        "1-2-Res-FIPS-2023-04",
        "1-3-PQ-2025-09",
        "1-3-FIPS-PQ-2025-09",
        "1-2-Res-PQ-2025-09",
        "1-2-Res-FIPS-PQ-2025-09",
    )
)


def _policy_is_modern(listener: Resource, report: Report) -> None:
    if _protocol(listener) not in _ENCRYPTED:
        return
    # https://www.pulumi.com/registry/packages/aws/api-docs/lb/listener/#sslpolicy_python
    policy = listener.text("sslPolicy", "ELBSecurityPolicy-2016-08")
    if policy not in report.option("allowedPolicies"):
        given = "" if listener.has("sslPolicy") else ", the default,"
        report(f"sslPolicy {policy}{given} allows old protocol versions or weak ciphers")


tls_listener_policy = rule(
    id="tls-listener-policy",
    title="A listener speaks TLS 1.2 or 1.3 with forward secrecy and nothing older.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(LISTENER,),
    condition="an HTTPS or TLS listener whose `sslPolicy` is missing or not on the list of "
    "Security Hub control ELB.17",
    exceptions="policies that configuration adds for old clients",
    fix='ssl_policy="ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"',
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html",
    anchors=anchors(
        fsbp="ELB.17",
        checkov="CKV_AWS_103 CKV2_AWS_74",
        prowler="elbv2_insecure_ssl_ciphers",
        cfn_guard="elbv2_listener_ssl_policy_rule",
        trivy="AWS-0047",
        pulumi="aws-lb-listener-configure-secure-tls",
    ),
    options={
        "allowedPolicies": Option(
            type="array", default=list(_POLICIES), description="Names of accepted policies."
        )
    },
    check=_policy_is_modern,
    passes=[
        node("https", LISTENER, {"port": 443, "protocol": "HTTPS", "sslPolicy": _POLICIES[2]}),
        node("redirect", LISTENER, {"port": 80, "protocol": "HTTP"}),
    ],
    violates=[
        node(
            "https",
            LISTENER,
            {
                "port": 443,
                "protocol": "HTTPS",
                "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06",
            },
        )
    ],
)

_ACM_ARN = re.compile(r"arn:aws[a-z-]*:acm:")


@for_each(LISTENER)
def _certificate_is_acm(stack: Stack, report: Report, listener: Resource) -> None:
    if _protocol(listener) not in _ENCRYPTED:
        return
    if stack.depends(listener, "certificateArn", CERTIFICATE, CERTIFICATE_VALIDATION):
        return
    arn = listener.text("certificateArn")
    if not arn:
        report("has no certificateArn")
    elif not _ACM_ARN.match(arn):
        report(f"certificateArn is of {':'.join(arn.split(':')[2:3]) or 'unknown origin'}, not ACM")


tls_listener_acm_certificate = rule(
    id="tls-listener-acm-certificate",
    title="A listener's certificate is ACM's, which renews it.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(LISTENER, CERTIFICATE, CERTIFICATE_VALIDATION),
    condition="an HTTPS or TLS listener without `certificateArn`, or with one that is not of ACM",
    fix="certificate_arn=validation.certificate_arn of an aws.acm.CertificateValidation",
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html",
    anchors=anchors(
        cdk_nag="ELBv2ACMCertificateRequired",
        cfn_guard="elbv2_acm_certificate_required",
    ),
    stack_check=_certificate_is_acm,
    passes=[
        node(
            "https",
            LISTENER,
            {"port": 443, "protocol": "HTTPS", "certificateArn": "${certificate.arn}"},
        ),
        node("certificate", CERTIFICATE, {"domainName": "api.example.com"}),
    ],
    violates=[
        node(
            "https",
            LISTENER,
            {
                "port": 443,
                "protocol": "HTTPS",
                "certificateArn": "arn:aws:iam::123456789012:server-certificate/api",
            },
        )
    ],
)


def _viewers_are_redirected(distribution: Resource, report: Report) -> None:
    behaviours = [
        *distribution.views("defaultCacheBehavior"),
        *distribution.views("orderedCacheBehaviors"),
    ]
    for behaviour in behaviours:
        with report.attempt():
            if behaviour.text("viewerProtocolPolicy") == "allow-all":
                report(f"{behaviour.at('viewerProtocolPolicy')} is allow-all: HTTP is served")


tls_cloudfront_viewer = rule(
    id="tls-cloudfront-viewer",
    title="A distribution serves viewers over HTTPS only.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(DISTRIBUTION,),
    condition="a cache behaviour, default or ordered, with `viewerProtocolPolicy` allow-all",
    fix='"viewer_protocol_policy": "redirect-to-https" (or "https-only")',
    url="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-https-viewers-to-cloudfront.html",
    anchors=anchors(
        fsbp="CloudFront.3",
        checkov="CKV_AWS_34",
        prowler="cloudfront_distributions_https_enabled",
        cfn_guard="cloudfront_viewer_policy_https",
        trivy="AWS-0012",
        pulumi="aws-cloudfront-distribution-disallow-unencrypted-traffic",
    ),
    check=_viewers_are_redirected,
    passes=[
        node(
            "cdn",
            DISTRIBUTION,
            {
                "defaultCacheBehavior": {"viewerProtocolPolicy": "https-only"},
                "orderedCacheBehaviors": [
                    {"pathPattern": "/assets/*", "viewerProtocolPolicy": "redirect-to-https"}
                ],
            },
        )
    ],
    violates=[
        node(
            "cdn",
            DISTRIBUTION,
            {
                "defaultCacheBehavior": {"viewerProtocolPolicy": "https-only"},
                "orderedCacheBehaviors": [
                    {"pathPattern": "/assets/*", "viewerProtocolPolicy": "allow-all"}
                ],
            },
        )
    ],
)

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html
_VIEWER_VERSIONS = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")


def _viewer_certificate_is_modern(distribution: Resource, report: Report) -> None:
    certificate = distribution.view("viewerCertificate")
    own = certificate.has("acmCertificateArn") or certificate.has("iamCertificateId")
    if certificate.flag("cloudfrontDefaultCertificate") or not own:
        if distribution.items("aliases") or not report.option("allowDefaultCertificate"):
            report("viewerCertificate is CloudFront's own, which also accepts TLS 1.0")
        return
    version = certificate.text("minimumProtocolVersion", "TLSv1")
    if version not in _VIEWER_VERSIONS:
        report(f"viewerCertificate.minimumProtocolVersion is {version}")
    method = certificate.text("sslSupportMethod")
    if method != "sni-only":
        report(f"viewerCertificate.sslSupportMethod is {method or 'not given'}, not sni-only")


tls_cloudfront_minimum = rule(
    id="tls-cloudfront-minimum",
    title="A distribution has a certificate of its own and speaks TLS 1.2 or later.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(DISTRIBUTION,),
    condition="CloudFront's default certificate; a minimum version below TLSv1.2_2021; a support "
    "method other than sni-only",
    exceptions="the default certificate of a distribution without aliases, outside production",
    fix='viewer_certificate={"acm_certificate_arn": certificate_arn, '
    '"minimum_protocol_version": "TLSv1.2_2021", "ssl_support_method": "sni-only"}',
    url="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html",
    anchors=anchors(
        fsbp="CloudFront.7 CloudFront.8 CloudFront.15",
        checkov="CKV_AWS_174 CKV2_AWS_42",
        cdk_nag="AwsSolutions-CFR4",
        cfn_guard="cloudfront_minimum_protocol_version_rule "
        "cloudfront_custom_ssl_certificate cloudfront_sni_enabled",
        trivy="AWS-0013",
        pulumi="aws-cloudfront-distribution-configure-secure-tls",
    ),
    options={
        "allowDefaultCertificate": Option(
            type="boolean",
            default=False,
            by_profile={"temporary": True, "staging": True},
            description="Whether a distribution without aliases may use CloudFront's certificate.",
        )
    },
    check=_viewer_certificate_is_modern,
    passes=[
        node(
            "cdn",
            DISTRIBUTION,
            {
                "aliases": ["cdn.example.com"],
                "viewerCertificate": {
                    "acmCertificateArn": "${certificate.arn}",
                    "minimumProtocolVersion": "TLSv1.2_2021",
                    "sslSupportMethod": "sni-only",
                },
            },
        ),
        node("certificate", CERTIFICATE, {"domainName": "cdn.example.com"}),
    ],
    violates=[
        node(
            "cdn",
            DISTRIBUTION,
            {
                "aliases": ["cdn.example.com"],
                "viewerCertificate": {
                    "acmCertificateArn": "${certificate.arn}",
                    "minimumProtocolVersion": "TLSv1.1_2016",
                    "sslSupportMethod": "sni-only",
                },
            },
        ),
        node("certificate", CERTIFICATE, {"domainName": "cdn.example.com"}),
    ],
)

_ORIGIN_VERSIONS = {"TLSv1.2", "TLSv1.3"}


def _origin_is_encrypted(resource: Resource, report: Report) -> None:
    if resource.kind == VPC_ORIGIN:
        config = resource.view("vpcOriginEndpointConfig")
        _origin_config(config, config.texts("originSslProtocols.items"), report)
        return
    for origin in resource.views("origins"):
        with report.attempt():
            if origin.has("customOriginConfig"):
                config = origin.view("customOriginConfig")
                _origin_config(config, config.texts("originSslProtocols"), report)


def _origin_config(config: View, versions: list[str], report: Report) -> None:
    policy = config.text("originProtocolPolicy")
    if policy != "https-only":
        report(f"{config.at('originProtocolPolicy')} is {policy or 'not given'}")
    old = sorted(set(versions) - _ORIGIN_VERSIONS)
    if old:
        report(f"{config.at('originSslProtocols')} has {', '.join(old)}")


tls_cloudfront_origin = rule(
    id="tls-cloudfront-origin",
    title="CloudFront talks to its origins over TLS 1.2 or later.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(DISTRIBUTION, VPC_ORIGIN),
    condition="a custom or VPC origin whose protocol policy is not https-only, or with a protocol "
    "older than TLSv1.2",
    exceptions="S3 origins, which CloudFront signs its requests to",
    fix='"origin_protocol_policy": "https-only", "origin_ssl_protocols": ["TLSv1.2"]',
    url="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-https-cloudfront-to-custom-origin.html",
    anchors=anchors(
        fsbp="CloudFront.9 CloudFront.10",
        checkov="CKV2_AWS_54 CKV2_AWS_72",
        cdk_nag="AwsSolutions-CFR5",
        prowler="cloudfront_distributions_origin_traffic_encrypted",
        pulumi="aws-cloudfront-distribution-configure-secure-tls-to-origin",
    ),
    check=_origin_is_encrypted,
    passes=[
        node(
            "cdn",
            DISTRIBUTION,
            {
                "origins": [
                    {
                        "originId": "api",
                        "domainName": "origin.example.com",
                        "customOriginConfig": {
                            "originProtocolPolicy": "https-only",
                            "originSslProtocols": ["TLSv1.2"],
                        },
                    },
                    {"originId": "assets", "domainName": "assets.s3.amazonaws.com"},
                ]
            },
        )
    ],
    violates=[
        node(
            "cdn",
            DISTRIBUTION,
            {
                "origins": [
                    {
                        "originId": "api",
                        "domainName": "origin.example.com",
                        "customOriginConfig": {
                            "originProtocolPolicy": "match-viewer",
                            "originSslProtocols": ["TLSv1.2"],
                        },
                    }
                ]
            },
        )
    ],
)


def _certificate_is_strong(certificate: Resource, report: Report) -> None:
    if certificate.text("keyAlgorithm") == "RSA_1024":
        report("keyAlgorithm is RSA_1024, which can be factored")
    if certificate.text("validationMethod") == "EMAIL":
        report("validationMethod is EMAIL: it is not renewed unless somebody reads the mail")
    private = certificate.has("certificateAuthorityArn") or certificate.has("certificateBody")
    logged = certificate.text("options.certificateTransparencyLoggingPreference", "ENABLED")
    if logged != "ENABLED" and not private:
        report("certificate transparency logging is off: browsers refuse the certificate")


def _certificate_is_narrow(certificate: Resource, report: Report) -> None:
    names = [certificate.text("domainName"), *certificate.texts("subjectAlternativeNames")]
    wild = sorted({name for name in names if name.startswith("*.")})
    if wild:
        report.advise(f"{', '.join(wild)}: whoever takes this key speaks for every name under it")


tls_certificate_strong = rule(
    id="tls-certificate-strong",
    title="A certificate has a strong key, renews by DNS and is logged.",
    severity=Severity.MEDIUM,
    level=ALWAYS,
    types=(CERTIFICATE,),
    condition="key algorithm RSA_1024, validation by email, or transparency logging off; advice: a "
    "wildcard name",
    exceptions="certificates of a private CA and imported ones need not be logged",
    fix='key_algorithm="EC_prime256v1", validation_method="DNS", without options',
    url="https://docs.aws.amazon.com/acm/latest/userguide/acm-certificate-characteristics.html",
    anchors=anchors(
        fsbp="ACM.2",
        checkov="CKV_AWS_234 CKV2_AWS_71",
        prowler="acm_certificates_with_secure_key_algorithms "
        "acm_certificates_transparency_logs_enabled",
    ),
    check=(_certificate_is_strong, _certificate_is_narrow),
    passes=[
        node(
            "certificate",
            CERTIFICATE,
            {
                "domainName": "api.example.com",
                "validationMethod": "DNS",
                "keyAlgorithm": "EC_prime256v1",
            },
        )
    ],
    violates=[
        node(
            "certificate",
            CERTIFICATE,
            {"domainName": "api.example.com", "validationMethod": "EMAIL"},
        )
    ],
)

_FORCED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "postgres": ("rds.force_ssl", ("1",)),
    "sqlserver": ("rds.force_ssl", ("1",)),
    "mysql": ("require_secure_transport", ("1", "ON")),
    "mariadb": ("require_secure_transport", ("1", "ON")),
}


def _setting(*hints: str) -> tuple[str, tuple[str, ...]] | None:
    """Parameter and values that force TLS, told from an engine or a parameter group's family."""
    for hint in hints:
        for engine, setting in _FORCED.items():
            if engine in hint:
                return setting
    return None


@for_each(DB_INSTANCE, DB_CLUSTER)
def _database_forces_tls(stack: Stack, report: Report, database: Resource) -> None:
    path, kind = (
        ("parameterGroupName", PARAMETER_GROUP)
        if database.kind == DB_INSTANCE
        else ("dbClusterParameterGroupName", CLUSTER_PARAMETER_GROUP)
    )
    engine = database.text("engine")
    groups = stack.targets(database, path, kind)
    for group in groups:
        forced = _setting(engine, group.text("family"))
        if forced and not _sets(group, *forced):
            report(f"its parameter group {group.name} does not set {forced[0]} to {forced[1][0]}")
    if groups or (engine and not _setting(engine)):
        return  # judged, or an engine (Oracle, Db2) that has no such parameter
    name = database.text(path)
    if name and not name.startswith("default."):
        report.not_evaluated(f"{path}: {name} is not a parameter group of this stack")
    else:
        report(f"has {name or 'no ' + path}: nothing of ours forces TLS")


def _sets(group: Resource, name: str, wanted: tuple[str, ...]) -> bool:
    undecided: NotEvaluatedError | None = None
    for parameter in group.views("parameters"):
        try:
            if parameter.text("name") == name:
                return parameter.text("value").upper() in wanted
        except NotEvaluatedError as error:
            undecided = error
    if undecided:
        raise undecided
    return False


@for_each(DB_PROXY)
def _proxy_requires_tls(_: Stack, report: Report, proxy: Resource) -> None:
    if not proxy.flag("requireTls"):
        report("requireTls is not true: clients may connect in clear")


tls_rds_force_ssl = rule(
    id="tls-rds-force-ssl",
    title="A database refuses connections without TLS.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(DB_INSTANCE, DB_CLUSTER, DB_PROXY, PARAMETER_GROUP, CLUSTER_PARAMETER_GROUP),
    condition="an instance or cluster whose parameter group does not set rds.force_ssl "
    "(PostgreSQL, SQL Server) or require_secure_transport (MySQL, MariaDB), or a proxy without "
    "`requireTls`",
    exceptions="engines without such a parameter; PostgreSQL 15 and later force it by default, "
    "which must be said all the same, for a default is not a decision",
    fix='parameters=[{"name": "rds.force_ssl", "value": "1"}] in an aws.rds.ParameterGroup, '
    "parameter_group_name=group.name",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html",
    anchors=anchors(
        fsbp="RDS.43",
        checkov="CKV2_AWS_69 CKV_AWS_211",
        prowler="rds_instance_transport_encrypted",
    ),
    stack_check=(_database_forces_tls, _proxy_requires_tls),
    passes=[
        node(
            "orders",
            DB_INSTANCE,
            {"engine": "postgres", "parameterGroupName": "${parameters.name}"},
        ),
        node(
            "parameters",
            PARAMETER_GROUP,
            {"family": "postgres17", "parameters": [{"name": "rds.force_ssl", "value": "1"}]},
        ),
    ],
    violates=[
        node(
            "orders",
            DB_INSTANCE,
            {"engine": "postgres", "parameterGroupName": "${parameters.name}"},
        ),
        node(
            "parameters",
            PARAMETER_GROUP,
            {"family": "postgres17", "parameters": [{"name": "log_statement", "value": "ddl"}]},
        ),
    ],
)


def _cache_is_encrypted_in_transit(cache: Resource, report: Report) -> None:
    if cache.has("replicationGroupId") and cache.kind == CACHE_CLUSTER:
        return  # a member; the group decides
    if cache.has("globalReplicationGroupId"):
        return  # a secondary region takes it from the primary
    if not cache.flag("transitEncryptionEnabled"):
        report("transitEncryptionEnabled is not true")
        return
    mode = cache.text("transitEncryptionMode", "required")
    if mode != "required" and not report.option("allowPreferred"):
        report(f"transitEncryptionMode is {mode}: clients may still connect in clear")


tls_cache_transit = rule(
    id="tls-cache-transit",
    title="A cache refuses connections without TLS.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(CACHE_GROUP, CACHE_CLUSTER),
    condition="`transitEncryptionEnabled` is not true, or `transitEncryptionMode` is preferred",
    exceptions="members of a group and secondary regions, which inherit; serverless caches, which "
    "always use TLS",
    fix='transit_encryption_enabled=True, transit_encryption_mode="required"',
    url="https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption.html",
    anchors=anchors(
        fsbp="ElastiCache.5",
        checkov="CKV_AWS_30 CKV_AWS_31",
        cdk_nag="AwsSolutions-AEC3",
        prowler="elasticache_redis_cluster_in_transit_encryption_enabled",
        cfn_guard="elasticache_replication_group_transit_encryption",
        trivy="AWS-0051",
    ),
    options={
        "allowPreferred": Option(
            type="boolean",
            default=False,
            description="Whether a migration may accept both for a while.",
        )
    },
    check=_cache_is_encrypted_in_transit,
    passes=[node("sessions", CACHE_GROUP, {"transitEncryptionEnabled": True})],
    violates=[
        node(
            "sessions",
            CACHE_GROUP,
            {"transitEncryptionEnabled": True, "transitEncryptionMode": "preferred"},
        )
    ],
)


@for_each(BUCKET)
def _bucket_refuses_plain_text(stack: Stack, report: Report, bucket: Resource) -> None:
    holders = [bucket, *stack.sources(bucket, "bucket", BUCKET_POLICY)]
    # Any action will do that only a pattern for all of S3 covers.
    still_open = open_to_plain_text(bucket, holders, ["s3:everything"], ["", "/*"])
    if still_open:
        report(f"no policy denies s3:* without TLS on {', '.join(still_open)}")


tls_s3_deny_insecure = rule(
    id="tls-s3-deny-insecure",
    title="A bucket refuses requests without TLS.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(BUCKET, BUCKET_POLICY),
    condition="a bucket without a policy that denies s3:* to everyone, on the bucket and on its "
    "objects, where aws:SecureTransport is false and on no further condition",
    fix='a statement {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": '
    '[bucket.arn, f"{bucket.arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}} in '
    "its aws.s3.BucketPolicy",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html#transit",
    anchors=anchors(
        fsbp="S3.5",
        cis="2.1.1",
        checkov="CKV_AWS_379",
        cdk_nag="AwsSolutions-S10",
        prowler="s3_bucket_secure_transport_policy",
        cfn_guard="s3_bucket_ssl_requests_only",
    ),
    stack_check=_bucket_refuses_plain_text,
    passes=[
        node("assets", BUCKET),
        node(
            "assets-policy",
            BUCKET_POLICY,
            {
                "bucket": "${assets.id}",
                "policy": document(
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": ["${assets.arn}", "${assets.arn}/*"],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ),
            },
        ),
    ],
    violates=[
        node("assets", BUCKET),
        node(
            "assets-policy",
            BUCKET_POLICY,
            {
                "bucket": "${assets.id}",
                "policy": document(
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": "${assets.arn}/*",
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ),
            },
        ),
    ],
)


def _policy_is_post_quantum(listener: Resource, report: Report) -> None:
    if _protocol(listener) not in _ENCRYPTED:
        return
    policy = listener.text("sslPolicy", "ELBSecurityPolicy-2016-08")
    if "-PQ-" not in policy:
        report(
            f"sslPolicy {policy} has no post-quantum key exchange: what is recorded today can "
            "be read once there is a machine for it"
        )


tls_listener_post_quantum = rule(
    id="tls-listener-post-quantum",
    title="A listener offers post-quantum key exchange.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(LISTENER,),
    condition="an HTTPS or TLS listener whose `sslPolicy` is not one of the -PQ- policies",
    exceptions="listeners whose clients must use FIPS modules without it: an exemption",
    fix='ssl_policy="ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"; clients without it fall back',
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html",
    anchors=anchors(
        prowler="elbv2_listener_pqc_tls_enabled",
    ),
    check=_policy_is_post_quantum,
    passes=[node("https", LISTENER, {"port": 443, "protocol": "HTTPS", "sslPolicy": _POLICIES[6]})],
    violates=[
        node("https", LISTENER, {"port": 443, "protocol": "HTTPS", "sslPolicy": _POLICIES[2]})
    ],
)

_MAX_AGE = re.compile(r"max-age\s*=\s*\"?(\d+)", re.IGNORECASE)
_HSTS = "routingHttpResponseStrictTransportSecurityHeaderValue"


def _transport_is_strict(resource: Resource, report: Report) -> None:
    if resource.kind == LISTENER:
        if report.option("hstsAtOrigin") or _protocol(resource) != "HTTPS":
            return
        path, found = _HSTS, _MAX_AGE.search(resource.text(_HSTS))
        seconds = int(found.group(1)) if found else 0
    else:
        path = "securityHeadersConfig.strictTransportSecurity.accessControlMaxAgeSec"
        seconds = resource.number(path)
    if seconds < report.option("minSeconds"):
        report(
            f"{path} is {f'{seconds} seconds' if seconds else 'not given'}: a browser may be "
            "talked into plain HTTP"
        )


tls_hsts = rule(
    id="tls-hsts",
    title="Browsers are told to come back over HTTPS only.",
    severity=Severity.MEDIUM,
    level=ADVICE,
    types=(LISTENER, HEADERS_POLICY),
    condition="an HTTPS listener, or a response headers policy, without Strict-Transport-Security "
    "of a year or more",
    exceptions="an API that sends the header itself: option hstsAtOrigin",
    fix='routing_http_response_strict_transport_security_header_value="max-age=31536000; '
    'includeSubDomains"',
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html",
    anchors=anchors(
        checkov="CKV_AWS_259 CKV2_AWS_32",
    ),
    options={
        "hstsAtOrigin": Option(
            type="boolean",
            default=False,
            description="Whether what is behind the listeners sends the header itself.",
        ),
        "minSeconds": Option(
            type="integer", default=31536000, description="Least max-age in seconds."
        ),
    },
    check=_transport_is_strict,
    passes=[
        node(
            "https",
            LISTENER,
            {"port": 443, "protocol": "HTTPS", _HSTS: "max-age=63072000; includeSubDomains"},
        )
    ],
    violates=[node("https", LISTENER, {"port": 443, "protocol": "HTTPS", _HSTS: "max-age=300"})],
)


def _targets_are_encrypted(group: Resource, report: Report) -> None:
    # https://www.pulumi.com/registry/packages/aws/api-docs/lb/targetgroup/#targettype_python
    kind = group.text("targetType", "instance")
    if kind in ("lambda", "alb", *report.option("plainTargetTypes")):
        return
    protocol = group.text("protocol")
    if protocol not in (*_ENCRYPTED, "GENEVE"):
        report(f"protocol {protocol or 'not given'} to targets of type {kind}")
    check = group.text("healthCheck.protocol", "HTTP")
    if check not in _ENCRYPTED and protocol != "GENEVE":
        report(f"healthCheck.protocol is {check}")


tls_target_group = rule(
    id="tls-target-group",
    title="A load balancer talks to its targets over TLS.",
    severity=Severity.MEDIUM,
    level=ADVICE,
    types=(TARGET_GROUP,),
    condition="a target group, or its health check, with a protocol other than HTTPS or TLS",
    exceptions="targets by IP address (Fargate tasks that only the load balancer's security group "
    "reaches, inside the VPC), functions and load balancers",
    fix='protocol="HTTPS", health_check={"protocol": "HTTPS", ...}',
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html",
    anchors=anchors(
        security_hub="ELB.21 ELB.22",
        checkov="CKV_AWS_378",
    ),
    options={
        "plainTargetTypes": Option(
            type="array",
            default=["ip"],
            description="Target types that may be reached in clear; none where TLS must be end to "
            "end.",
        )
    },
    check=_targets_are_encrypted,
    passes=[
        node("tasks", TARGET_GROUP, {"targetType": "ip", "protocol": "HTTP", "port": 8080}),
        node(
            "servers",
            TARGET_GROUP,
            {"protocol": "HTTPS", "port": 8443, "healthCheck": {"protocol": "HTTPS"}},
        ),
    ],
    violates=[
        node(
            "servers",
            TARGET_GROUP,
            {"protocol": "HTTP", "port": 8080, "healthCheck": {"protocol": "HTTPS"}},
        )
    ],
)


@for_each(TOPIC)
def _topic_refuses_plain_text(stack: Stack, report: Report, topic: Resource) -> None:
    holders = [topic, *stack.sources(topic, "arn", TOPIC_POLICY)]
    # A topic's policy may not say sns:*, so publishing is what counts:
    # https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html#enforce-encryption-data-in-transit
    if open_to_plain_text(topic, holders, ["sns:publish"], [""]):
        report("no policy denies sns:Publish without TLS")


@for_each(QUEUE)
def _queue_refuses_plain_text(stack: Stack, report: Report, queue: Resource) -> None:
    holders = [queue, *stack.sources(queue, "queueUrl", QUEUE_POLICY)]
    if open_to_plain_text(queue, holders, ["sqs:sendmessage", "sqs:receivemessage"], [""]):
        report("no policy denies sending and receiving without TLS")


@for_each(SUBSCRIPTION)
def _subscription_is_encrypted(_: Stack, report: Report, subscription: Resource) -> None:
    if subscription.text("protocol").lower() == "http":
        report("protocol is http: messages travel in clear")


tls_sns_secure = rule(
    id="tls-sns-secure",
    title="Topics and queues refuse messages in clear.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(TOPIC, TOPIC_POLICY, SUBSCRIPTION, QUEUE, QUEUE_POLICY),
    condition="a topic or queue without a policy that denies everyone without TLS, or a "
    "subscription with protocol http",
    fix='a statement {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": '
    'topic.arn, "Condition": {"Bool": {"aws:SecureTransport": "false"}}} in its '
    'aws.sns.TopicPolicy; for a queue "sqs:*" in its aws.sqs.QueuePolicy',
    url="https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html#enforce-encryption-data-in-transit",
    anchors=anchors(
        cdk_nag="AwsSolutions-SNS3 AwsSolutions-SQS4",
        prowler="sns_subscription_not_using_http_endpoints",
    ),
    stack_check=(
        _topic_refuses_plain_text,
        _queue_refuses_plain_text,
        _subscription_is_encrypted,
    ),
    passes=[
        node("alarms", TOPIC),
        node(
            "alarms-policy",
            TOPIC_POLICY,
            {
                "arn": "${alarms.arn}",
                "policy": document(
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "sns:Publish",
                        "Resource": "${alarms.arn}",
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ),
            },
        ),
        node("mail", SUBSCRIPTION, {"topic": "${alarms.arn}", "protocol": "email"}),
    ],
    violates=[
        node("hook", SUBSCRIPTION, {"topic": "${alarms.arn}", "protocol": "http"}),
        node(
            "alarms",
            TOPIC,
            {
                "policy": document(
                    {
                        "Effect": "Deny",
                        "Principal": {"AWS": "*"},
                        "Action": "sns:Publish",
                        "Resource": "*",
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                )
            },
        ),
    ],
)


def _file_systems_are_encrypted_in_transit(task: Resource, report: Report) -> None:
    for volume in task.views("volumes"):
        with report.attempt():
            if not volume.has("efsVolumeConfiguration"):
                continue
            config = volume.view("efsVolumeConfiguration")
            if config.text("transitEncryption", "DISABLED") != "ENABLED":
                report(f"{config.at('transitEncryption')} is not ENABLED")
            if config.text("authorizationConfig.iam", "DISABLED") != "ENABLED":
                report(f"{config.at('authorizationConfig.iam')} is not ENABLED")


tls_ecs_efs_transit = rule(
    id="tls-ecs-efs-transit",
    title="A task mounts file systems over TLS and as itself.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(TASK_DEFINITION,),
    condition="an EFS volume without transit encryption or IAM authorization",
    fix='"transit_encryption": "ENABLED", "authorization_config": {"iam": "ENABLED"}',
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/efs-best-practices.html",
    anchors=anchors(
        security_hub="ECS.18",
        checkov="CKV_AWS_97",
        trivy="AWS-0035",
    ),
    check=_file_systems_are_encrypted_in_transit,
    passes=[
        node(
            "api",
            TASK_DEFINITION,
            {
                "volumes": [
                    {
                        "name": "media",
                        "efsVolumeConfiguration": {
                            "fileSystemId": "fs-1",
                            "transitEncryption": "ENABLED",
                            "authorizationConfig": {"iam": "ENABLED"},
                        },
                    }
                ]
            },
        )
    ],
    violates=[
        node(
            "api",
            TASK_DEFINITION,
            {
                "volumes": [
                    {"name": "scratch"},
                    {
                        "name": "media",
                        "efsVolumeConfiguration": {
                            "fileSystemId": "fs-1",
                            "authorizationConfig": {"iam": "ENABLED"},
                        },
                    },
                ]
            },
        )
    ],
)

RULES: tuple[Rule, ...] = (
    tls_listener_https,
    tls_listener_rule_no_http_forward,
    tls_listener_policy,
    tls_listener_acm_certificate,
    tls_cloudfront_viewer,
    tls_cloudfront_minimum,
    tls_cloudfront_origin,
    tls_certificate_strong,
    tls_rds_force_ssl,
    tls_cache_transit,
    tls_s3_deny_insecure,
    tls_listener_post_quantum,
    tls_hsts,
    tls_target_group,
    tls_sns_secure,
    tls_ecs_efs_transit,
)
