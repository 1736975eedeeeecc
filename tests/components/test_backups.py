"""What is backed up, where, for how long; what it cannot prove: that a restore works."""

import json

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.backups import TAG, Backups

VAULT = "aws:backup/vault:Vault"
PLAN = "aws:backup/plan:Plan"
SELECTION = "aws:backup/selection:Selection"
LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
ROLE = "aws:iam/role:Role"


def build(name="backups", **changes):
    return Backups(
        name,
        {
            "kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/k",
            "tag_value": "production",
            **changes,
        },
    )


def rules(graph):
    return {rule["ruleName"]: rule for rule in graph.one(PLAN).inputs["rules"]}


def test_it_selects_by_tag_and_only_its_own_stack(record):
    selection = record(build).one(SELECTION)

    assert selection.inputs["selectionTags"] == [
        {"type": "STRINGEQUALS", "key": TAG, "value": "production"}
    ]


def test_every_night_allows_point_in_time_recovery_and_every_month_is_kept_a_year(record):
    found = rules(record(build))

    assert found["daily"]["enableContinuousBackup"] is True
    assert found["daily"]["lifecycle"] == {"deleteAfter": 35}
    assert found["monthly"]["lifecycle"] == {"deleteAfter": 365}


def test_no_monthly_backup_when_it_would_be_kept_no_day(record):
    assert set(rules(record(lambda: build(monthly_retention_days=0)))) == {"daily"}


@pytest.mark.parametrize("days", [0, 36])
def test_a_retention_without_point_in_time_recovery_is_refused(record, days):
    with pytest.raises(ValueError, match=f"daily_retention_days is {days}.*1 to 35"):
        record(lambda: build(daily_retention_days=days))


def test_the_vault_is_encrypted_locked_protected_and_outlives_the_stack(record):
    graph = record(build)

    vault = graph.one(VAULT)
    assert vault.protect
    assert vault.inputs["forceDestroy"] is False
    assert vault.inputs["kmsKeyArn"].endswith("key/k")
    assert graph.one(LOCK).property_dependencies["backupVaultName"] == (vault.urn,)


def test_a_temporary_stack_leaves_no_vault_behind(record):
    graph = record(lambda: build(lock=False, force_destroy=True, protect=False))

    assert graph.of(LOCK) == {}
    assert not graph.one(VAULT).protect
    assert graph.one(VAULT).inputs["forceDestroy"] is True


def test_only_aws_backup_may_use_the_role(record):
    (statement,) = json.loads(record(build).one(ROLE).inputs["assumeRolePolicy"])["Statement"]

    assert statement["Principal"] == {"Service": "backup.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"


def test_the_first_run_waits_for_the_permission(record):
    graph = record(build)

    attachment = graph.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert attachment.urn in graph.one(SELECTION).dependencies


def test_two_instances_share_one_stack_and_every_child_has_its_parent(record):
    graph = record(lambda: (build("blue"), build("green")))

    assert all("babyrobots:index:Backups$" in r.urn for r in graph.custom)


def test_a_preview_registers_the_same_resources(record):
    assert list(record(build).resources) == list(record(build, preview=True).resources)


def test_outputs_are_registered(record):
    (component,) = record(build).components

    assert component.outputs == {
        "vault_arn": "arn:aws:backup:eu-west-1:123456789012:backups-vault",
        "vault_name": "backups-vault",
        "plan_id": "backups-plan-id",
    }


def test_it_can_be_published_as_a_package():
    schema = Analyzer("babyrobots").analyze([Backups])["component_definitions"]["Backups"]

    required = [name for name, prop in schema.inputs.items() if not prop.optional]
    assert required == ["kmsKeyArn", "tagValue"]
    assert all(prop.description for prop in (*schema.inputs.values(), *schema.outputs.values()))
