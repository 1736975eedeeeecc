"""That an alarm can reach its topic and a person; not that the person confirms or reads it."""

import json

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.alarm_topic import AlarmTopic

KEY = "aws:kms/key:Key"
TOPIC = "aws:sns/topic:Topic"
POLICY = "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"


def build(name="alarms", **changes):
    return AlarmTopic(name, {"account_id": "123456789012", "region": "eu-west-1", **changes})


def test_the_topic_is_encrypted_with_its_own_key(record):
    graph = record(build)

    assert graph.one(TOPIC).property_dependencies["kmsMasterKeyId"] == (graph.one(KEY).urn,)


@pytest.mark.parametrize("publisher", ["cloudwatch.amazonaws.com", "events.rds.amazonaws.com"])
def test_a_publisher_may_use_the_key_and_publish_for_this_account_only(record, publisher):
    graph = record(build)

    statements = [
        statement
        for document in (graph.one(KEY).inputs["policy"], graph.one(POLICY).inputs["policy"])
        for statement in json.loads(document)["Statement"]
        if publisher in str(statement["Principal"])
    ]
    assert len(statements) == 2
    assert all(
        s["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"} for s in statements
    )


def test_nothing_is_published_in_the_clear(record):
    statements = json.loads(record(build).one(POLICY).inputs["policy"])["Statement"]

    (deny,) = [s for s in statements if s["Effect"] == "Deny"]
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_each_subscriber_is_one_subscription(record):
    graph = record(
        lambda: build(emails=["ops@example.org"], https_endpoints=["https://pager.example/hook"])
    )

    assert {
        (s.inputs["protocol"], s.inputs["endpoint"]) for s in graph.of(SUBSCRIPTION).values()
    } == {
        ("email", "ops@example.org"),
        ("https", "https://pager.example/hook"),
    }


def test_a_subscriber_keeps_its_name_when_another_comes(record):
    def names(*emails):
        return set(record(lambda: build(emails=emails)).of(SUBSCRIPTION))

    assert names("b@example.org") <= names("a@example.org", "b@example.org")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"emails": ["nobody"]}, "'nobody' is not an e-mail address"),
        ({"https_endpoints": ["http://pager.example"]}, "not an https:// address"),
    ],
)
def test_a_subscriber_that_cannot_be_is_refused(record, wrong, message):
    with pytest.raises(ValueError, match=message):
        record(lambda: build(**wrong))


def test_an_alarm_waits_until_it_may_publish(record):
    graph = record(build)

    assert graph.one(POLICY).inputs["arn"].endswith("alarms-topic")
    (component,) = [c for c in graph.components if c.type.endswith(":AlarmTopic")]
    assert component.outputs == {
        "arn": "arn:aws:sns:eu-west-1:123456789012:alarms-topic",
        "name": "alarms-topic",
    }


def test_everything_of_a_topic_elsewhere_is_there(record):
    graph = record(lambda: build(region="us-east-1", emails=["ops@example.org"]))

    assert {r.inputs["region"] for r in graph.custom} == {"us-east-1"}


def test_two_topics_share_one_stack_and_every_child_has_its_parent(record):
    graph = record(lambda: (build("blue"), build("green")))

    assert all("babyrobots:index:AlarmTopic$" in r.urn for r in graph.custom)


def test_it_can_be_published_as_a_package():
    schema = Analyzer("babyrobots").analyze([AlarmTopic])["component_definitions"]["AlarmTopic"]

    required = [name for name, prop in schema.inputs.items() if not prop.optional]
    assert required == ["accountId", "region"]
    assert all(prop.description for prop in (*schema.inputs.values(), *schema.outputs.values()))
