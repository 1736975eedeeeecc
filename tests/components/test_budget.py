"""What a budget counts and whom it tells; not that AWS ever sends the message."""

import pytest

from components.budget import Budget

BUDGET = "aws:budgets/budget:Budget"
TAG = "aws:costexplorer/costAllocationTag:CostAllocationTag"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"


def build(name="monthly", **changes):
    args = {"monthly_usd": 150, "topic_arn": TOPIC, "account_id": "123456789012"}
    return Budget(name, {**args, **changes})


def test_every_alert_reaches_the_topic_and_the_first_comes_before_the_money_is_gone(record):
    alerts = record(build).one(BUDGET).inputs["notifications"]

    assert [alert["subscriberSnsTopicArns"] for alert in alerts] == [[TOPIC]] * 3
    assert [(alert["notificationType"], alert["threshold"]) for alert in alerts] == [
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]
    assert {alert["comparisonOperator"] for alert in alerts} == {"GREATER_THAN"}


def test_what_credits_pay_counts_as_spent(record):
    inputs = record(build).one(BUDGET).inputs

    assert inputs["costTypes"] == {"includeCredit": False, "includeRefund": False}
    assert (inputs["limitAmount"], inputs["limitUnit"], inputs["timeUnit"]) == (
        "150",
        "USD",
        "MONTHLY",
    )


def test_the_whole_account_counts_unless_a_stack_is_named(record):
    assert not record(build).one(BUDGET).inputs.get("costFilters")
    filtered = record(lambda: build(stack="staging")).one(BUDGET).inputs["costFilters"]
    assert filtered == [{"name": "TagKeyValue", "values": ["user:Stack$staging"]}]


def test_tags_are_activated_before_a_budget_counts_by_them(record):
    graph = record(lambda: build(stack="staging", activate_tags=["Stack", "Owner"]))

    tags = graph.of(TAG)
    assert {tag.inputs["tagKey"]: tag.inputs["status"] for tag in tags.values()} == {
        "Stack": "Active",
        "Owner": "Active",
    }
    assert {tag.urn for tag in tags.values()} <= set(graph.one(BUDGET).dependencies)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"monthly_usd": 0}, "monthly_usd is 0; it is 1 or more"),
        ({"activate_tags": ["aws:createdBy"]}, "AWS's own tags are always active"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(record, wrong, message):
    with pytest.raises(ValueError, match=message):
        record(lambda: build(**wrong))
