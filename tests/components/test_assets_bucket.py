"""A bucket of assets is private, keeps what is overwritten, and can be copied far away."""

import json

import pytest

from components.assets_bucket import AssetsBucket
from rehearsal.recording import UNKNOWN

BUCKET = "aws:s3/bucket:Bucket"
ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
)
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
METRIC = "aws:s3/bucketMetric:BucketMetric"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
ROLE = "aws:iam/role:Role"
HERE, THERE = "arn:aws:s3:::assets-bucket", "arn:aws:s3:::copies"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/here"
FARAWAY_KEY = "arn:aws:kms:eu-central-1:123456789012:key/there"
REPLICA = {"bucket_arn": THERE, "kms_key_arn": FARAWAY_KEY, "region": "eu-central-1"}


def build(name="assets", **changes):
    return AssetsBucket(
        name,
        {
            "account_id": "123456789012",
            "region": "eu-west-1",
            "kms_key_arn": KEY,
            **changes,
        },
    )


def answer(registration):
    name = registration.name
    return f"{name}-id", {
        "arn": f"arn:aws:s3:::{name}",
        "bucketRegionalDomainName": f"{name}.s3.eu-west-1.amazonaws.com",
    }


def built(record, **changes):
    return record(lambda: build(**changes), answer=answer)


def test_it_is_private_owned_and_versioned(record):
    graph = built(record)

    assert graph.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs == {
        "region": "eu-west-1",
        "bucket": "assets-bucket-id",
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }
    ownership = graph.one("aws:s3/bucketOwnershipControls:BucketOwnershipControls").inputs
    assert ownership["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    versioning = graph.one("aws:s3/bucketVersioning:BucketVersioning").inputs
    assert versioning["versioningConfiguration"] == {"status": "Enabled"}


def test_objects_are_encrypted_with_the_key_it_is_given(record):
    assert built(record).one(ENCRYPTION).inputs["rules"] == [
        {
            "applyServerSideEncryptionByDefault": {
                "sseAlgorithm": "aws:kms",
                "kmsMasterKeyId": KEY,
            },
            "bucketKeyEnabled": True,
        }
    ]


@pytest.mark.parametrize(("changes", "days"), [({}, 90), ({"noncurrent_days": 1}, 1)])
def test_only_what_was_overwritten_or_deleted_is_forgotten(record, changes, days):
    assert built(record, **changes).one(LIFECYCLE).inputs["rules"] == [
        {
            "id": "forget",
            "status": "Enabled",
            "filter": {},
            "noncurrentVersionExpiration": {"noncurrentDays": days},
            "expiration": {"expiredObjectDeleteMarker": True},
            "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
        }
    ]


def test_everything_of_s3_is_in_its_region(record):
    graph = built(record, log_bucket="logs", replica=REPLICA)

    of_s3 = [r for r in graph.custom if r.type.startswith("aws:s3/")]
    assert len(of_s3) == 8
    assert {r.inputs.get("region") for r in of_s3} == {"eu-west-1"}


def test_assets_survive_a_mistake_by_default(record):
    bucket = built(record).one(BUCKET)

    assert bucket.protect is True
    assert bucket.inputs["forceDestroy"] is False


def test_assets_of_a_temporary_stack_may_go_with_it(record):
    bucket = built(record, protect=False, force_destroy=True).one(BUCKET)

    assert bucket.protect is False
    assert bucket.inputs["forceDestroy"] is True


def test_access_is_logged_where_there_is_a_bucket_for_it(record):
    logging = built(record, log_bucket="logs").one(LOGGING).inputs
    assert (logging["targetBucket"], logging["targetPrefix"]) == ("logs", "assets/")

    logging = built(record, log_bucket="logs", log_prefix="uploads").one(LOGGING).inputs
    assert logging["targetPrefix"] == "uploads/"


def test_it_is_neither_logged_nor_copied_unless_asked(record):
    assert {r.type for r in built(record).custom}.isdisjoint({LOGGING, REPLICATION, ROLE})


def test_everything_is_copied_deletions_too(record):
    replication = built(record, replica=REPLICA).one(REPLICATION).inputs

    assert replication["role"] == "arn:aws:s3:::assets-replication-role"
    assert replication["rules"] == [
        {
            "id": "everything",
            "status": "Enabled",
            "priority": 0,
            "filter": {},
            "deleteMarkerReplication": {"status": "Enabled"},
            "sourceSelectionCriteria": {"sseKmsEncryptedObjects": {"status": "Enabled"}},
            "destination": {
                "bucket": THERE,
                "encryptionConfiguration": {"replicaKmsKeyId": FARAWAY_KEY},
                "metrics": {"status": "Enabled"},
            },
        }
    ]


def test_s3_alone_takes_the_role_of_the_copy(record):
    trust = json.loads(built(record, replica=REPLICA).one(ROLE).inputs["assumeRolePolicy"])

    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"


def test_the_role_of_the_copy_reads_here_and_writes_there(record):
    policy = built(record, replica=REPLICA).one("aws:iam/rolePolicy:RolePolicy").inputs["policy"]
    found = {statement["Sid"]: statement for statement in json.loads(policy)["Statement"]}

    assert {sid: statement["Resource"] for sid, statement in found.items()} == {
        "ReadWhatToCopy": HERE,
        "ReadVersions": f"{HERE}/*",
        "WriteCopies": f"{THERE}/*",
        "Decrypt": KEY,
        "Encrypt": FARAWAY_KEY,
    }
    assert found["WriteCopies"]["Action"] == [
        "s3:ReplicateDelete",
        "s3:ReplicateObject",
        "s3:ReplicateTags",
    ]
    for sid, region, bucket in (("Decrypt", "eu-west-1", HERE), ("Encrypt", "eu-central-1", THERE)):
        assert found[sid]["Action"] == f"kms:{sid}"
        assert found[sid]["Condition"] == {
            "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket, f"{bucket}/*"]},
        }


@pytest.mark.parametrize("type_", [LIFECYCLE, REPLICATION])
def test_what_is_about_versions_waits_for_them(record, type_):
    graph = built(record, replica=REPLICA)

    assert any("bucketVersioning" in urn for urn in graph.one(type_).dependencies)


def test_a_copy_waits_until_the_other_bucket_keeps_versions(record):
    """S3 refuses a replication into a bucket without versions, and the ARN is what leads to it."""

    def program():
        there = build("copies", region="eu-central-1")
        build(replica={**REPLICA, "bucket_arn": there.arn})

    replication = record(program, answer=answer).one(REPLICATION)

    assert any(
        urn.endswith("::copies-versioning") for urn in replication.property_dependencies["rules"]
    )


def test_the_name_is_known_only_once_the_public_is_shut_out(record):
    """Whoever sets the policy uses the name: S3 refuses two such changes at a time."""
    import pulumi_aws as aws

    def program():
        aws.s3.BucketMetric("user", bucket=build().bucket, name="all")

    user = record(program, answer=answer).one(METRIC)

    assert any("PublicAccessBlock" in urn for urn in user.property_dependencies["bucket"])


def test_every_child_belongs_to_the_component_and_two_instances_coexist(record):
    graph = record(lambda: (build(replica=REPLICA), build("copies")), answer=answer)

    assert len(graph.custom) == 6 + 3 + 6
    for child in graph.custom:
        owner = child.name.split("-")[0]
        assert child.parent.endswith(f"babyrobots:index:AssetsBucket::{owner}")


@pytest.mark.parametrize("preview", [False, True])
def test_outputs_are_registered(record, preview):
    options = {} if preview else {"answer": answer}
    outputs = record(build, preview=preview, **options).one("babyrobots:index:AssetsBucket").outputs

    assert outputs == {
        "bucket": UNKNOWN if preview else "assets-bucket-id",
        "arn": UNKNOWN if preview else HERE,
        "regional_domain_name": (
            UNKNOWN if preview else "assets-bucket.s3.eu-west-1.amazonaws.com"
        ),
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"noncurrent_days": 0}, "noncurrent_days is 0"),
        ({"log_prefix": ""}, "log_prefix is ''"),
        ({"log_prefix": "a/b"}, "log_prefix is 'a/b'; it must be a plain folder name"),
        ({"replica": {**REPLICA, "region": "eu-west-1"}}, "replica is in eu-west-1 as well"),
        ({"noncurrent_days": 0, "log_prefix": ""}, "noncurrent_days is 0.*log_prefix is ''"),
    ],
)
def test_mistakes_are_refused_before_anything_exists(record, changes, words):
    with pytest.raises(ValueError, match=f"AssetsBucket 'assets': .*{words}"):
        record(lambda: build(**changes))


def test_extra_tags_reach_the_bucket_and_the_role(record):
    graph = built(record, replica=REPLICA, tags={"Team": "robots"})

    for type_ in (BUCKET, ROLE):
        assert graph.one(type_).inputs["tags"] == {"Name": "assets", "Team": "robots"}
