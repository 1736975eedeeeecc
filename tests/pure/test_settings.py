"""What `Settings` accepts, what it refuses, and how it says so. No resource is created here."""
# ruff: noqa: E501 - tables of mistakes read best with one to a line

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis
import pulumi
import pytest
import yaml
from botocore.loaders import Loader
from hypothesis import strategies as st

from components.fargate_choices import Capacity
from components.subnets import NatStrategy
from configuration.profiles import PROFILES, Overrides, Stage
from configuration.services import Kind
from configuration.values import LOG_RETENTION_DAYS, windows_overlap
from docs import configuration
from rehearsal.config import load_config
from rehearsal.recording import run_program
from settings import ENVIRONMENT_VARIABLES, Settings, read_config
from tests import strategies
from tests.strategies import DIGEST, MUTATIONS, Mutation, Values, encode, minimal

ROOT = Path(__file__).parents[2]
STACKS = ("local", "staging", "production")
PASSWORD = "correct-horse-battery"
NO_DEADLINE = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)


def parse(
    values: Values, environment: dict[str, str] | None = None, stack: str = "pr-7"
) -> Settings:
    return Settings.parse(encode(values), environment or {}, stack=stack)


def refusal(
    values: Values, environment: dict[str, str] | None = None, stack: str = "pr-7"
) -> dict[str, dict[str, str]]:
    """The error, taken apart: `{"key": {"is": ..., "rule": ..., "instead": ...}}`."""
    with pytest.raises(pulumi.RunError) as error:
        parse(values, environment, stack)
    return taken_apart(str(error.value))


def outcome(config: dict[str, str]) -> str:
    """The error that a configuration causes; "" for none. Anything but a RunError passes through."""
    try:
        Settings.parse(config, {}, stack="pr-7")
    except pulumi.RunError as error:
        return str(error)
    return ""


def taken_apart(message: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    key = ""
    for line in message.splitlines()[1:]:
        if match := re.match(r"    (is|rule|instead): +(.*)", line):
            assert match[2], f"{key} leaves {match[1]} empty"
            previous = found[key].get(match[1])
            found[key][match[1]] = f"{previous} | {match[2]}" if previous else match[2]
        elif line.strip():
            key = line.strip()
            found.setdefault(key, {})
    return found


def with_service(**changes: Any) -> Values:
    values = minimal()
    service = values["services"][0]
    for key, value in changes.items():
        if value is None:
            service.pop(key)
        else:
            service[key] = value
    return values


def test_the_fewest_keys_make_a_stack_and_the_rest_is_safe():
    settings = parse(minimal())

    assert settings.region == "eu-west-1"
    assert settings.stage is Stage.STAGING
    assert str(settings.network_cidr) == "10.0.0.0/16"
    assert settings.flow_logs
    assert not settings.database.enabled
    assert not settings.execute_command
    assert settings.hostnames == ("api.staging.babyrobots.example",)
    assert settings.tags == {
        "Stage": "staging",
        "Owner": "platform",
        "CostCenter": "indii-music",
    }
    (service,) = settings.services
    assert service.kind is Kind.PUBLIC
    assert (service.min, service.desired_count, service.max) == (2, 2, 4)


# --- the three stack files -------------------------------------------------------------------


@pytest.mark.parametrize("stack", STACKS)
def test_our_own_stacks_are_accepted(stack):
    settings = Settings.parse(load_config(ROOT, stack).values, {}, stack=stack)

    assert settings.waiting_services == ()
    assert {service.name: service.kind.value for service in settings.services} == {
        "api": "public",
        "worker": "worker",
        "nightly": "job",
    }


def test_the_stack_files_have_the_same_keys_in_the_same_order():
    files = [yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text()) for stack in STACKS]
    keys = [list(file["config"]) for file in files]

    assert keys[0] == keys[1] == keys[2]
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    own = [key.removeprefix("babyrobots:") for key in keys[0] if key.startswith("babyrobots:")]
    assert own == list(declared), "a stack file leaves a key out, or has them in another order"


def test_a_staging_service_says_everything_that_its_production_twin_says():
    staging, production = (
        yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]["babyrobots:services"]
        for stack in ("staging", "production")
    )

    assert [list(service) for service in staging] == [list(service) for service in production]


@pytest.mark.parametrize("stack", STACKS)
def test_default_providers_are_disabled_in_every_stack_file(stack):
    assert load_config(ROOT, stack).disabled_default_providers == {"aws"}


def test_only_the_local_stack_is_emulated_and_nothing_of_it_must_survive():
    found = {
        stack: Settings.parse(load_config(ROOT, stack).values, {}, stack=stack) for stack in STACKS
    }

    assert [stack for stack, settings in found.items() if settings.emulated] == ["local"]
    assert found["local"].stage is Stage.TEMPORARY
    assert not found["local"].profile.wait_for_steady_state
    assert found["production"].overrides == found["staging"].overrides == Overrides()


def test_a_third_stack_runs_on_required_keys_only(tmp_path):
    values = {**minimal(), "stage": "temporary"}
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    own = {key if ":" in key else f"babyrobots:{key}": value for key, value in values.items()}
    (tmp_path / "Pulumi.pr-7.yaml").write_text(yaml.safe_dump({"config": own}))

    settings = Settings.parse(load_config(tmp_path, "pr-7").values, {}, stack="pr-7")

    assert settings == parse(values), "the defaults of Pulumi.yaml and of settings.py differ"
    assert settings.profile.force_destroy


# --- what is generated ---------------------------------------------------------------------------


def test_the_reference_is_current():
    assert (ROOT / "docs/configuration.md").read_text() == configuration.reference(), (
        "run `python -m docs.configuration`"
    )


def test_the_schema_in_the_project_file_is_current():
    text = (ROOT / "Pulumi.yaml").read_text()

    assert text == configuration.project_text(text), "run `python -m docs.configuration`"
    schema = yaml.safe_load(text)["config"]
    for key, declared in schema.items():
        assert declared["type"] in ("string", "integer", "boolean", "array", "object"), key
        assert declared["description"], key
        assert (declared["type"] == "array") == ("items" in declared), key
    required = {key for key, declared in schema.items() if "default" not in declared}
    assert required == set(minimal()) - {"aws:region"}


def test_every_key_of_every_group_is_documented():
    text = (ROOT / "docs/configuration.md").read_text()

    for model, path, _ in configuration._GROUPS:
        assert f"## `{path}`" in text
        for field in model.model_fields.values():
            assert f"| `{field.alias}` |" in text
            assert field.description
    for variable in ENVIRONMENT_VARIABLES:
        assert f"| `{variable}` |" in text


# --- refusals -----------------------------------------------------------------------------------

REFUSALS: list[tuple[str, Values, str, str, str, str]] = [
    # name, changed values, key, what is shown, the rule, the way out
    ("not private", {"networkCidr": "52.0.0.0/16"}, "networkCidr", '"52.0.0.0/16"', "RFC 1918", "10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"),
    ("half private", {"networkCidr": "172.0.0.0/8"}, "networkCidr", "172.0.0.0/8", "RFC 1918", "10.0.0.0/16"),
    ("too large", {"networkCidr": "10.0.0.0/15"}, "networkCidr", '"10.0.0.0/15"', "/16 at most", "write 10.0.0.0/16"),
    ("too small", {"networkCidr": "10.3.1.0/24"}, "networkCidr", '"10.3.1.0/24"', "/20", "write 10.3.0.0/20"),
    ("no network address", {"networkCidr": "10.3.1.0/16"}, "networkCidr", '"10.3.1.0/16"', "first address", "write 10.3.0.0/16"),
    ("no range", {"networkCidr": "ten"}, "networkCidr", '"ten"', "CIDR", "10.0.0.0/16"),
    ("one zone", {"zones": ["eu-west-1a"]}, "zones", '["eu-west-1a"]', "2 to 6 zones", "[eu-west-1a, eu-west-1b]"),
    ("seven zones", {"zones": [f"eu-west-1{c}" for c in "abcdefg"]}, "zones", "eu-west-1e", "2 to 6 zones", "eu-west-1f]"),
    ("a zone twice", {"zones": ["eu-west-1a", "eu-west-1a"]}, "zones[1]", '"eu-west-1a"', "once", "another zone"),
    ("another region's zone", {"zones": ["eu-west-1a", "eu-west-2b"]}, "zones[1]", '"eu-west-2b"', "aws:region, which is eu-west-1", "eu-west-1a to eu-west-1f"),
    ("a local zone", {"zones": ["eu-west-1a", "us-west-2-lax-1a"]}, "zones[1]", "us-west-2-lax-1a", "Availability Zone", "eu-west-1a"),
    ("a stage that is none", {"stage": "prod"}, "stage", '"prod"', "temporary, staging or production", 'did you mean "production"?'),
    ("no DNS name", {"hostname": "https://API.example/"}, "hostname", "https://API.example/", "lower case", "api.babyrobots.example"),
    ("a host outside the zone", {"hostname": "api.babyrobots.example"}, "hostname", '"api.babyrobots.example"', "staging.babyrobots.example", "write api.staging.babyrobots.example"),
    ("a host that only ends alike", {"hostname": "evilstaging.babyrobots.example"}, "hostname", "evilstaging", "staging.babyrobots.example", "evilstaging.staging.babyrobots.example"),
    ("a name too long for a certificate", {"hostname": f"{'a' * 60}.staging.babyrobots.example"}, "hostname", "aaa", "64 characters", "shorter"),
    ("nobody may issue", {"caaIssuers": ["letsencrypt.org"]}, "caaIssuers", "letsencrypt.org", "Amazon must be allowed", "amazon.com"),
    ("no digest", {"imageDigest": "latest"}, "imageDigest", '"latest"', "digest", "64 hex digits"),
    ("two sources of the image", {"imageDigest": DIGEST, "imageBuild": "./app"}, "imageBuild", "./app", "either built here or named", 'imageBuild: ""'),
    ("a build outside the project", {"imageBuild": "../other"}, "imageBuild", "../other", "folder of the project", "./app"),
    ("no account", {"accountId": "1234"}, "accountId", '"1234"', "12 digits", "quotes"),
    ("no tag value", {"owner": "a*b"}, "owner", '"a*b"', "letters, digits", "platform"),
    ("an unknown endpoint", {"interfaceEndpoints": ["ecr.ap"]}, "interfaceEndpoints[0]", '"ecr.ap"', "ecr.api", 'did you mean "ecr.api"?'),
    ("an endpoint twice", {"interfaceEndpoints": ["logs", "logs"]}, "interfaceEndpoints[1]", '"logs"', "once", "remove it"),
    ("no way to the image", {"overrides": {"natStrategy": "none"}, "interfaceEndpoints": ["logs"]}, "interfaceEndpoints", '["logs"]', "without NAT", "add ecr.api and ecr.dkr"),
    ("no switch", {"ipv6": "yes"}, "ipv6", '"yes"', "true or false", "without quotes"),
    ("a number for a switch", {"flowLogs": 1}, "flowLogs", '"1"', "true or false", "write true"),
    ("an old database", {"database": {"engineVersion": "12"}}, "database.engineVersion", '"12"', "14 or newer", '"17"'),
    ("no instance class", {"database": {"instanceClass": "t4g.micro"}}, "database.instanceClass", "t4g.micro", "db.<family>.<size>", "db.t4g.micro"),
    ("a reserved database name", {"database": {"name": "User"}}, "database.name", '"User"', "reserved word", "babyrobots"),
    ("no database name", {"database": {"name": "1st"}}, "database.name", '"1st"', "letter first", "babyrobots"),
    ("too little storage", {"database": {"allocatedStorageGib": 5}}, "database.allocatedStorageGib", "5", "20 to 65536", "write 20"),
    ("storage that cannot grow", {"database": {"allocatedStorageGib": 100, "maxAllocatedStorageGib": 105}}, "database.maxAllocatedStorageGib", "105", "a tenth above allocatedStorageGib, 100", "write 110 or more, or 0"),
    ("a short backup window", {"database": {"backupWindow": "02:00-02:15"}}, "database.backupWindow", "02:00-02:15", "30 minutes", "02:00-03:00"),
    ("no maintenance window", {"database": {"maintenanceWindow": "Sun:03:30-Sun:04:30"}}, "database.maintenanceWindow", "Sun:03", "lower case", "sun:03:30-sun:04:30"),
    ("windows that overlap", {"database": {"maintenanceWindow": "sat:23:00-sun:02:01"}}, "database.maintenanceWindow", "sat:23:00", "02:00-03:00 every day", "begins after"),
    ("a retention CloudWatch has not", {"overrides": {"logRetentionDays": 10}}, "overrides.logRetentionDays", "10", "1, 3, 5, 7, 14, 30", "write 7 or 14"),
    ("a retention beyond the last", {"overrides": {"logRetentionDays": 9999}}, "overrides.logRetentionDays", "9999", "3653", "write 3653"),
    ("backups for too long", {"overrides": {"backupRetentionDays": 36}}, "overrides.backupRetentionDays", "36", "0 to 35", "write 35"),
    ("an unknown strategy of NAT", {"overrides": {"natStrategy": "per-zone"}}, "overrides.natStrategy", '"per-zone"', "none, single, per_zone or regional", 'did you mean "per_zone"?'),
    ("an unknown override", {"overrides": {"multiAZ": True}}, "overrides.multiAZ", "true", "no such key", 'did you mean "multiAz"?'),
    ("staging losing data", {"overrides": {"forceDestroy": True}}, "overrides.forceDestroy", "true", "temporary stack", "remove forceDestroy"),
    ("a free budget", {"budget": {"monthlyUsd": 0}}, "budget.monthlyUsd", "0", "1 to 1000000", "write 1"),
    ("a ceiling in euros", {"budget": {"ceilingUsd": "80 EUR"}}, "budget.ceilingUsd", '"80 EUR"', "whole number", "write 1 to 1000000"),
    ("a budget of nobody", {"budget": {"scope": "team"}}, "budget.scope", '"team"', "account or stack", "account or stack"),
    ("a monitor nobody hears", {"budget": {"anomalyMonitorArn": "arn:aws:ce::123456789012:anomalymonitor/m-1"}}, "budget.anomalyMonitorArn", "anomalymonitor", "anomalies is false", "anomalies: true"),
    ("a night of no length", {"overrides": {"offHours": {"stop": "06:00"}}}, "overrides.offHours.stop", '"06:00"', "different times", "enabled: false"),
    ("no time", {"overrides": {"offHours": {"stop": "8pm"}}}, "overrides.offHours.stop", '"8pm"', "24-hour", '"20:00"'),
    ("a range with a host", {"waf": {"deniedRanges": ["203.0.113.9/24"]}}, "waf.deniedRanges[0]", '"203.0.113.9/24"', "first address", "write 203.0.113.0/24"),
    ("everyone", {"waf": {"deniedRanges": ["::/0"]}}, "waf.deniedRanges[0]", '"::/0"', "no /0", "the ranges that are meant"),
    ("no range to allow", {"waf": {"allowedRanges": ["office"]}}, "waf.allowedRanges[0]", '"office"', "CIDR", "203.0.113.7/32"),
    ("allowed in vain", {"waf": {"allowedRanges": ["192.0.2.0/25"], "deniedRanges": ["192.0.2.0/24"]}}, "waf.allowedRanges[0]", '"192.0.2.0/25"', "a denied range wins", "deny less"),
    ("an effect that is none", {"waf": {"common": {"action": "allow"}}}, "waf.common.action", '"allow"', "block or count", "write block or count"),
    ("a group that is none", {"waf": {"comon": {}}}, "waf.comon", "{}", "no such key", 'did you mean "common"?'),
    ("a rule's name that is none", {"waf": {"common": {"countedRules": ["size body"]}}}, "waf.common.countedRules[0]", '"size body"', "as AWS names it", "CrossSiteScripting_BODY"),
    ("too low a rate", {"waf": {"rateLimit": 5}}, "waf.rateLimit", "5", "10 to 2000000000", "write 10"),
    ("one limit twice", {"waf": {"pathRateLimits": [{"path": "/a/b", "limit": 10}, {"path": "/a-b", "limit": 10}]}}, "waf.pathRateLimits[1].path", '"/a-b"', "one limit", "remove it"),
    ("more of a body than WAF sees", {"waf": {"bodyLimitKib": 16}}, "waf.bodyLimitKib", "16", "8 KiB", "waf.largeBodyPaths"),
    ("services that are no list", {"services": {"api": {}}}, "services", '{"api": {}}', "a list", "- items"),
    ("no service", {"services": []}, "services", "[]", "at least one", "- name: api"),
]  # fmt: skip

SERVICE_REFUSALS: list[tuple[str, Values, str, str, str, str]] = [
    ("a misspelt key", {"desird": 3}, "desird", "3", "no such key", 'did you mean "desired"?'),
    ("an unheard-of key", {"zzz": 3}, "zzz", "3", "no such key", "the keys are architecture, cache"),
    ("a bad name", {"name": "API_1"}, "name", '"API_1"', "a-z", "write a short role"),
    ("no pair", {"cpu": 256, "memory": 4096}, "cpu", '{"cpu": 256, "memory": 4096}', "does not sell", "cpu: 512 with memory: 4096"),
    ("too much CPU", {"cpu": 65536}, "cpu", "65536", "256 to 32768", "write 32768"),
    ("CPU that is no number", {"cpu": True}, "cpu", "true", "whole number", "256"),
    ("half a CPU", {"cpu": 0.5}, "cpu", "0.5", "whole number", "256"),
    ("min above max", {"min": 5, "max": 4}, "min", "5", "at most max, which is 4", "write min: 4 or max: 5"),
    ("desired above max", {"desired": 9, "max": 4}, "desired", "9", "2 to 4", "leave desired out"),
    ("desired below min", {"desired": 1}, "desired", "1", "2 to 4", "a number of 2 to 4"),
    ("a port too high", {"port": 70000}, "port", "70000", "1024 to 65535", "write 65535"),
    ("a port for root", {"port": 443}, "port", "443", "no root", "write 1024"),
    ("unknown capacity", {"capacity": "ondemand"}, "capacity", '"ondemand"', "on_demand, spot or mixed", 'did you mean "on_demand"?'),
    ("unknown strategy", {"strategy": "roling"}, "strategy", '"roling"', "is rolling", 'did you mean "rolling"?'),
    ("a strategy to come", {"strategy": "blue_green"}, "strategy", '"blue_green"', "is rolling", "write rolling"),
    ("unknown architecture", {"architecture": "arm64"}, "architecture", '"arm64"', "ARM64 or X86_64", 'did you mean "ARM64"?'),
    ("no image", {"image": "Not An Image"}, "image", "Not An Image", "repository[:tag]", "sha256"),
    ("root", {"user": "0:10001"}, "user", '"0:10001"', "runs as root", '"10001:10001"'),
    ("root by name", {"user": "root"}, "user", '"root"', "runs as root", "10001"),
    ("no command", {"command": "serve"}, "command", '"serve"', "a list", "[a, b]"),
    ("a fraction in the environment", {"environment": {"RATE": 1.10}}, "environment.RATE", "1.1", "text, a whole number", '"1.10"'),
    ("no variable", {"environment": {"A-B": "x"}}, "environment.A-B", '"A-B"', "no digit first", "LOG_LEVEL"),
    ("a variable twice", {"environment": {"A": "x"}, "secrets": {"A": "app/a"}}, "environment.A", '"x"', "also in secrets", "remove A"),
    ("a value as a secret", {"secrets": {"API": "not-a-real-one"}}, "secrets.API", '"[secret]"', "referred to, never written", "Secrets Manager"),
    ("a path without slash", {"public": {"paths": ["v1"]}}, "public.paths[0]", '"v1"', "begin with /", "/v1/*"),
    ("a wildcard inside", {"public": {"paths": ["/v*/x"]}}, "public.paths[0]", '"/v*/x"', "final /*", "/v1/*"),
    ("too many paths", {"public": {"paths": [f"/{i}" for i in range(5)]}}, "public", "/0", "holds 5", "prefix"),
    ("a host outside", {"public": {"host": "x.example"}}, "public.host", '"x.example"', "staging.babyrobots.example", "write x.staging"),
    ("a check too often", {"healthCheck": {"intervalSeconds": 1}}, "healthCheck.intervalSeconds", "1", "6 to 300", "write 6"),
    ("no codes", {"healthCheck": {"matcher": "2xx"}}, "healthCheck.matcher", '"2xx"', "200 to 499", '"200-299"'),
    ("a slow stop", {"stopTimeoutSeconds": 121}, "stopTimeoutSeconds", "121", "2 to 120", "write 120"),
    ("a target of nothing", {"scaling": {"cpuPercent": 0}}, "scaling.cpuPercent", "0", "10 to 90", "write 10"),
    ("no database", {"database": True}, "database", "true", "no database", "enabled: true"),
    ("no cache", {"cache": True}, "cache", "true", "no cache", "mode: node"),
    ("itself", {"connectsTo": ["api"]}, "connectsTo[0]", '"api"', "itself", "remove it"),
    ("nobody", {"connectsTo": ["billing"]}, "connectsTo[0]", '"billing"', "no such service", "remove it"),
    ("a time zone without a schedule", {"timezone": "UTC"}, "timezone", '"UTC"', "belongs to a schedule", "remove timezone"),
    ("a public worker", {"port": None}, "port", "not set", "listens on a port", "port: 8080"),
    ("a job that listens", {"schedule": "rate(1 day)"}, "port", "8080", "means nothing for a job", "remove port"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "key", "value", "rule", "instead"),
    [pytest.param(*case[1:], id=case[0]) for case in REFUSALS],
)
def test_a_mistake_is_refused_with_key_value_rule_and_way_out(changes, key, value, rule, instead):
    problems = refusal({**minimal(), **changes})

    assert list(problems) == [f"babyrobots:{key}"], "one mistake is one problem"
    said = problems[f"babyrobots:{key}"]
    assert value in said["is"]
    assert rule in said["rule"]
    assert instead in said["instead"]


@pytest.mark.parametrize(
    ("changes", "key", "value", "rule", "instead"),
    [pytest.param(*case[1:], id=case[0]) for case in SERVICE_REFUSALS],
)
def test_a_mistake_in_a_service_is_refused(changes, key, value, rule, instead):
    problems = refusal(with_service(**changes))

    said = problems[f"babyrobots:services[0].{key}"]
    assert value in said["is"]
    assert rule in said["rule"]
    assert instead in said["instead"]


SCHEDULES = [
    ("cron(0 3 * * ? *)", True),
    ("cron(0/15 8-18 ? * MON-FRI *)", True),
    ("cron(0 0 L * ? 2027-2030)", True),
    ("cron(0 12 ? * 6#3 *)", True),
    ("cron(0 12 ? jan,JUL fri-mon *)", True),
    ("rate(1 hour)", True),
    ("rate(5 minutes)", True),
    ("at(2027-01-31T06:00:00)", True),
    ("0 3 * * *", False),
    ("cron(0 3 * * *)", False),
    ("cron(0 3 * * * *)", False),
    ("cron(0 3 ? * ? *)", False),
    ("cron(60 3 * * ? *)", False),
    ("cron(0 24 * * ? *)", False),
    ("cron(0 3 32 * ? *)", False),
    ("cron(30-10 3 * * ? *)", False),
    ("cron(0/0 3 * * ? *)", False),
    ("rate(1 hours)", False),
    ("rate(0 hours)", False),
    ("rate(2 hour)", False),
    ("rate(1 week)", False),
    ("at(2027-02-30T06:00:00)", False),
    ("", False),
]


@pytest.mark.parametrize(("expression", "accepted"), SCHEDULES)
def test_a_schedule_is_one_that_eventbridge_scheduler_takes(expression, accepted):
    values = {**minimal(), "services": [{"name": "night", "schedule": expression}]}

    if accepted:
        assert parse(values).services[0].kind is Kind.JOB
    else:
        assert list(refusal(values)) == ["babyrobots:services[0].schedule"]


def test_log_retention_is_what_the_service_model_of_aws_lists():
    model = Loader().load_service_model("logs", "service-2")
    described = model["shapes"]["Days"]["documentation"].partition("Possible values are")[2]

    # The text goes on to how events are kept for ever, without another number.
    assert tuple(int(number) for number in re.findall(r"\d+", described)) == LOG_RETENTION_DAYS


@NO_DEADLINE
@hypothesis.given(
    backup=st.tuples(st.integers(0, 1439), st.integers(30, 300)),
    maintenance=st.tuples(st.integers(0, 7 * 1440 - 1), st.integers(30, 1440)),
)
def test_windows_overlap_when_they_share_a_minute(backup, maintenance):
    def clock(minutes: int) -> str:
        return f"{minutes // 60 % 24:02}:{minutes % 60:02}"

    def moment(minutes: int) -> str:
        return f"{['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][minutes // 1440 % 7]}:{clock(minutes)}"

    start, length = maintenance
    in_maintenance = {minute % (7 * 1440) for minute in range(start, start + length)}
    in_backup = {
        (day * 1440 + minute) % (7 * 1440)
        for day in range(7)
        for minute in range(backup[0], sum(backup))
    }

    assert windows_overlap(
        f"{clock(backup[0])}-{clock(sum(backup))}", f"{moment(start)}-{moment(start + length)}"
    ) == bool(in_maintenance & in_backup)


def test_a_job_has_nothing_of_a_service_and_no_mixed_capacity():
    job = {"name": "night", "schedule": "rate(1 day)", "min": 1, "max": 2, "capacity": "mixed"}

    problems = refusal({**minimal(), "services": [job]})

    assert set(problems) == {f"babyrobots:services[0].{key}" for key in ("min", "max", "capacity")}


def test_an_unknown_time_zone_is_refused_with_the_nearest():
    job = {"name": "night", "schedule": "rate(1 day)", "timezone": "Europe/Londn"}

    problems = refusal({**minimal(), "services": [job]})

    assert "Europe/London" in problems["babyrobots:services[0].timezone"]["instead"]


def test_two_services_of_one_name_are_refused():
    values = {**minimal(), "services": [{"name": "api", "port": 8080}, {"name": "api"}]}

    problems = refusal(values)

    assert "services[0] has it" in problems["babyrobots:services[1].name"]["rule"]


def test_two_services_cannot_claim_one_host_and_path():
    values = minimal()
    values["services"].append({"name": "web", "port": 8080, "public": {}})

    problems = refusal(values)

    said = problems["babyrobots:services[1].public"]
    assert "api and web both claim host api.staging.babyrobots.example, path /*" in said["rule"]
    assert said["instead"] == "give it to one of them"


def test_two_services_may_share_a_host_or_a_path():
    values = minimal()
    other_path = {"name": "web", "port": 8080, "public": {"paths": ["/web/*"]}}
    other_host = {"name": "hooks", "port": 8080, "public": {"host": "h.staging.babyrobots.example"}}
    values["services"] += [other_path, other_host]

    settings = parse(values)

    assert settings.hostnames == (
        "api.staging.babyrobots.example",
        "h.staging.babyrobots.example",
    )


def test_a_connection_leads_to_a_service_that_listens():
    values = minimal()
    values["services"] += [
        {"name": "worker", "connectsTo": ["api"]},
        {"name": "other", "connectsTo": ["worker", "apii", "api", "api"]},
    ]

    problems = refusal(values)

    assert set(problems) == {f"babyrobots:services[2].connectsTo[{i}]" for i in (0, 1, 3)}
    assert "is a worker" in problems["babyrobots:services[2].connectsTo[0]"]["rule"]
    assert 'did you mean "api"?' in problems["babyrobots:services[2].connectsTo[1]"]["instead"]


# --- production ---------------------------------------------------------------------------------


def production(**overrides: Any) -> Values:
    return {**minimal(), "stage": "production", "imageDigest": DIGEST, "overrides": overrides}


@pytest.mark.parametrize(
    ("overrides", "key", "rule"),
    [
        ({"offHours": {}}, "offHours", "never stops"),
        ({"finalSnapshot": False}, "finalSnapshot", "without a last snapshot"),
        ({"forceDestroy": True}, "forceDestroy", "not deleted along"),
        ({"backupRetentionDays": 6}, "backupRetentionDays", "7 days or more"),
        ({"capacity": "spot"}, "capacity", "on demand"),
        ({"capacity": "mixed"}, "capacity", "on demand"),
    ],
)
def test_production_may_not_be_weakened(overrides, key, rule):
    problems = refusal(production(**overrides))

    assert list(problems) == [f"babyrobots:overrides.{key}"]
    assert rule in problems[f"babyrobots:overrides.{key}"]["rule"]
    parse({**production(**overrides), "stage": "temporary"})


@pytest.mark.parametrize(
    "overrides",
    [
        {"offHours": {"enabled": False}},
        {"finalSnapshot": True},
        {"natStrategy": "regional"},
        {"deletionProtection": False, "protect": False},
        {"backupRetentionDays": 7},
        {"noncriticalCapacity": "spot"},
    ],
)
def test_production_may_make_other_choices(overrides):
    parse(production(**overrides))


@pytest.mark.parametrize(
    "image", ["nginx", "nginx:1.29", "public.ecr.aws/nginx/nginx:latest", "localhost:5000/app:1"]
)
def test_production_refuses_a_tag_that_can_be_moved(image):
    values = {**production(), "services": [{"name": "api", "port": 8080, "image": image}]}

    problems = refusal(values)

    assert "digest" in problems["babyrobots:services[0].image"]["rule"]
    assert "@sha256:" in problems["babyrobots:services[0].image"]["instead"]
    parse({**values, "stage": "staging"})
    values["services"][0]["image"] = f"{image}@{DIGEST}"
    parse(values)


def test_production_refuses_to_build_on_a_laptop_and_to_be_emulated():
    values = {**production(), "imageDigest": "", "imageBuild": "./app", "emulated": True}

    assert set(refusal(values)) == {"babyrobots:imageBuild", "babyrobots:emulated"}
    parse({**values, "stage": "staging"})


def test_a_critical_service_of_production_survives_a_zone_and_spot():
    service = {"name": "api", "port": 8080, "min": 1, "capacity": "mixed"}

    problems = refusal({**production(), "services": [service]})

    assert set(problems) == {"babyrobots:services[0].min", "babyrobots:services[0].capacity"}
    parse({**production(), "services": [{**service, "critical": False}]})


# --- stages --------------------------------------------------------------------------------------


def test_production_gives_up_nothing():
    profile = PROFILES[Stage.PRODUCTION]

    assert profile.critical
    assert profile.multi_az
    assert profile.deletion_protection
    assert profile.protect
    assert profile.final_snapshot
    assert not profile.force_destroy
    assert profile.wait_for_steady_state
    assert profile.off_hours is None
    assert profile.nat_strategy is NatStrategy.PER_ZONE
    assert (profile.capacity, profile.noncritical_capacity) == (Capacity.ON_DEMAND, Capacity.MIXED)
    assert (profile.log_retention_days, profile.backup_retention_days) == (365, 35)


def test_staging_costs_little_and_stops_at_night():
    profile = PROFILES[Stage.STAGING]

    assert not profile.critical
    assert not profile.multi_az
    assert not profile.force_destroy
    assert profile.final_snapshot
    assert profile.nat_strategy is NatStrategy.SINGLE
    assert (profile.capacity, profile.noncritical_capacity) == (Capacity.MIXED, Capacity.SPOT)
    assert profile.off_hours is not None
    assert profile.off_hours.stop_cron == "cron(0 20 ? * MON-FRI *)"
    assert profile.off_hours.start_cron == "cron(0 6 ? * MON-FRI *)"


def test_a_temporary_stack_leaves_nothing_behind():
    profile = PROFILES[Stage.TEMPORARY]

    assert profile.force_destroy
    assert not profile.protect
    assert not profile.deletion_protection
    assert not profile.final_snapshot


def test_an_override_replaces_one_choice_and_no_other():
    changed = parse({**minimal(), "overrides": {"multiAz": True, "offHours": {"enabled": False}}})

    expected = parse(minimal()).profile
    assert changed.profile.multi_az
    assert changed.profile.off_hours is None
    assert changed.profile.nat_strategy is expected.nat_strategy
    assert changed.profile.log_retention_days == expected.log_retention_days


@pytest.mark.parametrize(
    ("stage", "service", "expected"),
    [
        ("production", {}, "on_demand"),
        ("production", {"critical": False}, "mixed"),
        ("production", {"critical": False, "capacity": "spot"}, "spot"),
        ("production", {"critical": False, "schedule": "rate(1 day)"}, "on_demand"),
        ("staging", {}, "mixed"),
        ("staging", {"schedule": "rate(1 day)"}, "on_demand"),
        ("staging", {"critical": False}, "spot"),
        ("temporary", {}, "spot"),
    ],
)
def test_capacity_follows_the_stage_unless_a_service_says_otherwise(stage, service, expected):
    settings = parse({**minimal(), "stage": stage, "services": [{"name": "one", **service}]})

    assert settings.capacity_of(settings.services[0]).value == expected


def test_services_wait_for_the_first_image_of_the_stack():
    values = minimal()
    values["services"].append({"name": "proxy", "image": "nginx:1.29", "port": 8080})

    before, after = parse(values), parse({**values, "imageDigest": DIGEST})

    assert [service.name for service in before.waiting_services] == ["api"]
    assert [service.name for service in before.deployable_services] == ["proxy"]
    assert [service.name for service in after.deployable_services] == ["api", "proxy"]
    assert after.waiting_services == ()
    assert parse({**values, "imageBuild": "./app"}).waiting_services == ()
    assert [service.name for service in after.of_kind(Kind.INTERNAL)] == ["proxy"]


# --- environment -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "environment", "accepted"),
    [
        ("production", "production", True),
        ("staging", "staging", True),
        ("temporary", "staging", True),
        ("temporary", "", True),
        ("production", "", True),
        ("production", "staging", False),
        ("staging", "production", False),
        ("temporary", "production", False),
    ],
)
def test_environment_matches_the_stack_or_nothing_runs(stage, environment, accepted):
    values = {**minimal(), "stage": stage}

    if accepted:
        parse(values, {"ENVIRONMENT": environment})
        return
    said = refusal(values, {"ENVIRONMENT": environment})["ENVIRONMENT (environment variable)"]
    assert said["is"] == f'"{environment}"'
    assert f"this stack is {stage}" in said["rule"]
    assert "ENVIRONMENT=" in said["instead"]


def test_an_unknown_environment_is_refused_with_the_words_there_are():
    said = refusal(minimal(), {"ENVIRONMENT": "prodution"})["ENVIRONMENT (environment variable)"]

    assert said["rule"] == "it is staging or production, or not set"
    assert 'did you mean "production"?' in said["instead"]


@pytest.mark.parametrize(("stack", "stage"), [("production", "staging"), ("staging", "temporary")])
def test_a_stack_is_what_its_name_says(stack, stage):
    problems = refusal({**minimal(), "stage": stage}, stack=stack)

    assert f"write stage: {stack}" in problems["babyrobots:stage"]["instead"]


@pytest.mark.parametrize(
    ("environment", "variable", "rule"),
    [
        ({"DB_PASSWORD": PASSWORD}, "DB_USERNAME", "DB_PASSWORD is the password of DB_USERNAME"),
        ({"DB_USERNAME": "", "DB_PASSWORD": PASSWORD}, "DB_USERNAME", "not set"),
        ({"DB_USERNAME": "robots", "DB_PASSWORD": "short77"}, "DB_PASSWORD", "8 to 128"),
        ({"DB_USERNAME": "robots", "DB_PASSWORD": "x" * 129}, "DB_PASSWORD", "8 to 128"),
        ({"DB_USERNAME": "robots", "DB_PASSWORD": "with/slash"}, "DB_PASSWORD", "has a slash"),
        ({"DB_USERNAME": "robots", "DB_PASSWORD": "with@sign77"}, "DB_PASSWORD", "an at sign"),
        ({"DB_USERNAME": "robots", "DB_PASSWORD": 'a"b"c"d"e"'}, "DB_PASSWORD", "double quote"),
        ({"DB_USERNAME": "robots", "DB_PASSWORD": "with space"}, "DB_PASSWORD", "a space"),
        ({"DB_USERNAME": "robots", "DB_PASSWORD": "pässwörter"}, "DB_PASSWORD", "ASCII"),
        ({"DB_USERNAME": "1robot"}, "DB_USERNAME", "a letter first"),
        ({"DB_USERNAME": "r" * 17}, "DB_USERNAME", "1 to 16"),
        ({"DB_USERNAME": "rdsadmin"}, "DB_USERNAME", "reserved"),
        ({"DB_USERNAME": "User"}, "DB_USERNAME", "reserved"),
        ({"DB_USERNAME": "pg_robot"}, "DB_USERNAME", "reserved"),
    ],
)
def test_credentials_that_rds_would_refuse_are_refused(environment, variable, rule):
    problems = refusal(minimal(), environment)

    assert list(problems) == [f"{variable} (environment variable)"]
    said = problems[f"{variable} (environment variable)"]
    assert rule in said["rule"]
    assert "set" in said["instead"]
    for text in environment.values():
        assert not text or text not in str(said), "an error shows a credential"


@pytest.mark.parametrize("password", ["x" * 8, "x" * 128, "!#$%&'()*+,-.:;<=>?[]^_`{|}~", PASSWORD])
def test_credentials_that_rds_takes_are_taken(password):
    settings = parse(minimal(), {"DB_USERNAME": "robots", "DB_PASSWORD": password})

    assert settings.credentials.password is not None
    assert settings.credentials.password.get_secret_value() == password
    assert parse(minimal(), {"DB_USERNAME": "robots"}).credentials.password is None
    assert parse(minimal(), {"DB_USERNAME": "", "DB_PASSWORD": ""}).credentials.username is None


def test_a_blue_green_update_needs_a_password_of_ones_own():
    values = {**minimal(), "database": {"enabled": True, "blueGreen": True}}
    mine = {"DB_USERNAME": "robots", "DB_PASSWORD": "long-enough-for-rds"}

    assert parse(values, mine).database.blue_green is True
    with pytest.raises(pulumi.RunError, match=r"(?s)database\.blueGreen.*DB_PASSWORD is not set"):
        parse(values)


def test_credentials_reach_a_program_as_secrets(record):
    def build() -> None:
        credentials = parse(
            minimal(), {"DB_USERNAME": "robots", "DB_PASSWORD": PASSWORD}
        ).credentials
        pulumi.export("username", credentials.username_output)
        pulumi.export("password", credentials.password_output)

    graph = record(build)

    assert graph.secret_exports == {"username", "password"}
    assert graph.exports == {"username": "robots", "password": PASSWORD}


def test_a_password_is_never_shown(caplog, capsys):
    environment = {"DB_USERNAME": "robots", "DB_PASSWORD": PASSWORD}
    settings = parse(minimal(), environment)

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").info("%s %r %s", settings, settings, settings.credentials)
    print(settings, settings.credentials, vars(settings.credentials), settings.model_dump())
    print(settings.model_dump_json(), settings.credentials.model_dump_json())
    assert PASSWORD not in caplog.text + capsys.readouterr().out


def test_a_password_that_is_also_in_the_stack_file_is_refused_and_not_shown():
    values = with_service(environment={"GREETING": PASSWORD}, command=["run", PASSWORD], desird=1)
    values["owner"] = f"{PASSWORD}*"
    with pytest.raises(pulumi.RunError) as error:
        parse(values, {"DB_USERNAME": "robots", "DB_PASSWORD": PASSWORD})

    assert PASSWORD not in str(error.value)
    problems = taken_apart(str(error.value))
    assert "DB_PASSWORD" in problems["babyrobots:services[0].environment.GREETING"]["rule"]
    assert "DB_PASSWORD" in problems["babyrobots:services[0].command[1]"]["rule"]


def test_an_encrypted_value_is_not_shown_either():
    config = {**encode(minimal()), "babyrobots:owner": "hidden*value"}

    with pytest.raises(pulumi.RunError) as error:
        Settings.parse(config, {}, stack="pr-7", encrypted={"babyrobots:owner"})

    assert "hidden" not in str(error.value)
    assert "[secret]" in str(error.value)


# --- secrets in plain text ------------------------------------------------------------------------

# Made up, and of the right shape only.
FAKE_ACCESS_KEY = "AKIA" + "ABCDEFGH234567AB"
FAKE_PRIVATE_KEY = "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----"
FAKE_GITHUB = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "not-a-real-one"),
        ("DB_PASSWORD", "12345678"),
        ("PASSWORD", "not-a-real-one"),
        ("ADMIN_PASSWORD_2", "not-a-real-one"),
        ("dbPassword", "not-a-real-one"),
        ("API_KEY", "not-a-real-one"),
        ("STRIPE_SECRET_KEY", "not-a-real-one"),
        ("JWT_SECRET", "not-a-real-one"),
        ("GITHUB_TOKEN", "not-a-real-one"),
        ("AWS_SECRET_ACCESS_KEY", "not-a-real-one"),
        ("GREETING", FAKE_ACCESS_KEY),
        ("GREETING", f"key={FAKE_ACCESS_KEY};"),
        ("GREETING", FAKE_PRIVATE_KEY),
        ("GREETING", FAKE_GITHUB),
        ("DATABASE_URL", "postgres://robots:not-a-real-one@db.example/babyrobots"),
        ("REDIS_URL", "rediss://:not-a-real-one@cache.example:6379/0"),
    ],
)
def test_a_secret_in_plain_text_is_refused(name, value):
    with pytest.raises(pulumi.RunError) as error:
        parse(with_service(environment={name: value}))

    assert value not in str(error.value)
    said = taken_apart(str(error.value))[f"babyrobots:services[0].environment.{name}"]
    assert said["is"] == '"[secret]"'
    assert "no secret is written in plain text" in said["rule"]
    assert f"secrets: {{{name}:" in said["instead"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "debug"),
        ("MAX_TOKENS", "4096"),
        ("TOKEN_TTL_SECONDS", "3600"),
        ("PASSWORD_MIN_LENGTH", "12"),
        ("REQUIRE_PASSWORD", "true"),
        ("USE_TOKEN", False),
        ("API_KEY", ""),
        ("API_KEY_HEADER", "x-api-key"),
        ("JWT_PUBLIC_KEY", "-----BEGIN PUBLIC KEY-----\nMIIB"),
        ("PARTITION_KEY", "customer_id"),
        ("CACHE_KEY", "robots-v2"),
        ("S3_KEY", "models/latest.bin"),
        ("KMS_KEY", "alias/robots"),
        ("SECRET_NAME", "babyrobots/api-token"),
        ("SIGNING_SECRET", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/x-AbCdEf"),
        ("TLS_KEY", "/run/secrets/tls.key"),
        ("MONKEY", "banana"),
        ("KEYBOARD", "qwerty"),
        ("TOKENIZER", "bpe"),
        ("PWD", "/srv"),
        ("DATABASE_URL", "postgres://robots@db.example/babyrobots"),
        ("DATABASE_URL", "postgres://robots:${DB_PASSWORD}@db.example/babyrobots"),
        ("HOMEPAGE", "https://babyrobots.example:8443/@robots"),
        ("CONTACT", "mailto:robots@babyrobots.example"),
        ("CLONE", "git@github.com:babyrobots/api.git"),
        ("NOTE", "AKIA is how an access key begins"),
    ],
)
def test_an_ordinary_value_is_no_secret(name, value):
    settings = parse(with_service(environment={name: value}))

    assert name in settings.services[0].environment


@pytest.mark.parametrize(
    ("command", "position"),
    [
        (["serve", "--db-password=not-a-real-one"], 1),
        (["serve", "--token", "not-a-real-one"], 2),
        (["serve", f"--anything={FAKE_ACCESS_KEY}"], 1),
    ],
)
def test_a_secret_in_a_command_is_refused(command, position):
    problems = refusal(with_service(command=command))

    assert list(problems) == [f"babyrobots:services[0].command[{position}]"]
    assert problems[f"babyrobots:services[0].command[{position}]"]["is"] == '"[secret]"'


@pytest.mark.parametrize(
    "command",
    [
        ["serve", "--token-ttl=3600", "--port", "8080"],
        ["serve", "--password", "--verbose"],
        ["serve", "--api-key-file=/run/secrets/key"],
        ["serve", "--token", "${API_TOKEN}"],
    ],
)
def test_an_ordinary_command_holds_no_secret(command):
    assert parse(with_service(command=command)).services[0].command == tuple(command)


def test_a_secret_under_an_unknown_key_is_named_and_masked():
    with pytest.raises(pulumi.RunError) as error:
        parse({**minimal(), "databasePassword": "not-a-real-one"})

    assert "not-a-real-one" not in str(error.value)
    assert "babyrobots:databasePassword" in str(error.value)


# --- the whole --------------------------------------------------------------------------------------


def test_every_problem_is_in_one_error_in_the_order_of_the_keys():
    values: Values = {
        **minimal(),
        "networkCidr": "8.8.8.0/24",
        "zones": ["eu-west-1a"],
        "flowLog": True,
        "services": [
            {"name": "api", "port": 8080, "min": 9, "desird": 1, "public": {}},
            {"name": "api", "cpu": 100, "environment": {"A_TOKEN": "not-a-real-one"}},
            "nonsense",
        ],
    }

    problems = refusal(values, {"ENVIRONMENT": "production", "DB_PASSWORD": "a b"})

    assert list(problems) == [
        "babyrobots:networkCidr",
        "babyrobots:zones",
        "babyrobots:services[0].desird",
        "babyrobots:services[0].min",
        "babyrobots:services[1].environment.A_TOKEN",
        "babyrobots:services[1].cpu",
        "babyrobots:services[1].name",
        "babyrobots:services[2]",
        "babyrobots:flowLog",
        "ENVIRONMENT (environment variable)",
        "DB_USERNAME (environment variable)",
        "DB_PASSWORD (environment variable)",
    ]


def test_a_value_that_was_refused_causes_no_second_complaint():
    problems = refusal({**minimal(), "zoneName": "Not A Zone", "aws:region": "Ireland"})

    assert list(problems) == ["aws:region", "babyrobots:zoneName"]


def test_no_configuration_at_all_gives_one_clear_error():
    with pytest.raises(pulumi.RunError) as error:
        Settings.parse({}, {}, stack="mine")

    problems = taken_apart(str(error.value))
    assert "copy Pulumi.staging.yaml to Pulumi.mine.yaml" in problems["Pulumi.mine.yaml"]["instead"]
    for key in minimal():
        if key != "aws:region":
            assert "required" in problems[f"babyrobots:{key}"]["rule"]


def test_a_region_is_required():
    values = minimal()
    del values["aws:region"]

    assert "required" in refusal(values)["aws:region"]["rule"]


def test_a_provider_setting_that_would_be_ignored_is_refused():
    problems = refusal({**minimal(), "aws:profile": "mine", "aws:secretKey": "not-a-real-one"})

    assert list(problems) == ["aws:profile", "aws:secretKey"]
    assert "AWS_PROFILE" in problems["aws:profile"]["instead"]
    assert problems["aws:secretKey"]["is"] == '"[secret]"'


def test_another_project_name_is_another_namespace():
    config = encode(minimal(), project="robots")

    assert Settings.parse(config, {}, stack="x", project="robots").owner == "platform"
    with pytest.raises(pulumi.RunError, match=r"robots:bogus\n"):
        Settings.parse({**config, "robots:bogus": "1"}, {}, stack="x", project="robots")


def test_settings_are_frozen():
    settings = parse(minimal())

    with pytest.raises(ValueError, match="frozen"):
        settings.owner = "me"  # pyright: ignore[reportAttributeAccessIssue]


# --- reading ------------------------------------------------------------------------------------------


def clear_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ENVIRONMENT_VARIABLES, "PULUMI_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def test_a_program_reads_its_configuration_and_environment(monkeypatch):
    clear_environment(monkeypatch)
    monkeypatch.setenv("DB_USERNAME", "robots")
    loaded: list[Settings] = []

    run_program(lambda: loaded.append(Settings.load()), config=encode(minimal()), stack="pr-9")

    assert loaded[0].stack == "pr-9"
    assert loaded[0].credentials.username is not None
    assert loaded[0].model_dump() == parse(minimal()).model_dump()


def test_a_misspelt_key_is_found_in_a_running_program(monkeypatch):
    clear_environment(monkeypatch)

    with pytest.raises(pulumi.RunError, match=r'babyrobots:flowLog\n(.*\n)*.*"flowLogs"'):
        run_program(Settings.load, config=encode({**minimal(), "flowLog": False}))


def test_a_secret_value_of_a_running_program_is_not_shown(monkeypatch):
    clear_environment(monkeypatch)

    with pytest.raises(pulumi.RunError) as error:
        run_program(
            Settings.load,
            config=encode({**minimal(), "owner": "hidden*value"}),
            secret_keys=frozenset({"babyrobots:owner"}),
        )
    assert "hidden" not in str(error.value)


def test_configuration_arrives_as_the_language_host_passes_it():
    # A fresh process, as the engine starts one: everything is in PULUMI_CONFIG.
    program = "import json, settings; print(json.dumps(settings.read_config()))"
    config = encode({**minimal(), "flowLog": "typo"})

    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PULUMI_CONFIG": json.dumps(config), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(result.stdout) == config


def test_reading_prefers_what_the_program_was_given(monkeypatch):
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"babyrobots:owner": "a", "x:y": "z"}))
    found: list[dict[str, str]] = []

    run_program(lambda: found.append(read_config()), config={"babyrobots:owner": "b"})

    assert found == [{"babyrobots:owner": "b", "x:y": "z"}]


def test_nothing_but_settings_reads_configuration_or_environment():
    readers = re.compile(r"\bpulumi\.Config\b|\bos\.environ\b|\bos\.getenv\b|\bget_config\b")
    program = [
        *ROOT.glob("*.py"),
        *ROOT.glob("components/**/*.py"),
        *ROOT.glob("configuration/*.py"),
    ]

    found = {path.name for path in program if readers.search(path.read_text())}

    assert found == {"settings.py"}


def test_reading_the_settings_imports_no_provider():
    result = subprocess.run(
        [sys.executable, "-c", "import settings, sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = set(result.stdout.split())
    assert "pulumi" in loaded
    assert not loaded & {"pulumi_aws", "boto3", "botocore", "moto", "docs"}


# --- properties -------------------------------------------------------------------------------------


@NO_DEADLINE
@hypothesis.given(strategies.configurations())
def test_a_valid_configuration_is_accepted(values):
    settings = parse(values)

    assert len(settings.deployable_services) + len(settings.waiting_services) == len(
        settings.services
    )
    assert settings.hostnames[0] == values["hostname"]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
@hypothesis.settings(NO_DEADLINE, max_examples=5)
@hypothesis.given(values=strategies.configurations())
def test_one_mistake_in_a_valid_configuration_is_found(mutation: Mutation, values: Values):
    broken = json.loads(json.dumps(values))
    mutation.change(broken)

    problems = refusal(broken)

    said = problems[f"babyrobots:{mutation.key}"]
    assert said["is"]
    assert said["rule"]
    assert said["instead"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = tuple(field.alias for field in Settings.model_fields.values())


@hypothesis.settings(NO_DEADLINE, max_examples=60)
@hypothesis.given(values=st.dictionaries(st.sampled_from(KEYS), ANYTHING, min_size=1))
def test_no_nonsense_escapes_the_one_error(values):
    config = encode({**minimal(), **values})

    message = outcome(config)
    assert not message or taken_apart(message), "an error without a problem"


@NO_DEADLINE
@hypothesis.given(
    key=st.sampled_from(("cpu", "public", "scaling", "secrets", "name")), value=ANYTHING
)
def test_no_nonsense_in_a_service_escapes_either(key, value):
    config = encode(with_service(**{key: {} if value is None else value}))

    message = outcome(config)
    assert not message or f"babyrobots:services[0].{key}" in message
