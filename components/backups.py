"""Backups outside the thing that they back up: a locked vault, a plan, and a selection by tag."""

import json
from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

TAG = "Backup"
"""Tag whose value chooses a plan: whatever carries it is backed up, whoever made it."""

CONTINUOUS_DAYS = 35
"""The longest that AWS Backup keeps point-in-time recovery.
https://docs.aws.amazon.com/aws-backup/latest/devguide/point-in-time-recovery.html"""

_MANAGED_POLICY = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"


class BackupsArgs(TypedDict):
    """What the caller decides. Everything else is this component's decision."""

    kms_key_arn: pulumi.Input[str]
    """Key of the vault. An own one, so that the key of a lost database is not needed to restore."""
    tag_value: str
    """Value of the tag `Backup` that puts a resource into this plan, unique per stack."""
    daily_retention_days: NotRequired[int]
    """Days that a daily backup is kept, 1 to 35. Defaults to 35, the longest that allows
    point-in-time recovery."""
    monthly_retention_days: NotRequired[int]
    """Days that a monthly backup is kept; 0 makes none. Defaults to 365."""
    lock: NotRequired[bool]
    """Whether nobody may shorten or delete a backup before its time (governance mode: an
    administrator can still lift the lock). Defaults to True."""
    force_destroy: NotRequired[bool]
    """Whether `destroy` deletes the backups too. Defaults to False, because they outlive what they
    back up."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the vault. Defaults to True."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for every taggable child. Defaults to none."""


class Backups(pulumi.ComponentResource):
    """A vault and the plan that fills it every night and every month."""

    vault_arn: pulumi.Output[str]
    """Where a copy from another region would go."""
    vault_name: pulumi.Output[str]
    """Dimension `BackupVaultName` of the vault's metrics."""
    plan_id: pulumi.Output[str]
    """The plan, for an on-demand run."""

    def __init__(
        self, name: str, args: BackupsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        days = args.get("daily_retention_days", CONTINUOUS_DAYS)
        if not 1 <= days <= CONTINUOUS_DAYS:
            raise ValueError(
                f"Backups {name!r}: daily_retention_days is {days}; AWS Backup keeps point-in-time"
                f" recovery 1 to {CONTINUOUS_DAYS} days, keep longer with monthly_retention_days"
            )
        super().__init__("babyrobots:index:Backups", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = args.get("tags", {})

        vault = aws.backup.Vault(
            f"{name}-vault",
            kms_key_arn=args["kms_key_arn"],
            force_destroy=args.get("force_destroy", False),
            tags=tags,
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(protect=args.get("protect", True))
            ),
        )
        if args.get("lock", True):
            aws.backup.VaultLockConfiguration(
                f"{name}-lock", backup_vault_name=vault.name, min_retention_days=1, opts=child
            )
        plan = aws.backup.Plan(
            f"{name}-plan", rules=_rules(vault.name, days, args), tags=tags, opts=child
        )
        role = aws.iam.Role(
            f"{name}-role",
            description="Lets AWS Backup read what it backs up",
            assume_role_policy=_trust(),
            tags=tags,
            opts=child,
        )
        permission = aws.iam.RolePolicyAttachment(
            f"{name}-role-policy", role=role.name, policy_arn=_MANAGED_POLICY, opts=child
        )
        aws.backup.Selection(
            f"{name}-selection",
            plan_id=plan.id,
            iam_role_arn=role.arn,
            selection_tags=[{"type": "STRINGEQUALS", "key": TAG, "value": args["tag_value"]}],
            # A selection whose role cannot read yet fails its first run.
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(depends_on=[permission])
            ),
        )

        self.vault_arn = vault.arn
        self.vault_name = vault.name
        self.plan_id = plan.id
        self.register_outputs(
            {"vault_arn": self.vault_arn, "vault_name": self.vault_name, "plan_id": self.plan_id}
        )


def _rules(
    vault_name: pulumi.Input[str], days: int, args: BackupsArgs
) -> list[aws.backup.PlanRuleArgsDict]:
    daily: aws.backup.PlanRuleArgsDict = {
        "rule_name": "daily",
        "target_vault_name": vault_name,
        "schedule": "cron(0 3 * * ? *)",
        "schedule_expression_timezone": "Etc/UTC",
        "start_window": 60,
        "completion_window": 360,
        "enable_continuous_backup": True,
        "lifecycle": {"delete_after": days},
    }
    monthly_days = args.get("monthly_retention_days", 365)
    if monthly_days == 0:
        return [daily]
    monthly: aws.backup.PlanRuleArgsDict = {
        "rule_name": "monthly",
        "target_vault_name": vault_name,
        "schedule": "cron(0 5 1 * ? *)",
        "schedule_expression_timezone": "Etc/UTC",
        "start_window": 60,
        "completion_window": 720,
        "lifecycle": {"delete_after": monthly_days},
    }
    return [daily, monthly]


def _trust() -> str:
    # No aws:SourceAccount: AWS documents that Backup sends it where it publishes or copies, not
    # where it assumes its own role, and a backup that silently cannot run is the greater harm.
    # https://docs.aws.amazon.com/aws-backup/latest/devguide/cross-service-confused-deputy-prevention.html
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "AwsBackup",
                    "Effect": "Allow",
                    "Principal": {"Service": "backup.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
    )
