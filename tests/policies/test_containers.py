"""What the examples of the container rules do not show: each way out of a container, each image."""

import datetime
import json

import pytest
from guardrails import lambda_runtimes
from guardrails.kinds import ECS_CLUSTER, ECS_SERVICE, FUNCTION, KEY, REPOSITORY, TASK_DEFINITION
from guardrails.pack import NOT_EVALUATED
from guardrails.registry import node
from guardrails.rules import containers

from tests.policies.harness import pack_of, through_server
from tests.policies.verdicts import violated

BOTH = pytest.mark.parametrize("known", [True, False], ids=["known", "first-preview"])


def task(*definitions, as_text=False, **properties):
    listed = [{"name": f"c{index}", "image": "app", **d} for index, d in enumerate(definitions)]
    given = json.dumps(listed) if as_text else listed
    return node("api", TASK_DEFINITION, {"containerDefinitions": given, **properties})


@pytest.mark.parametrize("as_text", [True, False])
def test_every_container_counts_and_spelling_does_not(judge, as_text):
    said = judge(
        containers.readonly_root,
        task(
            {"readonlyRootFilesystem": True}, {}, {"ReadonlyRootFilesystem": True}, as_text=as_text
        ),
    )

    assert len(said) == 1
    assert "container c1" in said[0].message


def test_some_containers_may_write():
    runner = through_server(pack_of(containers.readonly_root))
    runner.configure({"con-readonly-root": {"exceptContainers": ["c0"]}})

    assert runner.run([task({})]) == []


@pytest.mark.parametrize(
    ("definition", "broken"),
    [
        ({}, False),
        ({"privileged": False}, False),
        ({"privileged": True}, True),
        ({"linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}}}, False),
        ({"linuxParameters": {"capabilities": {"add": ["SYS_PTRACE", "NET_ADMIN"]}}}, True),
        ({"dockerSecurityOptions": ["no-new-privileges"]}, False),
        ({"dockerSecurityOptions": ["seccomp=unconfined"]}, True),
        ({"dockerSecurityOptions": ["apparmor:unconfined"]}, True),
    ],
)
def test_what_gives_power_over_the_host(judge, definition, broken):
    assert bool(judge(containers.not_privileged, task(definition))) is broken


@pytest.mark.parametrize(
    ("user", "root"),
    [
        ("10001:10001", False),
        ("10001", False),
        ("app", False),
        (10001, False),
        ("0", True),
        ("0:0", True),
        ("0:10001", True),
        ("root", True),
        ("root:app", True),
        ("", True),
        (None, True),
    ],
)
def test_who_is_root(judge, user, root):
    definition = {} if user is None else {"user": user}

    assert bool(judge(containers.non_root_user, task(definition))) is root


def test_an_image_may_be_known_to_have_a_user_but_not_to_override_root():
    runner = through_server(pack_of(containers.non_root_user))
    runner.configure({"con-non-root-user": {"imagesWithUser": ["public.ecr.aws/x/"]}})

    said = runner.run([task({"image": "public.ecr.aws/x/y:1"}, {"image": "other"})])
    explicit = runner.run([task({"image": "public.ecr.aws/x/y:1", "user": "0"})])

    assert ["c1" in s.message for s in said] == [True]
    assert len(explicit) == 1


@pytest.mark.parametrize(
    ("properties", "broken"),
    [
        ({"networkMode": "awsvpc"}, False),
        ({"networkMode": "awsvpc", "pidMode": "task"}, False),
        ({"networkMode": "awsvpc", "ipcMode": "host"}, True),
        ({"networkMode": "host"}, True),
        ({}, True),
    ],
)
def test_which_namespaces_are_shared(judge, properties, broken):
    assert bool(judge(containers.no_host_namespace, task({}, **properties))) is broken


ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
DIGEST = f"@sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    ("image", "broken"),
    [
        (f"{ECR}/api{DIGEST}", False),
        (f"{ECR}/api:1.2{DIGEST}", False),
        (f"{ECR}/fixed:1.2", False),
        (f"{ECR}/moving:1.2", True),
        (f"{ECR}/unknown:1.2", True),
        (f"{ECR}/fixed:latest", True),
        (f"{ECR}/fixed", True),
        ("localhost:5000/app", True),
        ("nginx:1.27", True),
        ("fixed:1.2", True),  # somebody else's, of the same name
        ("app@sha256:short", True),
    ],
)
def test_which_images_cannot_change(judge, image, broken):
    said = judge(
        containers.image_pinned,
        task({"image": image}),
        node("fixed", REPOSITORY, {"name": "fixed", "imageTagMutability": "IMMUTABLE"}),
        node("moving", REPOSITORY, {"name": "moving"}),
    )

    assert bool(said) is broken


def test_registries_may_be_listed():
    runner = through_server(pack_of(containers.image_pinned))
    runner.configure({"con-image-pinned": {"allowedRegistries": [f"{ECR}/"]}})

    assert runner.run([task({"image": f"{ECR}/api{DIGEST}"})]) == []
    assert "no registry" in runner.run([task({"image": f"docker.io/api{DIGEST}"})])[0].message


@BOTH
@pytest.mark.parametrize(
    ("properties", "scanning", "lifecycle", "levels"),
    [
        ({"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"}, True, True, []),
        ({"imageTagMutability": "MUTABLE"}, True, True, ["mandatory"]),
        ({"imageTagMutability": "IMMUTABLE"}, False, True, ["mandatory"]),
        ({"imageTagMutability": "IMMUTABLE"}, True, False, ["advisory"]),
    ],
)
def test_a_repository_is_immutable_scanned_and_swept(
    judge, properties, scanning, lifecycle, levels, known
):
    nodes = [node("api", REPOSITORY, properties)]
    if scanning:
        rules = [{"scanFrequency": "SCAN_ON_PUSH"}]
        nodes.append(node("scan", containers.REGISTRY_SCANNING, {"rules": rules}))
    if lifecycle:
        nodes.append(node("sweep", containers.LIFECYCLE_POLICY, {"repository": "${api.name}"}))

    said = judge(containers.ecr_repository, *nodes, known=known)

    assert [s.level for s in said] == levels


ROLES = [node(name, containers.ROLE) for name in ("a", "b", "starter")]


def with_roles(name, own, start="${starter.arn}", family=None):
    properties = {"taskRoleArn": own, "executionRoleArn": start, "family": family or name}
    return node(name, TASK_DEFINITION, {k: v for k, v in properties.items() if v})


@BOTH
@pytest.mark.parametrize(
    ("tasks", "broken"),
    [
        ([with_roles("api", "${a.arn}"), with_roles("worker", "${b.arn}")], []),
        ([with_roles("api", "${a.arn}"), with_roles("worker", "${a.arn}")], ["api", "worker"]),
        (
            [
                with_roles("api", "${a.arn}", family="api"),
                with_roles("x", "${a.arn}", family="api"),
            ],
            [],
        ),
        ([with_roles("api", "${a.arn}", "${a.arn}")], ["api"]),
        ([with_roles("api", None)], ["api"]),
        ([with_roles("api", "${a.arn}", None)], []),
        ([with_roles("api", "arn:aws:iam::1:role/x", "arn:aws:iam::1:role/x")], ["api"]),
    ],
)
def test_each_application_has_its_own_role(judge, tasks, broken, known):
    said = judge(containers.role_separation, *tasks, *ROLES, known=known)

    assert sorted(violated(said)) == broken


def exec_example(config, cluster="${main.arn}"):
    return [
        node("api", ECS_SERVICE, {"cluster": cluster, "enableExecuteCommand": True}),
        node("main", ECS_CLUSTER, {"configuration": {"executeCommandConfiguration": config}}),
        node("providers", containers.CAPACITY_PROVIDERS, {"clusterName": "${main.name}"}),
        node("key", KEY),
    ]


RECORDED = {"logging": "OVERRIDE", "kmsKeyId": "${key.arn}"}


@BOTH
@pytest.mark.parametrize("cluster", ["${main.arn}", "${providers.clusterName} ${main.arn}"])
@pytest.mark.parametrize(
    ("config", "profile", "broken"),
    [
        (RECORDED, "production", True),
        (RECORDED, "staging", False),
        ({"logging": "OVERRIDE"}, "staging", True),
        ({**RECORDED, "logging": "NONE"}, "staging", True),
        ({}, "staging", True),
    ],
)
def test_where_a_shell_may_be_opened(judge, config, cluster, profile, broken, known):
    if known and "providers" in cluster:
        cluster = "main"  # a name, as the capacity providers hand it on
    nodes = exec_example(config, cluster)

    said = judge(containers.exec_controlled, *nodes, profile=profile, known=known)

    assert violated(said) == (["api"] if broken else [])


@pytest.mark.parametrize(
    ("runtime", "day", "old"),
    [
        ("python3.8", "2026-01-01", True),
        ("nodejs18.x", "2026-01-01", True),
        ("python3.13", "2026-01-01", False),
        ("python3.13", "2040-01-01", True),
        ("a-runtime-of-tomorrow", "2040-01-01", False),
    ],
)
def test_since_when_a_runtime_is_not_patched(runtime, day, old):
    found = lambda_runtimes.deprecated_since(runtime, datetime.date.fromisoformat(day))

    assert bool(found) is old


@BOTH
@pytest.mark.parametrize(
    ("properties", "extra", "levels"),
    [
        ({"runtime": "python3.13"}, [], ["advisory", "advisory"]),
        (
            {"runtime": "python3.13"},
            [node("r", containers.SECRET_ROTATION, {"rotationLambdaArn": "${fn.arn}"})],
            [],
        ),
        (
            {"runtime": "python3.13", "reservedConcurrentExecutions": 5},
            [
                node(
                    "c",
                    containers.INVOKE_CONFIG,
                    {
                        "functionName": "${fn.name}",
                        "destinationConfig": {"onFailure": {"destination": "arn:aws:sqs:::q"}},
                    },
                )
            ],
            [],
        ),
        (
            {
                "packageType": "Image",
                "reservedConcurrentExecutions": 5,
                "deadLetterConfig": {"targetArn": "arn:aws:sqs:::q"},
                "environment": {"variables": {"LOG_LEVEL": "info"}},
            },
            [],
            ["advisory"],
        ),
    ],
)
def test_what_a_function_may_lose(judge, properties, extra, levels, known):
    said = judge(containers.con_lambda, node("fn", FUNCTION, properties), *extra, known=known)

    assert [s.level for s in said] == levels


def test_definitions_that_are_not_known_yet_are_said_to_be_so(judge):
    api = node("api", TASK_DEFINITION, {"containerDefinitions": '[{"image": "${repo.name}"}]'})
    repo = node("repo", REPOSITORY)

    for rule in (containers.readonly_root, containers.image_pinned):
        said = judge(rule, api, repo, known=False)
        assert [s.policy for s in said] == [NOT_EVALUATED]


def test_a_repository_is_known_by_its_url_too(judge):
    url = "registry.example.com/team/app"
    repository = node("app", REPOSITORY, {"repositoryUrl": url, "imageTagMutability": "IMMUTABLE"})

    assert judge(containers.image_pinned, task({"image": f"{url}:1.2"}), repository) == []
    assert judge(containers.image_pinned, task({"image": f"{url}-fork:1.2"}), repository) != []
