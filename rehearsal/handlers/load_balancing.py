"""Load balancers, listeners, rules and target groups.

Attribute names: `API_LoadBalancerAttribute`, `API_TargetGroupAttribute` and
`API_ListenerAttribute` under https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/
"""

from collections.abc import Mapping
from typing import Any

from rehearsal.handlers.model import As, Call, Context, Handler, Ignore, Naming, Rule

_ACTION: dict[str, Rule] = {
    "authenticateCognito": "AuthenticateCognitoConfig",
    "authenticateOidc": "AuthenticateOidcConfig",
    "fixedResponse": "FixedResponseConfig",
    "forward": "ForwardConfig",
    "forward.stickiness": "TargetGroupStickinessConfig",
    "forward.stickiness.duration": "DurationSeconds",
    "forward.targetGroups.arn": "TargetGroupArn",
    "jwtValidation": "JwtValidationConfig",
    "redirect": "RedirectConfig",
}
_ROUTING_HEADERS = {
    f"routingHttpRequestXAmzn{pulumi}HeaderName": (
        f"Attributes[routing.http.request.x_amzn_{api}.header_name]"
    )
    for pulumi, api in {
        "MtlsClientcert": "mtls_clientcert",
        "MtlsClientcertIssuer": "mtls_clientcert_issuer",
        "MtlsClientcertLeaf": "mtls_clientcert_leaf",
        "MtlsClientcertSerialNumber": "mtls_clientcert_serial_number",
        "MtlsClientcertSubject": "mtls_clientcert_subject",
        "MtlsClientcertValidity": "mtls_clientcert_validity",
        "TlsCipherSuite": "tls_cipher_suite",
        "TlsVersion": "tls_version",
    }.items()
} | {
    f"routingHttpResponse{pulumi}HeaderValue": (
        f"Attributes[routing.http.response.{api}.header_value]"
    )
    for pulumi, api in {
        "AccessControlAllowCredentials": "access_control_allow_credentials",
        "AccessControlAllowHeaders": "access_control_allow_headers",
        "AccessControlAllowMethods": "access_control_allow_methods",
        "AccessControlAllowOrigin": "access_control_allow_origin",
        "AccessControlExposeHeaders": "access_control_expose_headers",
        "AccessControlMaxAge": "access_control_max_age",
        "ContentSecurityPolicy": "content_security_policy",
        "StrictTransportSecurity": "strict_transport_security",
        "XContentTypeOptions": "x_content_type_options",
        "XFrameOptions": "x_frame_options",
    }.items()
}


def _prefixed(path: str, rules: Mapping[str, Rule]) -> dict[str, Rule]:
    return {f"{path}.{key}": rule for key, rule in rules.items()}


def _conditions(conditions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each kind of condition has its own structure: `API_RuleCondition`."""
    fields = {
        "hostHeader": ("host-header", "HostHeaderConfig"),
        "httpHeader": ("http-header", "HttpHeaderConfig"),
        "httpRequestMethod": ("http-request-method", "HttpRequestMethodConfig"),
        "pathPattern": ("path-pattern", "PathPatternConfig"),
        "sourceIp": ("source-ip", "SourceIpConfig"),
    }
    names = {"httpHeaderName": "HttpHeaderName", "values": "Values", "regexValues": "RegexValues"}
    made: list[dict[str, Any]] = []
    for condition in conditions:
        for key, value in condition.items():
            if key == "queryStrings":
                pairs = [{k.capitalize(): v for k, v in pair.items()} for pair in value]
                made.append({"Field": "query-string", "QueryStringConfig": {"Values": pairs}})
            else:
                field, member = fields[key]
                made.append({"Field": field, member: {names[k]: v for k, v in value.items()}})
    return made


def _attributes(names: Mapping[str, str]) -> dict[str, Rule]:
    return {key: f"/Attributes[{attribute}]" for key, attribute in names.items()}


def _suffix(context: Context) -> str:
    """The part of an ARN that CloudWatch dimensions use."""
    arn = context.id
    return arn.split(":loadbalancer/")[-1] if ":loadbalancer/" in arn else arn.split(":", 5)[-1]


def _scheme(internal: bool) -> str:
    return "internal" if internal else "internet-facing"


def _mapping_zones(context: Context) -> list[str]:
    zones = context.response["LoadBalancers"][0]["AvailabilityZones"]
    return [zone["SubnetId"] for zone in zones]


_LIMIT = 32
"""Length of a name: `API_CreateLoadBalancer`, `API_CreateTargetGroup`."""

_LOAD_BALANCER_ATTRIBUTES = {
    "accessLogs.bucket": "access_logs.s3.bucket",
    "accessLogs.enabled": "access_logs.s3.enabled",
    "accessLogs.prefix": "access_logs.s3.prefix",
    "clientKeepAlive": "client_keep_alive.seconds",
    "connectionLogs.bucket": "connection_logs.s3.bucket",
    "connectionLogs.enabled": "connection_logs.s3.enabled",
    "connectionLogs.prefix": "connection_logs.s3.prefix",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "dnsRecordClientRoutingPolicy": "dns_record.client_routing_policy",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    "enableDeletionProtection": "deletion_protection.enabled",
    "enableHttp2": "routing.http2.enabled",
    "enableTlsVersionAndCipherSuiteHeaders": (
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled"
    ),
    "enableWafFailOpen": "waf.fail_open.enabled",
    "enableXffClientPort": "routing.http.xff_client_port.enabled",
    "enableZonalShift": "zonal_shift.config.enabled",
    "healthCheckLogs.bucket": "health_check_logs.s3.bucket",
    "healthCheckLogs.enabled": "health_check_logs.s3.enabled",
    "healthCheckLogs.prefix": "health_check_logs.s3.prefix",
    "idleTimeout": "idle_timeout.timeout_seconds",
    "preserveHostHeader": "routing.http.preserve_host_header.enabled",
    "xffHeaderProcessingMode": "routing.http.xff_header_processing.mode",
}

_TARGET_GROUP_ATTRIBUTES = {
    "connectionTermination": "deregistration_delay.connection_termination.enabled",
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "lambdaMultiValueHeadersEnabled": "lambda.multi_value_headers.enabled",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    "loadBalancingAnomalyMitigation": ("load_balancing.algorithm.anomaly_mitigation"),
    "loadBalancingCrossZoneEnabled": "load_balancing.cross_zone.enabled",
    "preserveClientIp": "preserve_client_ip.enabled",
    "proxyProtocolV2": "proxy_protocol_v2.enabled",
    "slowStart": "slow_start.duration_seconds",
    "stickiness.cookieDuration": "stickiness.lb_cookie.duration_seconds",
    "stickiness.cookieName": "stickiness.app_cookie.cookie_name",
    "stickiness.enabled": "stickiness.enabled",
    "stickiness.type": "stickiness.type",
    "targetFailovers.onDeregistration": "target_failover.on_deregistration",
    "targetFailovers.onUnhealthy": "target_failover.on_unhealthy",
    "targetGroupHealth.dnsFailover.minimumHealthyTargetsCount": (
        "target_group_health.dns_failover.minimum_healthy_targets.count"
    ),
    "targetGroupHealth.dnsFailover.minimumHealthyTargetsPercentage": (
        "target_group_health.dns_failover.minimum_healthy_targets.percentage"
    ),
    "targetGroupHealth.unhealthyStateRouting.minimumHealthyTargetsCount": (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count"
    ),
    "targetGroupHealth.unhealthyStateRouting.minimumHealthyTargetsPercentage": (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"
    ),
    "targetHealthStates.enableUnhealthyConnectionTermination": (
        "target_health_state.unhealthy.connection_termination.enabled"
    ),
    "targetHealthStates.unhealthyDrainingInterval": (
        "target_health_state.unhealthy.draining_interval_seconds"
    ),
}

HANDLERS: dict[str, Handler] = {
    "aws:lb/loadBalancer:LoadBalancer": Handler(
        service="elbv2",
        operation="create_load_balancer",
        inputs={
            "internal": As("Scheme", _scheme),
            "loadBalancerType": "Type",
            "subnetMappings.outpostId": Ignore("an output that the input type repeats"),
        },
        tags="Tags",
        naming=Naming(limit=_LIMIT),
        id="{LoadBalancers.0.LoadBalancerArn}",
        then=[
            Call(
                operation="modify_load_balancer_attributes",
                inputs=_attributes(_LOAD_BALANCER_ATTRIBUTES),
                params={"LoadBalancerArn": "{id}"},
            ),
            Call(
                operation="modify_capacity_reservation",
                inputs={
                    "minimumLoadBalancerCapacity.capacityUnits": (
                        "/MinimumLoadBalancerCapacity.CapacityUnits"
                    )
                },
                params={"LoadBalancerArn": "{id}"},
            ),
            Call(
                operation="set_security_groups",
                inputs={
                    "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic": "",
                },
                params={
                    "LoadBalancerArn": "{id}",
                    "SecurityGroups": lambda c: c.inputs.get("securityGroups", []),
                },
            ),
        ],
        outputs={
            "arn": "{id}",
            "arnSuffix": _suffix,
            "dnsName": "{LoadBalancers.0.DNSName}",
            "zoneId": "{LoadBalancers.0.CanonicalHostedZoneId}",
            "vpcId": "{LoadBalancers.0.VpcId}",
            "ipAddressType": "{LoadBalancers.0.IpAddressType?}",
            "subnets": _mapping_zones,
        },
    ),
    "aws:lb/targetGroup:TargetGroup": Handler(
        service="elbv2",
        operation="create_target_group",
        inputs={
            "healthCheck.enabled": "/HealthCheckEnabled",
            "healthCheck.healthyThreshold": "/HealthyThresholdCount",
            "healthCheck.interval": "/HealthCheckIntervalSeconds",
            "healthCheck.matcher": As("/Matcher", lambda value: {"HttpCode": str(value)}),
            "healthCheck.path": "/HealthCheckPath",
            "healthCheck.port": "/HealthCheckPort",
            "healthCheck.protocol": "/HealthCheckProtocol",
            "healthCheck.timeout": "/HealthCheckTimeoutSeconds",
            "healthCheck.unhealthyThreshold": "/UnhealthyThresholdCount",
        },
        tags="Tags",
        naming=Naming(limit=_LIMIT),
        id="{TargetGroups.0.TargetGroupArn}",
        then=[
            Call(
                operation="modify_target_group_attributes",
                inputs=_attributes(_TARGET_GROUP_ATTRIBUTES),
                params={"TargetGroupArn": "{id}"},
            ),
        ],
        outputs={
            "arn": "{id}",
            "arnSuffix": _suffix,
            "loadBalancerArns": "{TargetGroups.0.LoadBalancerArns?}",
        },
    ),
    "aws:lb/listener:Listener": Handler(
        service="elbv2",
        operation="create_listener",
        inputs={
            "certificateArn": As("Certificates", lambda arn: [{"CertificateArn": arn}]),
            **_prefixed("defaultActions", _ACTION),
        },
        tags="Tags",
        id="{Listeners.0.ListenerArn}",
        then=[
            Call(
                operation="modify_listener_attributes",
                inputs={
                    **_ROUTING_HEADERS,
                    "routingHttpResponseServerEnabled": (
                        "Attributes[routing.http.response.server.enabled]"
                    ),
                    "tcpIdleTimeoutSeconds": "Attributes[tcp.idle_timeout.seconds]",
                },
                params={"ListenerArn": "{id}"},
            ),
        ],
        outputs={"arn": "{id}"},
    ),
    "aws:lb/listenerRule:ListenerRule": Handler(
        service="elbv2",
        operation="create_rule",
        inputs={
            "conditions": As("Conditions", _conditions),
            **_prefixed("actions", _ACTION),
            "transforms.hostHeaderRewriteConfig.rewrite": "Rewrites",
            "transforms.urlRewriteConfig.rewrite": "Rewrites",
        },
        tags="Tags",
        id="{Rules.0.RuleArn}",
        outputs={"arn": "{id}"},
    ),
    "aws:lb/listenerCertificate:ListenerCertificate": Handler(
        service="elbv2",
        operation="add_listener_certificates",
        inputs={"certificateArn": As("Certificates", lambda arn: [{"CertificateArn": arn}])},
        id="{in.listenerArn}_{in.certificateArn}",
    ),
}
