"""What can a role do in the end? Rules about all that belongs to a role, and about who else
there is.
"""

import fnmatch
import re
from collections.abc import Iterator

from guardrails.evaluation import Report
from guardrails.examples import document
from guardrails.iam import actions
from guardrails.iam.document import Role, Statement, documents, load
from guardrails.iam.grants import (
    POLICY,
    POLICY_ATTACHMENT,
    ROLE,
    ROLE_ATTACHMENT,
    ROLE_POLICY,
    Named,
    documents_of_role,
    find_escalations,
    granted,
    is_denied,
    union_of,
)
from guardrails.registry import (
    ADVICE,
    ALWAYS,
    DEPLOYED,
    NO_ANCHOR,
    Option,
    Rule,
    Severity,
    anchors,
    node,
    rule,
)
from guardrails.resources import Resource, Stack
from guardrails.rules.iam_trust import oidc_issuers, subjects
from guardrails.values import NotEvaluatedError, is_unknown

USER = "aws:iam/user:User"
_USERS = (
    USER,
    "aws:iam/accessKey:AccessKey",
    "aws:iam/userLoginProfile:UserLoginProfile",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
)
SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type token
PARAMETER = "aws:ssm/parameter:Parameter"
TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
FUNCTION = "aws:lambda/function:Function"
PROXY = "aws:rds/proxy:Proxy"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"

_ACCOUNT = "123456789012"
_TRUST = document(
    {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": _ACCOUNT}},
    }
)


def _no_escalation(stack: Stack, report: Report) -> None:
    combinations = [
        frozenset(text.lower().split("+")) for text in report.option("allowedCombinations")
    ]
    for principal, named in union_of(stack, report):
        bounded = principal.kind == ROLE and principal.has("permissionsBoundary")
        with report.attempt(principal):
            found = find_escalations(named, combinations if bounded else ())
            if found:
                others = f" ({len(found) - 1} more ways)" if len(found) > 1 else ""
                report(
                    f"{' + '.join(found[0].actions)} together let it become more than it is"
                    f"{others}; they come from {', '.join(found[0].where)}",
                    on=principal,
                )


iam_no_privilege_escalation = rule(
    id="iam-no-privilege-escalation",
    title="No role can give itself more than it was given.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(ROLE, ROLE_POLICY, POLICY, ROLE_ATTACHMENT),
    condition="the union of all documents of one role, inline and attached, holds a known "
    "combination "
    "(such as iam:PassRole + ecs:RegisterTaskDefinition + ecs:RunTask) after Deny is taken away",
    exceptions="PassRole of named roles, or to services that the combination does not use; "
    "actions on named resources, but for those that any role can be passed to; "
    "`allowedCombinations` for a role with a permissions boundary; policies that allow everything "
    "are iam-no-admin's",
    fix="name the roles in PassRole and pin iam:PassedToService; remove one action of the "
    "combination",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
    anchors=anchors(
        checkov="CKV_AWS_286 CKV_AWS_110",
        prowler="iam_inline_policy_allows_privilege_escalation "
        "iam_policy_allows_privilege_escalation",
        other="cloudsplaining:PrivilegeEscalation parliament:PRIVILEGE_ESCALATION",
    ),
    options={
        "allowedCombinations": Option(
            type="array",
            default=[],
            description="Combinations such as `iam:PassRole+ecs:RunTask` that a role with a "
            "permissions boundary may hold",
        )
    },
    stack_check=_no_escalation,
    passes=[
        node("deploy", ROLE, {"assumeRolePolicy": _TRUST}),
        node(
            "register",
            ROLE_POLICY,
            {
                "role": "${deploy.id}",
                "policy": document(
                    {
                        "Effect": "Allow",
                        "Action": ["ecs:RegisterTaskDefinition", "ecs:RunTask"],
                        "Resource": "*",
                    }
                ),
            },
        ),
        node(
            "pass",
            ROLE_POLICY,
            {
                "role": "${deploy.id}",
                "policy": document(
                    {
                        "Effect": "Allow",
                        "Action": "iam:PassRole",
                        "Resource": f"arn:aws:iam::{_ACCOUNT}:role/api-task",
                        "Condition": {
                            "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
                        },
                    }
                ),
            },
        ),
    ],
    violates=[
        node("deploy", ROLE, {"assumeRolePolicy": _TRUST}),
        node(
            "register",
            ROLE_POLICY,
            {
                "role": "${deploy.id}",
                "policy": document(
                    {
                        "Effect": "Allow",
                        "Action": ["ecs:RegisterTaskDefinition", "ecs:RunTask"],
                        "Resource": "*",
                    }
                ),
            },
        ),
        node(
            "pass",
            ROLE_POLICY,
            {
                "role": "${deploy.id}",
                "policy": document({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}),
            },
        ),
    ],
)


_HOUR = 3600
_ELEVATED = (
    "AdministratorAccess",
    "PowerUserAccess",
    "IAMFullAccess",
    "ReadOnlyAccess",
    "*FullAccess",
    "AdministratorAccess-*",
)


def _oidc_roles_are_bounded(stack: Stack, report: Report) -> None:
    report.each(stack.of(ROLE), lambda role: _oidc_role_is_bounded(stack, role, report))


def _oidc_role_is_bounded(stack: Stack, role: Resource, report: Report) -> None:
    federated = [
        (statement, issuer)
        for _, trust in documents(role, report, Role.TRUST)
        for statement in trust.allows
        for issuer in oidc_issuers(statement)
    ]
    if not federated:
        return
    if role.number("maxSessionDuration", _HOUR) > _HOUR:
        report(
            f"its sessions last {role.number('maxSessionDuration')} seconds; a workflow needs 3600"
        )
    changes = [where for n in documents_of_role(stack, role, report) for where in _changes(n)]
    if changes and not role.has("permissionsBoundary"):
        report(f"it may change things ({changes[0]}) and has no permissionsBoundary")
    for statement, issuer in federated:
        if changes and _open_to_pull_requests(statement, issuer):
            report(f"a pull request may change things as this role ({changes[0]})")


def _changes(named: Named) -> Iterator[str]:
    for statement in named.document.allows:
        writes = [a for a in granted(statement, named.document) if not actions.is_read(a)]
        if writes:
            yield f"{named.where}, {statement.label}: {statement.spelled(writes[0])}"


def _open_to_pull_requests(statement: Statement, issuer: str) -> bool:
    return any(
        value.endswith(":pull_request") for c in subjects(statement, issuer) for value in c.values
    )


_GITHUB = "token.actions.githubusercontent.com"
_WORKFLOW = document(
    {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{_ACCOUNT}:oidc-provider/{_GITHUB}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{_GITHUB}:aud": "sts.amazonaws.com",
                f"{_GITHUB}:sub": "repo:acme/api:environment:production",
            }
        },
    }
)
_UPDATE = document(
    {
        "Effect": "Allow",
        "Action": "ecs:UpdateService",
        "Resource": f"arn:aws:ecs:eu-west-1:{_ACCOUNT}:service/main/api",
    }
)

iam_oidc_role_bounded = rule(
    id="iam-oidc-role-bounded",
    title="What a workflow may do is bounded.",
    severity=Severity.HIGH,
    level=DEPLOYED,
    types=(ROLE, ROLE_POLICY, ROLE_ATTACHMENT),
    condition="a role trusted by an OIDC provider that may change anything and has no "
    "permissionsBoundary, whose sessions last more than an hour, or that pull requests can assume "
    "although it may change something",
    exceptions="a role that only reads (a preview's) needs no boundary",
    fix="permissions_boundary=boundary.arn, max_session_duration=3600",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
    anchors=NO_ANCHOR,
    stack_check=_oidc_roles_are_bounded,
    passes=[
        node(
            "deploy",
            ROLE,
            {
                "assumeRolePolicy": _WORKFLOW,
                "maxSessionDuration": 3600,
                "permissionsBoundary": f"arn:aws:iam::{_ACCOUNT}:policy/boundary",
            },
        ),
        node("update", ROLE_POLICY, {"role": "${deploy.id}", "policy": _UPDATE}),
    ],
    violates=[
        node("deploy", ROLE, {"assumeRolePolicy": _WORKFLOW}),
        node("update", ROLE_POLICY, {"role": "${deploy.id}", "policy": _UPDATE}),
    ],
)

_AWS_MANAGED = re.compile(r"arn:[^:]+:iam::aws:policy/(?:.+/)?([^/]+)$")


def _aws_managed(resource: Resource) -> Iterator[tuple[str, str]]:
    """ARN and name of each policy of AWS that a resource attaches. Those of the stack are no
    concern here.
    """
    path = "managedPolicyArns" if resource.kind == ROLE else "policyArn"
    for arn in resource.items(path):
        match = _AWS_MANAGED.match(str(arn))
        if match:
            yield str(arn), match.group(1)


def _matches_any(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _no_elevated(resource: Resource, report: Report) -> None:
    for _, name in _aws_managed(resource):
        if _matches_any(name, report.option("elevated")):
            report(f"attaches AWS's {name}")


_ATTACHING = (ROLE_ATTACHMENT, ROLE, POLICY_ATTACHMENT)

iam_no_elevated_managed_policies = rule(
    id="iam-no-elevated-managed-policies",
    title="No workload has AWS's all-powerful policies.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=_ATTACHING,
    condition="AdministratorAccess, PowerUserAccess, IAMFullAccess, ReadOnlyAccess or any "
    "`...FullAccess` attached",
    exceptions="the list is the option `elevated`",
    fix="aws.iam.RolePolicy(role=role.id, policy=...) with the actions that the role calls",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html",
    anchors=anchors(
        checkov="CKV_AWS_274 CKV_AWS_275 CKV2_AWS_56",
        prowler="iam_role_administratoraccess_policy",
        cfn_guard="iam_role_administrator_access_policy_rule iam_role_elevated_managed_policy_rule",
    ),
    options={
        "elevated": Option(
            type="array",
            default=list(_ELEVATED),
            description="Names of AWS's policies (with `*`) that may not be attached",
        )
    },
    check=_no_elevated,
    passes=[
        node(
            "task",
            ROLE_ATTACHMENT,
            {"role": "task", "policyArn": f"arn:aws:iam::{_ACCOUNT}:policy/orders"},
        )
    ],
    violates=[
        node(
            "task",
            ROLE_ATTACHMENT,
            {"role": "task", "policyArn": "arn:aws:iam::aws:policy/AmazonS3FullAccess"},
        )
    ],
)


def _no_aws_managed(resource: Resource, report: Report) -> None:
    for _, name in _aws_managed(resource):
        if not _matches_any(name, [*report.option("accepted"), *_ELEVATED]):
            report(f"attaches AWS's {name}, which AWS may widen at any time")


iam_no_aws_managed_policies = rule(
    id="iam-no-aws-managed-policies",
    title="Permissions are written here, not by AWS.",
    severity=Severity.MEDIUM,
    level=ADVICE,
    types=_ATTACHING,
    condition="any policy of AWS attached (AmazonECSTaskExecutionRolePolicy reads every "
    "repository and "
    "writes every log group)",
    exceptions="`accepted`; the all-powerful ones are iam-no-elevated-managed-policies'",
    fix="aws.iam.RolePolicy(role=role.id, policy=...) with the actions and ARNs that are used",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html",
    anchors=anchors(cdk_nag="AwsSolutions-IAM4"),
    options={
        "accepted": Option(
            type="array",
            default=["AWSBackupServiceRolePolicyFor*", "AmazonRDSEnhancedMonitoringRole"],
            description="Names of AWS's policies (with `*`) that may be attached",
        )
    },
    check=_no_aws_managed,
    passes=[
        node(
            "backup",
            ROLE_ATTACHMENT,
            {
                "role": "backup",
                "policyArn": "arn:aws:iam::aws:policy/service-role/"
                "AWSBackupServiceRolePolicyForBackup",
            },
        )
    ],
    violates=[
        node(
            "execution",
            ROLE_ATTACHMENT,
            {
                "role": "execution",
                "policyArn": "arn:aws:iam::aws:policy/service-role/"
                "AmazonECSTaskExecutionRolePolicy",
            },
        )
    ],
)


def _no_users(resource: Resource, report: Report) -> None:
    path = "name" if resource.kind == USER else "user"
    allowed = report.option("allowedUsers")
    if allowed and resource.text(path, resource.name) in allowed:
        return
    report(f"is {resource.type.rsplit(':', 1)[1]} of a user, whose keys do not expire")


iam_no_users = rule(
    id="iam-no-users",
    title="There are roles, not users.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=_USERS,
    condition="an IAM user, its access key, console password, or a policy on it",
    exceptions="`allowedUsers` by exact name (SMTP users of SES need a user)",
    fix="aws.iam.Role with a trust policy: OIDC for CI, a service for workloads, identity "
    "center for "
    "people",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#bp-users-federation-idp",
    anchors=anchors(
        fsbp="IAM.2",
        cis="1.15",
        checkov="CKV_AWS_273 CKV_AWS_40",
        cdk_nag="IAMUserNoPolicies",
        prowler="iam_policy_attached_only_to_group_or_roles",
        cfn_guard="iam_no_policy_on_user",
        trivy="AWS-0143",
        pulumi="aws-iam-user-policy-attachment-only-attachment-through-groups",
    ),
    options={
        "allowedUsers": Option(
            type="array", default=[], description="Names of users that may exist"
        )
    },
    check=_no_users,
    passes=[node("ci", ROLE, {"assumeRolePolicy": _TRUST})],
    violates=[node("ci", USER, {"name": "ci"})],
)


def _one_way_of_managing(stack: Stack, report: Report) -> None:
    def check(role: Resource) -> None:
        if role.has("inlinePolicies") and stack.sources(role, "role", ROLE_POLICY):
            report("has inlinePolicies and separate RolePolicy resources: each removes the other's")
        if role.has("managedPolicyArns") and stack.sources(role, "role", ROLE_ATTACHMENT):
            report("has managedPolicyArns and separate attachments: each removes the other's")

    report.each(stack.of(ROLE), check)


def _no_exclusive_attachments(stack: Stack, report: Report) -> None:
    for attachment in stack.of(POLICY_ATTACHMENT):
        report("detaches its policy from everything else in the account", on=attachment)


iam_no_policy_management_conflict = rule(
    id="iam-no-policy-management-conflict",
    title="The policies of a role are managed in one way.",
    severity=Severity.MEDIUM,
    level=ALWAYS,
    types=(ROLE, ROLE_POLICY, ROLE_ATTACHMENT, POLICY_ATTACHMENT),
    condition="a role with inlinePolicies or managedPolicyArns and separate resources for the "
    "same; any "
    "PolicyAttachment",
    fix="aws.iam.RolePolicy and aws.iam.RolePolicyAttachment only",
    url="https://www.pulumi.com/registry/packages/aws/api-docs/iam/policyattachment/",
    anchors=anchors(pulumi="iam-role-no-policy-management-conflicts"),
    stack_check=(_one_way_of_managing, _no_exclusive_attachments),
    passes=[
        node("task", ROLE, {"assumeRolePolicy": _TRUST}),
        node("task-update", ROLE_POLICY, {"role": "${task.id}", "policy": _UPDATE}),
    ],
    violates=[
        node(
            "task",
            ROLE,
            {
                "assumeRolePolicy": _TRUST,
                "inlinePolicies": [{"name": "update", "policy": _UPDATE}],
            },
        ),
        node("task-update", ROLE_POLICY, {"role": "${task.id}", "policy": _UPDATE}),
    ],
)

_READ_ACTIONS = {SECRET: "secretsmanager:getsecretvalue", PARAMETER: "ssm:getparameters"}


def _secret_readers_are_its_users(stack: Stack, report: Report) -> None:
    secrets = [*stack.of(SECRET), *filter(_is_secret, stack.of(PARAMETER))]
    extra = report.option("readers")

    def check(secret: Resource) -> None:
        users, may_read_itself = _users_of(stack, secret)
        readers = _readers_of(stack, secret, report)
        also = {name for name in extra.get(secret.name, "").split(",") if name}
        entitled = {role.urn for role in users} | {role.urn for role in may_read_itself}
        for role, policy in readers:
            if role.urn in entitled or role.name in also:
                continue
            report(
                f"{role.name} may read {secret.name}, and nothing that runs as it uses it",
                on=policy,
            )
        if users and not any(role.urn in {u.urn for u in users} for role, _ in readers):
            names = ", ".join(sorted({role.name for role in users}))
            report(f"is used by tasks or functions of {names}, which may not read it")
        if not users and not may_read_itself and not readers:
            report.advise("nobody in the stack reads it")

    report.each(secrets, check)


def _is_secret(parameter: Resource) -> bool:
    kind = parameter.get("type")
    return is_unknown(kind) or kind == "SecureString"


def _users_of(stack: Stack, secret: Resource) -> tuple[list[Resource], list[Resource]]:
    """Roles that must read a secret because of what they run, and roles whose own code may."""
    must: list[Resource] = []
    may: list[Resource] = []
    for task in stack.of(TASK_DEFINITION):
        injected, handed = _mentions(stack, task, secret)
        if injected:
            must += stack.targets(task, "executionRoleArn", ROLE)
        if handed:
            may += stack.targets(task, "taskRoleArn", ROLE)
    for function in stack.of(FUNCTION):
        if secret in stack.depends(function, "environment", secret.kind):
            must += stack.targets(function, "role", ROLE)
    for proxy in stack.of(PROXY):
        if secret in stack.depends(proxy, "auths", secret.kind):
            must += stack.targets(proxy, "roleArn", ROLE)
    for rotation in stack.of(ROTATION):
        if secret in stack.depends(rotation, "secretId", secret.kind):
            for function in stack.targets(rotation, "rotationLambdaArn", FUNCTION):
                may += stack.targets(function, "role", ROLE)
    return must, may


def _mentions(stack: Stack, task: Resource, secret: Resource) -> tuple[bool, bool]:
    """Whether a task has a secret injected at its start, and whether its code is told where to
    read it itself.
    """
    depends = secret in stack.depends(task, "containerDefinitions", secret.kind)
    arn = secret.get("arn")
    if is_unknown(arn) or is_unknown(task.get("containerDefinitions")) or not isinstance(arn, str):
        return depends, depends
    injected = handed = False
    for container in task.parsed_views("containerDefinitions"):
        injected |= any(arn in v.text("valueFrom") for v in container.views("secrets"))
        injected |= arn in container.text("repositoryCredentials.credentialsParameter")
        handed |= any(arn in v.text("value") for v in container.views("environment"))
    return injected, handed


def _readers_of(stack: Stack, secret: Resource, report: Report) -> list[tuple[Resource, Resource]]:
    """Each role that may read a secret, with the resource that says so."""
    found = []
    for role in stack.of(ROLE):
        try:
            policies = stack.sources(role, "role", ROLE_POLICY)
        except NotEvaluatedError as error:
            report.not_evaluated(str(error), role)
            continue
        found += [(role, policy) for policy in policies if _grants(stack, policy, secret)]
    return found


def _grants(stack: Stack, policy: Resource, secret: Resource) -> bool:
    depends = secret in stack.depends(policy, "policy", secret.kind)
    arn = secret.get("arn")
    if is_unknown(policy.get("policy")) or is_unknown(arn) or not isinstance(arn, str):
        return depends
    action = _READ_ACTIONS[secret.kind]
    grants = load(policy, "policy")
    return any(
        statement.covers_action(action)
        and not is_denied(action, statement, grants.denies)
        # Open-ended patterns are iam-data-read-scoped's.
        and (arn in statement.resources or (depends and _matches(statement, arn)))
        for statement in grants.allows
    )


def _matches(statement: Statement, arn: str) -> bool:
    return any(actions.matches(pattern, arn) for pattern in statement.resources)


def _container(secret: str) -> str:
    return (
        '[{"name": "api", "image": "api", "secrets": [{"name": "PASSWORD", "valueFrom": "'
        + secret
        + '"}]}]'
    )


def _reads(arn: str) -> str:
    return document({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn})


_EXAMPLE = (
    node("password", SECRET),
    node("execution", ROLE, {"assumeRolePolicy": _TRUST}),
    node("worker", ROLE, {"assumeRolePolicy": _TRUST}),
    node(
        "api",
        TASK_DEFINITION,
        {
            "family": "api",
            "executionRoleArn": "${execution.arn}",
            "containerDefinitions": _container("${password.arn}"),
        },
    ),
    node(
        "execution-reads",
        ROLE_POLICY,
        {"role": "${execution.id}", "policy": _reads("${password.arn}")},
    ),
)

iam_secret_least_readers = rule(
    id="iam-secret-least-readers",
    title="Who may read a secret is who uses it.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(SECRET, PARAMETER, ROLE_POLICY, TASK_DEFINITION),
    condition="a role may read a secret that no task definition, function or proxy running as "
    "it uses; "
    "or a task definition uses a secret that its execution role may not read",
    exceptions="roles of rotation functions; a task role, if the task is told the ARN in its "
    "environment; "
    "`readers`; a secret that nobody reads is advice",
    fix="grant secretsmanager:GetSecretValue to the execution role of the task that has the "
    "secret in "
    "its `secrets`, to nobody else",
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html",
    anchors=NO_ANCHOR,
    options={
        "readers": Option(
            type="object",
            default={},
            description="Pulumi name of a secret -> names of further roles that may read it, "
            "separated by commas",
        )
    },
    stack_check=_secret_readers_are_its_users,
    passes=_EXAMPLE,
    violates=[
        node(
            "worker-reads",
            ROLE_POLICY,
            {"role": "${worker.id}", "policy": _reads("${password.arn}")},
        ),
        *_EXAMPLE,
    ],
)

RULES: tuple[Rule, ...] = (
    iam_no_privilege_escalation,
    iam_oidc_role_bounded,
    iam_no_elevated_managed_policies,
    iam_no_aws_managed_policies,
    iam_no_users,
    iam_no_policy_management_conflict,
    iam_secret_least_readers,
)
