"""Where tasks run: a cluster of Fargate and Fargate Spot, and the namespace where services meet."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws


class FargateClusterArgs(TypedDict):
    """What the cluster observes, and what it encrypts with."""

    namespace: str
    """Name of the Cloud Map namespace, unique in the account and region; in it, services reach each
    other by their short names."""
    cluster_name: NotRequired[str]
    """Name of the cluster. Defaults to `<project>-<stack>-<name>`: operators type it, and the log
    group of Container Insights must exist under it before ECS makes one that never forgets."""
    container_insights: NotRequired[str]
    """`enhanced`, `enabled` or `disabled`. Defaults to enhanced, because only that has metrics for
    each task and container."""
    log_retention_days: NotRequired[int]
    """How long recorded ECS Exec sessions are kept. Defaults to 365, as audits ask."""
    insights_retention_days: NotRequired[int]
    """How long Container Insights events are kept; metrics stay 15 months. Defaults to 30."""
    kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key for ECS Exec sessions and for both log groups; its policy must admit CloudWatch Logs.
    Defaults to the services' own keys."""
    storage_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key for the disks of tasks; its policy must admit Fargate. Defaults to Fargate's own.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-create-storage-key.html"""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class FargateCluster(pulumi.ComponentResource):
    """An ECS cluster without servers; what is recorded of it has an owner and an end."""

    arn: pulumi.Output[str]
    """ARN of the cluster, once its capacity providers are attached."""
    name: pulumi.Output[str]
    """Name of the cluster, once its capacity providers are attached."""
    namespace_arn: pulumi.Output[str]
    """Cloud Map namespace that Service Connect uses by default."""
    namespace_name: pulumi.Output[str]
    """Name of the namespace."""
    exec_log_group_name: pulumi.Output[str]
    """Log group that records ECS Exec sessions."""
    exec_log_group_arn: pulumi.Output[str]
    """ARN of the log group that records ECS Exec sessions."""
    insights_log_group_name: pulumi.Output[str]
    """Log group of Container Insights."""

    def __init__(
        self, name: str, args: FargateClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Creates the cluster, its namespace and its log groups."""
        insights = args.get("container_insights", "enhanced")
        if insights not in ("enhanced", "enabled", "disabled"):
            raise ValueError(
                f"FargateCluster {name!r}: container_insights is {insights!r}; it must be enhanced,"
                " enabled or disabled"
            )
        super().__init__("babyrobots:index:FargateCluster", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}
        cluster_name = args.get("cluster_name") or _cluster_name(name)
        kms_key_arn = args.get("kms_key_arn")

        exec_logs = aws.cloudwatch.LogGroup(
            f"{name}-exec",
            name=f"/ecs/{cluster_name}/exec",
            retention_in_days=args.get("log_retention_days", 365),
            kms_key_id=kms_key_arn,
            tags=tags,
            opts=child,
        )
        # If it is not there when ECS first writes, ECS makes it: for ever, and untagged.
        insights_logs = aws.cloudwatch.LogGroup(
            f"{name}-insights",
            name=f"/aws/ecs/containerinsights/{cluster_name}/performance",
            retention_in_days=args.get("insights_retention_days", 30),
            kms_key_id=kms_key_arn,
            tags=tags,
            opts=child,
        )
        namespace = aws.servicediscovery.HttpNamespace(
            f"{name}-namespace",
            name=args["namespace"],
            description=f"Where the services of {cluster_name} meet",
            tags=tags,
            opts=child,
        )
        cluster = aws.ecs.Cluster(
            f"{name}-cluster",
            name=cluster_name,
            settings=[{"name": "containerInsights", "value": insights}],
            configuration=_configuration(args, exec_logs.name),
            service_connect_defaults={"namespace": namespace.arn},
            tags=tags,
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(depends_on=[insights_logs])
            ),
        )
        capacity = aws.ecs.ClusterCapacityProviders(
            f"{name}-capacity",
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            # For what names no capacity, such as a task run by hand: the one that never stops.
            default_capacity_provider_strategies=[
                {"capacity_provider": "FARGATE", "base": 0, "weight": 1}
            ],
            opts=child,
        )

        # By way of the capacity providers: a service that names one before it is attached fails.
        self.name = capacity.cluster_name
        self.arn = pulumi.Output.all(cluster.arn, capacity.id).apply(lambda both: both[0])
        self.namespace_arn = namespace.arn
        self.namespace_name = namespace.name
        self.exec_log_group_name = exec_logs.name
        self.exec_log_group_arn = exec_logs.arn
        self.insights_log_group_name = insights_logs.name
        self.register_outputs(
            {
                "arn": self.arn,
                "name": self.name,
                "namespace_arn": self.namespace_arn,
                "namespace_name": self.namespace_name,
                "exec_log_group_name": self.exec_log_group_name,
                "exec_log_group_arn": self.exec_log_group_arn,
                "insights_log_group_name": self.insights_log_group_name,
            }
        )


def _cluster_name(name: str) -> str:
    return f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}"


def _configuration(
    args: FargateClusterArgs, exec_log_group: pulumi.Output[str]
) -> aws.ecs.ClusterConfigurationArgsDict:
    kms_key_arn = args.get("kms_key_arn")
    # OVERRIDE: sessions go to a group of their own, not into the application's log.
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-logging
    execute_command: aws.ecs.ClusterConfigurationExecuteCommandConfigurationArgsDict = {
        "logging": "OVERRIDE",
        "log_configuration": {
            "cloud_watch_log_group_name": exec_log_group,
            "cloud_watch_encryption_enabled": kms_key_arn is not None,
        },
    }
    if kms_key_arn is not None:
        execute_command["kms_key_id"] = kms_key_arn
    configuration: aws.ecs.ClusterConfigurationArgsDict = {
        "execute_command_configuration": execute_command
    }
    storage_kms_key_arn = args.get("storage_kms_key_arn")
    if storage_kms_key_arn is not None:
        configuration["managed_storage_configuration"] = {
            "fargate_ephemeral_storage_kms_key_id": storage_kms_key_arn
        }
    return configuration
