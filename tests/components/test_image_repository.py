"""What a repository keeps and forgets; what it cannot prove: that Docker builds."""

import json
import subprocess
import sys

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.image_repository import ImageRepository
from rehearsal.recording import UNKNOWN

REPOSITORY = "aws:ecr/repository:Repository"
LIFECYCLE = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
IMAGE = "awsx:ecr:Image"


def build(name="api", **changes):
    return ImageRepository(name, {**changes})


def answer(registration):
    return f"{registration.name}-id", {
        "arn": f"arn:{registration.name}",
        "name": f"{registration.name}-1a2b",
        "repositoryUrl": f"registry.example/{registration.name}",
        "imageUri": "registry.example/api@sha256:0123",
    }


@pytest.mark.parametrize("preview", [False, True])
def test_images_are_immutable_scanned_and_kept(record, preview):
    options = {} if preview else {"answer": answer}
    repository = record(build, preview=preview, **options).one(REPOSITORY, "api-repository")

    assert repository.inputs == {
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfigurations": [{"encryptionType": "AES256"}],
        "forceDelete": False,
        "tags": {"Name": "api"},
    }
    assert repository.protect is True


def test_every_choice_reaches_the_repository(record):
    repository = record(
        lambda: build(
            kms_key_arn="arn:key", force_delete=True, protect=False, tags={"Team": "api"}
        ),
        answer=answer,
    ).one(REPOSITORY)

    assert repository.inputs["encryptionConfigurations"] == [
        {"encryptionType": "KMS", "kmsKey": "arn:key"}
    ]
    assert repository.inputs["forceDelete"] is True
    assert repository.inputs["tags"] == {"Name": "api", "Team": "api"}
    assert repository.protect is False


@pytest.mark.parametrize(
    ("changes", "days", "count"),
    [({}, 7, 100), ({"untagged_days": 3, "keep_images": 30}, 3, 30)],
)
def test_a_tagged_image_goes_by_count_and_never_by_age(record, changes, days, count):
    lifecycle = record(lambda: build(**changes), answer=answer).one(LIFECYCLE, "api-lifecycle")

    assert lifecycle.inputs["repository"] == "api-repository-1a2b"
    untagged, tagged = json.loads(lifecycle.inputs["policy"])["rules"]
    assert (untagged["rulePriority"], tagged["rulePriority"]) == (1, 2)
    assert untagged["selection"] == {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": days,
    }
    assert tagged["selection"] == {
        "tagStatus": "tagged",
        "tagPatternList": ["*"],
        "countType": "imageCountMoreThan",
        "countNumber": count,
    }


def test_ci_builds_by_default(record):
    graph = record(build, answer=answer)

    assert graph.of(IMAGE) == {}
    assert len(graph.custom) == 2


def test_a_laptop_builds_on_request_and_old_images_stay(record):
    image = record(lambda: build(build_context="app"), answer=answer).one(IMAGE, "api-image")

    assert image.inputs == {
        "repositoryUrl": "registry.example/api-repository",
        "context": "app",
        "platform": "linux/arm64",
    }
    assert image.retain_on_delete is True, "a rollback must still find its image"
    assert any("lifecyclePolicy" in urn for urn in image.property_dependencies["repositoryUrl"])


def test_the_platform_is_a_choice(record):
    graph = record(lambda: build(build_context="app", platform="linux/amd64"), answer=answer)

    assert graph.one(IMAGE).inputs["platform"] == "linux/amd64"


def test_awsx_is_imported_only_to_build():
    """It costs more time than the rest of this component."""
    code = (
        "import sys, components.image_repository;"
        "print([name for name in sys.modules if name.startswith('pulumi_awsx')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert ran.stdout == "[]\n"


@pytest.mark.parametrize(
    ("context", "image"), [("", ""), ("app", "registry.example/api@sha256:0123")]
)
def test_outputs_are_registered(record, context, image):
    graph = record(lambda: build(build_context=context), answer=answer)

    assert graph.one("babyrobots:index:ImageRepository").outputs == {
        "arn": "arn:api-repository",
        "repository_name": "api-repository-1a2b",
        "repository_url": "registry.example/api-repository",
        "image_uri": image,
    }


def test_what_only_a_deployment_knows_is_unknown_at_preview(record):
    graph = record(lambda: build(build_context="app"), preview=True)

    assert set(graph.one("babyrobots:index:ImageRepository").outputs.values()) == {UNKNOWN}


def test_every_child_belongs_to_the_component_and_two_instances_coexist(record):
    graph = record(lambda: (build(build_context="app"), build("web")), answer=answer)

    assert {r.name: r.parent.split("::")[-1] for r in graph if r.parent} == {
        "api-repository": "api",
        "api-lifecycle": "api",
        "api-image": "api",
        "web-repository": "web",
        "web-lifecycle": "web",
    } | {r.name: r.parent.split("::")[-1] for r in graph if "ImageRepository" in r.type}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keep_images": 9}, "keep_images is 9; keep at least 10"),
        ({"untagged_days": 0}, "untagged_days is 0"),
        ({"platform": "windows/amd64"}, "platform is 'windows/amd64'"),
        ({"keep_images": 0, "untagged_days": 0}, "keep_images is 0.*untagged_days is 0"),
    ],
)
def test_mistakes_are_refused_before_anything_exists(record, changes, words):
    with pytest.raises(ValueError, match=f"'api': .*{words}"):
        record(lambda: build(**changes))


def test_it_can_be_published_as_a_package():
    schema = Analyzer("babyrobots").analyze([ImageRepository])["component_definitions"][
        "ImageRepository"
    ]

    assert [name for name, prop in schema.inputs.items() if not prop.optional] == []
    undocumented = [
        n for n, p in (*schema.inputs.items(), *schema.outputs.items()) if not p.description
    ]
    assert undocumented == []
