"""What the internet meets; what it cannot prove: that AWS answers as the attributes promise."""

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.public_alb import PublicAlb
from rehearsal.recording import UNKNOWN

LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
# Spelled out: https://docs.aws.amazon.com/securityhub/latest/userguide/elb-controls.html#elb-17
ELB_17 = {
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09",
}


def build(name="main", **changes):
    return PublicAlb(
        name,
        {
            "vpc_id": "vpc-1",
            "subnet_ids": ["subnet-a", "subnet-b"],
            "certificate_arn": "arn:certificate",
            "account_id": "123456789012",
            "region": "eu-west-1",
            **changes,
        },
    )


def answer(registration):
    return f"{registration.name}-id", {
        "arn": f"arn:{registration.name}",
        "arnSuffix": f"app/{registration.name}/0123",
        "dnsName": f"{registration.name}.elb.example",
        "zoneId": "Z1",
        "name": registration.name,
    }


def clients(graph):
    """Who may connect, and where: (port, range), checking that no rule opens more than one port."""
    found = set()
    for rule in graph.of(INGRESS).values():
        inputs = rule.inputs
        assert inputs["ipProtocol"] == "tcp"
        assert inputs["fromPort"] == inputs["toPort"]
        assert inputs["securityGroupId"] == "main-sg-id"
        who = {"cidrIpv4", "cidrIpv6", "prefixListId"} & set(inputs)
        assert len(who) == 1
        found.add((inputs["fromPort"], inputs[who.pop()]))
    return found


def test_https_is_served_and_knows_no_default_service(record):
    https = record(build, answer=answer).one(LISTENER, "main-https")

    assert https.inputs == {
        "loadBalancerArn": "arn:main-lb",
        "port": 443,
        "protocol": "HTTPS",
        "certificateArn": "arn:certificate",
        "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
        "defaultActions": [
            {
                "type": "fixed-response",
                "fixedResponse": {
                    "contentType": "text/plain",
                    "messageBody": "Not found",
                    "statusCode": "404",
                },
            }
        ],
        "routingHttpResponseServerEnabled": False,
        "routingHttpResponseStrictTransportSecurityHeaderValue": (
            "max-age=31536000; includeSubDomains"
        ),
        "tags": {"Name": "main"},
    }


def test_plain_http_is_only_ever_redirected(record):
    http = record(build, answer=answer).one(LISTENER, "main-http")

    assert http.inputs["port"] == 80
    assert http.inputs["protocol"] == "HTTP"
    assert http.inputs["defaultActions"] == [
        {
            "type": "redirect",
            "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"},
        }
    ]


def test_the_header_can_be_left_to_the_service(record):
    https = record(lambda: build(hsts=""), answer=answer).one(LISTENER, "main-https")

    assert "routingHttpResponseStrictTransportSecurityHeaderValue" not in https.inputs


@pytest.mark.parametrize("policy", sorted(ELB_17))
def test_every_policy_that_security_hub_accepts_is_accepted(record, policy):
    https = record(lambda: build(ssl_policy=policy), answer=answer).one(LISTENER, "main-https")

    assert https.inputs["sslPolicy"] == policy


@pytest.mark.parametrize(
    "policy",
    ["ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS13-1-2-2021-06", "", "tls13"],
)
def test_a_policy_that_security_hub_refuses_is_refused(record, policy):
    with pytest.raises(ValueError, match=r"ELB\.17 does not accept; choose one of") as refusal:
        record(lambda: build(ssl_policy=policy))
    assert all(accepted in str(refusal.value) for accepted in ELB_17)


@pytest.mark.parametrize("preview", [False, True])
def test_the_load_balancer_is_hardened(record, preview):
    options = {} if preview else {"answer": answer}
    inputs = record(build, preview=preview, **options).one(LOAD_BALANCER, "main-lb").inputs

    bucket = UNKNOWN if preview else "main-logs-bucket-id"
    assert inputs == {
        "loadBalancerType": "application",
        "internal": False,
        "ipAddressType": "ipv4",
        "subnets": ["subnet-a", "subnet-b"],
        "securityGroups": [UNKNOWN if preview else "main-sg-id"],
        "accessLogs": {"bucket": bucket, "prefix": "access", "enabled": True},
        "connectionLogs": {"bucket": bucket, "prefix": "connection", "enabled": True},
        "enableDeletionProtection": True,
        "dropInvalidHeaderFields": True,
        "desyncMitigationMode": "defensive",
        "enableHttp2": True,
        "xffHeaderProcessingMode": "append",
        "preserveHostHeader": True,
        "enableWafFailOpen": False,
        "idleTimeout": 60,
        "enableCrossZoneLoadBalancing": True,
        "enableZonalShift": True,
        "tags": {"Name": "main"},
    }


def test_it_waits_until_it_may_write_its_logs(record):
    """AWS tries to write when logging is switched on, and refuses what it cannot log."""
    load_balancer = record(build, answer=answer).one(LOAD_BALANCER)

    for part in ("bucketPolicy", "bucketOwnershipControls", "bucketServerSideEncryption"):
        assert any(part in urn for urn in load_balancer.dependencies), part
    assert any("bucketPolicy" in urn for urn in load_balancer.property_dependencies["accessLogs"])


def test_a_temporary_one_can_be_deleted_with_its_logs(record):
    graph = record(
        lambda: build(deletion_protection=False, force_destroy_logs=True, log_retention_days=7),
        answer=answer,
    )

    bucket = graph.one("aws:s3/bucket:Bucket")
    (rule, _) = graph.one(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    ).inputs["rules"]
    assert graph.one(LOAD_BALANCER).inputs["enableDeletionProtection"] is False
    assert (bucket.protect, bucket.inputs["forceDestroy"]) == (False, True)
    assert rule["expiration"] == {"days": 7}


def test_its_logs_are_kept_by_default(record):
    bucket = record(build, answer=answer).one("aws:s3/bucket:Bucket")

    assert (bucket.protect, bucket.inputs["forceDestroy"]) == (True, False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {(443, "0.0.0.0/0"), (80, "0.0.0.0/0")}),
        (
            {"ipv6": True},
            {(443, "0.0.0.0/0"), (80, "0.0.0.0/0"), (443, "::/0"), (80, "::/0")},
        ),
        (
            {"ingress_cidrs": ["198.51.100.0/24"]},
            {(443, "198.51.100.0/24"), (80, "198.51.100.0/24")},
        ),
        (
            {"ingress_cidrs": ["2001:DB8:0::/48"], "ipv6": True},
            {(443, "2001:db8::/48"), (80, "2001:db8::/48")},
        ),
        ({"ingress_prefix_list_id": "pl-1"}, {(443, "pl-1")}),
    ],
)
def test_only_those_who_are_named_may_connect(record, changes, expected):
    assert clients(record(lambda: build(**changes), answer=answer)) == expected


def test_clients_are_named_by_range_so_that_removing_one_renames_none(record):
    one, two = "198.51.100.0/24", "203.0.113.0/24"
    both = record(lambda: build(ingress_cidrs=[one, two]), answer=answer).of(INGRESS)
    last = record(lambda: build(ingress_cidrs=[two]), answer=answer).of(INGRESS)

    assert set(last) == {"main-443-from-203-0-113-0-24", "main-80-from-203-0-113-0-24"}
    assert set(last) < set(both)


def test_the_internet_has_a_name(record):
    rules = record(lambda: build(ipv6=True), answer=answer).of(INGRESS)

    assert set(rules) == {
        "main-443-from-internet",
        "main-80-from-internet",
        "main-443-from-internet-ipv6",
        "main-80-from-internet-ipv6",
    }


def test_its_group_lets_nothing_out_and_has_no_inline_rule(record):
    graph = record(build, answer=answer)

    assert graph.of(EGRESS) == {}
    group = graph.one("aws:ec2/securityGroup:SecurityGroup").inputs
    assert set(group) == {"vpcId", "description", "tags"}


def test_ipv6_is_a_switch(record):
    inputs = record(lambda: build(ipv6=True), answer=answer).one(LOAD_BALANCER).inputs

    assert inputs["ipAddressType"] == "dualstack"


def test_the_remaining_choices_reach_the_load_balancer(record):
    graph = record(
        lambda: build(idle_timeout_seconds=120, zonal_shift=False, tags={"Team": "edge"}),
        answer=answer,
    )

    inputs = graph.one(LOAD_BALANCER).inputs
    assert inputs["idleTimeout"] == 120
    assert inputs["enableZonalShift"] is False
    tagged = [r for r in graph.custom if "tags" in r.inputs]
    assert len(tagged) == 7
    assert all(r.inputs["tags"]["Team"] == "edge" for r in tagged)


def expose_two(**changes):
    alb = build(**changes)
    alb.expose("api", {"port": 8080, "hosts": ["api.example.com"], "paths": ["/v1/*"]})
    alb.expose("web", {"port": 3000, "hosts": ["api.example.com"]})
    return alb


def test_exposed_services_get_a_rule_each_on_the_https_listener(record):
    graph = record(expose_two, answer=answer)

    rules = graph.of("aws:lb/listenerRule:ListenerRule")
    assert {name: rule.inputs["listenerArn"] for name, rule in rules.items()} == {
        "main-api-rule": "arn:main-https",
        "main-web-rule": "arn:main-https",
    }
    api, web = (rules[f"main-{name}-rule"].inputs["priority"] for name in ("api", "web"))
    assert api == 7325
    assert api < web, "the narrower rule comes first"


def test_a_route_belongs_to_its_load_balancer_and_is_labelled_for_scaling(record):
    graph = record(lambda: expose_two(tags={"Team": "edge"}), answer=answer)

    routes = graph.of("babyrobots:index:AlbRoute")
    assert set(routes) == {"main-api", "main-web"}
    assert all(r.parent.endswith("babyrobots:index:PublicAlb::main") for r in routes.values())
    label = routes["main-api"].outputs["resource_label"]
    assert label == "app/main-lb/0123/app/main-api-tg/0123"
    group = graph.one("aws:lb/targetGroup:TargetGroup", "main-api-tg").inputs
    assert (group["port"], group["vpcId"]) == (8080, "vpc-1")
    assert group["tags"] == {"Name": "main-api", "Team": "edge"}


def test_exposing_one_more_service_moves_no_rule(record):
    def more():
        alb = build()
        alb.expose("docs", {"port": 80, "hosts": ["docs.example.com"]})
        alb.expose("web", {"port": 3000, "hosts": ["api.example.com"]})
        alb.expose("api", {"port": 8080, "hosts": ["api.example.com"], "paths": ["/v1/*"]})

    def priorities(program):
        rules = record(program, answer=answer).of("aws:lb/listenerRule:ListenerRule")
        return {name: rule.inputs["priority"] for name, rule in rules.items()}

    before, after = priorities(expose_two), priorities(more)
    assert {name: after[name] for name in before} == before
    assert len(after) == 3


def test_two_services_on_one_host_and_path_are_refused_by_name(record):
    def program():
        alb = expose_two()
        alb.expose("shop", {"port": 80, "hosts": ["API.example.com"], "paths": ["/v1/*"]})

    with pytest.raises(ValueError, match=r"api and shop both claim host api\.example\.com"):
        record(program, answer=answer)


def test_a_slot_settles_a_collision(record):
    def program():
        build().expose("api", {"port": 1, "hosts": ["a.com"], "slot": 5})

    rule = record(program, answer=answer).one("aws:lb/listenerRule:ListenerRule")
    assert rule.inputs["priority"] == 8005


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ingress_cidrs": []}, "ingress_cidrs is empty"),
        ({"ingress_cidrs": ["10.0.0.1/8"]}, "'10.0.0.1/8': 10.0.0.1/8 has host bits set"),
        ({"ingress_cidrs": ["office"]}, "'office' does not appear to be"),
        ({"ingress_cidrs": ["::/0"]}, "'::/0', but ipv6 is off"),
        (
            {"ingress_cidrs": ["10.0.0.0/8"], "ingress_prefix_list_id": "pl-1"},
            "are both given; keep one",
        ),
        ({"idle_timeout_seconds": 0}, "idle_timeout_seconds is 0; it is 1 to 4000"),
        ({"idle_timeout_seconds": 4001}, "idle_timeout_seconds is 4001"),
        ({"log_retention_days": 0}, "retention_days is 0"),
        ({"ssl_policy": "x", "idle_timeout_seconds": 0}, "ssl_policy is 'x'.*idle_timeout"),
    ],
)
def test_mistakes_are_refused(record, changes, words):
    with pytest.raises(ValueError, match=words):
        record(lambda: build(**changes))


def test_no_child_strays_and_two_instances_coexist(record):
    def program():
        expose_two()
        build("admin").expose("api", {"port": 80})

    graph = record(program, answer=answer)

    strays = [r.urn for r in graph.custom if "babyrobots:index:PublicAlb$" not in r.urn]
    assert strays == [], "a child without a parent escapes protect, providers and aliases"
    assert len(graph.of(LOAD_BALANCER)) == 2


def test_outputs_are_registered(record):
    assert record(build, answer=answer).one("babyrobots:index:PublicAlb").outputs == {
        "arn": "arn:main-lb",
        "arn_suffix": "app/main-lb/0123",
        "dns_name": "main-lb.elb.example",
        "zone_id": "Z1",
        "security_group_id": "main-sg-id",
        "https_listener_arn": "arn:main-https",
        "logs_bucket": "main-logs-bucket-id",
    }


def test_what_only_a_deployment_knows_is_unknown_at_preview(record):
    outputs = record(expose_two, preview=True).one("babyrobots:index:PublicAlb").outputs

    assert set(outputs.values()) == {UNKNOWN}
    assert len(outputs) == 7


def test_it_can_be_published_as_a_package():
    schema = Analyzer("babyrobots").analyze([PublicAlb])["component_definitions"]["PublicAlb"]

    required = {name for name, prop in schema.inputs.items() if not prop.optional}
    assert required == {"vpcId", "subnetIds", "certificateArn", "accountId", "region"}
    undocumented = [
        n for n, p in (*schema.inputs.items(), *schema.outputs.items()) if not p.description
    ]
    assert undocumented == []
