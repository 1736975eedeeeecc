"""What operators use: budgets, cost anomalies, resource groups, analyzers, chat; images built on a
laptop.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rehearsal.handlers.model import (
    As,
    Call,
    Context,
    Handler,
    Naming,
    ProviderRefusalError,
)


def _period(text: str) -> datetime:
    """https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_TimePeriod.html"""
    return datetime.strptime(text, "%Y-%m-%d_%H:%M").replace(tzinfo=UTC)


def _notifications(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "Notification": {
                "NotificationType": item["notificationType"],
                "ComparisonOperator": item["comparisonOperator"],
                "Threshold": float(item["threshold"]),
                "ThresholdType": item["thresholdType"],
            },
            "Subscribers": [
                {"SubscriptionType": kind, "Address": address}
                for kind, key in (
                    ("EMAIL", "subscriberEmailAddresses"),
                    ("SNS", "subscriberSnsTopicArns"),
                )
                for address in item.get(key) or []
            ],
        }
        for item in given
    ]


def _planned(given: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        str(int(_period(item["startTime"]).timestamp())): {
            "Amount": str(item["amount"]),
            "Unit": item["unit"],
        }
        for item in given
    }


def _expression(text: str) -> dict[str, Any]:
    """Which costs: the provider leaves out what is null.
    https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_Expression.html
    """

    def given(item: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in item.items() if value is not None}

    return json.loads(text, object_hook=given)


def _image(context: Context) -> tuple[str, Mapping[str, Any]]:
    """An image that a laptop would build and push: its build context is checked, nothing is
    built.
    """
    given = {key: context.take(key) for key in list(context.inputs)}
    root = Path(given.get("context") or ".")
    dockerfile = Path(given.get("dockerfile") or root / "Dockerfile")
    if not dockerfile.is_file():
        raise ProviderRefusalError(f"there is no Dockerfile at {dockerfile}")
    context.caller.validate(
        context, "docker build and push", "the rehearsal has no Docker engine", given
    )
    digest = (context.digest("image") + context.digest("layers"))[:64]
    return context.uuid(), {"imageUri": f"{given['repositoryUrl']}@sha256:{digest}"}


_GROUP_ASSOCIATION = (
    "aws:servicecatalog/appregistryAttributeGroupAssociation:AppregistryAttributeGroupAssociation"
)

HANDLERS: dict[str, Handler] = {
    "aws:budgets/budget:Budget": Handler(
        service="budgets",
        operation="create_budget",
        within="Budget",
        inputs={
            "accountId": "/AccountId",
            "costFilters": As(
                "CostFilters", lambda given: {item["name"]: item["values"] for item in given}
            ),
            "limitAmount": "BudgetLimit.Amount",
            "limitUnit": "BudgetLimit.Unit",
            "notifications": As("/NotificationsWithSubscribers", _notifications),
            "plannedLimits": As("PlannedBudgetLimits", _planned),
            "timePeriodEnd": As("TimePeriod.End", _period),
            "timePeriodStart": As("TimePeriod.Start", _period),
        },
        params={"AccountId": lambda c: c.inputs.get("accountId", c.account)},
        naming=Naming(api="Budget.BudgetName", limit=100),
        tags="ResourceTags",
        id="{account}:{name}",
        outputs={
            "arn": "arn:{partition}:budgets::{account}:budget/{name}",
            "accountId": "{account}",
        },
    ),
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": Handler(
        service="ce",
        operation="create_anomaly_monitor",
        within="AnomalyMonitor",
        inputs={"monitorSpecification": As("MonitorSpecification", _expression)},
        naming=Naming(api="AnomalyMonitor.MonitorName", prefix="", limit=1024),
        tags="ResourceTags",
        id="{MonitorArn}",
        outputs={"arn": "{MonitorArn}"},
        invents={"MonitorArn": "arn:{partition}:ce::{account}:anomalymonitor/{uuid}"},
    ),
    "aws:costexplorer/anomalySubscription:AnomalySubscription": Handler(
        service="ce",
        operation="create_anomaly_subscription",
        within="AnomalySubscription",
        naming=Naming(api="AnomalySubscription.SubscriptionName", prefix="", limit=1024),
        tags="ResourceTags",
        id="{SubscriptionArn}",
        outputs={"arn": "{SubscriptionArn}"},
        invents={"SubscriptionArn": "arn:{partition}:ce::{account}:anomalysubscription/{uuid}"},
    ),
    "aws:costexplorer/costAllocationTag:CostAllocationTag": Handler(
        service="ce",
        operation="update_cost_allocation_tags_status",
        inputs={
            "status": "CostAllocationTagsStatus.0.Status",
            "tagKey": "CostAllocationTagsStatus.0.TagKey",
        },
        id="{in.tagKey}",
        outputs={"type": "UserDefined"},
    ),
    "aws:resourcegroups/group:Group": Handler(
        service="resource-groups",
        operation="create_group",
        params={
            "ResourceQuery.Type": lambda c: (
                c.inputs["resourceQuery"].get("type", "TAG_FILTERS_1_0")
                if "resourceQuery" in c.inputs
                else None
            )
        },
        naming=Naming(prefix="", limit=300),
        tags="Tags",
        id="{name}",
        outputs={"arn": "{Group.GroupArn}"},
    ),
    "aws:servicecatalog/appregistryApplication:AppregistryApplication": Handler(
        service="servicecatalog-appregistry",
        operation="create_application",
        naming=Naming(prefix="", limit=256),
        params={"clientToken": "{uuid}"},
        tags="tags",
        id="{application.id}",
        outputs={
            "arn": "{application.arn}",
            # https://docs.aws.amazon.com/servicecatalog/latest/arguide/ar-user-tags.html
            "applicationTag": lambda c: {"awsApplication": c.response["application"]["arn"]},
        },
    ),
    "aws:servicecatalog/appregistryAttributeGroup:AppregistryAttributeGroup": Handler(
        service="servicecatalog-appregistry",
        operation="create_attribute_group",
        naming=Naming(prefix="", limit=256),
        params={"clientToken": "{uuid}"},
        tags="tags",
        id="{attributeGroup.id}",
        outputs={"arn": "{attributeGroup.arn}"},
    ),
    _GROUP_ASSOCIATION: (
        Handler(
            service="servicecatalog-appregistry",
            operation="associate_attribute_group",
            inputs={"applicationId": "application", "attributeGroupId": "attributeGroup"},
            id="{in.applicationId},{in.attributeGroupId}",
        )
    ),
    "aws:arczonalshift/zonalAutoshiftConfiguration:ZonalAutoshiftConfiguration": Handler(
        service="arc-zonal-shift",
        operation="create_practice_run_configuration",
        inputs={"resourceArn": "resourceIdentifier"},
        id="{in.resourceArn}",
        then=[
            Call(
                operation="update_zonal_autoshift_configuration",
                inputs={"zonalAutoshiftStatus": ""},
                params={"resourceIdentifier": "{id}"},
            )
        ],
    ),
    "aws:accessanalyzer/analyzer:Analyzer": Handler(
        service="accessanalyzer",
        operation="create_analyzer",
        # The provider's default.
        params={"type": lambda c: c.inputs.get("type", "ACCOUNT")},
        tags="tags",
        id="{in.analyzerName}",
        outputs={"arn": "{arn}"},
    ),
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration": Handler(
        service="chatbot",
        operation="create_slack_channel_configuration",
        ignored={"timeouts": "how long the provider waits"},
        tags="Tags",
        id="{ChannelConfiguration.ChatConfigurationArn}",
        outputs={"chatConfigurationArn": "{id}"},
        invents={
            "ChannelConfiguration.ChatConfigurationArn": (
                "arn:{partition}:chatbot::{account}:chat-configuration/slack-channel/"
                "{in.configurationName}"
            )
        },
    ),
    "awsx:ecr:Image": Handler(service="ecr", operation="put_image", create=_image),
}
