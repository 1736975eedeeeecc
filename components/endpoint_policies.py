"""What may pass through each VPC endpoint: an upper bound on top of the callers' own policies.

An endpoint without a policy lets whoever holds a stolen key of another account carry data out
through it. Each policy here admits the identities of this account only, for the actions that a
workload of this project makes; the S3 and DynamoDB ones reach data of this account only.
https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
https://docs.aws.amazon.com/whitepapers/latest/building-a-data-perimeter-on-aws/appendix-2-vpc-endpoint-policy-examples.html
"""

from collections.abc import Sequence
from typing import Any

GATEWAY_ACTIONS: dict[str, Sequence[str]] = {
    "dynamodb": (
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:DescribeTable",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
    ),
    "s3": (
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetBucketLocation",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:GetObject",
        "s3:GetObjectAttributes",
        "s3:GetObjectTagging",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:ListBucketVersions",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
        "s3:PutObjectTagging",
    ),
}
"""Actions on data, not on tables and buckets: those are made by people and pipelines, elsewhere."""

_PULL = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:BatchImportUpstreamImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
)
INTERFACE_ACTIONS: dict[str, Sequence[str]] = {
    "ecr.api": _PULL,
    "ecr.dkr": _PULL,
    "kms": ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"),
    "logs": (
        "logs:CreateLogStream",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
    ),
    "monitoring": ("cloudwatch:PutMetricData",),
    "secretsmanager": (
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        # What a rotation function does, from a private subnet because the database is there.
        "secretsmanager:GetRandomPassword",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    ),
    "ssm": ("ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"),
    "ssmmessages": (
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ),
    "sts": ("sts:AssumeRole", "sts:GetCallerIdentity"),
    "xray": (
        "xray:GetSamplingRules",
        "xray:GetSamplingStatisticSummaries",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    ),
}
"""Services that can have an interface endpoint here, and what a task asks of each.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html"""


def interface_problems(services: Sequence[str]) -> list[str]:
    """Why a list of services cannot have interface endpoints; empty when it can."""
    known = ", ".join(INTERFACE_ACTIONS)
    problems = [
        f"no interface endpoint is defined for {service!r}; choose from {known}"
        for service in dict.fromkeys(services)
        if service not in INTERFACE_ACTIONS
    ]
    return problems + [
        f"interface endpoint {service} is given twice"
        for service in dict.fromkeys(services)
        if services.count(service) > 1
    ]


def interface_policy(service: str, account_id: Any) -> dict[str, Any]:
    """The policy of an interface endpoint; `account_id` may be an output."""
    return _document(_own_identities(INTERFACE_ACTIONS[service], account_id))


def gateway_policy(service: str, region: str, account_id: Any, vpc_id: Any) -> dict[str, Any]:
    """The policy of a gateway endpoint; `account_id` and `vpc_id` may be outputs."""
    own = _own_identities(GATEWAY_ACTIONS[service], account_id)
    own["Condition"]["StringEquals"]["aws:ResourceAccount"] = account_id
    if service != "s3":
        return _document(own)
    return _document(own, _image_layers(region, vpc_id))


def _own_identities(actions: Sequence[str], account_id: Any) -> dict[str, Any]:
    return {
        "Sid": "OwnIdentities",
        "Effect": "Allow",
        "Principal": "*",
        "Action": list(actions),
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": account_id}},
    }


def _image_layers(region: str, vpc_id: Any) -> dict[str, Any]:
    # ECR keeps layers in a bucket of its own and signs their addresses itself, so neither account
    # is ours. https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
    return {
        "Sid": "ImageLayers",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::prod-{region}-starport-layer-bucket/*",
        "Condition": {"StringEquals": {"aws:SourceVpc": vpc_id}},
    }


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
