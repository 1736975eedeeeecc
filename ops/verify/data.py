"""What holds data or watches over it: database, registry, log groups, alarms."""

import urllib.parse
from collections.abc import Iterator
from typing import Any

from ops.verify.model import Context, Finding, check
from ops.verify.services import task_definitions

GLOBAL = "us-east-1"


@check("the database is private, encrypted, backed up and available")
def _database(context: Context) -> Iterator[Finding]:
    identifier = context.outputs.get("databaseIdentifier")
    if not identifier:
        return

    def describe() -> dict[str, Any]:
        answer = context.aws.get("rds").describe_db_instances(DBInstanceIdentifier=identifier)
        return answer["DBInstances"][0]

    def available() -> tuple[bool, str]:
        status = describe()["DBInstanceStatus"]
        return status == "available", status

    yield "available", *context.wait(available, f"database {identifier}")
    found = describe()
    yield "not public", not found["PubliclyAccessible"], str(found["PubliclyAccessible"])
    yield "encrypted", bool(found["StorageEncrypted"]), found.get("KmsKeyId", "no key")
    days = found["BackupRetentionPeriod"]
    yield "backups", days >= (7 if context.critical else 1), f"{days} days"
    if context.critical:
        yield "Multi-AZ", bool(found["MultiAZ"]), str(found["MultiAZ"])
        protected = bool(found["DeletionProtection"])
        yield "deletion protection", protected, str(protected)


@check("image tags are immutable and images are scanned")
def _registry(context: Context) -> Iterator[Finding]:
    url = context.outputs.get("repositoryUrl")
    if not url:
        return
    name = url.split("/", 1)[1]
    answer = context.aws.get("ecr").describe_repositories(repositoryNames=[name])
    (found,) = answer["repositories"]
    yield "immutable", found["imageTagMutability"] == "IMMUTABLE", found["imageTagMutability"]
    scanned = found["imageScanningConfiguration"]["scanOnPush"]
    yield "scan on push", bool(scanned), str(scanned)


@check("log groups expire")
def _retention(context: Context) -> Iterator[Finding]:
    for group in sorted(_log_groups(context)):
        found = [
            item
            for item in context.aws.pages(
                "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=group
            )
            if item["logGroupName"] == group
        ]
        days = found[0].get("retentionInDays") if found else None
        yield group, days is not None, f"{days} days" if found else "missing"


def _log_groups(context: Context) -> set[str]:
    """Where the services and the VPC write: whatever the stack calls it, AWS knows."""
    vpc = [{"Name": "resource-id", "Values": [context.outputs["vpcId"]]}]
    flow_logs = context.aws.pages("ec2", "describe_flow_logs", "FlowLogs", Filter=vpc)
    containers = [
        container.get("logConfiguration", {}).get("options", {})
        for definition in task_definitions(context).values()
        for container in definition.get("containerDefinitions", [])
    ]
    groups = {_group_of(log) for log in flow_logs} | {c.get("awslogs-group") for c in containers}
    return {group for group in groups if group}


def _group_of(flow_log: dict[str, Any]) -> str:
    """The log group, which AWS gives as a name or as an ARN, as it was asked."""
    _, _, name = flow_log.get("LogDestination", "").partition(":log-group:")
    return flow_log.get("LogGroupName") or name.removesuffix(":*")


@check("every part has alarms, and each of them tells somebody")
def _alarms(context: Context) -> Iterator[Finding]:
    alarms = {
        region: list(
            context.aws.pages("cloudwatch", "describe_alarms", "MetricAlarms", region=region)
        )
        for region in (context.outputs["region"], GLOBAL)
    }
    for subject, (region, value) in _watched(context).items():
        about = [
            alarm
            for alarm in alarms[region]
            if value in [dimension["Value"] for dimension in _dimensions(alarm)]
        ]
        silent = [
            alarm["AlarmName"]
            for alarm in about
            if not (alarm["ActionsEnabled"] and alarm["AlarmActions"])
        ]
        detail = f"{len(about)} alarms" + (f", silent: {', '.join(silent)}" if silent else "")
        yield subject, bool(about) and not silent, detail


def _dimensions(alarm: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Of the one metric that the alarm watches, or of every one in its expression."""
    yield from alarm.get("Dimensions", [])
    for query in alarm.get("Metrics", []):
        yield from query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", [])


def _watched(context: Context) -> dict[str, tuple[str, str]]:
    """What must have an alarm -> its region, and the value of a dimension that names it."""
    outputs, home = context.outputs, context.outputs["region"]
    watched = {"load balancer": (home, outputs["albArn"].partition(":loadbalancer/")[2])}
    for name, physical in outputs.get("serviceNames", {}).items():
        watched[f"service {name}"] = (home, physical)
    if outputs.get("databaseIdentifier"):
        watched["database"] = (home, outputs["databaseIdentifier"])
    if outputs.get("cacheName"):
        # The first node of several; a serverless cache has none.
        node = "" if outputs.get("cacheMode") == "serverless" else "-001"
        watched["cache"] = (home, f"{outputs['cacheName']}{node}")
    hostnames = {
        urllib.parse.urlsplit(url).hostname for url in outputs.get("healthUrls", {}).values()
    }
    for check_ in context.aws.pages("route53", "list_health_checks", "HealthChecks"):
        hostname = check_["HealthCheckConfig"].get("FullyQualifiedDomainName")
        if hostname in hostnames:
            # The metrics of health checks are in us-east-1 alone:
            # https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html
            watched[f"health check of {hostname}"] = (GLOBAL, check_["Id"])
    return watched
