"""What may be spent in a month, and who hears when it is, or is going to be, more."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

ALERTS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
"""Percent of the month's amount, already spent or forecast. A forecast needs five weeks of history:
until then only what is spent can tell. A budget has up to five such alerts.
https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-best-practices.html"""


class BudgetArgs(TypedDict):
    """How much, of what, and who hears of it."""

    monthly_usd: int
    """US dollars in a calendar month."""
    topic_arn: pulumi.Input[str]
    """SNS topic of the account that admits `budgets.amazonaws.com`."""
    account_id: pulumi.Input[str]
    """Account whose costs are counted."""
    stack: NotRequired[str]
    """Value of the tag `Stack` of what is counted. Defaults to none, the whole account: a tag that
    the bill does not know counts nothing, and such a budget never says a word.
    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html"""
    activate_tags: NotRequired[Sequence[str]]
    """Keys of tags that the bill shall know from now on. Only the management account of an
    organization may say so, once it has seen the key. Defaults to none."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for the budget. Defaults to none."""


class Budget(pulumi.ComponentResource):
    """A monthly budget that warns early: at four fifths, at the whole, and by forecast."""

    name: pulumi.Output[str]
    """Name of the budget."""
    arn: pulumi.Output[str]
    """ARN of the budget."""

    def __init__(
        self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        _refuse_mistakes(name, args)
        super().__init__("babyrobots:index:Budget", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)

        activated = [
            aws.costexplorer.CostAllocationTag(
                f"{name}-tag-{key.lower()}", tag_key=key, status="Active", opts=child
            )
            for key in args.get("activate_tags", ())
        ]
        budget = aws.budgets.Budget(
            f"{name}-budget",
            account_id=args["account_id"],
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args["monthly_usd"]),
            limit_unit="USD",
            # What is used counts, whoever pays: credits end one day, without a warning.
            cost_types={"include_credit": False, "include_refund": False},
            cost_filters=_filters(args),
            notifications=[
                {
                    "notification_type": kind,
                    "comparison_operator": "GREATER_THAN",
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_sns_topic_arns": [args["topic_arn"]],
                }
                for kind, percent in ALERTS
            ],
            tags={"Name": name, **args.get("tags", {})},
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=activated)),
        )

        self.name = budget.name
        self.arn = budget.arn
        self.register_outputs({"name": self.name, "arn": self.arn})


def _filters(args: BudgetArgs) -> list[Any]:
    """https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-create-filters.html"""
    stack = args.get("stack")
    return [{"name": "TagKeyValue", "values": [f"user:Stack${stack}"]}] if stack else []


def _refuse_mistakes(name: str, args: BudgetArgs) -> None:
    problems = []
    if args["monthly_usd"] < 1:
        problems.append(f"monthly_usd is {args['monthly_usd']}; it is 1 or more")
    problems += [
        f"activate_tags has {key!r}; the keys of AWS's own tags are always active"
        for key in args.get("activate_tags", ())
        if key.startswith("aws:")
    ]
    if problems:
        raise ValueError(f"Budget {name!r}: " + "; ".join(problems))
