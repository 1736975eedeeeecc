"""What the emulator is known to lack.

A request of one of these operations is built, validated and serialised by botocore against the AWS
service model, and then not sent. An operation that turns out to be missing without being listed
here is an error: the list is what tells a resource that was only validated from one that exists.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Gap:
    """Why an operation is not sent, and for which parameters if not for all."""

    reason: str
    when: Callable[[Mapping[str, Any]], bool] | None = None


def _lacks(what: str) -> Gap:
    return Gap(f"moto 5.2 does not implement {what}")


GAPS: dict[tuple[str, str], Gap] = {
    ("accessanalyzer", "create_analyzer"): _lacks("IAM Access Analyzer"),
    ("arc-zonal-shift", "create_practice_run_configuration"): _lacks("zonal autoshift"),
    ("arc-zonal-shift", "update_zonal_autoshift_configuration"): _lacks("zonal autoshift"),
    ("backup", "create_backup_selection"): _lacks("AWS Backup selections"),
    ("backup", "create_restore_testing_plan"): _lacks("AWS Backup restore testing"),
    ("backup", "create_restore_testing_selection"): _lacks("AWS Backup restore testing"),
    ("backup", "put_backup_vault_access_policy"): _lacks("policies of AWS Backup vaults"),
    ("backup", "put_backup_vault_notifications"): _lacks("notifications of AWS Backup vaults"),
    ("backup", "update_region_settings"): _lacks("AWS Backup region settings"),
    ("ce", "create_anomaly_monitor"): _lacks("cost anomaly detection"),
    ("ce", "create_anomaly_subscription"): _lacks("cost anomaly detection"),
    ("ce", "update_cost_allocation_tags_status"): _lacks("cost allocation tags"),
    ("chatbot", "create_slack_channel_configuration"): _lacks("chat applications"),
    ("cloudfront", "create_cache_policy"): _lacks("CloudFront cache policies"),
    ("cloudfront", "create_monitoring_subscription"): _lacks("CloudFront additional metrics"),
    ("cloudfront", "create_origin_request_policy"): _lacks("CloudFront origin request policies"),
    ("cloudfront", "create_response_headers_policy"): _lacks("CloudFront headers policies"),
    ("cloudfront", "create_vpc_origin"): _lacks("CloudFront VPC origins"),
    ("cloudfront", "publish_function"): _lacks("the publishing of CloudFront functions"),
    ("cloudwatch", "put_composite_alarm"): _lacks("composite alarms"),
    ("ec2", "create_nat_gateway"): Gap(
        "moto 5.2 knows only NAT gateways of one zone",
        when=lambda params: params.get("AvailabilityMode") == "regional",
    ),
    ("ecs", "put_account_setting_default"): _lacks("account-wide default settings of ECS"),
    ("elasticache", "create_cache_parameter_group"): _lacks("ElastiCache parameter groups"),
    ("elasticache", "create_serverless_cache"): _lacks("serverless caches"),
    ("elasticache", "create_user_group"): _lacks("ElastiCache user groups"),
    ("elasticache", "modify_cache_parameter_group"): _lacks("ElastiCache parameter groups"),
    ("lambda", "put_provisioned_concurrency_config"): _lacks("provisioned concurrency"),
    ("lambda", "put_runtime_management_config"): _lacks("runtime management"),
    ("logs", "put_query_definition"): _lacks("saved queries of CloudWatch Logs"),
    ("rds", "start_db_instance_automated_backups_replication"): _lacks(
        "replication of automated backups"
    ),
    ("route53", "create_key_signing_key"): _lacks("Route 53 DNSSEC"),
    ("route53", "enable_hosted_zone_dnssec"): _lacks("Route 53 DNSSEC"),
    ("servicecatalog-appregistry", "associate_attribute_group"): _lacks("attribute groups"),
    ("servicecatalog-appregistry", "create_attribute_group"): _lacks("attribute groups"),
    ("xray", "create_group"): _lacks("X-Ray groups"),
    ("xray", "create_sampling_rule"): _lacks("X-Ray sampling rules"),
    ("xray", "put_encryption_config"): _lacks("X-Ray encryption settings"),
    ("xray", "put_resource_policy"): _lacks("X-Ray resource policies"),
    ("xray", "update_trace_segment_destination"): _lacks("X-Ray trace destinations"),
}
