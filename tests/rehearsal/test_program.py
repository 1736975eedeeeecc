"""The program runs as the language host runs it, again and again, and reaches no account."""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import pulumi
import pytest

from rehearsal.answers import Answerer
from rehearsal.config import load_config
from rehearsal.program import ProgramError, emulator_environment, run_project
from rehearsal.recording import UNKNOWN

from .conftest import PROGRAM, STACK

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = Answerer("111122223333", "eu-west-1")


def lookup(token, arguments):
    answer = ANSWERS.lookup(token, arguments)
    if answer is None:
        raise LookupError(token)
    return answer


def run(directory, *, preview=False, **options):
    options.setdefault("lookup", lookup)
    if not preview:
        options.setdefault("answer", ANSWERS.answer)
    return run_project(load_config(directory, "test", {}), preview=preview, **options)


def test_nothing_computed_is_known_in_a_preview(project):
    graph = run(project(), preview=True)
    assert graph.one("aws:sqs/queue:Queue").inputs["policy"] == UNKNOWN
    assert graph.exports["topicArn"] == UNKNOWN


def test_nothing_is_unknown_with_made_up_answers(project):
    graph = run(project())
    assert UNKNOWN not in graph.to_json()
    policy = json.loads(graph.one("aws:sqs/queue:Queue").inputs["policy"])
    assert policy["Statement"][0]["Condition"] == {
        "ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-west-1:111122223333:orders"}
    }


def test_both_runs_register_the_same_resources(project):
    directory = project()
    assert run(directory, preview=True).resources.keys() == run(directory).resources.keys()


EVERYTHING = """
import json
import pulumi
import pulumi_aws as aws

a = aws.Provider("aws", region="eu-west-1")
o = pulumi.ResourceOptions(provider=a)
cert = aws.acm.Certificate(
    "c", domain_name="a.example", subject_alternative_names=["b.example"], opts=o
)
db = aws.rds.Instance("d", instance_class="db.t4g.micro", engine="postgres",
                      manage_master_user_password=True, opts=o)
lb = aws.lb.LoadBalancer("l", opts=o)
repository = aws.ecr.Repository("r", opts=o)
zone = aws.route53.Zone("z", name="a.example", opts=o)
role = aws.iam.Role("role", assume_role_policy="{}", opts=o)
key = aws.kms.Key("k", opts=o)
bucket = aws.s3.Bucket("b", opts=o)
vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16", opts=o)
domain = aws.cloudfront.CachePolicy("other", parameters_in_cache_key_and_forwarded_to_origin={
    "cookies_config": {"cookie_behavior": "none"}, "headers_config": {"header_behavior": "none"},
    "query_strings_config": {"query_string_behavior": "none"}}, opts=o)
identity = aws.get_caller_identity_output(opts=pulumi.InvokeOptions(provider=a))
for name, value in {
    "records": cert.domain_validation_options.apply(
        lambda found: [option["resource_record_name"] for option in found]
    ),
    "secret": db.master_user_secrets[0].secret_arn,
    "endpoint": db.endpoint, "port": db.port, "lb": lb.arn, "suffix": lb.arn_suffix,
    "repository": repository.repository_url, "servers": zone.name_servers, "role": role.arn,
    "roleName": role.name, "key": key.arn, "bucket": bucket.arn, "vpc": vpc.id,
    "sg": vpc.default_security_group_id, "etag": domain.etag, "account": identity.account_id,
}.items():
    pulumi.export(name, value)
"""


def test_made_up_answers_have_the_form_of_real_ones(project):
    exports = run(project(program=EVERYTHING)).exports
    assert None not in exports.values()
    assert [name.split(".", 1)[1] for name in exports["records"]] == ["a.example.", "b.example."]
    assert exports["secret"].startswith("arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!")
    assert exports["endpoint"].endswith(".eu-west-1.rds.amazonaws.com:5432")
    assert exports["port"] == 5432
    assert exports["lb"].startswith(
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/l-"
    )
    assert exports["lb"].endswith(exports["suffix"])
    assert exports["suffix"].startswith("app/l-")
    assert exports["repository"].startswith("111122223333.dkr.ecr.eu-west-1.amazonaws.com/r-")
    assert len(exports["servers"]) == 4
    assert exports["role"] == f"arn:aws:iam::111122223333:role/{exports['roleName']}"
    assert exports["key"].startswith("arn:aws:kms:eu-west-1:111122223333:key/")
    assert exports["bucket"].startswith("arn:aws:s3:::b-")
    assert exports["vpc"].startswith("vpc-")
    assert exports["sg"].startswith("sg-")
    assert exports["account"] == "111122223333"
    # No entry of its own in any table: filled in from the SDK's own types.
    assert exports["etag"].startswith("etag-")


def test_the_graph_is_the_same_whatever_the_hash_seed(project):
    directory = project(
        program=EVERYTHING
        + PROGRAM.replace("import pulumi\n", "", 1).replace(
            'aws.Provider(\n    "aws"', 'aws.Provider(\n    "other"'
        )
    )
    texts = set()
    for seed in ("0", "1", "4242"):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "rehearsal",
                "graph",
                "test",
                "--format",
                "json",
                "-C",
                directory,
            ],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        texts.add(done.stdout)
    assert len(texts) == 1
    assert len(json.loads(texts.pop())["resources"]) > 10


STATEFUL = """
import helper
import pulumi

helper.SEEN.append(1)
pulumi.export("seen", len(helper.SEEN))
pulumi.export("cwd", __import__("os").getcwd())
pulumi.export("main", __name__)
pulumi.export("argv", __import__("sys").argv)
"""


def test_modules_of_the_program_are_fresh_in_every_run(project):
    directory = project(program=STATEFUL)
    (directory / "helper.py").write_text("SEEN = []\n")
    assert run(directory).exports["seen"] == 1
    assert run(directory).exports["seen"] == 1
    assert "helper" not in sys.modules


def test_a_module_of_the_same_name_is_neither_used_nor_lost(project, monkeypatch):
    directory = project(program=STATEFUL)
    (directory / "helper.py").write_text("SEEN = []\n")
    mine = type(sys)("helper")
    monkeypatch.setitem(sys.modules, "helper", mine)
    assert run(directory).exports["seen"] == 1
    assert sys.modules["helper"] is mine


def test_directory_arguments_and_path_are_the_programs_and_then_ours_again(project):
    directory = project(program=STATEFUL)
    (directory / "helper.py").write_text("SEEN = []\n")
    before = Path.cwd(), list(sys.argv), list(sys.path)
    exports = run(directory).exports
    assert exports["cwd"] == str(directory)
    assert exports["main"] == "__main__"
    assert exports["argv"] == [str(directory)]
    assert (Path.cwd(), sys.argv, sys.path) == before


def test_a_program_that_stops_the_collector_does_not_stop_ours(project):
    run(project(program="import gc\n\ngc.disable()\n"))
    assert gc.isenabled()


def test_the_main_directory_of_the_project_is_where_it_runs(project):
    directory = project()
    (directory / "Pulumi.yaml").write_text("name: demo\nruntime: python\nmain: src\n")
    (directory / "src").mkdir()
    (directory / "src" / "__main__.py").write_text("import pulumi\n\npulumi.export('here', 1)\n")
    assert run(directory).exports == {"here": 1}


def test_what_a_program_prints_is_not_on_standard_output(project, capsys):
    run(project(program="print('hello')\n"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello" in captured.err


CREDENTIALS = """
import os
import pulumi

pulumi.export("names", sorted(name for name in os.environ if name.startswith("AWS_")))
pulumi.export("values", os.environ["AWS_ACCESS_KEY_ID"] + os.environ.get("AWS_SESSION_TOKEN", ""))
pulumi.export("endpoint", os.environ["AWS_ENDPOINT_URL"])
"""


def test_no_credential_of_the_user_reaches_a_program(project, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "fake-but-mine")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "fake-session")
    monkeypatch.setenv("AWS_PROFILE", "work")
    exports = run(project(program=CREDENTIALS)).exports
    assert exports["values"] == "emulator-has-no-keys"
    assert "AWS_PROFILE" not in exports["names"]
    assert exports["endpoint"] == "http://127.0.0.1:9"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "fake-but-mine"
    assert os.environ["AWS_PROFILE"] == "work"


def test_the_environment_comes_back_after_a_failure(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    def fail():
        with emulator_environment("http://127.0.0.1:1", "r"):
            assert os.environ["AWS_REGION"] == "r"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert "AWS_ENDPOINT_URL" not in os.environ


def test_a_refusal_of_the_programs_own_is_passed_on(project):
    with pytest.raises(pulumi.RunError, match="give two zones"):
        run(project(program="import pulumi\n\nraise pulumi.RunError('give two zones')\n"))


def test_any_other_error_shows_the_programs_lines(project):
    directory = project(program="def f():\n    return 1 / 0\n\n\nf()\n")
    with pytest.raises(ProgramError) as caught:
        run(directory)
    assert "in f" in str(caught.value)
    assert "ZeroDivisionError" in str(caught.value)
    assert "runpy" not in str(caught.value)


def test_after_a_failed_answer_nothing_more_is_asked(project):
    asked = []

    def answer(registration):
        asked.append(registration.name)
        raise ValueError("no")

    topics = "".join(
        f"aws.sns.Topic('t{n}', opts=pulumi.ResourceOptions(provider=aws_))\n" for n in range(20)
    )
    with pytest.raises(ValueError, match="no"):
        run(project(program=PROGRAM + topics), answer=answer)
    assert len(asked) == 1


def test_an_unanswered_lookup_is_an_error(project):
    program = "import pulumi_aws as aws\n\naws.ec2.get_ami_output(owners=['amazon'])\n"
    with pytest.raises(LookupError, match="getAmi"):
        run(project(program=program))


def test_config_reaches_the_program_with_its_secrets(project):
    directory = project(
        program="import pulumi\n\n"
        "pulumi.export('t', pulumi.Config().require_secret('topicName'))\n",
        stack=STACK + "  topicName: {secure: v1:abc}\n",
    )
    graph = run(directory)
    assert graph.secret_exports == {"t"}
