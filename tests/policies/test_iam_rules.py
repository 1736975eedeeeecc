"""The identity rules beyond their examples: each way to break one, each legitimate exception."""

import json

import pytest
from guardrails.examples import document
from guardrails.registry import node
from guardrails.rules import ALL

from tests.policies.harness import pack_of, through_server

RULES = {rule.id: rule for rule in ALL}
A = "123456789012"
ROLE = "aws:iam/role:Role"
GITHUB = "token.actions.githubusercontent.com"


def policy(*statements, name="task"):
    return node(
        name, "aws:iam/rolePolicy:RolePolicy", {"role": "r", "policy": document(*statements)}
    )


def allow(action, on="*", **condition):
    statement = {"Effect": "Allow", "Action": action, "Resource": on}
    return {**statement, "Condition": condition} if condition else statement


def trust(principal, action="sts:AssumeRole", provider=None, **condition):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    return node(
        "role",
        ROLE,
        {
            "assumeRolePolicy": document(
                {**statement, "Condition": condition} if condition else statement
            )
        },
        provider=provider,
    )


def bucket_policy(principal, **condition):
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::assets/*",
    }
    return node(
        "assets",
        "aws:s3/bucketPolicy:BucketPolicy",
        {
            "bucket": "assets",
            "policy": document({**statement, "Condition": condition} if condition else statement),
        },
    )


def writer(*actions, services=("events.amazonaws.com", "delivery.logs.amazonaws.com")):
    statement = {**allow(list(actions)), "Principal": {"Service": list(services)}}
    type_ = "aws:cloudwatch/logResourcePolicy:LogResourcePolicy"
    return node("r", type_, {"policyDocument": document(statement)})


def equals(key, *values):
    return {"StringEquals": {key: list(values)}}


VIOLATING = {
    "iam-no-admin": [
        policy(allow("*:*")),
        policy(allow(["s3:GetObject", "*"])),
        node("r", ROLE, {"inlinePolicies": [{"policy": document(allow("*"))}]}),
        node(
            "p",
            "aws:iam/policy:Policy",
            {"policy": document(allow("*", on=["arn:aws:s3:::a", "*"]))},
        ),
    ],
    "iam-no-service-wildcard": [
        policy(allow("s3:*", on="arn:aws:s3:::assets/*")),
        policy(allow("S3:**")),
        policy(allow("ec*:*")),
    ],
    "iam-star-resource-only-where-required": [
        policy(allow(["ecr:GetAuthorizationToken", "ecr:PutImage"])),
        policy(allow("ecs:UpdateService")),
        policy(allow("ecs:Update*")),
        policy(allow("cloudwatch:PutMetricData")),
        policy(
            allow(
                "ecs:RunTask",
                StringEqualsIfExists={"ecs:cluster": "arn:aws:ecs:eu-west-1:1:cluster/a"},
            )
        ),
        policy(allow("ecs:RunTask", on=["arn:aws:ecs:eu-west-1:1:task-definition/a", "*"])),
    ],
    "iam-no-broad-arn-wildcard": [
        policy(allow("sqs:SendMessage", on=f"arn:aws:sqs:*:{A}:orders")),
        policy(allow("dynamodb:PutItem", on=f"arn:aws:dynamodb:eu-west-1:{A}:table/*")),
        policy(allow("s3:PutObject", on="arn:aws:s3:::*/*")),
        policy(allow("s3:PutObject", on="arn:aws:s3:*")),
    ],
    "iam-no-allow-not": [
        policy({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::a/*"}),
        node(
            "r",
            ROLE,
            {
                "assumeRolePolicy": document(
                    {"Effect": "Allow", "NotPrincipal": {"AWS": A}, "Action": "sts:AssumeRole"}
                )
            },
        ),
    ],
    "iam-passrole-scoped": [
        policy(allow("iam:PassRole")),
        policy(allow("iam:Pass*", on=f"arn:aws:iam::{A}:role/task")),
        policy(allow("iam:PassRole", on=f"arn:aws:iam::{A}:role/task")),
        policy(
            allow(
                "iam:PassRole",
                on=f"arn:aws:iam::{A}:role/task-*",
                **equals("iam:PassedToService", "ecs-tasks.amazonaws.com"),
            )
        ),
        policy(
            allow(
                "iam:PassRole",
                on=f"arn:aws:iam::{A}:role/task",
                StringEqualsIfExists={"iam:PassedToService": "ecs-tasks.amazonaws.com"},
            )
        ),
    ],
    "iam-permissions-management-scoped": [
        policy(allow("kms:CreateGrant", on=f"arn:aws:kms:eu-west-1:{A}:key/1")),
        policy(allow("iam:AttachRolePolicy", on=f"arn:aws:iam::{A}:role/x")),
        policy(allow("lambda:Add*", on=f"arn:aws:lambda:eu-west-1:{A}:function:x")),
    ],
    "iam-data-read-scoped": [
        policy(allow("secretsmanager:GetSecretValue")),
        policy(allow("secretsmanager:Get*")),
        policy(allow("s3:GetObject", on="arn:aws:s3:::*")),
        policy(allow("kms:Decrypt", on=f"arn:aws:kms:eu-west-1:{A}:key/*")),
        policy(allow("kms:Decrypt", **equals("kms:ViaService", "s3.eu-west-1.amazonaws.com"))),
        policy(allow("ssm:GetParameters", on=f"arn:aws:ssm:eu-west-1:{A}:parameter/*")),
    ],
    "iam-assume-role-scoped": [
        policy(allow("sts:AssumeRole")),
        policy(allow("sts:Assume*", on="arn:aws:iam::*:role/x")),
        policy(allow("sts:TagSession", on=f"arn:aws:iam::{A}:role/x*")),
    ],
    "iam-no-write-prefix-wildcard": [
        policy(allow("ecs:*Service", on=f"arn:aws:ecs:eu-west-1:{A}:service/a/b")),
        policy(allow("kms:GenerateDataKe?", on=f"arn:aws:kms:eu-west-1:{A}:key/1")),
    ],
    "iam-policy-valid": [
        node("r", ROLE, {"assumeRolePolicy": "{"}),
        node(
            "p",
            "aws:iam/rolePolicy:RolePolicy",
            {"policy": json.dumps({"Statement": allow("s3:GetObject", on="arn:aws:s3:::a/b")})},
        ),
        policy(allow("s4:GetObject")),
        policy(allow("ecr:GetAuthorizationToken", on=f"arn:aws:ecr:eu-west-1:{A}:repository/a")),
        policy(allow("s3:GetObject", on=f"arn:aws:sqs:eu-west-1:{A}:q")),
        policy(
            {**allow("ecs:ListClusters"), "Sid": "A"}, {**allow("ecs:ListServices"), "Sid": "A"}
        ),
        policy(
            *[{**allow("s3:GetObject", on=f"arn:aws:s3:::{'x' * 200}{i}/y")} for i in range(50)]
        ),
        node(
            "r",
            ROLE,
            {
                "assumeRolePolicy": document(
                    *[
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": f"{'s' * 80}{i}.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                        for i in range(20)
                    ]
                )
            },
        ),
    ],
    "iam-condition-sane": [
        policy(
            allow(
                "s3:GetObject",
                on="arn:aws:s3:::a/*",
                **{"ForAllValues:StringEquals": {"aws:TagKeys": "x"}},
            )
        ),
        policy(
            allow("s3:GetObject", on="arn:aws:s3:::a/*", StringLike={"aws:PrincipalTag/team": "*"})
        ),
        policy(
            allow(
                "s3:GetObject",
                on="arn:aws:s3:::a/*",
                IpAddress={"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]},
            )
        ),
        policy(
            {
                "Effect": "Deny",
                "Action": "s3:*",
                "Resource": "*",
                "Condition": {"Bool": {"aws:MultiFactorAuthPresent": False}},
            }
        ),
    ],
    "iam-trust-no-public": [
        trust("*"),
        trust({"AWS": ["*"]}, **equals("sts:ExternalId", "abc")),
        trust({"AWS": "arn:aws:iam::*:root"}),
        trust({"Federated": "*"}, action="sts:AssumeRoleWithWebIdentity"),
    ],
    "iam-trust-cross-account": [
        trust({"AWS": A}),
        trust(
            {"AWS": "arn:aws:iam::210987654321:role/x"},
            provider={"allowedAccountIds": json.dumps([A])},
        ),
        trust({"AWS": [f"arn:aws:iam::{A}:role/x", "arn:aws:iam::210987654321:role/x"]}),
        trust({"AWS": f"arn:aws:iam::{A}:root"}, StringEqualsIfExists={"sts:ExternalId": "abc"}),
    ],
    "iam-trust-confused-deputy": [
        trust({"Service": "scheduler.amazonaws.com"}),
        trust({"Service": ["lambda.amazonaws.com", "vpc-flow-logs.amazonaws.com"]}),
        trust(
            {"Service": "ecs-tasks.amazonaws.com"}, StringEqualsIfExists={"aws:SourceAccount": A}
        ),
        trust({"Service": "ecs-tasks.amazonaws.com"}, StringLike={"aws:SourceAccount": "*"}),
    ],
    "iam-resource-policy-not-public": [
        bucket_policy("*"),
        bucket_policy("*", StringLike={"aws:PrincipalOrgID": "*"}),
        bucket_policy({"AWS": "*"}, IpAddress={"aws:SourceIp": "10.0.0.0/8"}),
        node("f", "aws:lambda/permission:Permission", {"principal": "*", "function": "f"}),
        node("k", "aws:kms/key:Key", {"policy": document({**allow("kms:*"), "Principal": "*"})}),
        node(
            "r",
            "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
            {"policyDocument": document({**allow("logs:PutLogEvents"), "Principal": "*"})},
        ),
    ],
    "iam-resource-policy-service-source": [
        bucket_policy({"Service": "delivery.logs.amazonaws.com"}),
        node("f", "aws:lambda/permission:Permission", {"principal": "events.amazonaws.com"}),
        node(
            "f",
            "aws:lambda/permission:Permission",
            {"principal": "s3.amazonaws.com", "sourceArn": "arn:aws:s3:::a"},
        ),
        writer("logs:CreateLogStream", "logs:PutLogEvents"),
        writer("logs:PutLogEvents"),
        writer("logs:CreateLog*"),
        writer("logs:CreateLogStream", services=["route53.amazonaws.com"]),
        writer("logs:CreateLogStream", services=["events.amazonaws.com", "es.amazonaws.com"]),
        node(
            "r",
            "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
            {
                "policyDocument": document(
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "NotAction": "logs:CreateLogStream",
                        "Resource": "*",
                    }
                )
            },
        ),
    ],
    "iam-resource-policy-trusted-accounts": [
        bucket_policy({"AWS": [A, "210987654321"]}),
    ],
    "iam-vpc-endpoint-policy": [
        node(
            "e",
            "aws:ec2/vpcEndpoint:VpcEndpoint",
            {"policy": document({**allow("*"), "Principal": "*"})},
        ),
    ],
    "iam-no-elevated-managed-policies": [
        node("r", ROLE, {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}),
        node(
            "a",
            "aws:iam/policyAttachment:PolicyAttachment",
            {"policyArn": "arn:aws-cn:iam::aws:policy/PowerUserAccess"},
        ),
        node(
            "a",
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            {"policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
        ),
    ],
    "iam-no-users": [
        node("k", "aws:iam/accessKey:AccessKey", {"user": "ci"}),
        node(
            "u",
            "aws:iam/userPolicy:UserPolicy",
            {"user": "ci", "policy": document(allow("s3:GetObject"))},
        ),
    ],
}

PASSING = {
    "iam-no-admin": [policy({"Effect": "Deny", "Action": "*", "Resource": "*"})],
    "iam-no-service-wildcard": [policy({"Effect": "Deny", "Action": "iam:*", "Resource": "*"})],
    "iam-star-resource-only-where-required": [
        policy(
            allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules"])
        ),
        policy(allow(["ssmmessages:CreateControlChannel", "ssmmessages:OpenDataChannel"])),
        policy(allow(["ec2:DescribeSubnets", "elasticloadbalancing:DescribeTargetHealth"])),
        policy(
            allow(
                "ec2:CreateNetworkInterface",
                **equals("ec2:Vpc", f"arn:aws:ec2:eu-west-1:{A}:vpc/v"),
            )
        ),
        policy(
            allow("ecs:UpdateService"), {"Effect": "Deny", "Action": "ecs:Update*", "Resource": "*"}
        ),
        policy(
            allow("ecs:RunTask", ArnEquals={"ecs:cluster": f"arn:aws:ecs:eu-west-1:{A}:cluster/a"})
        ),
    ],
    "iam-passrole-scoped": [policy({"Effect": "Deny", "Action": "iam:PassRole", "Resource": "*"})],
    "iam-data-read-scoped": [
        policy(
            allow(
                "kms:Decrypt",
                StringEquals={
                    "kms:ViaService": "s3.eu-west-1.amazonaws.com",
                    "kms:CallerAccount": A,
                },
            )
        ),
        policy(allow("s3:GetObject", on="arn:aws:s3:::assets/*")),
        policy(allow("secretsmanager:GetSecretValue", **equals("aws:ResourceTag/app", "orders"))),
    ],
    "iam-no-allow-not": [bucket_policy({"AWS": A})],
    "iam-policy-valid": [
        policy(
            allow(
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                on=f"arn:aws:logs:eu-west-1:{A}:log-group:/a:*",
            )
        ),
        policy(allow("ecs:RunTask", on=f"arn:aws:ecs:eu-west-1:{A}:task-definition/a:*")),
        policy(allow("rds-db:connect", on=f"arn:aws:rds-db:eu-west-1:{A}:dbuser:db-X/app")),
        policy(allow("iam:PassRole", on=f"arn:aws:iam::{A}:role/a")),
        trust({"Service": "ecs-tasks.amazonaws.com"}),
    ],
    "iam-condition-sane": [
        policy(
            allow(
                "s3:GetObject",
                on="arn:aws:s3:::a/*",
                **{
                    "ForAllValues:StringEquals": {"aws:TagKeys": "x"},
                    "Null": {"aws:TagKeys": "false"},
                },
            )
        ),
        policy(
            {
                "Effect": "Deny",
                "Action": "s3:*",
                "Resource": "*",
                "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
            }
        ),
        bucket_policy("*", **equals("aws:PrincipalOrgID", "o-a")),
    ],
    "iam-trust-cross-account": [
        trust({"AWS": f"arn:aws:iam::{A}:root"}, **equals("aws:PrincipalOrgID", "o-a")),
        trust({"AWS": f"arn:aws:iam::{A}:role/x"}, provider={"allowedAccountIds": json.dumps([A])}),
        trust({"Service": "lambda.amazonaws.com"}),
    ],
    "iam-trust-confused-deputy": [
        trust({"Service": "lambda.amazonaws.com"}),
        trust(
            {"Service": "scheduler.amazonaws.com"},
            ArnLike={"aws:SourceArn": f"arn:aws:scheduler:eu-west-1:{A}:schedule-group/x"},
        ),
    ],
    "iam-resource-policy-not-public": [
        bucket_policy("*", **equals("aws:SourceVpce", "vpce-1")),
        bucket_policy(
            {"Service": "cloudfront.amazonaws.com"},
            **equals("AWS:SourceArn", "arn:aws:cloudfront::1:distribution/E"),
        ),
        node(
            "k",
            "aws:kms/key:Key",
            {
                "policy": document(
                    {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{A}:root"}}
                )
            },
        ),
        node(
            "a",
            "aws:s3/bucketPolicy:BucketPolicy",
            {
                "policy": document(
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": "*",
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                )
            },
        ),
    ],
    "iam-resource-policy-service-source": [
        bucket_policy({"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}),
        node(
            "k",
            "aws:kms/key:Key",
            {
                "policy": document(
                    {
                        **allow(
                            "kms:Decrypt",
                            ArnLike={
                                "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-west-1:1:*"
                            },
                        ),
                        "Principal": {"Service": "logs.eu-west-1.amazonaws.com"},
                    }
                )
            },
        ),
        node(
            "f",
            "aws:lambda/permission:Permission",
            {"principal": "events.amazonaws.com", "sourceArn": "arn:aws:events:x"},
        ),
        writer("logs:CreateLogStream"),
        writer("logs:CreateLogStream", services=["events.amazonaws.com"]),
    ],
    "iam-no-elevated-managed-policies": [
        node(
            "a",
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            {"policyArn": f"arn:aws:iam::{A}:policy/AdministratorAccess"},
        ),
    ],
    "iam-vpc-endpoint-policy": [
        node(
            "e",
            "aws:ec2/vpcEndpoint:VpcEndpoint",
            {
                "policy": document(
                    {
                        **allow(
                            "s3:GetObject", on="arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*"
                        ),
                        "Principal": "*",
                    }
                )
            },
        ),
    ],
}


def cases(table):
    return [
        pytest.param(RULES[rule], resource, id=f"{rule}-{index}")
        for rule, resources in table.items()
        for index, resource in enumerate(resources)
    ]


@pytest.mark.parametrize(("rule", "resource"), cases(VIOLATING))
def test_it_is_found(judge, rule, resource):
    said = judge(rule, resource)

    assert [s.policy for s in said] == [rule.id] * len(said)
    assert said
    assert all(s.level == "mandatory" for s in said)


@pytest.mark.parametrize(("rule", "resource"), cases(PASSING))
def test_it_is_legitimate(judge, rule, resource):
    assert judge(rule, resource) == []


def github(sub=None, aud="sts.amazonaws.com", operator="StringEquals", issuer=GITHUB, **more):
    conditions = {"StringEquals": {f"{issuer}:aud": aud}} if aud else {}
    if sub:
        conditions.setdefault(operator, {}).update({f"{issuer}:sub": sub})
    return trust(
        {"Federated": f"arn:aws:iam::{A}:oidc-provider/{issuer}"},
        "sts:AssumeRoleWithWebIdentity",
        **{**conditions, **more},
    )


@pytest.mark.parametrize(
    "sub",
    [
        "repo:acme/api:environment:production",
        "repo:acme/api:ref:refs/heads/main",
        "repo:acme/api:ref:refs/tags/v*",
        "repo:acme/api:pull_request",
        "repository_owner_id:7:repository_id:42:environment:production",
        ["repo:acme/api:environment:a", "repo:acme/web:environment:b"],
    ],
)
def test_a_subject_that_names_repository_and_context_is_accepted(judge, sub):
    assert judge(RULES["iam-oidc-subject-pinned"], github(sub, operator="StringLike")) == []


@pytest.mark.parametrize(
    "sub",
    [
        None,
        "*",
        "repo:*",
        "repo:acme/*",
        "repo:acme*/api:environment:x",
        "repo:acme/api*:environment:x",
        "repo:acme/api:*",
        "repo:acme/api:ref:refs/heads/*",
        "repo:acme/api:environment:*",
        "repo:acme/api",
        "repo:/api:environment:x",
        "acme/api",
        ["repo:acme/api:environment:a", "repo:acme/*"],
    ],
)
def test_a_subject_that_leaves_something_open_is_refused(judge, sub):
    assert judge(RULES["iam-oidc-subject-pinned"], github(sub, operator="StringLike"))


@pytest.mark.parametrize(
    "role",
    [
        github("repo:acme/api:environment:x", aud=None),
        github("repo:acme/api:environment:x", aud="https://github.com/acme"),
        github("repo:acme/api:environment:x", operator="StringLikeIfExists"),
        github("repo:acme/api:environment:x", operator="ForAllValues:StringEquals"),
        github("repo:acme/api:environment:x", operator="StringNotEquals"),
    ],
)
def test_a_condition_that_does_not_bind_does_not_count(judge, role):
    assert judge(RULES["iam-oidc-subject-pinned"], role)


def test_other_issuers_need_a_subject_without_wildcards(judge):
    rule = RULES["iam-oidc-subject-pinned"]
    subject = "project_path:acme/api:ref_type:branch:ref:main"

    assert judge(rule, github(subject, issuer="gitlab.com")) == []
    assert judge(rule, github("project_path:acme/*", issuer="gitlab.com", operator="StringLike"))


def test_a_subject_can_be_accepted_by_configuration():
    rule = RULES["iam-oidc-subject-pinned"]
    runner = through_server(pack_of(rule))
    runner.configure({rule.id: {"allowedSubjects": ["repo:acme/*"]}})

    assert runner.run([github("repo:acme/*", operator="StringLike")]) == []
    assert runner.run([github("repo:other/*", operator="StringLike")])


def workflow_role(sub, action, **properties):
    document_ = json.loads(github(sub).properties["assumeRolePolicy"])
    return [
        node("deploy", ROLE, {"assumeRolePolicy": json.dumps(document_), **properties}),
        node(
            "p",
            "aws:iam/rolePolicy:RolePolicy",
            {"role": "${deploy.id}", "policy": document(allow(action))},
        ),
    ]


@pytest.mark.parametrize(
    ("sub", "action", "properties", "words"),
    [
        ("repo:a/b:environment:x", "ecs:UpdateService", {}, "no permissionsBoundary"),
        (
            "repo:a/b:pull_request",
            "ecs:UpdateService",
            {"permissionsBoundary": "arn"},
            "pull request",
        ),
        (
            "repo:a/b:environment:x",
            "ecs:ListClusters",
            {"maxSessionDuration": 7200},
            "7200 seconds",
        ),
    ],
)
def test_a_workflows_role_is_bounded(judge, sub, action, properties, words):
    (said,) = judge(RULES["iam-oidc-role-bounded"], *workflow_role(sub, action, **properties))

    assert words in said.message


def test_a_workflow_that_only_reads_needs_no_boundary(judge):
    role = workflow_role("repo:a/b:pull_request", "ecs:DescribeClusters")

    assert judge(RULES["iam-oidc-role-bounded"], *role) == []


def test_a_user_is_allowed_by_its_exact_name_only():
    rule = RULES["iam-no-users"]
    runner = through_server(pack_of(rule))
    runner.configure({rule.id: {"allowedUsers": ["smtp"]}})

    assert runner.run([node("mail", "aws:iam/user:User", {"name": "smtp"})]) == []
    assert runner.run([node("mail", "aws:iam/user:User", {"name": "smtp2"})])


def test_reads_by_pattern_are_advice(judge):
    (said,) = judge(
        RULES["iam-no-write-prefix-wildcard"],
        policy(allow("ecs:Describe*", on=f"arn:aws:ecs:eu-west-1:{A}:service/a/b")),
    )

    assert said.level == "advisory"


def test_a_service_that_is_not_in_the_table_is_advice(judge):
    (said,) = judge(RULES["iam-trust-confused-deputy"], trust({"Service": "new.amazonaws.com"}))

    assert said.level == "advisory"


SECRET = node("password", "aws:secretsmanager/secret:Secret")


def reader(role, name="reads"):
    return node(
        name,
        "aws:iam/rolePolicy:RolePolicy",
        {
            "role": f"${{{role}.id}}",
            "policy": document(allow("secretsmanager:GetSecretValue", on="${password.arn}")),
        },
    )


def task(**container):
    return node(
        "api",
        "aws:ecs/taskDefinition:TaskDefinition",
        {
            "executionRoleArn": "${execution.arn}",
            "taskRoleArn": "${task.arn}",
            "containerDefinitions": json.dumps([{"name": "api", "image": "x", **container}]),
        },
    )


ROLES = [node(n, ROLE, {"assumeRolePolicy": "{}"}) for n in ("execution", "task")]
INJECTED = {"secrets": [{"name": "P", "valueFrom": "${password.arn}:password::"}]}
HANDED = {"environment": [{"name": "P_ARN", "value": "${password.arn}"}]}


@pytest.mark.parametrize(
    ("container", "role", "found"),
    [
        (INJECTED, "execution", False),
        (INJECTED, "task", True),
        (HANDED, "task", False),
        (HANDED, "execution", True),
        ({}, "task", True),
    ],
)
def test_a_secret_is_read_by_the_role_that_needs_it(judge, container, role, found):
    said = judge(RULES["iam-secret-least-readers"], SECRET, *ROLES, task(**container), reader(role))

    assert bool([s for s in said if s.level == "mandatory"]) is found


def test_a_task_whose_secret_nobody_may_read_is_found(judge):
    said = judge(RULES["iam-secret-least-readers"], SECRET, *ROLES, task(**INJECTED))

    assert [(s.name, s.level) for s in said] == [("password", "mandatory")]


def test_a_secret_that_nobody_reads_is_advice(judge):
    assert [s.level for s in judge(RULES["iam-secret-least-readers"], SECRET)] == ["advisory"]
