"""What everything else stands on: provider, network, keys, registry, cluster, topic."""

import dataclasses
from typing import Any

import pulumi

import emulation
from components.alarm_topic import AlarmTopic, AlarmTopicArgs
from components.budget import BudgetArgs
from components.cost_anomalies import CostAnomaliesArgs
from components.encryption_key import EncryptionKey, EncryptionKeyArgs
from components.fargate_cluster import FargateClusterArgs
from components.image_repository import ImageRepositoryArgs
from components.network import NetworkArgs
from configuration.budget import BudgetScope
from settings import Settings


def provider_args(settings: Settings) -> dict[str, Any]:
    """Arguments of the one AWS provider: region, the account it may touch, the tags of everything.

    https://www.pulumi.com/registry/packages/aws/api-docs/provider/
    """
    return {
        "region": settings.region,
        "allowed_account_ids": [settings.account_id] if settings.account_id else None,
        "default_tags": {
            "tags": {
                "Project": pulumi.get_project(),
                "Stack": pulumi.get_stack(),
                "ManagedBy": "pulumi",
                **settings.tags,
            }
        },
        # An emulator has no host name per bucket, and no metadata service beside it.
        "s3_use_path_style": True if settings.emulated else None,
        "skip_metadata_api_check": True if settings.emulated else None,
        "max_retries": emulation.MAX_RETRIES if settings.emulated else None,
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Foundation:
    """Arguments of what a stack stands on."""

    settings: Settings
    account_id: pulumi.Input[str]

    def logs_key(self, region: str) -> EncryptionKeyArgs:
        """The key of every log group of the stack in a region."""
        return {
            "description": "Log groups of the stack",
            "account_id": self.account_id,
            "region": region,
            "services": [],
            # Names differ by component and some are generated; the key is the stack's own anyway.
            "log_groups": ["*"],
            "deletion_window_days": 30 if self.settings.critical else 7,
            "protect": self.settings.profile.protect,
        }

    def alarm_topic(self, region: str) -> AlarmTopicArgs:
        """Who hears of alarms in a region."""
        return {
            "account_id": self.account_id,
            "region": region,
            "emails": self.settings.alarm_emails,
        }

    def budget(self, topic: AlarmTopic) -> BudgetArgs:
        """What the stack may cost."""
        budget = self.settings.budget
        args: BudgetArgs = {
            "monthly_usd": budget.monthly_usd,
            "topic_arn": topic.arn,
            "account_id": self.account_id,
        }
        if budget.scope is BudgetScope.STACK:
            args["stack"] = pulumi.get_stack()
        if budget.allocation_tags:
            args["activate_tags"] = ["Project", "Stack", *self.settings.tags]
        return args

    def cost_anomalies(self, topic: AlarmTopic) -> CostAnomaliesArgs:
        """From which amount on unusual spending is told."""
        budget = self.settings.budget
        args: CostAnomaliesArgs = {"threshold_usd": budget.anomaly_usd, "topic_arn": topic.arn}
        if budget.anomaly_monitor_arn:
            args["monitor_arn"] = budget.anomaly_monitor_arn
        elif budget.scope is BudgetScope.STACK:
            args["stack"] = pulumi.get_stack()
        return args

    def network(self, logs_key: EncryptionKey) -> NetworkArgs:
        """The VPC."""
        settings = self.settings
        return {
            "cidr": str(settings.network_cidr),
            "zones": settings.zones,
            "region": settings.region,
            "account_id": self.account_id,
            "nat": settings.profile.nat_strategy,
            "interface_endpoints": settings.interface_endpoints,
            "flow_logs": settings.flow_logs,
            "flow_logs_retention_days": settings.profile.log_retention_days,
            "flow_logs_kms_key_arn": logs_key.arn,
            "ipv6": settings.ipv6,
        }

    def images_key(self) -> EncryptionKeyArgs:
        """The key of the registry."""
        return {
            "description": "Images of the stack",
            "account_id": self.account_id,
            "region": self.settings.region,
            "services": ["ecr"],
            "deletion_window_days": 30 if self.settings.critical else 7,
            "protect": self.settings.profile.protect,
        }

    def repository(self, key: EncryptionKey) -> ImageRepositoryArgs:
        """Where images are kept."""
        profile = self.settings.profile
        return {
            "kms_key_arn": key.arn,
            "build_context": self.settings.image_build,
            "force_delete": profile.force_destroy,
            "protect": profile.protect,
        }

    def cluster(self, logs_key: EncryptionKey) -> FargateClusterArgs:
        """Where tasks run."""
        return {
            "namespace": f"{pulumi.get_project()}-{pulumi.get_stack()}",
            "log_retention_days": self.settings.profile.log_retention_days,
            "kms_key_arn": logs_key.arn,
        }
