"""`ops verify` on a deployed staging stack in which one thing at a time was changed by hand.

Each change must turn exactly its own checks to failed, and they must hold again once it is undone.
What this cannot prove: the checks that an emulator cannot answer, which test_checks.py tries alone.
"""

import contextlib
import copy
import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import pytest

from ops.aws import Clients
from ops.verify import CHECKS, Status, verify
from rehearsal import program
from rehearsal.config import load_config
from rehearsal.deploy import Deployer
from rehearsal.emulator import FAKE_CREDENTIALS, Emulator

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"


@dataclasses.dataclass(kw_only=True)
class Deployed:
    """A stack, and a way to change it behind the program's back."""

    aws: Clients
    outputs: Mapping[str, Any]

    def failed(self) -> set[str]:
        """Names of the checks that do not hold."""
        checks = verify(
            self.outputs, self.aws.session, endpoint_url=self.aws.endpoint_url, timeout=1
        )
        return {check.name for check in checks if check.status is Status.FAILED}

    def listener(self, port: int) -> dict[str, Any]:
        arn = self.outputs["albArn"]
        found = self.aws.get("elbv2").describe_listeners(LoadBalancerArn=arn)["Listeners"]
        return next(listener for listener in found if listener["Port"] == port)

    def route_table(self, subnet: str) -> str:
        tables = self.aws.get("ec2").describe_route_tables(
            Filters=[{"Name": "association.subnet-id", "Values": [subnet]}]
        )
        return tables["RouteTables"][0]["RouteTableId"]

    def in_vpc(self, operation: str, key: str, **filters: str) -> dict[str, Any]:
        """The one thing of a kind in the stack's VPC."""
        wanted = {"vpc-id": self.outputs["vpcId"], **filters}
        found = getattr(self.aws.get("ec2"), operation)(
            Filters=[{"Name": name, "Values": [value]} for name, value in wanted.items()]
        )
        (only,) = found[key]
        return only

    def gateway(self) -> str:
        wanted = {"Name": "attachment.vpc-id", "Values": [self.outputs["vpcId"]]}
        found = self.aws.get("ec2").describe_internet_gateways(Filters=[wanted])
        return found["InternetGateways"][0]["InternetGatewayId"]

    def service(self) -> dict[str, Any]:
        found = self.aws.get("ecs").describe_services(
            cluster=self.outputs["clusterName"], services=[self.outputs["serviceNames"]["api"]]
        )
        return found["services"][0]

    def update(self, **changes: Any) -> None:
        self.aws.get("ecs").update_service(
            cluster=self.outputs["clusterName"],
            service=self.outputs["serviceNames"]["api"],
            **changes,
        )


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    config = load_config(ROOT, "staging")
    region = config.get("aws:region")
    with contextlib.ExitStack() as running:
        environment = {
            key: value
            for key, value in os.environ.items()
            if key not in ("ENVIRONMENT", "DB_USERNAME", "DB_PASSWORD")
        }
        running.enter_context(mock.patch.dict(os.environ, environment, clear=True))
        emulator = running.enter_context(Emulator(ACCOUNT))
        deployer = Deployer(emulator.endpoint, region, ACCOUNT)
        graph = program.run_project(
            config, answer=deployer.create, lookup=deployer.lookup, endpoint=emulator.endpoint
        )
        running.enter_context(program.emulator_environment(emulator.endpoint, region))
        session = boto3.Session(
            aws_access_key_id=FAKE_CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=FAKE_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=region,
        )
        yield Deployed(aws=Clients(session, region, emulator.endpoint), outputs=dict(graph.exports))


Change = Callable[[Deployed], Iterator[None]]
CHANGES: list[tuple[set[str], Change]] = []


def breaks(*checks: str) -> Callable[[Change], Change]:
    """Enters a change in the table with the checks that must notice it; it undoes itself."""

    def enter(change: Change) -> Change:
        CHANGES.append((set(checks), change))
        return change

    return enter


@breaks("HTTPS listeners use a TLS policy of Security Hub ELB.17")
def an_old_tls_policy(stack: Deployed) -> Iterator[None]:
    listener, client = stack.listener(443), stack.aws.get("elbv2")
    client.modify_listener(
        ListenerArn=listener["ListenerArn"], SslPolicy="ELBSecurityPolicy-2016-08"
    )
    yield
    client.modify_listener(ListenerArn=listener["ListenerArn"], SslPolicy=listener["SslPolicy"])


def _default_action(stack: Deployed, port: int, action: Mapping[str, Any]) -> Iterator[None]:
    listener, client = stack.listener(port), stack.aws.get("elbv2")
    before = copy.deepcopy(listener["DefaultActions"])
    client.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=[action])
    yield
    client.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=before)


ANSWER = {
    "Type": "fixed-response",
    "FixedResponseConfig": {"StatusCode": "200", "ContentType": "text/plain"},
}


@breaks("HTTP only redirects to HTTPS")
def plain_http_is_answered(stack: Deployed) -> Iterator[None]:
    yield from _default_action(stack, 80, ANSWER)


@breaks("HTTP only redirects to HTTPS")
def the_redirect_leads_to_http(stack: Deployed) -> Iterator[None]:
    redirect = {"Protocol": "HTTP", "Port": "8080", "StatusCode": "HTTP_301"}
    yield from _default_action(stack, 80, {"Type": "redirect", "RedirectConfig": redirect})


@breaks("HTTP only redirects to HTTPS")
def nothing_listens_on_http(stack: Deployed) -> Iterator[None]:
    listener, client = stack.listener(80), stack.aws.get("elbv2")
    client.delete_listener(ListenerArn=listener["ListenerArn"])
    yield
    client.create_listener(
        LoadBalancerArn=stack.outputs["albArn"],
        Port=80,
        Protocol="HTTP",
        DefaultActions=listener["DefaultActions"],
    )


@breaks("unmatched requests get a 404")
def any_request_is_answered(stack: Deployed) -> Iterator[None]:
    yield from _default_action(stack, 443, ANSWER)


@breaks("the load balancer drops invalid headers and keeps access logs")
def access_logs_are_off(stack: Deployed) -> Iterator[None]:
    def switch(value: str) -> None:
        stack.aws.get("elbv2").modify_load_balancer_attributes(
            LoadBalancerArn=stack.outputs["albArn"],
            Attributes=[{"Key": "access_logs.s3.enabled", "Value": value}],
        )

    switch("false")
    yield
    switch("true")


@breaks("the certificate is issued for the host name")
def a_certificate_of_somebody_else(stack: Deployed) -> Iterator[None]:
    listener, client = stack.listener(443), stack.aws.get("elbv2")
    other = stack.aws.get("acm").request_certificate(DomainName="other.example")
    client.modify_listener(
        ListenerArn=listener["ListenerArn"],
        Certificates=[{"CertificateArn": other["CertificateArn"]}],
    )
    yield
    client.modify_listener(
        ListenerArn=listener["ListenerArn"], Certificates=listener["Certificates"]
    )


@breaks("the host name is an alias of this load balancer")
def the_alias_points_elsewhere(stack: Deployed) -> Iterator[None]:
    client, zone = stack.aws.get("route53"), stack.outputs["zoneId"]
    records = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    (alias,) = [r for r in records if r["Type"] == "AAAA" and "AliasTarget" in r]

    def write(record: Mapping[str, Any]) -> None:
        client.change_resource_record_sets(
            HostedZoneId=zone,
            ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]},
        )

    target = {**alias["AliasTarget"], "DNSName": "old-lb-1.eu-west-1.elb.amazonaws.com"}
    write({**alias, "AliasTarget": target})
    yield
    write(alias)


@breaks("a health check watches the public address")
def the_health_check_watches_another_host(stack: Deployed) -> Iterator[None]:
    client = stack.aws.get("route53")
    (check,) = client.list_health_checks()["HealthChecks"]
    name = check["HealthCheckConfig"]["FullyQualifiedDomainName"]
    client.update_health_check(HealthCheckId=check["Id"], FullyQualifiedDomainName="other.example")
    yield
    client.update_health_check(HealthCheckId=check["Id"], FullyQualifiedDomainName=name)


def _way_to_the_internet(stack: Deployed, subnet: str) -> Iterator[None]:
    client, table = stack.aws.get("ec2"), stack.route_table(subnet)
    # A part of the internet is enough, and goes beside a default route that may be there.
    route = {"RouteTableId": table, "DestinationCidrBlock": "198.51.100.0/24"}
    client.create_route(**route, GatewayId=stack.gateway())
    yield
    client.delete_route(**route)


@breaks("only public subnets route to the internet gateway")
def a_private_subnet_is_on_the_internet(stack: Deployed) -> Iterator[None]:
    yield from _way_to_the_internet(stack, stack.outputs["privateSubnetIds"][0])


@breaks("only public subnets route to the internet gateway")
def an_isolated_subnet_is_on_the_internet(stack: Deployed) -> Iterator[None]:
    yield from _way_to_the_internet(stack, stack.outputs["isolatedSubnetIds"][1])


@breaks("only public subnets route to the internet gateway")
def a_public_subnet_is_cut_off(stack: Deployed) -> Iterator[None]:
    client, table = stack.aws.get("ec2"), stack.route_table(stack.outputs["publicSubnetIds"][0])
    route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    client.delete_route(**route)
    yield
    client.create_route(**route, GatewayId=stack.gateway())


@breaks("the default security group admits nothing")
def the_default_group_admits_ssh(stack: Deployed) -> Iterator[None]:
    group = stack.in_vpc("describe_security_groups", "SecurityGroups", **{"group-name": "default"})
    rule = {
        "GroupId": group["GroupId"],
        "IpPermissions": [
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            }
        ],
    }
    stack.aws.get("ec2").authorize_security_group_ingress(**rule)
    yield
    stack.aws.get("ec2").revoke_security_group_ingress(**rule)


@breaks("flow logs record the VPC")
def flow_logs_are_gone(stack: Deployed) -> Iterator[None]:
    client = stack.aws.get("ec2")
    (log,) = client.describe_flow_logs(
        Filter=[{"Name": "resource-id", "Values": [stack.outputs["vpcId"]]}]
    )["FlowLogs"]
    client.delete_flow_logs(FlowLogIds=[log["FlowLogId"]])
    yield
    again = ("TrafficType", "LogDestinationType", "LogDestination", "DeliverLogsPermissionArn")
    client.create_flow_logs(
        ResourceIds=[stack.outputs["vpcId"]],
        ResourceType="VPC",
        **{key: log[key] for key in again},
    )


def _placed(stack: Deployed, **changes: Any) -> Iterator[None]:
    before = stack.service()["networkConfiguration"]["awsvpcConfiguration"]
    stack.update(networkConfiguration={"awsvpcConfiguration": {**before, **changes}})
    yield
    stack.update(networkConfiguration={"awsvpcConfiguration": before})


@breaks("tasks have no public address and sit in private subnets")
def tasks_sit_in_a_public_subnet(stack: Deployed) -> Iterator[None]:
    private, public = stack.outputs["privateSubnetIds"], stack.outputs["publicSubnetIds"]
    yield from _placed(stack, subnets=[private[0], public[0]])


@breaks("tasks have no public address and sit in private subnets")
def tasks_have_public_addresses(stack: Deployed) -> Iterator[None]:
    yield from _placed(stack, assignPublicIp="ENABLED")


def _container(stack: Deployed, **changes: Any) -> Iterator[None]:
    client, before = stack.aws.get("ecs"), stack.service()["taskDefinition"]
    definition = client.describe_task_definition(taskDefinition=before)["taskDefinition"]
    kept = ("family", "networkMode", "requiresCompatibilities", "cpu", "memory")
    containers = [{**c, **changes} for c in definition["containerDefinitions"]]
    registered = client.register_task_definition(
        **{key: definition[key] for key in kept}, containerDefinitions=containers
    )
    stack.update(taskDefinition=registered["taskDefinition"]["taskDefinitionArn"])
    yield
    stack.update(taskDefinition=before)


@breaks("containers have a read-only root filesystem and no root user")
def the_container_runs_as_root(stack: Deployed) -> Iterator[None]:
    yield from _container(stack, user="root")


@breaks("containers have a read-only root filesystem and no root user")
def the_container_may_write_anywhere(stack: Deployed) -> Iterator[None]:
    yield from _container(stack, readonlyRootFilesystem=False)


@breaks("services scale between their bounds")
def a_service_no_longer_scales_by_memory(stack: Deployed) -> Iterator[None]:
    client = stack.aws.get("application-autoscaling")
    (policy,) = [
        found
        for found in client.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
        if "/api-" in found["ResourceId"]
        and "Memory" in str(found["TargetTrackingScalingPolicyConfiguration"])
    ]
    same = ("PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension")
    client.delete_scaling_policy(**{key: policy[key] for key in same})
    yield
    again = (*same, "PolicyType", "TargetTrackingScalingPolicyConfiguration")
    client.put_scaling_policy(**{key: policy[key] for key in again})


def _database(
    stack: Deployed, changes: Mapping[str, Any], undo: Mapping[str, Any]
) -> Iterator[None]:
    name, client = stack.outputs["databaseIdentifier"], stack.aws.get("rds")
    client.modify_db_instance(DBInstanceIdentifier=name, ApplyImmediately=True, **changes)
    yield
    client.modify_db_instance(DBInstanceIdentifier=name, ApplyImmediately=True, **undo)


@breaks("the database is private, encrypted, backed up and available")
def the_database_is_public(stack: Deployed) -> Iterator[None]:
    yield from _database(stack, {"PubliclyAccessible": True}, {"PubliclyAccessible": False})


@breaks("the database is private, encrypted, backed up and available")
def the_database_keeps_no_backup(stack: Deployed) -> Iterator[None]:
    yield from _database(stack, {"BackupRetentionPeriod": 0}, {"BackupRetentionPeriod": 7})


def _repository(stack: Deployed) -> str:
    return stack.outputs["repositoryUrl"].partition("/")[2]


@breaks("image tags are immutable and images are scanned")
def tags_can_be_moved(stack: Deployed) -> Iterator[None]:
    client, name = stack.aws.get("ecr"), _repository(stack)
    client.put_image_tag_mutability(repositoryName=name, imageTagMutability="MUTABLE")
    yield
    client.put_image_tag_mutability(repositoryName=name, imageTagMutability="IMMUTABLE")


@breaks("image tags are immutable and images are scanned")
def images_are_not_scanned(stack: Deployed) -> Iterator[None]:
    client, name = stack.aws.get("ecr"), _repository(stack)
    for scanned in (False, True):
        client.put_image_scanning_configuration(
            repositoryName=name, imageScanningConfiguration={"scanOnPush": scanned}
        )
        if not scanned:
            yield


@breaks("log groups expire")
def a_flow_log_is_kept_for_ever(stack: Deployed) -> Iterator[None]:
    client = stack.aws.get("logs")
    (group,) = client.describe_log_groups(logGroupNamePrefix="main-flow-logs")["logGroups"]
    client.delete_retention_policy(logGroupName=group["logGroupName"])
    yield
    client.put_retention_policy(logGroupName=group["logGroupName"], retentionInDays=14)


@breaks("log groups expire")
def a_log_is_kept_for_ever(stack: Deployed) -> Iterator[None]:
    definition = stack.aws.get("ecs").describe_task_definition(
        taskDefinition=stack.service()["taskDefinition"]
    )["taskDefinition"]
    options = definition["containerDefinitions"][0]["logConfiguration"]["options"]
    client = stack.aws.get("logs")
    client.delete_retention_policy(logGroupName=options["awslogs-group"])
    yield
    client.put_retention_policy(logGroupName=options["awslogs-group"], retentionInDays=14)


@breaks("a budget warns of what is spent and of what will be")
def a_budget_no_longer_looks_ahead(stack: Deployed) -> Iterator[None]:
    client = stack.aws.get("budgets", "us-east-1")
    budget = {
        "AccountId": stack.outputs["alarmTopicArn"].split(":")[4],
        "BudgetName": stack.outputs["budgetName"],
    }
    forecast = next(
        found
        for found in client.describe_notifications_for_budget(**budget)["Notifications"]
        if found["NotificationType"] == "FORECASTED"
    )
    client.delete_notification(**budget, Notification=forecast)
    yield
    topic = {"SubscriptionType": "SNS", "Address": stack.outputs["alarmTopicArn"]}
    client.create_notification(**budget, Notification=forecast, Subscribers=[topic])


def _alarms(stack: Deployed, region: str | None, prefix: str) -> list[str]:
    found = stack.aws.get("cloudwatch", region).describe_alarms(AlarmNamePrefix=prefix)
    return [alarm["AlarmName"] for alarm in found["MetricAlarms"]]


@breaks("every part has alarms, and each of them tells somebody")
def an_alarm_is_silenced(stack: Deployed) -> Iterator[None]:
    names, client = _alarms(stack, None, "database-cpu"), stack.aws.get("cloudwatch")
    client.disable_alarm_actions(AlarmNames=names)
    yield
    client.enable_alarm_actions(AlarmNames=names)


@breaks("every part has alarms, and each of them tells somebody")
def nothing_watches_the_health_check(stack: Deployed) -> Iterator[None]:
    client = stack.aws.get("cloudwatch", "us-east-1")
    (alarm,) = client.describe_alarms(AlarmNamePrefix="health-")["MetricAlarms"]
    client.delete_alarms(AlarmNames=[alarm["AlarmName"]])
    yield
    taken = client.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    client.put_metric_alarm(**{key: value for key, value in alarm.items() if key in taken})


@breaks("every tier spans at least two Availability Zones")
def a_subnet_is_gone(stack: Deployed) -> Iterator[None]:
    """The last: a subnet that is made again has another id."""
    stack.aws.get("ec2").delete_subnet(SubnetId=stack.outputs["isolatedSubnetIds"][0])
    yield


NOT_HERE = {
    "the host name resolves to this load balancer",
    "HTTPS answers and HTTP redirects",
    "every public service has a healthy target",
    "every service is steady at its desired count on its newest task definition",
    "each warning of the budget reaches a topic",
    "the cache is encrypted, private and reached with IAM",
}
"""What staging does not have, or an emulator that serves no traffic cannot answer: test_checks.py
and test_stores.py."""


def test_every_check_is_tried_here_or_alone():
    tried = {name for names, _ in CHANGES for name in names}

    assert tried | NOT_HERE == set(CHECKS)
    assert not tried & NOT_HERE


# One test, so that one process deploys one stack, whatever the tests are spread over.
def test_each_change_is_noticed_by_its_check_and_by_no_other(deployed, subtests):
    assert deployed.failed() == set(), "the stack must hold before anything is changed"

    for checks, change in CHANGES:
        with subtests.test(change.__name__.replace("_", " ")):
            changing = contextlib.contextmanager(change)
            with changing(deployed):
                failed = deployed.failed()
            # All else holds, so what was changed before is undone.
            assert failed == checks
