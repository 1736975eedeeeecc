"""What a first preview can tell already, although no ARN and no id is known."""

import pytest
from guardrails import rules
from guardrails.registry import node

RULES = {rule.id: rule for rule in rules.ALL}
BUCKET = "aws:s3/bucket:Bucket"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
WAF_LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
EXPIRES = {"id": "old", "status": "Enabled", "expiration": {"days": 90}}
PARAMETER = "aws:ssm/parameter:Parameter"
ABOUT_BUCKETS = ("enc-s3-kms", "log-s3-access", "res-s3-versioned", "res-backup-coverage")


def logging_to(writer, path, target):
    value = f"${{{target}.arn}}"
    return node("writer", writer, {path: [value] if path == "logDestinationConfigs" else value})


@pytest.mark.parametrize("rule", ABOUT_BUCKETS)
@pytest.mark.parametrize(
    ("writer", "path"), [(WAF_LOGGING, "logDestinationConfigs"), (FLOW_LOG, "logDestination")]
)
def test_logs_that_go_to_a_log_group_leave_no_doubt_about_buckets(judge, rule, writer, path):
    nodes = [node("assets", BUCKET), node("group", LOG_GROUP), logging_to(writer, path, "group")]

    said = judge(RULES[rule], *nodes, known=False)

    assert {(s.policy, s.name) for s in said} == {(rule, "assets")}


@pytest.mark.parametrize("rule", ABOUT_BUCKETS)
def test_logs_that_go_to_who_knows_where_do(judge, rule):
    nodes = [
        node("assets", BUCKET),
        node("lifecycle", LIFECYCLE, {"bucket": "${assets.id}", "rules": [EXPIRES]}),
        node("where", PARAMETER, {"name": "/logs/bucket"}),
        logging_to(FLOW_LOG, "logDestination", "where"),
    ]

    said = judge(RULES[rule], *nodes, known=False)

    assert {(s.policy, s.name) for s in said} == {("not-evaluated", "assets")}


def twofold(**beside):
    inline = {"protocol": "tcp", "fromPort": 443, "toPort": 443, "securityGroups": ["sg-1"]}
    return [
        node("tasks", GROUP, {"egress": [inline]}),
        node("data", GROUP),
        node(
            "beside",
            EGRESS,
            {
                "securityGroupId": "${tasks.id}",
                "ipProtocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
                **beside,
            },
        ),
    ]


@pytest.mark.parametrize(
    "beside",
    [
        {"cidrIpv4": "10.0.0.0/16"},
        {"prefixListId": "pl-1"},
        {"referencedSecurityGroupId": "${data.id}", "fromPort": 5432, "toPort": 5432},
        {"referencedSecurityGroupId": "${data.id}", "ipProtocol": "udp"},
    ],
    ids=["addresses", "a prefix list", "another port", "another protocol"],
)
def test_two_ways_of_writing_rules_differ_before_the_groups_exist(judge, beside):
    said = judge(RULES["net-sg-no-rule-conflict"], *twofold(**beside), known=False)

    assert [(s.policy, s.name) for s in said] == [("net-sg-no-rule-conflict", "tasks")]


def test_two_ways_of_writing_rules_may_be_the_same_if_only_the_group_is_unknown(judge):
    beside = {"referencedSecurityGroupId": "${data.id}"}

    said = judge(RULES["net-sg-no-rule-conflict"], *twofold(**beside), known=False)

    assert [(s.policy, s.name) for s in said] == [("not-evaluated", "tasks")]
