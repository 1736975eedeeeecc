"""What may a principal do? Rules about single identity documents."""

from collections.abc import Iterator

from guardrails.evaluation import Report
from guardrails.examples import document
from guardrails.iam import actions, arns
from guardrails.iam.document import Document, Role, Statement, documents, types_with
from guardrails.iam.grants import POLICY, ROLE, ROLE_POLICY, granted, is_admin, ordinary
from guardrails.registry import (
    ALWAYS,
    DEPLOYED,
    Node,
    Option,
    Rule,
    Severity,
    anchors,
    node,
    rule,
)
from guardrails.resources import Resource

IDENTITY = (POLICY, ROLE_POLICY, ROLE)
_LEAST_PRIVILEGE = (
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege"
)
_ASSETS = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::assets/img/*"}


def _policy(*statements: dict) -> list[Node]:
    """An example: one role policy with these statements."""
    return [node("task", ROLE_POLICY, {"role": "task", "policy": document(*statements)})]


def _named(some: list[str], most: int = 4) -> str:
    """A few of many, for a message."""
    return ", ".join(some[:most]) + (f" and {len(some) - most} more" if len(some) > most else "")


def _statements(resource: Resource, report: Report) -> Iterator[tuple[str, Document, Statement]]:
    """Each Allow statement that does not allow everything, with a text that says where it is."""
    for path, policy in documents(resource, report, Role.IDENTITY):
        for statement in ordinary(policy):
            yield f"{path}, {statement.label}", policy, statement


def _not_admin(resource: Resource, report: Report) -> None:
    for path, policy in documents(resource, report, Role.IDENTITY):
        for statement in filter(is_admin, policy.allows):
            report(f"{path}, {statement.label} allows every action on every resource")


iam_no_admin = rule(
    id="iam-no-admin",
    title="No policy allows everything on everything.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=IDENTITY,
    condition="an Allow statement whose actions are `*` on resource `*`",
    exceptions="none; a break-glass role is an exemption by its exact URN",
    fix="list the actions that the role calls, each with the ARNs it calls them on",
    url=_LEAST_PRIVILEGE,
    anchors=anchors(
        fsbp="IAM.1",
        cis="1.16",
        checkov="CKV_AWS_1 CKV_AWS_62 CKV_AWS_63 CKV_AWS_49",
        cdk_nag="IAMPolicyNoStatementsWithAdminAccess",
        prowler="iam_inline_policy_no_administrative_privileges",
        cfn_guard="iam_policy_no_statements_with_admin_access",
        trivy="AWS-0057",
    ),
    check=_not_admin,
    passes=_policy(_ASSETS),
    violates=_policy({"Effect": "Allow", "Action": "*", "Resource": "*"}),
)


def _whole_services(statement: Statement) -> list[str]:
    return [a for a in statement.actions if ":" in a and not a.partition(":")[2].strip("*")]


def _no_service_wildcard(resource: Resource, report: Report) -> None:
    for where, _, statement in _statements(resource, report):
        for action in _whole_services(statement):
            report(f"{where} allows {action}: every action of the service, also those to come")


iam_no_service_wildcard = rule(
    id="iam-no-service-wildcard",
    title="No policy allows every action of a service.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=IDENTITY,
    condition="an Allow statement with `<service>:*`, whatever the resource",
    exceptions="Deny statements; key policies (`kms:*` for the account is their documented "
    "default); "
    "an Allow with NotAction is iam-no-allow-not's",
    fix="list the actions that the role calls",
    url=_LEAST_PRIVILEGE,
    anchors=anchors(
        fsbp="IAM.21",
        checkov="CKV2_AWS_40",
        cdk_nag="AwsSolutions-IAM5 IAMPolicyNoStatementsWithFullAccess",
        prowler="iam_policy_no_full_access_to_kms",
        cfn_guard="iam_policy_no_statements_with_full_access",
        other="cloudsplaining:ServiceWildcard",
    ),
    check=_no_service_wildcard,
    passes=_policy(_ASSETS),
    violates=_policy({"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}),
)

_DATA_READS = frozenset(
    {
        "secretsmanager:getsecretvalue",
        "ssm:getparameter",
        "ssm:getparameters",
        "ssm:getparametersbypath",
        "ssm:getparameterhistory",
        "s3:getobject",
        "s3:getobjectversion",
        "kms:decrypt",
        "kms:reencryptfrom",
        "kms:reencryptto",
        "dynamodb:getitem",
        "dynamodb:batchgetitem",
        "dynamodb:query",
        "dynamodb:scan",
        "rds:copydbsnapshot",
        "rds:copydbclustersnapshot",
    }
)
_ROLE_ACTIONS = frozenset({"iam:passrole", "sts:assumerole", "sts:tagsession"})
_OWN_RULE = _DATA_READS | _ROLE_ACTIONS

_NARROWING = (
    "aws:resourceaccount",
    "aws:resourceorgid",
    "cloudwatch:namespace",
    "ec2:subnet",
    "ec2:vpc",
    "ecs:cluster",
    "kms:requestalias",
    "kms:resourcealiases",
)
"""Conditions that limit an action to some resources where its ARN cannot, or need not."""


def _narrowed(statement: Statement) -> bool:
    by_tag = any(
        c.pins and c.key.startswith(("aws:resourcetag/", "ec2:resourcetag/", "ecs:resourcetag/"))
        for c in statement.conditions
    )
    return by_tag or statement.pinned_by(*_NARROWING) or _through_a_service(statement)


def _through_a_service(statement: Statement) -> bool:
    """Whether a key may only be used by a service on behalf of the own account."""
    return statement.pinned_by("kms:viaservice") and statement.pinned_by(
        "kms:calleraccount", "aws:resourceaccount", "aws:principalaccount"
    )


def _individual(statement: Statement) -> bool:
    """Whether it allows more than whole services, which have a rule of their own."""
    return bool(statement.actions) and len(_whole_services(statement)) < len(statement.actions)


def _star_only_where_required(resource: Resource, report: Report) -> None:
    for where, policy, statement in _statements(resource, report):
        if not any(not r.strip("*") for r in statement.resources) or not _individual(statement):
            continue
        if _narrowed(statement):
            continue
        whole = _whole_services(statement)
        scopable = [
            action
            for action in granted(statement, policy)
            if actions.resource_types(action)
            and action not in _OWN_RULE
            and not any(actions.matches(w, action) for w in whole)
        ]
        if scopable:
            names = [actions.display(a, statement.spelled(a)) for a in scopable]
            report(f"{where} allows on every resource what can be limited: {_named(names)}")


iam_star_resource_only_where_required = rule(
    id="iam-star-resource-only-where-required",
    title="Resource `*` only for actions that accept nothing else.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=IDENTITY,
    condition="Resource `*` while at least one action of the statement can be limited to "
    "resources, "
    "and no condition limits it",
    exceptions="actions without resource types (ecr:GetAuthorizationToken, xray:Put*, "
    "ssmmessages:*, "
    "Describe* of EC2 and ELB); statements limited by a condition on cloudwatch:namespace, "
    "ec2:Vpc, "
    "ecs:cluster, a resource tag, aws:ResourceAccount",
    fix="put the actions that accept a resource into a statement of their own and give it the "
    "ARNs, "
    "for example resource.arn",
    url="https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html",
    anchors=anchors(
        checkov="CKV_AWS_355 CKV_AWS_356 CKV_AWS_290 CKV_AWS_111",
        cdk_nag="AwsSolutions-IAM5",
        cfn_guard="iam_policydocument_no_wildcard_resource",
        trivy="AWS-0057",
        other="parliament:RESOURCE_STAR",
    ),
    check=_star_only_where_required,
    passes=_policy(
        {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": "Orders"}},
        },
    ),
    violates=_policy(
        {
            "Effect": "Allow",
            "Action": ["ecr:GetAuthorizationToken", "ecr:BatchGetImage"],
            "Resource": "*",
        }
    ),
)


def _no_broad_arn(resource: Resource, report: Report) -> None:
    for where, policy, statement in _statements(resource, report):
        if _narrowed(statement):
            continue
        others = [a for a in granted(statement, policy) if a not in _OWN_RULE]
        for arn in statement.resources if others else ():
            why = arns.broadness(arn) if arn.strip("*") else ""
            if why:
                report(f"{where}: {arn} {why}")


iam_no_broad_arn_wildcard = rule(
    id="iam-no-broad-arn-wildcard",
    title="A wildcard in an ARN comes after the beginning of a name.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=IDENTITY,
    condition="a resource ARN that leaves account, region or the whole resource id open: "
    "`table/*`, "
    "`arn:aws:s3:::*`, `function:*`",
    exceptions="a wildcard after a literal beginning of the name (`log-group:/ecs/api:*`, "
    "`bucket/img/*`); reads of data, PassRole and AssumeRole have stricter rules of their own",
    fix="use the resource's arn output, or a literal prefix of its name before the wildcard",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html",
    anchors=anchors(cdk_nag="AwsSolutions-IAM5", other="parliament:RESOURCE_EFFECTIVELY_STAR"),
    check=_no_broad_arn,
    passes=_policy(
        {
            "Effect": "Allow",
            "Action": "logs:PutLogEvents",
            "Resource": "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/api:*",
        }
    ),
    violates=_policy(
        {
            "Effect": "Allow",
            "Action": "sqs:SendMessage",
            "Resource": "arn:aws:sqs:eu-west-1:123456789012:*",
        }
    ),
)


def _no_allow_not(resource: Resource, report: Report) -> None:
    for path, policy in documents(resource, report, *Role):
        for statement in policy.allows:
            given = [
                name
                for name, value in (
                    ("NotAction", statement.not_actions),
                    ("NotResource", statement.not_resources),
                    ("NotPrincipal", statement.not_principals),
                )
                if value
            ]
            if given:
                report(f"{path}, {statement.label} allows everything but its {' and '.join(given)}")


iam_no_allow_not = rule(
    id="iam-no-allow-not",
    title="No Allow by exclusion.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=tuple(dict.fromkeys((*IDENTITY, *types_with(Role.IDENTITY, Role.TRUST, Role.RESOURCE)))),
    condition="Allow together with NotAction, NotResource or NotPrincipal",
    exceptions="Deny with NotAction or NotPrincipal, which is how guard rails are written",
    fix="list what is allowed: Action, Resource, Principal",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html",
    anchors=anchors(
        cfn_guard="iam_role_or_policy_no_allow_plus_not_action "
        "iam_role_or_policy_no_allow_plus_not_resource iam_role_no_allow_plus_not_principal "
        "sns_topicpolicy_no_allow_plus_notprincipal",
    ),
    check=_no_allow_not,
    passes=_policy(
        _ASSETS,
        {"Effect": "Deny", "NotAction": "s3:GetObject", "Resource": "*"},
    ),
    violates=_policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
)


def _passrole_scoped(resource: Resource, report: Report) -> None:
    for where, policy, statement in _statements(resource, report):
        if statement.not_actions or "iam:passrole" not in granted(statement, policy):
            continue
        spelled = statement.spelled("iam:passrole")
        if statement.any_resource() or any(arns.has_wildcard(r) for r in statement.resources):
            report(f"{where} allows to pass roles that it does not name ({spelled})")
        elif not statement.pinned_by("iam:passedtoservice"):
            report(f"{where} allows to pass a role to any service ({spelled})")


iam_passrole_scoped = rule(
    id="iam-passrole-scoped",
    title="PassRole names the roles and the service.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=IDENTITY,
    condition="iam:PassRole (also through a wildcard) on a resource with a wildcard, or without a "
    "condition that pins iam:PassedToService",
    fix='"Resource": [task_role.arn, execution_role.arn], "Condition": {"StringEquals": '
    '{"iam:PassedToService": "ecs-tasks.amazonaws.com"}}',
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
    anchors=anchors(
        checkov="CKV_AWS_290",
        cfn_guard="iam_policy_no_wildcard_resource_on_passrole "
        "iam_role_no_wildcard_resource_on_passrole",
        trivy="AWS-0342",
        other="access-analyzer:PASS_ROLE_WITH_STAR_IN_RESOURCE",
    ),
    check=_passrole_scoped,
    passes=_policy(
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "arn:aws:iam::123456789012:role/api-task",
            "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        }
    ),
    violates=_policy(
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "arn:aws:iam::123456789012:role/*",
            "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        }
    ),
)

_PERMISSION_ACTIONS = (
    "iam:put*",
    "iam:attach*",
    "iam:detach*",
    "iam:create*policy*",
    "iam:delete*policy*",
    "iam:setdefaultpolicyversion",
    "iam:updateassumerolepolicy",
    "iam:createrole",
    "iam:createuser",
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:addusertogroup",
    "kms:putkeypolicy",
    "kms:creategrant",
    "s3:putbucketpolicy",
    "s3:deletebucketpolicy",
    "s3:putbucketacl",
    "s3:putobjectacl",
    "s3:putbucketpublicaccessblock",
    "lambda:addpermission",
    "dynamodb:putresourcepolicy",
    "dynamodb:deleteresourcepolicy",
    "secretsmanager:putresourcepolicy",
    "ecr:setrepositorypolicy",
    "sns:addpermission",
    "sns:settopicattributes",
    "sqs:addpermission",
    "sqs:setqueueattributes",
    "backup:putbackupvaultaccesspolicy",
    "logs:putresourcepolicy",
)


def _permissions_management(resource: Resource, report: Report) -> None:
    if resource.name in report.option("deployRoles"):
        return
    for where, policy, statement in _statements(resource, report):
        grants_for_aws = any(
            c.key == "kms:grantisforawsresource" and c.values == ("true",) and not c.if_exists
            for c in statement.conditions
        )
        whole = _whole_services(statement)
        found = [
            actions.display(action, statement.spelled(action))
            for action in granted(statement, policy)
            if any(actions.matches(p, action) for p in _PERMISSION_ACTIONS)
            and not (action == "kms:creategrant" and grants_for_aws)
            and not any(actions.matches(w, action) for w in whole)
        ]
        if found and not statement.not_actions:
            report(f"{where} may change who may do what: {_named(found)}")


iam_permissions_management_scoped = rule(
    id="iam-permissions-management-scoped",
    title="A workload does not decide about permissions.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=IDENTITY,
    condition="an action that changes policies, grants or principals: iam:Put*, iam:Attach*, "
    "kms:CreateGrant, s3:PutBucketPolicy, lambda:AddPermission and the like",
    exceptions="kms:CreateGrant with the condition kms:GrantIsForAWSResource; resources named in "
    "`deployRoles`; whole services have a rule of their own",
    fix="leave permissions to the deployment; a deploy role's policy is named in deployRoles",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_understand-policy-summary-access-level-summaries.html",
    anchors=anchors(
        checkov="CKV_AWS_289 CKV_AWS_109",
        other="parliament:PERMISSIONS_MANAGEMENT_ACTIONS cloudsplaining:ResourceExposure",
    ),
    options={
        "deployRoles": Option(
            type="array",
            default=[],
            description="Pulumi names of the roles and policies that deployments use",
        )
    },
    check=_permissions_management,
    passes=_policy(
        {
            "Effect": "Allow",
            "Action": "kms:CreateGrant",
            "Resource": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd",
            "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        }
    ),
    violates=_policy(
        {
            "Effect": "Allow",
            "Action": "s3:PutBucketPolicy",
            "Resource": "arn:aws:s3:::assets",
        }
    ),
)


def _data_reads_scoped(resource: Resource, report: Report) -> None:
    for where, policy, statement in _statements(resource, report):
        reads = [
            a
            for a in granted(statement, policy)
            if a in _DATA_READS
            and not any(actions.matches(w, a) for w in _whole_services(statement))
        ]
        if not reads or statement.not_actions or _narrowed(statement):
            continue
        broad = [r for r in statement.resources if arns.open_ended(r)]
        if statement.not_resources or broad:
            names = _named([actions.display(a, statement.spelled(a)) for a in reads])
            report(f"{where} allows {names} on {_named(broad) or 'all but its NotResource'}")


iam_data_read_scoped = rule(
    id="iam-data-read-scoped",
    title="Who reads secrets, keys and data names them.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=IDENTITY,
    condition="secretsmanager:GetSecretValue, ssm:GetParameter*, s3:GetObject, kms:Decrypt, "
    "DynamoDB "
    "reads or snapshot copies on a resource that is not one thing or one prefix",
    exceptions="kms:Decrypt with kms:ViaService and kms:CallerAccount; kms:RequestAlias; a "
    "resource tag",
    fix='"Resource": secret.arn (key.arn, pulumi.Output.concat(bucket.arn, "/img/*"), ...)',
    url="https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html",
    anchors=anchors(
        fsbp="KMS.1 KMS.2",
        checkov="CKV_AWS_288 CKV_AWS_108",
        other="cloudsplaining:DataExfiltration parliament:SENSITIVE_ACCESS",
    ),
    check=_data_reads_scoped,
    passes=_policy(
        {
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders-db-??????",
        }
    ),
    violates=_policy(
        {
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:*",
        }
    ),
)


def _assume_role_scoped(resource: Resource, report: Report) -> None:
    for where, policy, statement in _statements(resource, report):
        assumed = {"sts:assumerole", "sts:tagsession"} & set(granted(statement, policy))
        open_ended = [r for r in statement.resources if arns.has_wildcard(r)]
        if assumed and not statement.not_actions and (open_ended or statement.not_resources):
            report(f"{where} may become roles that it does not name: {_named(open_ended)}")


iam_assume_role_scoped = rule(
    id="iam-assume-role-scoped",
    title="Who assumes other roles names them.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=IDENTITY,
    condition="sts:AssumeRole or sts:TagSession on a resource with a wildcard",
    fix='"Resource": [role.arn]',
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_permissions-to-switch.html",
    anchors=anchors(
        checkov="CKV_AWS_287 CKV_AWS_107",
        prowler="iam_no_custom_policy_permissive_role_assumption",
    ),
    check=_assume_role_scoped,
    passes=_policy(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": "arn:aws:iam::123456789012:role/reporting",
        }
    ),
    violates=_policy(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": "arn:aws:iam::210987654321:role/*",
        }
    ),
)


def _no_write_prefix(resource: Resource, report: Report) -> None:
    for where, _, statement in _statements(resource, report):
        whole = _whole_services(statement)
        for action in statement.actions:
            if not arns.has_wildcard(action) or action in whole or not action.strip("*"):
                continue
            covered = sorted(actions.expand(action))
            writes = [a for a in covered if not actions.is_read(a)]
            if writes:
                report(
                    f"{where}: {action} covers {len(covered)} actions, among them {_named(writes)}"
                )
            elif covered:
                report.advise(f"{where}: {action} covers {len(covered)} actions; list those used")


iam_no_write_prefix_wildcard = rule(
    id="iam-no-write-prefix-wildcard",
    title="Actions that change something are written out.",
    severity=Severity.HIGH,
    level=DEPLOYED,
    types=IDENTITY,
    condition="an action with a wildcard (`s3:Put*`) that covers one which writes, tags or manages "
    "permissions",
    exceptions="patterns that cover only reads (`ecs:Describe*`) are advice; `<service>:*` has "
    "a rule "
    "of its own",
    fix="list the actions",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html",
    anchors=anchors(
        cdk_nag="AwsSolutions-IAM5", cfn_guard="iam_role_no_wildcard_actions_on_permissions"
    ),
    check=_no_write_prefix,
    passes=_policy(
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::assets/img/*"}
    ),
    violates=_policy(
        {"Effect": "Allow", "Action": "s3:Put*", "Resource": "arn:aws:s3:::assets/img/*"}
    ),
)

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length
_LARGEST = {POLICY: 6144, ROLE_POLICY: 10240, ROLE: 10240}
_LARGEST_TRUST = 2048
_VERSION = "2012-10-17"


def _documents_are_valid(resource: Resource, report: Report) -> None:
    inline = 0
    for path, policy in documents(resource, report, *Role):
        trust = path == "assumeRolePolicy"
        for problem in policy.problems:
            report(f"{path} {problem}")
        if policy.problems:
            continue
        if policy.version != _VERSION:
            report(f"{path} has version {policy.version or 'none'}, not {_VERSION}")
        _sids_are_unique(path, policy, report)
        for statement in policy.statements:
            _actions_exist(f"{path}, {statement.label}", statement, report)
            if resource.kind in IDENTITY and not trust:
                _resources_fit(f"{path}, {statement.label}", statement, report)
        inline += 0 if trust else policy.size
        if trust and policy.size > _LARGEST_TRUST:
            report(f"{path} has {policy.size} characters; AWS takes {_LARGEST_TRUST}")
    if inline > _LARGEST.get(resource.kind, inline):
        report(f"its documents have {inline} characters; AWS takes {_LARGEST[resource.kind]}")


def _sids_are_unique(path: str, policy: Document, report: Report) -> None:
    sids = [s.sid for s in policy.statements if s.sid]
    for sid in sorted({sid for sid in sids if sids.count(sid) > 1}):
        report(f"{path} has several statements called {sid}")


def _actions_exist(where: str, statement: Statement, report: Report) -> None:
    for action in (*statement.actions, *statement.not_actions):
        if not action.strip("*"):
            continue
        service, colon, _ = action.partition(":")
        if not colon or not actions.known_service(service):
            report(f"{where}: there is no service {service!r} ({action})")
        elif not actions.expand(action):
            report(f"{where}: there is no action {action}")


def _resources_fit(where: str, statement: Statement, report: Report) -> None:
    if statement.any_resource() or not statement.resources:
        return
    for action in statement.actions:
        formats = {f for a in actions.expand(action) for f in actions.arn_formats(a) or ("*",)}
        free = {a for a in actions.expand(action) if not actions.resource_types(a)}
        if not actions.expand(action):
            continue
        if free == actions.expand(action):
            report(f"{where}: {action} takes no resource but *, so this allows nothing")
        elif not any(actions.overlap(f, r) for f in formats for r in statement.resources):
            report(f"{where}: {action} does not apply to {_named(list(statement.resources))}")


iam_policy_valid = rule(
    id="iam-policy-valid",
    title="A policy document says what its author meant.",
    severity=Severity.MEDIUM,
    level=ALWAYS,
    types=tuple(dict.fromkeys((*IDENTITY, *types_with(Role.IDENTITY, Role.TRUST, Role.RESOURCE)))),
    condition="not JSON, malformed, a version other than 2012-10-17, an unknown action or "
    "service, a "
    "resource that the action does not apply to, a duplicate Sid, or larger than AWS takes",
    fix="write it with pulumi.Output.json_dumps({...}); correct what the message names",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html",
    anchors=anchors(
        other="parliament:NO_VERSION parliament:UNKNOWN_ACTION parliament:RESOURCE_MISMATCH "
        "parliament:DUPLICATE_SID",
    ),
    check=_documents_are_valid,
    passes=_policy(_ASSETS),
    violates=_policy(
        {"Effect": "Allow", "Action": "s3:GetObjcet", "Resource": "arn:aws:s3:::assets/img/*"}
    ),
)

# Keys that hold several values: only for these does ForAllValues ask a meaningful question.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
_ANYWHERE = ("0.0.0.0/0", "::/0")
_MFA = "aws:multifactorauthpresent"


def _conditions_are_sane(resource: Resource, report: Report) -> None:
    for path, policy in documents(resource, report, Role.IDENTITY, Role.RESOURCE):
        for statement in policy.statements:
            for problem in _condition_problems(statement):
                report(f"{path}, {statement.label}: {problem}")


def _condition_problems(statement: Statement) -> Iterator[str]:
    present = {
        c.key for c in statement.conditions if c.operator == "null" and c.values == ("false",)
    }
    for c in statement.conditions:
        if not statement.allow:
            if (
                c.key == _MFA
                and c.operator == "bool"
                and not c.if_exists
                and c.values == ("false",)
            ):
                yield f"{c.key} is absent for access keys: a Deny needs BoolIfExists"
            continue
        if c.qualifier == "forallvalues" and c.key not in present:
            yield f"ForAllValues on {c.key} holds when the key is absent: this Allow then holds too"
        if c.if_exists:
            yield f"IfExists on {c.key} holds when the key is absent: this Allow then holds too"
        if c.operator == "stringlike" and any(not v.strip("*") for v in c.values):
            yield f"StringLike * on {c.key} accepts everything"
        if c.key == "aws:sourceip" and c.operator == "ipaddress":
            yield from (f"aws:SourceIp {v} is everywhere" for v in c.values if v in _ANYWHERE)


iam_condition_sane = rule(
    id="iam-condition-sane",
    title="A condition restricts what it seems to restrict.",
    severity=Severity.MEDIUM,
    level=DEPLOYED,
    types=tuple(dict.fromkeys((*IDENTITY, *types_with(Role.IDENTITY, Role.RESOURCE)))),
    condition="in an Allow: ForAllValues without a Null check, `...IfExists`, StringLike `*`, "
    "SourceIp "
    "0.0.0.0/0; in a Deny: Bool on aws:MultiFactorAuthPresent",
    exceptions="trust policies have rules of their own",
    fix='use StringEquals, ArnLike or ForAnyValue; add {"Null": {key: "false"}} to ForAllValues',
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html",
    anchors=anchors(
        other="parliament:BAD_PATTERN_FOR_MFA parliament:SINGLE_VALUE_CONDITION_TOO_PERMISSIVE"
    ),
    check=_conditions_are_sane,
    passes=_policy(
        {**_ASSETS, "Condition": {"StringEquals": {"aws:ResourceAccount": "123456789012"}}}
    ),
    violates=_policy(
        {**_ASSETS, "Condition": {"StringEqualsIfExists": {"aws:ResourceAccount": "123456789012"}}}
    ),
)

RULES: tuple[Rule, ...] = (
    iam_no_admin,
    iam_no_service_wildcard,
    iam_star_resource_only_where_required,
    iam_no_broad_arn_wildcard,
    iam_no_allow_not,
    iam_passrole_scoped,
    iam_permissions_management_scoped,
    iam_data_read_scoped,
    iam_assume_role_scoped,
    iam_no_write_prefix_wildcard,
    iam_policy_valid,
    iam_condition_sane,
)
