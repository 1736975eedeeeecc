"""Who may use a resource? Rules about the policies that resources carry."""

from collections.abc import Iterator

from guardrails.evaluation import Report
from guardrails.examples import document
from guardrails.iam.document import Role, Statement, documents, types_with
from guardrails.registry import ALWAYS, DEPLOYED, Option, Rule, Severity, anchors, node, rule
from guardrails.resources import Resource
from guardrails.rules.iam_trust import SOURCE_KEYS, TRUSTED_ACCOUNTS, foreign, trusted_accounts

PERMISSION = "aws:lambda/permission:Permission"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
_CARRIERS = tuple(t for t in types_with(Role.RESOURCE) if t != ENDPOINT)
_ACCOUNT = "123456789012"
_TOPIC = f"arn:aws:sns:eu-west-1:{_ACCOUNT}:alarms"

_WHO = (
    *SOURCE_KEYS,
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:sourceowner",
    "kms:calleraccount",
)
"""Conditions that say who: with one of these, Principal `*` is not everybody."""


def _allows(resource: Resource, report: Report) -> Iterator[tuple[str, Statement]]:
    for path, policy in documents(resource, report, Role.RESOURCE):
        for statement in policy.allows:
            yield f"{path}, {statement.label}", statement


def _anybody(statement: Statement) -> bool:
    return any(
        not principal.strip("*")
        for kind, principals in statement.principals.items()
        if kind in ("*", "AWS")
        for principal in principals
    )


def _not_public(resource: Resource, report: Report) -> None:
    if resource.kind == PERMISSION:
        if resource.text("principal") == "*" and not (
            resource.has("principalOrgId") or resource.has("sourceAccount")
        ):
            report("lets anybody call the function (principal *)")
        return
    for where, statement in _allows(resource, report):
        if _anybody(statement) and not statement.pinned_by(*_WHO):
            report(f"{where} lets anybody in, and no condition says whom")


def _topic_policy(*statements: dict) -> list:
    return [node("alarms", TOPIC_POLICY, {"arn": _TOPIC, "policy": document(*statements)})]


iam_resource_policy_not_public = rule(
    id="iam-resource-policy-not-public",
    title="No resource is open to everybody.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(*_CARRIERS, PERMISSION),
    condition="Allow to Principal `*` without a condition that pins account, organisation, "
    "principal, "
    "source ARN or VPC endpoint",
    exceptions="statements of CloudFront's origin access control (a service with AWS:SourceArn); "
    "kms:CallerAccount; endpoints of a VPC have a rule of their own",
    fix='"Principal": {"AWS": role.arn}, or a Condition such as "aws:PrincipalOrgID"',
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
    anchors=anchors(
        fsbp="SNS.4 SQS.3 KMS.5 Lambda.1 S3.2 S3.3",
        checkov="CKV_AWS_70 CKV_AWS_33 CKV_AWS_169 CKV_AWS_168 CKV_AWS_32 CKV_AWS_301 CKV_AWS_283 "
        "CKV_AWS_387 CKV_AWS_72",
        cdk_nag="AwsSolutions-ECR1",
        prowler="sns_topics_not_publicly_accessible secretsmanager_not_publicly_accessible "
        "ecr_repositories_not_publicly_accessible",
        cfn_guard="s3_bucket_policy_no_wildcard_principal kms_no_wildcard_principal "
        "lambda_no_wildcard_principal",
        trivy="AWS-0032",
    ),
    check=_not_public,
    passes=_topic_policy(
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": _TOPIC,
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}},
        }
    ),
    violates=_topic_policy(
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sns:Publish", "Resource": _TOPIC}
    ),
)

_LOG_KEY = "kms:encryptioncontext:aws:logs:arn"
# Its statement in a log bucket's policy works with or without a source:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
_WITHOUT_SOURCE = ["logdelivery.elasticloadbalancing.amazonaws.com"]

# EventBridge opens a stream without saying for which rule, and says so only when it writes; an
# empty stream reveals nothing:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions
_OPEN_STREAM = {"logs:createlogstream"}
_STREAM_OPENERS = ("events.amazonaws.com", "delivery.logs.amazonaws.com")


def _services_say_for_whom(resource: Resource, report: Report) -> None:
    if resource.kind == PERMISSION:
        _permission_says_for_whom(resource, report)
        return
    excepted = set(report.option("withoutSource"))
    for where, statement in _allows(resource, report):
        if statement.pinned_by(*SOURCE_KEYS, _LOG_KEY, "kms:calleraccount"):
            continue
        opens_only = {a.lower() for a in statement.actions} == _OPEN_STREAM
        for service in statement.principals.get("Service", ()):
            if service not in excepted and not (opens_only and service in _STREAM_OPENERS):
                report(f"{where} lets {service} in for any customer: no aws:SourceArn")


def _permission_says_for_whom(permission: Resource, report: Report) -> None:
    principal = permission.text("principal")
    if not principal.endswith(".amazonaws.com"):
        return
    if not permission.has("sourceArn"):
        report(f"lets {principal} call the function for any customer: no sourceArn")
    elif principal == "s3.amazonaws.com" and not permission.has("sourceAccount"):
        report("lets s3.amazonaws.com call the function for a bucket that anybody may own: no "
               "sourceAccount")  # fmt: skip


iam_resource_policy_service_source = rule(
    id="iam-resource-policy-service-source",
    title="A service may use a resource for this account only.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(*_CARRIERS, PERMISSION),
    condition="Allow to an AWS service without aws:SourceArn or aws:SourceAccount; a Lambda "
    "permission "
    "without sourceArn (for S3 also sourceAccount)",
    exceptions="log delivery of load balancers (`withoutSource`); keys for log groups pinned by "
    "kms:EncryptionContext:aws:logs:arn; statements that let EventBridge (events, delivery.logs) "
    "do nothing but logs:CreateLogStream",
    fix='"Condition": {"StringEquals": {"aws:SourceAccount": account_id}, "ArnLike": '
    '{"aws:SourceArn": ...}}; source_arn=... of aws.lambda_.Permission',
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
    anchors=anchors(
        checkov="CKV_AWS_364",
        cfn_guard="lambda_function_public_access_prohibited",
        trivy="AWS-0067",
        pulumi="aws-lambda-permission-configure-source-arn",
    ),
    options={
        "withoutSource": Option(
            type="array",
            default=_WITHOUT_SOURCE,
            description="Service principals whose statements need no source",
        )
    },
    check=_services_say_for_whom,
    passes=_topic_policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": _TOPIC,
            "Condition": {"StringEquals": {"aws:SourceAccount": _ACCOUNT}},
        }
    ),
    violates=_topic_policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": _TOPIC,
        }
    ),
)


def _accounts_are_trusted(resource: Resource, report: Report) -> None:
    trusted = trusted_accounts(resource, report)
    for path, policy in documents(resource, report, Role.RESOURCE):
        principals = [p for s in policy.allows for p in s.principals.get("AWS", ())]
        for principal in foreign(principals, trusted):
            report(f"{path} lets {principal} in, of an account that is not in trustedAccounts")


iam_resource_policy_trusted_accounts = rule(
    id="iam-resource-policy-trusted-accounts",
    title="Resources are shared with trusted accounts only.",
    severity=Severity.HIGH,
    level=DEPLOYED,
    types=_CARRIERS,
    condition="Allow to a principal of an account outside `trustedAccounts`",
    exceptions="the own account (allowed_account_ids of the provider); where no account is "
    "configured at "
    "all, a document that names one account only is taken to name its own",
    fix="list the account in trustedAccounts, or remove the statement; for load balancer logs "
    "use the "
    "principal logdelivery.elasticloadbalancing.amazonaws.com",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies-cross-account-resource-access.html",
    anchors=anchors(
        fsbp="S3.6",
        checkov="CKV_AWS_385",
        prowler="s3_bucket_cross_account_access secretsmanager_has_restrictive_resource_policy",
    ),
    options={"trustedAccounts": TRUSTED_ACCOUNTS},
    check=_accounts_are_trusted,
    passes=[
        node(
            "alarms",
            TOPIC_POLICY,
            {
                "arn": _TOPIC,
                "policy": document(
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": f"arn:aws:iam::{_ACCOUNT}:role/ops"},
                        "Action": "sns:Publish",
                        "Resource": _TOPIC,
                    }
                ),
            },
            provider={"allowedAccountIds": f'["{_ACCOUNT}"]'},
        )
    ],
    violates=[
        node(
            "alarms",
            TOPIC_POLICY,
            {
                "arn": _TOPIC,
                "policy": document(
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": "arn:aws:iam::210987654321:role/ops"},
                        "Action": "sns:Publish",
                        "Resource": _TOPIC,
                    }
                ),
            },
            provider={"allowedAccountIds": f'["{_ACCOUNT}"]'},
        )
    ],
)


def _endpoint_is_limited(resource: Resource, report: Report) -> None:
    if not resource.has("policy"):
        report("has no policy: anything in the VPC may send anything to any account through it")
        return
    for where, statement in _allows(resource, report):
        everything = any(not a.replace(":", "").strip("*") for a in statement.actions)
        limited = statement.pinned_by(*_WHO, "aws:resourceaccount", "aws:resourceorgid")
        if _anybody(statement) and everything and statement.any_resource() and not limited:
            report(f"{where} allows everybody everything")


iam_vpc_endpoint_policy = rule(
    id="iam-vpc-endpoint-policy",
    title="A VPC endpoint carries only our own traffic.",
    severity=Severity.MEDIUM,
    level=DEPLOYED,
    types=(ENDPOINT,),
    condition="an endpoint without a policy, or whose policy allows `*` on `*` to everybody "
    "without "
    "aws:PrincipalAccount, aws:ResourceAccount or an organisation",
    exceptions="statements for buckets of AWS, such as the layers of ECR images",
    fix='policy=pulumi.Output.json_dumps({... "Condition": {"StringEquals": '
    '{"aws:PrincipalAccount": account_id}}})',
    url="https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html",
    anchors=anchors(prowler="vpc_endpoint_connections_trust_boundaries"),
    check=_endpoint_is_limited,
    passes=[
        node(
            "s3",
            ENDPOINT,
            {
                "serviceName": "com.amazonaws.eu-west-1.s3",
                "policy": document(
                    {
                        "Effect": "Allow",
                        "Principal": "*",
                        "Action": "*",
                        "Resource": "*",
                        "Condition": {"StringEquals": {"aws:PrincipalAccount": _ACCOUNT}},
                    }
                ),
            },
        )
    ],
    violates=[node("s3", ENDPOINT, {"serviceName": "com.amazonaws.eu-west-1.s3"})],
)

RULES: tuple[Rule, ...] = (
    iam_resource_policy_not_public,
    iam_resource_policy_service_source,
    iam_resource_policy_trusted_accounts,
    iam_vpc_endpoint_policy,
)
