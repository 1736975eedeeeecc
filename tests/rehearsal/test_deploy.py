"""The deployer: all is sent or refused, named and tagged as the provider does, gaps by name."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx
import pytest

from rehearsal import deploy, handlers
from rehearsal.deploy import CreationError, Deployer
from rehearsal.emulator import Emulator
from rehearsal.handlers.gaps import Gap
from rehearsal.handlers.model import Handler
from rehearsal.recording import Graph, Registration, run_program

ACCOUNT = "123456789012"
REGION = "eu-west-1"
PASSWORD = "not-a-real-password"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(ACCOUNT) as running:
        yield running


@pytest.fixture
def deployer(emulator: Emulator) -> Deployer:
    emulator.reset()
    return Deployer(emulator.endpoint, REGION, ACCOUNT)


@pytest.fixture
def api(emulator: Emulator) -> Callable[..., Any]:
    """Reads back through clients of our own, not the deployer's."""

    def client(service: str, region: str = REGION) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=emulator.endpoint,
            aws_access_key_id="reader",
            aws_secret_access_key="reader",
        )

    return client


def run(deployer: Deployer, program: Callable[[], object]) -> Graph:
    return run_program(program, answer=deployer.create, lookup=deployer.lookup)


def provider(name: str = "main", region: str = REGION, **tags: str) -> pulumi.ResourceOptions:
    default_tags = {"default_tags": {"tags": tags}} if tags else {}
    return pulumi.ResourceOptions(
        provider=aws.Provider(name, region=region, **default_tags)  # pyright: ignore
    )


def refusal(deployer: Deployer, program: Callable[[], object]) -> CreationError:
    """What `create` raised; the SDK would wrap it."""
    raised: list[CreationError] = []

    def create(registration: Registration) -> Any:
        try:
            return deployer.create(registration)
        except CreationError as error:
            raised.append(error)
            raise

    with pytest.raises(Exception):  # noqa: B017, PT011 - the SDK's own error around ours
        run_program(program, answer=create, lookup=deployer.lookup)
    return raised[0]


def test_an_input_that_nothing_takes_is_refused_by_name(deployer: Deployer) -> None:
    def program() -> None:
        aws.rds.Instance(
            "db",
            instance_class="db.t4g.micro",
            s3_import={
                "bucket_name": "b",
                "ingestion_role": "r",
                "source_engine": "mysql",
                "source_engine_version": "8",
            },
            opts=provider(),
        )

    error = refusal(deployer, program)
    assert "s3Import" in str(error)
    assert deployer.created == []


def test_a_nested_input_that_nothing_takes_is_refused_by_its_path(
    deployer: Deployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "aws:lb/targetGroup:TargetGroup"
    handler = handlers.HANDLERS[token]
    rules = {k: v for k, v in handler.inputs.items() if k != "healthCheck.path"}
    monkeypatch.setitem(handlers.HANDLERS, token, deploy.dataclasses.replace(handler, inputs=rules))

    def program() -> None:
        aws.lb.TargetGroup(
            "tg", port=80, protocol="HTTP", vpc_id="vpc-1", health_check={"path": "/x"}
        )

    error = refusal(deployer, program)
    assert error.message == "no parameter of the AWS API takes: healthCheck.path"


def test_tags_are_refused_where_no_call_takes_them(
    deployer: Deployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "aws:ec2/eip:Eip"
    monkeypatch.setitem(
        handlers.HANDLERS, token, deploy.dataclasses.replace(handlers.HANDLERS[token], tags="")
    )
    error = refusal(deployer, lambda: aws.ec2.Eip("ip", domain="vpc", tags={"a": "b"}))
    assert "takes: tags" in error.message


def test_an_error_names_resource_operation_and_parameters(deployer: Deployer) -> None:
    def program() -> None:
        aws.ec2.Subnet(
            "private-a", vpc_id="vpc-00000000", cidr_block="10.0.0.0/24", opts=provider()
        )

    error = refusal(deployer, program)
    assert error.operation == "ec2:CreateSubnet"
    assert error.parameters["CidrBlock"] == "10.0.0.0/24"
    assert "InvalidVpcID.NotFound" in error.message
    for part in ("aws:ec2/subnet:Subnet", "'private-a'", "ec2:CreateSubnet", "vpc-00000000"):
        assert part in str(error)


def test_parameters_that_aws_would_refuse_are_refused_before_they_are_sent(
    deployer: Deployer, emulator: Emulator
) -> None:
    def program() -> None:
        aws.cloudfront.CachePolicy(
            "policy",
            parameters_in_cache_key_and_forwarded_to_origin={
                "cookies_config": {"cookie_behavior": "none"},
                "headers_config": {"header_behavior": "none"},
                "query_strings_config": {"query_string_behavior": "none"},
            },
            min_ttl="not a number",  # pyright: ignore
            opts=provider(),
        )

    error = refusal(deployer, program)
    assert "Invalid type for parameter CachePolicyConfig.MinTTL" in error.message
    assert emulator.requests() == []


def test_secrets_are_masked_in_errors_wherever_they_appear(deployer: Deployer) -> None:
    def program() -> None:
        aws.rds.Instance(
            "db",
            engine="no-such-engine",
            instance_class="db.t4g.micro",
            allocated_storage=20,
            username="app",
            password=pulumi.Output.secret(PASSWORD),
            parameter_group_name=pulumi.Output.concat("group-of-", pulumi.Output.secret(PASSWORD)),
            skip_final_snapshot=True,
            opts=provider(),
        )

    error = refusal(deployer, program)
    assert PASSWORD not in str(error)
    assert error.parameters["MasterUserPassword"] == "[secret]"
    assert error.parameters["MasterUsername"] == "app"


def test_a_secret_inside_a_longer_text_or_a_list_is_masked() -> None:
    found = deploy.masked(
        {"a": [f"user:{PASSWORD}@host"], "b": PASSWORD.encode(), "c": 5}, {PASSWORD}
    )
    assert found == {"a": ["user:[secret]@host"], "b": "[secret]", "c": 5}


def test_a_gap_is_validated_recorded_and_not_sent(deployer: Deployer, emulator: Emulator) -> None:
    def program() -> None:
        alarm = aws.cloudwatch.CompositeAlarm(
            "page", alarm_name="page", alarm_rule="ALARM(x)", opts=provider(Project="p")
        )
        pulumi.export("arn", alarm.arn)

    graph = run(deployer, program)
    assert graph.exports["arn"] == f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:page"
    assert deployer.created == []
    (validated,) = deployer.validated
    assert validated.operation == "cloudwatch:PutCompositeAlarm"
    assert validated.parameters["Tags"] == [{"Key": "Project", "Value": "p"}]
    assert "composite alarms" in validated.reason
    assert emulator.requests() == []


def test_ids_of_what_was_only_validated_are_the_same_in_each_run(deployer: Deployer) -> None:
    def program() -> None:
        opts = provider()
        gateway = aws.ec2.NatGateway("nat", vpc_id="vpc-1", availability_mode="regional", opts=opts)
        pulumi.export("id", gateway.id)

    first, second = run(deployer, program), run(deployer, program)
    assert first.exports["id"] == second.exports["id"]
    assert first.exports["id"].startswith("nat-")


def test_an_unexpected_gap_is_an_error_that_says_where_gaps_are_listed(
    deployer: Deployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for gap in (("cloudwatch", "put_composite_alarm"), ("cloudfront", "create_vpc_origin")):
        monkeypatch.delitem(handlers.GAPS, gap)
    alarm = refusal(
        deployer,
        lambda: aws.cloudwatch.CompositeAlarm("a", alarm_name="a", alarm_rule="ALARM(x)"),
    )
    origin = refusal(
        deployer,
        lambda: aws.cloudfront.VpcOrigin(
            "o",
            vpc_origin_endpoint_config={
                "name": "o",
                "arn": "arn:aws:x",
                "http_port": 80,
                "https_port": 443,
                "origin_protocol_policy": "https-only",
                "origin_ssl_protocols": {"items": ["TLSv1.2"], "quantity": 1},
            },
        ),
    )
    for error in (alarm, origin):
        assert "the emulator gives no answer" in error.message
        assert "gaps.py" in error.message


def test_what_follows_a_creation_that_was_only_validated_is_not_sent_either(
    deployer: Deployer, monkeypatch: pytest.MonkeyPatch, emulator: Emulator
) -> None:
    monkeypatch.setitem(handlers.GAPS, ("ec2", "create_subnet"), Gap("a seeded gap"))

    def program() -> None:
        aws.ec2.Subnet(
            "s",
            vpc_id="vpc-1",
            cidr_block="10.0.0.0/24",
            map_public_ip_on_launch=True,
            opts=provider(),
        )

    run(deployer, program)
    assert [v.operation for v in deployer.validated] == [
        "ec2:CreateSubnet",
        "ec2:ModifySubnetAttribute",
    ]
    assert emulator.requests() == []


def test_a_part_that_was_only_validated_leaves_the_resource_created(deployer: Deployer) -> None:
    def program() -> None:
        aws.cloudfront.Function(
            "f", runtime="cloudfront-js-2.0", code="//", publish=True, opts=provider()
        )

    run(deployer, program)
    assert [c.name for c in deployer.created] == ["f"]
    (part,) = deployer.validated
    assert (part.operation, part.created) == ("cloudfront:PublishFunction", True)


def test_types_without_a_handler_are_all_named(deployer: Deployer) -> None:
    def program() -> None:
        aws.ec2.Eip("ip")
        aws.ec2.KeyPair("key", public_key="ssh-rsa AAAA")
        aws.sns.SmsPreferences("messages")

    graph = run_program(program)
    assert deployer.missing(graph) == [
        "aws:ec2/keyPair:KeyPair",
        "aws:sns/smsPreferences:SmsPreferences",
    ]
    error = refusal(deployer, program)
    assert "no handler knows this resource type" in error.message


def test_a_fault_in_a_handler_is_reported_with_the_resource(
    deployer: Deployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(context: Any) -> Any:
        return context.inputs["no such input"]

    token = "aws:ec2/eip:Eip"
    monkeypatch.setitem(handlers.HANDLERS, token, Handler(service="ec2", create=broken))
    error = refusal(deployer, lambda: aws.ec2.Eip("ip"))
    assert "the handler failed: KeyError" in error.message
    assert "'ip'" in str(error)


def test_names_left_out_are_the_logical_name_and_seven_digits(
    deployer: Deployer, api: Callable[..., Any]
) -> None:
    def program() -> None:
        opts = provider()
        aws.s3.Bucket("Assets", opts=opts)
        aws.sqs.Queue("jobs", fifo_queue=True, opts=opts)
        aws.iam.Role("task", name_prefix="task-", assume_role_policy="{}", opts=opts)
        aws.cloudwatch.LogGroup("named", name="/exactly/this", opts=opts)

    graph = run(deployer, program)
    (bucket,) = [b["Name"] for b in api("s3").list_buckets()["Buckets"]]
    assert bucket[:7] == "assets-"
    assert len(bucket) == 14
    assert graph.one("aws:s3/bucket:Bucket").outputs["bucket"] == bucket
    assert graph.one("aws:sqs/queue:Queue").outputs["name"].endswith(".fifo")
    assert api("logs").describe_log_groups()["logGroups"][0]["logGroupName"] == "/exactly/this"
    role = graph.one("aws:iam/role:Role")
    assert role.id.startswith("task-")
    assert role.id[5:].isdigit()
    assert len(role.id) == 31


@pytest.mark.parametrize(
    ("limit", "build"),
    [
        (32, lambda name: aws.lb.TargetGroup(name, port=80, protocol="HTTP", vpc_id="vpc-1")),
        (32, lambda name: aws.lb.LoadBalancer(name, subnets=["subnet-1"])),
        (64, lambda name: aws.iam.Role(name, assume_role_policy="{}")),
        (63, lambda name: aws.rds.Instance(name, instance_class="db.t4g.micro")),
        (40, lambda name: aws.elasticache.ReplicationGroup(name, description="d")),
    ],
)
def test_a_logical_name_too_long_for_its_type_is_refused_as_the_bridge_refuses_it(
    deployer: Deployer, limit: int, build: Callable[[str], object]
) -> None:
    name = "n" * (limit - 7)
    error = refusal(deployer, lambda: build(name))
    assert error.message == (
        f"name '{name}-' plus 7 random chars is longer than maximum length {limit}"
    )


def test_default_tags_of_the_provider_are_under_those_of_the_resource(
    deployer: Deployer, api: Callable[..., Any]
) -> None:
    def program() -> None:
        opts = provider(Stage="staging", Owner="team")
        aws.ec2.Vpc("v", cidr_block="10.0.0.0/16", tags={"Owner": "me", "Name": "v"}, opts=opts)

    graph = run(deployer, program)
    wanted = {"Stage": "staging", "Owner": "me", "Name": "v"}
    vpc = graph.one("aws:ec2/vpc:Vpc")
    assert vpc.outputs["tagsAll"] == wanted
    (found,) = api("ec2").describe_vpcs(VpcIds=[vpc.id])["Vpcs"]
    assert {tag["Key"]: tag["Value"] for tag in found["Tags"]} == wanted


def test_the_region_is_the_resources_own_then_the_providers(
    deployer: Deployer, api: Callable[..., Any]
) -> None:
    def program() -> None:
        opts = provider(region="eu-central-1")
        aws.sns.Topic("there", opts=opts)
        aws.sns.Topic("elsewhere", region="us-east-1", opts=opts)

    run(deployer, program)
    arns = {
        region: [t["TopicArn"] for t in api("sns", region).list_topics()["Topics"]]
        for region in ("eu-west-1", "eu-central-1", "us-east-1")
    }
    assert arns["eu-west-1"] == []
    assert ":there-" in arns["eu-central-1"][0]
    assert ":elsewhere-" in arns["us-east-1"][0]


def test_progress_tells_of_each_resource_before_and_after(emulator: Emulator) -> None:
    emulator.reset()
    seen: list[tuple[str, str]] = []
    deployer = Deployer(
        emulator.endpoint, REGION, ACCOUNT, lambda r, state: seen.append((r.name, state))
    )

    def program() -> None:
        aws.sns.Topic("t", opts=provider())
        aws.xray.Group("g", group_name="g", filter_expression="x")

    run(deployer, program)
    assert sorted(seen) == [
        ("g", "creating"),
        ("g", "validated"),
        ("t", "created"),
        ("t", "creating"),
    ]


def test_lookups_are_answered_from_the_api(deployer: Deployer) -> None:
    def program() -> None:
        invoke = pulumi.InvokeOptions(provider=aws.Provider("main", region=REGION))
        pulumi.export("account", aws.get_caller_identity_output(opts=invoke).account_id)
        pulumi.export("partition", aws.get_partition_output(opts=invoke).partition)
        pulumi.export("region", aws.get_region_output(opts=invoke).region)
        zones = aws.get_availability_zones_output(state="available", opts=invoke)
        pulumi.export("zones", zones.names)
        listed = aws.ec2.get_managed_prefix_list_output(
            name=f"com.amazonaws.{REGION}.s3", opts=invoke
        )
        pulumi.export("prefixes", listed.id)

    exports = run(deployer, program).exports
    assert exports["account"] == ACCOUNT
    assert exports["partition"] == "aws"
    assert exports["region"] == REGION
    assert exports["zones"] == [f"{REGION}{zone}" for zone in "abc"]
    assert exports["prefixes"].startswith("pl-")


def test_a_lookup_that_nobody_answers_is_an_error(deployer: Deployer) -> None:
    with pytest.raises(LookupError, match="getAmi"):
        deployer.lookup("aws:ec2/getAmi:getAmi", {})


def test_an_image_built_on_a_laptop_is_checked_and_not_built(
    deployer: Deployer, tmp_path: Any
) -> None:
    def program() -> None:
        image = awsx.ecr.Image(
            "app", repository_url="123456789012.dkr.ecr.x/app", context=str(tmp_path)
        )
        pulumi.export("uri", image.image_uri)

    assert "there is no Dockerfile" in refusal(deployer, program).message
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    graph = run(deployer, program)
    assert graph.exports["uri"].startswith("123456789012.dkr.ecr.x/app@sha256:")
    assert [v.operation for v in deployer.validated] == ["docker build and push"]
    assert deployer.created == []


def test_a_dependent_waits_for_the_answer_it_is_made_from(
    deployer: Deployer, api: Callable[..., Any]
) -> None:
    def program() -> None:
        opts = provider()
        topic = aws.sns.Topic("t", opts=opts)
        policy = pulumi.Output.json_dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Resource": topic.arn}]}
        )
        aws.sns.TopicPolicy("p", arn=topic.arn, policy=policy, opts=opts)

    run(deployer, program)
    assert [c.name for c in deployer.created] == ["t", "p"]
    arn = deployer.created[0].id
    kept = api("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    assert json.loads(kept)["Statement"][0]["Resource"] == arn
