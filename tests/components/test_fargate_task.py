"""What a task definition runs and may do; what it cannot prove: that the image runs like that."""

import json

import pytest
from pulumi import Output
from pulumi.provider.experimental.analyzer import Analyzer

from components.fargate_choices import Architecture
from components.fargate_task import FargateTask

DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE = "aws:iam/role:Role"
ACCOUNT = "123456789012"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:db-AbCdEf"
OTHER_SECRET = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:api-AbCdEf"
PARAMETER = f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/web/flag"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/k"
REPOSITORY = f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/web"
COLLECTOR = "public.ecr.aws/aws-observability/aws-otel-collector@sha256:00"
DIGEST = "web@sha256:00"


def build(name="web", **changes):
    return FargateTask(
        name,
        {
            "image": DIGEST,
            "cpu": 256,
            "memory": 512,
            "region": "eu-west-1",
            "account_id": ACCOUNT,
            **changes,
        },
    )


def containers_of(graph):
    definitions = json.loads(graph.one(DEFINITION).inputs["containerDefinitions"])
    return {container["name"]: container for container in definitions}


def statements(graph, name):
    policy = json.loads(graph.one(POLICY, name).inputs["policy"])
    assert policy["Version"] == "2012-10-17"
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def everything(name="web"):
    return build(
        name,
        port=8080,
        environment={"STAGE": "test"},
        secrets={"DB": f"{SECRET}:password::"},
        parameters={"FLAG": PARAMETER},
        secret_kms_key_arns=[KEY],
        repository_arns=[REPOSITORY],
        task_policies={"assets": '{"Version":"2012-10-17","Statement":[]}'},
        collector_image=COLLECTOR,
        enable_execute_command=True,
        exec_log_group_arn=f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:exec",
        exec_kms_key_arn=KEY,
        tags={"Team": "platform"},
    )


@pytest.mark.parametrize("preview", [False, True])
def test_it_is_a_small_fargate_task_on_arm_unless_told_otherwise(record, preview):
    definition = record(build, preview=preview).one(DEFINITION).inputs

    assert definition["requiresCompatibilities"] == ["FARGATE"]
    assert definition["networkMode"] == "awsvpc"
    assert (definition["cpu"], definition["memory"]) == ("256", "512")
    assert definition["runtimePlatform"] == {
        "operatingSystemFamily": "LINUX",
        "cpuArchitecture": "ARM64",
    }
    assert "ephemeralStorage" not in definition
    assert definition["volumes"] == []


@pytest.mark.parametrize("architecture", [Architecture.X86_64, "X86_64"])
def test_processor_and_disk_can_be_chosen(record, architecture):
    graph = record(lambda: build(architecture=architecture, ephemeral_storage_gib=21))

    definition = graph.one(DEFINITION).inputs
    assert definition["runtimePlatform"]["cpuArchitecture"] == "X86_64"
    assert definition["ephemeralStorage"] == {"sizeInGib": 21}


def test_old_revisions_stay_so_that_a_rollback_finds_them(record):
    definition = record(build).one(DEFINITION).inputs

    assert definition["skipDestroy"] is True
    assert definition["trackLatest"] is False


def test_family_and_log_group_carry_project_and_stack(record):
    graph = record(build)
    chosen = record(lambda: build(family="robots"))

    assert graph.one(DEFINITION).inputs["family"] == "babyrobots-test-web"
    assert graph.one(LOG_GROUP).inputs["name"] == "/ecs/babyrobots-test-web"
    assert chosen.one(DEFINITION).inputs["family"] == "robots"
    assert chosen.one(LOG_GROUP).inputs["name"] == "/ecs/robots"


def test_logs_are_kept_a_year_unless_told_otherwise(record):
    default = record(build).one(LOG_GROUP).inputs
    chosen = record(lambda: build(log_retention_days=14, log_kms_key_arn=KEY)).one(LOG_GROUP).inputs

    assert default["retentionInDays"] == 365
    assert "kmsKeyId" not in default
    assert (chosen["retentionInDays"], chosen["kmsKeyId"]) == (14, KEY)


def test_ecs_assumes_both_roles_for_tasks_of_this_account_only(record):
    roles = record(build).of(ROLE)

    assert set(roles) == {"web-execution", "web-task"}
    for role in roles.values():
        (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert statement["Action"] == "sts:AssumeRole"
        assert statement["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:eu-west-1:{ACCOUNT}:*"},
        }


def test_ecs_starts_the_task_with_one_role_and_the_application_has_the_other(record):
    definition = record(build).one(DEFINITION).inputs

    assert definition["executionRoleArn"] == f"arn:aws:iam:eu-west-1:{ACCOUNT}:web-execution"
    assert definition["taskRoleArn"] == f"arn:aws:iam:eu-west-1:{ACCOUNT}:web-task"


def test_a_task_that_needs_nothing_may_write_its_log_and_nothing_else(record):
    graph = record(build)

    assert list(graph.of(POLICY)) == ["web-execution-policy"]
    assert graph.one(POLICY).inputs["role"] == "web-execution"
    assert statements(graph, "web-execution-policy") == {
        "WriteLogs": {
            "Sid": "WriteLogs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:web-logs:*",
        }
    }


def test_images_are_pulled_from_the_given_repositories_only(record):
    granted = statements(
        record(lambda: build(repository_arns=[REPOSITORY])), "web-execution-policy"
    )

    assert granted["PullImages"]["Resource"] == [REPOSITORY]
    assert set(granted["PullImages"]["Action"]) == {
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    }
    assert granted["SignInToEcr"]["Action"] == "ecr:GetAuthorizationToken"
    assert granted["SignInToEcr"]["Resource"] == "*"


def test_each_secret_is_readable_once_and_no_other_is(record):
    graph = record(
        lambda: build(
            secrets={
                "PASSWORD": f"{SECRET}:password::",
                "USER": Output.from_input(f"{SECRET}:username::"),
                "KEY": OTHER_SECRET,
            }
        )
    )

    granted = statements(graph, "web-execution-policy")
    assert granted["ReadSecrets"]["Action"] == "secretsmanager:GetSecretValue"
    assert granted["ReadSecrets"]["Resource"] == [OTHER_SECRET, SECRET]
    assert "ReadParameters" not in granted
    assert "DecryptSecrets" not in granted
    assert containers_of(graph)["app"]["secrets"] == [
        {"name": "KEY", "valueFrom": OTHER_SECRET},
        {"name": "PASSWORD", "valueFrom": f"{SECRET}:password::"},
        {"name": "USER", "valueFrom": f"{SECRET}:username::"},
    ]


def test_parameters_are_read_by_their_own_permission(record):
    graph = record(lambda: build(parameters={"FLAG": PARAMETER}))

    granted = statements(graph, "web-execution-policy")
    assert granted["ReadParameters"]["Action"] == "ssm:GetParameters"
    assert granted["ReadParameters"]["Resource"] == [PARAMETER]
    assert "ReadSecrets" not in granted
    assert containers_of(graph)["app"]["secrets"] == [{"name": "FLAG", "valueFrom": PARAMETER}]


@pytest.mark.parametrize(
    ("references", "services"),
    [
        ({"secrets": {"S": SECRET}}, ["secretsmanager"]),
        ({"parameters": {"P": PARAMETER}}, ["ssm"]),
        ({"secrets": {"S": SECRET}, "parameters": {"P": PARAMETER}}, ["secretsmanager", "ssm"]),
    ],
)
def test_a_key_decrypts_only_through_the_service_that_keeps_the_secret(
    record, references, services
):
    graph = record(lambda: build(secret_kms_key_arns=[KEY], **references))

    granted = statements(graph, "web-execution-policy")["DecryptSecrets"]
    assert granted["Action"] == "kms:Decrypt"
    assert granted["Resource"] == [KEY]
    assert granted["Condition"] == {
        "StringEquals": {"kms:ViaService": [f"{s}.eu-west-1.amazonaws.com" for s in services]}
    }


def test_a_key_without_a_secret_grants_nothing(record):
    graph = record(lambda: build(secret_kms_key_arns=[KEY]))

    assert "DecryptSecrets" not in statements(graph, "web-execution-policy")


def test_the_application_may_do_what_it_is_given(record):
    document = '{"Version":"2012-10-17","Statement":[]}'
    graph = record(lambda: build(task_policies={"assets": Output.from_input(document)}))

    granted = graph.one(POLICY, "web-task-assets").inputs
    assert (granted["role"], granted["policy"]) == ("web-task", document)


def test_traces_go_through_a_collector_that_only_a_traced_task_has(record):
    traced = record(lambda: build(collector_image=COLLECTOR, environment={"STAGE": "test"}))
    untraced = record(build)

    collector, application = containers_of(traced)["collector"], containers_of(traced)["app"]
    assert collector["image"] == COLLECTOR
    assert application["dependsOn"] == [{"containerName": "collector", "condition": "START"}]
    assert application["environment"] == [
        {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://127.0.0.1:4318"},
        {"name": "OTEL_EXPORTER_OTLP_PROTOCOL", "value": "http/protobuf"},
        {"name": "STAGE", "value": "test"},
    ]
    assert traced.one(POLICY, "web-task-traces").inputs["role"] == "web-task"
    assert set(statements(traced, "web-task-traces")["SendTraces"]["Action"]) == {
        "xray:GetSamplingRules",
        "xray:GetSamplingStatisticSummaries",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    assert set(containers_of(untraced)) == {"app"}
    assert "web-task-traces" not in untraced.of(POLICY)


def test_the_callers_variable_wins_over_the_one_for_tracing(record):
    name = "OTEL_EXPORTER_OTLP_ENDPOINT"
    graph = record(lambda: build(collector_image=COLLECTOR, environment={name: "http://x"}))

    variables = {v["name"]: v["value"] for v in containers_of(graph)["app"]["environment"]}
    assert variables[name] == "http://x"


def test_an_empty_collector_image_means_no_collector(record):
    graph = record(lambda: build(collector_image=""))

    assert set(containers_of(graph)) == {"app"}
    assert "web-task-traces" not in graph.of(POLICY)


def test_a_shell_needs_permissions_and_places_to_write_and_leaves_the_root_read_only(record):
    graph = record(lambda: build(enable_execute_command=True))

    application = containers_of(graph)["app"]
    volumes = {volume["name"] for volume in graph.one(DEFINITION).inputs["volumes"]}
    assert application["readonlyRootFilesystem"] is True
    assert {mount["sourceVolume"] for mount in application["mountPoints"]} == volumes
    assert len(volumes) == 3
    granted = statements(graph, "web-task-exec")
    assert set(granted) == {"OpenExecSessions"}
    assert set(granted["OpenExecSessions"]["Action"]) == {
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    }


def test_a_shell_without_scratch_has_a_volume_for_tmp(record):
    graph = record(lambda: build(enable_execute_command=True, scratch_mib=0))

    paths = {mount["containerPath"] for mount in containers_of(graph)["app"]["mountPoints"]}
    assert "/tmp" in paths
    assert "tmpfs" not in containers_of(graph)["app"]["linuxParameters"]


def test_sessions_are_recorded_and_encrypted_where_the_cluster_says(record):
    group = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:exec"
    granted = statements(record(everything), "web-task-exec")

    assert granted["RecordExecSessions"]["Resource"] == f"{group}:*"
    assert granted["FindExecLogGroup"]["Action"] == "logs:DescribeLogGroups"
    assert granted["DecryptExecSessions"]["Resource"] == KEY


def test_no_shell_without_the_switch(record):
    graph = record(lambda: build(exec_log_group_arn="arn", exec_kms_key_arn=KEY))

    assert list(graph.of(POLICY)) == ["web-execution-policy"]
    assert containers_of(graph)["app"]["mountPoints"] == []


def test_everything_about_the_container_is_passed_on(record):
    graph = record(
        lambda: build(
            port=9000,
            command=["serve"],
            entry_point=["/web"],
            user="7:8",
            stop_timeout=100,
            nofile_limit=2048,
            scratch_mib=128,
            health_check_command=["CMD", "/probe"],
            health_check_start_period=45,
        )
    )

    application = containers_of(graph)["app"]
    assert application["image"] == DIGEST
    assert application["portMappings"][0]["containerPort"] == 9000
    assert (application["command"], application["entryPoint"]) == (["serve"], ["/web"])
    assert (application["user"], application["stopTimeout"]) == ("7:8", 100)
    assert application["ulimits"][0]["softLimit"] == 2048
    assert application["linuxParameters"]["tmpfs"][0]["size"] == 128
    assert application["healthCheck"]["command"] == ["CMD", "/probe"]
    assert application["healthCheck"]["startPeriod"] == 45
    assert application["logConfiguration"]["options"]["awslogs-group"] == (
        "/ecs/babyrobots-test-web"
    )


def test_nothing_starts_before_its_roles_may_do_what_it_needs(record):
    graph = record(everything)

    granted = {policy.urn for policy in graph.of(POLICY).values()}
    assert len(granted) == 4
    assert granted <= set(graph.one(DEFINITION).dependencies)


def test_only_what_has_no_resource_level_permission_is_granted_on_everything(record):
    graph = record(everything)

    unscoped = {
        action
        for policy in graph.of(POLICY).values()
        for statement in json.loads(policy.inputs["policy"])["Statement"]
        if "*" in (statement["Resource"], *statement["Resource"])
        and not str(statement["Resource"]).endswith(":*")
        for action in [statement["Action"]]
        for action in ([action] if isinstance(action, str) else action)
    }
    assert {action.split(":")[0] for action in unscoped} == {"ecr", "xray", "ssmmessages", "logs"}
    assert {a for a in unscoped if a.startswith(("ecr:", "logs:"))} == {
        "ecr:GetAuthorizationToken",
        "logs:DescribeLogGroups",
    }
    assert not any("*" in action for action in unscoped)


def test_two_runs_send_the_same_bytes_whatever_the_order_of_configuration(record):
    def run(names):
        return record(
            lambda: build(environment={name: Output.from_input(name.lower()) for name in names})
        )

    assert run("ABC").to_json() == run("CBA").to_json()
    sent = run("ABC").one(DEFINITION).inputs["containerDefinitions"]
    assert sent == json.dumps(json.loads(sent), sort_keys=True)


def test_every_mistake_is_named_at_once_before_anything_exists(record):
    graph = None
    with pytest.raises(ValueError, match="FargateTask 'web': cpu/memory is 256/9") as refusal:
        graph = record(
            lambda: build(
                memory=9,
                scratch_mib=0,
                port=80,
                ephemeral_storage_gib=20,
                secrets={"X": SECRET},
                parameters={"X": PARAMETER},
            )
        )

    assert graph is None
    for said in ("nearest are", "1024 to 65535", "21 to 200", "X is both a secret and a parameter"):
        assert said in str(refusal.value)


def test_every_child_belongs_to_the_component_and_two_instances_coexist(record):
    graph = record(lambda: (everything(), everything("worker")))

    owners = {r.parent.split("::", 2)[2] for r in graph.custom}
    token = "babyrobots:index:FargateTask"
    assert owners == {f"{token}::web", f"{token}::worker"}


def test_extra_tags_reach_every_taggable_child(record):
    graph = record(everything)

    untagged = {r.type for r in graph.custom if r.inputs.get("tags", {}).get("Team") != "platform"}
    assert untagged == {POLICY}, "inline policies have no tags"


def test_outputs_are_registered(record):
    component = record(build).one("babyrobots:index:FargateTask")

    assert component.outputs == {
        "arn": f"arn:aws:ecs:eu-west-1:{ACCOUNT}:web-definition",
        "family": "babyrobots-test-web",
        "task_role_arn": f"arn:aws:iam:eu-west-1:{ACCOUNT}:web-task",
        "task_role_name": "web-task",
        "execution_role_arn": f"arn:aws:iam:eu-west-1:{ACCOUNT}:web-execution",
        "log_group_name": "/ecs/babyrobots-test-web",
        "log_group_arn": f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:web-logs",
    }


def test_it_can_be_published_as_a_package():
    schema = Analyzer("babyrobots").analyze([FargateTask])["component_definitions"]["FargateTask"]

    required = {name for name, prop in schema.inputs.items() if not prop.optional}
    assert required == {"image", "cpu", "memory", "region", "accountId"}
    undocumented = [
        n for n, p in (*schema.inputs.items(), *schema.outputs.items()) if not p.description
    ]
    assert undocumented == []
