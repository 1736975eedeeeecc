"""AWS WAF and CloudFront."""

import json
from collections.abc import Mapping
from typing import Any

from rehearsal.handlers.model import As, Call, Context, Handler, Naming, Rule

_HOSTED_ZONE = "Z2FDTNDATAQYW2"
"""https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html"""
_ON_DELETE = "says how the provider deletes it"
_WAITS = "how long the provider waits"


def _rules_from_json(text: str) -> list[dict[str, Any]]:
    """Rules in the API's own spelling; the provider too sends search strings as bytes."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: item.encode()
                if key == "SearchString" and isinstance(item, str)
                else walk(item)
                for key, item in value.items()
            }
        return [walk(item) for item in value] if isinstance(value, list) else value

    return walk(json.loads(text))


def _bodies(given: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        item["key"]: {"ContentType": item["contentType"], "Content": item["content"]}
        for item in given
    }


def _request_bodies(given: list[dict[str, Any]]) -> dict[str, Any]:
    """Body inspection limits by kind of protected resource, `cloudfront` to `CLOUDFRONT`."""
    kinds = {
        "apiGateway": "API_GATEWAY",
        "appRunnerService": "APP_RUNNER_SERVICE",
        "cloudfront": "CLOUDFRONT",
        "cognitoUserPool": "COGNITO_USER_POOL",
        "verifiedAccessInstance": "VERIFIED_ACCESS_INSTANCE",
    }
    return {
        kinds[kind]: {"DefaultSizeInspectionLimit": limit["defaultSizeInspectionLimit"]}
        for item in given
        for kind, limit in item.items()
        if limit
    }


def _acl_rules(prefix: str) -> dict[str, Rule]:
    return {
        f"{prefix}Json": As("Rules", _rules_from_json),
        "customResponseBodies": As("CustomResponseBodies", _bodies),
    }


def _waf(kind: str, **extra: Any) -> Handler:
    """A WAF resource: each answers with a Summary and is named within its scope."""
    return Handler(
        service="wafv2",
        operation=f"create_{kind}",
        tags="Tags",
        id="{Summary.Id}",
        outputs={"arn": "{Summary.ARN}", "lockToken": "{Summary.LockToken}"},
        # https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html
        naming=Naming(limit=128),
        **extra,
    )


def _geo_restriction(given: Mapping[str, Any]) -> dict[str, Any]:
    locations = given.get("locations") or []
    made = {"RestrictionType": given["restrictionType"], "Quantity": len(locations)}
    return made | ({"Items": locations} if locations else {})


def _logging(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Enabled": bool(given.get("bucket")),
        "IncludeCookies": bool(given.get("includeCookies", False)),
        "Bucket": given.get("bucket", ""),
        "Prefix": given.get("prefix", ""),
    }


def _behaviour(path: str) -> dict[str, Rule]:
    return {
        f"{path}.cachedMethods": "AllowedMethods.CachedMethods",
        f"{path}.lambdaFunctionAssociations.lambdaArn": "LambdaFunctionARN",
    }


def _stores(given: list[str]) -> dict[str, Any]:
    return {"Quantity": len(given), "Items": [{"KeyValueStoreARN": arn} for arn in given]}


def _policy(operation: str, config: str, answer: str, **rules: Rule) -> Handler:
    """A CloudFront policy: everything within one structure, named by the program."""
    return Handler(
        service="cloudfront",
        operation=operation,
        within=config,
        inputs=rules,
        naming=Naming(prefix="", limit=128),
        id=f"{{{answer}.Id}}",
        outputs={
            "arn": f"arn:{{partition}}:cloudfront::{{account}}:{operation.split('_', 1)[1]}/{{id}}",
            "etag": "{ETag}",
        },
        invents={"ETag": "E{hex}"},
    )


def _caller_reference(context: Context) -> str:
    return context.uuid()


HANDLERS: dict[str, Handler] = {
    "aws:wafv2/webAcl:WebAcl": _waf(
        "web_acl",
        inputs={
            **_acl_rules("rule"),
            "associationConfig.requestBodies": As("RequestBody", _request_bodies),
        },
    ),
    "aws:wafv2/ruleGroup:RuleGroup": _waf("rule_group", inputs=_acl_rules("rules")),
    "aws:wafv2/ipSet:IpSet": _waf(
        "ip_set",
        # The API requires the list, also empty.
        params={"Addresses": lambda c: None if c.inputs.get("addresses") else []},
    ),
    "aws:wafv2/regexPatternSet:RegexPatternSet": _waf(
        "regex_pattern_set",
        inputs={"regularExpressions": "RegularExpressionList"},
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Handler(
        service="wafv2",
        operation="associate_web_acl",
        id="{in.webAclArn},{in.resourceArn}",
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": Handler(
        service="wafv2",
        operation="put_logging_configuration",
        within="LoggingConfiguration",
        id="{in.resourceArn}",
    ),
    "aws:cloudfront/distribution:Distribution": Handler(
        service="cloudfront",
        operation="create_distribution_with_tags",
        within="DistributionConfigWithTags.DistributionConfig",
        inputs={
            **_behaviour("defaultCacheBehavior"),
            "orderedCacheBehaviors": "CacheBehaviors",
            **_behaviour("orderedCacheBehaviors"),
            "loggingConfig": As("Logging", _logging),
            "originGroups.originId": "Id",
            "origins.originId": "Id",
            "origins.customHeaders.name": "HeaderName",
            "origins.customHeaders.value": "HeaderValue",
            "restrictions.geoRestriction": As("GeoRestriction", _geo_restriction),
        },
        params={
            "DistributionConfigWithTags.DistributionConfig.CallerReference": _caller_reference,
            "DistributionConfigWithTags.DistributionConfig.Comment": lambda c: c.inputs.get(
                "comment", ""
            ),
            "DistributionConfigWithTags.Tags": lambda c: None if c.tags else {"Items": []},
        },
        ignored={"retainOnDelete": _ON_DELETE, "waitForDeployment": _WAITS},
        tags="DistributionConfigWithTags.Tags",
        id="{Distribution.Id}",
        outputs={
            "arn": "{Distribution.ARN}",
            "callerReference": _caller_reference,
            "domainName": "{Distribution.DomainName}",
            "etag": "{ETag?}",
            "hostedZoneId": _HOSTED_ZONE,
            "status": "{Distribution.Status}",
        },
    ),
    "aws:cloudfront/originAccessControl:OriginAccessControl": Handler(
        service="cloudfront",
        operation="create_origin_access_control",
        within="OriginAccessControlConfig",
        # https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_OriginAccessControlConfig.html
        naming=Naming(prefix="", limit=64),
        params={
            "OriginAccessControlConfig.Description": lambda c: c.inputs.get(
                "description", "Managed by Pulumi"
            )
        },
        id="{OriginAccessControl.Id}",
        outputs={
            "arn": "arn:{partition}:cloudfront::{account}:origin-access-control/{id}",
            "etag": "{ETag}",
        },
    ),
    "aws:cloudfront/cachePolicy:CachePolicy": _policy(
        "create_cache_policy", "CachePolicyConfig", "CachePolicy"
    ),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": _policy(
        "create_origin_request_policy", "OriginRequestPolicyConfig", "OriginRequestPolicy"
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": _policy(
        "create_response_headers_policy", "ResponseHeadersPolicyConfig", "ResponseHeadersPolicy"
    ),
    "aws:cloudfront/function:Function": Handler(
        service="cloudfront",
        operation="create_function",
        inputs={
            "code": As("FunctionCode", str.encode),
            "comment": "FunctionConfig.Comment",
            "runtime": "FunctionConfig.Runtime",
            "keyValueStoreAssociations": As("FunctionConfig.KeyValueStoreAssociations", _stores),
        },
        params={"FunctionConfig.Comment": lambda c: c.inputs.get("comment", "")},
        naming=Naming(prefix="", limit=64),
        tags="Tags",
        id="{name}",
        then=[
            Call(
                operation="publish_function",
                inputs={"publish": As("IfMatch", lambda on: "" if on else None)},
                params={"Name": "{name}", "IfMatch": "{ETag}"},
            )
        ],
        outputs={
            "arn": "{FunctionSummary.FunctionMetadata.FunctionARN}",
            "etag": "{ETag}",
            "status": "{FunctionSummary.Status?}",
        },
    ),
    "aws:cloudfront/vpcOrigin:VpcOrigin": Handler(
        service="cloudfront",
        operation="create_vpc_origin",
        ignored={"timeouts": _WAITS},
        tags="Tags",
        id="{VpcOrigin.Id}",
        outputs={"arn": "arn:{partition}:cloudfront::{account}:vpcorigin/{id}", "etag": "{ETag}"},
        invents={"VpcOrigin.Id": "vo_{hex}", "ETag": "E{hex}"},
    ),
    "aws:cloudfront/monitoringSubscription:MonitoringSubscription": Handler(
        service="cloudfront",
        operation="create_monitoring_subscription",
        id="{in.distributionId}",
    ),
    "aws:cloudfront/keyValueStore:KeyValueStore": Handler(
        service="cloudfront",
        operation="create_key_value_store",
        ignored={"timeouts": _WAITS},
        naming=Naming(prefix="", limit=64),
        tags="Tags",
        id="{KeyValueStore.Id}",
        outputs={"arn": "{KeyValueStore.ARN}", "etag": "{ETag}"},
    ),
    "aws:cloudfront/publicKey:PublicKey": Handler(
        service="cloudfront",
        operation="create_public_key",
        within="PublicKeyConfig",
        naming=Naming(limit=128),
        params={"PublicKeyConfig.CallerReference": _caller_reference},
        id="{PublicKey.Id}",
        outputs={"etag": "{ETag}", "callerReference": _caller_reference},
    ),
    "aws:cloudfront/keyGroup:KeyGroup": Handler(
        service="cloudfront",
        operation="create_key_group",
        within="KeyGroupConfig",
        naming=Naming(prefix="", limit=128),
        id="{KeyGroup.Id}",
        outputs={"etag": "{ETag}"},
    ),
}
