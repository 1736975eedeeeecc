"""One service on the emulator, as the program would have deployed it, in a second."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import boto3
from click.testing import CliRunner, Result

from ops.__main__ import main
from rehearsal.emulator import FAKE_CREDENTIALS, Emulator
from rehearsal.failing import FAILURES, FailingRelease

ACCOUNT, REGION = "123456789012", "eu-west-1"
CLUSTER, SERVICE, FAMILY = (
    "babyrobots-staging-main",
    "api-service-1a2b3c4",
    "babyrobots-staging-api",
)
GROUP = f"/ecs/{FAMILY}"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/babyrobots/api"


@dataclasses.dataclass(kw_only=True)
class Deployed:
    """A running service, and the commands that look at it."""

    endpoint: str
    outputs: dict[str, Any]
    folder: Path

    def client(self, service: str) -> Any:
        make: Any = boto3.Session(*FAKE_CREDENTIALS.values(), region_name=REGION).client
        return make(service, endpoint_url=self.endpoint)

    def ops(self, *arguments: str) -> Result:
        """Runs a command as an operator does."""
        command, *rest = arguments
        file = self.folder / "outputs.json"
        file.write_text(json.dumps(self.outputs))
        options = [f"--outputs={file}", f"--endpoint-url={self.endpoint}"]
        keys = {**FAKE_CREDENTIALS, "AWS_DEFAULT_REGION": REGION, "AWS_PROFILE": None}
        return CliRunner(env=keys).invoke(main, [command, *options, *rest])

    def fail(self, how: str) -> None:
        """Releases a version that does not come up."""
        FAILURES[how](FailingRelease(self.endpoint, self.outputs))

    def release(self, image: str) -> str:
        """Releases a version that does; returns its revision."""
        ecs = self.client("ecs")
        made = ecs.register_task_definition(**definition(image))["taskDefinition"]
        arn = made["taskDefinitionArn"]
        ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=arn)
        return arn.rpartition("/")[2]

    def serving(self) -> str:
        """The revision that the service has."""
        found = self.client("ecs").describe_services(cluster=CLUSTER, services=[SERVICE])
        return found["services"][0]["taskDefinition"].rpartition("/")[2]


def definition(image: str) -> dict[str, Any]:
    logs = {
        "awslogs-group": GROUP,
        "awslogs-region": REGION,
        "awslogs-stream-prefix": "app",
    }
    return {
        "family": FAMILY,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": "app",
                "image": image,
                "essential": True,
                "portMappings": [{"containerPort": 8080}],
                "logConfiguration": {"logDriver": "awslogs", "options": logs},
            }
        ],
    }


def deploy(emulator: Emulator, folder: Path) -> Deployed:
    """Empties an emulator and creates one service on it."""
    emulator.reset()
    made = Deployed(endpoint=emulator.endpoint, outputs={}, folder=folder)
    ec2, ecs, elb = (made.client(service) for service in ("ec2", "ecs", "elbv2"))
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    firewall = ec2.create_security_group(GroupName="api", Description="api", VpcId=vpc)["GroupId"]
    group = elb.create_target_group(
        Name="web-api-tg-1a2b3c4", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    made.client("logs").create_log_group(logGroupName=GROUP)
    ecs.create_cluster(clusterName=CLUSTER)
    image = f"{REPOSITORY}@sha256:{'1' * 64}"
    arn = ecs.register_task_definition(**definition(image))["taskDefinition"]["taskDefinitionArn"]
    ecs.create_service(
        cluster=CLUSTER,
        serviceName=SERVICE,
        taskDefinition=arn,
        desiredCount=2,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE", "base": 0, "weight": 1}],
        networkConfiguration={
            "awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [firewall]}
        },
        loadBalancers=[{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}],
    )
    ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=2)
    made.outputs = {
        "region": REGION,
        "stage": "staging",
        "vpcId": vpc,
        "clusterName": CLUSTER,
        "serviceNames": {"api": SERVICE},
        "repositoryUrl": REPOSITORY,
    }
    return made


def timeless(screen: str) -> str:
    """A screen without what differs between two runs."""
    return re.sub(r"\b\d\d:\d\d:\d\d\b", "12:00:00", screen)
