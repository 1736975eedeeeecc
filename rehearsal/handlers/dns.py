"""Hosted zones, records, health checks and certificates."""

import time
from collections.abc import Mapping
from typing import Any

from rehearsal.handlers.model import As, Call, Context, Handler, Naming, ProviderRefusalError


def _caller_reference(context: Context) -> str:
    return f"pulumi-{context.uuid()}"


def _zone(context: Context) -> tuple[str, Mapping[str, Any]]:
    context.take("forceDestroy")
    comment = context.take("comment", "Managed by Pulumi")
    networks = context.take("vpcs", [])
    params: dict[str, Any] = {
        "Name": context.name,
        "CallerReference": _caller_reference(context),
        "HostedZoneConfig": {"Comment": comment, "PrivateZone": bool(networks)},
    }
    delegation = context.take("delegationSetId")
    if delegation:
        params["DelegationSetId"] = delegation
    vpcs = [
        {"VPCId": network["vpcId"], "VPCRegion": network.get("vpcRegion", context.region)}
        for network in networks
    ]
    if vpcs:
        params["VPC"] = vpcs[0]
    answer = context.call("create_hosted_zone", params)
    zone_id = answer["HostedZone"]["Id"].removeprefix("/hostedzone/")
    for vpc in vpcs[1:]:
        context.call("associate_vpc_with_hosted_zone", {"HostedZoneId": zone_id, "VPC": vpc})
    servers = sorted(answer.get("DelegationSet", {}).get("NameServers", []))
    return zone_id, {
        "arn": f"arn:{context.partition}:route53:::hostedzone/{zone_id}",
        "zoneId": zone_id,
        "comment": comment,
        "nameServers": servers,
        "primaryNameServer": servers[0] if servers else "",
    }


_ROUTING = {
    "failoverRoutingPolicies": {"type": "Failover"},
    "geolocationRoutingPolicies": {
        "continent": "GeoLocation.ContinentCode",
        "country": "GeoLocation.CountryCode",
        "subdivision": "GeoLocation.SubdivisionCode",
    },
    "latencyRoutingPolicies": {"region": "Region"},
    "weightedRoutingPolicies": {"weight": "Weight"},
}


def _record(context: Context) -> tuple[str, Mapping[str, Any]]:
    """One record set, sent as the provider sends it: CREATE, or UPSERT when the program allows to
    overwrite.

    https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/route53/record.go
    """
    zone_id = context.take("zoneId").removeprefix("/hostedzone/")
    type_ = context.take("type")
    name = context.take("name").rstrip(".")
    zone = context.call("get_hosted_zone", {"Id": zone_id})["HostedZone"]["Name"].rstrip(".")
    fqdn = name if name == zone or name.endswith(f".{zone}") else f"{name}.{zone}".lstrip(".")
    record: dict[str, Any] = {"Name": fqdn, "Type": type_}
    aliases = context.take("aliases", [])
    if aliases:
        alias = aliases[0]
        record["AliasTarget"] = {
            "DNSName": alias["name"],
            "HostedZoneId": alias["zoneId"],
            "EvaluateTargetHealth": bool(alias["evaluateTargetHealth"]),
        }
    values = context.take("records", [])
    if values:
        record["ResourceRecords"] = [{"Value": _quoted(type_, value)} for value in values]
    ttl = context.take("ttl")
    if ttl is not None:
        record["TTL"] = int(ttl)
    for key, member in (("setIdentifier", "SetIdentifier"), ("healthCheckId", "HealthCheckId")):
        given = context.take(key)
        if given:
            record[member] = given
    for key, members in _ROUTING.items():
        for policy in context.take(key, []):
            for name_, value in policy.items():
                head, _, tail = members[name_].partition(".")
                if tail:
                    record.setdefault(head, {})[tail] = value
                else:
                    record[head] = value
    if context.take("multivalueAnswerRoutingPolicy") is not None:
        record["MultiValueAnswer"] = bool(context.inputs["multivalueAnswerRoutingPolicy"])
    action = "UPSERT" if context.take("allowOverwrite") else "CREATE"
    context.call(
        "change_resource_record_sets",
        {
            "HostedZoneId": zone_id,
            "ChangeBatch": {
                "Comment": "Managed by Terraform",
                "Changes": [{"Action": action, "ResourceRecordSet": record}],
            },
        },
    )
    id_ = f"{zone_id}_{name}_{type_}"
    if record.get("SetIdentifier"):
        id_ += f"_{record['SetIdentifier']}"
    return id_, {"fqdn": fqdn, "name": name}


def _quoted(type_: str, value: str) -> str:
    # Text records are quoted strings; the provider adds the quotes, around each part of a long one.
    if type_ in {"TXT", "SPF"} and not value.startswith('"'):
        return f'"{value}"'
    return value


def _validation_options(context: Context) -> list[dict[str, str]]:
    options = context.responses["describe_certificate"]["Certificate"]["DomainValidationOptions"]
    return [
        {
            "domainName": option["DomainName"],
            "resourceRecordName": option["ResourceRecord"]["Name"],
            "resourceRecordType": option["ResourceRecord"]["Type"],
            "resourceRecordValue": option["ResourceRecord"]["Value"],
        }
        for option in options
        if "ResourceRecord" in option
    ]


def _validation(context: Context) -> tuple[str, Mapping[str, Any]]:
    """Waits for the certificate as the provider does, after checking that every validation record
    is there.
    """
    arn = context.take("certificateArn")
    deadline = time.monotonic() + 90
    while True:
        found = context.call("describe_certificate", {"CertificateArn": arn})["Certificate"]
        given = {name.rstrip(".") for name in context.take("validationRecordFqdns", [])}
        expected = {
            option["ResourceRecord"]["Name"].rstrip("."): option["DomainName"]
            for option in found.get("DomainValidationOptions", [])
            if "ResourceRecord" in option
        }
        lacking = sorted(set(expected) - given) if given else []
        if lacking:
            raise ProviderRefusalError(
                f"missing {', '.join(expected[name] for name in lacking)} DNS validation record: "
                f"{', '.join(lacking)}"
            )
        if found["Status"] == "ISSUED":
            break
        if found["Status"] != "PENDING_VALIDATION" or time.monotonic() > deadline:
            raise ProviderRefusalError(f"the certificate is {found['Status']}, not ISSUED")
        time.sleep(0.2)
    return f"{found.get('IssuedAt', found['CreatedAt'])}", {"certificateArn": arn}


_TAG_ROUTE53 = "change_tags_for_resource"


def _tagging(resource_type: str) -> Call:
    return Call(
        operation=_TAG_ROUTE53, params={"ResourceType": resource_type, "ResourceId": "{id}"}
    )


HANDLERS: dict[str, Handler] = {
    "aws:route53/zone:Zone": Handler(
        service="route53",
        operation="create_hosted_zone",
        naming=Naming(prefix=""),
        tags="AddTags",
        tagging=_tagging("hostedzone"),
        create=_zone,
    ),
    "aws:route53/record:Record": Handler(
        service="route53", operation="change_resource_record_sets", create=_record
    ),
    "aws:route53/healthCheck:HealthCheck": Handler(
        service="route53",
        operation="create_health_check",
        within="HealthCheckConfig",
        inputs={
            "childHealthThreshold": "HealthThreshold",
            "cloudwatchAlarmName": "AlarmIdentifier.Name",
            "cloudwatchAlarmRegion": "AlarmIdentifier.Region",
            "fqdn": "FullyQualifiedDomainName",
            "invertHealthcheck": "Inverted",
        },
        ignored={
            "referenceName": "only makes the caller reference readable",
            "triggers": "only says when the provider updates the check",
        },
        params={"CallerReference": _caller_reference},
        tags="AddTags",
        tagging=_tagging("healthcheck"),
        id="{HealthCheck.Id}",
        outputs={"arn": "arn:{partition}:route53:::healthcheck/{id}"},
    ),
    "aws:route53/queryLog:QueryLog": Handler(
        service="route53",
        operation="create_query_logging_config",
        inputs={
            "zoneId": "HostedZoneId",
            # AWS takes the ARN with and without the ending that names all streams; moto, only with
            # it.
            "cloudwatchLogGroupArn": As(
                "CloudWatchLogsLogGroupArn", lambda arn: f"{arn.removesuffix(':*')}:*"
            ),
        },
        id="{QueryLoggingConfig.Id}",
        outputs={"arn": "arn:{partition}:route53:::queryloggingconfig/{id}"},
    ),
    "aws:route53/keySigningKey:KeySigningKey": Handler(
        service="route53",
        operation="create_key_signing_key",
        naming=Naming(prefix="", limit=128),
        params={
            "CallerReference": _caller_reference,
            "Status": lambda c: c.inputs.get("status", "ACTIVE"),
        },
        id="{in.hostedZoneId},{name}",
        outputs={
            "digestAlgorithmMnemonic": "SHA-256",
            "digestAlgorithmType": 2,
            "digestValue": lambda c: (c.digest("ds") * 2)[:64].upper(),
            "dsRecord": lambda c: f"12345 13 2 {(c.digest('ds') * 2)[:64].upper()}",
            "dnskeyRecord": lambda c: f"257 3 13 {c.digest('key')}",
            "flag": 257,
            "keyTag": 12345,
            "publicKey": lambda c: c.digest("key"),
            "signingAlgorithmMnemonic": "ECDSAP256SHA256",
            "signingAlgorithmType": 13,
        },
    ),
    "aws:route53/hostedZoneDnsSec:HostedZoneDnsSec": Handler(
        service="route53",
        operation="enable_hosted_zone_dnssec",
        ignored={"signingStatus": "SIGNING is what the operation asks for"},
        id="{in.hostedZoneId}",
    ),
    "aws:route53/delegationSet:DelegationSet": Handler(
        service="route53",
        operation="create_reusable_delegation_set",
        ignored={"referenceName": "only makes the caller reference readable"},
        params={"CallerReference": _caller_reference},
        id=lambda c: c.response["DelegationSet"]["Id"].removeprefix("/delegationset/"),
        outputs={
            "arn": "arn:{partition}:route53:::delegationset/{id}",
            "nameServers": lambda c: sorted(c.response["DelegationSet"]["NameServers"]),
        },
    ),
    "aws:acm/certificate:Certificate": Handler(
        service="acm",
        operation="request_certificate",
        inputs={
            "validationOptions": As(
                "DomainValidationOptions",
                lambda options: [
                    {"DomainName": o["domainName"], "ValidationDomain": o["validationDomain"]}
                    for o in options
                ],
            ),
        },
        tags="Tags",
        id="{CertificateArn}",
        then=[
            Call(
                operation="describe_certificate",
                params={"CertificateArn": "{id}"},
                always=True,
            )
        ],
        outputs={
            "arn": "{id}",
            "status": "{describe_certificate:Certificate.Status}",
            "type": "AMAZON_ISSUED",
            "domainValidationOptions": _validation_options,
            "validationEmails": [],
        },
    ),
    "aws:acm/certificateValidation:CertificateValidation": Handler(
        service="acm", operation="describe_certificate", create=_validation
    ),
}
