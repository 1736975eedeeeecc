"""What runs: a task definition, the roles it runs with, and the log group it writes to."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import containers, fargate_sizes
from components.fargate_choices import Architecture


class FargateTaskArgs(TypedDict):
    """What runs in one task, and what it may do."""

    image: pulumi.Input[str]
    """Image of the application, by digest."""
    cpu: int
    """CPU units of the task; 1024 are one vCPU. With `memory`, one of `fargate_sizes.SIZES`."""
    memory: int
    """Memory of the task in MiB, sidecars and scratch included."""
    region: str
    """Region of the task, its logs and its traces."""
    account_id: pulumi.Input[str]
    """Account of the task: the only one on whose behalf ECS may assume its roles."""
    family: NotRequired[str]
    """Name that all revisions share, and of the log group (`/ecs/<family>`). Defaults to
    `<project>-<stack>-<name>`: two stacks of one account must not add revisions to one family,
    or a rollback would find the other's."""
    port: NotRequired[int]
    """TCP port of the application, 1024 to 65535. Defaults to none: a worker or a job."""
    command: NotRequired[Sequence[str]]
    """Replaces the image's command. Defaults to the image's."""
    entry_point: NotRequired[Sequence[str]]
    """Replaces the image's entry point. Defaults to the image's."""
    environment: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Variables, by name; whoever may describe the task definition reads them. Defaults to none."""
    secrets: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Variables filled from Secrets Manager when a task starts: ARN of the secret, or
    `<ARN>:<JSON key>::`, by name of the variable. Defaults to none."""
    parameters: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Variables filled from SSM parameters when a task starts: ARN of the parameter, by name of the
    variable. Defaults to none."""
    secret_kms_key_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """Customer managed keys that encrypt `secrets` and `parameters`. Defaults to none."""
    repository_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """ECR repositories that hold the images. Defaults to none: the images are public."""
    task_policies: NotRequired[Mapping[str, pulumi.Input[str]]]
    """What the application may do in AWS: IAM policy (JSON) by short name. Defaults to nothing."""
    user: NotRequired[str]
    """`uid:gid` the application runs as, never root. Defaults to 10001:10001, a user without files:
    the image must be readable by everyone and write only to `/tmp`."""
    architecture: NotRequired[Architecture]
    """Processor that the image was built for. Defaults to ARM64, because it costs least."""
    ephemeral_storage_gib: NotRequired[int]
    """Disk of the task in GiB, 21 to 200. Defaults to the 20 that Fargate includes in the price."""
    scratch_mib: NotRequired[int]
    """In-memory `/tmp` in MiB, 0 for none. Defaults to 64, because the root is read-only."""
    stop_timeout: NotRequired[int]
    """Seconds between SIGTERM and SIGKILL, up to 120. Defaults to 30, as ECS does."""
    nofile_limit: NotRequired[int]
    """How many files may be open. Defaults to Fargate's 65535."""
    health_check_command: NotRequired[Sequence[str]]
    """Run in the container every 30 s, `CMD` or `CMD-SHELL` first; a failing task is replaced.
    Defaults to none: the load balancer's check decides, and a worker is healthy while it runs."""
    health_check_start_period: NotRequired[int]
    """Seconds in which a failing check does not count, up to 300. Defaults to 30."""
    log_retention_days: NotRequired[int]
    """How long logs are kept. Defaults to 365, as audits ask."""
    log_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key for the logs; its policy must admit CloudWatch Logs. Defaults to CloudWatch's own."""
    collector_image: NotRequired[str]
    """Image, by digest, of the OpenTelemetry collector (ADOT) that sends traces to X-Ray. Defaults
    to no collector and no right to write traces."""
    collector_config: NotRequired[str]
    """The collector's configuration. Defaults to OTLP in, X-Ray out."""
    enable_execute_command: NotRequired[bool]
    """Whether ECS Exec may open a shell in a task. Defaults to False: a shell runs as root."""
    exec_log_group_arn: NotRequired[pulumi.Input[str]]
    """Log group of the cluster's ECS Exec sessions; needed to record one. Defaults to none."""
    exec_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key that the cluster encrypts ECS Exec sessions with. Defaults to none."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class FargateTask(pulumi.ComponentResource):
    """A task definition whose roles can do exactly what the task needs.

    The execution role is what ECS starts the task with: pull these images, write to this log group,
    read these secrets. The task role is what the application has: nothing, unless it is given.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-iam-roles.html
    """

    arn: pulumi.Output[str]
    """ARN of this revision of the task definition."""
    family: pulumi.Output[str]
    """Name that all revisions share."""
    task_role_arn: pulumi.Output[str]
    """Role of the application."""
    task_role_name: pulumi.Output[str]
    """Name of the application's role, to attach more to."""
    execution_role_arn: pulumi.Output[str]
    """Role that ECS starts the task with."""
    log_group_name: pulumi.Output[str]
    """Log group of every container of the task."""
    log_group_arn: pulumi.Output[str]
    """ARN of the log group."""

    def __init__(
        self, name: str, args: FargateTaskArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Registers the task definition; refuses first what ECS would refuse."""
        found = problems(args)
        if found:
            raise ValueError(f"FargateTask {name!r}: " + "; ".join(found))
        super().__init__("babyrobots:index:FargateTask", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": name, **args.get("tags", {})}
        family = family_of(name, args)
        volumes = _volumes(args)

        # Named, because people search for it; with the stack in it, so that no two stacks collide.
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/ecs/{family}",
            retention_in_days=args.get("log_retention_days", 365),
            kms_key_id=args.get("log_kms_key_arn"),
            tags=tags,
            opts=child,
        )

        execution_role = _role(f"{name}-execution", "What ECS starts the task with", args, child)
        task_role = _role(f"{name}-task", "What the application may do", args, child)
        execution_policy = aws.iam.RolePolicy(
            f"{name}-execution-policy",
            role=execution_role.name,
            policy=_execution_policy(args, log_group.arn),
            opts=child,
        )
        task_policies = [
            aws.iam.RolePolicy(
                f"{name}-task-{purpose}", role=task_role.name, policy=policy, opts=child
            )
            for purpose, policy in _task_policies(args).items()
        ]
        # A task that starts before its role may pull the image fails, and counts as a failure.
        ready = pulumi.ResourceOptions(depends_on=[execution_policy, *task_policies])

        definition = aws.ecs.TaskDefinition(
            f"{name}-definition",
            family=family,
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(args["cpu"]),
            memory=str(args["memory"]),
            runtime_platform=_platform(args),
            execution_role_arn=execution_role.arn,
            task_role_arn=task_role.arn,
            container_definitions=pulumi.Output.json_dumps(
                _containers(name, args, log_group.name, volumes), sort_keys=True
            ),
            volumes=[{"name": volume} for volume in sorted(volumes)],
            ephemeral_storage=_ephemeral_storage(args),
            # Rollback, by ECS or by hand, needs the previous revision to be there still.
            skip_destroy=True,
            # What this program registered is what runs, whatever somebody registered beside it.
            track_latest=False,
            tags=tags,
            opts=pulumi.ResourceOptions.merge(child, ready),
        )

        self.arn = definition.arn
        self.family = definition.family
        self.task_role_arn = task_role.arn
        self.task_role_name = task_role.name
        self.execution_role_arn = execution_role.arn
        self.log_group_name = log_group.name
        self.log_group_arn = log_group.arn
        self.register_outputs(
            {
                "arn": self.arn,
                "family": self.family,
                "task_role_arn": self.task_role_arn,
                "task_role_name": self.task_role_name,
                "execution_role_arn": self.execution_role_arn,
                "log_group_name": self.log_group_name,
                "log_group_arn": self.log_group_arn,
            }
        )


def family_of(name: str, args: FargateTaskArgs) -> str:
    """The family that a task of this name is registered under."""
    return args.get("family") or f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}"


def problems(args: FargateTaskArgs) -> list[str]:
    """Everything that ECS would refuse in the description of a task: a sentence each."""
    secrets, parameters = args.get("secrets", {}), args.get("parameters", {})
    found = containers.problems(
        port=args.get("port"),
        environment=args.get("environment", {}),
        secrets={**secrets, **parameters},
        user=args.get("user", containers.DEFAULT_USER),
        stop_timeout=args.get("stop_timeout", 30),
        health_check_command=args.get("health_check_command", ()),
        health_check_start_period=args.get("health_check_start_period", 30),
        scratch_mib=args.get("scratch_mib", 64),
        memory=args["memory"],
        collector_image=args.get("collector_image", ""),
    )
    size = fargate_sizes.problem(args["cpu"], args["memory"])
    if size:
        found.insert(0, size)
    both = sorted(set(secrets) & set(parameters))
    if both:
        found.append(f"{', '.join(both)} is both a secret and a parameter; keep one")
    storage = args.get("ephemeral_storage_gib")
    if storage is not None and not 21 <= storage <= 200:
        found.append(
            f"ephemeral_storage_gib is {storage}; Fargate allows 21 to 200, or none for 20"
        )
    return found


def with_tags(args: FargateTaskArgs, tags: Mapping[str, str]) -> FargateTaskArgs:
    """The same task with further tags; its own win."""
    return {**args, "tags": {**tags, **args.get("tags", {})}}


def _volumes(args: FargateTaskArgs) -> dict[str, str]:
    if not args.get("enable_execute_command", False):
        return {}
    return containers.exec_volumes(args.get("scratch_mib", 64))


def _platform(args: FargateTaskArgs) -> aws.ecs.TaskDefinitionRuntimePlatformArgsDict:
    architecture = Architecture(args.get("architecture", Architecture.ARM64))
    return {"operating_system_family": "LINUX", "cpu_architecture": architecture.value}


def _ephemeral_storage(
    args: FargateTaskArgs,
) -> aws.ecs.TaskDefinitionEphemeralStorageArgsDict | None:
    size = args.get("ephemeral_storage_gib")
    return None if size is None else {"size_in_gib": size}


def _containers(
    name: str, args: FargateTaskArgs, log_group: pulumi.Input[str], volumes: Mapping[str, str]
) -> list[dict[str, Any]]:
    logs = containers.log_configuration(group=log_group, region=args["region"], prefix=name)
    check = args.get("health_check_command", ())
    collector_image = args.get("collector_image", "")
    application = containers.application(
        image=args["image"],
        logs=logs,
        port=args.get("port"),
        command=args.get("command", ()),
        entry_point=args.get("entry_point", ()),
        environment={
            **(containers.TRACING_ENVIRONMENT if collector_image else {}),
            **args.get("environment", {}),
        },
        secrets={**args.get("secrets", {}), **args.get("parameters", {})},
        user=args.get("user", containers.DEFAULT_USER),
        stop_timeout=args.get("stop_timeout", 30),
        health_check=containers.health_check(
            check, start_period=args.get("health_check_start_period", 30)
        )
        if check
        else None,
        nofile_limit=args.get("nofile_limit", 0),
        scratch_mib=args.get("scratch_mib", 64),
        volumes=volumes,
        # The collector stops last, and so sends what the application traced while stopping.
        waits_for=[containers.COLLECTOR] if collector_image else [],
    )
    if not collector_image:
        return [application]
    collector = containers.collector(
        image=collector_image,
        logs=logs,
        region=args["region"],
        config=args.get("collector_config", ""),
    )
    return [application, collector]


def _role(
    name: str, description: str, args: FargateTaskArgs, child: pulumi.ResourceOptions
) -> aws.iam.Role:
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html#create_task_iam_policy_and_role
    tasks_of_account = pulumi.Output.format(
        "arn:aws:ecs:{}:{}:*", args["region"], args["account_id"]
    )
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TasksOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": args["account_id"]},
                    "ArnLike": {"aws:SourceArn": tasks_of_account},
                },
            }
        ],
    }
    return aws.iam.Role(
        name,
        description=description,
        assume_role_policy=pulumi.Output.json_dumps(trust),
        tags={"Name": name, **args.get("tags", {})},
        opts=child,
    )


def _execution_policy(
    args: FargateTaskArgs, log_group_arn: pulumi.Output[str]
) -> pulumi.Output[str]:
    statements: list[dict[str, Any]] = [
        {
            "Sid": "WriteLogs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": pulumi.Output.concat(log_group_arn, ":*"),
        }
    ]
    repositories = args.get("repository_arns", ())
    if repositories:
        statements += [
            {
                # Has no resource-level permission: the token is for the registry as a whole.
                "Sid": "SignInToEcr",
                "Effect": "Allow",
                "Action": "ecr:GetAuthorizationToken",
                "Resource": "*",
            },
            {
                "Sid": "PullImages",
                "Effect": "Allow",
                "Action": [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ],
                "Resource": list(repositories),
            },
        ]
    secrets, parameters = args.get("secrets", {}), args.get("parameters", {})
    if secrets:
        statements.append(
            {
                "Sid": "ReadSecrets",
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": _distinct(secrets.values()),
            }
        )
    if parameters:
        statements.append(
            {
                "Sid": "ReadParameters",
                "Effect": "Allow",
                "Action": "ssm:GetParameters",
                "Resource": _distinct(parameters.values()),
            }
        )
    keys = args.get("secret_kms_key_arns", ())
    if keys and (secrets or parameters):
        services = ["secretsmanager"] * bool(secrets) + ["ssm"] * bool(parameters)
        via = [f"{service}.{args['region']}.amazonaws.com" for service in services]
        statements.append(
            {
                "Sid": "DecryptSecrets",
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": list(keys),
                "Condition": {"StringEquals": {"kms:ViaService": via}},
            }
        )
    return _policy(statements)


def _task_policies(args: FargateTaskArgs) -> dict[str, pulumi.Input[str]]:
    policies = dict(args.get("task_policies", {}))
    if args.get("collector_image"):
        policies["traces"] = _policy(_TRACES)
    if args.get("enable_execute_command", False):
        policies["exec"] = _policy(_exec_statements(args))
    return policies


# None of these has a resource-level permission.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
_TRACES: list[dict[str, Any]] = [
    {
        "Sid": "SendTraces",
        "Effect": "Allow",
        "Action": [
            "xray:GetSamplingRules",
            "xray:GetSamplingStatisticSummaries",
            "xray:GetSamplingTargets",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ],
        "Resource": "*",
    }
]


def _exec_statements(args: FargateTaskArgs) -> list[dict[str, Any]]:
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html#ecs-exec-required-iam-permissions
    statements: list[dict[str, Any]] = [
        {
            # None of these has a resource-level permission.
            "Sid": "OpenExecSessions",
            "Effect": "Allow",
            "Action": [
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            "Resource": "*",
        }
    ]
    log_group_arn, kms_key_arn = args.get("exec_log_group_arn"), args.get("exec_kms_key_arn")
    if log_group_arn is not None:
        statements += [
            {
                # Looks the group up by listing groups, which has no resource-level permission.
                "Sid": "FindExecLogGroup",
                "Effect": "Allow",
                "Action": "logs:DescribeLogGroups",
                "Resource": "*",
            },
            {
                "Sid": "RecordExecSessions",
                "Effect": "Allow",
                "Action": [
                    "logs:CreateLogStream",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ],
                "Resource": pulumi.Output.concat(log_group_arn, ":*"),
            },
        ]
    if kms_key_arn is not None:
        statements.append(
            {
                "Sid": "DecryptExecSessions",
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": kms_key_arn,
            }
        )
    return statements


def _distinct(references: Any) -> pulumi.Output[list[str]]:
    # Several keys of one secret are one resource; sorted, so that their order changes nothing.
    return pulumi.Output.all(*references).apply(
        lambda known: sorted({containers.secret_arn(reference) for reference in known})
    )


def _policy(statements: list[dict[str, Any]]) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})
