"""A service, what it waits for and what may reach it; not that its tasks start."""

import json

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.fargate_choices import Capacity, Strategy
from components.fargate_service import FargateService

SERVICE = "aws:ecs/service:Service"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
TARGET = "aws:appautoscaling/target:Target"
POLICY = "aws:appautoscaling/policy:Policy"
COMPONENT = "babyrobots:index:FargateService"
ACCOUNT = "123456789012"
TARGET_GROUP = f"arn:aws:elasticloadbalancing:eu-west-1:{ACCOUNT}:targetgroup/web/1"
NAMESPACE = f"arn:aws:servicediscovery:eu-west-1:{ACCOUNT}:namespace/ns-1"
LABEL = "app/lb/1/targetgroup/web/1"
BEHIND_ALB = {"target_group_arn": TARGET_GROUP, "alb_security_group_id": "sg-alb"}
DATABASE = {"name": "database", "security_group_id": "sg-database", "port": 5432}
NIGHT = {"name": "stop", "schedule": "cron(0 20 * * ? *)", "min_count": 0, "max_count": 0}


def task(**changes):
    return {
        "image": "web@sha256:00",
        "cpu": 256,
        "memory": 512,
        "region": "eu-west-1",
        "account_id": ACCOUNT,
        "port": 8080,
        **changes,
    }


WORKER = {key: value for key, value in task().items() if key != "port"}


def build(name="web", **changes):
    return FargateService(
        name,
        {
            "task": task(),
            "cluster_arn": f"arn:aws:ecs:eu-west-1:{ACCOUNT}:cluster/main",
            "cluster_name": "main",
            "vpc_id": "vpc-1",
            "subnet_ids": ["subnet-a", "subnet-b"],
            **changes,
        },
    )


def service(graph):
    return graph.one(SERVICE).inputs


@pytest.mark.parametrize("preview", [False, True])
def test_tasks_run_in_private_subnets_without_a_public_address(record, preview):
    network = service(record(build, preview=preview))["networkConfiguration"]

    assert network["assignPublicIp"] is False
    assert network["subnets"] == ["subnet-a", "subnet-b"]


def test_the_tasks_run_in_the_services_own_security_group(record):
    network = service(record(build))["networkConfiguration"]

    assert network["securityGroups"] == ["web-sg-id"]


def test_it_runs_the_revision_that_this_program_registered(record):
    graph = record(build)

    assert service(graph)["taskDefinition"].endswith(":web-definition")
    assert service(graph)["cluster"].endswith(":cluster/main")
    assert graph.one(DEFINITION).urn in graph.one(SERVICE).dependencies


def test_a_failing_version_is_rolled_back(record):
    inputs = service(record(build))

    assert inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert inputs["deploymentConfiguration"] == {"strategy": "ROLLING"}
    assert inputs["deploymentMinimumHealthyPercent"] == 100
    assert inputs["deploymentMaximumPercent"] == 200
    assert "alarms" not in inputs
    assert inputs["waitForSteadyState"] is True
    assert inputs["availabilityZoneRebalancing"] == "ENABLED"


def test_alarms_roll_back_too_when_they_are_given(record):
    alarms = service(record(lambda: build(rollback_alarm_names=["too-many-errors"])))["alarms"]

    assert alarms == {"alarmNames": ["too-many-errors"], "enable": True, "rollback": True}


def test_a_worker_that_must_not_run_twice_stops_before_it_starts(record):
    inputs = service(
        record(lambda: build(desired_count=1, minimum_healthy_percent=0, maximum_percent=100))
    )

    assert inputs["deploymentMinimumHealthyPercent"] == 0
    assert inputs["deploymentMaximumPercent"] == 100
    assert inputs["availabilityZoneRebalancing"] == "DISABLED"


def test_waiting_can_be_switched_off(record):
    assert (
        service(record(lambda: build(wait_for_steady_state=False)))["waitForSteadyState"] is False
    )


@pytest.mark.parametrize("strategy", [*Strategy, "rolling"])
def test_every_strategy_that_can_be_said_works(record, strategy):
    configuration = service(record(lambda: build(strategy=strategy)))["deploymentConfiguration"]

    assert configuration["strategy"] == "ROLLING"


def test_an_unknown_strategy_is_refused(record):
    with pytest.raises(ValueError, match="'bluegreen' is not a valid Strategy"):
        record(lambda: build(strategy="bluegreen"))


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [
        (Capacity.ON_DEMAND, {"FARGATE": (0, 1)}),
        (Capacity.SPOT, {"FARGATE_SPOT": (0, 1)}),
        (Capacity.MIXED, {"FARGATE": (1, 1), "FARGATE_SPOT": (0, 3)}),
        ("mixed", {"FARGATE": (1, 1), "FARGATE_SPOT": (0, 3)}),
    ],
)
def test_capacity_is_one_word(record, capacity, expected):
    inputs = service(record(lambda: build(capacity=capacity)))

    strategies = inputs["capacityProviderStrategies"]
    assert {s["capacityProvider"]: (s["base"], s["weight"]) for s in strategies} == expected
    assert "launchType" not in inputs, "ECS accepts a launch type or a strategy, not both"
    assert inputs["forceNewDeployment"] is True, "without it the provider cannot change capacity"


def test_capacity_is_on_demand_by_default_on_a_named_platform(record):
    inputs = service(record(build))

    providers = [s["capacityProvider"] for s in inputs["capacityProviderStrategies"]]
    assert providers == ["FARGATE"]
    assert inputs["platformVersion"] == "1.4.0"


def test_the_base_of_mixed_capacity_can_be_chosen(record):
    inputs = service(record(lambda: build(capacity=Capacity.MIXED, on_demand_base=3)))

    strategies = {s["capacityProvider"]: s["base"] for s in inputs["capacityProviderStrategies"]}
    assert strategies == {"FARGATE": 3, "FARGATE_SPOT": 0}


def test_behind_a_load_balancer_it_registers_and_is_given_time(record):
    inputs = service(record(lambda: build(**BEHIND_ALB)))
    patient = service(record(lambda: build(**BEHIND_ALB, health_check_grace_seconds=120)))

    assert inputs["loadBalancers"] == [
        {"targetGroupArn": TARGET_GROUP, "containerName": "app", "containerPort": 8080}
    ]
    assert inputs["healthCheckGracePeriodSeconds"] == 60
    assert patient["healthCheckGracePeriodSeconds"] == 120


def test_the_container_and_port_that_the_load_balancer_wants_exist(record):
    graph = record(lambda: build(**BEHIND_ALB, task=task(port=9000)))

    (target,) = service(graph)["loadBalancers"]
    definitions = json.loads(graph.one(DEFINITION).inputs["containerDefinitions"])
    ports = {d["name"]: [p["containerPort"] for p in d["portMappings"]] for d in definitions}
    assert target["containerPort"] in ports[target["containerName"]]
    assert target["containerPort"] == 9000


def test_only_the_load_balancer_reaches_the_tasks_and_only_on_their_port(record):
    graph = record(lambda: build(**BEHIND_ALB))

    rule = graph.one(INGRESS).inputs
    assert rule["securityGroupId"] == "web-sg-id"
    assert rule["referencedSecurityGroupId"] == "sg-alb"
    assert (rule["fromPort"], rule["toPort"]) == (8080, 8080)
    assert graph.one(EGRESS, "web-from-alb-egress").inputs["securityGroupId"] == "sg-alb"


def test_without_a_load_balancer_nobody_reaches_the_tasks(record):
    graph = record(build)

    assert graph.of(INGRESS) == {}
    assert not {"loadBalancers", "healthCheckGracePeriodSeconds"} & set(service(graph))


def test_a_worker_has_no_port_and_is_not_found_by_name(record):
    graph = record(lambda: build(task=WORKER, namespace_arn=NAMESPACE))

    connect = service(graph)["serviceConnectConfiguration"]
    assert connect["namespace"] == NAMESPACE
    assert "services" not in connect
    assert graph.of(INGRESS) == {}
    assert graph.one(SERVICE).delete_before_replace is False


def test_a_service_with_a_port_is_found_under_its_own_name(record):
    graph = record(lambda: build(namespace_arn=NAMESPACE))

    connect = service(graph)["serviceConnectConfiguration"]
    assert connect["enabled"] is True
    assert connect["services"] == [
        {
            "portName": "http",
            "discoveryName": "web",
            "clientAlias": [{"dnsName": "web", "port": 8080}],
        }
    ]
    definitions = json.loads(graph.one(DEFINITION).inputs["containerDefinitions"])
    assert definitions[0]["portMappings"][0]["name"] == "http"


def test_the_proxy_of_service_connect_writes_to_the_log_of_the_service(record):
    connect = service(record(lambda: build(namespace_arn=NAMESPACE)))["serviceConnectConfiguration"]

    log = connect["logConfiguration"]
    assert log["logDriver"] == "awslogs"
    assert log["options"]["awslogs-group"] == "/ecs/babyrobots-test-web"
    assert log["options"]["awslogs-stream-prefix"] == "service-connect"
    assert log["options"]["mode"] == "non-blocking"


def test_the_name_under_which_it_is_found_can_be_chosen_and_is_never_there_twice(record):
    graph = record(lambda: build(namespace_arn=NAMESPACE, discovery_name="api"))

    (found,) = service(graph)["serviceConnectConfiguration"]["services"]
    assert found["discoveryName"] == "api"
    assert found["clientAlias"] == [{"dnsName": "api", "port": 8080}]
    assert graph.one(SERVICE).delete_before_replace is True


def test_without_a_namespace_there_is_no_service_connect(record):
    graph = record(build)

    assert "serviceConnectConfiguration" not in service(graph)
    assert graph.one(SERVICE).delete_before_replace is False


def test_the_service_reaches_its_peers(record):
    graph = record(lambda: build(connections=[DATABASE]))

    assert graph.one(INGRESS, "web-to-database-ingress").inputs["securityGroupId"] == "sg-database"


def test_no_task_starts_before_the_paths_it_needs_are_open(record):
    graph = record(lambda: build(**BEHIND_ALB, connections=[DATABASE]))

    waits_for = set(graph.one(SERVICE).dependencies)
    rules = {r.urn for r in [*graph.of(EGRESS).values(), *graph.of(INGRESS).values()]}
    assert len(rules) == 5
    assert rules <= waits_for


def test_two_tasks_run_for_ever_unless_it_may_scale(record):
    graph = record(build)

    assert service(graph)["desiredCount"] == 2
    assert graph.one(SERVICE).ignore_changes == ()
    assert graph.of(TARGET) == {}


@pytest.mark.parametrize("preview", [False, True])
def test_what_autoscaling_decided_is_not_undone_by_a_deployment(record, preview):
    graph = record(lambda: build(max_count=6), preview=preview)

    limits = graph.one(TARGET).inputs
    assert (limits["minCapacity"], limits["maxCapacity"]) == (2, 6)
    assert graph.one(SERVICE).ignore_changes == ("desiredCount",)


def test_autoscaling_is_about_this_service(record):
    limits = record(lambda: build(max_count=6)).one(TARGET).inputs

    assert limits["resourceId"] == "service/main/web-service"


def test_limits_and_start_can_be_chosen(record):
    graph = record(lambda: build(min_count=1, desired_count=3, max_count=9))

    limits = graph.one(TARGET).inputs
    assert (limits["minCapacity"], limits["maxCapacity"]) == (1, 9)
    assert service(graph)["desiredCount"] == 3


def test_a_minimum_alone_lets_it_scale_in_only(record):
    limits = record(lambda: build(min_count=1, desired_count=2)).one(TARGET).inputs

    assert (limits["minCapacity"], limits["maxCapacity"]) == (1, 2)


def test_targets_of_scaling_are_passed_on(record):
    scaling = {"cpu_percent": 30, "memory_percent": 40, "requests_per_target": 50}
    graph = record(lambda: build(**BEHIND_ALB, max_count=4, scaling=scaling, resource_label=LABEL))

    values = {
        name: policy.inputs["targetTrackingScalingPolicyConfiguration"]["targetValue"]
        for name, policy in graph.of(POLICY).items()
    }
    assert values == {"web-by-cpu": 30, "web-by-memory": 40, "web-by-requests": 50}


def test_a_clock_alone_makes_it_scale(record):
    graph = record(lambda: build(schedule=[NIGHT]))

    assert list(graph.of("aws:appautoscaling/scheduledAction:ScheduledAction")) == ["web-stop"]
    assert graph.one(SERVICE).ignore_changes == ("desiredCount",)


@pytest.mark.parametrize("switch", [False, True])
def test_a_shell_is_a_switch_of_service_and_task_together(record, switch):
    graph = record(lambda: build(task=task(enable_execute_command=switch)))

    assert service(graph)["enableExecuteCommand"] is switch
    assert ("web-task-exec" in graph.of("aws:iam/rolePolicy:RolePolicy")) is switch


def test_no_shell_by_default(record):
    assert service(record(build))["enableExecuteCommand"] is False


def test_ipv6_is_a_switch(record):
    assert "web-https-ipv6" in record(lambda: build(ipv6=True)).of(EGRESS)
    assert "web-https-ipv6" not in record(build).of(EGRESS)


def test_tags_reach_the_tasks_and_every_taggable_child(record):
    graph = record(
        lambda: build(**BEHIND_ALB, connections=[DATABASE], max_count=4, tags={"Team": "platform"})
    )

    assert service(graph)["propagateTags"] == "SERVICE"
    assert service(graph)["enableEcsManagedTags"] is True
    untagged = {r.type for r in graph.custom if r.inputs.get("tags", {}).get("Team") != "platform"}
    assert untagged == {"aws:iam/rolePolicy:RolePolicy", POLICY}, "these two have no tags"


def test_a_tag_of_the_task_wins_over_one_of_the_service(record):
    graph = record(lambda: build(tags={"Team": "platform"}, task=task(tags={"Team": "music"})))

    assert graph.one(DEFINITION).inputs["tags"]["Team"] == "music"
    assert service(graph)["tags"]["Team"] == "platform"


def test_the_physical_name_is_generated_so_that_it_can_be_replaced(record):
    assert "name" not in service(record(build))


def test_an_update_outlives_a_rollback_before_it_times_out(record):
    assert record(build).one(SERVICE).custom_timeouts == {
        "create": "30m",
        "update": "45m",
        "delete": "20m",
    }


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"min_count": 3}, "min_count is 3, desired_count 2 and max_count 3"),
        ({"max_count": 1}, "0 <= min <= desired <= max"),
        ({"target_group_arn": TARGET_GROUP}, "needs task.port and alb_security_group_id"),
        ({**BEHIND_ALB, "task": WORKER}, "needs task.port and alb_security_group_id"),
        ({"max_count": 4, "scaling": {"requests_per_target": 9}}, "needs the resource_label"),
        ({"max_count": 4, "scaling": {"cpu_percent": 101}}, "cpu_percent is 101"),
        ({"discovery_name": "Web"}, "discovery_name is 'Web'"),
        ({"discovery_name": "-web"}, "lower-case letters"),
        ({"deregistration_delay": 30}, "stop_timeout is 30 s; it must be shorter than the 30 s"),
        ({"minimum_healthy_percent": 100, "maximum_percent": 100}, "needs room"),
        ({"minimum_healthy_percent": 0, "maximum_percent": 50}, "needs room"),
        ({"task": task(memory=513)}, "nearest are"),
    ],
)
def test_a_mistake_is_refused_before_anything_exists(record, mistake, said):
    with pytest.raises(ValueError, match="FargateService 'web': ") as refusal:
        record(lambda: build(**mistake))

    assert said in str(refusal.value)


def test_all_mistakes_are_named_at_once(record):
    with pytest.raises(ValueError, match="FargateService 'web': ") as refusal:
        record(lambda: build(task=task(memory=513, user="0"), max_count=1, discovery_name="W"))

    assert str(refusal.value).count("; ") >= 4


def test_a_stop_timeout_below_the_draining_is_accepted(record):
    graph = record(lambda: build(deregistration_delay=60, task=task(stop_timeout=59)))

    assert len(graph.of(SERVICE)) == 1


def test_every_child_belongs_to_the_component_and_two_instances_coexist(record):
    graph = record(
        lambda: (
            build(**BEHIND_ALB, connections=[DATABASE], max_count=4),
            build("admin", **BEHIND_ALB, connections=[DATABASE], max_count=4),
        )
    )

    strays = [r.urn for r in graph if r.type != COMPONENT and COMPONENT not in r.parent]
    assert strays == []
    assert set(graph.of(COMPONENT)) == {"web", "admin"}
    assert set(graph.of(SERVICE)) == {"web-service", "admin-service"}


def test_outputs_are_registered(record):
    component = record(build).one(COMPONENT)

    assert component.outputs == {
        "service_name": "web-service",
        "service_arn": f"arn:aws:ecs:eu-west-1:{ACCOUNT}:web-service",
        "security_group_id": "web-sg-id",
        "task_definition_arn": f"arn:aws:ecs:eu-west-1:{ACCOUNT}:web-definition",
        "family": "babyrobots-test-web",
        "task_role_arn": f"arn:aws:iam:eu-west-1:{ACCOUNT}:web-task",
        "execution_role_arn": f"arn:aws:iam:eu-west-1:{ACCOUNT}:web-execution",
        "log_group_name": "/ecs/babyrobots-test-web",
    }


def test_it_can_be_published_as_a_package():
    analyzed = Analyzer("babyrobots").analyze([FargateService])
    schema = analyzed["component_definitions"]["FargateService"]

    required = {name for name, prop in schema.inputs.items() if not prop.optional}
    assert required == {"task", "clusterArn", "clusterName", "vpcId", "subnetIds"}
    types = analyzed["type_definitions"]
    assert set(types) == {
        "Architecture",
        "Capacity",
        "FargateTaskArgs",
        "Peer",
        "ScalingTargets",
        "ScheduledCapacity",
        "Strategy",
    }
    nested = [item for type_ in types.values() for item in type_.properties.items()]
    described = (*schema.inputs.items(), *schema.outputs.items(), *nested)
    assert [n for n, p in described if not p.description] == []
