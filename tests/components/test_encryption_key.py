"""Who may do what with a key, read from its policy; KMS itself is not asked."""

import json

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.encryption_key import EncryptionKey
from rehearsal.recording import UNKNOWN

KEY = "aws:kms/key:Key"
ROOT = {"AWS": "arn:aws:iam::123456789012:root"}


def build(name="main-data", **changes):
    return EncryptionKey(
        name,
        {
            "description": "Encrypts the data",
            "account_id": "123456789012",
            "region": "eu-west-1",
            "services": ["secretsmanager", "rds"],
            **changes,
        },
    )


def answer(registration):
    return f"{registration.name}-id", {
        "arn": f"arn:{registration.name}",
        "keyId": f"{registration.name}-id",
    }


def statements(record, **changes):
    document = json.loads(record(lambda: build(**changes), answer=answer).one(KEY).inputs["policy"])
    assert document["Version"] == "2012-10-17"
    return {statement["Sid"]: statement for statement in document["Statement"]}


@pytest.mark.parametrize("preview", [False, True])
def test_a_key_is_rotated_and_slow_to_go(record, preview):
    options = {} if preview else {"answer": answer}
    key = record(build, preview=preview, **options).one(KEY, "main-data-key")

    inputs = {name: value for name, value in key.inputs.items() if name != "policy"}
    assert inputs == {
        "region": "eu-west-1",
        "description": "Encrypts the data",
        "enableKeyRotation": True,
        "rotationPeriodInDays": 365,
        "deletionWindowInDays": 30,
        "multiRegion": False,
        "tags": {"Name": "main-data"},
    }
    assert key.protect is True


def test_every_choice_reaches_the_key(record):
    key = record(
        lambda: build(
            rotation_days=90,
            deletion_window_days=7,
            multi_region=True,
            protect=False,
            tags={"Team": "data"},
        ),
        answer=answer,
    ).one(KEY)

    assert key.inputs["rotationPeriodInDays"] == 90
    assert key.inputs["deletionWindowInDays"] == 7
    assert key.inputs["multiRegion"] is True
    assert key.inputs["tags"] == {"Name": "main-data", "Team": "data"}
    assert key.protect is False


def test_the_account_administers_but_does_not_use_it_directly(record):
    administers = statements(record)["AccountAdministers"]

    assert administers["Principal"] == ROOT
    assert "Condition" not in administers
    assert {"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"} <= set(administers["Action"])
    cryptographic = ("Decrypt", "Encrypt", "GenerateDataKey", "CreateGrant", "Sign", "*")
    assert not [
        a
        for a in administers["Action"]
        if a.startswith(tuple(f"kms:{word}" for word in cryptographic))
    ]


def test_it_is_used_only_through_the_named_services(record):
    found = statements(record)

    through = ["rds.eu-west-1.amazonaws.com", "secretsmanager.eu-west-1.amazonaws.com"]
    uses, keeps = found["AccountUsesThroughServices"], found["ServicesKeepUsing"]
    assert uses["Principal"] == ROOT
    assert uses["Condition"] == {"StringEquals": {"kms:ViaService": through}}
    assert {"kms:Decrypt", "kms:GenerateDataKey"} <= set(uses["Action"])
    assert keeps["Action"] == "kms:CreateGrant"
    assert keeps["Condition"] == {
        "StringEquals": {"kms:ViaService": through},
        "Bool": {"kms:GrantIsForAWSResource": "true"},
    }
    assert set(found) == {"AccountAdministers", "AccountUsesThroughServices", "ServicesKeepUsing"}


def test_no_statement_names_everyone_or_a_wildcard_action(record):
    found = statements(
        record, log_groups=["/a"], service_principals=["cloudwatch.amazonaws.com"]
    ).values()

    for statement in found:
        actions = statement["Action"]
        assert all("*" not in a for a in ([actions] if isinstance(actions, str) else actions))
        assert statement["Principal"] == ROOT or "Service" in statement["Principal"]
        assert statement["Sid"] == "AccountAdministers" or statement["Condition"]


def test_logs_use_it_for_the_named_groups_only(record):
    logs = statements(record, log_groups=["/b", "/aws/rds/instance/main/*"])[
        "LogsEncryptTheirGroups"
    ]

    assert logs["Principal"] == {"Service": "logs.eu-west-1.amazonaws.com"}
    prefix = "arn:aws:logs:eu-west-1:123456789012:log-group:"
    assert logs["Condition"] == {
        "ArnLike": {
            "kms:EncryptionContext:aws:logs:arn": [
                f"{prefix}/aws/rds/instance/main/*",
                f"{prefix}/b",
            ]
        }
    }


def test_a_service_uses_it_in_its_own_name_for_this_account_only(record):
    found = statements(record, services=[], service_principals=["cloudwatch.amazonaws.com"])

    assert set(found) == {"AccountAdministers", "ServicesUseForThisAccount"}
    service = found["ServicesUseForThisAccount"]
    assert service["Principal"] == {"Service": ["cloudwatch.amazonaws.com"]}
    assert service["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert service["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


def test_distributions_of_the_account_decrypt_and_no_more(record):
    assert statements(record, distributions=True)["DistributionsRead"] == {
        "Sid": "DistributionsRead",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": "arn:aws:cloudfront::123456789012:distribution/*"}
        },
    }
    assert "DistributionsRead" not in statements(record, distributions=False)


def test_an_operator_finds_it_by_its_alias(record):
    alias = record(build, answer=answer).one("aws:kms/alias:Alias", "main-data-alias")

    assert alias.inputs == {
        "region": "eu-west-1",
        "name": "alias/babyrobots/test/main-data",
        "targetKeyId": "main-data-key-id",
    }


@pytest.mark.parametrize("preview", [False, True])
def test_outputs_are_registered(record, preview):
    options = {} if preview else {"answer": answer}
    outputs = record(build, preview=preview, **options).one("babyrobots:index:EncryptionKey")

    assert outputs.outputs == {
        "arn": UNKNOWN if preview else "arn:main-data-key",
        "key_id": UNKNOWN if preview else "main-data-key-id",
        "alias_name": "alias/babyrobots/test/main-data",
    }


def test_every_child_belongs_to_the_component_and_two_instances_coexist(record):
    graph = record(lambda: (build("one"), build("two")), answer=answer)

    assert {r.name: r.parent.split("::")[-1] for r in graph.custom} == {
        "one-key": "one",
        "one-alias": "one",
        "two-key": "two",
        "two-alias": "two",
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"deletion_window_days": 6}, "deletion_window_days is 6; KMS takes 7 to 30"),
        ({"deletion_window_days": 31}, "deletion_window_days is 31"),
        ({"rotation_days": 89}, "rotation_days is 89"),
        ({"rotation_days": 366}, "rotation_days is 366"),
        ({"services": []}, "nothing may use the key"),
        ({"services": ["rds.amazonaws.com"]}, "'rds.amazonaws.com' is not the short name"),
        ({"services": ["*"]}, "is not the short name"),
        ({"deletion_window_days": 6, "services": []}, "deletion_window.*nothing may use"),
    ],
)
def test_mistakes_are_refused_before_anything_exists(record, changes, words):
    with pytest.raises(ValueError, match=f"'main-data': .*{words}"):
        record(lambda: build(**changes))


def test_it_can_be_published_as_a_package():
    schema = Analyzer("babyrobots").analyze([EncryptionKey])["component_definitions"][
        "EncryptionKey"
    ]

    required = {name for name, prop in schema.inputs.items() if not prop.optional}
    assert required == {"description", "accountId", "region", "services"}
    undocumented = [
        n for n, p in (*schema.inputs.items(), *schema.outputs.items()) if not p.description
    ]
    assert undocumented == []
