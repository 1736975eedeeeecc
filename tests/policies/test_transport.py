"""What the examples of the transport rules do not show: each way to break one, each exception."""

import pytest
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
    TARGET_GROUP,
    TOPIC,
    VPC_ORIGIN,
)
from guardrails.pack import NOT_EVALUATED
from guardrails.registry import node
from guardrails.rules import transport

from tests.policies.verdicts import violated


def redirect(**to: str):
    return [{"type": "redirect", "redirect": {"statusCode": "HTTP_301", **to}}]


FORWARD = [{"type": "forward", "targetGroupArn": "arn:aws:elasticloadbalancing:::targetgroup/a"}]
TO_HTTPS = redirect(protocol="HTTPS", port="443")


@pytest.mark.parametrize(
    ("properties", "broken"),
    [
        ({"port": 443, "protocol": "HTTPS", "defaultActions": FORWARD}, False),
        ({"port": 443, "protocol": "https", "defaultActions": FORWARD}, False),
        ({"port": 443, "protocol": "TLS", "defaultActions": FORWARD}, False),
        ({"defaultActions": FORWARD}, False),  # Gateway Load Balancer
        ({"port": 53, "protocol": "UDP", "defaultActions": FORWARD}, False),
        ({"port": 5432, "protocol": "TCP", "defaultActions": FORWARD}, False),
        ({"port": 80, "protocol": "HTTP", "defaultActions": TO_HTTPS}, False),
        ({"port": 80, "defaultActions": redirect(protocol="HTTPS")}, False),
        ({"port": 443, "protocol": "TCP", "defaultActions": FORWARD}, True),
        ({"port": 8443, "protocol": "TCP_UDP", "defaultActions": FORWARD}, True),
        ({"port": 8080, "protocol": "HTTP", "defaultActions": FORWARD}, True),
        ({"port": 443, "protocol": "HTTP", "defaultActions": FORWARD}, True),
        ({"port": 80, "protocol": "HTTP"}, True),
        ({"port": 80, "protocol": "HTTP", "defaultActions": redirect(port="443")}, True),
        ({"port": 80, "defaultActions": redirect(protocol="HTTPS", port="8080")}, True),
        (
            {"port": 80, "defaultActions": redirect(protocol="HTTPS", statusCode="HTTP_302")},
            True,
        ),
        ({"port": 80, "protocol": "HTTP", "defaultActions": [*TO_HTTPS, *FORWARD]}, True),
    ],
)
def test_a_listener_serves_https_or_redirects_to_it(judge, properties, broken):
    said = judge(transport.tls_listener_https, node("listener", LISTENER, properties))

    assert bool(said) is broken


@pytest.mark.parametrize(
    ("protocol", "action", "broken"),
    [
        ("HTTPS", FORWARD, False),
        ("HTTP", TO_HTTPS, False),
        ("HTTP", [{"type": "fixed-response", "fixedResponse": {"statusCode": "404"}}], False),
        ("HTTP", [{"type": "fixed-response", "fixedResponse": {"statusCode": "200"}}], True),
        ("HTTP", FORWARD, True),
        (None, FORWARD, True),  # the default of an application load balancer
        ("HTTP", redirect(host="other.example.com"), True),
    ],
)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("listener", [LISTENER, "aws:alb/listener:Listener"])
def test_no_rule_serves_behind_a_redirect(judge, protocol, action, broken, known, listener):
    said = judge(
        transport.tls_listener_rule_no_http_forward,
        node("rule", LISTENER_RULE, {"listenerArn": "${listener.arn}", "actions": action}),
        node("listener", listener, {"port": 80, **({"protocol": protocol} if protocol else {})}),
        known=known,
    )

    assert violated(said) == (["rule"] if broken else [])


def test_a_rule_of_a_listener_that_is_not_in_the_stack_is_not_judged(judge):
    arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/lb/1/2"
    rule = node("rule", LISTENER_RULE, {"listenerArn": arn, "actions": FORWARD})

    assert judge(transport.tls_listener_rule_no_http_forward, rule) == []


@pytest.mark.parametrize(
    ("policy", "accepted"),
    [
        ("ELBSecurityPolicy-TLS13-1-3-2021-06", True),
        ("ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09", True),
        ("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", True),
        ("ELBSecurityPolicy-TLS13-1-2-2021-06", False),
        ("ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", False),
        ("ELBSecurityPolicy-TLS13-1-2-Ext1-PQ-2025-09", False),
        ("ELBSecurityPolicy-FS-1-2-Res-2020-10", False),
        (None, False),
    ],
)
def test_only_policies_of_elb_17_are_accepted(judge, policy, accepted):
    given = {"sslPolicy": policy} if policy else {}
    listener = node("https", LISTENER, {"port": 443, "protocol": "HTTPS", **given})

    assert (judge(transport.tls_listener_policy, listener) == []) is accepted


def test_a_certificate_of_another_partition_is_acms_too(judge):
    arn = "arn:aws-us-gov:acm:us-gov-west-1:123456789012:certificate/1"
    listener = node("https", LISTENER, {"port": 443, "protocol": "TLS", "certificateArn": arn})
    without = node("bare", LISTENER, {"port": 443, "protocol": "TLS"})

    said = judge(transport.tls_listener_acm_certificate, listener, without)

    assert violated(said) == ["bare"]


def test_the_default_behaviour_counts_as_well_as_the_ordered_ones(judge):
    cdn = node("cdn", DISTRIBUTION, {"defaultCacheBehavior": {"viewerProtocolPolicy": "allow-all"}})

    assert "defaultCacheBehavior" in judge(transport.tls_cloudfront_viewer, cdn)[0].message


@pytest.mark.parametrize("profile", ["temporary", "staging", "production"])
@pytest.mark.parametrize("aliases", [[], ["cdn.example.com"]])
def test_cloudfronts_certificate_is_for_nameless_distributions_outside_production(
    judge, profile, aliases
):
    cdn = node(
        "cdn",
        DISTRIBUTION,
        {"aliases": aliases, "viewerCertificate": {"cloudfrontDefaultCertificate": True}},
    )

    said = judge(transport.tls_cloudfront_minimum, cdn, profile=profile)

    assert bool(said) is (profile == "production" or bool(aliases))


@pytest.mark.parametrize(
    "certificate",
    [
        {},
        {"acmCertificateArn": "arn:aws:acm:us-east-1:1:certificate/1"},
        {
            "acmCertificateArn": "arn:aws:acm:us-east-1:1:certificate/1",
            "minimumProtocolVersion": "TLSv1.2_2021",
            "sslSupportMethod": "vip",
        },
    ],
)
def test_what_a_viewer_certificate_leaves_out_is_cloudfronts_weak_default(judge, certificate):
    cdn = node("cdn", DISTRIBUTION, {"viewerCertificate": certificate})

    assert judge(transport.tls_cloudfront_minimum, cdn)


@pytest.mark.parametrize(
    ("policy", "versions", "broken"),
    [
        ("https-only", ["TLSv1.2"], False),
        ("https-only", ["TLSv1.2", "TLSv1.1"], True),
        ("http-only", ["TLSv1.2"], True),
    ],
)
def test_a_vpc_origin_is_held_to_the_same(judge, policy, versions, broken):
    origin = node(
        "origin",
        VPC_ORIGIN,
        {
            "vpcOriginEndpointConfig": {
                "originProtocolPolicy": policy,
                "originSslProtocols": {"items": versions, "quantity": len(versions)},
            }
        },
    )

    assert bool(judge(transport.tls_cloudfront_origin, origin)) is broken


@pytest.mark.parametrize(
    ("properties", "level"),
    [
        ({"keyAlgorithm": "RSA_1024"}, "mandatory"),
        ({"options": {"certificateTransparencyLoggingPreference": "DISABLED"}}, "mandatory"),
        (
            {
                "certificateAuthorityArn": "arn:aws:acm-pca:eu-west-1:1:certificate-authority/1",
                "options": {"certificateTransparencyLoggingPreference": "DISABLED"},
            },
            None,
        ),
        ({"subjectAlternativeNames": ["*.example.com"]}, "advisory"),
        ({"keyAlgorithm": "RSA_2048"}, None),
    ],
)
def test_weak_certificates_are_violations_and_wide_ones_are_advice(judge, properties, level):
    certificate = node("certificate", CERTIFICATE, {"domainName": "example.com", **properties})

    said = judge(transport.tls_certificate_strong, certificate)

    assert [s.level for s in said] == ([level] if level else [])


@pytest.mark.parametrize(
    ("engine", "family", "name", "value", "broken"),
    [
        ("postgres", "postgres17", "rds.force_ssl", "1", False),
        ("postgres", "postgres17", "rds.force_ssl", "0", True),
        (None, "postgres17", "rds.force_ssl", "1", False),  # a replica names no engine
        (None, "mysql8.4", "rds.force_ssl", "1", True),
        ("mysql", "mysql8.4", "require_secure_transport", "ON", False),
        ("mariadb", "mariadb11.4", "require_secure_transport", "1", False),
        ("mysql", "mysql8.4", "require_secure_transport", "OFF", True),
        ("oracle-ee", "oracle-ee-19", "processes", "100", False),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_each_engine_has_its_own_way_to_force_tls(
    judge, engine, family, name, value, broken, known
):
    said = judge(
        transport.tls_rds_force_ssl,
        node(
            "db",
            DB_INSTANCE,
            {**({"engine": engine} if engine else {}), "parameterGroupName": "${group.id}"},
        ),
        node(
            "group",
            transport.PARAMETER_GROUP,
            {"family": family, "parameters": [{"name": name, "value": value}]},
        ),
        known=known,
    )

    assert violated(said) == (["db"] if broken else [])


def test_a_cluster_has_a_parameter_group_of_its_own_kind(judge):
    said = judge(
        transport.tls_rds_force_ssl,
        node(
            "good",
            DB_CLUSTER,
            {"engine": "aurora-postgresql", "dbClusterParameterGroupName": "${group.id}"},
        ),
        node("bare", DB_CLUSTER, {"engine": "aurora-postgresql"}),
        node(
            "default",
            DB_CLUSTER,
            {
                "engine": "aurora-mysql",
                "dbClusterParameterGroupName": "default.aurora-mysql8.0",
            },
        ),
        node(
            "group",
            transport.CLUSTER_PARAMETER_GROUP,
            {
                "family": "aurora-postgresql17",
                "parameters": [{"name": "rds.force_ssl", "value": "1"}],
            },
        ),
    )

    assert violated(said) == ["bare", "default"]


def test_a_parameter_group_of_elsewhere_is_said_to_be_not_evaluated(judge):
    db = node("db", DB_INSTANCE, {"engine": "postgres", "parameterGroupName": "central-17"})

    said = judge(transport.tls_rds_force_ssl, db)
    offline = judge(transport.tls_rds_force_ssl, db, offline=True)

    assert [s.policy for s in said] == [NOT_EVALUATED]
    assert [s.level for s in offline] == ["mandatory"]


def test_a_proxy_must_require_tls_too(judge):
    said = judge(
        transport.tls_rds_force_ssl,
        node("open", DB_PROXY, {"engineFamily": "POSTGRESQL"}),
        node("closed", DB_PROXY, {"engineFamily": "POSTGRESQL", "requireTls": True}),
    )

    assert violated(said) == ["open"]


@pytest.mark.parametrize(
    ("kind", "properties", "broken"),
    [
        (CACHE_GROUP, {}, True),
        (
            CACHE_GROUP,
            {"transitEncryptionEnabled": True, "transitEncryptionMode": "required"},
            False,
        ),
        (CACHE_GROUP, {"globalReplicationGroupId": "global"}, False),
        (CACHE_CLUSTER, {"engine": "redis"}, True),
        (CACHE_CLUSTER, {"engine": "memcached", "transitEncryptionEnabled": True}, False),
        (CACHE_CLUSTER, {"replicationGroupId": "group"}, False),
    ],
)
def test_a_cache_is_encrypted_or_inherits_it(judge, kind, properties, broken):
    assert bool(judge(transport.tls_cache_transit, node("cache", kind, properties))) is broken


def deny(**changes):
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["${assets.arn}", "${assets.arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        **changes,
    }


SHARED_WITH = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}


@pytest.mark.parametrize(
    ("statement", "closed"),
    [
        (deny(), True),
        (deny(Principal={"AWS": "*"}), True),
        (deny(Principal={"AWS": ["*"]}), True),
        (deny(Action="*"), True),
        (deny(Action=["S3:*"]), True),
        (deny(Resource="*"), True),
        (deny(Resource="arn:aws:s3:::ass*"), True),
        (deny(Condition={"Bool": {"AWS:securetransport": False}}), True),
        (deny(Condition={"BoolIfExists": {"aws:SecureTransport": ["false"]}}), True),
        (deny(Effect="Allow"), False),
        (deny(Action="s3:GetObject"), False),
        (deny(Action=["s3:Get*", "s3:Put*"]), False),
        (deny(Resource="${assets.arn}"), False),
        (deny(Resource="${assets.arn}/*"), False),
        (deny(Resource=["arn:aws:s3:::other", "arn:aws:s3:::other/*"]), False),
        (deny(Principal={"AWS": "arn:aws:iam::123456789012:root"}), False),
        (deny(Principal={"Service": "*"}), False),
        (deny(Condition={"Bool": {"aws:SecureTransport": "true"}}), False),
        (deny(Condition={"Null": {"aws:SecureTransport": "false"}}), False),
        (deny(Condition={"Bool": {"aws:SecureTransport": "false"}, **SHARED_WITH}), False),
        (deny(Condition={}), False),
    ],
)
def test_a_bucket_is_closed_by_a_deny_for_everyone_and_everything_alone(judge, statement, closed):
    said = judge(
        transport.tls_s3_deny_insecure,
        node("assets", BUCKET),
        node("policy", BUCKET_POLICY, {"bucket": "${assets.id}", "policy": document(statement)}),
    )

    assert violated(said) == ([] if closed else ["assets"])


def test_a_bucket_may_carry_its_policy_itself_and_one_of_elsewhere_does_not_count(judge):
    said = judge(
        transport.tls_s3_deny_insecure,
        node("assets", BUCKET, {"policy": document(deny(Resource="*"))}),
        node("bare", BUCKET),
    )

    assert violated(said) == ["bare"]


def test_on_a_first_preview_an_unknown_policy_is_not_a_violation_and_a_missing_one_is(judge):
    said = judge(
        transport.tls_s3_deny_insecure,
        node("assets", BUCKET),
        node("policy", BUCKET_POLICY, {"bucket": "${assets.id}", "policy": document(deny())}),
        node("bare", BUCKET),
        known=False,
    )

    assert {(s.policy, s.name) for s in said} == {
        (NOT_EVALUATED, "assets"),
        ("tls-s3-deny-insecure", "bare"),
    }


@pytest.mark.parametrize(
    ("action", "closed"),
    [
        ("sqs:*", True),
        (["sqs:SendMessage", "sqs:ReceiveMessage"], True),
        ("sqs:SendMessage", False),
    ],
)
def test_a_queue_is_closed_both_ways(judge, action, closed):
    said = judge(
        transport.tls_sns_secure,
        node("jobs", QUEUE),
        node(
            "policy",
            QUEUE_POLICY,
            {
                "queueUrl": "${jobs.id}",
                "policy": document(deny(Action=action, Resource="${jobs.arn}")),
            },
        ),
    )

    assert (said == []) is closed


def test_a_topic_without_a_policy_is_open(judge):
    assert violated(judge(transport.tls_sns_secure, node("news", TOPIC))) == ["news"]


@pytest.mark.parametrize(
    ("properties", "broken"),
    [
        ({"targetType": "ip", "protocol": "HTTP"}, False),
        ({"targetType": "lambda"}, False),
        ({"protocol": "GENEVE"}, False),
        ({"protocol": "HTTPS", "healthCheck": {"protocol": "HTTPS"}}, False),
        ({"protocol": "HTTPS"}, True),  # checked over HTTP by default
        ({"protocol": "HTTP", "healthCheck": {"protocol": "HTTPS"}}, True),
    ],
)
def test_targets_by_address_may_be_reached_in_clear(judge, properties, broken):
    assert (
        bool(judge(transport.tls_target_group, node("group", TARGET_GROUP, properties))) is broken
    )


@pytest.mark.parametrize(
    ("value", "broken"),
    [
        ("max-age=31536000", False),
        ("includeSubDomains; MAX-AGE = 63072000", False),
        ("max-age=31535999", True),
        ("includeSubDomains", True),
    ],
)
def test_a_year_of_hsts_is_asked_for(judge, value, broken):
    header = {"routingHttpResponseStrictTransportSecurityHeaderValue": value}
    listener = node("https", LISTENER, {"port": 443, "protocol": "HTTPS", **header})

    assert bool(judge(transport.tls_hsts, listener)) is broken


@pytest.mark.parametrize(
    ("resources", "closed"),
    [
        (["arn:aws:s3:::assets", "arn:aws:s3:::assets/*"], True),
        (["arn:aws:s3:::assets"], False),
        (["arn:aws:s3:::assets/*"], False),
    ],
)
def test_a_known_policy_of_a_bucket_whose_arn_is_not_known_yet_is_read_by_its_shape(
    judge, resources, closed
):
    statement = {**deny(), "Resource": resources}
    policy = node(
        "policy", BUCKET_POLICY, {"bucket": "${assets.id}", "policy": document(statement)}
    )

    said = judge(transport.tls_s3_deny_insecure, node("assets", BUCKET), policy, known=False)

    assert violated(said) == ([] if closed else ["assets"])
