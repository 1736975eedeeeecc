"""Do secrets stay secret, and can they be changed?"""

import re
from collections.abc import Iterator

from guardrails import secrecy, tasks
from guardrails.checks import for_each
from guardrails.evaluation import Report
from guardrails.kinds import (
    CACHE_GROUP,
    CACHE_SERVERLESS,
    DB_CLUSTER,
    DB_INSTANCE,
    FUNCTION,
    SECRET,
    SSM_PARAMETER,
    TASK_DEFINITION,
)
from guardrails.registry import (
    ADVICE,
    ALWAYS,
    CRITICAL,
    Option,
    Rule,
    Severity,
    anchors,
    node,
    rule,
)
from guardrails.resources import Resource, Stack
from guardrails.tagging import tags_of
from guardrails.values import View

ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
SECRET_VERSION = "aws:secretsmanager/secretVersion:SecretVersion"  # noqa: S105 - a type token


def _container_variables(task: Resource, report: Report) -> None:
    for container in tasks.containers(task):
        with report.attempt():
            for variable in container.views("environment"):
                with report.attempt():
                    name = variable.text("name")
                    _judge_variable(f"{tasks.label(container)}, {name}", name, variable, report)


def _container_texts(task: Resource, report: Report) -> None:
    """What else is shown to whoever may describe the task: arguments and options of the log."""
    for container in tasks.containers(task):
        with report.attempt():
            for path in ("command", "entryPoint", "logConfiguration.options"):
                for text in _texts(container, path):
                    kind = secrecy.by_value(text)
                    if kind:
                        report(f"{tasks.label(container)}, {path} holds {kind}")


def _texts(container: View, path: str) -> Iterator[str]:
    value = container.get(path)
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (item for item in items if isinstance(item, str))


def _function_variables(function: Resource, report: Report) -> None:
    if function.kind != FUNCTION:
        return
    variables = function.view("environment.variables")
    for name in variables.properties:
        with report.attempt():
            value = View({"value": variables.properties[name]}, variables.at(name))
            _judge_variable(name, name, value, report)


def _judge_variable(label: str, name: str, variable: View, report: Report) -> None:
    if name in report.option("allowNames"):
        return
    value = variable.text("value")
    kind = secrecy.by_value(value)
    if kind:
        report(f"{label} holds {kind}")
    elif secrecy.by_name(name) and not _harmless(name, value):
        report(f"{label} is called like a secret, and its value stands there in clear")


def _harmless(name: str, value: str) -> bool:
    # The address of a database is a secret only with a password in it, which by_value looks for.
    address = re.search(r"(url|dsn)$", name, re.IGNORECASE) and "://" in value
    return secrecy.is_plain(value) or bool(address)


def _task(*environment: dict[str, str], **container: object) -> dict[str, object]:
    return {
        "containerDefinitions": [
            {"name": "app", "image": "app", "environment": list(environment), **container}
        ]
    }


no_plaintext_env = rule(
    id="sec-no-plaintext-env",
    title="No secret is an environment variable in clear.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(TASK_DEFINITION, FUNCTION),
    condition="a variable that is called like a secret (password, token, api key, DSN...) with a "
    "value, or a variable, argument or log option whose value looks like one (AWS key, JWT, "
    "private key, password in a URL, GitHub, Slack or Stripe token)",
    exceptions="names that speak about a secret (..._ARN, ..._NAME, ..._TTL, ..._URL without a "
    "password), values that are ARNs, switches or small numbers, names in allowNames",
    fix='"secrets": [{"name": "DB_PASSWORD", "valueFrom": secret.arn}] in the container',
    url="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html",
    anchors=anchors(
        fsbp="ECS.8",
        checkov="CKV_AWS_45",
        cdk_nag="AwsSolutions-ECS2",
        prowler="ecs_task_definitions_no_environment_secrets "
        "awslambda_function_no_secrets_in_variables",
        trivy="AWS-0036",
    ),
    options={
        "allowNames": Option(
            type="array", default=[], description="Names of variables that are no secrets."
        )
    },
    check=(_container_variables, _container_texts, _function_variables),
    passes=[
        node(
            "api",
            TASK_DEFINITION,
            _task(
                {"name": "DB_HOST", "value": "db.example.com"},
                {"name": "TOKEN_TTL", "value": "3600"},
                secrets=[{"name": "DB_PASSWORD", "valueFrom": "arn:aws:secretsmanager:::secret:a"}],
            ),
        )
    ],
    violates=[
        node("api", TASK_DEFINITION, _task({"name": "DB_PASSWORD", "value": "not-a-real-one"}))
    ],
)

_WRITTEN_OUT = {
    DB_INSTANCE: ("password", "manage_master_user_password=True, or password_wo"),
    DB_CLUSTER: ("masterPassword", "manage_master_user_password=True, or master_password_wo"),
    CACHE_GROUP: ("authToken", "auth_token_wo, or user_group_ids"),
}


def _password_is_managed(store: Resource, report: Report) -> None:
    path, instead = _WRITTEN_OUT[store.kind]
    if store.has(path):
        report(f"{path} is given, so it lies in Pulumi's state; use {instead}")


db_password_managed = rule(
    id="sec-db-password-managed",
    title="A database's password is managed by AWS, or write-only; it is not in the state.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(DB_INSTANCE, DB_CLUSTER, CACHE_GROUP),
    condition="`password`, `masterPassword` or `authToken` is given",
    exceptions="replicas and restores, which have none",
    fix="manage_master_user_password=True; where it must be chosen, "
    "password_wo=..., password_wo_version=1",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html",
    anchors=anchors(
        cfn_guard="rds_master_user_password_no_plaintext_password "
        "rds_cluster_master_user_password_no_plaintext_password",
    ),
    check=_password_is_managed,
    passes=[
        node("orders", DB_INSTANCE, {"manageMasterUserPassword": True}),
        node("users", DB_INSTANCE, {"passwordWo": "not-a-real-one", "passwordWoVersion": 1}),
    ],
    violates=[node("orders", DB_INSTANCE, {"password": "not-a-real-one"})],
)

_RATE = re.compile(r"rate\(\s*(\d+)\s*(hour|day)s?\s*\)", re.IGNORECASE)


@for_each(SECRET)
def _secret_rotates(stack: Stack, report: Report, secret: Resource) -> None:
    rotations = stack.sources(secret, "secretId", ROTATION)
    for rotation in rotations:
        if not rotation.flag("rotationEnabled", True):
            report(f"{rotation.name} has rotationEnabled off")
        days = _days(rotation)
        if days is not None and days > report.option("maxDays"):
            report(f"{rotation.name} rotates every {days:g} days")
    if rotations:
        return
    tags = {key.lower(): value for key, value in tags_of(secret).items()}
    if tags.get("rotation") != "manual":
        report("has no SecretRotation")
    elif not tags.get("owner"):
        report("is tagged rotation=manual, but no tag owner says who does it")


def _days(rotation: Resource) -> float | None:
    """Days between two rotations; None where a cron expression says."""
    schedule = _RATE.fullmatch(rotation.text("rotationRules.scheduleExpression").strip())
    if schedule:
        number = int(schedule.group(1))
        return number if schedule.group(2).lower() == "day" else number / 24
    days = rotation.number("rotationRules.automaticallyAfterDays")
    return days or None


rotation = rule(
    id="sec-rotation",
    title="A secret changes every 90 days.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(SECRET, ROTATION),
    condition="a secret without a SecretRotation, or with one that is off or slower than maxDays",
    exceptions="keys of third parties, tagged rotation=manual and with an owner; secrets that RDS "
    "manages rotate by themselves",
    fix="aws.secretsmanager.SecretRotation(secret_id=secret.id, rotation_lambda_arn=function.arn, "
    'rotation_rules={"automatically_after_days": 30}); or, where nobody can do it by machine, '
    'tags={"rotation": "manual", "owner": ...}',
    url="https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets.html",
    anchors=anchors(
        fsbp="SecretsManager.1 SecretsManager.4",
        checkov="CKV2_AWS_57 CKV_AWS_304",
        cdk_nag="AwsSolutions-SMG4",
        prowler="secretsmanager_automatic_rotation_enabled",
        cfn_guard="secretsmanager_rotation_enabled_check",
    ),
    options={
        "maxDays": Option(type="integer", default=90, description="Most days between rotations.")
    },
    stack_check=_secret_rotates,
    passes=[
        node("orders", SECRET),
        node(
            "orders-rotation",
            ROTATION,
            {"secretId": "${orders.id}", "rotationRules": {"automaticallyAfterDays": 30}},
        ),
        node("payment", SECRET, {"tags": {"rotation": "manual", "owner": "payments"}}),
    ],
    violates=[
        node("orders", SECRET),
        node(
            "orders-rotation",
            ROTATION,
            {"secretId": "${orders.id}", "rotationRules": {"automaticallyAfterDays": 365}},
        ),
    ],
)


def _secret_can_be_brought_back(secret: Resource, report: Report) -> None:
    days = secret.number("recoveryWindowInDays", 30)
    if days < report.option("minDays"):
        report(f"recoveryWindowInDays is {days}: deleted is lost")


secret_recoverable = rule(
    id="sec-secret-recoverable",
    title="A deleted secret can be brought back for a week.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(SECRET,),
    condition="`recoveryWindowInDays` is below minDays, 0 in particular",
    exceptions="stages that are thrown away, where a name must be free again at once",
    fix="recovery_window_in_days=30",
    url="https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html",
    options={"minDays": Option(type="integer", default=7, description="Least days.")},
    check=_secret_can_be_brought_back,
    passes=[node("orders", SECRET), node("users", SECRET, {"recoveryWindowInDays": 7})],
    violates=[node("orders", SECRET, {"recoveryWindowInDays": 0})],
)


def _cache_asks_who_connects(cache: Resource, report: Report) -> None:
    paths = (
        ("userGroupId",)
        if cache.kind == CACHE_SERVERLESS
        else ("authToken", "authTokenWo", "userGroupIds")
    )
    if not any(cache.has(path) and cache.get(path) != [] for path in paths):
        report(f"has none of {', '.join(paths)}: whoever reaches it reads everything")


cache_auth = rule(
    id="sec-cache-auth",
    title="A cache asks who connects.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(CACHE_GROUP, CACHE_SERVERLESS),
    condition="neither an authentication token nor a user group",
    fix="user_group_ids=[group.user_group_id] of users that sign in with IAM",
    url="https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html",
    anchors=anchors(
        fsbp="ElastiCache.6",
        checkov="CKV_AWS_31",
        cdk_nag="AwsSolutions-AEC6",
        prowler="elasticache_redis_replication_group_auth_enabled",
    ),
    check=_cache_asks_who_connects,
    passes=[node("sessions", CACHE_GROUP, {"userGroupIds": ["sessions"]})],
    violates=[node("sessions", CACHE_GROUP, {"engine": "valkey"})],
)


def _value_is_write_only(resource: Resource, report: Report) -> None:
    if resource.kind == SSM_PARAMETER:
        paths = ("value",) if resource.text("type") == "SecureString" else ()
    else:
        paths = ("secretString", "secretBinary")
    for path in paths:
        # What is written once and then ignored was a first value, not the one in use.
        if resource.has(path) and path not in resource.ignore_changes:
            report(f"{path} is given, so it lies in Pulumi's state")


secret_version_not_in_state = rule(
    id="sec-secret-version-not-in-state",
    title="The value of a secret is write-only; it is not in the state.",
    severity=Severity.MEDIUM,
    level=ADVICE,
    types=(SECRET_VERSION, SSM_PARAMETER),
    condition="`secretString`, `secretBinary`, or the `value` of a SecureString, is given",
    exceptions="a first value that ignore_changes leaves to whoever rotates it",
    fix="secret_string_wo=..., secret_string_wo_version=1 (value_wo for a parameter)",
    url="https://www.pulumi.com/registry/packages/aws/api-docs/secretsmanager/secretversion/",
    check=_value_is_write_only,
    passes=[
        node("v1", SECRET_VERSION, {"secretStringWo": "not-a-real-one", "secretStringWoVersion": 1})
    ],
    violates=[node("v1", SECRET_VERSION, {"secretString": "not-a-real-one"})],
)


def _signs_in_with_iam(database: Resource, report: Report) -> None:
    engine = database.text("engine")
    able = not engine or any(name in engine for name in ("postgres", "mysql", "mariadb"))
    if able and not database.flag("iamDatabaseAuthenticationEnabled"):
        report("iamDatabaseAuthenticationEnabled is not true")


rds_iam_auth = rule(
    id="sec-rds-iam-auth",
    title="People and tasks can sign in to a database with IAM.",
    severity=Severity.MEDIUM,
    level=ADVICE,
    types=(DB_INSTANCE, DB_CLUSTER),
    condition="`iamDatabaseAuthenticationEnabled` is not true",
    exceptions="engines without it (Oracle, SQL Server, Db2)",
    fix="iam_database_authentication_enabled=True",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html",
    anchors=anchors(
        fsbp="RDS.10 RDS.12",
        checkov="CKV_AWS_161 CKV_AWS_162",
        cdk_nag="AwsSolutions-RDS6",
        prowler="rds_instance_iam_authentication_enabled",
        trivy="AWS-0176",
    ),
    check=_signs_in_with_iam,
    passes=[
        node(
            "orders", DB_INSTANCE, {"engine": "postgres", "iamDatabaseAuthenticationEnabled": True}
        ),
        node("legacy", DB_INSTANCE, {"engine": "sqlserver-ex"}),
    ],
    violates=[node("orders", DB_INSTANCE, {"engine": "postgres"})],
)

RULES: tuple[Rule, ...] = (
    no_plaintext_env,
    db_password_managed,
    rotation,
    secret_recoverable,
    cache_auth,
    secret_version_not_in_state,
    rds_iam_auth,
)
