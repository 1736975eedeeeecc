"""Restoring objects and secrets, against moto."""

import contextlib
import datetime
from unittest import mock

import boto3
import pytest
from moto import mock_aws

from ops.aws import Clients
from ops.recovery.objects import NotVersionedError, ObjectRestoration
from ops.recovery.secrets import NothingBeforeError, SecretRestoration
from ops.recovery.steps import carry_out

REGION = "eu-west-1"


def hour(number):
    return datetime.datetime(2026, 11, 25, number, tzinfo=datetime.UTC)


@contextlib.contextmanager
def at_hour(number):
    """The hour that moto's S3 says it is; it tells the time without its zone."""
    with mock.patch("moto.s3.models.utcnow", return_value=hour(number).replace(tzinfo=None)):
        yield


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws():
        yield Clients(boto3.Session(region_name=REGION), REGION)


@pytest.fixture
def bucket(aws):
    s3 = aws.get("s3")
    s3.create_bucket(Bucket="assets", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="assets", VersioningConfiguration={"Status": "Enabled"})
    return s3


def put(s3, at, **objects):
    with at_hour(at):
        for key, text in objects.items():
            s3.put_object(Bucket="assets", Key=key, Body=text.encode())


def content(s3):
    listed = s3.list_objects_v2(Bucket="assets").get("Contents", [])
    return {
        o["Key"]: s3.get_object(Bucket="assets", Key=o["Key"])["Body"].read().decode()
        for o in listed
    }


def restore(aws, at, prefix=""):
    restoration = ObjectRestoration(aws=aws, bucket="assets", at=hour(at), prefix=prefix)
    return carry_out(restoration.steps())


def test_deleted_and_overwritten_objects_come_back_and_new_ones_stay(aws, bucket):
    put(bucket, 1, deleted="a", overwritten="b", untouched="c")
    put(bucket, 3, overwritten="broken", new="d")
    with at_hour(3):
        bucket.delete_object(Bucket="assets", Key="deleted")

    done = restore(aws, 2)

    assert content(bucket) == {"deleted": "a", "overwritten": "b", "untouched": "c", "new": "d"}
    assert [step.does for step in done] == [
        "bring back deleted of 2026-11-25T01:00:00+00:00",
        "bring back overwritten of 2026-11-25T01:00:00+00:00",
    ]
    assert restore(aws, 2) == [], "what is restored needs nothing more"


def test_what_was_deleted_by_then_stays_deleted(aws, bucket):
    put(bucket, 1, gone="a")
    with at_hour(2):
        bucket.delete_object(Bucket="assets", Key="gone")
    put(bucket, 4, gone="new")

    assert restore(aws, 3) == []


def test_only_keys_of_the_prefix_are_looked_at(aws, bucket):
    put(bucket, 1, a="1", b="1")
    put(bucket, 3, a="2", b="2")

    restore(aws, 2, prefix="a")

    assert content(bucket) == {"a": "1", "b": "2"}


def test_a_restoration_can_be_undone(aws, bucket):
    put(bucket, 1, a="1")
    put(bucket, 3, a="2")
    with at_hour(5):
        restore(aws, 2)

    restore(aws, 4)

    assert content(bucket) == {"a": "2"}


def test_a_bucket_without_versions_has_nothing_to_restore(aws):
    aws.get("s3").create_bucket(
        Bucket="assets", CreateBucketConfiguration={"LocationConstraint": REGION}
    )

    with pytest.raises(NotVersionedError, match="assets keeps no versions"):
        restore(aws, 2)


@pytest.fixture
def secret(aws):
    client = aws.get("secretsmanager")
    client.create_secret(Name="token", SecretString="one")
    return client


def value(client):
    return client.get_secret_value(SecretId="token", VersionStage="AWSCURRENT")["SecretString"]


def bring_back(aws, **more):
    return carry_out(SecretRestoration(aws=aws, secret_id="token", **more).steps())


def test_a_deleted_secret_comes_back(aws, secret):
    secret.delete_secret(SecretId="token", RecoveryWindowInDays=7)

    bring_back(aws)

    assert value(secret) == "one"


def test_a_secret_that_is_there_is_left_alone(aws, secret):
    [done] = bring_back(aws)

    assert done.seen == "nothing to do"
    assert value(secret) == "one"


def test_the_previous_value_can_be_the_current_one_again_and_back(aws, secret):
    secret.put_secret_value(SecretId="token", SecretString="two")

    bring_back(aws, previous=True)
    assert value(secret) == "one"

    bring_back(aws, previous=True)
    assert value(secret) == "two"


@pytest.mark.usefixtures("secret")
def test_a_first_value_has_none_before_it(aws):
    with pytest.raises(NothingBeforeError, match="token has no previous value"):
        list(SecretRestoration(aws=aws, secret_id="token", previous=True).steps())
