"""The critical path is the longest chain of waiting, whatever else is created meanwhile."""

import json

import pulumi
import pulumi_aws as aws
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.critical_path import DATA, critical_path, load_durations
from rehearsal.recording import run_program

TIMES = {
    "aws:sns/topic:Topic": 10.0,
    "aws:sqs/queue:Queue": 3.0,
    "aws:iam/role:Role": 1.0,
    "default": 2.0,
}


def answer(registration):
    return f"{registration.name}-id", {"arn": f"arn:{registration.name}"}


def path(build, times=TIMES, **options):
    return critical_path(run_program(build, answer=answer, **options), times)


def test_the_longest_chain_counts_and_what_is_beside_it_does_not():
    def build():
        role = aws.iam.Role("role", assume_role_policy="{}")
        aws.sns.Topic("slow", policy=role.arn)
        queue = aws.sqs.Queue("queue", policy=role.arn)
        aws.ecs.Cluster("cluster", opts=pulumi.ResourceOptions(depends_on=[queue]))

    found = path(build)
    assert [(step.name, step.starts, step.seconds) for step in found.steps] == [
        ("role", 0.0, 1.0),
        ("slow", 1.0, 10.0),
    ]
    assert found.seconds == 11.0
    assert found.one_by_one == 16.0


def test_a_preview_has_the_same_path():
    def build():
        topic = aws.sns.Topic("a")
        aws.sqs.Queue("b", policy=topic.arn)

    preview = critical_path(run_program(build, preview=True), TIMES)
    assert [step.name for step in preview.steps] == ["a", "b"]
    assert preview.steps == path(build).steps


def test_components_and_providers_take_no_time():
    def build():
        aws.Provider("aws", region="r")
        pulumi.ComponentResource("a:b:C", "c")

    found = path(build)
    assert (found.steps, found.seconds, found.one_by_one) == ((), 0, 0)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({"wait_for_steady_state": True}, 120.0), ({"wait_for_steady_state": False}, 2.0), ({}, 2.0)],
)
def test_a_service_that_waits_for_its_tasks_takes_longer(arguments, expected):
    assert path(lambda: aws.ecs.Service("s", **arguments), times=None).seconds == expected


def test_a_database_in_two_zones_takes_longer_than_in_one():
    def database(**arguments):
        build = lambda: aws.rds.Instance("d", instance_class="db.t4g.micro", **arguments)  # noqa: E731
        return path(build, times=None).seconds

    assert database(multi_az=True) > database(multi_az=False) == database()


def test_a_gateway_endpoint_is_faster_than_an_interface():
    def endpoint(**arguments):
        build = lambda: aws.ec2.VpcEndpoint("e", vpc_id="v", service_name="s", **arguments)  # noqa: E731
        return path(build, times=None).seconds

    assert endpoint(vpc_endpoint_type="Interface") > endpoint(vpc_endpoint_type="Gateway")
    assert endpoint() == endpoint(vpc_endpoint_type="Gateway")


def test_every_time_has_a_source_and_lies_between_its_bounds():
    document = json.loads(DATA.read_text())
    dated, durations = load_durations()
    assert dated == "2026-11-23"
    assert durations.keys() == document["durations"].keys()
    for token, entry in document["durations"].items():
        assert entry["low"] <= entry["seconds"] <= entry["high"], token
        assert entry["source"], token
        assert entry["kind"] in ("observed", "estimate"), token


@given(edges=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_it_equals_the_longest_of_all_chains(edges):
    waits: dict[int, set[int]] = {number: set() for number in range(8)}
    for one, other in edges:
        if one != other:
            waits[max(one, other)].add(min(one, other))

    def build():
        made = []
        for number in range(8):
            opts = pulumi.ResourceOptions(depends_on=[made[w] for w in sorted(waits[number])])
            kind = (aws.sns.Topic, aws.sqs.Queue)[number % 2]
            made.append(kind(f"r{number}", opts=opts))

    def longest(number: int) -> float:
        own = (10.0, 3.0)[number % 2]
        return own + max((longest(w) for w in waits[number]), default=0.0)

    found = path(build)
    assert found.seconds == max(longest(number) for number in range(8))
    assert all(
        later.starts == earlier.starts + earlier.seconds
        for earlier, later in zip(found.steps, found.steps[1:], strict=False)
    )
