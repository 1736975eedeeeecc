"""What stands around a service, created on the emulator and read back, or named as a gap."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import boto3
import pulumi
import pulumi_aws as aws
import pytest

from rehearsal.deploy import Deployer
from rehearsal.emulator import Emulator
from rehearsal.recording import Graph, run_program

ACCOUNT = "123456789012"
REGION = "eu-west-1"
TOKEN = "not-a-real-token-0123456789"

Options = pulumi.ResourceOptions


class Common(NamedTuple):
    role: aws.iam.Role
    topic: aws.sns.Topic
    key: aws.kms.Key
    bucket: aws.s3.Bucket
    logs: aws.cloudwatch.LogGroup
    group: aws.ec2.SecurityGroup
    subnets: list[pulumi.Output[str]]
    alb: aws.lb.LoadBalancer


def statement(action: str, **rest: Any) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **rest}]}
    )


def common(o: Options) -> Common:
    vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16", opts=o)
    subnets = [
        aws.ec2.Subnet(
            f"private-{zone}",
            vpc_id=vpc.id,
            cidr_block=f"10.0.{index}.0/24",
            availability_zone=f"{REGION}{zone}",
            opts=o,
        ).id
        for index, zone in enumerate("ab")
    ]
    group = aws.ec2.SecurityGroup("inside", vpc_id=vpc.id, opts=o)
    role = aws.iam.Role(
        "all",
        assume_role_policy=statement(
            "sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"}
        ),
        opts=o,
    )
    return Common(
        role,
        aws.sns.Topic("alarms", opts=o),
        aws.kms.Key("data", opts=o),
        aws.s3.Bucket("copy", opts=o),
        aws.cloudwatch.LogGroup("waf", name="aws-waf-logs-app", opts=o),
        group,
        subnets,
        aws.lb.LoadBalancer(
            "alb", internal=True, security_groups=[group.id], subnets=subnets, opts=o
        ),
    )


METRIC = {
    "sampled_requests_enabled": True,
    "cloudwatch_metrics_enabled": True,
    "metric_name": "app",
}


def firewall(c: Common, o: Options, us: Options) -> aws.wafv2.WebAcl:
    rule = {
        "Name": "per-address",
        "Priority": 0,
        "Action": {"Block": {}},
        "Statement": {
            "RateBasedStatement": {
                "Limit": 1000,
                "AggregateKeyType": "IP",
                "ScopeDownStatement": {
                    "ByteMatchStatement": {
                        "FieldToMatch": {"UriPath": {}},
                        "PositionalConstraint": "STARTS_WITH",
                        "SearchString": "/login",
                        "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
                    }
                },
            }
        },
        "VisibilityConfig": {
            "SampledRequestsEnabled": True,
            "CloudWatchMetricsEnabled": True,
            "MetricName": "per-address",
        },
    }
    regional = aws.wafv2.WebAcl(
        "regional",
        scope="REGIONAL",
        default_action={"allow": {}},
        rule_json=json.dumps([rule]),
        visibility_config=METRIC,
        opts=o,
    )
    aws.wafv2.IpSet(
        "denied",
        scope="REGIONAL",
        ip_address_version="IPV4",
        addresses=["192.0.2.0/24"],
        opts=o,
    )
    aws.wafv2.WebAclAssociation("alb", resource_arn=c.alb.arn, web_acl_arn=regional.arn, opts=o)
    aws.wafv2.WebAclLoggingConfiguration(
        "regional",
        resource_arn=regional.arn,
        log_destination_configs=[c.logs.arn],
        redacted_fields=[{"single_header": {"name": "authorization"}}],
        opts=o,
    )
    return aws.wafv2.WebAcl(
        "global",
        scope="CLOUDFRONT",
        default_action={"allow": {}},
        rules=[
            {
                "name": "common",
                "priority": 1,
                "override_action": {"none": {}},
                "statement": {
                    "managed_rule_group_statement": {
                        "name": "AWSManagedRulesCommonRuleSet",
                        "vendor_name": "AWS",
                    }
                },
                "visibility_config": METRIC,
            }
        ],
        visibility_config=METRIC,
        opts=us,
    )


def edge(c: Common, o: Options, us: Options) -> None:
    acl = firewall(c, o, us)
    access = aws.cloudfront.OriginAccessControl(
        "assets",
        origin_access_control_origin_type="s3",
        signing_behavior="always",
        signing_protocol="sigv4",
        opts=us,
    )
    cache = aws.cloudfront.CachePolicy(
        "assets",
        min_ttl=0,
        max_ttl=3600,
        parameters_in_cache_key_and_forwarded_to_origin={
            "cookies_config": {"cookie_behavior": "none"},
            "headers_config": {
                "header_behavior": "whitelist",
                "headers": {"items": ["Accept", "Origin"]},
            },
            "query_strings_config": {"query_string_behavior": "all"},
        },
        opts=us,
    )
    headers = aws.cloudfront.ResponseHeadersPolicy(
        "hsts",
        security_headers_config={
            "strict_transport_security": {
                "access_control_max_age_sec": 31536000,
                "include_subdomains": True,
                "override": True,
            }
        },
        opts=us,
    )
    origin = aws.cloudfront.VpcOrigin(
        "api",
        vpc_origin_endpoint_config={
            "name": "api",
            "arn": c.alb.arn,
            "http_port": 80,
            "https_port": 443,
            "origin_protocol_policy": "https-only",
            "origin_ssl_protocols": {"items": ["TLSv1.2"], "quantity": 1},
        },
        opts=us,
    )
    certificate = aws.acm.Certificate(
        "edge", domain_name="www.example.com", validation_method="DNS", region="us-east-1", opts=o
    )
    behaviour = {
        "viewer_protocol_policy": "redirect-to-https",
        "cached_methods": ["GET", "HEAD"],
        "compress": True,
        "cache_policy_id": cache.id,
        "response_headers_policy_id": headers.id,
    }
    site = aws.cloudfront.Distribution(
        "site",
        enabled=True,
        aliases=["www.example.com"],
        http_version="http2and3",
        is_ipv6_enabled=True,
        web_acl_id=acl.arn,
        origins=[
            {
                "origin_id": "api",
                "domain_name": c.alb.dns_name,
                "custom_headers": [{"name": "X-Origin", "value": pulumi.Output.secret(TOKEN)}],
                "vpc_origin_config": {"vpc_origin_id": origin.id},
            },
            {
                "origin_id": "assets",
                "domain_name": c.bucket.bucket_regional_domain_name,
                "origin_access_control_id": access.id,
            },
        ],
        default_cache_behavior={
            "target_origin_id": "api",
            "allowed_methods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
            **behaviour,
        },
        ordered_cache_behaviors=[
            {
                "path_pattern": "/assets/*",
                "target_origin_id": "assets",
                "allowed_methods": ["GET", "HEAD"],
                **behaviour,
            }
        ],
        custom_error_responses=[{"error_code": 503, "error_caching_min_ttl": 5}],
        restrictions={"geo_restriction": {"restriction_type": "none"}},
        viewer_certificate={
            "acm_certificate_arn": certificate.arn,
            "ssl_support_method": "sni-only",
            "minimum_protocol_version": "TLSv1.2_2021",
        },
        opts=us,
    )
    source = aws.cloudwatch.LogDeliverySource(
        "site", name="site", log_type="ACCESS_LOGS", resource_arn=site.arn, opts=us
    )
    destination = aws.cloudwatch.LogDeliveryDestination(
        "site",
        name="site",
        output_format="json",
        delivery_destination_configuration={"destination_resource_arn": c.bucket.arn},
        opts=us,
    )
    aws.cloudwatch.LogDelivery(
        "site",
        delivery_source_name=source.name,
        delivery_destination_arn=destination.arn,
        opts=us,
    )


def functions(c: Common, o: Options) -> None:
    function = aws.lambda_.Function(
        "backup",
        runtime="python3.12",
        handler="main.handler",
        role=c.role.arn,
        code=pulumi.AssetArchive({"main.py": pulumi.StringAsset("def handler(e, c): ...")}),
        timeout=60,
        architectures=["arm64"],
        environment={"variables": {"BUCKET": c.bucket.bucket}},
        dead_letter_config={"target_arn": c.topic.arn},
        reserved_concurrent_executions=1,
        opts=o,
    )
    daily = aws.cloudwatch.EventRule("daily", schedule_expression="rate(1 day)", opts=o)
    aws.cloudwatch.EventTarget(
        "daily",
        rule=daily.name,
        arn=function.arn,
        input=json.dumps({"day": 1}),
        retry_policy={"maximum_event_age_in_seconds": 60, "maximum_retry_attempts": 2},
        opts=o,
    )
    aws.lambda_.Permission(
        "daily",
        function=function.name,
        action="lambda:InvokeFunction",
        principal="events.amazonaws.com",
        source_arn=daily.arn,
        opts=o,
    )
    aws.lambda_.FunctionEventInvokeConfig(
        "backup", function_name=function.name, maximum_retry_attempts=1, opts=o
    )
    queue = aws.sqs.Queue("work", opts=o)
    aws.lambda_.EventSourceMapping(
        "work", event_source_arn=queue.arn, function_name=function.arn, batch_size=1, opts=o
    )


def recovery(c: Common, o: Options) -> None:
    vault = aws.backup.Vault("data", kms_key_arn=c.key.arn, opts=o)
    aws.backup.VaultLockConfiguration(
        "data", backup_vault_name=vault.name, min_retention_days=7, opts=o
    )
    plan = aws.backup.Plan(
        "data",
        rules=[
            {
                "rule_name": "daily",
                "target_vault_name": vault.name,
                "schedule": "cron(0 5 * * ? *)",
                "start_window": 60,
                "lifecycle": {"delete_after": 35},
                "copy_actions": [
                    {"destination_vault_arn": vault.arn, "lifecycle": {"delete_after": 14}}
                ],
            }
        ],
        opts=o,
    )
    aws.backup.Selection(
        "data",
        plan_id=plan.id,
        iam_role_arn=c.role.arn,
        selection_tags=[{"type": "STRINGEQUALS", "key": "Backup", "value": "true"}],
        opts=o,
    )
    source = aws.s3.Bucket("source", object_lock_enabled=True, opts=o)
    ready = [
        aws.s3.BucketVersioning(
            name, bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=o
        )
        for name, bucket in (("source", source), ("copy", c.bucket))
    ]
    aws.s3.BucketObjectLockConfiguration(
        "source",
        bucket=source.id,
        rule={"default_retention": {"mode": "GOVERNANCE", "days": 30}},
        opts=o,
    )
    aws.s3.BucketReplicationConfig(
        "source",
        bucket=source.id,
        role=c.role.arn,
        rules=[
            {
                "id": "all",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "delete_marker_replication": {"status": "Enabled"},
                "destination": {
                    "bucket": c.bucket.arn,
                    "storage_class": "STANDARD_IA",
                    "encryption_configuration": {"replica_kms_key_id": c.key.arn},
                },
            }
        ],
        opts=Options(provider=o.provider, depends_on=ready),
    )


def cache(c: Common, o: Options) -> None:
    subnets = aws.elasticache.SubnetGroup("cache", subnet_ids=c.subnets, opts=o)
    parameters = aws.elasticache.ParameterGroup(
        "cache",
        family="valkey8",
        parameters=[{"name": "maxmemory-policy", "value": "allkeys-lru"}],
        opts=o,
    )
    aws.elasticache.ReplicationGroup(
        "cache",
        description="Sessions",
        engine="valkey",
        node_type="cache.t4g.micro",
        num_cache_clusters=2,
        automatic_failover_enabled=True,
        multi_az_enabled=True,
        at_rest_encryption_enabled=True,
        transit_encryption_enabled=True,
        auth_token=pulumi.Output.secret(TOKEN),
        subnet_group_name=subnets.name,
        parameter_group_name=parameters.name,
        security_group_ids=[c.group.id],
        log_delivery_configurations=[
            {
                "destination": c.logs.name,
                "destination_type": "cloudwatch-logs",
                "log_format": "json",
                "log_type": "slow-log",
            }
        ],
        opts=o,
    )
    aws.elasticache.ServerlessCache(
        "cache",
        engine="valkey",
        name="small",
        cache_usage_limits={"ecpu_per_seconds": [{"maximum": 5000}]},
        security_group_ids=[c.group.id],
        subnet_ids=c.subnets,
        opts=o,
    )


def observation(c: Common, o: Options, us: Options) -> None:
    aws.cloudwatch.MetricAlarm(
        "errors",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        metric_name="HTTPCode_ELB_5XX_Count",
        namespace="AWS/ApplicationELB",
        dimensions={"LoadBalancer": c.alb.arn_suffix},
        period=60,
        statistic="Sum",
        threshold=1,
        alarm_actions=[c.topic.arn],
        treat_missing_data="notBreaching",
        opts=o,
    )
    aws.cloudwatch.MetricAlarm(
        "burn",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        threshold=14.4,
        metric_queries=[
            {"id": "rate", "expression": "bad / all", "label": "Burn", "return_data": True},
            {
                "id": "bad",
                "metric": {
                    "metric_name": "Bad",
                    "namespace": "App",
                    "period": 60,
                    "stat": "Sum",
                    "dimensions": {"Service": "api"},
                },
            },
            {
                "id": "all",
                "metric": {"metric_name": "All", "namespace": "App", "period": 60, "stat": "Sum"},
            },
        ],
        opts=o,
    )
    aws.cloudwatch.LogMetricFilter(
        "errors",
        log_group_name=c.logs.name,
        pattern="ERROR",
        metric_transformation={
            "name": "Errors",
            "namespace": "App",
            "value": "1",
            "default_value": "0",
        },
        opts=o,
    )
    aws.cloudwatch.Dashboard(
        "app", dashboard_name="app", dashboard_body=json.dumps({"widgets": []}), opts=o
    )
    aws.sns.TopicSubscription(
        "ops", topic=c.topic.arn, protocol="email", endpoint="ops@example.com", opts=o
    )
    aws.xray.SamplingRule(
        "api",
        rule_name="api",
        priority=100,
        version=1,
        reservoir_size=1,
        fixed_rate=0.05,
        url_path="*",
        host="*",
        http_method="*",
        service_type="*",
        service_name="api",
        resource_arn="*",
        opts=o,
    )
    aws.synthetics.Canary(
        "health",
        name="health",
        artifact_s3_location=pulumi.Output.concat("s3://", c.bucket.bucket, "/canary"),
        execution_role_arn=c.role.arn,
        handler="canary.handler",
        runtime_version="syn-python-selenium-5.0",
        s3_bucket=c.bucket.bucket,
        s3_key="canary.zip",
        schedule={"expression": "rate(5 minutes)"},
        start_canary=True,
        opts=o,
    )
    aws.budgets.Budget(
        "month",
        budget_type="COST",
        limit_amount="100",
        limit_unit="USD",
        time_unit="MONTHLY",
        cost_filters=[{"name": "TagKeyValue", "values": ["user:Project$app"]}],
        notifications=[
            {
                "comparison_operator": "GREATER_THAN",
                "threshold": 80,
                "threshold_type": "PERCENTAGE",
                "notification_type": "FORECASTED",
                "subscriber_sns_topic_arns": [c.topic.arn],
            }
        ],
        opts=us,
    )
    monitor = aws.costexplorer.AnomalyMonitor(
        "cost", monitor_type="DIMENSIONAL", monitor_dimension="SERVICE", opts=us
    )
    aws.costexplorer.AnomalySubscription(
        "cost",
        frequency="IMMEDIATE",
        monitor_arn_lists=[monitor.arn],
        subscribers=[{"type": "SNS", "address": c.topic.arn}],
        threshold_expression={
            "dimension": {
                "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                "match_options": ["GREATER_THAN_OR_EQUAL"],
                "values": ["10"],
            }
        },
        opts=us,
    )
    aws.resourcegroups.Group(
        "app",
        resource_query={
            "query": json.dumps(
                {
                    "ResourceTypeFilters": ["AWS::AllSupported"],
                    "TagFilters": [{"Key": "Project", "Values": ["app"]}],
                }
            )
        },
        opts=o,
    )
    aws.servicecatalog.AppregistryApplication("app", name="app", opts=o)
    aws.arczonalshift.ZonalAutoshiftConfiguration(
        "alb",
        resource_arn=c.alb.arn,
        zonal_autoshift_status="ENABLED",
        outcome_alarms=[
            {
                "type": "CLOUDWATCH",
                "alarm_identifier": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:x",
            }
        ],
        opts=o,
    )
    aws.accessanalyzer.Analyzer("outside", analyzer_name="outside", opts=o)
    aws.chatbot.SlackChannelConfiguration(
        "ops",
        configuration_name="ops",
        iam_role_arn=c.role.arn,
        slack_channel_id="C0EXAMPLE",
        slack_team_id="T0EXAMPLE",
        sns_topic_arns=[c.topic.arn],
        opts=o,
    )


def data(c: Common, o: Options) -> None:
    database = aws.rds.Instance(
        "db",
        engine="postgres",
        instance_class="db.t4g.micro",
        allocated_storage=20,
        username="app",
        password=pulumi.Output.secret(TOKEN),
        backup_retention_period=7,
        skip_final_snapshot=True,
        opts=o,
    )
    aws.rds.InstanceAutomatedBackupsReplication(
        "db",
        source_db_instance_arn=database.arn,
        retention_period=14,
        region="eu-central-1",
        opts=o,
    )
    secret = aws.secretsmanager.Secret("db", opts=o)
    aws.secretsmanager.SecretVersion(
        "db",
        secret_id=secret.id,
        secret_string_wo=pulumi.Output.secret(TOKEN),
        secret_string_wo_version=1,
        opts=o,
    )
    proxy = aws.rds.Proxy(
        "db",
        engine_family="POSTGRESQL",
        role_arn=c.role.arn,
        vpc_subnet_ids=c.subnets,
        vpc_security_group_ids=[c.group.id],
        require_tls=True,
        auths=[{"auth_scheme": "SECRETS", "secret_arn": secret.arn, "iam_auth": "REQUIRED"}],
        opts=o,
    )
    defaults = aws.rds.ProxyDefaultTargetGroup(
        "db",
        db_proxy_name=proxy.name,
        connection_pool_config={"max_connections_percent": 90},
        opts=o,
    )
    aws.rds.ProxyTarget(
        "db",
        db_proxy_name=proxy.name,
        target_group_name=defaults.name,
        db_instance_identifier=database.identifier,
        opts=o,
    )
    aws.rds.EventSubscription(
        "db",
        sns_topic=c.topic.arn,
        source_type="db-instance",
        source_ids=[database.identifier],
        event_categories=["failover"],
        opts=o,
    )
    zone = aws.route53.Zone("signed", name="example.com", opts=o)
    signing = aws.route53.KeySigningKey(
        "signed",
        hosted_zone_id=zone.zone_id,
        key_management_service_arn=c.key.arn,
        name="signing",
        opts=o,
    )
    aws.route53.HostedZoneDnsSec("signed", hosted_zone_id=signing.hosted_zone_id, opts=o)
    for role in ("PRIMARY", "SECONDARY"):
        aws.route53.Record(
            f"api-{role.lower()}",
            zone_id=zone.zone_id,
            name="api",
            type="A",
            set_identifier=role.lower(),
            failover_routing_policies=[{"type": role}],
            aliases=[
                {
                    "name": c.alb.dns_name,
                    "zone_id": c.alb.zone_id,
                    "evaluate_target_health": True,
                }
            ],
            opts=o,
        )
    aws.ecr.ReplicationConfiguration(
        "all",
        replication_configuration={
            "rules": [
                {
                    "destinations": [{"region": "eu-central-1", "registry_id": ACCOUNT}],
                    "repository_filters": [{"filter": "app", "filter_type": "PREFIX_MATCH"}],
                }
            ]
        },
        opts=o,
    )


class Stack(NamedTuple):
    graph: Graph
    deployer: Deployer
    api: Callable[..., Any]

    def id(self, type_: str, name: str | None = None) -> str:
        return self.graph.one(type_, name).id

    def outputs(self, type_: str, name: str | None = None) -> dict[str, Any]:
        return self.graph.one(type_, name).outputs

    def validated(self, operation: str) -> dict[str, Any]:
        (found,) = [v for v in self.deployer.validated if v.operation == operation]
        return dict(found.parameters)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    def program() -> None:
        tags = {"tags": {"Project": "app"}}
        o = Options(provider=aws.Provider("main", region=REGION, default_tags=tags))
        us = Options(provider=aws.Provider("us", region="us-east-1", default_tags=tags))
        c = common(o)
        edge(c, o, us)
        functions(c, o)
        recovery(c, o)
        cache(c, o)
        observation(c, o, us)
        data(c, o)

    with Emulator(ACCOUNT) as emulator:
        deployer = Deployer(emulator.endpoint, REGION, ACCOUNT)
        graph = run_program(program, answer=deployer.create, lookup=deployer.lookup)

        def client(name: str, region: str = REGION) -> Any:
            return boto3.client(
                name,
                region_name=region,
                endpoint_url=emulator.endpoint,
                aws_access_key_id="reader",
                aws_secret_access_key="reader",
            )

        yield Stack(graph, deployer, client)


def test_every_resource_is_created_or_named_as_validated(stack: Stack) -> None:
    created = {c.urn for c in stack.deployer.created}
    validated = {v.urn for v in stack.deployer.validated if not v.created}
    assert created | validated == {r.urn for r in stack.graph.custom}
    assert created & validated == set()
    assert sorted({v.operation for v in stack.deployer.validated}) == [
        "accessanalyzer:CreateAnalyzer",
        "arc-zonal-shift:CreatePracticeRunConfiguration",
        "arc-zonal-shift:UpdateZonalAutoshiftConfiguration",
        "backup:CreateBackupSelection",
        "ce:CreateAnomalyMonitor",
        "ce:CreateAnomalySubscription",
        "chatbot:CreateSlackChannelConfiguration",
        "cloudfront:CreateCachePolicy",
        "cloudfront:CreateResponseHeadersPolicy",
        "cloudfront:CreateVpcOrigin",
        "elasticache:CreateCacheParameterGroup",
        "elasticache:CreateServerlessCache",
        "elasticache:ModifyCacheParameterGroup",
        "rds:StartDBInstanceAutomatedBackupsReplication",
        "route53:CreateKeySigningKey",
        "route53:EnableHostedZoneDNSSEC",
        "xray:CreateSamplingRule",
    ]


def test_the_distribution_is_as_described(stack: Stack) -> None:
    cloudfront = stack.api("cloudfront", "us-east-1")
    found = cloudfront.get_distribution(Id=stack.id("aws:cloudfront/distribution:Distribution"))
    outputs = stack.outputs("aws:cloudfront/distribution:Distribution")
    assert found["Distribution"]["DomainName"] == outputs["domainName"]
    assert outputs["hostedZoneId"] == "Z2FDTNDATAQYW2"
    config = found["Distribution"]["DistributionConfig"]
    assert config["Aliases"] == {"Quantity": 1, "Items": ["www.example.com"]}
    assert config["WebACLId"] == stack.outputs("aws:wafv2/webAcl:WebAcl", "global")["arn"]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    origins = {origin["Id"]: origin for origin in config["Origins"]["Items"]}
    assert origins["api"]["CustomHeaders"]["Items"][0]["HeaderName"] == "X-Origin"
    default = config["DefaultCacheBehavior"]
    assert default["TargetOriginId"] == "api"
    assert default["AllowedMethods"]["Quantity"] == 7
    assert default["AllowedMethods"]["CachedMethods"]["Quantity"] == 2
    assert default["CachePolicyId"] == stack.id("aws:cloudfront/cachePolicy:CachePolicy")
    (assets,) = config["CacheBehaviors"]["Items"]
    assert assets["PathPattern"] == "/assets/*"


def test_cloudfront_policies_count_their_lists(stack: Stack) -> None:
    policy = stack.validated("cloudfront:CreateCachePolicy")["CachePolicyConfig"]
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["HeadersConfig"]["Headers"] == {"Quantity": 2, "Items": ["Accept", "Origin"]}
    assert policy["Name"].startswith("assets-")


def test_the_firewall_reads_json_rules_and_typed_rules_alike(stack: Stack) -> None:
    regional, worldwide = (
        stack.api("wafv2", region).get_web_acl(
            Name=stack.outputs("aws:wafv2/webAcl:WebAcl", name)["name"],
            Scope=scope,
            Id=stack.id("aws:wafv2/webAcl:WebAcl", name),
        )["WebACL"]
        for name, scope, region in (
            ("regional", "REGIONAL", REGION),
            ("global", "CLOUDFRONT", "us-east-1"),
        )
    )
    (rule,) = regional["Rules"]
    assert rule["Statement"]["RateBasedStatement"]["Limit"] == 1000
    (managed,) = worldwide["Rules"]
    group = managed["Statement"]["ManagedRuleGroupStatement"]
    assert group == {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}
    assert managed["OverrideAction"] == {"None": {}}
    waf = stack.api("wafv2")
    arn = stack.outputs("aws:lb/loadBalancer:LoadBalancer")["arn"]
    assert waf.get_web_acl_for_resource(ResourceArn=arn)["WebACL"]["ARN"] == regional["ARN"]
    logging = waf.get_logging_configuration(ResourceArn=regional["ARN"])["LoggingConfiguration"]
    assert logging["RedactedFields"] == [{"SingleHeader": {"Name": "authorization"}}]


def test_logs_of_the_distribution_are_delivered_to_the_bucket(stack: Stack) -> None:
    logs = stack.api("logs", "us-east-1")
    (delivery,) = logs.describe_deliveries()["deliveries"]
    assert delivery["id"] == stack.id("aws:cloudwatch/logDelivery:LogDelivery")
    assert delivery["deliverySourceName"] == "site"


def test_the_function_is_as_described_and_started_by_the_clock(stack: Stack) -> None:
    functions, events = stack.api("lambda"), stack.api("events")
    outputs = stack.outputs("aws:lambda/function:Function")
    found = functions.get_function(FunctionName=outputs["name"])
    config = found["Configuration"]
    assert (config["Timeout"], config["Architectures"]) == (60, ["arm64"])
    assert config["FunctionArn"] == outputs["arn"]
    assert outputs["invokeArn"].endswith(f"functions/{outputs['arn']}/invocations")
    bucket = stack.id("aws:s3/bucket:Bucket", "copy")
    assert config["Environment"]["Variables"] == {"BUCKET": bucket}
    assert found["Concurrency"]["ReservedConcurrentExecutions"] == 1
    rule = stack.outputs("aws:cloudwatch/eventRule:EventRule")["name"]
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    assert (target["Arn"], json.loads(target["Input"])) == (outputs["arn"], {"day": 1})
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 2
    policy = json.loads(functions.get_policy(FunctionName=outputs["name"])["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": "events.amazonaws.com"}
    (mapping,) = functions.list_event_source_mappings()["EventSourceMappings"]
    assert mapping["UUID"] == stack.id("aws:lambda/eventSourceMapping:EventSourceMapping")


def test_backups_are_planned_locked_and_selected(stack: Stack) -> None:
    backup = stack.api("backup")
    vault = stack.outputs("aws:backup/vault:Vault")
    found = backup.describe_backup_vault(BackupVaultName=vault["name"])
    assert (found["Locked"], found["MinRetentionDays"]) == (True, 7)
    plan = backup.get_backup_plan(BackupPlanId=stack.id("aws:backup/plan:Plan"))["BackupPlan"]
    (rule,) = plan["Rules"]
    assert rule["TargetBackupVaultName"] == vault["name"]
    assert (rule["StartWindowMinutes"], rule["Lifecycle"]["DeleteAfterDays"]) == (60, 35)
    assert rule["CopyActions"][0]["Lifecycle"]["DeleteAfterDays"] == 14
    selection = stack.validated("backup:CreateBackupSelection")
    assert selection["BackupPlanId"] == stack.id("aws:backup/plan:Plan")
    assert selection["BackupSelection"]["ListOfTags"] == [
        {"ConditionType": "STRINGEQUALS", "ConditionKey": "Backup", "ConditionValue": "true"}
    ]


def test_the_bucket_is_locked_and_replicated(stack: Stack) -> None:
    s3, name = stack.api("s3"), stack.id("aws:s3/bucket:Bucket", "source")
    lock = s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
    retention = lock["Rule"]["DefaultRetention"]
    assert (retention["Mode"], retention["Days"]) == ("GOVERNANCE", 30)
    (rule,) = s3.get_bucket_replication(Bucket=name)["ReplicationConfiguration"]["Rules"]
    copy = stack.outputs("aws:s3/bucket:Bucket", "copy")["arn"]
    assert (rule["ID"], rule["Destination"]["Bucket"]) == ("all", copy)


def test_the_cache_is_encrypted_and_its_token_shown_to_nobody(stack: Stack) -> None:
    elasticache = stack.api("elasticache")
    outputs = stack.outputs("aws:elasticache/replicationGroup:ReplicationGroup")
    (found,) = elasticache.describe_replication_groups(
        ReplicationGroupId=outputs["replicationGroupId"]
    )["ReplicationGroups"]
    assert found["TransitEncryptionEnabled"]
    assert found["AtRestEncryptionEnabled"]
    assert found["MultiAZ"] == "enabled"
    assert outputs["primaryEndpointAddress"]
    group = stack.validated("elasticache:ModifyCacheParameterGroup")
    assert group["ParameterNameValues"] == [
        {"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lru"}
    ]
    shown = json.dumps([v.parameters for v in stack.deployer.validated], default=str)
    assert TOKEN not in shown


def test_alarms_have_their_dimensions_queries_and_actions(stack: Stack) -> None:
    found = {
        alarm["AlarmName"].rsplit("-", 1)[0]: alarm
        for alarm in stack.api("cloudwatch").describe_alarms()["MetricAlarms"]
    }
    errors, burn = found["errors"], found["burn"]
    suffix = stack.outputs("aws:lb/loadBalancer:LoadBalancer")["arnSuffix"]
    assert errors["Dimensions"] == [{"Name": "LoadBalancer", "Value": suffix}]
    assert errors["AlarmActions"] == [stack.id("aws:sns/topic:Topic")]
    assert errors["TreatMissingData"] == "notBreaching"
    queries = {query["Id"]: query for query in burn["Metrics"]}
    assert queries["rate"]["Expression"] == "bad / all"
    bad = queries["bad"]["MetricStat"]["Metric"]
    assert bad["Dimensions"] == [{"Name": "Service", "Value": "api"}]
    (kept,) = stack.api("logs").describe_metric_filters()["metricFilters"]
    assert kept["metricTransformations"][0]["metricName"] == "Errors"
    (subscription,) = stack.api("sns").list_subscriptions()["Subscriptions"]
    assert subscription["Endpoint"] == "ops@example.com"


def test_cost_is_bounded_and_watched(stack: Stack) -> None:
    (budget,) = stack.api("budgets", "us-east-1").describe_budgets(AccountId=ACCOUNT)["Budgets"]
    assert budget["BudgetLimit"] == {"Amount": "100", "Unit": "USD"}
    assert budget["CostFilters"] == {"TagKeyValue": ["user:Project$app"]}
    assert stack.id("aws:budgets/budget:Budget") == f"{ACCOUNT}:{budget['BudgetName']}"
    subscription = stack.validated("ce:CreateAnomalySubscription")["AnomalySubscription"]
    monitor = stack.id("aws:costexplorer/anomalyMonitor:AnomalyMonitor")
    assert subscription["MonitorArnList"] == [monitor]
    assert subscription["ThresholdExpression"]["Dimensions"]["Values"] == ["10"]


def test_the_proxy_serves_the_database(stack: Stack) -> None:
    rds = stack.api("rds")
    proxy = stack.outputs("aws:rds/proxy:Proxy")
    (found,) = rds.describe_db_proxies(DBProxyName=proxy["name"])["DBProxies"]
    assert found["RequireTLS"]
    assert found["Auth"][0]["SecretArn"] == stack.id("aws:secretsmanager/secret:Secret")
    database = stack.outputs("aws:rds/instance:Instance")["identifier"]
    targets = rds.describe_db_proxy_targets(DBProxyName=proxy["name"])["Targets"]
    assert [target["RdsResourceId"] for target in targets] == [database]
    (subscription,) = rds.describe_event_subscriptions()["EventSubscriptionsList"]
    assert subscription["SourceIdsList"] == [database]


def test_a_write_only_secret_is_written(stack: Stack) -> None:
    arn = stack.id("aws:secretsmanager/secret:Secret")
    kept = stack.api("secretsmanager").get_secret_value(SecretId=arn)
    assert kept["SecretString"] == TOKEN


def test_failover_records_share_a_name(stack: Stack) -> None:
    zone = stack.outputs("aws:route53/zone:Zone")["zoneId"]
    records = [
        record
        for record in stack.api("route53").list_resource_record_sets(HostedZoneId=zone)[
            "ResourceRecordSets"
        ]
        if record["Type"] == "A"
    ]
    assert {r["Name"] for r in records} == {"api.example.com."}
    assert {(r["SetIdentifier"], r["Failover"]) for r in records} == {
        ("primary", "PRIMARY"),
        ("secondary", "SECONDARY"),
    }
    assert stack.id("aws:route53/record:Record", "api-primary") == f"{zone}_api_A_primary"
