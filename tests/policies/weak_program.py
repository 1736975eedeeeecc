"""A shop on ECS as people really build it: much of it sound, much of it not.

What is wrong with it is told in `weak_stack.FAULTS`. Whatever is not named there is right, or looks
wrong and is not: those are the comments that begin with "Looks".
"""

import dataclasses
from typing import Any

import pulumi
import pulumi_aws as aws

from tests.policies import strong
from tests.policies.strong import (
    ACCOUNT,
    DAILY,
    DIGEST,
    PROTECTED,
    REGION,
    ROOT,
    allow,
    container,
    document,
    only_tls,
    role,
    trust,
)

GITHUB = "token.actions.githubusercontent.com"
TAGS = {"Owner": "shop", "CostCenter": "4711", "Stage": "production"}
IAM = f"arn:aws:iam::{ACCOUNT}"
HERE = f"{REGION}:{ACCOUNT}"
ANYWHERE = "0.0.0.0/0"


def build() -> None:
    """The whole program."""
    _use(
        aws.Provider(
            "aws", region=REGION, allowed_account_ids=[ACCOUNT], default_tags={"tags": TAGS}
        )
    )
    keys = _keys()
    logs = strong.log_bucket("logs")
    topics = _topics(keys)
    network = _network(keys)
    assets = _buckets(keys, logs)
    _queues()
    _databases(keys, topics, network)
    _caches(keys, topics, network)
    secrets = _secrets(keys)
    edge = _edge(logs, topics, network)
    _distributions(edge, assets)
    _web_acls(keys, edge)
    _names(keys)
    _services(keys, topics, network, edge, secrets)
    _functions(keys)
    _backups(keys)
    _permissions()
    _trusts()
    _attachments()
    _alarms(topics)


def _use(provider: aws.Provider) -> None:
    def choose(
        args: pulumi.ResourceTransformationArgs,
    ) -> pulumi.ResourceTransformationResult | None:
        if not args.type_.startswith("aws:") or args.opts.provider:
            return None
        chosen = pulumi.ResourceOptions(provider=provider)
        return pulumi.ResourceTransformationResult(
            args.props, pulumi.ResourceOptions.merge(args.opts, chosen)
        )

    pulumi.runtime.register_stack_transformation(choose)


# --- encryption -----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Keys:
    """One key for data, one for logs, one for messages."""

    data: aws.kms.Key
    logs: aws.kms.Key
    messages: aws.kms.Key


def _keys() -> Keys:
    aws.kms.Key("old", description="Of the first version", policy=document(ROOT))
    aws.kms.Key("bare", enable_key_rotation=True, opts=PROTECTED)
    strong.key("hasty", deletion_window_in_days=7)
    strong.key("stuck", policy=document({**ROOT, "Action": ["kms:Decrypt", "kms:GenerateDataKey"]}))
    # Looks unrotated: KMS cannot rotate a key that signs.
    strong.key(
        "signing",
        enable_key_rotation=None,
        key_usage="SIGN_VERIFY",
        customer_master_key_spec="ECC_NIST_P256",
    )
    # Looks bare: its policy is a resource of its own.
    separate = aws.kms.Key("separate", enable_key_rotation=True, opts=PROTECTED)
    aws.kms.KeyPolicy("separate-policy", key_id=separate.id, policy=document(ROOT))
    # Looks unprotected: what it encrypts is gone within days anyway.
    messages = strong.key(
        "messages", "cloudwatch.amazonaws.com", "events.rds.amazonaws.com", options=None
    )
    strong.key("lent", policy=document(ROOT, {**ROOT, "Principal": "*", "Action": "kms:Decrypt"}))
    logs = {
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{REGION}.amazonaws.com"},
        "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{HERE}:*"}},
    }
    return Keys(
        data=strong.key("data"),
        logs=strong.key("group", policy=document(ROOT, logs)),
        messages=messages,
    )


@dataclasses.dataclass(frozen=True)
class Topics:
    """The topic that alarms use."""

    on_call: aws.sns.Topic


def _topics(keys: Keys) -> Topics:
    strong.topic("plain", None)
    strong.topic("chatty", keys.messages.arn, tls=False)
    # Looks as if AWS's own key would lose its messages: only roles of the account publish to it.
    strong.topic("orders", "alias/aws/sns")
    mute = strong.topic("mute", "alias/aws/sns")
    deaf = strong.topic("deaf", keys.messages.arn, heard=False)
    gossip = strong.topic("gossip", keys.messages.arn, policy=False)
    publish = {"Effect": "Allow", "Action": "sns:Publish", "Resource": gossip.arn}
    aws.sns.TopicPolicy(
        "gossip-policy",
        arn=gossip.arn,
        policy=document(
            only_tls(gossip.arn, "sns:Publish"),
            {**publish, "Principal": {"Service": "events.amazonaws.com"}},
        ),
    )
    aws.sns.TopicSubscription(
        "gossip-hook", topic=gossip.arn, protocol="http", endpoint="http://shop.example/hook"
    )
    for name, told in (("mute", mute), ("deaf", deaf)):
        aws.cloudwatch.MetricAlarm(
            f"{name}-alarm",
            namespace="Shop",
            metric_name="Orders",
            comparison_operator="LessThanThreshold",
            evaluation_periods=1,
            alarm_actions=[told.arn],
        )
    return Topics(strong.topic("on-call", keys.messages.arn))


def _alarms(topics: Topics) -> None:
    alarm: dict[str, Any] = {
        "namespace": "Shop",
        "metric_name": "Carts",
        "comparison_operator": "LessThanThreshold",
        "evaluation_periods": 1,
    }
    aws.cloudwatch.MetricAlarm("silent", **alarm)
    aws.cloudwatch.MetricAlarm(
        "switched-off", actions_enabled=False, alarm_actions=[topics.on_call.arn], **alarm
    )
    # Looks silent: a composite alarm speaks for it.
    part = aws.cloudwatch.MetricAlarm("part", **alarm)
    aws.cloudwatch.CompositeAlarm(
        "whole",
        alarm_name="whole",
        alarm_rule=pulumi.Output.concat('ALARM("', part.name, '")'),
        alarm_actions=[topics.on_call.arn],
    )
    # Looks like a budget: it tells nobody.
    aws.budgets.Budget(
        "month",
        budget_type="COST",
        limit_amount="500",
        limit_unit="USD",
        time_unit="MONTHLY",
        notifications=[
            {
                "comparison_operator": "GREATER_THAN",
                "threshold": 80,
                "threshold_type": "PERCENTAGE",
                "notification_type": "ACTUAL",
            }
        ],
    )


# --- network --------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Network:
    """The parts of the VPC that others stand in."""

    public: list[Any]
    private: list[Any]
    data_group: Any
    app: Any
    edge: Any
    data: Any
    search: Any
    open_subnets: Any


def _network(keys: Keys) -> Network:
    vpc = aws.ec2.Vpc("main", cidr_block="10.0.0.0/16")
    aws.ec2.DefaultSecurityGroup("main-default", vpc_id=vpc.id, ingress=[], egress=[])
    flow = strong.log_group("main-flow", keys.logs)
    aws.ec2.FlowLog(
        "main-flow-log",
        vpc_id=vpc.id,
        traffic_type="REJECT",
        log_destination=flow.arn,
        iam_role_arn=role("flow", trusts=document(trust("vpc-flow-logs.amazonaws.com"))).arn,
    )
    public, private, isolated = _subnets(vpc)
    _endpoints(vpc)
    _other_vpcs()
    groups = _security_groups(vpc)
    aws.ec2.NetworkAcl(
        "wide",
        vpc_id=vpc.id,
        ingress=[_entry(100, "allow", 0, 65535), _entry(200, "deny", 22, 22)],
    )
    # Looks as wide: SSH and RDP are denied before everything is allowed.
    aws.ec2.NetworkAcl(
        "narrow",
        vpc_id=vpc.id,
        ingress=[
            _entry(300, "allow", 0, 65535),
            _entry(100, "deny", 22, 22),
            _entry(200, "deny", 3389, 3389),
        ],
    )
    aws.ec2.VpcBlockPublicAccessOptions("region", internet_gateway_block_mode="off")
    aws.ssm.Document(
        "restart",
        document_type="Command",
        content="{}",
        permissions={"type": "Share", "account_ids": "All"},
    )
    # Looks shared: with one account.
    aws.ssm.Document(
        "status",
        document_type="Command",
        content="{}",
        permissions={"type": "Share", "account_ids": ACCOUNT},
    )
    return Network(
        public=[subnet.id for subnet in public],
        private=[subnet.id for subnet in private],
        data_group=aws.rds.SubnetGroup("isolated", subnet_ids=[s.id for s in isolated]),
        open_subnets=aws.rds.SubnetGroup("leaky", subnet_ids=[isolated[0].id, public[0].id]),
        **groups,
    )


def _entry(number: int, action: str, low: int, high: int) -> dict[str, Any]:
    return {
        "rule_no": number,
        "action": action,
        "protocol": "tcp",
        "from_port": low,
        "to_port": high,
        "cidr_block": ANYWHERE,
    }


def _subnets(vpc: aws.ec2.Vpc) -> tuple[list[Any], list[Any], list[Any]]:
    internet = aws.ec2.InternetGateway("internet", vpc_id=vpc.id)
    tables = {
        tier: aws.ec2.RouteTable(tier, vpc_id=vpc.id) for tier in ("public", "private", "data")
    }
    made: dict[str, list[Any]] = {tier: [] for tier in tables}
    for index, tier in enumerate(tables):
        for zone in "ab":
            subnet = aws.ec2.Subnet(
                f"{tier}-{zone}",
                vpc_id=vpc.id,
                cidr_block=f"10.0.{index * 10 + 'ab'.index(zone)}.0/24",
                availability_zone=f"{REGION}{zone}",
                map_public_ip_on_launch=(tier, zone) == ("public", "b"),
            )
            aws.ec2.RouteTableAssociation(
                f"{tier}-{zone}", subnet_id=subnet.id, route_table_id=tables[tier].id
            )
            made[tier].append(subnet)
    aws.ec2.Route(
        "to-internet",
        route_table_id=tables["public"].id,
        destination_cidr_block=ANYWHERE,
        gateway_id=internet.id,
    )
    address = aws.ec2.Eip("nat", domain="vpc")
    aws.ec2.Eip("forgotten", domain="vpc")
    nat = aws.ec2.NatGateway("nat", subnet_id=made["public"][0].id, allocation_id=address.id)
    aws.ec2.Route(
        "to-nat",
        route_table_id=tables["private"].id,
        destination_cidr_block=ANYWHERE,
        nat_gateway_id=nat.id,
    )
    return made["public"], made["private"], made["data"]


def _endpoints(vpc: aws.ec2.Vpc) -> None:
    ours = document(
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}},
        }
    )
    anybodys = document({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"})
    for service, policy in (
        ("s3", None),
        ("ecr.api", anybodys),
        ("ecr.dkr", ours),
        ("logs", ours),
    ):
        aws.ec2.VpcEndpoint(
            service.replace(".", "-"),
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{REGION}.{service}",
            policy=policy,
        )


def _other_vpcs() -> None:
    aws.ec2.Vpc("forgotten", cidr_block="10.1.0.0/16")
    partner = aws.ec2.Vpc("partner", cidr_block="10.2.0.0/16")
    aws.ec2.DefaultSecurityGroup(
        "partner-default",
        vpc_id=partner.id,
        ingress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "self": True}],
    )
    aws.ec2.FlowLog(
        "partner-flow-log",
        vpc_id=partner.id,
        traffic_type="ACCEPT",
        log_destination_type="kinesis-data-firehose",
        log_destination=f"arn:aws:firehose:{HERE}:deliverystream/flow",
    )


def _security_groups(vpc: aws.ec2.Vpc) -> dict[str, Any]:
    def group(name: str, **more: Any) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(name, vpc_id=vpc.id, **{"description": f"For {name}", **more})

    def ingress(name: str, into: Any, port: int, **source: Any) -> None:
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=into.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            **{"description": "Clients", **source},
        )

    edge, app, data = group("edge"), group("app"), group("data")
    for port in (80, 443):  # Looks open: it is where everybody comes in.
        ingress(f"edge-{port}", edge, port, cidr_ipv4=ANYWHERE)
    ingress("app-from-edge", app, 8080, referenced_security_group_id=edge.id)
    ingress("data-from-app", data, 5432, referenced_security_group_id=app.id)
    ingress("data-from-edge", data, 5432, referenced_security_group_id=edge.id)
    ingress("data-from-vpc", data, 6379, cidr_ipv4="10.0.0.0/16")
    # Looks like the VPC: one subnet of it.
    ingress("data-from-subnet", data, 6379, cidr_ipv4="10.0.10.0/24")

    worker = group("worker")
    ingress("worker-half-the-internet", worker, 443, cidr_ipv4="128.0.0.0/1")
    ingress("worker-unsaid", worker, 9000, cidr_ipv4="10.0.10.0/24", description=None)
    # Looks public: one office, and a wide block of private addresses.
    ingress("worker-office", worker, 9000, cidr_ipv4="198.51.100.0/28")
    ingress("worker-private", worker, 9000, cidr_ipv4="172.16.0.0/12")
    egress = {"security_group_id": worker.id, "description": "Out"}
    aws.vpc.SecurityGroupEgressRule(
        "worker-anywhere", ip_protocol="-1", cidr_ipv4=ANYWHERE, **egress
    )
    # Looks the same: one port, to call third parties.
    aws.vpc.SecurityGroupEgressRule(
        "worker-https",
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        cidr_ipv4=ANYWHERE,
        **egress,
    )
    ssh = {"protocol": "tcp", "from_port": 22, "to_port": 22, "description": "Administrators"}
    group("bastion", ingress=[{**ssh, "cidr_blocks": [ANYWHERE]}])
    # Looks like it: only from the office.
    group("bastion-office", ingress=[{**ssh, "cidr_blocks": ["198.51.100.0/28"]}])
    twofold = group("twofold", ingress=[{**ssh, "cidr_blocks": ["10.0.0.0/24"]}])
    ingress("twofold-http", twofold, 8080, cidr_ipv4="10.0.0.0/24")
    search = group("search")
    aws.ec2.SecurityGroupRule(
        "search-every-port",
        type="ingress",
        security_group_id=search.id,
        protocol="all",
        from_port=0,
        to_port=0,
        cidr_blocks=["10.0.11.0/24"],
        description="One subnet, but every port",
    )
    mixed = group("mixed", description=None)
    ingress("mixed-new", mixed, 8080, cidr_ipv4="10.0.0.0/24")
    aws.ec2.SecurityGroupRule(
        "mixed-old",
        type="ingress",
        security_group_id=mixed.id,
        protocol="tcp",
        from_port=3389,
        to_port=3389,
        ipv6_cidr_blocks=["::/0"],
        description="Administrators",
    )
    return {"app": app, "edge": edge, "data": data, "search": search}


# --- storage --------------------------------------------------------------------------------------


def _buckets(keys: Keys, logs: aws.s3.Bucket) -> aws.s3.Bucket:
    strong.bucket("uploads", keys.data, logs, without=["block"])
    strong.bucket(
        "half-blocked", keys.data, logs, changes={"block": {"restrict_public_buckets": False}}
    )
    # Looks like a type of its own; bucketV2 is only an old spelling.
    strong.bucket(
        "exports",
        keys.data,
        logs,
        spelling=aws.s3.BucketV2,
        changes={
            "encryption": {
                "rules": [{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}]
            }
        },
    )
    strong.bucket("drafts", keys.data, None, without=["versioning"], options=None)
    strong.bucket("hoard", keys.data, logs, without=["lifecycle"], force_destroy=True)
    strong.bucket("in-clear", keys.data, logs, without=["policy"])
    unsafe = strong.bucket("nearly-safe", keys.data, logs, without=["policy"])
    aws.s3.BucketPolicy(
        "nearly-safe-policy",
        bucket=unsafe.id,
        # Refuses plain HTTP, but of one address only.
        policy=document(
            only_tls([unsafe.arn, pulumi.Output.concat(unsafe.arn, "/*")], "s3:*")
            | {
                "Condition": {
                    "Bool": {"aws:SecureTransport": "false"},
                    "IpAddress": {"aws:SourceIp": "203.0.113.7/32"},
                }
            }
        ),
    )
    listed = strong.bucket("listed", keys.data, logs)
    aws.s3.BucketAcl("listed-acl", bucket=listed.id, acl="public-read")
    # Looks unsaved: it says that it is not to be.
    strong.bucket("scratch", keys.data, logs, tags={"Backup": "none"})
    strong.bucket("unsaved", keys.data, logs, tags={})
    shared = strong.bucket("shared", keys.data, logs, without=["policy"])
    contents = pulumi.Output.concat(shared.arn, "/*")
    aws.s3.BucketPolicy(
        "shared-policy",
        bucket=shared.id,
        policy=document(
            only_tls([shared.arn, contents], "s3:*"),
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": contents},
        ),
    )
    lent = strong.bucket("lent", keys.data, logs, without=["policy"])
    contents = pulumi.Output.concat(lent.arn, "/*")
    aws.s3.BucketPolicy(
        "lent-policy",
        bucket=lent.id,
        policy=document(
            only_tls([lent.arn, contents], "s3:*"),
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::999999999999:role/partner"},
                "Action": "s3:GetObject",
                "Resource": contents,
            },
            # Looks public: only of this organisation.
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": contents,
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
            },
        ),
    )
    return strong.bucket("assets", keys.data, logs)


def _queues() -> None:
    def queue(name: str, *, tls: bool = True, **more: Any) -> aws.sqs.Queue:
        made = aws.sqs.Queue(name, **more)
        statements = [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"{IAM}:root"},
                "Action": "sqs:SendMessage",
                "Resource": made.arn,
            }
        ]
        if tls:
            statements.append(only_tls(made.arn, "sqs:*"))
        aws.sqs.QueuePolicy(f"{name}-policy", queue_url=made.url, policy=document(*statements))
        return made

    # Looks endless: it is where the others put what they cannot handle.
    dead = queue("dead")
    letters = pulumi.Output.json_dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 3})
    queue("mails", redrive_policy=letters)
    queue("open", redrive_policy=letters, sqs_managed_sse_enabled=False)
    queue("http", redrive_policy=letters, tls=False)
    queue("endless")


# --- databases and caches -------------------------------------------------------------------------


def _parameters(name: str, family: str, **parameters: str) -> aws.rds.ParameterGroup:
    return aws.rds.ParameterGroup(
        name,
        family=family,
        parameters=[
            {"name": key.replace("__", "."), "value": value} for key, value in parameters.items()
        ],
    )


def _databases(keys: Keys, topics: Topics, network: Network) -> None:
    monitoring = role("monitoring", trusts=document(trust("monitoring.rds.amazonaws.com")))
    forced = _parameters("forced", "postgres17", rds__force_ssl="1")
    optional = _parameters("optional", "mysql8.4", require_secure_transport="OFF")
    sound: dict[str, Any] = {
        "db_subnet_group_name": network.data_group.name,
        "parameter_group_name": forced.name,
        "vpc_security_group_ids": [network.data.id],
    }
    orders = strong.database("orders", keys.data, monitoring, **sound)
    strong.watch_database("orders", topics.on_call, orders)
    # Looks unsaved, single and without an owner: it is a replica.
    replica = strong.database(
        "orders-reader",
        keys.data,
        monitoring,
        replicate_source_db=orders.identifier,
        options=None,
        **sound
        | {
            "db_subnet_group_name": None,
            "multi_az": False,
            "backup_retention_period": 0,
            "skip_final_snapshot": True,
            "storage_encrypted": None,
            "kms_key_id": None,
            "username": None,
            "tags": {},
        },
    )
    strong.watch_database("orders-reader", topics.on_call, replica)
    stock = strong.database(
        "stock",
        keys.data,
        monitoring,
        **sound
        | {
            "engine": "mysql",
            "engine_version": "8.4",
            "parameter_group_name": optional.name,
            "enabled_cloudwatch_logs_exports": ["error", "slowquery"],
            "db_subnet_group_name": network.open_subnets.name,
        },
    )
    strong.watch_database("stock", topics.on_call, stock)
    aws.rds.Instance(
        "reports",
        identifier="reports",
        engine="postgres",
        instance_class="db.x2iedn.xlarge",
        allocated_storage=100,
        username="postgres",
        password=pulumi.Output.secret("correct horse battery staple"),
        publicly_accessible=True,
        skip_final_snapshot=True,
        auto_minor_version_upgrade=False,
        vpc_security_group_ids=[network.data.id],
    )
    aws.rds.EventSubscription(
        "database-events",
        sns_topic=topics.on_call.arn,
        source_type="db-instance",
        source_ids=[orders.identifier, replica.identifier, stock.identifier],
    )
    aurora = aws.rds.Cluster(
        "search",
        engine="aurora-postgresql",
        db_subnet_group_name=network.data_group.name,
        db_cluster_parameter_group_name=aws.rds.ClusterParameterGroup(
            "search",
            family="aurora-postgresql17",
            parameters=[{"name": "rds.force_ssl", "value": "1"}],
        ).name,
        vpc_security_group_ids=[network.search.id],
        storage_encrypted=True,
        kms_key_id=keys.data.arn,
        master_username="search_owner",
        manage_master_user_password=True,
        iam_database_authentication_enabled=True,
        backup_retention_period=14,
        copy_tags_to_snapshot=True,
        deletion_protection=True,
        performance_insights_enabled=True,
        performance_insights_kms_key_id=keys.data.arn,
        enabled_cloudwatch_logs_exports=["postgresql"],
        tags=DAILY,
        opts=PROTECTED,
    )
    aws.rds.ClusterInstance(
        "search-1",
        cluster_identifier=aurora.id,
        engine="aurora-postgresql",
        instance_class="db.r7g.large",
        monitoring_interval=60,
        monitoring_role_arn=monitoring.arn,
        performance_insights_enabled=True,
    )
    aws.rds.Proxy(
        "orders-proxy",
        engine_family="POSTGRESQL",
        role_arn=role("proxy", trusts=document(trust("rds.amazonaws.com"))).arn,
        vpc_subnet_ids=network.private,
        vpc_security_group_ids=[network.data.id],
    )


def _caches(keys: Keys, topics: Topics, network: Network) -> None:
    subnets = aws.elasticache.SubnetGroup("caches", subnet_ids=network.private)
    sound: dict[str, Any] = {
        "subnet_group_name": subnets.name,
        "security_group_ids": [network.data.id],
    }
    for name, changes in (
        ("sessions", {}),
        ("prices", {"transit_encryption_mode": "preferred", "snapshot_retention_limit": 1}),
        # Looks single: it has a replica in each of its two parts.
        ("parts", {"num_cache_clusters": None, "num_node_groups": 2, "replicas_per_node_group": 1}),
    ):
        group = strong.cache(name, keys.data, **sound, **changes)
        strong.watch_cache(name, topics.on_call, group)
    aws.elasticache.ReplicationGroup(
        "carts",
        replication_group_id="carts",
        description="Carts",
        engine="redis",
        node_type="cache.m5.large",
        auto_minor_version_upgrade=False,
        security_group_ids=[network.data.id],
    )


@dataclasses.dataclass(frozen=True)
class Secrets:
    """Secrets that tasks use."""

    database: aws.secretsmanager.Secret
    payments: aws.secretsmanager.Secret
    legacy: aws.secretsmanager.Secret
    forever: aws.secretsmanager.Secret


def _secrets(keys: Keys) -> Secrets:
    database = strong.secret("database", keys.data)
    rotator = role("rotator", trusts=document(trust("lambda.amazonaws.com", None)))
    # Looks lossy: Secrets Manager calls it again by itself.
    rotate = strong.function("rotate", rotator, reserved_concurrent_executions=None)
    aws.secretsmanager.SecretRotation(
        "database",
        secret_id=database.id,
        rotation_lambda_arn=rotate.arn,
        rotation_rules={"automatically_after_days": 30},
    )
    # Looks as if it stayed for ever: a third party's, which somebody changes by hand.
    payments = strong.secret("payments", keys.data, tags={"rotation": "manual"})
    legacy = aws.secretsmanager.Secret("legacy", recovery_window_in_days=0)
    forever = strong.secret("forever", keys.data)
    aws.secretsmanager.SecretRotation(
        "forever",
        secret_id=forever.id,
        rotation_lambda_arn=rotate.arn,
        rotation_rules={"schedule_expression": "rate(365 days)"},
    )
    strong.secret("unread", keys.data, tags={"rotation": "manual"})
    # Read by a role that nothing runs as.
    role("snoop", allow("secretsmanager:GetSecretValue", database.arn))
    aws.secretsmanager.SecretPolicy(
        "payments",
        secret_arn=payments.arn,
        policy=document(
            {
                "Effect": "Allow",
                "Principal": {"AWS": "888888888888"},
                "Action": "secretsmanager:GetSecretValue",
                "Resource": "*",
            }
        ),
    )
    aws.secretsmanager.SecretVersion("legacy", secret_id=legacy.id, secret_string="once")
    # Looks as if it lay in the state: a first value that whoever rotates it replaces.
    aws.secretsmanager.SecretVersion(
        "payments",
        secret_id=payments.id,
        secret_string="first",
        opts=pulumi.ResourceOptions(ignore_changes=["secretString"]),
    )
    aws.ssm.Parameter("mail-password", name="/shop/mail_password", type="String", value="hunter2")
    aws.ssm.Parameter(
        "token", name="/shop/token", type="SecureString", value="abc", key_id=keys.data.arn
    )
    # Looks like a secret: it tells where one is.
    aws.ssm.Parameter(
        "database-secret", name="/shop/database_secret_arn", type="String", value=database.arn
    )
    return Secrets(database, payments, legacy, forever)


# --- the edge -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Edge:
    """The load balancer that the distribution fetches from, and its certificate."""

    web: Any
    certificate: Any
    targets: Any
    acl: Any


def _edge(logs: aws.s3.Bucket, topics: Topics, network: Network) -> Edge:
    certificate = aws.acm.Certificate(
        "web", domain_name="shop.example", validation_method="DNS", key_algorithm="EC_prime256v1"
    )
    aws.acm.Certificate("mailed", domain_name="old.shop.example", validation_method="EMAIL")
    aws.acm.Certificate("wild", domain_name="*.shop.example", validation_method="DNS")
    web = strong.balancer("web", logs, subnets=network.public, security_groups=[network.edge.id])
    strong.watch_balancer("web", topics.on_call, web)
    # Looks open: it is inside, behind no web ACL for it needs none.
    inner = strong.balancer(
        "inner",
        logs,
        internal=True,
        subnets=network.private,
        security_groups=[network.app.id],
    )
    strong.watch_balancer("inner", topics.on_call, inner)
    strong.listener("inner-https", inner, certificate.arn)
    # Looks unhardened: a network load balancer reads no headers and logs no requests.
    aws.lb.LoadBalancer(
        "tcp",
        load_balancer_type="network",
        internal=True,
        subnets=network.private,
        enable_deletion_protection=True,
    )
    # Written with the other spelling of every token of a load balancer.
    admin = strong.balancer(
        "admin",
        logs,
        spelling=aws.alb.LoadBalancer,
        subnets=network.public[:1],
        security_groups=[network.edge.id],
        enable_deletion_protection=False,
        drop_invalid_header_fields=False,
        access_logs=None,
        connection_logs=None,
    )
    targets = aws.lb.TargetGroup(
        "web",
        target_type="ip",
        port=8080,
        protocol="HTTP",
        vpc_id="vpc-1",
        health_check={"path": "/health"},
    )
    aws.alb.TargetGroup("machines", port=80, protocol="HTTP", vpc_id="vpc-1")
    _listeners(web, admin, certificate, targets)
    acl = strong.web_acl(
        "web",
        "REGIONAL",
        [
            strong.rate_limit(),
            strong.managed_rules(strong.COMMON, 1),
            strong.managed_rules(strong.BAD_INPUTS, 2),
            # Looks blind: a further group, on trial.
            strong.managed_rules("AWSManagedRulesBotControlRuleSet", 3, override="count"),
        ],
    )
    aws.wafv2.WebAclAssociation("web", resource_arn=web.arn, web_acl_arn=acl.arn)
    return Edge(web, certificate, targets, acl)


def _listeners(web: Any, admin: Any, certificate: Any, targets: Any) -> None:
    forward = [{"type": "forward", "target_group_arn": targets.arn}]
    redirect = [
        {
            "type": "redirect",
            "redirect": {"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301"},
        }
    ]
    https = strong.listener("web-https", web, certificate.arn)
    # Looks plain: it does nothing but redirect.
    http = aws.lb.Listener(
        "web-http",
        load_balancer_arn=web.arn,
        port=80,
        protocol="HTTP",
        default_actions=redirect,
    )
    everything = [{"path_pattern": {"values": ["/*"]}}]
    aws.lb.ListenerRule("web-api", listener_arn=https.arn, actions=forward, conditions=everything)
    aws.alb.ListenerRule(
        "web-bypass", listener_arn=http.arn, actions=forward, conditions=everything
    )
    # Looks like a bypass: it refuses.
    aws.lb.ListenerRule(
        "web-refusal",
        listener_arn=http.arn,
        actions=[
            {
                "type": "fixed-response",
                "fixed_response": {"content_type": "text/plain", "status_code": "403"},
            }
        ],
        conditions=everything,
    )
    aws.alb.Listener(
        "admin-http",
        load_balancer_arn=admin.arn,
        port=8080,
        protocol="HTTP",
        default_actions=forward,
    )
    aws.alb.Listener(
        "admin-temporary",
        load_balancer_arn=admin.arn,
        port=80,
        protocol="HTTP",
        default_actions=[
            {
                "type": "redirect",
                "redirect": {"protocol": "HTTPS", "port": "443", "status_code": "HTTP_302"},
            }
        ],
    )
    strong.listener(
        "admin-https",
        admin,
        f"{IAM}:server-certificate/admin",
        spelling=aws.alb.Listener,
        ssl_policy="ELBSecurityPolicy-2016-08",
        routing_http_response_strict_transport_security_header_value=None,
    )


def _web_acls(keys: Keys, edge: Edge) -> None:
    group = strong.log_group("waf", keys.logs, name="aws-waf-logs-shop")
    aws.wafv2.WebAclLoggingConfiguration(
        "web",
        resource_arn=edge.acl.arn,
        log_destination_configs=[group.arn],
        redacted_fields=[
            {"single_header": {"name": "authorization"}},
            {"single_header": {"name": "cookie"}},
        ],
    )
    strong.web_acl(
        "trial",
        "REGIONAL",
        [
            strong.rate_limit(),
            strong.managed_rules(strong.COMMON, 1, override="count"),
            strong.managed_rules(strong.BAD_INPUTS, 2),
        ],
    )


def _distributions(edge: Edge, assets: aws.s3.Bucket) -> None:
    acl = strong.web_acl(
        "cdn",
        "CLOUDFRONT",
        [
            strong.rate_limit(),
            strong.managed_rules(strong.COMMON, 1),
            strong.managed_rules(strong.BAD_INPUTS, 2),
        ],
    )
    aws.wafv2.WebAclLoggingConfiguration(
        "cdn",
        resource_arn=acl.arn,
        log_destination_configs=[f"arn:aws:s3:::aws-waf-logs-{ACCOUNT}"],
        redacted_fields=[{"single_header": {"name": "authorization"}}],
    )
    control = aws.cloudfront.OriginAccessControl(
        "assets",
        origin_access_control_origin_type="s3",
        signing_behavior="always",
        signing_protocol="sigv4",
    )
    origin = {"http_port": 80, "https_port": 443}
    site = aws.cloudfront.Distribution(
        "site",
        enabled=True,
        aliases=["shop.example"],
        web_acl_id=acl.arn,
        default_root_object="index.html",
        origins=[
            {
                "origin_id": "assets",
                "domain_name": assets.bucket_regional_domain_name,
                "origin_access_control_id": control.id,
            },
            {
                "origin_id": "web",
                "domain_name": edge.web.dns_name,
                "custom_origin_config": {
                    **origin,
                    "origin_protocol_policy": "https-only",
                    "origin_ssl_protocols": ["TLSv1.2"],
                },
            },
        ],
        default_cache_behavior=strong.assets_behaviour("assets"),
        viewer_certificate={
            "acm_certificate_arn": edge.certificate.arn,
            "minimum_protocol_version": "TLSv1.2_2021",
            "ssl_support_method": "sni-only",
        },
        restrictions={"geo_restriction": {"restriction_type": "none"}},
    )
    source = aws.cloudwatch.LogDeliverySource(
        "site", name="site", log_type="ACCESS_LOGS", resource_arn=site.arn
    )
    aws.cloudwatch.LogDelivery(
        "site",
        delivery_source_name=source.name,
        delivery_destination_arn=f"arn:aws:logs:{HERE}:delivery-destination:site",
    )
    aws.cloudfront.Distribution(
        "old-site",
        enabled=True,
        origins=[
            {"origin_id": "bucket", "domain_name": assets.bucket_regional_domain_name},
            {
                "origin_id": "web",
                "domain_name": "www.shop.example",
                "custom_origin_config": {
                    **origin,
                    "origin_protocol_policy": "match-viewer",
                    "origin_ssl_protocols": ["TLSv1", "TLSv1.2"],
                },
            },
        ],
        default_cache_behavior=strong.assets_behaviour("bucket"),
        ordered_cache_behaviors=[
            strong.assets_behaviour("web", path_pattern="/api", viewer_protocol_policy="allow-all")
        ],
        viewer_certificate={"cloudfront_default_certificate": True},
        restrictions={"geo_restriction": {"restriction_type": "none"}},
    )
    for name, seconds in (("year", 31536000), ("hour", 3600)):
        aws.cloudfront.ResponseHeadersPolicy(
            name,
            security_headers_config={
                "strict_transport_security": {
                    "access_control_max_age_sec": seconds,
                    "override": True,
                }
            },
        )


def _names(keys: Keys) -> None:
    zone = aws.route53.Zone("shop", name="shop.example", opts=PROTECTED)
    group = strong.log_group("queries", keys.logs, name="/aws/route53/shop.example")
    aws.route53.QueryLog("shop", zone_id=zone.zone_id, cloudwatch_log_group_arn=group.arn)
    aws.route53.HostedZoneDnsSec("shop", hosted_zone_id=zone.zone_id)
    # Looks unlogged and unsigned: nobody outside may ask it.
    aws.route53.Zone("inside", name="shop.internal", vpcs=[{"vpc_id": "vpc-1"}], opts=PROTECTED)
    aws.route53.Zone("campaign", name="sale.example", force_destroy=True)
    untagged = aws.Provider("untagged", region="us-east-1", allowed_account_ids=[ACCOUNT])
    strong.log_group("nobodys", keys.logs, opts=pulumi.ResourceOptions(provider=untagged))
    # Looks the same: it says so itself, in its own spelling.
    strong.log_group(
        "somebodys",
        keys.logs,
        tags={"owner": "shop", "cost-center": "4711", "environment": "production"},
        opts=pulumi.ResourceOptions(provider=untagged),
    )


# --- containers -----------------------------------------------------------------------------------


def _services(keys: Keys, topics: Topics, network: Network, edge: Edge, secrets: Secrets) -> None:
    cluster = aws.ecs.Cluster(
        "main", name="main", settings=[{"name": "containerInsights", "value": "enhanced"}]
    )
    aws.ecs.Cluster("blind", name="blind", settings=[])
    for name in ("api", "jobs"):
        strong.log_group(name, keys.logs, name=f"/ecs/{name}")
    strong.log_group("endless", keys.logs, retention_in_days=None)
    strong.log_group("short", keys.logs, retention_in_days=7)
    # Looks short: events of Container Insights, whose metrics stay.
    strong.log_group(
        "insights",
        keys.logs,
        retention_in_days=1,
        name="/aws/ecs/containerinsights/main/performance",
    )
    aws.cloudwatch.LogGroup("readable", retention_in_days=400)
    images = _repositories(keys)

    starts = role("starts")
    aws.iam.RolePolicy(
        "starts-policy",
        role=starts.name,
        policy=document(
            allow("ecr:GetAuthorizationToken", "*"),
            allow(
                "secretsmanager:GetSecretValue",
                [
                    s.arn
                    for s in (secrets.database, secrets.payments, secrets.legacy, secrets.forever)
                ],
            ),
        ),
    )
    # Looks unpinned: its repository does not let go of a tag.
    api = strong.task(
        "api",
        container(
            "api",
            pulumi.Output.concat(images.repository_url, ":1.4.2"),
            environment=[
                {"name": "TOKEN_TTL", "value": "3600"},  # Looks like a secret: a time.
                {"name": "DATABASE_URL", "value": "postgres://orders.internal/orders"},
                {"name": "SECRET_ARN", "value": secrets.database.arn},
                {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://localhost:4318"},
            ],
            secrets=[
                {"name": "DB_PASSWORD", "valueFrom": secrets.database.arn},
                {"name": "PAYMENTS_KEY", "valueFrom": secrets.payments.arn},
                {"name": "LEGACY", "valueFrom": secrets.legacy.arn},
                {"name": "FOREVER", "valueFrom": secrets.forever.arn},
            ],
        ),
        container("collector", f"public.ecr.aws/aws-observability/aws-otel-collector@{DIGEST}"),
        runs_as=role("api"),
        starts_as=starts,
    )
    served = {
        "load_balancers": [
            {
                "container_name": "api",
                "container_port": 8080,
                "target_group_arn": edge.targets.arn,
            }
        ]
    }
    groups = [network.app.id]
    service = strong.service("api", cluster, api, network.private, groups, **served)
    strong.watch_service("api", topics.on_call, cluster, service)
    # Looks alone and careless: a worker, which nobody waits for.
    jobs = strong.task(
        "jobs", container("jobs", f"shop/jobs@{DIGEST}"), runs_as=role("jobs"), starts_as=starts
    )
    worker = strong.service(
        "jobs",
        cluster,
        jobs,
        network.private,
        groups,
        desired_count=1,
        deployment_minimum_healthy_percent=0,
    )
    strong.watch_service("jobs", topics.on_call, cluster, worker)
    shop = _weak_tasks(starts)
    aws.ecs.Service(
        "shop",
        cluster=cluster.arn,
        task_definition=shop.arn,
        desired_count=1,
        launch_type="FARGATE",
        platform_version="1.3.0",
        enable_execute_command=True,
        deployment_minimum_healthy_percent=0,
        network_configuration={
            "subnets": network.public[:1],
            "security_groups": groups,
            "assign_public_ip": True,
        },
        **served,
    )
    aws.cloudwatch.EventTarget(
        "nightly",
        rule="nightly",
        arn=cluster.arn,
        role_arn=f"{IAM}:role/nightly",
        ecs_target={
            "task_definition_arn": jobs.arn,
            "network_configuration": {"subnets": network.public, "assign_public_ip": True},
        },
    )
    aws.scheduler.Schedule(
        "hourly",
        schedule_expression="rate(1 hour)",
        flexible_time_window={"mode": "OFF"},
        target={
            "arn": cluster.arn,
            "role_arn": f"{IAM}:role/hourly",
            "ecs_parameters": {
                "task_definition_arn": jobs.arn,
                "network_configuration": {"subnets": network.public, "assign_public_ip": True},
            },
        },
    )


def _repositories(keys: Keys) -> aws.ecr.Repository:
    images = aws.ecr.Repository(
        "api",
        name="shop/api",
        image_tag_mutability="IMMUTABLE",
        image_scanning_configuration={"scan_on_push": True},
        encryption_configurations=[{"encryption_type": "KMS", "kms_key": keys.data.arn}],
    )
    aws.ecr.LifecyclePolicy("api", repository=images.name, policy='{"rules": []}')
    aws.ecr.Repository("shop", name="shop/shop")
    aws.ecr.RepositoryPolicy(
        "api",
        repository=images.name,
        policy=document(
            {
                "Effect": "Allow",
                "NotPrincipal": {"AWS": f"{IAM}:user/guest"},
                "Action": "ecr:BatchGetImage",
            }
        ),
    )
    return images


def _weak_tasks(starts: aws.iam.Role) -> aws.ecs.TaskDefinition:
    shared = role("shared")
    strong.task(
        "thumbnails",
        container(
            "thumbnails",
            f"shop/thumbnails@{DIGEST}",
            user="0:0",
            command=["serve", "--cache", "redis://:hunter2@cache.internal:6379/0"],
        ),
        runs_as=shared,
        starts_as=starts,
    )
    strong.task(
        "feeds",
        container("feeds", "shop/feeds:2", privileged=True),
        runs_as=shared,
        starts_as=starts,
        volumes=[
            {
                "name": "files",
                "efs_volume_configuration": {
                    "file_system_id": "fs-1",
                    "transit_encryption": "ENABLED",  # and no IAM
                },
            }
        ],
    )
    return aws.ecs.TaskDefinition(
        "shop",
        family="shop",
        cpu="8192",
        memory="16384",
        network_mode="host",
        task_role_arn=starts.arn,
        execution_role_arn=starts.arn,
        container_definitions=pulumi.Output.json_dumps(
            [
                {
                    "name": "shop",
                    "image": "shop/shop:latest",
                    "environment": [
                        {"name": "SESSION_SECRET", "value": "s3cr3t-of-the-shop"},
                        {"name": "AWS_XRAY_DAEMON_ADDRESS", "value": "127.0.0.1:2000"},
                    ],
                }
            ]
        ),
    )


def _functions(keys: Keys) -> None:
    runs = role("functions", trusts=document(trust("lambda.amazonaws.com", None)))
    dead = f"arn:aws:sqs:{HERE}:dead"
    sound = {"dead_letter_config": {"target_arn": dead}}
    mails = strong.function(
        "mails",
        runs,
        environment={"variables": {"SENDER": "shop@shop.example"}},
        kms_key_arn=keys.data.arn,
        **sound,
    )
    permission = {"action": "lambda:InvokeFunction", "function": mails.name}
    aws.lambda_.Permission("mails-by-anybody", principal="events.amazonaws.com", **permission)
    aws.lambda_.Permission("mails-by-all", principal="*", **permission)
    aws.lambda_.Permission(
        "mails-by-rule",
        principal="events.amazonaws.com",
        source_arn=f"arn:aws:events:{HERE}:rule/mails",
        **permission,
    )
    aws.lambda_.FunctionUrl("mails", function_name=mails.name, authorization_type="AWS_IAM")
    images = strong.function(
        "images",
        runs,
        runtime="python3.8",
        architectures=None,
        tracing_config=None,
        environment={"variables": {"STRIPE": "sk_" + "live_0123456789abcdef"}},
        kms_key_arn=keys.data.arn,
        **sound,
    )
    aws.lambda_.FunctionUrl("images", function_name=images.name, authorization_type="NONE")


def _backups(keys: Keys) -> None:
    vault = aws.backup.Vault("daily", kms_key_arn=keys.data.arn, opts=PROTECTED)
    aws.backup.VaultLockConfiguration("daily", backup_vault_name=vault.name, min_retention_days=35)
    aws.backup.Vault("loose", name="loose")
    for name, days in (("daily", 35), ("week", 7)):
        plan = aws.backup.Plan(
            name,
            rules=[
                {
                    "rule_name": name,
                    "target_vault_name": vault.name,
                    "schedule": "cron(0 3 * * ? *)",
                    "lifecycle": {"delete_after": days},
                }
            ],
        )
        if name == "daily":
            aws.backup.Selection(
                name,
                plan_id=plan.id,
                iam_role_arn=f"{IAM}:role/backup",
                selection_tags=[{"type": "STRINGEQUALS", "key": "Backup", "value": "daily"}],
            )


# --- identity -------------------------------------------------------------------------------------

TABLE = f"arn:aws:dynamodb:{HERE}:table/orders"
BUCKET = "arn:aws:s3:::shop-assets"
ONE_ROLE = f"{IAM}:role/shop-task"
TO_ECS = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}


def _permissions() -> None:
    role("root-like", allow("*", "*"))
    role("whole-service", allow("s3:*", [BUCKET, f"{BUCKET}/*"]))
    role("every-queue", allow("sqs:SendMessage", "*"))
    # Looks as wide: these accept nothing else, or a condition limits them.
    role(
        "no-less",
        allow(["ecr:GetAuthorizationToken", "xray:PutTraceSegments"], "*"),
        allow(
            "cloudwatch:PutMetricData",
            "*",
            StringEquals={"cloudwatch:namespace": "Shop"},
        ),
    )
    role("every-table", allow("dynamodb:PutItem", f"arn:aws:dynamodb:{HERE}:table/*"))
    # Looks as wide: it names a beginning.
    role("some-tables", allow("dynamodb:PutItem", f"arn:aws:dynamodb:{HERE}:table/orders-*"))
    role("all-but", {"Effect": "Allow", "NotAction": "iam:*", "Resource": TABLE})
    # Looks the same: it takes away.
    role(
        "fenced",
        allow("dynamodb:PutItem", TABLE),
        {
            "Effect": "Deny",
            "NotAction": "dynamodb:*",
            "Resource": "*",
        },
    )
    role("passes-any", allow("iam:PassRole", f"{IAM}:role/*", **TO_ECS))
    role("passes-anywhere", allow("iam:PassRole", ONE_ROLE))
    role("passes-one", allow("iam:PassRole", ONE_ROLE, **TO_ECS))
    role("grants", allow("s3:PutBucketPolicy", BUCKET))
    role(
        "reads-all",
        allow("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:*"),
    )
    role(
        "reads-some",
        allow("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:shop/*"),
    )
    role("becomes-any", allow("sts:AssumeRole", "arn:aws:iam::*:role/deploy"))
    role("puts-any", allow("dynamodb:Put*", TABLE))
    role("lists-any", allow("dynamodb:Describe*", TABLE))
    role("typo", allow("dynamodb:PutItems", TABLE))
    role("misfit", allow("s3:GetObject", TABLE))
    aws.iam.Policy(
        "old-grammar",
        policy=document(allow("dynamodb:PutItem", TABLE), version="2008-10-17"),
    )
    aws.iam.Policy("no-grammar", policy='{"Version": "2012-10-17", "Statement": [')
    role(
        "vacuous",
        allow(
            "dynamodb:PutItem",
            TABLE,
            **{"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}},
        ),
    )
    # Looks the same: with the key absent it does not hold.
    role(
        "not-vacuous",
        allow(
            "dynamodb:PutItem",
            TABLE,
            **{
                "ForAllValues:StringEquals": {"dynamodb:Attributes": ["id"]},
                "Null": {"dynamodb:Attributes": "false"},
            },
        ),
    )
    # Each half is harmless; one role has both.
    climber = role("climber", allow("iam:PassRole", f"{IAM}:role/*", **TO_ECS))
    aws.iam.RolePolicyAttachment(
        "climber-runs",
        role=climber.name,
        policy_arn=aws.iam.Policy(
            "runs-tasks",
            policy=document(allow("ecs:RunTask", f"arn:aws:ecs:{HERE}:task-definition/shop:*")),
        ).arn,
    )
    # Looks like the same climb: it may pass one role only.
    role(
        "walker",
        allow("iam:PassRole", ONE_ROLE, **TO_ECS),
        allow("ecs:RunTask", f"arn:aws:ecs:{HERE}:task-definition/shop:*"),
    )


def _web_identity(subject: Any, operator: str = "StringEquals") -> dict[str, Any]:
    conditions: dict[str, Any] = {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}}
    if subject:
        conditions.setdefault(operator, {})[f"{GITHUB}:sub"] = subject
    return {
        "Effect": "Allow",
        "Principal": {"Federated": f"{IAM}:oidc-provider/{GITHUB}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": conditions,
    }


def _trusts() -> None:
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    role("anybodys", trusts=document(anybody))

    def account(number: str, **conditions: Any) -> dict[str, Any]:
        return {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{number}:root"},
            "Action": "sts:AssumeRole",
            **({"Condition": conditions} if conditions else {}),
        }

    role("partners", trusts=document(account("999999999999", StringEquals={"sts:ExternalId": "x"})))
    role("colleagues", trusts=document(account(ACCOUNT)))
    # Looks as wide: one role of the account.
    role(
        "colleague",
        trusts=document(account(ACCOUNT, ArnEquals={"aws:PrincipalArn": f"{IAM}:role/admin"})),
    )
    role("deputy", trusts=document(trust("ecs-tasks.amazonaws.com", None)))
    role("any-branch", trusts=document(_web_identity("repo:shop/shop:*", "StringLike")))
    role("any-workflow", trusts=document(_web_identity("")))
    # The first statement is right, the second lets everybody of the organisation in.
    role(
        "second-door",
        trusts=document(
            _web_identity("repo:shop/shop:environment:production"),
            _web_identity("repo:shop/*:ref:refs/heads/main", "StringLike"),
        ),
    )
    role("pinned", trusts=document(_web_identity("repo:shop/shop:environment:production")))
    update = allow("ecs:UpdateService", f"arn:aws:ecs:{HERE}:service/main/api")
    deploy = document(_web_identity("repo:shop/shop:environment:production"))
    role("unbounded", update, trusts=deploy)
    role("bounded", update, trusts=deploy, permissions_boundary=f"{IAM}:policy/boundary")
    role(
        "all-day",
        update,
        trusts=deploy,
        permissions_boundary=f"{IAM}:policy/boundary",
        max_session_duration=43200,
    )
    # Looks as if a pull request could do harm: it may only read.
    role(
        "preview",
        allow("ecs:DescribeServices", f"arn:aws:ecs:{HERE}:service/main/api"),
        trusts=document(_web_identity("repo:shop/shop:pull_request")),
    )


def _attachments() -> None:
    managed = "arn:aws:iam::aws:policy"
    for name, policy in (
        ("power", "PowerUserAccess"),
        ("whole-bucket", "AmazonS3FullAccess"),
        ("starter", "service-role/AmazonECSTaskExecutionRolePolicy"),
        # Looks like AWS's: it is what the service asks for.
        ("backup", "service-role/AWSBackupServiceRolePolicyForBackup"),
    ):
        aws.iam.RolePolicyAttachment(
            f"{name}-attachment", role=role(name).name, policy_arn=f"{managed}/{policy}"
        )
    role("owner", managed_policy_arns=[f"{managed}/AdministratorAccess"])
    role(
        "owner-inline",
        inline_policies=[{"name": "all", "policy": document(allow(["*:*"], ["*"]))}],
    )
    user = aws.iam.User("robot", name="robot")
    aws.iam.AccessKey("robot", user=user.name)
    twice = role(
        "twice",
        inline_policies=[{"name": "a", "policy": document(allow("dynamodb:PutItem", TABLE))}],
    )
    aws.iam.RolePolicy(
        "twice-again", role=twice.name, policy=document(allow("dynamodb:GetItem", TABLE))
    )
    aws.iam.PolicyAttachment("exclusive", roles=[role("kept").name], policy_arn=f"{IAM}:policy/own")
