"""What a stack costs: somebody hears of it in time."""

from collections.abc import Iterator
from typing import Any

from ops.verify.model import Context, Finding, check

GLOBAL = "us-east-1"
WARNINGS = {"ACTUAL", "FORECASTED"}


def _notifications(context: Context) -> tuple[str, list[dict[str, Any]]]:
    """Account and notifications of the stack's budget."""
    account = context.outputs["alarmTopicArn"].split(":")[4]
    found = context.aws.pages(
        "budgets",
        "describe_notifications_for_budget",
        "Notifications",
        region=GLOBAL,
        AccountId=account,
        BudgetName=context.outputs["budgetName"],
    )
    return account, list(found)


@check("a budget warns of what is spent and of what will be")
def _budget(context: Context) -> Iterator[Finding]:
    name = context.outputs.get("budgetName")
    if not name:
        return
    account, notifications = _notifications(context)
    answer = context.aws.get("budgets", GLOBAL).describe_budget(AccountId=account, BudgetName=name)
    limit = answer["Budget"]["BudgetLimit"]
    amount = f"{limit['Amount']} {limit['Unit']} a month"
    kinds = {notification["NotificationType"] for notification in notifications}
    missing = sorted(WARNINGS - kinds)
    detail = f"{amount}, nothing about {', '.join(missing).lower()}" if missing else amount
    yield name, not missing, detail


@check("each warning of the budget reaches a topic")
def _subscribers(context: Context) -> Iterator[Finding]:
    name = context.outputs.get("budgetName")
    if not name:
        return
    account, notifications = _notifications(context)
    for notification in notifications:
        subject = f"{notification['NotificationType']} {notification['Threshold']:g}"
        if context.emulated:
            yield subject, None, "the emulator does not say who subscribes to a budget"
            continue
        subscribers = list(
            context.aws.pages(
                "budgets",
                "describe_subscribers_for_notification",
                "Subscribers",
                region=GLOBAL,
                AccountId=account,
                BudgetName=name,
                Notification=notification,
            )
        )
        told = [s["Address"] for s in subscribers if s["SubscriptionType"] == "SNS"]
        yield subject, bool(told), ", ".join(told) or "nobody"
