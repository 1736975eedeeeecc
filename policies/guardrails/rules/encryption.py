"""Is what lies still encrypted, with a key of our own where that matters?"""

from collections.abc import Iterator

from guardrails import buckets, secrecy
from guardrails.checks import for_each
from guardrails.draft import Draft
from guardrails.evaluation import Report
from guardrails.examples import document
from guardrails.iam.document import Document, load
from guardrails.kinds import (
    BACKUP_VAULT,
    BUCKET,
    BUCKET_ENCRYPTION,
    CACHE_GROUP,
    DB_CLUSTER,
    DB_INSTANCE,
    ECS_CLUSTER,
    EVENT_TARGET,
    FUNCTION,
    KEY,
    KEY_POLICY,
    LOAD_BALANCER,
    LOG_GROUP,
    METRIC_ALARM,
    QUEUE,
    REPOSITORY,
    SECRET,
    SSM_PARAMETER,
    SUBSCRIPTION,
    TOPIC,
)
from guardrails.registry import (
    ADVICE,
    ALWAYS,
    CRITICAL,
    FIX,
    Rule,
    Severity,
    anchors,
    node,
    rule,
)
from guardrails.resources import Resource, Stack
from guardrails.values import NotEvaluatedError, View, is_unknown

ALIAS = "aws:kms/alias:Alias"
COMPOSITE_ALARM = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
SCHEDULE = "aws:scheduler/schedule:Schedule"

_RESTORES = ("snapshotIdentifier", "restoreToPointInTime", "replicateSourceDb")
_CLUSTER_RESTORES = ("snapshotIdentifier", "restoreToPointInTime", "replicationSourceIdentifier")


def _inherits_encryption(database: Resource) -> bool:
    paths = _RESTORES if database.kind == DB_INSTANCE else _CLUSTER_RESTORES
    return any(database.has(path) for path in paths)


def _database_is_encrypted(database: Resource, report: Report) -> None:
    if database.text("engineMode") == "serverless" or _inherits_encryption(database):
        return
    if not database.flag("storageEncrypted"):
        report("storageEncrypted is not true, and it cannot be switched on later")


def _database_has_a_key(database: Resource, report: Report) -> None:
    if _inherits_encryption(database) or not database.flag("storageEncrypted"):
        return
    if not database.has("kmsKeyId"):
        report.advise("has no kmsKeyId: AWS's own key cannot be shared, restricted or revoked")
    if database.flag("performanceInsightsEnabled") and not database.has(
        "performanceInsightsKmsKeyId"
    ):
        report.advise("has no performanceInsightsKmsKeyId: queries are kept under AWS's own key")


enc_rds = rule(
    id="enc-rds",
    title="A database's storage is encrypted.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(DB_INSTANCE, DB_CLUSTER),
    condition="`storageEncrypted` is not true; advice: no key of one's own for storage or "
    "Performance Insights",
    exceptions="restores and replicas, whose source decides; Aurora Serverless v1",
    fix="storage_encrypted=True, kms_key_id=key.arn",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.html",
    anchors=anchors(
        fsbp="RDS.3 RDS.27",
        cis="2.3.1",
        checkov="CKV_AWS_16 CKV_AWS_96 CKV_AWS_327 CKV_AWS_354",
        cdk_nag="AwsSolutions-RDS2",
        prowler="rds_instance_storage_encrypted",
        cfn_guard="rds_storage_encrypted",
        trivy="AWS-0080 AWS-0078",
        pulumi="rds-storage-encrypted aws-rds-instance-disallow-unencrypted-storage",
    ),
    check=(_database_is_encrypted, _database_has_a_key),
    passes=[
        node("orders", DB_INSTANCE, {"storageEncrypted": True, "kmsKeyId": "${key.arn}"}),
        node("key", KEY),
    ],
    violates=[node("orders", DB_INSTANCE, {"engine": "postgres"})],
)


def _cache_is_encrypted(cache: Resource, report: Report) -> None:
    if cache.has("globalReplicationGroupId"):
        return
    # https://www.pulumi.com/registry/packages/aws/api-docs/elasticache/replicationgroup/
    default = cache.text("engine", "redis") == "valkey"
    if not cache.flag("atRestEncryptionEnabled", default):
        report("atRestEncryptionEnabled is not true")
    elif not cache.has("kmsKeyId"):
        report.advise("has no kmsKeyId: AWS's own key cannot be restricted or revoked")


enc_cache = rule(
    id="enc-cache",
    title="A cache is encrypted on disk.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(CACHE_GROUP,),
    condition="`atRestEncryptionEnabled` is not true; advice: no key of one's own",
    exceptions="Valkey, where it is the default; secondary regions, which inherit",
    fix="at_rest_encryption_enabled=True, kms_key_id=key.arn",
    url="https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/at-rest-encryption.html",
    anchors=anchors(
        fsbp="ElastiCache.4",
        checkov="CKV_AWS_29 CKV_AWS_191",
        cdk_nag="AwsSolutions-AEC3",
        cfn_guard="elasticache_replication_group_encryption_at_rest",
        trivy="AWS-0045",
    ),
    check=_cache_is_encrypted,
    passes=[
        node("sessions", CACHE_GROUP, {"engine": "valkey", "kmsKeyId": "${key.arn}"}),
        node("key", KEY),
    ],
    violates=[node("sessions", CACHE_GROUP, {"engine": "redis"})],
)


@for_each(BUCKET)
def _bucket_has_a_key(stack: Stack, report: Report, bucket: Resource) -> None:
    writers = buckets.log_writers(stack, bucket)
    defaults = _defaults(stack, bucket)
    algorithms = {view.text(f"{_DEFAULT}.sseAlgorithm") for view in defaults}
    limited = sorted(writers & buckets.SSE_S3_ONLY)
    if limited:
        if any(name.startswith("aws:kms") for name in algorithms):
            report(f"is encrypted with a KMS key, so {limited[0]} cannot write its logs here")
        return
    if not defaults:
        report("has no encryption configuration of its own: S3's key, which no policy restricts")
    for view in defaults:
        _judge_default(view, report)


_DEFAULT = "applyServerSideEncryptionByDefault"


def _defaults(stack: Stack, bucket: Resource) -> list[View]:
    separate = stack.sources(bucket, "bucket", BUCKET_ENCRYPTION)
    if separate:
        # What the bucket says itself is then only what AWS gave it when it was made.
        return [view for configuration in separate for view in configuration.views("rules")]
    return [
        *bucket.views("serverSideEncryptionConfiguration.rule"),
        *(  # under the token bucketV2
            view
            for configuration in bucket.views("serverSideEncryptionConfigurations")
            for view in configuration.views("rules")
        ),
    ]


def _judge_default(view: View, report: Report) -> None:
    algorithm = view.text(f"{_DEFAULT}.sseAlgorithm")
    if not algorithm.startswith("aws:kms"):
        report(f"is encrypted with {algorithm or 'nothing given'}, not with a KMS key")
    elif not view.has(f"{_DEFAULT}.kmsMasterKeyId"):
        report("is encrypted with aws/s3, a key that no policy of ours restricts")
    elif algorithm == "aws:kms" and not view.flag("bucketKeyEnabled"):
        report("bucketKeyEnabled is not true: every object costs a call to KMS")


enc_s3_kms = rule(
    id="enc-s3-kms",
    title="A bucket is encrypted with a key of our own; a log bucket as its writer needs it.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(BUCKET, BUCKET_ENCRYPTION, LOAD_BALANCER),
    condition="a bucket without aws:kms encryption with a key and a bucket key; a bucket for "
    "logs of an application load balancer or of S3 with a KMS key, which those cannot use",
    exceptions="buckets for logs of application load balancers and of S3 itself (SSE-S3 only)",
    fix="aws.s3.BucketServerSideEncryptionConfiguration(bucket=bucket.id, rules=[{"
    '"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", '
    '"kms_master_key_id": key.arn}, "bucket_key_enabled": True}])',
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html",
    anchors=anchors(
        security_hub="S3.17",
        checkov="CKV_AWS_145 CKV_AWS_19",
        cdk_nag="S3DefaultEncryptionKMS",
        prowler="s3_bucket_kms_encryption",
        cfn_guard="s3_default_encryption_kms",
        trivy="AWS-0132",
        pulumi="aws-s3-bucket-configure-server-side-encryption-kms",
    ),
    stack_check=_bucket_has_a_key,
    passes=[
        node("assets", BUCKET),
        node(
            "assets-encryption",
            BUCKET_ENCRYPTION,
            {
                "bucket": "${assets.id}",
                "rules": [
                    {
                        "applyServerSideEncryptionByDefault": {
                            "sseAlgorithm": "aws:kms",
                            "kmsMasterKeyId": "${key.arn}",
                        },
                        "bucketKeyEnabled": True,
                    }
                ],
            },
        ),
        node("key", KEY),
        node("logs", BUCKET),
        node(
            "logs-encryption",
            BUCKET_ENCRYPTION,
            {
                "bucket": "${logs.id}",
                "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
            },
        ),
        node("alb", LOAD_BALANCER, {"accessLogs": {"enabled": True, "bucket": "${logs.id}"}}),
    ],
    violates=[
        node("assets", BUCKET),
        node(
            "assets-encryption",
            BUCKET_ENCRYPTION,
            {
                "bucket": "${assets.id}",
                "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
            },
        ),
    ],
)


def _has_key(resource: Resource, report: Report, path: str, managed: str) -> None:
    value = resource.get(path)
    if is_unknown(value):
        return  # made by another resource, as AWS's own key never is
    if not resource.has(path):
        report(f"has no {path}")
    elif resource.text(path).endswith(managed):
        report(f"{path} is {managed}, AWS's own key")


def _secret_has_a_key(secret: Resource, report: Report) -> None:
    _has_key(secret, report, "kmsKeyId", "alias/aws/secretsmanager")


enc_secret_cmk = rule(
    id="enc-secret-cmk",
    title="A secret is encrypted with a key of our own.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(SECRET,),
    condition="`kmsKeyId` is missing or AWS's own key",
    exceptions="secrets that RDS manages are no resources: master_user_secret_kms_key_id there",
    fix="kms_key_id=key.arn",
    url="https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html",
    anchors=anchors(
        checkov="CKV_AWS_149",
        cdk_nag="SecretsManagerUsingKMSKey",
        cfn_guard="secretsmanager_using_cmk",
        trivy="AWS-0098",
        pulumi="aws-secretsmanager-secret-configure-customer-managed-key",
    ),
    check=_secret_has_a_key,
    passes=[node("api-key", SECRET, {"kmsKeyId": "${key.arn}"}), node("key", KEY)],
    violates=[node("api-key", SECRET, {"description": "third party"})],
)


def _log_group_has_a_key(group: Resource, report: Report) -> None:
    if not group.has("kmsKeyId"):
        report("has no kmsKeyId")


enc_log_group = rule(
    id="enc-log-group",
    title="A log group is encrypted with a key of our own.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(LOG_GROUP,),
    condition="`kmsKeyId` is missing",
    exceptions="none; the key's policy must admit logs.<region>.amazonaws.com",
    fix="kms_key_id=key.arn",
    url="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
    anchors=anchors(
        checkov="CKV_AWS_158",
        cdk_nag="CloudWatchLogGroupEncrypted",
        prowler="cloudwatch_log_group_kms_encryption_enabled",
        cfn_guard="cloudwatch_log_group_encrypted",
        trivy="AWS-0017",
    ),
    check=_log_group_has_a_key,
    passes=[node("api", LOG_GROUP, {"kmsKeyId": "${key.arn}"}), node("key", KEY)],
    violates=[node("api", LOG_GROUP, {"retentionInDays": 365})],
)

# Property by which a resource publishes to a topic, and the service that does it then.
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
_PUBLISHERS: tuple[tuple[str, str, str], ...] = (
    *(
        (kind, path, "cloudwatch.amazonaws.com")
        for kind in (METRIC_ALARM, COMPOSITE_ALARM)
        for path in ("alarmActions", "okActions", "insufficientDataActions")
    ),
    (EVENT_TARGET, "arn", "events.amazonaws.com"),
    ("aws:budgets/budget:Budget", "notifications", "budgets.amazonaws.com"),
    (
        "aws:costexplorer/anomalySubscription:AnomalySubscription",
        "subscribers",
        "costalerts.amazonaws.com",
    ),
    ("aws:rds/eventSubscription:EventSubscription", "snsTopic", "events.rds.amazonaws.com"),
    (
        "aws:backup/vaultNotifications:VaultNotifications",
        "snsTopicArn",
        "backup.amazonaws.com",
    ),
)


# What else an event target's ARN is of.
_ELSEWHERE = (
    ECS_CLUSTER,
    FUNCTION,
    LOG_GROUP,
    QUEUE,
    "aws:cloudwatch/eventBus:EventBus",
    "aws:sfn/stateMachine:StateMachine",
)


def _publishers(stack: Stack, topic: Resource) -> tuple[dict[str, str], str]:
    """Service -> one resource for which it publishes to a topic; and what cannot be told yet."""
    found: dict[str, str] = {}
    undecided = ""
    for kind, path, service in _PUBLISHERS:
        for source in stack.of(kind):
            try:
                named = stack.depends(source, path, TOPIC) or (
                    stack.targets(source, path, TOPIC)
                    if path not in ("notifications", "subscribers")
                    else []
                )
            except NotEvaluatedError as error:
                if not stack.depends(source, path, *_ELSEWHERE):
                    undecided = f"{error.path} of {source.name}"
                continue
            if topic in named:
                found.setdefault(service, source.name)
    return found, undecided


@for_each(TOPIC)
def _topic_can_be_published_to(stack: Stack, report: Report, topic: Resource) -> None:
    if not topic.has("kmsMasterKeyId"):
        report("has no kmsMasterKeyId: messages lie in clear")
        return
    publishers, undecided = _publishers(stack, topic)
    if undecided:
        report.not_evaluated(undecided)
    if not publishers:
        return
    keys = [
        key
        for found in stack.targets(topic, "kmsMasterKeyId", KEY, ALIAS)
        for key in ([found] if found.kind == KEY else stack.targets(found, "targetKeyId", KEY))
    ]
    if not keys:
        name = topic.text("kmsMasterKeyId")
        if name.endswith("alias/aws/sns"):
            service, source = next(iter(publishers.items()))
            report(f"alias/aws/sns lets no {service} in: what {source} publishes is lost")
        else:
            report.not_evaluated("kmsMasterKeyId: the key is not in this stack")
    for key in keys:
        policies = list(_key_policies(stack, key))
        for service, source in publishers.items():
            if not any(_lets_in(policy, service) for policy in policies):
                report(f"its key {key.name} lets no {service} in: what {source} publishes is lost")


def _key_policies(stack: Stack, key: Resource) -> Iterator[Document]:
    if key.has("policy"):
        yield load(key, "policy")
    for separate in stack.sources(key, "keyId", KEY_POLICY):
        yield load(separate, "policy")


def _lets_in(policy: Document, service: str) -> bool:
    return any(
        service in statement.principals.get("Service", ())
        and statement.covers_action("kms:decrypt")
        and statement.covers_action("kms:generatedatakey")
        for statement in policy.allows
    )


_ADMINISTRATOR = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "kms:*",
    "Resource": "*",
}

enc_sns_kms = rule(
    id="enc-sns-kms",
    title="A topic is encrypted with a key that its publishers may use.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(TOPIC, METRIC_ALARM, COMPOSITE_ALARM, KEY, KEY_POLICY),
    condition="a topic without `kmsMasterKeyId`; one that alarms, budgets, events or backups "
    "publish to, with alias/aws/sns or a key whose policy does not let that service decrypt and "
    "generate data keys: the message is dropped without a word",
    exceptions="alias/aws/sns for topics that only roles of the account publish to",
    fix='kms_master_key_id=key.arn, and in its policy {"Effect": "Allow", "Principal": {"Service": '
    '"cloudwatch.amazonaws.com"}, "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": '
    '"*"} with an aws:SourceAccount condition',
    url="https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services",
    anchors=anchors(
        security_hub="SNS.1",
        checkov="CKV_AWS_26",
        cdk_nag="SNSEncryptedKMS",
        prowler="sns_topics_kms_encryption_at_rest_enabled",
        cfn_guard="sns_encrypted_kms",
        trivy="AWS-0095 AWS-0136",
    ),
    stack_check=_topic_can_be_published_to,
    passes=[
        node("alarms", TOPIC, {"kmsMasterKeyId": "${key.arn}"}),
        node("slow", METRIC_ALARM, {"alarmActions": ["${alarms.arn}"]}),
        node(
            "key",
            KEY,
            {
                "policy": document(
                    _ADMINISTRATOR,
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "cloudwatch.amazonaws.com"},
                        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                        "Resource": "*",
                    },
                )
            },
        ),
    ],
    violates=[
        node("alarms", TOPIC, {"kmsMasterKeyId": "${key.arn}"}),
        node("slow", METRIC_ALARM, {"alarmActions": ["${alarms.arn}"]}),
        node("key", KEY, {"policy": document(_ADMINISTRATOR)}),
    ],
)


def _rotates(key: Resource) -> bool:
    """Whether it is of a kind that KMS can rotate."""
    return (
        key.text("keyUsage", "ENCRYPT_DECRYPT") == "ENCRYPT_DECRYPT"
        and key.text("customerMasterKeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
        and not key.has("customKeyStoreId")
        and not key.has("xksKeyId")
    )


def _key_rotates(key: Resource, report: Report) -> None:
    if not _rotates(key):
        return
    if not key.flag("enableKeyRotation"):
        report("enableKeyRotation is not true")
    days = key.number("rotationPeriodInDays", 365)
    if days > 365:
        report(f"rotationPeriodInDays is {days}")


def _rotate(draft: Draft, _: Report) -> bool:
    of_a_kind = all(
        not draft.unknown(path) and draft.get(path) in (None, plain)
        for path, plain in (
            ("keyUsage", "ENCRYPT_DECRYPT"),
            ("customerMasterKeySpec", "SYMMETRIC_DEFAULT"),
            ("customKeyStoreId", None),
            ("xksKeyId", None),
        )
    )
    if not of_a_kind or draft.unknown("enableKeyRotation") or draft.get("enableKeyRotation"):
        return False
    draft.set("enableKeyRotation", True)
    return True


enc_kms_rotation = rule(
    id="enc-kms-rotation",
    title="A key rotates every year.",
    severity=Severity.MEDIUM,
    level=FIX,
    types=(KEY,),
    condition="a symmetric key without `enableKeyRotation`, or with a period over 365 days",
    exceptions="asymmetric and HMAC keys, keys of a custom key store: KMS cannot rotate them",
    fix="enable_key_rotation=True",
    url="https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
    anchors=anchors(
        security_hub="KMS.4",
        cis="3.6",
        checkov="CKV_AWS_7",
        cdk_nag="AwsSolutions-KMS5",
        prowler="kms_cmk_rotation_enabled",
        cfn_guard="cmk_backing_key_rotation_enabled",
        trivy="AWS-0065",
        pulumi="cmk-backing-key-rotation-enabled aws-kms-key-enable-key-rotation",
    ),
    check=_key_rotates,
    remediate=_rotate,
    passes=[
        node("key", KEY, {"enableKeyRotation": True}),
        node("signer", KEY, {"keyUsage": "SIGN_VERIFY", "customerMasterKeySpec": "ECC_NIST_P256"}),
    ],
    violates=[node("key", KEY, {"enableKeyRotation": False})],
)


@for_each(KEY)
def _key_is_administered(stack: Stack, report: Report, key: Resource) -> None:
    separate = stack.sources(key, "keyId", KEY_POLICY)
    for holder in (key, *separate):
        if holder.flag("bypassPolicyLockoutSafetyCheck"):
            report("bypassPolicyLockoutSafetyCheck is true: the key may become unmanageable")
    policies = list(_key_policies(stack, key))
    if not policies:
        report("has no policy of its own: the default lets every IAM policy of the account decide")
    elif not any(_administers(policy) for policy in policies):
        report("its policy lets nobody change it: kms:PutKeyPolicy is given to no principal")


@for_each(KEY)
def _key_can_be_saved(_: Stack, report: Report, key: Resource) -> None:
    days = key.number("deletionWindowInDays", 30)
    if days < 7:
        report(f"deletionWindowInDays is {days}")
    elif days < 30 and report.profile == "production":
        report.advise(f"deletionWindowInDays is {days}: what the key encrypted is lost after that")


def _administers(policy: Document) -> bool:
    return any(
        "AWS" in statement.principals and statement.covers_action("kms:putkeypolicy")
        for statement in policy.allows
    )


enc_kms_key_policy = rule(
    id="enc-kms-key-policy",
    title="A key has a policy of its own, which somebody can change.",
    severity=Severity.HIGH,
    level=ALWAYS,
    types=(KEY, KEY_POLICY),
    condition="a key without a policy, or whose policy lets no principal change it, or that "
    "bypasses the lockout check; advice: a deletion window under 30 days in production",
    exceptions="a policy in an aws.kms.KeyPolicy",
    fix="policy=... with a statement for the account root that allows kms:PutKeyPolicy and the "
    "other administrative actions",
    url="https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
    anchors=anchors(
        fsbp="KMS.5",
        checkov="CKV2_AWS_64 CKV_AWS_33",
        cfn_guard="kms_no_wildcard_principal",
        pulumi="aws-kms-key-disallow-bypass-policy-lockout-safety-check",
    ),
    stack_check=(_key_is_administered, _key_can_be_saved),
    passes=[
        node("key", KEY, {"policy": document(_ADMINISTRATOR)}),
        node("other", KEY),
        node(
            "other-policy",
            KEY_POLICY,
            {"keyId": "${other.id}", "policy": document(_ADMINISTRATOR)},
        ),
    ],
    violates=[node("key", KEY, {"description": "orders"})],
)


def _parameter_is_encrypted(parameter: Resource, report: Report) -> None:
    name = parameter.text("name", parameter.name)
    if not secrecy.by_name(name):
        return
    kind = parameter.text("type", "String")
    if parameter.has("insecureValue"):
        report("its value is in insecureValue, which is shown everywhere")
    elif kind != "SecureString" and not _is_reference(parameter):
        report(f"is called like a secret and has type {kind}")


def _is_reference(parameter: Resource) -> bool:
    """Whether the value is an ARN or another plain thing."""
    value = parameter.text("value")
    return bool(value) and secrecy.is_plain(value)


def _parameter_has_a_key(parameter: Resource, report: Report) -> None:
    if parameter.text("type") == "SecureString" and not parameter.has("keyId"):
        report.advise("has no keyId: every role that may read it may decrypt it")


enc_ssm_parameter = rule(
    id="enc-ssm-parameter",
    title="A parameter that is called like a secret is a SecureString.",
    severity=Severity.HIGH,
    level=CRITICAL,
    types=(SSM_PARAMETER,),
    condition="a name with password, secret, token, key... and another type than SecureString, or "
    "a value in `insecureValue`; advice: a SecureString without a key of one's own",
    exceptions="names that speak about a secret (..._arn, ..._url), values that are ARNs",
    fix='type="SecureString", key_id=key.arn, value_wo=..., or a secret in Secrets Manager',
    url="https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html",
    anchors=anchors(
        checkov="CKV2_AWS_34 CKV_AWS_337",
    ),
    check=(_parameter_is_encrypted, _parameter_has_a_key),
    passes=[
        node(
            "token",
            SSM_PARAMETER,
            {"name": "/api/token", "type": "SecureString", "keyId": "${key.arn}"},
        ),
        node("key", KEY),
        node("url", SSM_PARAMETER, {"name": "/api/token-url", "type": "String", "value": "x"}),
    ],
    violates=[
        node(
            "token",
            SSM_PARAMETER,
            {"name": "/api/token", "type": "String", "value": "not-a-real-one"},
        )
    ],
)


def _repository_has_a_key(repository: Resource, report: Report) -> None:
    kinds = [
        view.text("encryptionType", "AES256")
        for view in repository.views("encryptionConfigurations")
    ] or ["AES256"]
    if not all(kind.startswith("KMS") for kind in kinds):
        report(f"encryptionType is {kinds[0]}")


enc_ecr_kms = rule(
    id="enc-ecr-kms",
    title="An image repository is encrypted with a KMS key.",
    severity=Severity.LOW,
    level=ADVICE,
    types=(REPOSITORY,),
    condition="`encryptionType` is not KMS",
    fix='encryption_configurations=[{"encryption_type": "KMS", "kms_key": key.arn}]; it can only '
    "be chosen when the repository is created",
    url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html",
    anchors=anchors(
        security_hub="ECR.5",
        checkov="CKV_AWS_136",
        trivy="AWS-0033",
        pulumi="aws-ecr-repository-configure-customer-managed-key",
    ),
    check=_repository_has_a_key,
    passes=[node("api", REPOSITORY, {"encryptionConfigurations": [{"encryptionType": "KMS"}]})],
    violates=[node("api", REPOSITORY, {"imageTagMutability": "IMMUTABLE"})],
)


def _vault_has_a_key(vault: Resource, report: Report) -> None:
    if not vault.has("kmsKeyArn"):
        report("has no kmsKeyArn: backups lie under AWS's own key and cannot be shared")


enc_backup_vault = rule(
    id="enc-backup-vault",
    title="A backup vault is encrypted with a key of our own.",
    severity=Severity.MEDIUM,
    level=CRITICAL,
    types=(BACKUP_VAULT,),
    condition="`kmsKeyArn` is missing",
    fix="kms_key_arn=key.arn, another key than that of what is backed up",
    url="https://docs.aws.amazon.com/aws-backup/latest/devguide/encryption.html",
    anchors=anchors(
        fsbp="Backup.1",
        checkov="CKV_AWS_166",
        prowler="backup_vaults_encrypted",
    ),
    check=_vault_has_a_key,
    passes=[node("vault", BACKUP_VAULT, {"kmsKeyArn": "${key.arn}"}), node("key", KEY)],
    violates=[node("vault", BACKUP_VAULT, {"forceDestroy": False})],
)


@for_each(QUEUE)
def _queue_is_encrypted(_: Stack, report: Report, queue: Resource) -> None:
    # What is not said is on: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-sqs-sse-queue.html
    if not queue.has("kmsMasterKeyId") and not queue.flag("sqsManagedSseEnabled", True):
        report("sqsManagedSseEnabled is false, and there is no kmsMasterKeyId")


_DEAD_LETTERS = (
    (QUEUE, "redrivePolicy"),
    (SUBSCRIPTION, "redrivePolicy"),
    (FUNCTION, "deadLetterConfig"),
    ("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", "destinationConfig"),
    (EVENT_TARGET, "deadLetterConfig"),
    (SCHEDULE, "target"),
    ("aws:sqs/redrivePolicy:RedrivePolicy", "redrivePolicy"),
)


@for_each(QUEUE)
def _queue_sorts_out(stack: Stack, report: Report, queue: Resource) -> None:
    is_dead_letter_queue = queue.has("redriveAllowPolicy") or any(
        queue in stack.depends(source, path, QUEUE)
        for kind, path in _DEAD_LETTERS
        for source in stack.of(kind)
    )
    separate = stack.sources(queue, "queueUrl", "aws:sqs/redrivePolicy:RedrivePolicy")
    if not queue.has("redrivePolicy") and not separate and not is_dead_letter_queue:
        report.advise("has no redrivePolicy: a message that cannot be handled comes back for ever")


enc_sqs = rule(
    id="enc-sqs",
    title="A queue is encrypted.",
    severity=Severity.MEDIUM,
    level=ALWAYS,
    types=(QUEUE,),
    condition="`sqsManagedSseEnabled` is false and there is no `kmsMasterKeyId`; advice: a queue "
    "without a dead-letter queue",
    exceptions="nothing said, for SQS encrypts by default; dead-letter queues need none themselves",
    fix="sqs_managed_sse_enabled=True, or kms_master_key_id=key.id",
    url="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html",
    anchors=anchors(
        fsbp="SQS.1",
        checkov="CKV_AWS_27 CKV2_AWS_73",
        cdk_nag="AwsSolutions-SQS2 AwsSolutions-SQS3",
        cfn_guard="sqs_queue_kms_master_key_id_rule",
        trivy="AWS-0096 AWS-0135",
    ),
    stack_check=(_queue_is_encrypted, _queue_sorts_out),
    passes=[
        node("jobs", QUEUE, {"redrivePolicy": '{"deadLetterTargetArn": "${failed.arn}"}'}),
        node("failed", QUEUE, {"sqsManagedSseEnabled": True}),
    ],
    violates=[
        node("jobs", QUEUE, {"sqsManagedSseEnabled": False, "redriveAllowPolicy": "{}"}),
    ],
)

RULES: tuple[Rule, ...] = (
    enc_rds,
    enc_cache,
    enc_s3_kms,
    enc_secret_cmk,
    enc_log_group,
    enc_sns_kms,
    enc_kms_rotation,
    enc_kms_key_policy,
    enc_ssm_parameter,
    enc_ecr_kms,
    enc_backup_vault,
    enc_sqs,
)
