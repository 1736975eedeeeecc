"""A report says everything once, in words for people or as one document."""

import dataclasses
import io
import json

import pytest
from rich.console import Console

from rehearsal.analyzer import Finding
from rehearsal.critical_path import CriticalPath, Step
from rehearsal.masking import Masker
from rehearsal.recording import run_program
from rehearsal.rehearse import (
    CheckResult,
    Report,
    ResourceState,
    Status,
    ValidatedOperation,
)
from rehearsal.rehearse import Step as Phase
from rehearsal.report import ConsoleObserver, as_json, make_console, show


def finding(**changes):
    values = {
        "rule": "topic-name",
        "urn": "urn:t",
        "resource": "orders",
        "type": "aws:sns/topic:Topic",
        "level": "mandatory",
        "reason": "Called [bold]forbidden[/bold].",
        "remedy": "Rename it.",
        "severity": "high",
        "url": "",
    }
    return Finding(**{**values, **changes})


def report(**changes):
    state = {"urn": "urn:t", "type": "aws:sns/topic:Topic", "name": "orders", "parent": "urn:c"}
    values = {
        "stack": "test",
        "project": "demo",
        "status": Status.VERIFIED,
        "resources": [
            ResourceState(
                urn="urn:c",
                type="demo:index:Inbox",
                name="inbox",
                parent="",
                id="",
                state="component",
            ),
            ResourceState(**state, id="arn:orders", state="created"),
            ResourceState(**{**state, "urn": "urn:u", "name": "later"}, id="", state="validated"),
        ],
        "rules": 4,
        "validated": [
            ValidatedOperation(
                type="aws:sns/topic:Topic",
                name="later",
                operation="sns:CreateTopic",
                reason="a known gap",
            )
        ],
        "checks": [CheckResult(name="promise", subject="orders", ok=True, detail="kept")],
        "outputs": {"url": "https://a.example", "list": [1, 2]},
        "path": CriticalPath(
            steps=(Step(urn="urn:t", type="t", name="orders", seconds=125, starts=0),),
            one_by_one=130,
            dated="2026-11-23",
        ),
        "notes": ["token was replaced"],
        "seconds": {"total": 3.21},
    }
    return Report(**{**values, **changes})


def shown(what, *, plain=True):
    stream = io.StringIO()
    show(what, make_console(plain=plain, file=stream))
    return stream.getvalue()


def test_it_shows_tree_tables_outputs_notes_and_verdict():
    text = shown(report())

    lines = text.splitlines()
    assert lines[:4] == [
        "demo · test",
        "└── inbox Inbox",
        "    ├── ≈ Topic later",
        "    └── ✔ Topic orders arn:orders",
    ]
    for words in (
        "Policies: 4 rules, no violation.",
        "Validated, not created",
        "sns:CreateTopic",
        "a known gap",
        "promise",
        "url   https://a.example",
        "list  [1, 2]",
        "Note: token was replaced",
        "Resources: 2 in 1 components; 1 created, 1 only validated.",
        "about 2 min 5 s (critical path of 1 resources; typical creation times of 2026-11-23)",
    ):
        assert words in text, words
    assert lines[-1] == "Verified · test · 3.2 s"


def test_a_refusal_shows_the_findings_and_no_tree():
    text = shown(report(status=Status.REFUSED, findings=[finding()], checks=[], validated=[]))

    assert "✔" not in text
    # What a rule says is text, never markup.
    assert "Called [bold]forbidden[/bold]." in text
    assert "→ Rename it." in text
    assert "Policies: 4 rules, 1 mandatory." in text
    assert "Refused by policy: nothing was created · test" in text


def test_a_rule_that_was_not_evaluated_is_called_so():
    text = shown(report(status=Status.REFUSED, findings=[finding(kind="not evaluated")]))
    assert "1 not evaluated." in text


def test_a_failed_check_is_counted_in_the_verdict():
    bad = CheckResult(name="promise", subject="orders", ok=False, detail="broken")
    text = shown(report(status=Status.FAILED, checks=[bad]))
    assert "FAILED" in text
    assert "Failed: 1 of 1 checks · test" in text


@pytest.mark.parametrize("plain", [True, False])
def test_an_arn_is_shown_letter_by_letter(plain):
    # rich reads `:secret:` as the name of a picture unless told otherwise.
    text = shown(report(outputs={"secret": "arn:aws:x:secret:name"}), plain=plain)
    assert "arn:aws:x:secret:name" in text


def test_a_check_that_had_nothing_to_look_at_is_not_shown_as_kept():
    skipped = CheckResult(
        name="promise", subject="orders", ok=True, detail="no traffic", looked_at=False
    )
    text = shown(report(checks=[skipped]))
    assert "skipped" in text
    assert " ok " not in text


def test_plain_output_has_no_control_characters_and_one_width():
    text = shown(report(findings=[finding()]))
    assert "\x1b" not in text
    assert "\r" not in text
    assert max(len(line) for line in text.splitlines()) <= 120


def test_plain_progress_is_lines():
    stream = io.StringIO()
    observer = ConsoleObserver(make_console(plain=True, file=stream), plain=True)
    (registration,) = run_program(_topic, preview=True)
    observer.step(Phase.DEPLOY)
    observer.creating(1)
    observer.resource(registration, "creating")
    observer.resource(registration, "created")
    observer.close()
    assert stream.getvalue() == "Creating the resources ...\n  created Topic orders\n"


def test_the_bar_counts_what_is_done_and_goes_away():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    observer = ConsoleObserver(console, plain=False)
    (registration,) = run_program(_topic, preview=True)
    observer.creating(2)
    observer.resource(registration, "creating")
    observer.resource(registration, "validated")
    assert observer._progress is not None
    assert observer._progress.tasks[0].completed == 1
    assert observer._progress.tasks[0].total == 2
    observer.close()
    observer.close()
    assert "1/2" in stream.getvalue()


def _topic():
    import pulumi_aws as aws

    aws.sns.Topic("orders")


def test_the_document_has_everything():
    document = json.loads(as_json(report(findings=[finding()])))

    assert document["status"] == "verified"
    assert document["exitCode"] == 0
    assert document["counts"] == {
        "created": 1,
        "validated": 1,
        "component": 1,
        "planned": 0,
        "resources": 2,
    }
    assert document["findings"][0]["rule"] == "topic-name"
    assert document["criticalPath"]["seconds"] == 125
    assert document["checks"] == [
        {
            "name": "promise",
            "subject": "orders",
            "ok": True,
            "detail": "kept",
            "looked_at": True,
        }
    ]
    fields = {field.name for field in dataclasses.fields(Report)}
    renamed = {"path": "criticalPath", "account_id": "accountId"}
    assert {renamed.get(name, name) for name in fields} <= document.keys()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.VERIFIED, 0),
        (Status.REFUSED, 1),
        (Status.FAILED, 1),
        (Status.MISCONFIGURED, 2),
    ],
)
def test_each_status_has_its_exit_code(status, code):
    assert report(status=status).exit_code == code


def test_a_masker_finds_secrets_anywhere_and_longest_first(monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "from-the-environment")
    masker = Masker()
    masker.add(["open-sesame", "open-sesame-twice", "no"])

    assert masker.text("x open-sesame-twice y open-sesame") == "x [secret] y [secret]"
    assert masker.text("from-the-environment") == "[secret]"
    assert masker.text("no") == "no"
    assert masker.value({"open-sesame": ["a", ("open-sesame",)], "n": 1}) == {
        "[secret]": ["a", ["[secret]"]],
        "n": 1,
    }


def test_a_masker_learns_the_secrets_of_a_graph():
    import pulumi
    import pulumi_aws as aws

    def build():
        aws.sns.Topic("t", display_name=pulumi.Output.secret("hidden-name"))
        aws.ssm.Parameter("p", type="String", value="plain-value", tags={"n": "open"})
        pulumi.export("token", pulumi.Output.secret({"a": ["hidden-token"], "n": 12345}))

    def answer(registration):
        return registration.name, {}

    masker = Masker()
    masker.learn(run_program(build, answer=answer))
    # The SDK itself makes a parameter's value a secret.
    assert masker.text("hidden-name hidden-token plain-value 12345 open") == (
        "[secret] [secret] [secret] [secret] open"
    )
    assert masker.value(12345) == "[secret]"
