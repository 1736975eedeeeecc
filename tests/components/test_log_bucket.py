"""A log bucket takes logs from the load balancers of this account and nothing from anyone else."""

import json

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.log_bucket import LogBucket, LogWriter
from rehearsal.recording import UNKNOWN

BUCKET = "aws:s3/bucket:Bucket"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ELB = "arn:aws:elasticloadbalancing"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"


def build(name="logs", **changes):
    return LogBucket(
        name,
        {
            "account_id": "123456789012",
            "region": "eu-west-1",
            "prefixes": ["connection", "access"],
            **changes,
        },
    )


def answer(registration):
    outputs = {"arn": f"arn:aws:s3:::{registration.name}"}
    return f"{registration.name}-id", outputs


def test_only_load_balancers_of_this_account_and_region_may_write(record):
    document = json.loads(record(build, answer=answer).one(POLICY).inputs["policy"])

    assert document["Version"] == "2012-10-17"
    (allowed,) = [s for s in document["Statement"] if s["Effect"] == "Allow"]
    assert allowed == {
        "Sid": "LoadBalancersWriteLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": [
            "arn:aws:s3:::logs-bucket/access/AWSLogs/123456789012/*",
            "arn:aws:s3:::logs-bucket/connection/AWSLogs/123456789012/*",
        ],
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"{ELB}:eu-west-1:123456789012:loadbalancer/*"},
        },
    }


@pytest.mark.parametrize("writer", [LogWriter.BUCKETS, "buckets"])
def test_only_buckets_of_this_account_may_write_where_buckets_are_the_writer(record, writer):
    graph = record(lambda: build(writer=writer), answer=answer)
    document = json.loads(graph.one(POLICY).inputs["policy"])

    (allowed,) = [s for s in document["Statement"] if s["Effect"] == "Allow"]
    assert allowed == {
        "Sid": "BucketsWriteLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": [
            "arn:aws:s3:::logs-bucket/access/*",
            "arn:aws:s3:::logs-bucket/connection/*",
        ],
        "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
    }


def test_a_writer_that_is_neither_is_refused(record):
    with pytest.raises(ValueError, match="'trail' is not a valid LogWriter"):
        record(lambda: build(writer="trail"), answer=answer)


def test_nobody_comes_without_tls(record):
    document = json.loads(record(build, answer=answer).one(POLICY).inputs["policy"])

    (denied,) = [s for s in document["Statement"] if s["Effect"] == "Deny"]
    assert denied == {
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::logs-bucket", "arn:aws:s3:::logs-bucket/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_it_is_private_owned_encrypted_and_versioned(record):
    graph = record(build, answer=answer)

    block = graph.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert block == {
        "bucket": "logs-bucket-id",
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }
    ownership = graph.one("aws:s3/bucketOwnershipControls:BucketOwnershipControls").inputs
    assert ownership["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    (encryption,) = graph.one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    ).inputs["rules"]
    assert encryption == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}, (
        "load balancers cannot write to a bucket encrypted with KMS"
    )
    versioning = graph.one("aws:s3/bucketVersioning:BucketVersioning").inputs
    assert versioning["versioningConfiguration"] == {"status": "Enabled"}


@pytest.mark.parametrize(("changes", "days"), [({}, 365), ({"retention_days": 14}, 14)])
def test_logs_expire(record, changes, days):
    rules = record(lambda: build(**changes), answer=answer).one(LIFECYCLE).inputs["rules"]

    assert [rule["id"] for rule in rules] == ["expire-access", "expire-connection"]
    assert rules[0] == {
        "id": "expire-access",
        "status": "Enabled",
        "filter": {"prefix": "access/"},
        "expiration": {"days": days},
        "noncurrentVersionExpiration": {"noncurrentDays": 30},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
    }


def test_logs_survive_a_mistake_by_default(record):
    bucket = record(build, answer=answer).one(BUCKET)

    assert bucket.protect is True
    assert bucket.inputs["forceDestroy"] is False


def test_logs_of_a_temporary_stack_may_go_with_it(record):
    bucket = record(lambda: build(protect=False, force_destroy=True), answer=answer).one(BUCKET)

    assert bucket.protect is False
    assert bucket.inputs["forceDestroy"] is True


def test_conditional_changes_wait_for_each_other(record):
    graph = record(build, answer=answer)

    def waits(type_, for_):
        return any(for_ in urn for urn in graph.one(type_).dependencies)

    assert waits(POLICY, "bucketPublicAccessBlock")
    assert waits(LIFECYCLE, "bucketVersioning")


def test_the_name_is_known_only_once_the_policy_stands(record):
    """Whoever uses the name depends on the policy: that is how a load balancer waits for it."""
    import pulumi_aws as aws

    def program():
        aws.s3.BucketMetric("user", bucket=build().bucket, name="all")

    user = record(program, answer=answer).one("aws:s3/bucketMetric:BucketMetric")

    assert any("bucketPolicy" in urn for urn in user.property_dependencies["bucket"])


def test_every_child_belongs_to_the_component_and_two_instances_coexist(record):
    graph = record(lambda: (build(), build("edge")), answer=answer)

    assert len(graph.custom) == 14
    for child in graph.custom:
        owner = child.name.split("-")[0]
        assert child.parent.endswith(f"babyrobots:index:LogBucket::{owner}")


@pytest.mark.parametrize("preview", [False, True])
def test_outputs_are_registered(record, preview):
    options = {} if preview else {"answer": answer}
    outputs = record(build, preview=preview, **options).one("babyrobots:index:LogBucket").outputs

    expected = (UNKNOWN, UNKNOWN) if preview else ("logs-bucket-id", "arn:aws:s3:::logs-bucket")
    assert outputs == {"bucket": expected[0], "arn": expected[1]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"retention_days": 0}, "retention_days is 0"),
        ({"prefixes": []}, "prefixes is empty"),
        ({"prefixes": ["a/b"]}, "'a/b' must be a plain folder name"),
        ({"prefixes": ["AWSLogs"]}, "'AWSLogs' must be a plain folder name"),
        ({"prefixes": ["*"]}, "must be a plain folder name"),
    ],
)
def test_mistakes_are_refused_before_anything_exists(record, changes, words):
    with pytest.raises(ValueError, match=words):
        record(lambda: build(**changes))


def test_extra_tags_reach_the_bucket(record):
    bucket = record(lambda: build(tags={"backup": "none"}), answer=answer).one(BUCKET)

    assert bucket.inputs["tags"] == {"Name": "logs", "backup": "none"}


def test_it_can_be_published_as_a_package():
    schema = Analyzer("babyrobots").analyze([LogBucket])["component_definitions"]["LogBucket"]

    required = {name for name, prop in schema.inputs.items() if not prop.optional}
    assert required == {"accountId", "region", "prefixes"}
    undocumented = [
        n for n, p in (*schema.inputs.items(), *schema.outputs.items()) if not p.description
    ]
    assert undocumented == []
