"""What a DnsZone and its aliases register. It cannot prove that the domain is delegated to it."""

import json
from types import SimpleNamespace

import pulumi_aws as aws
import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.dns_alias import DnsAlias
from components.dns_certificate import DnsCertificate, validation_option
from components.dns_query_log import DnsQueryLog
from components.dns_zone import DnsZone
from components.hostnames import base_names, hostname_problems, is_covered
from rehearsal.recording import UNKNOWN

ZONE = "aws:route53/zone:Zone"
RECORD = "aws:route53/record:Record"
CERTIFICATE = "aws:acm/certificate:Certificate"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
HEALTH = "aws:route53/healthCheck:HealthCheck"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
LOG_POLICY = "aws:cloudwatch/logResourcePolicy:LogResourcePolicy"
QUERY_LOG = "aws:route53/queryLog:QueryLog"
COMPONENT = "babyrobots:index:DnsZone"
TARGET = {"target_dns_name": "lb.elb.amazonaws.com", "target_zone_id": "ZELB"}
EVERYTHING = {
    "us_east_1_certificate": True,
    "query_logging": True,
    "query_log_kms_key_arn": "arn:aws:kms:us-east-1:123456789012:key/k",
}


def build(name="dns", **changes):
    return DnsZone(name, {"zone_name": "example.com", "hostnames": ["api.example.com"], **changes})


def build_with_alias(name="dns", alias=None, **changes):
    zone = build(name, **changes)
    return zone.alias(f"{name}-api", {"hostname": "api.example.com", **TARGET, **(alias or {})})


def answer(registration):
    """What AWS would choose. The options of a certificate come in no order that one may rely on."""
    name, inputs = registration.name, registration.inputs
    names = [inputs.get("domainName"), *inputs.get("subjectAlternativeNames", [])]
    return f"{name}-id", {
        "arn": f"arn:aws:x:us-east-1:123456789012:{name}",
        "name": inputs.get("name", name),
        "zoneId": inputs.get("zoneId", f"{name}-id"),
        "nameServers": ["ns-1.example.net", "ns-2.example.net"],
        "fqdn": str(inputs.get("name")).rstrip("."),
        "domainValidationOptions": [
            {
                "domainName": domain,
                "resourceRecordName": f"_proof.{domain.removeprefix('*.')}.",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": f"_{domain.removeprefix('*.')}.acm-validations.aws.",
            }
            for domain in reversed(names)
            if domain
        ],
    }


@pytest.fixture
def graph(record):
    return lambda program=build, preview=False, **changes: record(
        lambda: program(**changes), **({"preview": True} if preview else {"answer": answer})
    )


def records_of(graph, kind):
    return {name: r.inputs for name, r in graph.of(RECORD).items() if r.inputs["type"] == kind}


def test_a_zone_is_created_and_guarded_when_none_is_given(graph):
    built = graph()

    zone = built.one(ZONE, "dns-zone")
    assert zone.inputs["name"] == "example.com"
    assert zone.inputs["forceDestroy"] is False
    assert zone.protect is True
    outputs = built.one(COMPONENT).outputs
    assert outputs["zone_id"] == "dns-zone-id"
    assert outputs["name_servers"] == ["ns-1.example.net", "ns-2.example.net"]


def test_a_zone_that_nobody_will_miss_may_be_left_unguarded(graph):
    assert graph(protect=False).one(ZONE).protect is False


@pytest.mark.parametrize("preview", [False, True])
def test_an_existing_zone_is_adopted_without_asking_anyone(graph, preview):
    built = graph(build_with_alias, preview=preview, zone_id="Z123")

    assert built.of(ZONE) == {}
    assert built.invokes == []
    assert {r.inputs["zoneId"] for r in built.of(RECORD).values()} == {"Z123"}
    outputs = built.one(COMPONENT).outputs
    assert (outputs["zone_id"], outputs["name_servers"]) == ("Z123", [])


def test_the_certificate_is_validated_by_dns_and_handed_out_only_once_issued(graph):
    built = graph(hostnames=["api.example.com", "www.example.com"])

    certificate = built.one(CERTIFICATE).inputs
    assert certificate["domainName"] == "api.example.com"
    assert certificate["subjectAlternativeNames"] == ["www.example.com"]
    assert certificate["validationMethod"] == "DNS"
    assert certificate["options"] == {"certificateTransparencyLoggingPreference": "ENABLED"}
    validation = built.one(VALIDATION)
    assert validation.inputs == {
        "certificateArn": "arn:aws:x:us-east-1:123456789012:dns-tls-certificate",
        "validationRecordFqdns": ["_proof.api.example.com", "_proof.www.example.com"],
    }
    assert built.one(COMPONENT).outputs["certificate_arn"] == validation.inputs["certificateArn"]


def test_who_takes_the_certificate_waits_for_its_validation(record):
    def program():
        zone = build()
        aws.lb.ListenerCertificate("https", listener_arn="l", certificate_arn=zone.certificate_arn)

    built = record(program, answer=answer)
    awaited = built.one("aws:lb/listenerCertificate:ListenerCertificate").property_dependencies[
        "certificateArn"
    ]
    assert {built.resources[urn].type for urn in awaited} == {VALIDATION}


def test_each_proof_is_found_by_its_name_whatever_the_order(graph):
    names = ["api.example.com", "www.example.com", "example.com"]

    assert records_of(graph(hostnames=names), "CNAME") == {
        f"dns-tls-validation-{name}": {
            "zoneId": "dns-zone-id",
            "name": f"_proof.{name}.",
            "type": "CNAME",
            "records": [f"_{name}.acm-validations.aws."],
            "ttl": 300,
            "allowOverwrite": True,
        }
        for name in names
    }


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize(
    "hostnames", [["example.com", "*.example.com"], ["*.example.com", "example.com"]]
)
def test_a_wildcard_and_its_parent_share_one_proof(graph, hostnames, preview):
    built = graph(hostnames=hostnames, preview=preview)

    (proof,) = records_of(built, "CNAME").values()
    assert proof["name"] == (UNKNOWN if preview else "_proof.example.com.")


def test_the_tag_of_a_wildcard_certificate_has_no_asterisk(graph):
    certificate = graph(hostnames=["*.example.com"]).one(CERTIFICATE).inputs

    assert certificate["domainName"] == "*.example.com"
    assert certificate["tags"] == {"Name": "example.com"}
    assert "subjectAlternativeNames" not in certificate


def test_a_certificate_in_us_east_1_is_issued_by_switch_with_the_same_proofs(graph):
    built = graph(us_east_1_certificate=True)

    certificates = {name: c.inputs.get("region") for name, c in built.of(CERTIFICATE).items()}
    assert certificates == {
        "dns-tls-certificate": None,
        "dns-tls-certificate-us-east-1": "us-east-1",
    }
    second = built.one(VALIDATION, "dns-tls-issued-us-east-1").inputs
    assert second["region"] == "us-east-1"
    assert second["certificateArn"].endswith(":dns-tls-certificate-us-east-1")
    assert second["validationRecordFqdns"] == ["_proof.api.example.com"]
    assert len(records_of(built, "CNAME")) == 1
    outputs = built.one(COMPONENT).outputs
    assert outputs["us_east_1_certificate_arn"] == second["certificateArn"]
    assert outputs["certificate_arn"] != outputs["us_east_1_certificate_arn"]


def test_a_stack_in_us_east_1_needs_no_second_certificate(graph):
    built = graph(us_east_1_certificate=True, region="us-east-1")

    assert set(built.of(CERTIFICATE)) == {"dns-tls-certificate"}
    outputs = built.one(COMPONENT).outputs
    assert outputs["us_east_1_certificate_arn"] == outputs["certificate_arn"] != ""


def test_without_the_switch_there_is_one_certificate(graph):
    built = graph(region="us-east-1")

    assert set(built.of(CERTIFICATE)) == {"dns-tls-certificate"}
    assert built.one(COMPONENT).outputs["us_east_1_certificate_arn"] == ""


def test_only_amazon_may_issue_certificates_for_a_zone_of_our_own(graph):
    caa = records_of(graph(hostnames=["api.example.com", "*.example.com"]), "CAA")

    assert caa == {
        "dns-tls-caa-example.com": {
            "zoneId": "dns-zone-id",
            "name": "example.com",
            "type": "CAA",
            "records": ['0 issue "amazon.com"'],
            "ttl": 3600,
        }
    }


def test_in_a_shared_zone_only_our_own_names_are_restricted(graph):
    caa = records_of(
        graph(
            zone_id="Z1",
            hostnames=["api.example.com", "*.api.example.com"],
            caa_issuers=["letsencrypt.org", "amazon.com"],
        ),
        "CAA",
    )
    assert {r["name"]: r["records"] for r in caa.values()} == {
        "api.example.com": ['0 issue "amazon.com"', '0 issue "letsencrypt.org"']
    }


def test_the_proof_waits_until_the_issuer_is_authorized(graph):
    built = graph()

    proof = built.one(RECORD, "dns-tls-validation-api.example.com")
    assert [urn for urn in proof.dependencies if urn.endswith("::dns-tls-caa-example.com")]


def test_no_issuer_means_no_caa_record(graph):
    assert records_of(graph(caa_issuers=[]), "CAA") == {}


def test_queries_are_logged_in_us_east_1_for_this_zone_only(graph):
    built = graph(query_logging=True)

    group, policy = built.one(LOG_GROUP).inputs, built.one(LOG_POLICY).inputs
    assert group["name"] == "/aws/route53/example.com"
    assert group["region"] == policy["region"] == "us-east-1"
    assert group["retentionInDays"] == 365
    assert "kmsKeyId" not in group
    assert policy["policyName"] == "route53-example-com"
    (statement,) = json.loads(policy["policyDocument"])["Statement"]
    assert statement["Principal"] == {"Service": "route53.amazonaws.com"}
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"] == "arn:aws:x:us-east-1:123456789012:dns-queries-logs:*"
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnEquals": {"aws:SourceArn": "arn:aws:route53:::hostedzone/dns-zone-id"},
    }
    log = built.one(QUERY_LOG)
    assert log.inputs["zoneId"] == "dns-zone-id"
    assert [urn for urn in log.dependencies if urn.endswith("::dns-queries-write")]
    assert built.one(COMPONENT).outputs["query_log_group_name"] == "/aws/route53/example.com"


def test_the_query_log_takes_another_retention_and_a_key(graph):
    group = graph(query_log_retention_days=30, **EVERYTHING).one(LOG_GROUP).inputs

    assert group["retentionInDays"] == 30
    assert group["kmsKeyId"] == EVERYTHING["query_log_kms_key_arn"]


def test_without_the_switch_queries_are_not_logged(graph):
    built = graph()

    assert built.of(LOG_GROUP) == built.of(LOG_POLICY) == built.of(QUERY_LOG) == {}
    assert built.one(COMPONENT).outputs["query_log_group_name"] == ""


@pytest.mark.parametrize("preview", [False, True])
def test_an_alias_answers_over_both_protocols_and_follows_the_targets_health(graph, preview):
    built = graph(build_with_alias, preview=preview)

    for kind in ("A", "AAAA"):
        (inputs,) = records_of(built, kind).values()
        assert inputs["name"] == "api.example.com"
        assert inputs["aliases"] == [
            {"name": "lb.elb.amazonaws.com", "zoneId": "ZELB", "evaluateTargetHealth": True}
        ]
        assert not {"ttl", "records", "allowOverwrite"} & set(inputs)


def test_an_alias_of_a_distribution_does_not_ask_for_its_health(graph):
    built = graph(build_with_alias, alias={"evaluate_target_health": False})

    (inputs,) = records_of(built, "AAAA").values()
    assert inputs["aliases"][0]["evaluateTargetHealth"] is False


def test_the_zones_own_name_may_be_an_alias(graph):
    built = graph(build_with_alias, hostnames=["example.com"], alias={"hostname": "example.com"})
    assert [r["name"] for r in records_of(built, "A").values()] == ["example.com"]


def test_the_health_check_asks_the_real_path_over_https(graph):
    built = graph(build_with_alias)

    check = built.one(HEALTH).inputs
    assert {key: value for key, value in check.items() if key != "tags"} == {
        "type": "HTTPS",
        "fqdn": "api.example.com",
        "port": 443,
        "enableSni": True,
        "resourcePath": "/health",
        "requestInterval": 30,
        "failureThreshold": 3,
    }
    outputs = built.one("babyrobots:index:DnsAlias").outputs
    assert outputs == {"hostname": "api.example.com", "health_check_id": "dns-api-health-id"}


def test_the_health_check_can_be_stricter(graph):
    check = graph(
        build_with_alias,
        alias={
            "health_check_path": "/ready",
            "health_check_search": "ok",
            "health_check_interval": 10,
            "health_check_failures": 2,
            "health_check_regions": ["us-west-1", "eu-west-1", "us-east-1"],
        },
    ).one(HEALTH)

    assert check.inputs["type"] == "HTTPS_STR_MATCH"
    assert check.inputs["searchString"] == "ok"
    assert check.inputs["resourcePath"] == "/ready"
    assert (check.inputs["requestInterval"], check.inputs["failureThreshold"]) == (10, 2)
    assert check.inputs["regions"] == ["eu-west-1", "us-east-1", "us-west-1"]


def test_without_a_path_there_is_no_health_check(graph):
    built = graph(build_with_alias, alias={"health_check_path": ""})

    assert built.of(HEALTH) == {}
    assert built.one("babyrobots:index:DnsAlias").outputs["health_check_id"] == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hostnames": []}, "name at least one"),
        ({"hostnames": ["api.example.org"]}, "outside the zone example.com"),
        ({"hostnames": ["apiexample.com"]}, "outside the zone example.com"),
        ({"hostnames": ["API.example.com"]}, "not a domain name in lower case"),
        ({"hostnames": ["api.example.com."]}, "not a domain name"),
        ({"hostnames": ["a.*.example.com"]}, "not a domain name"),
        ({"hostnames": ["api.example.com", "api.example.com"]}, "is given twice"),
        ({"hostnames": [f"{'a' * 60}.example.com"]}, "has at most 64"),
        ({"hostnames": [f"{'a' * 64}.example.com"]}, "not a domain name"),
        ({"zone_name": "*.example.com"}, "leave out the wildcard"),
        ({"zone_name": "com"}, "'com' is not a domain name"),
        ({"query_logging": True, "query_log_retention_days": 0}, "for ever"),
    ],
)
def test_names_that_cannot_work_are_refused(graph, changes, reason):
    with pytest.raises(ValueError, match=reason):
        graph(**changes)


@pytest.mark.parametrize(
    ("alias", "reason"),
    [
        ({"hostname": "www.example.com"}, "not on the certificate, which has api.example.com"),
        ({"health_check_path": "health"}, "after a /"),
        ({"health_check_interval": 20}, "offers 10 and 30"),
        ({"health_check_failures": 0}, "choose 1 to 10"),
        ({"health_check_regions": ["eu-west-1"]}, "name three or more"),
        ({"health_check_search": "x" * 256}, "at most 255"),
    ],
)
def test_an_alias_that_cannot_work_is_refused(graph, alias, reason):
    with pytest.raises(ValueError, match=reason):
        graph(build_with_alias, alias=alias)


def test_a_wildcard_alias_cannot_be_asked_for_its_health(graph):
    wildcard = {"hostnames": ["*.example.com"]}
    with pytest.raises(ValueError, match="is a wildcard"):
        graph(build_with_alias, **wildcard, alias={"hostname": "*.example.com"})

    built = graph(
        build_with_alias, **wildcard, alias={"hostname": "*.example.com", "health_check_path": ""}
    )
    assert len(records_of(built, "A")) == 1


def test_a_wildcard_covers_exactly_one_label():
    assert is_covered("api.example.com", ["*.example.com"])
    assert not is_covered("v1.api.example.com", ["*.example.com"])
    assert not is_covered("example.com", ["*.example.com"])
    assert base_names(["*.a.com", "a.com", "b.com"]) == ["a.com", "b.com"]
    assert hostname_problems("example.com", ["*.example.com", "example.com"]) == []


def test_a_proof_that_acm_did_not_ask_for_is_an_error_that_names_it():
    options = [SimpleNamespace(domain_name="www.example.com")]

    with pytest.raises(LookupError, match=r"no record for api\.example\.com, only for: www\.exam"):
        validation_option("api.example.com", options)


@pytest.mark.parametrize("changes", [{}, EVERYTHING, {"zone_id": "Z1", **EVERYTHING}])
@pytest.mark.parametrize("preview", [False, True])
def test_every_child_belongs_to_the_component(graph, changes, preview):
    built = graph(build_with_alias, preview=preview, **changes)

    strays = [r.urn for r in built if COMPONENT not in r.urn.split("::")[2].split("$")]
    assert strays == [], "a child without a parent escapes providers, protection and aliases"


def test_two_zones_share_one_stack(record):
    built = record(
        lambda: (
            build_with_alias(**EVERYTHING),
            build("other", zone_name="example.org", hostnames=["api.example.org"], **EVERYTHING),
        ),
        answer=answer,
    )
    names = [(r.type, r.name) for r in built]
    assert len(names) == len(set(names))
    physical = [p.inputs["policyName"] for p in built.of(LOG_POLICY).values()]
    assert len(set(physical)) == len(physical) == 2, "one would overwrite the other"


def test_the_callers_tags_and_a_name_reach_every_taggable_child(graph):
    untaggable = {RECORD, VALIDATION, LOG_POLICY, QUERY_LOG}
    team = {"Team": "platform"}
    built = graph(build_with_alias, tags=team, alias={"tags": team}, **EVERYTHING)

    tags = {r.name: r.inputs.get("tags", {}) for r in built.custom if r.type not in untaggable}
    assert [name for name, t in tags.items() if t.get("Team") != "platform"] == []
    assert [name for name, t in tags.items() if not t.get("Name")] == []
    assert len(tags) == 5


@pytest.mark.parametrize("component", [DnsZone, DnsCertificate, DnsQueryLog, DnsAlias])
def test_every_component_registers_its_outputs(graph, component):
    built = graph(build_with_alias, **EVERYTHING)

    registered = built.one(f"babyrobots:index:{component.__name__}")
    assert registered.outputs_registered
    assert set(registered.outputs) == set(component.__annotations__)
    assert all(registered.outputs.values())


@pytest.mark.parametrize(
    ("component", "required"),
    [
        (DnsZone, ["zoneName", "hostnames"]),
        (DnsCertificate, ["zoneId", "hostnames", "caaNames"]),
        (DnsQueryLog, ["zoneId", "zoneName"]),
        (DnsAlias, ["zoneId", "alias"]),
    ],
)
def test_it_can_be_published_as_a_package(component, required):
    analyzed = Analyzer("babyrobots").analyze([component])
    schema = analyzed["component_definitions"][component.__name__]

    assert [name for name, prop in schema.inputs.items() if not prop.optional] == required
    nested = list(analyzed["type_definitions"].values())
    described = [schema, *nested]
    properties = [*schema.inputs.values(), *schema.outputs.values()]
    properties += [prop for t in nested for prop in t.properties.values()]
    assert [thing for thing in (*described, *properties) if not thing.description] == []
