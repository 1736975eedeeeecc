"""All that a service needs, created on the emulator and read back through boto3."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import boto3
import pulumi
import pulumi_aws as aws
import pytest

from rehearsal.deploy import Deployer
from rehearsal.emulator import Emulator
from rehearsal.recording import Graph, run_program

ACCOUNT = "123456789012"
REGION = "eu-west-1"


def policy(principal: str, action: str, resource: str | None = None) -> str:
    statement = {"Effect": "Allow", "Action": action, "Principal": {"Service": principal}}
    statement |= {"Resource": resource} if resource else {}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Network(NamedTuple):
    vpc: aws.ec2.Vpc
    subnets: list[aws.ec2.Subnet]
    group: aws.ec2.SecurityGroup


def network(o: pulumi.ResourceOptions) -> Network:
    vpc = aws.ec2.Vpc(
        "net",
        cidr_block="10.0.0.0/16",
        enable_dns_hostnames=True,
        enable_dns_support=True,
        assign_generated_ipv6_cidr_block=True,
        tags={"Name": "net"},
        opts=o,
    )
    aws.ec2.DefaultSecurityGroup("emptied", vpc_id=vpc.id, opts=o)
    aws.ec2.DefaultNetworkAcl(
        "default-acl",
        default_network_acl_id=vpc.default_network_acl_id,
        ingress=[
            {
                "rule_no": 100,
                "action": "allow",
                "protocol": "tcp",
                "from_port": 443,
                "to_port": 443,
                "cidr_block": "10.0.0.0/16",
            }
        ],
        opts=o,
    )
    subnets = [
        aws.ec2.Subnet(
            f"public-{zone}",
            vpc_id=vpc.id,
            cidr_block=f"10.0.{index}.0/24",
            availability_zone=f"{REGION}{zone}",
            map_public_ip_on_launch=True,
            opts=o,
        )
        for index, zone in enumerate("ab")
    ]
    gateway = aws.ec2.InternetGateway("igw", vpc_id=vpc.id, opts=o)
    outward = aws.ec2.EgressOnlyInternetGateway("eigw", vpc_id=vpc.id, opts=o)
    address = aws.ec2.Eip("nat", domain="vpc", opts=o)
    nat = aws.ec2.NatGateway("nat", allocation_id=address.id, subnet_id=subnets[0].id, opts=o)
    public = aws.ec2.RouteTable("public", vpc_id=vpc.id, opts=o)
    aws.ec2.Route(
        "public",
        route_table_id=public.id,
        destination_cidr_block="0.0.0.0/0",
        gateway_id=gateway.id,
        opts=o,
    )
    aws.ec2.Route(
        "public-6",
        route_table_id=public.id,
        destination_ipv6_cidr_block="::/0",
        egress_only_gateway_id=outward.id,
        opts=o,
    )
    aws.ec2.RouteTable(
        "private",
        vpc_id=vpc.id,
        routes=[{"cidr_block": "0.0.0.0/0", "nat_gateway_id": nat.id}],
        opts=o,
    )
    for subnet in subnets:
        aws.ec2.RouteTableAssociation(
            f"to-{subnet._name}", route_table_id=public.id, subnet_id=subnet.id, opts=o
        )
    group = aws.ec2.SecurityGroup("alb", vpc_id=vpc.id, description="The balancer", opts=o)
    inline = aws.ec2.SecurityGroup(
        "inline",
        vpc_id=vpc.id,
        ingress=[
            {
                "protocol": "tcp",
                "from_port": 80,
                "to_port": 81,
                "cidr_blocks": ["10.0.0.0/16"],
                "description": "inside",
            }
        ],
        opts=o,
    )
    aws.vpc.SecurityGroupIngressRule(
        "https",
        security_group_id=group.id,
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        cidr_ipv4="0.0.0.0/0",
        description="The internet",
        opts=o,
    )
    aws.vpc.SecurityGroupEgressRule(
        "to-inline",
        security_group_id=group.id,
        ip_protocol="-1",
        referenced_security_group_id=inline.id,
        opts=o,
    )
    aws.ec2.VpcEndpoint(
        "s3",
        vpc_id=vpc.id,
        service_name=f"com.amazonaws.{REGION}.s3",
        vpc_endpoint_type="Gateway",
        route_table_ids=[public.id],
        policy=json.dumps({"Statement": []}),
        opts=o,
    )
    return Network(vpc, subnets, group)


class Base(NamedTuple):
    role: aws.iam.Role
    key: aws.kms.Key
    logs: aws.cloudwatch.LogGroup
    bucket: aws.s3.Bucket


def base(net: Network, o: pulumi.ResourceOptions) -> Base:
    role = aws.iam.Role(
        "task", assume_role_policy=policy("ecs-tasks.amazonaws.com", "sts:AssumeRole"), opts=o
    )
    aws.iam.RolePolicy(
        "task",
        role=role.id,
        policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}],
            }
        ),
        opts=o,
    )
    aws.iam.RolePolicyAttachment(
        "task",
        role=role.name,
        policy_arn="arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
        opts=o,
    )
    key = aws.kms.Key(
        "data",
        description="Data",
        enable_key_rotation=True,
        rotation_period_in_days=180,
        multi_region=True,
        policy=policy("rds.amazonaws.com", "kms:Decrypt", "*"),
        opts=o,
    )
    aws.kms.Alias("data", name="alias/app/data", target_key_id=key.id, opts=o)
    aws.kms.ReplicaKey("data-copy", primary_key_arn=key.arn, region="eu-central-1", opts=o)
    logs = aws.cloudwatch.LogGroup("app", retention_in_days=30, opts=o)
    aws.ec2.FlowLog(
        "flow",
        vpc_id=net.vpc.id,
        traffic_type="ALL",
        log_destination=logs.arn,
        iam_role_arn=role.arn,
        max_aggregation_interval=60,
        opts=o,
    )
    bucket = aws.s3.Bucket("assets", opts=o)
    of = bucket.id
    aws.s3.BucketVersioning(
        "assets", bucket=of, versioning_configuration={"status": "Enabled"}, opts=o
    )
    aws.s3.BucketPublicAccessBlock(
        "assets",
        bucket=of,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=o,
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        "assets",
        bucket=of,
        rules=[
            {
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": "aws:kms",
                    "kms_master_key_id": key.arn,
                },
                "bucket_key_enabled": True,
            }
        ],
        opts=o,
    )
    aws.s3.BucketOwnershipControls(
        "assets", bucket=of, rule={"object_ownership": "BucketOwnerEnforced"}, opts=o
    )
    aws.s3.BucketLifecycleConfiguration(
        "assets",
        bucket=of,
        rules=[
            {
                "id": "old",
                "status": "Enabled",
                "filter": {"prefix": "logs/"},
                "expiration": {"days": 30},
                "noncurrent_version_expiration": {"noncurrent_days": 7},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 3},
            }
        ],
        opts=o,
    )
    sealed = aws.s3.BucketPolicy(
        "assets",
        bucket=of,
        policy=pulumi.Output.json_dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ],
            }
        ),
        opts=o,
    )
    aws.s3.BucketObjectv2(
        "readme",
        bucket=of,
        key="readme.txt",
        content="hello",
        opts=pulumi.ResourceOptions(provider=o.provider, depends_on=[sealed]),
    )
    return Base(role, key, logs, bucket)


class Balancer(NamedTuple):
    alb: aws.lb.LoadBalancer
    targets: aws.lb.TargetGroup


def balancer(net: Network, common: Base, o: pulumi.ResourceOptions) -> Balancer:
    zone = aws.route53.Zone("zone", name="example.com", opts=o)
    certificate = aws.acm.Certificate(
        "cert", domain_name="api.example.com", validation_method="DNS", opts=o
    )
    option = certificate.domain_validation_options[0]
    proof = aws.route53.Record(
        "proof",
        zone_id=zone.zone_id,
        name=option.resource_record_name,  # pyright: ignore
        type=option.resource_record_type,  # pyright: ignore
        records=[option.resource_record_value],  # pyright: ignore
        ttl=60,
        allow_overwrite=True,
        opts=o,
    )
    valid = aws.acm.CertificateValidation(
        "cert", certificate_arn=certificate.arn, validation_record_fqdns=[proof.fqdn], opts=o
    )
    alb = aws.lb.LoadBalancer(
        "alb",
        security_groups=[net.group.id],
        subnets=[subnet.id for subnet in net.subnets],
        enable_deletion_protection=True,
        drop_invalid_header_fields=True,
        access_logs={"bucket": common.bucket.id, "enabled": True, "prefix": "access"},
        connection_logs={"bucket": common.bucket.id, "enabled": True},
        desync_mitigation_mode="strictest",
        opts=o,
    )
    targets = aws.lb.TargetGroup(
        "api",
        vpc_id=net.vpc.id,
        port=8080,
        protocol="HTTP",
        target_type="ip",
        deregistration_delay=30,
        health_check={"path": "/healthz", "matcher": "200-299", "interval": 15, "timeout": 5},
        opts=o,
    )
    https = aws.lb.Listener(
        "https",
        load_balancer_arn=alb.arn,
        port=443,
        protocol="HTTPS",
        ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        certificate_arn=valid.certificate_arn,
        default_actions=[
            {
                "type": "fixed-response",
                "fixed_response": {"content_type": "text/plain", "status_code": "404"},
            }
        ],
        opts=o,
    )
    aws.lb.Listener(
        "http",
        load_balancer_arn=alb.arn,
        port=80,
        protocol="HTTP",
        default_actions=[
            {
                "type": "redirect",
                "redirect": {"port": "443", "protocol": "HTTPS", "status_code": "HTTP_301"},
            }
        ],
        opts=o,
    )
    aws.lb.ListenerRule(
        "api",
        listener_arn=https.arn,
        priority=10,
        conditions=[
            {"host_header": {"values": ["api.example.com"]}},
            {"path_pattern": {"values": ["/v1/*"]}},
        ],
        actions=[{"type": "forward", "target_group_arn": targets.arn}],
        opts=o,
    )
    for type_ in ("A", "AAAA"):
        aws.route53.Record(
            f"alias-{type_}",
            zone_id=zone.zone_id,
            name="api.example.com",
            type=type_,
            aliases=[
                {"name": alb.dns_name, "zone_id": alb.zone_id, "evaluate_target_health": True}
            ],
            opts=o,
        )
    aws.route53.Record(
        "spf", zone_id=zone.zone_id, name="", type="TXT", ttl=300, records=["v=spf1 -all"], opts=o
    )
    aws.route53.HealthCheck(
        "api",
        type="HTTPS_STR_MATCH",
        fqdn="api.example.com",
        port=443,
        resource_path="/healthz",
        search_string="ok",
        request_interval=30,
        failure_threshold=3,
        tags={"Name": "api"},
        opts=o,
    )
    return Balancer(alb, targets)


def service(net: Network, common: Base, front: Balancer, o: pulumi.ResourceOptions) -> None:
    names = aws.servicediscovery.HttpNamespace("names", name="app", opts=o)
    cluster = aws.ecs.Cluster(
        "main",
        settings=[{"name": "containerInsights", "value": "enhanced"}],
        service_connect_defaults={"namespace": names.arn},
        opts=o,
    )
    aws.ecs.ClusterCapacityProviders(
        "main",
        cluster_name=cluster.name,
        capacity_providers=["FARGATE", "FARGATE_SPOT"],
        default_capacity_provider_strategies=[{"capacity_provider": "FARGATE", "weight": 1}],
        opts=o,
    )
    definition = aws.ecs.TaskDefinition(
        "api",
        family="api",
        cpu="256",
        memory="512",
        network_mode="awsvpc",
        requires_compatibilities=["FARGATE"],
        execution_role_arn=common.role.arn,
        runtime_platform={"cpu_architecture": "ARM64", "operating_system_family": "LINUX"},
        container_definitions=pulumi.Output.json_dumps(
            [
                {
                    "name": "api",
                    "image": "example/api:1",
                    "portMappings": [{"containerPort": 8080, "name": "http"}],
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {"awslogs-group": common.logs.name},
                    },
                }
            ]
        ),
        opts=o,
    )
    running = aws.ecs.Service(
        "api",
        cluster=cluster.arn,
        task_definition=definition.arn,
        desired_count=2,
        capacity_provider_strategies=[{"capacity_provider": "FARGATE_SPOT", "weight": 3}],
        network_configuration={
            "subnets": [subnet.id for subnet in net.subnets],
            "security_groups": [net.group.id],
            "assign_public_ip": False,
        },
        load_balancers=[
            {
                "target_group_arn": front.targets.arn,
                "container_name": "api",
                "container_port": 8080,
            }
        ],
        deployment_circuit_breaker={"enable": True, "rollback": True},
        deployment_minimum_healthy_percent=100,
        deployment_maximum_percent=200,
        deployment_configuration={"strategy": "ROLLING"},
        alarms={"alarm_names": ["bad"], "enable": True, "rollback": True},
        propagate_tags="SERVICE",
        wait_for_steady_state=True,
        opts=o,
    )
    target = aws.appautoscaling.Target(
        "api",
        min_capacity=2,
        max_capacity=6,
        resource_id=pulumi.Output.concat("service/", cluster.name, "/", running.name),
        scalable_dimension="ecs:service:DesiredCount",
        service_namespace="ecs",
        opts=o,
    )
    scaled = {
        "resource_id": target.resource_id,
        "scalable_dimension": target.scalable_dimension,
        "service_namespace": target.service_namespace,
    }
    aws.appautoscaling.Policy(
        "requests",
        policy_type="TargetTrackingScaling",
        target_tracking_scaling_policy_configuration={
            "target_value": 60,
            "scale_in_cooldown": 300,
            "predefined_metric_specification": {
                "predefined_metric_type": "ALBRequestCountPerTarget",
                "resource_label": pulumi.Output.concat(
                    front.alb.arn_suffix, "/", front.targets.arn_suffix
                ),
            },
        },
        **scaled,
        opts=o,
    )
    aws.appautoscaling.ScheduledAction(
        "night",
        schedule="cron(0 20 * * ? *)",
        timezone="Europe/London",
        scalable_target_action={"min_capacity": 0, "max_capacity": 0},
        **scaled,
        opts=o,
    )
    dead = aws.sqs.Queue("dead", message_retention_seconds=1209600, opts=o)
    aws.sqs.Queue(
        "jobs",
        visibility_timeout_seconds=120,
        redrive_policy=pulumi.Output.json_dumps(
            {"deadLetterTargetArn": dead.arn, "maxReceiveCount": 3}
        ),
        opts=o,
    )
    aws.scheduler.Schedule(
        "nightly",
        schedule_expression="rate(1 day)",
        flexible_time_window={"mode": "OFF"},
        target={
            "arn": cluster.arn,
            "role_arn": common.role.arn,
            "dead_letter_config": {"arn": dead.arn},
            "retry_policy": {"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 3},
            "ecs_parameters": {
                "task_definition_arn": definition.arn_without_revision,
                "launch_type": "FARGATE",
                "network_configuration": {
                    "subnets": [net.subnets[0].id],
                    "security_groups": [net.group.id],
                    "assign_public_ip": False,
                },
            },
        },
        opts=o,
    )
    repository = aws.ecr.Repository(
        "api",
        name="app/api",
        image_tag_mutability="IMMUTABLE",
        image_scanning_configuration={"scan_on_push": True},
        encryption_configurations=[{"encryption_type": "KMS", "kms_key": common.key.arn}],
        opts=o,
    )
    aws.ecr.LifecyclePolicy(
        "api",
        repository=repository.name,
        policy=json.dumps(
            {
                "rules": [
                    {
                        "rulePriority": 1,
                        "selection": {
                            "tagStatus": "untagged",
                            "countType": "sinceImagePushed",
                            "countUnit": "days",
                            "countNumber": 7,
                        },
                        "action": {"type": "expire"},
                    }
                ]
            }
        ),
        opts=o,
    )


def database(net: Network, common: Base, o: pulumi.ResourceOptions) -> None:
    subnets = aws.rds.SubnetGroup("db", subnet_ids=[s.id for s in net.subnets], opts=o)
    parameters = aws.rds.ParameterGroup(
        "db",
        family="postgres17",
        parameters=[{"name": "rds.force_ssl", "value": "1", "apply_method": "pending-reboot"}],
        opts=o,
    )
    first = aws.rds.Instance(
        "db",
        engine="postgres",
        engine_version="17.4",
        instance_class="db.t4g.micro",
        allocated_storage=20,
        max_allocated_storage=100,
        db_name="app",
        username="app",
        manage_master_user_password=True,
        master_user_secret_kms_key_id=common.key.arn,
        db_subnet_group_name=subnets.name,
        parameter_group_name=parameters.name,
        vpc_security_group_ids=[net.group.id],
        multi_az=True,
        storage_encrypted=True,
        kms_key_id=common.key.arn,
        backup_retention_period=14,
        backup_window="02:00-03:00",
        maintenance_window="sun:04:00-sun:05:00",
        deletion_protection=True,
        final_snapshot_identifier="last",
        iam_database_authentication_enabled=True,
        enabled_cloudwatch_logs_exports=["postgresql"],
        opts=o,
    )
    aws.rds.Instance(
        "replica",
        replicate_source_db=first.identifier,
        instance_class="db.t4g.small",
        backup_retention_period=3,
        skip_final_snapshot=True,
        opts=o,
    )
    aws.rds.Instance(
        "restored",
        restore_to_point_in_time={
            "source_db_instance_identifier": first.identifier,
            "use_latest_restorable_time": True,
        },
        instance_class="db.t4g.micro",
        deletion_protection=True,
        skip_final_snapshot=True,
        opts=o,
    )
    secret = aws.secretsmanager.Secret(
        "app", kms_key_id=common.key.arn, replicas=[{"region": "eu-central-1"}], opts=o
    )
    aws.secretsmanager.SecretVersion(
        "app", secret_id=secret.id, secret_string=pulumi.Output.secret("made-up"), opts=o
    )
    aws.ssm.Parameter("where", name="/app/where", type="String", value="here", opts=o)


class Listening(Deployer):
    """Keeps the parameters of each operation."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.sent: dict[str, list[dict[str, Any]]] = {}

    def call(self, context, service, operation, params, region="") -> dict[str, Any]:
        self.sent.setdefault(operation, []).append(dict(params))
        return super().call(context, service, operation, params, region)


class Stack(NamedTuple):
    graph: Graph
    deployer: Listening
    api: Callable[..., Any]

    def id(self, type_: str, name: str | None = None) -> str:
        return self.graph.one(type_, name).id

    def outputs(self, type_: str, name: str | None = None) -> dict[str, Any]:
        return self.graph.one(type_, name).outputs


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    def program() -> None:
        main = aws.Provider("main", region=REGION, default_tags={"tags": {"Project": "app"}})
        o = pulumi.ResourceOptions(provider=main)
        net = network(o)
        common = base(net, o)
        service(net, common, balancer(net, common, o), o)
        database(net, common, o)

    with Emulator(ACCOUNT) as emulator:
        deployer = Listening(emulator.endpoint, REGION, ACCOUNT)
        graph = run_program(program, answer=deployer.create, lookup=deployer.lookup)

        def client(name: str, region: str = REGION) -> Any:
            return boto3.client(
                name,
                region_name=region,
                endpoint_url=emulator.endpoint,
                aws_access_key_id="reader",
                aws_secret_access_key="reader",
            )

        yield Stack(graph, deployer, client)


def test_everything_is_created_and_nothing_only_validated(stack: Stack) -> None:
    assert stack.deployer.validated == []
    assert len(stack.deployer.created) == len(stack.graph.custom)


def test_the_vpc_tells_of_what_aws_made_with_it(stack: Stack) -> None:
    found = stack.outputs("aws:ec2/vpc:Vpc")
    ec2, id_ = stack.api("ec2"), stack.id("aws:ec2/vpc:Vpc")
    assert found["arn"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/{id_}"
    assert found["ipv6CidrBlock"].endswith("::/56")
    groups = ec2.describe_security_groups(GroupIds=[found["defaultSecurityGroupId"]])
    assert groups["SecurityGroups"][0]["VpcId"] == id_
    (table,) = ec2.describe_route_tables(RouteTableIds=[found["mainRouteTableId"]])["RouteTables"]
    assert table["Associations"][0]["Main"]
    attribute = ec2.describe_vpc_attribute(VpcId=id_, Attribute="enableDnsHostnames")
    assert attribute["EnableDnsHostnames"]["Value"]


def test_the_default_group_and_acl_keep_only_what_the_program_says(stack: Stack) -> None:
    ec2, vpc = stack.api("ec2"), stack.outputs("aws:ec2/vpc:Vpc")
    (group,) = ec2.describe_security_groups(GroupIds=[vpc["defaultSecurityGroupId"]])[
        "SecurityGroups"
    ]
    assert (group["IpPermissions"], group["IpPermissionsEgress"]) == ([], [])
    (acl,) = ec2.describe_network_acls(NetworkAclIds=[vpc["defaultNetworkAclId"]])["NetworkAcls"]
    rules = [(e["RuleNumber"], e["Egress"]) for e in acl["Entries"] if e["RuleNumber"] < 32767]
    assert rules == [(100, False)]


def test_subnets_are_public_and_routed(stack: Stack) -> None:
    ec2 = stack.api("ec2")
    filters = [{"Name": "vpc-id", "Values": [stack.id("aws:ec2/vpc:Vpc")]}]
    subnets = ec2.describe_subnets(Filters=filters)["Subnets"]
    assert sorted(s["AvailabilityZone"] for s in subnets) == ["eu-west-1a", "eu-west-1b"]
    assert all(s["MapPublicIpOnLaunch"] for s in subnets)
    (public,) = ec2.describe_route_tables(
        RouteTableIds=[stack.id("aws:ec2/routeTable:RouteTable", "public")]
    )["RouteTables"]
    assert {a["SubnetId"] for a in public["Associations"]} == {s["SubnetId"] for s in subnets}
    routes = {
        r.get("DestinationCidrBlock", r.get("DestinationIpv6CidrBlock")): r
        for r in public["Routes"]
    }
    assert routes["0.0.0.0/0"]["GatewayId"] == stack.id("aws:ec2/internetGateway:InternetGateway")
    assert "::/0" in routes
    (private,) = ec2.describe_route_tables(
        RouteTableIds=[stack.id("aws:ec2/routeTable:RouteTable", "private")]
    )["RouteTables"]
    assert stack.id("aws:ec2/natGateway:NatGateway") in json.dumps(private["Routes"])
    association = stack.id("aws:ec2/routeTableAssociation:RouteTableAssociation", "to-public-a")
    assert association.startswith("rtbassoc-")
    assert stack.id("aws:ec2/route:Route", "public").startswith("r-rtb-")


def test_a_security_group_has_exactly_its_rules(stack: Stack) -> None:
    ec2 = stack.api("ec2")
    alb = stack.id("aws:ec2/securityGroup:SecurityGroup", "alb")
    inline = stack.id("aws:ec2/securityGroup:SecurityGroup", "inline")
    (found,) = ec2.describe_security_groups(GroupIds=[alb])["SecurityGroups"]
    assert found["Description"] == "The balancer"
    (ingress,) = found["IpPermissions"]
    assert (ingress["FromPort"], ingress["ToPort"], ingress["IpProtocol"]) == (443, 443, "tcp")
    assert ingress["IpRanges"] == [{"CidrIp": "0.0.0.0/0", "Description": "The internet"}]
    # AWS lets a new group out to everywhere; the provider takes that away.
    (egress,) = found["IpPermissionsEgress"]
    assert egress["IpRanges"] == []
    assert [pair["GroupId"] for pair in egress["UserIdGroupPairs"]] == [inline]
    (own,) = ec2.describe_security_groups(GroupIds=[inline])["SecurityGroups"]
    assert own["Description"] == "Managed by Pulumi"
    assert own["IpPermissionsEgress"] == []
    assert own["IpPermissions"][0]["IpRanges"] == [
        {"CidrIp": "10.0.0.0/16", "Description": "inside"}
    ]
    rule = stack.outputs("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rule["securityGroupRuleId"].startswith("sgr-")


def test_flow_logs_and_endpoints_are_where_they_should_be(stack: Stack) -> None:
    ec2, vpc = stack.api("ec2"), stack.id("aws:ec2/vpc:Vpc")
    (flow,) = ec2.describe_flow_logs()["FlowLogs"]
    assert (flow["ResourceId"], flow["MaxAggregationInterval"]) == (vpc, 60)
    (endpoint,) = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    assert endpoint["RouteTableIds"] == [stack.id("aws:ec2/routeTable:RouteTable", "public")]
    assert json.loads(endpoint["PolicyDocument"]) == {"Statement": []}


def test_roles_keys_and_logs_have_what_was_said(stack: Stack) -> None:
    iam, kms, logs = stack.api("iam"), stack.api("kms"), stack.api("logs")
    role = stack.id("aws:iam/role:Role")
    assert stack.id("aws:iam/rolePolicy:RolePolicy").startswith(f"{role}:task-")
    assert len(iam.list_role_policies(RoleName=role)["PolicyNames"]) == 1
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert attached[0]["PolicyName"] == "AmazonECSTaskExecutionRolePolicy"
    key = stack.id("aws:kms/key:Key")
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    assert kms.describe_key(KeyId="alias/app/data")["KeyMetadata"]["KeyId"] == key
    assert "rds.amazonaws.com" in kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    copy = stack.outputs("aws:kms/replicaKey:ReplicaKey")
    assert copy["arn"].split(":")[3] == "eu-central-1"
    assert stack.api("kms", "eu-central-1").describe_key(KeyId=key)["KeyMetadata"]["Enabled"]
    (group,) = logs.describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 30
    assert stack.outputs("aws:cloudwatch/logGroup:LogGroup")["arn"] == group["arn"].removesuffix(
        ":*"
    )


def test_the_bucket_has_all_its_side_resources(stack: Stack) -> None:
    s3, name = stack.api("s3"), stack.id("aws:s3/bucket:Bucket")
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
    (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert rule["BucketKeyEnabled"]
    (owner,) = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert owner["ObjectOwnership"] == "BucketOwnerEnforced"
    (old,) = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert (old["ID"], old["Filter"]["Prefix"], old["Expiration"]["Days"]) == ("old", "logs/", 30)
    assert old["NoncurrentVersionExpiration"]["NoncurrentDays"] == 7
    assert old["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 3
    assert {"Key": "Project", "Value": "app"} in s3.get_bucket_tagging(Bucket=name)["TagSet"]
    # moto ignores conditions, so the policy denies all; the object is written and it is back.
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=name)["Policy"]
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=name)["Contents"]]
    assert keys == ["readme.txt"]


def test_the_balancer_has_its_attributes_listeners_and_rule(stack: Stack) -> None:
    elb = stack.api("elbv2")
    outputs = stack.outputs("aws:lb/loadBalancer:LoadBalancer")
    arn = outputs["arn"]
    assert arn.endswith(f":loadbalancer/{outputs['arnSuffix']}")
    attributes = {
        item["Key"]: item["Value"]
        for item in elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    }
    bucket = stack.id("aws:s3/bucket:Bucket")
    for key, value in {
        "deletion_protection.enabled": "true",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.desync_mitigation_mode": "strictest",
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": bucket,
        "access_logs.s3.prefix": "access",
        "connection_logs.s3.enabled": "true",
        "connection_logs.s3.bucket": bucket,
    }.items():
        assert attributes[key] == value
    listeners = {
        item["Port"]: item for item in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    }
    redirect = listeners[80]["DefaultActions"][0]["RedirectConfig"]
    assert (redirect["Protocol"], redirect["StatusCode"]) == ("HTTPS", "HTTP_301")
    https = listeners[443]
    assert https["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    certificate = stack.id("aws:acm/certificate:Certificate")
    assert https["Certificates"][0]["CertificateArn"] == certificate
    assert https["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"] == "404"
    assert stack.id("aws:lb/listener:Listener", "https") == https["ListenerArn"]
    rules = elb.describe_rules(ListenerArn=https["ListenerArn"])["Rules"]
    (rule,) = [item for item in rules if item["Priority"] == "10"]
    assert rule["RuleArn"] == stack.id("aws:lb/listenerRule:ListenerRule")
    targets = stack.outputs("aws:lb/targetGroup:TargetGroup")
    assert rule["Actions"][0]["TargetGroupArn"] == targets["arn"]
    assert {c["Field"] for c in rule["Conditions"]} == {"host-header", "path-pattern"}


def test_the_target_group_has_its_health_check(stack: Stack) -> None:
    elb, outputs = stack.api("elbv2"), stack.outputs("aws:lb/targetGroup:TargetGroup")
    assert outputs["arnSuffix"].startswith("targetgroup/api-")
    (group,) = elb.describe_target_groups(TargetGroupArns=[outputs["arn"]])["TargetGroups"]
    assert (group["HealthCheckPath"], group["HealthCheckIntervalSeconds"]) == ("/healthz", 15)
    assert (group["Matcher"]["HttpCode"], group["TargetType"]) == ("200-299", "ip")
    attributes = elb.describe_target_group_attributes(TargetGroupArn=outputs["arn"])["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "30"} in attributes


def test_the_certificate_is_issued_and_the_names_point_at_the_balancer(stack: Stack) -> None:
    acm, dns = stack.api("acm"), stack.api("route53")
    arn = stack.id("aws:acm/certificate:Certificate")
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "ISSUED"
    zone = stack.outputs("aws:route53/zone:Zone")
    assert len(zone["nameServers"]) == 4
    records = {
        (record["Name"], record["Type"]): record
        for record in dns.list_resource_record_sets(HostedZoneId=zone["zoneId"])[
            "ResourceRecordSets"
        ]
    }
    alb = stack.outputs("aws:lb/loadBalancer:LoadBalancer")
    for type_ in ("A", "AAAA"):
        alias = records["api.example.com.", type_]["AliasTarget"]
        assert alias["DNSName"].rstrip(".") == alb["dnsName"]
        assert alias["EvaluateTargetHealth"]
    assert records["example.com.", "TXT"]["ResourceRecords"] == [{"Value": '"v=spf1 -all"'}]
    assert stack.id("aws:route53/record:Record", "alias-A") == (
        f"{zone['zoneId']}_api.example.com_A"
    )
    check = dns.get_health_check(HealthCheckId=stack.id("aws:route53/healthCheck:HealthCheck"))
    config = check["HealthCheck"]["HealthCheckConfig"]
    assert (config["ResourcePath"], config["SearchString"], config["Port"]) == (
        "/healthz",
        "ok",
        443,
    )
    tags = dns.list_tags_for_resource(
        ResourceType="healthcheck", ResourceId=check["HealthCheck"]["Id"]
    )
    assert {"Key": "Name", "Value": "api"} in tags["ResourceTagSet"]["Tags"]


def test_a_certificate_without_its_validation_record_is_refused(stack: Stack) -> None:
    def program() -> None:
        certificate = aws.acm.Certificate(
            "lone", domain_name="lone.example.com", validation_method="DNS"
        )
        aws.acm.CertificateValidation(
            "lone", certificate_arn=certificate.arn, validation_record_fqdns=["other.example.com"]
        )

    with pytest.raises(Exception, match=r"missing lone\.example\.com DNS validation record"):
        run_program(program, answer=stack.deployer.create)


def test_the_service_runs_as_described(stack: Stack) -> None:
    ecs = stack.api("ecs")
    cluster = stack.id("aws:ecs/cluster:Cluster")
    outputs = stack.outputs("aws:ecs/service:Service")
    (found,) = ecs.describe_services(cluster=cluster, services=[outputs["arn"]])["services"]
    assert stack.id("aws:ecs/service:Service") == found["serviceArn"]
    assert found["desiredCount"] == 2
    task = stack.outputs("aws:ecs/taskDefinition:TaskDefinition")
    assert found["taskDefinition"] == task["arn"] == f"{task['arnWithoutRevision']}:1"
    # moto keeps neither deployment configuration nor strategy: what was sent has to do.
    (sent,) = stack.deployer.sent["create_service"]
    deployment = sent["deploymentConfiguration"]
    assert deployment["deploymentCircuitBreaker"]["rollback"]
    assert deployment["maximumPercent"] == 200
    assert deployment["strategy"] == "ROLLING"
    assert deployment["alarms"]["alarmNames"] == ["bad"]
    awsvpc = found["networkConfiguration"]["awsvpcConfiguration"]
    assert awsvpc["assignPublicIp"] == "DISABLED"
    assert len(awsvpc["subnets"]) == 2
    assert found["loadBalancers"][0]["containerPort"] == 8080
    assert sent["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT"
    definition = ecs.describe_task_definition(taskDefinition=task["arn"])["taskDefinition"]
    assert definition["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert definition["containerDefinitions"][0]["image"] == "example/api:1"
    assert stack.id("aws:ecs/taskDefinition:TaskDefinition") == "api"
    (described,) = ecs.describe_clusters(clusters=[cluster])["clusters"]
    assert described["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]


def test_scaling_follows_requests_and_the_clock(stack: Stack) -> None:
    scaling = stack.api("application-autoscaling")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 6)
    (found,) = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    metric = found["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]
    alb = stack.outputs("aws:lb/loadBalancer:LoadBalancer")["arnSuffix"]
    group = stack.outputs("aws:lb/targetGroup:TargetGroup")["arnSuffix"]
    assert metric["ResourceLabel"] == f"{alb}/{group}"
    (night,) = scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]
    assert night["ScalableTargetAction"] == {"MinCapacity": 0, "MaxCapacity": 0}
    assert night["Timezone"] == "Europe/London"


def test_jobs_queues_and_images_are_as_described(stack: Stack) -> None:
    scheduler, sqs, ecr = stack.api("scheduler"), stack.api("sqs"), stack.api("ecr")
    schedule = stack.outputs("aws:scheduler/schedule:Schedule")
    found = scheduler.get_schedule(Name=schedule["name"])
    assert stack.id("aws:scheduler/schedule:Schedule") == f"default/{schedule['name']}"
    ecs = found["Target"]["EcsParameters"]
    assert ecs["NetworkConfiguration"]["awsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
    assert found["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 3
    dead = stack.outputs("aws:sqs/queue:Queue", "dead")
    assert found["Target"]["DeadLetterConfig"]["Arn"] == dead["arn"]
    jobs = stack.id("aws:sqs/queue:Queue", "jobs")
    kept = sqs.get_queue_attributes(QueueUrl=jobs, AttributeNames=["All"])["Attributes"]
    assert kept["VisibilityTimeout"] == "120"
    assert json.loads(kept["RedrivePolicy"])["deadLetterTargetArn"] == dead["arn"]
    (repository,) = ecr.describe_repositories()["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"]["scanOnPush"]
    assert repository["encryptionConfiguration"]["encryptionType"] == "KMS"
    url = stack.outputs("aws:ecr/repository:Repository")["repositoryUrl"]
    assert url == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/app/api"
    assert ecr.get_lifecycle_policy(repositoryName="app/api")["lifecyclePolicyText"]


def test_the_database_is_as_described_and_tells_its_endpoint_and_secret(stack: Stack) -> None:
    rds = stack.api("rds")
    outputs = stack.outputs("aws:rds/instance:Instance", "db")
    found = rds.describe_db_instances(DBInstanceIdentifier=outputs["identifier"])["DBInstances"][0]
    for key, value in {
        "MultiAZ": True,
        "StorageEncrypted": True,
        "BackupRetentionPeriod": 14,
        "DeletionProtection": True,
        "IAMDatabaseAuthenticationEnabled": True,
        "MaxAllocatedStorage": 100,
        "PreferredBackupWindow": "02:00-03:00",
        "EnabledCloudwatchLogsExports": ["postgresql"],
    }.items():
        assert found[key] == value, key
    assert outputs["endpoint"] == f"{outputs['address']}:{outputs['port']}"
    assert outputs["port"] == 5432
    assert stack.id("aws:rds/instance:Instance", "db") == outputs["resourceId"]
    (secret,) = outputs["masterUserSecrets"]
    described = stack.api("secretsmanager").describe_secret(SecretId=secret["secretArn"])
    assert described["ARN"] == secret["secretArn"]
    group = found["DBParameterGroups"][0]["DBParameterGroupName"]
    kept = rds.describe_db_parameters(DBParameterGroupName=group)["Parameters"]
    assert [(p["ParameterName"], p["ParameterValue"]) for p in kept] == [("rds.force_ssl", "1")]
    assert found["DBSubnetGroup"]["VpcId"] == stack.id("aws:ec2/vpc:Vpc")


def test_a_replica_and_a_restore_come_from_their_source(stack: Stack) -> None:
    rds = stack.api("rds")
    source = stack.outputs("aws:rds/instance:Instance", "db")["identifier"]
    names = {
        name: stack.outputs("aws:rds/instance:Instance", name)["identifier"]
        for name in ("replica", "restored")
    }
    replica, restored = (
        rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        for name in names.values()
    )
    assert replica["ReadReplicaSourceDBInstanceIdentifier"] == source
    assert replica["DBInstanceClass"] == "db.t4g.small"
    # A replica is not created with backups: the provider modifies it afterwards.
    assert replica["BackupRetentionPeriod"] == 3
    assert restored["Engine"] == "postgres"
    assert restored["DeletionProtection"]


def test_secrets_and_parameters_hold_their_values(stack: Stack) -> None:
    arn = stack.id("aws:secretsmanager/secret:Secret")
    assert arn.startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:app-")
    for region in (REGION, "eu-central-1"):
        name = stack.outputs("aws:secretsmanager/secret:Secret")["name"]
        secrets = stack.api("secretsmanager", region)
        assert secrets.describe_secret(SecretId=name)["Name"] == name
    value = stack.api("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    assert value == "made-up"
    version = stack.id("aws:secretsmanager/secretVersion:SecretVersion")
    assert version.startswith(f"{arn}|")
    found = stack.api("ssm").get_parameter(Name="/app/where")["Parameter"]
    assert found["Value"] == "here"
    assert stack.outputs("aws:ssm/parameter:Parameter")["arn"] == found["ARN"]


def test_default_tags_reach_every_resource_that_takes_tags(stack: Stack) -> None:
    taggable = [r for r in stack.graph.custom if "tagsAll" in r.outputs]
    assert len(taggable) > 30
    assert {r.outputs["tagsAll"].get("Project") for r in taggable} == {"app"}
    tagging = stack.api("resourcegroupstaggingapi")
    found = {
        item["ResourceARN"]
        for page in tagging.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": "Project", "Values": ["app"]}]
        )
        for item in page["ResourceTagMappingList"]
    }
    for type_ in (
        "aws:ecs/service:Service",
        "aws:kms/key:Key",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:lb/targetGroup:TargetGroup",
        "aws:rds/instance:Instance",
        "aws:secretsmanager/secret:Secret",
    ):
        arns = {r.outputs["arn"] for r in stack.graph.of(type_).values()}
        assert arns <= found, type_
