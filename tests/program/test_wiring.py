"""Who is connected to whom in the staging stack, told by the ids that AWS would have given.

The components prove what they do with what they are given; this proves what they are given.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from rehearsal.recording import Graph

SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
SERVICE = "aws:ecs/service:Service"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
SCHEDULE = "aws:scheduler/schedule:Schedule"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
TASKS = ("api", "worker", "nightly")
FLOWS = {
    ("web-sg", "api-sg", 8080),
    ("api-sg", "main-sg", 5432),
    ("worker-sg", "main-sg", 5432),
    ("nightly-sg", "main-sg", 5432),
}
"""Every connection within the VPC: client's group, server's group, port."""


def names(graph: Graph, type_: str, ids: list[str]) -> set[str]:
    by_id = {r.id: r.name for r in graph.of(type_).values()}
    return {by_id[id_] for id_ in ids}


def containers(graph: Graph, task: str) -> dict[str, Any]:
    (application,) = json.loads(
        graph.one(DEFINITION, f"{task}-definition").inputs["containerDefinitions"]
    )
    return application


@pytest.mark.parametrize("service", ["api", "worker"])
def test_services_run_in_private_subnets(staging, service):
    network = staging.one(SERVICE, f"{service}-service").inputs["networkConfiguration"]

    assert names(staging, SUBNET, network["subnets"]) == {"main-private-1a", "main-private-1b"}
    assert names(staging, GROUP, network["securityGroups"]) == {f"{service}-sg"}
    assert network["assignPublicIp"] is False


def test_jobs_run_in_private_subnets(staging):
    target = staging.one(SCHEDULE).inputs["target"]
    network = target["ecsParameters"]["networkConfiguration"]

    assert names(staging, SUBNET, network["subnets"]) == {"main-private-1a", "main-private-1b"}
    assert not network.get("assignPublicIp", False)


def test_the_load_balancer_is_in_public_subnets_and_the_database_in_isolated_ones(staging):
    balancer = staging.one(BALANCER).inputs["subnets"]
    database = staging.one("aws:rds/subnetGroup:SubnetGroup").inputs["subnetIds"]

    assert names(staging, SUBNET, balancer) == {"main-public-1a", "main-public-1b"}
    assert names(staging, SUBNET, database) == {"main-isolated-1a", "main-isolated-1b"}


def test_everything_is_in_the_one_vpc(staging):
    vpc = staging.one("aws:ec2/vpc:Vpc").id

    assert {r.inputs["vpcId"] for r in staging.custom if "vpcId" in r.inputs} == {vpc}


def test_whoever_may_call_is_who_is_let_in_and_nobody_else(staging):
    groups = {r.id: r.name for r in staging.of(GROUP).values()}

    def flows(type_: str, client: str, server: str) -> set[tuple[str, str, int]]:
        return {
            (groups[r.inputs[client]], groups[r.inputs[server]], r.inputs["toPort"])
            for r in staging.of(type_).values()
            if "referencedSecurityGroupId" in r.inputs
        }

    assert flows(EGRESS, "securityGroupId", "referencedSecurityGroupId") == FLOWS
    assert flows(INGRESS, "referencedSecurityGroupId", "securityGroupId") == FLOWS


def test_the_internet_reaches_the_load_balancer_and_nothing_else(staging):
    groups = {r.id: r.name for r in staging.of(GROUP).values()}
    open_ = {
        (groups[r.inputs["securityGroupId"]], r.inputs["fromPort"], r.inputs["toPort"])
        for r in staging.of(INGRESS).values()
        if "referencedSecurityGroupId" not in r.inputs
    }
    assert open_ == {("web-sg", 80, 80), ("web-sg", 443, 443)}
    assert not any(r.inputs.get("ingress") for r in staging.of(GROUP).values())


def test_https_is_served_with_the_issued_certificate_of_the_host_name(staging):
    issued = staging.one("aws:acm/certificateValidation:CertificateValidation")
    certificate = staging.one("aws:acm/certificate:Certificate")
    https = staging.one(LISTENER, "web-https")

    assert https.inputs["certificateArn"] == certificate.outputs["arn"]
    assert issued.urn in https.property_dependencies["certificateArn"], "or AWS refuses it"
    assert certificate.inputs["domainName"] == "api.staging.babyrobots.example"


def test_the_host_name_leads_to_the_load_balancer(staging):
    balancer = staging.one(BALANCER).outputs
    records = staging.of("aws:route53/record:Record").values()
    aliases = {r.inputs["type"]: r.inputs for r in records if r.inputs.get("aliases")}

    assert aliases.keys() == {"A", "AAAA"}
    for record in aliases.values():
        (alias,) = record["aliases"]
        assert record["name"] == "api.staging.babyrobots.example"
        assert (alias["name"], alias["zoneId"]) == (balancer["dnsName"], balancer["zoneId"])


def test_the_firewall_stands_before_the_load_balancer(staging):
    association = staging.one("aws:wafv2/webAclAssociation:WebAclAssociation").inputs

    assert association["resourceArn"] == staging.one(BALANCER).outputs["arn"]


def test_requests_reach_the_service_that_asked_for_them(staging):
    target = staging.one("aws:lb/targetGroup:TargetGroup", "web-api-tg")
    rule = staging.one("aws:lb/listenerRule:ListenerRule", "web-api-rule").inputs
    (registered,) = staging.one(SERVICE, "api-service").inputs["loadBalancers"]

    assert rule["listenerArn"] == staging.one(LISTENER, "web-https").outputs["arn"]
    assert [action["targetGroupArn"] for action in rule["actions"]] == [target.outputs["arn"]]
    assert registered["targetGroupArn"] == target.outputs["arn"]
    assert registered["containerPort"] == target.inputs["port"]
    assert staging.of(SERVICE)["worker-service"].inputs.get("loadBalancers") is None


@pytest.mark.parametrize("task", TASKS)
def test_a_task_runs_the_image_of_the_repository_by_digest(staging, task):
    repository = staging.one("aws:ecr/repository:Repository").outputs["repositoryUrl"]

    assert containers(staging, task)["image"].startswith(f"{repository}@sha256:")


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_its_own_two_roles(staging, task):
    definition = staging.one(DEFINITION, f"{task}-definition").inputs
    roles = staging.of("aws:iam/role:Role")

    assert definition["executionRoleArn"] == roles[f"{task}-execution"].outputs["arn"]
    assert definition["taskRoleArn"] == roles[f"{task}-task"].outputs["arn"]


@pytest.mark.parametrize("task", TASKS)
def test_credentials_reach_a_task_by_reference_and_its_execution_role_alone(staging, task):
    database = staging.one("aws:rds/instance:Instance")
    (made,) = database.outputs["masterUserSecrets"]
    container = containers(staging, task)

    assert {secret["name"]: secret["valueFrom"] for secret in container["secrets"]} == {
        "DATABASE_USERNAME": f"{made['secretArn']}:username::",
        "DATABASE_PASSWORD": f"{made['secretArn']}:password::",
    }
    in_clear = {variable["name"] for variable in container["environment"]}
    assert in_clear == {
        "DATABASE_HOST",
        "DATABASE_NAME",
        "DATABASE_PORT",
        "LOG_LEVEL",
        "STAGE",
    }
    readers = {
        role: r.inputs["policy"]
        for role, r in staging.of("aws:iam/rolePolicy:RolePolicy").items()
        if made["secretArn"] in r.inputs["policy"]
    }
    assert readers.keys() == {f"{name}-execution-policy" for name in TASKS}


def test_every_log_group_is_encrypted_and_ends(staging):
    keys = {r.outputs["arn"] for r in staging.of("aws:kms/key:Key").values()}

    bare = [r.name for r in staging.of(LOG_GROUP).values() if r.inputs.get("kmsKeyId") not in keys]
    endless = [r.name for r in staging.of(LOG_GROUP).values() if not r.inputs["retentionInDays"]]
    assert (bare, endless) == ([], [])


def test_every_alarm_tells_the_topic_of_its_region(staging):
    topics = {
        r.inputs.get("region", "eu-west-1"): r.outputs["arn"]
        for r in staging.of("aws:sns/topic:Topic").values()
    }
    assert topics.keys() == {"eu-west-1", "us-east-1"}
    for alarm in staging.of("aws:cloudwatch/metricAlarm:MetricAlarm").values():
        region = alarm.inputs.get("region", "eu-west-1")
        assert alarm.inputs["alarmActions"] == [topics[region]], alarm.name


def test_somebody_hears_every_topic(staging):
    heard = {
        r.inputs["topic"]
        for r in staging.of("aws:sns/topicSubscription:TopicSubscription").values()
    }
    assert heard == {r.outputs["arn"] for r in staging.of("aws:sns/topic:Topic").values()}


def test_the_vpc_is_recorded(staging):
    recorded = staging.one("aws:ec2/flowLog:FlowLog").inputs

    assert recorded["vpcId"] == staging.one("aws:ec2/vpc:Vpc").id
    assert recorded["trafficType"] == "ALL"


def test_a_failing_deployment_is_rolled_back_by_the_alarms_of_its_route(staging):
    alarms = staging.of("aws:cloudwatch/metricAlarm:MetricAlarm")
    named = {alarms[name].outputs["name"] for name in alarms if name.startswith("api-traffic-")}

    assert set(staging.one(SERVICE, "api-service").inputs["alarms"]["alarmNames"]) == named
    assert named


def test_a_stack_says_where_it_is_and_tells_no_secret(staging):
    exports: Mapping[str, Any] = staging.exports

    assert exports["url"] == "https://api.staging.babyrobots.example"
    assert exports["healthUrls"] == {"api": "https://api.staging.babyrobots.example/health"}
    assert exports["albDnsName"] == staging.one(BALANCER).outputs["dnsName"]
    assert exports["vpcId"] == staging.one("aws:ec2/vpc:Vpc").id
    assert exports["serviceNames"].keys() == {"api", "worker"}
    assert exports["jobNames"].keys() == {"nightly"}
    for tier in ("public", "private", "isolated"):
        subnets = names(staging, SUBNET, exports[f"{tier}SubnetIds"])
        assert subnets == {f"main-{tier}-1a", f"main-{tier}-1b"}


def test_costs_are_told_in_the_region_in_which_aws_counts_them(staging):
    topic = staging.one("aws:sns/topic:Topic", "alarms-us-east-1-topic")
    alerts = staging.one("aws:budgets/budget:Budget").inputs["notifications"]

    assert {arn for alert in alerts for arn in alert["subscriberSnsTopicArns"]} == {
        topic.outputs["arn"]
    }
