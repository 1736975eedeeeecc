"""AWS Backup."""

from rehearsal.handlers.model import Handler, Naming, Rule

_LIFECYCLE = {
    "coldStorageAfter": "MoveToColdStorageAfterDays",
    "deleteAfter": "DeleteAfterDays",
}


def _prefixed(path: str) -> dict[str, Rule]:
    return {f"{path}.{key}": api for key, api in _LIFECYCLE.items()}


def _conditions(path: str) -> dict[str, Rule]:
    return {
        f"{path}.{test}.{key}": api
        for test in ("stringEquals", "stringLikes", "stringNotEquals", "stringNotLikes")
        for key, api in (("key", "ConditionKey"), ("value", "ConditionValue"))
    }


_VAULT = "{in.backupVaultName}"
_VAULT_ARN = "arn:{partition}:backup:{region}:{account}:backup-vault:{in.backupVaultName}"

HANDLERS: dict[str, Handler] = {
    "aws:backup/vault:Vault": Handler(
        service="backup",
        operation="create_backup_vault",
        inputs={"kmsKeyArn": "EncryptionKeyArn"},
        ignored={"forceDestroy": "says whether recovery points go with the vault"},
        # https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html
        naming=Naming(api="BackupVaultName", prefix="", limit=50),
        tags="BackupVaultTags",
        id="{name}",
        outputs={"arn": "{BackupVaultArn}", "recoveryPoints": 0},
    ),
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": Handler(
        service="backup",
        operation="put_backup_vault_lock_configuration",
        id=_VAULT,
        outputs={"backupVaultArn": _VAULT_ARN},
    ),
    "aws:backup/vaultPolicy:VaultPolicy": Handler(
        service="backup",
        operation="put_backup_vault_access_policy",
        id=_VAULT,
        outputs={"backupVaultArn": _VAULT_ARN},
    ),
    "aws:backup/vaultNotifications:VaultNotifications": Handler(
        service="backup",
        operation="put_backup_vault_notifications",
        id=_VAULT,
        outputs={"backupVaultArn": _VAULT_ARN},
    ),
    "aws:backup/plan:Plan": Handler(
        service="backup",
        operation="create_backup_plan",
        within="BackupPlan",
        inputs={
            "rules.completionWindow": "CompletionWindowMinutes",
            "rules.copyActions.destinationVaultArn": "DestinationBackupVaultArn",
            **_prefixed("rules.copyActions.lifecycle"),
            **_prefixed("rules.lifecycle"),
            "rules.schedule": "ScheduleExpression",
            "rules.startWindow": "StartWindowMinutes",
            "rules.targetVaultName": "TargetBackupVaultName",
            "rules.targetLogicallyAirGappedBackupVaultArn": (
                "TargetLogicallyAirGappedBackupVaultArn"
            ),
        },
        naming=Naming(api="BackupPlan.BackupPlanName", prefix="", limit=50),
        tags="BackupPlanTags",
        id="{BackupPlanId}",
        outputs={"arn": "{BackupPlanArn}", "version": "{VersionId}"},
    ),
    "aws:backup/selection:Selection": Handler(
        service="backup",
        operation="create_backup_selection",
        within="BackupSelection",
        inputs={
            "planId": "/BackupPlanId",
            **_conditions("conditions"),
            "selectionTags": "ListOfTags",
            "selectionTags.key": "ConditionKey",
            "selectionTags.type": "ConditionType",
            "selectionTags.value": "ConditionValue",
        },
        naming=Naming(api="BackupSelection.SelectionName", prefix="", limit=50),
        id="{SelectionId}",
    ),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": Handler(
        service="backup",
        operation="create_restore_testing_plan",
        within="RestoreTestingPlan",
        # No autonaming: hyphens are not allowed in it.
        naming=Naming(api="RestoreTestingPlan.RestoreTestingPlanName", prefix="", limit=50),
        tags="Tags",
        id="{name}",
        outputs={"arn": "{RestoreTestingPlanArn}"},
    ),
    "aws:backup/restoreTestingSelection:RestoreTestingSelection": Handler(
        service="backup",
        operation="create_restore_testing_selection",
        within="RestoreTestingSelection",
        inputs={"restoreTestingPlanName": "/RestoreTestingPlanName"},
        naming=Naming(
            api="RestoreTestingSelection.RestoreTestingSelectionName", prefix="", limit=50
        ),
        id="{name}:{in.restoreTestingPlanName}",
    ),
    "aws:backup/regionSettings:RegionSettings": Handler(
        service="backup", operation="update_region_settings", id="{region}"
    ),
}
