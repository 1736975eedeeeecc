"""Reads prices again from the AWS Price List API.

https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
"""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ops.cost.prices import EVERYWHERE, Basis, Price, Prices

API_REGION = "us-east-1"
"""One of the few regions that answer for all."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Query:
    """Which product of the price list a price is of."""

    service: str
    usage: str
    """Usage type without the prefix of its region, as a regular expression."""
    filters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    per: float = 1
    """Units of the price list in one unit of ours."""


def _simple(service: str, usage: str, per: float = 1, **filters: str) -> Query:
    return Query(service=service, usage=usage, per=per, filters=filters)


_POSTGRES = {"databaseEngine": "PostgreSQL", "deploymentOption": "Single-AZ"}
_VALKEY = {"cacheEngine": "Valkey"}
_MILLION = 1e6

QUERIES: dict[str, Query] = {
    "fargate.arm64.vcpu": _simple("AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU"),
    "fargate.arm64.gb": _simple("AmazonECS", "Fargate-ARM-GB-Hours"),
    "fargate.x86_64.vcpu": _simple("AmazonECS", "Fargate-vCPU-Hours:perCPU"),
    "fargate.x86_64.gb": _simple("AmazonECS", "Fargate-GB-Hours"),
    "alb.hour": _simple("AWSELB", "LoadBalancerUsage", operation="LoadBalancing:Application"),
    "alb.lcu": _simple("AWSELB", "LCUUsage", operation="LoadBalancing:Application"),
    "nat.hour": _simple("AmazonEC2", "NatGateway-Hours", operation="NatGateway"),
    "nat.gb": _simple("AmazonEC2", "NatGateway-Bytes", operation="NatGateway"),
    "ipv4.hour": _simple("AmazonVPC", "PublicIPv4:InUseAddress"),
    "endpoint.hour": _simple("AmazonVPC", "VpcEndpoint-Hours", operation="VpcEndpoint"),
    "endpoint.gb": _simple("AmazonVPC", "VpcEndpoint-Bytes", operation="VpcEndpoint"),
    "rds.gp3.gb": _simple("AmazonRDS", "RDS:GP3-Storage", databaseEngine="PostgreSQL"),
    "rds.backup.gb": _simple("AmazonRDS", "RDS:ChargedBackupUsage", databaseEngine="PostgreSQL"),
    "rds.proxy.vcpu": _simple("AmazonRDS", "RDS:ProxyUsage", databaseEngine="PostgreSQL"),
    "cache.serverless.gb": _simple("AmazonElastiCache", "CachedData:Valkey|.*Valkey-CachedData"),
    "cache.serverless.ecpu": _simple(
        "AmazonElastiCache", "ElastiCacheProcessingUnits:Valkey|.*Valkey-ECPU", _MILLION
    ),
    "kms.key": _simple("awskms", "KMS-Keys"),
    "kms.requests": _simple("awskms", "KMS-Requests", 1e4),
    "secret.month": _simple("AWSSecretsManager", "AWSSecretsManager-Secrets"),
    "secret.calls": _simple("AWSSecretsManager", "AWSSecretsManager-APIRequests", 1e4),
    "route53.zone": _simple("AmazonRoute53", "HostedZone"),
    "route53.queries": _simple("AmazonRoute53", "DNS-Queries", _MILLION),
    "route53.health": _simple("AmazonRoute53", "Health-Check-AWS"),
    "route53.health.feature": _simple("AmazonRoute53", "Health-Check-Option-AWS"),
    "cloudwatch.alarm": _simple("AmazonCloudWatch", "CW:AlarmMonitorUsage"),
    "cloudwatch.alarm.fast": _simple("AmazonCloudWatch", "CW:HighResAlarmMonitorUsage"),
    "cloudwatch.alarm.composite": _simple("AmazonCloudWatch", "CW:CompositeAlarmMonitorUsage"),
    "cloudwatch.metric": _simple("AmazonCloudWatch", "CW:MetricMonitorUsage"),
    "cloudwatch.insights.metric": _simple("AmazonCloudWatch", "CW:ContainerInsightsECSEnhanced"),
    "cloudwatch.dashboard": _simple("AmazonCloudWatch", "DashboardsUsageHour(-Basic)?"),
    "cloudwatch.canary": _simple("AmazonCloudWatch", "CW:Canary-runs"),
    "cloudwatch.contributor": _simple("AmazonCloudWatch", "CW:ContributorInsightRules"),
    "logs.gb": _simple("AmazonCloudWatch", "DataProcessing-Bytes"),
    "logs.storage.gb": _simple("AmazonCloudWatch", "TimedStorage-ByteHrs"),
    "waf.acl": _simple("awswaf", "WebACLV2"),
    "waf.rule": _simple("awswaf", "RuleV2"),
    "waf.bot": _simple("awswaf", "AMR-BotControl-Entity"),
    "waf.requests": _simple("awswaf", "RequestV2-Tier1", _MILLION),
    "s3.gb": _simple("AmazonS3", "TimedStorage-ByteHrs"),
    "s3.put": _simple("AmazonS3", "Requests-Tier1", 1e3),
    "s3.get": _simple("AmazonS3", "Requests-Tier2", 1e3),
    "ecr.gb": _simple("AmazonECR", "TimedStorage-ByteHrs"),
    "transfer.out.gb": _simple("AWSDataTransfer", "DataTransfer-Out-Bytes"),
    "sns.requests": _simple("AmazonSNS", "Requests-Tier1", _MILLION),
    "sqs.requests": _simple("AWSQueueService", "Requests-Tier1", _MILLION),
    "scheduler.calls": _simple("AWSEvents", "ScheduledInvocation", _MILLION),
    "lambda.arm64.gbs": _simple("AWSLambda", "Lambda-GB-Second-ARM"),
    "lambda.x86_64.gbs": _simple("AWSLambda", "Lambda-GB-Second"),
    "lambda.requests": _simple("AWSLambda", "Request", _MILLION),
    "cloudfront.gb": _simple("AmazonCloudFront", "DataTransfer-Out-Bytes"),
    "cloudfront.requests": _simple("AmazonCloudFront", "Requests-Tier2-HTTPS", 1e4),
    "cloudfront.function": _simple("AmazonCloudFront", "Executions-CloudFrontFunctions", _MILLION),
    "xray.traces": _simple("AWSXRay", "XRay-TracesStored", _MILLION),
    "ssm.advanced": _simple("AWSSystemsManager", "PS-Advanced-Param-Tier1"),
}
"""Price -> its product, but for machines, whose class is in their id."""


def query_of(id_: str) -> Query | None:
    """The product of a price."""
    engine, _, size = id_.partition(".postgres." if id_.startswith("rds.") else ".valkey.")
    if size and engine == "rds":
        filters = {**_POSTGRES, "instanceType": size}
        return Query(service="AmazonRDS", usage="InstanceUsage:.*", filters=filters)
    if size and engine == "cache":
        filters = {**_VALKEY, "instanceType": size}
        return Query(service="AmazonElastiCache", usage="NodeUsage:.*", filters=filters)
    return QUERIES.get(id_)


class AmbiguousPriceError(Exception):
    """The price list has no product for a query, or several of different prices."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What became of one line."""

    id: str
    region: str
    before: float | None
    after: float | None
    problem: str = ""
    """Why the line stays as it was."""

    @property
    def changed(self) -> bool:
        """Whether the price is another."""
        return self.after is not None and self.after != self.before


def refresh(prices: Prices, client: Any, today: str, regions: list[str]) -> list[Refreshed]:
    """Reads every price again, and puts what is found into `prices`.

    Args:
        prices: The lines, changed in place.
        client: The `pricing` client of boto3.
        today: Date of the reading.
        regions: Regions to have prices of; a new one gets a line for each id.
    """
    found = []
    wanted = {
        (line.id, region): line
        for line in list(prices)
        for region in ([EVERYWHERE] if line.region == EVERYWHERE else regions)
    }
    for (id_, region), model in sorted(wanted.items(), key=lambda item: item[0]):
        known = prices.find(id_, region)
        before = known.usd if known is not None and known.region == region else None
        query = query_of(id_)
        if query is None:
            problem = "nothing says which product it is"
            found.append(
                Refreshed(id=id_, region=region, before=before, after=None, problem=problem)
            )
            continue
        try:
            usd, source = read(client, query, region)
        except AmbiguousPriceError as error:
            found.append(
                Refreshed(id=id_, region=region, before=before, after=None, problem=str(error))
            )
            continue
        prices.put(
            Price(
                id=id_,
                region=region,
                unit=model.unit,
                usd=usd,
                source=source,
                date=today,
                basis=Basis.PRICE_LIST,
            )
        )
        found.append(Refreshed(id=id_, region=region, before=before, after=usd))
    return found


def read(client: Any, query: Query, region: str) -> tuple[float, str]:
    """The price of a query's product in a region, and where it is written.

    Raises:
        AmbiguousPriceError: No product, or several of different prices.
    """
    # What costs the same everywhere is read where AWS began.
    where = API_REGION if region == EVERYWHERE else region
    filters = {"regionCode": where, **query.filters}
    pages = client.get_paginator("get_products").paginate(
        ServiceCode=query.service,
        Filters=[
            {"Type": "TERM_MATCH", "Field": field, "Value": value}
            for field, value in filters.items()
        ],
    )
    usage = re.compile(rf"(?:[A-Z]+\d*-)?(?:{query.usage})")
    found: dict[float, str] = {}
    for page in pages:
        for text in page["PriceList"]:
            product = json.loads(text)
            if usage.fullmatch(product["product"]["attributes"].get("usagetype", "")):
                for amount in _first_tiers(product):
                    sku = product["product"]["sku"]
                    found[round(amount * query.per, 10)] = f"{query.service}#{sku}"
    if len(found) != 1:
        prices = ", ".join(f"{usd:g}" for usd in sorted(found)) or "none"
        raise AmbiguousPriceError(f"{query.service} {query.usage} has the prices {prices}")
    ((usd, product_id),) = found.items()
    service, _, sku = product_id.partition("#")
    version = "current"
    url = f"https://pricing.{API_REGION}.amazonaws.com/offers/v1.0/aws/{service}/{version}"
    return usd, f"{url}/{where}/index.json#{sku}"


def _first_tiers(product: Mapping[str, Any]) -> Iterator[float]:
    """The price on demand of the first units that are charged."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        tiers = sorted(
            (float(tier["beginRange"]), float(tier["pricePerUnit"].get("USD", 0)))
            for tier in term["priceDimensions"].values()
        )
        charged = [usd for _, usd in tiers if usd > 0]
        yield from charged[:1]
