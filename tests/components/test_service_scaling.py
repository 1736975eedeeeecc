"""The limits and rules that Application Auto Scaling is given; not how it follows them."""

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.service_scaling import ServiceScaling

TARGET = "aws:appautoscaling/target:Target"
POLICY = "aws:appautoscaling/policy:Policy"
ACTION = "aws:appautoscaling/scheduledAction:ScheduledAction"
LABEL = "app/lb/1/targetgroup/tg/2"
NIGHT = {"name": "stop", "schedule": "cron(0 20 * * ? *)", "min_count": 0, "max_count": 0}


def build(name="web", **changes):
    return ServiceScaling(
        name,
        {
            "cluster_name": "main",
            "service_name": "web-1",
            "min_count": 2,
            "max_count": 6,
            **changes,
        },
    )


def rule(graph, name):
    return graph.one(POLICY, name).inputs["targetTrackingScalingPolicyConfiguration"]


@pytest.mark.parametrize("preview", [False, True])
def test_the_service_scales_between_its_limits(record, preview):
    assert record(build, preview=preview).one(TARGET).inputs == {
        "serviceNamespace": "ecs",
        "scalableDimension": "ecs:service:DesiredCount",
        "resourceId": "service/main/web-1",
        "minCapacity": 2,
        "maxCapacity": 6,
        "tags": {"Name": "web"},
    }


def test_cpu_and_memory_are_tracked_by_default(record):
    graph = record(build)

    assert set(graph.of(POLICY)) == {"web-by-cpu", "web-by-memory"}
    assert rule(graph, "web-by-cpu") == {
        "targetValue": 60,
        "predefinedMetricSpecification": {
            "predefinedMetricType": "ECSServiceAverageCPUUtilization"
        },
        "scaleOutCooldown": 60,
        "scaleInCooldown": 300,
        "disableScaleIn": False,
    }
    assert rule(graph, "web-by-memory")["targetValue"] == 75
    assert rule(graph, "web-by-memory")["predefinedMetricSpecification"] == {
        "predefinedMetricType": "ECSServiceAverageMemoryUtilization"
    }


def test_requests_are_tracked_per_target_of_this_target_group(record):
    graph = record(lambda: build(requests_per_target=500, resource_label=LABEL))

    assert rule(graph, "web-by-requests")["targetValue"] == 500
    assert rule(graph, "web-by-requests")["predefinedMetricSpecification"] == {
        "predefinedMetricType": "ALBRequestCountPerTarget",
        "resourceLabel": LABEL,
    }
    assert "resourceLabel" not in rule(graph, "web-by-cpu")["predefinedMetricSpecification"]


def test_a_label_alone_tracks_no_requests(record):
    graph = record(lambda: build(resource_label=LABEL))

    assert set(graph.of(POLICY)) == {"web-by-cpu", "web-by-memory"}


def test_targets_and_cooldowns_can_be_chosen(record):
    graph = record(
        lambda: build(
            cpu_percent=40, memory_percent=50, scale_out_cooldown=30, scale_in_cooldown=600
        )
    )

    cpu = rule(graph, "web-by-cpu")
    assert (cpu["targetValue"], rule(graph, "web-by-memory")["targetValue"]) == (40, 50)
    assert (cpu["scaleOutCooldown"], cpu["scaleInCooldown"]) == (30, 600)


def test_every_rule_is_about_the_target_and_waits_for_it(record):
    graph = record(lambda: build(schedule=[NIGHT]))

    target = graph.one(TARGET)
    dependants = [*graph.of(POLICY).values(), *graph.of(ACTION).values()]
    assert len(dependants) == 3
    for dependant in dependants:
        assert dependant.inputs["resourceId"] == "service/main/web-1"
        assert target.urn in dependant.property_dependencies["resourceId"]
        assert dependant.inputs["serviceNamespace"] == "ecs"
        assert dependant.inputs["scalableDimension"] == "ecs:service:DesiredCount"


def test_limits_may_change_with_the_clock(record):
    morning = {
        "name": "start",
        "schedule": "cron(0 7 ? * MON-FRI *)",
        "timezone": "Europe/Berlin",
        "min_count": 1,
        "max_count": 4,
    }
    actions = record(lambda: build(schedule=[NIGHT, morning])).of(ACTION)

    assert actions["web-stop"].inputs["scalableTargetAction"] == {
        "minCapacity": 0,
        "maxCapacity": 0,
    }
    assert actions["web-stop"].inputs["timezone"] == "UTC"
    assert actions["web-stop"].inputs["schedule"] == "cron(0 20 * * ? *)"
    assert actions["web-start"].inputs["timezone"] == "Europe/Berlin"
    assert actions["web-start"].inputs["scalableTargetAction"] == {
        "minCapacity": 1,
        "maxCapacity": 4,
    }


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"min_count": 7}, "min_count is 7 and max_count is 6"),
        ({"min_count": -1}, "0 <= min <= max"),
        ({"schedule": [{**NIGHT, "min_count": 1}]}, "min_count of 'stop' is 1"),
        ({"cpu_percent": -1}, "cpu_percent is -1; it must be 1 to 100"),
        ({"memory_percent": 101}, "memory_percent is 101; it must be 1 to 100"),
        ({"requests_per_target": -5, "resource_label": LABEL}, "it must be 1 or more"),
        ({"requests_per_target": 5}, "needs the resource_label"),
    ],
)
def test_what_cannot_be_is_refused_first(record, mistake, said):
    with pytest.raises(ValueError, match="ServiceScaling 'web'") as refusal:
        record(lambda: build(**mistake))

    assert said in str(refusal.value)


def test_every_child_belongs_to_the_component_and_two_instances_coexist(record):
    graph = record(lambda: (build(schedule=[NIGHT]), build("worker", schedule=[NIGHT])))

    token = "babyrobots:index:ServiceScaling"
    owners = {r.parent.split("::", 2)[2] for r in graph.custom}
    assert owners == {f"{token}::web", f"{token}::worker"}


def test_extra_tags_reach_the_target_the_only_taggable_child(record):
    graph = record(lambda: build(tags={"Team": "platform"}))

    assert graph.one(TARGET).inputs["tags"] == {"Name": "web", "Team": "platform"}


def test_outputs_are_registered(record):
    component = record(build).one("babyrobots:index:ServiceScaling")

    assert component.outputs == {"resource_id": "service/main/web-1"}


def test_it_can_be_published_as_a_package():
    analyzed = Analyzer("babyrobots").analyze([ServiceScaling])
    schema = analyzed["component_definitions"]["ServiceScaling"]

    required = {name for name, prop in schema.inputs.items() if not prop.optional}
    assert required == {"clusterName", "serviceName", "minCount", "maxCount"}
    moment = analyzed["type_definitions"]["ScheduledCapacity"].properties
    described = (*schema.inputs.items(), *schema.outputs.items(), *moment.items())
    assert [n for n, p in described if not p.description] == []
