"""What is watched, and who hears of it."""

import dataclasses
from collections.abc import Sequence

import pulumi

from components import alarm_rules
from components.alarm_rules import AlarmRule
from components.alarm_topic import AlarmTopic
from components.alarms import AlarmsArgs
from components.alb_route import AlbRoute
from components.backups import Backups
from components.database import Database
from components.dns_zone import DnsZone
from components.encryption_key import EncryptionKey
from components.fargate_choices import Capacity
from components.fargate_cluster import FargateCluster
from components.fargate_service import FargateService
from components.network import Network
from components.public_alb import PublicAlb
from components.scheduled_job import ScheduledJob
from components.stack_events import OF_TASKS, StackEvents, StackEventsArgs
from configuration.services import Service
from settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Observability:
    """Arguments of what watches the stack."""

    settings: Settings
    account_id: pulumi.Input[str]
    topic: AlarmTopic

    @property
    def awake(self) -> str:
        """The hours in which the stack is up, if it ever sleeps."""
        hours = self.settings.profile.off_hours
        return hours.awake if hours else ""

    def _alarms(self, rules: Sequence[AlarmRule]) -> AlarmsArgs:
        return {"rules": rules, "topic_arn": self.topic.arn}

    def events(
        self,
        cluster: FargateCluster,
        logs_key: EncryptionKey,
        database: Database | None,
        backups: Backups | None,
    ) -> StackEventsArgs:
        """What is kept of what goes wrong."""
        # A secret of RDS's own is listed only once it is made; a given password is not rotated.
        rotated = database if self.settings.credentials.password is None else None
        return {
            "account_id": self.account_id,
            "region": self.settings.region,
            "cluster_arn": cluster.arn,
            "cluster_name": cluster.name,
            "backup_vault_names": [backups.vault_name] if backups else [],
            "secret_arns": [rotated.secret_arn] if rotated else [],
            "log_retention_days": self.settings.profile.log_retention_days,
            "log_kms_key_arn": logs_key.arn,
        }

    def event_alarms(self, events: StackEvents, backups: Backups | None) -> AlarmsArgs:
        """What happened that should not have."""
        rules = [
            *alarm_rules.events(events.of_stack, [m for m in events.metrics if m not in OF_TASKS]),
            *(alarm_rules.backup_vault(backups.vault_name) if backups else ()),
        ]
        return self._alarms(rules)

    def edge(self, alb: PublicAlb, zone: DnsZone) -> AlarmsArgs:
        """What goes wrong on the way in."""
        return self._alarms(
            [
                *alarm_rules.load_balancer(alb.arn_suffix, self.awake),
                *alarm_rules.certificate(zone.certificate_arn),
            ]
        )

    def health_check(self, health_check_id: pulumi.Input[str], faraway: AlarmTopic) -> AlarmsArgs:
        """A public name that does not answer."""
        return {
            "rules": alarm_rules.health_check(health_check_id, self.awake),
            "topic_arn": faraway.arn,
            "region": "us-east-1",
        }

    def network(self, network: Network) -> AlarmsArgs:
        """What goes wrong on the way out."""
        return self._alarms(
            [
                {**rule, "name": f"nat-{rule['name']}{suffix}"}
                for suffix, gateway_id in network.nat_gateways.items()
                for rule in alarm_rules.nat_gateway(gateway_id)
            ]
        )

    def database(self, database: Database) -> AlarmsArgs:
        """What goes wrong with the database."""
        storage = self.settings.database.allocated_storage_gib
        machine = self.settings.database.instance_class
        return self._alarms(alarm_rules.database(database.identifier, storage, machine))

    def traffic(self, alb: PublicAlb, route: AlbRoute) -> AlarmsArgs:
        """What callers of a public service see going wrong."""
        return self._alarms(
            alarm_rules.public_service(route.target_group_arn_suffix, alb.arn_suffix)
        )

    def service(
        self,
        service: Service,
        cluster: FargateCluster,
        deployed: FargateService,
        events: StackEvents,
    ) -> AlarmsArgs:
        """What goes wrong with the tasks of a service."""
        profile = self.settings.profile
        name = deployed.service_name
        return self._alarms(
            [
                *alarm_rules.service(
                    cluster.name,
                    name,
                    service.max,
                    scales=service.min < service.max and not self.settings.emulated,
                    sleeps=profile.off_hours is not None or service.min == 0,
                ),
                *alarm_rules.tasks(
                    events.of_stack,
                    pulumi.Output.concat("service:", name),
                    on_spot=self.settings.capacity_of(service) is not Capacity.ON_DEMAND,
                ),
            ]
        )

    def job(self, deployed: ScheduledJob, events: StackEvents) -> AlarmsArgs:
        """What goes wrong with a job."""
        group = pulumi.Output.concat("family:", deployed.family)
        return self._alarms(
            alarm_rules.job(events.of_stack, group, deployed.dead_letter_queue_name)
        )
