"""The graph: who refers to whom, with ids and without."""

import pytest
from guardrails.resources import Resource, Stack
from guardrails.values import NotEvaluatedError, Unknown

BUCKET = "aws:s3/bucket:Bucket"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"


def resource(name: str, type: str = BUCKET, depends: dict | None = None, **properties) -> Resource:
    return Resource(
        urn=name,
        type=type,
        name=name,
        properties=properties,
        property_dependencies={
            k: (v,) if isinstance(v, str) else v for k, v in (depends or {}).items()
        },
    )


def names(resources: list[Resource]) -> list[str]:
    return [r.name for r in resources]


def test_a_dependency_joins_even_when_every_id_is_unknown():
    bucket, other = resource("b", id=Unknown("id")), resource("o", id=Unknown("id"))
    policy = resource("p", POLICY, {"bucket": "b"}, bucket=Unknown("bucket"))
    stack = Stack([bucket, other, policy])

    assert names(stack.targets(policy, "bucket", BUCKET)) == ["b"]
    assert names(stack.sources(bucket, "bucket", POLICY)) == ["p"]
    assert stack.sources(other, "bucket", POLICY) == []


@pytest.mark.parametrize("key", ["id", "arn", "bucket"])
def test_a_value_joins_where_no_dependency_says_so(key):
    stack = Stack([resource("b", **{key: "the-value"}), resource("p", POLICY, bucket="the-value")])

    assert names(stack.targets(stack.by_urn["p"], "bucket", BUCKET)) == ["b"]


def test_a_value_passed_on_by_another_resource_is_followed():
    stack = Stack(
        [
            resource("b"),
            resource("v", VERSIONING, {"bucket": "b"}, bucket=Unknown("bucket")),
            resource("p", POLICY, {"bucket": "v"}, bucket=Unknown("bucket")),
        ]
    )

    assert names(stack.targets(stack.by_urn["p"], "bucket", BUCKET)) == ["b"]


def test_a_circle_of_dependencies_ends():
    stack = Stack(
        [
            resource("v", VERSIONING, {"bucket": "w"}, bucket=Unknown("bucket")),
            resource("w", VERSIONING, {"bucket": "v"}, bucket=Unknown("bucket")),
        ]
    )

    with pytest.raises(NotEvaluatedError):
        stack.targets(stack.by_urn["v"], "bucket", BUCKET)


def test_among_several_dependencies_the_known_value_decides():
    stack = Stack(
        [
            resource("a", id="a-id"),
            resource("b", id="b-id"),
            resource("p", POLICY, {"bucket": ("a", "b")}, bucket="b-id"),
        ]
    )

    # one dependency of two is what the value names
    assert names(stack.targets(stack.by_urn["p"], "bucket", BUCKET)) == ["b"]


def test_what_cannot_be_told_is_not_evaluated_rather_than_absent():
    bucket = resource("b", id="b-id")
    stack = Stack([bucket, resource("p", POLICY, bucket=Unknown("bucket"))])

    with pytest.raises(NotEvaluatedError):
        stack.sources(bucket, "bucket", POLICY)


def test_an_undecided_one_does_not_matter_once_another_is_certain():
    bucket = resource("b", id="b-id")
    stack = Stack(
        [
            bucket,
            resource("p", POLICY, bucket=Unknown("bucket")),
            resource("q", POLICY, bucket="b-id"),
        ]
    )

    assert names(stack.sources(bucket, "bucket", POLICY)) == ["q"]


def test_another_spelling_of_a_type_is_found_under_the_canonical_one():
    stack = Stack([resource("b", "aws:s3/bucketV2:BucketV2")])

    assert names(stack.of(BUCKET)) == ["b"]


def test_lists_lead_to_every_member():
    subnet, group = "aws:ec2/subnet:Subnet", "aws:rds/subnetGroup:SubnetGroup"
    stack = Stack(
        [
            resource("s1", subnet, id="s1-id"),
            resource("s2", subnet, id="s2-id"),
            resource("s3", subnet, id="s3-id"),
            resource("g", group, {"subnetIds": ("s1", "s2")}, subnetIds=["s1-id", "s2-id"]),
            resource("h", group, {"subnetIds": ("s3",)}, subnetIds=[Unknown("subnetIds[0]")]),
        ]
    )

    assert names(stack.targets(stack.by_urn["g"], "subnetIds", subnet)) == ["s1", "s2"]
    assert names(stack.targets(stack.by_urn["h"], "subnetIds", subnet)) == ["s3"]
