"""Can a task do only what it must?"""

import datetime
import re

from guardrails import lambda_runtimes, tasks
from guardrails.checks import for_each
from guardrails.evaluation import Report
from guardrails.kinds import (
    ECS_CLUSTER,
    ECS_SERVICE,
    FUNCTION,
    KEY,
    REPOSITORY,
    TASK_DEFINITION,
)
from guardrails.registry import (
    ADVICE,
    ALWAYS,
    CRITICAL,
    Option,
    Rule,
    Severity,
    anchors,
    node,
    rule,
)
from guardrails.resources import Resource, Stack
from guardrails.values import NotEvaluatedError, View, is_unknown

CAPACITY_PROVIDERS = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
INVOKE_CONFIG = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
LIFECYCLE_POLICY = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
REGISTRY_SCANNING = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"
ROLE = "aws:iam/role:Role"
SECRET_ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"  # noqa: S105 - a type token


def _task(**container: object) -> dict[str, object]:
    return {"containerDefinitions": [{"name": "app", "image": "app", **container}]}


def _root_is_read_only(task: Resource, report: Report) -> None:
    for container in tasks.containers(task):
        with report.attempt():
            if container.text("name") in report.option("exceptContainers"):
                continue
            if not container.flag("readonlyRootFilesystem"):
                report(f"{tasks.label(container)}: readonlyRootFilesystem is not true")


readonly_root = rule(
    id="con-readonly-root",
    title="A container cannot change its own files.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(TASK_DEFINITION,),
    condition="`readonlyRootFilesystem` is not true",
    exceptions="containers that exceptContainers names",
    fix='"readonlyRootFilesystem": True, and a tmpfs or a volume where it must write',
    url="https://docs.aws.amazon.com/securityhub/latest/userguide/ecs-controls.html#ecs-5",
    anchors=anchors(
        fsbp="ECS.5",
        checkov="CKV_AWS_336",
        prowler="ecs_task_definitions_containers_readonly_access",
    ),
    options={
        "exceptContainers": Option(
            type="array", default=[], description="Names of containers that may write."
        )
    },
    check=_root_is_read_only,
    passes=[node("api", TASK_DEFINITION, _task(readonlyRootFilesystem=True))],
    violates=[node("api", TASK_DEFINITION, _task(readonlyRootFilesystem=False))],
)

_HARMLESS_CAPABILITIES = {"SYS_PTRACE"}
_UNCONFINED = re.compile(r"unconfined|label[:=]disable|no-new-privileges[:=]false", re.IGNORECASE)


def _is_not_privileged(task: Resource, report: Report) -> None:
    for container in tasks.containers(task):
        with report.attempt():
            label = tasks.label(container)
            if container.flag("privileged"):
                report(f"{label} is privileged: it is root on the host")
            added = set(container.texts("linuxParameters.capabilities.add"))
            if added - _HARMLESS_CAPABILITIES:
                report(f"{label} adds {', '.join(sorted(added - _HARMLESS_CAPABILITIES))}")
            for option in container.texts("dockerSecurityOptions"):
                if _UNCONFINED.search(option):
                    report(f"{label} has the security option {option}")


not_privileged = rule(
    id="con-not-privileged",
    title="A container has no power over its host.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(TASK_DEFINITION,),
    condition="`privileged`, an added capability other than SYS_PTRACE, or a security option that "
    "switches confinement off",
    fix='without "privileged" and without "add" among the capabilities',
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#container_definition_security",
    anchors=anchors(
        fsbp="ECS.4",
        checkov="CKV_AWS_334",
        prowler="ecs_task_definitions_no_privileged_containers",
    ),
    check=_is_not_privileged,
    passes=[
        node(
            "api",
            TASK_DEFINITION,
            _task(linuxParameters={"capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]}}),
        )
    ],
    violates=[node("api", TASK_DEFINITION, _task(privileged=True))],
)


def _is_not_root(task: Resource, report: Report) -> None:
    for container in tasks.containers(task):
        with report.attempt():
            user = container.text("user").strip()
            if user.split(":")[0] not in ("", "0", "root"):
                continue
            if not user and _image_has_a_user(container, report):
                continue
            report(f"{tasks.label(container)} runs as {user or 'whoever the image says'}")


def _image_has_a_user(container: View, report: Report) -> bool:
    known = report.option("imagesWithUser")
    return bool(known) and container.text("image").startswith(tuple(known))


non_root_user = rule(
    id="con-non-root-user",
    title="A container does not run as root.",
    severity=Severity.HIGH,
    level=CRITICAL,
    types=(TASK_DEFINITION,),
    condition="`user` is missing, 0 or root",
    exceptions="images with a user of their own, by the beginnings that imagesWithUser names",
    fix='"user": "10001:10001"',
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-tasks-containers.html",
    anchors=anchors(
        fsbp="ECS.1",
        cdk_nag="ECSTaskDefinitionUserForHostMode",
        prowler="ecs_task_definitions_host_networking_mode_users",
        cfn_guard="ecs_task_definition_user_for_host_mode_check",
    ),
    options={
        "imagesWithUser": Option(
            type="array",
            default=[],
            description="Beginnings of images that name a user other than root themselves.",
        )
    },
    check=_is_not_root,
    passes=[node("api", TASK_DEFINITION, _task(user="10001:10001"))],
    violates=[node("api", TASK_DEFINITION, _task(user="0:0"))],
)


def _namespaces_are_its_own(task: Resource, report: Report) -> None:
    mode = task.text("networkMode", "bridge")
    if mode != "awsvpc":
        report(f"networkMode is {mode}: it shares the network of its host")
    for path in ("pidMode", "ipcMode"):
        if task.text(path) == "host":
            report(f"{path} is host")


no_host_namespace = rule(
    id="con-no-host-namespace",
    title="A task shares no namespace with its host.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(TASK_DEFINITION,),
    condition="`networkMode` is not awsvpc, or `pidMode` or `ipcMode` is host",
    fix='network_mode="awsvpc"',
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-networking.html",
    anchors=anchors(
        fsbp="ECS.3",
        security_hub="ECS.17",
        checkov="CKV_AWS_335",
        prowler="ecs_task_definitions_host_namespace_not_shared",
    ),
    check=_namespaces_are_its_own,
    passes=[node("api", TASK_DEFINITION, {"networkMode": "awsvpc"})],
    violates=[node("api", TASK_DEFINITION, {"networkMode": "awsvpc", "pidMode": "host"})],
)

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_IMMUTABLE = ("IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION")


@for_each(TASK_DEFINITION)
def _images_are_pinned(stack: Stack, report: Report, task: Resource) -> None:
    for container in tasks.containers(task):
        with report.attempt():
            image = container.text("image")
            registries = report.option("allowedRegistries")
            if registries and not image.startswith(tuple(registries)):
                report(f"{tasks.label(container)}: {image} is of no registry on the list")
            if _DIGEST.search(image):
                continue
            name, _, tag = image.rpartition(":") if ":" in image.split("/")[-1] else (image, "", "")
            if tag in ("", "latest"):
                report(f"{tasks.label(container)}: {image} is whatever was pushed last")
            elif not _is_immutable(stack, name):
                report(f"{tasks.label(container)}: the tag of {image} can be moved")


def _is_immutable(stack: Stack, name: str) -> bool:
    """Whether the image's repository is in the stack, and keeps its tags where they are."""
    return any(
        repository.text("imageTagMutability", "MUTABLE") in _IMMUTABLE
        for repository in stack.of(REPOSITORY)
        if _is_of(repository, name)
    )


def _is_of(repository: Resource, name: str) -> bool:
    url, own = repository.get("repositoryUrl"), repository.get("name")
    if isinstance(url, str) and url == name:
        return True
    ecr = ".dkr.ecr." in name
    return ecr and isinstance(own, str) and bool(own) and name.endswith(f"/{own}")


image_pinned = rule(
    id="con-image-pinned",
    title="What runs is what was tested: an image by its digest.",
    severity=Severity.HIGH,
    level=CRITICAL,
    types=(TASK_DEFINITION, REPOSITORY),
    condition="an image without digest whose tag is missing, latest, or of a repository where tags "
    "can be moved; one from a registry outside allowedRegistries, where that is set",
    exceptions="tags of an ECR repository of the stack with immutable tags",
    fix='"image": f"{repository_url}@sha256:..."',
    url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html",
    options={
        "allowedRegistries": Option(
            type="array",
            default=[],
            description="Beginnings of images that may run; empty for any.",
        )
    },
    stack_check=_images_are_pinned,
    passes=[
        node(
            "api",
            TASK_DEFINITION,
            _task(image=f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/api@sha256:{'0' * 64}"),
        ),
        node(
            "worker",
            TASK_DEFINITION,
            _task(image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/worker:1.4.0"),
        ),
        node("repository", REPOSITORY, {"name": "worker", "imageTagMutability": "IMMUTABLE"}),
    ],
    violates=[node("api", TASK_DEFINITION, _task(image="nginx:latest"))],
)


@for_each(REPOSITORY)
def _tags_stay(_: Stack, report: Report, repository: Resource) -> None:
    mutability = repository.text("imageTagMutability", "MUTABLE")
    if mutability not in _IMMUTABLE:
        report(f"imageTagMutability is {mutability}")


@for_each(REPOSITORY)
def _images_are_scanned(stack: Stack, report: Report, repository: Resource) -> None:
    on_push = repository.flag("imageScanningConfiguration.scanOnPush")
    if not on_push and not any(r.items("rules") for r in stack.of(REGISTRY_SCANNING)):
        report("images are not scanned: neither scanOnPush nor a RegistryScanningConfiguration")


@for_each(REPOSITORY)
def _old_images_go(stack: Stack, report: Report, repository: Resource) -> None:
    if not stack.sources(repository, "repository", LIFECYCLE_POLICY):
        report.advise("has no LifecyclePolicy: it only grows")


ecr_repository = rule(
    id="con-ecr-repository",
    title="An image repository keeps tags where they are, and scans what it gets.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(REPOSITORY, LIFECYCLE_POLICY, REGISTRY_SCANNING),
    condition="`imageTagMutability` is not IMMUTABLE (or IMMUTABLE_WITH_EXCLUSION), or images are "
    "scanned neither on push nor by the registry; advice: no LifecyclePolicy",
    fix='image_tag_mutability="IMMUTABLE", image_scanning_configuration={"scan_on_push": True}',
    url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html",
    anchors=anchors(
        fsbp="ECR.1 ECR.2 ECR.3",
        checkov="CKV_AWS_51 CKV_AWS_163",
        prowler="ecr_repositories_tag_immutability ecr_repositories_lifecycle_policy_enabled",
        cfn_guard="ecr_repo_scan_on_push_rule",
        trivy="AWS-0030 AWS-0031",
        pulumi="aws-ecr-repository-disallow-mutable-image aws-ecr-repository-enable-image-scan",
    ),
    stack_check=(_tags_stay, _images_are_scanned, _old_images_go),
    passes=[
        node(
            "api",
            REPOSITORY,
            {
                "imageTagMutability": "IMMUTABLE",
                "imageScanningConfiguration": {"scanOnPush": True},
            },
        ),
        node("api-lifecycle", LIFECYCLE_POLICY, {"repository": "${api.name}", "policy": "{}"}),
    ],
    violates=[
        node("api", REPOSITORY, {"imageScanningConfiguration": {"scanOnPush": True}}),
        node("api-lifecycle", LIFECYCLE_POLICY, {"repository": "${api.name}", "policy": "{}"}),
    ],
)


@for_each(TASK_DEFINITION)
def _roles_are_apart(stack: Stack, report: Report, task: Resource) -> None:
    if not task.has("taskRoleArn"):
        report("has no taskRoleArn: what it may do is nobody's decision")
        return
    own = _role(stack, task, "taskRoleArn")
    if task.has("executionRoleArn") and own == _role(stack, task, "executionRoleArn"):
        report("taskRoleArn and executionRoleArn are one role: the application may do what ECS may")
    family = _family(task)
    for other in stack.of(TASK_DEFINITION):
        shared = other is not task and other.has("taskRoleArn") and _family(other) != family
        if shared and _role(stack, other, "taskRoleArn") == own:
            report(f"shares its task role with {other.name}")
            return


def _role(stack: Stack, task: Resource, path: str) -> str:
    """URN of the role, or its ARN where it is of another stack."""
    found = stack.targets(task, path, ROLE)
    return found[0].urn if found else task.text(path)


def _family(task: Resource) -> str:
    family = task.get("family")
    return family if isinstance(family, str) and family else task.urn


_ROLES = [node("task", ROLE), node("execution", ROLE)]

role_separation = rule(
    id="con-role-separation",
    title="Each application has a role of its own, apart from the one that ECS starts it with.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(TASK_DEFINITION, ROLE),
    condition="no task role; the same role for the application and for ECS; one task role for "
    "applications of different families",
    exceptions="revisions of one family",
    fix="task_role_arn=task_role.arn, execution_role_arn=execution_role.arn",
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-iam-roles.html",
    anchors=anchors(
        checkov="CKV_AWS_249",
    ),
    stack_check=_roles_are_apart,
    passes=[
        node(
            "api",
            TASK_DEFINITION,
            {"taskRoleArn": "${task.arn}", "executionRoleArn": "${execution.arn}"},
        ),
        *_ROLES,
    ],
    violates=[
        node(
            "api",
            TASK_DEFINITION,
            {"taskRoleArn": "${execution.arn}", "executionRoleArn": "${execution.arn}"},
        ),
        *_ROLES,
    ],
)


@for_each(ECS_SERVICE)
def _shells_are_recorded(stack: Stack, report: Report, service: Resource) -> None:
    if not service.flag("enableExecuteCommand"):
        return
    if not report.option("allowed"):
        report("enableExecuteCommand is true: a shell in a running task, as root")
        return
    for cluster in _clusters(stack, service):
        config = cluster.view("configuration.executeCommandConfiguration")
        if config.text("logging", "DEFAULT") != "OVERRIDE" or not config.has("kmsKeyId"):
            report(
                f"enableExecuteCommand is true, and {cluster.name} neither records sessions in a "
                "group of their own nor encrypts them"
            )


def _clusters(stack: Stack, service: Resource) -> list[Resource]:
    """The cluster; it may come by way of its capacity providers, so that the service waits."""
    try:
        found = stack.targets(service, "cluster", ECS_CLUSTER)
    except NotEvaluatedError:
        found = []
    by_way = stack.depends(service, "cluster", CAPACITY_PROVIDERS)
    return found or [
        cluster
        for provider in by_way
        for cluster in stack.targets(provider, "clusterName", ECS_CLUSTER)
    ]


def _recorded(logging: str) -> dict[str, object]:
    return {
        "configuration": {
            "executeCommandConfiguration": {"logging": logging, "kmsKeyId": "${key.arn}"}
        }
    }


exec_controlled = rule(
    id="con-exec-controlled",
    title="Nobody opens a shell in production; elsewhere it is recorded and encrypted.",
    severity=Severity.HIGH,
    level=CRITICAL,
    types=(ECS_SERVICE, ECS_CLUSTER),
    condition="`enableExecuteCommand` in production; elsewhere without a cluster whose sessions "
    "are logged with OVERRIDE and encrypted with a key",
    exceptions="breaking the glass: option allowed, for that time",
    fix="enable_execute_command=False",
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html",
    anchors=anchors(
        checkov="CKV_AWS_223 CKV_AWS_224",
    ),
    options={
        "allowed": Option(
            type="boolean",
            default=True,
            by_profile={"production": False},
            description="Whether shells may be opened at all.",
        )
    },
    stack_check=_shells_are_recorded,
    passes=[
        node("api", ECS_SERVICE, {"cluster": "${main.arn}", "enableExecuteCommand": False}),
        node("main", ECS_CLUSTER, _recorded("OVERRIDE")),
        node("key", KEY),
    ],
    violates=[
        node("api", ECS_SERVICE, {"cluster": "${main.arn}", "enableExecuteCommand": True}),
        node("main", ECS_CLUSTER, _recorded("DEFAULT")),
        node("key", KEY),
    ],
)


def _capabilities_are_dropped(task: Resource, report: Report) -> None:
    for container in tasks.containers(task):
        with report.attempt():
            label = tasks.label(container)
            if "ALL" not in container.texts("linuxParameters.capabilities.drop"):
                report(f"{label} does not drop ALL capabilities")
            if not container.flag("linuxParameters.initProcessEnabled"):
                report(f"{label}: initProcessEnabled is not true, so dead children stay")


drop_capabilities = rule(
    id="con-drop-capabilities",
    title="A container gives up what root could do, and has an init process.",
    severity=Severity.MEDIUM,
    level=ADVICE,
    types=(TASK_DEFINITION,),
    condition="`capabilities.drop` without ALL, or `initProcessEnabled` not true",
    fix='"linuxParameters": {"capabilities": {"drop": ["ALL"]}, "initProcessEnabled": True}',
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#container_definition_linuxparameters",
    check=_capabilities_are_dropped,
    passes=[
        node(
            "api",
            TASK_DEFINITION,
            _task(linuxParameters={"capabilities": {"drop": ["ALL"]}, "initProcessEnabled": True}),
        )
    ],
    violates=[node("api", TASK_DEFINITION, _task(linuxParameters={"initProcessEnabled": True}))],
)


def _platform_is_current(service: Resource, report: Report) -> None:
    version = service.text("platformVersion", "LATEST")
    if version not in report.option("current"):
        report(f"platformVersion is {version}")


platform_latest = rule(
    id="con-platform-latest",
    title="Tasks run on Fargate's current platform.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(ECS_SERVICE,),
    condition="`platformVersion` is neither missing, LATEST nor 1.4.0",
    fix='platform_version="LATEST", or without it',
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-fargate.html",
    anchors=anchors(
        fsbp="ECS.10",
        checkov="CKV_AWS_332",
        prowler="ecs_service_fargate_latest_platform_version",
    ),
    options={
        "current": Option(
            type="array", default=["LATEST", "1.4.0"], description="Accepted versions."
        )
    },
    check=_platform_is_current,
    passes=[node("api", ECS_SERVICE, {"platformVersion": "1.4.0"})],
    violates=[node("api", ECS_SERVICE, {"platformVersion": "1.3.0"})],
)


@for_each(FUNCTION)
def _runtime_is_supported(_: Stack, report: Report, function: Resource) -> None:
    runtime = function.text("runtime")
    if not runtime:
        return  # an image, whose base is not said here
    today = datetime.datetime.now(datetime.UTC).date()
    found = lambda_runtimes.deprecated_since(runtime, today)
    if found:
        report(f"runtime {runtime} has had no patches since {found[0]}; use {found[1]}")


@for_each(FUNCTION)
def _failures_are_kept(stack: Stack, report: Report, function: Resource) -> None:
    if stack.sources(function, "rotationLambdaArn", SECRET_ROTATION):
        return  # Secrets Manager calls it, waits for the answer, and tries again
    kept = function.has("deadLetterConfig") or any(
        config.has("destinationConfig")
        for config in stack.sources(function, "functionName", INVOKE_CONFIG)
    )
    if not kept:
        report.advise("has neither deadLetterConfig nor a destination: a failed event is lost")
    # https://www.pulumi.com/registry/packages/aws/api-docs/lambda/function/
    if function.number("reservedConcurrentExecutions", -1) < 0:
        report.advise("has no reservedConcurrentExecutions: it may use up the account's")


@for_each(FUNCTION)
def _variables_have_a_key(_: Stack, report: Report, function: Resource) -> None:
    variables = function.get("environment.variables")
    given = is_unknown(variables) or bool(variables)
    if given and not function.has("kmsKeyArn"):
        report.advise("has variables and no kmsKeyArn")


con_lambda = rule(
    id="con-lambda",
    title="A function runs on a supported runtime, and loses no event.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(FUNCTION, INVOKE_CONFIG, SECRET_ROTATION),
    condition="a deprecated runtime; advice: neither dead letters nor a destination, no limit to "
    "its concurrency, variables without a key",
    exceptions="images; functions that rotate secrets need neither dead letters nor a limit",
    fix='runtime="python3.13", dead_letter_config={"target_arn": queue.arn}, '
    "reserved_concurrent_executions=10",
    url="https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html",
    anchors=anchors(
        fsbp="Lambda.2 Lambda.5",
        checkov="CKV_AWS_363 CKV_AWS_115 CKV_AWS_116 CKV_AWS_173 CKV_AWS_272",
        cdk_nag="AwsSolutions-L1 LambdaDLQ LambdaConcurrency",
        prowler="awslambda_function_using_supported_runtimes",
        cfn_guard="lambda_dlq_check lambda_concurrency_check",
    ),
    stack_check=(_runtime_is_supported, _failures_are_kept, _variables_have_a_key),
    passes=[
        node(
            "fn",
            FUNCTION,
            {
                "runtime": "python3.13",
                "deadLetterConfig": {"targetArn": "arn:aws:sqs:eu-west-1:123456789012:failed"},
                "reservedConcurrentExecutions": 10,
            },
        )
    ],
    violates=[
        node(
            "fn",
            FUNCTION,
            {
                "runtime": "python3.8",
                "deadLetterConfig": {"targetArn": "arn:aws:sqs:eu-west-1:123456789012:failed"},
                "reservedConcurrentExecutions": 10,
            },
        )
    ],
)

RULES: tuple[Rule, ...] = (
    readonly_root,
    not_privileged,
    non_root_user,
    no_host_namespace,
    image_pinned,
    ecr_repository,
    role_separation,
    exec_controlled,
    drop_capabilities,
    platform_latest,
    con_lambda,
)
