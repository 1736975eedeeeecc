"""What the switches of the budget add to a stack, and that AWS would accept it."""

import pytest
import yaml

from rehearsal.deploy import Deployer
from rehearsal.emulator import Emulator
from rehearsal.program import run_project
from tests.program import stacks

TAG = "aws:costexplorer/costAllocationTag:CostAllocationTag"
MONITOR = "aws:costexplorer/anomalyMonitor:AnomalyMonitor"
SUBSCRIPTION = "aws:costexplorer/anomalySubscription:AnomalySubscription"
BUDGET = "aws:budgets/budget:Budget"


def config(tmp_path, **budget):
    values = yaml.safe_load((stacks.ROOT / "Pulumi.staging.yaml").read_text())["config"]
    return stacks.project(
        tmp_path, "staging", {**values, "babyrobots:budget": {"monthlyUsd": 300, **budget}}
    )


def test_by_default_a_stack_touches_nothing_that_an_account_has_once():
    types = {r.type for r in stacks.resolved("production")}

    assert BUDGET in types
    assert not types & {TAG, MONITOR, SUBSCRIPTION}


def test_a_stack_in_a_shared_account_counts_its_own(tmp_path):
    graph = stacks.build(config(tmp_path, scope="stack", allocationTags=True, anomalies=True))

    filters = graph.one(BUDGET).inputs["costFilters"]
    assert filters == [{"name": "TagKeyValue", "values": ["user:Stack$staging"]}]
    keys = {tag.inputs["tagKey"] for tag in graph.of(TAG).values()}
    assert keys == {"Project", "Stack", "Stage", "Owner", "CostCenter"}
    assert graph.one(MONITOR).inputs["monitorType"] == "CUSTOM"
    threshold = graph.one(SUBSCRIPTION).inputs["thresholdExpression"]["dimension"]["values"]
    assert threshold == ["30"], "a tenth of the budget"


@pytest.mark.parametrize("scope", ["account", "stack"])
def test_what_the_switches_add_is_what_aws_accepts(tmp_path, scope):
    chosen = config(tmp_path, scope=scope, allocationTags=True, anomalies=True)
    with Emulator(stacks.ACCOUNT) as emulator:
        deployer = Deployer(emulator.endpoint, "eu-west-1", stacks.ACCOUNT)
        run_project(
            chosen, answer=deployer.create, lookup=deployer.lookup, endpoint=emulator.endpoint
        )

    validated = {created.type for created in deployer.validated}
    assert {TAG, MONITOR, SUBSCRIPTION} <= validated
    assert BUDGET in {created.type for created in deployer.created}
