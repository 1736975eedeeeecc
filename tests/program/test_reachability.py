"""Who can open a connection to whom: nobody else, and every leak is seen.

The table is computed from the graph by `rehearsal.reachability`; each leak is put into a copy of
production's graph, and the table must then show exactly what it opened.
"""

import copy

import pytest

from rehearsal.reachability import NotModelledError, Way, ways
from rehearsal.recording import Registration
from tests.program import stacks

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
BALANCER, DATABASE = "load balancer web-lb", "database main-instance"
API, WORKER, NIGHTLY = "service api-service", "service worker-service", "job nightly-schedule"
TASKS = (API, WORKER, NIGHTLY)
ENDPOINTS = tuple(
    f"endpoint main-endpoints-{service}"
    for service in ("ecr-api", "ecr-dkr", "logs", "secretsmanager")
)


def way(client, server, ports, protocol="tcp"):
    return Way(client=client, server=server, protocol=protocol, ports=str(ports))


ALWAYS = {
    way("internet", BALANCER, 443),
    way("internet", BALANCER, 80),
    way(BALANCER, API, 8080),
    *(way(task, DATABASE, 5432) for task in TASKS),
    *(way(task, "internet", 443) for task in TASKS),
    # The public load balancer is for everybody, tasks among them.
    *(way(task, BALANCER, 443) for task in TASKS),
}
EXPECTED = {
    "staging": ALWAYS,
    "production": ALWAYS | {way(task, endpoint, 443) for task in TASKS for endpoint in ENDPOINTS},
}


@pytest.mark.parametrize("stack", EXPECTED)
def test_nobody_reaches_more_than_the_table_says(stack):
    assert ways(stacks.resolved(stack)) == EXPECTED[stack]


@pytest.fixture
def graph():
    return copy.deepcopy(stacks.resolved("production"))


def add(graph, type_, name, inputs):
    model = next(iter(graph))
    made = copy.deepcopy(model)
    made.urn, made.type, made.name, made.inputs = f"urn:{name}", type_, name, inputs
    made.id, made.outputs = f"id-{name}", {}
    graph.resources[made.urn] = made


def group(graph, name):
    return graph.one(GROUP, name).id


def set_input(registration: Registration, **inputs):
    registration.inputs = {**registration.inputs, **inputs}


def open_to(graph, into, ports, **peer):
    first, last = ports
    add(
        graph,
        INGRESS,
        f"leak-into-{into}",
        {
            "securityGroupId": group(graph, into),
            "ipProtocol": "tcp",
            "fromPort": first,
            "toPort": last,
            **peer,
        },
    )


def let_out(graph, of, ports, **peer):
    first, last = ports
    add(
        graph,
        EGRESS,
        f"leak-out-of-{of}",
        {
            "securityGroupId": group(graph, of),
            "ipProtocol": "tcp",
            "fromPort": first,
            "toPort": last,
            **peer,
        },
    )


def subnets(graph, tier):
    found = graph.of("aws:ec2/subnet:Subnet").values()
    return [r.id for r in found if r.name.startswith(f"main-{tier}-")]


def ssh_to_the_balancer(graph):
    open_to(graph, "web-sg", (22, 22), cidrIpv4="0.0.0.0/0")
    return {way("internet", BALANCER, 22)}


def every_port_of_the_balancer(graph):
    add(
        graph,
        INGRESS,
        "leak",
        {"securityGroupId": group(graph, "web-sg"), "ipProtocol": "-1", "cidrIpv6": "::/0"},
    )
    return {way("internet", BALANCER, "all", "all")}


def a_public_database(graph):
    public = subnets(graph, "public")
    set_input(graph.one("aws:rds/subnetGroup:SubnetGroup", "main-subnets"), subnetIds=public)
    set_input(graph.one("aws:rds/instance:Instance", "main-instance"), publiclyAccessible=True)
    open_to(graph, "main-sg", (5432, 5432), cidrIpv4="0.0.0.0/0")
    return {way("internet", DATABASE, 5432)}


def the_database_open_to_the_network(graph):
    # Whoever may leave on 443 still may not on 5432; only the one whose egress is wide gets in.
    open_to(graph, "main-sg", (0, 65535), cidrIpv4="10.0.0.0/16")
    return {way(task, DATABASE, 443) for task in TASKS}


def a_task_with_a_public_address(graph):
    api = graph.one("aws:ecs/service:Service", "api-service")
    network = api.inputs["networkConfiguration"]
    public = {**network, "subnets": subnets(graph, "public"), "assignPublicIp": True}
    set_input(api, networkConfiguration=public)
    open_to(graph, "api-sg", (8080, 8080), cidrIpv4="0.0.0.0/0")
    return {way("internet", API, 8080)}


def the_worker_reached_by_the_balancer(graph):
    open_to(graph, "worker-sg", (8080, 8080), referencedSecurityGroupId=group(graph, "web-sg"))
    let_out(graph, "web-sg", (8080, 8080), referencedSecurityGroupId=group(graph, "worker-sg"))
    return {way(BALANCER, WORKER, 8080)}


def the_worker_reached_by_the_api(graph):
    open_to(graph, "worker-sg", (9000, 9100), referencedSecurityGroupId=group(graph, "api-sg"))
    let_out(graph, "api-sg", (9050, 9200), referencedSecurityGroupId=group(graph, "worker-sg"))
    return {way(API, WORKER, "9050-9100")}


def the_worker_let_out_on_every_port(graph):
    let_out(graph, "worker-sg", (0, 65535), cidrIpv4="0.0.0.0/0")
    # It also reaches what is open to the internet on another port.
    return {way(WORKER, "internet", "all"), way(WORKER, BALANCER, 80)}


def a_database_that_calls_home(graph):
    set_input(
        graph.one("aws:rds/subnetGroup:SubnetGroup", "main-subnets"),
        subnetIds=subnets(graph, "private"),
    )
    let_out(graph, "main-sg", (443, 443), cidrIpv4="0.0.0.0/0")
    return {
        way(DATABASE, "internet", 443),
        way(DATABASE, BALANCER, 443),
        *(way(DATABASE, endpoint, 443) for endpoint in ENDPOINTS),
    }


def the_database_in_the_group_of_the_tasks(graph):
    database = graph.one("aws:rds/instance:Instance", "main-instance")
    both = [*database.inputs["vpcSecurityGroupIds"], group(graph, "api-sg")]
    set_input(database, vpcSecurityGroupIds=both)
    # It may do what the API may, and be reached as the API is; endpoints admit by address.
    return {way(BALANCER, DATABASE, 8080), way(DATABASE, BALANCER, 443)}


def inline_rules_in_a_group(graph):
    set_input(
        graph.one(GROUP, "web-sg"),
        ingress=[
            {"protocol": "tcp", "fromPort": 8443, "toPort": 8443, "cidrBlocks": ["203.0.113.0/24"]},
            {"protocol": "tcp", "fromPort": 8444, "toPort": 8444, "cidrBlocks": ["8.8.8.0/24"]},
        ],
    )
    return {way("internet", BALANCER, 8444)}


def a_rule_of_the_old_kind(graph):
    add(
        graph,
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        "leak",
        {
            "type": "ingress",
            "securityGroupId": group(graph, "web-sg"),
            "protocol": "tcp",
            "fromPort": 3389,
            "toPort": 3389,
            "cidrBlocks": ["0.0.0.0/0"],
        },
    )
    return {way("internet", BALANCER, 3389)}


def an_endpoint_for_the_balancer(graph):
    endpoint = graph.one("aws:ec2/vpcEndpoint:VpcEndpoint", "main-endpoints-logs")
    shared = [*endpoint.inputs["securityGroupIds"], group(graph, "api-sg")]
    set_input(endpoint, securityGroupIds=shared)
    return {
        way(BALANCER, ENDPOINTS[2], 8080),
        way(ENDPOINTS[2], BALANCER, 443),
        way(ENDPOINTS[2], "internet", 443),
        way(ENDPOINTS[2], DATABASE, 5432),
        *(way(ENDPOINTS[2], other, 443) for other in ENDPOINTS if other != ENDPOINTS[2]),
    }


LEAKS = [
    ssh_to_the_balancer,
    every_port_of_the_balancer,
    a_public_database,
    the_database_open_to_the_network,
    a_task_with_a_public_address,
    the_worker_reached_by_the_balancer,
    the_worker_reached_by_the_api,
    the_worker_let_out_on_every_port,
    a_database_that_calls_home,
    the_database_in_the_group_of_the_tasks,
    inline_rules_in_a_group,
    a_rule_of_the_old_kind,
    an_endpoint_for_the_balancer,
]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__.replace("_", " "))
def test_a_leak_is_seen_and_nothing_else(graph, leak):
    before = ways(graph)
    opened = leak(graph)

    assert ways(graph) - before == opened


def test_half_an_opening_is_none(graph):
    before = ways(graph)
    open_to(graph, "worker-sg", (9000, 9000), referencedSecurityGroupId=group(graph, "api-sg"))
    let_out(graph, "worker-sg", (22, 22), referencedSecurityGroupId=group(graph, "api-sg"))
    open_to(graph, "main-sg", (5432, 5432), cidrIpv4="0.0.0.0/0")

    assert ways(graph) == before, "the other side lets nothing through, or there is no address"


@pytest.mark.parametrize(
    "type_",
    ["aws:ec2/networkAcl:NetworkAcl", "aws:ec2/vpcPeeringConnection:VpcPeeringConnection"],
)
def test_what_is_not_modelled_is_refused(graph, type_):
    add(graph, type_, "other", {})

    with pytest.raises(NotModelledError, match=type_):
        ways(graph)
