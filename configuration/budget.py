"""What a stack may cost: before it is applied, and after."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from configuration.models import Model
from configuration.values import Flag, matching, whole, word


class BudgetScope(StrEnum):
    """Whose costs a budget counts."""

    ACCOUNT = "account"
    """Everything in the account: right where a stack has its own, too early where it shares one."""
    STACK = "stack"
    """What carries the stack's tag, once the tag `Stack` is active on the bill."""


class Budget(Model):
    """How much a stack may cost, and who notices."""

    monthly_usd: Annotated[int, whole(1, 1_000_000, "a month's budget in US dollars")] = Field(
        default=100, description="Budget of a month; alarms at 80 %, at 100 % and by forecast."
    )
    ceiling_usd: Annotated[int, whole(1, 1_000_000, "a ceiling in US dollars")] | None = Field(
        default=None,
        description="Most that a month may be estimated at before `up`. Absent: monthlyUsd.",
    )
    scope: Annotated[BudgetScope, word(BudgetScope, "what the budget counts")] = Field(
        default=BudgetScope.ACCOUNT,
        description="What counts; stack needs the tag Stack active on the bill, or nothing counts.",
    )
    allocation_tags: Flag = Field(
        default=False,
        description="Whether the stack activates its tags on the bill. Off: only an organization's"
        " management account may, once the tags were seen for a day.",
    )
    anomalies: Flag = Field(
        default=False,
        description="Whether unusual spending is told. Off: an account has one monitor of its"
        " services, which a second stack could not create again.",
    )
    anomaly_monitor_arn: Annotated[
        str,
        matching(
            r"(arn:aws[a-z-]*:ce::\d{12}:anomalymonitor/[A-Za-z0-9-]+)?",
            "a monitor is named by its ARN",
            "write arn:aws:ce::<account>:anomalymonitor/<id>, or nothing",
        ),
    ] = Field(default="", description="Anomaly monitor that exists already; empty creates one.")

    @property
    def ceiling(self) -> int:
        """The most that a month may be estimated at."""
        return self.monthly_usd if self.ceiling_usd is None else self.ceiling_usd

    @property
    def anomaly_usd(self) -> int:
        """How large an anomaly is worth a message: a tenth of the budget, and not for cents."""
        return max(10, self.monthly_usd // 10)
