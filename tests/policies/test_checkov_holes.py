"""Ten programs that checkov 3.3.30 passes, as measured, and this pack does not."""

import pytest
from guardrails.examples import document
from guardrails.registry import node

from tests.policies.harness import pack_of, through_server

A = "123456789012"
GITHUB = "token.actions.githubusercontent.com"
SERVICE = {
    "Effect": "Allow",
    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"aws:SourceAccount": A}},
}


def github(**conditions):
    return {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{A}:oidc-provider/{GITHUB}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": conditions,
    }


AUDIENCE = {f"{GITHUB}:aud": "sts.amazonaws.com"}
EXACT = f"{GITHUB}:sub"


def role(*statements):
    return node("subject", "aws:iam/role:Role", {"assumeRolePolicy": document(*statements)})


def policy(name, *statements, of="subject"):
    return node(
        name,
        "aws:iam/rolePolicy:RolePolicy",
        {"role": f"${{{of}.id}}", "policy": document(*statements)},
    )


def allow(action, on="*"):
    return {"Effect": "Allow", "Action": action, "Resource": on}


def ingress(cidr, port):
    return [
        node(
            "subject",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            {
                "securityGroupId": "sg-1",
                "cidrIpv4": cidr,
                "ipProtocol": "tcp",
                "fromPort": port,
                "toPort": port,
                "description": "Clients",
            },
        )
    ]


PASS_AND_RUN = ["iam:PassRole", "ecs:RegisterTaskDefinition", "ecs:RunTask"]
HOLES = {
    "a second statement that trusts every repository": (
        "iam-oidc-subject-pinned",
        [role(SERVICE, github(StringEquals=AUDIENCE))],
    ),
    "a subject that is only checked if it exists": (
        "iam-oidc-subject-pinned",
        [
            role(
                github(
                    StringEquals=AUDIENCE,
                    StringLikeIfExists={EXACT: "repo:acme/api:environment:production"},
                )
            )
        ],
    ),
    "a subject of every repository of an organisation": (
        "iam-oidc-subject-pinned",
        [role(github(StringEquals=AUDIENCE, StringLike={EXACT: "repo:acme/*"}))],
    ),
    "every secret": (
        "iam-data-read-scoped",
        [
            policy(
                "subject",
                allow(
                    "secretsmanager:GetSecretValue",
                    f"arn:aws:secretsmanager:eu-west-1:{A}:secret:*",
                ),
                of="x",
            )
        ],
    ),
    "every bucket": (
        "iam-data-read-scoped",
        [policy("subject", allow("s3:GetObject", "arn:aws:s3:::*"), of="x")],
    ),
    "every key": (
        "iam-data-read-scoped",
        [policy("subject", allow("kms:Decrypt", f"arn:aws:kms:eu-west-1:{A}:key/*"), of="x")],
    ),
    "an escalation through a new task": (
        "iam-no-privilege-escalation",
        [role(SERVICE), policy("p", allow(PASS_AND_RUN))],
    ),
    "the same escalation split over two policies": (
        "iam-no-privilege-escalation",
        [role(SERVICE), policy("p", allow(PASS_AND_RUN[:1])), policy("q", allow(PASS_AND_RUN[1:]))],
    ),
    "a service that anybody can ask to assume the role": (
        "iam-trust-confused-deputy",
        [role({k: v for k, v in SERVICE.items() if k != "Condition"})],
    ),
    "a database port open to the world": ("net-sg-public-ingress", ingress("0.0.0.0/0", 5432)),
    "half of the world": ("net-sg-public-ingress", ingress("0.0.0.0/1", 443)),
    "a TLS policy with CBC and RSA key exchange": (
        "tls-listener-policy",
        [
            node(
                "subject",
                "aws:lb/listener:Listener",
                {
                    "port": 443,
                    "protocol": "HTTPS",
                    "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06",
                    "certificateArn": f"arn:aws:acm:eu-west-1:{A}:certificate/x",
                },
            )
        ],
    ),
}


@pytest.mark.parametrize("hole", HOLES, ids=str)
def test_what_checkov_passes_is_found_here(hole):
    rule, resources = HOLES[hole]

    said = through_server(pack_of(profile="production")).run(resources)

    assert (rule, "mandatory", "subject") in [s[:3] for s in said]
