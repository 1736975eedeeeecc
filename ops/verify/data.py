"""What holds data or watches over it: database, registry, log groups, alarms."""

from collections.abc import Iterator
from typing import Any

from ops.verify.model import Context, Finding, check


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
    for group in context.outputs.get("logGroupNames", []):
        answer = context.aws.get("logs").describe_log_groups(logGroupNamePrefix=group)
        found = [item for item in answer["logGroups"] if item["logGroupName"] == group]
        days = found[0].get("retentionInDays") if found else None
        yield group, days is not None, f"{days} days" if found else "missing"


@check("every alarm does something when it fires")
def _alarms(context: Context) -> Iterator[Finding]:
    prefix = context.outputs.get("alarmPrefix")
    if not prefix:
        return
    alarms = list(
        context.aws.pages("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=prefix)
    )
    silent = [alarm["AlarmName"] for alarm in alarms if not alarm["AlarmActions"]]
    detail = f"{len(alarms)} alarms" + (f", silent: {', '.join(silent)}" if silent else "")
    yield prefix, bool(alarms) and not silent, detail
