"""The image cannot be built here; what can be read of it is."""

import re
import runpy
import tomllib

import pytest
import yaml

from tests.app.conftest import ROOT

APP = ROOT / "app"
DOCKERFILE = (APP / "Dockerfile").read_text()
STACKS = sorted(ROOT.glob("Pulumi.*.yaml"))


def instructions(word):
    joined = re.sub(r"\\\n", " ", DOCKERFILE)
    return re.findall(rf"^{word} (.*)$", joined, re.MULTILINE)


def test_every_base_image_is_pinned_by_digest():
    images = dict(line.split("=", 1) for line in instructions("ARG") if "=" in line)

    for source in instructions("FROM"):
        name = source.split()[0]
        reference = images[name.strip("${}")] if name.startswith("${") else name
        assert re.search(r"@sha256:[0-9a-f]{64}$", reference)


def test_it_runs_as_nobody_in_particular():
    assert instructions("USER") == ["10001:10001"]


def test_it_starts_without_a_shell():
    assert instructions("CMD") == ['["python", "-m", "app"]']


def test_its_version_is_told_when_it_is_built():
    assert "VERSION=${VERSION}" in instructions("ENV")[0]


def test_dependencies_are_wheels_with_hashes():
    (run,) = [line for line in instructions("RUN") if "pip install" in line]

    assert "--require-hashes" in run
    assert "--only-binary :all:" in run


def test_the_lock_has_what_the_project_names():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    locked = (APP / "requirements.txt").read_text()

    for requirement in groups["app"]:
        assert requirement.replace("[binary]", "") in locked.replace("[binary]", "")
    assert "pulumi" not in locked
    assert locked.count("--hash=sha256:") > locked.count("==")


def test_tests_run_with_what_the_image_holds():
    pins = set(re.findall(r"^([\w.-]+==[\w.]+)", (APP / "requirements.txt").read_text(), re.M))
    tested = set(
        re.findall(r"^([\w.-]+==[\w.]+)", (ROOT / "requirements-dev.txt").read_text(), re.M)
    )

    assert pins <= tested


@pytest.mark.parametrize("stack", STACKS, ids=lambda path: path.stem)
def test_what_a_stack_runs_is_in_the_image(stack):
    services = yaml.safe_load(stack.read_text())["config"].get("babyrobots:services", [])
    commands = [service["command"] for service in services if "command" in service]

    for python, flag, module, *_ in commands:
        assert (python, flag) == ("python", "-m")
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


def test_the_nightly_job_runs_and_ends(capfd):
    runpy.run_module("app.nightly", run_name="__main__")

    assert '"message": "done"' in capfd.readouterr().out
