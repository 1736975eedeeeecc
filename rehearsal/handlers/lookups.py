"""Provider functions that a program may call, answered from the API."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from rehearsal.handlers.model import partition_of


class Api(Protocol):
    """The part of the deployer that a lookup needs."""

    region: str
    account_id: str

    def client(self, service: str, region: str = "") -> Any:
        """A boto3 client."""
        ...


Lookup = Callable[[Api, Mapping[str, Any]], Mapping[str, Any]]

_DNS_SUFFIX = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}


def _region_of(api: Api, args: Mapping[str, Any]) -> str:
    return args.get("region") or api.region


def _caller_identity(api: Api, args: Mapping[str, Any]) -> Mapping[str, Any]:
    del args
    found = api.client("sts").get_caller_identity()
    return {
        "id": found["Account"],
        "accountId": found["Account"],
        "arn": found["Arn"],
        "userId": found["UserId"],
    }


def _partition(api: Api, args: Mapping[str, Any]) -> Mapping[str, Any]:
    partition = partition_of(_region_of(api, args))
    suffix = _DNS_SUFFIX.get(partition, "amazonaws.com")
    return {
        "id": partition,
        "partition": partition,
        "dnsSuffix": suffix,
        "reverseDnsPrefix": ".".join(reversed(suffix.split("."))),
    }


def _region(api: Api, args: Mapping[str, Any]) -> Mapping[str, Any]:
    name = _region_of(api, args)
    return {
        "id": name,
        "name": name,
        "region": name,
        "endpoint": f"ec2.{name}.amazonaws.com",
        "description": name,
    }


def _filters(args: Mapping[str, Any]) -> dict[str, Any]:
    found = [{"Name": f["name"], "Values": f["values"]} for f in args.get("filters") or []]
    if args.get("state"):
        found.append({"Name": "state", "Values": [args["state"]]})
    return {"Filters": found} if found else {}


def _zones(api: Api, args: Mapping[str, Any]) -> Mapping[str, Any]:
    region = _region_of(api, args)
    zones = api.client("ec2", region).describe_availability_zones(**_filters(args))
    found = [
        zone
        for zone in zones["AvailabilityZones"]
        if zone["ZoneName"] not in (args.get("excludeNames") or [])
        and zone.get("ZoneId") not in (args.get("excludeZoneIds") or [])
    ]
    return {
        "id": region,
        "region": region,
        "names": [zone["ZoneName"] for zone in found],
        "zoneIds": [zone.get("ZoneId", "") for zone in found],
        "groupNames": sorted({zone.get("GroupName", region) for zone in found}),
    }


def _prefix_list(api: Api, args: Mapping[str, Any]) -> Mapping[str, Any]:
    client = api.client("ec2", _region_of(api, args))
    filters = [{"Name": f["name"], "Values": f["values"]} for f in args.get("filters") or []]
    if args.get("name"):
        filters.append({"Name": "prefix-list-name", "Values": [args["name"]]})
    wanted = {"PrefixListIds": [args["id"]]} if args.get("id") else {"Filters": filters}
    lists = client.describe_managed_prefix_lists(**wanted)["PrefixLists"]
    if args.get("name"):
        lists = [item for item in lists if item["PrefixListName"] == args["name"]]
    if len(lists) != 1:
        raise LookupError(f"{len(lists)} managed prefix lists match {dict(args)}, not one")
    found = lists[0]
    entries = client.get_managed_prefix_list_entries(PrefixListId=found["PrefixListId"])
    return {
        "id": found["PrefixListId"],
        "arn": found["PrefixListArn"],
        "name": found["PrefixListName"],
        "addressFamily": found["AddressFamily"],
        "maxEntries": found.get("MaxEntries", 0),
        "ownerId": found.get("OwnerId", ""),
        "version": found.get("Version", 1),
        "entries": [
            {"cidr": entry["Cidr"], "description": entry.get("Description", "")}
            for entry in entries["Entries"]
        ],
        "tags": {},
        "region": _region_of(api, args),
    }


def _hosted_zone(api: Api, args: Mapping[str, Any]) -> Mapping[str, Any]:
    client = api.client("route53")
    if args.get("zoneId"):
        found = client.get_hosted_zone(Id=args["zoneId"])["HostedZone"]
    else:
        name = f"{args['name'].rstrip('.')}."
        zones = client.list_hosted_zones_by_name(DNSName=name)["HostedZones"]
        private = bool(args.get("privateZone"))
        matching = [z for z in zones if z["Name"] == name and z["Config"]["PrivateZone"] == private]
        if len(matching) != 1:
            raise LookupError(f"{len(matching)} hosted zones are called {name}, not one")
        found = matching[0]
    id_ = found["Id"].removeprefix("/hostedzone/")
    servers = client.get_hosted_zone(Id=id_).get("DelegationSet", {}).get("NameServers", [])
    return {
        "id": id_,
        "zoneId": id_,
        "arn": f"arn:{partition_of(api.region)}:route53:::hostedzone/{id_}",
        "name": found["Name"].rstrip("."),
        "nameServers": servers,
        "privateZone": found["Config"]["PrivateZone"],
        "comment": found["Config"].get("Comment", ""),
        "resourceRecordSetCount": found.get("ResourceRecordSetCount", 0),
        "primaryNameServer": servers[0] if servers else "",
    }


def _cloudfront_policy(kind: str) -> Lookup:
    """AWS-managed policies have fixed ids; the emulator has none of the operations that list them.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
    """

    def answer(api: Api, args: Mapping[str, Any]) -> Mapping[str, Any]:
        del api
        name = args.get("name")
        id_ = args.get("id") or _MANAGED[kind].get(name or "")
        if not id_:
            raise LookupError(f"no managed {kind} policy is called {name}")
        return {"id": id_, "name": name or "", "etag": "E2QWRUHEXAMPLE"}

    return answer


_MANAGED: dict[str, dict[str, str]] = {
    "cache": {
        "Managed-CachingOptimized": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "Managed-CachingDisabled": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "UseOriginCacheControlHeaders": "83da9c7e-98b4-4e11-a168-04f0df8e2c65",
    },
    "origin request": {
        "Managed-AllViewer": "216adef6-5c7f-47e4-b989-5492eafa07d3",
        "Managed-AllViewerExceptHostHeader": "b689b0a8-53d0-40ab-baf2-68738e2966ac",
        "Managed-CORS-S3Origin": "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
    },
    "response headers": {
        "Managed-SecurityHeadersPolicy": "67f7725c-6f97-4210-82d7-5512b31e9d03",
    },
}

LOOKUPS: dict[str, Lookup] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefix_list,
    "aws:route53/getZone:getZone": _hosted_zone,
    "aws:cloudfront/getCachePolicy:getCachePolicy": _cloudfront_policy("cache"),
    "aws:cloudfront/getOriginRequestPolicy:getOriginRequestPolicy": _cloudfront_policy(
        "origin request"
    ),
    "aws:cloudfront/getResponseHeadersPolicy:getResponseHeadersPolicy": _cloudfront_policy(
        "response headers"
    ),
}
