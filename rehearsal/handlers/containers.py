"""ECS, its scaling and its service discovery; ECR."""

import json
from collections.abc import Mapping
from typing import Any

from rehearsal.handlers.model import As, Call, Context, Handler, Naming, Rule, json_text

_PROVIDER_WAIT = (
    "the provider's own waiting; the rehearsal's verification looks at the service instead"
)


def _operation_target(context: Context, operation: str, kind: str) -> str:
    """Runs a Cloud Map operation, which answers with a ticket, and returns the id of what it
    made.
    """
    params: dict[str, Any] = {"CreatorRequestId": context.uuid()}
    params |= context.rest(operation)
    params["Name"] = context.name
    params |= context.tagged()
    ticket = context.call(operation, params)["OperationId"]
    return context.call("get_operation", {"OperationId": ticket})["Operation"]["Targets"][kind]


def _http_namespace(context: Context) -> tuple[str, Mapping[str, Any]]:
    id_ = _operation_target(context, "create_http_namespace", "NAMESPACE")
    found = context.call("get_namespace", {"Id": id_})["Namespace"]
    return id_, {"arn": found["Arn"], "httpName": context.name}


def _private_namespace(context: Context) -> tuple[str, Mapping[str, Any]]:
    id_ = _operation_target(context, "create_private_dns_namespace", "NAMESPACE")
    found = context.call("get_namespace", {"Id": id_})["Namespace"]
    zone = found.get("Properties", {}).get("DnsProperties", {}).get("HostedZoneId", "")
    return id_, {"arn": found["Arn"], "hostedZone": zone}


def _pairs(properties: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": key, "value": value} for key, value in sorted(properties.items())]


def _task_definition_rules() -> dict[str, Rule]:
    return {
        "containerDefinitions": As("containerDefinitions", json.loads),
        "proxyConfiguration.properties": As("properties", _pairs),
        "volumes.configureAtLaunch": "configuredAtLaunch",
        "volumes.hostPath": "host.sourcePath",
    }


_SERVICE_RULES: dict[str, Rule] = {
    "alarms": "deploymentConfiguration.alarms",
    "deploymentCircuitBreaker": "deploymentConfiguration.deploymentCircuitBreaker",
    "deploymentMaximumPercent": "deploymentConfiguration.maximumPercent",
    "deploymentMinimumHealthyPercent": "deploymentConfiguration.minimumHealthyPercent",
    "iamRole": "role",
    "loadBalancers.elbName": "loadBalancerName",
    "networkConfiguration.assignPublicIp": As(
        "awsvpcConfiguration.assignPublicIp", lambda on: "ENABLED" if on else "DISABLED"
    ),
    "networkConfiguration.securityGroups": "awsvpcConfiguration.securityGroups",
    "networkConfiguration.subnets": "awsvpcConfiguration.subnets",
    "orderedPlacementStrategies": "placementStrategy",
    "deploymentConfiguration.lifecycleHooks.hookDetails": As("hookDetails", json.loads),
    "serviceConnectConfiguration.services.tls.issuerCertAuthority": "issuerCertificateAuthority",
    "volumeConfiguration.managedEbsVolume.fileSystemType": "filesystemType",
    "volumeConfiguration.managedEbsVolume.sizeInGb": "sizeInGiB",
    "volumeConfiguration.managedEbsVolume.tagSpecifications.tags": As(
        "tags", lambda tags: [{"key": key, "value": value} for key, value in tags.items()]
    ),
}


_EXEC_LOGS = "configuration.executeCommandConfiguration.logConfiguration"

HANDLERS: dict[str, Handler] = {
    "aws:ecs/cluster:Cluster": Handler(
        service="ecs",
        operation="create_cluster",
        inputs={
            f"{_EXEC_LOGS}.s3BucketEncryptionEnabled": "s3EncryptionEnabled",
        },
        naming=Naming(api="clusterName", prefix=""),
        tags="tags",
        id="{cluster.clusterArn}",
        outputs={"arn": "{id}"},
    ),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": Handler(
        service="ecs",
        operation="put_cluster_capacity_providers",
        inputs={"clusterName": "cluster"},
        params={
            # The API requires both lists, also empty.
            "capacityProviders": lambda c: c.inputs.get("capacityProviders", []),
            "defaultCapacityProviderStrategy": lambda c: (
                None if c.inputs.get("defaultCapacityProviderStrategies") else []
            ),
        },
        id="{in.clusterName}",
    ),
    "aws:ecs/taskDefinition:TaskDefinition": Handler(
        service="ecs",
        operation="register_task_definition",
        inputs=_task_definition_rules(),
        ignored={
            "skipDestroy": "says what happens when the definition is replaced",
            "trackLatest": "says which revision the provider reads back",
        },
        tags="tags",
        id="{taskDefinition.family}",
        outputs={
            "arn": "{taskDefinition.taskDefinitionArn}",
            "arnWithoutRevision": lambda c: c.response["taskDefinition"][
                "taskDefinitionArn"
            ].rsplit(":", 1)[0],
            "revision": "{taskDefinition.revision}",
        },
    ),
    "aws:ecs/service:Service": Handler(
        service="ecs",
        operation="create_service",
        inputs=_SERVICE_RULES,
        ignored={
            "forceDelete": "says how the provider deletes the service",
            "forceNewDeployment": "says how the provider updates the service",
            "sigintRollback": "says what an interrupted update does",
            "triggers": "says when the provider updates the service",
            "waitForSteadyState": _PROVIDER_WAIT,
        },
        naming=Naming(api="serviceName", prefix=""),
        tags="tags",
        id="{service.serviceArn}",
        outputs={
            "arn": "{id}",
            "cluster": "{service.clusterArn}",
            "desiredCount": "{service.desiredCount?}",
        },
        # The emulator has no scheduler, and counts tasks as running only when told of them again:
        # this stands in for what ECS does by itself.
        then=[
            Call(
                operation="update_service",
                params={
                    "cluster": "{service.clusterArn}",
                    "service": "{service.serviceName}",
                    "desiredCount": "{service.desiredCount}",
                },
                always=True,
            )
        ],
    ),
    "aws:ecs/accountSettingDefault:AccountSettingDefault": Handler(
        service="ecs",
        operation="put_account_setting_default",
        id="{in.name}",
        outputs={"principalArn": "arn:{partition}:iam::{account}:root"},
    ),
    "aws:appautoscaling/target:Target": Handler(
        service="application-autoscaling",
        operation="register_scalable_target",
        tags="Tags",
        id="{in.resourceId}",
        outputs={"arn": "{ScalableTargetARN?}"},
    ),
    "aws:appautoscaling/policy:Policy": Handler(
        service="application-autoscaling",
        operation="put_scaling_policy",
        naming=Naming(api="PolicyName", prefix="", limit=255),
        id="{name}",
        outputs={
            "arn": "{PolicyARN}",
            "alarmArns": lambda c: [alarm["AlarmARN"] for alarm in c.response.get("Alarms", [])],
        },
    ),
    "aws:appautoscaling/scheduledAction:ScheduledAction": Handler(
        service="application-autoscaling",
        operation="put_scheduled_action",
        naming=Naming(api="ScheduledActionName", prefix=""),
        id="{name}-{in.serviceNamespace}-{in.resourceId}",
        then=[
            Call(
                operation="describe_scheduled_actions",
                params={
                    "ServiceNamespace": "{in.serviceNamespace}",
                    "ResourceId": "{in.resourceId}",
                    "ScheduledActionNames": ["{name}"],
                },
                always=True,
            )
        ],
        outputs={"arn": "{describe_scheduled_actions:ScheduledActions.0.ScheduledActionARN}"},
    ),
    "aws:servicediscovery/httpNamespace:HttpNamespace": Handler(
        service="servicediscovery",
        operation="create_http_namespace",
        naming=Naming(prefix=""),
        tags="-",
        create=_http_namespace,
    ),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": Handler(
        service="servicediscovery",
        operation="create_private_dns_namespace",
        naming=Naming(prefix=""),
        tags="-",
        create=_private_namespace,
    ),
    "aws:servicediscovery/service:Service": Handler(
        service="servicediscovery",
        operation="create_service",
        ignored={"forceDestroy": "says how the provider deletes the service"},
        naming=Naming(prefix=""),
        params={"CreatorRequestId": "{uuid}"},
        tags="Tags",
        id="{Service.Id}",
        outputs={"arn": "{Service.Arn}"},
    ),
    "aws:ecr/repository:Repository": Handler(
        service="ecr",
        operation="create_repository",
        ignored={"forceDelete": "says whether images go with the repository"},
        # https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
        naming=Naming(api="repositoryName", prefix="", limit=256, lower=True),
        tags="tags",
        id="{name}",
        outputs={
            "arn": "{repository.repositoryArn}",
            "registryId": "{repository.registryId}",
            "repositoryUrl": "{repository.repositoryUri}",
        },
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Handler(
        service="ecr",
        operation="put_lifecycle_policy",
        inputs={
            "repository": "repositoryName",
            "policy": As("lifecyclePolicyText", json_text),
        },
        id="{in.repository}",
        outputs={"registryId": "{registryId}"},
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": Handler(
        service="ecr",
        operation="set_repository_policy",
        inputs={"repository": "repositoryName", "policy": As("policyText", json_text)},
        id="{in.repository}",
        outputs={"registryId": "{registryId}"},
    ),
    "aws:ecr/registryPolicy:RegistryPolicy": Handler(
        service="ecr",
        operation="put_registry_policy",
        inputs={"policy": As("policyText", json_text)},
        id="{account}",
        outputs={"registryId": "{account}"},
    ),
    "aws:ecr/replicationConfiguration:ReplicationConfiguration": Handler(
        service="ecr",
        operation="put_replication_configuration",
        inputs={"replicationConfiguration.rules.repositoryFilters": "repositoryFilters"},
        id="{account}",
        outputs={"registryId": "{account}"},
    ),
    "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration": Handler(
        service="ecr",
        operation="put_registry_scanning_configuration",
        id="{account}",
        outputs={"registryId": "{account}"},
    ),
}
