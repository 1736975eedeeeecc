"""A route is one target group and one rule; what it cannot prove: that a task becomes healthy."""

import pulumi_aws as aws
import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.alb_route import AlbRoute, Balancing
from rehearsal.recording import UNKNOWN

TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
RULE = "aws:lb/listenerRule:ListenerRule"


def build(name="main-api", **changes):
    own = {key: changes.pop(key) for key in ("priority", "tags") if key in changes}
    return AlbRoute(
        name,
        {
            "service": {
                "port": 8080,
                "hosts": ["api.example.com"],
                "paths": ["/v1/*", "/health"],
                **changes,
            },
            "vpc_id": "vpc-1",
            "listener_arn": "arn:listener",
            "load_balancer_arn_suffix": "app/main/0123",
            "priority": 7325,
            **own,
        },
    )


def answer(registration):
    return f"{registration.name}-id", {
        "arn": f"arn:{registration.name}",
        "arnSuffix": f"targetgroup/{registration.name}/4567",
        "name": registration.name,
    }


@pytest.mark.parametrize("preview", [False, True])
def test_tasks_are_targets_by_address_with_quick_careful_checks(record, preview):
    options = {} if preview else {"answer": answer}
    group = record(build, preview=preview, **options).one(TARGET_GROUP, "main-api-tg")

    assert group.inputs == {
        "vpcId": "vpc-1",
        "targetType": "ip",
        "protocol": "HTTP",
        "protocolVersion": "HTTP1",
        "port": 8080,
        "deregistrationDelay": 30,
        "loadBalancingAlgorithmType": "least_outstanding_requests",
        "slowStart": 0,
        "healthCheck": {
            "protocol": "HTTP",
            "port": "traffic-port",
            "path": "/health",
            "matcher": "200",
            "interval": 10,
            "timeout": 5,
            "healthyThreshold": 2,
            "unhealthyThreshold": 3,
        },
        "tags": {"Name": "main-api"},
    }


def test_every_choice_reaches_the_target_group(record):
    group = record(
        lambda: build(
            health_check_path="/ready",
            health_check_matcher="200-299",
            health_check_interval_seconds=30,
            deregistration_delay_seconds=120,
            balancing=Balancing.ROUND_ROBIN,
            tags={"Team": "api"},
        ),
        answer=answer,
    ).one(TARGET_GROUP)

    check = group.inputs["healthCheck"]
    assert (check["path"], check["matcher"], check["interval"]) == ("/ready", "200-299", 30)
    assert group.inputs["deregistrationDelay"] == 120
    assert group.inputs["loadBalancingAlgorithmType"] == "round_robin"
    assert group.inputs["tags"] == {"Name": "main-api", "Team": "api"}


def test_the_rule_leads_its_hosts_and_paths_to_the_target_group(record):
    rule = record(build, answer=answer).one(RULE, "main-api-rule")

    assert rule.inputs == {
        "listenerArn": "arn:listener",
        "priority": 7325,
        "conditions": [
            {"hostHeader": {"values": ["api.example.com"]}},
            {"pathPattern": {"values": ["/health", "/v1/*"]}},
        ],
        "actions": [{"type": "forward", "targetGroupArn": "arn:main-api-tg"}],
        "tags": {"Name": "main-api"},
    }


@pytest.mark.parametrize(
    ("hosts", "paths", "conditions"),
    [
        (["API.example.com"], [], [{"hostHeader": {"values": ["api.example.com"]}}]),
        ([], ["/v1/*"], [{"pathPattern": {"values": ["/v1/*"]}}]),
        ([], [], [{"pathPattern": {"values": ["/*"]}}]),
    ],
)
def test_a_rule_has_only_the_conditions_it_needs_and_at_least_one(record, hosts, paths, conditions):
    graph = record(lambda: build(hosts=hosts, paths=paths), answer=answer)

    assert graph.one(RULE).inputs["conditions"] == conditions


def test_whoever_uses_the_target_group_waits_for_the_rule(record):
    """ECS refuses a service whose target group is not yet behind a load balancer."""

    def program():
        aws.lb.TargetGroupAttachment(
            "user", target_group_arn=build().target_group_arn, target_id="10.0.0.1"
        )

    user = record(program, answer=answer).one("aws:lb/targetGroupAttachment:TargetGroupAttachment")

    assert user.inputs["targetGroupArn"] == "arn:main-api-tg"
    assert any("listenerRule" in urn for urn in user.property_dependencies["targetGroupArn"])


def test_outputs_are_registered_and_the_label_is_what_scaling_wants(record):
    outputs = record(build, answer=answer).one("babyrobots:index:AlbRoute").outputs

    assert outputs == {
        "target_group_arn": "arn:main-api-tg",
        "target_group_arn_suffix": "targetgroup/main-api-tg/4567",
        "target_group_name": "main-api-tg",
        "listener_rule_arn": "arn:main-api-rule",
        "resource_label": "app/main/0123/targetgroup/main-api-tg/4567",
    }


def test_what_only_a_deployment_knows_is_unknown_at_preview(record):
    outputs = record(build, preview=True).one("babyrobots:index:AlbRoute").outputs

    assert set(outputs.values()) == {UNKNOWN}
    assert len(outputs) == 5


def test_every_child_belongs_to_the_component_and_two_instances_coexist(record):
    graph = record(lambda: (build(), build("main-web", priority=7001)), answer=answer)

    assert {r.name: r.parent.split("::")[-1] for r in graph.custom} == {
        "main-api-tg": "main-api",
        "main-api-rule": "main-api",
        "main-web-tg": "main-web",
        "main-web-rule": "main-web",
    }


def test_a_long_name_leaves_room_for_auto_naming_and_stays_distinct(record):
    one, other = "main-recommendations-v1", "main-recommendations-v2"
    graph = record(lambda: (build(one), build(other, priority=7001)), answer=answer)

    names = sorted(graph.of(TARGET_GROUP))
    assert len(names) == 2
    assert all(len(name) <= 24 and name.startswith("main-recommendatio") for name in names)
    # A name is an API: a literal, so that changing the digest fails here and not in production.
    assert names == ["main-recommendatio-1a703", "main-recommendatio-8b82d"]


def test_the_longest_name_that_fits_is_left_alone(record):
    graph = record(lambda: build("x" * 21), answer=answer)

    assert list(graph.of(TARGET_GROUP)) == ["x" * 21 + "-tg"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"port": 0}, "port is 0"),
        ({"port": 65536}, "port is 65536"),
        ({"priority": 0}, "priority is 0"),
        ({"priority": 50001}, "priority is 50001"),
        ({"paths": ["/api*"]}, "has a wildcard"),
        ({"health_check_path": "health"}, "health_check_path is 'health'"),
        ({"health_check_matcher": "199"}, "health_check_matcher is '199'"),
        ({"health_check_matcher": "ok"}, "health_check_matcher is 'ok'"),
        ({"health_check_interval_seconds": 4}, "health_check_interval_seconds is 4; it is 5 to"),
        ({"health_check_interval_seconds": 301}, "health_check_interval_seconds is 301"),
        ({"deregistration_delay_seconds": 3601}, "deregistration_delay_seconds is 3601"),
        ({"port": 0, "priority": 0}, "port is 0.*priority is 0"),
    ],
)
def test_what_the_load_balancer_refuses_is_refused_before_anything_exists(record, changes, words):
    with pytest.raises(ValueError, match=f"'main-api': .*{words}"):
        record(lambda: build(**changes))


def test_it_can_be_published_as_a_package():
    analyzed = Analyzer("babyrobots").analyze([AlbRoute])
    schema = analyzed["component_definitions"]["AlbRoute"]
    service = analyzed["type_definitions"]["ExposeArgs"]

    required = {name for name, prop in schema.inputs.items() if not prop.optional}
    assert required == {"service", "vpcId", "listenerArn", "loadBalancerArnSuffix", "priority"}
    undocumented = [
        name
        for group in (schema.inputs, schema.outputs, service.properties)
        for name, prop in group.items()
        if not prop.description
    ]
    assert undocumented == []
