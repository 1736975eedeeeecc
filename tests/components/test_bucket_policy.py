"""A bucket's policy refuses plain HTTP, and admits whom it is given and nobody else."""

import json

import pulumi
import pytest

from components.bucket_policy import BucketPolicy
from rehearsal.recording import UNKNOWN

POLICY = "aws:s3/bucketPolicy:BucketPolicy"
TLS = {
    "Sid": "OnlyOverTls",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::assets", "arn:aws:s3:::assets/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
READ = {
    "Sid": "DistributionReads",
    "Effect": "Allow",
    "Principal": {"Service": "cloudfront.amazonaws.com"},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::assets/*",
}


def build(name="assets", **changes):
    return BucketPolicy(name, {"bucket": "assets", "bucket_arn": "arn:aws:s3:::assets", **changes})


def test_nobody_comes_without_tls_and_nobody_else_is_named(record):
    policy = record(build).one(POLICY).inputs["policy"]

    assert json.loads(policy) == {"Version": "2012-10-17", "Statement": [TLS]}


@pytest.mark.parametrize("given", [dict, pulumi.Output.from_input])
def test_whoever_is_given_is_admitted(record, given):
    graph = record(lambda: build(statements=[given(READ)]))

    assert json.loads(graph.one(POLICY).inputs["policy"])["Statement"] == [TLS, READ]


def test_it_is_made_where_the_bucket_is(record):
    policy = record(lambda: build(region="us-east-1")).one(POLICY, "assets-policy")

    assert policy.inputs["region"] == "us-east-1"
    assert policy.inputs["bucket"] == "assets"
    assert "region" not in record(build).one(POLICY).inputs


def test_the_name_is_known_only_once_the_policy_stands(record):
    import pulumi_aws as aws

    def program():
        aws.s3.BucketMetric("user", bucket=build().bucket, name="all")

    user = record(program).one("aws:s3/bucketMetric:BucketMetric")

    assert any("bucketPolicy" in urn for urn in user.property_dependencies["bucket"])


def test_a_preview_knows_neither_name_nor_document_of_a_bucket_to_come(record):
    import pulumi_aws as aws

    def program():
        bucket = aws.s3.Bucket("new")
        build(bucket=bucket.id, bucket_arn=bucket.arn)

    inputs = record(program, preview=True).one(POLICY).inputs

    assert (inputs["bucket"], inputs["policy"]) == (UNKNOWN, UNKNOWN)
