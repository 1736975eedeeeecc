"""Made-up but realistic answers: what the API would return, without an API.

With these a program's second run has no unknown left: every ARN has its service's real form, so
policy documents and task definitions are complete and every rule can judge them.
Deterministic: the same resource always gets the same answer.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from rehearsal import schema
from rehearsal.recording import Registration


class LookupFailedError(Exception):
    """A provider function that the program calls has no answer here."""


# ARN forms: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
# {n} is the physical name, {path} the same without a leading slash, {i} the id, {h} 16 hexadecimal
# digits, {u} a UUID.
_ARNS = {
    "aws:acm/certificate:Certificate": "acm:{r}:{a}:certificate/{u}",
    "aws:appautoscaling/policy:Policy": (
        "autoscaling:{r}:{a}:scalingPolicy:{u}:resource/ecs:policyName/{n}"
    ),
    "aws:appautoscaling/target:Target": "application-autoscaling:{r}:{a}:scalable-target/{h}",
    "aws:backup/plan:Plan": "backup:{r}:{a}:backup-plan:{u}",
    "aws:backup/vault:Vault": "backup:{r}:{a}:backup-vault:{n}",
    "aws:budgets/budget:Budget": "budgets::{a}:budget/{n}",
    "aws:cloudfront/distribution:Distribution": "cloudfront::{a}:distribution/{i}",
    "aws:cloudfront/function:Function": "cloudfront::{a}:function/{n}",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": "cloudwatch:{r}:{a}:alarm:{n}",
    "aws:cloudwatch/dashboard:Dashboard": "cloudwatch::{a}:dashboard/{n}",
    "aws:cloudwatch/eventBus:EventBus": "events:{r}:{a}:event-bus/{n}",
    "aws:cloudwatch/eventRule:EventRule": "events:{r}:{a}:rule/{n}",
    "aws:cloudwatch/logGroup:LogGroup": "logs:{r}:{a}:log-group:{n}",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "cloudwatch:{r}:{a}:alarm:{n}",
    "aws:ec2/eip:Eip": "ec2:{r}:{a}:elastic-ip/{i}",
    "aws:ec2/flowLog:FlowLog": "ec2:{r}:{a}:vpc-flow-log/{i}",
    "aws:ec2/internetGateway:InternetGateway": "ec2:{r}:{a}:internet-gateway/{i}",
    "aws:ec2/routeTable:RouteTable": "ec2:{r}:{a}:route-table/{i}",
    "aws:ec2/securityGroup:SecurityGroup": "ec2:{r}:{a}:security-group/{i}",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "ec2:{r}:{a}:security-group/{i}",
    "aws:ec2/subnet:Subnet": "ec2:{r}:{a}:subnet/{i}",
    "aws:ec2/vpc:Vpc": "ec2:{r}:{a}:vpc/{i}",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "ec2:{r}:{a}:vpc-endpoint/{i}",
    "aws:ecr/repository:Repository": "ecr:{r}:{a}:repository/{n}",
    "aws:ecs/cluster:Cluster": "ecs:{r}:{a}:cluster/{n}",
    "aws:ecs/service:Service": "ecs:{r}:{a}:service/{n}",
    "aws:ecs/taskDefinition:TaskDefinition": "ecs:{r}:{a}:task-definition/{n}:1",
    "aws:elasticache/replicationGroup:ReplicationGroup": "elasticache:{r}:{a}:replicationgroup:{n}",
    "aws:elasticache/subnetGroup:SubnetGroup": "elasticache:{r}:{a}:subnetgroup:{n}",
    "aws:elasticache/user:User": "elasticache:{r}:{a}:user:{n}",
    "aws:elasticache/userGroup:UserGroup": "elasticache:{r}:{a}:usergroup:{n}",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "iam::{a}:oidc-provider/{n}",
    "aws:iam/policy:Policy": "iam::{a}:policy/{n}",
    "aws:iam/role:Role": "iam::{a}:role/{n}",
    "aws:iam/user:User": "iam::{a}:user/{n}",
    "aws:kms/alias:Alias": "kms:{r}:{a}:{n}",
    "aws:kms/key:Key": "kms:{r}:{a}:key/{u}",
    "aws:lambda/function:Function": "lambda:{r}:{a}:function:{n}",
    "aws:lb/listener:Listener": "elasticloadbalancing:{r}:{a}:listener/app/{p}/{h}/{h2}",
    "aws:lb/listenerRule:ListenerRule": (
        "elasticloadbalancing:{r}:{a}:listener-rule/app/{p}/{h}/{h2}/{h3}"
    ),
    "aws:lb/loadBalancer:LoadBalancer": "elasticloadbalancing:{r}:{a}:loadbalancer/app/{n}/{h}",
    "aws:lb/targetGroup:TargetGroup": "elasticloadbalancing:{r}:{a}:targetgroup/{n}/{h}",
    "aws:rds/instance:Instance": "rds:{r}:{a}:db:{n}",
    "aws:rds/parameterGroup:ParameterGroup": "rds:{r}:{a}:pg:{n}",
    "aws:rds/subnetGroup:SubnetGroup": "rds:{r}:{a}:subgrp:{n}",
    "aws:route53/healthCheck:HealthCheck": "route53:::healthcheck/{i}",
    "aws:route53/zone:Zone": "route53:::hostedzone/{i}",
    "aws:s3/bucket:Bucket": "s3:::{n}",
    "aws:scheduler/schedule:Schedule": "scheduler:{r}:{a}:schedule/default/{n}",
    "aws:scheduler/scheduleGroup:ScheduleGroup": "scheduler:{r}:{a}:schedule-group/{n}",
    "aws:secretsmanager/secret:Secret": "secretsmanager:{r}:{a}:secret:{n}-{h6}",
    "aws:servicediscovery/httpNamespace:HttpNamespace": ("servicediscovery:{r}:{a}:namespace/{i}"),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": (
        "servicediscovery:{r}:{a}:namespace/{i}"
    ),
    "aws:sns/topic:Topic": "sns:{r}:{a}:{n}",
    "aws:sqs/queue:Queue": "sqs:{r}:{a}:{n}",
    "aws:ssm/parameter:Parameter": "ssm:{r}:{a}:parameter/{path}",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
        "ec2:{r}:{a}:security-group-rule/{i}"
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
        "ec2:{r}:{a}:security-group-rule/{i}"
    ),
    "aws:wafv2/ipSet:IpSet": "wafv2:{r}:{a}:regional/ipset/{n}/{u}",
    "aws:wafv2/webAcl:WebAcl": "wafv2:{r}:{a}:regional/webacl/{n}/{u}",
}
# EC2 calls its things by prefix and 17 hexadecimal digits.
_PREFIXES = {
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "sg",
    "aws:ec2/eip:Eip": "eipalloc",
    "aws:ec2/flowLog:FlowLog": "fl",
    "aws:ec2/internetGateway:InternetGateway": "igw",
    "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway": "eigw",
    "aws:ec2/natGateway:NatGateway": "nat",
    "aws:ec2/networkAcl:NetworkAcl": "acl",
    "aws:ec2/routeTable:RouteTable": "rtb",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "rtbassoc",
    "aws:ec2/securityGroup:SecurityGroup": "sg",
    "aws:ec2/subnet:Subnet": "subnet",
    "aws:ec2/vpc:Vpc": "vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "vpce",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "sgr",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "sgr",
}
# Types whose id, in the provider, is the physical name.
_NAMED = {
    "aws:backup/vault:Vault",
    "aws:cloudwatch/dashboard:Dashboard",
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:ecr/repository:Repository",
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:elasticache/subnetGroup:SubnetGroup",
    "aws:iam/role:Role",
    "aws:kms/alias:Alias",
    "aws:lambda/function:Function",
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:rds/subnetGroup:SubnetGroup",
    "aws:s3/bucket:Bucket",
    "aws:ssm/parameter:Parameter",
}
_UUID_IDS = {
    "aws:cloudfront/cachePolicy:CachePolicy",
    "aws:kms/key:Key",
    "aws:route53/healthCheck:HealthCheck",
    "aws:wafv2/ipSet:IpSet",
    "aws:wafv2/webAcl:WebAcl",
}
_NAME_INPUTS = (
    "name",
    "bucket",
    "identifier",
    "family",
    "replicationGroupId",
    "userGroupId",
    "userId",
    "alarmName",
    "dashboardName",
    "repository",
)
_PORTS = {"postgres": 5432, "mysql": 3306, "redis": 6379, "valkey": 6379}


class Answerer:
    """Answers registrations and lookups of a program for one account and region.

    Args:
        account_id: The account of every ARN.
        region: The region of every ARN whose resource names none itself.
        zones: Availability zones of the region. Defaults to its `a`, `b` and `c`.
    """

    def __init__(self, account_id: str, region: str, zones: Sequence[str] = ()) -> None:
        self._account = account_id
        self._region = region
        self._zones = list(zones) or [f"{region}{letter}" for letter in "abc"]

    def lookup(self, token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The result of a provider function that only asks where it is, or for a list of AWS's own;
        None for any other.
        """
        account, region = self._account, self._region
        arn = f"arn:aws:iam::{account}:root"
        known: dict[str, Mapping[str, Any]] = {
            "aws:index/getCallerIdentity:getCallerIdentity": {
                "accountId": account,
                "arn": arn,
                "id": account,
                "userId": account,
            },
            "aws:index/getRegion:getRegion": {
                "id": region,
                "name": region,
                "region": region,
                "description": region,
                "endpoint": f"ec2.{region}.amazonaws.com",
            },
            "aws:index/getPartition:getPartition": {
                "id": "aws",
                "partition": "aws",
                "dnsSuffix": "amazonaws.com",
                "reverseDnsPrefix": "com.amazonaws",
            },
            # One of AWS's own lists, by its name.
            "aws:ec2/getManagedPrefixList:getManagedPrefixList": {
                "id": "pl-4fa04526",
                "name": arguments.get("name", ""),
                "arn": f"arn:aws:ec2:{region}:aws:prefix-list/pl-4fa04526",
                "addressFamily": "IPv4",
                "entries": [],
                "maxEntries": 55,
                "ownerId": "AWS",
                "version": 1,
                "tags": {},
            },
            "aws:index/getAvailabilityZones:getAvailabilityZones": {
                "id": region,
                "names": self._zones,
                "zoneIds": [f"{zone}-id" for zone in self._zones],
                "groupNames": [region],
            },
        }
        return known.get(token)

    def answer(self, registration: Registration) -> tuple[str, Mapping[str, Any]]:
        """Id and outputs of a resource, as the provider would give them after creating it."""
        parts = self._parts(registration)
        given = {"id": parts["i"], **_special(registration, parts)}
        if "arn" not in registration.inputs:
            given.setdefault("arn", parts["arn"])
        types = schema.outputs(registration.type)
        settable = schema.inputs(registration.type)
        for name, type_ in types.items():
            if name in registration.inputs or name in given:
                continue
            if name in _NAME_INPUTS and (name in settable or name == "name"):
                given[name] = parts["n"]
            elif name == "port":
                given[name] = _PORTS.get(str(registration.inputs.get("engine")), 443)
            elif name == "region":
                given[name] = parts["r"]
            elif name not in settable:
                given[name] = _filled(name, type_, parts)
        if types:
            given = {name: value for name, value in given.items() if name in types or name == "id"}
        return str(given["id"]), given

    def _parts(self, registration: Registration) -> dict[str, str]:
        digest = hashlib.sha256(registration.urn.encode()).hexdigest()
        inputs, token = registration.inputs, registration.type
        name = next(
            (str(inputs[key]) for key in _NAME_INPUTS if inputs.get(key)),
            # The provider's automatic names end in seven random hexadecimal digits.
            f"{inputs.get('namePrefix') or registration.name + '-'}{digest[:7]}",
        )
        parts = {
            "a": self._account,
            "r": str(inputs.get("region") or self._region),
            "n": name,
            "path": name.removeprefix("/"),
            "h": digest[:16],
            "h2": digest[16:32],
            "h3": digest[32:48],
            "h6": digest[:6],
            "u": str(uuid.UUID(digest[:32])),
            "p": registration.name,
        }
        parts["i"] = self._id(token, parts, digest)
        service, _, kind = token.partition(":")[2].partition("/")
        template = _ARNS.get(
            token, f"{service}:{{r}}:{{a}}:{kind.rpartition(':')[2].lower()}/{{n}}"
        )
        parts["arn"] = f"arn:aws:{template.format(**parts)}"
        # A load balancer's parts: what follows its ARN's service-specific prefix.
        parts["suffix"] = parts["arn"].rpartition(":")[2].removeprefix("loadbalancer/")
        if token not in _PREFIXES and token not in _NAMED and parts["i"] == "":
            parts["i"] = parts["arn"]
        return parts

    def _id(self, token: str, parts: Mapping[str, str], digest: str) -> str:
        if token in _PREFIXES:
            return f"{_PREFIXES[token]}-{digest[:17]}"
        if token in _UUID_IDS:
            return parts["u"]
        if token in _NAMED:
            return parts["n"]
        if token == "aws:route53/zone:Zone":  # noqa: S105 - a type token
            return f"Z{digest[:20].upper()}"
        if token == "aws:cloudfront/distribution:Distribution":  # noqa: S105 - a type token
            return f"E{digest[:13].upper()}"
        if token.startswith("aws:servicediscovery/"):
            return f"ns-{digest[:16]}"
        return "" if token in _ARNS else f"{parts['n']}-{digest[:8]}"


def _special(registration: Registration, parts: Mapping[str, str]) -> dict[str, Any]:
    """The outputs with a form of their own, for the few types that have such."""
    inputs, name, region = registration.inputs, parts["n"], parts["r"]
    match registration.type:
        case "aws:acm/certificate:Certificate":
            domains = [inputs.get("domainName"), *(inputs.get("subjectAlternativeNames") or [])]
            return {
                "domainValidationOptions": [
                    {
                        "domainName": domain,
                        "resourceRecordName": f"_{parts['h']}.{str(domain).removeprefix('*.')}.",
                        "resourceRecordType": "CNAME",
                        "resourceRecordValue": f"_{parts['h2']}.acm-validations.aws.",
                    }
                    for domain in dict.fromkeys(domains)
                    if domain
                ]
            }
        case "aws:acm/certificateValidation:CertificateValidation":
            return {"id": str(inputs.get("certificateArn"))}
        case "aws:ec2/vpc:Vpc":
            return {
                "defaultSecurityGroupId": f"sg-{parts['h']}0",
                "mainRouteTableId": f"rtb-{parts['h']}0",
                "ipv6CidrBlock": "2001:db8:1234:1a00::/56"
                if inputs.get("assignGeneratedIpv6CidrBlock")
                else "",
            }
        case "aws:ec2/eip:Eip" | "aws:ec2/natGateway:NatGateway":
            # 203.0.113.0/24 is reserved for documentation: https://www.rfc-editor.org/rfc/rfc5737
            return {"publicIp": f"203.0.113.{int(parts['h'][:2], 16) % 254 + 1}"}
        case "aws:ecr/repository:Repository":
            registry = f"{parts['a']}.dkr.ecr.{region}.amazonaws.com"
            return {"repositoryUrl": f"{registry}/{name}", "registryId": parts["a"]}
        case "aws:ecs/taskDefinition:TaskDefinition":
            return {"arnWithoutRevision": parts["arn"].removesuffix(":1"), "revision": 1}
        case "aws:lb/loadBalancer:LoadBalancer":
            return {
                "dnsName": f"{name}-{parts['h'][:9]}.{region}.elb.amazonaws.com",
                "zoneId": f"Z{parts['h'][:13].upper()}",
                "arnSuffix": parts["suffix"],
            }
        case "aws:lb/targetGroup:TargetGroup":
            return {"arnSuffix": parts["suffix"]}
        case "aws:rds/instance:Instance":
            address = f"{name}.{parts['h'][:12]}.{region}.rds.amazonaws.com"
            port = inputs.get("port") or _PORTS.get(str(inputs.get("engine")), 5432)
            return {
                "address": address,
                "endpoint": f"{address}:{port}",
                "id": f"db-{parts['h'].upper()}",
                "resourceId": f"db-{parts['h'].upper()}",
                "masterUserSecrets": [
                    {
                        "secretArn": f"arn:aws:secretsmanager:{region}:{parts['a']}:secret:"
                        f"rds!db-{parts['u']}-{parts['h6']}",
                        "secretStatus": "active",
                        "kmsKeyId": str(
                            inputs.get("masterUserSecretKmsKeyId") or "alias/aws/secretsmanager"
                        ),
                    }
                ]
                if inputs.get("manageMasterUserPassword")
                else [],
            }
        case "aws:route53/zone:Zone":
            return {
                "zoneId": parts["i"],
                "nameServers": [f"ns-{index}.awsdns-{index:02}.example" for index in range(1, 5)],
            }
        case "aws:s3/bucket:Bucket":
            return {
                "bucketDomainName": f"{name}.s3.amazonaws.com",
                "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            }
        case "aws:cloudfront/distribution:Distribution":
            return {
                "domainName": f"d{parts['h'][:13]}.cloudfront.net",
                "hostedZoneId": "Z2FDTNDATAQYW2",
            }
        case "aws:kms/key:Key":
            return {"keyId": parts["u"]}
        case "aws:sqs/queue:Queue":
            return {"url": f"https://sqs.{region}.amazonaws.com/{parts['a']}/{name}"}
        case "aws:ssm/parameter:Parameter":
            return {"version": 1}
    return {}


def _filled(name: str, type_: Any, parts: Mapping[str, str]) -> Any:
    """A plausible value of a computed output, so that nothing a program builds from it is None."""
    bare = schema.unwrapped(type_)
    fields = schema.nested(bare)
    if fields:
        return {key: _filled(key, item, parts) for key, item in fields.items()}
    kind = schema.origin(bare)
    if kind is bool:
        return False
    if kind is int:
        return 1
    if kind is float:
        return 1.0
    if kind is str:
        return parts["arn"] if name.lower().endswith("arn") else f"{name}-{parts['h'][:8]}"
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return {}
    if isinstance(kind, type) and issubclass(kind, Sequence):
        (item,) = getattr(bare, "__args__", (str,))
        return [_filled(name.removesuffix("s"), item, parts)]
    return f"{name}-{parts['h'][:8]}"
