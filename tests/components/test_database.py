"""What a database is and is not; what it cannot prove: that RDS restores what it backed up."""

import json

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.database import Database
from components.database_monitoring import DatabaseMonitoring
from components.database_secret import DatabaseSecret
from rehearsal.recording import UNKNOWN

INSTANCE = "aws:rds/instance:Instance"
KEY = "aws:kms/key:Key"
SECRET = "aws:secretsmanager/secret:Secret"
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
PARAMETER_GROUP = "aws:rds/parameterGroup:ParameterGroup"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
GIVEN = {"username": "robot", "password": "not-a-real-one"}


def build(name="main", **changes):
    return Database(
        name,
        {
            "vpc_id": "vpc-1",
            "subnet_ids": ["subnet-a", "subnet-b"],
            "account_id": "123456789012",
            "region": "eu-west-1",
            "engine_version": "17",
            "instance_class": "db.t4g.micro",
            "allocated_storage": 20,
            **changes,
        },
    )


def answer(registration):
    name = registration.name
    outputs = {"arn": f"arn:{name}", "name": registration.inputs.get("name", name)}
    if registration.type == INSTANCE:
        outputs |= {
            "address": f"{name}.rds.example",
            "endpoint": f"{name}.rds.example:5432",
            "resourceId": "db-ABC",
        }
        if registration.inputs.get("manageMasterUserPassword"):
            outputs["masterUserSecrets"] = [{"secretArn": "arn:made-by-rds"}]
    return f"{name}-id", outputs


def instance(record, **changes):
    return record(lambda: build(**changes), answer=answer).one(INSTANCE, "main-instance")


def test_the_instance_is_safe_by_default(record):
    assert instance(record).inputs == {
        "identifier": "babyrobots-test-main",
        "dbSubnetGroupName": "main-subnets",
        "vpcSecurityGroupIds": ["main-sg-id"],
        "parameterGroupName": "main-postgres17",
        "engine": "postgres",
        "engineVersion": "17",
        "engineLifecycleSupport": "open-source-rds-extended-support-disabled",
        "autoMinorVersionUpgrade": True,
        "allowMajorVersionUpgrade": False,
        "instanceClass": "db.t4g.micro",
        "port": 5432,
        "multiAz": True,
        "publiclyAccessible": False,
        "caCertIdentifier": "rds-ca-rsa2048-g1",
        "maintenanceWindow": "sun:03:30-sun:04:30",
        "applyImmediately": False,
        "storageType": "gp3",
        "allocatedStorage": 20,
        "maxAllocatedStorage": 100,
        "storageEncrypted": True,
        "kmsKeyId": "arn:main-database-key",
        "dbName": "babyrobots",
        "username": "dbadmin",
        "iamDatabaseAuthenticationEnabled": True,
        "manageMasterUserPassword": True,
        "masterUserSecretKmsKeyId": "arn:main-database-key",
        "backupRetentionPeriod": 35,
        "backupWindow": "02:00-03:00",
        "copyTagsToSnapshot": True,
        "deleteAutomatedBackups": False,
        "deletionProtection": True,
        "skipFinalSnapshot": False,
        "finalSnapshotIdentifier": "babyrobots-test-main-final",
        "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
        "monitoringInterval": 60,
        "monitoringRoleArn": "arn:main-monitoring-role",
        "performanceInsightsEnabled": True,
        "performanceInsightsKmsKeyId": "arn:main-database-key",
        "performanceInsightsRetentionPeriod": 7,
        "tags": {"Name": "main"},
    }


def test_a_preview_knows_all_but_what_aws_makes(record):
    inputs = record(build, preview=True).one(INSTANCE).inputs

    unknown = {name for name, value in inputs.items() if UNKNOWN in (value, *_items(value))}
    assert unknown == {
        "dbSubnetGroupName",
        "vpcSecurityGroupIds",
        "parameterGroupName",
        "kmsKeyId",
        "masterUserSecretKmsKeyId",
        "performanceInsightsKmsKeyId",
        "monitoringRoleArn",
    }


def _items(value):
    return value if isinstance(value, list) else []


def test_pulumi_protects_it_and_a_snapshot_is_looked_at_only_once(record):
    options = instance(record)

    assert options.protect is True
    assert options.ignore_changes == ("snapshotIdentifier",)
    assert options.custom_timeouts == {"create": "1h", "update": "3h", "delete": "1h"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"engine_version": "17.4"}, {"engineVersion": "17.4", "autoMinorVersionUpgrade": False}),
        ({"multi_az": False}, {"multiAz": False}),
        ({"max_allocated_storage": 0}, {"maxAllocatedStorage": 0}),
        ({"max_allocated_storage": 50}, {"maxAllocatedStorage": 50}),
        ({"allocated_storage": 60000}, {"maxAllocatedStorage": 0}),
        ({"database_name": "shop"}, {"dbName": "shop"}),
        ({"username": "robot"}, {"username": "robot", "manageMasterUserPassword": True}),
        ({"identifier": "shop-1"}, {"identifier": "shop-1"}),
        ({"backup_retention_days": 1}, {"backupRetentionPeriod": 1}),
        ({"backup_window": "05:00-06:00"}, {"backupWindow": "05:00-06:00"}),
        (
            {"maintenance_window": "Mon:05:00-Mon:06:00"},
            {"maintenanceWindow": "mon:05:00-mon:06:00"},
        ),
        ({"deletion_protection": False}, {"deletionProtection": False}),
        ({"snapshot_identifier": "s-1"}, {"snapshotIdentifier": "s-1"}),
        ({"blue_green_update": True}, {"blueGreenUpdate": {"enabled": True}}),
        ({"allow_major_version_upgrade": True}, {"allowMajorVersionUpgrade": True}),
        ({"performance_insights_retention_days": 93}, {"performanceInsightsRetentionPeriod": 93}),
        ({"monitoring_interval_seconds": 15}, {"monitoringInterval": 15}),
        ({"ca_certificate": "rds-ca-ecc384-g1"}, {"caCertIdentifier": "rds-ca-ecc384-g1"}),
        ({"tags": {"backup": "daily"}}, {"tags": {"Name": "main", "backup": "daily"}}),
    ],
)
def test_every_choice_reaches_the_instance(record, changes, expected):
    inputs = instance(record, **changes).inputs

    assert {name: inputs[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("changes", "absent"),
    [
        ({}, {"snapshotIdentifier", "blueGreenUpdate", "passwordWo", "password"}),
        ({"final_snapshot": False}, {"finalSnapshotIdentifier"}),
        ({"extended_support": True}, {"engineLifecycleSupport"}),
        ({"monitoring_interval_seconds": 0}, {"monitoringRoleArn"}),
        (
            {"performance_insights": False},
            {"performanceInsightsKmsKeyId", "performanceInsightsRetentionPeriod"},
        ),
        (GIVEN, {"manageMasterUserPassword", "masterUserSecretKmsKeyId", "password"}),
    ],
)
def test_what_is_off_is_not_sent(record, changes, absent):
    assert absent & set(instance(record, **changes).inputs) == set()


def test_what_is_switched_off_is_said_so(record):
    off = instance(
        record,
        final_snapshot=False,
        performance_insights=False,
        monitoring_interval_seconds=0,
        protect=False,
    )

    assert off.inputs["skipFinalSnapshot"] is True
    assert off.inputs["deleteAutomatedBackups"] is True
    assert off.inputs["performanceInsightsEnabled"] is False
    assert off.inputs["monitoringInterval"] == 0
    assert off.protect is False


def test_its_group_lets_nothing_in_and_nothing_out(record):
    graph = record(build, answer=answer)

    assert set(graph.one("aws:ec2/securityGroup:SecurityGroup").inputs) == {
        "vpcId",
        "description",
        "tags",
    }
    assert [r.type for r in graph.custom if "gressrule" in r.type.lower()] == []


def test_it_is_in_the_subnets_it_was_given(record):
    group = record(build, answer=answer).one("aws:rds/subnetGroup:SubnetGroup", "main-subnets")

    assert group.inputs["subnetIds"] == ["subnet-a", "subnet-b"]


def test_tls_is_forced_and_slow_or_structural_statements_are_logged(record):
    group = record(build, answer=answer).one(PARAMETER_GROUP, "main-postgres17")

    assert group.inputs["family"] == "postgres17"
    assert "name" not in group.inputs, "a fixed name could not exist twice during an upgrade"
    assert {p["name"]: p["value"] for p in group.inputs["parameters"]} == {
        "rds.force_ssl": "1",
        "log_statement": "ddl",
        "log_min_duration_statement": "1000",
        "log_lock_waits": "1",
        "log_temp_files": "10240",
    }
    assert {p["applyMethod"] for p in group.inputs["parameters"]} == {"immediate"}


def test_a_new_major_gets_a_parameter_group_of_its_own(record):
    graph = record(lambda: build(engine_version="18"), answer=answer)

    group = graph.one(PARAMETER_GROUP, "main-postgres18")
    assert group.inputs["family"] == "postgres18"
    assert group.delete_before_replace is False


def test_its_key_serves_its_storage_secrets_and_logs_only(record):
    graph = record(build, answer=answer)

    statements = json.loads(graph.one(KEY, "main-database-key").inputs["policy"])["Statement"]
    by_sid = {statement["Sid"]: statement for statement in statements}
    assert by_sid["AccountUsesThroughServices"]["Condition"]["StringEquals"] == {
        "kms:ViaService": ["rds.eu-west-1.amazonaws.com", "secretsmanager.eu-west-1.amazonaws.com"]
    }
    logs = by_sid["LogsEncryptTheirGroups"]["Condition"]["ArnLike"]
    assert list(logs.values()) == [
        ["arn:aws:logs:eu-west-1:123456789012:log-group:/aws/rds/instance/babyrobots-test-main/*"]
    ]
    assert graph.one(KEY).protect is True


def test_the_key_of_a_temporary_database_may_go(record):
    key = record(lambda: build(protect=False, final_snapshot=False), answer=answer).one(KEY)

    assert key.protect is False
    assert key.inputs["deletionWindowInDays"] == 7


def test_a_key_can_be_given_instead(record):
    graph = record(
        lambda: build(kms_key_arn="arn:other", log_kms_key_arn="arn:logs"), answer=answer
    )

    assert graph.of(KEY) == {}
    inputs = graph.one(INSTANCE).inputs
    encrypted = {name: inputs[name] for name in inputs if "KmsKeyId" in name or name == "kmsKeyId"}
    assert set(encrypted.values()) == {"arn:other"}
    assert len(encrypted) == 3
    assert {r.inputs["kmsKeyId"] for r in graph.of(LOG_GROUP).values()} == {"arn:logs"}


def test_its_log_groups_stand_before_it_and_end(record):
    graph = record(build, answer=answer)

    groups = graph.of(LOG_GROUP)
    assert {name: r.inputs["name"] for name, r in groups.items()} == {
        "main-monitoring-postgresql": "/aws/rds/instance/babyrobots-test-main/postgresql",
        "main-monitoring-upgrade": "/aws/rds/instance/babyrobots-test-main/upgrade",
    }
    assert {r.inputs["retentionInDays"] for r in groups.values()} == {365}
    assert {r.inputs["kmsKeyId"] for r in groups.values()} == {"arn:main-database-key"}
    assert {r.urn for r in groups.values()} <= set(graph.one(INSTANCE).dependencies)


def test_logs_may_be_kept_shorter(record):
    graph = record(lambda: build(log_retention_days=14), answer=answer)

    assert {r.inputs["retentionInDays"] for r in graph.of(LOG_GROUP).values()} == {14}


def test_only_the_monitoring_of_this_instance_has_the_role(record):
    graph = record(build, answer=answer)

    role = graph.one("aws:iam/role:Role", "main-monitoring-role")
    (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": "monitoring.rds.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnEquals": {
            "aws:SourceArn": "arn:aws:rds:eu-west-1:123456789012:db:babyrobots-test-main"
        },
    }
    permission = graph.one("aws:iam/rolePolicy:RolePolicy")
    (statement,) = json.loads(permission.inputs["policy"])["Statement"]
    metrics = "arn:aws:logs:eu-west-1:123456789012:log-group:RDSOSMetrics"
    assert statement["Resource"] == [metrics, f"{metrics}:*"], "no other log group"
    assert set(statement["Action"]) == {
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:DescribeLogStreams",
        "logs:GetLogEvents",
        "logs:PutLogEvents",
        "logs:PutRetentionPolicy",
    }
    waits = graph.one(INSTANCE).property_dependencies["monitoringRoleArn"]
    assert permission.urn in waits, "RDS tries the role at once"


def test_without_enhanced_monitoring_there_is_no_role(record):
    graph = record(lambda: build(monitoring_interval_seconds=0), answer=answer)

    assert graph.of("aws:iam/role:Role") == {}
    assert len(graph.of(LOG_GROUP)) == 2


def test_rds_makes_the_password_by_default(record):
    graph = record(build, answer=answer)

    assert graph.of(SECRET) == {}
    outputs = graph.one("babyrobots:index:Database").outputs
    assert outputs["secret_arn"] == "arn:made-by-rds"


def test_moving_to_a_password_that_rds_makes_can_be_previewed(record):
    """The old state has no secret made by RDS, and a preview answers from the old state."""

    def no_secret_yet(registration):
        id_, outputs = answer(registration)
        return id_, {**outputs, "masterUserSecrets": []}

    graph = record(build, answer=no_secret_yet)
    assert graph.one("babyrobots:index:Database").outputs["secret_arn"] == ""


def test_given_credentials_become_a_secret_in_the_form_that_rds_uses(record):
    graph = record(lambda: build(**GIVEN), answer=answer)

    secret = graph.one(SECRET, "main-master-secret").inputs
    assert secret["kmsKeyId"] == "arn:main-database-key"
    assert secret["recoveryWindowInDays"] == 30
    assert secret["tags"] == {"Name": "main-master", "rotation": "manual"}
    version = graph.one(VERSION, "main-master-value").inputs
    assert version["secretId"] == "main-master-secret-id"
    assert json.loads(version["secretStringWo"]) == {
        "engine": "postgres",
        "host": "main-instance.rds.example",
        "port": 5432,
        "username": "robot",
        "password": "not-a-real-one",
        "dbname": "babyrobots",
    }
    assert graph.one("babyrobots:index:Database").outputs["secret_arn"] == "arn:main-master-secret"


@pytest.mark.parametrize("wrap", [str, pulumi.Output.secret, pulumi.Output.from_input])
@pytest.mark.parametrize("preview", [False, True])
def test_a_given_password_leaves_the_program_only_as_a_secret(record, wrap, preview):
    options = {} if preview else {"answer": answer}
    graph = record(
        lambda: build(username="robot", password=wrap("not-a-real-one")),
        preview=preview,
        **options,
    )

    assert "not-a-real-one" not in graph.to_json()
    inputs = graph.one(INSTANCE).inputs
    assert inputs["passwordWo"] == "not-a-real-one"
    masked = graph.one(INSTANCE).to_json()["inputs"]
    assert masked["passwordWo"] == masked["passwordWoVersion"] == "[secret]"
    masked = graph.one(VERSION).to_json()["inputs"]
    assert masked["secretStringWo"] == masked["secretStringWoVersion"] == "[secret]"


def test_a_new_password_is_noticed_and_the_same_one_is_not(record):
    """Write-only inputs are not compared; their versions are."""

    def versions(password):
        graph = record(lambda: build(username="robot", password=password), answer=answer)
        return (
            graph.one(INSTANCE).inputs["passwordWoVersion"],
            graph.one(VERSION).inputs["secretStringWoVersion"],
        )

    first, again, other = versions("not-real-1"), versions("not-real-1"), versions("not-real-2")
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]
    assert all(0 <= version < 2**31 for version in (*first, *other))


def test_whoever_reads_the_secret_waits_for_its_value(record):
    def program():
        aws.ssm.Parameter("user", type="String", value=build(**GIVEN).secret_arn)

    user = record(program, answer=answer).one("aws:ssm/parameter:Parameter")

    assert any("secretVersion" in urn for urn in user.property_dependencies["value"])


def test_the_secret_of_a_temporary_database_goes_sooner(record):
    graph = record(lambda: build(final_snapshot=False, **GIVEN), answer=answer)

    assert graph.one(SECRET).inputs["recoveryWindowInDays"] == 7


def test_outputs_are_registered(record):
    assert record(build, answer=answer).one("babyrobots:index:Database").outputs == {
        "endpoint": "main-instance.rds.example:5432",
        "address": "main-instance.rds.example",
        "port": 5432,
        "database_name": "babyrobots",
        "secret_arn": "arn:made-by-rds",
        "security_group_id": "main-sg-id",
        "identifier": "babyrobots-test-main",
        "arn": "arn:main-instance",
        "resource_id": "db-ABC",
        "kms_key_arn": "arn:main-database-key",
        "log_group_names": [
            "/aws/rds/instance/babyrobots-test-main/postgresql",
            "/aws/rds/instance/babyrobots-test-main/upgrade",
        ],
    }


def test_what_only_a_deployment_knows_is_unknown_at_preview(record):
    outputs = record(build, preview=True).one("babyrobots:index:Database").outputs

    known = {name: value for name, value in outputs.items() if value != UNKNOWN}
    assert known == {
        "port": 5432,
        "database_name": "babyrobots",
        "identifier": "babyrobots-test-main",
        "log_group_names": [
            "/aws/rds/instance/babyrobots-test-main/postgresql",
            "/aws/rds/instance/babyrobots-test-main/upgrade",
        ],
    }
    assert len(outputs) == 11


def test_no_child_strays_and_two_instances_coexist(record):
    graph = record(lambda: (build(**GIVEN), build("shop")), answer=answer)

    strays = [r.urn for r in graph.custom if "babyrobots:index:Database$" not in r.urn]
    assert strays == [], "a child without a parent escapes protect, providers and aliases"
    identifiers = {r.inputs["identifier"] for r in graph.of(INSTANCE).values()}
    assert identifiers == {"babyrobots-test-main", "babyrobots-test-shop"}


def test_extra_tags_reach_everything_that_takes_tags(record):
    graph = record(lambda: build(tags={"Team": "data"}, **GIVEN), answer=answer)

    tagged = [r for r in graph.custom if "tags" in r.inputs]
    assert len(tagged) == 9
    assert all(r.inputs["tags"]["Team"] == "data" for r in tagged)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"engine_version": "13"}, "engine_version is '13'"),
        ({"allocated_storage": 19, "max_allocated_storage": 0}, "allocated_storage is 19"),
        ({"max_allocated_storage": 21}, "max_allocated_storage is 21"),
        ({"maintenance_window": "sun:02:30-sun:03:30"}, "overlap"),
        ({"backup_window": "night"}, "backup_window is 'night'"),
        ({"backup_retention_days": 0}, "backup_retention_days is 0; RDS goes back 1 to 35"),
        ({"backup_retention_days": 36}, "backup_retention_days is 36"),
        ({"monitoring_interval_seconds": 20}, "monitoring_interval_seconds is 20"),
        ({"performance_insights_retention_days": 30}, "retention_days is 30; RDS takes 7, 731"),
        ({"performance_insights_retention_days": 0}, "retention_days is 0; RDS takes 7, 731"),
        ({"performance_insights_retention_days": 744}, "retention_days is 744"),
        ({"identifier": "Main"}, "identifier is 'Main'"),
        ({"username": "admin"}, "username must be 1 to 16"),
        ({"username": "robot", "password": "short"}, "password has 5 characters"),
        ({"password": "not-a-real-one"}, "password is given without username"),
        ({"password": "no/way"}, "password has 6.*printable ASCII.*without username"),
    ],
)
def test_what_rds_refuses_is_refused_before_anything_exists(record, changes, words):
    with pytest.raises(ValueError, match=f"^Database 'main': .*{words}") as refusal:
        record(lambda: build(**changes))
    assert "password" not in changes or changes["password"] not in str(refusal.value)


@pytest.mark.parametrize("component", [Database, DatabaseMonitoring, DatabaseSecret])
def test_it_can_be_published_as_a_package(component):
    analyzed = Analyzer("babyrobots").analyze([component])["component_definitions"]
    schema = analyzed[component.__name__]

    undocumented = [
        n for n, p in (*schema.inputs.items(), *schema.outputs.items()) if not p.description
    ]
    assert undocumented == []


def test_only_what_cannot_be_guessed_must_be_given():
    schema = Analyzer("babyrobots").analyze([Database])["component_definitions"]["Database"]

    required = {name for name, prop in schema.inputs.items() if not prop.optional}
    assert required == {
        "vpcId",
        "subnetIds",
        "accountId",
        "region",
        "engineVersion",
        "instanceClass",
        "allocatedStorage",
    }
