"""RDS and ElastiCache."""

from collections.abc import Mapping
from typing import Any

from rehearsal.handlers.model import As, Call, Context, Handler, Ignore, Naming, Rule

_ON_DELETE = "says how the provider deletes it"
_ON_UPDATE = "says how the provider updates it"

_RENAMED: dict[str, Rule] = {
    "backupWindow": "PreferredBackupWindow",
    "caCertIdentifier": "CACertificateIdentifier",
    "customerOwnedIpEnabled": "EnableCustomerOwnedIp",
    "domainDnsIps": "DomainDnsIps",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
    "instanceClass": "DBInstanceClass",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "parameterGroupName": "DBParameterGroupName",
    "passwordWo": "MasterUserPassword",
    "password": "MasterUserPassword",
    "performanceInsightsEnabled": "EnablePerformanceInsights",
    "username": "MasterUsername",
}
_STEERING = {
    "allowMajorVersionUpgrade": _ON_UPDATE,
    "applyImmediately": _ON_UPDATE,
    "blueGreenUpdate": _ON_UPDATE,
    "deleteAutomatedBackups": _ON_DELETE,
    "finalSnapshotIdentifier": _ON_DELETE,
    "passwordWoVersion": _ON_UPDATE,
    "skipFinalSnapshot": _ON_DELETE,
    "upgradeStorageConfig": _ON_UPDATE,
}
_NOT_WITH_RESTORE = {
    "BackupRetentionPeriod",
    "MasterUserPassword",
    "ManageMasterUserPassword",
    "MasterUserSecretKmsKeyId",
    "MaxAllocatedStorage",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "EnablePerformanceInsights",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "AllocatedStorage",
    "DatabaseInsightsMode",
}
"""Of what a program says of an instance, what a restore cannot take: the provider applies it
afterwards.
"""


def _instance(context: Context) -> tuple[str, Mapping[str, Any]]:
    """Creates a database: new, from a snapshot, to a point in time, or as a read replica."""
    for key in _STEERING:
        context.take(key)
    snapshot = context.take("snapshotIdentifier")
    point = context.take("restoreToPointInTime")
    source = context.take("replicateSourceDb")
    mode = context.take("replicaMode")
    params = context.rest("create_db_instance")
    params["DBInstanceIdentifier"] = context.name
    params |= context.tagged()
    if not (snapshot or point or source):
        context.call("create_db_instance", params)
    elif source:
        params = _drop(params, {"Engine", "EngineVersion", "MasterUsername", "DBName"})
        params["SourceDBInstanceIdentifier"] = source
        if mode:
            params["ReplicaMode"] = mode
        _split(context, "create_db_instance_read_replica", params)
    elif snapshot:
        params = _drop(params, {"DBName", "MasterUsername", "EngineVersion", "StorageEncrypted"})
        params["DBSnapshotIdentifier"] = snapshot
        _split(context, "restore_db_instance_from_db_snapshot", params)
    else:
        params = _drop(params, {"MasterUsername", "EngineVersion", "StorageEncrypted", "KmsKeyId"})
        params["TargetDBInstanceIdentifier"] = params.pop("DBInstanceIdentifier")
        params |= context.params(
            "restore_db_instance_to_point_in_time",
            point,
            {
                "restoreTime": "RestoreTime",
                "sourceDbInstanceAutomatedBackupsArn": "SourceDBInstanceAutomatedBackupsArn",
                "sourceDbInstanceIdentifier": "SourceDBInstanceIdentifier",
                "sourceDbiResourceId": "SourceDbiResourceId",
                "useLatestRestorableTime": "UseLatestRestorableTime",
            },
        )
        _split(context, "restore_db_instance_to_point_in_time", params)
    found = context.call("describe_db_instances", {"DBInstanceIdentifier": context.name})[
        "DBInstances"
    ][0]
    # The resource's id: https://www.pulumi.com/registry/packages/aws/how-to-guides/6-0-migration/
    return found["DbiResourceId"], _instance_outputs(found)


def _drop(params: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key not in names}


def _split(context: Context, operation: str, params: dict[str, Any]) -> None:
    """Creates from a source with what that operation takes, then modifies the rest."""
    members = set(context.caller.operation_shape("rds", operation).members)
    now = {k: v for k, v in params.items() if k in members and k not in _NOT_WITH_RESTORE}
    later = {k: v for k, v in params.items() if k not in now}
    exports = later.pop("EnableCloudwatchLogsExports", None)
    if exports:
        later["CloudwatchLogsExportConfiguration"] = {"EnableLogTypes": exports}
    context.call(operation, now)
    if later:
        context.call(
            "modify_db_instance",
            {"DBInstanceIdentifier": context.name, "ApplyImmediately": True, **later},
        )


def _instance_outputs(found: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = found.get("Endpoint") or {}
    outputs: dict[str, Any] = {
        "arn": found["DBInstanceArn"],
        "address": endpoint.get("Address", ""),
        "port": endpoint.get("Port"),
        "endpoint": f"{endpoint.get('Address', '')}:{endpoint.get('Port', '')}",
        "hostedZoneId": endpoint.get("HostedZoneId", ""),
        "resourceId": found["DbiResourceId"],
        "engineVersionActual": found.get("EngineVersion"),
        "status": found.get("DBInstanceStatus"),
        "username": found.get("MasterUsername"),
        "kmsKeyId": found.get("KmsKeyId"),
        "availabilityZone": found.get("AvailabilityZone"),
        "masterUserSecrets": [],
        "replicas": [],
    }
    secret = found.get("MasterUserSecret")
    if secret:
        outputs["masterUserSecrets"] = [
            {
                "secretArn": secret.get("SecretArn", ""),
                "kmsKeyId": secret.get("KmsKeyId", ""),
                "secretStatus": secret.get("SecretStatus", ""),
            }
        ]
    return outputs


def _parameters(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "ParameterName": item["name"],
            "ParameterValue": str(item["value"]),
            "ApplyMethod": item.get("applyMethod", "immediate"),
        }
        for item in given
    ]


def _cache_parameters(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"ParameterName": p["name"], "ParameterValue": str(p["value"])} for p in given]


def _proxy_defaults(context: Context) -> tuple[str, Mapping[str, Any]]:
    proxy = context.take("dbProxyName")
    params = context.rest("modify_db_proxy_target_group")
    answer = context.call(
        "modify_db_proxy_target_group",
        {"DBProxyName": proxy, "TargetGroupName": "default", **params},
    )
    found = answer.get("DBProxyTargetGroup", {})
    return proxy, {"arn": found.get("TargetGroupArn", ""), "name": "default"}


def _replication_group(context: Context) -> dict[str, Any]:
    return context.responses["describe_replication_groups"]["ReplicationGroups"][0]


def _group_endpoint(member: str, field: str) -> Any:
    def read(context: Context) -> Any:
        group = _replication_group(context)
        node = (group.get("NodeGroups") or [{}])[0]
        return (group.get(member) or node.get(member) or {}).get(field)

    return read


_CACHE_RULES: dict[str, Rule] = {
    "authTokenWo": "AuthToken",
    "description": "ReplicationGroupDescription",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "nodeType": "CacheNodeType",
    "parameterGroupName": "CacheParameterGroupName",
    "securityGroupNames": "CacheSecurityGroupNames",
    "subnetGroupName": "CacheSubnetGroupName",
}


def _log_deliveries(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_LogDeliveryConfigurationRequest.html"""
    made = []
    for item in given:
        logs = item["destinationType"] == "cloudwatch-logs"
        made.append(
            {
                "DestinationType": item["destinationType"],
                "LogFormat": item["logFormat"],
                "LogType": item["logType"],
                "DestinationDetails": {
                    "CloudWatchLogsDetails" if logs else "KinesisFirehoseDetails": {
                        "LogGroup" if logs else "DeliveryStream": item["destination"]
                    }
                },
            }
        )
    return made


def _endpoints(member: str) -> Any:
    def read(context: Context) -> list[dict[str, Any]]:
        made_up = (
            f"{context.name}-{context.digest()[:6]}.serverless.{context.region}.cache.amazonaws.com"
        )
        port = 6379 if member == "Endpoint" else 6380
        return [{"address": made_up, "port": port}]

    return read


HANDLERS: dict[str, Handler] = {
    "aws:rds/subnetGroup:SubnetGroup": Handler(
        service="rds",
        operation="create_db_subnet_group",
        naming=Naming(api="DBSubnetGroupName", limit=255, lower=True),
        inputs={"description": "DBSubnetGroupDescription"},
        params={
            "DBSubnetGroupDescription": lambda c: c.inputs.get("description", "Managed by Pulumi")
        },
        tags="Tags",
        id="{name}",
        outputs={
            "arn": "{DBSubnetGroup.DBSubnetGroupArn}",
            "vpcId": "{DBSubnetGroup.VpcId}",
            "supportedNetworkTypes": ["IPV4"],
        },
    ),
    "aws:rds/parameterGroup:ParameterGroup": Handler(
        service="rds",
        operation="create_db_parameter_group",
        naming=Naming(api="DBParameterGroupName", limit=255, lower=True),
        inputs={"family": "DBParameterGroupFamily"},
        params={"Description": lambda c: c.inputs.get("description", "Managed by Pulumi")},
        ignored={"skipDestroy": _ON_DELETE},
        tags="Tags",
        id="{name}",
        then=[
            Call(
                operation="modify_db_parameter_group",
                inputs={"parameters": As("Parameters", _parameters)},
                params={"DBParameterGroupName": "{name}"},
            )
        ],
        outputs={"arn": "{DBParameterGroup.DBParameterGroupArn}"},
    ),
    "aws:rds/instance:Instance": Handler(
        service="rds",
        operation="create_db_instance",
        inputs=_RENAMED,
        ignored=_STEERING,
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
        naming=Naming(
            api="DBInstanceIdentifier",
            input="identifier",
            prefix="identifierPrefix",
            limit=63,
            lower=True,
        ),
        tags="-",
        create=_instance,
    ),
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": Handler(
        service="rds",
        operation="start_db_instance_automated_backups_replication",
        inputs={"retentionPeriod": "BackupRetentionPeriod"},
        id="{DBInstanceAutomatedBackup.DBInstanceAutomatedBackupsArn}",
    ),
    "aws:rds/proxy:Proxy": Handler(
        service="rds",
        operation="create_db_proxy",
        naming=Naming(api="DBProxyName", prefix="", limit=63, lower=True),
        inputs={"requireTls": "RequireTLS"},
        tags="Tags",
        id="{name}",
        outputs={"arn": "{DBProxy.DBProxyArn}", "endpoint": "{DBProxy.Endpoint?}"},
    ),
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": Handler(
        service="rds", operation="modify_db_proxy_target_group", create=_proxy_defaults
    ),
    "aws:rds/proxyTarget:ProxyTarget": Handler(
        service="rds",
        operation="register_db_proxy_targets",
        inputs={
            "dbInstanceIdentifier": As("DBInstanceIdentifiers", lambda value: [value]),
            "dbClusterIdentifier": As("DBClusterIdentifiers", lambda value: [value]),
        },
        id=lambda c: "/".join(
            [
                c.inputs["dbProxyName"],
                c.inputs["targetGroupName"],
                "RDS_INSTANCE" if "dbInstanceIdentifier" in c.inputs else "TRACKED_CLUSTER",
                c.inputs.get("dbInstanceIdentifier") or c.inputs["dbClusterIdentifier"],
            ]
        ),
    ),
    "aws:rds/eventSubscription:EventSubscription": Handler(
        service="rds",
        operation="create_event_subscription",
        naming=Naming(api="SubscriptionName", limit=255, lower=True),
        inputs={"snsTopic": "SnsTopicArn"},
        tags="Tags",
        id="{name}",
        outputs={
            "arn": "arn:{partition}:rds:{region}:{account}:es:{name}",
            "customerAwsId": "{account}",
        },
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": Handler(
        service="elasticache",
        operation="create_cache_subnet_group",
        naming=Naming(api="CacheSubnetGroupName", prefix="", limit=255, lower=True),
        inputs={"description": "CacheSubnetGroupDescription"},
        params={
            "CacheSubnetGroupDescription": lambda c: c.inputs.get(
                "description", "Managed by Pulumi"
            )
        },
        tags="Tags",
        id="{name}",
        outputs={
            "arn": "{CacheSubnetGroup.ARN}",
            "vpcId": "{CacheSubnetGroup.VpcId?}",
        },
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": Handler(
        service="elasticache",
        operation="create_cache_parameter_group",
        naming=Naming(api="CacheParameterGroupName", prefix="", limit=255, lower=True),
        inputs={"family": "CacheParameterGroupFamily"},
        params={"Description": lambda c: c.inputs.get("description", "Managed by Pulumi")},
        tags="Tags",
        id="{name}",
        then=[
            Call(
                operation="modify_cache_parameter_group",
                inputs={"parameters": As("ParameterNameValues", _cache_parameters)},
                params={"CacheParameterGroupName": "{name}"},
            )
        ],
        outputs={"arn": "arn:{partition}:elasticache:{region}:{account}:parametergroup:{name}"},
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": Handler(
        service="elasticache",
        operation="create_replication_group",
        inputs={
            **_CACHE_RULES,
            "logDeliveryConfigurations": As("LogDeliveryConfigurations", _log_deliveries),
        },
        ignored={
            "applyImmediately": _ON_UPDATE,
            "authTokenUpdateStrategy": _ON_UPDATE,
            "authTokenWoVersion": _ON_UPDATE,
            "finalSnapshotIdentifier": _ON_DELETE,
        },
        # https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
        naming=Naming(input="replicationGroupId", prefix="", limit=40, lower=True),
        tags="Tags",
        id="{name}",
        then=[
            Call(
                operation="describe_replication_groups",
                params={"ReplicationGroupId": "{name}"},
                always=True,
            )
        ],
        outputs={
            "arn": "{ReplicationGroup.ARN}",
            "primaryEndpointAddress": _group_endpoint("PrimaryEndpoint", "Address"),
            "readerEndpointAddress": _group_endpoint("ReaderEndpoint", "Address"),
            "configurationEndpointAddress": _group_endpoint("ConfigurationEndpoint", "Address"),
            "memberClusters": "{ReplicationGroup.MemberClusters?}",
        },
    ),
    "aws:elasticache/serverlessCache:ServerlessCache": Handler(
        service="elasticache",
        operation="create_serverless_cache",
        inputs={"cacheUsageLimits.ecpuPerSeconds": "ECPUPerSecond"},
        ignored={"timeouts": "how long the provider waits"},
        naming=Naming(api="ServerlessCacheName", prefix="", limit=40, lower=True),
        tags="Tags",
        id="{name}",
        outputs={
            "arn": "arn:{partition}:elasticache:{region}:{account}:serverlesscache:{name}",
            "endpoints": _endpoints("Endpoint"),
            "readerEndpoints": _endpoints("ReaderEndpoint"),
            "status": "available",
        },
    ),
    "aws:elasticache/user:User": Handler(
        service="elasticache",
        operation="create_user",
        inputs={
            "authenticationMode.passwordCount": Ignore("an output that the input type repeats"),
            "passwordsWo": As("Passwords", lambda value: value.split(",")),
        },
        ignored={"passwordsWoVersion": _ON_UPDATE},
        tags="Tags",
        id="{in.userId}",
        outputs={"arn": "{ARN}"},
    ),
    "aws:elasticache/userGroup:UserGroup": Handler(
        service="elasticache",
        operation="create_user_group",
        tags="Tags",
        id="{in.userGroupId}",
        outputs={
            "arn": "arn:{partition}:elasticache:{region}:{account}:usergroup:{in.userGroupId}"
        },
    ),
}
