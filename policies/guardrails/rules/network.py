"""Who can reach what?"""

from guardrails.evaluation import Report
from guardrails.registry import ALWAYS, Rule, Severity, anchors, node, rule
from guardrails.resources import Resource, Stack

BUCKET = "aws:s3/bucket:Bucket"
BUCKET_ACL = "aws:s3/bucketAcl:BucketAcl"
PUBLIC_ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
DB_INSTANCE = "aws:rds/instance:Instance"
DB_CLUSTER = "aws:rds/cluster:Cluster"
DB_CLUSTER_INSTANCE = "aws:rds/clusterInstance:ClusterInstance"


def _database_is_private(database: Resource, report: Report) -> None:
    if database.flag("publiclyAccessible"):
        report("publiclyAccessible is true: the database gets an address on the internet")


db_not_public = rule(
    id="net-db-not-public",
    title="A database has no public address.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(DB_INSTANCE, DB_CLUSTER, DB_CLUSTER_INSTANCE),
    condition="`publiclyAccessible` is true",
    fix="publicly_accessible=False; reach it from a task, or through SSM port forwarding",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    anchors=anchors(
        fsbp="RDS.2",
        cis="2.3.3",
        checkov="CKV_AWS_17",
        cdk_nag="RDSInstancePublicAccess",
        prowler="rds_instance_no_public_access",
        cfn_guard="rds_instance_public_access_check",
        trivy="AWS-0180",
        pulumi="rds-instance-public-access aws-rds-instance-disallow-public-access",
    ),
    check=_database_is_private,
    passes=[node("orders", DB_INSTANCE, {"engine": "postgres", "publiclyAccessible": False})],
    violates=[node("orders", DB_INSTANCE, {"engine": "postgres", "publiclyAccessible": True})],
)

_SWITCHES = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _buckets_are_blocked(stack: Stack, report: Report) -> None:
    def check(bucket: Resource) -> None:
        blocks = stack.sources(bucket, "bucket", PUBLIC_ACCESS_BLOCK)
        if not blocks:
            report("has no BucketPublicAccessBlock of its own")
        for block in blocks:
            off = [switch for switch in _SWITCHES if not block.flag(switch)]
            if off:
                report(f"its BucketPublicAccessBlock {block.name} leaves off {', '.join(off)}")

    report.each(stack.of(BUCKET), check)


def _no_public_acl(stack: Stack, report: Report) -> None:
    def check(resource: Resource) -> None:
        acl = resource.text("acl", "private")
        if acl.startswith("public-") or acl == "authenticated-read":
            report(f"its ACL is {acl}")

    report.each(stack.of(BUCKET, BUCKET_ACL), check)


s3_public_access_block = rule(
    id="net-s3-public-access-block",
    title="No bucket can become public.",
    severity=Severity.CRITICAL,
    level=ALWAYS,
    types=(BUCKET, PUBLIC_ACCESS_BLOCK, BUCKET_ACL),
    condition="a bucket without a public access block that has all four switches on, or with a "
    "public ACL",
    fix="aws.s3.BucketPublicAccessBlock(bucket=bucket.id, block_public_acls=True, "
    "block_public_policy=True, "
    "ignore_public_acls=True, restrict_public_buckets=True)",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    anchors=anchors(
        fsbp="S3.1 S3.8 S3.12",
        cis="2.1.4",
        checkov="CKV2_AWS_6 CKV_AWS_53 CKV_AWS_54 CKV_AWS_55 CKV_AWS_56 CKV2_AWS_65 CKV_AWS_20 "
        "CKV_AWS_57 "
        "CKV_AWS_375 CKV2_AWS_43 CKV_AWS_392",
        cdk_nag="AwsSolutions-S2",
        prowler="s3_bucket_level_public_access_block",
        cfn_guard="s3_bucket_level_public_access_prohibited",
        trivy="AWS-0094",
        pulumi="aws-s3-bucket-disallow-public-read",
    ),
    stack_check=(_buckets_are_blocked, _no_public_acl),
    passes=[
        node("assets", BUCKET),
        node(
            "assets-block",
            PUBLIC_ACCESS_BLOCK,
            {"bucket": "${assets.id}", **dict.fromkeys(_SWITCHES, True)},
        ),
    ],
    violates=[
        node("assets", BUCKET),
        node("other", BUCKET),
        node(
            "other-block",
            PUBLIC_ACCESS_BLOCK,
            {"bucket": "${other.id}", **dict.fromkeys(_SWITCHES, True)},
        ),
    ],
)

RULES: tuple[Rule, ...] = (db_not_public, s3_public_access_block)
