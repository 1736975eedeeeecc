"""Who may do what, and who may become whom?"""

from guardrails.evaluation import Report
from guardrails.examples import document
from guardrails.iam.document import Role, documents
from guardrails.registry import ALWAYS, Rule, Severity, anchors, node, rule
from guardrails.resources import Resource

POLICY = "aws:iam/policy:Policy"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE = "aws:iam/role:Role"
IDENTITY = (POLICY, ROLE_POLICY, ROLE)


def _not_admin(resource: Resource, report: Report) -> None:
    for path, policy in documents(resource, report, Role.IDENTITY):
        for statement in policy.allows:
            everything = not statement.not_actions and any(
                not action.replace(":", "").strip("*") for action in statement.actions
            )
            if everything and statement.any_resource():
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
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
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
    passes=[
        node(
            "task",
            ROLE_POLICY,
            {
                "role": "task",
                "policy": document(
                    {
                        "Effect": "Allow",
                        "Action": "s3:GetObject",
                        "Resource": "arn:aws:s3:::assets/img/*",
                    }
                ),
            },
        )
    ],
    violates=[
        node(
            "task",
            ROLE_POLICY,
            {
                "role": "task",
                "policy": document({"Effect": "Allow", "Action": "*", "Resource": "*"}),
            },
        )
    ],
)

RULES: tuple[Rule, ...] = (iam_no_admin,)
