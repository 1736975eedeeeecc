"""What a stage decides: one word, from which every safety choice of a stack follows."""

import dataclasses
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from components import off_hours
from components.fargate_choices import Capacity
from components.subnets import NatStrategy
from configuration.models import Model
from configuration.values import Clock, Flag, LogRetention, TimeZone, matching, whole, word


class Stage(StrEnum):
    """How much a stack matters."""

    TEMPORARY = "temporary"
    """Lives as long as a pull request; owns nothing that must outlive it."""
    STAGING = "staging"
    """The architecture of production at the least cost."""
    PRODUCTION = "production"
    """Critical: survives the loss of a zone, and no mistake deletes its data."""


class OffHours(Model):
    """When nobody works, services go to zero and the database stops."""

    enabled: Flag = Field(default=True, description="Whether anything stops at all.")
    stop: Clock = Field(default="20:00", description="When work ends.")
    start: Clock = Field(default="06:00", description="When work begins.")
    days: Annotated[
        str,
        matching(
            r"(SUN|MON|TUE|WED|THU|FRI|SAT)(-(SUN|MON|TUE|WED|THU|FRI|SAT))?",
            "days are a weekday or a range of them, in capitals",
            'write "MON-FRI"',
        ),
    ] = Field(
        default="MON-FRI", description="Days on which it starts again; stopped all day on others."
    )
    timezone: TimeZone = Field(default="Europe/London", description="IANA time zone of both times.")

    @property
    def stop_cron(self) -> str:
        """When to stop, for Application Auto Scaling and EventBridge Scheduler."""
        return self._cron(self.stop)

    @property
    def start_cron(self) -> str:
        """When to start, in the same form."""
        return self._cron(self.start)

    @property
    def awake(self) -> str:
        """The hours in which alarms look, as a condition of metric math on `hour`."""
        return off_hours.awake(
            start=self.start, stop=self.stop, days=self.days, timezone=self.timezone
        )

    def _cron(self, clock: str) -> str:
        hour, _, minute = clock.partition(":")
        return f"cron({int(minute)} {int(hour)} ? * {self.days} *)"


class Overrides(Model):
    """Choices of a stage that one stack makes differently; the stage decides the others."""

    nat_strategy: Annotated[NatStrategy, word(NatStrategy, "the NAT strategy")] | None = Field(
        default=None, description="How private subnets reach the internet."
    )
    multi_az: Flag | None = Field(
        default=None, description="Whether database and cache keep a standby in a second zone."
    )
    deletion_protection: Flag | None = Field(
        default=None,
        description="Whether AWS refuses to delete the load balancer and the database.",
    )
    protect: Flag | None = Field(
        default=None, description="Whether Pulumi refuses to delete what holds data."
    )
    final_snapshot: Flag | None = Field(
        default=None, description="Whether deleting the database leaves a snapshot behind."
    )
    force_destroy: Flag | None = Field(
        default=None,
        description="Whether buckets and repositories are deleted with what is in them.",
    )
    log_retention_days: LogRetention | None = Field(
        default=None, description="Days that log groups keep events."
    )
    backup_retention_days: Annotated[int, whole(0, 35, "backup retention in days")] | None = Field(
        default=None,
        description="Days back to which the database can be restored; 0 keeps no backup.",
    )
    wait_for_steady_state: Flag | None = Field(
        default=None, description="Whether a deployment ends only when the new tasks run."
    )
    capacity: Annotated[Capacity, word(Capacity, "capacity")] | None = Field(
        default=None, description="Where services run which are critical and do not say."
    )
    noncritical_capacity: Annotated[Capacity, word(Capacity, "capacity")] | None = Field(
        default=None, description="Where services run which are not critical and do not say."
    )
    web_acl_blocks: Flag | None = Field(
        default=None, description="Whether the firewall blocks what it matches, or only counts it."
    )
    off_hours: OffHours | None = Field(
        default=None, description="When the stack stops for the night and the weekend."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """Every safety choice of one stack: its stage's, with its overrides applied."""

    stage: Stage
    nat_strategy: NatStrategy
    multi_az: bool
    deletion_protection: bool
    protect: bool
    final_snapshot: bool
    force_destroy: bool
    log_retention_days: int
    backup_retention_days: int
    wait_for_steady_state: bool
    capacity: Capacity
    noncritical_capacity: Capacity
    web_acl_blocks: bool
    off_hours: OffHours | None
    """None when the stack never stops."""

    @property
    def critical(self) -> bool:
        """Whether losing this stack loses customers or their data."""
        return self.stage is Stage.PRODUCTION


PROFILES = {
    Stage.TEMPORARY: Profile(
        stage=Stage.TEMPORARY,
        nat_strategy=NatStrategy.SINGLE,
        multi_az=False,
        deletion_protection=False,
        protect=False,
        final_snapshot=False,
        force_destroy=True,
        log_retention_days=3,
        backup_retention_days=1,
        wait_for_steady_state=True,
        capacity=Capacity.SPOT,
        noncritical_capacity=Capacity.SPOT,
        web_acl_blocks=True,
        off_hours=None,
    ),
    # One NAT gateway and Spot first; a mixed service keeps a task when Spot has none to give.
    Stage.STAGING: Profile(
        stage=Stage.STAGING,
        nat_strategy=NatStrategy.SINGLE,
        multi_az=False,
        deletion_protection=False,
        protect=False,
        final_snapshot=True,
        force_destroy=False,
        log_retention_days=14,
        backup_retention_days=7,
        wait_for_steady_state=True,
        capacity=Capacity.MIXED,
        noncritical_capacity=Capacity.SPOT,
        web_acl_blocks=False,
        off_hours=OffHours(),
    ),
    # A year of logs is what https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html#cloudwatch-16
    # asks for, 35 days is as far back as RDS can restore:
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html
    Stage.PRODUCTION: Profile(
        stage=Stage.PRODUCTION,
        nat_strategy=NatStrategy.PER_ZONE,
        multi_az=True,
        deletion_protection=True,
        protect=True,
        final_snapshot=True,
        force_destroy=False,
        log_retention_days=365,
        backup_retention_days=35,
        wait_for_steady_state=True,
        capacity=Capacity.ON_DEMAND,
        noncritical_capacity=Capacity.MIXED,
        web_acl_blocks=True,
        off_hours=None,
    ),
}


def profile_for(stage: Stage, overrides: Overrides) -> Profile:
    """The stage's choices, each replaced by the override where there is one."""
    chosen = {
        name: value
        for name in Overrides.model_fields
        if (value := getattr(overrides, name)) is not None
    }
    if overrides.off_hours is not None and not overrides.off_hours.enabled:
        chosen["off_hours"] = None
    return dataclasses.replace(PROFILES[stage], **chosen)
