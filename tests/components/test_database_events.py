"""Which events of a database reach the topic; not that RDS sends them."""

from pulumi.provider.experimental.analyzer import Analyzer

from components.database_events import DatabaseEvents

SUBSCRIPTION = "aws:rds/eventSubscription:EventSubscription"


def build(name="main", **changes):
    return DatabaseEvents(name, {"identifier": "db-1", "topic_arn": "arn:topic", **changes})


def test_what_goes_wrong_with_this_database_is_heard(record):
    inputs = record(build).one(SUBSCRIPTION).inputs

    assert (inputs["sourceType"], inputs["sourceIds"]) == ("db-instance", ["db-1"])
    assert inputs["snsTopic"] == "arn:topic"
    assert {"failover", "failure", "low storage", "maintenance"} <= set(inputs["eventCategories"])


def test_the_output_is_registered(record):
    (component,) = record(build).components

    assert component.outputs["subscription_arn"].endswith(":main-events")


def test_two_databases_share_one_stack_and_every_child_has_its_parent(record):
    graph = record(lambda: (build("blue"), build("green")))

    assert all("babyrobots:index:DatabaseEvents$" in r.urn for r in graph.custom)


def test_it_can_be_published_as_a_package():
    schema = Analyzer("babyrobots").analyze([DatabaseEvents])["component_definitions"]

    inputs = schema["DatabaseEvents"].inputs
    assert [name for name, prop in inputs.items() if not prop.optional] == [
        "identifier",
        "topicArn",
    ]
    assert all(prop.description for prop in inputs.values())
