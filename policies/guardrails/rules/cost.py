"""Is it tagged, and is it no dearer than it must be?"""

import fnmatch
import re

from guardrails import tagging, tokens
from guardrails.checks import for_each
from guardrails.draft import Draft
from guardrails.evaluation import Report
from guardrails.kinds import (
    BUCKET,
    CACHE_GROUP,
    DB_CLUSTER,
    DB_INSTANCE,
    ECS_SERVICE,
    FUNCTION,
    LOAD_BALANCER,
    SUBNET,
    TASK_DEFINITION,
)
from guardrails.registry import (
    ADVICE,
    CRITICAL,
    FIX,
    Option,
    Rule,
    Severity,
    anchors,
    node,
    rule,
)
from guardrails.resources import Resource, Stack
from guardrails.values import NotEvaluatedError

BUDGET = "aws:budgets/budget:Budget"
EIP = "aws:ec2/eip:Eip"
NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"
RECORD = "aws:route53/record:Record"


def _is_tagged(resource: Resource, report: Report) -> None:
    if resource.kind not in tagging.taggable():
        return
    tags = tagging.tags_of(resource)
    missing = tagging.missing(report.option("required"), tags)
    if missing:
        report(f"has no tag {', '.join(missing)}")
    for key, pattern in report.option("patterns").items():
        value = tagging.value_of(tags, key)
        if value is not None and value != "?" and not re.fullmatch(pattern, value):
            report(f"its tag {key} is {value}, which does not match {pattern}")


def _tag(draft: Draft, report: Report) -> bool:
    if tokens.canonical(draft.type) not in tagging.taggable() or draft.unknown("tags"):
        return False
    own = draft.get("tags")
    present = [*tagging.default_tags(draft.provider), *(own.keys() if own is not None else ())]
    given = report.option("defaults")
    fill = {key: value for key, value in given.items() if tagging.missing([key], present)}
    return bool(fill) and draft.add_to_map("tags", fill)


_TAGS = {"Owner": "platform", "CostCenter": "music", "Stage": "production"}

tag_required = rule(
    id="tag-required",
    title="Whatever can be tagged says whose it is, who pays, and what it belongs to.",
    severity=Severity.MEDIUM,
    level=FIX,
    types=(),
    condition="a required key is neither among `tags` nor among the provider's default tags; a "
    "value that does not match its pattern",
    exceptions="types without tags; keys may be spelled owner, Owner or cost-center, CostCenter",
    fix='default_tags={"tags": {"Owner": ..., "CostCenter": ..., "Stage": ...}} of the '
    "aws.Provider; tags that `defaults` gives are added by themselves",
    url="https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html",
    anchors=anchors(
        security_hub="ECR.4 CloudFront.14",
    ),
    options={
        "required": Option(
            type="array",
            default=["Owner", "CostCenter|CostCentre", "Stage|Environment"],
            description="Keys that must be there; A|B for either.",
        ),
        "patterns": Option(
            type="object",
            default={},
            description="Regular expressions that the values of keys must match.",
        ),
        "defaults": Option(
            type="object", default={}, description="Tags to add where their key is missing."
        ),
    },
    check=_is_tagged,
    remediate=_tag,
    passes=[
        node("assets", BUCKET, {"tags": _TAGS}),
        node(
            "logs",
            BUCKET,
            {"tags": {"Owner": "security"}},
            provider={"defaultTags": {"tags": _TAGS}},
        ),
        node("www", RECORD, {"name": "www"}),
    ],
    violates=[node("assets", BUCKET, {"tags": {"Owner": "platform", "Stage": "production"}})],
)

_SMALL = {"temporary": ["db.t*", "db.serverless"], "staging": ["db.t*", "db.serverless"]}
_SMALL_CACHES = {"temporary": ["cache.t*"], "staging": ["cache.t*"]}
_VCPU = re.compile(r"\s*([0-9.]+)\s*(vcpu|gb)?\s*", re.IGNORECASE)
_CLASS = {
    DB_INSTANCE: ("instanceClass", "databaseClasses"),
    DB_CLUSTER: ("dbClusterInstanceClass", "databaseClasses"),
    CACHE_GROUP: ("nodeType", "cacheTypes"),
}


def _is_of_an_allowed_size(resource: Resource, report: Report) -> None:
    if resource.kind == TASK_DEFINITION:
        for path, option in (("cpu", "maxCpu"), ("memory", "maxMemory")):
            size = _units(resource, path)
            if size > report.option(option):
                report(f"{path} is {size:g}, more than {report.option(option)}")
        return
    path, option = _CLASS[resource.kind]
    size = resource.text(path)
    if size and not any(fnmatch.fnmatchcase(size, p) for p in report.option(option)):
        report(f"{path} is {size}; allowed are {', '.join(report.option(option))}")


def _units(task: Resource, path: str) -> float:
    """CPU units or MiB, which may also be written as `1 vCPU` or `2 GB`."""
    text = task.text(path, "0")
    found = _VCPU.fullmatch(text)
    if not found:
        raise NotEvaluatedError(path, "is not a size")
    return float(found.group(1)) * (1024 if found.group(2) else 1)


size_allowed = rule(
    id="cost-size-allowed",
    title="Nothing is larger than its stage needs.",
    severity=Severity.LOW,
    level=CRITICAL,
    types=(DB_INSTANCE, DB_CLUSTER, CACHE_GROUP, TASK_DEFINITION),
    condition="a class or node type outside databaseClasses or cacheTypes; a task above maxCpu or "
    "maxMemory",
    exceptions="what configuration allows",
    fix='instance_class="db.t4g.medium", or allow the class in the policy configuration',
    url="https://docs.aws.amazon.com/wellarchitected/latest/cost-optimization-pillar/select-the-correct-resource-type-size-and-number.html",
    options={
        "databaseClasses": Option(
            type="array",
            default=["db.t*", "db.m*", "db.r*", "db.serverless"],
            by_profile=_SMALL,
            description="Allowed instance classes; * stands for anything.",
        ),
        "cacheTypes": Option(
            type="array",
            default=["cache.t*", "cache.m*", "cache.r*"],
            by_profile=_SMALL_CACHES,
            description="Allowed node types; * stands for anything.",
        ),
        "maxCpu": Option(
            type="integer",
            default=4096,
            by_profile={"temporary": 1024, "staging": 2048},
            description="Most CPU units of a task.",
        ),
        "maxMemory": Option(
            type="integer",
            default=30720,
            by_profile={"temporary": 4096, "staging": 8192},
            description="Most MiB of a task.",
        ),
    },
    check=_is_of_an_allowed_size,
    passes=[
        node("orders", DB_INSTANCE, {"instanceClass": "db.t4g.medium"}),
        node("api", TASK_DEFINITION, {"cpu": "512", "memory": "1024"}),
    ],
    violates=[node("orders", DB_INSTANCE, {"instanceClass": "db.x2iedn.32xlarge"})],
)


@for_each(EIP)
def _address_is_used(stack: Stack, report: Report, address: Resource) -> None:
    if address.has("instance") or address.has("networkInterface"):
        return
    used = any(
        address.urn in urns
        for user in stack.resources
        if user.kind != RECORD
        for urns in user.property_dependencies.values()
    )
    if not used:
        report("is used by nothing, and paid for by the hour")


def _ways_out_fit_the_stage(stack: Stack, report: Report) -> None:
    zonal = [
        gateway
        for gateway in stack.of(NAT_GATEWAY)
        if gateway.text("availabilityMode", "zonal") != "regional"
    ]
    if report.profile != "production":
        for gateway in zonal[1:]:
            report("one NAT gateway is enough outside production", on=gateway)
        return
    zones = {subnet.text("availabilityZone") for subnet in stack.of(SUBNET)} - {""}
    if len(zonal) == 1 and len(zones) > 1:
        report(f"{len(zones)} zones leave by it: all are cut off when its zone is", on=zonal[0])


@for_each(DB_INSTANCE)
def _standby_is_for_production(_: Stack, report: Report, database: Resource) -> None:
    if report.profile != "production" and database.flag("multiAz"):
        report("multiAz doubles its price, and nobody waits for this stage")


dev_shape = rule(
    id="cost-dev-shape",
    title="A stage pays for what it needs to survive, and for nothing else.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(EIP, NAT_GATEWAY, DB_INSTANCE, SUBNET),
    condition="outside production more than one zonal NAT gateway, or a Multi-AZ database; in "
    "production one zonal NAT gateway for several zones; anywhere an address that nothing uses",
    exceptions="regional NAT gateways, which are in every zone",
    fix="one aws.ec2.NatGateway outside production, one per zone (or "
    'availability_mode="regional") in it; no aws.ec2.Eip that nothing refers to',
    url="https://docs.aws.amazon.com/wellarchitected/latest/cost-optimization-pillar/welcome.html",
    anchors=anchors(
        checkov="CKV2_AWS_19",
    ),
    stack_check=(_address_is_used, _ways_out_fit_the_stage, _standby_is_for_production),
    passes=[
        node("address", EIP, {"domain": "vpc"}),
        node("nat", NAT_GATEWAY, {"allocationId": "${address.allocationId}"}),
    ],
    violates=[node("address", EIP, {"domain": "vpc"})],
)

_ARM_CLASS = re.compile(r"(db|cache)\.([a-z]+\d+g[a-z]*|serverless)(\.|$)")


def _runs_on_arm(resource: Resource, report: Report) -> None:
    if resource.kind == FUNCTION:
        architecture = (resource.texts("architectures") or ["x86_64"])[0]
        if architecture != "arm64":
            report(f"architectures is {architecture}")
    elif resource.kind == TASK_DEFINITION:
        architecture = resource.text("runtimePlatform.cpuArchitecture", "X86_64")
        if architecture != "ARM64":
            report(f"runtimePlatform.cpuArchitecture is {architecture}")
    else:
        path, _ = _CLASS[resource.kind]
        size = resource.text(path)
        if size and not _ARM_CLASS.match(size):
            report(f"{path} is {size}")


graviton = rule(
    id="cost-graviton",
    title="What can run on ARM does: the same for a fifth less.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(TASK_DEFINITION, FUNCTION, DB_INSTANCE, DB_CLUSTER, CACHE_GROUP),
    condition="a task or function that is not ARM64, a class of an Intel or AMD generation",
    exceptions="images that exist for x86 only: an exemption",
    fix='runtime_platform={"cpu_architecture": "ARM64", "operating_system_family": "LINUX"}; '
    'instance_class="db.m7g.large"',
    url="https://aws.amazon.com/ec2/graviton/",
    check=_runs_on_arm,
    passes=[
        node("api", TASK_DEFINITION, {"runtimePlatform": {"cpuArchitecture": "ARM64"}}),
        node("orders", DB_INSTANCE, {"instanceClass": "db.m7g.large"}),
    ],
    violates=[node("orders", DB_INSTANCE, {"instanceClass": "db.m6i.large"})],
)


def _storage_is_modern(database: Resource, report: Report) -> None:
    engine = database.text("engine")
    if engine.startswith("aurora"):
        return
    # https://www.pulumi.com/registry/packages/aws/api-docs/rds/instance/#storagetype_python
    instance = database.kind == DB_INSTANCE
    default = "io1" if database.has("iops") else "gp2" if instance else ""
    kind = database.text("storageType", default)
    if kind in ("gp2", "io1", "standard"):
        report(f"storageType is {kind}")
    if instance and not database.number("maxAllocatedStorage") and database.has("allocatedStorage"):
        report("has no maxAllocatedStorage: it stops when it is full")


storage_modern = rule(
    id="cost-storage-modern",
    title="A database's storage is of the current kind, and grows up to a limit.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(DB_INSTANCE, DB_CLUSTER),
    condition="storage of type gp2, io1 or standard (gp2 where nothing is said); no limit up to "
    "which it grows by itself",
    exceptions="Aurora, which has storage of its own",
    fix='storage_type="gp3", max_allocated_storage=200',
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html",
    check=_storage_is_modern,
    passes=[
        node(
            "orders",
            DB_INSTANCE,
            {"storageType": "gp3", "allocatedStorage": 50, "maxAllocatedStorage": 200},
        )
    ],
    violates=[
        node("orders", DB_INSTANCE, {"allocatedStorage": 50, "maxAllocatedStorage": 200}),
    ],
)

_COSTLY = (ECS_SERVICE, DB_INSTANCE, DB_CLUSTER, NAT_GATEWAY, LOAD_BALANCER, CACHE_GROUP)
_SUBSCRIBERS = ("subscriberEmailAddresses", "subscriberSnsTopicArns")


def _somebody_is_told_of_costs(stack: Stack, report: Report) -> None:
    costly = stack.of(*_COSTLY)
    if not costly or report.option("central"):
        return
    for budget in stack.of(BUDGET):
        with report.attempt(budget):
            if any(n.has(path) for n in budget.views("notifications") for path in _SUBSCRIBERS):
                return
    report("no budget of this stack tells anybody what it costs", on=costly[0])


cost_budget = rule(
    id="cost-budget",
    title="Somebody is told when a stack costs more than planned.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(*_COSTLY, BUDGET),
    condition="a stack with a service, database, cache, NAT gateway or load balancer, and without "
    "a budget that notifies somebody",
    exceptions="accounts whose budgets are kept elsewhere: option central",
    fix='aws.budgets.Budget(budget_type="COST", time_unit="MONTHLY", limit_amount="500", '
    'limit_unit="USD", notifications=[{..., "subscriber_sns_topic_arns": [topic.arn]}])',
    url="https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html",
    options={
        "central": Option(
            type="boolean", default=False, description="Whether budgets are kept elsewhere."
        )
    },
    stack_check=_somebody_is_told_of_costs,
    passes=[
        node("api", ECS_SERVICE, {"desiredCount": 2}),
        node(
            "monthly",
            BUDGET,
            {"notifications": [{"subscriberEmailAddresses": ["finance@example.com"]}]},
        ),
    ],
    violates=[
        node("api", ECS_SERVICE, {"desiredCount": 2}),
        node("monthly", BUDGET, {"limitAmount": "500"}),
    ],
)

RULES: tuple[Rule, ...] = (
    tag_required,
    size_allowed,
    dev_shape,
    graviton,
    storage_modern,
    cost_budget,
)
