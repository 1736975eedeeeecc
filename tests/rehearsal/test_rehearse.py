"""The six steps together, on a small project, against the real emulator and a real policy pack."""

import json
import os
from pathlib import Path

import pytest

from rehearsal.emulator import Emulator
from rehearsal.rehearse import Observer, Status

from .conftest import PACK, PROGRAM, PROJECT, STACK, Check


def children_of_this_process() -> list[int]:
    tasks = Path(f"/proc/{os.getpid()}/task")
    if not tasks.exists():
        pytest.skip("no /proc: cannot see child processes here")
    return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]


def test_a_good_stack_is_created_and_verified(rehearse_small):
    report = rehearse_small()

    assert report.status is Status.VERIFIED, report.problems
    assert report.exit_code == 0
    assert report.outputs == {"topicArn": "arn:aws:sns:eu-west-1:111122223333:orders"}
    assert [check.ok for check in report.checks] == [True]
    assert report.counts == {
        "created": 1,
        "validated": 1,
        "component": 1,
        "planned": 0,
        "resources": 2,
    }
    assert report.rules == 4
    assert report.findings == []


def test_a_mandatory_violation_creates_nothing(rehearse_small):
    class Watch(Observer):
        created = False

        def creating(self, total):
            self.created = total > 0

    watch = Watch()
    report = rehearse_small(
        program=PROGRAM.replace('config.require("topicName")', '"forbidden"'), observer=watch
    )

    assert report.status is Status.REFUSED
    assert report.exit_code == 1
    (finding,) = report.findings
    assert (finding.rule, finding.resource, finding.level) == (
        "topic-name",
        "main-topic",
        "mandatory",
    )
    assert finding.reason == "The topic must not be called forbidden."
    assert finding.remedy == "Give it another name."
    assert finding.severity == "high"
    assert not watch.created
    assert {resource.state for resource in report.resources} <= {"planned", "component", "provider"}


def test_the_emulator_of_a_refused_stack_has_answered_no_request(rehearse_small, monkeypatch):
    seen: list[list[str]] = []
    stop = Emulator.stop

    def stopping(self):
        if self.running:
            seen.append(self.requests())
        stop(self)

    monkeypatch.setattr(Emulator, "stop", stopping)

    rehearse_small(program=PROGRAM.replace('config.require("topicName")', '"forbidden"'))
    assert seen == [[]]
    rehearse_small()
    assert seen[1:] == [["POST sns CreateTopic", "POST sqs CreateQueue", "POST sns ListTopics"]]


def test_a_violation_that_only_known_values_show_is_found_before_anything_is_created(
    rehearse_small,
):
    report = rehearse_small(program=PROGRAM.replace("self.topic.arn}}", "self.topic.name}}"))

    assert report.status is Status.REFUSED
    assert [(f.rule, f.graph) for f in report.findings] == [("queue-source", "resolved")]


def test_a_rule_that_cannot_be_evaluated_is_a_finding(rehearse_small):
    program = PROGRAM.replace(
        '"Resource": "*",', '"Resource": pulumi.Output.from_input(pulumi.UNKNOWN),'
    )
    report = rehearse_small(program=program)

    assert report.status is Status.REFUSED
    assert [(f.rule, f.kind, f.level) for f in report.findings] == [
        ("queue-source", "not evaluated", "mandatory")
    ]


def test_an_advisory_violation_is_reported_and_stops_nothing(rehearse_small):
    report = rehearse_small(policy_settings={"topic-tag": {"tag": "Owner"}})

    assert report.status is Status.VERIFIED
    assert [(f.rule, f.level, f.reason) for f in report.findings] == [
        ("topic-tag", "advisory", "The topic has no tag Owner.")
    ]


def test_a_failed_check_fails_the_rehearsal(rehearse_small):
    report = rehearse_small(verify=lambda *_, **__: [Check("promise", "thing", False, "broken")])

    assert (report.status, report.exit_code) == (Status.FAILED, 1)


def test_a_verification_that_breaks_says_where(rehearse_small):
    report = rehearse_small(verify=lambda outputs, *_, **__: [outputs["region"]])

    assert (report.status, report.exit_code) == (Status.FAILED, 1)
    assert "KeyError: 'region'" in report.problems[0]
    assert report.counts["created"] == 1


def test_a_verification_that_checks_nothing_proves_nothing(rehearse_small):
    report = rehearse_small(verify=lambda *_, **__: [])

    assert report.status is Status.FAILED


def test_a_failed_creation_says_which_and_leaves_the_rest_planned(rehearse_small):
    report = rehearse_small(stack=STACK + "  topicName: impossible\n")

    assert (report.status, report.exit_code) == (Status.FAILED, 1)
    assert report.problems == ["main-topic: sns:CreateTopic: impossible"]
    assert report.counts["created"] == 0
    assert report.counts["planned"] == 2


def test_a_type_without_handler_is_named_before_anything_is_created(rehearse_small):
    program = PROGRAM + ('aws.ecs.Cluster("web", opts=pulumi.ResourceOptions(provider=aws_))\n')
    report = rehearse_small(program=program)

    assert report.exit_code == 1
    assert "aws:ecs/cluster:Cluster" in report.problems[0]
    assert report.counts["created"] == 0


def test_a_default_provider_is_refused_when_the_stack_disables_it(rehearse_small):
    stack = STACK + "  pulumi:disable-default-providers: [aws]\n"
    program = PROGRAM + 'aws.ecs.Cluster("web")\n'
    report = rehearse_small(stack=stack, program=program)

    assert report.exit_code == 1
    assert report.problems == [
        "Default provider for 'aws' disabled. "
        "'aws:ecs/cluster:Cluster' must use an explicit provider."
    ]
    assert rehearse_small(stack=stack).status is Status.VERIFIED


def test_a_lookup_without_provider_is_refused_when_the_stack_disables_it(rehearse_small):
    stack = STACK + "  pulumi:disable-default-providers: ['*']\n"
    lookup = 'pulumi.export("account", aws.get_caller_identity_output().account_id)\n'
    report = rehearse_small(stack=stack, program=PROGRAM + lookup)
    assert report.exit_code == 1
    assert "'aws:index/getCallerIdentity:getCallerIdentity' must use" in report.problems[0]

    explicit = lookup.replace(
        "identity_output()", "identity_output(opts=pulumi.InvokeOptions(provider=aws_))"
    )
    report = rehearse_small(stack=stack, program=PROGRAM + explicit)
    # The small deployer answers no lookup: the two runs before the deployment did.
    assert "no answer for aws:index/getCallerIdentity" in report.problems[0]


def test_a_resource_that_no_policy_saw_is_not_created(rehearse_small):
    # Only in a deployment does the endpoint answer, so only then is there a second topic.
    program = (
        PROGRAM
        + """
import os

if not os.environ["AWS_ENDPOINT_URL"].endswith(":9"):
    aws.sns.Topic("late", name="late", opts=pulumi.ResourceOptions(provider=aws_))
"""
    )
    report = rehearse_small(program=program)

    assert report.exit_code == 1
    assert "was not registered until the deployment" in report.problems[0]


def test_a_remediation_changes_what_is_created(rehearse_small):
    pack = PACK.replace(
        "PolicyPack(\n",
        "def rename(args):\n"
        '    if args.resource_type == "aws:sns/topic:Topic":\n'
        '        args.props["name"] = "renamed"\n'
        "        return args.props\n\n\n"
        "PolicyPack(\n",
        1,
    ).replace(
        "    policies=[\n",
        "    policies=[\n"
        '        ResourceValidationPolicy("renames", "Renames.", remediate=rename,\n'
        "            enforcement_level=EnforcementLevel.REMEDIATE),\n",
        1,
    )
    report = rehearse_small(pack=pack)

    assert report.status is Status.VERIFIED, report.problems
    assert report.outputs["topicArn"].endswith(":renamed")
    assert [(f.rule, f.kind) for f in report.findings] == [("renames", "remediated")]


def test_a_program_that_raises_shows_its_own_lines_only(rehearse_small):
    report = rehearse_small(program="import pulumi\n\nraise KeyError('nope')\n")

    assert report.exit_code == 1
    assert "KeyError: 'nope'" in report.problems[0]
    assert "__main__.py" in report.problems[0]
    assert "runpy" not in report.problems[0]


def test_a_program_that_refuses_its_settings_is_a_bad_configuration(rehearse_small):
    report = rehearse_small(
        program="import pulumi\n\nraise pulumi.RunError('zones: give two or three')\n"
    )

    assert (report.status, report.exit_code) == (Status.MISCONFIGURED, 2)
    assert report.problems == ["zones: give two or three"]


def test_an_unknown_stack_is_a_bad_configuration(rehearse_small):
    report = rehearse_small(stack_name="tests")

    assert report.exit_code == 2
    assert "Did you mean 'test'?" in report.problems[0]


def test_a_pack_that_does_not_start_fails_with_its_own_words(rehearse_small):
    report = rehearse_small(pack="raise SystemExit('no rules today')\n")

    assert report.exit_code == 1
    assert "no rules today" in report.problems[0]


def test_a_rule_that_crashes_fails_with_the_rule_and_the_resource(rehearse_small):
    report = rehearse_small(pack=PACK.replace("want = args", "1 / 0\n        want = args"))

    assert report.exit_code == 1
    assert "main-topic" in report.problems[0]
    assert "division by zero" in report.problems[0]


SECRET = "Tr0ub4dor-is-no-password"


def test_a_secret_is_in_no_part_of_a_report(rehearse_small, monkeypatch):
    monkeypatch.setenv("REHEARSAL_CONFIG", json.dumps({"token": SECRET}))
    program = PROGRAM + (
        'token = config.require_secret("token")\n'
        'pulumi.export("token", token)\n'
        'pulumi.export("url", pulumi.Output.concat("https://u:", token, "@host"))\n'
        f'pulumi.export("leaked", "{SECRET}/path")\n'
    )
    report = rehearse_small(
        program=program,
        stack=STACK + "  token: {secure: v1:notreally}\n",
        declared=PROJECT + "  token: {type: string, secret: true}\n",
        verify=lambda outputs, *_, **__: [Check("secret", SECRET, True, outputs["token"])],
    )

    assert report.status is Status.VERIFIED, report.problems
    assert SECRET not in json.dumps(report.to_json(), default=str)
    assert report.outputs["token"] == "[secret]"
    assert report.outputs["url"] == "[secret]"
    assert report.outputs["leaked"] == "[secret]/path"


def test_a_secret_in_a_failure_is_masked(rehearse_small, monkeypatch):
    monkeypatch.setenv("REHEARSAL_CONFIG", json.dumps({"token": SECRET}))
    report = rehearse_small(
        program=f"raise ValueError('bad {SECRET}')\n",
        stack=STACK + "  token: {secure: v1:notreally}\n",
    )

    assert "bad [secret]" in report.problems[0]
    assert SECRET not in report.problems[0]


@pytest.mark.parametrize(
    "program",
    [PROGRAM, "raise ValueError\n", PROGRAM.replace('config.require("topicName")', '"forbidden"')],
    ids=["verified", "crashed", "refused"],
)
def test_no_process_outlives_a_rehearsal(rehearse_small, program):
    before = children_of_this_process()
    rehearse_small(program=program)

    assert children_of_this_process() == before


def test_a_kept_emulator_still_has_what_was_created(rehearse_small):
    kept: list[Emulator] = []
    report = rehearse_small(keep=kept.append)
    try:
        assert report.endpoint == kept[0].endpoint
        assert kept[0].running
        assert "POST sns CreateTopic" in kept[0].requests()
    finally:
        kept[0].stop()


def test_it_can_run_again_and_again_in_one_process(rehearse_small):
    first, second = rehearse_small(), rehearse_small()

    assert first.status is second.status is Status.VERIFIED
    assert [resource.urn for resource in first.resources] == [
        resource.urn for resource in second.resources
    ]
