"""The configuration is read, defaulted and refused as the engine does."""

import json

import pytest

from rehearsal.config import SUBSTITUTE, ConfigError, load_config, stacks

DECLARED = """
name: demo
runtime: python
config:
  size: {type: integer, default: 2}
  enabled: {type: boolean, default: true}
  zones: {type: array, items: {type: string}, default: [b, a]}
  services: {type: array, items: {type: object}, default: []}
  tree: {type: object, default: {b: 1, a: {c: "<x>"}}}
  title: {type: string}
  plain: shorthand
  aws:region: eu-west-1
"""


def load(project, stack="config:\n  title: hello\n", declared=DECLARED, environ=None, name="test"):
    directory = project(stack=stack, declared=declared, name=name)
    return load_config(directory, "test", environ or {})


def refused(project, **parts) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(project, **parts)
    return caught.value.problems


def test_values_travel_as_the_engine_passes_them(project):
    assert dict(load(project).values) == {
        "aws:region": "eu-west-1",
        "demo:enabled": "true",
        "demo:plain": "shorthand",
        "demo:services": "[]",
        "demo:size": "2",
        "demo:title": "hello",
        # Compact, keys sorted and <, > escaped: Go's encoder.
        "demo:tree": '{"a":{"c":"\\u003cx\\u003e"},"b":1}',
        "demo:zones": '["b","a"]',
    }


def test_the_stack_file_overrides_defaults_and_namespaces_keys(project):
    config = load(
        project,
        stack="config:\n  demo:title: one\n  size: 7\n  enabled: false\n  aws:region: us-west-2\n"
        "  other: 3.5\n",
    )
    assert config.get("title") == "one"
    assert config.get("size") == "7"
    assert config.get("enabled") == "false"
    assert config.get("aws:region") == "us-west-2"
    assert config.get("other") == "3.5"
    assert config.get("absent", "fallback") == "fallback"


def test_missing_values_are_all_named_at_once(project):
    declared = DECLARED + "  name1: {type: string}\n  name2: {type: string}\n"
    assert refused(project, stack="config: {}\n", declared=declared) == [
        "Stack 'test' is missing configuration values 'name1', 'name2' and 'title'"
    ]
    assert refused(project, stack="") == ["Stack 'test' is missing configuration value 'title'"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("size: large", "integer"),
        ("size: 1.5", "integer"),
        ("size: true", "integer"),
        ("enabled: maybe", "boolean"),
        # In YAML 1.2, which the engine reads, this is a text.
        ("enabled: yes", "boolean"),
        ("enabled: 1", "boolean"),
        ("zones: a", "array<string>"),
        ("zones: [1]", "array<string>"),
        ("services: [web]", "array<object>"),
        ("tree: [1]", "object"),
        ("title: {a: 1}", "string"),
        ("title: [a]", "string"),
    ],
)
def test_a_wrong_type_is_refused(project, line, expected):
    key = line.partition(":")[0]
    stack = f"config:\n  {line}\n" + ("" if key == "title" else "  title: t\n")
    assert refused(project, stack=stack) == [
        f"Stack 'test' with configuration key '{key}' must be of type '{expected}'"
    ]


@pytest.mark.parametrize(
    "line", ["size: '7'", "size: 7", "size: -7", "enabled: 'true'", "title: 5"]
)
def test_a_text_that_reads_as_the_type_is_accepted(project, line):
    key, _, value = line.partition(": ")
    stack = f"config:\n  {line}\n" + ("" if key == "title" else "  title: t\n")
    assert load(project, stack=stack).get(key) == value.strip("'")


def test_every_problem_is_reported(project):
    problems = refused(project, stack="config:\n  size: x\n  enabled: x\n")
    assert len(problems) == 3


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        ("bad: {type: array, default: []}", "does not specify the underlying type"),
        ("bad: {type: integer, default: x}", "default value specified for configuration key 'bad'"),
        ("bad: {type: integer, default: true}", "is not of the expected type 'integer'"),
        (
            "bad: {type: array, items: {type: integer}, default: [1, true]}",
            "is not of the expected type 'array<integer>'",
        ),
        ("bad: {type: number}", "has type 'number'"),
        ("bad: {default: 1, value: 2}", "cannot have both a 'default' and 'value'"),
        ("aws:profile: {type: string}", "should not define a type"),
        ("aws:profile: {default: x}", "Did you mean to use the 'value' attribute"),
        ("aws:profile: {description: x}", "must provide an attribute 'value'"),
    ],
)
def test_a_wrong_declaration_is_refused(project, declaration, words):
    (problem,) = refused(project, declared=DECLARED + f"  {declaration}\n")
    assert words in problem


def test_a_secret_key_must_be_encrypted(project):
    declared = DECLARED + "  token: {type: string, secret: true}\n"
    (problem,) = refused(
        project, declared=declared, stack="config:\n  title: t\n  token: in-the-clear\n"
    )
    assert "must be encrypted as it's secret" in problem
    assert "pulumi config set --secret token" in problem
    assert "in-the-clear" not in problem


def test_an_encrypted_value_is_replaced_and_reported(project):
    config = load(project, stack="config:\n  title: {secure: v1:abc}\n")
    assert config.get("title") == SUBSTITUTE
    assert config.secret_keys == {"demo:title"}
    assert config.substituted == ("demo:title",)
    assert config.secrets == {SUBSTITUTE}


def test_an_encrypted_value_gets_the_declared_type(project):
    config = load(project, stack="config:\n  title: t\n  size: {secure: v1:abc}\n")
    assert config.get("size") == "1"


def test_a_secret_inside_an_object_makes_the_whole_key_secret(project):
    config = load(
        project, stack="config:\n  title: t\n  tree: {user: u, list: [{secure: v1:abc}]}\n"
    )
    assert json.loads(config.get("tree")) == {"user": "u", "list": [SUBSTITUTE]}
    assert config.secret_keys == {"demo:tree"}
    assert config.substituted == ("demo:tree.list[0]",)


def test_a_value_can_be_supplied_for_an_encrypted_one(project):
    environ = {"REHEARSAL_CONFIG": '{"title": "supplied"}'}
    config = load(project, stack="config:\n  title: {secure: v1:abc}\n", environ=environ)
    assert config.get("title") == "supplied"
    assert config.secret_keys == {"demo:title"}
    assert config.substituted == ()


def test_only_encrypted_values_can_be_supplied(project):
    (problem,) = refused(project, environ={"REHEARSAL_CONFIG": '{"title": "other"}'})
    assert "not encrypted" in problem


def test_a_malformed_supply_is_not_repeated(project):
    (problem,) = refused(project, environ={"REHEARSAL_CONFIG": "s3cr3t-not-json"})
    assert "s3cr3t" not in problem


def test_secrets_are_not_in_the_representation(project):
    environ = {"REHEARSAL_CONFIG": '{"title": "s3cr3t-value"}'}
    config = load(project, stack="config:\n  title: {secure: v1:abc}\n", environ=environ)
    assert "s3cr3t-value" not in repr(config)


def test_default_providers_can_be_disabled(project):
    stack = "config:\n  title: t\n  pulumi:disable-default-providers: [aws, ' random ']\n"
    assert load(project, stack=stack).disabled_default_providers == {"aws", "random"}
    assert load(project).disabled_default_providers == frozenset()


def test_disabled_default_providers_must_be_names(project):
    stack = "config:\n  title: t\n  pulumi:disable-default-providers: aws\n"
    (problem,) = refused(project, stack=stack)
    assert "must be a list of package names" in problem


def test_an_unknown_stack_names_the_known_ones(project):
    directory = project(name="staging")
    (directory / "Pulumi.production.yaml").write_text("config: {}\n")
    assert stacks(directory) == ["production", "staging"]
    with pytest.raises(ConfigError, match=r"for: production, staging\. Did you mean 'staging'\?"):
        load_config(directory, "stagin", {})


@pytest.mark.parametrize("stack", ["../test", "", "a/b", "te st"])
def test_a_stack_name_is_not_a_path(project, stack):
    with pytest.raises(ConfigError):
        load_config(project(), stack, {})


def test_no_project_here_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"No Pulumi\.yaml"):
        load_config(tmp_path, "test", {})


def test_broken_yaml_names_the_file(project):
    (problem,) = refused(project, stack="config: [\n")
    assert "Pulumi.test.yaml is not valid YAML" in problem


def test_esc_environments_are_refused(project):
    (problem,) = refused(project, stack="environment: [shared]\nconfig:\n  title: t\n")
    assert "Pulumi ESC" in problem


def test_a_date_stays_a_text(project):
    assert load(project, stack="config:\n  title: 2026-01-02\n").get("title") == "2026-01-02"
